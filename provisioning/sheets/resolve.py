"""What a sheet's rows mean where they are imported: which keypool, unit and plan a name is, and which instant a date.

No message holds a cell: where columns were swapped, the name of a unit is a passphrase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import TypeVar

from crypto import MacAddress

from ..errors import InvalidValue, Refusal
from ..model import Keypool, KeyStatus, Passphrase, Scope, ServicePlan, Unit, Venue
from ..model.rules.window import check_window
from ..model.rules.zones import parse_instant
from .sheet import SheetRow

Named = TypeVar("Named", Venue, ServicePlan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What there is to name, and what is meant where a row names nothing."""

    venues: Sequence[Venue]
    units: Sequence[Unit]
    keypools: Sequence[Keypool]
    plans: Sequence[ServicePlan]
    zones: Mapping[int, tzinfo] = field(default_factory=lambda: MappingProxyType({}))  # by venue
    zone: tzinfo = UTC  # where no venue is meant
    keypool_id: int | None = None  # of a row that names neither pool nor venue
    pool: str | None = None  # by SSID or id, of a row that names a venue alone
    venue: str | None = None


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit that a sheet names and that is not there."""

    venue_id: int
    name: str
    building: str | None
    floor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedKey:
    """One key as it shall be. What is None is absent, or its field has no column."""

    line: int
    keypool_id: int
    identity: str
    passphrase: Passphrase | None = None
    macs: tuple[MacAddress, ...] = ()
    vlan: int | None = None
    unit: int | NewUnit | None = None
    plan_id: int | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    subscriber: str | None = None
    external_id: str | None = None
    tag: str | None = None
    status: KeyStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What came of a sheet's rows."""

    rows: tuple[WantedKey, ...]
    refusals: tuple[Refusal, ...]
    new_units: tuple[NewUnit, ...]


def resolve_rows(rows: Sequence[SheetRow], places: Places, *, create_units: bool = False) -> Resolved:
    """Return the rows with what they name, in their order; refuse those that name what is not there.

    create_units: units that are not there are to be made
    """
    resolver = _Resolver(places, create_units=create_units)
    kept: list[WantedKey] = []
    refusals: list[Refusal] = []
    macs: dict[tuple[int, MacAddress], int] = {}
    for row in rows:
        try:
            found = resolver.row(row)
            for mac in found.macs:
                if (line := macs.setdefault((found.keypool_id, mac), row.line)) != row.line:
                    raise ValueError(f"same MAC address as line {line}")
        except ValueError as error:
            refusals.append(Refusal(row.line, str(error)))
        else:
            kept.append(found)
    new = {row.unit: None for row in kept if isinstance(row.unit, NewUnit)}
    return Resolved(rows=tuple(kept), refusals=tuple(refusals), new_units=tuple(new))


class _Resolver:
    """Finds what rows name; the same names again and again."""

    def __init__(self, places: Places, *, create_units: bool) -> None:
        self._places = places
        self._create_units = create_units
        self._venues = _by_name(places.venues)
        self._plans = _by_name(places.plans)
        self._venue_of = {venue.id: venue for venue in places.venues}
        self._default = next((pool for pool in places.keypools if pool.id == places.keypool_id), None)
        self._units: dict[str, list[Unit]] = {}
        for unit in places.units:
            self._units.setdefault(unit.name.casefold(), []).append(unit)
        self._pools: dict[tuple[str | None, str | None], Keypool] = {}
        self._found_units: dict[tuple[int, int | None, str, str | None, str | None], Unit | None] = {}
        self._instants: dict[tuple[str, str, tzinfo], datetime] = {}
        self._new_units: dict[tuple[int, str, str], list[NewUnit]] = {}

    def row(self, row: SheetRow) -> WantedKey:
        """Return what a row means; ValueError names the field that means nothing."""
        venue = self._venue(row.venue)
        pool = self._pool(row.pool, row.venue)
        unit = self._unit(row, pool, venue)
        venue_id = unit.venue_id if unit is not None else _venue_of(pool, venue)
        zone = self._places.zone if venue_id is None else self._places.zones.get(venue_id, self._places.zone)
        starts, ends = self._instant(row.starts, "starts", zone), self._instant(row.ends, "ends", zone)
        check_window(starts, ends)
        plan = None if row.plan is None else _one(self._plans, row.plan, "plan")
        if plan is not None and plan.wireless_only and venue_id is not None:
            own = row.vlan if row.vlan is not None or not isinstance(unit, Unit) else unit.vlan
            if own is not None and own + self._venue_of[venue_id].wireless_only_vlan_offset > 4094:
                raise ValueError("vlan: more than 4094 with the venue's offset for wireless-only plans")
        return WantedKey(
            line=row.line,
            keypool_id=pool.id,
            identity=row.identity,
            passphrase=row.passphrase,
            macs=row.macs,
            vlan=row.vlan,
            unit=unit.id if isinstance(unit, Unit) else unit,
            plan_id=None if plan is None else plan.id,
            starts=starts,
            ends=ends,
            subscriber=row.subscriber,
            external_id=row.external_id,
            tag=row.tag,
            status=row.status,
        )

    def _instant(self, text: str | None, name: str, zone: tzinfo) -> datetime | None:
        if text is None:
            return None
        key = (text, name, zone)
        if key not in self._instants:
            try:
                self._instants[key] = parse_instant(text, zone, end_of_day=name == "ends")
            except InvalidValue as error:
                raise ValueError(f"{name}: {error}") from None
        return self._instants[key]

    def _venue(self, name: str | None) -> Venue | None:
        name = name if name is not None else self._places.venue
        return None if name is None else _one(self._venues, name, "venue")

    def _pool(self, ssid: str | None, venue_name: str | None) -> Keypool:
        key = (ssid, venue_name)
        if key == (None, None) and self._default is not None:
            return self._default
        if key not in self._pools:
            self._pools[key] = self._find_pool(ssid if ssid is not None else self._places.pool, self._venue(venue_name))
        return self._pools[key]

    def _find_pool(self, ssid: str | None, venue: Venue | None) -> Keypool:
        pools: Sequence[Keypool] = self._places.keypools
        if ssid is not None:
            named = [pool for pool in pools if str(pool.ssid) == ssid]
            if not named and ssid.isascii() and ssid.isdigit():
                named = [pool for pool in pools if pool.id == int(ssid)]
            pools = named
        if venue is not None:
            pools = [pool for pool in pools if venue.id in pool.venue_ids] or [
                pool for pool in pools if pool.scope is Scope.GLOBAL
            ]
        if not pools:
            raise ValueError("pool: there is none of that SSID" + (" at the venue" if venue is not None else ""))
        if len(pools) > 1:
            raise ValueError(f"pool: {len(pools)} keypools may be meant: name the SSID, and the venue")
        return pools[0]

    def _unit(self, row: SheetRow, pool: Keypool, venue: Venue | None) -> Unit | NewUnit | None:
        if row.unit is None:
            return None
        venue_id = _venue_of(pool, venue)
        key = (pool.id, venue_id, row.unit, row.building, row.floor)
        if key not in self._found_units:
            self._found_units[key] = self._find_unit(row, pool, venue_id)
        unit = self._found_units[key]
        if unit is not None:
            return unit
        if not self._create_units:
            raise ValueError("unit: there is none of that name: --create-units makes it")
        if venue_id is None:
            raise ValueError("unit: there is none of that name, and no venue is named to make it at")
        return self._new_unit(NewUnit(venue_id, row.unit, row.building, row.floor))

    def _new_unit(self, unit: NewUnit) -> NewUnit:
        """Return the unit to be made, which an earlier row may have named."""
        name = (unit.venue_id, unit.name.casefold(), (unit.building or "").casefold())
        known = self._new_units.setdefault(name, [])
        for each in known:
            if unit.floor is None or (each.floor or "").casefold() == unit.floor.casefold():
                return each
        known.append(unit)
        return unit

    def _find_unit(self, row: SheetRow, pool: Keypool, venue_id: int | None) -> Unit | None:
        """Return the unit of that name, or of BUILDING/UNIT, None where there is none."""
        name, building = row.unit or "", row.building
        found = self._units.get(name.casefold(), [])
        if building is None and not found and "/" in name:
            building, _, name = name.rpartition("/")
            found = self._units.get(name.casefold(), [])
        if venue_id is not None:
            found = [unit for unit in found if unit.venue_id == venue_id]
        elif pool.scope is Scope.LOCAL:
            found = [unit for unit in found if unit.venue_id in pool.venue_ids]
        found = _narrowed(found, "building", building)
        found = _narrowed(found, "floor", row.floor)
        found = [unit for unit in found if unit.name == name] or found
        if len(found) > 1:
            raise ValueError(f"unit: {len(found)} have that name: name the building or floor, and the venue")
        return found[0] if found else None


def _narrowed(units: list[Unit], where: str, name: str | None) -> list[Unit]:
    """Return the units of that building or floor; with none, those of which it is not known."""
    if name is None:
        return units
    exact = [unit for unit in units if (getattr(unit, where) or "").casefold() == name.casefold()]
    return exact or [unit for unit in units if getattr(unit, where) is None]


def _by_name(things: Sequence[Named]) -> dict[str, list[Named]]:
    named: dict[str, list[Named]] = {}
    for thing in things:
        named.setdefault(thing.name.casefold(), []).append(thing)
    return named


def _one(things: Mapping[str, list[Named]], name: str, what: str) -> Named:
    """Return the thing of that name, or the only one that differs in case; ValueError for none and for several."""
    found = things.get(name.casefold(), [])
    found = [thing for thing in found if thing.name == name] or found
    if len(found) != 1:
        raise ValueError(f"{what}: {'there is none' if not found else f'there are {len(found)}'} of that name")
    return found[0]


def _venue_of(pool: Keypool, venue: Venue | None) -> int | None:
    """Return the venue of a row: the one it names, else the keypool's only one."""
    if venue is not None:
        return venue.id
    return pool.venue_ids[0] if len(pool.venue_ids) == 1 else None
