"""The commands `key list` and `key show`: no passphrase without --show-secrets."""

import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from ...errors import InvalidValue, RowDamaged
from ...model import Key, KeyLabel, KeyRow, KeyStatus, Scope, Sighting
from ...reasons import code_of
from ...selectors import find_key, find_keypool, find_plan, find_subscriber, find_unit, find_venue
from ...store import Store
from ...store.records.keys import KeyFilter
from ..completion import complete_keys, complete_plans, complete_pools, complete_subscribers, complete_units
from ..listing import Listing, listing_of, lists, print_list
from ..options import db_option, json_option, open_database, print_view, utc_now
from ..unopened import Unopened
from ..views import (
    View,
    describe_sighting,
    localise,
    view_damaged_key,
    view_instant,
    view_key,
    view_key_row,
    view_sightings,
)
from ..writing import tell
from .key_options import (
    STATES,
    key_argument,
    require_key,
    say_instant,
    secrets_option,
    ssids_of,
    venue_option,
)

_COLUMNS: Final = ("id", "identity", "ssid", "unit", "effective_vlan", "ends", "state")
_OPENED: Final = 500  # keys whose passphrases are read together
Found = KeyRow | KeyLabel


@click.command("list")
@click.option("--pool", metavar="SSID", shell_complete=complete_pools, help="Only this keypool's, by SSID or id.")
@venue_option
@click.option("--status", type=click.Choice([status.value for status in KeyStatus]), help="What was decided about it.")
@click.option("--state", type=click.Choice(STATES), help="What it is now.")
@click.option("--identity", metavar="WHO", shell_complete=complete_keys, help="Only theirs.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="Only this unit's.")
@click.option("--subscriber", metavar="WHO", shell_complete=complete_subscribers, help="Only this subscriber's.")
@click.option("--plan", metavar="P", shell_complete=complete_plans, help="Only of this plan.")
@click.option("--tag", metavar="TEXT", help="Only with this tag.")
@click.option("--expiring", type=click.IntRange(1, 3650), metavar="DAYS", help="Only what ends within so many days.")
@click.option("--cards", is_flag=True, help="Only scratch cards, which are left out else: `card list` shows batches.")
@click.option("--all", "everything", is_flag=True, help="Former passphrases, which still work, as well.")
@secrets_option
@lists
@db_option
@click.pass_context
def key_list(context: click.Context, /, show_secrets: bool, state: str | None, **said: Any) -> None:
    """List keys; removed ones only with --status removed. --search looks at identity, unit and subscriber."""
    now = utc_now()
    wanted = listing_of(context)
    with open_database(context, readonly=True) as store:
        unopened = Unopened()
        ssids = ssids_of(store)
        # What the database can tell apart is counted there, unread.
        offset = wanted.offset if wanted.search is None and state is None else 0
        found = store.key_records.listed(_filter(store, said, now), _wanted(wanted, state, now), offset=offset)
        kept = (
            each
            for each in found
            if (state != "damaged" if isinstance(each, KeyRow) else _is_asked(each, wanted, state))
        )
        begin = wanted.offset - offset
        page = itertools.islice(kept, begin, None if wanted.limit is None else begin + wanted.limit)
        views = _views(store, page, ssids, now, unopened, secrets=show_secrets)
        if not (wanted.as_json or wanted.as_csv):
            views = map(localise, views)
        columns = (*_COLUMNS, "passphrase") if show_secrets else _COLUMNS
        print_list(context, views, columns, paged=True)
    if unopened.count and show_secrets:
        context.exit(1)


def _filter(store: Store, said: dict[str, Any], now: datetime) -> KeyFilter:
    venue_id = None if said["venue"] is None else find_venue(store, said["venue"]).id
    pools = None
    if said["pool"] is not None:
        pools = [find_keypool(store, said["pool"], said["venue"]).id]
    elif venue_id is not None:
        known = store.keypools.all(lambda *_: None)
        pools = [pool.id for pool in known if venue_id in pool.venue_ids] or [
            pool.id for pool in known if pool.scope is Scope.GLOBAL
        ]
    unit = said["unit"]
    return KeyFilter(
        keypool_ids=pools,
        identity=said["identity"],
        status=KeyStatus(said["status"]) if said["status"] else None,
        unit_id=None if unit is None else find_unit(store, unit, () if venue_id is None else (venue_id,)).id,
        subscriber_id=None if said["subscriber"] is None else find_subscriber(store, said["subscriber"], now=now).id,
        plan_id=None if said["plan"] is None else find_plan(store, said["plan"]).id,
        tag=said["tag"],
        ends_after=now,
        ends_before=None if said["expiring"] is None else now + timedelta(days=said["expiring"]),
        former=said["everything"],
        cards=said["cards"],
    )


def _wanted(listing: Listing, state: str | None, now: datetime) -> Any:
    """Return what tells which rows are asked for, of what the database cannot."""
    text = None if listing.search is None else listing.search.casefold()

    def is_wanted(row: KeyRow) -> bool:
        if text is not None and not any(
            text in (each or "").casefold() for each in (row.identity, row.unit, row.subscriber)
        ):
            return False
        if state in (None, "damaged"):
            return True
        refused = row.validity(now)
        return state == ("valid" if refused is None else code_of(refused))

    return is_wanted


def _is_asked(damaged: KeyLabel, listing: Listing, state: str | None) -> bool:
    text = None if listing.search is None else listing.search.casefold()
    return state in (None, "damaged") and (
        text is None or text in damaged.identity.casefold() or text in (damaged.unit or "").casefold()
    )


def _views(
    store: Store, found: Iterable[Found], ssids: dict[int, str], now: datetime, unopened: Unopened, *, secrets: bool
) -> Iterator[View]:
    rest = iter(found)
    while some := list(itertools.islice(rest, _OPENED)):
        opened: dict[int, Key] = {}
        if secrets:
            ids = [each.id for each in some if isinstance(each, KeyRow)]
            opened = {each.id: each for each in store.keys.get_many(ids)}
        for each in some:
            if isinstance(each, KeyLabel):
                unopened.report("keys", each.id)
                yield view_damaged_key(each, ssids, secrets=secrets)
            elif secrets:
                yield view_key(opened[each.id], ssids, now, secrets=True)
            else:
                yield view_key_row(each, ssids, now)


@click.command("show")
@key_argument
@secrets_option
@click.option("--qr", is_flag=True, help="Draw the Wi-Fi QR code: it holds the passphrase, so needs --show-secrets.")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write it as a new file, for your eyes.")
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE", help="Likewise.")
@click.option("--hidden", is_flag=True, help="Of a QR code: the access points do not announce the SSID.")
@json_option
@db_option
@click.pass_context
def key_show(
    context: click.Context,
    which: str,
    show_secrets: bool,
    qr: bool,
    svg: Path | None,
    png: Path | None,
    hidden: bool,
    as_json: bool,
) -> None:
    """Show one key, its former passphrases and its devices, and when each was last seen."""
    if (qr or svg or png) and not show_secrets:
        raise InvalidValue("a QR code shows the passphrase: say --show-secrets if that is meant")
    now = utc_now()
    with open_database(context, readonly=True) as store:
        unopened = Unopened()
        label = find_key(store, which)
        try:
            found: Key | KeyLabel = require_key(store, label.id)
        except RowDamaged:
            found = label
        view = _view_one(store, found, now, unopened, secrets=show_secrets, as_json=as_json)
        code = _code(store, found, hidden=hidden) if qr or svg or png else None
    if code is not None and (svg or png):
        _write_codes(code, svg, png)
    if code is not None and qr and not as_json:
        from ...exports import qr_terminal

        click.echo(qr_terminal(code, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    print_view(view, as_json)
    if unopened.count:
        context.exit(1)


def _view_one(
    store: Store, found: Key | KeyLabel, now: datetime, unopened: Unopened, *, secrets: bool, as_json: bool
) -> View:
    if isinstance(found, Key):
        view = view_key(found, ssids_of(store), now, secrets=secrets)
    else:
        unopened.report("keys", found.id)
        view = view_damaged_key(found, ssids_of(store), secrets=secrets)
    sightings = view_sightings(_sightings(store, found.id))
    former = [
        (each.id, each.ends)
        for each in store.key_records.graces_of(found.id)
        if each.status is not KeyStatus.REMOVED and each.ends is not None and each.ends > now
    ]
    zone = found.time_zone if isinstance(found, Key) else "UTC"
    if (card := store.cards.of_key(found.id)) is not None:
        batch, number = card
        view["card"] = number if as_json else f"{number} of {batch.count} of {batch.label}"
    if as_json:
        view["devices"] = [each["mac"] for each in sightings]
        view["devices_seen"] = sightings
        view["former_passphrases"] = [{"id": id_, "ends": view_instant(ends)} for id_, ends in former]
        return view
    view["devices"] = [
        describe_sighting(localise(each | {"time_zone": zone}, ("first_seen", "last_seen"))) for each in sightings
    ]
    if former:
        view["former_passphrases"] = [f"id:{id_} until {say_instant(ends, zone)}" for id_, ends in former]
    shown = localise(view)
    return {field: value for field, value in shown.items() if value is not None or field not in _RARE}


def _sightings(store: Store, key_id: int) -> list[Sighting]:
    """Return the devices of a key and its former passphrases: when each was seen with any of them."""
    seen = {each.mac: each for each in store.devices.sightings(key_id)}
    for former in store.keys.graces_of(key_id):
        for each in store.devices.sightings(former):
            known = seen.setdefault(each.mac, each)
            if each.last is not None and (known.last is None or known.last < each.last):
                seen[each.mac] = replace(known, first=known.first or each.first, last=each.last)
    return sorted(seen.values(), key=lambda each: each.mac.value)


_RARE: Final = frozenset(
    {"tag", "external_id", "platform_id", "subscription_id", "card_batch_id", "grace_of", "removes_at"}
)


def view_whole(store: Store, found: Key, now: datetime) -> View:
    """Return a key as the commands that change one print it."""
    return view_key(found, ssids_of(store), now, secrets=False)


def _code(store: Store, found: Key | KeyLabel, *, hidden: bool) -> str:
    """Return what the QR code says; what some phones misread is told."""
    from ...exports import qr_doubts, wifi_uri

    if not isinstance(found, Key) or found.erased:
        raise InvalidValue(f"key {found.id} has no passphrase that could be shown")
    ssid = store.keypools.get(found.keypool_id).ssid
    for doubt in qr_doubts(ssid, found.passphrase):
        tell(doubt)
    return wifi_uri(ssid, found.passphrase, hidden=hidden)


def _write_codes(code: str, svg: Path | None, png: Path | None) -> None:
    from ...exports import qr_png, qr_svg

    for path, render in ((svg, qr_svg), (png, qr_png)):
        if path is None:
            continue
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(render(code))
        except OSError as error:
            raise InvalidValue(f"cannot write {path}: {error.strerror}") from error
        tell(f"wrote {path}: who has it has the passphrase")
