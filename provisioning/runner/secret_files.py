"""Secrets that a table of latchkey.toml has, or names a file or an environment variable for.

A file is read each time it is asked for, so that one that was renewed counts at once. Like the master key's it is
refused where others can read it: by its mode, unless a folder on the way there is closed to them.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..errors import InvalidValue

_MOST_OCTETS: Final = 64 << 10
_GROUP, _OTHERS = 0o070, 0o007


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where one secret is: exactly one of the three; `key` is what the table calls it."""

    key: str
    value: str | None = field(default=None, repr=False)
    file: Path | None = None
    variable: str | None = None
    table_file: Path | None = None  # that `value` stands in

    def read(self, environ: Mapping[str, str]) -> str:
        """Return the secret; InvalidValue names the key and says what is wrong, nothing of what was read."""
        if self.file is not None:
            return self._check(_read_file(self.file, self.key))
        if self.variable is not None:
            found = environ.get(self.variable)
            if found is None:
                raise InvalidValue(f"{self.key}: the environment has no {self.variable}")
            return self._check(found)
        if self.table_file is not None and is_exposed(self.table_file):
            raise InvalidValue(f"{self.key} stands in a file that others can read: chmod 600 {self.table_file}")
        return self._check(self.value or "")

    def _check(self, text: str) -> str:
        text = text.removesuffix("\n").removesuffix("\r")
        if not text.strip():
            raise InvalidValue(f"{self.key} is empty")
        if not all(character.isprintable() for character in text):
            raise InvalidValue(f"{self.key} has more than one line, or a control character in it")
        return text


def _read_file(path: Path, key: str) -> str:
    try:
        with path.open("rb") as file:
            exposed = is_exposed(path)
            octets = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise InvalidValue(f"{key}: cannot read {path}: {error.strerror}") from None
    if exposed:
        raise InvalidValue(f"{key}: {path} can be read by others: chmod 600 {path}")
    if len(octets) > _MOST_OCTETS:
        raise InvalidValue(f"{key}: {path} is larger than a secret is")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidValue(f"{key}: {path} is not UTF-8") from None


def is_exposed(path: Path) -> bool:
    """Return whether others than its owner can get at a file."""
    real = path.resolve()
    open_to = stat.S_IMODE(real.stat().st_mode) & (_GROUP | _OTHERS)
    for folder in real.parents:
        mode = stat.S_IMODE(os.stat(folder).st_mode)  # noqa: PTH116 (follows what resolve has resolved)
        open_to &= (_GROUP if mode & 0o010 else 0) | (_OTHERS if mode & 0o001 else 0)
    return bool(open_to)
