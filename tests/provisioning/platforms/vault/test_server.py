"""The connector, the reconciler and a store against a server that answers as VAULT does: a year, and faults."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from pcaps.platforms.building import Building
from pcaps.platforms.faults import KINDS
from pcaps.platforms.vault import EMAIL, PASSWORD, Vault
from provisioning.platforms import Known
from provisioning.runner.run import Configured, Outcome, Run
from provisioning.sync import HeldState, Kind, Limits, Reading, SaidKey, SaidPool, SaidUnit
from tests.platforms.year import year
from tests.provisioning.platforms.drive import drive_http, make_settings
from tests.provisioning.platforms.vault.api import Connector, faults

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
NO_LIMITS = Limits(stops_percent=100, stops_units=10_000, small_units=0, moves_percent=100)
# What needs XML, or minutes: the transport's tests have these.
FAULTS = sorted(KINDS - {"doctype", "laughs", "stall", "huge"})


class Site:
    """Buildings, their platform, and a store that follows it."""

    def __init__(self, store, platform, now, **settings):
        members = {"username": EMAIL, "password": PASSWORD} | settings
        self.settings = make_settings("vault", url=platform.url, **members)
        self.connector = Connector(self.settings, clock=lambda: now[0].timestamp())
        self.store, self.platform, self.now = store, platform, now

    def run(self):
        configured = Configured(settings=self.settings, connector=self.connector, limits=NO_LIMITS, venues={})
        run = Run(self.store, configured, lambda e: drive_http(e, self.platform.url), now=lambda: self.now[0])
        report = run.run()
        if report.outcome is Outcome.HELD:
            report = run.accept(int(report.plan.id.rpartition("-")[2]))
        return report

    def getting_in(self):
        """Return the tenancies whose key lets somebody in now, by the store."""
        keys = self.store.sync.holdings("vault").keys.values()
        return {
            key.id.removeprefix("psk_").rpartition("_")[0]
            for key in keys
            if key.state is HeldState.ACTIVE
            and (key.starts is None or key.starts <= self.now[0])
            and (key.ends is None or self.now[0] < key.ends)
        }

    def vlans(self):
        return {unit.name + unit.building + unit.floor: unit.vlan for unit in self._units()}

    def _units(self):
        return self.store.sync.holdings("vault").units.values()


@pytest.fixture
def now():
    return [START]


def make(units, seed, **options):
    return Building.make(units=units, seed=seed, at=START, venue_id=f"V{seed}", name=f"House {seed}", **options)


@pytest.mark.parametrize(("first", "days"), [(date(2026, 2, 20), 40), (date(2026, 10, 20), 40)])
def test_over_weeks_those_get_in_who_should(store, now, first, days):
    """Move-ins and move-outs, swaps, overlaps, arrears, VLANs, and the nights in which clocks change."""
    building = make(15, 5)
    with Vault([building], clock=lambda: now[0]) as platform:
        site = Site(store, platform, now)
        assert site.run().outcome is Outcome.DONE
        assert site.getting_in() == building.living(START)
        for at, happened in year(building, 7, first=first, days=days):
            now[0] = at
            report = site.run()
            assert report.outcome is Outcome.DONE, (at, happened, faults(report))
            assert site.getting_in() == building.living(at), (at, happened)
        assert site.vlans() == {u.name + u.building + u.floor: u.vlan for u in building.units.values()}


@pytest.mark.parametrize("seed", range(3))
def test_no_fault_shuts_anybody_out_or_lets_anybody_back_in(store, now, seed):
    chance = random.Random(seed)
    one, other = make(12, 11 + seed), make(8, 31 + seed, time_zone="Europe/Berlin")
    added = []
    with Vault([one, other], clock=lambda: now[0], scope=chance.choice(["local", "global"])) as platform:
        site = Site(store, platform, now)
        site.run()
        living = one.living(START) | other.living(START)
        assert site.getting_in() == living
        days = zip(year(one, seed, days=30), year(other, seed + 1, days=30), strict=False)
        for (at, happened), (_, there) in days:
            now[0] = max(now[0] + timedelta(minutes=5), at)
            for _ in range(chance.choice((1, 1, 2, 5))):
                fault = platform.faults.add(chance.choice(FAULTS), chance.choice((1, 1, 3)), skip=chance.randrange(40))
                added.append(fault)
            before = site.getting_in()
            report = site.run()
            platform.faults.clear()
            living = one.living(now[0]) | other.living(now[0])
            after = site.getting_in()
            context = (seed, at, happened, there, report.outcome, faults(report))
            assert before & living <= after, context
            assert after - living <= before, context
    assert sum(fault.met > 0 for fault in added) > 15


def test_after_the_faults_the_next_run_sets_everything_right(store, now):
    building = make(15, 3)
    with Vault([building], clock=lambda: now[0]) as platform:
        site = Site(store, platform, now)
        site.run()
        for at, happened in year(building, 9, days=20):
            now[0] = at
            platform.faults.add(random.Random(str(at)).choice(FAULTS), 2)
            site.run()
            platform.faults.clear()
            now[0] += timedelta(minutes=1)
            assert site.run().outcome is Outcome.DONE
            assert site.getting_in() == building.living(now[0]), happened


@pytest.mark.parametrize("vlan_in_list", [True, False])
@pytest.mark.parametrize("scope", ["local", "global"])
def test_a_building_is_read_whole(now, scope, vlan_in_list):
    building = make(120, 2)
    with Vault([building], clock=lambda: now[0], scope=scope, vlan_in_list=vlan_in_list) as platform:
        platform.controllers.append({"ControllerID": "C1", "ControllerName": "MAIN", "APIClientSecret": "hunter2"})
        batch = platform.add_batch("V2", START, START, START + timedelta(days=7))
        batches = (f"{platform.records.pool(building)}/{batch}",)
        settings = make_settings("vault", url=platform.url, username=EMAIL, password=PASSWORD, batches=batches)
        reading = Reading("vault", "vault", START)
        drive_http(Connector(settings).read(reading, Known()), platform.url)
    assert reading.is_whole
    assert {unit.vlan for unit in reading.all(SaidUnit)} == {unit.vlan for unit in building.units.values()}
    assert [pool.is_global for pool in reading.all(SaidPool)] == [scope == "global"]
    assert reading.count(Kind.KEY) == len(building.tenancies) + 100
    assert {key.passphrase.decode() for key in reading.all(SaidKey) if key.unit is not None} == {
        platform.passphrase(tenancy) for tenancy in building.tenancies
    }
    assert not any("hunter2" in line for line in faults(reading))


def test_a_swap_at_the_platform_is_a_swap_here(store, now):
    building = make(10, 4, occupied=1)
    with Vault([building], clock=lambda: now[0]) as platform:
        site = Site(store, platform, now)
        site.run()
        one, other = list(building.tenancies)[:2]
        units = [building.tenancies[each].unit for each in (one, other)]
        building.swap(one, other)
        now[0] += timedelta(minutes=5)
        assert site.run().outcome is Outcome.DONE
        holdings = store.sync.holdings("vault")
        there = [holdings.units[holdings.keys[platform.key_id(each)].unit].name for each in (other, one)]
        assert there == [building.units[unit].name for unit in units]


def test_5_58_a_word_that_nobody_knows_changes_nothing_in_the_store(store, now):
    building = make(10, 4, occupied=1)
    with Vault([building], clock=lambda: now[0]) as platform:
        site = Site(store, platform, now)
        site.run()
        before = site.getting_in()
        for tenancy in building.tenancies.values():
            platform.set_status(tenancy.person.id, "On holiday")
        now[0] += timedelta(minutes=5)
        site.run()
        assert site.getting_in() == before


def test_5_59_terms_not_accepted_and_accepted(store, now):
    building = make(10, 4, occupied=1)
    with Vault([building], clock=lambda: now[0]) as platform:
        site = Site(store, platform, now)
        site.run()
        tenancy = min(building.living(START))
        platform.set_status(building.tenancies[tenancy].person.id, "AUP not accepted")
        now[0] += timedelta(minutes=5)
        site.run()
        assert site.getting_in() == building.living(START) - {tenancy}
        platform.set_status(building.tenancies[tenancy].person.id, None)
        now[0] += timedelta(minutes=5)
        site.run()
        assert site.getting_in() == building.living(START)
