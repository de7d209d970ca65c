"""Another master key for a database that exists.

# Rule: at each moment the database opens with one of the keys that lie there. The new key is on the disk before the
# first value is sealed with it, the old one stays until the transaction is committed, and whoever opens a database in
# between finds the key that fits among the two (`secrets.key_paths`).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .errors import InvalidValue, MasterKeyError
from .keys import Progress
from .secrets import KEY_VARIABLE, MasterKey, key_path, next_key_path, sync_folder
from .store import Store, open_store


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What has become of the keys."""

    path: Path  # of the new key
    former: Path | None  # where the one before is kept; None: where it was
    damaged: int  # rows that could not be opened, and are left


def rekey(
    db_path: Path,
    environ: Mapping[str, str],
    *,
    new_path: Path | None = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> Rekeyed:
    """Seal the database with a new master key.

    new_path: a new file to put it into, for somebody to bring where the former key is; else it takes that one's file
    tell:     told where an older database was brought up to date
    """
    if environ.get(KEY_VARIABLE) and new_path is None:
        raise InvalidValue(f"the master key is in {KEY_VARIABLE}: name a new file for the next one with --new-key-file")
    path = key_path(db_path, environ)
    _finish(db_path, path)
    staged = new_path or next_key_path(path)
    key = MasterKey.generate()
    with open_store(db_path, environ, tell=tell) as store:
        if new_path is None and not path.exists():
            raise MasterKeyError(f"no master key at {path} to replace: name a new file with --new-key-file")
        damaged = store.rekey(key, lambda: key.write(staged), progress)
        store.compact()
    former = None if new_path is not None else _replace(path, staged)
    return Rekeyed(new_path or path, former, damaged)


def _finish(db_path: Path, path: Path) -> None:
    """Bring an earlier attempt that was cut off to its end, or take away what it has left."""
    staged = next_key_path(path)
    if not staged.exists():
        return
    try:
        Store.open(db_path, MasterKey.read(staged)).close()
    except MasterKeyError:  # not where the database cannot be opened: this may be its key
        staged.unlink()
    else:
        _replace(path, staged)


def _replace(path: Path, staged: Path) -> Path | None:
    """Put the new key in the former one's place; return where that is kept, for it opens the backups made before."""
    former = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    try:
        if path.exists():
            MasterKey.read(path).write(former)
        os.replace(staged, path)  # noqa: PTH105 (at once, whatever lies there)
        sync_folder(path.parent)
    except OSError as error:
        raise MasterKeyError(f"the database needs the key in {staged}: move it to {path} ({error.strerror})") from error
    return former if former.exists() else None
