"""Eleven (ElevenOS) and Juniper Mist: the handshake in Find-Key (52970/3), the key in Cisco's AVPairs, in clear.

The layout is FreeRADIUS's dictionary.eleven, made from an example found in public; VLAN attributes are used by Mist and
unverified for Eleven itself.
"""

from crypto import Handshake, MacAddress, Ssid

from ..errors import DialectError
from ..model import Attribute, Request, Sendable, Subject
from . import cisco
from .dialect import Dialect, decode_lookup, device_address, encode_station, only
from .tlv import Tlvs, encode_tlvs

FIND_KEY = (26, 52970, 3)
_M2, _ANONCE, _SSID, _AP_MAC, _STATION = 1, 2, 3, 4, 5
_WHAT = "Eleven-Authentication-Find-Key"


def decode_request(request: Request) -> Subject:
    """Return the handshake in Find-Key, or the question which key a device has."""
    value = only(request, FIND_KEY, _WHAT)
    return decode_lookup(request) if value is None else decode_find_key(request, Tlvs(_WHAT, value), (_AP_MAC,))


def decode_find_key(request: Request, fields: Tlvs, aa_kinds: tuple[int, ...]) -> Handshake:
    """Return the handshake in the fields that Eleven and TP-Link number alike; AA is the first there of `aa_kinds`."""
    aa = next((value for kind in aa_kinds if (value := fields.get(kind, "AA", 6)) is not None), None)
    if aa is None:
        aa = fields.need(aa_kinds[-1], "AA", 6)
    ssid = fields.need(_SSID, "SSID")
    if not 1 <= len(ssid) <= 32:
        raise DialectError(f"SSID of {len(ssid)} octets")
    station = fields.get(_STATION, "station", 6)
    return Handshake.build(
        ssid=Ssid(ssid),
        aa=MacAddress(aa),
        spa=device_address(request) if station is None else MacAddress(station),
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


def _dialect(name: str) -> Dialect:
    return Dialect(
        name=name,
        markers=(FIND_KEY,),
        decode_request=decode_request,
        encode_accept=cisco.encode_accept,
        encode_request=encode_request,
        decode_accept=cisco.decode_accept,
    )


DIALECT = _dialect("eleven")
MIST = _dialect("mist")
