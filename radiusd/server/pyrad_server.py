"""pyrad's Server, answered by Latchkey's engine: where there is no recvmmsg, and in a pyrad server of one's own.

What comes from a NAS of the store never becomes a pyrad packet: its octets go to the engine as they came, and the
engine's go out as they are. `hosts`, pyrad's table, is only asked about addresses that the store does not know; such a
client's packets go to the Handle...Packet methods of a derived class, as in any pyrad server.

It keeps no log, metrics or store of its own: `service.Server` does, around it as around the batches of `udp`.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pyrad.packet import PacketError
from pyrad.server import Server as _PyradServer
from pyrad.server import ServerPacketError

from provisioning import Store

from ..config import Config
from ..datagram import receive, report_local_addresses, send
from ..engine.accounting import Accounting
from ..engine.engine import Engine
from ..log.handler import lines_together, render_failure
from ..model import Source
from ..vendors import load_dictionary
from .dispatch import Dispatch

log = logging.getLogger("radiusd")

_LONGEST: Final = 4096  # RFC 2865 section 3, RFC 2866 section 3
_TURN: Final = 32  # datagrams taken of one socket before the next one, and what waits in the loop, has its turn
_DRAIN_S: Final = 1.0
_ANYBODY: Final = "0.0.0.0"  # noqa: S104 (the key of pyrad's table for all others)


class PyradServer(_PyradServer):  # type: ignore[misc]  # pyrad has no types
    """Answers by an engine: Access-Requests, Accounting-Requests and Status-Server.

    Run() opens the store and serves until it is interrupted; `latchkey serve --portable` has its sockets mounted.
    """

    def __init__(
        self,
        addresses: Sequence[str] = (),
        *,
        open_store: Callable[[], Store] | None = None,
        config: Config | None = None,
        dict: Any = None,  # noqa: A002 (pyrad's name)
        **options: Any,
    ) -> None:
        """Be ready to Run().

        addresses:  bound at once, as pyrad does
        open_store: opens the store that Run() serves; as it may be from any thread
        dict:       pyrad's dictionary for the packets of `hosts`; with Latchkey's attributes unless given
        options:    all others of pyrad's Server: authport, acctport, hosts, ...
        """
        super().__init__(list(addresses), dict=load_dictionary() if dict is None else dict, **options)
        self._open_store = open_store
        self._config = Config() if config is None else config
        self._engine: Engine | None = None
        self._accounting: Accounting | None = None
        self._dispatch: Dispatch | None = None

    def Run(self) -> None:  # noqa: N802 (pyrad's name)
        """Serve on the sockets of BindToAddress until interrupted; RadiusError or ProvisioningError where it cannot."""
        from .service import Server  # which makes one of these where it must

        if self._open_store is None:
            raise ValueError("a PyradServer that is to Run() needs open_store")
        server = Server(self._open_store, self.authfds, self.acctfds, self._config, pyrad=self)
        asyncio.run(server.run())

    def mount(
        self,
        engine: Engine,
        accounting: Accounting,
        sockets: Sequence[socket.socket],
        acct_sockets: Sequence[socket.socket],
        threads: int,
    ) -> None:
        """Answer what comes by these sockets, from open() on, by this engine; each is known to it by its number."""
        self.authfds, self.acctfds = list(sockets), list(acct_sockets)
        for each in (*self.authfds, *self.acctfds):
            each.setblocking(False)
            report_local_addresses(each)
        self._engine, self._accounting = engine, accounting
        self._dispatch = Dispatch(engine, sockets, threads)
        # What pyrad's own _ProcessInput asks, for packets of `hosts`.
        self._realauthfds, self._realacctfds, self._realcoafds = (
            [each.fileno() for each in some] for some in (self.authfds, self.acctfds, self.coafds)
        )

    @property
    def searching(self) -> tuple[int, int]:
        """Return how many searches wait, and how many run."""
        return (0, 0) if self._dispatch is None else self._dispatch.searching

    def configure(self, config: Config) -> None:
        """Apply new limits."""
        for each in (self._engine, self._accounting, self._dispatch):
            if each is not None:
                each.configure(config)

    def open(self) -> None:
        """Begin to answer."""
        for each in self._sockets:
            asyncio.get_running_loop().add_reader(each, self._take, each)

    async def drain(self) -> None:
        """Take no more requests, and finish all that have come."""
        self._stop_reading()
        deadline = time.monotonic() + _DRAIN_S
        for each in self._sockets:
            while self._take(each) and time.monotonic() < deadline:
                pass
        if self._dispatch is not None:
            await self._dispatch.drain()

    def close(self) -> None:
        self._stop_reading()
        if self._dispatch is not None:
            self._dispatch.close()

    async def catch_up(self) -> None:
        """Do what was put off; call periodically."""
        for each in (self._engine, self._accounting):
            if each is not None:
                each.catch_up()

    @property
    def _sockets(self) -> tuple[socket.socket, ...]:
        return (*self.authfds, *self.acctfds, *self.coafds)

    def _stop_reading(self) -> None:
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)

    def _take(self, one: socket.socket) -> int:
        """Answer what has come in, so far as it can be answered at once; return how many datagrams that was."""
        with lines_together():
            for count in range(_TURN):
                try:
                    self._ProcessInput(one)
                except BlockingIOError:
                    return count
                except OSError as error:
                    log.warning("cannot receive: %s", error.strerror)
                    return count
        return _TURN

    def _ProcessInput(self, fd: socket.socket) -> None:  # noqa: N802 (pyrad's name)
        """Read a datagram and answer it: here, not in pyrad's handlers, the engine gets the octets as they came."""
        if fd in self.acctfds:
            number, answer = self.acctfds.index(fd), self._report
        elif fd in self.authfds:
            number, answer = self.authfds.index(fd), self._ask
        else:
            number, answer = 0, None
        datagram, source = receive(fd, number, _LONGEST)
        if answer is None or self._is_pyrads(source):
            self._leave_to_pyrad(_Datagram(fd, datagram, source))
        else:
            answer(fd, datagram, source)

    def _is_pyrads(self, source: Source) -> bool:
        """Return whether pyrad's table knows an address that the store does not."""
        assert self._engine is not None  # noqa: S101 (it is mounted)
        known = source.address in self.hosts or _ANYBODY in self.hosts
        index = self._engine.index
        return known and index.client(source.address) is None and index.disabled(source.address) is None

    def _ask(self, fd: socket.socket, datagram: bytes, source: Source) -> None:  # noqa: ARG002
        assert self._engine is not None  # noqa: S101 (it is mounted)
        assert self._dispatch is not None  # noqa: S101 (it is mounted)
        self._dispatch.send(self._engine.receive(datagram, source, datetime.now(UTC)), source)

    def _report(self, fd: socket.socket, datagram: bytes, source: Source) -> None:
        assert self._accounting is not None  # noqa: S101 (it is mounted)
        try:
            reply = self._accounting.handle(datagram, source, datetime.now(UTC))
        except Exception as error:  # whatever it was, the next one is served
            log.error("error source=%s place=%s", source, render_failure(error))
            return
        if reply is not None:
            _send(fd, reply, source)

    def _leave_to_pyrad(self, datagram: "_Datagram") -> None:
        try:
            super()._ProcessInput(datagram)
        except (ServerPacketError, PacketError) as error:
            log.warning("discard cause=pyrad source=%s: %s", datagram.source, error)
        except Exception as error:  # of a handler's, or of pyrad's: the next one is served
            log.error("error source=%s place=%s", datagram.source, render_failure(error))


class _Datagram:
    """A datagram that was read already, in place of the socket that pyrad would read it from and answer by."""

    def __init__(self, one: socket.socket, octets: bytes, source: Source) -> None:
        self.source = source
        self._one = one
        self._octets = octets

    def fileno(self) -> int:
        return self._one.fileno()

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        return self._octets[:size], (self.source.address, self.source.port)

    def sendto(self, octets: bytes, _address: object) -> None:
        """Answer it, from the address that was asked."""
        _send(self._one, octets, self.source)


def _send(one: socket.socket, reply: bytes, source: Source) -> None:
    try:
        send(one, reply, source)
    except OSError as error:  # as lost as on the wire, and the NAS asks again
        log.warning("cannot send source=%s: %s", source, error.strerror)
