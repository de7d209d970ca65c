"""Between the sockets and the engine: datagrams in, replies out, searches to their threads and back."""

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..config import Config
from ..engine.engine import Engine, Outcome
from ..engine.transaction import Search
from ..fastpath.batch import Batch
from ..log.handler import lines_together, render_failure
from ..model import Source
from .search_queue import SearchQueue

log = logging.getLogger("radiusd")

_BATCH_SIZE = 32  # datagrams taken at once: enough to share the way through the code, few enough to be soon answered
# Under load, requests are left so long to gather: at 6,000 a second each costs 30 us of the processor instead of 70.
_COALESCE_S = 0.0003
_DRAIN_S = 5.0
_SWEEP_S = 1.0


class UdpListener:
    """Reads and writes the sockets, each known by its number in `sockets`."""

    def __init__(self, engine: Engine, sockets: Sequence[socket.socket], threads: int) -> None:
        self._engine = engine
        self._sockets = tuple(sockets)
        self._batch = Batch(_BATCH_SIZE)
        self._read_at = 0.0
        self._searches = SearchQueue(self._reconsider, self._resume, self._fail, self._drop, threads=threads)

    def configure(self, config: Config) -> None:
        """Take over new limits."""
        self._engine.configure(config)
        self._searches.limit(config.searches.waiting, config.searches.waiting_each)

    @property
    def searching(self) -> tuple[int, int]:
        """Return how many searches wait, and how many run."""
        return len(self._searches), self._searches.running

    def open(self) -> None:
        """Begin to answer."""
        loop = asyncio.get_running_loop()
        for number, each in enumerate(self._sockets):
            loop.add_reader(each, self._read, number)

    async def drain(self) -> None:
        """Take no more requests, and finish all that have come."""
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)
        deadline = time.monotonic() + _SWEEP_S
        for number in range(len(self._sockets)):
            while self._read(number) and time.monotonic() < deadline:
                pass
        try:
            await self._searches.drain(_DRAIN_S)
        except TimeoutError:
            log.warning("stopping with searches under way")

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)
        self._searches.close()

    async def catch_up(self) -> None:
        """Do what is to be done now and then."""
        self._engine.catch_up()

    def _read(self, number: int) -> int:
        """Answer what has come in, so far as it can be answered at once; return how many datagrams that was."""
        batch, one = self._batch, self._sockets[number]
        if time.monotonic() - self._read_at < _COALESCE_S:  # not idle in between: what comes now has company soon
            time.sleep(_COALESCE_S)
        try:
            count = batch.receive(one)
        except BlockingIOError:
            return 0
        except OSError as error:
            log.warning("cannot receive: %s", error.strerror)
            return 0
        with lines_together():  # and before the replies: what was answered is in the log
            answered, outcomes = self._engine.receive_batch(batch, count, number, _now())
        lengths = answered.lengths
        for row, outcome in zip(answered.left, outcomes, strict=True):
            if isinstance(outcome, bytes):
                lengths[row] = batch.reply(row, outcome)
            else:
                self._send(outcome, batch.source(row, number))
        self._read_at = time.monotonic() if count < _BATCH_SIZE // 2 else 0.0
        for row, failure in batch.send(one, lengths):
            # No route back, no buffer left: as lost as on the wire, and the NAS asks again.
            log.warning("cannot send source=%s: %s", batch.source(row, number), failure.strerror)
        return count

    def _send(self, outcome: Outcome | Exception, source: Source) -> None:
        if isinstance(outcome, bytes):
            try:
                self._sockets[source.socket].sendto(outcome, (source.address, source.port))
            except OSError as error:  # no route back, no buffer left: as lost as on the wire, and the NAS asks again
                log.warning("cannot send source=%s: %s", source, error.strerror)
        elif isinstance(outcome, Search):
            if outcome.begun:
                self._searches.resume(outcome)
            else:
                self._searches.submit(outcome)
        elif outcome is not None:
            # Whatever it was, the next request is served. No text of it: that could hold what came in.
            log.error("error source=%s place=%s", source, render_failure(outcome))

    def _reconsider(self, search: Search) -> Search | None:
        try:
            outcome: Outcome | Exception = self._engine.reconsider(search, _now())
        except Exception as error:
            outcome = error
        if isinstance(outcome, Search):
            return outcome
        self._send(outcome, search.transaction.source)
        return None

    def _resume(self, search: Search) -> None:
        try:
            outcome: Outcome | Exception = self._engine.finish(search, _now())
        except Exception as error:
            outcome = error
        self._send(outcome, search.transaction.source)

    def _fail(self, search: Search, error: BaseException) -> None:
        self._engine.drop(search, "error", render_failure(error))

    def _drop(self, search: Search) -> None:
        self._engine.drop(search, "queue-full", "too many searches are waiting")


def _now() -> datetime:
    return datetime.now(UTC)


def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what the event loop caught."""
    error = context.get("exception")
    log.error("error place=%s", render_failure(error) if isinstance(error, BaseException) else "event loop")
