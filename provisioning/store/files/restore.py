# ruff: noqa: S608 (what is put into a statement here is a name of ours; values are parameters)
"""`latchkey restore`: a backup in the place of the database, under the hands of those who use it.

# Rule: the file at the path stays the same file. The backup's pages are written into it in one transaction of SQLite's
# online backup, which holds the write lock: whoever has the database open waits, then sees the new contents and writes
# to them, and a process that is killed leaves the old ones. Nothing is renamed, so that no log meets another's file.
# Only where there is no database, or none that SQLite opens, a new file takes its place.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ...errors import InvalidValue, MasterKeyError, StoreError
from ...model import Author, Entity
from ...secrets import MasterKey, Vault
from ..recording.audit import Audit
from ..recording.recorder import Recorder
from ..rows import Report
from ..store import Store
from .backup import Contents, describe, is_same_file
from .copies import copy_database, keep_copy, part_of, place
from .database import BUSY_TIMEOUT_S, Database, Tell, check_file
from .integrity import open_all
from .proof import find_key, read_proof
from .sqlite_errors import primary_code, translate
from .upgrading import upgrade

_STEPS: Final = 64  # of which the first has the lock, and must not be the last
_NAMED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What the present database has and the backup has not."""

    revision: int  # of its last change
    related: bool  # the backup was made of it; else nothing more can be said
    changes: int = 0
    keys: int = 0  # added since
    named: tuple[tuple[int, str], ...] = ()  # the first of them: id and identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored, or would be."""

    contents: Contents
    loss: Loss | None  # None: there was no database, or one that cannot be read
    kept: Path | None = None  # where the database that was there lies now


def restore_backup(
    path: Path,
    backup: Path,
    environ: Mapping[str, str],
    *,
    report: Report,
    tell: Tell,
    author: Author,
    reason: str | None = None,
    former_key: Path | None = None,
    dry_run: bool = False,
) -> Restored:
    """Put the backup in the database's place, or say with `dry_run` what that would do.

    report:     told of rows of the backup that cannot be opened
    tell:       told, where the backup was brought up to date
    author:     who does so, for the audit
    former_key: file with the master key that the backup was made with, where that is no longer the database's
    """
    check_file(backup, readonly=True)
    if is_same_file(path, backup):
        raise InvalidValue(f"{backup} is the database itself")
    if not path.absolute().parent.is_dir():
        raise StoreError(f"cannot write {path}: there is no folder {path.parent}")
    with part_of(path) as part:
        _take(backup, part, path)
        with closing(Database(part, readonly=False, busy_timeout_s=BUSY_TIMEOUT_S, tell=tell)) as staged:
            staged.path = backup  # which is what errors are about
            restored = _prepare(staged, part, path, environ, former_key, report)
            if dry_run:
                return restored
            if _is_database(path):
                kept, loss = _exchange(staged, path, author, reason)
                return replace(restored, kept=kept, loss=loss)
        return replace(restored, kept=_put(part, path))


def _take(backup: Path, part: Path, path: Path) -> None:
    """Copy the backup beside the database, so that what is checked is what is restored."""
    log = backup.with_name(f"{backup.name}-wal")
    alone = not log.exists() or not log.stat().st_size  # then no new log and index are made beside it
    with closing(Database(backup, readonly=True, immutable=alone, busy_timeout_s=BUSY_TIMEOUT_S)) as source:
        source.check_version()
        copy_database(source.sql.conn, backup, part, path)


def _prepare(
    staged: Database, part: Path, path: Path, environ: Mapping[str, str], former_key: Path | None, report: Report
) -> Restored:
    """Check the backup, bring it up to date, and compare it with the database that is there."""
    staged.check_pages()
    key = _find_key(staged, path, environ, former_key)
    contents, loss = describe(staged, part), _compare(path, staged)
    with staged.errors():
        staged.sql.enable_wal()
    upgrade(staged, keep=False)
    sealed = open_all(staged, Vault(key), report)
    if former_key is not None:
        store = Store(staged, Vault(key), lambda: [key])
        store.check_key()
        store.rekey(_present_key(path, environ), lambda: None)
    return Restored(contents=replace(contents, sealed=sealed), loss=loss)


def _find_key(staged: Database, path: Path, environ: Mapping[str, str], former_key: Path | None) -> MasterKey:
    proof = read_proof(staged)
    if former_key is not None:
        return find_key(staged, proof, [MasterKey.read(former_key)])
    keys = list(MasterKey.candidates(path, environ))
    try:
        return find_key(staged, proof, keys)
    except MasterKeyError as error:
        raise MasterKeyError(f"{error}: name the one of its time with --former-key FILE") from None


def _present_key(path: Path, environ: Mapping[str, str]) -> MasterKey:
    """Return the master key of the database that is there; the likeliest where there is none that can be read."""
    keys = list(MasterKey.candidates(path, environ))
    with (
        suppress(StoreError, MasterKeyError),
        closing(Database(path, readonly=True, busy_timeout_s=BUSY_TIMEOUT_S)) as present,
    ):
        return find_key(present, read_proof(present), keys)
    return keys[0]


def _compare(path: Path, backup: Database) -> Loss | None:
    """Return what of the present database is not in the backup, None where there is nothing that can be read."""
    try:
        with closing(Database(path, readonly=True, busy_timeout_s=BUSY_TIMEOUT_S)) as present:
            return _loss(present, backup)
    except StoreError:
        return None


def _loss(present: Database, backup: Database) -> Loss:
    now, since = _revision(present), _find_last_change(backup, present)
    if since is None:
        return Loss(revision=now, related=False)
    ((changes,),) = present.rows("SELECT count(*) FROM changes WHERE revision > ?", (since,))
    highest = backup.row("SELECT highest FROM counters WHERE name = 'keys'") or (0,)
    added = "FROM keys WHERE id > ? AND status != 'removed'"
    ((keys,),) = present.rows(f"SELECT count(*) {added}", highest)
    named = present.rows(f"SELECT id, identity {added} ORDER BY id LIMIT {_NAMED}", highest)
    names = tuple((id_, str(identity)) for id_, identity in named)
    return Loss(revision=now, related=True, changes=changes, keys=keys, named=names)


def _revision(database: Database) -> int:
    return int(database.rows("SELECT coalesce(max(revision), 0) FROM changes")[0][0])


def _find_last_change(backup: Database, present: Database) -> int | None:
    """Return under which revision `present` has the last change of `backup`, None where it has not.

    A change is known by its random number, where it is not of before there were any: a restore moves the last one.
    """
    then = _revision(backup)
    if not then:
        return 0
    mark = _mark(backup, then)
    if mark and _has_marks(present):
        found = present.row("SELECT revision FROM changes WHERE mark = ?", (mark,))
        return None if found is None else int(found[0])
    return then if _mark(present, then) == mark else None


def _mark(database: Database, revision: int) -> int | None:
    """Return the random number of a change, 0 of one from before there were any, None where there is no such change."""
    column = "mark" if _has_marks(database) else "0"
    row = database.row(f"SELECT {column} FROM changes WHERE revision = ?", (revision,))
    return None if row is None else int(row[0])


def _has_marks(database: Database) -> bool:
    return database.row("SELECT 1 FROM pragma_table_info('changes') WHERE name = 'mark'") is not None


def _is_database(path: Path) -> bool:
    """Return whether SQLite opens what lies at the path, however damaged it is; StoreError where it may not."""
    if not path.exists():
        return False
    check_file(path, readonly=False)
    try:
        with closing(Database(path, readonly=False, busy_timeout_s=BUSY_TIMEOUT_S)) as present:
            present.rows("PRAGMA page_count")
    except StoreError as error:
        if primary_code(error.__cause__) == sqlite3.SQLITE_NOTADB:
            return False
        raise
    return True


def _exchange(staged: Database, path: Path, author: Author, reason: str | None) -> tuple[Path, Loss | None]:
    """Write the backup into the database's own file; return where what was there is kept, and what of it is lost."""
    with (
        closing(Database(path, readonly=False, busy_timeout_s=BUSY_TIMEOUT_S)) as place,
        closing(Database(path, readonly=True, busy_timeout_s=BUSY_TIMEOUT_S)) as present,
    ):
        _match_page_size(staged, place)
        exchange = _Exchange(staged, present, author, reason)
        ((pages,),) = staged.rows("PRAGMA page_count")
        try:
            staged.sql.conn.backup(place.sql.conn, pages=max(1, pages // _STEPS), progress=exchange.step)
        except (sqlite3.Error, StoreError) as error:  # nothing was committed
            if exchange.kept is not None:
                exchange.kept.unlink()
            if isinstance(error, sqlite3.Error):
                raise translate(error, path) from error
            raise
        place.fold()
    assert exchange.kept is not None  # noqa: S101 (the first step came before the last)
    return exchange.kept, exchange.loss


class _Exchange:
    """What is done between the first step, which takes the write lock, and the last, which commits."""

    def __init__(self, staged: Database, present: Database, author: Author, reason: str | None) -> None:
        self._staged = staged
        self._present = present
        self._author = author
        self._reason = reason
        self.kept: Path | None = None
        self.loss: Loss | None = None

    def step(self, status: int, _remaining: int, _total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):  # else Python would wait for ever
            raise StoreError(f"the database {self._present.path} is locked by another process")
        if self.kept is None:
            path = self._present.path
            self.kept = keep_copy(self._present.sql.conn, path, _aside(path))
            given_out: dict[str, int] = {}
            with suppress(StoreError):  # of a database that is damaged nothing is known
                self.loss = _loss(self._present, self._staged)
                given_out = dict(self._present.rows("SELECT name, highest FROM counters"))
            self._carry_on(given_out)
            self._record()

    def _carry_on(self, given_out: Mapping[str, int]) -> None:
        """Let numbers that were given out stay given out, and those who follow the changes read everything anew.

        SQLite takes what is changed here, through the connection that is copied from, over into the copy.
        """
        staged = self._staged
        with staged.writing():
            staged.execute_many(
                "INSERT INTO counters (name, highest) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET highest = max(highest, excluded.highest)",
                list(given_out.items()),
            )
            # A follower who does not find the last change that it knows under its number reads everything.
            now = 0 if self.loss is None else self.loss.revision
            revision = 1 + max(now, _revision(staged), given_out.get("revision", 0))
            staged.execute(
                "UPDATE changes SET revision = ? WHERE revision = (SELECT max(revision) FROM changes)", (revision,)
            )
            staged.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'changes'", (revision,))
            staged.execute("UPDATE counters SET highest = ? WHERE name = 'revision'", (revision,))

    def _record(self) -> None:
        """Say in the audit who restored what, and where what was there is kept."""
        recorder = Recorder(self._staged, Audit(self._staged))
        recorder.author = self._author
        with recorder.change("restore", reason=self._reason) as change:
            change.note["from"] = str(self._staged.path)
            change.note["kept"] = str(self.kept)
            change.feed(Entity.VENUE, 1)  # an entry is of a change


def _match_page_size(staged: Database, place: Database) -> None:
    """Give the backup the pages of the database, whose size cannot change under those who have it open."""
    ((size,),) = place.rows("PRAGMA page_size")
    if staged.rows("PRAGMA page_size") != [(size,)]:
        with staged.errors():
            staged.sql.disable_wal()
            staged.sql.execute(f"PRAGMA page_size = {int(size)}")
            staged.sql.execute("VACUUM")
            staged.sql.enable_wal()


def _put(part: Path, path: Path) -> Path | None:
    """Put the backup where there is no database; return where what else lay there is kept, None where nothing did."""
    path = path.resolve()
    aside, kept = _aside(path), None
    log = path.with_name(f"{path.name}-wal")  # of a database that is gone: it would be taken for this one's
    try:
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        if log.exists() and log.stat().st_size:
            kept = log.rename(aside.with_name(f"{aside.name}-wal"))
        else:
            log.unlink(missing_ok=True)
        if there := path.exists():
            aside.hardlink_to(path)
            kept = aside
    except OSError as error:
        raise StoreError(f"cannot write {aside}: {error.strerror}") from error
    place(part, path, replace=there)
    return kept


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
