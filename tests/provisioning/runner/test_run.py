"""Whole runs: what is held and accepted, what is applied, and what people decided in between."""

import hashlib
import sqlite3

import pytest

from crypto import Ssid
from provisioning import MasterKey
from provisioning.errors import NotFound
from provisioning.lifecycle import keys as life
from provisioning.lifecycle.undo import undo
from provisioning.lifecycle.units import change_unit
from provisioning.model import Author, KeyDraft, Passphrase
from provisioning.platforms import Unavailable
from provisioning.runner.run import Outcome, known
from provisioning.sync import Action, HeldState, Kind
from tests.provisioning.runner.house import AT, DAY, HOUR, House, number_of
from tests.provisioning.sync.made import holdings


@pytest.fixture
def house(store):
    return House(store)


@pytest.fixture
def settled(house):
    house.sync()
    assert house.inside() == house.living() == set(house.keys)
    return house


# A hold sticks.


def test_rule_3_a_first_synchronisation_waits_and_changes_nothing_until_a_person_accepts_it(house):
    report = house.run()
    assert report.outcome is Outcome.HELD
    assert (house.held(), house.store.venues.all()) == ({}, ())
    report = house.accept(report)
    assert (report.outcome, report.faults) == (Outcome.DONE, ())
    assert house.inside() == set(house.keys)
    assert {key.unit.vlan for key in map(house.key, range(20))} == set(range(100, 120))
    assert house.key(3).subscriber.name == "Person 3"


def test_rule_4_a_hold_sticks_and_the_venue_goes_on_with_what_it_has(settled):
    for number in range(3):
        settled.end(number)
    report = settled.run()
    assert (report.outcome, report.held) == (Outcome.HELD, report.plan.id)
    reads = settled.reads
    for number in range(3):
        settled.resume(number)  # the platform is right again
    settled.move_in(0)
    for _ in range(3):
        again = settled.run()
        assert (again.outcome, again.held) == (Outcome.HELD, report.plan.id)
        assert "keys of 3 of 20 units at S1 would stop, more than 10 %" in again.text
    assert settled.reads == reads
    assert settled.inside() == set(settled.keys)


def test_rule_4_a_hold_that_is_let_go_makes_way_for_another_plan(settled):
    settled.end(0), settled.end(1), settled.end(2)
    settled.run()
    settled.resume(0), settled.resume(1), settled.resume(2)
    settled.store.sync.let_go("hudson")
    assert settled.run().outcome is Outcome.DONE
    assert settled.inside() == set(settled.keys)


def test_rule_4_accept_applies_exactly_that_plan_whatever_the_platform_says_by_then(settled):
    settled.end(0), settled.end(1), settled.end(2)
    report = settled.run()
    settled.end(3)
    reads = settled.reads
    done = settled.accept(report)
    assert (done.outcome, settled.reads) == (Outcome.DONE, reads)
    assert set(settled.keys) - settled.inside() == {"S1/R0", "S1/R1", "S1/R2"}
    assert done.applied.done == {(Action.END, Kind.KEY): 3}


@pytest.mark.parametrize(
    "happens",
    [
        lambda house: life.suspend(house.store, house.held(9).record, now=house.now),
        lambda house: change_unit(house.store, house.store.units.all()[0].id, name="elsewhere"),
        lambda house: house.store.venues.add("House S9"),
        lambda house: house.store.units.add(house.store.venues.all()[0].id, "hand-made"),
        lambda house: setattr(house, "now", house.now + 25 * HOUR),
    ],
    ids=["a key", "a unit's name", "a venue", "a unit", "its age"],
)
def test_rule_4_another_plan_is_made_where_something_that_one_was_made_from_has_changed(settled, happens):
    settled.end(0), settled.end(1), settled.end(2)
    report = settled.run()
    happens(settled)
    another = settled.accept(report)
    assert another.outcome is Outcome.HELD
    assert number_of(another) > number_of(report)
    assert another.plan.id in another.text
    assert "S1/R0" in settled.inside()
    with pytest.raises(NotFound):
        settled.accept(report)
    assert settled.accept(another).outcome is Outcome.DONE
    assert not settled.inside() & {"S1/R0", "S1/R1", "S1/R2"}


def test_rule_4_a_plan_is_not_applied_once_another_synchronisation_has_changed_its_basis(settled):
    settled.change(0, vlan=77)
    offered = settled.a_run().plan()
    settled.change(0, vlan=78)
    settled.run()
    again = settled.accept(offered)
    assert again.outcome is Outcome.HELD
    assert settled.key(0).vlan == 78


def test_a_reading_that_misses_a_key_changes_no_plans_basis(settled):
    settled.end(0), settled.end(1), settled.end(2)
    offered = settled.run()
    settled.store.sync.mark_missing("hudson", [])
    assert settled.accept(offered).outcome is Outcome.DONE


def test_google_cloud_directory_sync_a_dry_run_shows_the_same_stop_and_keeps_nothing(settled):
    settled.end(0), settled.end(1), settled.end(2)
    dry = settled.a_run().dry_run()
    wet = settled.run()
    assert dry.outcome is wet.outcome is Outcome.HELD
    assert dry.plan.holds == wet.plan.holds
    assert [step.id for step in dry.plan.steps] == [step.id for step in wet.plan.steps]
    assert len(settled.store.sync.plans("hudson")) == 2


def test_a_dry_run_of_a_first_synchronisation_sees_the_venues_that_are_configured(store):
    store.venues.add("House S1")
    house = House(store, venues={"S1": "House S1"})
    dry, wet = house.a_run().dry_run(), house.run()
    assert dry.faults == wet.faults == ()
    assert [step.id for step in dry.plan.steps] == [step.id for step in wet.plan.steps]
    assert house.accept(wet).outcome is Outcome.DONE
    assert len(store.venues.all()) == 1


def test_okta_a_platform_that_cannot_be_read_changes_nothing_and_says_so(settled):
    def fail(_):
        raise Unavailable("residents of site S1: no answer")

    settled.trouble = [fail]
    report = settled.run()
    assert (report.outcome, report.text) == (Outcome.FAILED, "residents of site S1: no answer")
    state = settled.store.sync.connector("hudson")
    assert state.last_error == report.text
    assert state.last_complete < state.last_run
    assert settled.inside() == set(settled.keys)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_reading_that_brought_nothing_at_all_has_failed(settled, is_told):
    settled.venues.clear(), settled.units.clear(), settled.people.clear(), settled.keys.clear()
    everybody = settled.inside()
    if is_told:
        settled.trouble = [lambda reading: [reading.partial(f"S{number}", "HTTP 500") for number in (1, 2)]]
    report = settled.run()
    assert report.outcome is Outcome.FAILED
    assert report.text.startswith("nothing came that could be read")
    assert report.text.endswith(": eleven, S1: HTTP 500; and 1 more like it") is is_told
    assert settled.store.sync.connector("hudson").details["outcome"] == "failed"
    assert settled.a_run().dry_run().outcome is Outcome.FAILED
    assert settled.inside() == everybody


def test_keycloak_48781_a_full_synchronisation_that_reads_nobody_locks_nobody_out(settled):
    everybody = set(settled.keys)
    settled.keys.clear()
    for _ in range(30):
        settled.now += 6 * HOUR
        settled.run()
        assert settled.inside() == everybody
    state = settled.store.sync.connector("hudson")
    assert state.held_plan is not None


def test_owncloud_28039_a_short_list_that_looked_complete_is_made_good_by_the_next_one(settled):
    gone = settled.keys.pop("S1/R7")
    settled.run(), settled.run()
    assert settled.held(7).missing_readings == 2
    assert settled.held(7).missing_since == AT + 10 * (HOUR / 60)
    settled.keys["S1/R7"] = gone
    settled.run()
    assert (settled.held(7).missing_readings, settled.held(7).missing_since) == (0, None)
    del settled.keys["S1/R7"]
    settled.now += 2 * DAY
    settled.run()
    assert settled.inside() == set(settled.keys) | {"S1/R7"}


def test_rule_2_a_record_that_is_missing_for_a_day_ends_its_key(settled):
    del settled.keys["S1/R7"]
    settled.run(), settled.run()
    assert "S1/R7" in settled.inside()
    settled.now += DAY
    settled.run()
    assert settled.inside() == set(settled.keys)
    assert settled.held(7).state is HeldState.REMOVED


def test_no_end_is_reachable_from_a_partial_reading(settled):
    for number in range(0, 20, 2):
        settled.end(number)
    del settled.keys["S1/R1"]
    settled.suspend(3), settled.change(5, ends=AT - DAY)
    settled.partial()
    for _ in range(10):
        settled.now += DAY
        assert settled.run().outcome is Outcome.PARTIAL
    assert settled.inside() == {f"S1/R{number}" for number in range(20)}
    assert settled.store.sync.connector("hudson").last_complete < AT + DAY


# Nobody's passphrase; soft ends.


def test_rule_5_an_end_is_soft_and_one_command_brings_it_back_for_good(settled):
    before = settled.passphrases()
    settled.end(0, "moved out")
    settled.run()
    assert settled.key(0).status_reason == "moved out"
    life.restore(settled.store, settled.held(0).record, now=settled.now)
    for _ in range(3):
        report = settled.run()
        assert (report.plan.steps, [fault.record for fault in report.faults]) == ((), ["S1/R0"])
        assert "S1/R0" in settled.inside()
    settled.resume(0)
    settled.run(), settled.run()
    settled.end(0)
    settled.run()
    assert "S1/R0" not in settled.inside()
    assert settled.passphrases() == before


def test_one_that_was_missing_and_restored_by_a_person_stays(settled):
    del settled.keys["S1/R7"]
    settled.run(), settled.run()
    settled.now += DAY
    settled.run()
    life.restore(settled.store, settled.held(7).record, now=settled.now)
    for _ in range(4):
        settled.now += DAY
        settled.run()
    assert "S1/R7" in settled.inside()


def test_rule_5_one_that_is_at_the_platform_again_comes_back_with_the_passphrase_it_had(settled):
    before = settled.passphrases()
    settled.end(0)
    settled.run()
    settled.now += 30 * DAY
    settled.resume(0)
    settled.run()
    assert settled.inside() == set(settled.keys)
    assert settled.passphrases() == before


@pytest.mark.parametrize("others", ["suspend", "remove", "suspend a suspended one", "remove a suspended one"])
def test_rule_6_what_people_suspend_and_remove_stays_so_whatever_the_platform_says(settled, others):
    if "suspended one" in others:
        settled.suspend(0)
        settled.run()
        settled.now += HOUR
    act = life.suspend if others.startswith("suspend") else life.remove
    act(settled.store, settled.held(0).record, now=settled.now)
    settled.resume(0)
    for days in (1, 40, 100):
        settled.now = AT + days * DAY
        settled.run()
        settled.store.keys.erase(settled.now - 90 * DAY)
    assert settled.inside() == set(settled.keys) - {"S1/R0"}


def test_rule_6_one_that_a_person_suspended_and_the_platform_ended_comes_back_by_a_person_alone(settled):
    life.suspend(settled.store, settled.held(0).record, now=settled.now, reason="a nuisance")
    settled.now += HOUR
    settled.end(0)
    settled.run()
    settled.resume(0)
    settled.run(), settled.run()
    assert settled.held(0).state is HeldState.REMOVED
    life.restore(settled.store, settled.held(0).record, now=settled.now)
    settled.run()
    assert (settled.key(0).status.value, settled.key(0).status_reason) == ("suspended", "a nuisance")


def test_one_that_the_platform_suspended_and_a_person_resumed_stays_until_the_platform_says_the_same(settled):
    settled.suspend(0)
    settled.run()
    life.resume(settled.store, settled.held(0).record, now=settled.now + HOUR)
    settled.now += 2 * HOUR
    settled.run()
    assert "S1/R0" in settled.inside()
    settled.resume(0)
    settled.run()
    settled.suspend(0)
    settled.run()
    assert "S1/R0" not in settled.inside()


def test_one_who_is_suspended_when_first_seen_is_resumed_when_that_is_over(house):
    house.suspend(0)
    house.sync()
    assert house.key(0).status_reason == "delinquent"
    assert house.inside() == house.living()
    house.resume(0)
    house.run()
    assert house.inside() == house.living() == set(house.keys)


def test_a_former_passphrase_keeps_its_own_end_when_its_key_is_changed(settled):
    now = settled.now
    life.reset(settled.store, settled.held(0).record, Passphrase(b"another one"), now=now, grace=2 * HOUR)
    (former,) = settled.store.keys.graces_of(settled.held(0).record)
    settled.change(0, vlan=77, ends=AT + 300 * DAY)
    settled.run()
    key = settled.store.keys.get(former)
    assert (key.ends, key.vlan) == (now + 2 * HOUR, 77)
    settled.change(0, ends=AT + HOUR)
    settled.run()
    assert settled.store.keys.get(former).ends == AT + HOUR


def test_a_key_whose_removal_was_put_off_ends_for_good(settled):
    record = settled.held(0).record
    life.remove(settled.store, record, now=settled.now, grace=DAY)
    settled.end(0)
    settled.run()
    settled.store.keys.settle(settled.now + 2 * DAY)
    assert settled.held(0).is_synced


# What it costs when something is refused.


def test_one_bad_step_costs_itself_and_says_platform_record_and_field(house):
    for number, passphrase in ((3, b"short"), (5, b"\xff\xfe\xfd123456"), (7, b"x" * 65)):
        house.change(number, passphrase=passphrase)
    house.change(8, tag="x" * 500)
    house.units["S1/U9"] = house.units["S1/U9"].__class__(id="S1/U9", venue="S1", name="9", vlan=5000)
    report = house.sync()
    assert house.inside() == {f"S1/R{number}" for number in range(20)} - {f"S1/R{number}" for number in (3, 5, 7, 8, 9)}
    where = {(fault.platform, fault.kind, fault.record, fault.field) for fault in report.faults}
    assert {("eleven", Kind.KEY, f"S1/R{number}", "passphrase") for number in (3, 5, 7)} <= where
    assert ("eleven", Kind.KEY, "S1/R8", "tag") in where
    assert ("eleven", Kind.UNIT, "S1/U9", "VLAN") in where
    assert not any(each in str(fault) for fault in report.faults for each in ("xxxxxxxxx", "short:"))


def test_what_could_not_be_made_is_told_once_with_how_many_need_it(house):
    house.units["S1/U9"] = house.units["S1/U9"].__class__(id="S1/U9", venue="S1", name="9", vlan=5000)
    for number in range(30, 40):
        house.move_in(number, unit="S1/U9")
    told = [str(fault) for fault in house.sync().faults]
    assert len(told) == 2
    assert "eleven, unit S1/U9: 11 records wait for it, as it could not be made" in told


def test_a_passphrase_that_the_outgoing_resident_still_has_is_the_next_ones_in_the_same_run(house):
    house.change(0, passphrase=b"the unit's own")
    house.sync()
    house.end(0)
    house.move_in(30, unit="S1/U0", passphrase=b"the unit's own")
    report = house.run()
    assert report.faults == ()
    assert house.inside() == house.living()
    assert house.key(30).passphrase.value == b"the unit's own"


def test_two_who_would_have_one_passphrase_at_a_time_are_told_apart_and_the_first_gets_in(house):
    house.change(0, passphrase=b"one for two"), house.change(1, passphrase=b"one for two")
    report = house.sync()
    (fault,) = report.faults
    assert (fault.record, fault.field) == ("S1/R1", "passphrase")
    assert house.inside() == set(house.keys) - {"S1/R1"}


@pytest.mark.parametrize("reason", ["", "  ", "\x00\x1b[31m", "滞納" * 500, "\ud800", "x" * 10_000])
def test_whatever_the_platforms_reason_is_an_end_is_one(settled, reason):
    settled.end(0, reason)
    settled.suspend(1, reason)
    settled.run()
    assert settled.inside() == settled.living() == set(settled.keys) - {"S1/R0", "S1/R1"}


def test_two_residents_change_units_in_one_run_and_keep_their_passphrases(settled):
    before = settled.passphrases()
    settled.change(0, unit="S1/U1"), settled.change(1, unit="S1/U0")
    assert settled.run().outcome is Outcome.DONE
    assert (settled.key(0).effective_vlan, settled.key(1).effective_vlan) == (101, 100)
    assert settled.passphrases() == before


def test_two_units_change_vlans_in_one_run(settled):
    first, second = settled.units["S1/U0"], settled.units["S1/U1"]
    settled.add_unit(0, vlan=second.vlan), settled.add_unit(1, vlan=first.vlan)
    assert settled.run().faults == ()
    assert (settled.key(0).effective_vlan, settled.key(1).effective_vlan) == (101, 100)


def test_a_move_to_another_ssid_keeps_the_passphrase_and_derives_its_pmk_anew(settled):
    settled.pools["S1/Other"] = settled.pools["S1/Hudson"].__class__(id="S1/Other", ssid="Other", venues=("S1",))
    before = settled.key(0)
    settled.change(0, pool="S1/Other")
    assert settled.run().faults == ()
    after = settled.key(0)
    assert after.passphrase == before.passphrase
    assert after.keypool_id != before.keypool_id
    assert after.pmk.value == hashlib.pbkdf2_hmac("sha1", before.passphrase.value, b"Other", 4096, 32)


# What people made.


def test_rule_6_names_match_nothing(store, venue, pool):
    before = store.units.add(venue.id, "4A", vlan=9)
    person = store.subscribers.add("Person 0")
    house = House(store)
    house.sync()
    assert len(store.subscribers.named("Person 0")) == 2
    assert house.key(0).subscriber.id != person.id
    assert store.units.get(before.id) == before


def test_rule_6_a_venue_of_that_name_that_people_made_is_not_taken_and_how_to_say_so_is_told(store):
    store.venues.add("House S1")
    report = House(store).run()
    assert report.plan.steps == ()
    (fault,) = report.faults
    assert str(fault) == (
        "eleven, S1, venue S1, name: there is a venue House S1 already: say in [sync.hudson.venues] whether it is this"
        " one; 20 keys wait for it"
    )


def test_rule_6_a_keypool_that_people_made_is_used_and_its_keys_are_left_alone(store):
    venue = store.venues.add("Ours")
    pool = store.keypools.add(Ssid(b"Hudson S1"), venue_ids=[venue.id])
    mine = store.keys.add(pool.id, KeyDraft(identity="S1/R0", passphrase=Passphrase(b"made by hand")))
    before = store.keys.get(mine)
    house = House(store, venues={"S1": "Ours"})
    house.sync()
    assert {key.keypool_id for key in map(house.key, range(20))} == {pool.id}
    house.keys.clear()
    for _ in range(5):
        house.now += DAY
        house.run()
    assert store.keys.get(mine) == before
    assert len(store.keypools.all()) == 1


def test_rule_6_a_unit_that_people_made_is_a_conflict_that_is_shown_and_not_solved(store):
    venue = store.venues.add("Ours")
    unit = store.units.add(venue.id, "0", vlan=9)
    house = House(store, venues={"S1": "Ours"})
    report = house.sync()
    (fault,) = report.plan.faults
    assert (fault.kind, fault.record) == (Kind.UNIT, "S1/U0")
    assert fault.text == (
        "there is a unit 0 already, which people made: if it is this one,"
        f" latchkey sync adopt hudson unit S1/U0 id:{unit.id}; 1 key waits for it"
    )
    assert house.inside() == set(house.keys) - {"S1/R0"}
    assert store.units.get(unit.id) == unit


def test_rule_6_two_connectors_on_one_unit_are_a_conflict_that_is_shown_and_not_solved(store):
    first, second = House(store), House(store, name="other", venues={"S1": "House S1"})
    first.sync()
    before = first.passphrases()
    report = second.run()
    assert {fault.record for fault in report.faults} == {f"S1/U{number}" for number in range(20)}
    adopt = f"latchkey sync adopt other unit S1/U3 id:{first.store.sync.holdings('hudson').units['S1/U3'].record}"
    assert (
        "there is a unit 3 already, which is connector hudson's: to have it here,"
        f" latchkey sync disown hudson unit S1/U3, then {adopt}; 1 key waits for it"
    ) in [fault.text for fault in report.faults]
    assert all("connector hudson" in fault.text for fault in report.faults)
    assert not any(step.kind is Kind.KEY for step in report.plan.steps)
    first.run()
    assert first.passphrases() == before


def test_a_tenant_of_a_unit_in_conflict_still_ends_suspends_and_pays(settled):
    held = settled.store.sync.holdings("hudson").units["S1/U0"]
    with settled.store.sync.joining():
        settled.store.sync.disown(Kind.UNIT, [held.record])
    settled.change(0, ends=settled.now + 2 * DAY)
    settled.suspend(0)
    settled.run()
    assert settled.key(0).status.value == "suspended"
    settled.resume(0)
    settled.run()
    assert "S1/R0" in settled.inside()
    settled.now += 3 * DAY
    settled.run()
    assert "S1/R0" not in settled.inside()


def test_a_subscriber_that_cannot_be_taken_costs_nobody_their_wifi(house):
    del house.people["S1/P0"]
    report = house.sync()
    assert [(fault.record, fault.field) for fault in report.faults] == [("S1/R0", "subscriber")]
    assert house.inside() == set(house.keys)
    assert [step.kind for step in house.run().plan.steps] == []


# Taking back.


def test_undo_of_what_a_synchronisation_added_leaves_rows_that_do_no_harm(settled):
    settled.move_in(30, unit="S1/U0"), settled.move_in(31, unit="S1/U1")
    settled.run()
    entry = max(each.id for each in settled.store.audit.entries() if each.action == "sync.apply")
    settled.store.recorder.author = Author("ann", "tests", is_person=True)
    undo(settled.store, entry, author="ann")
    assert "S1/R30" not in settled.held()
    report = settled.run()
    assert report.faults == ()
    assert settled.inside() == settled.living()


def test_undo_of_an_end_by_a_synchronisation_stands(settled):
    settled.end(0)
    settled.run()
    entry = max(each.id for each in settled.store.audit.entries() if each.action == "sync.apply")
    undo(settled.store, entry, author="ann")
    settled.run()
    assert "S1/R0" in settled.inside()


# At rest.


def test_a_plan_lies_sealed_in_the_database_and_under_the_new_key_after_rekey(house, path):
    house.change(0, passphrase=b"correct-horse-battery")
    report = house.run()
    house.store.fold()
    octets = b"".join(each.read_bytes() for each in path.parent.iterdir() if each.name.startswith(path.name))
    for secret in (b"correct-horse-battery", b"Person 0", b"Person 19"):
        assert secret not in octets
    key = MasterKey(bytes(reversed(range(32))))
    assert house.store.rekey(key, lambda: None) == 0
    assert house.accept(report).outcome is Outcome.DONE
    assert house.key(0).passphrase.value == b"correct-horse-battery"


def test_a_plan_that_was_accepted_and_cannot_be_opened_any_more_is_given_up(settled, path):
    settled.change(0, vlan=77)
    offered = settled.a_run().plan()
    settled.store.sync.accept(number_of(offered), "hudson")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE sync_plans SET contents = zeroblob(80) WHERE state = 'accepted'")
    database.close()
    assert settled.run().outcome is Outcome.DONE
    assert settled.key(0).vlan == 77
    assert settled.store.sync.accepted("hudson") is None


def test_running_twice_does_nothing_the_second_time(settled):
    entries = len(list(settled.store.audit.entries()))
    report = settled.run()
    assert (report.plan.steps, report.outcome) == ((), Outcome.DONE)
    assert len(list(settled.store.audit.entries())) == entries


# VLANs.


def test_a_key_that_had_a_vlan_of_its_own_follows_its_unit_again(settled):
    """What a reading pinned there would else stay when its resident moves, and let two households meet."""
    settled.change(0, vlan=100)
    settled.sync()
    settled.change(0, vlan=None, unit="S1/U19", is_in_units_vlan=True)
    settled.end(19)
    settled.sync()
    assert (settled.key(0).vlan, settled.key(0).effective_vlan) == (None, 119)
    assert settled.run().plan.steps == ()


@pytest.mark.parametrize(("most", "is_full"), [(20, True), (21, False)])
def test_a_connector_is_told_which_venues_can_have_no_more_units(most, is_full, monkeypatch):
    monkeypatch.setattr("provisioning.runner.run.MOST_UNITS", most)
    assert known(holdings(units=20)).full_venues == (frozenset({"S1"}) if is_full else frozenset())
