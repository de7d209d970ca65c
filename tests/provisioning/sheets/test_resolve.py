"""What a sheet's rows name."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from crypto import MacAddress, Ssid
from provisioning.model import Keypool, Passphrase, Scope, ServicePlan, Unit, Venue
from provisioning.sheets.resolve import NewUnit, Places, resolve_rows
from provisioning.sheets.sheet import SheetRow


def unit(id_, venue_id, name, building=None, floor=None):
    return Unit(id=id_, venue_id=venue_id, name=name, building=building, floor=floor, vlan=None)


def pool(id_, ssid, *venue_ids):
    scope = Scope.LOCAL if venue_ids else Scope.GLOBAL
    return Keypool(id=id_, ssid=Ssid(ssid.encode()), scope=scope, venue_ids=venue_ids)


PLACES = {
    "venues": [Venue(id=1, name="Hudson House", nas_identifiers=()), Venue(id=2, name="East Wing", nas_identifiers=())],
    "units": [
        unit(1, 1, "4B", "North", "4"),
        unit(2, 1, "4B", "South"),
        unit(3, 1, "5A"),
        unit(4, 2, "5A"),
        unit(5, 2, "a/b"),
    ],
    "keypools": [pool(1, "Home", 1), pool(2, "Home", 2), pool(3, "Staff"), pool(4, "Both", 1, 2)],
    "plans": [
        ServicePlan(id=1, name="Gold", download_kbps=None, upload_kbps=None, devices=None, wireless_only=False),
    ],
    "zones": {1: ZoneInfo("America/New_York"), 2: ZoneInfo("Europe/Berlin")},
}
PSK = Passphrase(b"sunny-Otter-41")


def resolve(*fields, create_units=False, **places):
    rows = [SheetRow(line=number, identity="Ann", passphrase=PSK, **each) for number, each in enumerate(fields, 2)]
    return resolve_rows(rows, Places(**(PLACES | places)), create_units=create_units)


def one(**fields):
    """Return the row of these fields at Hudson House, and why it is refused."""
    found = resolve(fields, pool="Home", venue="Hudson House")
    assert len(found.rows) + len(found.refusals) == 1
    return found.rows[0] if found.rows else found.refusals[0].reason


@pytest.mark.parametrize(
    ("fields", "keypool_id"),
    [
        ({}, 1),
        ({"venue": "East Wing"}, 2),
        ({"venue": "east wing"}, 2),
        ({"pool": "Staff"}, 3),
        ({"pool": "4"}, 4),
        ({"pool": "Both", "venue": "East Wing"}, 4),
    ],
)
def test_a_keypool_is_the_rows_else_the_commands(fields, keypool_id):
    assert one(**fields).keypool_id == keypool_id


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"venue": "sunny-Otter-41"}, "venue: there is none of that name"),
        ({"pool": "sunny-Otter-41"}, "pool: there is none of that SSID at the venue"),
        ({"plan": "sunny-Otter-41"}, "plan: there is none of that name"),
        ({"unit": "sunny-Otter-41"}, "unit: there is none of that name: --create-units makes it"),
        ({"unit": "4B"}, "unit: 2 have that name: name the building or floor, and the venue"),
        ({"unit": "4B", "building": "East"}, "unit: there is none of that name: --create-units makes it"),
        (
            {"starts": "2026-03-08T02:30:00"},
            "starts: '2026-03-08T02:30:00' does not exist in America/New_York: clocks go forward over it",
        ),
        (
            {"starts": "2026-03-08", "ends": "2026-03-01"},
            "the key would end (2026-03-02 04:59 UTC) before it starts (2026-03-08 05:00 UTC)",
        ),
    ],
)
def test_what_is_not_there_is_refused_by_field_without_the_cell(fields, reason):
    assert one(**fields) == reason


def test_several_keypools_are_not_guessed():
    assert resolve({}, pool="Home").refusals[0].reason == (
        "pool: 2 keypools may be meant: name the SSID, and the venue"
    )
    assert resolve({"venue": "East Wing"}, pool="Home").rows[0].keypool_id == 2


@pytest.mark.parametrize(
    ("fields", "unit_id"),
    [
        ({"unit": "4B", "building": "North"}, 1),
        ({"unit": "4b", "building": "south"}, 2),
        ({"unit": "South/4B"}, 2),
        ({"unit": "5A"}, 3),
        ({"unit": "5A", "venue": "East Wing"}, 4),
        ({"unit": "a/b", "venue": "East Wing"}, 5),
        ({"unit": "5A", "pool": "Staff", "venue": "East Wing"}, 4),
    ],
)
def test_a_unit_is_found_by_name_building_and_venue(fields, unit_id):
    assert one(**fields).unit == unit_id


def test_dates_are_of_the_venue_and_whole_days():
    row = one(starts="2026-12-01", ends="2026-12-31")
    assert (row.starts, row.ends) == (
        datetime(2026, 12, 1, 5, tzinfo=UTC),
        datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC),
    )
    row = one(ends="2026-12-31T18:00:00", venue="East Wing")
    assert row.ends == datetime(2026, 12, 31, 17, tzinfo=UTC)
    assert resolve({"ends": "2026-12-31"}, pool="Staff").rows[0].ends == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert one(ends="2026-12-31T18:00:00+05:00").ends == datetime(2026, 12, 31, 13, tzinfo=UTC)


def test_units_that_are_not_there_are_made_where_that_is_said():
    found = resolve(
        {"unit": "9A", "floor": "9"},
        {"unit": "9a"},
        {"unit": "9A", "building": "North"},
        {"unit": "5A"},
        {"unit": "9A", "venue": "East Wing"},
        pool="Home",
        venue="Hudson House",
        create_units=True,
    )
    first, north, east = NewUnit(1, "9A", None, "9"), NewUnit(1, "9A", "North", None), NewUnit(2, "9A", None, None)
    assert [row.unit for row in found.rows] == [first, first, north, 3, east]
    assert found.new_units == (first, north, east)
    refusal = resolve({"unit": "9A"}, pool="Both", create_units=True).refusals[0]
    assert refusal.reason == "unit: there is none of that name, and no venue is named to make it at"


def test_one_name_on_two_floors_is_two_units():
    places = {"units": [unit(1, 1, "A", "North", "1"), unit(2, 1, "A", "North", "2"), unit(3, 1, "B")]}
    rows = [{"unit": "A", "floor": "2"}, {"unit": "A"}, {"unit": "A", "floor": "3"}, {"unit": "B", "floor": "3"}]
    found = resolve(*rows, pool="Home", venue="Hudson House", create_units=True, **places)
    assert [row.unit for row in found.rows] == [2, NewUnit(1, "A", None, "3"), 3]
    assert [str(each) for each in found.refusals] == [
        "line 3: unit: 2 have that name: name the building or floor, and the venue"
    ]


def test_a_vlan_must_be_one_with_the_venues_offset_too():
    places = {
        "venues": [Venue(id=1, name="Hudson House", nas_identifiers=(), wireless_only_vlan_offset=2000)],
        "plans": [
            ServicePlan(id=1, name="Air", download_kbps=None, upload_kbps=None, devices=None, wireless_only=True),
        ],
    }
    rows = [{"plan": "Air", "vlan": 2094}, {"plan": "Air", "vlan": 2095}]
    found = resolve(*rows, pool="Home", venue="Hudson House", **places)
    assert [str(each) for each in found.refusals] == [
        "line 3: vlan: more than 4094 with the venue's offset for wireless-only plans"
    ]


def test_one_address_is_of_one_row_of_a_keypool():
    mac = MacAddress.parse("02:00:00:00:01:00")
    found = resolve(
        {"macs": (mac,)}, {"macs": (mac,)}, {"macs": (mac,), "pool": "Staff"}, pool="Home", venue="East Wing"
    )
    assert [str(refusal) for refusal in found.refusals] == ["line 3: same MAC address as line 2"]
    assert [row.line for row in found.rows] == [2, 4]
