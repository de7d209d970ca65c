"""TP-Link Omada, PPSK with RADIUS: each connection asks twice, and both must be accepted.

First by the device's address: a device with a key gets its Tunnel-Password, any other an empty Accept, since a Reject
ends the handshake. Then with FindKey (11863/3), answered by FoundKey (11863/4) with the PMK, in clear, and
Tunnel-Password: this needs a protected network. Reported working by one implementation's author. That sub-attribute 5
is the station is presumed from Eleven's numbering, so it is read only where nothing else names the station. Without a
VLAN no tunnel attribute is sent. Its limits (11863/1 and 2) are left out, since their unit is unverified.
"""

from crypto import Handshake, MacAddress

from ..errors import DialectError
from ..model import Accept, Attribute, Granted, Reply, Request, Salted, Sendable, Subject
from . import hostapd
from .dialect import (
    TUNNEL_PASSWORD,
    Decrypt,
    Dialect,
    decode_lookup,
    device_address,
    encode_station,
    granted,
    only,
    shared_accept,
    station,
)
from .eleven import decode_find_key, find_key_fields
from .tlv import Tlvs, encode_tlvs

FIND_KEY, FOUND_KEY = (26, 11863, 3), (26, 11863, 4)
_AP_MAC, _STATION, _RADIO_BSSID, _PMK = 4, 5, 6, 1
_WHAT = "FindKey (11863/3)"
_NAS_IDENTIFIER = b"TP-Link"  # begins with it


def decode_request(request: Request) -> Subject:
    """Return the handshake in FindKey, or the question which key a device has."""
    value = only(request, FIND_KEY, _WHAT)
    if value is None:
        return decode_lookup(request)
    fields = Tlvs(_WHAT, value)
    aa = fields.address(_RADIO_BSSID, "radio BSSID") or MacAddress(fields.need(_AP_MAC, "AP MAC", 6))
    return decode_find_key(fields, aa, _station(request, fields))


def _station(request: Request, fields: Tlvs) -> MacAddress:
    presumed = fields.address(_STATION, "station")
    try:
        return device_address(request)
    except DialectError:
        if presumed is None:
            raise
        return presumed


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return the attributes of an Omada access point's Access-Request, first or second."""
    name = station(subject).value.hex(":").encode()
    asked = encode_station(subject, nas_identifier or _NAS_IDENTIFIER, name=name)
    if not isinstance(subject, Handshake):
        return asked
    fields = (*find_key_fields(subject), (_RADIO_BSSID, subject.aa.value))
    return *asked, Attribute(FIND_KEY, encode_tlvs(_WHAT, fields))


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return Tunnel-Password, and FoundKey where a handshake was asked about."""
    password = Salted(TUNNEL_PASSWORD, accept.key.passphrase.value, 0)
    if accept.of_lookup:
        return password, *shared_accept(accept)
    found = encode_tlvs("FoundKey", ((_PMK, accept.key.pmk.value),))
    return Attribute(FOUND_KEY, found), password, *shared_accept(accept)


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:
    """Return the PMK of FoundKey and every Tunnel-Password."""
    value = reply.first(FOUND_KEY)
    pmk = None if value is None else Tlvs("FoundKey", value).need(_PMK, "PMK", 32)
    return granted(reply, pmk=pmk, passphrases=hostapd.passphrases(reply, decrypt))


DIALECT = Dialect(
    name="omada",
    markers=(FIND_KEY,),
    nas_identifier_prefix=_NAS_IDENTIFIER,
    decode_request=decode_request,
    encode_accept=encode_accept,
    encode_request=encode_request,
    decode_accept=decode_accept,
    accepts_unknown=True,
    reply_depends_on_handshake=True,
)
