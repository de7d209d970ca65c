# ruff: noqa: S608 (what is put into a statement here is a condition of ours; values are parameters)
"""The audit: an entry for each change, in its own transaction, each with the hash of the one before.

Personal data is in `details` alone. The chain holds a salted digest of them, so that those of somebody who is erased
can go, and what is left still proves that nothing was altered, left out or put in between.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ...model import AuditEntry, Author, RowChange
from ..files.database import Database
from ..rows import Row

if TYPE_CHECKING:
    from .recorder import Recording

_COLUMNS: Final = (
    "id, at_ms, author, origin, is_person, action, kind, subject_id, details, undoes, undone_by, undoable,"
    " salt, digest, hash"
)
_NOTHING_BEFORE: Final = bytes(32)
_MOST_SHOWN: Final = 200  # rows of one change whose columns an entry tells
_CHUNK: Final = 500
_SECRET: Final = "(secret)"  # noqa: S105 (what stands for one)


class Audit:
    """What was changed, by whom. Entries are added within the change that they tell of, and never altered."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def append(self, recording: "Recording", rows: Sequence[RowChange], author: Author, at_ms: int) -> int:
        """Add the entry of a change, and what its rows were; part of a transaction."""
        id_ = self._db.allocate("audit")
        details = _render_details(recording, rows)
        salt = os.urandom(16)
        digest = _digest(salt, details)
        who = (author.name, author.origin, int(author.is_person))
        head = (id_, at_ms, *who, recording.action, recording.kind, recording.subject_id, recording.undoes)
        before = self._db.row("SELECT hash FROM audit WHERE id < ? ORDER BY id DESC LIMIT 1", (id_,))
        hash_ = _chain(_NOTHING_BEFORE if before is None else before[0], head, digest)
        self._db.execute(
            "INSERT INTO audit (id, at_ms, author, origin, is_person, action, kind, subject_id, undoes, undoable, salt,"
            " details, digest, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)",
            (*head, salt, details, digest, hash_),
        )
        self._db.execute_many(
            "INSERT INTO audit_images (entry_id, row_table, first_id, last_id, row_before, row_after)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            ((id_, each.table, each.first_id, each.last_id, _dump(each.before), _dump(each.after)) for each in rows),
        )
        return id_

    def next_id(self) -> int:
        """Return the id that the entry of the change being made will have; part of a transaction."""
        row = self._db.row("SELECT highest FROM counters WHERE name = 'audit'")
        return 1 + (0 if row is None else int(row[0]))

    def entries(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        author: str | None = None,
        action: str | None = None,
        kind: str | None = None,
        subject_id: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        containing: str | None = None,
        newest: int | None = None,
    ) -> Iterator[AuditEntry]:
        """Yield entries, oldest first.

        action:     itself, or the first word of several (`key` of `key.suspend`)
        containing: text that their details hold, such as a name
        newest:     only so many, the last ones
        """
        asked: list[tuple[str, Any]] = [("id > ?", after)]
        if before is not None:
            asked.append(("id < ?", before))
        if author is not None:
            asked.append(("author = ?", author))
        if action is not None:
            asked.append(("instr(action || '.', ? || '.') = 1", action))
        if kind is not None:
            asked.append(("kind = ?", kind))
        if subject_id is not None:
            asked.append(("subject_id = ?", subject_id))
        if since is not None:
            asked.append(("at_ms >= ?", int(since.timestamp() * 1000)))
        if until is not None:
            asked.append(("at_ms < ?", int(until.timestamp() * 1000)))
        if containing is not None:
            asked.append(("instr(lower(details), lower(?)) > 0", json.dumps(containing, ensure_ascii=False)[1:-1]))
        where = " AND ".join(condition for condition, _ in asked)
        values = [value for _, value in asked]
        if newest is not None:
            rows = self._db.rows(
                f"SELECT {_COLUMNS} FROM audit WHERE {where} ORDER BY id DESC LIMIT ?", (*values, newest)
            )
            yield from map(load_entry, reversed(rows))
            return
        last = after
        while rows := self._db.rows(
            f"SELECT {_COLUMNS} FROM audit WHERE id > ? AND {where} ORDER BY id LIMIT {_CHUNK}", (last, *values)
        ):
            yield from map(load_entry, rows)
            last = rows[-1][0]

    def entry(self, id_: int) -> AuditEntry | None:
        row = self._db.row(f"SELECT {_COLUMNS} FROM audit WHERE id = ?", (id_,))
        return None if row is None else load_entry(row)

    def last_of(self, author: str) -> AuditEntry | None:
        """Return the last change of a person that was not taken back, and takes none back."""
        row = self._db.row(
            f"SELECT {_COLUMNS} FROM audit WHERE author = ? AND is_person AND undoes IS NULL"
            " AND undone_by IS NULL ORDER BY id DESC LIMIT 1",
            (author,),
        )
        return None if row is None else load_entry(row)

    def images(self, entry_id: int) -> list[RowChange]:
        """Return what became of the rows of a change, the last one first."""
        rows = self._db.rows(
            "SELECT row_table, first_id, last_id, row_before, row_after FROM audit_images WHERE entry_id = ?"
            " ORDER BY id DESC",
            (entry_id,),
        )
        return [RowChange(table, first, last, _load(was), _load(then)) for table, first, last, was, then in rows]

    def images_of(self, table: str, id_: int) -> Iterator[RowChange]:
        """Yield what became of one row, the last change first, as far as that is known."""
        rows = self._db.rows(
            "SELECT row_table, first_id, last_id, row_before, row_after FROM audit_images"
            " WHERE row_table = ? AND first_id = ? AND last_id = ? ORDER BY id DESC",
            (table, id_, id_),
        )
        for name, first, last, was, then in rows:
            yield RowChange(name, first, last, _load(was), _load(then))

    def later_change(self, entry_id: int, row: RowChange) -> int | None:
        """Return the last change after this one, not taken back, that touched these rows."""
        found = self._db.row(
            "SELECT max(i.entry_id) FROM audit_images i JOIN audit a ON a.id = i.entry_id WHERE i.entry_id > ?"
            " AND i.row_table = ? AND i.first_id <= ? AND i.last_id >= ? AND a.undone_by IS NULL AND a.undoes IS NULL",
            (entry_id, row.table, row.last_id, row.first_id),
        )
        return None if found is None else found[0]

    def mark_undone(self, entry_id: int, by: int | None) -> None:
        """Note that a change was taken back; None: that this was taken back again. Part of a transaction."""
        self._db.execute("UPDATE audit SET undone_by = ? WHERE id = ?", (by, entry_id))

    def has_images(self, before: datetime) -> bool:
        """Return whether it is known how rows were before a change that is older than that."""
        return (
            self._db.row(
                "SELECT 1 FROM audit a JOIN audit_images i ON i.entry_id = a.id WHERE a.at_ms < ? LIMIT 1",
                (int(before.timestamp() * 1000),),
            )
            is not None
        )

    def forget_images(self, *, before: datetime | None = None, rows: Iterable[tuple[str, int]] = ()) -> None:
        """Forget how rows were: of changes before then, or of these rows. Those changes cannot be taken back any more.

        Part of a transaction.
        """
        doomed: list[Row] = []
        if before is not None:
            at_ms = int(before.timestamp() * 1000)
            doomed = self._db.rows(
                "SELECT i.id, i.entry_id FROM audit_images i JOIN audit a ON a.id = i.entry_id WHERE a.at_ms < ?",
                (at_ms,),
            )
        for table, id_ in rows:
            doomed += self._db.rows(
                "SELECT id, entry_id FROM audit_images WHERE row_table = ? AND first_id <= ? AND last_id >= ?",
                (table, id_, id_),
            )
        self._db.execute_many("DELETE FROM audit_images WHERE id = ?", {(id_,) for id_, _ in doomed})
        self._db.execute_many("UPDATE audit SET undoable = 0 WHERE id = ?", {(entry,) for _, entry in doomed})

    def forget_all_images(self) -> None:
        """Forget how everything was: nothing before this can be taken back. Part of a transaction."""
        self._db.execute("DELETE FROM audit_images")
        self._db.execute("UPDATE audit SET undoable = 0")

    def erase_details(self, ids: Iterable[int]) -> None:
        """Take away what entries tell of, and their salt; the chain stays whole. Part of a transaction."""
        only = [(id_,) for id_ in ids]
        self._db.execute_many("UPDATE audit SET details = NULL, salt = x'', undoable = 0 WHERE id = ?", only)
        self._db.execute_many("DELETE FROM audit_images WHERE entry_id = ?", only)

    def touching(self, rows: Iterable[tuple[str, int]]) -> set[int]:
        """Return the entries about these rows, as far as it is known how the rows were."""
        found: set[int] = set()
        for table, id_ in rows:
            found.update(
                entry
                for (entry,) in self._db.rows(
                    "SELECT DISTINCT entry_id FROM audit_images WHERE row_table = ? AND first_id <= ? AND last_id >= ?",
                    (table, id_, id_),
                )
            )
        return found

    def verify(self) -> tuple[int, bytes, list[str]]:
        """Return how many entries there are, the last one's hash, and what is wrong with the chain."""
        count, last, hash_ = 0, 0, _NOTHING_BEFORE
        wrong: list[str] = []
        while rows := self._db.rows(f"SELECT {_COLUMNS} FROM audit WHERE id > ? ORDER BY id LIMIT {_CHUNK}", (last,)):
            for row in rows:
                id_, details, salt, digest, kept = row[0], row[8], *row[12:]
                head = (*row[:8], row[9])
                if details is not None and _digest(salt, details) != digest:
                    wrong.append(f"entry {id_}: what it tells was altered")
                if details is None and salt:
                    wrong.append(f"entry {id_}: what it told was taken away, and not by erasing somebody")
                if _chain(hash_, head, digest) != kept:
                    wrong.append(f"entry {id_}: it was altered, or one before it was altered, left out or put in")
                count, last, hash_ = count + 1, id_, kept
        return count, hash_, wrong


def load_entry(row: Row) -> AuditEntry:
    id_, at_ms, author, origin, person, action, kind, subject_id, details, undoes, undone_by, undoable, *_, hash_ = row
    return AuditEntry(
        id=id_,
        at=datetime.fromtimestamp(at_ms / 1000, UTC),
        author=author,
        origin=origin,
        is_person=bool(person),
        action=action,
        kind=kind,
        subject_id=subject_id,
        details=None if details is None else json.loads(details),
        undoes=undoes,
        undone_by=undone_by,
        undoable=bool(undoable),
        hash=hash_,
    )


def describe_row(row: RowChange) -> dict[str, Any]:
    """Return what became of a row, in JSON's values, without secrets: only the columns that have changed."""
    from .recorder import TABLES

    known = TABLES[row.table]
    if row.is_range:
        return {"kind": known.kind, "first_id": row.first_id, "last_id": row.last_id, "after": {}}
    before, after = row.before, row.after
    columns = [
        column
        for column in (after or before or {})
        if column not in known.passing and (before is None or after is None or before[column] != after[column])
    ]
    told: dict[str, Any] = {"kind": known.kind, "id": row.first_id}
    name = (after or before or {}).get("identity") or (after or before or {}).get("name")
    if isinstance(name, str):
        told["name"] = name
    for label, image in (("before", before), ("after", after)):
        if image is not None:
            told[label] = {
                column: _SECRET if column in known.secret else _plain(image[column])
                for column in columns
                if (before is not None and after is not None) or image[column] is not None
            }
    return told


def _render_details(recording: "Recording", rows: Sequence[RowChange]) -> str:
    told: dict[str, Any] = {}
    if recording.name is not None:
        told["subject"] = recording.name
    if recording.reason is not None:
        told["reason"] = recording.reason
    told |= recording.note
    told["rows"] = [describe_row(row) for row in rows[:_MOST_SHOWN]]
    if len(rows) > _MOST_SHOWN:
        told["more_rows"] = len(rows) - _MOST_SHOWN
    return json.dumps(told, ensure_ascii=False)


def _digest(salt: bytes, details: str) -> bytes:
    return hashlib.sha256(salt + details.encode("utf-8", "surrogatepass")).digest()


def _chain(before: bytes, head: tuple[object, ...], digest: bytes) -> bytes:
    return hashlib.sha256(before + json.dumps(head).encode() + digest).digest()


def _plain(value: Any) -> Any:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def _dump(image: Mapping[str, Any] | None) -> str | None:
    if image is None:
        return None
    return json.dumps({column: {"hex": v.hex()} if isinstance(v, bytes) else v for column, v in image.items()})


def _load(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    return {
        column: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
        for column, value in json.loads(text).items()
    }
