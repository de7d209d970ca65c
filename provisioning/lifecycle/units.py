"""Units: which VLAN one may have, and what becomes of who lives there when two become one, or one goes."""

import enum
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ..errors import AlreadyExists, InvalidValue, Occupied
from ..model import (
    KeyStatus,
    Purpose,
    Scope,
    Subscription,
    Unit,
    Venue,
    check_automatic,
    check_vlan,
    check_wireless_only,
    first_free,
)
from ..store import Store


class Fate(enum.Enum):
    """What becomes of those in a place that goes."""

    END = "end"  # their keys end now, and stay in the history
    MOVE = "move"  # they go to another place


class _Automatic(enum.Enum):
    AUTOMATIC = "auto"


AUTOMATIC: Final = _Automatic.AUTOMATIC  # the first VLAN that is free
VlanChoice = int | _Automatic | None


def add_unit(
    store: Store, venue: Venue, name: str, *, vlan: VlanChoice = None, share_vlan: bool = False, **fields: Any
) -> Unit:
    """Return a new unit of a venue.

    vlan:       AUTOMATIC: the first of its purpose's range that no unit of the venue has
    share_vlan: let it have a VLAN that another unit has
    fields:     the other fields of a Unit
    """
    with store.change("unit.add"):
        purpose = fields.get("purpose", Purpose.WIRED_UNIT)
        chosen = _choose_vlan(store, venue, purpose, vlan, share_vlan=share_vlan)
        return store.units.add(venue.id, name, vlan=chosen, **fields)


def change_unit(store: Store, unit_id: int, *, share_vlan: bool = False, **fields: Any) -> Unit:
    """Give a unit's fields other values; its keys are on another VLAN when it is. Its UnitID_internal stays."""
    with store.change("unit.set"):
        unit = store.units.get(unit_id)
        if "vlan" in fields and fields["vlan"] != unit.vlan:
            purpose = fields.get("purpose", unit.purpose)
            venue = store.venues.get(unit.venue_id)
            fields["vlan"] = _choose_vlan(store, venue, purpose, fields["vlan"], share_vlan=share_vlan, but=unit_id)
        unit = replace(unit, **fields)
        store.units.save(unit)
        return unit


def _choose_vlan(
    store: Store, venue: Venue, purpose: Purpose, vlan: VlanChoice, *, share_vlan: bool, but: int = 0
) -> int | None:
    """Return the VLAN of a unit; of those who have one already, `but` is it itself."""
    if vlan is None:
        return None
    taken = store.units.vlans(venue.id, but=but)
    offset = venue.wireless_only_vlan_offset
    if isinstance(vlan, _Automatic):
        check_automatic(store.units.count(venue.id) - (1 if but else 0))
        return first_free(venue.vlan_ranges.of(purpose), taken, offset)
    check_vlan(vlan)
    if vlan in taken and not share_vlan:
        raise AlreadyExists(
            f"VLAN {vlan} is that of unit {taken[vlan]!r} at {venue.name} already (--share-vlan: let both have it)"
        )
    check_wireless_only(vlan, offset, taken)
    return vlan


def merge_units(store: Store, unit_id: int, into_id: int) -> int:
    """Move everybody in one unit to another, and take it away; return how many keys that were, removed ones aside."""
    with store.change("unit.merge") as change:
        unit = store.units.get(unit_id)
        change.subject("unit", unit.id, unit.name)
        if unit_id == into_id:
            raise InvalidValue(f"unit {unit.name!r} is one already: name two different ones")
        moved = _move(store, unit, store.units.get(into_id))
        store.units.remove(unit_id)
        return moved


def remove_unit(store: Store, unit_id: int, *, now: datetime, fate: Fate | None = None, to: int | None = None) -> int:
    """Take a unit away; return how many keys belonged to it. Occupied where somebody is in it and no fate is said.

    to: the unit that they move to
    """
    with store.change("unit.remove") as change:
        unit = store.units.get(unit_id)
        change.subject("unit", unit.id, unit.name)
        now = now.replace(microsecond=0)
        keys = [key for key in store.occupants.of_units([unit_id]) if key.is_live(now) and not key.is_former]
        tenancies = [each for each in store.subscribers.subscriptions(unit_id=unit_id) if _is_live(each, now)]
        if fate is None and (keys or tenancies):
            who = ", ".join(dict.fromkeys(key.identity for key in keys[:5])) + (", ..." if len(keys) > 5 else "")
            what = count_of(len(keys), "key") if keys else count_of(len(tenancies), "subscription")
            raise Occupied(
                f"unit {unit.name!r} has {what}{f' ({who})' if who else ''}: say --occupied=end, and they end now, or"
                " --occupied=move --to UNIT"
            )
        if fate is Fate.MOVE:
            if to is None or to == unit_id:
                raise InvalidValue(f"unit {unit.name!r}: say with --to UNIT which other unit they move to")
            _move(store, unit, store.units.get(to))
        else:
            end_occupants(store, unit, now)
        store.units.remove(unit_id)
        return len(keys)


def _move(store: Store, unit: Unit, into: Unit) -> int:
    """Let all that belongs to a unit belong to another; return how many keys that were."""
    pools = {pool.id: pool for pool in store.keypools.all(lambda *_: None)}
    keys = store.occupants.of_units([unit.id])
    for key in keys:
        pool = pools.get(key.keypool_id)
        if pool is not None and pool.scope is Scope.LOCAL and into.venue_id not in pool.venue_ids:
            raise InvalidValue(
                f"key {key.id} ({key.identity}) cannot move to unit {into.name!r}: keypool {pool.ssid} is not valid at"
                " its venue"
            )
    store.occupants.put("subscriptions", "unit_id", unit.id, into.id)
    store.occupants.put("keys", "unit_id", unit.id, into.id)
    return sum(key.status is not KeyStatus.REMOVED and not key.is_former for key in keys)


def end_occupants(store: Store, unit: Unit, now: datetime) -> None:
    """Let the keys and subscriptions of a unit end now, and belong to it no more; part of a change.

    now: in whole seconds
    """
    for key in store.occupants.of_units([unit.id]):
        if key.is_live(now):
            store.occupants.end(key, now, "its unit was removed")
    for subscription in store.subscribers.subscriptions(unit_id=unit.id):
        if subscription.starts is not None and subscription.starts >= now:  # not begun: it has no window left
            store.occupants.put("keys", "subscription_id", subscription.id, None)
            store.subscribers.remove_subscription(subscription.id)
            continue
        ends = min(subscription.ends, now) if subscription.ends is not None else now
        store.subscribers.save_subscription(replace(subscription, ends=ends, unit_id=None))
    store.occupants.put("keys", "unit_id", unit.id, None)


def _is_live(subscription: Subscription, now: datetime) -> bool:
    return subscription.ends is None or subscription.ends > now


def count_of(number: int, what: str) -> str:
    """Return 1 key, 2 keys."""
    return f"{number:,} {what}{'' if number == 1 else 'es' if what.endswith('S') else 's'}"
