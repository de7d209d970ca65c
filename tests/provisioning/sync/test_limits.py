"""Rule 3: how much a synchronisation may take away before a person is asked."""

from dataclasses import replace

import pytest

from provisioning.sync import (
    HeldNas,
    HeldState,
    Holdings,
    Kind,
    Limits,
    Reading,
    SaidNas,
    SaidVenue,
    pack_plan,
    reconcile,
    unpack_plan,
)
from tests.provisioning.sync.made import (
    AT,
    DAY,
    HOUR,
    ended,
    everybody,
    held_key,
    holdings,
    planned,
    reading,
    said_key,
    suspended,
)


def ending(count, units, how=ended, limits=None, **fields):
    """Return why a person is asked where so many of a property's units stop."""
    keys = everybody(units, **fields)
    read = reading(*map(how, keys[:count]), *keys[count:], units=units)
    have = holdings(*(held_key(number, **fields) for number in range(units)), units=units)
    return planned(read, have, limits).holds


@pytest.mark.parametrize("how", [ended, suspended, lambda key: replace(key, ends=AT - HOUR)])
@pytest.mark.parametrize(
    ("units", "allowed"), [(3, 2), (9, 2), (10, 1), (19, 1), (20, 2), (100, 10), (250, 25), (400, 25)]
)
def test_ends_and_suspensions_up_to_the_limit_are_applied_and_one_more_is_held(units, allowed, how):
    assert ending(allowed, units, how) == ()
    (why,) = ending(allowed + 1, units, how)
    bound = "2" if units < 10 else "25" if allowed == 25 else "10 %"
    assert why == f"keys of {allowed + 1} of {units} units at S1 would stop, more than {bound}"


def has_left(number):
    return held_key(number, ends=AT - DAY)


def was_ended(number):
    return held_key(number, state=HeldState.REMOVED, given=HeldState.REMOVED, is_synced=True)


def is_to_leave(number):
    return held_key(number, ends=AT + DAY)


def open_end(number):
    return held_key(number, ends=None)


@pytest.mark.parametrize("how", [has_left, was_ended, is_to_leave])
@pytest.mark.parametrize(("ends", "allowed"), [(4, 2), (9, 2), (19, 1), (20, 2)])
def test_as_many_ends_are_taken_back_as_may_be_made_and_one_more_is_held(how, ends, allowed):
    for count in (allowed, allowed + 1):
        said = [
            replace(key, ends=None if number < count or number >= ends else key.ends)
            for number, key in enumerate(everybody())
        ]
        have = holdings(*map(how, range(count)), *map(open_end, range(ends, 20)))
        plan = planned(reading(*said), have)
        assert sum(step.returns for step in plan.steps) == count
        bound = "2" if ends < 10 else "10 %"
        why = f"ends of keys in {count} of {ends} units at S1 that have one would be taken back, more than {bound}"
        assert plan.holds == ((why,) if count > allowed else ())
        assert [step.returns for step in unpack_plan(pack_plan(plan)).steps] == [step.returns for step in plan.steps]


def was_erased(number):
    return replace(was_ended(number), state=HeldState.ERASED)


def was_suspended(number):
    state = HeldState.SUSPENDED
    return held_key(number, state=state, given=state, is_synced=True, ends=AT - DAY)


@pytest.mark.parametrize("how", [was_erased, was_suspended])
def test_who_was_suspended_when_they_left_or_left_long_ago_counts_as_well(how):
    for count in (2, 3):
        plan = planned(reading(*everybody()), holdings(*map(how, range(count))))
        assert bool(plan.holds) is (count > 2)


def test_who_had_left_and_gets_in_until_another_day_counts_as_well():
    for count in (2, 3):
        read = reading(*(replace(key, ends=AT + 365 * DAY) for key in everybody()))
        plan = planned(read, holdings(*map(has_left, range(count))))
        assert sum(step.returns for step in plan.steps) == count
        assert bool(plan.holds) is (count > 2)


def test_what_lets_in_again_who_had_left_says_so():
    for how in (has_left, was_ended, was_erased):
        (step,) = planned(reading(*everybody()), holdings(how(0))).steps
        assert step.reason.startswith("it had ended: ")
    first, *others = everybody()
    (step,) = planned(reading(suspended(first), *others), holdings(was_ended(0))).steps
    assert not step.returns


def test_keys_that_are_other_peoples_at_the_platform_count_as_stops():
    for count in (2, 3):
        everyone = everybody()
        read = reading(*(replace(key, subscriber="S1/P19") for key in everyone[:count]), *everyone[count:])
        why = f"keys of {count} of 20 units at S1 would stop, more than 10 %"
        assert planned(read).holds == ((why,) if count > 2 else ())


def test_who_has_paid_or_stays_until_another_day_takes_no_end_back():
    suspended_ = [held_key(n, state=HeldState.SUSPENDED, given=HeldState.SUSPENDED, is_synced=True) for n in range(9)]
    renewed = [is_to_leave(number) for number in range(9, 20)]
    plan = planned(
        reading(*(replace(key, ends=AT + 365 * DAY) for key in everybody())), holdings(*suspended_, *renewed)
    )
    assert len(plan.steps) > 20
    assert not plan.holds


def test_ends_and_suspensions_count_together():
    keys = everybody()
    read = reading(ended(keys[0]), suspended(keys[1]), suspended(keys[2]), *keys[3:])
    assert planned(read).holds == ("keys of 3 of 20 units at S1 would stop, more than 10 %",)


def test_all_limits_are_the_connectors():
    assert ending(9, 20, limits=Limits(stops_percent=50)) == ()
    assert len(ending(9, 20, limits=Limits(stops_percent=50, stops_units=8))) == 1
    assert ending(5, 9, limits=Limits(small_stops=5)) == ()
    assert ending(3, 20, limits=Limits(small_units=30, small_stops=3)) == ()


def test_two_of_one_unit_count_once():
    keys = [replace(key, unit="S1/U0") for key in everybody()]
    read = reading(*map(ended, keys[:5]), *keys[5:])
    assert planned(read, holdings(*(held_key(number, unit="S1/U0") for number in range(20)))).holds == ()


def test_without_units_each_key_counts_as_one():
    assert ending(2, 20, unit=None) == ()
    have = replace(holdings(*(held_key(number, unit=None) for number in range(20))), units={})
    keys = everybody(unit=None)
    assert planned(reading(*map(ended, keys[:2]), *keys[2:], units=0), have).holds == ()
    (why,) = planned(reading(*map(ended, keys[:3]), *keys[3:], units=0), have).holds
    assert why == "keys of 3 of 20 units at S1 would stop, more than 10 %"


def test_what_has_lapsed_already_does_not_count():
    assert ending(20, 20, ends=AT - HOUR) == ()


def test_a_limit_holds_for_the_platform_as_a_whole_as_well():
    venues = tuple(f"S{number}" for number in range(1, 14))
    keys = [said_key(number, venue) for venue in venues for number in range(20)]
    read = reading(
        *(ended(key) if key.id.endswith(("R0", "R1")) and len(key.id) < 7 else key for key in keys), venues=venues
    )
    stops = sum(step.stops for step in planned(read, holdings(venues=venues)).steps)
    assert stops == 26
    assert planned(read, holdings(venues=venues)).holds == ("keys of 26 of 260 units in all would stop, more than 25",)


def moving(count, units):
    keys = everybody(units)
    moved = [replace(key, unit=f"S1/U{(number + 1) % units}") for number, key in enumerate(keys[:count])]
    return planned(reading(*moved, *keys[count:], units=units), holdings(units=units))


@pytest.mark.parametrize(("units", "allowed"), [(9, 2), (10, 3), (20, 6), (100, 30), (1000, 300)])
def test_moves_are_counted_apart_from_ends(units, allowed):
    assert moving(allowed, units).holds == ()
    (why,) = moving(allowed + 1, units).holds
    bound = "2" if units < 10 else "30 %"
    assert why == f"residents of {allowed + 1} of {units} units at S1 would move, more than {bound}"


def test_a_first_synchronisation_always_waits_for_a_person():
    plan = planned(reading(said_key(0), units=1), Holdings(connector="hudson", is_first=True))
    assert plan.holds == ("the first synchronisation of hudson: read the plan, and accept it",)
    nothing = planned(Reading("hudson", "eleven", AT), Holdings(connector="hudson", is_first=True))
    assert nothing.holds == ()


def test_what_waits_for_a_complete_reading_is_not_counted():
    keys = everybody()
    read = reading(*map(ended, keys))
    read.partial("S1", "page 2 is HTML")
    plan = planned(read)
    assert (plan.steps, plan.holds, len(plan.waiting)) == ((), (), 20)


@pytest.mark.parametrize(("count", "held"), [(1, False), (2, True)])
def test_access_points_that_would_be_switched_off_count_by_themselves(count, held):
    nases = {
        f"N{number}": HeldNas(record=number, id=f"N{number}", venue="C1", enabled=True, name=f"router {number}")
        for number in range(1, 11)
    }
    read = Reading("routers", "encloud", AT)
    read.say(SaidVenue(id="C1", name="C1"))
    for number in range(1, 11):
        off = number <= count
        read.say(SaidNas(id=f"N{number}", venue="C1", name=None, enabled=not off, state="Passive" if off else "Active"))
    plan = reconcile(read, Holdings(connector="routers", is_first=False, nases=nases), Limits(), "routers-1")
    assert len([step for step in plan.steps if step.stops]) == count
    assert plan.holds == (("2 of 10 NASes at C1 would be switched off, more than 10 %",) if held else ())


def test_access_points_that_are_not_listed_any_more_are_told_in_one_line():
    nases = {
        f"N{number:02}": HeldNas(
            record=number, id=f"N{number:02}", venue="C1", enabled=True, name=f"router {number:02}"
        )
        for number in range(24)
    }
    read = Reading("routers", "encloud", AT)
    read.say(SaidVenue(id="C1", name="C1"))
    for number in range(5):
        read.say(SaidNas(id=f"N{number:02}", venue="C1", name=None, enabled=True, state="Active"))
    have = Holdings(connector="routers", is_first=False, nases=nases)
    assert not reconcile(read, have, Limits(), "routers-1").faults  # not known to be all
    read.complete("C1", (Kind.NAS,))
    plan = reconcile(read, have, Limits(), "routers-1")
    (fault,) = plan.faults
    listed = ", ".join(f"router {number:02}" for number in range(5, 13))
    assert fault.text == (f"19 of 24 NASes are not listed any more, and stay as they are: {listed} and 11 more")
    assert not [step for step in plan.steps if step.kind is Kind.NAS]
