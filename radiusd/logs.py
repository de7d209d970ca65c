"""The log as the operator reads it: one line per event on stderr, time in UTC first."""

import logging
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


def start_log() -> None:
    """Send this package's log to stderr."""
    # Who called from which thread is never printed; finding out costs more than the rest of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    logging.raiseExceptions = False
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter())
    log = logging.getLogger("radiusd")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
