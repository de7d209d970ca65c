"""The two capture formats, octets to packets: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).

# Rule: every length is checked before it is used, every step takes octets from the file, and nothing is kept but the
# interfaces of a section. What is wrong with a file is a `Flaw` among its packets; what can be read after it, is.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

LONGEST: Final = 262_144  # octets of one packet: libpcap's MAXIMUM_SNAPLEN
_LONGEST_BLOCK: Final = 1 << 24  # pcapng's other blocks (names, comments, secrets) may be longer than a packet
_MOST_INTERFACES: Final = 4096

# magic number: byte order, nanoseconds in a unit of the fraction
PCAP: Final = {
    bytes.fromhex("a1b2c3d4"): (">", 1000),
    bytes.fromhex("d4c3b2a1"): ("<", 1000),
    bytes.fromhex("a1b23c4d"): (">", 1),
    bytes.fromhex("4d3cb2a1"): ("<", 1),
}
SECTION: Final = bytes.fromhex("0a0d0d0a")
_ORDERS: Final = {bytes.fromhex("1a2b3c4d"): ">", bytes.fromhex("4d3c2b1a"): "<"}
_INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED = 1, 2, 3, 6
_PACKETS: Final = (_ENHANCED, _SIMPLE, _OBSOLETE)
_TSRESOL, _FCSLEN, _TSOFFSET = 9, 13, 14


class Link(NamedTuple):
    """What an interface's packets begin with, and end with."""

    type: int  # a LINKTYPE of tcpdump.org
    fcs: int | None = None  # octets of frame check sequence at the end of each packet; None: the file does not say


class Packet(NamedTuple):
    """One packet as captured."""

    number: int  # from 1, as Wireshark counts
    time_ns: int  # since 1970
    link: Link
    octets: bytes
    length: int  # on the air or wire: more than len(octets) where the snap length cut it


class Flaw(NamedTuple):
    """What is wrong with a capture, and where."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"frame {self.number}: {self.reason}"


Take = Callable[[int], bytes]  # so many octets; fewer where the file ends


def read_pcap(take: Take, magic: bytes) -> Iterator[Packet | Flaw]:
    """Yield what follows the magic number of a pcap file."""
    order, unit_ns = PCAP[magic]
    header = take(20)
    if len(header) < 20:
        yield Flaw(1, f"the file ends within its own header, after {4 + len(header)} of 24 octets")
        return
    link = _pcap_link(struct.unpack(order + "I", header[16:])[0])
    record = struct.Struct(order + "IIII")
    number = 0
    while header := take(16):
        number += 1
        if len(header) < 16:
            yield Flaw(number, f"the file ends within its header, after {len(header)} of 16 octets")
            return
        seconds, fraction, captured, length = record.unpack(header)
        if captured > LONGEST:
            yield Flaw(number, f"captured length {captured} is more than {LONGEST}: it and what follows are lost")
            return
        octets = take(captured)
        if len(octets) < captured:
            yield Flaw(number, f"the file ends within it, after {len(octets)} of {captured} octets")
            return
        yield Packet(number, seconds * 1_000_000_000 + fraction * unit_ns, link, octets, length)


def _pcap_link(field: int) -> Link:
    """Return the link of a pcap header: type in the low 28 bits; F bit and, in 16-bit words, FCS length above them."""
    return Link(field & 0x03FF_FFFF, (field >> 28) * 2 if field & 0x0400_0000 else None)


@dataclass(frozen=True, slots=True)
class _Interface:
    """One interface of a pcapng section."""

    link: Link
    snap: int
    units: int = 1_000_000  # of time in a second
    offset_ns: int = 0

    def time_ns(self, high: int, low: int) -> int:
        return (high << 32 | low) * 1_000_000_000 // self.units + self.offset_ns


def read_pcapng(take: Take) -> Iterator[Packet | Flaw]:
    """Yield what follows the first block type, a section header's, of a pcapng file."""
    order, number = "<", 0
    interfaces: list[_Interface] = []
    head = SECTION + take(4)
    while head:
        begun = 8  # octets of the block taken so far
        if head[:4] == SECTION:  # reads the same in both byte orders, so that each section may have its own
            magic = take(4)
            if magic not in _ORDERS:
                what = "ends within" if len(magic) < 4 else "has no byte-order magic in"
                yield Flaw(number + 1, f"the file {what} the section header before it: the rest is lost")
                return
            order, interfaces, begun = _ORDERS[magic], [], 12
            lengths, enhanced = struct.Struct(order + "II"), struct.Struct(order + "IIIII")
        if len(head) < 8:
            yield Flaw(number + 1, "the file ends within the header of a block")
            return
        kind, total = lengths.unpack(head)
        if total < begun + 4 or total % 4 or total > _LONGEST_BLOCK:
            yield Flaw(number + 1, f"block of type {kind} before it: length {total} can not be, the rest is lost")
            return
        is_packet = kind in _PACKETS
        number += is_packet
        body = take(total - begun)
        if len(body) < total - begun:
            after = f"after {begun + len(body)} of {total} octets"
            yield Flaw(number if is_packet else number + 1, f"the file ends within a block of type {kind}, {after}")
            return
        # Its last four octets are the length once more, which nobody who reads forwards needs.
        if kind == _ENHANCED and len(body) >= 24:
            interface_id, high, low, captured, length = enhanced.unpack_from(body)
            if (
                interface_id < len(interfaces) and captured <= len(body) - 24 and captured <= LONGEST
            ):  # nearly all there is
                interface = interfaces[interface_id]
                octets = body[20 : 20 + captured]
                yield Packet(number, interface.time_ns(high, low), interface.link, octets, length)
                head = take(8)
                continue
        body = body[:-4]
        if is_packet:
            yield _packet(number, kind, order, body, interfaces)
        elif kind == _INTERFACE:
            found = _interface(order, body)
            if found is None or len(interfaces) >= _MOST_INTERFACES:
                yield Flaw(number + 1, f"interface {len(interfaces)}, described before it, can not be used")
            interfaces.append(found or _Interface(Link(-1), 0))
            del interfaces[_MOST_INTERFACES:]
        head = take(8)


def _interface(order: str, body: bytes) -> _Interface | None:
    """Return what an interface description block says, None where it is too short or its times mean nothing."""
    if len(body) < 8:
        return None
    link, _, snap = struct.unpack_from(order + "HHI", body)
    units, seconds, fcs = 1_000_000, 0, None
    at = 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + length]
        if code == 0 or len(value) < length:
            break
        if code == _TSRESOL and length == 1:
            exponent = value[0] & 0x7F
            if exponent > 64:
                return None
            units = (2 if value[0] & 0x80 else 10) ** exponent
        elif code == _FCSLEN and length == 1:
            fcs = value[0]
        elif code == _TSOFFSET and length == 8:
            (seconds,) = struct.unpack(order + "q", value)
        at += 4 + length + -length % 4
    return _Interface(Link(link, fcs), snap, units, seconds * 1_000_000_000)


def _packet(number: int, kind: int, order: str, body: bytes, interfaces: list[_Interface]) -> Packet | Flaw:
    """Return the packet in a block."""
    fixed = 4 if kind == _SIMPLE else 20
    if len(body) < fixed:
        return Flaw(number, f"block of type {kind} with {len(body)} of {fixed} octets")
    interface_id = high = low = 0
    if kind == _ENHANCED:
        interface_id, high, low, captured, length = struct.unpack_from(order + "IIIII", body)
    elif kind == _OBSOLETE:
        interface_id, _, high, low, captured, length = struct.unpack_from(order + "HHIIII", body)
    else:
        (length,) = struct.unpack_from(order + "I", body)
        captured = length
    if interface_id >= len(interfaces):
        return Flaw(number, f"interface {interface_id}, of {len(interfaces)} described before it")
    interface = interfaces[interface_id]
    if kind == _SIMPLE:
        captured = min(length, interface.snap or length, len(body) - fixed)
    if captured > len(body) - fixed or captured > LONGEST:
        return Flaw(number, f"captured length {captured}, its block has room for {len(body) - fixed}")
    octets = body[fixed : fixed + captured]
    return Packet(number, interface.time_ns(high, low), interface.link, octets, length)
