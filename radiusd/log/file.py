"""The file that keeps the decisions, for `latchkey log`: append-only, and never larger than it may be for long.

Several processes write to one file. Each opens it for itself, in its own time, and appends whole lines with one call,
which the kernel does not mix. The one that first sees it too large renames it, under a lock that all of them would take
for that; the others see that the name now means another file, and open that.
"""

import contextlib
import errno
import fcntl
import logging
import os
import stat
from pathlib import Path

log = logging.getLogger("radiusd")

_MIB = 1 << 20


def decisions_path(database: Path) -> Path:
    """Return where the decisions about a database's keys are kept."""
    return database.with_name(f"{database.name}-log")


def former_path(path: Path) -> Path:
    """Return where the file goes when it has become too large."""
    return path.with_name(f"{path.name}.1")


class DecisionFile:
    """Takes lines, and loses them rather than stop the server."""

    def __init__(self, path: Path, size: int = 256 * _MIB) -> None:
        self._path = path
        self._size = size
        self._descriptor: int | None = None
        self._inode = 0
        self._broken = False  # and said so
        self._torn = False  # it ends within a line: the disk was full, or the machine went down
        self._lost = 0  # lines, since the last that could be written
        self._uncounted = 0

    def limit(self, size_mb: int) -> None:
        """Let the file grow to this size from now on; 0: write none."""
        self._size = size_mb * _MIB
        if not self._size:
            self.close()

    def write(self, octets: bytes) -> None:
        """Append whole lines."""
        if not self._size:
            return
        written = 0
        try:
            if self._descriptor is None and not self._broken:
                self._open()
            if self._descriptor is not None:  # else keep() has not been able to open it yet
                head = b"\n" if self._torn else b""
                written = max(0, os.write(self._descriptor, head + octets) - len(head))
                self._torn = written < len(octets)
        except OSError as error:
            self._fail(error)
        self._lose(octets[written:])
        if self._broken and written == len(octets):
            self._broken = False
            log.info("decisions are written to %s again, %d are missing", self._path, self._lost)
            self._lost = 0

    def take_lost(self) -> int:
        """Return how many lines were lost since this was last asked."""
        lost, self._uncounted = self._uncounted, 0
        return lost

    def _lose(self, octets: bytes) -> None:
        lines = octets.count(b"\n")
        self._lost += lines
        self._uncounted += lines

    def keep(self) -> None:
        """Follow the file's name to another file, or begin one; call it periodically."""
        if not self._size:
            return
        try:
            if self._descriptor is None:
                if self._broken:
                    self._open()
                return
            try:
                found = self._path.stat()
            except FileNotFoundError:
                self.close()  # somebody took it away: the next line begins another
                return
            if found.st_ino != self._inode:
                self.close()
            elif found.st_size > self._size:
                self._rotate(self._descriptor)
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = None

    def _open(self) -> None:
        # Not through a link, nor to what is not a file: in a folder that others can write to, it could lead anywhere.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o600)
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        self._inode = found.st_ino
        self._torn = found.st_size > 0 and os.pread(self._descriptor, 1, found.st_size - 1) != b"\n"

    def _rotate(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process is at it
        if self._path.stat().st_ino == self._inode:
            self._path.rename(former_path(self._path))
        self.close()  # and with it the lock

    def _fail(self, error: OSError) -> None:
        self.close()
        if not self._broken:
            self._broken = True
            log.error("cannot write decisions to %s, will try again: %s", self._path, error.strerror)
