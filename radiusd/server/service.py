"""The server: what lives as long as it runs, and what happens beside the answers. Everything is decided in `engine`."""

import asyncio
import contextlib
import gc
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

from crypto import warm_up
from provisioning import Store, StoreReplaced

from ..addresses import Address, is_loopback, render_address
from ..config import Config
from ..engine.accounting import Accounting
from ..engine.engine import Engine
from ..fastpath.cache import FastPath
from ..fastpath.compilation import Compilation, load_if_kept, prepare
from ..fastpath.prewarm import prewarm
from ..log.file import DecisionFile
from ..log.handler import catch_up
from ..metrics.counters import Counts
from ..metrics.exposition import Meter
from ..state.damage import read_key
from ..state.follower import Follower
from ..state.index import Index
from ..vendors import load_dictionary
from .accounting_udp import AccountingListener
from .following import TIDY_S, Following
from .frontend import FrontEnd
from .mmsg import is_available
from .store_thread import StoreThread
from .sync_watch import LOOK_S, SyncWatch
from .udp import UdpListener

if TYPE_CHECKING:
    from .pyrad_server import PyradServer

log = logging.getLogger("radiusd")

_FOLLOW_S, _PUBLISH_S = 0.2, 1.0
DEFAULT = Config()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a server knows when it begins."""

    index: Index
    follower: Follower
    compilation: Compilation | None = None  # of what the fast path is made of, still going on
    fast_path: FastPath | None = None  # None: not yet

    @classmethod
    def load(cls, store: Store, config: Config, *, fast: bool = True) -> "Loaded":
        """Read the store. It may be closed afterwards: the server reads on with stores of its own.

        fast: for a server that has a fast path
        """
        warm_up(lambda text: log.info("%s", text))
        load_dictionary()  # for the first request that is refused by name
        compilation = prepare() if fast else None
        follower = Follower(store, lapsed_days=config.keys.lapsed_days)
        index = Index(partial(read_key, store, follower.damage), cached_keys=config.keys.cached)
        fast_path = None
        with _all_new_kept():
            index.apply(follower.load(_now()))
            if fast and compilation is None:
                fast_path = FastPath(answers=config.keys.cached, exchanges=config.duplicates.answers)
                index.watch(fast_path)
                read = partial(store.keys.get_many, report=follower.damage.report)
                prewarm(fast_path, index, read, _now(), time.monotonic())
        return cls(index=index, follower=follower, compilation=compilation, fast_path=fast_path)

    def refresh(self, store: Store) -> None:
        """Take over what has changed since, from another store than before."""
        self.follower.read_from(store)
        try:
            update = self.follower.refresh(_now())
        except StoreReplaced as error:
            log.warning("%s: reading it anew", error)
            update = self.follower.load(_now())
        if update is not None:
            self.index.apply(update)

    def shortcomings(self) -> Iterator[str]:
        """Yield why nobody can be let in, where that is so: what to tell whoever starts the server."""
        keys, _, nases = self.index.sizes()
        if not keys:
            yield "there are no keys, so every request is rejected: add some with `latchkey key add` or `key import`"
        if not nases:
            yield "no access point may ask, so every request is discarded: add them with `latchkey nas add`"

    def describe(self) -> str:
        """Return how much there is, as key=value text."""
        keys, keypools, nases = self.index.sizes()
        return f"keys={keys} keypools={keypools} nases={nases} devices={len(self.index.devices)}"


class Listener(Protocol):
    """Reads and writes some of the sockets."""

    def configure(self, config: Config) -> None:
        """Apply new limits."""

    def open(self) -> None:
        """Begin to answer."""

    async def catch_up(self) -> None:
        """Do what was put off; call periodically."""

    async def drain(self) -> None:
        """Take no more requests, and finish all that have come."""

    def close(self) -> None:
        """Leave the sockets alone."""


Edge: TypeAlias = "UdpListener | PyradServer"


def make_pyrad_server() -> "PyradServer":
    """Return a PyradServer to be given to a Server."""
    from .pyrad_server import PyradServer  # 40 ms that only who needs it pays

    return PyradServer()


class Server:
    """Answers on sockets that are bound already, until it is told to stop."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        sockets: Sequence[socket.socket],
        acct_sockets: Sequence[socket.socket] = (),
        config: Config = DEFAULT,
        *,
        loaded: Loaded | None = None,
        decisions: DecisionFile | None = None,
        meter: Meter | None = None,
        pyrad: "PyradServer | None" = None,
        speaks: bool = True,
    ) -> None:
        """Be ready to run.

        acct_sockets: where accounting is taken, if anywhere
        loaded:       read already, in a process that was this one's parent
        decisions:    the file to look after
        meter:        shows the numbers
        pyrad:        reads and writes the sockets, one datagram at a time and without the fast path; where the system
                      has no batches of datagrams, one is made
        speaks:       for all workers, of what is the same for all
        """
        self._open_store = open_store
        self._sockets = tuple(sockets)
        self._acct_sockets = tuple(acct_sockets)
        self._config = config
        self._inherited = loaded is not None
        self._decisions = decisions
        self._meter = meter
        self._speaks = speaks
        self._pyrad = make_pyrad_server() if pyrad is None and not is_available() else pyrad
        self._listeners: tuple[Listener, ...] = ()
        self._stopping = asyncio.Event()
        self.loaded = loaded  # None until it is ready
        self.ready = asyncio.Event()

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Return where it answers."""
        return addresses_of(self._sockets)

    @property
    def acct_addresses(self) -> tuple[Address, ...]:
        """Return where it takes accounting."""
        return addresses_of(self._acct_sockets)

    def stop(self) -> None:
        """Finish what is in flight, then return from run()."""
        self._stopping.set()

    def configure(self, config: Config) -> None:
        """Apply new limits."""
        self._config = config
        for listener in self._listeners:
            listener.configure(config)
        if self._decisions is not None:
            self._decisions.limit(config.log.size_mb)

    async def run(self) -> None:
        """Serve until stop(); RadiusError or ProvisioningError where that cannot begin."""
        async with contextlib.AsyncExitStack() as stack:
            store = stack.enter_context(self._open_store())
            followed = await stack.enter_async_context(StoreThread("follow", self._open_store))
            saved = await stack.enter_async_context(StoreThread("save", self._open_store))
            loaded = await self._load(followed)
            days = self._config.keys.device_days
            following = Following(loaded.index, loaded.follower, store, followed, saved, device_days=days)
            engine = Engine(loaded.index, time.monotonic)
            edge = self._make_listeners(engine, loaded, stack)
            self.configure(self._config)  # which may have changed while all was read
            for work in (
                following.follow,
                following.save,
                *(listener.catch_up for listener in self._listeners),
                lambda: self._look_after_log(engine.journal.counts),
            ):
                await stack.enter_async_context(_repeating(work))
            await stack.enter_async_context(_repeating(following.tidy, TIDY_S))
            watch = SyncWatch(followed)
            if self._speaks:
                await stack.enter_async_context(_repeating(watch.look, LOOK_S))
            if self._meter is not None:
                gauges = partial(_measure, loaded.index, edge, following)
                publish = stack.enter_context(self._meter.counting(engine.journal.counts, gauges, watch.views))
                await stack.enter_async_context(_repeating(publish, _PUBLISH_S))
            for listener in self._listeners:
                listener.open()
            self.loaded = loaded
            self.ready.set()
            await self._stopping.wait()
            for listener in reversed(self._listeners):  # accounting first: it takes no time
                await listener.drain()
            await following.save()

    async def _load(self, followed: StoreThread) -> Loaded:
        """Return what the store says now; the thread's store is the one that is followed from then on."""
        if self.loaded is None:
            load = partial(Loaded.load, fast=self._pyrad is None)
            return await followed.call(load, followed.store, self._config)
        await followed.call(self.loaded.refresh, followed.store)
        return self.loaded

    def _enable_fast_path(self, front_end: FrontEnd, loaded: Loaded, stack: contextlib.AsyncExitStack) -> None:
        """Let compiled code answer what it can: at once, or when it has been compiled."""
        if loaded.fast_path is not None:
            front_end.enable(loaded.fast_path)
        elif loaded.compilation is not None:
            later = asyncio.create_task(self._enable_fast_path_later(front_end, loaded.compilation))
            stack.callback(later.cancel)
            if not self._inherited:
                stack.callback(loaded.compilation.stop)

    def _make_listeners(self, engine: Engine, loaded: Loaded, stack: contextlib.AsyncExitStack) -> Edge:
        """Make what reads the sockets, and return the part of it that lets devices in."""
        reports = Accounting(engine.index, time.monotonic, journal=engine.journal)
        edge: Edge
        if self._pyrad is None:
            front_end = FrontEnd(engine)
            self._enable_fast_path(front_end, loaded, stack)
            edge = UdpListener(front_end, self._sockets, _threads(self._config))
            self._listeners = (edge, AccountingListener(reports, self._acct_sockets))
        else:
            edge = self._pyrad
            edge.mount(engine, reports, self._sockets, self._acct_sockets, _threads(self._config))
            self._listeners = (edge,)
        for listener in self._listeners:
            stack.callback(listener.close)
        return edge

    def _look_after_log(self, counts: Counts) -> None:
        if self._decisions is not None:
            self._decisions.keep()
        for where, lost in zip(("stderr", "file"), catch_up(), strict=True):
            if lost:
                counts.log_lines_dropped[where] += lost

    async def _enable_fast_path_later(self, front_end: FrontEnd, compilation: Compilation) -> None:
        """Let compiled code answer what it can, when there is any."""
        await _readable(compilation.descriptor)
        if await asyncio.to_thread(load_if_kept):
            front_end.enable(FastPath())
            front_end.configure(self._config)
            log.info("fast path ready: known devices are answered by compiled code from now on")
        else:
            log.warning("the compiled answers could not be made ready: known devices cost more of the processor")


async def _readable(descriptor: int) -> None:
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(descriptor)


def announce(
    sockets: Sequence[socket.socket],
    acct_sockets: Sequence[socket.socket],
    loaded: Loaded,
    *,
    workers: int = 1,
    metrics: Address | None = None,
    started: float,
) -> None:
    """Log what is served from now on, where, and what is amiss; `started` is monotonic."""
    words = ["ready", f"listen={_render_addresses(addresses_of(sockets))}"]
    if acct_sockets:
        words.append(f"acct={_render_addresses(addresses_of(acct_sockets))}")
    if metrics is not None:
        words.append(f"metrics={render_address(metrics)}")
    if workers > 1:
        words.append(f"workers={workers}")
    words += [loaded.describe(), f"seconds={time.monotonic() - started:.2f}"]
    log.info("%s", " ".join(words))
    for text in loaded.shortcomings():
        log.warning("%s", text)
    if metrics is not None and not is_loopback(metrics):
        log.warning(
            "metrics are shown on %s to whoever reaches it, and they name the NASes: 127.0.0.1 is safer, or a firewall",
            render_address(metrics),
        )


def addresses_of(sockets: Sequence[socket.socket]) -> tuple[Address, ...]:
    """Return where sockets are bound, with the ports that the kernel chose."""
    return tuple(each.getsockname()[:2] for each in sockets)


def _render_addresses(addresses: Sequence[Address]) -> str:
    return ",".join(map(render_address, addresses))


def _threads(config: Config) -> int:
    """Return how many threads one process may search with."""
    return config.searches.threads or max(1, (os.cpu_count() or 1) // config.workers)


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
async def _repeating(work: Callable[[], Awaitable[None] | None], every_s: float = _FOLLOW_S) -> AsyncIterator[None]:
    """Do `work` periodically meanwhile; what has begun at the end is finished."""

    async def repeat() -> None:
        while not over.is_set():
            begun = work()
            if begun is not None:
                await begun
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), every_s)

    over = asyncio.Event()
    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        over.set()
        await task


def _measure(index: Index, edge: Edge, following: Following) -> dict[str, int]:
    keys, keypools, nases = index.sizes()
    waiting, running = edge.searching
    return {
        "searches_waiting": waiting,
        "searches_running": running,
        "keys": keys,
        "keypools": keypools,
        "nases": nases,
        "devices": len(index.devices),
        **following.measure(),
    }


def _now() -> datetime:
    return datetime.now(UTC)
