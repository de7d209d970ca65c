"""Keys that were made here, given to the platform: G1 for a subscription without a key, G3 for a key without a PSK."""

import hmac
from datetime import UTC, datetime
from typing import Any, Final

from ...sync import SaidKey, shorten
from ..exchange import Exchange, Refused, Unreadable
from ..fields import parse_records
from .payloads import KEYS, Key, flatten_keys
from .session import Call, Session
from .tenancies import WITHOUT_KEY, keys_call

_NEW_ID: Final = ("KeyID", "newKeyId", "newKeyID", "NewKeyID")


def write_key(session: Session, key: SaidKey, passphrase: bytes) -> Exchange[str]:
    """Give the platform the passphrase of a key; return the KeyID that it has from then on.

    Done twice, it is done once: a key with that passphrase is looked for first. Raises PlatformError where the platform
    says no, has another key for the unit meanwhile, or does not show the new one afterwards.
    """
    if not 8 <= len(passphrase) <= 63 or not all(0x21 <= octet <= 0x7E for octet in passphrase):
        raise Refused("the platform takes passphrases of 8 to 63 characters from ! to ~")
    subscriber = key.subscriber
    if subscriber is None:
        raise Refused("the platform takes keys of subscribers alone")
    there = yield from _keys(session, subscriber)
    if (found := _with_passphrase(there, passphrase)) is not None:
        return found
    text = passphrase.decode("ascii")
    if not key.id.startswith(WITHOUT_KEY):
        answer = yield from session.call(_reset(key.id, text))
    elif any(each.unit == key.unit for each in there):
        raise Refused(f"subscriber {shorten(subscriber)} has a key for the unit meanwhile: it counts")
    else:
        answer = yield from session.call(_add(key, subscriber, text))
    if (named := _named(answer)) is not None:
        return named
    found = _with_passphrase((yield from _keys(session, subscriber)), passphrase)
    if found is None:
        raise Unreadable(f"keys of subscriber {shorten(subscriber)}: the new one is not among them")
    return found


def _keys(session: Session, subscriber: str) -> Exchange[list[Key]]:
    call = keys_call(subscriber)
    answer = yield from session.call(call)
    keys, bad = parse_records(KEYS, flatten_keys(answer, subscriber, call.what).rows)
    if bad:
        raise Unreadable(f"{call.what}: {bad[0].field or 'a key'} {bad[0].text}")
    return keys


def _with_passphrase(keys: list[Key], passphrase: bytes) -> str | None:
    return next((key.id for key in keys if hmac.compare_digest((key.passphrase or "").encode(), passphrase)), None)


def _named(answer: Any) -> str | None:
    """Return the KeyID that an answer names, which the document does not promise."""
    for place in (answer, answer.get("Subscription") if isinstance(answer, dict) else None):
        if isinstance(place, dict):
            for name in _NEW_ID:
                if isinstance(place.get(name), str) and place[name]:
                    return str(place[name])
    return None


def _reset(key_id: str, passphrase: str) -> Call:
    path = "/networkoperatorconsole/subscribers/resetKey"
    members = {"CurrentKeyID": key_id, "NewKey": passphrase}
    return Call(path, f"new passphrase of key {shorten(key_id)}", members, is_read=False)


def _add(key: SaidKey, subscriber: str, passphrase: str) -> Call:
    policy = {"UnitID_internal": key.unit}
    if key.starts is not None:
        policy["StartDateTimeUTC.ISO8601"] = _instant(key.starts)
    if key.ends is not None:
        policy["EndDateTimeUTC.ISO8601"] = _instant(key.ends)
    members = {
        "SubscriberToken": subscriber,
        "VenueID": key.venue,
        "NewKey": passphrase,
        "PolicyforSubscriberKey": policy,
    }
    if key.plan is not None:
        members["ServicePlanID"] = key.plan
    path = "/networkoperatorconsole/subscribers/addKey"
    return Call(path, f"new key of subscriber {shorten(subscriber)}", members, is_read=False)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
