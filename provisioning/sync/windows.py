"""Windows of validity as the store keeps them and as a person reads them."""

from datetime import UTC, datetime
from functools import lru_cache

from ..errors import InvalidValue
from ..model.rules.zones import parse_zone, render_instant
from .holdings import HeldState, Holdings
from .statement import Reading, SaidVenue


def whole(at: datetime | None) -> datetime | None:
    """Return an instant as the store keeps it: UTC, whole seconds."""
    if at is None or (at.tzinfo is UTC and not at.microsecond):
        return at
    return at.astimezone(UTC).replace(microsecond=0)


def is_live(state: HeldState, ends: datetime | None, now: datetime) -> bool:
    """Return whether somebody gets in with such a key, now or at a time to come."""
    return state is HeldState.ACTIVE and (ends is None or now < ends)


def zone_of(reading: Reading, holdings: Holdings, venue: str) -> str:
    """Return the name of the zone whose days a venue's people go by."""
    said, held = reading.get(SaidVenue, venue), holdings.venues.get(venue)
    return (held.time_zone if held else None) or (said.time_zone if said else None) or "UTC"


@lru_cache(maxsize=4096)
def day(at: datetime | None, zone: str) -> str | None:
    """Return an instant as it is called there, to the second; None for an open end."""
    if at is None:
        return None
    try:
        return render_instant(at.replace(microsecond=0), parse_zone(zone))
    except InvalidValue:
        return f"{at:%Y-%m-%d %H:%M} UTC"
