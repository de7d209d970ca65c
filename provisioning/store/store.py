"""The store: domain types in and out, one object for each aggregate over one database.

Rules: all SQL is in this folder; no row, dict or SQLite type leaves it, so that another database can stand beside this
one. Every administrator's write appends to the change feed in its own transaction. Secrets are sealed before they
become a parameter of a statement, so that no plain one reaches the file, its log, or an error.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import StoreError, StoreReplaced
from ..keys import Progress
from ..secrets import KEY_VARIABLE, MasterKey, Vault, key_path
from .cards import Cards
from .devices import Devices
from .files.copies import remove
from .files.database import BUSY_TIMEOUT_S, Database, FileId, Tell, check_file
from .files.proof import find_key, read_proof, seal_proof
from .files.upgrading import upgrade
from .keypools import Keypools
from .keys import Keys
from .nases import Nases
from .people import People
from .plans import Plans
from .recording.audit import Audit
from .recording.changes import Changes
from .recording.recorder import Recorder, Recording
from .records.devices import DeviceRecords
from .records.keys import KeyRecords
from .records.occupants import Occupants
from .records.subscribers import SubscriberRows
from .subscribers import Subscribers
from .sync import Sync
from .units import Units
from .venues import Venues

if TYPE_CHECKING:
    from .files.integrity import Integrity


class Store:
    """An open database. One per thread; `with` closes it."""

    def __init__(self, database: Database, vault: Vault, load_keys: Callable[[], Iterable[MasterKey]]) -> None:
        """Use `open` or `create`.

        load_keys: gives the master keys that may be the database's now, as another process may have changed it
        """
        self._db = database
        self._vault = vault
        self._load_keys = load_keys
        self._proof = b""
        self.audit = Audit(database)
        self.recorder = Recorder(database, self.audit)
        self.nases = Nases(database, self.recorder, vault)
        self.venues = Venues(database, self.recorder, self.nases)
        self.units = Units(database, self.recorder)
        self.keypools = Keypools(database, self.recorder)
        self.plans = Plans(database, self.recorder)
        self.subscribers = Subscribers(database, self.recorder)
        self.subscriber_rows = SubscriberRows(database)
        self.devices = Devices(database, self.recorder)
        self.keys = Keys(
            database,
            self.recorder,
            vault,
            keypools=self.keypools,
            units=self.units,
            plans=self.plans,
            subscribers=self.subscribers,
            devices=self.devices,
        )
        self.device_records = DeviceRecords(database)
        self.key_records = KeyRecords(database, vault)
        self.people = People(database, self.recorder, self.audit)
        self.cards = Cards(database, self.recorder)
        self.occupants = Occupants(database, self.recorder)
        self.changes = Changes(database)
        self.sync = Sync(database, vault)
        self.recorder.checks += (
            self.keys.refuse_meetings,
            self.subscribers.refuse_overlaps,
            self.occupants.refuse_vlans,
        )

    @property
    def integrity(self) -> "Integrity":
        """Return what looks for damage: imported when it is asked for, as nearly no command does."""
        from .files.integrity import Integrity

        return Integrity(self._db, self._vault, self.keypools)

    def change(self, action: str, *, reason: str | None = None) -> AbstractContextManager[Recording]:
        """Make everything within one transaction with one entry in the audit; see `Recorder.change`."""
        return self.recorder.change(action, reason=reason)

    def forget_images(self, before: datetime) -> None:
        """Forget how rows were before the changes of then: those cannot be taken back any more."""
        if self.audit.has_images(before):  # nearly never: no write lock for that
            with self._db.writing():
                self.audit.forget_images(before=before)

    @classmethod
    def create(cls, path: Path, master_key: MasterKey, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Self:
        """Return a new, empty store that only `master_key` opens."""
        database = Database.create(path, busy_timeout_s=busy_timeout_s)
        vault = Vault(master_key)
        try:
            with database.writing():
                database.execute("INSERT INTO meta (name, value) VALUES ('proof', ?)", (seal_proof(vault),))
        except BaseException:
            database.close()
            remove(path)
            raise
        store = cls(database, vault, lambda: [master_key])
        store.check_key()
        return store

    @classmethod
    def open(
        cls,
        path: Path,
        master_key: MasterKey | Callable[[], Iterable[MasterKey]],
        *,
        readonly: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        tell: Tell | None = None,
    ) -> Self:
        """Return the store at `path`; MasterKeyError where `master_key`, or each it returns, is another database's.

        tell: told where an older database was brought up to date, now or by `reopen`
        """
        load_keys = master_key if callable(master_key) else partial(_only, master_key)
        vault = Vault(next(iter(load_keys())))
        database = Database.open(path, readonly=readonly, busy_timeout_s=busy_timeout_s, tell=tell)
        store = cls(database, vault, load_keys)
        try:
            store.check_key()
            upgrade(database)
        except BaseException:
            database.close()
            raise
        return store

    def check_key(self) -> None:
        """Go over to the database's own master key where that was changed; MasterKeyError where it is not to be had."""
        proof = read_proof(self._db)
        if proof != self._proof:
            self._vault.use(find_key(self._db, proof, self._load_keys()))
            self._proof = proof

    def rekey(self, key: MasterKey, keep: Callable[[], None], progress: Progress | None = None) -> int:
        """Seal every secret anew, in one transaction; return how many rows were left as they are: they do not open.

        keep: called in it, before the first row: has the new key on the disk when it returns
        """
        vault = Vault(key)
        with self._db.writing():
            if read_proof(self._db) != self._proof:
                raise StoreError(f"{self.path} was sealed anew meanwhile")
            keep()
            damaged: set[tuple[str, int]] = set()
            self.audit.forget_all_images()  # they are sealed with the key before
            self.nases.reseal(vault, lambda *row: damaged.add(row))
            self.keys.reseal(vault, lambda *row: damaged.add(row), progress)
            self.sync.reseal(vault, lambda *row: damaged.add(row))
            proof = seal_proof(vault)
            self._db.execute("UPDATE meta SET value = ? WHERE name = 'proof'", (proof,))
        self._vault.use(key)
        self._proof = proof
        return len(damaged)

    # What a process that stays needs to know of the file.

    @property
    def path(self) -> Path:
        return self._db.path

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return the migrations that an older file lacks, where it was opened to be read only."""
        return self._db.lacked

    @property
    def file_id(self) -> FileId:
        """Return which file was opened."""
        return self._db.file_id

    def check_place(self) -> bool:
        """Raise StoreReplaced where another file lies at the path now, StoreError where none does.

        Returns whether the file was connected to anew, which begins another count of `data_version`.
        """
        if self._db.is_replaced():
            raise StoreReplaced(f"the database {self.path} was replaced")
        if not self._db.is_written():
            return False
        # Nearly always by a checkpoint. But after `cp` onto the file, the pages that SQLite has in memory are old.
        self.reopen()
        return True

    def is_log_former(self) -> bool:
        """Return whether all that lies in the log was written before another file took the database's place."""
        return self._db.is_log_former()

    def check_replacement(self) -> None:
        """Raise ProvisioningError unless what lies at the path now is a sound database of ours."""
        # Another file is read alone: the log that has its name is not its. In our own file `latchkey restore` has put
        # other contents by way of the log.
        other = self._db.is_replaced()
        with closing(Database(self.path, readonly=True, immutable=other, busy_timeout_s=0)) as database:
            database.check_version()
            database.check_pages()
            find_key(database, read_proof(database), self._load_keys())

    def reopen(self) -> None:
        """Go over to the file that lies at the path now; the store is closed where that cannot be opened."""
        self._db.reopen()
        try:
            self.check_key()
            upgrade(self._db)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close it; what it has written goes into the file itself where nobody is in the way.

        Then a copy of the file alone is whole, also while a server runs.
        """
        with contextlib.suppress(StoreError):
            if self._db.has_written and not self._db.is_replaced():
                self._db.fold()
        self._db.close()

    def disconnect(self) -> None:
        """Close it and leave the log as it is: it may be another file's by now."""
        self._db.close()

    def log_state(self) -> tuple[int, int] | None:
        """Return what shows whether the write-ahead log grows, None while it is empty."""
        return self._db.log_state()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fold(self) -> None:
        """Empty the write-ahead log into the file where nobody is in the way, so that a copy of the file is whole."""
        self._db.fold()

    def rewrite(self) -> bool:
        """Leave nothing in the database's files that is in no row; return whether that is done: see `Database`."""
        return self._db.rewrite()

    def compact(self) -> None:
        """Fold the write-ahead log, large after an import, into the database as far as readers let it."""
        with self._db.errors():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _only(key: MasterKey) -> list[MasterKey]:
    return [key]


def create_store(path: Path, environ: Mapping[str, str]) -> Store:
    """Return a new store at `path` under the master key of `environ`, made beside it where there is none."""
    if path.exists():  # before a key is made that belongs to nothing
        raise StoreError(f"{path} exists already")
    if not path.parent.is_dir():
        raise StoreError(f"cannot create {path}: there is no folder {path.parent}")
    place = key_path(path, environ)
    made = not environ.get(KEY_VARIABLE) and not place.exists()
    key = MasterKey.create(path, environ)
    try:
        return Store.create(path, key)
    except BaseException:
        if made:
            place.unlink(missing_ok=True)  # it opens nothing
        raise


def open_store(path: Path, environ: Mapping[str, str], *, readonly: bool = False, tell: Tell | None = None) -> Store:
    """Return the store at `path`, opened with the master key that `environ` names or holds."""
    check_file(path, readonly=readonly)  # a missing database is the more useful error than its missing key
    return Store.open(path, partial(MasterKey.candidates, path, environ), readonly=readonly, tell=tell)
