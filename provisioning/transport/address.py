"""Where a platform is: its base URL, checked once. No message repeats a URL, which may hold a secret."""

import ipaddress
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import quote, urlencode, urljoin, urlsplit

_PORTS: Final = {"https": 443, "http": 80}
_IN_A_PATH: Final = "/%:@!$&'()*+,;=~?"  # what is sent as it is printed


class InvalidUrl(ValueError):  # noqa: N818 (reads as what it is)
    """A URL that nothing is sent to; the text completes `url ...`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server and the path that all others begin with."""

    scheme: str
    host: str  # in ASCII, without brackets
    port: int
    path: str = field(default="", repr=False)
    host_header: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address that a base URL names; InvalidUrl for plain http to others, user names, and no URL."""
        address, rest = cls._parse(url)
        if rest:
            raise InvalidUrl("has a query or fragment; it is the base that paths are appended to")
        return address

    @classmethod
    def parse_whole(cls, url: str) -> tuple[Self, str]:
        """Return the server that a URL names, without a path, and the target to ask it for."""
        address, rest = cls._parse(url)
        target = address.target("", ()) + (f"?{quote(rest, safe=_IN_A_PATH)}" if rest else "")
        return cls(scheme=address.scheme, host=address.host, port=address.port, host_header=address.host_header), target

    @classmethod
    def _parse(cls, url: str) -> tuple[Self, str]:
        if not url.isprintable() or " " in url:
            raise InvalidUrl("has a blank or a control character in it")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            raise InvalidUrl("is no URL") from None
        if parts.scheme not in _PORTS or not host or port == 0:
            raise InvalidUrl('must be like "https://api.example.net/v2"')
        if parts.username is not None or parts.password is not None:
            raise InvalidUrl("has a user name in it: set username and password_file instead")
        if ":" not in host:
            try:
                host = host.encode("idna").decode("ascii")
            except UnicodeError:
                raise InvalidUrl("has a host that is no name") from None
        if parts.scheme == "http" and not is_loopback(host):
            raise InvalidUrl("is plain http, which is for this machine alone (127.0.0.1, ::1, localhost): use https")
        shown = f"[{host}]" if ":" in host else host
        if port not in (None, _PORTS[parts.scheme]):
            shown += f":{port}"
        address = cls(
            scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme], path=parts.path, host_header=shown
        )
        return address, parts.query or ("#" if parts.fragment and not parts.query else "")

    def target(self, path: str, query: tuple[tuple[str, str], ...]) -> str:
        """Return what to ask the server for: the path behind the base's, as printed, and the query."""
        target = f"{self.path.rstrip('/')}/{path.removeprefix('/')}" if path else self.path or "/"
        target = quote(target, safe=_IN_A_PATH)
        if query:
            target += ("&" if "?" in target else "?") + urlencode(query, quote_via=quote, safe="")
        return target

    def redirected(self, target: str, location: str) -> str:
        """Return the target that an answer to `target` points to; InvalidUrl where that is another server."""
        try:
            url = urljoin(f"{self.scheme}://{self.host_header}{target}", location)
        except ValueError:
            raise InvalidUrl("is no URL") from None
        to, moved = Address.parse_whole(url.partition("#")[0])
        if (to.scheme, to.host, to.port) != (self.scheme, self.host, self.port):
            raise InvalidUrl("is another server")
        return moved


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, whatever a name server says."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
