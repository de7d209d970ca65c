"""A configured connector with its transport and the store, for as long as something is done with it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ..errors import ProvisioningError
from ..keys import Progress
from ..platforms import PlatformError
from ..store import Store
from .finishing import Drive
from .making import make_run
from .run import Configured, Run


class Stopped(ProvisioningError):  # noqa: N818
    """Somebody wants this process to end: what was begun is done by the next run."""


class PlatformFailed(ProvisioningError):  # noqa: N818
    """A platform could not be asked, or did not answer as its document says."""


class Stop:
    """Whether somebody wants this to end. Waiting on it ends then, too."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise Stopped where it is so: called between requests, and between transactions."""
        if self._event.is_set():
            raise Stopped("stopped: the next run goes on from here")

    def sleep(self, seconds: float) -> None:
        """Wait; raise Stopped where that ends first."""
        self._event.wait(seconds)
        self.check()

    def wait(self, seconds: float) -> bool:
        """Wait; return whether it is to end."""
        return self._event.wait(seconds)


class Hook(Protocol):
    """Called for every answer, with what it is about and how many there were."""

    def __call__(self, what: str, answers: int, /) -> None: ...


Sleep = Callable[[float], None]


class Connected(Protocol):
    """A platform that can be asked, until it is closed: Transport."""

    @property
    def run(self) -> Drive: ...

    @property
    def clock_skew_s(self) -> float: ...

    @property
    def quiet_s(self) -> float: ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Source:
    """One table [sync.NAME].

    warnings:  a line each, of what it says without effect
    configure: returns what it says; raises ProvisioningError where that is wrong
    connect:   opens the transport
    """

    name: str
    platform: str
    every: timedelta | None
    warnings: tuple[str, ...] = ()
    configure: Callable[[], Configured]
    connect: Callable[[Hook, Sleep], Connected]


@dataclass(frozen=True)
class Opened:
    """A connector that is ready."""

    configured: Configured
    run: Run
    platform: Connected


@contextmanager
def opened(
    store: Store,
    source: Source,
    *,
    now: Callable[[], datetime],
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Iterator[Opened]:
    """Give a connector with its transport; between requests and transactions it prolongs its lease, and can be stopped.

    Raises Stopped out of whatever is done with it, and PlatformFailed for what goes wrong there.
    """
    stop = stop or Stop()
    configured = source.configure()
    runs: list[Run] = []

    def asked(_: str, answers: int) -> None:
        stop.check()
        for run in runs:
            run.beat()
        if progress is not None:
            progress(f"{source.name}: reading", answers, 0)

    def tell(stage: str, done: int, total: int) -> None:
        stop.check()
        if progress is not None:
            progress(f"{source.name}: {stage}", done, total)

    with closing(source.connect(asked, stop.sleep)) as platform:
        run = make_run(store, configured, platform.run, now=now, progress=tell)
        runs.append(run)
        try:
            yield Opened(configured, run, platform)
        except PlatformError as error:
            raise PlatformFailed(str(error)) from None
