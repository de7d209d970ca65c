"""What an import needs to know of the store: what there is to name, and which keys there are."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from crypto import MacAddress

from ...errors import Ambiguous
from ...model import Key, KeyLabel, KeyStatus
from ...model.rules.zones import parse_zone
from ...selectors import find_keypool
from ...sheets import Places, StoredKey
from ...store import Store


def places_of(store: Store, pool: str | None, venue: str | None, *, named: bool) -> Places:
    """Return what rows can name.

    pool, venue: what is meant by a row that does not say; NotFound where that is not there
    named:       rows may say themselves, so that several keypools need not be told apart here
    """
    keypool_id = None
    try:
        keypool_id = find_keypool(store, pool, venue).id
    except Ambiguous:
        if not named:
            raise
    operator = store.venues.operator()
    venues = store.venues.all()
    return Places(
        venues=venues,
        units=store.units.all(),
        keypools=store.keypools.all(),
        plans=store.plans.all(),
        zones={each.id: parse_zone(each.time_zone or operator.time_zone) for each in venues},
        zone=parse_zone(operator.time_zone),
        keypool_id=keypool_id,
        pool=pool,
        venue=venue,
    )


def stored_keys(store: Store, keypool_ids: Iterable[int]) -> Iterator[StoredKey]:
    """Yield the keys of keypools that a sheet can be about: neither removed ones, nor cards, nor former passphrases."""
    registered: dict[int, list[MacAddress]] = {}
    for device in store.devices.of_keys():
        if device.registered:
            registered.setdefault(device.key_id, []).append(device.mac)
    for keypool_id in sorted(set(keypool_ids)):
        for key in store.keys.listed(keypool_id=keypool_id):
            macs = frozenset(registered.get(key.id, ()))
            if isinstance(key, KeyLabel):
                if key.status is not KeyStatus.REMOVED:
                    yield StoredKey(
                        id=key.id, keypool_id=keypool_id, identity=key.identity, passphrase=None, macs=macs, status=None
                    )
            elif key.status is not KeyStatus.REMOVED and key.grace_of is None and key.card_batch_id is None:
                stored = _stored(key, macs)
                if key.removes_at is not None:  # which `Key.ends` is no later than
                    stored = replace(stored, ends=store.key_records.get(key.id).ends)
                yield stored


def _stored(key: Key, macs: frozenset[MacAddress]) -> StoredKey:
    return StoredKey(
        id=key.id,
        keypool_id=key.keypool_id,
        identity=key.identity,
        removes_at=key.removes_at,
        passphrase=key.passphrase,
        macs=macs,
        vlan=key.vlan,
        unit=key.unit.id if key.unit else None,
        plan_id=key.plan.id if key.plan else None,
        starts=key.starts,
        ends=key.ends,
        subscriber=key.subscriber.name if key.subscriber else None,
        external_id=key.external_id,
        tag=key.tag,
        status=key.status,
        subscription_id=key.subscription_id,
    )
