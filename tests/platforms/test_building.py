"""The truth of the test platforms: who lives where, and a year of it."""

from datetime import UTC, date, datetime, time, timedelta

from pcaps.platforms.building import Building
from tests.platforms.year import EVENTS, OVERLAP, PAY, SUSPEND, clock_changes, year

NEW_YEAR = datetime(2026, 1, 1, 12, tzinfo=UTC)


def house(**options):
    return Building.make(units=4, occupied=0, **options)


def test_a_tenancy_lives_from_its_first_midnight_up_to_the_midnight_after_its_last_day():
    building = house()  # New York: five hours behind in winter, four in summer
    tenancy = building.move_in("S1-u0", building.newcomer(), date(2026, 3, 1), date(2026, 3, 31))
    assert (tenancy.starts, tenancy.ends) == (
        datetime(2026, 3, 1, 5, tzinfo=UTC),
        datetime(2026, 4, 1, 4, tzinfo=UTC),
    )
    assert not building.living(tenancy.starts - timedelta(seconds=1))
    assert building.living(tenancy.starts) == {tenancy.id}
    assert building.living(tenancy.ends - timedelta(seconds=1)) == {tenancy.id}
    assert not building.living(tenancy.ends)
    assert (building.first_day(tenancy), building.last_day(tenancy)) == (date(2026, 3, 1), date(2026, 3, 31))


def test_hours_of_moving_in_and_out_are_the_buildings():
    building = house(opens=time(6), closes=time(23, 59, 59))
    tenancy = building.move_in("S1-u0", building.newcomer(), date(2026, 1, 5), date(2026, 1, 6))
    assert tenancy.starts == datetime(2026, 1, 5, 11, tzinfo=UTC)
    assert tenancy.ends == datetime(2026, 1, 7, 4, 59, 59, tzinfo=UTC)
    assert building.last_day(tenancy) == date(2026, 1, 6)


def test_who_is_locked_out_lives_again_once_paid():
    building = house()
    tenancy = building.move_in("S1-u0", building.newcomer(), date(2026, 1, 1))
    building.suspend(tenancy.id, NEW_YEAR)
    assert not building.living(NEW_YEAR)
    building.pay(tenancy.id, NEW_YEAR + timedelta(hours=1))
    assert not building.living(NEW_YEAR + timedelta(minutes=59))
    assert building.living(NEW_YEAR + timedelta(hours=1)) == {tenancy.id}


def test_a_swap_keeps_the_tenancies_and_changes_their_units():
    building = house()
    one, other = (building.move_in(unit, building.newcomer(), date(2026, 1, 1)) for unit in ("S1-u0", "S1-u1"))
    version = building.version
    building.swap(one.id, other.id)
    assert (building.tenancies[one.id].unit, building.tenancies[other.id].unit) == ("S1-u1", "S1-u0")
    assert building.version > version
    assert building.living(NEW_YEAR) == {one.id, other.id}


def test_clocks_change_on_two_days_of_a_year():
    assert clock_changes("America/New_York", 2026) == [date(2026, 3, 8), date(2026, 11, 1)]
    assert clock_changes("Europe/Berlin", 2026) == [date(2026, 3, 29), date(2026, 10, 25)]
    assert clock_changes("UTC", 2026) == []


def test_a_year_holds_every_kind_of_event_and_both_nights_of_clock_changes():
    building = Building.make(units=1000, seed=3)
    seen = list(year(building, seed=3))
    instants = [instant for instant, _ in seen]
    assert instants == sorted(set(instants))
    assert len(instants) == 365 + 4 * 3
    told = "; ".join(what for _, what in seen)
    assert all(told.count(f"{kind} ") >= 10 for kind in EVENTS), {kind: told.count(kind) for kind in EVENTS}
    for day in (date(2026, 3, 8), date(2026, 11, 1)):
        midnight = building.at(day, time(0))
        assert any(tenancy.ends == midnight for tenancy in building.tenancies.values())
        assert any(tenancy.starts == midnight for tenancy in building.tenancies.values())


def test_a_year_is_the_same_for_the_same_seed_and_grows_no_mass_of_ends():
    first, second = (Building.make(units=300, seed=5) for _ in range(2))
    told = list(year(first, seed=5))
    assert told == list(year(second, seed=5))
    assert first.tenancies == second.tenancies
    building, before = Building.make(units=300, seed=5), None
    for instant, _ in year(building, seed=5):
        living = building.living(instant)
        if before is not None:
            assert len(before - living) <= 25  # a sync of every day meets no threshold
        before = living


def test_no_two_tenancies_share_a_unit_where_overlaps_are_left_out():
    building = Building.make(units=200, seed=7)
    kinds = set(EVENTS) - {OVERLAP, SUSPEND, PAY}
    for instant, _ in year(building, seed=7, kinds=kinds):
        units = [tenancy.unit for tenancy in building.tenancies.values() if tenancy.runs(instant)]
        assert len(units) == len(set(units))
    assert not any(tenancy.suspended for tenancy in building.tenancies.values())
