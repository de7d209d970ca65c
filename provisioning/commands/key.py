"""The commands `key add`, `list` and `show`, and the group with all that is done to keys.

A passphrase is printed when it was made here, and else only with --show-secrets.
"""

from collections.abc import Sequence

import click

from ..command_group import CommandGroup
from ..completion import complete_keys, complete_plans, complete_pools, complete_units
from ..errors import RowDamaged
from ..model import Key, KeyDraft, KeyLabel, KeyStatus
from ..model.passphrases import generate_passphrase
from ..model.zones import parse_instant
from ..options import db_option, json_option, open_database, print_view, print_views, secret_options, utc_now
from ..selectors import find_key, find_keypool, find_plan, find_unit, find_venue
from ..unopened import Unopened
from ..views import describe_sighting, view_sightings
from . import key_export, key_import, key_life
from .key_options import (
    STATES,
    key_argument,
    parse_mac_address,
    pool_option,
    print_made,
    read_passphrase,
    require_key,
    secrets_option,
    ssids_of,
    state_of,
    venue_option,
    view_of,
)
from .writing import changing, writes


@click.group(cls=CommandGroup)
def key() -> None:
    """Keys: one passphrase in one keypool. KEY is an id, id:N or an identity.

    \b
    latchkey key add --identity "Ann Lee"             makes a passphrase and prints it
    latchkey key import residents.csv                 many at once; --example prints a file to begin with
    latchkey key suspend "Ann Lee" --reason moved     the server follows within a second
    """


@key.command("add")
@pool_option
@venue_option
@click.option("--identity", metavar="WHO", help="Whose it is, as the log shows it (default: the unit, or key-ID).")
@secret_options("passphrase", "8 to 63 printable ASCII characters, or 64 hex digits; generated if omitted.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="UNIT or BUILDING/UNIT.")
@click.option("--subscriber", metavar="NAME", help="Whose account it is.")
@click.option("--plan", metavar="P", shell_complete=complete_plans, help="Its service plan.")
@click.option("--vlan", type=click.IntRange(1, 4094), metavar="N", help="Its own, before its unit's.")
@click.option("--starts", metavar="T", help="Date or time, UTC unless it says: 2026-10-31T12:00+02:00.")
@click.option("--ends", metavar="T", help="As --starts; a date means through the end of that day.")
@click.option("--mac", "macs", multiple=True, metavar="MAC", help="Register a device.")
@writes
@json_option
@db_option
@click.pass_context
def key_add(
    context: click.Context,
    pool: str | None,
    venue: str | None,
    identity: str | None,
    passphrase: str | None,
    passphrase_file: str | None,
    unit: str | None,
    subscriber: str | None,
    plan: str | None,
    vlan: int | None,
    starts: str | None,
    ends: str | None,
    macs: Sequence[str],
    as_json: bool,
) -> None:
    """Add a key and print its id, then its passphrase if it was generated."""
    given = read_passphrase(passphrase, passphrase_file)
    with changing(context, "key.add", as_json=as_json) as (store, _):
        keypool = find_keypool(store, pool, venue)
        places = (find_venue(store, venue).id,) if venue is not None else keypool.venue_ids
        draft = KeyDraft(
            identity=identity if identity is not None else unit,
            passphrase=given or generate_passphrase(),
            unit_id=find_unit(store, unit, places).id if unit is not None else None,
            subscriber=subscriber,
            plan_id=find_plan(store, plan).id if plan is not None else None,
            vlan=vlan,
            starts=parse_instant(starts) if starts is not None else None,
            ends=parse_instant(ends, end_of_day=True) if ends is not None else None,
            devices=tuple(map(parse_mac_address, macs)),
        )
        id_ = store.keys.add(keypool.id, draft)
        added = require_key(store, id_)
    if added.ends is not None and added.ends <= utc_now():
        click.echo(f"latchkey: key {id_} ended {added.ends:%Y-%m-%d %H:%M} UTC: nobody gets in with it", err=True)
    print_made(added, made=given is None, as_json=as_json)


@key.command("list")
@click.option("--pool", metavar="SSID", shell_complete=complete_pools, help="Only this keypool's, by SSID or id.")
@venue_option
@click.option("--status", type=click.Choice([status.value for status in KeyStatus]), help="What was decided about it.")
@click.option("--state", type=click.Choice(STATES), help="What it is now.")
@click.option("--identity", metavar="WHO", shell_complete=complete_keys, help="Only theirs.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="Only this unit's.")
@secrets_option
@json_option
@db_option
@click.pass_context
def key_list(
    context: click.Context,
    pool: str | None,
    venue: str | None,
    status: str | None,
    state: str | None,
    identity: str | None,
    unit: str | None,
    show_secrets: bool,
    as_json: bool,
) -> None:
    """List keys; removed ones only with --status removed."""
    now = utc_now()
    with open_database(context, readonly=True) as store:
        keypool_id = None if pool is None and venue is None else find_keypool(store, pool, venue).id
        places = (find_venue(store, venue).id,) if venue is not None else ()
        unit_id = None if unit is None else find_unit(store, unit, places).id
        unopened = Unopened()
        ssids = ssids_of(store)
        chosen = store.keys.listed(
            keypool_id=keypool_id, identity=identity, status=KeyStatus(status) if status else None, unit_id=unit_id
        )
        views = (
            view_of(each, ssids, now, unopened, secrets=show_secrets)
            for each in chosen
            if (status or each.status is not KeyStatus.REMOVED) and state in (None, state_of(each, now))
        )
        columns = ("id", "identity", "ssid", "unit", "effective_vlan", "ends", "state")
        print_views(views, (*columns, "passphrase") if show_secrets else columns, as_json)
    if unopened.count and show_secrets:
        context.exit(1)


@key.command("show")
@key_argument
@secrets_option
@json_option
@db_option
@click.pass_context
def key_show(context: click.Context, which: str, show_secrets: bool, as_json: bool) -> None:
    """Show one key and its devices, and when each was last seen."""
    with open_database(context, readonly=True) as store:
        unopened = Unopened()
        label = find_key(store, which)
        try:
            found: Key | KeyLabel = require_key(store, label.id)
        except RowDamaged:
            found = label
        view = view_of(found, ssids_of(store), utc_now(), unopened, secrets=show_secrets)
        sightings = view_sightings(store.devices.sightings(label.id))
    if as_json:
        view["devices"] = [each["mac"] for each in sightings]
        view["devices_seen"] = sightings
    else:
        view["devices"] = [describe_sighting(each) for each in sightings]
    print_view(view, as_json)
    if unopened.count:
        context.exit(1)


for command in (
    key_life.key_reset,
    key_life.key_suspend,
    key_life.key_resume,
    key_life.key_remove,
    key_life.key_forget_devices,
    key_life.key_erase,
    key_import.key_import,
    key_export.key_export,
):
    key.add_command(command)
