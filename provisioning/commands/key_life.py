"""What is done to a key once it is there: reset, suspend, resume, remove, restore, move and more."""

from datetime import timedelta
from typing import Final

import click

from ..errors import NotFound
from ..model import KeyStatus
from ..model.passphrases import generate_passphrase
from ..options import db_option, json_option, open_database, secret_options, utc_now
from ..selectors import find_key
from .key_options import key_argument, parse_mac_address, print_made, read_passphrase, require_key
from .writing import changing, reason_of, writes

_ACTIONS: Final = {
    KeyStatus.ACTIVE: "key.resume",
    KeyStatus.SUSPENDED: "key.suspend",
    KeyStatus.REMOVED: "key.remove",
}


@click.command("reset")
@key_argument
@secret_options("passphrase", "The new one; generated if omitted.")
@writes
@json_option
@db_option
@click.pass_context
def key_reset(
    context: click.Context, which: str, passphrase: str | None, passphrase_file: str | None, as_json: bool
) -> None:
    """Give a key another passphrase."""
    given = read_passphrase(passphrase, passphrase_file)
    with changing(context, "key.reset", as_json=as_json) as (store, _):
        id_ = find_key(store, which).id
        store.keys.reset(id_, given or generate_passphrase())
        changed = require_key(store, id_)
    print_made(changed, made=given is None, as_json=as_json)


@click.command("suspend")
@key_argument
@writes
@db_option
@click.pass_context
def key_suspend(context: click.Context, which: str) -> None:
    """Refuse a key until it is resumed."""
    _set_status(context, which, KeyStatus.SUSPENDED)


@click.command("resume")
@key_argument
@writes
@db_option
@click.pass_context
def key_resume(context: click.Context, which: str) -> None:
    """Let a suspended key work again."""
    _set_status(context, which, KeyStatus.ACTIVE)


@click.command("remove")
@key_argument
@writes
@db_option
@click.pass_context
def key_remove(context: click.Context, which: str) -> None:
    """Refuse a key for good; its passphrase is free for another."""
    _set_status(context, which, KeyStatus.REMOVED)


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
        forgotten = store.devices.forget(find_key(store, which).id, device)
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


def _set_status(context: click.Context, which: str, status: KeyStatus) -> None:
    with changing(context, _ACTIONS[status]) as (store, _):
        store.keys.set_status(find_key(store, which).id, status, now=utc_now(), reason=reason_of(context))
