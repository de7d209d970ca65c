"""The guards of other tools, each with what it is known for: what it stops, it stops here."""

import pytest

from crypto import Ssid
from provisioning.model import KeyDraft, Passphrase
from provisioning.runner.run import Outcome
from tests.provisioning.runner.house import DAY, House


@pytest.fixture
def house(store):
    made = House(store, units=40)
    made.sync()
    return made


def lose(house, count):
    """Let the platform say that so many have ended."""
    for number in range(count):
        house.end(number)


def test_okta_import_safeguard_stops_and_suspends_later_imports_until_a_person_resumes(house):
    lose(house, 5)
    assert house.run().outcome is Outcome.HELD
    house.move_in(50, unit="S1/U9")  # not even this
    assert house.run().outcome is Outcome.HELD
    assert "S1/R50" not in house.held()
    house.store.sync.let_go("hudson")
    assert house.run().outcome is Outcome.HELD  # by another plan, which has it
    assert house.accept(house.a_run().plan()).outcome is Outcome.DONE
    assert house.inside() == house.living()


def test_entra_connect_stops_before_the_first_one(house):
    entries = len(list(house.store.audit.entries()))
    lose(house, 26)
    house.run()
    assert len(house.inside()) == 40
    assert len(list(house.store.audit.entries())) == entries


def test_octodns_a_ratio_counts_from_a_smallest_population_on(store):
    small = House(store, units=9)
    small.sync()
    lose(small, 2)  # 22 %
    assert small.run().outcome is Outcome.DONE


def test_elastic_docs_builder_1811_what_the_store_has_stands_below_the_line(house):
    lose(house, 5)
    for number in range(100, 200):  # many more, which would make it 4 %
        house.add_unit(number)
        house.move_in(number)
    report = house.run()
    assert report.plan.holds == ("keys of 5 of 40 units at S1 would stop, more than 10 %",)


def test_elastic_docs_builder_1811_an_empty_remote_allows_additions_only(house):
    house.keys.clear()
    house.move_in(50, unit="S1/U3")
    for _ in range(6):
        house.now += DAY
        house.run()
    assert {f"S1/R{number}" for number in range(40)} <= house.inside()


def test_ldaprecord_410_a_venue_of_which_nobody_comes_waits_for_a_person_however_small(store):
    small = House(store, units=1)
    small.sync()
    small.keys.clear()
    for _ in range(4):
        small.now += DAY
        report = small.run()
    assert report.outcome is Outcome.HELD
    assert small.inside() == {"S1/R0"}


def test_netbox_sync_what_it_did_not_make_itself_is_not_touched(house):
    store = house.store
    venue = store.venues.all()[0]
    pool = store.keypools.all()[0]
    unit = store.units.add(venue.id, "office", vlan=900)
    mine = store.keys.add(pool.id, KeyDraft(identity="office", passphrase=Passphrase(b"made by hand"), unit_id=unit.id))
    other = store.keypools.add(Ssid(b"Guests"), venue_ids=[venue.id])
    before = store.keys.get(mine), store.units.get(unit.id), store.keypools.get(other.id)
    house.limits = type(house.limits)(stops_percent=100, stops_units=100)
    lose(house, 40)
    assert house.run().outcome is Outcome.DONE
    assert house.inside() == set()
    assert (store.keys.get(mine), store.units.get(unit.id), store.keypools.get(other.id)) == before


def test_netbox_sync_what_is_no_longer_there_goes_after_days_and_never_from_what_was_read_in_part(house):
    del house.keys["S1/R3"]
    house.run()
    house.partial()
    for _ in range(20):
        house.now += DAY
        house.run()
    assert "S1/R3" in house.inside()


def test_terraform_a_saved_plan_is_applied_exactly_and_refused_where_the_state_has_moved_since(house):
    lose(house, 5)
    first = house.run()
    house.store.units.add(house.store.venues.all()[0].id, "office")
    second = house.accept(first)
    assert second.outcome is Outcome.HELD
    house.end(30)
    assert house.accept(second).outcome is Outcome.DONE
    assert "S1/R30" in house.inside()
    assert len(house.inside()) == 35


def test_zammad_2564_a_short_page_is_not_the_end(house):
    for number in range(30, 40):
        del house.keys[f"S1/R{number}"]
    house.trouble = [lambda reading: reading.partial("S1", "30 of 40 came")]
    for _ in range(6):
        house.now += DAY
        report = house.run()
    assert (report.outcome, len(house.inside())) == (Outcome.PARTIAL, 40)
    assert "30 of 40 came" in str(report.faults[0])
