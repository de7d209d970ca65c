"""The log on stderr, one line per event, time in UTC first; and the file beside the database that keeps the decisions.

# Rule: only the event loop's thread writes decisions and holds lines; other lines may come from any thread.
"""

import contextlib
import json
import logging
import os
import select
import stat
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from .file import DecisionFile
from .line_format import parse_line

_log = logging.getLogger("radiusd")
_LEVELS = {level: logging.getLevelName(level) for level in (logging.INFO, logging.WARNING, logging.ERROR)}


class _Clock:
    """2026-10-31T08:15:02.123Z"""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def render(self, now: float) -> str:
        second = int(now)
        if second != self._second:  # thousands of lines share it
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{int(now % 1 * 1000):03d}Z"


class Output(logging.Handler):
    """Writes lines whole, so that several processes mix none, and at once, or what belongs together with one call."""

    def __init__(self, descriptor: int, decisions: DecisionFile | None = None, *, json_lines: bool = False) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._decisions = decisions
        self._json_lines = json_lines
        self._clock = _Clock()
        self._held: list[str] | None = None
        # What is longer would not stay together in a pipe; a file takes it whole.
        self._longest = None if _is_file(descriptor) else select.PIPE_BUF

    def createLock(self) -> None:  # noqa: N802 (logging's name)
        """Have no lock: a line is one system call, and what serves must not wait for who writes."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line that is no decision."""
        message = record.getMessage().replace("\n", " ")  # one line, whatever a library's error says
        text = f"{self._clock.render(record.created)} {record.levelname} {message}\n"
        self._write(_as_json(text) if self._json_lines else _encode(text))

    def decide(self, texts: Sequence[str], level: int) -> None:
        """Write decisions, to both places."""
        name = _LEVELS[level]
        lines = [f"{name} {text}" for text in texts]
        if self._held is None:
            self._write_all(lines)
        else:
            self._held += lines

    def hold(self) -> None:
        self._held = []

    def release(self) -> None:
        lines, self._held = self._held, None
        if lines:
            self._write_all(lines)

    def _write_all(self, lines: Sequence[str]) -> None:
        stamp = self._clock.render(time.time())
        text = f"{stamp} " + f"\n{stamp} ".join(lines) + "\n"
        octets = _encode(text)
        self._write(_as_json(text) if self._json_lines else octets)
        if self._decisions is not None:
            self._decisions.write(octets)

    def _write(self, octets: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody reads the log any more: that must not stop the server
            if self._longest is None or len(octets) <= self._longest:
                os.write(self._descriptor, octets)
                return
            start = 0
            while start < len(octets):
                end = octets.rfind(b"\n", start, start + self._longest) + 1 or octets.index(b"\n", start) + 1
                os.write(self._descriptor, octets[start:end])
                start = end


_output: Output | None = None


def start_log(descriptor: int = 2, decisions: DecisionFile | None = None, *, json_lines: bool = False) -> None:
    """Send this package's log to stderr, and its decisions, as text in any case, to their file as well."""
    global _output  # one log for a process, as the logging module has it
    stop_log()
    _output = Output(descriptor, decisions, json_lines=json_lines)
    _log.addHandler(_output)
    _log.setLevel(logging.INFO)
    _log.propagate = False


def stop_log() -> None:
    """Undo start_log()."""
    global _output
    if _output is not None:
        _log.removeHandler(_output)
        _log.setLevel(logging.NOTSET)
        _log.propagate = True
        _output = None


def write_decisions(texts: Sequence[str], level: int = logging.INFO) -> None:
    """Log decisions: for each the event and its fields, as `lines` has them."""
    if _output is not None:
        _output.decide(texts, level)
        return
    for text in texts:
        _log.log(level, "%s", text)


@contextlib.contextmanager
def lines_together() -> Iterator[None]:
    """Write the decisions that are logged meanwhile at the end, in few pieces. Not to be nested."""
    output = _output
    if output is None:
        yield
        return
    output.hold()
    try:
        yield
    finally:
        output.release()


def render_failure(error: BaseException) -> str:
    """Return the kind of an error and where it arose, not its text: that could quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    return f"{type(error).__name__}@{where}"


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _as_json(text: str) -> bytes:
    """Return lines as one JSON object each."""
    views = (parse_line(line).view() for line in text.removesuffix("\n").split("\n"))
    return _encode("".join(json.dumps(view, ensure_ascii=False) + "\n" for view in views))


def _is_file(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False
