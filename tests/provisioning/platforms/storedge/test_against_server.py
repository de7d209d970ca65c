"""The connector against a storEDGE over HTTP: who gets in after each reading, and what no fault may do."""

import dataclasses
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

import pytest

from pcaps.platforms.building import Building
from provisioning.platforms import PLATFORMS, Known, PlatformError
from provisioning.sync import Kind, Reading, SaidKey, SaidUnit, Standing
from tests.platforms.storedge import TOKEN, StorEdge, identifier
from tests.platforms.year import EVENTS, VLAN, year
from tests.provisioning.platforms.drive import drive_http, make_settings

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)


class Synced:
    """Keys as they would be stored: what the last readings said of them, by tenancy."""

    def __init__(self, building):
        self._tenancies = {}
        self._building = building
        self._prefix = f"{identifier(building.venue_id)}/"
        self.keys = {}

    def known(self):
        living = {id_: key for id_, key in self.keys.items() if key.standing is not Standing.ENDED}
        return Known(
            keys=frozenset(living),
            suspended=frozenset(id_ for id_, key in living.items() if key.standing is Standing.SUSPENDED),
            units_of_keys={id_: key.unit for id_, key in living.items()},
            ends_of_keys={id_: key.ends for id_, key in living.items() if key.ends is not None},
        )

    def take(self, reading):
        """Store what was said; nobody stops by a reading that is partial."""
        for key in reading.all(SaidKey):
            old = self.keys.get(key.id)
            if old is None and key.standing is Standing.ENDED:
                continue
            if reading.is_doubtful(key.venue) and old is not None and key.standing is not Standing.ACTIVE:
                continue
            self.keys[key.id] = dataclasses.replace(key, starts=key.starts or (old.starts if old else None))

    def getting_in(self, at):
        """Return the tenancies whose keys work."""
        for tenancy in self._building.tenancies:
            self._tenancies[self._prefix + identifier(tenancy)] = tenancy
        return {
            self._tenancies[id_]
            for id_, key in self.keys.items()
            if key.standing is Standing.ACTIVE
            and (key.starts is None or key.starts <= at)
            and (key.ends is None or at < key.ends)
        }


@contextmanager
def running(building, now, **options):
    """Yield a server for a building, and a function that reads it once."""
    with StorEdge([building], clock=lambda: now[0], **options) as platform:
        members = {"sites": (identifier(building.venue_id),), "ssid": building.ssid, "timezone": building.time_zone}
        settings = make_settings("storedge", url=platform.url, token=TOKEN, **members)
        connector = PLATFORMS["storedge"](settings)

        def read(known):
            reading = Reading("hudson", "storedge", now[0])
            try:
                drive_http(connector.read(reading, known), platform.url)
            except PlatformError as error:
                reading.partial("", str(error))
            return reading

        yield platform, read


@pytest.mark.parametrize("options", [{"ledger": "nested"}, {"ledger": "flat"}, {"notice": False}])
def test_after_each_day_exactly_those_get_in_who_should(options):
    building = Building.make(60, seed=3, at=AT, time_zone="America/New_York")
    now, store, seen = [AT], Synced(building), set()
    with running(building, now, **options) as (_, read):
        for at, happened in year(building, 5, first=date(2026, 3, 3), days=45, kinds=set(EVENTS) - {VLAN}):
            now[0] = at
            reading = read(store.known())
            assert reading.is_complete(identifier("S1"), Kind.KEY), reading.faults
            store.take(reading)
            assert store.getting_in(at) == building.living(at), f"{at}: {happened}"
            seen.update(event.split()[0] for event in happened.split("; "))
    assert {"move-in", "move-out", "swap", "suspend", "pay"} <= seen


def test_a_reading_without_changes_says_the_same_and_asks_few_ledgers():
    building = Building.make(150, at=AT)
    now, store = [AT], Synced(building)
    with running(building, now) as (platform, read):
        store.take(read(store.known()))
        before = dict(store.keys)
        near = sum(key.ends is not None and key.ends <= AT + timedelta(days=2) for key in before.values())
        platform.requests.clear()
        store.take(read(store.known()))
        assert store.keys == before
        asked = [request for request in platform.requests if request.path.endswith("/ledgers")]
        assert len(asked) == near + 32


def test_units_are_those_of_the_ledgers():
    building = Building.make(30, at=AT)
    with running(building, [AT]) as (_, read):
        reading = read(Known())
    for tenancy in building.tenancies.values():
        key = reading.get(SaidKey, f"{identifier('S1')}/{identifier(tenancy.id)}")
        assert key.unit == f"{identifier('S1')}/{identifier(tenancy.unit)}"
        assert reading.get(SaidUnit, key.unit).name == building.units[tenancy.unit].name


FAULTS = (
    "html",
    "rate_limited",
    "unavailable",
    "echo",
    "half_character",
    "cut_short",
    "reset",
    "doctype",
    "empty",
    "page_dropped",
    "shrinking_total",
    "duplicate",
    "wrong_type",
)


@pytest.mark.parametrize("path", ["/current", "/previous", "/delinquency", "/ledgers"])
@pytest.mark.parametrize("kind", FAULTS)
def test_no_fault_stops_a_living_tenant_or_lets_an_ended_one_in(kind, path):
    building = Building.make(130, seed=4, at=AT)
    now, store = [AT], Synced(building)
    with running(building, now) as (platform, read):
        store.take(read(store.known()))
        today = building.day(AT)
        tenancies = [t.id for t in building.tenancies.values() if t.ends is None]
        for tenancy in tenancies[:5]:
            building.move_out(tenancy, building.at(today, time(9)))
        for tenancy in tenancies[5:9]:
            building.suspend(tenancy, building.at(today, time(9)))
        before = store.getting_in(AT)
        for skip in (0, 1):
            fault = platform.faults.add(kind, 1, path=path, skip=skip)
            reading = read(store.known())
            platform.faults.clear()
            store.take(reading)
            allowed = store.getting_in(AT)
            assert building.living(AT) <= allowed, "somebody lost access"
            assert allowed <= before, "somebody who had ended got in"
            assert TOKEN not in "".join(map(str, reading.faults))
            if path in ("/current", "/previous") and kind in FAULTS[:8] and fault.met:
                assert not reading.is_whole
        store.take(read(store.known()))
        assert store.getting_in(AT) == building.living(AT)


def test_a_token_that_is_wrong_is_refused():
    building = Building.make(5, at=AT)
    with StorEdge([building], clock=lambda: AT, token="another") as platform:
        settings = make_settings("storedge", url=platform.url, token=TOKEN, sites=("S1",), ssid="x")
        with pytest.raises(PlatformError, match="HTTP 401") as caught:
            drive_http(PLATFORMS["storedge"](settings).check(), platform.url)
    assert TOKEN not in str(caught.value)


def test_check_tells_of_a_page_and_a_unit():
    building = Building.make(20, at=AT)
    with StorEdge([building], clock=lambda: AT) as platform:
        settings = make_settings("storedge", url=platform.url, token=TOKEN, sites=(identifier("S1"),), ssid="x")
        lines = drive_http(PLATFORMS["storedge"](settings).check(), platform.url)
    assert ", current tenants: " in lines[0]
    assert ": unit " in lines[1]
