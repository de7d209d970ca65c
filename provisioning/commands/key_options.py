"""What the commands about keys share: options, what is read from them, and how a key is printed."""

from datetime import datetime
from typing import Final

import click

from crypto import MacAddress

from ..completion import complete_keys, complete_pools, complete_venues
from ..errors import InvalidValue
from ..model import Key, KeyLabel, Passphrase
from ..options import print_object, read_secret
from ..reasons import code_of
from ..store import Store
from ..unopened import Unopened
from ..views import View, view_damaged_key, view_key

pool_option = click.option(
    "--pool",
    metavar="SSID",
    shell_complete=complete_pools,
    help="Its keypool, by SSID or id (default: the only one).",
)
venue_option = click.option(
    "--venue",
    metavar="V",
    shell_complete=complete_venues,
    help="Of several keypools of that SSID, the one valid there.",
)
STATES: Final = ("valid", "suspended", "expired", "not-yet-valid", "damaged")
secrets_option = click.option("--show-secrets", is_flag=True, help="Print passphrases.")
key_argument = click.argument("which", metavar="KEY", shell_complete=complete_keys)


def view_of(found: Key | KeyLabel, ssids: dict[int, str], now: datetime, unopened: Unopened, *, secrets: bool) -> View:
    if isinstance(found, Key):
        return view_key(found, ssids, now, secrets=secrets)
    unopened.report("keys", found.id)
    return view_damaged_key(found, ssids, secrets=secrets)


def state_of(found: Key | KeyLabel, now: datetime) -> str:
    if isinstance(found, KeyLabel):
        return "damaged"
    reason = found.validity(now)
    return "valid" if reason is None else code_of(reason)


def read_passphrase(text: str | None, file: str | None) -> Passphrase | None:
    value = read_secret(text, file, "passphrase", confirm=True)
    return None if value is None else Passphrase(value)


def parse_mac_address(text: str) -> MacAddress:
    try:
        return MacAddress.parse(text)
    except ValueError as error:
        raise InvalidValue(str(error)) from None


def require_key(store: Store, id_: int) -> Key:
    found = store.keys.get(id_)
    assert found is not None  # noqa: S101 (written a moment ago, and never deleted)
    return found


def ssids_of(store: Store) -> dict[int, str]:
    return {pool.id: str(pool.ssid) for pool in store.keypools.all(lambda *_: None)}


def print_made(of: Key, *, made: bool, as_json: bool) -> None:
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
