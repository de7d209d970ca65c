"""Addresses as people write them."""

from ipaddress import ip_address

from .errors import ServeError

Address = tuple[str, int]


def parse_address(text: str) -> Address:
    """Return host and port of HOST:PORT or [HOST]:PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ServeError(f"{text!r} is not ADDRESS:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def render_address(address: Address) -> str:
    """Return ADDRESS:PORT, an IPv6 address in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(address: Address) -> bool:
    """Return whether only this machine reaches the address; a name other than localhost counts as reached by others."""
    try:
        return ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] == "localhost"
