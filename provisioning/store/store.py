"""The store: domain types in and out, one object for each aggregate over one database.

Rules: all SQL is in this folder; no row, dict or SQLite type leaves it, so that another database can stand beside this
one. Every administrator's write appends to the change feed in its own transaction. Secrets are sealed before they
become a parameter of a statement, so that no plain one reaches the file, its log, or an error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from ..errors import MasterKeyError, StoreError
from ..secrets import MasterKey, Vault
from .changes import Changes
from .database import Database, check_file, remove
from .devices import Devices
from .inventory import Inventory
from .keys import Keys

_PROOF: Final = b"latchkey"  # sealed in every database: opens only with the key it was made with
_BUSY_TIMEOUT_S: Final = 30.0  # an import of a million keys holds the write lock for 12


class Store:
    """An open database. One per thread; `with` closes it."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._db = database
        self.inventory = Inventory(database, vault)
        self.devices = Devices(database)
        self.keys = Keys(database, vault, self.inventory, self.devices)
        self.changes = Changes(database)

    @classmethod
    def create(cls, path: Path, master_key: MasterKey, *, busy_timeout_s: float = _BUSY_TIMEOUT_S) -> Self:
        """Return a new, empty store that only `master_key` opens."""
        database = Database.create(path, busy_timeout_s=busy_timeout_s)
        vault = Vault(master_key)
        try:
            with database.writing():
                proof = vault.seal("meta.value", 0, _PROOF)
                database.execute("INSERT INTO meta (name, value) VALUES ('proof', ?)", (proof,))
        except BaseException:
            database.close()
            remove(path)
            raise
        return cls(database, vault)

    @classmethod
    def open(
        cls,
        path: Path,
        master_key: MasterKey,
        *,
        readonly: bool = False,
        busy_timeout_s: float = _BUSY_TIMEOUT_S,
    ) -> Self:
        """Return the store at `path`; MasterKeyError where `master_key` is another database's."""
        database = Database.open(path, readonly=readonly, busy_timeout_s=busy_timeout_s)
        vault = Vault(master_key)
        try:
            proof = database.row("SELECT value FROM meta WHERE name = 'proof'")
            if proof is None:
                raise StoreError(f"{path} is not a Latchkey database")
            try:
                vault.unseal("meta.value", 0, proof[0])
            except StoreError:
                raise MasterKeyError(f"the master key is not the one that {path} was made with") from None
        except BaseException:
            database.close()
            raise
        return cls(database, vault)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def compact(self) -> None:
        """Fold the write-ahead log, large after an import, into the database as far as readers let it."""
        with self._db.errors():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def create_store(path: Path, environ: Mapping[str, str]) -> Store:
    """Return a new store at `path` under the master key of `environ`, made beside it where there is none."""
    if path.exists():  # before a key is made that belongs to nothing
        raise StoreError(f"{path} exists already")
    if not path.parent.is_dir():
        raise StoreError(f"cannot create {path}: there is no folder {path.parent}")
    return Store.create(path, MasterKey.create(path, environ))


def open_store(path: Path, environ: Mapping[str, str], *, readonly: bool = False) -> Store:
    """Return the store at `path`, opened with the master key that `environ` names or holds."""
    check_file(path, readonly=readonly)  # a missing database is the more useful error than its missing key
    return Store.open(path, MasterKey.load(path, environ), readonly=readonly)
