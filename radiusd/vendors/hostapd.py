"""hostapd, OpenWrt and OpenWiFi: the handshake in two Extended-Vendor-Specific attributes (wpa_psk_radius=3), or the
device's address alone (wpa_psk_radius=1 and 2, OpenWrt's ppsk); the key in Tunnel-Password.

Layouts: hostap src/ap/ieee802_11_auth.c; FreeRADIUS dictionary.freeradius.evs5 for the names of 245.26.11344.1 and .2.
The lookup half is also what answers any other access point that asks with a MAC address only.
"""

from typing import ClassVar

from crypto import Akm, Handshake

from ..errors import MissingPieceError
from ..model import Accept, Attribute, AttributeType, Request, Sendable
from .dialect import SHARED_READS, Dialect
from .reply import chargeable_user_identity
from .station import device_address, only, parse_called_station

ANONCE = (245, 26, 11344, 1)  # FreeRADIUS-802.1X-Anonce
M2 = (245, 26, 11344, 2)  # FreeRADIUS-802.1X-EAPoL-Key-Msg
WLAN_AKM_SUITE = 188  # RFC 7268 2.19


class Hostapd(Dialect):
    """Asks with ANonce and M2 or by address; tries each Tunnel-Password of an answer to a lookup."""

    markers: ClassVar[tuple[AttributeType, ...]] = (ANONCE, M2)
    reads = SHARED_READS | {WLAN_AKM_SUITE}
    tries_several_keys = True

    def shows_handshake(self, request: Request) -> bool:
        """Return whether either half of it is there."""
        return ANONCE in request.attributes or M2 in request.attributes

    def decode_handshake(self, request: Request) -> Handshake:
        """Return the handshake in 245.26."""
        anonce, frame = only(request, ANONCE), only(request, M2)
        if anonce is None:
            raise MissingPieceError("no ANonce (245.26 of vendor 11344, type 1)")
        if frame is None:
            raise MissingPieceError("no M2 (245.26 of vendor 11344, type 2)")
        aa, ssid = parse_called_station(request)
        suite = request.first(WLAN_AKM_SUITE)  # absent from some builds: the M2 itself then tells
        hint = int.from_bytes(suite) if suite is not None and len(suite) == 4 else None
        return Handshake.build(ssid=ssid, aa=aa, spa=device_address(request), anonce=anonce, frame=frame, akm_hint=hint)

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the key and its name in Chargeable-User-Identity: hostapd asks for none, and repeats no other."""
        answer = super().encode_accept(accept)
        return answer if accept.name_asked else (*answer, chargeable_user_identity(accept))

    def encode_handshake(self, handshake: Handshake) -> tuple[Sendable, ...]:
        """Return what hostapd adds, in its order."""
        suite = Akm.PSK if handshake.akm is Akm.WPA_PSK else handshake.akm  # hostapd names WPA1 so too
        return (
            Attribute(WLAN_AKM_SUITE, suite.to_bytes(4)),
            Attribute(ANONCE, handshake.anonce),
            Attribute(M2, handshake.m2.encode()),
        )


DIALECT = Hostapd("hostapd")
