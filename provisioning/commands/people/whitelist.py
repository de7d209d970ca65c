"""The commands about what somebody may use: `latchkey whitelist`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from crypto import MacAddress

from ...lifecycle import whitelists
from ...lifecycle.whitelists import Entry
from ...model import AllowedDevice
from ...model.rules.spans import parse_grace
from ...model.rules.zones import render_instant
from ...selectors import find_subscriber, zone_of
from ...store import Store
from ..command_group import CommandGroup
from ..completion import complete_subscribers
from ..fields import enter_instant
from ..keys.key_options import parse_mac_address, parse_new_device
from ..listing import lists, print_list
from ..options import db_option, json_option, open_database, print_object, print_views, utc_now
from ..views import View, view_instant
from ..writing import changing, reason_of, tell, writes

_COLUMNS = ("subscriber", "device", "nas", "name", "until", "state")
_who_argument = click.argument("who", metavar="WHO", shell_complete=complete_subscribers)
_mac_option = click.option("--mac", metavar="MAC", help="A device.")
_nas_option = click.option("--nas", metavar="ID", help="An access point or controller: its NAS-Identifier or name.")
_until_option = click.option(
    "--until", metavar="T", help="Date or time, in the venue's zone; a date: through that day."
)


@click.group(cls=CommandGroup)
def whitelist() -> None:
    """What somebody may use. Who has a device listed may use no other device, who has a NAS listed no other NAS.

    An entry that has run out counts as a list: nothing may be used then. With the last one removed, anything may be.

    \b
    latchkey whitelist add "Ann Lee" --mac 02:00:00:00:01:00 --name "Ann's phone"
    latchkey whitelist add "Ann Lee" --nas lobby-ap1 --until 2026-12-31
    """


@whitelist.command("add")
@_who_argument
@click.option("--mac", "macs", multiple=True, metavar="MAC", help="A device.")
@click.option("--nas", "nases", multiple=True, metavar="ID", help="An access point: its NAS-Identifier or name.")
@click.option("--name", metavar="NAME", help="What it is called here, up to 40 characters.")
@_until_option
@writes
@json_option
@db_option
@click.pass_context
def whitelist_add(
    context: click.Context,
    who: str,
    macs: Sequence[str],
    nases: Sequence[str],
    name: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Let WHO use this device or NAS, and no others that are not listed."""
    if not macs and not nases:
        raise click.UsageError("say --mac MAC or --nas ID")
    now = utc_now()
    with changing(context, "whitelist.add", as_json=as_json) as (store, _):
        found = find_subscriber(store, who, now=now)
        zone = _zone(store, found.id)
        then = enter_instant("--until", until, zone, end_of_day=True) if until else None
        what: list[MacAddress | str] = [*map(parse_new_device, macs), *nases]
        added = [whitelists.allow(store, found.id, each, name=name or None, until=then, now=now) for each in what]
    if as_json:
        for each in added:
            print_object(_view(found.name, each, now))


@whitelist.command("list")
@click.option("--who", metavar="WHO", shell_complete=complete_subscribers, help="Only theirs.")
@click.option("--mac", metavar="MAC", help="Only of this device.")
@click.option("--expired", is_flag=True, help="Only what has run out.")
@lists
@db_option
@click.pass_context
def whitelist_list(context: click.Context, who: str | None, mac: str | None, expired: bool) -> None:
    """List what people may use."""
    now = utc_now()
    with open_database(context, readonly=True) as store:
        only = None if who is None else find_subscriber(store, who, now=now).id
        device = None if mac is None else parse_mac_address(mac)
        views = [
            _view(name, entry, now)
            for name, entry in store.subscribers.allowed()
            if only in (None, entry.subscriber_id)
            and (device is None or (isinstance(entry, AllowedDevice) and entry.mac == device))
            and (not expired or _has_run_out(entry, now))
        ]
    print_list(context, views, _COLUMNS)


@whitelist.command("show")
@_who_argument
@json_option
@db_option
@click.pass_context
def whitelist_show(context: click.Context, who: str, as_json: bool) -> None:
    """Show what WHO may use; nothing where that is anything."""
    now = utc_now()
    with open_database(context, readonly=True) as store:
        found = find_subscriber(store, who, now=now)
        entries: list[Entry] = [*store.subscribers.allowed_devices(found.id)]
        entries += store.subscribers.allowed_nases(found.id)
    print_views([_view(found.name, each, now) for each in entries], _COLUMNS, as_json)
    if not entries:
        tell(f"{found.name!r} has no whitelist: any device and any access point may be used")


@whitelist.command("set")
@_who_argument
@_mac_option
@_nas_option
@click.option("--name", metavar="NAME", help='What it is called here, "" nothing.')
@click.option("--until", metavar="T", help='Date or time, in the venue\'s zone; "" for as long as it is listed.')
@writes
@db_option
@click.pass_context
def whitelist_set(
    context: click.Context, who: str, mac: str | None, nas: str | None, name: str | None, until: str | None
) -> None:
    """Change the name of an entry, or until when it holds."""
    if name is None and until is None:
        raise click.UsageError("say --name or --until")
    now = utc_now()
    with changing(context, "whitelist.set") as (store, _):
        entry, zone = _find(store, who, mac, nas, now)
        if name is not None:
            entry = replace(entry, name=name or None)
        if until is not None:
            entry = replace(entry, until=enter_instant("--until", until, zone, end_of_day=True) if until else None)
        whitelists.save(store, entry, now=now)
    if until and _has_run_out(entry, now):
        tell("that has run out: it may not be used")


@whitelist.command("remove")
@_who_argument
@_mac_option
@_nas_option
@click.option("--grace", metavar="SPAN", help="It may be used so long yet, 5m to 24h, and stays on the list.")
@writes
@db_option
@click.pass_context
def whitelist_remove(context: click.Context, who: str, mac: str | None, nas: str | None, grace: str | None) -> None:
    """Take a device or NAS off the list of WHO. With the last one the list is gone: anything may be used.

    \b
    --reason  VAULT's words, or your own. Devices: device-replacement, security-incident, account-change, lost-stolen,
              policy-violation, subscriber-request, maintenance, compliance, device-malfunction, temporary-suspension.
              NASes: infrastructure-upgrade, security-incident, maintenance, decommissioning, policy-change,
              subscriber-request, end-of-life, performance-issues, compliance, emergency-shutdown.
    """
    now = utc_now()
    span = None if grace is None else parse_grace(grace)
    with changing(context, "whitelist.remove") as (store, change):
        entry, zone = _find(store, who, mac, nas, now)
        if (reason := reason_of(context)) is not None:
            change.reason = whitelists.parse_removal_reason(reason, entry)
        kept = whitelists.disallow(store, entry, now=now, grace=span)
        is_device = isinstance(entry, AllowedDevice)
        of = store.subscribers.allowed_devices if is_device else store.subscribers.allowed_nases
        left = len(of(entry.subscriber_id))
    what = "device" if is_device else "access point"
    if kept is not None and kept.until is not None:
        tell(f"it may be used until {render_instant(kept.until, zone)}, and is a list of {what}s after that as well")
    elif not left:
        tell(f"that was the last one: any {what} may be used now")


def _find(store: Store, who: str, mac: str | None, nas: str | None, now: datetime) -> tuple[Entry, ZoneInfo]:
    if (mac is None) == (nas is None):
        raise click.UsageError("say --mac MAC or --nas ID")
    of = find_subscriber(store, who, now=now)
    what = parse_mac_address(mac) if mac is not None else nas or ""
    return whitelists.find(store, of.id, what), _zone(store, of.id)


def _zone(store: Store, subscriber_id: int) -> ZoneInfo:
    """Return the time zone somebody lives in."""
    units = [each.unit_id for each in store.subscribers.subscriptions(subscriber_id=subscriber_id)]
    units += [key.unit_id for key in store.key_records.belonging(subscriber_id=subscriber_id)]
    return zone_of(store, next((unit for unit in reversed(units) if unit is not None), None))


def _has_run_out(entry: Entry, now: datetime) -> bool:
    return entry.until is not None and entry.until <= now


def _view(subscriber: str, entry: Entry, now: datetime) -> View:
    return {
        "id": entry.id,
        "subscriber_id": entry.subscriber_id,
        "subscriber": subscriber,
        "device": str(entry.mac) if isinstance(entry, AllowedDevice) else None,
        "nas": None if isinstance(entry, AllowedDevice) else entry.nas_identifier,
        "name": entry.name,
        "until": view_instant(entry.until),
        "state": "expired" if _has_run_out(entry, now) else "allowed",
    }
