"""Keys that were made here, given to the platform: G1 for a subscription without a key, G3 for a key without a PSK.

An answer tells no more than that it was done, so that the keys are read again to learn the KeyID. Done twice it is done
once: a key that has the passphrase already is looked for first.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ...sync import shorten
from ..exchange import Exchange, NewId, PlatformError, Refused, StoredKey, Unreadable
from ..fields import parse_records
from .payloads import KEYS, SUBSCRIPTIONS, Key, Subscription, flatten_keys, member, records
from .run import chunks
from .session import Call, Session
from .tenancies import WITHOUT_KEY, keys_call

_NEW_ID: Final = ("KeyID", "newKeyId", "newKeyID", "NewKeyID")


@dataclass(slots=True)
class _Work:
    """One key on its way to the platform: what was found out about it, and what went wrong."""

    key: StoredKey
    there: list[Key] = field(default_factory=list)  # the subscriber's keys before
    stay: Subscription | None = None
    new_id: str | None = None
    fault: str | None = None

    @property
    def subscriber(self) -> str:
        return self.key.subscriber or ""

    @property
    def is_open(self) -> bool:
        return self.new_id is None and self.fault is None

    @property
    def is_new(self) -> bool:
        """Whether the platform has no key yet, rather than one without a PSK."""
        return self.key.id.startswith(WITHOUT_KEY)


def write_keys(session: Session, keys: Sequence[StoredKey]) -> Exchange[list[str | NewId]]:
    """Write new keys back; return the KeyIDs that they have from then on, and what did not work."""
    told: list[str | NewId] = []
    for some in chunks([key for key in keys if key.is_made or key.id.startswith(WITHOUT_KEY)]):
        works = [_Work(key) for key in some]
        yield from _write(session, works)
        for work in works:
            if work.fault is not None:
                told.append(f"key {shorten(work.key.id)} is not at the platform: {work.fault}")
            elif work.new_id is not None and work.new_id != work.key.id:
                told.append(NewId(work.key.id, work.new_id))
    return told


def _write(session: Session, works: Sequence[_Work]) -> Exchange[None]:
    for work in works:
        if work.key.subscriber is None:
            work.fault = "it is nobody's"
        elif not all(0x21 <= octet <= 0x7E for octet in work.key.passphrase) or len(work.key.passphrase) > 63:
            work.fault = "the platform takes 8 to 63 characters from ! to ~"
    yield from _ask(session, works, lambda work: keys_call(work.subscriber), _look)
    lacking = [work for work in works if work.is_new]
    yield from _ask(session, lacking, lambda work: _stays_call(work.subscriber), _find_stay)
    written = [work for work in works if work.is_open]
    yield from _ask(session, written, _write_call, _take_id)
    yield from _ask(session, written, lambda work: keys_call(work.subscriber), _look_again)


def _ask(
    session: Session, works: Sequence[_Work], call: Callable[[_Work], Call], take: Callable[[_Work, Any], None]
) -> Exchange[None]:
    """Ask for each key that is not done yet, and take what is answered."""
    works = [work for work in works if work.is_open]
    if not works:
        return
    answers = yield from session.calls([call(work) for work in works])
    for work, answer in zip(works, answers, strict=True):
        try:
            if isinstance(answer, PlatformError):
                raise answer
            take(work, answer)
        except PlatformError as error:
            work.fault = str(error)


# The steps for one key.


def _look(work: _Work, answer: Any) -> None:
    work.there = _keys(work, answer)
    work.new_id = _with_passphrase(work.there, work.key.passphrase)


def _find_stay(work: _Work, answer: Any) -> None:
    what = f"subscriptions of subscriber {shorten(work.subscriber)}"
    listed, _ = parse_records(SUBSCRIPTIONS, records(member(answer, what, "Subscriptions"), "SubscriptionID", what))
    id_ = work.key.id.removeprefix(WITHOUT_KEY)
    work.stay = next((each for each in listed if each.id == id_ and each.subscriber == work.subscriber), None)
    if work.stay is None or work.stay.unit is None or work.stay.venue is None:
        raise Unreadable(f"{what}: {shorten(id_)} with its unit is not among them")
    if any(key.unit == work.stay.unit for key in work.there):
        raise Refused("the subscriber has a key for the unit meanwhile, and it counts")


def _take_id(work: _Work, answer: Any) -> None:
    """Take the KeyID that an answer names, which the document does not promise."""
    for place in (answer, answer.get("Subscription") if isinstance(answer, dict) else None):
        if isinstance(place, dict):
            found = next((place[name] for name in _NEW_ID if isinstance(place.get(name), str) and place[name]), None)
            work.new_id = work.new_id or found


def _look_again(work: _Work, answer: Any) -> None:
    now = _keys(work, answer)
    there = {key.id for key in work.there}
    new = [key.id for key in now if key.id not in there]
    work.new_id = _with_passphrase(now, work.key.passphrase) or (new[0] if len(new) == 1 else None)
    if work.new_id is None:
        raise Unreadable("it is not among the subscriber's keys afterwards")


def _keys(work: _Work, answer: Any) -> list[Key]:
    what = f"keys of subscriber {shorten(work.subscriber)}"
    keys, bad = parse_records(KEYS, flatten_keys(answer, work.subscriber, what).rows)
    if bad:
        raise Unreadable(f"{what}: {bad[0].field or 'a key'} {bad[0].text}")
    return keys


def _with_passphrase(keys: Sequence[Key], passphrase: bytes) -> str | None:
    return next((key.id for key in keys if hmac.compare_digest((key.passphrase or "").encode(), passphrase)), None)


# Calls.


def _stays_call(subscriber: str) -> Call:
    path = "/networkoperatorconsole/shoppingcart/listSubscriptions"
    return Call(path, f"subscriptions of subscriber {shorten(subscriber)}", {"SubscriberToken": subscriber})


def _write_call(work: _Work) -> Call:
    passphrase = work.key.passphrase.decode("ascii")
    if work.stay is None:
        path = "/networkoperatorconsole/subscribers/resetKey"
        reset = {"CurrentKeyID": work.key.id, "NewKey": passphrase}
        return Call(path, f"new passphrase of key {shorten(work.key.id)}", reset, is_read=False)
    members: dict[str, Any] = {
        "SubscriberToken": work.subscriber,
        "VenueID": work.stay.venue,
        "NewKey": passphrase,
        "PolicyforSubscriberKey": {"UnitID_internal": work.stay.unit},  # the subscription has the window
    }
    if work.stay.plan is not None:
        members["ServicePlanID"] = work.stay.plan
    path = "/networkoperatorconsole/subscribers/addKey"
    return Call(path, f"new key of subscriber {shorten(work.subscriber)}", members, is_read=False)
