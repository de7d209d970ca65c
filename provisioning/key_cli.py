"""The commands about keys. A passphrase is printed when it was made here, and else only with --show-secrets."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Final

import click

from crypto import MacAddress

from .bulk import Imported, begins_as_formula, import_keys, render_example, render_rows
from .command_group import CommandGroup
from .completion import complete_keys, complete_plans, complete_pools, complete_units, complete_venues
from .errors import ImportRefused, InvalidValue, NotFound, RowDamaged
from .model import Device, Key, KeyDraft, KeyLabel, KeyStatus, Passphrase
from .model.passphrases import generate_passphrase
from .model.zones import parse_instant
from .options import (
    db_option,
    json_option,
    open_database,
    print_object,
    print_view,
    print_views,
    progress_bar,
    read_file,
    read_secret,
    secret_options,
    utc_now,
)
from .reasons import code_of
from .selectors import find_key, find_keypool, find_plan, find_unit, find_venue
from .store import Store
from .unopened import Unopened
from .views import View, describe_sighting, view_damaged_key, view_key, view_sightings

_pool_option = click.option(
    "--pool",
    metavar="SSID",
    shell_complete=complete_pools,
    help="Its keypool, by SSID or id (default: the only one).",
)
_venue_option = click.option(
    "--venue",
    metavar="V",
    shell_complete=complete_venues,
    help="Of several keypools of that SSID, the one valid there.",
)
_STATES: Final = ("valid", "suspended", "expired", "not-yet-valid", "damaged")
_secrets_option = click.option("--show-secrets", is_flag=True, help="Print passphrases.")
_key_argument = click.argument("which", metavar="KEY", shell_complete=complete_keys)


@click.group(cls=CommandGroup)
def key() -> None:
    """Keys: one passphrase in one keypool. KEY is an id, id:N or an identity.

    \b
    latchkey key add --identity "Ann Lee"             makes a passphrase and prints it
    latchkey key import residents.csv                 many at once; --example prints a file to begin with
    latchkey key suspend "Ann Lee" --reason moved     the server follows within a second
    """


@key.command("add")
@_pool_option
@_venue_option
@click.option("--identity", metavar="WHO", help="Whose it is, as the log shows it (default: the unit, or key-ID).")
@secret_options("passphrase", "8 to 63 printable ASCII characters, or 64 hex digits; generated if omitted.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="UNIT or BUILDING/UNIT.")
@click.option("--subscriber", metavar="NAME", help="Whose account it is.")
@click.option("--plan", metavar="P", shell_complete=complete_plans, help="Its service plan.")
@click.option("--vlan", type=click.IntRange(1, 4094), metavar="N", help="Its own, before its unit's.")
@click.option("--starts", metavar="T", help="Date or time, UTC unless it says: 2026-10-31T12:00+02:00.")
@click.option("--ends", metavar="T", help="As --starts; a date means through the end of that day.")
@click.option("--mac", "macs", multiple=True, metavar="MAC", help="Register a device.")
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
    given = _read_passphrase(passphrase, passphrase_file)
    with open_database(context) as store:
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
            devices=tuple(map(_parse_mac, macs)),
        )
        id_ = store.keys.add(keypool.id, draft)
        added = _require(store, id_)
    if added.ends is not None and added.ends <= utc_now():
        click.echo(f"latchkey: key {id_} ended {added.ends:%Y-%m-%d %H:%M} UTC: nobody gets in with it", err=True)
    _print_made(added, made=given is None, as_json=as_json)


@key.command("import")
@click.argument("file", metavar="FILE.csv", required=False, type=click.Path())
@_pool_option
@_venue_option
@click.option("--keep-going", is_flag=True, help="Leave out refused rows; status 0 if any is left. Each is reported.")
@click.option("--no-header", is_flag=True, help="The first row is a key, whatever it reads like.")
@click.option("--force", is_flag=True, help="Take identities that begin as a spreadsheet's formulas: =, +, -, @.")
@click.option("--dry-run", is_flag=True, help="Check every row, and import none.")
@click.option("--example", is_flag=True, help="Print a small file to begin with, its passphrases generated, and exit.")
@json_option
@db_option
@click.pass_context
def key_import(
    context: click.Context,
    file: str | None,
    pool: str | None,
    venue: str | None,
    keep_going: bool,
    no_header: bool,
    force: bool,
    dry_run: bool,
    example: bool,
    as_json: bool,
) -> None:
    """Add the keys of a CSV file (- for stdin): identity,psk[,mac[,vlanid]], header optional. All or none."""
    if example:
        click.echo(render_example(), nl=False)
        return
    if file is None:
        raise click.UsageError("say FILE.csv, or - for stdin; --example prints one to begin with")
    began = time.monotonic()
    try:
        with open_database(context) as store, read_file(file) as octets, progress_bar() as progress:
            keypool = find_keypool(store, pool, venue)
            done = import_keys(
                store,
                keypool.id,
                keypool.ssid,
                octets,
                name=file,
                keep_going=keep_going,
                header=not no_header,
                formulas=force,
                dry_run=dry_run,
                progress=progress,
            )
            if not dry_run:
                store.compact()
    except ImportRefused as error:
        for line in error.shown():
            click.echo(f"latchkey: {file}: {line}", err=True)
        raise
    _print_imported(done, file, dry_run=dry_run, seconds=time.monotonic() - began, as_json=as_json)
    if not done.count:
        context.exit(1)


def _print_imported(done: Imported, file: str, *, dry_run: bool, seconds: float, as_json: bool) -> None:
    for line in (*done.notes, *done.refusals):
        click.echo(f"latchkey: {file}: {line}", err=True)
    if as_json:
        refused = [{"line": refusal.line, "reason": refusal.reason} for refusal in done.refusals]
        print_object({"would_import" if dry_run else "imported": done.count, "refused": refused})
        return
    verb = "would import" if dry_run else "imported"
    if sys.stdout.isatty():
        click.echo(f"{verb} {done.count:,}, refused {len(done.refusals):,}, in {seconds:.1f} s")
    else:  # for scripts, as ever
        click.echo(f"{verb} {done.count}, refused {len(done.refusals)}")


@key.command("list")
@click.option("--pool", metavar="SSID", shell_complete=complete_pools, help="Only this keypool's, by SSID or id.")
@_venue_option
@click.option("--status", type=click.Choice([status.value for status in KeyStatus]), help="What was decided about it.")
@click.option("--state", type=click.Choice(_STATES), help="What it is now.")
@click.option("--identity", metavar="WHO", shell_complete=complete_keys, help="Only theirs.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="Only this unit's.")
@_secrets_option
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
        ssids = _ssids(store)
        chosen = store.keys.listed(
            keypool_id=keypool_id, identity=identity, status=KeyStatus(status) if status else None, unit_id=unit_id
        )
        views = (
            _view(each, ssids, now, unopened, secrets=show_secrets)
            for each in chosen
            if (status or each.status is not KeyStatus.REMOVED) and state in (None, _state(each, now))
        )
        columns = ("id", "identity", "ssid", "unit", "effective_vlan", "ends", "state")
        print_views(views, (*columns, "passphrase") if show_secrets else columns, as_json)
    if unopened.count and show_secrets:
        context.exit(1)


@key.command("show")
@_key_argument
@_secrets_option
@json_option
@db_option
@click.pass_context
def key_show(context: click.Context, which: str, show_secrets: bool, as_json: bool) -> None:
    """Show one key and its devices, and when each was last seen."""
    with open_database(context, readonly=True) as store:
        unopened = Unopened()
        label = find_key(store, which)
        try:
            found: Key | KeyLabel = _require(store, label.id)
        except RowDamaged:
            found = label
        view = _view(found, _ssids(store), utc_now(), unopened, secrets=show_secrets)
        sightings = view_sightings(store.devices.sightings(label.id))
    if as_json:
        view["devices"] = [each["mac"] for each in sightings]
        view["devices_seen"] = sightings
    else:
        view["devices"] = [describe_sighting(each) for each in sightings]
    print_view(view, as_json)
    if unopened.count:
        context.exit(1)


@key.command("reset")
@_key_argument
@secret_options("passphrase", "The new one; generated if omitted.")
@json_option
@db_option
@click.pass_context
def key_reset(
    context: click.Context, which: str, passphrase: str | None, passphrase_file: str | None, as_json: bool
) -> None:
    """Give a key another passphrase."""
    given = _read_passphrase(passphrase, passphrase_file)
    with open_database(context) as store:
        id_ = find_key(store, which).id
        store.keys.reset(id_, given or generate_passphrase())
        changed = _require(store, id_)
    _print_made(changed, made=given is None, as_json=as_json)


@key.command("suspend")
@_key_argument
@click.option("--reason", metavar="TEXT", help="For the log: suspended: TEXT.")
@db_option
@click.pass_context
def key_suspend(context: click.Context, which: str, reason: str | None) -> None:
    """Refuse a key until it is resumed."""
    _set_status(context, which, KeyStatus.SUSPENDED, reason)


@key.command("resume")
@_key_argument
@db_option
@click.pass_context
def key_resume(context: click.Context, which: str) -> None:
    """Let a suspended key work again."""
    _set_status(context, which, KeyStatus.ACTIVE)


@key.command("remove")
@_key_argument
@click.option("--reason", metavar="TEXT")
@db_option
@click.pass_context
def key_remove(context: click.Context, which: str, reason: str | None) -> None:
    """Refuse a key for good; its passphrase is free for another."""
    _set_status(context, which, KeyStatus.REMOVED, reason)


@key.command("forget-devices")
@_key_argument
@click.option("--mac", metavar="MAC", help="Only this one.")
@db_option
@click.pass_context
def key_forget_devices(context: click.Context, which: str, mac: str | None) -> None:
    """Forget the devices of a key, and print how many. Each is known again when it next shows the key.

    An access point that asks by address alone gets no key for a device that was forgotten.
    """
    device = None if mac is None else _parse_mac(mac)
    with open_database(context) as store:
        forgotten = store.devices.forget(find_key(store, which).id, device)
    if device is not None and not forgotten:
        raise NotFound(f"{device} is not known with that key")
    click.echo(f"forgot {forgotten}")


@key.command("erase")
@click.option(
    "--days",
    type=click.IntRange(0, 3650),
    default=90,
    show_default=True,
    help="Only of keys that were removed so long ago; until then the log says of a refused device that its key was.",
)
@db_option
@click.pass_context
def key_erase(context: click.Context, days: int) -> None:
    """Erase passphrases, PMKs and devices of removed keys. The server does it hourly, after lapsed_days."""
    with open_database(context) as store:
        erased = store.keys.erase(utc_now() - timedelta(days=days))
        store.compact()
    click.echo(f"erased {erased}")


@key.command("export")
@click.argument("file", metavar="[FILE.csv]", default="-", type=click.Path())
@_pool_option
@_venue_option
@click.option("--all", "everything", is_flag=True, help="Also suspended, expired and future keys.")
@_secrets_option
@db_option
@click.pass_context
def key_export(
    context: click.Context, file: str, pool: str | None, venue: str | None, everything: bool, show_secrets: bool
) -> None:
    """Write the keys valid now as identity,psk[,mac[,vlanid]], to a new file for your eyes. Needs --show-secrets.

    CSV has no columns for windows and suspensions: --all makes them valid for whoever reads the file.
    """
    if not show_secrets:
        raise InvalidValue("the file would hold every passphrase: say --show-secrets if that is meant")
    with open_database(context, readonly=True) as store:
        keypool = find_keypool(store, pool, venue)
        formulas = _Counter()
        unopened = Unopened()
        keys = formulas.through(_exported(store, keypool.id, everything, unopened))
        try:
            descriptor = None if file == "-" else os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with nullcontext(sys.stdout) if descriptor is None else os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.writelines(render_rows(keys))
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InvalidValue(f"cannot write {file}: {error.strerror}") from error
    if formulas.count:
        what = "key has" if formulas.count == 1 else "keys have"
        click.echo(
            f"latchkey: {formulas.count:,} {what} a cell that begins with =, +, - or @:"
            " a spreadsheet would calculate it, so open the file as text",
            err=True,
        )
    if unopened.count:
        context.exit(1)


class _Counter:
    """Counts what goes through that a spreadsheet would calculate."""

    def __init__(self) -> None:
        self.count = 0

    def through(self, keys: Iterator[tuple[Key, Sequence[Device]]]) -> Iterator[tuple[Key, Sequence[Device]]]:
        for each, devices in keys:
            self.count += begins_as_formula(each)
            yield each, devices


def _exported(
    store: Store, keypool_id: int, everything: bool, unopened: Unopened
) -> Iterator[tuple[Key, Sequence[Device]]]:
    now = utc_now()
    for each in store.keys.listed(keypool_id=keypool_id):
        if isinstance(each, KeyLabel):
            if each.status is not KeyStatus.REMOVED:
                unopened.report("keys", each.id)
        elif each.status is not KeyStatus.REMOVED if everything else each.validity(now) is None:
            yield each, _devices(store, each)


def _view(found: Key | KeyLabel, ssids: dict[int, str], now: datetime, unopened: Unopened, *, secrets: bool) -> View:
    if isinstance(found, Key):
        return view_key(found, ssids, now, secrets=secrets)
    unopened.report("keys", found.id)
    return view_damaged_key(found, ssids, secrets=secrets)


def _state(found: Key | KeyLabel, now: datetime) -> str:
    if isinstance(found, KeyLabel):
        return "damaged"
    reason = found.validity(now)
    return "valid" if reason is None else code_of(reason)


def _set_status(context: click.Context, which: str, status: KeyStatus, reason: str | None = None) -> None:
    with open_database(context) as store:
        store.keys.set_status(find_key(store, which).id, status, now=utc_now(), reason=reason)


def _read_passphrase(text: str | None, file: str | None) -> Passphrase | None:
    value = read_secret(text, file, "passphrase", confirm=True)
    return None if value is None else Passphrase(value)


def _parse_mac(text: str) -> MacAddress:
    try:
        return MacAddress.parse(text)
    except ValueError as error:
        raise InvalidValue(str(error)) from None


def _require(store: Store, id_: int) -> Key:
    found = store.keys.get(id_)
    assert found is not None  # noqa: S101 (written a moment ago, and never deleted)
    return found


def _devices(store: Store, of: Key) -> tuple[Device, ...]:
    return tuple(store.devices.of_keys(first_key_id=of.id, last_key_id=of.id))


def _ssids(store: Store) -> dict[int, str]:
    return {pool.id: str(pool.ssid) for pool in store.keypools.all(lambda *_: None)}


def _print_made(of: Key, *, made: bool, as_json: bool) -> None:
    """Print the id; a passphrase nobody else knows yet is shown this once."""
    text = of.passphrase.value.decode("ascii")
    if as_json:
        print_object(
            {"id": of.id, "identity": of.identity, "keypool_id": of.keypool_id} | ({"passphrase": text} if made else {})
        )
        return
    click.echo(of.id)
    if made:
        click.echo(text)
