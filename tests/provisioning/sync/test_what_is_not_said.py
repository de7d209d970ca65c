"""What a platform does not say stays as it is stored."""

from datetime import UTC, datetime

import pytest

from provisioning.sync import Holdings, Limits, Reading, SaidUnit, SaidVenue, reconcile
from provisioning.sync.holdings import HeldUnit, HeldVenue

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def steps(*said):
    """Return what would change of a venue and a unit whose names and places people have given."""
    venue = HeldVenue(
        record=1, id="F1", name="Sunset Storage", time_zone=None, nas_identifiers=(), wireless_only_vlan_offset=0
    )
    unit = HeldUnit(record=1, id="F1/u1", venue="F1", name="A1", building="North", floor="2", vlan=112)
    holdings = Holdings(connector="hudson", is_first=False, venues={"F1": venue}, units={"F1/u1": unit})
    reading = Reading("hudson", "storedge", AT)
    for each in said:
        reading.say(each)
    plan = reconcile(reading, holdings, Limits(), "hudson-1")
    return [(step.kind.value, [(field.name, field.after) for field in step.fields]) for step in plan.steps]


def test_a_venue_whose_platform_has_no_name_for_it_keeps_the_one_that_people_gave():
    assert steps(SaidVenue(id="F1", name="F1")) == []
    assert steps(SaidVenue(id="F1", name="Dawn Storage")) == [("venue", [("name", "Dawn Storage")])]


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ({}, []),
        ({"building": "South"}, [("building", "South")]),
        ({"floor": "3", "vlan": 113}, [("floor", "3"), ("VLAN", "113")]),
    ],
)
def test_a_units_building_floor_and_vlan_stay_where_they_are_not_said(said, changes):
    venue = SaidVenue(id="F1", name="F1")
    found = steps(venue, SaidUnit(id="F1/u1", venue="F1", name="A1", **said))
    assert found == ([("unit", changes)] if changes else [])
