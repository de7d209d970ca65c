"""Files that a command makes beside its change: whole or not at all, their owner's alone, and nothing written over."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidValue, StoreError
from ..store.files.copies import part_of, place


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that has its name when `keep` was called."""

    path: Path
    part: Path
    force: bool

    def write(self, octets: bytes) -> None:
        """Write all of it, to the disk; what was written before is replaced."""
        try:
            with self.part.open("wb") as out:
                out.write(octets)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}") from error

    def keep(self) -> None:
        place(self.part, self.path, replace=self.force)


@contextmanager
def new_file(name: str | None, *, force: bool = False) -> Iterator[NewFile | None]:
    """Give a file that is gone again unless it is kept; None where no name is given.

    Raises InvalidValue where something has that name, unless `force` is to write over a file.
    """
    if name is None:
        yield None
        return
    path = Path(name)
    if os.path.lexists(path):
        if path.is_dir():
            raise InvalidValue(f"{path} is a folder")
        if not path.is_file():  # a device would be replaced by a file, and not written to
            raise InvalidValue(f"{path} is no file that could be written over")
        if not force:
            raise InvalidValue(f"{path} exists already: --force writes over it")
    with part_of(path) as part:
        yield NewFile(path, part, force)
