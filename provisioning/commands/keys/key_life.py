"""What is done to a key once it is there: reset, suspend, resume, extend, move, remove, restore and more."""

from collections.abc import Mapping
from datetime import timedelta

import click

from ...errors import NotFound
from ...lifecycle import key_changes, keys
from ...model import Key
from ...model.rules.removal import REMOVAL_REASONS
from ...model.rules.spans import parse_grace, parse_span
from ...model.rules.zones import parse_zone
from ...selectors import find_key, find_unit, find_venue
from ..completion import complete_units, complete_venues
from ..fields import enter_instant
from ..options import db_option, json_option, open_database, print_object, utc_now
from ..views import view_instant
from ..writing import changing, reason_of, tell, writes
from .key_options import (
    key_argument,
    make_passphrase,
    parse_mac_address,
    passphrase_options,
    platform_option,
    read_passphrase,
    require_key,
    say_devices,
    say_instant,
    tell_all,
    tell_followers,
    tell_synchronised,
)


@click.command("reset")
@key_argument
@passphrase_options("The new one; generated if omitted.")
@click.option("--grace", metavar="SPAN", help="So long the former one is valid as well: 5m to 24h.")
@platform_option
@writes
@json_option
@db_option
@click.pass_context
def key_reset(
    context: click.Context,
    /,
    which: str,
    passphrase: str | None,
    passphrase_file: str | None,
    own_part: str | None,
    style: str | None,
    length: int | None,
    grace: str | None,
    platform_id: str | None,
    as_json: bool,
) -> None:
    """Give a key another passphrase, and say how many devices have to join again.

    Without --grace the former one ends now, also one that a reset before has left a grace. Access points that ask by
    address alone are given the new one at once.
    """
    wanted = read_passphrase(passphrase, passphrase_file, own_part, style, length)
    span = None if grace is None else parse_grace(grace)
    now = utc_now()
    with changing(context, "key.reset", as_json=as_json) as (store, _):
        id_ = find_key(store, which).id
        made, strength = make_passphrase(store, wanted, store.key_records.get(id_).subscriber_id)
        done = keys.reset(store, id_, made, now=now, grace=span, platform_id=platform_id)
        changed = require_key(store, id_)
    when = "now" if done.until is None else f"by {say_instant(done.until, changed.time_zone)}"
    who = {0: "whoever uses it has", 1: "it has"}.get(done.devices, "they have")
    tell_all(strength, f"{say_devices(done.devices)}: {who} to join again {when}")
    more = {"devices_to_join_again": done.devices, "former_until": view_instant(done.until)}
    print_made(changed, made=wanted.is_made, as_json=as_json, more=more)


def print_made(of: Key, *, made: bool, as_json: bool, more: Mapping[str, object] | None = None) -> None:
    """Print the id; a passphrase nobody else knows yet is shown this once."""
    text = of.passphrase.value.decode("ascii")
    if as_json:
        view = {"id": of.id, "identity": of.identity, "keypool_id": of.keypool_id}
        print_object(view | ({"passphrase": text} if made else {}) | dict(more or {}))
        return
    click.echo(of.id)
    if made:
        click.echo(text)


@click.command("suspend")
@key_argument
@writes
@db_option
@click.pass_context
def key_suspend(context: click.Context, which: str) -> None:
    """Refuse a key until it is resumed. The log says why: suspended: REASON."""
    with changing(context, "key.suspend") as (store, _):
        keys.suspend(store, find_key(store, which).id, now=utc_now(), reason=reason_of(context))


@click.command("resume")
@key_argument
@writes
@db_option
@click.pass_context
def key_resume(context: click.Context, which: str) -> None:
    """Let a suspended key work again, and say so where it still does not."""
    with changing(context, "key.resume") as (store, _):
        id_ = find_key(store, which).id
        obstacle = keys.resume(store, id_, now=utc_now(), reason=reason_of(context))
    _tell_obstacle(id_, obstacle)


def _tell_obstacle(id_: int, obstacle: str | None) -> None:
    if obstacle is not None:
        tell(f"key {id_} lets nobody in yet: {obstacle}")


@click.command("extend")
@key_argument
@click.option("--ends", metavar="T", help="Its new end: a date or time in the venue's zone, through the end of a day.")
@click.option("--by", metavar="SPAN", help="So much longer, such as 30d; counted from now where it has ended.")
@writes
@json_option
@db_option
@click.pass_context
def key_extend(context: click.Context, which: str, ends: str | None, by: str | None, as_json: bool) -> None:
    """Let a key end later, and its subscription where it has one; print the end. Never earlier: `key set --ends`."""
    if (ends is None) == (by is None):
        raise click.UsageError("say --ends T or --by SPAN")
    span = None if by is None else parse_span(by)
    now = utc_now()
    with changing(context, "key.extend", as_json=as_json) as (store, _):
        id_ = find_key(store, which).id
        zone = parse_zone(store.key_records.get(id_).time_zone)
        until = None if ends is None else enter_instant("--ends", ends, zone, end_of_day=True)
        followers = key_changes.extend(store, id_, now=now, ends=until, by=span)
        record = store.key_records.get(id_)
        obstacle = keys.obstacle(store, id_, now)
        tell_synchronised(store, record, "window")
    tell_followers(followers, "goes on")
    _tell_obstacle(id_, obstacle)
    if as_json:
        print_object({"id": id_, "ends": view_instant(record.ends), "time_zone": record.time_zone})
    elif record.ends is not None:
        click.echo(say_instant(record.ends, record.time_zone))


@click.command("move")
@key_argument
@click.option("--unit", metavar="U", required=True, shell_complete=complete_units, help="UNIT or BUILDING/UNIT.")
@click.option("--venue", metavar="V", shell_complete=complete_venues, help="Where that unit is.")
@writes
@json_option
@db_option
@click.pass_context
def key_move(context: click.Context, which: str, unit: str, venue: str | None, as_json: bool) -> None:
    """Let a key be of another unit, and print its VLAN. Its subscription moves with it, and all keys of that.

    Its devices get the new VLAN when they next join.
    """
    now = utc_now()
    with changing(context, "key.move", as_json=as_json) as (store, _):
        id_ = find_key(store, which).id
        record = store.key_records.get(id_)
        places = store.keypools.get(record.keypool_id).venue_ids if venue is None else (find_venue(store, venue).id,)
        followers = key_changes.move(store, id_, find_unit(store, unit, places).id, now=now)
        moved = require_key(store, id_)
        lately = keys.count_lately(store, [id_, *store.keys.graces_of(id_)], now)
    tell_followers(followers, "moves")
    if moved.vlan is not None:
        tell(f"key {id_} keeps {moved.vlan}, a VLAN of its own: `latchkey key set id:{id_} --vlan ''` takes the unit's")
    if lately:
        tell(f"{say_devices(lately)}: on the new VLAN when {'it joins' if lately == 1 else 'they join'} again")
    if as_json:
        print_object({"id": id_, "unit": unit, "effective_vlan": moved.effective_vlan})
    else:
        click.echo("no VLAN" if moved.effective_vlan is None else f"VLAN {moved.effective_vlan}")


@click.command("remove")
@key_argument
@click.option("--grace", metavar="SPAN", help="It works that long still: 5m to 24h.")
@click.option("--force", is_flag=True, help="Now, whatever grace was given.")
@writes
@db_option
@click.pass_context
def key_remove(context: click.Context, which: str, grace: str | None, force: bool) -> None:
    """Refuse a key for good; its passphrase is free for another. `key restore` brings it back for 90 days.

    --reason is one of VAULT's words, or a text of your own:
    """
    span = None if grace is None else parse_grace(grace)
    with changing(context, "key.remove") as (store, _):
        id_ = find_key(store, which).id
        at = keys.remove(store, id_, now=utc_now(), reason=reason_of(context), grace=span, force=force)
        until = None if at is None else say_instant(at, store.key_records.get(id_).time_zone)
    if until is not None:
        tell(f"key {id_} works until {until}, and is removed then: `latchkey key restore` keeps it")


key_remove.help = f"{(key_remove.help or '').rstrip()} {', '.join(REMOVAL_REASONS)}."


@click.command("restore")
@key_argument
@click.option(
    "--lapsed-days",
    type=click.IntRange(0, 3650),
    default=keys.LAPSED_DAYS,
    show_default=True,
    help="How long after its removal a key can come back, as the server's configuration has it.",
)
@writes
@db_option
@click.pass_context
def key_restore(context: click.Context, which: str, lapsed_days: int) -> None:
    """Bring a removed key back as it was, or call off a removal that is to come."""
    with changing(context, "key.restore") as (store, _):
        id_ = find_key(store, which).id
        obstacle = keys.restore(store, id_, now=utc_now(), lapsed_days=lapsed_days)
    _tell_obstacle(id_, obstacle)


@click.command("forget-devices")
@key_argument
@click.option("--mac", metavar="MAC", help="Only this one.")
@writes
@db_option
@click.pass_context
def key_forget_devices(context: click.Context, which: str, mac: str | None) -> None:
    """Forget the devices of a key, and print how many. Each is known again when it next shows the key.

    An access point that asks by address alone gets no key for a device that was forgotten.
    """
    device = None if mac is None else parse_mac_address(mac)
    with changing(context, "device.forget") as (store, _):
        id_ = find_key(store, which).id
        forgotten = store.devices.forget(id_, device)
        for former in store.keys.graces_of(id_):
            store.devices.forget(former, device)
        if device is not None and not forgotten:
            raise NotFound(f"{device} is not known with that key")
    click.echo(f"forgot {forgotten}")


@click.command("erase")
@click.option(
    "--days",
    type=click.IntRange(0, 3650),
    default=90,
    show_default=True,
    help="Only of keys that were removed so long ago; until then the log says of a refused device that its key was.",
)
@writes
@db_option
@click.pass_context
def key_erase(context: click.Context, days: int) -> None:
    """Erase passphrases, PMKs and devices of removed keys. The server does it hourly, after lapsed_days."""
    with changing(context, "key.erase") as (store, _):
        erased = store.keys.erase(utc_now() - timedelta(days=days))
    with open_database(context) as store:
        store.compact()
    click.echo(f"erased {erased}")
