"""The log as the operator reads it: one line per event on stderr, time in UTC first."""

import contextlib
import logging
import os
import select
import time
import traceback
from collections.abc import Iterator
from pathlib import Path


class _Formatter(logging.Formatter):
    """2026-10-31T08:15:02.123Z INFO text"""

    def __init__(self) -> None:
        super().__init__()
        self._second = -1
        self._text = ""

    def format(self, record: logging.LogRecord) -> str:
        second = int(record.created)
        if second != self._second:  # thousands of lines share it
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{int(record.msecs):03d}Z {record.levelname} {record.getMessage()}"


class _Handler(logging.Handler):
    """Writes lines whole, so that several processes mix none, and at once, or what belongs together with one call."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._held: list[bytes] | None = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record, without the filters and the lock of every line: only the event loop's thread holds lines."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        if self._held is None:
            self._write(line)
        else:
            self._held.append(line)

    def hold(self) -> None:
        self._held = []

    def release(self) -> None:
        lines, self._held = self._held or (), None
        piece = b""
        for line in lines:
            if piece and len(piece) + len(line) > select.PIPE_BUF:  # more would not stay together in a pipe
                self._write(piece)
                piece = b""
            piece += line
        if piece:
            self._write(piece)

    def _write(self, octets: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody reads the log any more: that must not stop the server
            os.write(self._descriptor, octets)


def start_log(descriptor: int = 2) -> None:
    """Send this package's log to stderr."""
    handler = _Handler(descriptor)
    handler.setFormatter(_Formatter())
    log = logging.getLogger("radiusd")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


@contextlib.contextmanager
def lines_together() -> Iterator[None]:
    """Write what is logged meanwhile at the end, in few pieces. Not to be nested."""
    handlers = [handler for handler in logging.getLogger("radiusd").handlers if isinstance(handler, _Handler)]
    for handler in handlers:
        handler.hold()
    try:
        yield
    finally:
        for handler in handlers:
            handler.release()


def render_failure(error: BaseException) -> str:
    """Return the kind of an error and where it arose, not its text: that could quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    return f"{type(error).__name__}@{where}"
