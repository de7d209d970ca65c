"""The command `pool`: keypools. Each is one call of `lifecycle.pools`."""

from typing import Any

import click

from ...lifecycle.pools import add_pool, connect_pool, disconnect_pool, order_pool, remove_pool
from ...model import Scope
from ...selectors import find_keypool, find_venue, parse_ssid, place_keypool
from ...store import Store
from ..command_group import CommandGroup
from ..completion import complete_pools, complete_venues
from ..fields import Clearable, given, naming, require_some
from ..listing import lists, print_list
from ..options import db_option, json_option, open_database, print_added, print_object, print_view, utc_now
from ..unopened import Unopened
from ..views import view_keypool
from ..writing import changing, tell, writes

_pool_argument = click.argument("ssid", metavar="SSID", shell_complete=complete_pools)
_at_option = click.option(
    "--at",
    metavar="VENUE",
    shell_complete=complete_venues,
    help="Of several keypools of that SSID, the one valid at this venue.",
)


@click.group(cls=CommandGroup)
def pool() -> None:
    """Keypools: one SSID and the keys valid on it, at the venues it is connected to or at all of them.

    The SSID is written exactly as the access points have it. Keys are added with `latchkey key`. Where there is a
    keypool already, SSID may also be its id or its KeyPoolID.
    """


@pool.command("add")
@click.argument("ssid")
@click.option(
    "--venue",
    metavar="VENUE",
    shell_complete=complete_venues,
    help="Valid at this venue (the only one, where there is one).",
)
@click.option("--global", "everywhere", is_flag=True, help="Valid at every venue.")
@click.option("--display-order", type=int, metavar="N", help="Where it stands in lists of others: 1 to 100.")
@writes
@json_option
@db_option
@click.pass_context
def pool_add(
    context: click.Context,
    ssid: str,
    venue: str | None,
    everywhere: bool,
    display_order: int | None,
    as_json: bool,
) -> None:
    """Add a keypool and print its id."""
    if venue is not None and everywhere:
        raise click.UsageError("--venue and --global exclude each other")
    parsed = parse_ssid(ssid)
    with naming(f"SSID {str(parsed)!r}"), changing(context, "pool.add", as_json=as_json) as (store, _):
        places = place_keypool(store, venue, everywhere)
        added = add_pool(store, parsed, venue_ids=places, display_order=display_order)
        view = view_keypool(added, _venue_names(store), 0, store.venues.operator().name)
    print_added(view, as_json)


def _connect(context: click.Context, ssid: str, venue: str, at: str | None) -> None:
    with changing(context, "pool.connect") as (store, _):
        connect_pool(store, find_keypool(store, ssid, at).id, find_venue(store, venue).id)


@pool.command("connect")
@_pool_argument
@click.argument("venue", shell_complete=complete_venues)
@_at_option
@writes
@db_option
@click.pass_context
def pool_connect(context: click.Context, ssid: str, venue: str, at: str | None) -> None:
    """Make the keypool of SSID (or of that id) valid at VENUE as well."""
    _connect(context, ssid, venue, at)


@pool.command("attach", hidden=True)
@_pool_argument
@click.argument("venue", shell_complete=complete_venues)
@_at_option
@writes
@db_option
@click.pass_context
def pool_attach(context: click.Context, ssid: str, venue: str, at: str | None) -> None:
    """Another word for `connect`."""
    _connect(context, ssid, venue, at)


@pool.command("disconnect")
@_pool_argument
@click.argument("venue", shell_complete=complete_venues)
@_at_option
@writes
@db_option
@click.pass_context
def pool_disconnect(context: click.Context, ssid: str, venue: str, at: str | None) -> None:
    """Make the keypool of SSID valid at VENUE no more."""
    with changing(context, "pool.disconnect") as (store, _):
        place = find_venue(store, venue)
        found = find_keypool(store, ssid, at)
        left = disconnect_pool(store, found.id, place.id, now=utc_now())
    if not left.venue_ids:
        tell(f"keypool {left.id} ({left.ssid}) is valid nowhere now: `latchkey pool connect` makes it so again")


@pool.command("list")
@click.option("--venue", metavar="V", shell_complete=complete_venues, help="Only those valid there, global ones too.")
@click.option("--scope", type=click.Choice([scope.value for scope in Scope]), help="Only these.")
@lists
@db_option
@click.pass_context
def pool_list(context: click.Context, venue: str | None, scope: str | None) -> None:
    """List the keypools."""
    with open_database(context, readonly=True) as store:
        unopened, damaged = Unopened(), set[int]()

        def note(table: str, id_: int) -> None:
            unopened.report(table, id_)
            damaged.add(id_)

        only = None if venue is None else find_venue(store, venue).id
        names = {each.id: each.name for each in store.venues.all(unopened.report)}
        counts = store.keys.counts()
        operator = store.venues.operator().name
        pools = [
            each
            for each in store.keypools.all(note)
            if (scope is None or each.scope.value == scope)
            and (only is None or each.scope is Scope.GLOBAL or only in each.venue_ids)
        ]
    views = [view_keypool(each, names, counts.get(each.id, 0), operator) for each in pools]
    views += [{"id": id_, "keys": counts.get(id_, 0), "damaged": True} for id_ in sorted(damaged)]
    columns = ("id", "ssid", "scope", "venues", "keys")
    print_list(context, views, (*columns, "damaged") if damaged else columns)


@pool.command("show")
@_pool_argument
@_at_option
@json_option
@db_option
@click.pass_context
def pool_show(context: click.Context, ssid: str, at: str | None, as_json: bool) -> None:
    """Show one keypool."""
    with open_database(context, readonly=True) as store:
        found = find_keypool(store, ssid, at)
        keys = store.keys.counts().get(found.id, 0)
        view = view_keypool(found, _venue_names(store), keys, store.venues.operator().name)
    print_view(view, as_json)


@pool.command("set")
@_pool_argument
@_at_option
@click.option("--display-order", type=Clearable(int), metavar="N", help="Where it stands in lists of others: 1 to 100.")
@writes
@json_option
@db_option
@click.pass_context
def pool_set(context: click.Context, /, ssid: str, at: str | None, as_json: bool, **said: Any) -> None:
    """Change what is said of a keypool. Its SSID stays: its keys are made with it."""
    fields = given(**said)
    require_some(fields)
    with changing(context, "pool.set", as_json=as_json) as (store, _), naming(f"keypool {ssid}"):
        changed = order_pool(store, find_keypool(store, ssid, at).id, fields["display_order"])
        keys = store.keys.counts().get(changed.id, 0)
        view = view_keypool(changed, _venue_names(store), keys, store.venues.operator().name)
    if as_json:
        print_object(view)


@pool.command("remove")
@_pool_argument
@_at_option
@click.option("--with-keys", type=click.IntRange(0), metavar="N", help="All its keys as well, which are so many.")
@click.option("--global", "even_global", is_flag=True, help="Also one that is valid at every venue.")
@writes
@json_option
@db_option
@click.pass_context
def pool_remove(
    context: click.Context, ssid: str, at: str | None, with_keys: int | None, even_global: bool, as_json: bool
) -> None:
    """Take a keypool away, and with --with-keys its keys, their devices and its cards."""
    with changing(context, "pool.remove", as_json=as_json) as (store, _):
        found = find_keypool(store, ssid, at)
        count = remove_pool(store, found.id, with_keys=with_keys, even_global=even_global)
    if count:
        tell(f"removed {count:,} key{'s' if count > 1 else ''} with it, those of its history too")
    if as_json:
        print_object({"removed": found.id, "keys": count})


def _venue_names(store: Store) -> dict[int, str]:
    return {each.id: each.name for each in store.venues.all(lambda *_: None)}
