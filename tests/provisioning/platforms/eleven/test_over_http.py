"""The connector against a real server that answers as Eleven does, and one that goes wrong."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pcaps.platforms.building import Building
from provisioning.platforms import PLATFORMS, Known, PlatformError
from provisioning.sync import Kind, Reading, SaidKey, SaidPool, SaidUnit, Standing
from tests.platforms.eleven import TOKEN, Eleven
from tests.provisioning.platforms.drive import drive_http, make_settings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def building():
    return Building.make(units=60, seed=3, at=NOW, passphrases=True)


def platform(building, clock=NOW, **options):
    return Eleven([building], clock=lambda: clock, **options)


def read(server, *, known=(), at=NOW, **settings):
    reading = Reading("hudson", "eleven", at)
    settings = make_settings("eleven", **{"url": server.url, "token": TOKEN, **settings})
    drive_http(PLATFORMS["eleven"](settings).read(reading, Known(keys=frozenset(known))), server.url)
    return reading


def gets_in(reading, at):
    """Return the tenancies whose key works at an instant."""
    return {
        key.id.removeprefix("S1/")
        for key in reading.all(SaidKey)
        if key.standing is Standing.ACTIVE and key.starts <= at and (key.ends is None or at < key.ends)
    }


SHAPES = [
    {},
    {"nested": False},
    {"spelled": str.lower},
    {"nested": False, "spelled": str.upper},
    {"offset": True},
    {"open_end": None},
]


@pytest.mark.parametrize("options", SHAPES)
def test_exactly_those_who_live_there_get_in_however_it_is_written(building, options):
    with platform(building, **options) as server:
        reading = read(server)
    assert reading.is_whole
    for days in (0, 30, 100, 400):
        at = NOW + timedelta(days)
        assert gets_in(reading, at) == building.living(at)
    assert reading.count(Kind.UNIT) == 60
    assert not [fault for fault in reading.faults if fault.is_unreadable]


def test_a_site_of_each_type(building):
    with platform(building, site_type="PPK-D") as server:
        assert len(list(read(server).all(SaidPool))) == 60
    with platform(building, site_type="MDU SSO") as server:
        reading = read(server)
        assert not reading.count(Kind.KEY)
        assert not list(reading.all(SaidUnit))
    with platform(building, site_type="MDU") as server:
        given = {key.id.removeprefix("S1/"): key.passphrase for key in read(server).all(SaidKey)}
    said = {id_: building.tenancies[id_].passphrase.encode() for id_ in building.living(NOW)}
    assert {id_: given[id_] for id_ in said} == said


def test_days_on_which_clocks_change(building):
    unit = next(unit for unit in building.units if not building.in_unit(unit))
    first = building.move_in(unit, building.newcomer(), date(2026, 3, 8), date(2026, 11, 1))
    with platform(building) as server:
        key = next(key for key in read(server).all(SaidKey) if key.id == f"S1/{first.id}")
    assert key.starts == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert key.ends == datetime(2026, 11, 2, 5, tzinfo=UTC)


LISTS = "/(resident|mappings)$"
WIRE = ["html", "half_character", "cut_short", "reset", "echo", "rate_limited", "unavailable"]


@pytest.mark.parametrize("kind", WIRE)
@pytest.mark.parametrize("path", ["/resident$", "/mappings$", "/site$", "/team$"])
def test_an_answer_that_is_none_never_looks_like_a_short_list(building, kind, path):
    known = {f"S1/{id_}" for id_ in building.living(NOW)}
    with platform(building) as server:
        server.faults.add(kind, 4, path=path)
        with pytest.raises(PlatformError) as caught:
            read(server, known=known)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("kind", ["empty", "page_dropped", "shrinking_total", "duplicate", "wrong_type"])
@pytest.mark.parametrize("path", ["/resident$", "/mappings$"])
def test_a_list_that_is_not_all_of_it_ends_nobody(building, kind, path):
    living = building.living(NOW)
    known = {f"S1/{tenancy}" for tenancy in building.tenancies}
    with platform(building) as server:
        server.faults.add(kind, path=path)
        reading = read(server, known=known)
        missing = {key for key in known if not reading.saw(Kind.KEY, key)}
        assert reading.is_doubtful("S1") or not missing
        assert gets_in(reading, NOW) <= living
        assert read(server, known=known).is_whole  # the next time


def test_a_token_that_expires_in_the_middle_is_renewed_once(building):
    with platform(building) as server:
        server.faults.add("token_expired", path="/resident$")
        reading = read(server)
        assert gets_in(reading, NOW) == building.living(NOW)
        with pytest.raises(PlatformError, match="HTTP 403"):
            read(server, token="another")
        assert all(request.method == "GET" for request in server.requests)
