"""The command `nas`: who may ask, for whose keys, and in which words. Each is one call of the library."""

from collections.abc import Callable
from typing import Any, Final

import click

from ...errors import InvalidValue
from ...keys import generate_secret
from ...lifecycle.nases import change_nas
from ...model import Answers, Nas, UnknownDevices
from ...model.rules.spans import parse_grace
from ...selectors import find_nas, find_venue, parse_network
from ...store import Store
from ..command_group import CommandGroup
from ..completion import complete_nases, complete_venues
from ..fields import given, naming, require_some
from ..listing import lists, print_list
from ..options import (
    at_terminal,
    db_option,
    json_option,
    open_database,
    print_added,
    print_object,
    print_view,
    read_secret,
    secret_options,
    utc_now,
)
from ..profile_option import ProfileChoice, check_offering
from ..unopened import Unopened
from ..views import view_damaged_nas, view_instant, view_nas
from ..writing import changing, tell, writes

_ANSWERS: Final = click.Choice([each.value for each in Answers])
_UNKNOWN_DEVICES: Final = click.Choice([each.value for each in UnknownDevices])
_SHORTEST, _SHORT = 8, 16  # octets of a shared secret: one recorded request gives a short one to who tries them all

_nas_argument = click.argument("address", metavar="ADDRESS|NAME|ID", shell_complete=complete_nases)


@click.group(cls=CommandGroup)
def nas() -> None:
    """Access points and controllers that may ask, each with a shared secret; the server answers nobody else.

    \b
    latchkey nas add 192.0.2.0/24 --name house-aps    asks for the shared secret, or makes one
    latchkey nas set house-aps --secret-file - --grace 2h    both secrets are taken until then
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
    type=_ANSWERS,
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
    type=_UNKNOWN_DEVICES,
    default=UnknownDevices.REJECT.value,
    show_default=True,
    help="Answer a lookup for a device nobody has registered or seen with no key, or with all there are (32 at most).",
)
@writes
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

    def add(store: Store, shared: bytes) -> Nas:
        return store.nases.add(
            network,
            shared,
            name=name,
            venue_id=find_venue(store, venue).id if venue is not None else None,
            any_venue=any_venue,
            profile=profile,
            require_message_authenticator=require,
            unknown_devices=UnknownDevices(unknown_devices),
            answers=Answers(answers),
        )

    _rehearse(context, add, secret, secret_file)
    shared, made = _choose_secret(secret, secret_file, force)
    with changing(context, "nas.add", as_json=as_json) as (store, _):
        added = add(store, shared)
        view = view_nas(added, _venue_names(store), secrets=made)
    _warn_of_secret(shared)
    if added.venue_id is None and not added.any_venue:
        _warn("there is no venue yet: this NAS will belong to the first one that is added (--any-venue: to all)")
    print_added(view, as_json)
    if made and not as_json:
        click.echo(shared)


def _rehearse(
    context: click.Context, change: Callable[[Store, bytes], object], text: str | None, file: str | None
) -> None:
    """Find all that can be wrong before somebody types a secret, who must neither do it twice nor keep writers waiting.

    change: what is to be done with it
    """
    if text is None and (file == "-" or (file is None and at_terminal())):
        with open_database(context) as store:
            store.recorder.dry_run = True
            with store.change("nas.set"):
                change(store, generate_secret())


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


def _warn_of_secret(shared: bytes) -> None:
    if len(shared) < _SHORT:
        _warn(
            f"a shared secret of {len(shared)} octets can be guessed from one recorded request: better {_SHORT} or more"
        )
    if shared != shared.strip():
        _warn("the shared secret begins or ends with a blank, which is part of it: the access points must have it, too")


def _warn(text: str) -> None:
    tell(f"warning: {text}")


_COLUMNS: Final = (
    "id",
    "network",
    "name",
    "venue",
    "any_venue",
    "enabled",
    "answers",
    "profile",
    "require_message_authenticator",
    "unknown_devices",
)


@nas.command("list")
@click.option("--venue", metavar="V", shell_complete=complete_venues, help="Only those there.")
@click.option("--profile", metavar="P", help="Only of this dialect.")
@click.option("--answers", type=_ANSWERS, help="Only those that may ask this.")
@click.option("--show-secrets", is_flag=True, help="Print the shared secrets.")
@lists
@db_option
@click.pass_context
def nas_list(
    context: click.Context, venue: str | None, profile: str | None, answers: str | None, show_secrets: bool
) -> None:
    """List the NASes."""
    with open_database(context, readonly=True) as store:
        unopened = Unopened()
        only = None if venue is None else find_venue(store, venue).name
        names = {each.id: each.name for each in store.venues.all(unopened.report)}
        nases = {each.id: each for each in store.nases.all(unopened.report)}
        views = [
            view_nas(nases[label.id], names, secrets=show_secrets) if label.id in nases else view_damaged_nas(label)
            for label in store.nases.labels()
        ]
    damaged = ("damaged",) if len(nases) < len(views) else ()
    asked = {name: value for name, value in (("venue", only), ("profile", profile), ("answers", answers)) if value}
    views = [view for view in views if all(view.get(name, value) == value for name, value in asked.items())]
    print_list(context, views, (*_COLUMNS, *(("secret",) if show_secrets else ()), *damaged))
    if damaged and show_secrets:
        context.exit(1)


@nas.command("show")
@_nas_argument
@click.option("--show-secrets", is_flag=True, help="Print the shared secret, and the former one while it is taken.")
@json_option
@db_option
@click.pass_context
def nas_show(context: click.Context, address: str, show_secrets: bool, as_json: bool) -> None:
    """Show one NAS."""
    with open_database(context, readonly=True) as store:
        found = store.nases.get(find_nas(store, address).id)
        view = view_nas(found, _venue_names(store), secrets=show_secrets)
    print_view(view, as_json)


@nas.command("set")
@_nas_argument
@secret_options("secret", "The new shared secret, 16 octets or more.")
@click.option("--new-secret", is_flag=True, help="Make a new shared secret, and print it once.")
@click.option(
    "--grace",
    metavar="T",
    help="With a new secret: how long the former one is taken as well, 5m to 24h. Without, it is so no more.",
)
@click.option("--force", is_flag=True, help=f"Take a shared secret of fewer than {_SHORTEST} octets.")
@click.option("--name", metavar="N", help="As the log names it.")
@click.option("--address", "network", metavar="ADDRESS[/PREFIX]", help="Where its requests come from now.")
@click.option("--venue", metavar="V", shell_complete=complete_venues, help="Where it is now.")
@click.option("--any-venue", is_flag=True, help="It may ask for the keys of every venue.")
@click.option("--answers", type=_ANSWERS, help="What it may ask.")
@click.option("--profile", type=ProfileChoice(), help="Its dialect.")
@click.option(
    "--require-message-authenticator/--no-require-message-authenticator",
    "require_message_authenticator",
    default=None,
    help="Discard its requests without Message-Authenticator, or not: see `nas add`.",
)
@click.option("--unknown-devices", type=_UNKNOWN_DEVICES, help="What a lookup for an unknown device is answered with.")
@click.option("--enabled/--disabled", "enabled", default=None, help="Answer it, or drop its requests, and say so.")
@writes
@json_option
@db_option
@click.pass_context
def nas_set(
    context: click.Context,
    /,
    address: str,
    secret: str | None,
    secret_file: str | None,
    new_secret: bool,
    grace: str | None,
    force: bool,
    network: str | None,
    venue: str | None,
    any_venue: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Change what is said of a NAS, and nothing else."""
    if any_venue and venue is not None:
        raise click.UsageError("--venue and --any-venue exclude each other")
    if new_secret and (secret is not None or secret_file is not None):
        raise click.UsageError("--new-secret and --secret exclude each other")
    with naming(f"NAS {address!r}"):
        fields = _read(said, network)
        asked = new_secret or secret is not None or secret_file is not None
        require_some((*fields, *[each for each in (asked, grace, venue, any_venue) if each]))
        waiting = None if grace is None else parse_grace(grace)

        def change(store: Store, shared: bytes | None) -> Nas:
            nas_id = find_nas(store, address).id
            if any_venue:
                fields.update({"any_venue": True, "venue_id": None})
            elif venue is not None:
                fields.update({"any_venue": False, "venue_id": find_venue(store, venue).id})
            if fields.get("unknown_devices") is UnknownDevices.OFFER or "profile" in fields:
                _check_offering(context, store.nases.get(nas_id), fields)
            return change_nas(store, nas_id, now=utc_now(), secret=shared, grace=waiting, **fields)

        shared = generate_secret() if new_secret else None
        if secret is not None or secret_file is not None:
            _rehearse(context, change, secret, secret_file)
            shared, _made = _choose_secret(secret, secret_file, force)
        with changing(context, "nas.set", as_json=as_json) as (store, _):
            changed = change(store, shared)
            view = view_nas(changed, _venue_names(store), secrets=new_secret)
    if shared is not None:
        _warn_of_secret(shared)
        if changed.former_secret is not None:
            tell(f"the former secret is taken until {view_instant(changed.former_secret_until)}")
    if as_json:
        print_object(view)
    elif new_secret:
        click.echo(view["secret"])


def _read(said: dict[str, Any], network: str | None) -> dict[str, Any]:
    """Return the fields of a Nas that were said."""
    fields = given(**said)
    if network is not None:
        fields["network"] = parse_network(network)
    if "answers" in fields:
        fields["answers"] = Answers(fields["answers"])
    if "unknown_devices" in fields:
        fields["unknown_devices"] = UnknownDevices(fields["unknown_devices"])
    return fields


def _check_offering(context: click.Context, nas: Nas, fields: dict[str, Any]) -> None:
    """Raise InvalidValue where the NAS would offer several keys to access points that try one only."""
    if fields.get("unknown_devices", nas.unknown_devices) is UnknownDevices.OFFER:
        check_offering(context, fields.get("profile", nas.profile))


@nas.command("remove")
@_nas_argument
@writes
@db_option
@click.pass_context
def nas_remove(context: click.Context, address: str) -> None:
    """Forget a NAS."""
    with changing(context, "nas.remove") as (store, _):
        store.nases.remove(find_nas(store, address).id)


def _venue_names(store: Store) -> dict[int, str]:
    return {each.id: each.name for each in store.venues.all()}
