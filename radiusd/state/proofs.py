"""Request Authenticators that have proven an unsigned request, so that none proves another one.

By secret, not by NAS: what is recorded of one proves nothing for a second one of the same secret, either. In a table
that all workers share, since another port is another worker.
"""

from hashlib import blake2b
from typing import Final

from ..ciphers import SharedSecret
from ..model import Request
from .replays import Replays

_KEPT_S: Final = 86_400.0  # an access point whose authenticators begin anew at each start is served again after that


class Proofs:
    """Remembers proofs. To be made before workers are forked."""

    def __init__(self) -> None:
        self._table = Replays(_KEPT_S)

    def take(self, request: Request, secret: SharedSecret, monotonic: float) -> bool:
        """Remember what the request's authenticator proves; False where that is another request already."""
        authenticator = blake2b(secret.value + request.authenticator, digest_size=16).digest()
        octets = int.from_bytes(blake2b(secret.value + request.octets, digest_size=8).digest())
        former = self._table.former(authenticator, monotonic)
        if former is None:
            self._table.note(octets, authenticator, monotonic)
        return former in (None, octets)
