"""Extreme / Aerohive PPSK: Extreme-PPSK-Request (26928/201) has no published layout; rejected, and the log says why."""

from typing import NoReturn

from ..errors import DialectError
from ..model import Request
from . import hostapd
from .dialect import Dialect, encode_station

PPSK_REQUEST = (26, 26928, 201)


def decode_request(request: Request) -> NoReturn:  # noqa: ARG001
    """Raise DialectError."""
    raise DialectError("Extreme-PPSK-Request (26928/201): its layout is unpublished")


DIALECT = Dialect(
    name="extreme",
    markers=(PPSK_REQUEST,),
    decode_request=decode_request,
    encode_accept=hostapd.encode_accept,
    encode_request=encode_station,
    decode_accept=hostapd.decode_accept,
)
