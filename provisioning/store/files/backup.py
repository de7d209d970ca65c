"""`latchkey backup`: one consistent file of a database that is being written, checked before it has its name."""

import os
import stat
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...errors import InvalidValue, StoreError
from ...secrets import KEY_VARIABLE, MasterKey, Vault, key_paths
from ..rows import Report
from .copies import copy_database, part_of, place
from .database import BUSY_TIMEOUT_S, Database, check_file
from .integrity import open_all
from .proof import find_key, read_proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a database holds."""

    venues: int
    keys: int  # removed ones aside
    revision: int  # of its last change
    octets: int
    sealed: int | None = None  # values that were opened; None: that was left out


def back_up(
    path: Path, target: Path, environ: Mapping[str, str], *, report: Report, force: bool = False, quick: bool = False
) -> Contents:
    """Copy the database to a new file that its owner alone can read, and return what that holds.

    report: told of rows that cannot be opened, in the database as in the copy
    force:  replace the file that is there
    quick:  check nothing of the copy, for which no master key is needed
    """
    check_file(path, readonly=True)
    _refuse(path, target, environ, force=force)
    with part_of(target) as part:
        with closing(Database(path, readonly=True, busy_timeout_s=BUSY_TIMEOUT_S)) as source:
            source.check_version()
            copy_database(source.sql.conn, path, part, target)
        with closing(Database(part, readonly=True, immutable=True, busy_timeout_s=0)) as copy:
            sealed = None
            if not quick:
                copy.check_pages()
                copy.path = path  # errors are about what was copied
                key = find_key(copy, read_proof(copy), MasterKey.candidates(path, environ))
                sealed = open_all(copy, Vault(key), report)
            contents = describe(copy, part, sealed)
        place(part, target, replace=force)
    return contents


def describe(database: Database, path: Path, sealed: int | None = None) -> Contents:
    """Return what a database of any version holds."""
    ((venues, keys, revision),) = database.rows(
        "SELECT (SELECT count(*) FROM venues), (SELECT count(*) FROM keys WHERE status != 'removed'),"
        " (SELECT coalesce(max(revision), 0) FROM changes)"
    )
    return Contents(venues=venues, keys=keys, revision=revision, octets=path.stat().st_size, sealed=sealed)


def key_place(path: Path, environ: Mapping[str, str]) -> str:
    """Return where the master key lies, in words."""
    if environ.get(KEY_VARIABLE):
        return KEY_VARIABLE
    return str(next((each for each in key_paths(path, environ) if each.exists()), key_paths(path, environ)[0]))


def _refuse(path: Path, target: Path, environ: Mapping[str, str], *, force: bool) -> None:
    """Raise InvalidValue or StoreError where nothing can be put, or what is there must not be lost."""
    if target.is_dir():
        raise InvalidValue(f"{target} is a folder: name a file in it")
    if not target.absolute().parent.is_dir():
        raise StoreError(f"cannot write {target}: there is no folder {target.parent}")
    used = [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")), *key_paths(path, environ)]
    if any(is_same_file(target, each) for each in used):
        raise InvalidValue(f"{target} is in use: it is the database's own")
    if os.path.lexists(target):
        if not force:
            raise StoreError(f"{target} exists already: another name, or --force to replace it")
        if not target.is_symlink() and not stat.S_ISREG(target.stat().st_mode):
            raise InvalidValue(f"{target} is no file")


def is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one file, or would."""
    try:
        return one.samefile(other)
    except OSError:
        return one.absolute() == other.absolute()
