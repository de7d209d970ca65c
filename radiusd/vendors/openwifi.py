"""OpenWiFi: hostapd with patches, which add 58888/1 (the access point's address) to the request and read WISPr's
bandwidth on the Accept. Source: Telecominfraproject/wlan-ap, patches 0083, 750-wispr, s00-004.
"""

from ..model import Accept, Attribute, Granted, Offer, Reply, Sendable, Subject
from . import hostapd
from .reply import Decrypt, granted, parse_tunnel_passwords, parse_wispr, wispr

AP_MAC = (26, 58888, 1)


class OpenWifi(hostapd.Hostapd):
    """Asks as hostapd does, under its own mark, and follows the plan's bandwidth."""

    markers = (AP_MAC,)
    reads = hostapd.Hostapd.reads | {hostapd.ANONCE, hostapd.M2}

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return what hostapd gets, and the plan's bandwidth."""
        return *super().encode_accept(accept), *wispr(accept.rates)

    def encode_offer(self, offer: Offer) -> tuple[Sendable, ...]:
        """Return what hostapd gets, and the least bandwidth of the keys' plans."""
        return *super().encode_offer(offer), *wispr(offer.rates)

    def encode_request(self, subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
        """Return what hostapd asks, and the access point's address: lower case, dashes."""
        asked = super().encode_request(subject, nas_identifier)
        return asked if subject.aa is None else (*asked, Attribute(AP_MAC, subject.aa.value.hex("-").encode()))

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:
        """Return what hostapd reads, and the bandwidth."""
        return granted(reply, passphrases=parse_tunnel_passwords(reply, decrypt), rates=parse_wispr(reply))


DIALECT = OpenWifi("openwifi", variant_of=hostapd.DIALECT)
