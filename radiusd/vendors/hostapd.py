"""hostapd, OpenWrt and OpenWiFi: the handshake in two Extended-Vendor-Specific attributes (wpa_psk_radius=3), or the
device's address alone (wpa_psk_radius=1 and 2, OpenWrt's ppsk); the key in Tunnel-Password.

Layouts: hostap src/ap/ieee802_11_auth.c; FreeRADIUS dictionary.freeradius.evs5 for the names of 245.26.11344.1 and .2.
The lookup half is also what answers any other access point that asks with a MAC address only.
"""

from collections.abc import Callable

from crypto import Akm, Handshake, MacAddress

from ..errors import DialectError
from ..model import Accept, Attribute, Granted, Hidden, Lookup, Reply, Request, Salted, Sendable, Subject
from .dialect import (
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    CHARGEABLE_USER_IDENTITY,
    CLASS,
    NAS_IDENTIFIER,
    NAS_PORT_TYPE,
    TUNNEL_PASSWORD,
    USER_NAME,
    USER_PASSWORD,
    Dialect,
    device_address,
    network,
    parse_session_timeout,
    parse_vlan,
    render_called_station,
    shared_accept,
)

ANONCE = (245, 26, 11344, 1)  # FreeRADIUS-802.1X-Anonce
M2 = (245, 26, 11344, 2)  # FreeRADIUS-802.1X-EAPoL-Key-Msg
WLAN_AKM_SUITE = 188  # RFC 7268 2.19
EAP_MESSAGE = 79
_WIRELESS_802_11 = (19).to_bytes(4)


def decode_request(request: Request) -> Subject:
    """Return the handshake in 245.26, or the question which key a device has."""
    anonce, frame = request.first(ANONCE), request.first(M2)
    if anonce is None and frame is None:
        return _decode_lookup(request)
    if anonce is None:
        raise DialectError("no ANonce (245.26 of vendor 11344, type 1)")
    if frame is None:
        raise DialectError("no M2 (245.26 of vendor 11344, type 2)")
    aa, ssid = network(request)
    suite = request.first(WLAN_AKM_SUITE)  # absent from some builds: the M2 itself then tells
    hint = int.from_bytes(suite) if suite is not None and len(suite) == 4 else None
    return Handshake.build(ssid=ssid, aa=aa, spa=device_address(request), anonce=anonce, frame=frame, akm_hint=hint)


def _decode_lookup(request: Request) -> Lookup:
    for kind in request.attributes:
        if isinstance(kind, tuple) and kind[:2] == (245, 26):
            raise DialectError(f"no ANonce and no M2: 245.26 is of vendor {kind[2]} type {kind[3]}, not 11344")
    if request.first(EAP_MESSAGE) is not None:
        raise DialectError("EAP-Message: the network asks for 802.1X, not for a passphrase")
    aa, ssid = network(request)
    return Lookup(device=device_address(request), ssid=ssid, aa=aa)


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return Tunnel-Password with a tag octet (hostapd skips it without one), then VLAN and the rest."""
    return Salted(TUNNEL_PASSWORD, accept.key.passphrase.value, 0), *shared_accept(accept)


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return the attributes of hostapd's Access-Request, in its order."""
    spa = subject.spa if isinstance(subject, Handshake) else subject.device
    aa = subject.aa or MacAddress(bytes(6))
    name = spa.value.hex().encode()
    attributes: list[Sendable] = [Attribute(USER_NAME, name), Hidden(USER_PASSWORD, name)]
    if nas_identifier is not None:
        attributes.append(Attribute(NAS_IDENTIFIER, nas_identifier))
    attributes += (
        Attribute(CALLED_STATION_ID, render_called_station(aa, subject.ssid)),
        Attribute(NAS_PORT_TYPE, _WIRELESS_802_11),
        Attribute(CALLING_STATION_ID, spa.value.hex("-").upper().encode()),
    )
    if isinstance(subject, Handshake):
        suite = Akm.PSK if subject.akm is Akm.WPA_PSK else subject.akm  # hostapd names WPA1 so too
        attributes += (
            Attribute(WLAN_AKM_SUITE, suite.to_bytes(4)),
            Attribute(ANONCE, subject.anonce),
            Attribute(M2, subject.m2.encode()),
        )
    return tuple(attributes)


def decode_accept(reply: Reply, decrypt: Callable[[bytes], bytes]) -> Granted:
    """Return what hostapd reads from an Access-Accept: every Tunnel-Password, and VLAN.

    decrypt: a salted value with its tag octet to clear text
    """
    return Granted(
        passphrases=tuple(decrypt(value) for value in reply.every(TUNNEL_PASSWORD)),
        vlan=parse_vlan(reply),
        session_timeout_s=parse_session_timeout(reply),
        class_=reply.first(CLASS),
        chargeable_user_identity=reply.first(CHARGEABLE_USER_IDENTITY),
    )


DIALECT = Dialect(
    name="hostapd",
    markers=(ANONCE, M2),
    decode_request=decode_request,
    encode_accept=encode_accept,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
