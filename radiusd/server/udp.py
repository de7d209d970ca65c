"""Between the sockets and the front end, by the batch: datagrams in, replies out (Linux; `pyrad_server` elsewhere)."""

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..config import Config
from ..fastpath.batch import Batch
from ..log.handler import lines_together, render_failure
from .dispatch import Dispatch
from .frontend import FrontEnd
from .mmsg import BatchSocket

log = logging.getLogger("radiusd")

_BATCH_SIZE = 32  # datagrams taken at once: enough to share the way through the code, few enough to be soon answered
# Under load the event loop is blocked before it reads, so that requests coalesce: at 6,000 a second each costs 30 us of
# the processor instead of 70.
_COALESCE_S = 0.0003
_SWEEP_S = 1.0


class UdpListener:
    """Reads and writes the sockets, each known by its number in `sockets`."""

    def __init__(self, front_end: FrontEnd, sockets: Sequence[socket.socket], threads: int) -> None:
        self._front_end = front_end
        self._sockets = tuple(sockets)
        self._batch = Batch(_BATCH_SIZE)
        self._batch_sockets = tuple(BatchSocket(each, self._batch) for each in self._sockets)
        self._read_at = 0.0
        self._dispatch = Dispatch(front_end.engine, sockets, threads)

    def configure(self, config: Config) -> None:
        """Take over new limits."""
        self._front_end.configure(config)
        self._dispatch.configure(config)

    @property
    def searching(self) -> tuple[int, int]:
        """Return how many searches wait, and how many run."""
        return self._dispatch.searching

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
        await self._dispatch.drain()

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)
        self._dispatch.close()

    async def catch_up(self) -> None:
        """Do what is to be done now and then."""
        self._front_end.catch_up()

    def _read(self, number: int) -> int:
        """Answer what has come in, so far as it can be answered at once; return how many datagrams that was."""
        batch, one = self._batch, self._batch_sockets[number]
        if time.monotonic() - self._read_at < _COALESCE_S:
            time.sleep(_COALESCE_S)  # on purpose, see there
        try:
            count = one.receive()
        except BlockingIOError:
            return 0
        except OSError as error:
            log.warning("cannot receive: %s", error.strerror)
            return 0
        with lines_together():  # and before the replies: what was answered is in the log
            answers = self._front_end.answer(batch, count, number, _now())
        for search in answers.searches:
            self._dispatch.send(search, search.transaction.source)
        self._read_at = time.monotonic() if count < _BATCH_SIZE // 2 else 0.0
        for row, failure in one.send(answers.lengths):
            # No route back, no buffer left: as lost as on the wire, and the NAS asks again.
            log.warning("cannot send source=%s: %s", batch.source(row, number), failure.strerror)
        return count


def _now() -> datetime:
    return datetime.now(UTC)


def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what the event loop caught."""
    error = context.get("exception")
    log.error("error place=%s", render_failure(error) if isinstance(error, BaseException) else "event loop")
