"""Word lists: a passphrase a line, read as a stream."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crypto import check_passphrase

from .errors import FormatError
from .read.capture_file import open_gzip

_BUFFER: Final = 1 << 20
_MAX_LINE: Final = 1 << 16


class Words:
    """The passphrases in a file, also a gzipped one. `with` closes it; iterating gives them, once."""

    def __init__(self, path: Path) -> None:
        """FormatError where the file cannot be read."""
        self.name = str(path)
        self.skipped = 0  # lines that cannot be a passphrase
        try:
            self._raw = path.open("rb", buffering=_BUFFER)
            self._file = open_gzip(self._raw)
        except OSError as error:
            raise FormatError(f"cannot read {path}: {error.strerror}") from error

    def __enter__(self) -> "Words":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._raw.close()

    def __iter__(self) -> Iterator[bytes]:
        try:
            while line := self._file.readline(_MAX_LINE):
                word = line.rstrip(b"\r\n")
                if not word:
                    continue
                if _possible(word):
                    yield word
                else:
                    self.skipped += 1
        except (OSError, EOFError) as error:
            raise FormatError(f"{self.name} cannot be read to its end") from error

    @property
    def position(self) -> int:
        """Octets of the file that have been read."""
        return self._raw.tell()

    @property
    def size(self) -> int:
        """Octets of the file."""
        return os.fstat(self._raw.fileno()).st_size


def _possible(word: bytes) -> bool:
    """Return whether a station could use it: also what J.4 does not allow, octets beyond ASCII, as many let pass."""
    if 8 <= len(word) <= 63:
        return True
    try:
        check_passphrase(word)
    except ValueError:
        return False
    return True
