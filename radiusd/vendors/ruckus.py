"""Ruckus external DPSK: Unleashed, SmartZone, Ruckus One.

The handshake comes in DPSK-Params (25053/153), AA in Ruckus-BSSID, the SSID in Ruckus-SSID (else Ruckus-Wlan-Name). The
answer holds the PMK, not the passphrase: form A in MS-MPPE-Recv-Key (encrypted; profile `ruckus`, the default), form B
in Ruckus-DPSK, in clear (profile `ruckus-dpsk`: this needs a protected network). Form A is reported from Unleashed
200.19, Ruckus One and vSZ 7.2; form B is what the SmartZone 5.1 guide describes. Neither was tried on a Ruckus device
by us. Dynamic VLAN must be on in the WLAN.
"""

from crypto import Handshake, MacAddress, Ssid

from ..errors import DialectError, MissingPieceError
from ..model import Accept, Attribute, Granted, Reply, Request, Salted, Sendable, Subject
from .dialect import (
    Decrypt,
    Dialect,
    decode_lookup,
    device_address,
    encode_station,
    granted,
    only,
    parse_ssid,
    shared_accept,
)
from .tlv import Tlvs, encode_tlvs

SSID, BSSID, WLAN_NAME, DPSK, DPSK_PARAMS = ((26, 25053, kind) for kind in (3, 14, 135, 142, 153))
MS_MPPE_RECV_KEY = (26, 311, 17)
_AKM, _CIPHER, _ANONCE, _M2 = 1, 2, 3, 4
_CCMP = b"\4"
_WHAT = "DPSK-Params (25053/153)"


def decode_request(request: Request) -> Subject:
    """Return the handshake in DPSK-Params, or the question which key a device has."""
    params = only(request, DPSK_PARAMS, _WHAT)
    if params is None:
        return decode_lookup(request, _ssid(request))
    fields = Tlvs(_WHAT, params)
    akm = fields.get(_AKM, "AKM suite", 4)
    ssid, aa = _ssid(request), only(request, BSSID, "Ruckus-BSSID")
    if ssid is None:
        raise MissingPieceError("no SSID: Ruckus-SSID (25053/3) is missing")
    if aa is None:
        raise MissingPieceError("no AA: Ruckus-BSSID (25053/14) is missing")
    if len(aa) != 6:
        raise DialectError(f"no AA: Ruckus-BSSID (25053/14) of {len(aa)} octets instead of 6")
    anonce, frame = fields.need(_ANONCE, "ANonce", 32), fields.need(_M2, "M2")
    return Handshake.build(
        ssid=ssid,
        aa=MacAddress(aa),
        spa=device_address(request),
        anonce=anonce,
        frame=frame,
        akm_hint=None if akm is None else int.from_bytes(akm),
    )


def _ssid(request: Request) -> Ssid | None:
    value = only(request, SSID, "Ruckus-SSID (25053/3)")
    if value is not None:
        return parse_ssid(value, "Ruckus-SSID (25053/3)")
    value = only(request, WLAN_NAME, "Ruckus-Wlan-Name (25053/135)")  # SmartZone; usually, not always, the SSID
    return None if value is None else parse_ssid(value, "Ruckus-Wlan-Name (25053/135)")


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return the attributes of a Ruckus access point's Access-Request."""
    station = encode_station(subject, nas_identifier)
    if not isinstance(subject, Handshake):
        return station
    fields = (
        (_AKM, subject.akm.to_bytes(4)),
        (_CIPHER, _CCMP),
        (_ANONCE, subject.anonce),
        (_M2, subject.m2.octets),
    )
    return (
        *station,
        Attribute(SSID, subject.ssid.value),
        Attribute(BSSID, subject.aa.value),
        Attribute(DPSK_PARAMS, encode_tlvs(_WHAT, fields)),
    )


def _encode_accept_a(accept: Accept) -> tuple[Sendable, ...]:
    return Salted(MS_MPPE_RECV_KEY, accept.key.pmk.value), *shared_accept(accept)


def _encode_accept_b(accept: Accept) -> tuple[Sendable, ...]:
    return Attribute(DPSK, b"\0" + accept.key.pmk.value), *shared_accept(accept)


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:
    """Return the PMK of either form."""
    salted, plain = reply.first(MS_MPPE_RECV_KEY), reply.first(DPSK)
    if salted is not None:
        return granted(reply, pmk=decrypt(salted, tagged=False))
    return granted(reply, pmk=None if plain is None else plain[1:])


DIALECT = Dialect(
    name="ruckus",
    markers=(DPSK_PARAMS,),
    decode_request=decode_request,
    encode_accept=_encode_accept_a,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
DIALECT_B = Dialect(
    name="ruckus-dpsk",
    variant_of=DIALECT,
    decode_request=decode_request,
    encode_accept=_encode_accept_b,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
