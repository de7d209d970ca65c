"""Keypools: at which venues one is valid, and what goes with it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from crypto import Ssid

from ..errors import InvalidValue, NotFound, Occupied
from ..model import Keypool, Scope
from ..model.keypool import check_new_ssid
from ..store import Store
from .units import count_of


def add_pool(store: Store, ssid: Ssid, *, venue_ids: Sequence[int] = (), display_order: int | None = None) -> Keypool:
    """Return a new keypool: local to venues, or global when there are none."""
    check_new_ssid(ssid)
    with store.change("pool.add"):
        added = store.keypools.add(ssid, venue_ids=venue_ids)
        return added if display_order is None else order_pool(store, added.id, display_order)


def order_pool(store: Store, keypool_id: int, display_order: int | None) -> Keypool:
    """Say where in lists a keypool stands: 1 to 100."""
    with store.change("pool.set"):
        ordered = replace(store.keypools.get(keypool_id), display_order=display_order)
        store.keypools.save(ordered)
        return ordered


def connect_pool(store: Store, keypool_id: int, venue_id: int) -> None:
    """Make a local keypool valid at one more venue; DuplicateKey where its keys would meet others there."""
    _refuse_global(store.keypools.get(keypool_id), "connected to")
    store.keypools.attach_venue(keypool_id, venue_id)


def disconnect_pool(store: Store, keypool_id: int, venue_id: int, *, now: datetime) -> Keypool:
    """Return a local keypool that is valid at one venue less; Occupied where keys of it belong to units there."""
    with store.change("pool.disconnect") as change:
        pool = store.keypools.get(keypool_id)
        change.subject("pool", pool.id, str(pool.ssid))
        _refuse_global(pool, "disconnected from")
        venue = store.venues.get(venue_id)
        if venue_id not in pool.venue_ids:
            raise NotFound(f"keypool {pool.ssid} is not connected to venue {venue.name!r}")
        if count := store.occupants.count_at(keypool_id, venue_id, now):
            raise Occupied(
                f"keypool {pool.ssid} has {count_of(count, 'key')} in units of venue {venue.name!r}: end them, or move"
                " them to units where it stays"
            )
        store.keypools.disconnect_venue(keypool_id, venue_id)
        return store.keypools.get(keypool_id)


def _refuse_global(pool: Keypool, what: str) -> None:
    if pool.scope is Scope.GLOBAL:
        raise InvalidValue(f"keypool {pool.ssid} is global, valid at every venue: it cannot be {what} one")


def remove_pool(store: Store, keypool_id: int, *, with_keys: int | None = None, even_global: bool = False) -> int:
    """Take a keypool away with its keys, those of its history too; return how many that were.

    with_keys:   how many there are, removed ones aside; Occupied where there are any and another number is said
    even_global: a global one as well, which VAULT never removes
    """
    with store.change("pool.remove") as change:
        pool = store.keypools.get(keypool_id)
        change.subject("pool", pool.id, str(pool.ssid))
        if pool.scope is Scope.GLOBAL and not even_global:
            raise InvalidValue(
                f"keypool {pool.ssid} is global, valid at every venue: say --global where that is what is to be removed"
            )
        here = store.keys.counts().get(keypool_id, 0)
        if here != (with_keys or 0):
            raise Occupied(
                f"keypool {pool.ssid} has {count_of(here, 'key')}"
                + (f", not {with_keys:,}" if with_keys is not None else "")
                + (f": say --with-keys {here} to remove them, too" if here else "")
            )
        keys = store.occupants.of_keypools([keypool_id])
        store.occupants.delete(keys)
        store.cards.remove_all(keypool_id)
        store.keypools.remove(keypool_id)
        return len(keys)
