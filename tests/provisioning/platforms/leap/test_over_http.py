"""The connector against a real server that answers as LEAP does, and one that goes wrong."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pcaps.platforms.building import Building
from provisioning.platforms import PLATFORMS, Known, PlatformError, StoredKey, UnitPlace
from provisioning.sync import WHOLE, Kind, Reading, SaidKey
from tests.platforms.leap import PASSWORD, USERNAME, Leap
from tests.provisioning.platforms.drive import drive_http, make_settings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def building():
    return Building.make(units=150, seed=4, at=NOW, time_zone="Australia/Melbourne")


@pytest.fixture
def server(building):
    with Leap([building], clock=lambda: NOW) as running:
        yield running


def make(server, **settings):
    building = next(iter(server.buildings.values()))
    units = {
        unit.id: UnitPlace(unit=unit.name, building=unit.building, floor=unit.floor, vlan=unit.vlan)
        for unit in building.units.values()
    }
    settings = {"username": USERNAME, "password": PASSWORD, "url": server.url, "units": units} | settings
    settings = {"ssid": building.ssid, "timezone": building.time_zone, "sites": (building.venue_id,)} | settings
    return PLATFORMS["leap"](make_settings("leap", **settings))


def read(server, connector=None, known=()):
    reading = Reading("harbour", "leap", NOW)
    records = {id_: number for number, id_ in enumerate(known, 1)}
    has = Known(keys=frozenset(known), records_of_keys=records)
    drive_http((connector or make(server)).read(reading, has), server.url)
    return reading


def reading_ids(reading):
    return {key.id for key in reading.all(SaidKey)}


def gets_in(server, reading, at):
    """Return the identifiers whose key works at an instant."""
    return {key.id for key in reading.all(SaidKey) if key.starts <= at and (key.ends is None or at < key.ends)}


def living(server, building, at):
    return {server.identifier(tenancy) for tenancy in building.living(at)}


@pytest.mark.parametrize("end_as_attribute", [False, True])
def test_exactly_those_who_live_there_get_in(building, end_as_attribute):
    unit = next(unit for unit in building.units if not building.in_unit(unit))
    building.move_in(unit, building.newcomer(), date(2026, 4, 5), date(2026, 10, 4))  # the days clocks change
    with Leap([building], clock=lambda: NOW, end_as_attribute=end_as_attribute) as server:
        reading = read(server)
        assert reading.is_whole
        change = building.first_instant(date(2026, 4, 5)), building.end_instant(date(2026, 10, 4))
        second = timedelta(seconds=1)
        for at in (NOW, NOW + timedelta(60), NOW + timedelta(400), *change, *(at - second for at in change)):
            assert gets_in(server, reading, at) == living(server, building, at)
        assert not reading.faults


def test_what_is_stored_is_acknowledged_and_only_what_changes_is_flagged_again(building, server):
    connector = make(server)
    reading = read(server, connector)
    assert server.unacknowledged()
    assert drive_http(connector.acknowledge(reading, reading_ids(reading)), server.url) == []
    assert not server.unacknowledged()
    tenancy = next(iter(building.living(NOW)))
    building.move_out(tenancy, date(2026, 1, 20))
    assert server.unacknowledged() == {server.identifier(tenancy)}
    again = read(server, connector)
    assert drive_http(connector.acknowledge(again, reading_ids(again)), server.url) == []
    assert not server.unacknowledged()


def test_our_reference_is_set_and_one_that_is_taken_is_told(building, server):
    connector = make(server, write_back=True)
    reading = read(server, connector)
    one, other = sorted(key.id for key in reading.all(SaidKey))[:2]

    def key(id_, record):
        return StoredKey(id=id_, record=record, subscriber=None, passphrase=b"geheim-geheim", is_made=True)

    assert drive_http(connector.write_back([key(one, 1)]), server.url) == []
    assert server.external_reference(one) == "latchkey-1"
    told = drive_http(connector.write_back([key(other, 1)]), server.url)
    assert told == [
        f"external reference latchkey-1 of relationship {other} is another's already: LEAP's identifier stays the key's"
    ]
    assert next(each for each in read(server).all(SaidKey) if each.id == one).external_id == "latchkey-1"


@pytest.mark.parametrize(
    "kind", ["html", "cut_short", "reset", "echo", "rate_limited", "unavailable", "doctype", "laughs"]
)
def test_an_answer_that_is_none_never_looks_like_a_short_list(building, server, kind):
    server.faults.add(kind, 4)
    with pytest.raises(PlatformError) as caught:
        read(server)
    assert PASSWORD not in str(caught.value)
    server.faults.clear()
    server.faults.add(kind, 4, path="offset=100")
    reading = read(server, known=living(server, building, NOW))
    assert reading.is_doubtful(WHOLE)
    assert gets_in(server, reading, NOW) < living(server, building, NOW)


@pytest.mark.parametrize("kind", ["empty", "page_dropped", "shrinking_total", "duplicate", "wrong_type"])
@pytest.mark.parametrize("path", ["offset=0", "offset=100"])
def test_a_list_that_is_wrong_once_is_read_again(building, server, kind, path):
    server.faults.add(kind, path=path)
    reading = read(server)
    assert gets_in(server, reading, NOW) == living(server, building, NOW)
    assert reading.is_whole


@pytest.mark.parametrize("kind", ["empty", "page_dropped", "duplicate", "wrong_type"])
def test_a_list_that_stays_wrong_ends_nobody(building, server, kind):
    server.faults.add(kind, 10, path="offset=100")
    known = living(server, building, NOW)
    reading = read(server, known=known)
    assert reading.is_doubtful(WHOLE)
    assert gets_in(server, reading, NOW) <= known
    assert not any(reading.is_complete(venue, Kind.KEY) for venue in ("S1", WHOLE))
