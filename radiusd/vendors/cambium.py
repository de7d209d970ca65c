"""Cambium ePSK. Unverified: no public text describes it on the wire. Built are the two forms that others settled on in
the same years: Eleven's Find-Key (52970/3), answered in Cisco's AVPairs, in clear; and the device's address alone,
answered by Tunnel-Password, encrypted. One capture would decide.

Verified for Cambium's Accepts (its own RADIUS dictionary, https://community.cambiumnetworks.com/t/50024) are WISPr's
bandwidth, Session-Timeout, the VLAN of RFC 3580, quotas of one session (17713/151 to 156) and VLAN-Pool-Id (157). Which
of VLAN and VLAN pool an access point would follow is not said anywhere, so it is never sent both.
"""

from dataclasses import replace

from ..errors import DialectError
from ..model import Accept, Attribute, AttributeType, Granted, Quotas, Reply, Sendable
from . import cisco, eleven
from .dialect import Dialect
from .names import attribute_name
from .reply import Decrypt, granted, parse_tunnel_passwords, parse_wispr, wispr

VLAN_POOL_ID = (26, 17713, 157)
# Octets below 2^32, and how many times 2^32 ("Gigwords"), for upload, download, and both together.
UP, DOWN, TOTAL = (
    ((26, 17713, octets), (26, 17713, gigawords)) for octets, gigawords in ((151, 153), (152, 154), (155, 156))
)


class Cambium(eleven.Eleven):
    """Asks as Eleven does; an answer to a lookup is encrypted, one to a handshake is not."""

    reply_depends_on_handshake = True

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the key in the form that belongs to the request, and what the plan allows."""
        key = Dialect.encode_accept(self, accept) if accept.of_lookup else super().encode_accept(accept)
        attributes = (*key, *wispr(accept.rates), *_encode_quotas(accept.quotas))
        pool = accept.vlan_pool
        return attributes if pool is None else (*attributes, Attribute(VLAN_POOL_ID, pool.encode()))

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:
        """Return the key of either form, and what the plan allows."""
        passphrases = parse_tunnel_passwords(reply, decrypt) or cisco.passphrases(reply)
        pool = reply.first(VLAN_POOL_ID)
        return replace(
            granted(reply, passphrases=passphrases, rates=parse_wispr(reply)),
            quotas=Quotas(
                download_octets=_parse_quota(reply, *DOWN),
                upload_octets=_parse_quota(reply, *UP),
                total_octets=_parse_quota(reply, *TOTAL),
            ),
            vlan_pool=None if pool is None else pool.decode("utf-8", "replace"),
        )


def _encode_quotas(quotas: Quotas) -> tuple[Attribute, ...]:
    attributes: tuple[Attribute, ...] = ()
    down, up, total = quotas
    for (low, high), octets in ((UP, up), (DOWN, down), (TOTAL, total)):
        if octets is not None:
            gigawords, rest = divmod(octets, 2**32)
            attributes += (Attribute(low, rest.to_bytes(4)),)
            if gigawords:
                attributes += (Attribute(high, gigawords.to_bytes(4)),)
    return attributes


def _parse_quota(reply: Reply, low: AttributeType, high: AttributeType) -> int | None:
    octets, gigawords = reply.first(low), reply.first(high)
    if octets is None and gigawords is None:
        return None
    for kind, value in ((low, octets), (high, gigawords)):
        if value is not None and len(value) != 4:
            raise DialectError(f"{attribute_name(kind)}: quota of {len(value)} octets, 4 are an integer")
    return int.from_bytes(gigawords or b"") << 32 | int.from_bytes(octets or b"")


DIALECT = Cambium("cambium", variant_of=eleven.DIALECT)
