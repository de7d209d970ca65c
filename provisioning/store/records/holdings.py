# ruff: noqa: S608 (names of columns are ours; values are parameters)
"""What the store has of a connector's records, read together for the reconciler."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from ...sync import (
    WHOLE,
    HeldKey,
    HeldNas,
    HeldPlan,
    HeldPool,
    HeldState,
    HeldSubscriber,
    HeldUnit,
    HeldVenue,
    Holdings,
    Kind,
    Place,
    Taken,
)
from ..files.database import Database
from ..rows import Row, load_instant

H = TypeVar("H")


def read_holdings(
    database: Database,
    connector: str,
    *,
    is_first: bool,
    last_complete: datetime | None,
    nas_places: frozenset[str],
    venues: Mapping[str, str],
) -> Holdings:
    """Return a connector's holdings; part of a transaction, so that they are of one moment.

    venues: names of venues that people made, by the platform's ids of them: held as if the connector used them already
    """
    reader = _Reader(database, connector)
    venues_held = reader.venues(venues)
    reader.ids = {kind: reader.platform_ids(kind) for kind in (Kind.UNIT, Kind.SUBSCRIBER, Kind.POOL, Kind.PLAN)}
    venue_of = {held.record: held.id for held in venues_held.values()}
    return Holdings(
        connector=connector,
        is_first=is_first,
        venues=venues_held,
        pools=reader.pools(venue_of),
        plans=reader.plans(),
        units=reader.units(),
        subscribers=reader.subscribers(),
        keys=reader.keys(),
        nases=reader.nases(),
        venue_names=frozenset(name for (name,) in database.rows("SELECT name FROM venues")),
        plan_names=frozenset(name for (name,) in database.rows("SELECT name FROM plans")),
        taken=reader.taken(venue_of),
        pools_there=reader.pools_there(venue_of),
        nas_places=nas_places,
        last_complete=last_complete,
    )


class _Reader:
    def __init__(self, database: Database, connector: str) -> None:
        self._db = database
        self._connector = connector
        self.ids: Mapping[Kind, Mapping[int, str]] = {}

    def platform_ids(self, kind: Kind) -> dict[int, str]:
        """Return the platform's ids by ours."""
        rows = self._db.rows(
            "SELECT record_id, platform_id FROM sync_records WHERE connector = ? AND kind = ?",
            (self._connector, kind.value),
        )
        return dict(rows)

    def _joined(self, kind: Kind, table: str, columns: str) -> list[Row]:
        return self._db.rows(
            f"SELECT r.platform_id, r.venue, r.is_owned, t.id, {columns} FROM sync_records r"
            f" JOIN {table} t ON t.id = r.record_id WHERE r.connector = ? AND r.kind = ?",
            (self._connector, kind.value),
        )

    def _by_id(self, kind: Kind, table: str, columns: str, load: Callable[..., H]) -> dict[str, H]:
        return {row[0]: load(*row) for row in self._joined(kind, table, columns)}

    def venues(self, named: Mapping[str, str]) -> dict[str, HeldVenue]:
        identifiers: defaultdict[int, list[str]] = defaultdict(list)
        for venue_id, identifier in self._db.rows(
            "SELECT venue_id, nas_identifier FROM venue_nas_identifiers ORDER BY nas_identifier"
        ):
            identifiers[venue_id].append(identifier)
        zone = self._db.row("SELECT time_zone FROM operator")
        usual = None if zone is None else zone[0]

        def load(id_: str, _: str, owned: int, record: int, name: str, own_zone: str | None, offset: int) -> HeldVenue:
            return HeldVenue(
                record=record,
                id=id_,
                name=name,
                time_zone=own_zone or usual,
                nas_identifiers=tuple(identifiers[record]),
                wireless_only_vlan_offset=offset,
                is_owned=bool(owned),
            )

        columns = "t.name, t.time_zone, t.wireless_only_vlan_offset"
        found = self._by_id(Kind.VENUE, "venues", columns, load)
        for id_, name in named.items():
            row = self._db.row(f"SELECT t.id, {columns} FROM venues t WHERE t.name = ?", (name,))
            if id_ not in found and row is not None:
                found[id_] = load(id_, id_, 0, *row)
        return found

    def pools(self, venue_of: Mapping[int, str]) -> dict[str, HeldPool]:
        at: defaultdict[int, list[str]] = defaultdict(list)
        for pool_id, venue_id in self._db.rows("SELECT keypool_id, venue_id FROM keypool_venues ORDER BY venue_id"):
            if venue_id in venue_of:
                at[pool_id].append(venue_of[venue_id])

        def load(id_: str, _: str, owned: int, record: int, ssid: bytes, scope: str) -> HeldPool:
            return HeldPool(
                record=record,
                id=id_,
                ssid=bytes(ssid).decode("utf-8", "replace"),
                venues=tuple(at[record]),
                is_global=scope == "global",
                is_owned=bool(owned),
            )

        return self._by_id(Kind.POOL, "keypools", "t.ssid, t.scope", load)

    def plans(self) -> dict[str, HeldPlan]:
        def load(id_: str, _: str, __: int, record: int, *values: Any) -> HeldPlan:
            name, download, upload, devices, wireless_only = values
            return HeldPlan(
                record=record,
                id=id_,
                name=name,
                download_kbps=download,
                upload_kbps=upload,
                devices=devices,
                wireless_only=bool(wireless_only),
            )

        return self._by_id(
            Kind.PLAN, "plans", "t.name, t.download_kbps, t.upload_kbps, t.devices, t.wireless_only", load
        )

    def units(self) -> dict[str, HeldUnit]:
        def load(id_: str, venue: str, owned: int, record: int, *values: Any) -> HeldUnit:
            name, building, floor, vlan = values
            return HeldUnit(
                record=record,
                id=id_,
                venue=venue,
                name=name,
                building=building,
                floor=floor,
                vlan=vlan,
                is_owned=bool(owned),
            )

        return self._by_id(Kind.UNIT, "units", "t.name, t.building, t.floor, t.vlan", load)

    def subscribers(self) -> dict[str, HeldSubscriber]:
        def load(id_: str, _: str, __: int, record: int, name: str, external_id: str | None) -> HeldSubscriber:
            return HeldSubscriber(record=record, id=id_, name=name, external_id=external_id)

        return self._by_id(Kind.SUBSCRIBER, "subscribers", "t.name, t.external_id", load)

    def keys(self) -> dict[str, HeldKey]:
        units, subscribers = self.ids[Kind.UNIT], self.ids[Kind.SUBSCRIBER]
        pools, plans = self.ids[Kind.POOL], self.ids[Kind.PLAN]

        def load(id_: str, venue: str, _: int, record: int, *values: Any) -> HeldKey:
            pool, unit, subscriber, plan, vlan, starts, ends, status, status_at, tag, external_id = values[:11]
            erased, given, marked, since, readings, name, identity = values[11:]
            return HeldKey(
                record=record,
                id=id_,
                venue=venue,
                pool=pools.get(pool, ""),
                unit=units.get(unit),
                subscriber=subscribers.get(subscriber),
                plan=plans.get(plan),
                vlan=vlan,
                starts=load_instant(starts),
                ends=load_instant(ends),
                state=HeldState.ERASED if erased else HeldState(status),
                tag=tag,
                external_id=external_id,
                given=None if given is None else HeldState(given),
                is_synced=given is not None and marked == status_at and given == status,
                missing_since=load_instant(since),
                missing_readings=readings,
                label=name or identity,
            )

        rows = self._db.rows(
            "SELECT r.platform_id, r.venue, r.is_owned, k.id, k.keypool_id, k.unit_id, k.subscriber_id, k.plan_id,"
            " k.vlan, k.starts, k.ends, k.status, k.status_at, k.tag, k.external_id, k.pmk = x'', r.given, r.status_at,"
            " r.missing_since, r.missing_readings, s.name, k.identity"
            " FROM sync_records r JOIN keys k ON k.id = r.record_id LEFT JOIN subscribers s ON s.id = k.subscriber_id"
            " WHERE r.connector = ? AND r.kind = 'key'",
            (self._connector,),
        )
        return {row[0]: load(*row) for row in rows}

    def nases(self) -> dict[str, HeldNas]:
        def load(id_: str, venue: str, _: int, record: int, name: str, enabled: int) -> HeldNas:
            return HeldNas(record=record, id=id_, venue=venue, enabled=bool(enabled), name=name)

        return self._by_id(Kind.NAS, "nases", "t.name, t.enabled", load)

    def taken(self, venue_of: Mapping[int, str]) -> dict[Place, Taken]:
        """Return the units in these venues that are somebody else's."""
        rows = self._db.rows(
            "SELECT u.venue_id, u.building, u.floor, u.name, u.id, r.connector, r.platform_id FROM units u"
            " LEFT JOIN sync_records r ON r.kind = 'unit' AND r.record_id = u.id AND r.is_owned"
            " WHERE u.id NOT IN (SELECT record_id FROM sync_records WHERE kind = 'unit' AND connector = ?)"
            " ORDER BY u.id, r.connector DESC",
            (self._connector,),
        )
        return {
            (venue_of[venue], building, floor, name): Taken(record, None if owner is None else (owner, id_))
            for venue, building, floor, name, record, owner, id_ in rows
            if venue in venue_of
        }

    def pools_there(self, venue_of: Mapping[int, str]) -> dict[tuple[str, str], int]:
        """Return the keypools in these venues that the connector does not know yet."""
        rows = self._db.rows(
            "SELECT k.id, k.ssid, k.scope, v.venue_id FROM keypools k LEFT JOIN keypool_venues v ON v.keypool_id = k.id"
            " WHERE k.id NOT IN (SELECT record_id FROM sync_records WHERE kind = 'pool' AND connector = ?)"
            " ORDER BY k.id DESC",
            (self._connector,),
        )
        there: dict[tuple[str, str], int] = {}
        for pool, ssid, scope, venue in rows:
            name = bytes(ssid).decode("utf-8", "replace")
            if scope == "global":
                there[WHOLE, name] = pool
            elif venue in venue_of:
                there[venue_of[venue], name] = pool
        return there
