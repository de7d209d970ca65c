"""SQLite's errors as ours."""

import sqlite3
from pathlib import Path

from ...errors import RowRefused, StoreError


def primary_code(error: BaseException | None) -> int:
    """Return SQLite's primary result code of an error, 0 where it has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def translate(error: sqlite3.Error, path: Path) -> StoreError:
    """Return the error in words; the texts of SQLite name no values."""
    match primary_code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(f"the database {path} is locked by another process")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StoreError(f"cannot write the database {path}: it or its folder is read-only")
        case sqlite3.SQLITE_NOTADB:
            return StoreError(f"{path} is not a Latchkey database")
        case sqlite3.SQLITE_CORRUPT:
            return StoreError(f"the database {path} is damaged: {error}")
        case sqlite3.SQLITE_FULL:
            return StoreError(f"no space left for the database {path}")
        case sqlite3.SQLITE_IOERR:
            return StoreError(f"the database {path} failed: {error}; its disk is full, or failing")
        case sqlite3.SQLITE_CONSTRAINT:
            return RowRefused(f"the database {path} refuses a row: {error}")
    return StoreError(f"the database {path} failed: {error}")
