"""`latchkey serve` as a process: signals, the configuration and its reload, what the supervisor is told."""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from provisioning import KEY_VARIABLE, Store, open_store

from ..addresses import parse_address
from ..config import Settings, differences, merge_live
from ..errors import ConfigError
from ..log.file import DecisionFile, decisions_path
from ..log.handler import start_log
from ..metrics.exposition import Metrics
from ..sockets import bound
from .memory import protect_memory
from .mmsg import is_available
from .service import Server, announce, make_pyrad_server
from .systemd import READY, RELOADING, STOPPING, notify
from .udp import report
from .workers import Worker, Workers, abandon

log = logging.getLogger("radiusd")


class Reloader:
    """The configuration in force, and what SIGHUP makes of it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.config = settings.load()

    def reload(self, *, quiet: bool = False) -> bool:
        """Read the file again; False where it has a mistake and all stays as it was.

        quiet: in one of several processes, as the first says it for all
        """
        try:
            read = self._settings.load()
        except ConfigError as error:
            if not quiet:
                log.error("reload refused, the configuration stays as it was: %s", error)
            return False
        live, fixed = differences(self.config, read)
        self.config = merge_live(self.config, read)
        if not quiet:
            if fixed:
                log.warning("reload: %s will change at the next start", ", ".join(fixed))
            log.info("reload: %s", f"changed {', '.join(live)}" if live else "nothing changed")
        return True


def serve_forever(db_path: Path, environ: Mapping[str, str], settings: Settings, *, portable: bool = False) -> None:
    """Serve the database at `db_path` until SIGTERM or SIGINT.

    portable: by pyrad's Server, also where batches of datagrams are to be had
    """
    reloader = Reloader(settings)
    config = reloader.config
    decisions = DecisionFile(decisions_path(db_path))
    start_log(decisions=decisions, json_lines=config.log.format == "json")
    protect_memory(environ)
    environ = dict(environ)
    os.environ.pop(KEY_VARIABLE, None)  # it is no business of the processes that compile
    # A search needs the interpreter for a moment between its kernel calls, and would wait 5 ms each time for this
    # thread to let go: at 100 wrong keys a second among 100,000 it took 60 ms, with this 10 ms.
    sys.setswitchinterval(0.0005)
    process = Process(
        open_store=partial(open_store, db_path, environ, tell=partial(log.info, "%s")),
        reloader=reloader,
        tell=partial(notify, environ),
        decisions=decisions,
        metrics=Metrics(parse_address(config.metrics), config.workers) if config.metrics else None,
        portable=portable or not is_available(),
    )
    if config.workers == 1:
        asyncio.run(process.serve_alone())
    else:
        process.serve_together()


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What there is one of, however many workers serve."""

    open_store: Callable[[], Store]
    reloader: Reloader
    tell: Callable[[str], None]  # the supervisor
    decisions: DecisionFile
    metrics: Metrics | None
    portable: bool = False

    def _serve(self, sockets: Sequence[socket.socket], acct_sockets: Sequence[socket.socket], **more: Any) -> Server:
        """Return what serves, by pyrad where this process is to be portable."""
        pyrad = make_pyrad_server() if self.portable else None
        return Server(
            self.open_store, sockets, acct_sockets, self.reloader.config, decisions=self.decisions, pyrad=pyrad, **more
        )

    async def serve_alone(self) -> None:
        """Serve in this process."""
        started, config = time.monotonic(), self.reloader.config
        with ExitStack() as stack:
            sockets, acct_sockets = (
                stack.enter_context(bound(map(parse_address, texts), receive_buffer=config.receive_buffer))
                for texts in (config.listen, config.acct)
            )
            meter = None if self.metrics is None else self.metrics.meter()
            server = self._serve(sockets, acct_sockets, meter=meter)

            def stop() -> None:
                self.tell(STOPPING)
                if not server.ready.is_set():
                    abandon()
                server.stop()

            def reload() -> None:
                if self._reload():
                    server.configure(self.reloader.config)

            def ready() -> None:
                assert server.loaded is not None  # noqa: S101 (it is ready)
                where = None if self.metrics is None else self.metrics.address
                announce(sockets, acct_sockets, server.loaded, metrics=where, started=started)
                self.tell(READY)

            _handle({signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload})
            await _run(server, ready)
        log.info("stopped")

    def serve_together(self) -> None:
        """Serve in workers of this process."""
        Workers(
            self.open_store,
            self.reloader.config,
            work=lambda worker: asyncio.run(self._serve_share(worker)),
            reload=self._reload,
            ready=lambda: self.tell(READY),
            stopping=lambda: self.tell(STOPPING),
            metrics=self.metrics,
            fast=not self.portable,
        ).run()

    async def _serve_share(self, worker: Worker) -> None:
        """Serve as one of several workers."""
        server = self._serve(
            worker.sockets, worker.acct_sockets, loaded=worker.loaded, meter=worker.meter, speaks=worker.number == 1
        )

        def reload() -> None:
            if self.reloader.reload(quiet=True):
                server.configure(self.reloader.config)

        _handle({signal.SIGTERM: server.stop, signal.SIGINT: server.stop, signal.SIGHUP: reload})
        worker.released()
        # The parent holds the other end and never writes: it is readable when the parent is gone, however that came.
        asyncio.get_running_loop().add_reader(worker.lifeline, server.stop)
        await _run(server, worker.ready)

    def _reload(self) -> bool:
        """Read the configuration again, and say so to the supervisor; True where it could be used."""
        self.tell(RELOADING)
        changed = self.reloader.reload()
        self.tell(READY)
        return changed


def _handle(handlers: Mapping[signal.Signals, Callable[[], None]]) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report)
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)


async def _run(server: Server, ready: Callable[[], None]) -> None:
    async def announce() -> None:
        await server.ready.wait()
        ready()

    announcing = asyncio.create_task(announce())
    try:
        await server.run()
    finally:
        announcing.cancel()
