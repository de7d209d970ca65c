"""Extreme / Aerohive PPSK. Extreme-PPSK-Request (26928/201) has no published layout, and how the PMK in the Accept
(26928/202) is encrypted is unknown too: every request is rejected, and the log says why. Nothing here is a guess.
"""

from typing import NoReturn

from ..errors import UnsupportedError
from ..model import Accept, Reply, Request, Subject
from .dialect import Dialect
from .reply import Decrypt

PPSK_REQUEST = (26, 26928, 201)


class Extreme(Dialect):
    """Raises UnsupportedError, whatever is asked of it."""

    markers = (PPSK_REQUEST,)

    def decode_request(self, request: Request) -> NoReturn:
        """Raise UnsupportedError."""
        if PPSK_REQUEST in request.attributes:
            raise UnsupportedError("Extreme-PPSK-Request (26928/201): the layout of this request is unpublished")
        raise _unpublished()

    def encode_accept(self, accept: Accept) -> NoReturn:  # noqa: ARG002
        """Raise UnsupportedError."""
        raise _unpublished()

    def encode_request(self, subject: Subject, nas_identifier: bytes | None = None) -> NoReturn:  # noqa: ARG002
        """Raise UnsupportedError."""
        raise _unpublished()

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> NoReturn:  # noqa: ARG002
        """Raise UnsupportedError."""
        raise _unpublished()


def _unpublished() -> UnsupportedError:
    return UnsupportedError("Extreme PPSK (26928/201 and 202): the layouts are unpublished")


DIALECT = Extreme("extreme")
