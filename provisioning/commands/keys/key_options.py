"""What the commands about keys share: options, what is read from them, and what is said of a key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import click

from crypto import MacAddress

from ...errors import InvalidValue
from ...lifecycle.keys import own_passphrase
from ...model import Key, Keypool, KeyRecord, Passphrase
from ...model.rules.passphrases import MAX_OWN, Style, estimate_bits, generate, weakness
from ...model.rules.zones import parse_zone, render_instant
from ...selectors import zone_of
from ...store import Store
from ...sync import Kind
from ..completion import complete_keys, complete_pools, complete_venues
from ..options import read_secret, secret_options
from ..writing import tell

Command = TypeVar("Command", bound=Callable[..., Any])
_JUDGED: Final = 20  # characters: what is strong so far is strong, and the rest would take zxcvbn seconds

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
platform_option = click.option("--platform-id", metavar="ID", help="What the platform calls it (VAULT's KeyID).")


# A passphrase: given whole, of one's own and a suffix, or made.


@dataclass(frozen=True, slots=True)
class NewPassphrase:
    """How a passphrase is wanted."""

    given: Passphrase | None
    warning: str | None  # of the one that is given
    own_part: str | None
    style: Style | None
    length: int | None

    @property
    def is_made(self) -> bool:
        """Return whether nobody knows it yet, so that it has to be shown."""
        return self.given is None


def passphrase_options(meaning: str) -> Callable[[Command], Command]:
    """Add the options of a new passphrase, which `read_passphrase` makes one value of."""

    def add(command: Command) -> Command:
        for option in (
            click.option("--length", type=click.IntRange(8, 63), metavar="N", help="Of --style: so many characters."),
            click.option("--style", type=click.Choice([style.value for style in Style]), help="How to generate it."),
            click.option(
                "--own-part",
                metavar="TEXT",
                help=f"1 to {MAX_OWN} characters the subscriber chose; the subscriber's suffix goes behind them.",
            ),
            secret_options("passphrase", meaning),
        ):
            command = option(command)
        return command

    return add


def read_passphrase(
    text: str | None, file: str | None, own_part: str | None, style: str | None, length: int | None
) -> NewPassphrase:
    """Return how a passphrase is wanted; typed at a terminal where that is said."""
    whole = text is not None or file is not None
    if whole + (own_part is not None) + (style is not None) > 1:
        raise click.UsageError("--passphrase, --own-part and --style are three ways to say the same: give one")
    value = read_secret(text, file, "passphrase", confirm=True)
    given = None if value is None else Passphrase(value)
    warning = None if given is None else _judge(given)
    return NewPassphrase(given, warning, own_part, None if style is None else Style(style), length)


def make_passphrase(store: Store, wanted: NewPassphrase, subscriber_id: int | None) -> tuple[Passphrase, str | None]:
    """Return the passphrase, and what is to be said of its strength when all is done."""
    if wanted.given is not None:
        return wanted.given, wanted.warning
    if wanted.own_part is not None:
        made = own_passphrase(store, subscriber_id, wanted.own_part)
    else:
        made = generate(wanted.style, length=wanted.length)
    return made.passphrase, weakness(made.bits) or f"a passphrase of {made.bits:.0f} bits of entropy"


def _judge(chosen: Passphrase) -> str | None:
    """Return the warning of a passphrase that somebody chose and others guess."""
    if len(chosen.value) == 64:  # a PMK in hex digits
        return None
    if weakness(estimate_bits(Passphrase(chosen.value[:_JUDGED])), chosen=True) is None:
        return None
    return weakness(estimate_bits(chosen), chosen=True)


def tell_all(*texts: str | None) -> None:
    """Say what there is to say beside the result."""
    for text in texts:
        if text is not None:
            tell(text)


# What is read, and said.


def parse_mac_address(text: str) -> MacAddress:
    try:
        return MacAddress.parse(text)
    except ValueError as error:
        raise InvalidValue(str(error)) from None


def parse_new_device(text: str) -> MacAddress:
    """Return the address of a device that is to be registered; InvalidValue for a group's, as no device sends it."""
    address = parse_mac_address(text)
    if address.value[0] & 1 or not any(address.value):
        raise InvalidValue(f"{address} is no device's address")
    return address


def require_key(store: Store, id_: int) -> Key:
    found = store.keys.get(id_)
    assert found is not None  # noqa: S101 (written a moment ago, and never deleted)
    return found


def ssids_of(store: Store) -> dict[int, str]:
    return {pool.id: str(pool.ssid) for pool in store.keypools.all(lambda *_: None)}


def zone_of_key(store: Store, keypool: Keypool, unit_id: int | None) -> Any:
    """Return the zone that a key's times are in: of its unit's venue, else of the keypool's only one."""
    if unit_id is None and len(keypool.venue_ids) == 1 and (zone := store.venues.get(keypool.venue_ids[0]).time_zone):
        return parse_zone(zone)
    return zone_of(store, unit_id)


def say_instant(at: datetime, zone_name: str) -> str:
    """Return an instant as a venue calls it, to the minute."""
    return render_instant(at.replace(second=0), parse_zone(zone_name))


def say_devices(count: int) -> str:
    """Return how many devices were seen lately, in words."""
    return f"{count or 'no'} device{'' if count == 1 else 's'} seen in the last 32 minutes"


def tell_ended(of: Key, now: datetime) -> None:
    if of.ends is not None and of.ends <= now:
        tell(f"key {of.id} ended {say_instant(of.ends, of.time_zone)}: nobody gets in with it")


def tell_synchronised(store: Store, key: Key | KeyRecord, what: str) -> None:
    """Say of a key that comes from a platform that what was set by hand lasts until the next synchronisation."""
    owner = store.sync.owner(Kind.KEY, key.id)
    if owner is not None:
        remedy = "suspend or remove it instead"
        tell(f"key {key.id} is kept as {owner} has it: the next synchronisation sets its {what} again; {remedy}")


def tell_followers(followers: list[KeyRecord], what: str) -> None:
    """Say which other keys have changed with a subscription."""
    if followers:
        listed = ", ".join(each.label for each in followers[:8])
        more = f" and {len(followers) - 8:,} more" if len(followers) > 8 else ""
        tell(f"the subscription {what}, and with it {listed}{more}")
