"""Cambium ePSK. Unverified: no public text describes it on the wire. Built are the two forms that others settled on in
the same years: Eleven's Find-Key (52970/3), answered in Cisco's AVPairs, in clear; and the device's address alone,
answered by Tunnel-Password, encrypted. One capture would decide.

Verified for Cambium's Accepts are WISPr's bandwidth, Session-Timeout and the VLAN of RFC 3580. Its quotas (17713/151 to
156) and VLAN-Pool-Id (157) are known too, but no plan of ours has a quota or a VLAN pool.
"""

from ..model import Accept, Granted, Reply, Sendable
from . import cisco, eleven, hostapd
from .dialect import Decrypt, Dialect, granted, parse_wispr, wispr


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return the key in the form that belongs to the request, and the plan's bandwidth."""
    encode = hostapd.encode_accept if accept.of_lookup else cisco.encode_accept
    return *encode(accept), *wispr(accept.rates)


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:
    """Return the key of either form."""
    passphrases = hostapd.passphrases(reply, decrypt) or cisco.passphrases(reply)
    return granted(reply, passphrases=passphrases, rates=parse_wispr(reply))


DIALECT = Dialect(
    name="cambium",
    variant_of=eleven.DIALECT,
    decode_request=eleven.decode_request,
    encode_accept=encode_accept,
    encode_request=eleven.encode_request,
    decode_accept=decode_accept,
)
