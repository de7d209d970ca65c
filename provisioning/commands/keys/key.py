"""The commands `key add`, `set`, `list` and `show`, and the group with all that is done to keys.

A passphrase is printed when it was made here, and else only with --show-secrets.
"""

import importlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import click

from ...errors import InvalidValue
from ...lifecycle import key_changes
from ...lifecycle.key_changes import KeyFields
from ...model import Key, KeyDraft, KeyOrigin, Subscriber, SubscriberStatus
from ...selectors import find_key, find_keypool, find_plan, find_subscriber, find_unit, find_venue
from ...store import Store
from ..command_group import CommandGroup
from ..completion import complete_plans, complete_subscribers, complete_units
from ..fields import CLEARED, Clearable, enter_instant, given, require_some
from ..options import db_option, json_option, print_object, utc_now
from ..writing import changing, writes
from . import key_life, key_list
from .key_options import (
    NewPassphrase,
    key_argument,
    make_passphrase,
    parse_new_device,
    passphrase_options,
    platform_option,
    pool_option,
    read_passphrase,
    require_key,
    tell_all,
    tell_ended,
    tell_followers,
    tell_synchronised,
    venue_option,
    zone_of_key,
)

_ELSEWHERE: Final = {"import": "key_import", "export": "key_export"}  # what reads sheets is imported when it is used


class KeyGroup(CommandGroup):
    """The commands about keys, those about files among them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        name = _ELSEWHERE[cmd_name]
        command = getattr(importlib.import_module(f".{name}", __package__), name)
        assert isinstance(command, click.Command)  # noqa: S101 (the table is ours, and help goes through it)
        return command


@click.group(cls=KeyGroup)
def key() -> None:
    """Keys: one passphrase in one keypool. KEY is an id, id:N or an identity.

    \b
    latchkey key add --identity "Ann Lee"             makes a passphrase and prints it
    latchkey key import residents.csv                 many at once; --example prints a file to begin with
    latchkey key reset "Ann Lee" --grace 24h          the former passphrase works until tomorrow
    latchkey key move "Ann Lee" --unit 5C             the VLAN follows
    latchkey key suspend "Ann Lee" --reason moved     the server follows within a second
    """


@key.command("add")
@pool_option
@venue_option
@click.option("--identity", metavar="WHO", help="Whose it is, as the log shows it (default: the unit, or key-ID).")
@passphrase_options("8 to 63 printable ASCII characters, or 64 hex digits; generated if omitted.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="UNIT or BUILDING/UNIT.")
@click.option(
    "--subscriber",
    metavar="NAME",
    shell_complete=complete_subscribers,
    help="Whose account it is: a name, which is added where there is none, a token or an external id.",
)
@click.option(
    "--subscription",
    type=click.IntRange(1),
    metavar="N",
    help="Of this subscription, with its unit, plan and window (default: the subscriber's of that unit, or a new one)",
)
@click.option("--plan", metavar="P", shell_complete=complete_plans, help="Its service plan.")
@click.option("--vlan", type=click.IntRange(1, 4094), metavar="N", help="Its own, before its unit's.")
@click.option("--starts", metavar="T", help="Date or time, in the venue's zone unless it says: 2026-10-31T12:00+02:00.")
@click.option("--ends", metavar="T", help="As --starts; a date means through the end of that day.")
@click.option("--mac", "macs", multiple=True, metavar="MAC", help="Register a device.")
@click.option("--tag", metavar="TEXT", help="What its subscriber calls it.")
@click.option("--external-id", metavar="ID", help="What another system calls it.")
@platform_option
@writes
@json_option
@db_option
@click.pass_context
def key_add(
    context: click.Context,
    /,
    as_json: bool,
    passphrase: str | None,
    passphrase_file: str | None,
    own_part: str | None,
    style: str | None,
    length: int | None,
    **said: Any,
) -> None:
    """Add a key and print its id, then its passphrase if it was generated."""
    wanted = read_passphrase(passphrase, passphrase_file, own_part, style, length)
    now = utc_now()
    with changing(context, "key.add", as_json=as_json) as (store, _):
        added, strength = _add(store, wanted, said, now)
    tell_all(strength)
    tell_ended(added, now)
    key_life.print_made(added, made=wanted.is_made, as_json=as_json)


def _add(store: Store, wanted: NewPassphrase, said: dict[str, Any], now: datetime) -> tuple[Key, str | None]:
    keypool = find_keypool(store, said["pool"], said["venue"])
    places = (find_venue(store, said["venue"]).id,) if said["venue"] is not None else keypool.venue_ids
    unit_id = find_unit(store, said["unit"], places).id if said["unit"] is not None else None
    subscriber = None if said["subscriber"] is None else _find_or_add(store, said["subscriber"], now)
    if said["subscription"] is not None:
        subscriber, unit_id = _of_subscription(store, said["subscription"], subscriber, unit_id)
    zone = zone_of_key(store, keypool, unit_id)
    subscriber_id = None if subscriber is None else subscriber.id
    passphrase, strength = make_passphrase(store, wanted, subscriber_id)
    draft = KeyDraft(
        identity=said["identity"] if said["identity"] is not None else said["unit"],
        passphrase=passphrase,
        unit_id=unit_id,
        plan_id=find_plan(store, said["plan"]).id if said["plan"] is not None else None,
        vlan=said["vlan"],
        starts=enter_instant("--starts", said["starts"], zone) if said["starts"] is not None else None,
        ends=enter_instant("--ends", said["ends"], zone, end_of_day=True) if said["ends"] is not None else None,
        devices=tuple(map(parse_new_device, said["macs"])),
        origin=KeyOrigin(
            subscriber_id=subscriber_id,
            subscription_id=said["subscription"],
            tag=said["tag"],
            external_id=said["external_id"],
            platform_id=said["platform_id"],
        ),
    )
    return require_key(store, key_changes.add(store, keypool.id, draft, now=now)), strength


def _find_or_add(store: Store, text: str, now: datetime) -> Subscriber:
    """Return the subscriber that is meant; a new one where nobody whose account is open is called so."""
    named = store.subscribers.named(text)
    if any(each.status is not SubscriberStatus.CLOSED or text in (each.token, each.external_id) for each in named):
        return find_subscriber(store, text, now=now)
    return store.subscribers.add(text)


def _of_subscription(
    store: Store, id_: int, subscriber: Subscriber | None, unit_id: int | None
) -> tuple[Subscriber, int | None]:
    named = store.subscribers.subscription(id_)
    whose = store.subscribers.get(named.subscriber_id)
    if subscriber is not None and subscriber.id != whose.id:
        raise InvalidValue(f"subscription {id_} is not {subscriber.name!r}'s")
    return whose, named.unit_id if unit_id is None else unit_id


@key.command("set")
@key_argument
@click.option("--identity", metavar="WHO", help="Whose it is, as the log shows it.")
@click.option(
    "--unit",
    type=Clearable(),
    metavar="U",
    shell_complete=complete_units,
    help='UNIT or BUILDING/UNIT, "" none; its subscription goes with it.',
)
@click.option("--subscriber", type=Clearable(), metavar="WHO", shell_complete=complete_subscribers, help='"" nobody.')
@click.option("--plan", type=Clearable(), metavar="P", shell_complete=complete_plans, help='"" none.')
@click.option("--vlan", type=Clearable(click.IntRange(1, 4094)), metavar="N", help='Its own; "" its unit\'s.')
@click.option("--starts", type=Clearable(), metavar="T", help='Date or time, in the venue\'s zone; "" from ever.')
@click.option("--ends", type=Clearable(), metavar="T", help='As --starts, through the end of a day; "" for ever.')
@click.option("--tag", type=Clearable(), metavar="TEXT", help='What its subscriber calls it; "" nothing.')
@click.option("--external-id", type=Clearable(), metavar="ID", help='What another system calls it; "" nothing.')
@click.option("--platform-id", type=Clearable(), metavar="ID", help='What the platform calls it; "" nothing.')
@writes
@json_option
@db_option
@click.pass_context
def key_set(context: click.Context, /, which: str, as_json: bool, **said: Any) -> None:
    """Change what is given of a key, and nothing else.

    Unit, plan and window are those of its subscription, where it has one: they change for all keys of that.
    """
    require_some([each for each in said.values() if each is not None])
    now = utc_now()
    with changing(context, "key.set", as_json=as_json) as (store, _):
        id_ = find_key(store, which).id
        fields = _read_fields(store, id_, said, now)
        followers = key_changes.set_fields(store, id_, fields, now=now)
        changed = require_key(store, id_)
        view = key_list.view_whole(store, changed, now)
        if not fields.keys().isdisjoint(("starts", "ends")):
            tell_synchronised(store, changed, "window")
    tell_followers(followers, "has changed")
    if "ends" in fields:
        tell_ended(changed, now)
    if as_json:
        print_object(view)


def _read_fields(store: Store, id_: int, said: dict[str, Any], now: datetime) -> KeyFields:
    """Return what is to change, names as ids and times in the venue's zone: the new unit's, where there is one."""
    record = store.key_records.get(id_)
    keypool = store.keypools.get(record.keypool_id)
    unit_id = record.unit_id
    if said["unit"] is CLEARED:
        unit_id = None
    elif said["unit"] is not None:
        unit_id = find_unit(store, said["unit"], keypool.venue_ids).id
    zone = zone_of_key(store, keypool, unit_id)
    readers: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "unit": ("unit_id", lambda _: unit_id),
        "subscriber": ("subscriber_id", lambda text: find_subscriber(store, text, now=now).id),
        "plan": ("plan_id", lambda text: find_plan(store, text).id),
        "starts": ("starts", lambda text: enter_instant("--starts", text, zone)),
        "ends": ("ends", lambda text: enter_instant("--ends", text, zone, end_of_day=True)),
    }
    fields: Any = {}
    for name, value in given(**said).items():
        field, read = readers.get(name, (name, lambda each: each))
        fields[field] = None if value is None else read(value)
    read_back: KeyFields = fields
    return read_back


for command in (
    key_list.key_list,
    key_list.key_show,
    key_life.key_reset,
    key_life.key_suspend,
    key_life.key_resume,
    key_life.key_extend,
    key_life.key_move,
    key_life.key_remove,
    key_life.key_restore,
    key_life.key_forget_devices,
    key_life.key_erase,
):
    key.add_command(command)
