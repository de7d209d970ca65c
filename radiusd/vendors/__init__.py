"""Dialects: one module per vendor, one entry in this table, one file of vectors."""

from collections.abc import Mapping
from typing import Final

from ..model import AttributeType, Request
from . import hostapd
from .dialect import Dialect, device_address, network

# A request with two dialects in it belongs to the first one in this order.
DIALECTS: Final[Mapping[str, Dialect]] = {dialect.name: dialect for dialect in (hostapd.DIALECT,)}

_MARKERS: Final[tuple[tuple[AttributeType, Dialect], ...]] = tuple(
    (marker, dialect) for dialect in DIALECTS.values() for marker in dialect.markers
)


def recognise(request: Request, profile: str) -> Dialect:
    """Return the dialect that a request's attributes show; else, as lookups look alike, that of the NAS's profile."""
    for marker, dialect in _MARKERS:
        if marker in request.attributes:
            return dialect
    return DIALECTS.get(profile, hostapd.DIALECT)


__all__ = ["DIALECTS", "Dialect", "device_address", "network", "recognise"]
