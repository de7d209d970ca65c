"""The commands `sync adopt` and `disown`: what people made becomes the platform's, and is theirs again."""

from pathlib import Path

import click

from ...errors import AlreadyExists, InvalidValue, NotFound
from ...runner.making import takes_keys
from ...selectors import find_unit, find_venue
from ...store import Store
from ...store.sync import Owned
from ...sync import Kind
from ..completion import complete_connectors, complete_venues
from ..options import db_option
from ..writing import author_option, changing, reason_option
from .connectors import config_option, find_connector
from .loading import load_sources

_MOST_ID = 255
_KIND = click.Choice(["unit", "venue"])


@click.command("adopt")
@click.argument("name", metavar="NAME", shell_complete=complete_connectors)
@click.argument("kind", type=_KIND)
@click.argument("platform_id", metavar="PLATFORM-ID")
@click.argument("ours", metavar="OURS", shell_complete=complete_venues)
@config_option
@reason_option
@author_option
@db_option
@click.pass_context
def sync_adopt(context: click.Context, name: str, kind: str, platform_id: str, ours: str, config: Path) -> None:
    """Say that a unit or venue made by hand is one of a platform's: from the next run on the platform rules it.

    \b
    latchkey sync adopt hudson venue S1 "Hudson House"
    latchkey sync adopt hudson unit S1/A/1/101 101

    A unit of that name at another venue is said as id:N. `latchkey sync disown` takes it back.
    """
    if not 1 <= len(platform_id) <= _MOST_ID:
        raise InvalidValue(f"a platform's id has 1 to {_MOST_ID} characters")
    with changing(context, "sync.adopt") as (store, change):
        if store.sync.connector(name) is None and name not in load_sources(config):
            raise NotFound(f"{config} has no [sync.{name}]")
        what = Kind(kind)
        record, venue, label = _venue(store, platform_id, ours) if what is Kind.VENUE else _unit(store, name, ours)
        _refuse_taken(store, name, what, platform_id, record, label)
        change.is_told = True
        change.subject(kind, record, label)
        change.note |= {"connector": name, "platform_id": platform_id}
        store.sync.own(name, [Owned(what, platform_id, venue, record)])
    click.echo(f"{kind} {label} is {platform_id} of {name}")


def _venue(store: Store, platform_id: str, ours: str) -> tuple[int, str, str]:
    found = find_venue(store, ours)
    return found.id, platform_id, found.name


def _unit(store: Store, name: str, ours: str) -> tuple[int, str, str]:
    venues = {record: id_ for id_, record in store.sync.records(name, Kind.VENUE).items()}
    if not venues:
        raise NotFound(f"no venue is one of {name} yet: `latchkey sync adopt {name} venue ...` first")
    unit = find_unit(store, ours, tuple(venues))
    if unit.venue_id not in venues:
        raise InvalidValue(f"unit {unit.name!r} is at a venue that is none of {name}: adopt that first")
    return unit.id, venues[unit.venue_id], unit.name


def _refuse_taken(store: Store, name: str, kind: Kind, platform_id: str, record: int, label: str) -> None:
    owner = store.sync.owner(kind, record)
    if owner is not None and owner != name:
        raise AlreadyExists(f"{kind.value} {label} is one of {owner}: two sources of one {kind.value} are none")
    records = store.sync.records(name, kind)
    if (other := records.get(platform_id)) is not None and other != record and _is_there(store, kind, other):
        raise AlreadyExists(f"{platform_id} is another {kind.value} (id:{other}): `latchkey sync disown` first")
    for id_, theirs in records.items():
        if theirs == record and id_ != platform_id:
            raise AlreadyExists(f"{kind.value} {label} is {id_} of {name} already: `latchkey sync disown` first")


def _is_there(store: Store, kind: Kind, record: int) -> bool:
    try:
        (store.venues if kind is Kind.VENUE else store.units).get(record)
    except NotFound:
        return False
    return True


@click.command("disown")
@click.argument("name", metavar="NAME", shell_complete=complete_connectors)
@click.argument("kind", type=_KIND, required=False)
@click.argument("platform_id", metavar="[PLATFORM-ID]", required=False)
@click.option("--all", "everything", is_flag=True, help="All there is, and the connector is forgotten.")
@reason_option
@author_option
@db_option
@click.pass_context
def sync_disown(context: click.Context, name: str, kind: str | None, platform_id: str | None, everything: bool) -> None:
    """Say that a unit or venue is a platform's no more: people rule it again, and a synchronisation leaves it alone.

    With --all nothing is the platform's any more, keys included, which stay as they are: for a platform that is left.
    What was put at a controller (ruckus-one) stays there, and works until it is removed there.
    """
    if everything != (kind is None) or (kind is None) != (platform_id is None):
        raise click.UsageError("say what: unit or venue and its PLATFORM-ID, or --all")
    if kind is None or platform_id is None:
        with changing(context, "sync.disown") as (store, change):
            platform = find_connector(store, name).platform
            change.is_told = True
            count = store.sync.forget_connector(name)
            change.note |= {"connector": name, "records": count}
        if takes_keys(platform):
            click.echo(
                f"{name} is forgotten: {count:,} of the passphrases that were put there are no longer kept in step"
            )
            click.echo(
                "they go on working at the controller until somebody removes them there, also those of keys that end"
            )
            return
        click.echo(f"{name} is forgotten: {count:,} of its records are nobody's but yours")
        return
    with changing(context, "sync.disown") as (store, change):
        find_connector(store, name)
        record = store.sync.records(name, Kind(kind)).get(platform_id)
        if record is None:
            raise NotFound(f"{name} has no {kind} {platform_id!r}")
        change.is_told = True
        change.subject(kind, record, platform_id)
        change.note |= {"connector": name}
        store.sync.forget(name, Kind(kind), [platform_id])
    click.echo(f"{kind} {platform_id} is none of {name} any more")
