"""The command `unit`: flats, rooms and storage units. Each is one call of `lifecycle.units`."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import click

from ...lifecycle.units import AUTOMATIC, Fate, VlanChoice, add_unit, change_unit, merge_units, remove_unit
from ...model import Purpose, Unit, check_name
from ...selectors import find_unit, find_venue, parse_vlan
from ...store import Store
from ..command_group import CommandGroup
from ..completion import complete_units, complete_venues
from ..fields import CLEARED, Clearable, YesNo, given, naming, refuse_empty, require_some
from ..listing import listing_of, lists, print_list
from ..options import db_option, json_option, open_database, print_added, print_object, print_view, utc_now
from ..views import View, view_unit
from ..writing import changing, tell, writes

Command = TypeVar("Command", bound=Callable[..., Any])
_PURPOSES: Final = click.Choice([purpose.value for purpose in Purpose])
_unit_argument = click.argument("which", metavar="UNIT", shell_complete=complete_units)
_venue_option = click.option(
    "--venue", metavar="V", shell_complete=complete_venues, help="Of several units of that name, the one there."
)


@click.group(cls=CommandGroup)
def unit() -> None:
    """Flats, rooms and storage units of a venue, each with its building, floor and VLAN.

    A key may belong to one: `latchkey key add --unit`. UNIT is its name, BUILDING/NAME, UnitID_internal, external id
    or id:N.
    """


def _fields(command: Command) -> Command:
    """Add what a unit has; "" takes it away."""
    for option in reversed(
        (
            click.option("--building", type=Clearable(), metavar="B"),
            click.option("--floor", type=Clearable(), metavar="F"),
            click.option(
                "--vlan",
                type=Clearable(),
                metavar="N|auto",
                help="auto: the first of its purpose's range that no unit of the venue has, for a venue's first 200.",
            ),
            click.option("--share-vlan", is_flag=True, help="Take a VLAN that another unit has."),
            click.option("--purpose", type=_PURPOSES, help="[default: wiredunit]"),
            click.option("--external-id", type=Clearable(), metavar="ID", help="What another system calls it."),
            click.option(
                "--allow-overlap",
                type=Clearable(YesNo()),
                help="Whether it may have two subscriptions at a time; as its venue has it unless said.",
            ),
        )
    ):
        command = option(command)
    return command


def _read(said: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a Unit that were said."""
    fields = given(**said)
    if said.get("vlan") not in (None, CLEARED):
        fields["vlan"] = _parse_vlan(said["vlan"])
    if "purpose" in fields:
        fields["purpose"] = Purpose(fields["purpose"])
    return fields


def _parse_vlan(text: str) -> VlanChoice:
    return AUTOMATIC if text.lower() == AUTOMATIC.value else parse_vlan(text)


def _places(store: Store, venue: str | None) -> tuple[int, ...]:
    return () if venue is None else (find_venue(store, venue).id,)


def _view(store: Store, of: Unit) -> View:
    return view_unit(of, {each.id: each.name for each in store.venues.all()})


@unit.command("add")
@click.argument("venue", shell_complete=complete_venues)
@click.argument("name", metavar="UNIT")
@_fields
@writes
@json_option
@db_option
@click.pass_context
def unit_add(context: click.Context, /, venue: str, name: str, share_vlan: bool, as_json: bool, **said: Any) -> None:
    """Add a unit and print its id."""
    check_name(name, "unit name")
    with naming(f"unit {name!r}"):
        refuse_empty(said)
        fields = _read(said)
        with changing(context, "unit.add", as_json=as_json) as (store, _):
            place = find_venue(store, venue)
            added = add_unit(store, place, name, share_vlan=share_vlan, **fields)
    print_added(view_unit(added, {place.id: place.name}), as_json)


@unit.command("list")
@click.option("--venue", metavar="VENUE", shell_complete=complete_venues, help="Only this venue's.")
@click.option("--building", metavar="B", help="Only this building's.")
@click.option("--floor", metavar="F", help="Only this floor's.")
@click.option("--vlan", metavar="N", help="Only of this VLAN.")
@click.option("--purpose", type=_PURPOSES, help="Only for this.")
@lists
@db_option
@click.pass_context
def unit_list(
    context: click.Context,
    venue: str | None,
    building: str | None,
    floor: str | None,
    vlan: str | None,
    purpose: str | None,
) -> None:
    """List the units."""
    listing = listing_of(context)
    with open_database(context, readonly=True) as store:
        only = find_venue(store, venue).id if venue is not None else None
        names = {each.id: each.name for each in store.venues.all()}
        units = store.units.listed(
            venue_id=only,
            building=building,
            floor=floor,
            vlan=None if vlan is None else parse_vlan(vlan),
            purpose=None if purpose is None else Purpose(purpose),
            search=listing.search,
            offset=listing.offset,
            limit=listing.limit,
        )
        views: Iterator[View] = (view_unit(each, names) for each in units)
        print_list(context, views, ("id", "venue", "building", "floor", "name", "vlan"), paged=True)


@unit.command("show")
@_unit_argument
@_venue_option
@json_option
@db_option
@click.pass_context
def unit_show(context: click.Context, which: str, venue: str | None, as_json: bool) -> None:
    """Show one unit, and how many keys may be used in it."""
    with open_database(context, readonly=True) as store:
        found = find_unit(store, which, _places(store, venue))
        now = utc_now()
        keys = [key for key in store.occupants.of_units([found.id]) if key.is_live(now) and not key.is_former]
        view = _view(store, found) | {"keys": len(keys)}
    print_view(view, as_json)


@unit.command("set")
@_unit_argument
@_venue_option
@click.option("--name", metavar="N", help="Its new name; its UnitID_internal stays.")
@_fields
@writes
@json_option
@db_option
@click.pass_context
def unit_set(
    context: click.Context, /, which: str, venue: str | None, share_vlan: bool, as_json: bool, **said: Any
) -> None:
    """Change what is said of a unit, and nothing else; "" takes a field away. Its keys follow to its VLAN.

    \b
    latchkey unit set 4B --vlan 104
    latchkey unit set West/4B --venue "Hudson House" --name 4B-1 --floor ""
    """
    with naming(f"unit {which!r}"):
        fields = _read(said)
        require_some(fields)
        with changing(context, "unit.set", as_json=as_json) as (store, _):
            found = find_unit(store, which, _places(store, venue))
            changed = change_unit(store, found.id, share_vlan=share_vlan, **fields)
            view = _view(store, changed)
    if as_json:
        print_object(view)


@unit.command("merge")
@click.argument("which", metavar="FROM", shell_complete=complete_units)
@click.argument("into", metavar="INTO", shell_complete=complete_units)
@_venue_option
@writes
@json_option
@db_option
@click.pass_context
def unit_merge(context: click.Context, which: str, into: str, venue: str | None, as_json: bool) -> None:
    """Move all keys and subscriptions of one unit to another, take the empty one away, and print how many keys."""
    with changing(context, "unit.merge", as_json=as_json) as (store, _):
        found = find_unit(store, which, _places(store, venue))
        other = find_unit(store, into, (found.venue_id,))
        moved = merge_units(store, found.id, other.id)
    if as_json:
        print_object({"removed": found.id, "into": other.id, "keys": moved})
    else:
        click.echo(f"moved {moved}")


@unit.command("remove")
@_unit_argument
@_venue_option
@click.option(
    "--occupied",
    type=click.Choice([fate.value for fate in Fate]),
    help="What becomes of the keys in it: end them now, or move them to another unit. They stay in the history.",
)
@click.option("--to", metavar="UNIT", shell_complete=complete_units, help="Where they move to.")
@writes
@json_option
@db_option
@click.pass_context
def unit_remove(
    context: click.Context, which: str, venue: str | None, occupied: str | None, to: str | None, as_json: bool
) -> None:
    """Take a unit away. With somebody in it, it says who, and wants to know what becomes of them."""
    fate = None if occupied is None else Fate(occupied)
    with changing(context, "unit.remove", as_json=as_json) as (store, _):
        found = find_unit(store, which, _places(store, venue))
        other = None if to is None else find_unit(store, to, (found.venue_id,)).id
        count = remove_unit(store, found.id, now=utc_now(), fate=fate, to=other)
    if count:
        tell(f"{'moved' if fate is Fate.MOVE else 'ended'} {count:,} key{'s' if count > 1 else ''}")
    if as_json:
        print_object({"removed": found.id, "keys": count})
