"""Scratch cards and controllers: J2 for each batch that is configured, as nothing lists them; L11, read and told."""

from typing import Any, Final

from ...errors import InvalidValue
from ...sync import WHOLE, Kind, SaidKey, Standing, shorten
from ..exchange import Exchange, PlatformError, Refused
from ..fields import parse_records
from .payloads import CARDS, CONTROLLERS, Card, find_cards, member, records
from .run import Run, chunks
from .session import Call
from .tenancies import parse_passphrase

_INVALIDATED: Final = "invalidated"


def batch_call(pool: str, batch: str) -> Call:
    path = "/networkoperatorconsole/scratchcards/viewScratchCardBatch"
    return Call(path, f"scratch cards of {shorten(batch)}", {"KeyPoolID": pool, "ScratchCard_BatchID": batch})


def controllers_call() -> Call:
    return Call("/operatorconsole/config/listRuckusR1Controllers", "Ruckus One profiles", {})


def split_batch(text: str) -> tuple[str, str]:
    """Return KeyPoolID and batch of one member of `batches`; Refused where it is not both."""
    pool, slash, batch = text.rpartition("/")
    if not (pool and slash and batch):
        raise Refused(f"batches: {shorten(text)} is not KeyPoolID/BatchID")
    return pool, batch


def read_cards(run: Run) -> Exchange[None]:
    """Read the batches of the configuration. One that fails makes the venues of its keypool partial."""
    batches = [split_batch(text) for text in dict.fromkeys(run.settings.batches)]
    for some in chunks(batches):
        answers = yield from run.session.calls([batch_call(*batch) for batch in some])
        for (pool_id, batch), answer in zip(some, answers, strict=True):
            _take_batch(run, pool_id, batch, answer)


def read_controllers(run: Run) -> Exchange[None]:
    """Tell which Ruckus One profiles there are, where a keypool needs one: theirs are the WPA3 keypools."""
    if not run.has_controllers:
        return
    try:
        answer = yield from run.session.call(controllers_call())
        rows = records(member(answer, "Ruckus One profiles", "RuckusR1Controllers"), "ControllerID", "profiles")
    except PlatformError as error:  # they concern no key that is searched
        run.reading.note(WHOLE, str(error))
        return
    listed, bad = parse_records(CONTROLLERS, rows)
    for each in bad:
        run.reading.note(WHOLE, f"a Ruckus One profile: {each.field or 'it'} {each.text}")
    for controller in listed:
        state = "" if controller.is_synced else ", not synchronised"
        name, url = shorten(controller.name or controller.id), shorten(controller.url or "no URL")
        run.reading.note(WHOLE, f"Ruckus One profile {name} at {url}{state}: its keypools are not searched")


def _take_batch(run: Run, pool_id: str, batch: str, answer: Any) -> None:
    what = f"scratch cards of {shorten(batch)}"
    pool = run.pools.get(pool_id)
    venues = pool.venues if pool is not None and pool.venues else (WHOLE,)
    try:
        if isinstance(answer, PlatformError):
            raise answer
        about, rows = find_cards(answer, batch, what)
    except PlatformError as error:
        for venue in venues:
            run.reading.partial(venue, str(error))
        return
    cards, bad = parse_records(CARDS, rows)
    for venue in venues:
        run.unreadable(Kind.KEY, bad, ("KeyID",), venue)
    if pool is None:
        why = run.not_searched.get(pool_id) or "it is not among the keypools"
        run.reading.note(WHOLE, f"{what}: new ones are left out: keypool {shorten(pool_id)}: {why}")
    whole, _ = parse_records(CARDS, [{"KeyID": batch} | {name: about[name] for name in about if "UTC" in name}])
    for card in cards:
        if pool is not None or card.id in run.known.keys:
            _say_card(run, pool_id, batch, card, whole[0] if whole else card)


def _say_card(run: Run, pool_id: str, batch: str, card: Card, whole: Card) -> None:
    """Say a card as a key. Its window is its own, as batches are prolonged card by card, else its batch's."""
    pool = run.pools.get(pool_id)
    venue = card.venue or next(iter((*(pool.venues if pool is not None else ()), *run.venues)), None)
    if venue is None or venue not in run.venues:
        return
    is_known = card.id in run.known.keys
    try:
        passphrase = None if is_known else parse_passphrase(card.passphrase)  # a stored one stays
        starts = whole.starts if card.starts is None else card.starts
        ends = whole.ends if card.ends is None else card.ends
        opens, closes = run.window(starts, ends, venue)
    except InvalidValue as error:
        run.reading.hold_back(Kind.KEY, card.id, venue, str(error))
        return
    is_over = (card.invalidated or whole.invalidated) is not None
    if not is_known and not is_over and (passphrase is None or closes is None):
        text = "the card has no PSK" if passphrase is None else "the card has no end"
        run.reading.hold_back(Kind.KEY, card.id, venue, text)
        return
    run.reading.say(
        SaidKey(
            id=card.id,
            venue=venue,
            pool=pool_id,
            passphrase=passphrase,
            starts=opens,
            ends=run.known.ends_of_keys.get(card.id) if closes is None else closes,
            standing=Standing.ENDED if is_over else Standing.ACTIVE,
            reason=_INVALIDATED if is_over else None,
            tag=f"card {batch}"[:40],
        )
    )
