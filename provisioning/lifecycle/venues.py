"""Venues: how access points name themselves, which VLANs their units have, and what becomes of all when one goes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ..errors import AlreadyExists, InvalidValue, NotFound, Occupied
from ..model import Keypool, NasLabel, Unit, Venue
from ..model.rules.identifiers import check_venue_id
from ..model.rules.vlans import check_offset
from ..store import Store
from ..store.records.occupants import Occupant
from .units import Fate, count_of, end_occupants

_CONFIRMATION: Final = re.compile(r"DELETE-VENUE-[A-Z0-9]{4}")


def add_venue(store: Store, name: str, *, nas_identifiers: Sequence[str] = (), **fields: Any) -> Venue:
    """Return a new venue; of NAS-Identifiers that differ in case alone the first one counts."""
    _check(fields)
    return store.venues.add(name, nas_identifiers=_folded(nas_identifiers), **fields)


def change_venue(
    store: Store,
    venue_id: int,
    *,
    add_identifiers: Sequence[str] = (),
    remove_identifiers: Sequence[str] = (),
    **fields: Any,
) -> Venue:
    """Give a venue's fields other values. NAS-Identifiers are the same whatever the case of their letters."""
    _check(fields)
    with store.change("venue.set"):
        venue = store.venues.get(venue_id)
        gone = {identifier.lower() for identifier in remove_identifiers}
        for identifier in remove_identifiers:
            if identifier.lower() not in {each.lower() for each in venue.nas_identifiers}:
                known = ", ".join(venue.nas_identifiers) or "none"
                raise NotFound(f"venue {venue.name!r} has no NAS-Identifier {identifier!r} (it has {known})")
        kept = [each for each in venue.nas_identifiers if each.lower() not in gone]
        changed = replace(venue, nas_identifiers=_folded([*kept, *add_identifiers]), **fields)
        if changed.wireless_only_vlan_offset != venue.wireless_only_vlan_offset:
            check_offset(store.units.vlans(venue_id), changed.wireless_only_vlan_offset)
        store.venues.save(changed)
        return changed


def _check(fields: Mapping[str, Any]) -> None:
    if fields.get("platform_id") is not None:
        check_venue_id(fields["platform_id"])


def _folded(identifiers: Sequence[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for identifier in identifiers:
        first.setdefault(identifier.lower(), identifier)
    return tuple(first.values())


@dataclass(frozen=True, slots=True)
class Contents:
    """What is at a venue."""

    units: tuple[Unit, ...]
    keys: list[Occupant]  # that may be used there, now or later
    keypools: tuple[Keypool, ...]  # local ones
    nases: tuple[NasLabel, ...]

    def __str__(self) -> str:
        said = []
        if self.units:
            said.append(count_of(len(self.units), "unit"))
        if keys := [key for key in self.keys if not key.is_former]:
            of = {key.keypool_id for key in keys}
            pools = _names(str(pool.ssid) for pool in self.keypools if pool.id in of)
            said.append(count_of(len(keys), "key") + (f" ({pools})" if pools else ""))
        if self.nases:
            said.append(f"{count_of(len(self.nases), 'NAS')} ({_names(nas.name for nas in self.nases)})")
        return ", ".join(said)


def _names(names: Any) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")


def contents(store: Store, venue_id: int, now: datetime) -> Contents:
    """Return what keeps a venue from being taken away."""
    units = store.units.all(venue_id)
    here = {unit.id for unit in units}
    pools = tuple(pool for pool in store.keypools.all(lambda *_: None) if venue_id in pool.venue_ids)
    keys = {key.id: key for key in store.occupants.of_units(here)} | {
        key.id: key
        for key in store.occupants.of_keypools(pool.id for pool in pools)
        if key.unit_id is None or key.unit_id in here
    }
    live = [key for key in keys.values() if key.is_live(now)]
    return Contents(units, live, pools, store.nases.at(venue_id))


def remove_venue(
    store: Store,
    venue_id: int,
    *,
    now: datetime,
    fate: Fate | None = None,
    to: int | None = None,
    confirmation: str | None = None,
) -> Contents:
    """Take a venue away; return what was there. Occupied where that is anything and no fate is said.

    END: keys that are valid only there end now, its units and NASes go. MOVE: all of that goes to another venue.
    confirmation: DELETE-VENUE- and four of A-Z and 0-9, as VAULT has it; nobody gives them out, so the form counts
    """
    now = now.replace(microsecond=0)
    with store.change("venue.remove") as change:
        venue = store.venues.get(venue_id)
        change.subject("venue", venue.id, venue.name)
        there = contents(store, venue_id, now)
        expected = "--confirm DELETE-VENUE- and four of A-Z and 0-9, such as DELETE-VENUE-0000"
        if confirmation is not None and _CONFIRMATION.fullmatch(confirmation) is None:
            raise InvalidValue(f"venue {venue.name!r}: {confirmation[:60]!r} confirms nothing: say {expected}")
        if str(there):
            if fate is None:
                raise Occupied(
                    f"venue {venue.name!r} has {there}: say --occupied=end, and those keys end now and the rest"
                    f" goes, or --occupied=move --to VENUE; and {expected}"
                )
            if confirmation is None:
                raise Occupied(f"venue {venue.name!r} has {there}: say {expected}")
        if fate is Fate.MOVE:
            if to is None or to == venue_id:
                raise InvalidValue(f"venue {venue.name!r}: say with --to VENUE which other venue they move to")
            _move(store, venue, store.venues.get(to), there)
        else:
            _end(store, venue, there, now)
        store.venues.remove(venue_id)
        return there


def _end(store: Store, venue: Venue, there: Contents, now: datetime) -> None:
    for unit in there.units:
        end_occupants(store, unit, now)
        store.units.remove(unit.id)
    only_here = {pool.id for pool in there.keypools if pool.venue_ids == (venue.id,)}
    for key in there.keys:
        if key.unit_id is None and key.keypool_id in only_here:
            store.occupants.end(key, now, "its venue was removed")
    for pool in there.keypools:
        store.keypools.disconnect_venue(pool.id, venue.id)
    for nas in there.nases:
        store.nases.remove(nas.id)
    store.occupants.put("card_batches", "venue_id", venue.id, None)


def _move(store: Store, venue: Venue, to: Venue, there: Contents) -> None:
    taken = store.units.vlans(to.id)
    for unit in there.units:
        if unit.vlan is not None and unit.vlan in taken:
            raise AlreadyExists(
                f"unit {unit.name!r} of {venue.name} has VLAN {unit.vlan}, which is that of unit"
                f" {taken[unit.vlan]!r} at {to.name}: give one of them another"
            )
        store.units.save(replace(unit, venue_id=to.id))
    check_offset(store.units.vlans(to.id), to.wireless_only_vlan_offset)
    for pool in there.keypools:
        if to.id not in pool.venue_ids:
            store.keypools.attach_venue(pool.id, to.id)
        store.keypools.disconnect_venue(pool.id, venue.id)
    store.occupants.put("nases", "venue_id", venue.id, to.id)
    store.occupants.put("card_batches", "venue_id", venue.id, to.id)
    identifiers = venue.nas_identifiers
    store.venues.save(replace(venue, nas_identifiers=()))
    store.venues.save(replace(to, nas_identifiers=_folded([*to.nas_identifiers, *identifiers])))
