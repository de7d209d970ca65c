"""Keys: a passphrase in a keypool, with all that decides an answer."""

import enum
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from crypto import MacAddress, Pmk, check_passphrase

from ..errors import InvalidValue
from ..reasons import Reason
from .plan import ServicePlan
from .rules.names import check_name
from .rules.vlans import check_vlan
from .rules.window import check_window
from .rules.zones import parse_zone
from .subscriber import Subscriber, SubscriberStatus, Whitelists
from .venue import Unit

T = TypeVar("T")

NO_WHITELISTS: Final = Whitelists()
MOST_TAG: Final = 40  # characters, as VAULT's KeyTag


class KeyStatus(enum.Enum):
    """What the operator decided about a key; a removed key is kept so that the log can say so."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Passphrase:
    """8 to 63 printable ASCII octets, or 64 hex digits: the PMK itself (IEEE Std 802.11 J.4)."""

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        try:
            check_passphrase(self.value)
        except ValueError as error:
            raise InvalidValue(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOrigin:
    """What a key belongs to, and what it is elsewhere: apart, since most of a million keys have none of it."""

    subscriber_id: int | None = None  # rather than by name
    subscription_id: int | None = None
    card_batch_id: int | None = None
    grace_of: int | None = None  # the key whose former passphrase this is
    tag: str | None = None
    external_id: str | None = None
    platform_id: str | None = None  # the platform's own id of it
    status: KeyStatus = KeyStatus.ACTIVE  # suspended: there, too

    def __post_init__(self) -> None:
        for text, what in ((self.tag, "tag"), (self.external_id, "external id"), (self.platform_id, "platform id")):
            if text is not None:
                check_name(text, what)
        if self.tag is not None and len(self.tag) > MOST_TAG:
            raise InvalidValue(f"tag has {len(self.tag)} characters, more than {MOST_TAG}")


NO_ORIGIN: Final = KeyOrigin()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDraft:
    """A key as an administrator or a file describes it, before it has an id and a PMK."""

    identity: str | None = None  # None: the store names it after its id
    passphrase: Passphrase
    unit_id: int | None = None
    subscriber: str | None = None
    plan_id: int | None = None
    vlan: int | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    devices: tuple[MacAddress, ...] = ()
    origin: KeyOrigin = NO_ORIGIN

    def __post_init__(self) -> None:
        if self.identity is not None:
            check_name(self.identity, "identity")
        if self.subscriber is not None:
            check_name(self.subscriber, "subscriber name")
        check_vlan(self.vlan)
        check_window(self.starts, self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One passphrase in one keypool, with all that decides an answer. Its window is half open: starts <= now < ends."""

    id: int
    keypool_id: int
    identity: str
    passphrase: Passphrase
    pmk: Pmk
    unit: Unit | None
    subscriber: Subscriber | None
    plan: ServicePlan | None
    vlan: int | None
    effective_vlan: int | None
    starts: datetime | None
    ends: datetime | None
    status: KeyStatus
    status_reason: str | None
    status_at: datetime | None
    erased: bool = False  # removed so long ago that passphrase and PMK are gone: zeros stand for them
    subscription_id: int | None = None
    tag: str | None = None
    external_id: str | None = None
    platform_id: str | None = None
    removes_at: datetime | None = None  # it is removed then; `ends` is no later
    grace_of: int | None = None  # the key whose former passphrase this is
    card_batch_id: int | None = None
    time_zone: str = "UTC"  # of its venue
    whitelists: Whitelists = NO_WHITELISTS

    def validity(self, now: datetime) -> Reason | None:
        """Return None when the key may be used at `now`, else why not, as the log prints it."""
        refused = refuse(self, now)
        if refused is not None or self.subscriber is None:
            return refused
        return refuse_subscriber(self.subscriber.status, self.subscriber.status_reason)

    def refusal(self, device: MacAddress, nas_names: Container[str], now: datetime) -> Reason | None:
        """Return None when this device may use the key at a NAS of these names now, else why not.

        nas_names: what the NAS is known by, upper case aside: in lower case
        """
        invalid = self.validity(now)
        if invalid is not None:
            return invalid
        plan = self.plan
        if plan is not None and plan.hours is not None and not plan.hours.allows(now, parse_zone(self.time_zone)):
            return Reason(f"outside the hours of plan {plan.name}: {plan.hours}", "outside-hours")
        if self.whitelists is NO_WHITELISTS:
            return None
        devices, nases = self.whitelists.devices, self.whitelists.nases
        if devices is not None and not _listed(devices, (device,), now):
            return Reason("this device is not on the subscriber's whitelist", "device-not-allowed")
        if nases is not None and not _listed([(name.lower(), until) for name, until in nases], nas_names, now):
            return Reason("this NAS is not on the subscriber's whitelist", "nas-not-allowed")
        return None

    def usable_until(self, device: MacAddress, nas_names: Container[str], now: datetime) -> datetime | None:
        """Return when what lets this device use the key now, at a NAS of these names, ends by itself, else None."""
        bounds = [self.ends]
        if self.plan is not None and self.plan.hours is not None:
            bounds.append(self.plan.hours.until(now, parse_zone(self.time_zone)))
        devices = [until for each, until in self.whitelists.devices or () if each == device]
        nases = [until for name, until in self.whitelists.nases or () if name.lower() in nas_names]
        bounds += [max(filter(None, ends)) for ends in (devices, nases) if ends and None not in ends]
        return min((each for each in bounds if each is not None), default=None)

    @property
    def depends_on_nas(self) -> bool:
        """Return whether one NAS may be refused what another gets."""
        return self.whitelists.nases is not None


def _listed(allowed: Sequence[tuple[T, datetime | None]], shown: Container[T], now: datetime) -> bool:
    return any(each in shown and (until is None or now < until) for each, until in allowed)


class Decided(Protocol):
    """What was decided about a key, whoever's it is."""

    @property
    def status(self) -> KeyStatus: ...
    @property
    def status_reason(self) -> str | None: ...
    @property
    def status_at(self) -> datetime | None: ...
    @property
    def starts(self) -> datetime | None: ...
    @property
    def ends(self) -> datetime | None: ...
    @property
    def removes_at(self) -> datetime | None: ...
    @property
    def grace_of(self) -> int | None: ...
    @property
    def card_batch_id(self) -> int | None: ...


def refuse(key: Decided, now: datetime) -> Reason | None:
    """Return why nobody may use the key at `now`, None where nothing in the key itself forbids it."""
    if key.grace_of is not None and key.ends is not None and now >= key.ends:
        return Reason(f"the passphrase was changed, and the former one ended {key.ends:%Y-%m-%d %H:%M} UTC", "reset")
    if key.status is KeyStatus.REMOVED:
        what = "removed" if key.card_batch_id is None else "card invalidated"
        return Reason(f"{what} {key.status_at:%Y-%m-%d}" if key.status_at else what, "removed")
    if key.removes_at is not None and now >= key.removes_at:
        return Reason(f"removed {key.removes_at:%Y-%m-%d}", "removed")
    if key.ends is not None and now >= key.ends:
        return Reason(f"expired {key.ends:%Y-%m-%d %H:%M} UTC", "expired")
    if key.starts is not None and now < key.starts:
        return Reason(f"starts {key.starts:%Y-%m-%d %H:%M} UTC", "not-yet-valid")
    if key.status is KeyStatus.SUSPENDED:
        return Reason(f"suspended: {key.status_reason}" if key.status_reason else "suspended", "suspended")
    return None


def refuse_subscriber(status: SubscriberStatus, reason: str | None) -> Reason | None:
    """Return why nobody may use the keys of a subscriber, None for an active one."""
    if status is SubscriberStatus.ACTIVE:
        return None
    code = "suspended" if status is SubscriberStatus.SUSPENDED else f"subscriber-{status.value}"
    return Reason(f"subscriber {status.value}: {reason}" if reason else f"subscriber {status.value}", code)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLabel:
    """What tells a key from others. It is read without opening the row, and says as much of one that is damaged."""

    id: int
    keypool_id: int
    identity: str
    unit: str | None
    status: KeyStatus | None  # None: it cannot be read
    grace_of: int | None = None  # the key whose former passphrase this is


@dataclass(frozen=True, slots=True, eq=False)
class KeyBatch:
    """PMKs of one keypool: ids int64 shape (n,), pmks uint8 shape (n, 32) in C order."""

    keypool_id: int
    ids: NDArray[np.int64]
    pmks: NDArray[np.uint8] = field(repr=False)
