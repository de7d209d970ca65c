"""The edge: sockets, threads and the clock. Everything that is decided is decided in `engine`."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from crypto import warm_up
from provisioning import ProvisioningError, Store, open_store

from .case import Search
from .engine import Engine, Outcome
from .errors import ServeError
from .follower import Follower
from .index import Index
from .model import Source
from .searches import Searches
from .storethread import StoreThread

log = logging.getLogger("radiusd")

_RECEIVE_BUFFER = 8 << 20  # a building's power coming back, while the loop is busy for a moment
_FOLLOW_S = 0.2
_DRAIN_S = 5.0
_SO_RCVBUFFORCE = 33

Address = tuple[str, int]


class Server:
    """Answers on its sockets until it is told to stop."""

    def __init__(self, open_store: Callable[[], Store], listen: Sequence[Address]) -> None:
        self._open_store = open_store
        self._listen = tuple(listen)
        self._stopping = asyncio.Event()
        self.ready = asyncio.Event()
        self.addresses: tuple[Address, ...] = ()  # as bound, once it is ready

    def stop(self) -> None:
        """Finish what is in flight, then return from run()."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until stop(); RadiusError or ProvisioningError where that cannot begin."""
        started = time.monotonic()
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            sockets = [stack.enter_context(_bind(*address)) for address in self._listen]
            store = stack.enter_context(self._open_store())
            followed = await stack.enter_async_context(StoreThread("follow", self._open_store))
            saved = await stack.enter_async_context(StoreThread("save", self._open_store))
            await loop.run_in_executor(None, warm_up, lambda text: log.info("%s", text))
            index = Index(store.key)
            follower = Follower(followed.store)
            with _all_new_kept():
                index.apply(await followed.call(follower.load, _now()))
            edge = _Edge(Engine(index, time.monotonic))
            stack.callback(edge.close)
            await stack.enter_async_context(_repeating(lambda: _follow(index, follower, followed)))
            await stack.enter_async_context(_repeating(lambda: _save(index, saved)))
            await stack.enter_async_context(_repeating(edge.catch_up))
            for number, each in enumerate(sockets):
                transport, _ = await loop.create_datagram_endpoint(partial(_Listener, edge, number), sock=each)
                edge.transports.append(transport)
            self.addresses = tuple(each.getsockname()[:2] for each in sockets)
            keys, keypools, nases = index.sizes()
            log.info(
                "ready listen=%s keys=%d keypools=%d nases=%d devices=%d seconds=%.2f",
                *(",".join(map(render_address, self.addresses)), keys, keypools, nases, len(index.devices)),
                time.monotonic() - started,
            )
            self.ready.set()
            await self._stopping.wait()
            await edge.drain()
            await _save(index, saved)
            log.info("stopped")


@contextlib.contextmanager
def _all_new_kept() -> Iterator[None]:
    """Look for no garbage in what is made meanwhile, nor ever after: a million keys stay.

    Start-up takes 6 s instead of 9, and no request waits for a collection that goes through them all.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


@contextlib.asynccontextmanager
async def _repeating(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do `work` five times a second meanwhile; what has begun at the end is finished."""

    async def repeat() -> None:
        while not over.is_set():
            await work()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), _FOLLOW_S)

    over = asyncio.Event()
    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        over.set()
        await task


async def _follow(index: Index, follower: Follower, thread: StoreThread) -> None:
    try:
        update = await thread.call(follower.refresh, _now())
    except ProvisioningError as error:
        log.warning("cannot follow the store, will try again: %s", error)
    except Exception as error:
        log.error("cannot follow the store, will try again: %s", _place(error))
    else:
        if update is not None:
            index.apply(update)


async def _save(index: Index, thread: StoreThread) -> None:
    devices = index.devices.unsaved()
    if not devices:
        return
    try:
        await thread.call(thread.store.remember, devices, _now())
    except ProvisioningError as error:
        log.warning("cannot save %d devices, will try again: %s", len(devices), error)
    except Exception as error:
        log.error("cannot save %d devices, will try again: %s", len(devices), _place(error))
    else:
        index.devices.saved(devices)


class _Edge:
    """Between the sockets and the engine."""

    def __init__(self, engine: Engine) -> None:
        self.transports: list[asyncio.DatagramTransport] = []
        self._engine = engine
        self._searches = Searches(self._reconsider, self._resume, self._fail, self._drop)
        self._arrivals: list[tuple[bytes, Source]] = []
        self._closing = False

    def receive(self, datagram: bytes, source: Source) -> None:
        """Take a datagram; all that the loop finds waiting are answered together."""
        if self._closing:
            return
        if not self._arrivals:
            asyncio.get_running_loop().call_soon(self._answer)
        self._arrivals.append((datagram, source))

    async def drain(self) -> None:
        """Take no more requests and finish those under way."""
        self._closing = True
        self._answer()
        try:
            await self._searches.drain(_DRAIN_S)
        except TimeoutError:
            log.warning("stopping with searches under way")

    def close(self) -> None:
        self._searches.close()
        for transport in self.transports:
            transport.close()

    def _answer(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        outcomes = self._engine.receive_all(arrivals, _now())
        for (_, source), outcome in zip(arrivals, outcomes, strict=True):
            self._send(outcome, source)

    def _send(self, outcome: Outcome | Exception, source: Source) -> None:
        if isinstance(outcome, bytes):
            try:
                self.transports[source.socket].sendto(outcome, (source.address, source.port))
            except OSError as error:  # no route back, no buffer left: as lost as on the wire, and the NAS asks again
                log.warning("cannot send source=%s: %s", source, error.strerror)
        elif isinstance(outcome, Search):
            if outcome.begun:
                self._searches.resume(outcome)
            else:
                self._searches.submit(outcome)
        elif outcome is not None:
            # Whatever it was, the next request is served. No text of it: that could hold what came in.
            log.error("error source=%s place=%s", source, _place(outcome))

    def _reconsider(self, search: Search) -> Search | None:
        try:
            outcome: Outcome | Exception = self._engine.reconsider(search, _now())
        except Exception as error:
            outcome = error
        if isinstance(outcome, Search):
            return outcome
        self._send(outcome, search.case.source)
        return None

    def _resume(self, search: Search) -> None:
        try:
            outcome: Outcome | Exception = self._engine.finish(search, _now())
        except Exception as error:
            outcome = error
        self._send(outcome, search.case.source)

    def _fail(self, search: Search, error: BaseException) -> None:
        self._engine.drop(search, "error", _place(error))

    def _drop(self, search: Search) -> None:
        self._engine.drop(search, "queue-full", "too many searches are waiting")

    async def catch_up(self) -> None:
        self._engine.catch_up()


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, edge: _Edge, number: int) -> None:
        self._edge = edge
        self._number = number

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._edge.receive(data, Source(addr[0], addr[1], self._number))


def parse_address(text: str) -> Address:
    """Return host and port of HOST:PORT or [HOST]:PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ServeError(f"{text!r} is not ADDRESS:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def render_address(address: Address) -> str:
    """Return ADDRESS:PORT, an IPv6 address in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(host: str, port: int) -> socket.socket:
    address = render_address((host, port))
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServeError(f"cannot listen on {address}: {error.strerror}") from error
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < _RECEIVE_BUFFER:
            with contextlib.suppress(OSError):  # past the system's limit, where we may (CAP_NET_ADMIN)
                bound.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        bound.bind(place)
    except OSError as error:
        bound.close()
        raise ServeError(f"cannot listen on {address}: {error.strerror}") from error
    return bound


def _place(error: BaseException) -> str:
    """Return the kind of an error and where it arose, not its text: that could quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    return f"{type(error).__name__}@{where}"


def _now() -> datetime:
    return datetime.now(UTC)


def serve_forever(db_path: Path, environ: Mapping[str, str], listen: Sequence[str]) -> None:
    """Serve the database at `db_path` until SIGTERM or SIGINT."""
    addresses = [parse_address(text) for text in listen]
    # A search needs the interpreter for a moment between its kernel calls, and would wait 5 ms each time for this
    # thread to let go: at 100 wrong keys a second among 100,000 it took 60 ms, with this 10 ms.
    sys.setswitchinterval(0.0005)

    async def run() -> None:
        server = Server(lambda: open_store(db_path, environ), addresses)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_report)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        await server.run()

    uvloop.run(run())


def _report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log.error("error place=%s", _place(error) if isinstance(error, BaseException) else "event loop")
