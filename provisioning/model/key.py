"""Keys: a passphrase in a keypool, with all that decides an answer."""

import enum
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from crypto import MacAddress, Pmk, check_passphrase

from ..errors import InvalidValue
from ..reasons import Reason
from .names import check_name
from .plan import ServicePlan
from .subscriber import Subscriber
from .venue import Unit
from .vlans import check_vlan
from .window import check_window


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

    def validity(self, now: datetime) -> Reason | None:
        """Return None when the key may be used at `now`, else why not, as the log prints it."""
        if self.status is KeyStatus.REMOVED:
            return Reason(f"removed {self.status_at:%Y-%m-%d}" if self.status_at else "removed", "removed")
        if self.ends is not None and now >= self.ends:
            return Reason(f"expired {self.ends:%Y-%m-%d %H:%M} UTC", "expired")
        if self.starts is not None and now < self.starts:
            return Reason(f"starts {self.starts:%Y-%m-%d %H:%M} UTC", "not-yet-valid")
        if self.status is KeyStatus.SUSPENDED:
            return Reason(f"suspended: {self.status_reason}" if self.status_reason else "suspended", "suspended")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLabel:
    """What tells a key from others. It is read without opening the row, and says as much of one that is damaged."""

    id: int
    keypool_id: int
    identity: str
    unit: str | None
    status: KeyStatus | None  # None: it cannot be read


@dataclass(frozen=True, slots=True, eq=False)
class KeyBatch:
    """PMKs of one keypool: ids int64 shape (n,), pmks uint8 shape (n, 32) in C order."""

    keypool_id: int
    ids: NDArray[np.int64]
    pmks: NDArray[np.uint8] = field(repr=False)
