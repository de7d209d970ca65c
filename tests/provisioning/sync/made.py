"""A property as plain values: what its platform says, and what the store has when that was carried out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from provisioning.sync import (
    HeldKey,
    HeldPool,
    HeldState,
    HeldSubscriber,
    HeldUnit,
    HeldVenue,
    Holdings,
    Kind,
    Limits,
    Reading,
    SaidKey,
    SaidPool,
    SaidSubscriber,
    SaidUnit,
    SaidVenue,
    Standing,
    reconcile,
)

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOVED_IN, MOVED_OUT = AT - 300 * DAY, AT + 65 * DAY


def said_key(number, venue="S1", **fields):
    return SaidKey(
        **{
            "id": f"{venue}/R{number}",
            "venue": venue,
            "pool": f"{venue}/Hudson",
            "unit": f"{venue}/U{number}",
            "subscriber": f"{venue}/P{number}",
            "starts": MOVED_IN,
            "ends": MOVED_OUT,
            **fields,
        }
    )


def said_places(venue="S1", units=20):
    yield SaidVenue(id=venue, name=f"House {venue}", time_zone="America/New_York")
    yield SaidPool(id=f"{venue}/Hudson", ssid=f"Hudson {venue}", venues=(venue,))
    for number in range(units):
        yield SaidUnit(id=f"{venue}/U{number}", venue=venue, name=f"{number}", vlan=100 + number)
        yield SaidSubscriber(id=f"{venue}/P{number}", venue=venue, name=f"Person {number}")


def reading(*keys, at=AT, venues=("S1",), units=20, complete=True):
    """Return a reading of these venues with these keys, all of it read completely or none."""
    made = Reading("hudson", "eleven", at)
    for venue in venues:
        for each in said_places(venue, units):
            made.say(each)
        if complete:
            made.complete(venue, (Kind.UNIT, Kind.KEY))
    for key in keys:
        made.say(key)
    return made


def everybody(units=20, venue="S1", **fields):
    return [said_key(number, venue, **fields) for number in range(units)]


def held_key(number, venue="S1", **fields):
    return HeldKey(
        **{
            "record": 1000 + number,
            "id": f"{venue}/R{number}",
            "venue": venue,
            "pool": f"{venue}/Hudson",
            "unit": f"{venue}/U{number}",
            "subscriber": f"{venue}/P{number}",
            "plan": None,
            "vlan": None,
            "starts": MOVED_IN,
            "ends": MOVED_OUT,
            "state": HeldState.ACTIVE,
            "label": f"Person {number}",
            **fields,
        }
    )


def holdings(*keys, venues=("S1",), units=20, is_first=False, **more):
    """Return what the store has of these venues, with these keys instead of those that `reading` makes of everybody."""
    named = {key.id: key for key in keys}
    made = {}
    for venue in venues:
        made |= {f"{venue}/R{number}": held_key(number, venue) for number in range(units)}
    return Holdings(
        connector="hudson",
        is_first=is_first,
        venues={
            venue: HeldVenue(
                record=place,
                id=venue,
                name=f"House {venue}",
                time_zone="America/New_York",
                nas_identifiers=(),
                wireless_only_vlan_offset=0,
            )
            for place, venue in enumerate(venues, 1)
        },
        pools={
            f"{venue}/Hudson": HeldPool(
                record=place, id=f"{venue}/Hudson", ssid=f"Hudson {venue}", venues=(venue,), is_global=False
            )
            for place, venue in enumerate(venues, 1)
        },
        units={
            f"{venue}/U{number}": HeldUnit(
                record=number + 1,
                id=f"{venue}/U{number}",
                venue=venue,
                name=f"{number}",
                building=None,
                floor=None,
                vlan=100 + number,
            )
            for venue in venues
            for number in range(units)
        },
        subscribers={
            f"{venue}/P{number}": HeldSubscriber(
                record=number + 1, id=f"{venue}/P{number}", name=f"Person {number}", external_id=None
            )
            for venue in venues
            for number in range(units)
        },
        keys=made | named,
        **more,
    )


def planned(read, have=None, limits=None):
    return reconcile(read, holdings() if have is None else have, limits or Limits(), "hudson-1")


def ended(key, reason=None):
    return replace(key, standing=Standing.ENDED, reason=reason)


def suspended(key, reason="delinquent"):
    return replace(key, standing=Standing.SUSPENDED, reason=reason)


def told(plan):
    """Return a plan's steps, short: what is done to which key."""
    return [(step.action.value, step.id) for step in plan.steps]
