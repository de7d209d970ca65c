"""The log on stderr, one line per event, time in UTC first; and the file beside the database that keeps the decisions.

# Rule: only the event loop's thread writes decisions and holds lines; other lines may come from any thread.
"""

import contextlib
import logging
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from provisioning import render_time

from .file import DecisionFile
from .line_format import parse_line, render_json
from .stream import LineStream

_log = logging.getLogger("radiusd")
_LEVELS = {level: logging.getLevelName(level) for level in (logging.INFO, logging.WARNING, logging.ERROR)}


class Output(logging.Handler):
    """Writes lines whole, so that several processes mix none, and at once, or what belongs together with one call."""

    def __init__(self, descriptor: int, decisions: DecisionFile | None = None, *, json_lines: bool = False) -> None:
        super().__init__()
        self._stream = LineStream(descriptor)
        self._decisions = decisions
        self._json_lines = json_lines
        self._held: list[str] | None = None
        self._lost = 0  # lines, in all
        self._unsaid = 0  # of them, not told to the reader yet
        self._counted = 0  # of them, told to the metrics

    def createLock(self) -> None:  # noqa: N802 (logging's name)
        """Have no lock: a line is one system call, and what serves must not wait for who writes."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line that is not a decision."""
        message = record.getMessage().replace("\n", " ")  # one line, whatever a library's error says
        self._write(f"{render_time(int(record.created * 1000))} {record.levelname} {message}\n")

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

    def catch_up(self) -> None:
        """Tell a reader that is back what it has missed; call it periodically."""
        self._say_lost()

    def take_lost(self) -> tuple[int, int]:
        """Return how many lines were lost since this was last asked: to the reader of stderr, and to the file."""
        lost = self._lost - self._counted
        self._counted += lost
        return lost, 0 if self._decisions is None else self._decisions.take_lost()

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _write_all(self, lines: Sequence[str]) -> None:
        stamp = render_time(time.time_ns() // 1_000_000)
        text = f"{stamp} " + f"\n{stamp} ".join(lines) + "\n"
        self._write(text)
        if self._decisions is not None:
            self._decisions.write(_encode(text))

    def _write(self, text: str) -> None:
        self._say_lost()
        lost = self._stream.write(self._render(text))
        self._lost += lost
        self._unsaid += lost

    def _say_lost(self) -> None:
        if self._unsaid:
            text = f"{self._unsaid} lines are missing here: nobody read them as fast as they came"
            if not self._stream.write(self._render(f"{render_time(time.time_ns() // 1_000_000)} WARNING {text}\n")):
                self._unsaid = 0

    def _render(self, text: str) -> bytes:
        return _as_json(text) if self._json_lines else _encode(text)


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
        _output.close()
        _output = None


def catch_up() -> tuple[int, int]:
    """Do what is due; return how many lines were lost since the last call, to the reader of stderr and to the file."""
    if _output is None:
        return 0, 0
    _output.catch_up()
    return _output.take_lost()


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
    return _encode("".join(f"{render_json(view)}\n" for view in views))
