"""The connectors of latchkey.toml, as the commands of `sync` need them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ...errors import InvalidValue, NotFound, ProvisioningError
from ...model import Author
from ...runner.source import Source
from ...store import Store
from ...store.sync import ConnectorState
from ...text import printable
from ..options import tell

Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT_CONFIG: Final = Path("latchkey.toml")

config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default="./latchkey.toml",
    metavar="FILE",
    help="Where the connectors are, as tables [sync.NAME].",
)


def choose(sources: Mapping[str, Source], names: Sequence[str], config: Path) -> dict[str, Source]:
    """Return the connectors of these names, all of them where none is named; NotFound where there is none."""
    if not sources:
        raise NotFound(f"{config} has no table [sync.NAME]: there is nothing to synchronise with")
    for name in names:
        if name not in sources:
            raise NotFound(f"{config} has no [sync.{name}]; there is {', '.join(sources)}")
    return {name: sources[name] for name in names or sources}


def choose_one(sources: Mapping[str, Source], name: str, config: Path) -> Source:
    return choose(sources, [name], config)[name]


def warn(source: Source) -> None:
    """Say what a table says without effect."""
    for line in source.warnings:
        tell(f"warning: {line}")


def author_of_runs(name: str) -> Author:
    """Return who a synchronisation's changes are by: nobody in person."""
    return Author(f"sync:{name}", "sync", is_person=False)


def find_connector(store: Store, name: str) -> ConnectorState:
    """Return what is known of a connector; NotFound where it was never run."""
    found = store.sync.connector(name)
    if found is None:
        known = ", ".join(each.name for each in store.sync.connectors())
        raise NotFound(f"no connector {name!r} was run on this database{f'; there is {known}' if known else ''}")
    return found


def parse_plan_id(text: str) -> tuple[str, int] | None:
    """Return the connector and number of a plan's id such as hudson-3, None where it is none."""
    name, _, number = text.rpartition("-")
    return (name, int(number)) if name and number.isascii() and number.isdigit() and len(number) < 19 else None


def find_plan(store: Store, text: str) -> tuple[str, int]:
    """Return the connector and number of a plan that is kept; NotFound for any other text."""
    parsed = parse_plan_id(text)
    if parsed is None:
        raise InvalidValue(f"{text[:80]!r} is no plan's id, such as hudson-3, and no file of a plan")
    if store.sync.stored_plan(parsed[1]).connector != parsed[0]:
        raise NotFound(f"no plan {text}")
    return parsed


def explain(error: ProvisioningError) -> str:
    """Return an error in one line."""
    return "; ".join(str(error).split("\n"))


def say(line: str) -> None:
    """Print a line of which a platform may have said a part: nothing in it moves a terminal's cursor."""
    click.echo(printable(line))
