# ruff: noqa: S608 (what is put into a statement here are names of tables and columns of ours; values are parameters)
"""What may be wrong with a database that opens: findings as plain values, for whoever has words and remedies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ...errors import RowDamaged
from ...model import Keypool, Scope
from ...secrets import Vault
from ..keypools import Keypools
from ..rows import Report, load_rows
from .database import Database

# Every column that holds sealed values, under the name that they are bound to. A column that is not there is of a later
# version, or an earlier one.
SEALED: Final = ("keys.passphrase", "keys.pmk", "nases.secret", "nases.former_secret", "sync_plans.contents")
_CHUNK: Final = 16_384
_NO_END: Final = 2**62


@dataclass(frozen=True, slots=True)
class Orphan:
    """A row that refers to one that is not there."""

    table: str
    id: int | None  # None: of a table without ids
    parent: str  # the table in which it is missing


@dataclass(frozen=True, slots=True)
class Twins:
    """Two keys that are not removed, have one passphrase, and can be met by one device at one time."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Stranger:
    """A key in a unit of a venue at which its keypool is not valid."""

    key: int
    unit: str
    venue: str


@dataclass(frozen=True, slots=True)
class SharedVlan:
    """A VLAN that several units of one venue have."""

    venue: str
    vlan: int
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """All that is wrong."""

    pages: tuple[str, ...] = ()  # SQLite's own words
    orphans: tuple[Orphan, ...] = ()
    twins: tuple[Twins, ...] = ()
    reversed_windows: tuple[tuple[str, int], ...] = ()  # table and id of rows that end before they start
    strangers: tuple[Stranger, ...] = ()
    shared_vlans: tuple[SharedVlan, ...] = ()
    pending: tuple[str, ...] = ()  # migrations that the file lacks


class Integrity:
    """Examines a database. Reads, and changes nothing."""

    def __init__(self, database: Database, vault: Vault, keypools: Keypools) -> None:
        self._db = database
        self._vault = vault
        self._keypools = keypools

    def examine(self) -> Condition:
        """Return what is wrong; `unopened` aside, which needs the master key."""
        with self._db.reading():
            return Condition(
                pages=tuple(self._pages()),
                orphans=tuple(self._orphans()),
                twins=tuple(self._twins()),
                reversed_windows=tuple(self._reversed_windows()),
                strangers=tuple(self._strangers()),
                shared_vlans=tuple(self._shared_vlans()),
                pending=self._db.lacked,
            )

    def unopened(self, report: Report) -> int:
        """Open every sealed value, 3 us each; tell of each row that has one which cannot be opened. Return how many."""
        return open_all(self._db, self._vault, report)

    def _pages(self) -> Iterator[str]:
        for (text,) in self._db.rows("PRAGMA integrity_check(20)"):
            if text != "ok":
                yield str(text).replace("\n", " ")

    def _orphans(self) -> Iterator[Orphan]:
        for table, id_, parent, _ in self._db.rows("PRAGMA foreign_key_check"):
            yield Orphan(table, id_, parent)

    def _twins(self) -> Iterator[Twins]:
        pools = {pool.id: pool for pool in self._keypools.all(lambda *_: None)}
        ends = (
            "min(ifnull(ends, ?1), ifnull(removes_at, ?1))"
            if _has(self._db, "keys", "removes_at")
            else "ifnull(ends, ?1)"
        )
        alike: dict[bytes, list[_Use]] = {}
        for fingerprint, *use in self._db.rows(
            f"SELECT fingerprint, id, keypool_id, ifnull(starts, -?1), {ends} FROM keys WHERE status != 'removed'"
            " AND fingerprint IN (SELECT fingerprint FROM keys WHERE fingerprint != x''"  # by its index alone
            "     GROUP BY fingerprint HAVING count(*) > 1) ORDER BY id",
            (_NO_END,),
        ):
            here, others = _Use(*use), alike.setdefault(fingerprint, [])
            twin = next((other for other in others if _can_meet(pools, other, here)), None)
            if twin is not None:
                yield Twins(twin.key, here.key)
            others.append(here)

    def _reversed_windows(self) -> Iterator[tuple[str, int]]:
        for (table,) in self._db.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
            if all(_has(self._db, table, column) for column in ("id", "starts", "ends")):
                for (id_,) in self._db.rows(f"SELECT id FROM {table} WHERE ends <= starts ORDER BY id"):
                    yield table, id_

    def _strangers(self) -> Iterator[Stranger]:
        for row in self._db.rows(
            "SELECT k.id, u.name, v.name FROM keys k JOIN keypools p ON p.id = k.keypool_id"
            " JOIN units u ON u.id = k.unit_id JOIN venues v ON v.id = u.venue_id"
            " WHERE k.status != 'removed' AND p.scope = ? AND NOT EXISTS"
            " (SELECT 1 FROM keypool_venues a WHERE a.keypool_id = p.id AND a.venue_id = v.id) ORDER BY k.id",
            (Scope.LOCAL.value,),
        ):
            yield Stranger(*row)

    def _shared_vlans(self) -> Iterator[SharedVlan]:
        units: dict[tuple[str, int], list[str]] = {}
        for venue, vlan, building, name in self._db.rows(
            "SELECT v.name, u.vlan, u.building, u.name FROM units u JOIN venues v ON v.id = u.venue_id"
            " WHERE u.vlan IS NOT NULL ORDER BY v.id, u.vlan, u.id"
        ):
            units.setdefault((venue, vlan), []).append(name if building is None else f"{building}/{name}")
        for (venue, vlan), names in units.items():
            if len(names) > 1:
                yield SharedVlan(venue, vlan, tuple(names))


def open_all(database: Database, vault: Vault, report: Report) -> int:
    """Open every sealed value of a database of any version, as `Integrity.unopened` does."""
    count = 0
    for place in SEALED:
        table, _, column = place.partition(".")
        if not _has(database, table, column):
            continue
        last = 0
        while rows := database.rows(
            f"SELECT id, {column} FROM {table} WHERE id > ? AND {column} != x'' ORDER BY id LIMIT {_CHUNK}", (last,)
        ):
            _open(vault, place, rows, report)
            last, count = rows[-1][0], count + len(rows)
    return count


def _open(vault: Vault, place: str, rows: list[tuple[int, bytes]], report: Report) -> None:
    try:
        vault.unseal_rows(place, rows)
    except RowDamaged:
        for _ in load_rows(place.partition(".")[0], rows, lambda row: vault.unseal(place, *row), report):
            pass


def _has(database: Database, table: str, column: str) -> bool:
    return database.row("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column)) is not None


@dataclass(frozen=True, slots=True)
class _Use:
    """Where a passphrase is used, and when: seconds, half open."""

    key: int
    keypool: int
    starts: int
    ends: int


def _can_meet(pools: Mapping[int, Keypool], one: _Use, other: _Use) -> bool:
    here, there = pools.get(one.keypool), pools.get(other.keypool)
    if here is None or there is None or not (here is there or here.meets(there)):
        return False
    return one.starts < other.ends and other.starts < one.ends
