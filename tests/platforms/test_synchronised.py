"""Platforms, connectors, reconciler, store and server together: who gets in is asked of a running server."""

import random
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from pcaps.platforms.building import Building
from provisioning.runner.run import Outcome
from provisioning.sync import Limits
from tests.platforms.doors import Clock, Doors
from tests.platforms.properties import PROPERTIES, Property, keys_of, synchronise
from tests.platforms.year import EVENTS, year

NEW_YEAR = datetime(2026, 1, 1, 15, tzinfo=UTC)
FAULTS = {
    "html": {},
    "rate_limited": {"value": "3600", "times": 10_000},  # for an hour and longer
    "unavailable": {"times": 3},
    "token_expired": {},
    "half_character": {"times": 5},
    "cut_short": {"times": 5},
    "reset": {"times": 5},
    "empty": {},
    "page_dropped": {},
    "shrinking_total": {},
    "duplicate": {},
    "wrong_type": {},
}


@pytest.fixture(params=PROPERTIES, ids=str)
def prop(request) -> Property:
    return request.param


def living(prop: Property, server, building: Building, at: datetime) -> dict[str, int | None]:
    """Return the keys of those who should get in, and their unit's VLAN."""
    tenancies = (building.tenancies[id_] for id_ in building.living(at))
    return {prop.key_id(server, building, each): building.units[each.unit].vlan for each in tenancies}


def who(
    prop: Property, doors: Doors, expected: dict[str, int | None], tried: set[str] | None = None
) -> dict[str, int | None]:
    """Return who gets in, and on which VLAN where the platform knows any, once the server has followed.

    tried: whose keys are tried; None: of everybody whom there ever was
    """
    keys = keys_of(doors, tried)
    deadline = time.monotonic() + 10
    while True:
        found = doors.who_gets_in(keys)
        if not prop.says_vlans:  # then whatever is said of them is as expected
            found = {id_: expected.get(id_) for id_ in found}
        if found == expected or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


class Watch:
    """Whose doors are worth a try: of those for whom something changed, or does these days, and of some others."""

    def __init__(self, prop: Property, server, building: Building) -> None:
        self._prop, self._server, self._building = prop, server, building
        self._seen: dict[str, object] = {}
        self._chance = random.Random(1)

    def choose(self, at: datetime, others: int) -> set[str]:
        tenancies = self._building.tenancies.values()
        near = timedelta(hours=36)
        chosen = []
        for each in tenancies:
            edges = (each.starts, each.ends, *(edge for span in each.suspended for edge in span))
            state = (each, self._building.units[each.unit])
            if self._seen.get(each.id) != state or any(edge and abs(edge - at) < near for edge in edges):
                chosen.append(each)
            self._seen[each.id] = state
        chosen += self._chance.sample(list(tenancies), min(others, len(tenancies)))
        return {self._prop.key_id(self._server, self._building, each) for each in chosen}


def live_through(prop: Property, folder, monkeypatch, units: int, first: date, days: int) -> None:
    """Synchronise once for each instant of a time; try the keys of a hundred and whoever it may concern each time."""
    building = Building.make(units, seed=3)
    clock = Clock(NEW_YEAR)
    doors = Doors(folder, clock)
    with doors.open(monkeypatch), prop.serving([building], clock) as server:
        watch = Watch(prop, server, building)
        for number, (at, happened) in enumerate(year(building, 7, first=first, days=days, kinds=prop.kinds)):
            clock.now = at
            report = synchronise(doors, prop.configured(server, [building]))
            assert report.outcome is Outcome.DONE, (at, happened, report.text)
            tried = watch.choose(at, 100)
            expected = living(prop, server, building, at)
            if number % 30:  # else everybody
                expected = {id_: vlan for id_, vlan in expected.items() if id_ in tried}
            found = who(prop, doors, expected, tried if number % 30 else None)
            assert found == expected, (at, happened)


def test_the_weeks_around_a_clock_change_in_a_small_building(prop, tmp_path, monkeypatch):
    live_through(prop, tmp_path, monkeypatch, 40, date(2026, 3, 1), 14)


@pytest.mark.year
def test_a_year_of_a_thousand_units(prop, tmp_path, monkeypatch):
    live_through(prop, tmp_path, monkeypatch, 1000, date(2026, 1, 2), 365)


@pytest.mark.parametrize("seed", range(3))
def test_no_fault_stops_a_living_tenant_or_lets_an_ended_one_back_in(prop, seed, tmp_path, monkeypatch):
    chance = random.Random(seed)
    building = Building.make(60, seed=seed)
    clock = Clock(NEW_YEAR)
    doors = Doors(tmp_path, clock)
    with doors.open(monkeypatch), prop.serving([building], clock) as server:
        synchronise(doors, prop.configured(server, [building]))
        expected = living(prop, server, building, NEW_YEAR)
        opened = who(prop, doors, expected)
        inside = set(opened)
        assert opened == expected
        outside: set[str] = set()
        kinds = [kind for kind in prop.kinds if kind in EVENTS]
        for at, happened in year(building, seed, first=date(2026, 1, 2), days=12, kinds=kinds):
            clock.now = at
            kind = chance.choice(sorted(FAULTS))
            server.faults.add(kind, **FAULTS[kind], skip=chance.randrange(4))
            report = synchronise(doors, prop.configured(server, [building], Limits()), accept=False)
            assert report.outcome in (Outcome.DONE, Outcome.PARTIAL, Outcome.FAILED, Outcome.HELD)
            server.faults.clear()
            expected = living(prop, server, building, at)
            found = set(doors.who_gets_in(keys_of(doors)))
            assert not (inside & set(expected)) - found, (at, kind, happened, "somebody stopped")
            assert not found & (outside - set(expected)), (at, kind, happened, "somebody is back")
            outside = (outside | (inside - found)) - set(expected)
            inside = found
            clock.now = at + timedelta(hours=2)
            doors.store.sync.let_go("property")
            report = synchronise(doors, prop.configured(server, [building]))
            assert report.outcome is Outcome.DONE, (at, kind, report.text)
            expected = living(prop, server, building, clock.now)
            opened = who(prop, doors, expected)
            assert opened == expected, (at, kind, happened)
            outside = (outside | (inside - set(opened))) - set(expected)
            inside = set(opened)
