"""The proof: a value sealed in every database, which opens only with the master key that it was made with."""

from collections.abc import Iterable
from typing import Final

from ...errors import MasterKeyError, RowDamaged, StoreError
from ...secrets import MasterKey, Vault
from .database import Database

_PROOF: Final = b"latchkey"
_PLACE: Final = ("meta.value", 0)


def seal_proof(vault: Vault) -> bytes:
    return vault.seal(*_PLACE, _PROOF)


def read_proof(database: Database) -> bytes:
    """Return the proof; StoreError where there is none."""
    row = database.row("SELECT value FROM meta WHERE name = 'proof'")
    if row is None or not isinstance(row[0], bytes):
        raise StoreError(f"{database.path} is not a Latchkey database")
    return row[0]


def find_key(database: Database, proof: bytes, keys: Iterable[MasterKey]) -> MasterKey:
    """Return the one of the keys that opens the proof; MasterKeyError where none does."""
    for key in keys:
        if _opens(Vault(key), proof):
            return key
    raise MasterKeyError(f"the master key is not the one that {database.path} was made with")


def _opens(vault: Vault, proof: bytes) -> bool:
    try:
        vault.unseal(*_PLACE, proof)
    except RowDamaged:
        return False
    return True
