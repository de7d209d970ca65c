"""Meraki: Easy PSK (from MR 32.1.3) with the handshake in Meraki-IPSK (29671/5); iPSK by the device's address alone.

AA is sub-attribute 3, the BSSID; 4 is the access point's own address. The key goes back in Tunnel-Password. VLANs need
"RADIUS override"; Session-Timeout is unverified for iPSK. Its devices try servers as `meraki_8021x_test`, and take any
answer for a sign of life (documentation.meraki.com, "Alert - Recent 802.1X Failure"): they get an Access-Reject.
"""

from crypto import Handshake, MacAddress

from ..model import Request, Sendable
from .dialect import Dialect
from .station import device_address
from .tlv import Tlvs, encode_tlvs

IPSK = (26, 29671, 5)
_ANONCE, _M2, _BSSID, _AP_MAC, _SSID = 1, 2, 3, 4, 5


class Meraki(Dialect):
    """Asks with Meraki-IPSK or by address; takes Tunnel-Password."""

    markers = (IPSK,)
    handshake_has_password = False  # Easy PSK: of none is anything known
    probe_user = b"meraki_8021x_test"

    def decode_handshake(self, request: Request) -> Handshake:
        """Return the handshake in Meraki-IPSK."""
        fields = Tlvs.of(request, IPSK)
        return Handshake.build(
            ssid=fields.ssid(_SSID),
            aa=MacAddress(fields.need(_BSSID, "AA", 6)),
            spa=device_address(request),
            anonce=fields.need(_ANONCE, "ANonce", 32),
            frame=fields.need(_M2, "M2"),
        )

    def encode_handshake(self, handshake: Handshake) -> tuple[Sendable, ...]:
        """Return Meraki-IPSK."""
        fields = (
            (_ANONCE, handshake.anonce),
            (_M2, handshake.m2.octets),
            (_BSSID, handshake.aa.value),
            (_AP_MAC, handshake.aa.value),
            (_SSID, handshake.ssid.value),
        )
        return (encode_tlvs(IPSK, fields),)


DIALECT = Meraki("meraki")
