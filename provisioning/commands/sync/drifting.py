"""The command `sync drift`: where a platform and the database do not agree."""

from pathlib import Path
from typing import Final

import click

from ...errors import ProvisioningError
from ...runner.comparing import compare
from ...runner.source import opened
from ...sync import WHOLE, Drift
from ...text import printable
from ..completion import complete_connectors
from ..listing import lists, print_list
from ..options import db_option, open_database, progress_bar, tell, utc_now
from ..views import View
from ..writing import refuse_older
from .connectors import choose, config_option, explain
from .loading import load_sources

_COLUMNS: Final = ("connector", "side", "kind", "id", "label", "what", "cleared_by")


@click.command("drift")
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete_connectors)
@config_option
@lists
@db_option
@click.pass_context
def sync_drift(context: click.Context, name: str | None, config: Path) -> None:
    """Ask each platform, and list where it and the database differ: here only, there only, different, not taken.

    Each line says what clears it. Nothing is changed.
    """
    refuse_older(context)
    views: list[View] = []
    failed = False
    sources = choose(load_sources(config), () if name is None else (name,), config)
    with open_database(context, readonly=True) as store:
        for source in sources.values():
            try:
                with progress_bar() as progress, opened(store, source, now=utc_now, progress=progress) as ready:
                    found = compare(store, ready)
            except ProvisioningError as error:
                failed = True
                tell(f"{source.name}: {explain(error)}")
            else:
                views += [_view(source.name, each) for each in found]
    print_list(context, views, _COLUMNS)
    if failed:
        context.exit(1)


def _view(connector: str, drift: Drift) -> View:
    return {
        "connector": connector,
        "side": drift.side.value,
        "kind": None if drift.kind is None else drift.kind.value,
        "id": None if drift.id is None else printable(drift.id),
        "venue": None if drift.venue == WHOLE else printable(drift.venue),
        "label": drift.label,
        "what": printable(drift.text),
        "cleared_by": drift.remedy,
    }
