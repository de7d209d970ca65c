"""The command `sync check`: one real page of each platform, before anybody relies on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from ...errors import ProvisioningError
from ...runner.source import Source, opened
from ...store import Store
from ...text import printable
from ..completion import complete_connectors
from ..options import db_option, json_option, open_database, print_views, utc_now
from ..views import View
from .connectors import choose, config_option, explain, say
from .loading import load_sources

_MOST_SKEW_S: Final = 60.0


@click.command("check")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_connectors)
@config_option
@json_option
@db_option
@click.pass_context
def sync_check(context: click.Context, names: Sequence[str], config: Path, as_json: bool) -> None:
    """Ask each platform for one real page with one real unit, and say what came: credentials, certificate, clock.

    The exit status is 1 where one does not answer as its document says.
    """
    sources = choose(load_sources(config), names, config)
    with open_database(context, readonly=True) as store:
        views = [_check(store, source) for source in sources.values()]
    if as_json:
        print_views(views, (), as_json)
    else:
        for view in views:
            line = f"{view['name']} ({view['platform']}): {view['error'] or 'answers'}"
            click.echo(printable(line), err=not view["works"])
            for line in view["found"]:
                say(f"  {line}")
            for line in view["warnings"]:
                click.echo(f"  {line}", err=True)
    if not all(view["works"] for view in views):
        context.exit(1)


def _check(store: Store, source: Source) -> View:
    found: list[str] = []
    error = None
    try:
        with opened(store, source, now=utc_now) as ready:
            found += ready.platform.run(ready.configured.connector.check())
            found += _clock(ready.platform.clock_skew_s)
    except ProvisioningError as problem:
        error = explain(problem)
    return {
        "name": source.name,
        "platform": source.platform,
        "works": error is None,
        "found": found,
        "warnings": list(source.warnings),
        "error": error,
    }


def _clock(skew_s: float) -> list[str]:
    """Return what to say of a platform's clock that differs from ours."""
    if abs(skew_s) < _MOST_SKEW_S:
        return []
    how = "ahead of" if skew_s > 0 else "behind"
    return [f"its clock is {abs(skew_s) / 60:.0f} min {how} this machine's: set the one that is wrong"]
