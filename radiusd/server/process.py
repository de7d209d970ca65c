"""`latchkey serve` as a process: signals, the configuration and its reload, what the supervisor is told."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import uvloop

from provisioning import Store, open_store

from ..config import Settings, differences, merge_live
from ..errors import ConfigError
from ..log.file import DecisionFile, decisions_path
from ..log.handler import start_log
from ..metrics.exposition import Metrics
from ..sockets import parse_address
from .service import Server
from .systemd import READY, RELOADING, STOPPING, notify
from .udp import report
from .workers import Worker, Workers

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


def serve_forever(db_path: Path, environ: Mapping[str, str], settings: Settings) -> None:
    """Serve the database at `db_path` until SIGTERM or SIGINT."""
    reloader = Reloader(settings)
    decisions = DecisionFile(decisions_path(db_path))
    start_log(decisions=decisions, json_lines=reloader.config.log.format == "json")
    # A search needs the interpreter for a moment between its kernel calls, and would wait 5 ms each time for this
    # thread to let go: at 100 wrong keys a second among 100,000 it took 60 ms, with this 10 ms.
    sys.setswitchinterval(0.0005)
    open_ = partial(open_store, db_path, environ)
    tell = partial(notify, environ)
    config = reloader.config
    metrics = Metrics(parse_address(config.metrics), config.workers) if config.metrics else None
    if config.workers == 1:
        uvloop.run(_serve_alone(open_, reloader, tell, decisions, metrics))
    else:
        _serve_together(open_, reloader, tell, decisions, metrics)


async def _serve_alone(
    open_: Callable[[], Store],
    reloader: Reloader,
    tell: Callable[[str], None],
    decisions: DecisionFile,
    metrics: Metrics | None,
) -> None:
    config = reloader.config
    listen, acct = ([parse_address(text) for text in texts] for texts in (config.listen, config.acct))
    meter = None if metrics is None else metrics.meter()
    server = Server(open_, listen, config, acct=acct, decisions=decisions, meter=meter)

    def stop() -> None:
        tell(STOPPING)
        server.stop()

    def reload() -> None:
        tell(RELOADING)
        if reloader.reload():
            server.configure(reloader.config)
        tell(READY)

    _handle({signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload})
    await _run(server, lambda: tell(READY))


def _serve_together(
    open_: Callable[[], Store],
    reloader: Reloader,
    tell: Callable[[str], None],
    decisions: DecisionFile,
    metrics: Metrics | None,
) -> None:
    def reload() -> bool:
        tell(RELOADING)
        changed = reloader.reload()
        tell(READY)
        return changed

    Workers(
        open_,
        reloader.config,
        work=lambda worker: uvloop.run(_serve_share(open_, reloader, worker, decisions)),
        reload=reload,
        ready=lambda: tell(READY),
        stopping=lambda: tell(STOPPING),
        metrics=metrics,
    ).run()


async def _serve_share(open_: Callable[[], Store], reloader: Reloader, worker: Worker, decisions: DecisionFile) -> None:
    server = Server(
        open_,
        config=reloader.config,
        sockets=worker.sockets,
        acct_sockets=worker.acct_sockets,
        loaded=worker.loaded,
        decisions=decisions,
        meter=worker.meter,
    )

    def reload() -> None:
        if reloader.reload(quiet=True):
            server.configure(reloader.config)

    _handle({signal.SIGTERM: server.stop, signal.SIGINT: server.stop, signal.SIGHUP: reload})
    worker.released()
    # The parent holds the other end and never writes: it is readable when the parent is gone, however that came.
    asyncio.get_running_loop().add_reader(worker.lifeline, server.stop)
    await _run(server, worker.ready)


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
