"""Dialects: one module per vendor, one entry in this table, one file of vectors."""

from collections.abc import Mapping
from typing import Final

from ..model import AttributeType, Request
from . import aruba, cisco, eleven, extreme, generic, hostapd, huawei, meraki, mikrotik, omada, ruckus
from .dialect import Dialect, device_address, network

# A request with two dialects in it belongs to the first one in this order: a form of its own before pairs that any
# request may hold.
DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (
        hostapd.DIALECT,
        ruckus.DIALECT,
        ruckus.DIALECT_B,
        eleven.DIALECT,
        eleven.MIST,
        meraki.DIALECT,
        aruba.DIALECT,
        extreme.DIALECT,
        cisco.DIALECT,
        omada.DIALECT,
        mikrotik.DIALECT,
        huawei.DIALECT,
        generic.DIALECT,
        generic.FORTINET,
        generic.ZYXEL,
    )
}

_MARKERS: Final[tuple[tuple[AttributeType, Dialect], ...]] = tuple(
    (marker, dialect) for dialect in DIALECTS.values() for marker in dialect.markers
)


def recognise(request: Request, profile: str) -> Dialect:
    """Return the dialect that a request's attributes show; else, as lookups look alike, that of the NAS's profile.

    Of two dialects that ask alike (Ruckus's two forms of answer) the profile decides, if it is one of them.
    """
    preferred = DIALECTS.get(profile)
    for marker, dialect in _MARKERS:
        if marker in request.attributes and dialect.recognises(request):
            return preferred if preferred is not None and marker in preferred.markers else dialect
    return hostapd.DIALECT if preferred is None else preferred


__all__ = ["DIALECTS", "Dialect", "device_address", "network", "recognise"]
