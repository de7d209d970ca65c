"""Whole runs of Eleven's and LEAP's connectors, into a store: who can get in by what is stored afterwards."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pcaps.platforms.building import Building
from provisioning.model import KeyStatus
from provisioning.platforms import PLATFORMS, UnitPlace
from provisioning.runner.run import Configured, Outcome, Run
from provisioning.sync import Limits
from tests.platforms.eleven import TOKEN, Eleven
from tests.platforms.leap import PASSWORD, USERNAME, Leap
from tests.provisioning.platforms.drive import drive_http, make_settings

START = datetime(2026, 1, 10, 12, tzinfo=UTC)


class Property:
    """A building, its platform and a store that follows it, on a clock that the test sets."""

    def __init__(self, store, platform, options):
        self.now = START
        self.trouble = None  # told what to do with the reading when all is said
        self.store, self.platform = store, platform
        self.building = Building.make(units=40, seed=5, at=START, time_zone="America/New_York")
        kind = {"eleven": Eleven, "leap": Leap}[platform]
        self.server = kind([self.building], clock=lambda: self.now, **options)

    def settings(self):
        building = self.building
        settings = {"url": self.server.url, "timezone": building.time_zone, "sites": (building.venue_id,)}
        if self.platform == "eleven":
            return make_settings("eleven", token=TOKEN, **settings)
        units = {u.id: UnitPlace(unit=u.name, building=u.building, floor=u.floor) for u in building.units.values()}
        secrets = {"username": USERNAME, "password": PASSWORD}
        return make_settings("leap", **settings, **secrets, ssid=building.ssid, units=units, write_back=True)

    def run(self, accept=None):
        settings = self.settings()
        connector = PLATFORMS[self.platform](settings)
        if self.trouble is not None:
            connector.read = self._troubled(connector.read)
        configured = Configured(settings=settings, connector=connector, limits=Limits(), venues={})
        run = Run(self.store, configured, lambda ex: drive_http(ex, self.server.url), now=lambda: self.now)
        return run.run() if accept is None else run.accept(accept)

    def _troubled(self, read):
        def reads(reading, known):
            yield from read(reading, known)
            self.trouble(reading)

        return reads

    def sync(self):
        """Synchronise, a person accepting what is held."""
        report = self.run()
        if report.outcome is Outcome.HELD:
            report = self.accept(report)
        assert report.outcome is Outcome.DONE, report
        return report

    def accept(self, report):
        return self.run(int(report.plan.id.rpartition("-")[2]))

    def key_of(self, tenancy):
        return f"{self.building.venue_id}/{tenancy}" if self.platform == "eleven" else self.server.identifier(tenancy)

    def gets_in(self):
        """Return the ids of the keys that may be used now."""
        held = self.store.sync.holdings(self.platform).keys.values()
        return {
            key.id
            for key in held
            if key.state.value == "active"
            and (key.starts is None or key.starts <= self.now)
            and (key.ends is None or self.now < key.ends)
        }

    def should(self):
        return {self.key_of(tenancy) for tenancy in self.building.living(self.now)}


@pytest.fixture(params=["eleven", "leap"])
def place(request, store):
    prop = Property(store, request.param, {})
    with prop.server:
        yield prop


def test_exactly_those_who_live_there_get_in_as_people_come_and_go(place):
    place.sync()
    assert place.gets_in() == place.should()
    today = date(2026, 1, 10)
    for day in range(1, 12):
        place.now = START + timedelta(days=day)
        today = date(2026, 1, 10) + timedelta(days=day)
        staying = sorted(t for t in place.building.living(place.now) if place.building.tenancies[t].ends is None)
        leaving = place.building.move_out(staying[day], today)
        place.building.move_in(leaving.unit, place.building.newcomer(), today + timedelta(days=1))
        place.sync()
        assert place.gets_in() == place.should(), day
        place.now += timedelta(hours=20)  # the next day, without a run
        assert place.gets_in() == place.should(), day


def test_a_run_without_changes_changes_nothing(place):
    place.sync()
    place.now += timedelta(minutes=5)
    report = place.run()
    assert report.outcome is Outcome.DONE
    assert not report.plan.steps
    assert not report.faults


@pytest.mark.parametrize("place", ["leap"], indirect=True)
def test_leap_hears_what_is_stored_and_gets_our_references(place):
    held = place.run()
    assert held.outcome is Outcome.HELD
    assert place.server.unacknowledged()  # nothing is stored yet
    assert place.accept(held).outcome is Outcome.DONE  # as another process does, so that the next run tells LEAP
    place.now += timedelta(minutes=5)
    assert place.run().outcome is Outcome.DONE
    assert not place.server.unacknowledged()
    records = place.store.sync.holdings("leap").keys
    assert records
    assert {key.record: place.server.external_reference(id_) for id_, key in records.items()} == {
        key.record: f"latchkey-{key.record}" for key in records.values()
    }
    tenancy = min(place.building.living(place.now))
    place.building.move_out(tenancy, date(2026, 1, 20))
    assert place.server.unacknowledged() == {place.key_of(tenancy)}
    place.now += timedelta(minutes=5)
    assert place.run().outcome is Outcome.DONE
    assert not place.server.unacknowledged()


@pytest.mark.parametrize("place", ["leap"], indirect=True)
def test_leap_an_end_that_waits_is_not_acknowledged(place):
    place.sync(), place.sync()
    left = min(place.building.living(place.now))
    place.building.move_out(left, date(2026, 1, 9))
    place.trouble = lambda reading: reading.partial(place.building.venue_id, "page 2 is HTML")
    assert place.run().outcome is Outcome.PARTIAL
    assert place.key_of(left) in place.gets_in()
    assert place.server.unacknowledged() == {place.key_of(left)}
    place.trouble = None
    assert place.run().outcome is Outcome.DONE
    assert place.key_of(left) not in place.gets_in()
    assert not place.server.unacknowledged()


@pytest.mark.parametrize("place", ["leap"], indirect=True)
def test_leap_an_end_counts_though_another_relationship_is_not_listed_any_more(place):
    place.sync(), place.sync()
    gone, left, *_ = sorted(place.building.living(place.now))
    record = place.store.sync.holdings("leap").keys[place.key_of(gone)].record
    del place.building.tenancies[gone]
    place.building.move_out(left, date(2026, 1, 9))
    report = place.run()
    assert report.outcome is Outcome.PARTIAL
    assert report.text == "the platform was read in part: nobody was taken off for being missing"
    assert place.key_of(left) not in place.gets_in()
    assert place.key_of(gone) in place.gets_in()
    assert f"latchkey key remove id:{record}" in str(report.faults[0])
    place.store.keys.set_status(record, KeyStatus.REMOVED, now=place.now)  # as that command does
    assert place.run().outcome is Outcome.DONE
    assert not place.server.unacknowledged()
