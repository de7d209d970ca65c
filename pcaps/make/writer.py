"""Capture files of several interfaces: pcapng, and pcap where there is one.

scapy's own writers take times as floats, which loses microseconds, and cannot name the first interface of a pcapng.
Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import OptionError
from ..output import write_private

ETHERNET, RADIOTAP = 1, 127  # LINKTYPE_
_SNAP_LENGTH: Final = 262144
_PCAP_MAGIC: Final = 0xA1B2C3D4
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_IF_NAME: Final = 2
_WHOLE_SECTION: Final = -1


@dataclass(frozen=True, slots=True)
class Interface:
    """Where frames were heard."""

    name: str
    link_type: int


RADIO: Final = Interface("radio", RADIOTAP)
WIRE: Final = Interface("wire", ETHERNET)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as an interface heard it."""

    at_us: int  # since 1970
    interface: Interface
    octets: bytes


def encode_capture(frames: Sequence[Frame], suffix: str) -> bytes:
    """Return the file that `suffix` asks for, .pcap or .pcapng, its frames in the order of time."""
    ordered = sorted(frames, key=lambda frame: frame.at_us)
    interfaces = tuple(dict.fromkeys(frame.interface for frame in ordered))
    match suffix.lower():
        case ".pcapng":
            return _pcapng(ordered, interfaces)
        case ".pcap" | ".cap":
            if len(interfaces) > 1:
                names = ", ".join(interface.name for interface in interfaces)
                raise OptionError(f"--pcap: only a .pcapng can hold more than one interface, these are {names}")
            return _pcap(ordered, interfaces[0].link_type if interfaces else RADIOTAP)
    raise OptionError(f"--pcap: the file's name must end in .pcap or .pcapng, not {suffix or 'nothing'}")


def save_capture(path: Path, frames: Sequence[Frame]) -> None:
    """Write the file that the path's suffix asks for, readable by its owner only."""
    write_private(path, encode_capture(frames, path.suffix), "--pcap")


def _pcap(frames: Iterable[Frame], link_type: int) -> bytes:
    pieces = [struct.pack("<IHHiIII", _PCAP_MAGIC, 2, 4, 0, 0, _SNAP_LENGTH, link_type)]
    for frame in frames:
        length = len(frame.octets)
        pieces += (struct.pack("<IIII", *divmod(frame.at_us, 1_000_000), length, length), frame.octets)
    return b"".join(pieces)


def _pcapng(frames: Iterable[Frame], interfaces: Sequence[Interface]) -> bytes:
    pieces = [_block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER, 1, 0, _WHOLE_SECTION))]
    for interface in interfaces:
        name = interface.name.encode()
        options = struct.pack("<HH", _IF_NAME, len(name)) + _padded(name) + bytes(4)
        pieces.append(_block(_INTERFACE, struct.pack("<HHI", interface.link_type, 0, _SNAP_LENGTH) + options))
    for frame in frames:
        length = len(frame.octets)
        number = interfaces.index(frame.interface)
        header = struct.pack("<IIIII", number, frame.at_us >> 32, frame.at_us & 0xFFFFFFFF, length, length)
        pieces.append(_block(_PACKET, header + _padded(frame.octets)))
    return b"".join(pieces)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
