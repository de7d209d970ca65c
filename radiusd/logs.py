"""The log as the operator reads it: one line per event on stderr, time in UTC first."""

import contextlib
import logging
import os
import time


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
    """Writes each line at once and whole, so that a crash loses none and several processes mix none."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):  # nobody reads the log any more: that must not stop the server
            os.write(self._descriptor, (self.format(record) + "\n").encode("utf-8", "backslashreplace"))


def start_log(descriptor: int = 2) -> None:
    """Send this package's log to stderr."""
    handler = _Handler(descriptor)
    handler.setFormatter(_Formatter())
    log = logging.getLogger("radiusd")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
