"""Subscriptions as stretches of time in a unit, and which of a subscriber's counts for a key."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ...sync import Standing
from .statuses import ACTIVE, State

_GAP: Final = timedelta(seconds=1)  # a day ends at 23:59:59, and the next begins at 00:00:00
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_PREFERRED: Final = (Standing.ACTIVE, Standing.UNKNOWN, Standing.SUSPENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A subscription: half open, None is without an end on that side."""

    id: str | None
    venue: str
    unit: str | None
    plan: str | None
    external_id: str | None
    starts: datetime | None
    ends: datetime | None
    state: State = ACTIVE

    def holds(self, at: datetime) -> bool:
        return self._from <= at < self._until

    def is_over(self, at: datetime) -> bool:
        return self._until <= at

    @property
    def _from(self) -> datetime:
        return self.starts or _FIRST

    @property
    def _until(self) -> datetime:
        return self.ends or _LAST

    def meets(self, starts: datetime | None, ends: datetime | None) -> bool:
        """Return whether a window has an instant of the stay."""
        return self._from < (ends or _LAST) and (starts or _FIRST) < self._until

    def touches(self, other: "Stay") -> bool:
        """Return whether nobody would notice a time between the two."""
        return self._from <= _later(other._until) and other._from <= _later(self._until)

    def with_(self, other: "Stay") -> "Stay":
        """Return this stay, as long as the two together."""
        starts = None if self.starts is None or other.starts is None else min(self.starts, other.starts)
        ends = None if self.ends is None or other.ends is None else max(self.ends, other.ends)
        return replace(self, starts=starts, ends=ends)


def choose(stays: Sequence[Stay], now: datetime) -> Stay:
    """Return the stay that counts now: the present one, else the next, else the last, as long as it goes on.

    One that goes on without a gap in another of the same state is one stay: nobody is shut out between the two.
    Ended ones count where there are no others.
    """
    live = [stay for stay in stays if stay.state.standing is not Standing.ENDED]
    if not live:
        return max(stays, key=lambda stay: stay.ends or stay.starts or _FIRST)
    present = [stay for stay in live if stay.holds(now)]
    if present:
        chosen = min(present, key=lambda stay: _PREFERRED.index(stay.state.standing))
    elif later := [stay for stay in live if stay.starts is not None and stay.starts > now]:
        chosen = min(later, key=lambda stay: stay.starts or _FIRST)
    else:
        chosen = max(live, key=lambda stay: stay.ends or _LAST)
    others = [stay for stay in live if stay is not chosen and stay.state == chosen.state]
    grows = True
    while grows:
        near = [stay for stay in others if stay.touches(chosen)]
        others = [stay for stay in others if not stay.touches(chosen)]
        for stay in near:
            chosen = chosen.with_(stay)
        grows = bool(near)
    return chosen


def of_key(
    stays: Sequence[Stay], unit: str | None, venue: str | None, units_of_keys: frozenset[str | None]
) -> list[Stay]:
    """Return those of a subscriber's stays that a key is for.

    They are those in its unit; without any, those in the one unit of its venue that no other of the subscriber's keys
    is for: the key has not followed yet.
    """
    here = [stay for stay in stays if venue is None or stay.venue == venue]
    if unit is not None and (found := [stay for stay in here if stay.unit == unit]):
        return found
    others = [stay for stay in here if stay.unit not in units_of_keys]
    return others if len({(stay.venue, stay.unit) for stay in others}) == 1 else []


def _later(at: datetime) -> datetime:
    return at if at > _LAST - _GAP else at + _GAP
