"""TP-Link Omada, PPSK with RADIUS: each connection asks twice, and both must be accepted.

First by the device's address: a known device gets its Tunnel-Password, an unknown one an empty Accept, since a Reject
ends the handshake. Then with FindKey (11863/3), answered by FoundKey (11863/4) with the PMK, in clear, and
Tunnel-Password. Reported working by one implementation's author; that sub-attribute 5 is the station is presumed from
Eleven's numbering. Without a VLAN no tunnel attribute is sent.
"""

from crypto import Handshake

from ..model import Accept, Attribute, Granted, Reply, Request, Salted, Sendable, Subject
from .dialect import (
    NAS_IDENTIFIER,
    TUNNEL_PASSWORD,
    Decrypt,
    Dialect,
    decode_lookup,
    encode_station,
    granted,
    only,
    shared_accept,
)
from .eleven import decode_find_key, find_key_fields
from .tlv import Tlvs, encode_tlvs

FIND_KEY, FOUND_KEY = (26, 11863, 3), (26, 11863, 4)
_AP_MAC, _RADIO_BSSID, _PMK = 4, 6, 1
_WHAT = "TP-Link FindKey"


def recognises(request: Request) -> bool:
    """Return whether it is a FindKey, or what such an access point asks first."""
    return FIND_KEY in request.attributes or (request.first(NAS_IDENTIFIER) or b"").startswith(b"TP-Link")


def decode_request(request: Request) -> Subject:
    """Return the handshake in FindKey, or the question which key a device has."""
    value = only(request, FIND_KEY, _WHAT)
    if value is None:
        return decode_lookup(request)
    return decode_find_key(request, Tlvs(_WHAT, value), (_RADIO_BSSID, _AP_MAC))


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return the attributes of an Omada access point's Access-Request, first or second."""
    station = encode_station(subject, nas_identifier)
    if not isinstance(subject, Handshake):
        return station
    fields = (*find_key_fields(subject), (_RADIO_BSSID, subject.aa.value))
    return *station, Attribute(FIND_KEY, encode_tlvs(_WHAT, fields))


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return Tunnel-Password, and FoundKey where a handshake was asked about."""
    password = Salted(TUNNEL_PASSWORD, accept.key.passphrase.value, 0)
    if accept.of_lookup:
        return password, *shared_accept(accept)
    found = encode_tlvs("TP-Link FoundKey", ((_PMK, accept.key.pmk.value),))
    return Attribute(FOUND_KEY, found), password, *shared_accept(accept)


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:
    """Return the PMK of FoundKey and every Tunnel-Password."""
    value = reply.first(FOUND_KEY)
    pmk = None if value is None else Tlvs("TP-Link FoundKey", value).need(_PMK, "PMK", 32)
    return granted(reply, pmk=pmk, passphrases=tuple(decrypt(value) for value in reply.every(TUNNEL_PASSWORD)))


DIALECT = Dialect(
    name="omada",
    markers=(FIND_KEY, NAS_IDENTIFIER),
    recognises=recognises,
    decode_request=decode_request,
    encode_accept=encode_accept,
    encode_request=encode_request,
    decode_accept=decode_accept,
    admits_strangers=True,
)
