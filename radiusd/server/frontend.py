"""Both ways to an answer behind one door: the fast path repeats what it can, the engine decides all else.

The engine knows nothing of this. It tells its observer which requests it works on and what it has decided; the fast
path learns from that. A failure of the fast path costs no answer: it is thrown away, and made anew after a pause.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from crypto import MacAddress

from ..config import Config
from ..engine.engine import Engine
from ..engine.transaction import Search, Transaction
from ..fastpath.batch import Batch
from ..fastpath.cache import Answered, FastPath, all_left
from ..log.handler import render_failure
from ..model import Source
from ..state.id_ranges import IdRanges

_FIRST_PAUSE_S: Final = 1.0  # without the fast path, after it has failed; each time twice as long
_LONGEST_PAUSE_S: Final = 60.0

T = TypeVar("T")

log = logging.getLogger("radiusd")


class Answers(NamedTuple):
    """What became of a batch: the length of the reply in each row, 0 where there is none now, and what is searched."""

    lengths: list[int]
    searches: Sequence[Search] = ()


class FrontEnd:
    """Owns the engine and the fast path, which it keeps told of every change. Belongs to the thread that answers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        engine.observer = self
        self._monotonic = engine.monotonic
        self._config = Config()
        self._fast_path: FastPath | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._due: float | None = None  # when to make the fast path anew

    def enable(self, fast_path: FastPath) -> None:
        """Leave to the fast path from now on what it can answer."""
        self._fast_path, self._due = fast_path, None
        fast_path.reseed()
        self.engine.index.watch(self)

    def configure(self, config: Config) -> None:
        """Apply new limits."""
        self._config = config
        self.engine.configure(config)
        self._limit()

    def answer(self, batch: Batch, count: int, socket: int, now: datetime) -> Answers:
        """Answer the first `count` datagrams of `batch`, come in by the socket of this number, as far as that can be
        done at once. The replies are in the batch."""
        started = self._monotonic()
        answered = self._on_fast_path(lambda fast_path: fast_path.answer(batch, count, socket, now, started))
        answered = answered or all_left(count)
        self._note(answered, batch, socket, started)
        if not answered.left:
            return Answers(answered.lengths)
        arrivals = [(batch.packet(row), batch.source(row, socket)) for row in answered.left]
        searches = []
        for row, outcome in zip(answered.left, self.engine.receive_all(arrivals, now), strict=True):
            if isinstance(outcome, Search):
                searches.append(outcome)
            elif outcome is not None:
                answered.lengths[row] = batch.reply(row, outcome)
        return Answers(answered.lengths, searches)

    def handle(self, datagram: bytes, source: Source, now: datetime) -> bytes | None:
        """Return the reply to a datagram that came alone, None where there is none, searching in this thread."""
        batch = Batch(1)
        batch.put(0, datagram, source)
        (length,), searches = self.answer(batch, 1, source.socket, now)
        for search in searches:
            return self.engine.search(search, now)
        return batch.replies[0, :length].tobytes() if length else None

    def catch_up(self) -> None:
        """Do what was put off; call periodically."""
        self.engine.catch_up()
        if self._due is not None and self._monotonic() >= self._due:
            self.enable(FastPath())
            self._limit()

    def opened(self, transaction: Transaction) -> None:
        """Note that the engine works on a request: its repetitions are the engine's."""
        started, octets = transaction.started, transaction.request.octets
        self._on_fast_path(lambda fast_path: fast_path.mark(transaction.source, octets, started))

    def decided(self, transaction: Transaction) -> None:
        """Let the fast path learn from what the engine has answered."""
        self._on_fast_path(lambda fast_path: fast_path.learn(transaction, self._monotonic()))

    def forget_all(self) -> None:
        """Repeat nothing that was decided before."""
        self._on_fast_path(lambda fast_path: fast_path.forget_all())

    def forget_keys(self, keys: IdRanges) -> None:
        """Repeat nothing that was decided with one of these keys."""
        self._on_fast_path(lambda fast_path: fast_path.forget_keys(keys))

    def forget_device(self, device: MacAddress) -> None:
        """Repeat nothing that was decided about this device."""
        self._on_fast_path(lambda fast_path: fast_path.forget_device(device))

    def _note(self, answered: Answered, batch: Batch, socket: int, started: float) -> None:
        self.engine.journal.counts.duplicates += answered.repeated
        for row in answered.superseded:
            self.engine.supersede(batch.source(row, socket), int(batch.packets[row, 1]))
        if answered.hits:
            self.engine.note_hits(answered.hits, (self._monotonic() - started) * 1000)

    def _limit(self) -> None:
        keys, duplicates = self._config.keys, self._config.duplicates
        self._on_fast_path(lambda fast_path: fast_path.limit(keys.cached, duplicates.answers, duplicates.lifetime_s))

    def _on_fast_path(self, step: Callable[[FastPath], T]) -> T | None:
        """Take a step of the fast path and return what it returns; None where there is no fast path, or it fails."""
        if self._fast_path is None:
            return None
        try:
            return step(self._fast_path)
        except Exception as error:  # whatever it was, the engine can answer everything itself
            self._throw_away(error)
            return None

    def _throw_away(self, error: Exception) -> None:
        self._fast_path = None
        self.engine.index.watch(None)
        self.engine.journal.counts.fastpath_failures += 1
        self._due = self._monotonic() + self._pause_s
        log.error("error place=%s: without compiled answers for %.0f s", render_failure(error), self._pause_s)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
