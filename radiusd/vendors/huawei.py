"""Huawei: the device's address asks; the passphrase goes back in clear in HW-DPSK-Info (2011/206), so that this needs a
protected network. Reported from an AirEngine 9700-M1; the ciphered form, with HW-EPIV-Info, is not published.
"""

from ..model import Accept, Attribute, Granted, Reply, Sendable
from .dialect import Dialect
from .reply import Decrypt, granted, shared_accept

DPSK_INFO = (26, 2011, 206)


class Huawei(Dialect):
    """Asks by address; takes HW-DPSK-Info."""

    answers_in_clear = True

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the passphrase in clear."""
        return Attribute(DPSK_INFO, accept.key.passphrase.value), *shared_accept(accept)

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:  # noqa: ARG002 (nothing is encrypted)
        """Return the passphrase."""
        return granted(reply, passphrases=tuple(reply.every(DPSK_INFO)))


DIALECT = Huawei("huawei")
