"""Extreme / Aerohive PPSK. Extreme-PPSK-Request (26928/201) has no published layout, and how the PMK in the Accept
(26928/202) is encrypted is unknown too: every request is rejected, and the log says why. Nothing here is a guess.
"""

from typing import NoReturn

from ..errors import UnsupportedError
from ..model import Accept, Reply, Request, Subject
from .dialect import Decrypt, Dialect

PPSK_REQUEST = (26, 26928, 201)


def decode_request(request: Request) -> NoReturn:
    """Raise UnsupportedError."""
    if PPSK_REQUEST in request.attributes:
        raise UnsupportedError("Extreme-PPSK-Request (26928/201): the layout of this request is unpublished")
    raise _unpublished()


def encode_accept(accept: Accept) -> NoReturn:  # noqa: ARG001
    """Raise UnsupportedError."""
    raise _unpublished()


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> NoReturn:  # noqa: ARG001
    """Raise UnsupportedError."""
    raise _unpublished()


def decode_accept(reply: Reply, decrypt: Decrypt) -> NoReturn:  # noqa: ARG001
    """Raise UnsupportedError."""
    raise _unpublished()


def _unpublished() -> UnsupportedError:
    return UnsupportedError("Extreme PPSK (26928/201 and 202): the layouts are unpublished")


DIALECT = Dialect(
    name="extreme",
    markers=(PPSK_REQUEST,),
    decode_request=decode_request,
    encode_accept=encode_accept,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
