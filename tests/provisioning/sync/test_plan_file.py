"""A plan as text: what is packed comes back as it was, and what a person reads has no secret in it."""

import dataclasses
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.sync import (
    Action,
    Fault,
    Field,
    Kind,
    Missing,
    NotAPlan,
    Plan,
    SaidDevice,
    SaidKey,
    SaidNas,
    SaidPlan,
    SaidPool,
    SaidSubscriber,
    SaidUnit,
    SaidVenue,
    Standing,
    Step,
    dump_plan,
    pack_plan,
    plan_id,
    unpack_plan,
)

texts = st.text(max_size=12)
instants = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
numbers = st.integers(0, 2**40)
OF = {
    str: texts,
    bytes: st.binary(min_size=8, max_size=63),
    bool: st.booleans(),
    int: numbers,
    datetime: instants,
}
KINDS = {
    Kind.VENUE: SaidVenue,
    Kind.POOL: SaidPool,
    Kind.PLAN: SaidPlan,
    Kind.UNIT: SaidUnit,
    Kind.SUBSCRIBER: SaidSubscriber,
    Kind.KEY: SaidKey,
    Kind.NAS: SaidNas,
}
SPECIAL = {
    "tuple[str, ...]": st.lists(texts, max_size=3).map(tuple),
    "tuple[SaidDevice, ...]": st.lists(
        st.builds(SaidDevice, mac=st.just("020000000001"), name=st.none() | texts), max_size=2
    ).map(tuple),
    "Standing": st.sampled_from(Standing),
}


def values(type_):
    """Return a strategy of records of a kind, by the types of their fields."""
    made = {}
    for field in dataclasses.fields(type_):
        said = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
        said = str(field.type) if "|" in str(field.type) or "tuple" in str(field.type) else said
        said = said.replace("provisioning.sync.statement.", "").replace("datetime.datetime", "datetime")
        plain = said.removesuffix(" | None")
        by_name = {type_.__name__: each for type_, each in OF.items()} | SPECIAL
        strategy = by_name[plain]
        made[field.name] = strategy if plain == said else st.none() | strategy
    return st.fixed_dictionaries(made).map(lambda fields: type_(**fields))


@st.composite
def steps(draw):
    kind = draw(st.sampled_from(Kind))
    said = draw(st.none() | values(KINDS[kind]))
    return Step(
        action=draw(st.sampled_from(Action)),
        kind=kind,
        id=draw(texts) if said is None else said.id,
        venue=draw(texts),
        label=draw(texts),
        record=draw(st.none() | numbers),
        unit=draw(st.none() | texts),
        fields=tuple(draw(st.lists(st.builds(Field, texts, st.none() | texts, st.none() | texts), max_size=2))),
        reason=draw(texts),
        said=said,
        stops=draw(st.booleans()),
        moves=draw(st.booleans()),
    )


faults = st.builds(
    Fault, texts, texts, st.none() | st.sampled_from(Kind), st.none() | texts, st.none() | texts, texts, st.booleans()
)
plans = st.builds(
    Plan,
    id=texts,
    connector=texts,
    platform=texts,
    made_at=instants,
    basis=texts,
    steps=st.lists(steps(), max_size=4).map(tuple),
    holds=st.lists(texts, max_size=2).map(tuple),
    faults=st.lists(faults, max_size=2).map(tuple),
    waiting=st.lists(steps(), max_size=2).map(tuple),
    missing=st.lists(st.builds(Missing, texts, st.none() | instants, numbers), max_size=2).map(tuple),
    agreed=st.lists(texts, max_size=2).map(tuple),
    is_complete=st.booleans(),
)


@given(plans)
def test_a_packed_plan_comes_back_as_it_was(plan):
    assert unpack_plan(pack_plan(plan)) == plan


@given(plans)
def test_what_a_person_reads_is_json_with_the_plans_id_and_without_any_passphrase(plan):
    text = dump_plan(plan)
    assert plan_id(text) == plan.id
    found = json.loads(text)
    for step in (*found["steps"], *found["waiting"]):
        assert (step.get("said") or {}).get("passphrase") is None


def test_no_passphrase_is_in_the_text_whatever_it_is_part_of():
    said = SaidKey(id="R1", venue="S1", pool="P", passphrase=b"correct-horse-battery")
    step = Step(action=Action.ADD, kind=Kind.KEY, id="R1", venue="S1", label="Ann", said=said)
    at = datetime(2026, 11, 21, tzinfo=UTC)
    plan = Plan(
        id="hudson-1", connector="hudson", platform="eleven", made_at=at, basis="", steps=(step,), holds=(), faults=()
    )
    assert b"correct-horse" not in dump_plan(plan)
    assert "correct-horse" not in repr(plan)
    assert unpack_plan(pack_plan(plan)).steps[0].said.passphrase == b"correct-horse-battery"


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"id": 5}', b"\xff", b'"hudson-1"'])
def test_a_file_that_is_no_plan_is_refused(text):
    with pytest.raises(NotAPlan):
        plan_id(text)


def test_a_plan_of_another_version_is_refused(monkeypatch):
    at = datetime(2026, 11, 21, tzinfo=UTC)
    plan = Plan(id="x-1", connector="x", platform="eleven", made_at=at, basis="", steps=(), holds=(), faults=())
    monkeypatch.setattr("provisioning.sync.plan_file.FORMAT", 1)
    packed = pack_plan(plan)
    monkeypatch.undo()
    with pytest.raises(NotAPlan, match="make a new one"):
        unpack_plan(packed)
