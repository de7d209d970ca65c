"""Copies of a database, made by SQLite's online backup while others write it.

# Rule: a copy has its name only when it is whole and on the disk. Until then it is `.NAME.PID.part` beside its place;
# of those the next copy takes away what a process that was killed has left.
"""

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from ...errors import StoreError
from ...secrets import sync_folder
from .sqlite_errors import primary_code, translate

_OF_THE_SOURCE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_BUSY)
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


@contextmanager
def part_of(path: Path) -> Iterator[Path]:
    """Give an empty file, its owner's alone, for what is to be at `path`; it is gone again at the end."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _sweep(path)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield part
    finally:
        remove(part)


def copy_database(source: sqlite3.Connection, source_path: Path, part: Path, path: Path) -> None:
    """Copy what is committed into the empty file `part`, to the disk; StoreError names `path`, what it is to become."""

    def stop_where_locked(status: int, _remaining: int, _total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):  # else Python would wait for ever
            raise StoreError(f"the database {source_path} is locked by another process")

    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as target:
            target.execute("PRAGMA journal_mode = OFF")  # what fails is thrown away
            target.execute("PRAGMA synchronous = OFF")
            source.backup(target, progress=stop_where_locked)  # in one step, which is one state of it
        _sync(part)
    except sqlite3.Error as error:
        if primary_code(error) in _OF_THE_SOURCE:
            raise translate(error, source_path) from error
        if primary_code(error) == sqlite3.SQLITE_FULL:
            raise StoreError(f"cannot write {path}: no space left") from error
        full = "; its disk is full, or failing" if primary_code(error) == sqlite3.SQLITE_IOERR else ""
        raise StoreError(f"cannot write {path}: {error}{full}") from error
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def place(part: Path, path: Path, *, replace: bool = False) -> None:
    """Give a finished copy its name at once; StoreError where something has that, unless it is to be replaced."""
    try:
        if replace:
            part.replace(path)
        else:
            _link(part, path)
        sync_folder(path.absolute().parent)
    except FileExistsError:
        raise StoreError(f"{path} exists already") from None
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def keep_copy(source: sqlite3.Connection, source_path: Path, path: Path) -> Path:
    """Copy a database to `path`, or to the next of `path`.2, `path`.3, ... that is free; return which."""
    for number in range(2, 1000):
        if not os.path.lexists(path):
            break
        path = path.with_name(f"{path.name.removesuffix(f'.{number - 1}')}.{number}")
    with part_of(path) as part:
        copy_database(source, source_path, part, path)
        place(part, path)
    return path


def remove(path: Path) -> None:
    """Delete a database, with its log and index."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _link(part: Path, path: Path) -> None:
    """Rename, but never over a file that is there."""
    try:
        path.hardlink_to(part)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):  # a file system without hard links, as of a memory stick
            raise FileExistsError from None
        part.rename(path)
    else:
        part.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(path: Path) -> None:
    """Delete what processes that are no more have left of copies to `path`."""
    name = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.part(-wal|-shm|-journal)?")
    for each in path.absolute().parent.iterdir():
        found = name.fullmatch(each.name)
        if found and not _is_running(int(found[1])):
            with suppress(FileNotFoundError):
                each.unlink()


def _is_running(process: int) -> bool:
    if process == os.getpid():
        return False  # the number is ours by now
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
