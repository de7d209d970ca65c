"""The commands about the place: `init`, `venue`, `unit`, `pool`, `plan`. Each is one call of the library."""

import os
from collections.abc import Sequence

import click

from .command_group import CommandGroup
from .completion import complete_plans, complete_pools, complete_venues
from .model import Keypool
from .options import (
    database_path,
    db_option,
    json_option,
    open_database,
    print_added,
    print_view,
    print_views,
)
from .secrets import KEY_VARIABLE, key_path
from .selectors import (
    find_keypool,
    find_plan,
    find_venue,
    parse_size,
    parse_ssid,
    place_keypool,
)
from .store import Store, create_store
from .unopened import Unopened
from .views import view_keypool, view_plan, view_unit, view_venue

_vlan = click.IntRange(1, 4094)
_positive = click.IntRange(1, 2**32 - 1)


@click.command()
@db_option
@click.pass_context
def init(context: click.Context) -> None:
    """Make the database, and its master key where there is none."""
    path = database_path(context)
    given = bool(os.environ.get(KEY_VARIABLE)) or key_path(path, os.environ).exists()
    create_store(path, os.environ).close()
    click.echo(f"created {path}")
    if not given:
        click.echo(
            f"created {key_path(path, os.environ)}: keep a copy elsewhere, the database is unreadable without it"
        )


@click.command()
@db_option
@click.pass_context
def upgrade(context: click.Context) -> None:
    """Bring the database of an older version up to date, as `serve` and every command that changes it do.

    A copy of it as it was is kept beside it.
    """
    path = database_path(context)
    open_database(context).close()
    click.echo(f"{path} is up to date")


@click.group(cls=CommandGroup)
def venue() -> None:
    """Properties: a building, or several that one keypool serves.

    An access point is told to be at a venue by its NAS-Identifier, or by the venue of its `latchkey nas`.
    """


@venue.command("add")
@click.argument("name")
@click.option(
    "--nas-identifier", "nas_identifiers", multiple=True, metavar="ID", help="What an access point there says."
)
@click.option("--wireless-only-vlan-offset", type=click.IntRange(0, 4093), default=0, metavar="N")
@json_option
@db_option
@click.pass_context
def venue_add(
    context: click.Context, name: str, nas_identifiers: Sequence[str], wireless_only_vlan_offset: int, as_json: bool
) -> None:
    """Add a venue and print its id."""
    with open_database(context) as store:
        added = store.venues.add(
            name, nas_identifiers=nas_identifiers, wireless_only_vlan_offset=wireless_only_vlan_offset
        )
    print_added(view_venue(added), as_json)


@venue.command("list")
@json_option
@db_option
@click.pass_context
def venue_list(context: click.Context, as_json: bool) -> None:
    """List the venues."""
    with open_database(context, readonly=True) as store:
        views = [view_venue(each) for each in store.venues.all()]
    print_views(views, ("id", "name", "nas_identifiers"), as_json)


@venue.command("show")
@click.argument("name", shell_complete=complete_venues)
@json_option
@db_option
@click.pass_context
def venue_show(context: click.Context, name: str, as_json: bool) -> None:
    """Show one venue."""
    with open_database(context, readonly=True) as store:
        view = view_venue(find_venue(store, name))
    print_view(view, as_json)


@click.group(cls=CommandGroup)
def unit() -> None:
    """Flats, rooms and storage units of a venue, each with its building, floor and VLAN.

    A key may belong to one: `latchkey key add --unit`.
    """


@unit.command("add")
@click.argument("venue", shell_complete=complete_venues)
@click.argument("name", metavar="UNIT")
@click.option("--building", metavar="B")
@click.option("--floor", metavar="F")
@click.option("--vlan", type=_vlan, metavar="N")
@json_option
@db_option
@click.pass_context
def unit_add(
    context: click.Context,
    venue: str,
    name: str,
    building: str | None,
    floor: str | None,
    vlan: int | None,
    as_json: bool,
) -> None:
    """Add a unit and print its id."""
    with open_database(context) as store:
        place = find_venue(store, venue)
        added = store.units.add(place.id, name, building=building, floor=floor, vlan=vlan)
    print_added(view_unit(added, {place.id: place.name}), as_json)


@unit.command("list")
@click.option("--venue", metavar="VENUE", shell_complete=complete_venues, help="Only this venue's.")
@json_option
@db_option
@click.pass_context
def unit_list(context: click.Context, venue: str | None, as_json: bool) -> None:
    """List the units."""
    with open_database(context, readonly=True) as store:
        only = find_venue(store, venue).id if venue is not None else None
        names = _venue_names(store)
        views = [view_unit(each, names) for each in store.units.all() if only in (None, each.venue_id)]
    print_views(views, ("id", "venue", "building", "floor", "name", "vlan"), as_json)


@click.group(cls=CommandGroup)
def pool() -> None:
    """Keypools: one SSID and the keys valid on it, at the venues it is attached to or at all of them.

    The SSID is written exactly as the access points have it. Keys are added with `latchkey key`.
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
@json_option
@db_option
@click.pass_context
def pool_add(context: click.Context, ssid: str, venue: str | None, everywhere: bool, as_json: bool) -> None:
    """Add a keypool and print its id."""
    if venue is not None and everywhere:
        raise click.UsageError("--venue and --global exclude each other")
    with open_database(context) as store:
        added = store.keypools.add(parse_ssid(ssid), venue_ids=place_keypool(store, venue, everywhere))
        view = view_keypool(added, _venue_names(store), 0)
    print_added(view, as_json)


@pool.command("attach")
@click.argument("ssid", shell_complete=complete_pools)
@click.argument("venue", shell_complete=complete_venues)
@click.option(
    "--at",
    metavar="VENUE",
    shell_complete=complete_venues,
    help="Of several keypools of that SSID, the one valid at this venue.",
)
@db_option
@click.pass_context
def pool_attach(context: click.Context, ssid: str, venue: str, at: str | None) -> None:
    """Make the keypool of SSID (or of that id) valid at VENUE as well."""
    with open_database(context) as store:
        store.keypools.attach_venue(find_keypool(store, ssid, at).id, find_venue(store, venue).id)


@pool.command("list")
@json_option
@db_option
@click.pass_context
def pool_list(context: click.Context, as_json: bool) -> None:
    """List the keypools."""
    with open_database(context, readonly=True) as store:
        unopened, damaged = Unopened(), set[int]()

        def note(table: str, id_: int) -> None:
            unopened.report(table, id_)
            damaged.add(id_)

        names = {each.id: each.name for each in store.venues.all(unopened.report)}
        counts = store.keys.counts()
        pools: Sequence[Keypool] = store.keypools.all(note)
    views = [view_keypool(each, names, counts.get(each.id, 0)) for each in pools]
    views += [{"id": id_, "keys": counts.get(id_, 0), "damaged": True} for id_ in sorted(damaged)]
    columns = ("id", "ssid", "scope", "venues", "keys")
    print_views(views, (*columns, "damaged") if damaged else columns, as_json)


@click.group(cls=CommandGroup)
def plan() -> None:
    """Service plans: bandwidth, quotas, devices, wireless-only.

    A key has one or none: `latchkey key add --plan`.
    """


@plan.command("add")
@click.argument("name")
@click.option("--download", type=_positive, metavar="KBPS", help="kbit/s to the device.")
@click.option("--upload", type=_positive, metavar="KBPS", help="kbit/s from the device.")
@click.option("--devices", type=_positive, metavar="N", help="Devices at a time.")
@click.option("--wireless-only", is_flag=True, help="Moves the VLAN by the venue's offset.")
@click.option("--download-quota", metavar="SIZE", help="Octets to the device in a session: 500M, 20G (Cambium).")
@click.option("--upload-quota", metavar="SIZE", help="Octets from the device in a session (Cambium).")
@click.option("--total-quota", metavar="SIZE", help="Octets both ways in a session (Cambium).")
@click.option("--vlan-pool", metavar="ID", help="For keys without a VLAN of their own or their unit's (Cambium).")
@json_option
@db_option
@click.pass_context
def plan_add(
    context: click.Context,
    name: str,
    download: int | None,
    upload: int | None,
    devices: int | None,
    wireless_only: bool,
    download_quota: str | None,
    upload_quota: str | None,
    total_quota: str | None,
    vlan_pool: str | None,
    as_json: bool,
) -> None:
    """Add a service plan and print its id; what is not said is unlimited."""
    quotas = [None if text is None else parse_size(text) for text in (download_quota, upload_quota, total_quota)]
    with open_database(context) as store:
        added = store.plans.add(
            name,
            download_kbps=download,
            upload_kbps=upload,
            devices=devices,
            wireless_only=wireless_only,
            download_quota_octets=quotas[0],
            upload_quota_octets=quotas[1],
            total_quota_octets=quotas[2],
            vlan_pool=vlan_pool,
        )
    print_added(view_plan(added), as_json)


@plan.command("list")
@json_option
@db_option
@click.pass_context
def plan_list(context: click.Context, as_json: bool) -> None:
    """List the service plans."""
    with open_database(context, readonly=True) as store:
        views = [view_plan(each) for each in store.plans.all()]
    print_views(views, ("id", "name", "download_kbps", "upload_kbps", "devices", "wireless_only"), as_json)


@plan.command("show")
@click.argument("name", shell_complete=complete_plans)
@json_option
@db_option
@click.pass_context
def plan_show(context: click.Context, name: str, as_json: bool) -> None:
    """Show one service plan."""
    with open_database(context, readonly=True) as store:
        view = view_plan(find_plan(store, name))
    print_view(view, as_json)


def _venue_names(store: Store) -> dict[int, str]:
    return {each.id: each.name for each in store.venues.all()}
