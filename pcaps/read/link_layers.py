"""What lies in front of an 802.11 frame or an IP packet, by LINKTYPE: radiotap, PPI, prism, AVS; Ethernet, cooked, raw.

# Rule: arbitrary octets give an offset within them, or None; every loop advances.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from .formats import Packet

IEEE802_11, PRISM, RADIOTAP, AVS, PPI = 105, 119, 127, 163, 192
NULL, ETHERNET, RAW, SLL, LOOP, SLL2 = 0, 1, 101, 113, 108, 276
_RAW_TOO: Final = (12, 14, 228, 229)  # what some systems write for raw IP; IPv4 and IPv6 only

_AVS_MAGIC: Final = bytes.fromhex("802110")  # and the version
_PRISM_CODES: Final = (b"\x44\0\0\0", b"\0\0\0\x44")
_FLAG_FCS, _FLAG_PADDED, _FLAG_BAD_FCS = 0x10, 0x20, 0x40  # of radiotap's flags
_EXTENDED, _TSFT, _FLAGS = 1 << 31, 1 << 0, 1 << 1  # of radiotap's present words
_PPI_COMMON: Final = 2
_PPI_FCS, _PPI_BAD_FCS = 1, 4

ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_EAPOL = 0x0800, 0x86DD, 0x888E
_VLANS: Final = (0x8100, 0x88A8, 0x9100)
_SNAP: Final = b"\xaa\xaa\x03\0\0\0"
_AF_INET6: Final = (10, 24, 28, 30)  # Linux, and the BSDs, which differ


class Air(NamedTuple):
    """Where in a packet its 802.11 frame lies."""

    start: int
    end: int
    padded: bool = False  # the header is followed by zeros up to a multiple of four (Atheros)
    damaged: bool = False  # its FCS is not right


class Wire(NamedTuple):
    """What a wired packet carries. The addresses are None where the link type leaves them out."""

    ethertype: int
    start: int
    source: bytes | None = None
    destination: bytes | None = None


def _radiotap(octets: bytes) -> int | None:
    if len(octets) < 8:
        return None
    length = octets[2] | octets[3] << 8
    return length if 8 <= length <= len(octets) else None


def _ppi(octets: bytes) -> int | None:
    if len(octets) < 8 or octets[4:8] != b"\x69\0\0\0":  # 802.11 inside
        return None
    length = octets[2] | octets[3] << 8
    return length if 8 <= length <= len(octets) else None


def _avs(octets: bytes) -> int | None:
    length = int.from_bytes(octets[4:8])
    return length if octets[:3] == _AVS_MAGIC and 8 <= length <= len(octets) else None


def _prism(octets: bytes) -> int | None:
    if octets[:3] == _AVS_MAGIC:  # some drivers announce the one and send the other
        return _avs(octets)
    if octets[:4] not in _PRISM_CODES:
        return None
    length = int.from_bytes(octets[4:8], "little" if octets[0] else "big")
    return length if 8 <= length <= len(octets) else None


# How many octets of each packet come before its 802.11 frame.
WIRELESS: Final[Mapping[int, Callable[[bytes], int | None]]] = {
    RADIOTAP: _radiotap,
    IEEE802_11: lambda _octets: 0,
    PPI: _ppi,
    PRISM: _prism,
    AVS: _avs,
}


def find_frame(packet: Packet, start: int) -> Air:
    """Return where the 802.11 frame that begins at `start` ends, and how it was received."""
    octets = packet.octets
    fcs, padded, bad = packet.link.fcs or 0, False, False
    if packet.link.type == RADIOTAP:
        flags = _radiotap_flags(octets, start)
        padded, bad = bool(flags & _FLAG_PADDED), bool(flags & _FLAG_BAD_FCS)
        fcs = 4 if flags & _FLAG_FCS else fcs
    elif packet.link.type == PPI:
        flags = _ppi_flags(octets, start)
        bad = bool(flags & _PPI_BAD_FCS)
        fcs = 4 if flags & _PPI_FCS else fcs
    if packet.length > len(octets):  # cut: the FCS, if any, with it
        return Air(start, max(start, min(len(octets), packet.length - fcs)), padded, bad)
    if len(octets) - start < 4 + fcs:
        return Air(start, len(octets), padded, bad)
    right = zlib.crc32(octets[start:-4]).to_bytes(4, "little") == octets[-4:]
    if right:  # also where nothing announces one
        return Air(start, len(octets) - 4, padded)
    return Air(start, len(octets) - fcs, padded, bad or fcs == 4)


def _radiotap_flags(octets: bytes, end: int) -> int:
    """Return the flags field, 0 where there is none (radiotap.org: fields in the order of their bits, aligned)."""
    at, present = 4, _EXTENDED
    first = 0
    while present & _EXTENDED:
        if at + 4 > end:
            return 0
        (present,) = struct.unpack_from("<I", octets, at)
        first = first or present
        at += 4
    if not first & _FLAGS:
        return 0
    if first & _TSFT:
        at += -at % 8 + 8
    return octets[at] if at < end else 0


def _ppi_flags(octets: bytes, end: int) -> int:
    """Return the flags of the 802.11-Common field, 0 where there is none."""
    at = 8
    while at + 4 <= end:
        kind, length = struct.unpack_from("<HH", octets, at)
        if kind == _PPI_COMMON and length >= 10 and at + 14 <= end:
            return octets[at + 12]
        at += 4 + length
    return 0


def _ethernet(octets: bytes) -> Wire | None:
    if len(octets) < 14:
        return None
    at = 12
    ethertype = octets[at] << 8 | octets[at + 1]
    while ethertype in _VLANS and at + 6 <= len(octets):
        at += 4
        ethertype = octets[at] << 8 | octets[at + 1]
    at += 2
    if ethertype <= 1500 and octets[at : at + 6] == _SNAP and at + 8 <= len(octets):  # IEEE Std 802.3 with LLC
        ethertype, at = octets[at + 6] << 8 | octets[at + 7], at + 8
    return Wire(ethertype, at, octets[6:12], octets[:6])


def _cooked(octets: bytes) -> Wire | None:
    """Linux's "any" interface: only the sender's address is kept."""
    if len(octets) < 16:
        return None
    source = octets[6:12] if octets[4:6] == b"\0\6" else None
    return Wire(octets[14] << 8 | octets[15], 16, source)


def _cooked2(octets: bytes) -> Wire | None:
    if len(octets) < 20:
        return None
    source = octets[12:18] if octets[11] == 6 else None
    return Wire(octets[0] << 8 | octets[1], 20, source)


def _raw(octets: bytes) -> Wire | None:
    version = octets[0] >> 4 if octets else 0
    if version not in (4, 6):
        return None
    return Wire(ETHERTYPE_IPV4 if version == 4 else ETHERTYPE_IPV6, 0)


def _loopback(octets: bytes) -> Wire | None:
    """BSD's and macOS's loopback: an address family, in the byte order of whoever captured."""
    if len(octets) < 4:
        return None
    family = max(octets[0], octets[3])
    if family != 2 and family not in _AF_INET6:
        return None
    return Wire(ETHERTYPE_IPV4 if family == 2 else ETHERTYPE_IPV6, 4)


WIRED: Final[Mapping[int, Callable[[bytes], Wire | None]]] = {
    ETHERNET: _ethernet,
    SLL: _cooked,
    SLL2: _cooked2,
    RAW: _raw,
    **dict.fromkeys(_RAW_TOO, _raw),
    NULL: _loopback,
    LOOP: _loopback,
}


class Datagram(NamedTuple):
    """A UDP datagram."""

    port: int  # where it went
    start: int  # its payload in the packet
    end: int  # as the headers say; past the packet's end where that was cut


_UDP: Final = 17
_IPV6_OPTIONS: Final = (0, 43, 60, 135)  # headers of 8 octets and more that may come before UDP's (RFC 8200 4.1)
_IPV6_FRAGMENT: Final = 44


def find_datagram(octets: bytes, wire: Wire) -> Datagram | None:
    """Return the UDP datagram in an IP packet; None where there is none, or only a part of one (an IP fragment)."""
    found = _ipv4(octets, wire.start) if wire.ethertype == ETHERTYPE_IPV4 else _ipv6(octets, wire.start)
    if found is None:
        return None
    at, end = found
    if at + 8 > min(end, len(octets)):
        return None
    _, port, length, _ = struct.unpack_from(">HHHH", octets, at)
    if length < 8 or at + length > end:
        return None
    return Datagram(port, at + 8, at + length)


def _ipv4(octets: bytes, at: int) -> tuple[int, int] | None:
    if at + 20 > len(octets) or octets[at] >> 4 != 4 or octets[at + 9] != _UDP:
        return None
    header, total = (octets[at] & 15) * 4, octets[at + 2] << 8 | octets[at + 3]
    fragment = (octets[at + 6] << 8 | octets[at + 7]) & 0x3FFF  # offset, and "more fragments"
    return None if header < 20 or fragment else (at + header, at + total)


def _ipv6(octets: bytes, at: int) -> tuple[int, int] | None:
    if at + 40 > len(octets) or octets[at] >> 4 != 6:
        return None
    following, end = octets[at + 6], at + 40 + (octets[at + 4] << 8 | octets[at + 5])
    at += 40
    while following != _UDP:
        if at + 8 > len(octets):
            return None
        if following == _IPV6_FRAGMENT and not (octets[at + 2] << 8 | octets[at + 3]) & 0xFFF9:
            following, at = octets[at], at + 8  # an "atomic" fragment: the whole
        elif following in _IPV6_OPTIONS:
            following, at = octets[at], at + 8 + 8 * octets[at + 1]
        else:
            return None
    return at, end
