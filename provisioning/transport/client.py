"""One request and its answer by httpx: its time-outs, its cap, TLS, and plain words for what went wrong.

httpx's transport is used without the client around it, which would follow redirects, keep cookies, read proxies and
passwords from the environment, and log URLs. The path is no part of the URL that httpx sees.
"""

import asyncio
import gzip
import io
import logging
import os
import ssl
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .address import Address
from .limits import Limits

if TYPE_CHECKING:
    import httpx

_CERTIFICATE: Final = {  # X509_V_ERR_...
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by itself, and not in ca_file",
    19: "is signed by nobody that this machine trusts (ca_file names whom else to trust)",
    20: "is signed by nobody that this machine trusts (ca_file names whom else to trust)",
    62: "is for another name",
    64: "is for another address",
}
_NO_ANSWER: Final = "the answer is cut short, or not HTTP"


class Failed(Exception):  # noqa: N818 (reads as what it is)
    """No answer. The text says why, with nothing secret. may_help: whether asking again may bring one."""

    def __init__(self, text: str, *, may_help: bool = True) -> None:
        super().__init__(text)
        self.may_help = may_help


class Allowance:
    """Octets of bodies that may still come; shared by the answers that are held at the same time."""

    def __init__(self, octets: int) -> None:
        self._octets = self.left = octets

    def take(self, octets: int) -> None:
        if octets > self.left:
            raise Failed(f"the answer is larger than {self._octets:,} octets", may_help=False)
        self.left -= octets


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it goes out."""

    method: str
    address: Address
    target: str = field(repr=False)
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Client:
    """Asks servers, and keeps the connections; `ca_file` takes the place of the system's authorities."""

    def __init__(self, limits: Limits, ca_file: Path | None) -> None:
        import httpx  # not for those who ask nobody

        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)  # below that they show URLs and headers
        try:
            tls = ssl.create_default_context(cafile=ca_file)
        except (OSError, ValueError):
            raise Failed("ca_file cannot be read as certificates", may_help=False) from None
        pool = httpx.Limits(max_connections=1)
        # a pool of one connection each: what httpx spends on a pool grows with the square of its connections
        self._all = [
            httpx.AsyncHTTPTransport(verify=tls, limits=pool, trust_env=False) for _ in range(limits.connections)
        ]
        self._idle = [*self._all]
        self._limits = limits
        self._timeout = httpx.Timeout(limits.read_s, connect=limits.connect_s).as_dict()

    async def close(self) -> None:
        for http in self._all:
            await http.aclose()

    async def ask(self, message: Message, allowance: Allowance) -> Response:
        """Return the answer; raises Failed. At most Limits.connections at a time."""
        import httpx

        request = httpx.Request(
            message.method,
            _url(message.address),
            headers=message.headers,
            content=message.body,
            extensions={"target": message.target.encode("ascii"), "timeout": self._timeout},
        )
        http = self._idle.pop()
        try:
            async with asyncio.timeout(self._limits.request_s):
                response = await http.handle_async_request(request)
                try:
                    return await _read(response, allowance)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise Failed("the answer takes too long") from None
        except httpx.HTTPError as error:  # its text may repeat what came
            raise self._failed(error, message.address.host) from None
        finally:
            self._idle.append(http)

    def _failed(self, error: "httpx.HTTPError", host: str) -> Failed:
        import httpx

        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                text = _CERTIFICATE.get(cause.verify_code, "cannot be verified")
                return Failed(f"the certificate of {host} {text}", may_help=False)
        match error:
            case httpx.ConnectTimeout():
                return Failed(f"no connection within {self._limits.connect_s:g} s")
            case httpx.ReadTimeout():
                return Failed(f"nothing came for {self._limits.read_s:g} s")
            case httpx.LocalProtocolError():
                return Failed("its path or a header has something in it that HTTP cannot carry", may_help=False)
            case httpx.RemoteProtocolError():
                return Failed(_NO_ANSWER)
        reason = next((cause for cause in causes if isinstance(cause, OSError) and cause.errno), error)
        what = "no connection" if isinstance(error, httpx.ConnectError) else "the connection broke off"
        return Failed(f"{'no TLS' if isinstance(reason, ssl.SSLError) else what}: {_reason(reason)}")


async def _read(response: "httpx.Response", allowance: Allowance) -> Response:
    """Return the whole answer; its body counts no longer where that fails."""
    if response.status_code < 200:  # another protocol, that nobody asked for
        raise Failed(_NO_ANSWER)
    headers = {name: value for name, value in response.headers.items() if name not in ("set-cookie", "set-cookie2")}
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Failed("the answer is compressed in a way that was not asked for", may_help=False)
    kept = io.BytesIO()  # it grows in place, and gives what it has without a copy
    try:
        async for octets in response.aiter_raw():
            allowance.take(len(octets))
            kept.write(octets)
    except BaseException:
        allowance.left += kept.tell()
        raise
    if not encoding.endswith("gzip"):
        return Response(response.status_code, headers, kept.getvalue())
    allowance.left += kept.tell()
    body = _unpack(kept, allowance.left + 1)
    allowance.take(len(body))
    return Response(response.status_code, headers, body)


def _unpack(packed: io.BytesIO, most: int) -> bytes:
    """Return what was compressed, at most so many octets: a small body can become a large one."""
    packed.seek(0)
    try:
        return gzip.GzipFile(fileobj=packed).read(most)
    except EOFError:
        raise Failed("the answer is cut short") from None
    except (OSError, zlib.error):
        raise Failed("the answer is damaged: it cannot be decompressed") from None


@lru_cache(maxsize=16)
def _url(address: Address) -> "httpx.URL":
    import httpx

    try:
        return httpx.URL(f"{address.scheme}://{address.host_header}/")
    except httpx.InvalidURL:
        raise Failed("the host is no name", may_help=False) from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it came from."""
    while error is not None:
        yield error
        group = error.exceptions if isinstance(error, BaseExceptionGroup) else ()  # one for each address of a host
        error = group[0] if group else error.__cause__ or error.__context__


def _reason(error: BaseException) -> str:
    """Return why, in the system's words."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "not what TLS looks like"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)  # below 0: of names
    return "timed out" if type(error).__name__.endswith("Timeout") else "closed"
