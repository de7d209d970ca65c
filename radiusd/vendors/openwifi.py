"""OpenWiFi: hostapd with patches, which add 58888/1 (the access point's address) to the request and read WISPr's
bandwidth on the Accept. Source: Telecominfraproject/wlan-ap, patches 0083, 750-wispr, s00-004.
"""

from ..model import Accept, Attribute, Granted, Offer, Reply, Sendable, Subject
from . import hostapd
from .dialect import Decrypt, Dialect, granted, parse_wispr, wispr

AP_MAC = (26, 58888, 1)


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return what hostapd gets, and the plan's bandwidth."""
    return *hostapd.encode_accept(accept), *wispr(accept.rates)


def encode_offer(offer: Offer) -> tuple[Sendable, ...]:
    """Return what hostapd gets, and the least bandwidth of the keys' plans."""
    return *hostapd.encode_offer(offer), *wispr(offer.rates)


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return what hostapd asks, and the access point's address: lower case, dashes."""
    asked = hostapd.encode_request(subject, nas_identifier)
    return asked if subject.aa is None else (*asked, Attribute(AP_MAC, subject.aa.value.hex("-").encode()))


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:
    """Return what hostapd reads, and the bandwidth."""
    return granted(reply, passphrases=hostapd.passphrases(reply, decrypt), rates=parse_wispr(reply))


DIALECT = Dialect(
    name="openwifi",
    markers=(AP_MAC,),
    variant_of=hostapd.DIALECT,
    decode_request=hostapd.decode_request,
    encode_accept=encode_accept,
    encode_offer=encode_offer,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
