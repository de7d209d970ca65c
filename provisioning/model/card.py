"""Scratch cards: keys that are made before anybody has them, in batches. The limits are VAULT's."""

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from ..errors import InvalidValue
from .key import KeyStatus, refuse
from .rules.names import check_name
from .rules.zones import end_of_day, start_of_day

MOST_CARDS: Final = 100  # of one batch
MOST_AHEAD: Final = timedelta(days=90)  # from the making of a batch to its start
MOST_EXTENSION_H: Final = 8760
_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardBatch:
    """Cards that were made together. Each card is a key, and ends for itself."""

    id: int
    created_at: datetime  # with milliseconds: what VAULT knows a batch by
    keypool_id: int
    venue_id: int | None
    prefix: str
    count: int
    starts: datetime | None
    ends: datetime  # as it was made; a card may have been extended
    plan_id: int | None
    invalidated_at: datetime | None  # all of it

    def __post_init__(self) -> None:
        check_count(self.count)
        if self.prefix:
            check_name(self.prefix, "prefix")

    @property
    def name(self) -> str:
        """Return VAULT's ScratchCard_BatchID."""
        return batch_name(self.created_at)

    @property
    def label(self) -> str:
        """Return what a message calls it."""
        return f"batch {self.id} ({self.name})"


class CardState(enum.Enum):
    """What a card is good for now."""

    VALID = "valid"
    NOT_YET_VALID = "not-yet-valid"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchCard:
    """A card of a batch, without its passphrase. Its window is half open."""

    number: int  # in its batch, from 1
    key_id: int
    card_batch_id: int
    identity: str
    starts: datetime | None
    ends: datetime | None  # its own, whatever removal is planned
    status: KeyStatus
    status_reason: str | None
    status_at: datetime | None
    removes_at: datetime | None
    tag: str | None
    used_at: datetime | None  # when a device was first seen with it
    devices: int  # that were seen with it
    grace_of: None = None  # not a former passphrase

    def state(self, now: datetime) -> CardState:
        """Return what the card is at `now`."""
        refused = refuse(self, now)
        if refused is None:
            return CardState.VALID
        return CardState.INVALIDATED if refused.code == "removed" else CardState(refused.code)

    def is_over(self, now: datetime) -> bool:
        """Return whether nobody will get in with it any more."""
        return self.state(now) in (CardState.INVALIDATED, CardState.EXPIRED)

    @property
    def invalidated_at(self) -> datetime | None:
        return self.status_at if self.status is KeyStatus.REMOVED else None


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """How the cards of a batch are at a time."""

    valid: int
    invalidated: int
    used: int
    ends: datetime | None  # the last of those that were not invalidated


def batch_name(created_at: datetime) -> str:
    """Return the instant of a batch as VAULT writes it: 2025-09-01T10:30:25.123Z."""
    at = created_at.astimezone(UTC)
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def parse_batch_name(text: str) -> datetime:
    """Return the instant of a batch, in UTC and whole milliseconds; UTC is meant where the text does not say."""
    try:
        at = datetime.fromisoformat(text.strip()) if len(text) <= 40 and "T" in text.upper() else None
        if at is not None:
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
            return whole_ms(at)
    except (ValueError, OverflowError):
        pass
    raise InvalidValue(f"{text[:40]!r} is not the instant of a batch, such as 2026-11-21T10:30:25.123Z")


def whole_ms(at: datetime) -> datetime:
    return at - timedelta(microseconds=at.microsecond % 1000)


def next_name(created_at: datetime) -> datetime:
    """Return the instant that the next batch may have."""
    return created_at + _MS


def check_count(count: int) -> None:
    if not 1 <= count <= MOST_CARDS:
        more = ": make another batch for more" if count > MOST_CARDS else ""
        raise InvalidValue(f"count of cards must be 1 to {MOST_CARDS}, got {count}{more}")


def check_begin(starts: datetime | None, now: datetime) -> None:
    """Raise InvalidValue where cards would begin too far ahead."""
    if starts is not None and starts > now + MOST_AHEAD:
        raise InvalidValue(
            f"start of the cards must be at most {MOST_AHEAD.days} days ahead, got {starts:%Y-%m-%d %H:%M} UTC"
        )


def check_extension(hours: int) -> None:
    if not 1 <= hours <= MOST_EXTENSION_H:
        raise InvalidValue(f"hours to extend cards by must be 1 to {MOST_EXTENSION_H}, got {hours}")


def end_after(
    starts: datetime | None, now: datetime, zone: tzinfo, *, hours: int | None = None, days: int | None = None
) -> datetime:
    """Return when cards end that are good for so many hours, or whole days, from their start or, without one, now.

    days: by the venue's calendar, through the end of the last one; what is left of a day that has begun is on top
    """
    first = (starts or now).replace(microsecond=0)
    amount, unit = (days, "days") if hours is None else (hours, "hours")
    assert amount is not None  # noqa: S101 (one of the two is given)
    if amount < 1:
        raise InvalidValue(f"{unit} that cards are good for must be 1 or more, got {amount}")
    try:
        if unit == "hours":
            return first + timedelta(hours=amount)
        day = first.astimezone(zone).date()
        is_whole = first == start_of_day(day, zone)
        return end_of_day(day + timedelta(days=amount - is_whole), zone)
    except OverflowError:
        raise InvalidValue(f"{unit} that cards are good for: {amount} end after the year 9999") from None
