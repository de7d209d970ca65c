"""What becomes of a key: another passphrase, a pause, its end, its return. Its former passphrases follow it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..errors import DuplicateKey, InvalidValue, KeyRemoved, RowDamaged
from ..model import Key, KeyDraft, KeyOrigin, KeyRecord, KeyStatus, Passphrase
from ..model.rules.passphrases import Generated, user_part
from ..model.rules.removal import parse_removal_reason
from ..model.rules.zones import parse_zone, render_instant
from ..store import Store

LATELY: Final = timedelta(minutes=32)  # who was seen since counts as online, as VAULT has it
LAPSED_DAYS: Final = 90  # as the server keeps removed keys where its configuration does not say


def own_passphrase(store: Store, subscriber_id: int | None, own: str) -> Generated:
    """Return the passphrase of what a subscriber chose, with their suffix behind it."""
    if subscriber_id is None:
        raise InvalidValue("a part of one's own needs a subscriber, whose suffix goes behind it")
    return user_part(own, store.subscribers.get(subscriber_id).suffix)


@dataclass(frozen=True, slots=True)
class Reset:
    """What a reset means to those who use the key."""

    devices: int  # seen lately: they have to join again
    until: datetime | None  # so long the former passphrase goes on; None: it does not


def reset(
    store: Store,
    key_id: int,
    passphrase: Passphrase,
    *,
    now: datetime,
    grace: timedelta | None = None,
    platform_id: str | None = None,
) -> Reset:
    """Give a key another passphrase; with a grace the former one is valid that long as well, else it ends now.

    platform_id: what a platform calls the key from now on; it stays as it was where none is said
    """
    with store.change("key.reset") as change:
        record = live(store, key_id)
        change.subject("key", key_id, record.identity)
        until = None if grace is None else _grace_end(record, now, grace)
        former = None if until is None else _opened(store, record)
        if former is not None and former.passphrase == passphrase:
            raise InvalidValue(f"{record.label} has that passphrase already: there would be no former one")
        graces = [each for each in store.key_records.graces_of(key_id) if each.status is not KeyStatus.REMOVED]
        lately = count_lately(store, [key_id, *(each.id for each in graces)], now)
        for each in graces:
            if until is None or _has_passphrase(store, each.id, passphrase):
                _end_grace(store, each.id, now)
        store.keys.put_passphrase(key_id, passphrase)
        if platform_id is not None:
            store.keys.update(key_id, platform_id=KeyOrigin(platform_id=platform_id).platform_id)
        if former is not None:
            _keep_former(store, record, former, until)
    return Reset(lately, until)


def _grace_end(record: KeyRecord, now: datetime, grace: timedelta) -> datetime:
    if record.ends is not None and record.ends <= now:
        raise InvalidValue(f"{record.label} ended {say(record.ends, record)}: there is nothing to give grace to")
    until = (now + grace).replace(microsecond=0)
    ends = min(each for each in (until, record.ends, record.removes_at) if each is not None)
    if record.starts is not None and record.starts >= ends:
        raise InvalidValue(f"{record.label} has not begun by then: nobody uses it that a grace would help")
    return ends


def _opened(store: Store, record: KeyRecord) -> Key:
    """Return a key whose passphrase is to be kept beside a new one."""
    try:
        found = store.keys.get(record.id)
    except RowDamaged:
        raise InvalidValue(
            f"{record.label} cannot be opened, so its passphrase cannot stay valid: leave out the grace"
        ) from None
    assert found is not None  # noqa: S101 (its record was read in this transaction)
    return found


def _keep_former(store: Store, record: KeyRecord, former: Key, until: datetime | None) -> None:
    """Add a key of its own for the former passphrase, known to the same devices, so that none has to be searched."""
    origin = KeyOrigin(grace_of=record.id, subscriber_id=record.subscriber_id, subscription_id=record.subscription_id)
    draft = KeyDraft(
        identity=record.identity,
        passphrase=former.passphrase,
        unit_id=record.unit_id,
        plan_id=record.plan_id,
        vlan=record.vlan,
        starts=record.starts,
        ends=until,
        origin=origin,
    )
    id_ = store.keys.add(record.keypool_id, draft)
    if record.status is not KeyStatus.ACTIVE:
        store.keys.update(
            id_, status=record.status.value, status_reason=record.status_reason, status_at=record.status_at
        )
    store.devices.copy(record.id, id_)


def _has_passphrase(store: Store, key_id: int, passphrase: Passphrase) -> bool:
    try:
        found = store.keys.get(key_id)
    except RowDamaged:
        return False
    return found is not None and found.passphrase == passphrase


def _end_grace(store: Store, key_id: int, now: datetime) -> None:
    at = now.replace(microsecond=0)
    store.keys.update(key_id, status=KeyStatus.REMOVED.value, status_at=at, ends=at)


def count_lately(store: Store, key_ids: list[int], now: datetime) -> int:
    """Return how many devices were seen lately with any of these keys."""
    return len(
        {
            each.mac
            for key_id in key_ids
            for each in store.devices.sightings(key_id)
            if each.last is not None and each.last >= now - LATELY
        }
    )


# A pause.


def suspend(store: Store, key_id: int, *, now: datetime, reason: str | None = None) -> None:
    """Refuse a key until it is resumed."""
    store.keys.set_status(key_id, KeyStatus.SUSPENDED, now=now, reason=reason)


def resume(store: Store, key_id: int, *, now: datetime, reason: str | None = None) -> str | None:
    """Let a suspended key work again; return why nobody gets in with it yet, None where they do."""
    with store.change("key.resume", reason=reason):
        store.keys.set_status(key_id, KeyStatus.ACTIVE, now=now)
        return obstacle(store, key_id, now)


def obstacle(store: Store, key_id: int, now: datetime) -> str | None:
    """Return what keeps everybody from using a key now, None where nothing does."""
    try:
        found = store.keys.get(key_id)
    except RowDamaged:
        return "it cannot be opened"
    return None if found is None else found.validity(now)


# Its end, and its return.


def remove(
    store: Store,
    key_id: int,
    *,
    now: datetime,
    reason: str | None = None,
    grace: timedelta | None = None,
    force: bool = False,
) -> datetime | None:
    """Remove a key: now, or after a grace, until which it works; return when, None for now.

    force: now, whatever grace is given or was before (VAULT's ForceRemoval)
    """
    reason = None if reason is None else parse_removal_reason(reason)
    with store.change("key.remove", reason=reason) as change:
        change.reason = reason
        try:
            former = store.key_records.get(key_id)
        except RowDamaged:  # what cannot be read can still be shut out
            store.keys.set_status(key_id, KeyStatus.REMOVED, now=now, reason=reason)
            return None
        if former.grace_of is not None and former.status is not KeyStatus.REMOVED:
            change.subject("key", former.grace_of, former.identity)
            _end_grace(store, key_id, now)
            return None
        record = live(store, key_id)
        change.subject("key", key_id, record.identity)
        if record.removes_at is not None and not force:
            raise InvalidValue(
                f"{record.label} is going to be removed {say(record.removes_at, record)}: --force does it now,"
                " `latchkey key restore` keeps it"
            )
        if grace is not None and not force:
            at = (now + grace).replace(microsecond=0)
            for each in (key_id, *store.keys.graces_of(key_id)):
                store.keys.update(each, removes_at=at)
            if record.status is KeyStatus.ACTIVE:  # why one is suspended is said until then
                store.keys.update(key_id, status_reason=reason)
            return at
        for each in (key_id, *store.keys.graces_of(key_id)):
            store.keys.update(each, removes_at=None)
        store.keys.set_status(key_id, KeyStatus.REMOVED, now=now, reason=reason)
    return None


def restore(store: Store, key_id: int, *, now: datetime, lapsed_days: int = LAPSED_DAYS) -> str | None:
    """Bring a removed key back as it was, or keep one whose removal is to come; return what keeps it from working.

    Raises KeyRemoved where that is too long ago, and DuplicateKey where its passphrase is in use by now.
    """
    with store.change("key.restore") as change:
        record = store.key_records.get(key_id)
        change.subject("key", key_id, record.identity)
        if record.grace_of is not None:
            raise InvalidValue(
                f"key {key_id} is a former passphrase of key {record.grace_of}: `latchkey undo` brings it back"
            )
        if record.status is not KeyStatus.REMOVED:
            _call_off(store, record)
            return obstacle(store, key_id, now)
        since = record.status_at
        if store.cards.batch_id_of(key_id) is not None:
            raise KeyRemoved(
                f"{record.label} is a scratch card, and was invalidated {_day(since)} for good: `latchkey card add`"
                " makes another, `latchkey undo` takes a mistake back"
            )
        if record.erased:
            raise KeyRemoved(f"{record.label} was removed {_day(since)}, and its passphrase is erased by now")
        if since is not None and since <= now - timedelta(days=lapsed_days):
            raise KeyRemoved(f"{record.label} was removed {_day(since)}, more than {lapsed_days} days ago")
        refuse_tag(store, record.subscriber_id, record.tag, but=key_id)
        refuse_external_id(store, record.external_id, but=key_id)
        status, reason = _before_removal(store, key_id)
        for each in (record, *_removed_with(store, record, now)):
            store.keys.update(
                each.id,
                status=status.value,
                status_reason=reason,
                status_at=now.replace(microsecond=0),
                removes_at=None,
            )
        refused = obstacle(store, key_id, now)
        try:
            store.keys.refuse_meetings(change)
        except DuplicateKey:
            raise DuplicateKey(
                message=f"the passphrase of {record.label} is in use on this SSID by now: add the person a key anew"
            ) from None
    return refused


def _call_off(store: Store, record: KeyRecord) -> None:
    if record.removes_at is None:
        raise InvalidValue(f"{record.label} is not removed, nor going to be")
    for each in (record.id, *store.keys.graces_of(record.id)):
        store.keys.update(each, removes_at=None)
    if record.status is KeyStatus.ACTIVE:
        store.keys.update(record.id, status_reason=None)


def _removed_with(store: Store, record: KeyRecord, now: datetime) -> Iterator[KeyRecord]:
    """Yield the former passphrases that ended with a key, and would go on by now."""
    for each in store.key_records.graces_of(record.id):
        ended_with = each.status is KeyStatus.REMOVED and each.status_at == record.status_at and not each.erased
        if ended_with and each.ends is not None and each.ends > now:
            yield each


def _before_removal(store: Store, key_id: int) -> tuple[KeyStatus, str | None]:
    """Return what a key was before it was removed; suspended where nobody knows, so that none gets in by error."""
    for image in store.audit.images_of("keys", key_id):
        if image.before is None or image.after is None:
            continue
        if image.after["status"] == KeyStatus.REMOVED.value or image.after["removes_at"] is not None:
            was = KeyStatus(image.before["status"])
            if was is not KeyStatus.REMOVED:
                return was, image.before["status_reason"] if was is KeyStatus.SUSPENDED else None
    return KeyStatus.SUSPENDED, "restored: what it was before is not known"


def _day(at: datetime | None) -> str:
    return "at an unknown time" if at is None else f"{at:%Y-%m-%d}"


# What every change of a key asks.


def say(at: datetime, record: KeyRecord) -> str:
    """Return an instant as the key's venue calls it, to the minute."""
    return render_instant(at.replace(second=0), parse_zone(record.time_zone))


def live(store: Store, key_id: int) -> KeyRecord:
    """Return the record of a key that can be changed: it is not removed, and no former passphrase of another."""
    record = store.key_records.get(key_id)
    if record.status is KeyStatus.REMOVED:
        raise KeyRemoved(f"key {key_id} was removed {_day(record.status_at)}")
    if record.grace_of is not None:
        raise InvalidValue(f"key {key_id} is a former passphrase of key {record.grace_of}: change that one")
    return record


def refuse_tag(store: Store, subscriber_id: int | None, tag: str | None, *, but: int = 0) -> None:
    """Raise InvalidValue where another key of the subscriber is called so (VAULT: unique per subscriber)."""
    if tag is None or subscriber_id is None:
        return
    for other in store.key_records.with_tag(subscriber_id, tag):
        if other != but:
            raise InvalidValue(f"tag {tag!r} is that of key {other}, of the same subscriber")


def refuse_external_id(store: Store, external_id: str | None, *, but: int = 0) -> None:
    """Raise InvalidValue where another key has this external id."""
    if external_id is None:
        return
    for other in store.key_records.with_external_id(external_id):
        if other != but:
            raise InvalidValue(f"external id {external_id!r} is that of key {other}")
