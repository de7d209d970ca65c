"""What one reading of VAULT knows so far: shared by the steps of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Final, TypeVar

from ...sync import WHOLE, Kind, Reading
from ..exchange import Known
from ..fields import BadRecord, day_ends, day_starts, find_id, name_record
from ..settings import ConnectorSettings
from .session import SIDE_BY_SIDE, Session
from .stays import Stay

T = TypeVar("T")
GLOBAL: Final = "global"
# Members by which a person finds a record without an id.
SHOWN: Final = ("GivenName", "FamilyName", "SubscriptionID", "KeyTag", "UnitID", "UnitID_internal")


@dataclass(slots=True)
class Place:
    """A unit, until its VLAN is known as well as it will be; `is_sure` False: that is not how the platform has it."""

    id: str
    venue: str
    name: str | None
    building: str | None
    floor: str | None
    vlan: int | None
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Pool:
    """A keypool that is searched, and where."""

    id: str
    ssid: str
    is_global: bool
    venues: tuple[str, ...]
    order: int | None

    def is_at(self, venue: str) -> bool:
        return self.is_global or venue in self.venues


@dataclass
class Run:
    """One reading.

    venues:         those that are read, in the platform's order
    unsure_windows: venues whose subscriptions were not all read: no window there is changed by what is missing
    unsure_people:  the same of single subscribers
    not_searched:   keypools whose keys are left out, and why
    """

    settings: ConnectorSettings
    session: Session
    reading: Reading
    known: Known
    venues: tuple[str, ...] = ()
    zones: dict[str, tzinfo] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    units: dict[str, Place] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    not_searched: dict[str, str] = field(default_factory=dict)
    has_plans: bool = False
    has_controllers: bool = False  # a keypool names one
    has_subscribers: bool = False
    devices: dict[tuple[str, str], str] = field(default_factory=dict)  # keypool and address -> key
    stays: dict[str, list[Stay]] = field(default_factory=dict)  # by subscriber
    unsure_windows: set[str] = field(default_factory=set)
    unsure_people: set[str] = field(default_factory=set)

    @property
    def now(self) -> datetime:
        return self.reading.at

    def window(
        self, starts: datetime | date | None, ends: datetime | date | None, venue: str
    ) -> tuple[datetime | None, datetime | None]:
        """Return a window's instants: plain days begin and are over at the venue. InvalidValue where they have none."""
        zone = self.zones.get(venue, UTC)
        return (
            starts if starts is None or isinstance(starts, datetime) else day_starts(starts, zone),
            ends if ends is None or isinstance(ends, datetime) else day_ends(ends, zone),
        )

    def unreadable(self, kind: Kind, bad: Sequence[BadRecord], names: Sequence[str], venue: str = WHOLE) -> None:
        """Note records that cannot be read, with their ids where these can."""
        for each in bad:
            id_ = find_id(each.raw, names)
            text = each.text if id_ is not None else f"{each.text}: {name_record(each, kind.value, SHOWN)}"
            self.reading.unreadable(kind, id_, venue, text, field=each.field)

    def is_counted(self, count: int | None, ids: int, venue: str, what: str) -> bool:
        """Return whether as many records came as the platform counts; else the venue is read in part."""
        if count is None or count == ids:
            return count is not None
        self.reading.partial(venue, f"{what}: {ids} different ones came of {count}")
        return False


def chunks(items: Sequence[T], size: int = SIDE_BY_SIDE) -> Iterator[Sequence[T]]:
    """Yield the items in parts that one list of requests may have."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
