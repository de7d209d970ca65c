"""What the store has of a connector's records, as plain values: what it owns, what it uses, and what is in its way."""

import enum
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, TypeAlias

from .statement import Kind


class HeldState(enum.Enum):
    """Where a key stands in the store, apart from its window."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    ERASED = "erased"  # removed so long ago that its passphrase is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldVenue:
    """A venue; `is_owned` False: one that people made, and the configuration names."""

    record: int
    id: str
    name: str
    time_zone: str | None
    nas_identifiers: tuple[str, ...]
    wireless_only_vlan_offset: int
    is_owned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPool:
    record: int
    id: str
    ssid: str
    venues: tuple[str, ...]  # those of the connector
    is_global: bool
    is_owned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlan:
    record: int
    id: str
    name: str
    download_kbps: int | None
    upload_kbps: int | None
    devices: int | None
    wireless_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldUnit:
    record: int
    id: str
    venue: str
    name: str
    building: str | None
    floor: str | None
    vlan: int | None
    is_owned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSubscriber:
    record: int
    id: str
    name: str
    external_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldKey:
    """A key; pool, unit, subscriber and plan by the platform's ids, None also for what is not of this connector.

    given:     the state that a sync gave it last; None: none did
    is_synced: that is its state still; otherwise a person has decided since, and what they decided stays
    """

    record: int
    id: str
    venue: str
    pool: str
    unit: str | None
    subscriber: str | None
    plan: str | None
    vlan: int | None
    starts: datetime | None
    ends: datetime | None
    state: HeldState
    tag: str | None = None
    external_id: str | None = None
    given: HeldState | None = None
    is_synced: bool = False
    missing_since: datetime | None = None
    missing_readings: int = 0
    label: str = ""  # what a person knows it by

    def is_overruled(self, state: HeldState) -> bool:
        """Return whether a person has taken back that a sync gave it this state."""
        return self.given is state and self.state is not state and not self.is_synced


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldNas:
    record: int
    id: str
    venue: str
    enabled: bool
    name: str


Held: TypeAlias = HeldVenue | HeldPool | HeldPlan | HeldUnit | HeldSubscriber | HeldKey | HeldNas
Place: TypeAlias = tuple[str, str | None, str | None, str]  # the platform's venue, building, floor, name


@dataclass(frozen=True, slots=True)
class Taken:
    """A unit where one of the connector's would be. owner: its connector, and the id there; None: people made it."""

    record: int
    owner: tuple[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """All of it. Keys of the mappings are the platform's ids.

    venue_names: of all venues, whoever's they are
    plan_names:  of all service plans
    taken:       units in the connector's venues that are not its own, and whose they are
    pools_there: keypools that people made, by venue and SSID; WHOLE for those of all venues
    nas_places:  ids of the NASes whose address and secret are configured
    is_first:    nothing of this connector was ever accepted
    """

    connector: str
    is_first: bool
    venues: Mapping[str, HeldVenue] = field(default_factory=dict)
    pools: Mapping[str, HeldPool] = field(default_factory=dict)
    plans: Mapping[str, HeldPlan] = field(default_factory=dict)
    units: Mapping[str, HeldUnit] = field(default_factory=dict)
    subscribers: Mapping[str, HeldSubscriber] = field(default_factory=dict)
    keys: Mapping[str, HeldKey] = field(default_factory=dict)
    nases: Mapping[str, HeldNas] = field(default_factory=dict)
    venue_names: frozenset[str] = frozenset()
    plan_names: frozenset[str] = frozenset()
    taken: Mapping[Place, Taken] = field(default_factory=dict)
    pools_there: Mapping[tuple[str, str], int] = field(default_factory=dict)
    nas_places: frozenset[str] = frozenset()
    last_complete: datetime | None = None

    def of(self, kind: Kind) -> Mapping[str, Held]:
        """Return the records of a kind."""
        return getattr(self, _NAMES[kind])  # type: ignore[no-any-return]

    def count_units(self) -> Counter[str]:
        """Return how many units each venue of the connector has, whoever's they are."""
        counts = Counter(held.venue for held in self.units.values())
        counts.update(venue for venue, *_ in self.taken)
        return counts

    def digest(self) -> str:
        """Return what changes when anything that a plan is made from does, readings that found a key missing aside."""
        total = hashlib.sha256(self.connector.encode())
        for kind in Kind:
            held, values = self.of(kind), _VALUES[kind]
            for id_ in sorted(held):
                total.update(repr(values(held[id_])).encode("utf-8", "backslashreplace"))
        for others in (
            sorted(self.taken.items(), key=repr),
            sorted(self.pools_there.items()),
            sorted(self.venue_names),
            sorted(self.plan_names),
            sorted(self.nas_places),
        ):
            total.update(repr(others).encode("utf-8", "backslashreplace"))
        return total.hexdigest()


_NAMES: Final = {
    Kind.VENUE: "venues",
    Kind.POOL: "pools",
    Kind.PLAN: "plans",
    Kind.UNIT: "units",
    Kind.SUBSCRIBER: "subscribers",
    Kind.KEY: "keys",
    Kind.NAS: "nases",
}
_PASSING: Final = frozenset({"missing_since", "missing_readings", "label"})  # what no plan is made from
_VALUES: Final[Mapping[Kind, Callable[[Any], tuple[Any, ...]]]] = {
    kind: attrgetter(*(each.name for each in fields(type_) if each.name not in _PASSING))
    for kind, type_ in (
        (Kind.VENUE, HeldVenue),
        (Kind.POOL, HeldPool),
        (Kind.PLAN, HeldPlan),
        (Kind.UNIT, HeldUnit),
        (Kind.SUBSCRIBER, HeldSubscriber),
        (Kind.KEY, HeldKey),
        (Kind.NAS, HeldNas),
    )
}
