# ruff: noqa: S608 (names of tables and columns are ours; values are parameters)
"""Changes that are recorded: one transaction, its place in the change feed, its entry in the audit, and how it was.

Rule: whoever alters what an administrator decided does it within `Recorder.change` and through `insert`, `update` and
`delete`; what servers learn (devices, sightings) is written past it, and is nobody's decision.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from ...errors import RowDamaged
from ...model import SERVER, Author, Entity, RowChange
from ..files.database import Database
from .audit import Audit


@dataclass(frozen=True, slots=True)
class Table:
    """How a table's rows are known."""

    kind: str  # what the audit calls a row
    entity: Entity | None  # what the change feed says; None: no server needs to know
    entity_column: str = "id"
    key: tuple[str, ...] = ("id",)
    secret: frozenset[str] = frozenset()  # never shown
    feeds_new: bool = True  # a new row is something to servers
    passing: frozenset[str] = frozenset()  # columns that servers write: no part of what an administrator decided


_SIGHTING: Final = frozenset({"first_seen", "last_seen", "sequence"})
TABLES: Final = {
    "operator": Table("operator", Entity.VENUE),
    "venues": Table("venue", Entity.VENUE),
    "venue_nas_identifiers": Table("nas_identifier", Entity.VENUE, "venue_id", ("nas_identifier",)),
    "units": Table("unit", Entity.UNIT, feeds_new=False),  # it has no keys yet; thousands would stale every answer
    "keypools": Table("pool", Entity.KEYPOOL),
    "keypool_venues": Table("pool_venue", Entity.KEYPOOL, "keypool_id", ("keypool_id", "venue_id")),
    "plans": Table("plan", Entity.PLAN),
    "nases": Table("nas", Entity.NAS, secret=frozenset({"secret", "former_secret"})),
    "subscribers": Table("subscriber", Entity.SUBSCRIBER, feeds_new=False),
    "subscriptions": Table("subscription", None),
    "keys": Table("key", Entity.KEY, secret=frozenset({"passphrase", "pmk", "fingerprint"})),
    "devices": Table("device", Entity.DEVICE, "key_id", ("keypool_id", "mac", "key_id"), passing=_SIGHTING),
    "card_batches": Table("card", None),
    "whitelist_devices": Table("allowed_device", Entity.SUBSCRIBER, "subscriber_id"),
    "whitelist_nases": Table("allowed_nas", Entity.SUBSCRIBER, "subscriber_id"),
}
_Key = tuple[Any, ...]
_Image = Mapping[str, Any]  # never altered


@dataclass(slots=True)
class Recording:
    """What one change has done so far."""

    action: str
    reason: str | None = None
    kind: str | None = None
    subject_id: int | None = None
    name: str | None = None
    note: dict[str, Any] = field(default_factory=dict)
    undoes: int | None = None  # the entry of the change that this one takes back
    entry_id: int | None = None  # when it is in the audit
    is_erasure: bool = False  # nothing is kept of how the rows were
    is_told: bool = False  # has an entry though it altered no row of the tables here
    _rows: dict[tuple[str, _Key], tuple[_Image | None, _Image | None]] = field(default_factory=dict)
    _told: tuple[RowChange, ...] | None = None  # what `rows` has made of them, which each check asks for
    _ranges: list[tuple[str, int, int]] = field(default_factory=list)
    _fed: dict[tuple[Entity, int, int], None] = field(default_factory=dict)

    def subject(self, kind: str, id_: int, name: str | None) -> None:
        """Say what the change is about: the first word counts, as what encloses others speaks first."""
        if self.kind is None:
            self.kind, self.subject_id, self.name = kind, id_, name

    @property
    def rows(self) -> tuple[RowChange, ...]:
        """Return what became of each row, in the order in which each was first touched, and the ranges after them."""
        if self._told is None:
            changed = (
                RowChange(table, id_, id_, before, after)
                for (table, _), (before, after) in self._rows.items()
                if before != after
                for id_ in (_row_id(table, before or after or {}),)
            )
            ranges = (RowChange(table, first, last, None, None) for table, first, last in self._ranges)
            self._told = (*changed, *ranges)
        return self._told

    def touched(self, table: str) -> set[int]:
        """Return the ids of the rows of a table that were altered one by one."""
        return {row.first_id for row in self.rows if row.table == table and not row.is_range}

    def saw(self, table: str, key: _Key, before: _Image | None, after: _Image | None) -> None:
        first = self._rows.get((table, key))
        self._rows[table, key] = (before if first is None else first[0], after)
        self._told = None
        known = TABLES[table]
        if known.entity is not None and (known.feeds_new or before is not None):
            for image in (before, after):
                if image is not None:
                    id_ = int(image[known.entity_column])
                    self._fed[known.entity, id_, id_] = None

    def saw_range(self, table: str, first: int, last: int) -> None:
        self._ranges.append((table, first, last))
        self._told = None
        entity = TABLES[table].entity
        if entity is not None and TABLES[table].feeds_new:
            self._fed[entity, first, last] = None

    def feed(self, entity: Entity, first_id: int, last_id: int | None = None) -> None:
        """Let servers read these anew, whatever rows were altered."""
        self._fed[entity, first_id, first_id if last_id is None else last_id] = None

    def fed(self) -> Iterator[tuple[Entity, int, int]]:
        """Yield what servers have to read anew, in the order it was first touched, neighbours together."""
        ahead: tuple[Entity, int, int] | None = None
        for entity, first, last in self._fed:
            if ahead is not None and ahead[0] is entity and ahead[1] <= first <= ahead[2] + 1:
                ahead = (entity, ahead[1], max(ahead[2], last))
                continue
            if ahead is not None:
                yield ahead
            ahead = (entity, first, last)
        if ahead is not None:
            yield ahead


class Recorder:
    """Makes changes. One change at a time; what begins within one is part of it."""

    def __init__(self, database: Database, audit: Audit, clock_ms: Callable[[], int] | None = None) -> None:
        self._db = database
        self.audit = audit
        self._clock_ms = clock_ms or _clock_ms
        self.author = Author(SERVER, "", is_person=False)
        self.dry_run = False
        self.checks: list[Callable[[Recording], None]] = []  # each raises where what was written must not be
        self._recording: Recording | None = None

    @contextmanager
    def change(self, action: str, *, reason: str | None = None) -> Iterator[Recording]:
        """Make everything within one transaction with one entry; within another change it belongs to that.

        With `dry_run` nothing is kept of it, and the recording says what would have been.
        """
        if self._recording is not None:
            yield self._recording
            return
        recording = Recording(action, reason)
        try:
            with self._db.writing():
                revision = self._db.next_revision()  # first, so that revisions are in the order of commits
                self._recording = recording
                yield recording
                for check in self.checks:
                    check(recording)
                self._keep(recording, revision)
                if self.dry_run:
                    raise _DryRun
        except _DryRun:
            pass
        finally:
            self._recording = None

    def _keep(self, recording: Recording, revision: int) -> None:
        fed = list(recording.fed())
        for number, (entity, first, last) in enumerate(fed):
            self._db.record(entity, first, last, revision if number == 0 else self._db.next_revision())
        rows = () if recording.is_erasure else recording.rows
        if rows or fed or recording.is_told:
            recording.entry_id = self.audit.append(recording, rows, self.author, self._clock_ms())

    @property
    def current(self) -> Recording:
        """Return the change that is being made; a write outside of one is a mistake of ours."""
        if self._recording is None:
            raise RuntimeError("a write outside of a change")
        return self._recording

    def insert(self, table: str, values: Mapping[str, Any]) -> None:
        """Add a row."""
        columns = ", ".join(values)
        self._db.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
        )
        key = tuple(values[column] for column in TABLES[table].key)
        self.current.saw(table, key, None, self._image(table, key))

    def insert_range(self, table: str, rows: Iterable[tuple[Any, ...]], statement: str, first: int, last: int) -> None:
        """Add the rows of these ids together, without an image of each."""
        self._db.execute_many(statement, rows)
        self.current.saw_range(table, first, last)

    def update(self, table: str, key: int | _Key, values: Mapping[str, Any]) -> bool:
        """Alter columns of a row; return whether it is there."""
        where = key if isinstance(key, tuple) else (key,)
        before = self._image(table, where)
        if before is None:
            return False
        changed = {column: value for column, value in values.items() if before[column] != value}
        if changed:
            said = ", ".join(f"{column} = ?" for column in changed)
            self._db.execute(f"UPDATE {table} SET {said} WHERE {_where(table)}", (*changed.values(), *where))
            self.current.saw(table, where, before, before | changed)
        return True

    def delete(self, table: str, key: int | _Key) -> bool:
        """Take a row away; return whether it was there."""
        where = key if isinstance(key, tuple) else (key,)
        before = self._image(table, where)
        if before is None:
            return False
        self._db.execute(f"DELETE FROM {table} WHERE {_where(table)}", where)
        self.current.saw(table, where, before, None)
        return True

    def _image(self, table: str, key: _Key) -> dict[str, Any] | None:
        cursor = self._db.execute(f"SELECT * FROM {table} WHERE {_where(table)}", key)
        row = cursor.fetchone()
        return None if row is None else dict(zip((each[0] for each in cursor.description), row, strict=True))

    # Taking a change back.

    def reverse(self, row: RowChange) -> str | None:
        """Make of a row what it was; return what is in the way, None where that worked."""
        try:
            return self._reverse(row)
        except sqlite3.IntegrityError as error:
            what = f"{TABLES[row.table].kind} {row.first_id}"
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
                return f"{what} is in use, or what it belonged to is there no more"
            return f"the name or an id of {what} is another one's by now"

    def _reverse(self, row: RowChange) -> str | None:
        if row.is_range:
            if row.table == "keys":
                self._db.execute("DELETE FROM devices WHERE key_id BETWEEN ? AND ?", (row.first_id, row.last_id))
            self._db.execute(f"DELETE FROM {row.table} WHERE id BETWEEN ? AND ?", (row.first_id, row.last_id))
            entity = TABLES[row.table].entity
            if entity is not None:
                self.current.feed(entity, row.first_id, row.last_id)
            self.current.note.setdefault("taken_back", []).append([row.table, row.first_id, row.last_id])
            return None
        known = TABLES[row.table]
        image = row.before or row.after or {}
        key = tuple(image[column] for column in known.key)
        now = self._image(row.table, key)
        if row.after is None:
            if now is not None:
                return f"{known.kind} {row.first_id} is there again"
            if row.before is not None:
                self.insert(row.table, row.before)
            return None
        if now is None:
            return f"{known.kind} {row.first_id} is there no more"
        altered = [
            column
            for column, value in row.after.items()
            if column not in known.passing and (row.before is None or row.before[column] != value)
        ]
        if any(now[column] != row.after[column] for column in altered):
            return f"{known.kind} {row.first_id} was changed since"
        if row.before is None:
            if row.table == "keys":  # what servers have learned of it since
                self._db.execute("DELETE FROM devices WHERE key_id = ?", key)
                self.current.feed(Entity.DEVICE, row.first_id)
            self.delete(row.table, key)
        else:
            self.update(row.table, key, {column: row.before[column] for column in altered})
        return None


class _DryRun(Exception):  # noqa: N818 (unwinds the transaction)
    pass


def _where(table: str) -> str:
    return " AND ".join(f"{column} = ?" for column in TABLES[table].key)


def _row_id(table: str, image: Mapping[str, Any]) -> int:
    """Return the id that a row is found by: its own, or of one that has none that of what it belongs to."""
    known = TABLES[table]
    column = "id" if known.key == ("id",) else known.entity_column
    value = image[column]
    if not isinstance(value, int):
        raise RowDamaged(table, 0)
    return value


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000
