"""Synchronising again and again: each connector at its own pace, in a thread of its own, until somebody stops it.

A connector that stalls or fails holds up itself. What is due is asked of the configuration anew in every round.
"""

import random
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from ..errors import ProvisioningError
from .source import Source, Stop

MOST_SIDE_BY_SIDE: Final = 16
_MOST_BACKOFF: Final = timedelta(minutes=30)
_LOOK_S: Final = 15.0  # at the configuration, where nothing is due before
_JITTER: Final = 0.1
_LONGEST_QUIET_S: Final = 86_400.0  # that a platform is left alone for, whatever it asks


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a run: whether it worked, and for how long the platform wants to be left alone."""

    worked: bool
    quiet_s: float = 0.0


@dataclass(slots=True)
class _Turn:
    due: float = 0.0
    failures: int = 0
    running: Future[Ran] | None = None


@dataclass(kw_only=True)
class Rounds:
    """Runs what is due.

    load:   returns the connectors that are wanted, by name; a ProvisioningError leaves the former ones in force
    run:    synchronises one, in a thread
    failed: told of a configuration that cannot be read, each time
    every:  how often, where a connector does not say
    """

    load: Callable[[], Mapping[str, Source]]
    run: Callable[[Source], Ran]
    failed: Callable[[ProvisioningError], None]
    every: timedelta
    stop: Stop
    clock: Callable[[], float]
    jitter: Callable[[], float] = random.random  # 0 to 1
    _turns: dict[str, _Turn] = field(default_factory=dict)
    _sources: Mapping[str, Source] = field(default_factory=dict)

    def go_on(self) -> None:
        """Go on until it is stopped, and what runs has come to its end."""
        with ThreadPoolExecutor(MOST_SIDE_BY_SIDE, thread_name_prefix="sync") as threads:
            try:
                while not self.stop.is_set:
                    self._reload()
                    self._begin(threads)
                    self.stop.wait(self._pause())
            finally:
                self.stop.set()  # also where something of ours went wrong

    def _reload(self) -> None:
        try:
            self._sources = self.load()
        except ProvisioningError as error:
            self.failed(error)
        for name in set(self._turns) - set(self._sources):
            if self._turns[name].running is None:
                del self._turns[name]

    def _begin(self, threads: ThreadPoolExecutor) -> None:
        now = self.clock()
        for name, source in self._sources.items():
            turn = self._turns.setdefault(name, _Turn())
            self._collect(source, turn, now)
            if turn.running is None and turn.due <= now:
                turn.running = threads.submit(self.run, source)

    def _collect(self, source: Source, turn: _Turn, now: float) -> None:
        """Take note of a run that is over, and of when the next one is."""
        if turn.running is None or not turn.running.done():
            return
        ran = turn.running.result()  # raises what `run` had no answer to
        turn.running = None
        turn.failures = 0 if ran.worked else turn.failures + 1
        pause = pause_s(source.every or self.every, turn.failures, self.jitter())
        turn.due = now + max(pause, min(ran.quiet_s, _LONGEST_QUIET_S))

    def _pause(self) -> float:
        """Return how long nothing is to be done."""
        if any(turn.running is not None for turn in self._turns.values()):
            return 1.0
        first = min((turn.due for turn in self._turns.values()), default=self.clock() + _LOOK_S)
        return min(max(first - self.clock(), 0.05), _LOOK_S)


def pause_s(every: timedelta, failures: int, jitter: float) -> float:
    """Return the seconds to the next run: longer after each failure, and never in step with other servers.

    jitter: 0 to 1, a tenth more or less
    """
    pause = every
    if failures:
        pause = max(pause, min(pause * 2 ** min(failures - 1, 10), _MOST_BACKOFF))
    return pause.total_seconds() * (1 - _JITTER + 2 * _JITTER * jitter)
