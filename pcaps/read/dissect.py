"""What 802.11 frames say about networks and stations: names, associations, EAPOL (IEEE Std 802.11 9.2, 9.3).

# Rule: arbitrary octets give one of the values below or None; every length is checked, and every loop advances.
"""

from typing import Final, NamedTuple

from crypto import CryptoError, ElementError, ElementId, encode_element, find_elements, walk_elements

from .formats import Packet
from .link_layers import ETHERTYPE_EAPOL, find_frame

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
_WPA: Final = bytes.fromhex("0050f201")


class Named(NamedTuple):
    """A network and the name it announced."""

    bssid: bytes
    ssid: bytes


class Joining(NamedTuple):
    """A station that asked to be associated, which begins everything anew between the two."""

    bssid: bytes
    station: bytes
    ssid: bytes | None
    akm: int | None
    pmkids: tuple[bytes, ...] = ()  # that the station knows, of a frame that came undamaged
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
    body_start = start + _HEADER + _MANAGEMENT[first]
    ssid, akm, roams = None, None, False
    pmkids: tuple[bytes, ...] = ()
    try:
        for _, identifier, body in walk_elements(octets, body_start, air.end):
            if identifier == ElementId.SSID and ssid is None:
                ssid = body
                if first in (BEACON, _PROBE_RESPONSE):
                    break
            elif _is_security(identifier, body) and (identifier == ElementId.RSN or akm is None):
                akms, pmkids = _read_security(identifier, body)
                akm = akms[0] if akms else None
            elif identifier == ElementId.FAST_BSS_TRANSITION and first == _REASSOCIATION:
                roams = True
    except ElementError:
        pass  # what came before the element that overruns may be right
    visible = ssid if ssid is not None and len(ssid) <= 32 and any(ssid) else None
    if first in (BEACON, _PROBE_RESPONSE):
        return None if visible is None else Named(octets[start + 16 : start + 22], visible)
    return Joining(
        octets[start + 4 : start + 10],
        octets[start + 10 : start + 16],
        visible,
        akm,
        () if air.damaged else pmkids,
        octets[body_start : air.end] if roams else b"",
    )


def find_akms(packet: Packet, start: int) -> tuple[int, ...]:
    """Return the AKM suites that the beacon or probe response offers that begins at `start`."""
    octets = packet.octets
    akms: tuple[int, ...] = ()
    try:
        body_start = start + _HEADER + _MANAGEMENT[octets[start]]
        for _, identifier, body in walk_elements(octets, body_start, find_frame(packet, start).end):
            if _is_security(identifier, body):
                akms += _read_security(identifier, body)[0]
    except ElementError:
        pass
    return akms


def _is_security(identifier: int, body: bytes) -> bool:
    return identifier == ElementId.RSN or (identifier == ElementId.VENDOR_SPECIFIC and body.startswith(_WPA))


def _read_security(identifier: int, body: bytes) -> tuple[tuple[int, ...], tuple[bytes, ...]]:
    """Return the AKM suites and the PMKIDs of an RSNE or WPA1's element."""
    try:
        found = find_elements(encode_element(identifier, body))
    except CryptoError:
        return (), ()
    if found.rsne is not None:
        return found.rsne.akms, found.rsne.pmkids
    return (found.wpa.akms if found.wpa is not None else ()), ()
