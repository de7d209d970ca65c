"""The commands `card add`, `list` and `show`, and the group with all that is done to cards."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

import click

from ...errors import InvalidValue, StoreError
from ...exports import Card, Sheet, cards_csv
from ...lifecycle import cards
from ...lifecycle.cards import CardOrder, Drawn, Made
from ...model import BatchCounts, Passphrase
from ...model.card import batch_name, end_after, parse_batch_name, whole_ms
from ...model.rules.passphrases import Style, weakness
from ...model.rules.vlans import check_vlan
from ...model.rules.zones import render_instant
from ...selectors import find_keypool, find_plan, find_unit, find_venue
from ...store import Store
from ..command_group import CommandGroup
from ..completion import complete_plans, complete_pools, complete_units, complete_venues
from ..fields import enter_instant
from ..listing import listing_of, lists, print_list
from ..new_files import NewFile, new_file
from ..options import db_option, json_option, open_database, print_object, print_view, utc_now
from ..unopened import Unopened
from ..views import View, render_table, view_instant
from ..writing import changing, preparing, tell, writes
from . import card_life, card_sheets
from .card_options import Names, batch_argument, find_batch, in_zone, view_batch, view_card, zone_at
from .card_sheets import Look, face_of, force_option, looks, refuse_idle
from .key_options import pool_option, secrets_option, venue_option

_STATES: Final = ("valid", "not-yet-valid", "expired", "invalidated")
_COLUMNS: Final = ("id", "batch", "ssid", "venue", "count", "used", "valid", "starts", "ends", "state")
_NONE: Final = BatchCounts(0, 0, 0, None)


@click.group(cls=CommandGroup)
def card() -> None:
    """Scratch cards: keys made beforehand, up to 100 in a batch. BATCH is an id or the instant it was made.

    \b
    latchkey card add --count 20 --days 3 --pdf cards.pdf    twenty cards, ready to cut
    latchkey card add --count 1 --days 3                     one, for the cleaner
    latchkey card show 7                                     which of them are used
    latchkey card invalidate 7 --card 3                      one was lost
    """


@card.command("add")
@pool_option
@click.option(
    "--venue", metavar="V", shell_complete=complete_venues, help="Whose name and time are on the cards; its keypool."
)
@click.option("--count", type=int, required=True, metavar="N", help="How many, 1 to 100.")
@click.option("--prefix", default="", metavar="P", help="What each passphrase begins with: 0 to 20 of ! to ~.")
@click.option("--starts", metavar="T", help="Date or time at the venue, at most 90 days ahead (default: now).")
@click.option("--ends", metavar="T", help="As --starts; a date means through the end of that day.")
@click.option("--hours", type=int, metavar="N", help="Rather than --ends: so long from the start.")
@click.option("--days", type=int, metavar="N", help="Rather than --ends: whole days; what is left of today is on top.")
@click.option("--plan", metavar="P", shell_complete=complete_plans, help="Their service plan.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="UNIT or BUILDING/UNIT: its VLAN.")
@click.option("--vlan", type=int, metavar="N", help="Their own, before their unit's.")
@click.option("--note", "--tag", "note", metavar="TEXT", help="What they are for: printed, and the tag of their keys.")
@click.option(
    "--style",
    type=click.Choice([style.value for style in Style]),
    help="What passphrases are made of (default: two words and four characters).",
)
@click.option("--length", type=int, metavar="N", help="Of what follows the prefix.")
@click.option("--batch", metavar="T", help="The instant to know the batch by (default: now).")
@click.option("--pdf", metavar="FILE", help="Write the cards to this file rather than to the terminal, to be printed.")
@click.option("--csv", "csv_name", metavar="FILE", help="Also or instead: as a table.")
@looks
@force_option
@writes
@json_option
@db_option
@click.pass_context
def card_add(
    context: click.Context, /, pdf: str | None, csv_name: str | None, force: bool, as_json: bool, **said: Any
) -> None:
    """Make a batch of cards; print its id, and the passphrases this once.

    Files are for your eyes alone. `card print` writes them again, while the cards can be used.
    """
    refuse_idle(context, pdf=pdf is not None, csv=csv_name is not None)
    look = Look(**{field: said.pop(field) for field in Look.__dataclass_fields__})
    now = utc_now()
    with new_file(pdf, force=force) as pdf_file, new_file(csv_name, force=force) as csv_file:
        files = _Files(look, pdf_file, csv_file, now)
        with preparing(context) as store:
            order, venue, zone = _order(store, now, **said)
            sheet = look.sheet(order.ssid, venue, zone)
            # Before the database is locked: PMKs take 2 ms each, and a hundred cards on paper a second or two.
            drawn = cards.draw(order, now)
            created_at = order.created_at or store.cards.free_instant(order.keypool_id, whole_ms(now))
            files.write(_faces(order, drawn.passphrases, created_at), sheet)
        with changing(context, "card.add", as_json=as_json) as (store, _):
            made = cards.add(store, order, drawn, now=now)
            files.write(_faces(order, made.passphrases, made.batch.created_at), sheet)
        files.keep(made)
    _print_made(made, order, drawn, zone, as_json=as_json, secrets=not files.names)
    for name in files.names:
        tell(f"wrote {order.count} card{'s' if order.count != 1 else ''} to {name}")


class _Files:
    """The files that were asked for, written anew only where what they show has changed."""

    def __init__(self, look: Look, pdf: NewFile | None, csv: NewFile | None, made: datetime) -> None:
        self._look, self._pdf, self._csv, self._made = look, pdf, csv, made
        self._written: Sequence[Card] = ()
        self.names = [str(file.path) for file in (pdf, csv) if file is not None]

    def write(self, faces: Sequence[Card], sheet: Sheet) -> None:
        if faces == self._written:
            return
        self._written = faces
        if self._pdf is not None:
            self._pdf.write(self._look.render(faces, sheet, self._made))
        if self._csv is not None:
            self._csv.write(cards_csv(faces, sheet))

    def keep(self, made: Made) -> None:
        try:
            for file in (self._pdf, self._csv):
                if file is not None:
                    file.keep()
        except StoreError as error:
            raise StoreError(
                f"{error}; {made.batch.label} is made: `latchkey card print {made.batch.id}` writes it"
            ) from error


def _faces(order: CardOrder, passphrases: Sequence[Passphrase], created_at: datetime) -> list[Card]:
    window = (order.starts, order.ends)
    return [
        face_of(batch_name(created_at), number, order.count, passphrase, window, order.note)
        for number, passphrase in enumerate(passphrases, 1)
    ]


def _order(
    store: Store,
    now: datetime,
    *,
    pool: str | None,
    venue: str | None,
    starts: str | None,
    ends: str | None,
    hours: int | None,
    days: int | None,
    plan: str | None,
    unit: str | None,
    batch: str | None,
    style: str | None,
    vlan: int | None,
    **rest: Any,
) -> tuple[CardOrder, str | None, tzinfo]:
    """Return what is to be made, and the venue's name and zone."""
    keypool = find_keypool(store, pool, venue)
    place = find_venue(store, venue) if venue is not None else None
    if place is None and len(keypool.venue_ids) == 1:
        place = store.venues.get(keypool.venue_ids[0])
    flat = find_unit(store, unit, keypool.venue_ids if place is None else (place.id,)) if unit else None
    if place is None and flat is not None:
        place = store.venues.get(flat.venue_id)
    zone = zone_at(store, None if place is None else place.id)
    begin = None if starts is None else enter_instant("--starts", starts, zone)
    if vlan is not None:
        check_vlan(vlan)
    order = CardOrder(
        keypool_id=keypool.id,
        ssid=keypool.ssid,
        starts=begin,
        ends=_end(begin, now, zone, ends=ends, hours=hours, days=days),
        created_at=None if batch is None else parse_batch_name(batch),
        venue_id=None if place is None else place.id,
        plan_id=None if not plan else find_plan(store, plan).id,
        unit_id=None if flat is None else flat.id,
        style=None if style is None else Style(style),
        vlan=vlan,
        **rest,
    )
    return order, None if place is None else place.name, zone


def _end(
    starts: datetime | None, now: datetime, zone: tzinfo, *, ends: str | None, hours: int | None, days: int | None
) -> datetime:
    if sum(each is not None for each in (ends, hours, days)) != 1:
        raise InvalidValue("say when the cards end, in one way: --ends T, --hours N or --days N")
    if ends is not None:
        return enter_instant("--ends", ends, zone, end_of_day=True)
    return end_after(starts, now, zone, hours=hours, days=days)


def _print_made(made: Made, order: CardOrder, drawn: Drawn, zone: tzinfo, *, as_json: bool, secrets: bool) -> None:
    batch = made.batch
    texts = [each.value.decode("ascii") for each in made.passphrases]
    if as_json:
        listed: list[View] = [
            {"card": number, "key_id": id_} | ({"passphrase": text} if secrets else {})
            for number, (id_, text) in enumerate(zip(made.key_ids, texts, strict=True), 1)
        ]
        view: View = {"id": batch.id, "batch": batch.name, "ssid": str(order.ssid), "keypool_id": batch.keypool_id}
        window = {"starts": view_instant(batch.starts), "ends": view_instant(batch.ends)}
        print_object(view | {"count": batch.count} | window | {"cards": listed})
    else:
        click.echo(batch.id)
        for text in texts if secrets else ():
            click.echo(text)
    since = f"from {render_instant(batch.starts, zone)} " if batch.starts is not None else ""
    tell(f"{batch.label}: {batch.count} on {order.ssid}, good {since}until {render_instant(batch.ends, zone)}")
    if warning := weakness(drawn.bits):
        tell(f"of each card {warning}")


@card.command("list")
@click.option("--pool", metavar="SSID", shell_complete=complete_pools, help="Only this keypool's, by SSID or id.")
@venue_option
@click.option("--plan", metavar="P", shell_complete=complete_plans, help="Only of this plan.")
@click.option("--state", type=click.Choice(_STATES), help="Only batches that are so.")
@lists
@db_option
@click.pass_context
def card_list(context: click.Context, pool: str | None, venue: str | None, plan: str | None, state: str | None) -> None:
    """List batches: how many of their cards are used, and can be used now."""
    now = utc_now()
    wanted = listing_of(context)
    with open_database(context, readonly=True) as store:
        keypool_id = None if pool is None and venue is None else find_keypool(store, pool, venue).id
        plan_id = None if plan is None else find_plan(store, plan).id
        batches = [
            batch
            for batch in store.cards.all(Unopened().report)
            if keypool_id in (None, batch.keypool_id) and plan_id in (None, batch.plan_id)
        ]
        counts = store.cards.counts([batch.id for batch in batches], now)
        names = Names.of(store)
        zones = {id_: zone_at(store, id_) for id_ in {batch.venue_id for batch in batches}}
        views = []
        for batch in batches:
            view = view_batch(batch, counts.get(batch.id, _NONE), names, now)
            if state in (None, view["state"]):
                is_for_people = not wanted.as_json and not wanted.as_csv
                views.append(in_zone(view, zones[batch.venue_id]) if is_for_people else view)
    print_list(context, views, _COLUMNS)


@card.command("show")
@batch_argument
@click.option("--state", type=click.Choice((*_STATES, "suspended")), help="Only cards that are so.")
@secrets_option
@json_option
@db_option
@click.pass_context
def card_show(context: click.Context, which: str, state: str | None, show_secrets: bool, as_json: bool) -> None:
    """Show a batch and its cards: which are used, since when, by how many devices."""
    now = utc_now()
    unopened = Unopened()
    with open_database(context, readonly=True) as store:
        batch = find_batch(store, which)
        counts = store.cards.counts([batch.id], now).get(batch.id, _NONE)
        view = view_batch(batch, counts, Names.of(store), now)
        zone = zone_at(store, batch.venue_id)
        views = [view_card(each, now) for each in store.cards.cards(batch.id, unopened.report)]
        views = [each for each in views if state in (None, each["state"])]
        if show_secrets:
            ids = [each["key_id"] for each in views]
            keys = {key.id: key for key in store.keys.get_many(ids, unopened.report)}
            for each in views:
                key = keys.get(each["key_id"])
                each["passphrase"] = None if key is None or key.erased else key.passphrase.value.decode("ascii")
    if as_json:
        print_object(view | {"cards": views})
    else:
        print_view(in_zone(view, zone), as_json=False)
        columns = ["card", "key_id", "note", "ends", "state", "invalidated_at", "used", "devices"]
        columns += ["passphrase"] if show_secrets else []
        click.echo()
        for line in render_table([in_zone(each, zone) for each in views], columns):
            click.echo(line)
    if unopened.count:
        context.exit(1)


for command in (
    card_life.card_set,
    card_life.card_extend,
    card_life.card_invalidate,
    card_life.card_remove,
    card_sheets.card_print,
    card_sheets.card_export,
):
    card.add_command(command)
