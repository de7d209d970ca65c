"""Dialects: one module per vendor, one entry in this table, one file of vectors."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from ..model import AttributeType, Request
from . import (
    aruba,
    cambium,
    cisco,
    eleven,
    extreme,
    fortinet,
    generic,
    hostapd,
    huawei,
    meraki,
    mikrotik,
    mist,
    omada,
    openwifi,
    ruckus,
    unifi,
    zyxel,
)
from .dialect import NAS_IDENTIFIER, USER_NAME, Decrypt, Dialect, device_address, network

# A request with two dialects in it belongs to the first one in this order: the more of a handshake a dialect's own
# attributes hold, the more specific it is, and what nobody can read comes last. Omada's say everything (both addresses
# of the access point among it), Eleven's, Meraki's and Cisco's name SSID and AA, Ruckus's need two attributes more,
# hostapd's need Called-Station-Id. Those that only look up follow.
DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (
        omada.DIALECT,
        eleven.DIALECT,
        mist.DIALECT,
        cambium.DIALECT,
        meraki.DIALECT,
        cisco.DIALECT,
        ruckus.DIALECT,
        ruckus.DIALECT_B,
        openwifi.DIALECT,
        hostapd.DIALECT,
        aruba.DIALECT,
        extreme.DIALECT,
        mikrotik.DIALECT,
        unifi.DIALECT,
        huawei.DIALECT,
        fortinet.DIALECT,
        zyxel.DIALECT,
        generic.DIALECT,
    )
}

_MARKERS: Final = frozenset(marker for dialect in DIALECTS.values() for marker in dialect.markers)
_DOUBTFUL: Final = frozenset(
    marker for dialect in DIALECTS.values() if dialect.recognises is not None for marker in dialect.markers
)
_NONE: Final[frozenset[str]] = frozenset()
_SIGNS: Final = tuple(
    (each.nas_identifier_prefix, each) for each in DIALECTS.values() if each.nas_identifier_prefix is not None
)
_KEY_NAMES: Final = tuple(each.decode_key_name for each in DIALECTS.values() if each.decode_key_name is not None)
_PROBES: Final = frozenset(each.probe_user for each in DIALECTS.values() if each.probe_user is not None)


class Recognised(NamedTuple):
    """The dialect of a request, and the names of others that it shows as well."""

    dialect: Dialect
    others: tuple[str, ...] = ()


def recognise(request: Request, profile: str) -> Recognised:
    """Return the dialect that a request's attributes show; else, as lookups look alike, that of the NAS's profile.

    Where the profile is a variant of what they show (Ruckus's other form of answer, Mist for Eleven), it is meant.
    """
    kinds = _MARKERS.intersection(request.attributes)
    if kinds:
        unproven = _NONE if kinds.isdisjoint(_DOUBTFUL) else _unproven(kinds, request)
        recognised = _choose(kinds, unproven, profile)
        if recognised is not None:
            return recognised
    preferred = DIALECTS.get(profile)
    return Recognised(_by_sign(request) if preferred is None else preferred)


def is_probe(request: Request) -> bool:
    """Return whether a device only tries whether the server lives: no person's request, in no statistics."""
    return request.first(USER_NAME) in _PROBES


def name_of_key(accounting: Request, decrypt: Decrypt) -> bytes | None:
    """Return the name under which an Accept gave the key of a session; None where the access point does not say.

    Raises DialectError, and PacketError where the value was not encrypted with this secret.
    """
    for decode in _KEY_NAMES:
        name = decode(accounting, decrypt)
        if name is not None:
            return name
    return None


def _unproven(kinds: frozenset[AttributeType], request: Request) -> frozenset[str]:
    """Return the dialects that have one of these markers, but do not take this request for theirs."""
    return frozenset(
        dialect.name
        for dialect in DIALECTS.values()
        if dialect.recognises is not None and not kinds.isdisjoint(dialect.markers) and not dialect.recognises(request)
    )


@lru_cache(maxsize=1024)  # an access point asks alike each time
def _choose(kinds: frozenset[AttributeType], unproven: frozenset[str], profile: str) -> Recognised | None:
    """Return the most specific dialect that has one of these markers, as the profile wants it."""
    shown = [each for each in DIALECTS.values() if not kinds.isdisjoint(each.markers) and each.name not in unproven]
    if not shown:
        return None
    first, preferred = shown[0], DIALECTS.get(profile)
    chosen = preferred if preferred is not None and preferred.variant_of is first else first
    return Recognised(chosen, tuple(each.name for each in shown[1:] if each is not first.variant_of))


def _by_sign(request: Request) -> Dialect:
    """Return the dialect of a lookup from a NAS without a profile."""
    identifier = request.first(NAS_IDENTIFIER)
    if identifier is not None:
        for sign, dialect in _SIGNS:
            if identifier.startswith(sign):
                return dialect
    return hostapd.DIALECT


__all__ = ["DIALECTS", "Dialect", "Recognised", "device_address", "is_probe", "name_of_key", "network", "recognise"]
