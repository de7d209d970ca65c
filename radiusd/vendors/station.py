"""What a request says of the station and its network in the attributes that all vendors share, read and written."""

import re
from functools import lru_cache

from crypto import Handshake, MacAddress, Ssid

from ..errors import DialectError, MissingPieceError, UnsupportedError
from ..model import Attribute, AttributeType, Hidden, Lookup, Request, Sendable, Subject
from .attributes import (
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    EAP_MESSAGE,
    NAS_IDENTIFIER,
    NAS_PORT_TYPE,
    USER_NAME,
    USER_PASSWORD,
)
from .names import attribute_name

_WIRELESS_802_11 = (19).to_bytes(4)

# MAC:SSID. The MAC in any format; the SSID is whatever follows the first colon after its twelve digits, as raw octets.
_CALLED_STATION = re.compile(rb"((?:[0-9A-Fa-f][-:. ]?){11}[0-9A-Fa-f])(?::(.*))?", re.DOTALL)


def device_address(request: Request) -> MacAddress:
    """Return the station's address: Calling-Station-Id, else User-Name."""
    for kind in (CALLING_STATION_ID, USER_NAME):
        value = request.first(kind)
        if value is not None:
            try:
                return _parse_mac(value)
            except ValueError:
                continue
    raise MissingPieceError("no device address (SPA) in Calling-Station-Id or User-Name")


def _parse_mac(value: bytes) -> MacAddress:
    if len(value) in (12, 17):  # nearly always: in half the time
        return MacAddress(bytes.fromhex(value.translate(None, b"-:.").decode("ascii")))
    return MacAddress.parse(value)


def parse_called_station(request: Request) -> tuple[MacAddress, Ssid]:
    """Return AA and SSID from Called-Station-Id."""
    value = only(request, CALLED_STATION_ID)
    if value is None:
        raise MissingPieceError("no SSID and no AA: Called-Station-Id is missing")
    return _split_called_station(value)


@lru_cache(maxsize=4096)  # an access point repeats it in every request
def _split_called_station(value: bytes) -> tuple[MacAddress, Ssid]:
    match = _CALLED_STATION.fullmatch(value)
    if match is None:
        raise MissingPieceError("no AA: Called-Station-Id does not begin with a MAC address")
    address, ssid = match.groups()
    if not ssid:
        raise MissingPieceError("no SSID after the MAC address in Called-Station-Id")
    if len(ssid) > 32:
        raise DialectError(f"SSID of {len(ssid)} octets in Called-Station-Id, 32 are allowed")
    return MacAddress.parse(address), Ssid(ssid)


def parse_ssid(octets: bytes, kind: AttributeType | str) -> Ssid:
    """Return the SSID that a vendor's own attribute holds, or a field of it; `kind` is what an error calls it."""
    if not 1 <= len(octets) <= 32:
        what = kind if isinstance(kind, str) else attribute_name(kind)
        raise DialectError(f"SSID of {len(octets)} octets in {what}, 1 to 32 are allowed")
    return Ssid(octets)


def only(request: Request, kind: AttributeType) -> bytes | None:
    """Return the value of an attribute that may come once, None where it is absent."""
    values = request.every(kind)
    if len(values) > 1:
        raise DialectError(f"second {attribute_name(kind)}: it comes {len(values)} times")
    return values[0] if values else None


def need(request: Request, kind: AttributeType) -> bytes:
    """Return the value of an attribute that must come once."""
    value = only(request, kind)
    if value is None:
        raise MissingPieceError(f"no {attribute_name(kind)}")
    return value


def decode_lookup(request: Request, ssid: Ssid | None = None) -> Lookup:
    """Return the question which key a device has, asked by its address alone.

    ssid: from the dialect's own attribute; else Called-Station-Id must have it
    """
    for kind in request.attributes:
        if isinstance(kind, tuple) and kind[:2] == (245, 26):
            raise DialectError(f"no ANonce and no M2: 245.26 is of vendor {kind[2]} type {kind[3]}, not 11344")
    if request.first(EAP_MESSAGE) is not None:
        raise UnsupportedError("EAP-Message: the network asks for 802.1X, not for a passphrase")
    if ssid is not None:
        return Lookup(device=device_address(request), ssid=ssid)
    aa, ssid = parse_called_station(request)
    return Lookup(device=device_address(request), ssid=ssid, aa=aa)


def encode_station(
    subject: Subject, nas_identifier: bytes | None, *, name: bytes | None = None, password: bytes | None = None
) -> tuple[Sendable, ...]:
    """Return what every access point asks with: the station as name and password, the network it is on.

    name, password: as this vendor writes them, if not as hostapd does
    """
    spa = station_address(subject)
    name = spa.value.hex().encode() if name is None else name
    attributes: list[Sendable] = [
        Attribute(USER_NAME, name),
        Hidden(USER_PASSWORD, name if password is None else password),
    ]
    if nas_identifier is not None:
        attributes.append(Attribute(NAS_IDENTIFIER, nas_identifier))
    attributes += (
        Attribute(CALLED_STATION_ID, render_called_station(subject.aa or MacAddress(bytes(6)), subject.ssid)),
        Attribute(NAS_PORT_TYPE, _WIRELESS_802_11),
        Attribute(CALLING_STATION_ID, spa.value.hex("-").upper().encode()),
    )
    return tuple(attributes)


def station_address(subject: Subject) -> MacAddress:
    """Return the address of the device that is asked about."""
    return subject.spa if isinstance(subject, Handshake) else subject.device


def render_called_station(aa: MacAddress, ssid: Ssid) -> bytes:
    """Return Called-Station-Id as hostapd writes it."""
    return aa.value.hex("-").upper().encode() + b":" + ssid.value
