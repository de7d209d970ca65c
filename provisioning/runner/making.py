"""The one place that chooses what a connector's run is: keys come from its platform, or go to it."""

from collections.abc import Callable
from datetime import datetime

from ..keys import Progress
from ..platforms import PLATFORMS
from ..store import Store
from .finishing import Drive
from .outward import OutwardRun
from .run import Configured, Run


def make_run(
    store: Store,
    configured: Configured,
    drive: Drive,
    *,
    now: Callable[[], datetime],
    progress: Progress | None = None,
    leader: str | None = None,
) -> Run:
    """Return what can be done with a connector: one that takes keys (`push`) is told of them, the others are read."""
    kind = OutwardRun if _is_told(configured.connector) else Run
    return kind(store, configured, drive, now=now, progress=progress, leader=leader)


def takes_keys(platform: str) -> bool:
    """Return whether a platform is a controller, which is told of keys."""
    return platform in PLATFORMS and _is_told(PLATFORMS[platform])


def _is_told(connector: object) -> bool:
    return hasattr(connector, "push")
