"""The rules of a safe synchronisation, one by one. Rule 3 is test_limits, rule 7 the runner's test_lease."""

from dataclasses import replace
from datetime import timedelta

import pytest

from provisioning.sync import (
    Action,
    Field,
    HeldState,
    Kind,
    Limits,
    SaidUnit,
    Standing,
    find_drift,
    pack_plan,
    unpack_plan,
)
from tests.provisioning.sync.made import (
    AT,
    DAY,
    HOUR,
    MOVED_IN,
    MOVED_OUT,
    ended,
    everybody,
    held_key,
    holdings,
    planned,
    reading,
    said_key,
    suspended,
    told,
)


def test_nothing_is_planned_where_the_platform_says_what_the_store_has():
    plan = planned(reading(*everybody()))
    assert (plan.steps, plan.waiting, plan.holds, plan.faults, plan.missing) == ((), (), (), (), ())
    assert plan.is_complete


# 1. Proof of completeness.


@pytest.mark.parametrize("kind", ["a page", "no proof"])
def test_rule_1_additions_and_changes_of_a_partial_reading_are_applied_and_ends_never(kind):
    first, second, third, *others = everybody()
    read = reading(
        ended(first), suspended(second), replace(third, vlan=77), *others, said_key(20, unit="S1/U3"), complete=False
    )
    if kind == "a page":
        read.complete("S1", [Kind.KEY])
        read.partial("S1", "page 2 is HTML")
    else:
        read.partial("", "no total was said")
    plan = planned(read)
    assert told(plan) == [("add", "S1/R20"), ("change", "S1/R2")]
    assert [(step.action, step.id) for step in plan.waiting] == [
        (Action.SUSPEND, "S1/R1"),
        (Action.END, "S1/R0"),
    ]
    assert not plan.is_complete


@pytest.mark.parametrize("id_", ["S1/R3", None])
def test_a_record_that_cannot_be_read_holds_back_itself_and_nothing_ends_by_being_missing(id_):
    """What sound records say is done, ends too; but who is not there may be the one that could not be read."""
    first, second, *others = everybody()
    read = reading(ended(first), suspended(second), *others[2:])  # R2 and R3 are not among them
    read.unreadable(Kind.KEY, id_, "S1", "its date is none")
    plan = planned(read)
    assert told(plan) == [("suspend", "S1/R1"), ("end", "S1/R0")]
    assert (plan.waiting, plan.missing, plan.is_complete) == ((), (), False)


def test_rule_1_a_window_that_would_let_somebody_stop_waits_and_the_rest_of_the_change_does_not():
    first, *others = everybody()
    read = reading(replace(first, ends=AT - HOUR, vlan=77), *others)
    read.partial("S1", "page 2 is HTML")
    plan = planned(read)
    ((now,), (later,)) = plan.steps, plan.waiting
    assert now.fields == (Field("VLAN", None, "77"),)
    assert now.said.ends == MOVED_OUT
    assert [field.name for field in later.fields] == ["ends"]


def test_rule_1_one_partial_venue_does_not_keep_another_from_ending():
    here, there = ended(said_key(0)), ended(said_key(0, "S2"))
    read = reading(here, there, *everybody()[1:], *everybody(venue="S2")[1:], venues=("S1", "S2"))
    read.partial("S1", "page 2 is HTML")
    plan = planned(read, holdings(venues=("S1", "S2")))
    assert told(plan) == [("end", "S2/R0")]


def test_rule_1_a_venue_counts_as_complete_only_where_that_was_declared_for_its_keys():
    read = reading(complete=False)
    read.complete("S1", [Kind.UNIT])
    assert planned(read).missing == ()


# 2. Missing is not ended: test_missing.


def test_rule_2_a_key_ends_by_an_explicit_end_at_once_with_its_reason():
    first, *others = everybody()
    (step,) = planned(reading(ended(first, "moved out"), *others)).steps
    assert (step.action, step.reason, step.stops) == (Action.END, "moved out", True)


def test_rule_2_a_key_whose_date_has_come_ends_by_that():
    first, *others = everybody()
    (step,) = planned(reading(replace(first, ends=AT - HOUR), *others)).steps
    assert (step.action, step.stops) == (Action.CHANGE, True)
    assert step.fields == (Field("ends", "2027-01-25 07:00 EST", "2026-11-21 06:00 EST"),)


# 4. A hold sticks: the runner's test_run.


# 5. Order, soft ends, and nobody's passphrase.


def test_rule_5_additions_come_before_changes_and_ends_come_last():
    first, second, third, fourth, *others = everybody()
    new = [
        replace(said_key(30, unit="S1/U30"), subscriber="S1/P5"),
        replace(fourth, standing=Standing.ACTIVE),
    ]
    read = reading(ended(first), suspended(second), replace(third, vlan=7), *others, *new)
    read.say(SaidUnit(id="S1/U30", venue="S1", name="30"))
    have = holdings(held_key(3, state=HeldState.SUSPENDED, given=HeldState.SUSPENDED, is_synced=True))
    assert told(planned(read, have)) == [
        ("add", "S1/U30"),
        ("add", "S1/R30"),
        ("resume", "S1/R3"),
        ("change", "S1/R2"),
        ("suspend", "S1/R1"),
        ("end", "S1/R0"),
    ]


def test_rule_5_no_step_of_a_key_that_is_there_says_anything_of_its_passphrase():
    read = reading(*(replace(key, passphrase=b"another passphrase", vlan=7) for key in everybody()))
    plan = planned(read)
    assert {step.action for step in plan.steps} == {Action.CHANGE}
    assert {field.name for step in plan.steps for field in step.fields} == {"VLAN"}
    assert planned(reading(*(replace(key, passphrase=b"another passphrase") for key in everybody()))).steps == ()


def test_rule_5_an_end_by_a_sync_is_taken_back_when_the_platform_has_them_again():
    have = holdings(held_key(0, state=HeldState.REMOVED, given=HeldState.REMOVED, is_synced=True))
    (step,) = planned(reading(*everybody()), have).steps
    assert (step.action, step.id, step.stops) == (Action.RETURN, "S1/R0", False)


def test_rule_5_one_whose_passphrase_is_gone_by_now_is_added_anew():
    have = holdings(held_key(0, state=HeldState.ERASED, given=HeldState.REMOVED, is_synced=True))
    (step,) = planned(reading(*everybody()), have).steps
    assert (step.action, step.record) == (Action.ADD, None)


# 6. Ownership: test_ownership.


# 6. Whose passphrase it is.


def test_rule_6_a_key_that_is_another_persons_ends_and_another_is_made():
    keys = everybody(3)
    read = reading(replace(keys[0], subscriber="S1/P9"), replace(keys[1], subscriber=None), keys[2], units=10)
    plan = planned(read, holdings(held_key(2, subscriber=None), units=3))
    end, added = (step for step in plan.steps if step.id == "S1/R0")
    assert (end.action, end.label, end.stops, end.record) == (Action.END, "Person 0, unit 0", True, 1000)
    assert (added.action, added.label, added.stops, added.record) == (Action.ADD, "Person 9, unit 0", True, 1000)
    assert end.reason == "it is another person's at the platform now"
    assert added.reason == "in place of id:1000, which was another person's"
    assert plan.steps[-1] == added
    assert [step.action for step in plan.steps if step.id == "S1/R2"] == [Action.CHANGE]  # whose it was is not known
    assert not [step for step in plan.steps if step.id == "S1/R1"]  # whose it is is not said
    assert unpack_plan(pack_plan(plan)) == plan


def test_rule_6_what_the_platform_does_not_say_the_next_persons_key_has_of_the_one_before():
    said = said_key(0, subscriber="S1/P9", unit=None)
    plan = planned(reading(said, *everybody()[1:]), holdings(held_key(0, vlan=77)))
    assert [(step.said.unit, step.said.vlan) for step in plan.steps if step.action is Action.ADD] == [("S1/U0", 77)]
    moved = planned(reading(replace(said, unit="S1/U5"), *everybody()[1:]), holdings(held_key(0, vlan=77)))
    assert [(step.said.unit, step.said.vlan) for step in moved.steps if step.action is Action.ADD] == [("S1/U5", None)]


def test_rule_1_a_key_that_is_another_persons_stays_while_the_reading_is_partial():
    read = reading(said_key(0, subscriber="S1/P9"), *everybody()[1:])
    read.partial("S1", "page 2 is HTML")
    plan = planned(read)
    assert not [step for step in plan.steps if step.kind is Kind.KEY]
    assert [step.action for step in plan.waiting] == [Action.END, Action.ADD]


def test_rule_6_one_that_was_ended_and_is_another_persons_now_does_not_come_back_with_its_passphrase():
    was = held_key(0, state=HeldState.REMOVED, given=HeldState.REMOVED, is_synced=True)
    plan = planned(reading(said_key(0, subscriber="S1/P9"), *everybody()[1:]), holdings(was))
    assert [(step.action, step.record) for step in plan.steps] == [(Action.ADD, 1000)]


# 8. Seen from outside.


def test_rule_8_a_plan_counts_what_it_does_by_kind():
    first, second, *others = everybody()
    counts = planned(reading(ended(first), suspended(second), *others)).counts
    assert counts == {"add": 0, "return": 0, "resume": 0, "change": 0, "suspend": 1, "end": 1, "other": 0}


# 9. Time.


def test_rule_9_windows_are_told_in_the_days_of_the_sites_zone():
    first, *others = everybody()
    (step,) = planned(reading(replace(first, ends=MOVED_OUT + DAY), *others)).steps
    assert step.fields == (Field("ends", "2027-01-25 07:00 EST", "2027-01-26 07:00 EST"),)


def test_rule_9_a_window_that_has_begun_is_not_moved_by_a_platform_that_forgot_it():
    assert planned(reading(*everybody(starts=None))).steps == ()
    later = [replace(key, starts=MOVED_IN + timedelta(microseconds=5)) for key in everybody()]
    assert planned(reading(*later)).steps == ()  # as the store keeps it


def test_rule_9_one_that_is_put_off_stops_somebody():
    first, *others = everybody()
    (step,) = planned(reading(replace(first, starts=AT + DAY), *others)).steps
    assert step.stops


@pytest.mark.parametrize(
    ("ends", "stops"), [(AT + 23 * HOUR, True), (AT + 25 * HOUR, False), (None, False), (MOVED_OUT + DAY, False)]
)
def test_an_end_that_is_moved_to_within_a_day_counts_as_a_stop(ends, stops):
    first, *others = everybody()
    (step,) = planned(reading(replace(first, ends=ends), *others)).steps
    assert step.stops is stops


def test_a_tenancy_that_ended_before_it_began_is_ended_and_no_window_is_stored_that_cannot_be():
    have = holdings(held_key(0, starts=AT + DAY))
    (step,) = planned(reading(replace(said_key(0), starts=None, ends=AT - HOUR), *everybody()[1:]), have).steps
    assert (step.action, step.reason) == (Action.END, "ended at the platform before it began")
    plan = planned(reading(replace(said_key(0), starts=None, ends=AT + HOUR), *everybody()[1:]), have)
    assert plan.steps == ()
    assert [(fault.record, fault.field) for fault in plan.faults] == [("S1/R0", "ends")]


def test_of_a_state_that_is_not_known_nothing_is_made_and_nothing_changed():
    first, *others = everybody()
    unknown = replace(first, standing=Standing.UNKNOWN, vlan=9)
    assert planned(reading(unknown, *others)).steps == ()
    plan = planned(reading(*everybody(), replace(said_key(40), standing=Standing.UNKNOWN)))
    assert plan.steps == ()
    assert [fault.record for fault in plan.faults] == ["S1/R40"]


# What people decide.


@pytest.mark.parametrize("state", [HeldState.SUSPENDED, HeldState.REMOVED, HeldState.ERASED])
@pytest.mark.parametrize("given", [None, HeldState.SUSPENDED, HeldState.ACTIVE])
def test_one_that_a_person_has_suspended_or_removed_stays_so(state, given):
    plan = planned(reading(*everybody()), holdings(held_key(0, state=state, given=given)))
    assert plan.steps == ()


def test_one_that_a_sync_has_suspended_is_resumed_by_one():
    have = holdings(held_key(0, state=HeldState.SUSPENDED, given=HeldState.SUSPENDED, is_synced=True))
    assert told(planned(reading(*everybody()), have)) == [("resume", "S1/R0")]


@pytest.mark.parametrize(
    ("given", "standing"),
    [(HeldState.REMOVED, Standing.ENDED), (HeldState.SUSPENDED, Standing.SUSPENDED)],
)
def test_what_a_person_took_back_stays_until_the_platform_agrees(given, standing):
    first, *others = everybody()
    have = holdings(held_key(0, given=given))
    plan = planned(reading(replace(first, standing=standing), *others), have)
    assert plan.steps == ()
    assert [fault.record for fault in plan.faults] == ["S1/R0"]
    assert plan.agreed == ()
    assert planned(reading(first, *others), have).agreed == ("S1/R0",)


def test_one_that_was_resumed_by_hand_still_ends():
    have = holdings(held_key(0, given=HeldState.SUSPENDED))
    first, *others = everybody()
    assert told(planned(reading(ended(first), *others), have)) == [("end", "S1/R0")]


# VLANs.


def test_a_vlan_of_its_own_is_taken_off_where_the_platform_has_the_key_in_its_units():
    have = holdings(held_key(0, vlan=100))
    first, *others = everybody()
    assert planned(reading(first, *others), have).steps == ()  # the platform does not speak of it
    (step,) = planned(reading(replace(first, is_in_units_vlan=True), *others), have).steps
    assert (step.action, step.fields) == (Action.CHANGE, (Field("VLAN", "100", "its unit's"),))


def test_of_a_unit_that_is_not_there_no_vlan_is_taken_for_a_key():
    first, *others = everybody()
    have = holdings(held_key(0, vlan=100))
    for said in (replace(first, unit="S1/U99", vlan=1110), replace(first, unit="S1/U99", is_in_units_vlan=True)):
        assert planned(reading(said, *others), have).steps == ()


def test_a_vlan_of_its_own_of_which_the_platform_does_not_speak_is_drift():
    have = holdings(held_key(0, vlan=150), held_key(1, vlan=77))
    first, second, *others = everybody()
    read = reading(first, replace(second, vlan=77), *others)
    (drift,) = find_drift(planned(read, have), have, read, {}, Limits())
    assert (drift.id, drift.text) == ("S1/R0", "VLAN 150 of its own here, its unit's 100 there")
    assert drift.remedy == 'latchkey key set id:1000 --vlan ""'
