"""A key without its secrets: what is decided about it, and how it is listed. Nothing of it is opened."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ..reasons import Reason
from .key import KeyStatus, refuse, refuse_subscriber
from .subscriber import SubscriberStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What was decided about a key, as it is kept: `ends` is its own, whatever removal is planned."""

    id: int
    keypool_id: int
    identity: str
    unit_id: int | None
    subscriber_id: int | None
    plan_id: int | None
    vlan: int | None
    starts: datetime | None
    ends: datetime | None
    status: KeyStatus
    status_reason: str | None
    status_at: datetime | None
    subscription_id: int | None
    tag: str | None
    external_id: str | None
    platform_id: str | None
    removes_at: datetime | None
    grace_of: int | None
    time_zone: str  # of its venue
    erased: bool  # it was removed, and its passphrase is gone

    @property
    def label(self) -> str:
        """Return what a message calls it."""
        return f"key {self.id} ({self.identity})"


class KeyRow(NamedTuple):
    """A key as a list shows it: names for ids, instants as seconds. One of a hundred thousand."""

    id: int
    keypool_id: int
    identity: str
    unit: str | None
    subscriber: str | None
    plan: str | None
    vlan: int | None
    effective_vlan: int | None
    starts: int | None
    ends: int | None  # or when it is removed, where that is earlier
    status: str
    status_reason: str | None
    status_at: int | None
    subscriber_status: str | None
    subscriber_reason: str | None
    removes_at: int | None
    grace_of: int | None
    tag: str | None
    external_id: str | None
    platform_id: str | None
    subscription_id: int | None
    card_batch_id: int | None
    time_zone: str | None

    def validity(self, now: datetime) -> Reason | None:
        """Return what `Key.validity` does of the same key."""
        if self.status == "active" and self.starts is None and self.ends is None and self.subscriber_status in _USUAL:
            return None  # nearly all
        refused = refuse(
            _Decided(
                KeyStatus(self.status),
                self.status_reason,
                _instant(self.status_at),
                _instant(self.starts),
                _instant(self.ends),
                _instant(self.removes_at),
                self.grace_of,
                self.card_batch_id,
            ),
            now,
        )
        if refused is not None or self.subscriber_status is None:
            return refused
        return refuse_subscriber(SubscriberStatus(self.subscriber_status), self.subscriber_reason)


_USUAL: Final = (None, "active")


class _Decided(NamedTuple):
    status: KeyStatus
    status_reason: str | None
    status_at: datetime | None
    starts: datetime | None
    ends: datetime | None
    removes_at: datetime | None
    grace_of: int | None
    card_batch_id: int | None


def _instant(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
