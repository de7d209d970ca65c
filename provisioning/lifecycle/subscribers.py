"""What is done to people: their accounts, and their subscriptions, whose keys follow them.

Who is suspended, pending or closed gets in with no key. That is decided where a key is asked (`Key.validity`), so that
a key which was suspended for itself still is when its owner is back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from ..errors import Ambiguous, InvalidValue, NotFound, Occupied
from ..model import KeyRecord, KeyStatus, Scope, Subscriber, SubscriberStatus, Subscription
from ..model.rules.names import check_name
from ..store import Store
from .keys import remove as remove_key

MOST_REASON: Final = 40  # characters of why an account was closed, as VAULT has it


def add(
    store: Store, name: str, *, external_id: str | None = None, is_pending: bool = False, now: datetime
) -> Subscriber:
    """Return a new subscriber; a pending one's keys are refused until `set_status` makes it active."""
    with store.change("subscriber.add"):
        added = store.subscribers.add(name, external_id=external_id)
        if is_pending:
            return set_status(store, added.id, SubscriberStatus.PENDING, now=now)
        return added


def set_status(
    store: Store, id_: int, status: SubscriberStatus, *, now: datetime, reason: str | None = None
) -> Subscriber:
    """Make a subscriber active, pending or suspended; all their keys follow at once. To close: `close`."""
    if status is SubscriberStatus.CLOSED:
        raise ValueError("closing is more than a status")
    if reason is not None:
        check_name(reason, "reason")
    actions = {SubscriberStatus.ACTIVE: "subscriber.resume", SubscriberStatus.SUSPENDED: "subscriber.suspend"}
    with store.change(actions.get(status, "subscriber.set"), reason=reason):
        return _mark(store, id_, status, now, reason)


def _mark(store: Store, id_: int, status: SubscriberStatus, now: datetime, reason: str | None) -> Subscriber:
    is_active = status is SubscriberStatus.ACTIVE
    found = store.subscribers.get(id_)
    if is_active and found.status is status:
        return found  # nothing to change, and nothing for the audit
    marked = replace(found, status=status, status_at=now, status_reason=None if is_active else reason)
    store.subscribers.save(marked)
    return marked


def subscribe(
    store: Store,
    subscriber_id: int,
    *,
    unit_id: int | None = None,
    plan_id: int | None = None,
    starts: datetime | None = None,
    ends: datetime | None = None,
    external_id: str | None = None,
    key_ids: Iterable[int] = (),
    now: datetime,
) -> Subscription:
    """Return a new subscription; keys of the subscriber that are named belong to it from now on, and follow it."""
    with store.change("subscriber.subscribe") as change:
        subscriber = store.subscribers.get(subscriber_id)
        change.subject("subscriber", subscriber_id, subscriber.name)
        if subscriber.status is SubscriberStatus.CLOSED:
            raise InvalidValue(f"the account of {subscriber.name!r} is closed")
        if ends is not None and ends <= now:
            raise InvalidValue(f"the subscription would have ended {ends:%Y-%m-%d %H:%M} UTC already")
        _refuse_taken(store, external_id, but=0)
        made = store.subscribers.add_subscription(
            subscriber_id, unit_id=unit_id, plan_id=plan_id, starts=starts, ends=ends, external_id=external_id
        )
        for id_ in sorted(set(key_ids)):
            _take_key(store, made, id_)
        _carry_keys(store, made, now=now)
    return made


def _take_key(store: Store, subscription: Subscription, key_id: int) -> None:
    """Let a key, and its former passphrase, belong to a subscription; a key of nobody becomes its subscriber's."""
    for key in store.key_records.of([key_id]):
        if key.subscriber_id not in (None, subscription.subscriber_id):
            raise InvalidValue(f"key {key_id} ({key.identity}) is another subscriber's")
        if key.status is KeyStatus.REMOVED:
            raise InvalidValue(f"key {key_id} ({key.identity}) was removed")
        for id_ in (key_id, *store.keys.graces_of(key_id)):
            store.keys.update(id_, subscriber_id=subscription.subscriber_id, subscription_id=subscription.id)


def set_subscription(store: Store, wanted: Subscription, *, now: datetime) -> Subscription:
    """Make a subscription so; its keys follow in unit, plan and window. Return it.

    Raises InvalidValue where a start would move that has begun (VAULT, 4.31), or a key's keypool is not valid at the
    unit; Occupied, at the end of the change, where the unit may not have two at a time.
    """
    with store.change("subscription.set") as change:
        before = store.subscribers.subscription(wanted.id)
        subscriber = store.subscribers.get(before.subscriber_id)
        change.subject("subscriber", subscriber.id, subscriber.name)
        if wanted.starts != before.starts and (before.starts is None or before.starts <= now):
            since = f" on {before.starts:%Y-%m-%d %H:%M} UTC" if before.starts is not None else ""
            raise InvalidValue(f"subscription {wanted.id} has begun{since}: its start cannot be moved any more")
        if wanted.external_id != before.external_id:
            _refuse_taken(store, wanted.external_id, but=wanted.id)
        store.subscribers.save_subscription(wanted)
        _carry_keys(store, wanted, before, now=now)
    return wanted


def _refuse_taken(store: Store, external_id: str | None, *, but: int) -> None:
    if external_id is None:
        return
    check_name(external_id, "external id")
    for other in store.subscribers.subscriptions(external_id=external_id):
        if other.id != but:
            raise Occupied(f"external id {external_id!r} is subscription {other.id}'s")


def _carry_keys(store: Store, to: Subscription, before: Subscription | None = None, *, now: datetime) -> None:
    """Give the keys of a subscription its unit, plan and window; a former passphrase ends no later than it would."""
    keys = store.key_records.belonging(subscription_id=to.id)
    if before is None or to.unit_id != before.unit_id:
        refuse_elsewhere(store, keys, to.unit_id)
    for key in keys:
        ends = to.ends
        if key.grace_of is not None and key.ends is not None:
            ends = key.ends if ends is None else min(ends, key.ends)
            if to.starts is not None and ends <= to.starts:  # it would end before it begins
                remove_key(store, key.id, now=now)
                continue
        store.keys.update(key.id, unit_id=to.unit_id, plan_id=to.plan_id, starts=to.starts, ends=ends)


def refuse_elsewhere(store: Store, keys: Sequence[KeyRecord], unit_id: int | None) -> None:
    """Raise InvalidValue where the keypool of one of these keys is not valid at the unit's venue."""
    if unit_id is None or not keys:
        return
    unit = store.units.get(unit_id)
    pools = {pool.id: pool for pool in store.keypools.all(lambda *_: None)}
    for key in keys:
        pool = pools.get(key.keypool_id)
        if pool is not None and pool.scope is Scope.LOCAL and unit.venue_id not in pool.venue_ids:
            raise InvalidValue(
                f"key {key.id} ({key.identity}) is of keypool {pool.id} ({pool.ssid}), which is not valid at the venue"
                f" of unit {unit.name!r}"
            )


def current_subscription(store: Store, subscriber_id: int, id_: int | None = None, *, now: datetime) -> Subscription:
    """Return the subscription that is meant: the one of that id, else the only one that has not ended, or that is."""
    every = store.subscribers.subscriptions(subscriber_id=subscriber_id)
    name = store.subscribers.get(subscriber_id).name
    if id_ is not None:
        for each in every:
            if each.id == id_:
                return each
        raise NotFound(f"{name!r} has no subscription {id_}")
    live = [each for each in every if each.ends is None or each.ends > now]
    if not live and len(every) == 1:
        return every[0]
    if not live:
        raise NotFound(f"{name!r} has no subscription that has not ended: `latchkey subscriber subscribe` makes one")
    if len(live) > 1:
        units = {id_: unit.name for id_, unit in store.units.some(each.unit_id for each in live).items()}
        listed = ", ".join(f"{each.id} ({units.get(each.unit_id or 0, 'no unit')})" for each in live[:8])
        raise Ambiguous(f"{name!r} has several subscriptions, say which with --subscription: {listed}")
    return live[0]


def move(
    store: Store, subscriber_id: int, unit_id: int, *, subscription_id: int | None = None, now: datetime
) -> list[int]:
    """Let a subscriber live in another unit; return the keys that went along, and so have its VLAN.

    Who has no subscription, as after an import of keys alone, moves with all keys that are in the one unit they had.
    """
    with store.change("subscriber.move") as change:
        subscriber = store.subscribers.get(subscriber_id)
        change.subject("subscriber", subscriber_id, subscriber.name)
        if subscription_id is not None or store.subscribers.subscriptions(subscriber_id=subscriber_id):
            of = current_subscription(store, subscriber_id, subscription_id, now=now)
            set_subscription(store, replace(of, unit_id=unit_id), now=now)
            return [key.id for key in store.key_records.belonging(subscription_id=of.id)]
        keys = store.key_records.belonging(subscriber_id=subscriber_id)
        if not keys:
            raise NotFound(f"{subscriber.name!r} has neither a subscription nor a key")
        if len(units := {key.unit_id for key in keys}) > 1:
            raise Ambiguous(f"{subscriber.name!r} has keys in {len(units)} units: `latchkey key move` moves one")
        refuse_elsewhere(store, keys, unit_id)
        for key in keys:
            store.keys.update(key.id, unit_id=unit_id)
    return [key.id for key in keys]


def residents(store: Store, unit_id: int, *, now: datetime) -> list[Subscriber]:
    """Return who lives in a unit: by a subscription that runs, or by a key there that belongs to no subscription."""
    ids = {
        each.subscriber_id
        for each in store.subscribers.subscriptions(unit_id=unit_id)
        if (each.starts is None or each.starts <= now) and (each.ends is None or each.ends > now)
    }
    for key in store.key_records.belonging(unit_id=unit_id):
        is_live = key.ends is None or key.ends > now
        if key.subscriber_id is not None and key.subscription_id is None and is_live:
            ids.add(key.subscriber_id)
    found = [store.subscribers.get(id_) for id_ in sorted(ids)]
    return [each for each in found if each.status is not SubscriberStatus.CLOSED]


def close(store: Store, id_: int, *, now: datetime, reason: str | None = None) -> Subscriber:
    """Close an account: no key of it works any more, subscriptions end now, and those to come are cancelled.

    What was not begun is taken away, and its keys are removed: nobody has ever used them.
    """
    if reason is not None and len(reason) > MOST_REASON:
        raise InvalidValue(f"reason has {len(reason)} characters, more than the {MOST_REASON} of a closing")
    if reason is not None:
        check_name(reason, "reason")
    now = now.replace(microsecond=0)  # as it is kept: what began in this second has not begun
    with store.change("subscriber.close", reason=reason) as change:
        subscriber = store.subscribers.get(id_)
        change.subject("subscriber", id_, subscriber.name)
        if subscriber.status is SubscriberStatus.CLOSED:
            raise InvalidValue(f"the account of {subscriber.name!r} was closed {subscriber.status_at:%Y-%m-%d} already")
        for each in store.subscribers.subscriptions(subscriber_id=id_):
            if each.starts is not None and each.starts >= now:
                for key in store.key_records.belonging(subscription_id=each.id):
                    if key.grace_of is None:  # its former passphrase goes with it
                        remove_key(store, key.id, now=now, reason="the account was closed", force=True)
                store.subscribers.remove_subscription(each.id)
            elif each.ends is None or each.ends > now:
                set_subscription(store, replace(each, ends=now), now=now)
        return _mark(store, id_, SubscriberStatus.CLOSED, now, reason)


def remove(store: Store, id_: int, *, now: datetime) -> None:
    """Take away a subscriber that nothing belongs to: who has keys or a subscription is closed or erased."""
    with store.change("subscriber.remove") as change:
        subscriber = store.subscribers.get(id_)
        change.subject("subscriber", id_, subscriber.name)
        keys = store.key_records.belonging(subscriber_id=id_, removed=True)
        live = sum(key.status is not KeyStatus.REMOVED for key in keys)
        every = store.subscribers.subscriptions(subscriber_id=id_)
        running = sum(each.ends is None or each.ends > now for each in every)
        if live or running:
            has = " and ".join(
                f"{count} {what}{'s' if count > 1 else ''}"
                for count, what in ((live, "key"), (running, "subscription"))
                if count
            )
            raise Occupied(
                f"{subscriber.name!r} has {has}: `latchkey subscriber close` ends them, `erase` takes everything away"
            )
        for key in keys:
            store.keys.update(key.id, subscriber_id=None, subscription_id=None)
        for each in every:
            store.subscribers.remove_subscription(each.id)
        for device in store.subscribers.allowed_devices(id_):
            store.subscribers.disallow(device)
        for nas in store.subscribers.allowed_nases(id_):
            store.subscribers.disallow(nas)
        store.subscribers.remove(id_)
