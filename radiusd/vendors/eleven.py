"""Eleven (ElevenOS): the handshake in Find-Key (52970/3), the key in Cisco's AVPairs, in clear: this needs a protected
network. Mist and TP-Link number their fields alike.

The layout is FreeRADIUS's dictionary.eleven, made from an example found in public. VLAN attributes are used by Mist and
unverified for Eleven itself, as is `psk-mode=hex` for a raw PMK.
"""

from crypto import Handshake, MacAddress

from ..model import Attribute, Request, Sendable, Subject
from . import cisco
from .dialect import Dialect, decode_lookup, device_address, encode_station, only
from .tlv import Tlvs, encode_tlvs

FIND_KEY = (26, 52970, 3)
_M2, _ANONCE, _SSID, _AP_MAC, _STATION = 1, 2, 3, 4, 5
_WHAT = "Find-Key (52970/3)"


def decode_request(request: Request) -> Subject:
    """Return the handshake in Find-Key, or the question which key a device has."""
    value = only(request, FIND_KEY, _WHAT)
    if value is None:
        return decode_lookup(request)
    fields = Tlvs(_WHAT, value)
    aa = MacAddress(fields.need(_AP_MAC, "AA", 6))
    return decode_find_key(fields, aa, fields.address(_STATION, "station") or device_address(request))


def decode_find_key(fields: Tlvs, aa: MacAddress, spa: MacAddress) -> Handshake:
    """Return the handshake in the fields that Eleven and TP-Link number alike, between these two."""
    return Handshake.build(
        ssid=fields.ssid(_SSID),
        aa=aa,
        spa=spa,
        anonce=fields.need(_ANONCE, "ANonce", 32),
        frame=fields.need(_M2, "M2"),
    )


def find_key_fields(handshake: Handshake) -> tuple[tuple[int, bytes], ...]:
    """Return the fields of `decode_find_key`, the access point's address being AA."""
    return (
        (_M2, handshake.m2.octets),
        (_ANONCE, handshake.anonce),
        (_SSID, handshake.ssid.value),
        (_AP_MAC, handshake.aa.value),
        (_STATION, handshake.spa.value),
    )


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return the attributes of the Access-Request."""
    station = encode_station(subject, nas_identifier)
    if not isinstance(subject, Handshake):
        return station
    return *station, Attribute(FIND_KEY, encode_tlvs(_WHAT, find_key_fields(subject)))


DIALECT = Dialect(
    name="eleven",
    markers=(FIND_KEY,),
    decode_request=decode_request,
    encode_accept=cisco.encode_accept,
    encode_request=encode_request,
    decode_accept=cisco.decode_accept,
)
