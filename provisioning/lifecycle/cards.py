"""The life of scratch cards: made, prolonged, invalidated, taken away, a batch at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crypto import Ssid

from ..errors import DuplicateKey, InvalidValue, KeyRemoved, NotFound
from ..keys import derive_pmks
from ..model import CardBatch, KeyDraft, KeyOrigin, KeyStatus, Passphrase, ScratchCard
from ..model.card import check_begin, check_count, check_extension, whole_ms
from ..model.rules.passphrases import Generated, Style, card_passphrase
from ..store import Store

_WORDS: Final = 2  # VAULT's cards are of two words; a suffix makes them 45 bits
_ROUNDS: Final = 8  # of drawing anew what is in use already


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOrder:
    """Cards that somebody wants made."""

    keypool_id: int
    ssid: Ssid  # of that keypool
    count: int
    ends: datetime
    starts: datetime | None = None
    created_at: datetime | None = None  # None: now
    venue_id: int | None = None
    prefix: str = ""
    style: Style | None = None  # None: two words and a suffix
    length: int | None = None  # of what follows the prefix
    plan_id: int | None = None
    unit_id: int | None = None
    vlan: int | None = None
    note: str | None = None

    def draw(self) -> Generated:
        """Return a new passphrase for one card."""
        if self.style is None and self.length is None:
            return card_passphrase(self.prefix, Style.WORDS, words=_WORDS)
        return card_passphrase(self.prefix, self.style or Style.WORDS, length=self.length)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Passphrases for new cards, and what follows from them. PMKs: uint8, shape (n, 32)."""

    passphrases: tuple[Passphrase, ...]
    pmks: NDArray[np.uint8]
    bits: float


@dataclass(frozen=True, slots=True)
class Made:
    """A new batch, and the passphrases of its cards, by number."""

    batch: CardBatch
    key_ids: range
    passphrases: tuple[Passphrase, ...]


def check_order(order: CardOrder, now: datetime) -> None:
    """Raise InvalidValue where these cards cannot be made."""
    check_count(order.count)
    check_begin(order.starts, now)
    if order.ends <= now:
        raise InvalidValue(f"the cards would have ended already, {order.ends:%Y-%m-%d %H:%M} UTC")


def draw(order: CardOrder, now: datetime) -> Drawn:
    """Return passphrases for an order, and their PMKs: all that takes long, before the database is locked."""
    check_order(order, now)
    drawn = [order.draw() for _ in range(order.count)]
    passphrases = tuple(each.passphrase for each in drawn)
    return Drawn(passphrases, _derive(passphrases, order.ssid), min(each.bits for each in drawn))


def add(
    store: Store, order: CardOrder, drawn: Drawn, *, now: datetime, draw_one: Callable[[], Generated] | None = None
) -> Made:
    """Make a batch with its cards. A passphrase that is in use where the two could meet is drawn anew.

    draw_one: draws it, by default as the order says
    Raises AlreadyExists where the order names the instant of a batch that is there.
    """
    with store.change("card.add"):
        check_order(order, now)
        batch = store.cards.add(
            order.keypool_id,
            created_at=order.created_at or store.cards.free_instant(order.keypool_id, whole_ms(now)),
            ends=order.ends,
            count=order.count,
            venue_id=order.venue_id,
            prefix=order.prefix,
            starts=order.starts,
            plan_id=order.plan_id,
        )
        passphrases, pmks = list(drawn.passphrases), drawn.pmks.copy()
        for _ in range(_ROUNDS):
            drafts = _drafts(order, batch, passphrases)
            try:
                ids = store.keys.add_many(order.keypool_id, drafts, pmks=pmks)
            except DuplicateKey as error:
                taken = [each.position for each in error.duplicates]
                for position in taken:
                    passphrases[position] = (draw_one or order.draw)().passphrase
                pmks[taken] = _derive([passphrases[position] for position in taken], order.ssid)
                continue
            return Made(batch, ids, tuple(passphrases))
    raise InvalidValue(
        f"{len(taken)} of {order.count} cards: every passphrase that was drawn is in use: say a longer --length"
    )


def _drafts(order: CardOrder, batch: CardBatch, passphrases: Sequence[Passphrase]) -> list[KeyDraft]:
    return [
        KeyDraft(
            identity=f"card-{batch.id}-{number:03d}",
            passphrase=passphrase,
            unit_id=order.unit_id,
            plan_id=order.plan_id,
            vlan=order.vlan,
            starts=order.starts,
            ends=order.ends,
            origin=KeyOrigin(card_batch_id=batch.id, tag=order.note),
        )
        for number, passphrase in enumerate(passphrases, 1)
    ]


def _derive(passphrases: Sequence[Passphrase], ssid: Ssid) -> NDArray[np.uint8]:
    return derive_pmks([each.value for each in passphrases], ssid)


def choose(batch: CardBatch, cards: Sequence[ScratchCard], numbers: Sequence[int]) -> list[ScratchCard]:
    """Return the cards of these numbers, all where none is named; NotFound where a batch has no such card."""
    if not numbers:
        return list(cards)
    known = {card.number: card for card in cards}
    for number in numbers:
        if number not in known:
            raise NotFound(f"no card {number} in {batch.label}: it has 1 to {len(cards)}")
    return [known[number] for number in sorted(set(numbers))]


def extend(store: Store, batch_id: int, hours: int, *, now: datetime, numbers: Sequence[int] = ()) -> tuple[int, int]:
    """Put off the end of each card that can still be used, from its own; return how many, of how many.

    Raises InvalidValue where there is none: cards that ended or were invalidated stay so.
    """
    check_extension(hours)
    with store.change("card.extend") as change:
        batch = store.cards.get(batch_id)
        change.subject("card", batch.id, batch.name)
        chosen = choose(batch, store.cards.cards(batch_id), numbers)
        lasting = [card for card in chosen if not card.is_over(now) and card.ends is not None]
        if not lasting:
            raise InvalidValue(f"{_which(batch, numbers)} invalidated, or ended, and stays so")
        for card in lasting:
            store.keys.update(card.key_id, ends=_later(card, hours))
        change.note["hours"] = hours
    return len(lasting), len(chosen)


def _which(batch: CardBatch, numbers: Sequence[int]) -> str:
    if not numbers:
        return f"every card of {batch.label} is"
    if len(set(numbers)) == 1:
        return f"card {numbers[0]} of {batch.label} is"
    return f"each of these cards of {batch.label} is"


def _later(card: ScratchCard, hours: int) -> datetime:
    assert card.ends is not None  # noqa: S101 (chosen so)
    try:
        return card.ends + timedelta(hours=hours)
    except OverflowError:
        raise InvalidValue(f"card {card.number} would end after the year 9999") from None


def invalidate(
    store: Store, batch_id: int, *, now: datetime, reason: str | None = None, numbers: Sequence[int] = ()
) -> tuple[int, int]:
    """Refuse cards from now on, for good; return how many, of how many. Those of before keep their time.

    Raises KeyRemoved where all of them were invalidated before.
    """
    with store.change("card.invalidate", reason=reason) as change:
        batch = store.cards.get(batch_id)
        change.subject("card", batch.id, batch.name)
        cards = store.cards.cards(batch_id)
        chosen = choose(batch, cards, numbers)
        live = [card for card in chosen if card.status is not KeyStatus.REMOVED]
        if not live:
            last = max((card.status_at for card in chosen if card.status_at is not None), default=None)
            raise KeyRemoved(
                f"{_which(batch, numbers)} invalidated{'' if last is None else f' since {last:%F %R} UTC'}"
            )
        for card in live:
            store.keys.update(card.key_id, removes_at=None)
            store.keys.set_status(card.key_id, KeyStatus.REMOVED, now=now, reason=reason)
        left = {card.number for card in cards if card.status is not KeyStatus.REMOVED} - {c.number for c in live}
        if not left:
            store.cards.save(replace(batch, invalidated_at=now.replace(microsecond=0)))
    return len(live), len(chosen)


def remove(store: Store, batch_id: int, *, now: datetime) -> int:
    """Take away a batch whose cards have all ended or were invalidated; return how many there were.

    The keys stay as removed ones do, so that the log can say what a device came with.
    """
    with store.change("card.remove") as change:
        batch = store.cards.get(batch_id)
        change.subject("card", batch.id, batch.name)
        cards = store.cards.cards(batch_id)
        lasting = sum(not card.is_over(now) for card in cards)
        if lasting:
            raise InvalidValue(
                f"{lasting} of {len(cards)} cards of {batch.label} can still be used: invalidate the batch first"
            )
        for card in cards:
            if card.status is not KeyStatus.REMOVED:
                store.keys.set_status(card.key_id, KeyStatus.REMOVED, now=now)
            store.keys.update(card.key_id, removes_at=None)
        store.cards.remove(batch)
    return len(cards)


def change(
    store: Store, batch_id: int, values: dict[str, Any], *, now: datetime, numbers: Sequence[int] = ()
) -> tuple[int, int]:
    """Give cards that can still be used another tag, plan_id, unit_id or vlan; return how many, of how many."""
    with store.change("card.set") as recording:
        batch = store.cards.get(batch_id)
        recording.subject("card", batch.id, batch.name)
        chosen = choose(batch, store.cards.cards(batch_id), numbers)
        lasting = [card for card in chosen if not card.is_over(now)]
        if not lasting:
            raise InvalidValue(f"{_which(batch, numbers)} invalidated, or ended: nothing to change")
        if "tag" in values:
            KeyOrigin(tag=values["tag"])
        links = values.keys() & {"plan_id", "unit_id", "vlan"}
        for key in store.keys.get_many([card.key_id for card in lasting], lambda *_: None) if links else ():
            draft = KeyDraft(
                passphrase=key.passphrase,
                unit_id=values.get("unit_id", key.unit.id if key.unit else None),
                plan_id=values.get("plan_id", key.plan.id if key.plan else None),
                vlan=values.get("vlan", key.vlan),
            )
            store.keys.check_links(store.keypools.get(batch.keypool_id), [draft])
        for card in lasting:
            store.keys.update(card.key_id, **values)
        if "plan_id" in values and not numbers:
            store.cards.save(replace(batch, plan_id=values["plan_id"]))
    return len(lasting), len(chosen)
