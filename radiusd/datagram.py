"""Single datagrams, and which of our addresses each was sent to: its reply leaves from there.

A socket bound to 0.0.0.0 or [::] would otherwise answer from whatever address is nearest, and the access point, which
asked another one, drops that. What comes and goes by the batch: `server.mmsg`.
"""

import socket
import sys
from typing import Final

from .model import Source

# Python names IP_PKTINFO since 3.12; systems without it (BSD) choose the address of a reply themselves.
_IP_PKTINFO: Final = getattr(socket, "IP_PKTINFO", {"linux": 8, "darwin": 26}.get(sys.platform))
_IPV6_RECVPKTINFO: Final = getattr(socket, "IPV6_RECVPKTINFO", None)
_IPV6_PKTINFO: Final = getattr(socket, "IPV6_PKTINFO", None)
_ROOM: Final = socket.CMSG_SPACE(20)  # for struct in6_pktinfo, the longer of the two


def report_local_addresses(one: socket.socket) -> None:
    """Have the kernel say of each datagram which address it was sent to, where it can."""
    if one.family == socket.AF_INET6:
        if _IPV6_RECVPKTINFO is not None:
            one.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    elif _IP_PKTINFO is not None:
        one.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def is_local_reported(one: socket.socket) -> bool:
    """Return whether the kernel says of each datagram which address it was sent to."""
    if one.family == socket.AF_INET6:
        return _IPV6_RECVPKTINFO is not None and bool(one.getsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO))
    return _IP_PKTINFO is not None and bool(one.getsockopt(socket.IPPROTO_IP, _IP_PKTINFO))


def receive(one: socket.socket, number: int, longest: int) -> tuple[bytes, Source]:
    """Return a datagram and where it came from, on the socket of this number; OSError where there is none."""
    datagram, controls, _, address = one.recvmsg(longest, _ROOM)
    local = b""
    for level, kind, octets in controls:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):  # interface, our address, the header's destination
            local = octets[4:8]
        elif (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):  # our address, interface
            local = octets[:16]
    host = f"{address[0]}%{socket.if_indextoname(address[3])}" if len(address) == 4 and address[3] else address[0]
    return datagram, Source(host, address[1], number, render_local(local))


def render_local(octets: bytes) -> str:
    """Return an address of ours as text; nothing where the kernel did not say."""
    if not any(octets):
        return ""
    return socket.inet_ntop(socket.AF_INET6 if len(octets) == 16 else socket.AF_INET, octets)


def pack_local(text: str) -> bytes:
    """Return an address of ours as 4 or 16 octets, none where the kernel did not say."""
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text) if text else b""


def send(one: socket.socket, reply: bytes, source: Source) -> None:
    """Send a reply to where its request came from, from the address that was asked; OSError where that fails."""
    one.sendmsg([reply], _control(source.local), 0, (source.address, source.port))


def _control(local: str) -> list[tuple[int, int, bytes]]:
    octets, interface = pack_local(local), bytes(4)  # whichever interface routing chooses
    if len(octets) == 16 and _IPV6_PKTINFO is not None:
        return [(socket.IPPROTO_IPV6, _IPV6_PKTINFO, octets + interface)]
    if len(octets) == 4 and _IP_PKTINFO is not None:
        return [(socket.IPPROTO_IP, _IP_PKTINFO, interface + octets + bytes(4))]
    return []
