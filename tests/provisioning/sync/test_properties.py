"""What holds whatever a platform says and whatever people did: over random readings and holdings, as plain values."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from provisioning.sync import Action, HeldState, Kind, Limits, Standing, reconcile
from tests.provisioning.sync.made import AT, held_key, holdings, reading, said_key

UNITS = 6
HOURS = st.sampled_from([-400, -30, -1, 0, 1, 23, 30, 400])
ENDS = st.none() | HOURS.map(lambda hours: AT + timedelta(hours=hours))
UNIT = st.none() | st.integers(0, UNITS).map(lambda number: f"S1/U{number}")  # the last one is nowhere
STATES = st.sampled_from(HeldState)

said_fields = st.fixed_dictionaries(
    {
        "starts": st.none() | HOURS.map(lambda hours: AT + timedelta(hours=hours)),
        "ends": ENDS,
        "standing": st.sampled_from(Standing),
        "unit": UNIT,
        "vlan": st.none() | st.integers(1, 4094),
        "passphrase": st.none() | st.just(b"another passphrase"),
    }
)


@st.composite
def held_fields(draw):
    state = draw(STATES)
    given = draw(st.none() | st.sampled_from([HeldState.ACTIVE, HeldState.SUSPENDED, HeldState.REMOVED]))
    like = HeldState.REMOVED if state is HeldState.ERASED else state
    return {
        "state": state,
        "given": given,
        "is_synced": given is like and draw(st.booleans()),
        "ends": draw(ENDS),
        "unit": draw(UNIT),
        "missing_readings": draw(st.integers(0, 9)),
        "missing_since": draw(st.none() | HOURS.map(lambda hours: AT + timedelta(hours=hours))),
    }


@st.composite
def worlds(draw):
    """Return a reading and holdings: keys that either knows."""
    said = draw(st.dictionaries(st.integers(0, 8), said_fields, max_size=9))
    held = draw(st.dictionaries(st.integers(0, 8), held_fields(), max_size=9))
    read = reading(*(said_key(number, **fields) for number, fields in said.items()), units=UNITS)
    how = draw(st.sampled_from(["complete", "complete", "partial", "whole", "unread", "held back"]))
    if how == "partial":
        read.partial("S1", "page 2 is HTML")
    elif how == "whole":
        read.partial("", "no total")
    elif how == "unread":
        read.unreadable(Kind.KEY, "S1/R3", "S1", "no date")
    elif how == "held back":
        read.hold_back(Kind.KEY, "S1/R3", "S1", "two units at a time")
    have = holdings(units=UNITS, last_complete=draw(st.none() | HOURS.map(lambda hours: AT + timedelta(hours=hours))))
    keys = {}
    for number, fields in held.items():
        key = held_key(number, **fields)
        keys[key.id] = key
    object.__setattr__(have, "keys", keys)
    return read, have


def planned(world):
    return reconcile(*world, Limits(), "hudson-1")


@given(worlds())
def test_nothing_of_a_venue_that_is_read_in_part_stops(world):
    read, _ = world
    plan = planned(world)
    if read.is_partial("S1"):
        assert not any(step.stops for step in plan.steps)


@given(worlds())
def test_no_key_of_a_living_tenant_stops(world):
    """One whose record is there, active and within its window, goes on."""
    read, have = world
    for step in planned(world).steps:
        if step.kind is not Kind.KEY or step.action not in (Action.END, Action.SUSPEND):
            continue
        said = read._said[Kind.KEY].get(step.id)
        if said is None:  # missing
            assert not read.saw(Kind.KEY, step.id)
            assert have.keys[step.id].missing_readings >= 2
        else:
            starts = said.starts or have.keys[step.id].starts
            never = said.ends is not None and starts is not None and said.ends <= starts
            assert said.standing in (Standing.ENDED, Standing.SUSPENDED) or never


@given(worlds())
def test_no_ended_tenant_gets_back_in(world):
    read, _have = world
    for step in planned(world).steps:
        if step.kind is Kind.KEY and step.action in (Action.ADD, Action.RETURN, Action.RESUME):
            said = read._said[Kind.KEY][step.id]
            assert said.standing in (Standing.ACTIVE, Standing.SUSPENDED)
            assert step.action is Action.RESUME or said.ends is None or said.ends > AT
            assert step.action is not Action.RESUME or said.standing is Standing.ACTIVE
            assert step.said.ends == said.ends


@given(worlds())
def test_what_people_decided_stays(world):
    _, have = world
    for step in planned(world).steps:
        held = have.keys.get(step.id) if step.kind is Kind.KEY else None
        if held is None or held.is_synced:
            continue
        assert held.state not in (HeldState.REMOVED, HeldState.ERASED)
        assert step.action not in (Action.RESUME, Action.RETURN)
        if held.given is HeldState.REMOVED:
            assert step.action is not Action.END or step.said is not None
            assert step.action is not Action.END or step.said.standing is not Standing.ENDED
        if held.given is HeldState.SUSPENDED:
            assert step.action is not Action.SUSPEND


@given(worlds())
def test_each_key_has_at_most_one_decision_and_its_own_record(world):
    _, have = world
    decided = [step.id for step in planned(world).steps if step.kind is Kind.KEY and step.action is not Action.CHANGE]
    assert len(decided) == len(set(decided))
    for step in planned(world).steps:
        if step.kind is Kind.KEY and step.record is not None:
            assert have.keys[step.id].record == step.record


@given(worlds())
def test_a_plan_is_the_same_whatever_the_order_of_the_records(world):
    read, have = world
    turned = reading(*reversed(list(read._said[Kind.KEY].values())), units=UNITS)
    turned._partial, turned._spoiled, turned._held = read._partial, read._spoiled, read._held
    assert reconcile(turned, have, Limits(), "hudson-1").steps == planned(world).steps
