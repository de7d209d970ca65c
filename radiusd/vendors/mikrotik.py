"""MikroTik, `wifi` package and CAPsMAN: the device's address asks, often with an empty password; the passphrase goes
back in clear in Mikrotik-Wireless-PSK (14988/16), so that this needs a protected network.

VLAN and bandwidth in its own attributes. That Mikrotik-Rate-Limit is honoured on wireless is unverified.
"""

from ..model import Accept, Attribute, Granted, Reply, Sendable
from .dialect import Decrypt, Dialect, decode_lookup, encode_station, granted, name_and_end

RATE_LIMIT, PSK, VLAN_ID, VLAN_ID_TYPE = ((26, 14988, kind) for kind in (8, 16, 26, 27))
_8021Q = bytes(4)


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return the passphrase in clear, VLAN, and the plan's rates as upload/download, which is rx/tx for the router."""
    key = accept.key
    attributes: tuple[Sendable, ...] = (Attribute(PSK, key.passphrase.value),)
    if key.effective_vlan is not None:
        attributes += (Attribute(VLAN_ID, key.effective_vlan.to_bytes(4)), Attribute(VLAN_ID_TYPE, _8021Q))
    plan = key.plan
    if plan is not None and (plan.upload_kbps or plan.download_kbps):  # 0 is no limit, in its words too
        attributes += (Attribute(RATE_LIMIT, b"%dk/%dk" % (plan.upload_kbps or 0, plan.download_kbps or 0)),)
    return *attributes, *name_and_end(accept)


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:  # noqa: ARG001 (nothing is encrypted)
    """Return passphrase and VLAN."""
    vlan = reply.first(VLAN_ID)
    own = None if vlan is None else int.from_bytes(vlan)
    return granted(reply, passphrases=tuple(reply.every(PSK)), vlan=own)


DIALECT = Dialect(
    name="mikrotik",
    markers=(),
    decode_request=decode_lookup,
    encode_accept=encode_accept,
    encode_request=encode_station,
    decode_accept=decode_accept,
)
