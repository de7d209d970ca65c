"""What 802.11 frames tell of who speaks with whom: names, associations, EAPOL (IEEE Std 802.11 9.2, 9.3).

# Rule: arbitrary octets give one of the values below or None; every length is checked, and every loop advances.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from crypto import CryptoError, find_elements

from .formats import Packet
from .link_layers import ETHERTYPE_EAPOL, Air, find_frame

# The first octet of a frame: version 0, type, subtype.
_ASSOCIATION, _REASSOCIATION, _PROBE_RESPONSE, BEACON = 0x00, 0x20, 0x50, 0x80
_MANAGEMENT: Final = {_ASSOCIATION: 4, _REASSOCIATION: 10, _PROBE_RESPONSE: 12, BEACON: 12}  # octets before elements
_DATA: Final = (0x08, 0x18, 0x28, 0x38, 0x88, 0x98, 0xA8, 0xB8)  # without those that carry no data
INTERESTING: Final = frozenset((*_MANAGEMENT, *_DATA))
_QOS: Final = 0x80
# The second octet: flags.
_DISTRIBUTION, _MORE, _PROTECTED, _ORDER = 0x03, 0x04, 0x40, 0x80
_HEADER: Final = 24
_A_MSDU: Final = 0x80
_LLC_EAPOL: Final = b"\xaa\xaa\x03\0\0\0" + ETHERTYPE_EAPOL.to_bytes(2)
_SSID, _RSN, _FTE, _VENDOR = 0, 48, 55, 221
_WPA: Final = bytes.fromhex("0050f201")


class Named(NamedTuple):
    """A network that told its name."""

    bssid: bytes
    ssid: bytes


class Joining(NamedTuple):
    """A station that asked to be associated, which begins everything anew between the two."""

    bssid: bytes
    station: bytes
    ssid: bytes | None
    akm: int | None
    elements: bytes = b""  # all of a reassociation request that holds an FTE


class Eapol(NamedTuple):
    """An EAPOL frame, packet.octets[start:end]. An address is None where the link type leaves it out."""

    sender: bytes | None
    receiver: bytes | None
    start: int
    end: int
    damaged: bool = False


def dissect(packet: Packet, start: int) -> Named | Joining | Eapol | None:
    """Return what the 802.11 frame says that begins at `start`, its first octet being of INTERESTING."""
    octets = packet.octets
    if start + _HEADER > len(octets):
        return None
    if octets[start] & 0x0C:
        return None if octets[start + 1] & _PROTECTED else _dissect_data(packet, start)
    if octets[start + 1] & _PROTECTED:
        return None
    return _dissect_management(packet, start)


def _dissect_data(packet: Packet, start: int) -> Eapol | None:
    octets = packet.octets
    first, flags = octets[start], octets[start + 1]
    header = _HEADER
    if flags & _DISTRIBUTION == _DISTRIBUTION:
        header += 6  # WDS, and stations that bridge: a fourth address; receiver and transmitter are still 1 and 2
    if first & _QOS:
        header += 2
        if start + header > len(octets) or octets[start + header - 2] & _A_MSDU:
            return None
        if flags & _ORDER:
            header += 4  # HT Control
    at = start + header
    # Nearly every data frame ends here, so the more costly question where the frame lies comes after it.
    if octets[at : at + 8] != _LLC_EAPOL:
        at += -header % 4
        if not header % 4 or octets[at : at + 8] != _LLC_EAPOL or not find_frame(packet, start).padded:
            return None
    if octets[start + 22] & 0x0F:  # a later fragment begins with no LLC header; this one says it is one all the same
        return None
    air = find_frame(packet, start)
    return Eapol(octets[start + 10 : start + 16], octets[start + 4 : start + 10], at + 8, air.end, air.damaged)


def _dissect_management(packet: Packet, start: int) -> Named | Joining | None:
    octets = packet.octets
    first = octets[start]
    air = find_frame(packet, start)
    ssid, akm, roams = None, None, False
    for identifier, body in _walk(octets, start + _HEADER + _MANAGEMENT[first], air):
        if identifier == _SSID and ssid is None:
            ssid = body
            if first in (BEACON, _PROBE_RESPONSE):
                break
        elif identifier == _RSN or (identifier == _VENDOR and body.startswith(_WPA) and akm is None):
            akm = _first_akm(bytes((identifier, len(body))) + body)
        elif identifier == _FTE and first == _REASSOCIATION:
            roams = True
    visible = ssid if ssid is not None and len(ssid) <= 32 and any(ssid) else None
    if first in (BEACON, _PROBE_RESPONSE):
        return None if visible is None else Named(octets[start + 16 : start + 22], visible)
    elements = octets[start + _HEADER + _MANAGEMENT[first] : air.end] if roams else b""
    return Joining(octets[start + 4 : start + 10], octets[start + 10 : start + 16], visible, akm, elements)


def _walk(octets: bytes, at: int, air: Air) -> Iterator[tuple[int, bytes]]:
    """Yield the elements of a management frame; one that overruns it ends the walk: what came before may be right."""
    while at + 2 <= air.end:
        following = at + 2 + octets[at + 1]
        if following > air.end:
            return
        yield octets[at], octets[at + 2 : following]
        at = following


def _first_akm(element: bytes) -> int | None:
    """Return the first AKM suite of an RSNE or WPA1's element."""
    try:
        found = find_elements(element)
    except CryptoError:
        return None
    suites = (found.rsne.akms if found.rsne is not None else ()) or (found.wpa.akms if found.wpa is not None else ())
    return suites[0] if suites else None
