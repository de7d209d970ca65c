"""What the commands about cards share: which batch is meant, and how it is shown."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, Self

import click

from ...errors import Ambiguous, InvalidValue, NotFound
from ...model import BatchCounts, CardBatch, ScratchCard
from ...model.card import parse_batch_name
from ...model.rules.zones import parse_zone, render_instant
from ...store import Store
from ..completion import complete_batches
from ..views import View, view_instant
from .key_options import ssids_of

_NEAREST: Final = 3

batch_argument = click.argument("which", metavar="BATCH", shell_complete=complete_batches)
numbers_option = click.option(
    "--card", "numbers", multiple=True, type=int, metavar="N", help="Only this card of the batch; may be repeated."
)


def find_batch(store: Store, text: str) -> CardBatch:
    """Return the batch of that id, or of that instant."""
    if re.fullmatch(r"(id:)?[0-9]{1,18}", text, re.ASCII):
        id_ = int(text.removeprefix("id:"))
        batches = store.cards.all(lambda *_: None)
        for batch in batches:
            if batch.id == id_:
                return batch
        near = sorted(batches, key=lambda batch: abs(batch.id - id_))[:_NEAREST]
        raise NotFound(f"no batch of cards {id_}{_instead(near)}")
    try:
        created_at = parse_batch_name(text)
    except InvalidValue as error:
        raise InvalidValue(f"{error}, nor the id of one: `latchkey card list` shows them") from None
    found = store.cards.made_at(created_at)
    if len(found) > 1:
        raise Ambiguous(
            f"several batches {text}, say the id: "
            + ", ".join(f"{batch.id} ({store.keypools.get(batch.keypool_id).ssid})" for batch in found[:8])
        )
    for batch in found:
        return batch
    raise NotFound(f"no batch of cards {text}{_instead(store.cards.near(created_at, limit=_NEAREST))}")


def _instead(near: Sequence[CardBatch]) -> str:
    if not near:
        return ": there is none yet, `latchkey card add` makes one"
    return f": the nearest {'is' if len(near) == 1 else 'are'} {', '.join(f'{b.id} ({b.name})' for b in near)}"


def zone_at(store: Store, venue_id: int | None) -> tzinfo:
    """Return the zone of a venue; the operator's where there is none, or it has none."""
    zone = None if venue_id is None else store.venues.get(venue_id).time_zone
    return parse_zone(zone or store.venues.operator().time_zone)


def state_of_batch(batch: CardBatch, counts: BatchCounts, now: datetime) -> str:
    """Return what its cards together are."""
    if batch.invalidated_at is not None or counts.invalidated >= batch.count:
        return "invalidated"
    if counts.ends is not None and counts.ends <= now:
        return "expired"
    return "not-yet-valid" if batch.starts is not None and now < batch.starts else "valid"


@dataclass(frozen=True, slots=True)
class Names:
    """What a batch refers to, by id."""

    ssids: Mapping[int, str]
    venues: Mapping[int, str]
    plans: Mapping[int, str]

    @classmethod
    def of(cls, store: Store) -> Self:
        return cls(
            ssids_of(store),
            {venue.id: venue.name for venue in store.venues.all(lambda *_: None)},
            {plan.id: plan.name for plan in store.plans.all()},
        )


def view_batch(batch: CardBatch, counts: BatchCounts, names: Names, now: datetime) -> View:
    return {
        "id": batch.id,
        "batch": batch.name,
        "ssid": names.ssids.get(batch.keypool_id),
        "keypool_id": batch.keypool_id,
        "venue": None if batch.venue_id is None else names.venues.get(batch.venue_id),
        "prefix": batch.prefix or None,
        "plan": None if batch.plan_id is None else names.plans.get(batch.plan_id),
        "count": batch.count,
        "used": counts.used,
        "valid": counts.valid,
        "invalidated": counts.invalidated,
        "starts": view_instant(batch.starts),
        "ends": view_instant(counts.ends or batch.ends),
        "invalidated_at": view_instant(batch.invalidated_at),
        "state": state_of_batch(batch, counts, now),
    }


def view_card(card: ScratchCard, now: datetime) -> View:
    return {
        "card": card.number,
        "key_id": card.key_id,
        "identity": card.identity,
        "note": card.tag,
        "starts": view_instant(card.starts),
        "ends": view_instant(card.ends),
        "state": card.state(now).value,
        "invalidated_at": view_instant(card.invalidated_at),
        "used": view_instant(card.used_at),
        "devices": card.devices,
    }


def in_zone(view: View, zone: tzinfo) -> View:
    """Return a view with its instants as the venue's clock shows them."""
    return {
        name: render_instant(datetime.fromisoformat(value), zone)
        if isinstance(value, str) and name in ("starts", "ends", "invalidated_at", "used")
        else value
        for name, value in view.items()
    }
