"""Huawei: the device's address asks; the passphrase goes back in clear in HW-DPSK-Info (2011/206), so that this needs a
protected network. Reported from an AirEngine 9700-M1; the ciphered form, with HW-EPIV-Info, is not published.
"""

from ..model import Accept, Attribute, Granted, Reply, Sendable
from .dialect import Decrypt, Dialect, decode_lookup, encode_station, granted, shared_accept

DPSK_INFO = (26, 2011, 206)


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return the passphrase in clear."""
    return Attribute(DPSK_INFO, accept.key.passphrase.value), *shared_accept(accept)


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:  # noqa: ARG001 (nothing is encrypted)
    """Return the passphrase."""
    return granted(reply, passphrases=tuple(reply.every(DPSK_INFO)))


DIALECT = Dialect(
    name="huawei",
    decode_request=decode_lookup,
    encode_accept=encode_accept,
    encode_request=encode_station,
    decode_accept=decode_accept,
)
