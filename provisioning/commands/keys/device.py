"""The commands about devices: `latchkey device`."""

import re
from datetime import datetime
from typing import Any, Final

import click

from ...errors import InvalidValue, NotFound
from ...lifecycle import devices
from ...model import DeviceRow
from ...selectors import find_key, find_subscriber, find_unit, find_venue, zone_of
from ...store import Store
from ..command_group import CommandGroup
from ..completion import complete_keys, complete_subscribers, complete_units, complete_venues
from ..fields import CLEARED, Clearable, enter_instant
from ..listing import listing_of, lists, print_list
from ..options import db_option, json_option, open_database, print_object, print_view, print_views, utc_now
from ..views import View, localise, view_instant
from ..writing import changing, tell, writes
from .key_options import key_argument, parse_mac_address, parse_new_device, ssids_of

_COLUMNS: Final = ("mac", "name", "key_id", "identity", "unit", "registered", "last_seen")
_SEEN: Final = ("first_seen", "last_seen")
_mac_argument = click.argument("mac", metavar="MAC")
_key_option = click.option(
    "--key", "which", metavar="KEY", shell_complete=complete_keys, help="Of its keys this one (default: the only one)."
)


@click.group(cls=CommandGroup)
def device() -> None:
    """Devices: which is known with which key, and when it was last seen. KEY is an id, id:N or an identity.

    Most are learned when they show a key. An access point that asks by address alone lets in those that are known.

    \b
    latchkey device add "Ann Lee" 02:00:00:00:01:00 --name "Ann's phone"
    latchkey device list --unit 4B
    latchkey device show 02:00:00:00:01:00
    """


@device.command("add")
@key_argument
@_mac_argument
@click.option("--name", metavar="NAME", help="What its owner calls it.")
@click.option("--tag", metavar="TEXT", help="For yourself.")
@writes
@json_option
@db_option
@click.pass_context
def device_add(context: click.Context, which: str, mac: str, name: str | None, tag: str | None, as_json: bool) -> None:
    """Register a device with a key before it is seen, in place of what it was registered with on that SSID."""
    address = parse_new_device(mac)
    with changing(context, "device.add", as_json=as_json) as (store, _):
        id_ = find_key(store, which).id
        before = devices.add(store, id_, address, name=name or None, tag=tag or None)
        added = devices.find(store, address, id_)
        view = _view(added, ssids_of(store))
    if before is not None:
        tell(f"{address} was registered with key {before.key_id} ({before.identity}), and is no longer")
    if as_json:
        print_object(view)
    else:
        click.echo(view["mac"])


@device.command("list")
@click.option("--key", "which", metavar="KEY", shell_complete=complete_keys, help="Only this key's.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="Only of this unit's keys.")
@click.option("--venue", metavar="V", shell_complete=complete_venues, help="Where that unit is.")
@click.option("--subscriber", metavar="WHO", shell_complete=complete_subscribers, help="Only of their keys.")
@click.option("--since", metavar="T", help="Only what was seen since: a date or time, in the venue's zone.")
@click.option("--mac", metavar="MAC", help="Only what begins so.")
@lists
@db_option
@click.pass_context
def device_list(context: click.Context, /, **said: Any) -> None:
    """List devices, each with the keys it is known with."""
    wanted = listing_of(context)
    with open_database(context, readonly=True) as store:
        asked = _filter(store, said, utc_now())
        if wanted.search is None:
            asked |= {"limit": -1 if wanted.limit is None else wanted.limit, "offset": wanted.offset}
        ssids = ssids_of(store)
        views = (_view(each, ssids) for each in store.device_records.listed(**asked))
        if not (wanted.as_json or wanted.as_csv):
            views = (localise(view, _SEEN) for view in views)
        print_list(context, views, _COLUMNS, paged=wanted.search is None)


def _filter(store: Store, said: dict[str, Any], now: datetime) -> dict[str, Any]:
    places = () if said["venue"] is None else (find_venue(store, said["venue"]).id,)
    unit_id = None if said["unit"] is None else find_unit(store, said["unit"], places).id
    who, since = said["subscriber"], said["since"]
    return {
        "key_id": None if said["which"] is None else find_key(store, said["which"]).id,
        "unit_id": unit_id,
        "subscriber_id": None if who is None else find_subscriber(store, who, now=now).id,
        "seen_since": None if since is None else enter_instant("--since", since, zone_of(store, unit_id)),
        "mac_begins": None if said["mac"] is None else _read_digits(said["mac"]),
    }


def _read_digits(text: str) -> str:
    """Return the hex digits that a MAC address begins with, however they are parted."""
    digits = re.sub("[-:.]", "", text).upper()
    if re.fullmatch("[0-9A-F]{1,12}", digits) is None:
        raise InvalidValue(f"{text[:40]!r} is not how a MAC address begins")
    return digits


@device.command("show")
@_mac_argument
@json_option
@db_option
@click.pass_context
def device_show(context: click.Context, mac: str, as_json: bool) -> None:
    """Show the keys of a device, and when it was seen with each."""
    address = parse_mac_address(mac)
    with open_database(context, readonly=True) as store:
        ssids = ssids_of(store)
        known = [_view(each, ssids) for each in store.device_records.listed(mac=address)]
    if not known:
        raise NotFound(f"{address} is not known: `latchkey device list --mac` finds what begins alike")
    if as_json:
        print_views(known, (), as_json)
        return
    for view in known:
        shown = localise(view, _SEEN)
        print_view({field: value for field, value in shown.items() if value is not None}, as_json)


@device.command("set")
@_mac_argument
@_key_option
@click.option("--name", type=Clearable(), metavar="NAME", help='What its owner calls it; "" nothing.')
@click.option("--tag", type=Clearable(), metavar="TEXT", help='For yourself; "" nothing.')
@writes
@json_option
@db_option
@click.pass_context
def device_set(context: click.Context, mac: str, which: str | None, name: Any, tag: Any, as_json: bool) -> None:
    """Call a device otherwise."""
    if name is None and tag is None:
        raise click.UsageError("say what is to change: --name or --tag")
    address = parse_mac_address(mac)
    with changing(context, "device.set", as_json=as_json) as (store, _):
        of = devices.find(store, address, None if which is None else find_key(store, which).id)
        devices.set_fields(store, of, name=_said(name, of.name), tag=_said(tag, of.tag))
        view = _view(devices.find(store, address, of.key_id), ssids_of(store))
    if as_json:
        print_object(view)


def _said(value: Any, before: str | None) -> str | None:
    if value is CLEARED:
        return None
    return before if value is None else str(value)


@device.command("remove")
@_mac_argument
@click.option("--key", "which", metavar="KEY", shell_complete=complete_keys, help="Only with this key.")
@writes
@json_option
@db_option
@click.pass_context
def device_remove(context: click.Context, mac: str, which: str | None, as_json: bool) -> None:
    """Forget a device, and print with how many keys. A key brings it back when it shows that again."""
    address = parse_mac_address(mac)
    with changing(context, "device.forget", as_json=as_json) as (store, _):
        forgotten = devices.remove(store, address, None if which is None else find_key(store, which).id)
    if as_json:
        print_object({"mac": str(address), "forgotten": [each.key_id for each in forgotten]})
    else:
        click.echo(f"forgot {len(forgotten)}")


device.add_command(device_remove, "forget")


def _view(row: DeviceRow, ssids: dict[int, str]) -> View:
    return {
        "mac": str(row.mac),
        "name": row.name,
        "tag": row.tag,
        "key_id": row.key_id,
        "identity": row.identity,
        "ssid": ssids.get(row.keypool_id),
        "unit": row.unit,
        "subscriber": row.subscriber,
        "registered": row.registered,
        "first_seen": view_instant(row.first),
        "last_seen": view_instant(row.last),
        "time_zone": row.time_zone,
    }
