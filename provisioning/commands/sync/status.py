"""The command `sync status`: how each connector is, as far as this database knows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from ...errors import NotFound, ProvisioningError
from ...runner.run import Outcome
from ...store import Store
from ...store.sync import ConnectorState
from ..completion import complete_connectors
from ..options import db_option, json_option, open_database, print_view, print_views, tell, utc_now
from ..views import View, render_record, view_instant
from .connectors import config_option, explain, say
from .loading import load_sources

_COLUMNS: Final = ("name", "platform", "state", "last_run", "last_complete", "complete_age", "held_plan", "fault_count")


@click.command("status")
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete_connectors)
@config_option
@json_option
@db_option
@click.pass_context
def sync_status(context: click.Context, name: str | None, config: Path, as_json: bool) -> None:
    """Show how each connector is: its last run and last complete reading, whether it is held and why, what to know."""
    try:
        configured: Mapping[str, str] = {each.name: each.platform for each in load_sources(config).values()}
    except ProvisioningError as error:
        configured = {}
        tell(explain(error))
    with open_database(context, readonly=True) as store:
        states = {state.name: state for state in store.sync.connectors()}
        now = utc_now()
        views = [
            view_state(store, each, states.get(each), configured.get(each), now)
            for each in sorted({*states, *configured})
            if name in (None, each)
        ]
    if name is None:
        print_views(views, _COLUMNS, as_json)
        return
    if not views:
        raise NotFound(f"no connector {name!r}; there is {', '.join(sorted({*states, *configured})) or 'none'}")
    if as_json:
        print_view(views[0], as_json=True)
        return
    faults: Sequence[str] = views[0].pop("faults")
    more = views[0]["fault_count"] - len(faults)
    counts = ", ".join(f"{action} {count:,}" for action, count in views[0]["counts"].items())
    for line in render_record({**views[0], "counts": counts or None}):
        say(line)
    for fault in faults:
        say(f"  {fault}")
    if more > 0:
        click.echo(f"  and {more:,} more")


def view_state(store: Store, name: str, state: ConnectorState | None, platform: str | None, now: datetime) -> View:
    """Return how a connector is; `platform` None: it is not in the configuration."""
    if state is None:
        return _view(name, platform, None, "never run", (), now)
    held_plan = None if state.held_plan is None else f"{name}-{state.held_plan}"
    why: Sequence[str] = ()
    if state.held_plan is not None:
        try:
            why = store.sync.stored_plan(state.held_plan).summary.get("holds", ())
        except NotFound:
            why = ()
    if held_plan is not None:
        word = "held"
    elif state.last_run is None:
        word = "never run"
    else:
        word = str(state.details.get("outcome", "done"))
        word = "planned" if word == Outcome.HELD.value else word  # a person asked for it, or has released it
    return _view(name, platform, state, word, why, now)


def _view(
    name: str, platform: str | None, state: ConnectorState | None, word: str, why: Sequence[str], now: datetime
) -> View:
    found: Mapping[str, Any] = {} if state is None else state.details
    complete = None if state is None else state.last_complete
    leader = None
    if state is not None and state.leader_until is not None and state.leader_until > now:
        leader = state.leader
    return {
        "name": name,
        "platform": platform or (None if state is None else state.platform),
        "configured": platform is not None,
        "state": word,
        "accepted": state is not None and state.is_accepted,
        "last_run": None if state is None else view_instant(state.last_run),
        "last_complete": view_instant(complete),
        "complete_age": None if complete is None else render_age((now - complete).total_seconds()),
        "held_plan": None if state is None or state.held_plan is None else f"{name}-{state.held_plan}",
        "held_since": None if state is None else view_instant(state.held_since),
        "held_because": list(why),
        "error": None if state is None else state.last_error,
        "counts": {key: value for key, value in found.get("counts", {}).items() if value},
        "waiting": found.get("waiting", 0),
        "missing": found.get("missing", 0),
        "leader": leader,
        "fault_count": found.get("fault_count", 0),
        "faults": list(found.get("faults", ())),
    }


def render_age(seconds: float) -> str:
    """Return a span of time as people say it."""
    whole = max(int(seconds), 0)
    for size, letter in ((86_400, "d"), (3600, "h"), (60, "m")):
        if whole >= 2 * size:
            return f"{whole // size} {letter}"
    return f"{whole} s"
