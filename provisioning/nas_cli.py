"""The command `nas`: who may ask, for whose keys, and in which words. Each is one call of the library."""

from typing import Final

import click

from .command_group import CommandGroup
from .completion import complete_nases, complete_venues
from .errors import InvalidValue
from .keys import generate_secret
from .model import Answers, UnknownDevices
from .options import (
    at_terminal,
    db_option,
    json_option,
    open_database,
    print_added,
    print_views,
    read_secret,
    secret_options,
)
from .profile_option import ProfileChoice, check_offering
from .selectors import find_nas, find_venue, parse_network
from .store import Store
from .unopened import Unopened
from .views import view_damaged_nas, view_nas

_SHORTEST, _SHORT = 8, 16  # octets of a shared secret: one recorded request gives a short one to who tries them all


@click.group(cls=CommandGroup)
def nas() -> None:
    """Access points and controllers that may ask, each with a shared secret; the server answers nobody else.

    \b
    latchkey nas add 192.0.2.0/24 --name house-aps    asks for the shared secret, or makes one
    latchkey nas list
    """


@nas.command("add")
@click.argument("address", metavar="ADDRESS[/PREFIX]")
@secret_options("secret", "The shared secret, 16 octets or more. With none, one is made and printed once.")
@click.option("--force", is_flag=True, help=f"Take a shared secret of fewer than {_SHORTEST} octets.")
@click.option("--name", metavar="N", help="As the log names it; the address unless said.")
@click.option(
    "--venue",
    metavar="V",
    shell_complete=complete_venues,
    help="Where it is, needed where there are several: it gets no other's keys.",
)
@click.option(
    "--any-venue", is_flag=True, help="It may ask for the keys of every venue: its NAS-Identifier says which is meant."
)
@click.option(
    "--answers",
    type=click.Choice([each.value for each in Answers]),
    default=Answers.BOTH.value,
    show_default=True,
    help="What it may ask: with a device's handshake, by a device's address alone (lookups), or both. Who steals an"
    " access point that may only show handshakes learns the keys of devices that connect to it, and no others.",
)
@click.option("--profile", type=ProfileChoice(), default="auto", show_default=True, help="Its dialect.")
@click.option(
    "--require-message-authenticator/--no-require-message-authenticator",
    "require",
    default=True,
    help="Discard its requests without Message-Authenticator (BlastRADIUS). Without, such a request must show a"
    " User-Password made with the secret where its access points send one, and gets no key in clear unless --profile"
    " names the dialect that has it so.",
)
@click.option(
    "--unknown-devices",
    type=click.Choice([each.value for each in UnknownDevices]),
    default=UnknownDevices.REJECT.value,
    show_default=True,
    help="Answer a lookup for a device nobody has registered or seen with no key, or with all there are (32 at most).",
)
@json_option
@db_option
@click.pass_context
def nas_add(
    context: click.Context,
    address: str,
    secret: str | None,
    secret_file: str | None,
    force: bool,
    name: str | None,
    venue: str | None,
    any_venue: bool,
    answers: str,
    profile: str,
    require: bool,
    unknown_devices: str,
    as_json: bool,
) -> None:
    """Add a NAS and print its id, then its shared secret if it was made up.

    Where networks overlap, the longest prefix decides.
    """
    if any_venue and venue is not None:
        raise click.UsageError("--venue and --any-venue exclude each other")
    network = parse_network(address)
    if unknown_devices == UnknownDevices.OFFER.value:
        check_offering(context, profile)
    with open_database(context) as store:
        venue_id = find_venue(store, venue).id if venue is not None else None
        # After all that can be wrong, so that nobody types it twice for nothing.
        shared, made = _choose_secret(secret, secret_file, force)
        added = store.nases.add(
            network,
            shared,
            name=name,
            venue_id=venue_id,
            any_venue=any_venue,
            profile=profile,
            require_message_authenticator=require,
            unknown_devices=UnknownDevices(unknown_devices),
            answers=Answers(answers),
        )
        view = view_nas(added, _venue_names(store), secrets=made)
    if len(shared) < _SHORT:
        _warn(
            f"a shared secret of {len(shared)} octets can be guessed from one recorded request: better {_SHORT} or more"
        )
    if shared != shared.strip():
        _warn("the shared secret begins or ends with a blank, which is part of it: the access points must have it, too")
    if added.venue_id is None and not added.any_venue:
        _warn("there is no venue yet: this NAS will belong to the first one that is added (--any-venue: to all)")
    print_added(view, as_json)
    if made and not as_json:
        click.echo(shared)


def _choose_secret(text: str | None, file: str | None, force: bool) -> tuple[bytes, bool]:
    """Return the shared secret, and whether it was made here."""
    unsaid = text is None and file is None
    if unsaid and at_terminal():
        click.echo("Enter alone makes one.", err=True)
    typed = read_secret(text, file, "secret", confirm=True, required=at_terminal())
    if typed is None or (unsaid and not typed):  # nothing was typed at the prompt
        return generate_secret(), True
    if not typed:
        raise InvalidValue("the shared secret is empty")
    if not typed.strip():
        raise InvalidValue("the shared secret is nothing but blanks")
    if len(typed) < _SHORTEST and not force:
        raise InvalidValue(
            f"a shared secret of {len(typed)} octets is guessed from one recorded request: give {_SHORT} or more, or"
            " none, and one is made (--force takes it all the same)"
        )
    return typed, False


def _warn(text: str) -> None:
    click.echo(f"latchkey: warning: {text}", err=True)


_COLUMNS: Final = (
    "id",
    "network",
    "name",
    "venue",
    "any_venue",
    "answers",
    "profile",
    "require_message_authenticator",
    "unknown_devices",
)


@nas.command("list")
@click.option("--show-secrets", is_flag=True, help="Print the shared secrets.")
@json_option
@db_option
@click.pass_context
def nas_list(context: click.Context, show_secrets: bool, as_json: bool) -> None:
    """List the NASes."""
    with open_database(context, readonly=True) as store:
        unopened = Unopened()
        names = {each.id: each.name for each in store.venues.all(unopened.report)}
        nases = {each.id: each for each in store.nases.all(unopened.report)}
        views = [
            view_nas(nases[label.id], names, secrets=show_secrets) if label.id in nases else view_damaged_nas(label)
            for label in store.nases.labels()
        ]
    damaged = ("damaged",) if len(nases) < len(views) else ()
    print_views(views, (*_COLUMNS, *(("secret",) if show_secrets else ()), *damaged), as_json)
    if damaged and show_secrets:
        context.exit(1)


@nas.command("remove")
@click.argument("address", metavar="ADDRESS|NAME|ID", shell_complete=complete_nases)
@db_option
@click.pass_context
def nas_remove(context: click.Context, address: str) -> None:
    """Forget a NAS."""
    with open_database(context) as store:
        store.nases.remove(find_nas(store, address).id)


def _venue_names(store: Store) -> dict[int, str]:
    return {each.id: each.name for each in store.venues.all()}
