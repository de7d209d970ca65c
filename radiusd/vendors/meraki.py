"""Meraki: Easy PSK (from MR 32.1.3) with the handshake in Meraki-IPSK (29671/5); iPSK by the device's address alone.

AA is sub-attribute 3, the BSSID; 4 is the access point's own address. The key goes back in Tunnel-Password. VLANs need
"RADIUS override"; Session-Timeout is unverified for iPSK. Its devices try servers as `meraki_8021x_test`, and take any
answer for a sign of life (documentation.meraki.com, "Alert - Recent 802.1X Failure"): they get an Access-Reject.
"""

from crypto import Handshake, MacAddress

from ..model import Attribute, Request, Sendable, Subject
from . import hostapd
from .dialect import Dialect, decode_lookup, device_address, encode_station, only
from .tlv import Tlvs, encode_tlvs

IPSK = (26, 29671, 5)
_ANONCE, _M2, _BSSID, _AP_MAC, _SSID = 1, 2, 3, 4, 5
_WHAT = "Meraki-IPSK (29671/5)"


def decode_request(request: Request) -> Subject:
    """Return the handshake in Meraki-IPSK, or the question which key a device has."""
    value = only(request, IPSK, _WHAT)
    if value is None:
        return decode_lookup(request)
    fields = Tlvs(_WHAT, value)
    return Handshake.build(
        ssid=fields.ssid(_SSID),
        aa=MacAddress(fields.need(_BSSID, "BSSID", 6)),
        spa=device_address(request),
        anonce=fields.need(_ANONCE, "ANonce", 32),
        frame=fields.need(_M2, "M2"),
    )


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return the attributes of a Meraki access point's Access-Request."""
    station = encode_station(subject, nas_identifier)
    if not isinstance(subject, Handshake):
        return station
    fields = (
        (_ANONCE, subject.anonce),
        (_M2, subject.m2.octets),
        (_BSSID, subject.aa.value),
        (_AP_MAC, subject.aa.value),
        (_SSID, subject.ssid.value),
    )
    return *station, Attribute(IPSK, encode_tlvs(_WHAT, fields))


DIALECT = Dialect(
    name="meraki",
    markers=(IPSK,),
    probe_user=b"meraki_8021x_test",
    decode_request=decode_request,
    encode_accept=hostapd.encode_accept,
    encode_request=encode_request,
    decode_accept=hostapd.decode_accept,
)
