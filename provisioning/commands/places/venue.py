"""The command `venue`: properties. Each is one call of `lifecycle.venues`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import click

from ...lifecycle.units import Fate
from ...lifecycle.venues import add_venue, change_venue, remove_venue
from ...model import Venue, VlanRange, check_name
from ...model.venue import NO_RANGES
from ...selectors import find_venue
from ..command_group import CommandGroup
from ..completion import complete_venues
from ..fields import Clearable, YesNo, given, naming, refuse_empty, require_some
from ..listing import lists, print_list
from ..options import db_option, json_option, open_database, print_added, print_object, print_view, utc_now
from ..views import view_venue
from ..writing import changing, tell, writes

Command = TypeVar("Command", bound=Callable[..., Any])
_PURPOSES: Final = {
    "vlans_wired": "wired_unit",
    "vlans_wireless": "local_wireless_only",
    "vlans_roaming": "global_roaming",
}


@click.group(cls=CommandGroup)
def venue() -> None:
    """Properties: a building, or several that one keypool serves.

    An access point is told to be at a venue by its NAS-Identifier, or by the venue of its `latchkey nas`.
    """


def _fields(command: Command) -> Command:
    """Add what a venue has; "" takes it away."""
    for option in reversed(
        (
            click.option(
                "--time-zone", type=Clearable(), metavar="Z", help="Europe/Berlin; the operator's unless said."
            ),
            click.option(
                "--wireless-only-vlan-offset",
                type=Clearable(int),
                metavar="N",
                help="Added to the VLAN of keys whose plan is wireless-only.",
            ),
            click.option(
                "--vlans-wired",
                type=Clearable(),
                metavar="A-B",
                help="Of which `unit add --vlan auto` takes the first that is free (default: 1050-4095).",
            ),
            click.option("--vlans-wireless", type=Clearable(), metavar="A-B", help="The same for localwirelessonly."),
            click.option("--vlans-roaming", type=Clearable(), metavar="A-B", help="The same for globalroaming."),
            click.option("--external-id", type=Clearable(), metavar="ID", help="What another system calls it."),
            click.option("--platform-id", metavar="ID", help="Its VenueID, where a platform gave it one."),
            click.option(
                "--allow-overlap",
                type=Clearable(YesNo()),
                help="Whether a wired unit may have two subscriptions at a time; as the operator has it unless said.",
            ),
        )
    ):
        command = option(command)
    return command


def _read(said: dict[str, Any], of: Venue | None = None) -> dict[str, Any]:
    """Return the fields of a Venue that were said."""
    ranges = given(**{field: said.pop(name) for name, field in _PURPOSES.items()})
    fields = given(**said)
    if "wireless_only_vlan_offset" in fields:
        fields["wireless_only_vlan_offset"] = fields["wireless_only_vlan_offset"] or 0
    if ranges:
        parsed = {name: None if text is None else VlanRange.parse(text) for name, text in ranges.items()}
        fields["vlan_ranges"] = replace(of.vlan_ranges if of else NO_RANGES, **parsed)
    return fields


@venue.command("add")
@click.argument("name")
@click.option(
    "--nas-identifier", "nas_identifiers", multiple=True, metavar="ID", help="What an access point there says."
)
@_fields
@writes
@json_option
@db_option
@click.pass_context
def venue_add(context: click.Context, /, name: str, nas_identifiers: Sequence[str], as_json: bool, **said: Any) -> None:
    """Add a venue and print its id."""
    check_name(name, "venue name")
    with naming(f"venue {name!r}"):
        refuse_empty(said)
        fields = _read(said)
        with changing(context, "venue.add", as_json=as_json) as (store, _):
            added = add_venue(store, name, nas_identifiers=nas_identifiers, **fields)
    print_added(view_venue(added), as_json)


@venue.command("list")
@lists
@db_option
@click.pass_context
def venue_list(context: click.Context) -> None:
    """List the venues."""
    with open_database(context, readonly=True) as store:
        views = [view_venue(each) for each in store.venues.all()]
    print_list(context, views, ("id", "name", "nas_identifiers"))


@venue.command("show")
@click.argument("name", metavar="VENUE", shell_complete=complete_venues)
@json_option
@db_option
@click.pass_context
def venue_show(context: click.Context, name: str, as_json: bool) -> None:
    """Show one venue, by its name, external id, VenueID or id:N."""
    with open_database(context, readonly=True) as store:
        found = find_venue(store, name)
        view = view_venue(found) | {"units": store.units.count(found.id), "buildings": store.units.buildings(found.id)}
    print_view(view, as_json)


@venue.command("set")
@click.argument("which", metavar="VENUE", shell_complete=complete_venues)
@click.option("--name", metavar="N", help="Its new name.")
@click.option(
    "--add-nas-identifier", "more", multiple=True, metavar="ID", help="What one more access point there says."
)
@click.option(
    "--remove-nas-identifier", "fewer", multiple=True, metavar="ID", help="One that is not there any more, or wrong."
)
@_fields
@writes
@json_option
@db_option
@click.pass_context
def venue_set(
    context: click.Context, /, which: str, more: Sequence[str], fewer: Sequence[str], as_json: bool, **said: Any
) -> None:
    """Change what is said of a venue, and nothing else; "" takes a field away.

    \b
    latchkey venue set "Building 7" --add-nas-identifier b7-ap3
    latchkey venue set "Building 7" --time-zone America/New_York --vlans-wired 100-499
    """
    with changing(context, "venue.set", as_json=as_json) as (store, _), naming(f"venue {which!r}"):
        found = find_venue(store, which)
        fields = _read(said, found)
        require_some((*fields, *more, *fewer))
        changed = change_venue(store, found.id, add_identifiers=more, remove_identifiers=fewer, **fields)
    if as_json:
        print_object(view_venue(changed))


@venue.command("remove")
@click.argument("which", metavar="VENUE", shell_complete=complete_venues)
@click.option(
    "--occupied",
    type=click.Choice([fate.value for fate in Fate]),
    help="What becomes of its units, keys and NASes: end them now, or move them to another venue.",
)
@click.option("--to", metavar="VENUE", shell_complete=complete_venues, help="Where they move to.")
@click.option("--confirm", metavar="CODE", help="DELETE-VENUE-XXXX, four of A-Z and 0-9, where anything is there.")
@writes
@json_option
@db_option
@click.pass_context
def venue_remove(
    context: click.Context, which: str, occupied: str | None, to: str | None, confirm: str | None, as_json: bool
) -> None:
    """Take a venue away. Where units, keys or NASes are there it says which, and wants to know what becomes of them."""
    fate = None if occupied is None else Fate(occupied)
    with changing(context, "venue.remove", as_json=as_json) as (store, _):
        found = find_venue(store, which)
        other = None if to is None else find_venue(store, to).id
        there = remove_venue(store, found.id, now=utc_now(), fate=fate, to=other, confirmation=confirm)
    if str(there):
        tell(f"{'moved' if fate is Fate.MOVE else 'ended or removed'} {there}")
    if as_json:
        print_object({"removed": found.id, "units": len(there.units), "keys": len(there.keys)})
