"""Whose keys they are, and for how long of which unit."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from crypto import MacAddress

from .rules.names import check_name
from .rules.window import check_window


class SubscriberStatus(enum.Enum):
    """What was decided about a subscriber; but an active one's keys may not be used."""

    ACTIVE = "active"
    PENDING = "pending"
    SUSPENDED = "suspended"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """The person or account a key belongs to."""

    id: int
    name: str
    token: str = ""  # what other systems call it
    suffix: str = ""  # appended to the part of a passphrase that they choose
    external_id: str | None = None
    status: SubscriberStatus = SubscriberStatus.ACTIVE
    status_reason: str | None = None
    status_at: datetime | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "subscriber name")
        if self.external_id is not None:
            check_name(self.external_id, "external id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A tenancy: a unit, a plan and a window that the subscriber's keys of it share."""

    id: int
    subscriber_id: int
    unit_id: int | None
    plan_id: int | None
    starts: datetime | None
    ends: datetime | None
    external_id: str | None = None

    def __post_init__(self) -> None:
        check_window(self.starts, self.ends, "subscription")


class SubscriberRow(NamedTuple):
    """A subscriber as a list shows it, instants as seconds. One of a hundred thousand."""

    id: int
    token: str
    name: str
    external_id: str | None
    status: str
    status_reason: str | None
    status_at: int | None
    units: tuple[str, ...]  # of the subscriptions that have not ended; of who has none, of the keys
    ends: int | None  # of the subscription that ends last; None: of none, or there is none
    keys: int  # removed ones, and former passphrases, aside


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedDevice:
    """A device that a subscriber may use; who has any may use no others."""

    id: int
    subscriber_id: int
    mac: MacAddress
    name: str | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedNas:
    """A NAS, by its NAS-Identifier, that a subscriber may use; who has any may use no others."""

    id: int
    subscriber_id: int
    nas_identifier: str
    name: str | None
    until: datetime | None

    def __post_init__(self) -> None:
        check_name(self.nas_identifier, "NAS-Identifier")


@dataclass(frozen=True, slots=True)
class Whitelists:
    """What a subscriber may use. None: anything. What has run out still says that there is a list."""

    devices: tuple[tuple[MacAddress, datetime | None], ...] | None = None
    nases: tuple[tuple[str, datetime | None], ...] | None = None
