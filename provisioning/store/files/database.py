"""One SQLite connection as the store wants it: pragmas, transactions, and SQLite's errors turned into ours.

Rule: this file knows no table but the two that every write uses, `counters` and `changes`.
"""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import sqlite_utils

from ...errors import InvalidValue, NewerDatabase, NotFound, StoreError, StoreMissing, StoreReplaced
from ...model import Entity
from ..rows import Row
from .copies import remove
from .migrations import KNOWN, MIGRATIONS
from .sqlite_errors import primary_code, translate

if TYPE_CHECKING:
    from sqlite3 import Cursor

BUSY_TIMEOUT_S: Final = 30.0  # an import of a million keys holds the write lock for 12
_CACHE_KIB: Final = 8_192
_BULK_CACHE_KIB: Final = 65_536  # a million fingerprints arrive in random order, and the pages of their index with them
_MOST_IN_MEMORY: Final = 512 << 20  # octets of an older database that a reader brings up to date for itself

Tell = Callable[[str], None]  # told in a line what was done beside what was asked


class Database:
    """A connection to a Latchkey database. Not for two threads at once."""

    def __init__(
        self,
        path: Path,
        *,
        readonly: bool,
        busy_timeout_s: float,
        immutable: bool = False,
        tell: Tell | None = None,
    ) -> None:
        """Connect.

        immutable: read the file alone, without locks, log or index: for one that nobody writes
        tell:      told where the database was brought up to date
        """
        self.path = path
        self.tell = tell
        self.readonly = readonly or immutable
        self._busy_timeout_s = busy_timeout_s
        self._immutable = immutable
        self._alone = False
        self.lacked: tuple[str, ...] = ()  # migrations that the file has not, where a reader made do without them
        self._connect()

    def _connect(self) -> None:
        uri = f"file:{quote(str(self.path.absolute()))}?mode={'ro' if self.readonly else 'rw'}&immutable=%d"
        self.file_id, written = _look(self.path)
        with self.errors():
            connection = sqlite3.connect(
                uri % self._immutable, uri=True, timeout=self._busy_timeout_s, check_same_thread=False
            )
            self.sql = sqlite_utils.Database(connection, execute_plugins=False)
        try:
            if _look(self.path)[0] != self.file_id:
                raise StoreReplaced(f"the database {self.path} was replaced as it was opened")
            if self.readonly and not self._immutable and not self._is_readable():
                self.sql.close()
                self._connect_alone()
                return
            with self.errors():
                self.sql.execute("PRAGMA secure_delete = ON")  # what is erased leaves no copy in a free page
                self.sql.execute("PRAGMA foreign_keys = ON")
                self.sql.execute("PRAGMA synchronous = FULL")  # an answered device must survive a power cut
                self.sql.execute("PRAGMA temp_store = MEMORY")
                self.sql.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        except BaseException:
            self.close()
            raise
        self._written = written

    @classmethod
    def create(cls, path: Path, *, busy_timeout_s: float) -> "Database":
        """Return a new empty database with every table; StoreError where something is in the way."""
        try:
            # Before SQLite does it with the umask: the log and index files take their mode from this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise StoreError(f"{path} exists already") from None
        except OSError as error:
            raise StoreError(f"cannot create {path}: {error.strerror}") from error
        try:
            database = cls(path, readonly=False, busy_timeout_s=busy_timeout_s)
            try:
                with database.errors():
                    database.sql.enable_wal()
                database.migrate()
            except BaseException:
                database.close()
                raise
        except BaseException:
            remove(path)
            raise
        return database

    @classmethod
    def open(cls, path: Path, *, readonly: bool, busy_timeout_s: float, tell: Tell | None = None) -> "Database":
        """Return an existing database of this version or an earlier one: see `upgrading` for what to do with that."""
        check_file(path, readonly=readonly)
        database = cls(path, readonly=readonly, busy_timeout_s=busy_timeout_s, tell=tell)
        try:
            database.check_version()
        except BaseException:
            database.close()
            raise
        return database

    def _is_readable(self) -> bool:
        """Return whether the index beside the database, which readers share with writers, is there or can be made."""
        try:
            self.sql.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            if primary_code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR):
                return False  # of these the last where the disk is full
            raise translate(error, self.path) from error
        return True

    def _connect_alone(self) -> None:
        """Read the file without an index, where we may make none: right as long as no change lies beside it.

        StoreError where one does: what is in the file is then older than what holds.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        try:
            waiting = log.stat().st_size
        except FileNotFoundError:
            waiting = 0
        except OSError as error:
            raise StoreError(f"cannot read {log}: {error.strerror}") from error
        if waiting:
            raise StoreError(
                f"cannot read the database {self.path}: the last changes lie in {log.name}, which needs a folder that"
                " can be written, or the server running"
            )
        self._immutable = self._alone = True
        self._connect()

    def close(self) -> None:
        """Disconnect; StoreError where the file was written meanwhile and nothing kept what was read together."""
        self.sql.close()
        alone, self._alone = self._alone, False
        if alone and _look(self.path) != (self.file_id, self._written):
            raise StoreError(f"the database {self.path} was changed while it was read: try again")
        self._written = _NEVER

    def reopen(self) -> None:
        """Connect anew, to the file that lies at the path now; the connection is closed where that fails."""
        self.close()
        check_file(self.path, readonly=self.readonly)
        self._connect()
        try:
            self.check_version()
        except BaseException:
            self.close()
            raise

    def fold(self) -> None:
        """Fold the write-ahead log into the file and empty it, where nobody is in the way; else leave it."""
        with self.errors():
            self.sql.execute("PRAGMA busy_timeout = 0")  # waiting for a reader would keep writers waiting
            try:
                self.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                self.sql.execute(f"PRAGMA busy_timeout = {round(self._busy_timeout_s * 1000)}")

    def rewrite(self) -> bool:
        """Write the file anew, so that it holds what is in a row and nothing else, and empty the write-ahead log.

        What was deleted is overwritten (secure_delete), but where SQLite moves rows from page to page it leaves octets
        of them behind. Returns whether the log is empty: not while somebody reads for longer than we wait.
        """
        with self.errors():
            self.sql.execute("VACUUM")
            return not self.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def is_replaced(self) -> bool:
        """Return whether another file lies at the path now; StoreError where none does."""
        return _look(self.path)[0] != self.file_id

    @property
    def has_written(self) -> bool:
        """Return whether this connection has changed a row."""
        return self._written != _NEVER and not self.readonly and self.sql.conn.total_changes > 0

    def log_state(self) -> tuple[int, int] | None:
        """Return size and time of the write-ahead log, None where it is empty."""
        try:
            status = self.path.with_name(f"{self.path.name}-wal").stat()
        except OSError:
            return None
        return (status.st_size, status.st_mtime_ns) if status.st_size else None

    def is_log_former(self) -> bool:
        """Return whether the write-ahead log was last written before a file was put at the path."""
        log = self.path.with_name(f"{self.path.name}-wal")
        try:
            return log.stat().st_mtime_ns <= self.path.stat().st_ctime_ns
        except OSError:
            return False

    def is_written(self) -> bool:
        """Return whether the file itself was written since this was last asked: by a checkpoint, or past SQLite.

        So it is, too, while there is no connection to it.
        """
        before = self._written
        _, self._written = _look(self.path)
        return self._written != before

    def check_pages(self) -> None:
        """Raise StoreError unless the file's pages hang together."""
        with self.errors():
            result = self.sql.execute("PRAGMA quick_check(1)").fetchone()[0]
        if result != "ok":
            raise StoreError(f"the database {self.path} is damaged")

    def expect_bulk(self) -> None:
        """Let this connection use the memory that many writes need; the several of a server have no such need."""
        self.sql.execute(f"PRAGMA cache_size = -{_BULK_CACHE_KIB}")

    def migrate(self, keep: Callable[[], None] | None = None) -> None:
        """Apply the missing migrations, all or none.

        keep: called before the first, while nobody else can write
        """
        with self.errors():
            self.sql.execute("PRAGMA foreign_keys = OFF")  # or no table that others refer to could be made anew
            try:
                with self.writing():
                    if keep is not None:
                        keep()
                    MIGRATIONS.apply(self.sql)
                    if self.sql.execute("PRAGMA foreign_key_check").fetchone():
                        raise StoreError(f"the database {self.path} is damaged: rows refer to rows that are not there")
            finally:
                self.sql.execute("PRAGMA foreign_keys = ON")

    def check_version(self) -> None:
        """Raise StoreError unless this is a Latchkey database, NewerDatabase where a later version wrote it."""
        with self.errors():
            applied = {step.name for step in MIGRATIONS.applied(self.sql)}
        if not applied:
            raise StoreError(f"{self.path} is not a Latchkey database")
        if unknown := sorted(applied.difference(KNOWN)):
            raise NewerDatabase(f"{self.path} was written by a newer version of latchkey ({unknown[-1]})")

    def pending(self) -> list[str]:
        """Return the migrations that an older database lacks, in order."""
        with self.errors():
            return [step.name for step in MIGRATIONS.pending(self.sql)]

    def upgrade_in_memory(self) -> None:
        """Go over to a copy in memory, brought up to date there; the file is left as it is."""
        if _look(self.path)[1][1] > _MOST_IN_MEMORY:
            raise StoreError(
                f"{self.path} was written by an older version of latchkey: bring it up to date with `latchkey upgrade`"
            )
        lacked = tuple(self.pending())
        memory = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            with self.errors():
                self.sql.conn.backup(memory)
                upgraded = sqlite_utils.Database(memory, execute_plugins=False)
                MIGRATIONS.apply(upgraded)
                upgraded.execute("PRAGMA query_only = ON")
        except BaseException:
            memory.close()
            raise
        self.sql.close()
        self.sql, self.lacked = upgraded, lacked

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors into StoreError, whose texts name no values, and what is no text into InvalidValue."""
        try:
            yield
        except UnicodeEncodeError as error:  # octets of a command line that are no UTF-8
            raise InvalidValue(f"text with {error.object[error.start : error.end][:8]!r} in it is not UTF-8") from None
        except OverflowError:  # a number of a command line that is none of SQLite's
            raise InvalidValue(f"a number of it is larger than {2**63 - 1}") from None
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let several statements see one state of the database."""
        with self.errors(), self.sql.atomic():
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make everything within one transaction, which owns the database's write lock from its start.

        Not `atomic()`, whose deferred BEGIN reads first: when another process commits between that read and the first
        write, SQLite gives up at once instead of waiting.
        """
        with self.errors():
            self.sql.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.sql.execute("COMMIT")
            except BaseException:
                self.sql.rollback()
                raise

    @contextmanager
    def joining(self) -> Iterator[None]:
        """Make everything within part of the transaction that is being written, or one of its own."""
        if self.sql.conn.in_transaction:
            yield
            return
        with self.writing():
            yield

    def add_function(self, name: str, function: Callable[[str], str]) -> None:
        """Let statements call a function of one text."""
        self.sql.conn.create_function(name, 1, function, deterministic=True)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> "Cursor":
        """Run a statement of a transaction; `reading` or `writing` turn its errors into ours."""
        return self.sql.execute(sql, parameters)

    def execute_many(self, sql: str, rows: Iterable[Row]) -> None:
        self.sql.conn.executemany(sql, rows)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with self.errors():
            return self.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Return the first row, None where there is none."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def require(self, table: str, id_: int) -> None:
        """Raise NotFound unless `table` has a row of that id."""
        if not self.row(f"SELECT 1 FROM {table} WHERE id = ?", (id_,)):  # noqa: S608 (a name of ours)
            raise NotFound(f"nothing with id {id_} in {table}")

    def allocate(self, table: str, count: int = 1) -> int:
        """Return the first of `count` ids of `table` that were never used and never will be again."""
        self.sql.execute(
            "INSERT INTO counters (name, highest) VALUES (:table, :count)"
            " ON CONFLICT (name) DO UPDATE SET highest = highest + :count",
            {"table": table, "count": count},
        )
        row = self.sql.execute("SELECT highest FROM counters WHERE name = ?", (table,)).fetchone()
        return int(row[0]) - count + 1

    def next_revision(self) -> int:
        """Return the next revision, from one row: whoever has it goes first until the transaction's end.

        So the order of commits is that of revisions, in databases with several writers, too.
        """
        return self.allocate("revision")

    def record(self, entity: Entity, first_id: int, last_id: int | None = None, revision: int | None = None) -> None:
        """Append to the change feed that the server follows, as the next revision or one that was taken before."""
        self.sql.execute(
            "INSERT INTO changes (revision, entity, first_id, last_id, mark) VALUES (?, ?, ?, ?, random())",
            (
                self.next_revision() if revision is None else revision,
                entity.value,
                first_id,
                first_id if last_id is None else last_id,
            ),
        )


FileId = tuple[int, int]  # device and inode
_NEVER: Final = (0, 0)


def _look(path: Path) -> tuple[FileId, tuple[int, int]]:
    """Return which file lies at the path, and what shows that its contents were written."""
    try:
        status = path.stat()
    except OSError as error:
        raise StoreMissing(f"no database at {path} any more: {error.strerror}") from error
    return (status.st_dev, status.st_ino), (status.st_mtime_ns, status.st_size)


def check_file(path: Path, *, readonly: bool) -> None:
    """Raise StoreError, saying why, unless there is a database to open; SQLite says only that it cannot.

    Never opens the file: closing it again would drop the POSIX locks of every other connection of this process, and
    the next process to leave would take the log from under them (sqlite.org/howtocorrupt.html, section 2.2).
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise StoreMissing(
            f"no database at {path.absolute()}: run `latchkey init`, or name yours with --db or LATCHKEY_DB"
        ) from None
    except OSError as error:
        raise StoreError(f"cannot read the database {path}: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise StoreError(f"{path} is not a database but a folder or device")
    if not os.access(path, os.R_OK):
        raise StoreError(f"cannot read the database {path}: permission denied")
    if not readonly:
        for place in (path, path.absolute().parent):  # the write-ahead log is a new file beside it
            if not os.access(place, os.W_OK):
                raise StoreError(f"cannot write the database {path}: {place} is read-only")
