"""How the connectors of `latchkey sync` stand, for the metrics and the log. One worker looks, for all of them."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from provisioning import ConnectorState, Store

from ..log.line_format import quote, quote_name
from .following import Trouble
from .store_thread import StoreThread

log = logging.getLogger("radiusd")

LOOK_S: Final = 5.0  # between two calls of `look`
_MOST: Final = 256  # connectors that are shown
View = Mapping[str, Any]


class SyncWatch:
    """Looks at what the store says of them; when that cannot be read, what was read last stays."""

    def __init__(self, followed: StoreThread) -> None:
        self._followed = followed
        self._held: dict[str, str] = {}  # by connector, the plan that was said to wait
        self._views: list[View] = []
        self._trouble = Trouble()

    def views(self) -> list[View]:
        """Return what the metrics show of each."""
        return self._views

    async def look(self) -> None:
        """Read it anew, and say once of each connector that is held that it is."""
        try:
            states = await self._followed.call(_read, lambda: self._followed.store)
        except Exception as error:
            self._trouble.met(error, "cannot read how synchronisations stand")
            return
        self._trouble.over("how synchronisations stand is read again")
        self._views = [_view(state) for state in states[:_MOST]]
        self._tell(states)

    def _tell(self, states: tuple[ConnectorState, ...]) -> None:
        held = {state.name: f"{state.name}-{state.held_plan}" for state in states if state.held_plan is not None}
        for name, plan in held.items():
            if self._held.get(name) != plan:
                remedy = f"read it with `latchkey sync plan {plan}`, then accept or release it"
                log.warning(
                    "sync held connector=%s plan=%s detail=%s", quote_name(name), quote_name(plan), quote(remedy)
                )
        for name in set(self._held) - set(held):
            log.info("sync released connector=%s", quote_name(name))
        self._held = held


def _read(store: Callable[[], Store]) -> tuple[ConnectorState, ...]:
    return store().sync.connectors()


def _view(state: ConnectorState) -> View:
    return {
        "connector": state.name,
        "held": state.held_plan is not None,
        "last_run": _seconds(state.last_run),
        "last_complete": _seconds(state.last_complete),
        "records": {
            action: count
            for action, count in state.details.get("counts", {}).items()
            if isinstance(action, str) and isinstance(count, int)
        },
    }


def _seconds(at: datetime | None) -> float:
    """Return an instant as seconds since 1970, 0 where it never came."""
    return 0.0 if at is None else at.timestamp()
