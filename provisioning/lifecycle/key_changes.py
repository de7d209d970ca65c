"""What a key is given and belongs to: made, changed field by field, moved, extended.

A key of a subscription has its unit, plan and window: changed by one key, they are changed for all keys of it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

from ..errors import InvalidValue
from ..model import (
    KeyDraft,
    KeyOrigin,
    KeyRecord,
    Subscriber,
    SubscriberStatus,
    Subscription,
    check_name,
    check_vlan,
    check_window,
)
from ..model.rules.zones import parse_zone
from ..store import Store
from .keys import live, refuse_external_id, refuse_tag, say
from .subscribers import refuse_elsewhere, set_subscription

_DAY: Final = timedelta(days=1)
_OF_SUBSCRIPTION: Final = ("unit_id", "plan_id", "starts", "ends")


class KeyFields(TypedDict, total=False):
    """What a key may be given: those named are changed, None takes away."""

    identity: str | None
    unit_id: int | None
    plan_id: int | None
    vlan: int | None
    starts: datetime | None
    ends: datetime | None
    subscriber_id: int | None
    tag: str | None
    external_id: str | None
    platform_id: str | None


def add(store: Store, keypool_id: int, draft: KeyDraft, *, now: datetime) -> int:
    """Return the id of a new key.

    With a subscriber and a unit it belongs to a subscription: one that has these, else one that is made.
    """
    with store.change("key.add"):
        origin = draft.origin
        refuse_tag(store, origin.subscriber_id, origin.tag)
        refuse_external_id(store, origin.external_id)
        if origin.subscriber_id is not None:
            refuse_closed(store.subscribers.get(origin.subscriber_id))
            joined = _join(store, draft, now)
            if joined is not None:
                draft = replace(
                    draft,
                    unit_id=joined.unit_id,
                    plan_id=joined.plan_id,
                    starts=joined.starts,
                    ends=joined.ends,
                    origin=replace(origin, subscription_id=joined.id),
                )
        return store.keys.add(keypool_id, draft)


def refuse_closed(subscriber: Subscriber) -> None:
    """Raise InvalidValue where somebody's account is closed."""
    if subscriber.status is SubscriberStatus.CLOSED:
        raise InvalidValue(f"the account of {subscriber.name!r} is closed")


def _join(store: Store, draft: KeyDraft, now: datetime) -> Subscription | None:
    """Return the subscription that a new key belongs to; None for a key without a unit, or that has ended."""
    origin = draft.origin
    if origin.subscription_id is not None:
        named = store.subscribers.subscription(origin.subscription_id)
        if not _fits(draft, named) or draft.unit_id not in (None, named.unit_id):
            raise InvalidValue(f"a key of subscription {named.id} has its unit, plan and window, and no others")
        return named
    if draft.unit_id is None or origin.subscriber_id is None or (draft.ends is not None and draft.ends <= now):
        return None
    for each in store.subscribers.subscriptions(subscriber_id=origin.subscriber_id, unit_id=draft.unit_id):
        if (each.ends is None or each.ends > now) and _fits(draft, each):
            return each
    return store.subscribers.add_subscription(
        origin.subscriber_id, unit_id=draft.unit_id, plan_id=draft.plan_id, starts=draft.starts, ends=draft.ends
    )


def _fits(draft: KeyDraft, subscription: Subscription) -> bool:
    """Return whether what is said of a key is what its subscription would give it."""
    return (
        draft.plan_id in (None, subscription.plan_id)
        and draft.starts in (None, subscription.starts)
        and draft.ends in (None, subscription.ends)
    )


def set_fields(
    store: Store, key_id: int, fields: KeyFields, *, now: datetime, action: str = "key.set"
) -> list[KeyRecord]:
    """Change what is named of a key; return the other keys of its subscription, which have changed with it.

    With another subscriber it leaves its subscription.
    """
    with store.change(action) as change:
        before = live(store, key_id)
        change.subject("key", key_id, before.identity)
        _check(fields)
        if fields.get("ends", before.ends) != before.ends:
            _refuse_reviving(store, before, now)
        values: dict[str, Any] = {
            name: value
            for name, value in fields.items()
            if name not in _OF_SUBSCRIPTION and value != getattr(before, name)
        }
        subscriber_id = fields.get("subscriber_id", before.subscriber_id)
        if "subscriber_id" in values:
            values["subscription_id"] = None
            if subscriber_id is not None:
                refuse_closed(store.subscribers.get(subscriber_id))
        refuse_tag(store, subscriber_id, fields.get("tag", before.tag), but=key_id)
        refuse_external_id(store, fields.get("external_id", before.external_id), but=key_id)
        if values:
            store.keys.update(key_id, **values)
            for each in store.keys.graces_of(key_id):
                store.keys.update(each, **{name: values[name] for name in values if name in _FOLLOWED})
        return _set_tenancy(store, store.key_records.get(key_id), fields, now)


_FOLLOWED: Final = frozenset({"identity", "vlan", "subscriber_id", "subscription_id"})  # by former passphrases


def _check(fields: KeyFields) -> None:
    if "identity" in fields:
        check_name(fields["identity"] or "", "identity")
    check_vlan(fields.get("vlan"))
    KeyOrigin(
        tag=fields.get("tag"), external_id=fields.get("external_id"), platform_id=fields.get("platform_id")
    )  # raises


def _refuse_reviving(store: Store, record: KeyRecord, now: datetime) -> None:
    """Raise InvalidValue for a card whose time is over (VAULT: a card is extended, and never revived)."""
    if record.ends is not None and record.ends <= now and store.cards.of_key(record.id) is not None:
        raise InvalidValue(f"{record.label} is a card that ended {say(record.ends, record)}: it is not revived")


def _set_tenancy(store: Store, of: KeyRecord, fields: KeyFields, now: datetime) -> list[KeyRecord]:
    """Change unit, plan and window, of the subscription where the key has one; return which keys have followed."""
    wanted: dict[str, Any] = {name: value for name, value in fields.items() if name in _OF_SUBSCRIPTION}
    if not wanted:
        return []
    if of.subscription_id is not None:
        set_subscription(store, replace(store.subscribers.subscription(of.subscription_id), **wanted), now=now)
        return [each for each in store.key_records.of_subscription(of.subscription_id) if each.id != of.id]
    check_window(wanted.get("starts", of.starts), wanted.get("ends", of.ends))
    if wanted.get("unit_id") is not None:
        refuse_elsewhere(store, [of], wanted["unit_id"])
    store.keys.update(of.id, **wanted)
    for former in store.key_records.of(store.keys.graces_of(of.id)):
        ends = wanted.get("ends")
        if ends is None or (former.ends is not None and former.ends < ends):
            ends = former.ends
        store.keys.update(former.id, **(wanted | {"ends": ends}))
    return []


def move(store: Store, key_id: int, unit_id: int, *, now: datetime) -> list[KeyRecord]:
    """Let a key be of another unit, whose VLAN it has then; return the other keys that moved with its subscription."""
    return set_fields(store, key_id, {"unit_id": unit_id}, now=now, action="key.move")


def extend(
    store: Store, key_id: int, *, now: datetime, ends: datetime | None = None, by: timedelta | None = None
) -> list[KeyRecord]:
    """Let a key go on: to `ends`, or by so much from its end, or from now where that has passed.

    Whole days are the venue's, so that what ended at midnight does so when clocks have changed. Returns the other keys
    of its subscription, which go on as well. Raises InvalidValue where it would end earlier than it does.
    """
    with store.change("key.extend"):
        record = live(store, key_id)
        if record.ends is None:
            raise InvalidValue(f"{record.label} has no end: there is nothing to extend")
        if by is not None:
            ends = _later(max(record.ends, now.replace(microsecond=0)), by, record.time_zone)
        if ends is None or ends <= record.ends:
            raise InvalidValue(
                f"{record.label} ends {say(record.ends, record)}: that is no later;"
                " `latchkey key set --ends` lets it end earlier"
            )
        return set_fields(store, key_id, {"ends": ends}, now=now, action="key.extend")


def _later(at: datetime, by: timedelta, zone_name: str) -> datetime:
    zone = parse_zone(zone_name)
    try:
        if by % _DAY:
            return at + by
        return (at.astimezone(zone).replace(tzinfo=None) + by).replace(tzinfo=zone).astimezone(at.tzinfo)
    except OverflowError:
        raise InvalidValue("that is after the year 9999") from None
