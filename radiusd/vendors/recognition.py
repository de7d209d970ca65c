"""Which dialect a request is in."""

from functools import lru_cache
from typing import Final, NamedTuple

from ..model import AttributeType, Request
from .attributes import NAS_IDENTIFIER, USER_NAME
from .dialect import Dialect
from .table import DIALECTS, UNMARKED

# A variant that asks as another dialect does is known by the NAS's profile alone.
_SHOWN: Final = tuple(
    each for each in DIALECTS.values() if each.variant_of is None or each.variant_of.markers != each.markers
)
_MARKERS: Final = frozenset(marker for each in _SHOWN for marker in each.markers)
_SHARED: Final = frozenset(marker for each in _SHOWN if each.markers_are_shared for marker in each.markers)
READS: Final[frozenset[AttributeType]] = frozenset({NAS_IDENTIFIER, USER_NAME})  # besides the markers
_PREFIXES: Final = tuple(
    (each.nas_identifier_prefix, each) for each in DIALECTS.values() if each.nas_identifier_prefix is not None
)
_PROBES: Final = frozenset(each.probe_user for each in DIALECTS.values() if each.probe_user is not None)


class Recognised(NamedTuple):
    """The dialect of a request, and the names of others that it shows as well."""

    dialect: Dialect
    others: tuple[str, ...] = ()


def recognise(request: Request, profile: str) -> Recognised:
    """Return the dialect that a request's attributes show; else, as lookups look alike, that of the NAS's profile.

    Where the profile is a variant of what they show (Ruckus's other form of answer, Mist for Eleven), it is meant.
    """
    markers = _MARKERS.intersection(request.attributes)
    if markers:
        shown = _marked(markers)
        if not markers.isdisjoint(_SHARED):
            shown = tuple(each for each in shown if each.recognises(request))
        if shown:
            return _choose(shown, profile)
    preferred = DIALECTS.get(profile)
    return Recognised(_by_nas_identifier(request) if preferred is None else preferred)


def is_probe(request: Request) -> bool:
    """Return whether a device only tries whether the server lives: no person's request, in no statistics."""
    return request.first(USER_NAME) in _PROBES


@lru_cache(maxsize=1024)  # an access point asks alike each time
def _marked(markers: frozenset[AttributeType]) -> tuple[Dialect, ...]:
    """Return the dialects that have one of these markers, the most specific first."""
    return tuple(each for each in _SHOWN if not markers.isdisjoint(each.markers))


@lru_cache(maxsize=1024)
def _choose(shown: tuple[Dialect, ...], profile: str) -> Recognised:
    """Return the most specific of these dialects, as the profile wants it."""
    first, preferred = shown[0], DIALECTS.get(profile)
    chosen = preferred if preferred is not None and preferred.variant_of is first else first
    return Recognised(chosen, tuple(each.name for each in shown[1:] if each is not first.variant_of))


def _by_nas_identifier(request: Request) -> Dialect:
    """Return the dialect of a lookup from a NAS without a profile."""
    identifier = request.first(NAS_IDENTIFIER)
    if identifier is not None:
        for prefix, dialect in _PREFIXES:
            if identifier.startswith(prefix):
                return dialect
    return UNMARKED
