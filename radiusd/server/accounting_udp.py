"""Between the accounting sockets and `accounting`: each datagram is answered as it comes, as none takes long."""

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from ..config import Config
from ..datagram import receive, send
from ..engine.accounting import Accounting
from ..log.handler import lines_together, render_failure
from ..model import Source

log = logging.getLogger("radiusd")

_BATCH_SIZE = 32  # datagrams taken at once; then those who wait to be let in have their turn
_LONGEST = 4096  # RFC 2866 section 3
_DRAIN_S = 1.0


class AccountingListener:
    """Reads and writes the accounting sockets, each known by its number in `sockets`."""

    def __init__(self, accounting: Accounting, sockets: Sequence[socket.socket]) -> None:
        self._accounting = accounting
        self._sockets = tuple(sockets)

    def configure(self, config: Config) -> None:
        """Take over new limits."""
        self._accounting.configure(config)

    def open(self) -> None:
        """Begin to answer."""
        loop = asyncio.get_running_loop()
        for number, each in enumerate(self._sockets):
            loop.add_reader(each, self._read, number)

    async def drain(self) -> None:
        """Answer what has come, and take no more."""
        self.close()
        deadline = time.monotonic() + _DRAIN_S
        for number in range(len(self._sockets)):
            while self._read(number) and time.monotonic() < deadline:
                pass

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)

    async def catch_up(self) -> None:
        """Do what is to be done now and then."""
        self._accounting.catch_up()

    def _read(self, number: int) -> int:
        """Answer what has come in; return how many datagrams that was."""
        arrivals: list[tuple[bytes, Source]] = []
        try:
            while len(arrivals) < _BATCH_SIZE:
                arrivals.append(receive(self._sockets[number], number, _LONGEST))
        except BlockingIOError:
            pass
        except OSError as error:
            log.warning("cannot receive: %s", error.strerror)
        with lines_together():  # and before the replies: what was acknowledged is in the log
            replies = [self._handle(datagram, source) for datagram, source in arrivals]
        for (_, source), reply in zip(arrivals, replies, strict=True):
            if reply is not None:
                self._send(reply, source)
        return len(arrivals)

    def _handle(self, datagram: bytes, source: Source) -> bytes | None:
        try:
            return self._accounting.handle(datagram, source, datetime.now(UTC))
        except Exception as error:
            # Whatever it was, the next one is served. No text of it: that could hold what came in.
            log.error("error source=%s place=%s", source, render_failure(error))
            return None

    def _send(self, reply: bytes, source: Source) -> None:
        try:
            send(self._sockets[source.socket], reply, source)
        except OSError as error:  # as lost as on the wire, and the NAS reports again
            log.warning("cannot send source=%s: %s", source, error.strerror)
