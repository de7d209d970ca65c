"""Ruckus external DPSK: Unleashed, SmartZone, Ruckus One.

The handshake comes in DPSK-Params (25053/153), AA in Ruckus-BSSID, the SSID in Ruckus-SSID. The answer holds the PMK,
not the passphrase: form A in MS-MPPE-Recv-Key (encrypted; profile `ruckus`, the default), form B in Ruckus-DPSK, in
clear (profile `ruckus-dpsk`). Form A is reported from Unleashed 200.19, Ruckus One and vSZ 7.2; form B is what the
SmartZone 5.1 guide describes. Neither was tried on a Ruckus device by us. Dynamic VLAN must be on in the WLAN.
"""

from crypto import Handshake, MacAddress, Ssid

from ..errors import DialectError
from ..model import Accept, Attribute, Granted, Reply, Request, Salted, Sendable, Subject
from .dialect import Decrypt, Dialect, decode_lookup, device_address, encode_station, granted, only, shared_accept
from .tlv import Tlvs, encode_tlvs

SSID, BSSID, WLAN_NAME, DPSK, DPSK_PARAMS = ((26, 25053, kind) for kind in (3, 14, 135, 142, 153))
MS_MPPE_RECV_KEY = (26, 311, 17)
_AKM, _CIPHER, _ANONCE, _M2 = 1, 2, 3, 4
_CCMP = b"\4"
_WHAT = "DPSK-Params"


def decode_request(request: Request) -> Subject:
    """Return the handshake in DPSK-Params, or the question which key a device has."""
    params = only(request, DPSK_PARAMS, _WHAT)
    if params is None:
        return decode_lookup(request)
    fields = Tlvs(_WHAT, params)
    akm = fields.get(_AKM, "AKM suite", 4)
    anonce, frame = fields.need(_ANONCE, "ANonce", 32), fields.need(_M2, "M2")
    aa = only(request, BSSID, "Ruckus-BSSID")
    if aa is None or len(aa) != 6:
        raise DialectError(f"no AA: Ruckus-BSSID {'is missing' if aa is None else f'of {len(aa)} octets'}")
    return Handshake.build(
        ssid=_ssid(request),
        aa=MacAddress(aa),
        spa=device_address(request),
        anonce=anonce,
        frame=frame,
        akm_hint=None if akm is None else int.from_bytes(akm),
    )


def _ssid(request: Request) -> Ssid:
    value = only(request, SSID, "Ruckus-SSID")
    if value is None:
        value = only(request, WLAN_NAME, "Ruckus-Wlan-Name")  # SmartZone; usually, not always, the SSID
    if value is None or not 1 <= len(value) <= 32:
        raise DialectError(f"no SSID: Ruckus-SSID {'is missing' if value is None else f'of {len(value)} octets'}")
    return Ssid(value)


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
    markers=(DPSK_PARAMS,),
    decode_request=decode_request,
    encode_accept=_encode_accept_b,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
