"""hostapd, OpenWrt and OpenWiFi: the handshake in two Extended-Vendor-Specific attributes (wpa_psk_radius=3), or the
device's address alone (wpa_psk_radius=1 and 2, OpenWrt's ppsk); the key in Tunnel-Password.

Layouts: hostap src/ap/ieee802_11_auth.c; FreeRADIUS dictionary.freeradius.evs5 for the names of 245.26.11344.1 and .2.
The lookup half is also what answers any other access point that asks with a MAC address only.
"""

from crypto import Akm, Handshake

from ..errors import MissingPieceError
from ..model import Accept, Attribute, Granted, Offer, Reply, Request, Salted, Sendable, Subject
from .dialect import (
    TUNNEL_PASSWORD,
    Decrypt,
    Dialect,
    decode_lookup,
    device_address,
    encode_station,
    granted,
    network,
    shared_accept,
    shared_offer,
)

ANONCE = (245, 26, 11344, 1)  # FreeRADIUS-802.1X-Anonce
M2 = (245, 26, 11344, 2)  # FreeRADIUS-802.1X-EAPoL-Key-Msg
WLAN_AKM_SUITE = 188  # RFC 7268 2.19


def decode_request(request: Request) -> Subject:
    """Return the handshake in 245.26, or the question which key a device has."""
    anonce, frame = request.first(ANONCE), request.first(M2)
    if anonce is None and frame is None:
        return decode_lookup(request)
    if anonce is None:
        raise MissingPieceError("no ANonce (245.26 of vendor 11344, type 1)")
    if frame is None:
        raise MissingPieceError("no M2 (245.26 of vendor 11344, type 2)")
    aa, ssid = network(request)
    suite = request.first(WLAN_AKM_SUITE)  # absent from some builds: the M2 itself then tells
    hint = int.from_bytes(suite) if suite is not None and len(suite) == 4 else None
    return Handshake.build(ssid=ssid, aa=aa, spa=device_address(request), anonce=anonce, frame=frame, akm_hint=hint)


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return Tunnel-Password with a tag octet (hostapd skips it without one), then VLAN and the rest."""
    return Salted(TUNNEL_PASSWORD, accept.key.passphrase.value, 0), *shared_accept(accept)


def encode_offer(offer: Offer) -> tuple[Sendable, ...]:
    """Return a Tunnel-Password for each key: hostapd tries one after the other."""
    return *(Salted(TUNNEL_PASSWORD, key.passphrase.value, 0) for key in offer.keys), *shared_offer(offer)


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return the attributes of hostapd's Access-Request, in its order."""
    station = encode_station(subject, nas_identifier)
    if not isinstance(subject, Handshake):
        return station
    suite = Akm.PSK if subject.akm is Akm.WPA_PSK else subject.akm  # hostapd names WPA1 so too
    return (
        *station,
        Attribute(WLAN_AKM_SUITE, suite.to_bytes(4)),
        Attribute(ANONCE, subject.anonce),
        Attribute(M2, subject.m2.encode()),
    )


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:
    """Return what hostapd reads from an Access-Accept: every Tunnel-Password, and VLAN."""
    return granted(reply, passphrases=passphrases(reply, decrypt))


def passphrases(reply: Reply, decrypt: Decrypt) -> tuple[bytes, ...]:
    """Return what is in every Tunnel-Password."""
    return tuple(decrypt(value) for value in reply.every(TUNNEL_PASSWORD))


DIALECT = Dialect(
    name="hostapd",
    markers=(ANONCE, M2),
    decode_request=decode_request,
    encode_accept=encode_accept,
    encode_offer=encode_offer,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
