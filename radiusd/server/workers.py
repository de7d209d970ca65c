"""Several processes on one port. The parent reads the store once and forks, so that they share the pools' memory.

# Rule: the parent has one thread and no event loop, as a fork copies only the thread that calls it; nor has it a
# connection to the database open when it forks, as SQLite's must not be carried across.

The kernel gives each source address and port to one of the sockets bound to the port, always the same: repetitions of
a request meet the worker that has its answer. The parent keeps all sockets open, so what reaches a worker that has died
waits for the next one.
"""

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from provisioning import ProvisioningError, Store

from ..addresses import parse_address
from ..config import Config
from ..errors import RadiusError, ServeError
from ..log.handler import render_failure
from ..metrics.exposition import Meter, Metrics
from ..sockets import bind_shared
from .service import Loaded, announce

log = logging.getLogger("radiusd")

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})
_TIMEOUT_S = 20.0  # for what is in flight; then SIGKILL
_STEADY_S = 60.0  # a worker that lived so long has had bad luck; one that did not is started again later each time
_FIRST_DELAY_S, _MAX_DELAY_S = 0.1, 30.0
_TICK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What a worker is given by its parent."""

    number: int  # from 1
    sockets: Sequence[socket.socket]
    acct_sockets: Sequence[socket.socket]
    loaded: Loaded
    lifeline: int  # a file descriptor: readable when the parent is gone
    ready: Callable[[], None]  # to be called once it answers
    released: Callable[[], None]  # to be called once it handles its signals
    meter: Meter | None


@dataclass(slots=True)
class _Slot:
    """One worker after the other."""

    number: int
    sockets: tuple[socket.socket, ...] = ()
    acct_sockets: tuple[socket.socket, ...] = ()
    process: int = 0  # 0: none
    began: float = 0.0
    delay_s: float = _FIRST_DELAY_S
    due: float | None = None  # when to start the next one


@dataclass(slots=True)
class Workers:
    """Starts the workers, keeps them running, and ends after the last.

    work:     what a worker does, in its own process
    reload:   told of SIGHUP; the workers are told too where it returns True
    ready:    told when all workers answer
    stopping: told when the end begins
    metrics:  where the workers show their numbers
    fast:     they have a fast path
    """

    open_store: Callable[[], Store]
    config: Config
    work: Callable[[Worker], None]
    reload: Callable[[], bool]
    ready: Callable[[], None]
    stopping: Callable[[], None]
    metrics: Metrics | None = None
    fast: bool = True
    _slots: list[_Slot] = field(default_factory=list)
    _answering: int = 0

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; RadiusError or ProvisioningError where that cannot begin."""
        started = time.monotonic()
        config = self.config
        if not hasattr(signal, "sigtimedwait"):
            raise ServeError("several workers need Linux or FreeBSD: serve with one")
        with contextlib.ExitStack() as stack:
            self._slots = [_Slot(number) for number in range(1, config.workers + 1)]
            for text in config.listen:
                for slot, each in zip(self._slots, self._bind(text, stack), strict=True):
                    slot.sockets += (each,)
            for text in config.acct:
                for slot, each in zip(self._slots, self._bind(text, stack), strict=True):
                    slot.acct_sockets += (each,)
            with _abandoned_by_signals(self.stopping):
                loaded = self._load()
                stack.enter_context(_blocked())
            if loaded.compilation is not None:
                stack.callback(loaded.compilation.stop)
            lifeline = stack.enter_context(_pipe())
            readiness = stack.enter_context(_pipe())
            os.set_blocking(readiness[0], False)
            for slot in self._slots:
                self._start(slot, loaded, lifeline, readiness)
            try:
                self._await_all(readiness[0])
                self._announce(loaded, started)
                self._supervise(loaded, lifeline, readiness)
            finally:
                self._stop()
            log.info("stopped")

    def _bind(self, text: str, stack: contextlib.ExitStack) -> list[socket.socket]:
        """Return a socket for each worker, all bound to one address."""
        made = bind_shared(parse_address(text), self.config.workers, receive_buffer=self.config.receive_buffer)
        return [stack.enter_context(each) for each in made]

    def _load(self) -> Loaded:
        """Read the store in a thread, which ends before anything is forked; this one can meet a signal meanwhile."""

        def load() -> Loaded:
            with self.open_store() as store:
                return Loaded.load(store, self.config, fast=self.fast)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(load).result()

    def _announce(self, loaded: Loaded, started: float) -> None:
        sockets, acct_sockets = self._slots[0].sockets, self._slots[0].acct_sockets
        metrics = None if self.metrics is None else self.metrics.address
        workers = self.config.workers
        announce(sockets, acct_sockets, loaded, workers=workers, metrics=metrics, started=started)
        self.ready()

    def _await_all(self, readiness: int) -> None:
        """Wait until every worker answers, or a signal ends it all before."""
        answering = 0
        while answering < len(self._slots):
            if signal.sigpending() & {signal.SIGTERM, signal.SIGINT}:
                return
            gone = [slot for slot in self._slots if slot.process and self._reap(slot) is not None]
            if gone:
                raise ServeError("a worker ended before it was ready; the log says why")
            with contextlib.suppress(BlockingIOError):
                answering += len(os.read(readiness, 256))
            time.sleep(_TICK_S)

    def _supervise(self, loaded: Loaded, lifeline: tuple[int, int], readiness: tuple[int, int]) -> None:
        while True:
            due = [slot.due for slot in self._slots if slot.due is not None]
            received = signal.sigtimedwait(_SIGNALS, max(0.0, min(due) - time.monotonic()) if due else 3600.0)
            number = None if received is None else received.si_signo
            if number in (signal.SIGTERM, signal.SIGINT):
                return
            if number == signal.SIGHUP and self.reload():
                self._signal(signal.SIGHUP)
            if loaded.compilation is not None:
                loaded.compilation.collect()
            for slot in self._slots:
                status = self._reap(slot) if slot.process else None
                if status is not None:
                    self._plan(slot, status)
            with contextlib.suppress(BlockingIOError):
                os.read(readiness[0], 256)
            now = time.monotonic()
            for slot in [slot for slot in self._slots if slot.due is not None and slot.due <= now]:
                self._catch_up(loaded)
                self._start(slot, loaded, lifeline, readiness)

    def _plan(self, slot: _Slot, status: int) -> None:
        """Log how a worker ended and set the time for the next."""
        now = time.monotonic()
        if now - slot.began >= _STEADY_S:
            slot.delay_s = _FIRST_DELAY_S
        slot.due = now + slot.delay_s
        how = f"signal {-status}" if status < 0 else f"status {status}"
        log.error("worker %d ended (%s), the next one starts in %.1f s", slot.number, how, slot.delay_s)
        slot.delay_s = min(slot.delay_s * 3, _MAX_DELAY_S)

    def _catch_up(self, loaded: Loaded) -> None:
        """Read what has changed since the last fork, so that no worker has to read years of it."""
        try:
            with self.open_store() as store:
                loaded.refresh(store)
        except ProvisioningError as error:
            log.warning("cannot read the store before a worker starts: %s", error)

    def _start(self, slot: _Slot, loaded: Loaded, lifeline: tuple[int, int], readiness: tuple[int, int]) -> None:
        slot.due, slot.began = None, time.monotonic()
        slot.process = os.fork()
        if slot.process:
            return
        status = 1
        try:
            os.close(lifeline[1])
            for other in self._slots:
                if other is not slot:
                    for each in (*other.sockets, *other.acct_sockets):
                        each.close()
            worker = Worker(
                number=slot.number,
                sockets=slot.sockets,
                acct_sockets=slot.acct_sockets,
                loaded=loaded,
                lifeline=lifeline[0],
                ready=lambda: _write(readiness[1]),
                released=lambda: _unblock(),
                meter=None if self.metrics is None else self.metrics.meter(slot.number),
            )
            self.work(worker)
            status = 0
        except (RadiusError, ProvisioningError) as error:
            log.error("worker %d cannot serve: %s", slot.number, error)
        except BaseException as error:
            log.error("error worker=%d place=%s", slot.number, render_failure(error))
        finally:
            os._exit(status)  # nothing of the parent's is this process's to clean up

    def _reap(self, slot: _Slot) -> int | None:
        """Return how a worker ended (minus a signal's number), None where it has not."""
        process, status = os.waitpid(slot.process, os.WNOHANG)
        if not process:
            return None
        slot.process = 0
        return os.waitstatus_to_exitcode(status)

    def _signal(self, number: signal.Signals) -> None:
        for slot in self._slots:
            if slot.process:
                os.kill(slot.process, number)

    def _stop(self) -> None:
        """Let every worker finish what is in flight."""
        self.stopping()
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + _TIMEOUT_S
        while any(slot.process and self._reap(slot) is None for slot in self._slots):
            if time.monotonic() > deadline:
                log.error("stopping with requests in flight")
                self._signal(signal.SIGKILL)
                deadline = float("inf")
            time.sleep(_TICK_S)


def abandon() -> NoReturn:
    """End before anything was answered, at once: nothing is in flight, and a compiler takes no notice of signals."""
    log.info("stopped before it was ready")
    with contextlib.suppress(OSError):  # where there is no /proc, compiling goes on to its end
        for children in Path("/proc/self/task").glob("*/children"):
            for process in children.read_text("ascii").split():
                os.kill(int(process), signal.SIGTERM)
    os._exit(0)


@contextlib.contextmanager
def _abandoned_by_signals(stopping: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT abandon what is done meanwhile."""

    def stop(*_: object) -> None:
        stopping()
        abandon()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write(descriptor: int) -> None:
    os.write(descriptor, b".")


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    """Let signals wait until they are asked for; so they do in a worker until it handles them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)
