"""Rule 2: what is missing has not ended."""

from datetime import timedelta

import pytest

from provisioning.sync import HeldState, Kind, Limits, Missing
from tests.provisioning.sync.made import (
    AT,
    DAY,
    HOUR,
    everybody,
    held_key,
    holdings,
    planned,
    reading,
    told,
)

OTHERS = everybody()[1:]


def lacking(readings, since, at=AT, read=None, **fields):
    """Return the plan of a reading without the first resident, who was missing before."""
    have = holdings(held_key(0, missing_readings=readings, missing_since=since, **fields), last_complete=since)
    return planned(reading(*OTHERS, at=at) if read is None else read, have)


def test_the_first_reading_without_a_record_is_noted_and_ends_nothing():
    plan = lacking(0, None)
    assert (plan.steps, plan.missing) == ((), (Missing("S1/R0", AT, 1),))


@pytest.mark.parametrize(
    ("readings", "ago", "ends"),
    [
        (2, 24 * HOUR, True),
        (2, 24 * HOUR - timedelta(seconds=1), False),
        (1, 48 * HOUR, False),
        (200, 23 * HOUR, False),
        (9, 400 * DAY, True),
    ],
)
def test_a_key_ends_with_the_third_complete_reading_over_a_day_without_it(readings, ago, ends):
    plan = lacking(readings, AT - ago)
    assert told(plan) == ([("end", "S1/R0")] if ends else [])
    assert plan.missing == (Missing("S1/R0", AT - ago, readings + 1),)
    assert plan.still_missing == (0 if ends else 1)  # one that ends now waits for no further reading


def test_since_when_it_is_missing_is_said_in_the_sites_zone():
    (step,) = lacking(2, AT - DAY).steps
    assert step.reason == "not at the platform since 2026-11-20 07:00 EST, in 3 readings"


def test_both_numbers_are_the_connectors():
    have = holdings(held_key(0, missing_readings=1, missing_since=AT - 2 * HOUR))
    limits = Limits(missing_readings=2, missing_hours=1)
    assert told(planned(reading(*OTHERS), have, limits)) == [("end", "S1/R0")]


def test_a_partial_reading_in_between_neither_counts_nor_clears():
    read = reading(*OTHERS)
    read.partial("S1", "page 2 is HTML")
    plan = lacking(2, AT - 2 * DAY, read=read)
    assert (plan.steps, plan.waiting, plan.missing) == ((), (), ())


def test_one_that_is_there_again_clears_it_in_whatever_state():
    for said in (everybody()[0], None):
        read = reading(*OTHERS)
        if said is None:
            read.hold_back(Kind.KEY, "S1/R0", "S1", "two units at a time")
        else:
            read.say(said)
        plan = lacking(2, AT - 2 * DAY, read=read)
        assert (plan.steps, plan.missing) == ((), (Missing("S1/R0", None, 0),))


def test_a_clock_that_went_back_counts_nothing():
    plan = planned(
        reading(*OTHERS, at=AT - 3 * DAY),
        holdings(held_key(0, missing_readings=2, missing_since=AT - DAY), last_complete=AT),
    )
    assert (plan.steps, plan.missing) == ((), ())


def test_a_time_that_has_not_come_is_no_time_since_when_it_is_missing():
    plan = planned(reading(*OTHERS), holdings(held_key(0, missing_readings=5, missing_since=AT + 300 * DAY)))
    assert (plan.steps, plan.missing) == ((), (Missing("S1/R0", AT, 6),))


def test_a_clock_that_jumps_ahead_still_needs_three_readings():
    for readings in (0, 1):
        assert lacking(readings, AT, at=AT + 400 * DAY).steps == ()


def test_a_venue_that_is_no_longer_listed_keeps_its_keys_and_says_so():
    have = holdings(
        *(
            held_key(number, venue, missing_readings=9, missing_since=AT - 9 * DAY)
            for number in range(20)
            for venue in ("S2",)
        ),
        venues=("S1", "S2"),
    )
    plan = planned(reading(*everybody()), have)
    assert (plan.steps, plan.missing) == ((), ())
    assert [str(fault) for fault in plan.faults] == [
        "eleven, S2, venue S2: it is not among what was read: its 20 keys stay as they are"
    ]


def test_keycloak_48781_an_empty_reading_of_a_small_venue_waits_for_a_person_even_after_days():
    keys = [held_key(number, missing_readings=9, missing_since=AT - 9 * DAY) for number in range(2)]
    plan = planned(reading(units=2), holdings(*keys, units=2))
    assert plan.holds == ("the platform has nobody at S1 any more",)


def test_keycloak_48781_a_complete_but_empty_reading_ends_nobody_at_first():
    plan = planned(reading())
    assert plan.steps == ()
    assert len(plan.missing) == 20


def test_one_that_somebody_restored_is_left():
    plan = lacking(9, AT - 9 * DAY, given=HeldState.REMOVED)
    assert (plan.steps, plan.missing) == ((), ())
    assert [fault.record for fault in plan.faults] == ["S1/R0"]


@pytest.mark.parametrize("state", [HeldState.REMOVED, HeldState.ERASED])
def test_one_that_is_removed_is_not_missing(state):
    assert lacking(0, None, state=state).missing == ()


def test_a_lapsed_key_that_is_missing_ends_without_counting_as_a_stop():
    (step,) = lacking(2, AT - DAY, ends=AT - HOUR).steps
    assert not step.stops
