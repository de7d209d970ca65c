"""From the engine to the sockets: replies go out at once, searches to their threads and come back as replies."""

import logging
import socket
from collections.abc import Sequence
from datetime import UTC, datetime

from ..config import Config
from ..datagram import send
from ..engine.engine import Engine, Outcome
from ..engine.transaction import Search
from ..log.handler import render_failure
from ..model import Source
from .search_queue import SearchQueue

log = logging.getLogger("radiusd")

_DRAIN_S = 5.0


class Dispatch:
    """Sends what the engine answers, by the socket that the request came by: each is known by its number."""

    def __init__(self, engine: Engine, sockets: Sequence[socket.socket], threads: int) -> None:
        self._engine = engine
        self._sockets = tuple(sockets)
        self._searches = SearchQueue(self._reconsider, self._resume, self._fail, self._drop, threads=threads)

    @property
    def searching(self) -> tuple[int, int]:
        """Return how many searches wait, and how many run."""
        return len(self._searches), self._searches.running

    def configure(self, config: Config) -> None:
        """Apply new limits."""
        self._searches.limit(config.searches.waiting, config.searches.waiting_each)

    def send(self, outcome: Outcome, source: Source) -> None:
        """Send a reply, queue a search, or do nothing where there is neither."""
        if isinstance(outcome, bytes):
            try:
                send(self._sockets[source.socket], outcome, source)
            except OSError as error:  # no route back, no buffer left: as lost as on the wire, and the NAS asks again
                log.warning("cannot send source=%s: %s", source, error.strerror)
        elif isinstance(outcome, Search):
            if outcome.begun:
                self._searches.resume(outcome)
            else:
                self._searches.submit(outcome)

    async def drain(self) -> None:
        """Finish the searches that have begun or wait."""
        try:
            await self._searches.drain(_DRAIN_S)
        except TimeoutError:
            log.warning("stopping with searches under way")

    def close(self) -> None:
        self._searches.close()

    def _reconsider(self, search: Search) -> Search | None:
        outcome = self._engine.reconsider(search, _now())
        if isinstance(outcome, Search):
            return outcome
        self.send(outcome, search.transaction.source)
        return None

    def _resume(self, search: Search) -> None:
        self.send(self._engine.finish(search, _now()), search.transaction.source)

    def _fail(self, search: Search, error: BaseException) -> None:
        self._engine.drop(search, "error", render_failure(error))

    def _drop(self, search: Search) -> None:
        self._engine.drop(search, "queue-full", "too many searches are waiting")


def _now() -> datetime:
    return datetime.now(UTC)
