"""What a controller is to be told, as plain values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from provisioning.sync import (
    Action,
    Contents,
    Limits,
    Ours,
    SentKey,
    Service,
    ThereKey,
    UnwantedKey,
    WantedKey,
    adopted,
    dump_plan,
    effect,
    find_drift,
    made_at,
    new_mark,
    pack_plan,
    reconcile_outward,
    still_due,
    unpack_plan,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
POOL = Service(id="pool-1", name="Hudson House", is_complete=True)


def wanted(record=1, **values):
    given = {"service": "pool-1", "label": "Ann", "unit": None, "passphrase": b"correct-horse-1"}
    given |= {"vlan": None, "ends": None, "mark": new_mark(record, NOW, b"mark"), **values}
    return WantedKey(record=record, **given)


def there(id_="p1", **values):
    given = {"service": "pool-1", "username": "somebody", "passphrase": b"correct-horse-1", "vlan": None, "ends": None}
    return ThereKey(id=id_, **{**given, **values})


def sent(record=1, **values):
    return SentKey(mark=new_mark(record, NOW, b"mark"), record=record, service="pool-1", **values)


def plan_of(keys=(), want=(), owned=None, unwanted=None, services=(POOL,), making=(), **options):
    ours = Ours(
        wanted=tuple(want),
        owned={id_: (record, "pool-1") for id_, record in (owned or {}).items()},
        unwanted={record: UnwantedKey("Ann", why) for record, why in (unwanted or {}).items()},
        making=making,
    )
    given = {"connector": "ruckus", "platform": "ruckus-one", "plan_id": "ruckus-1", "now": NOW, "is_first": False}
    contents = Contents(services=services, keys=tuple(keys))
    return reconcile_outward(contents, ours, **{**given, "limits": Limits(), **options})


def actions(plan):
    return [(step.action, step.id) for step in plan.steps]


def test_a_mark_is_of_chance_and_says_when_it_was_made():
    mark = new_mark(7, NOW, b"\x00\x01\x02\x03")
    assert mark == "latchkey-7-6968d6c000010203"
    assert made_at(mark) == NOW
    for text in ("latchkey-7", "latchkey-7-6968d6c00001020", "guest", "", "latchkey-x-6968d6c000010203"):
        assert made_at(text) is None


@pytest.mark.parametrize(
    ("held", "fields"),
    [
        ({}, []),
        ({"passphrase": b"another-horse"}, ["passphrase"]),
        ({"vlan": 9}, ["VLAN"]),
        ({"ends": NOW}, ["ends"]),
        ({"username": "renamed"}, []),
    ],
)
def test_what_differs_is_changed(held, fields):
    plan = plan_of([there(**held)], [wanted()], {"p1": 1})
    assert [[field.name for field in step.fields] for step in plan.steps] == ([fields] if fields else [])
    assert [step.stops for step in plan.steps] == ([fields == ["passphrase"]] if fields else [])


def test_additions_come_before_changes_and_removals_last():
    keys = [there("p2"), there("p1", vlan=9)]
    plan = plan_of(keys, [wanted(1), wanted(3)], {"p1": 1, "p2": 2}, {2: "suspended"})
    assert [step.action for step in plan.steps] == [Action.ADD, Action.CHANGE, Action.END]


def test_what_is_neither_wanted_nor_unwanted_stays():
    assert not plan_of([there()], [], {"p1": 1}).steps


def test_somebody_elses_stays():
    assert not plan_of([there()], [], {}, {1: "suspended"}).steps


def test_of_two_of_one_key_one_goes_and_nobody_is_stopped():
    plan = plan_of([there("p1"), there("p2")], [wanted()], {"p1": 1, "p2": 1})
    assert actions(plan) == [(Action.END, "p2")]
    assert not plan.steps[0].stops


@pytest.mark.parametrize(
    ("service", "done", "waits"),
    [
        (replace(POOL, is_complete=False), [Action.CHANGE], [Action.ADD, Action.END]),
        (replace(POOL, unread=frozenset({"p9"})), [Action.ADD, Action.CHANGE], [Action.END]),
        (replace(POOL, refused="it mails"), [], []),
    ],
)
def test_a_reading_in_part_adds_and_removes_nothing(service, done, waits):
    keys = [there("p1", vlan=9), there("p2")]
    plan = plan_of(keys, [wanted(1), wanted(3)], {"p1": 1, "p2": 2}, {2: "suspended"}, services=(service,))
    assert [step.action for step in plan.steps] == done
    assert [step.action for step in plan.waiting] == waits
    assert not plan.is_complete


def test_a_controller_without_any_of_our_pools_is_not_synchronised():
    assert not plan_of(services=()).is_complete


def test_what_is_known_and_was_not_read_is_not_made_again():
    assert not plan_of([], [wanted()], {"p1": 1}).steps


def test_what_is_being_made_is_not_made_again():
    assert not plan_of([], [wanted()], making={(1, "pool-1")}).steps


@pytest.mark.parametrize(("ends", "holds"), [(NOW, 0), (NOW + timedelta(seconds=1), 1), (None, 1)])
def test_removals_of_what_is_over_count_for_no_hold(ends, holds):
    keys = [there(f"p{n}", ends=ends) for n in range(5)]
    plan = plan_of(keys, [], {f"p{n}": n for n in range(5)}, dict.fromkeys(range(5), "removed"))
    assert len(plan.holds) == holds


def test_an_adopted_one_is_known_by_its_mark_alone():
    mark = sent().mark
    ours = Ours(wanted=(wanted(passphrase=b"changed since"),), owned={}, unwanted={})
    contents = Contents(
        services=(POOL,), keys=(there("p1"), there("p2", username=mark), there("p3", username="latchkey-1"))
    )
    assert adopted(contents, [sent()], ours) == {"p2": (1, "pool-1")}


def test_of_several_of_one_mark_the_same_passphrase_is_ours():
    mark = sent().mark
    ours = Ours(wanted=(wanted(),), owned={}, unwanted={})
    keys = (
        there("p1", username=mark, passphrase=b"somebody copied"),
        there("p2", username=mark),
        there("p3", username=mark),
        there("p4", username=mark, service="pool-2"),
    )
    contents = Contents(services=(POOL,), keys=keys)
    assert adopted(contents, [sent()], ours) == {"p2": (1, "pool-1"), "p3": (1, "pool-1")}


def test_of_a_restored_database_the_same_key_and_passphrase_is_ours():
    ours = Ours(wanted=(wanted(),), owned={}, unwanted={})
    mark = "latchkey-1-6968d6c0ffffffff"
    for row, found in (
        ({"username": mark}, {"p1": (1, "pool-1")}),
        ({"username": mark, "passphrase": b"another-horse"}, {}),
        ({"username": mark.replace("-1-", "-2-")}, {}),
        ({"username": "latchkey-1"}, {}),
        ({"username": mark, "service": "pool-2"}, {}),
    ):
        assert adopted(Contents(services=(POOL,), keys=(there(**row),)), [], ours) == found
    owned = replace(ours, owned={"p0": (1, "pool-1")})
    assert adopted(Contents(services=(POOL,), keys=(there(username=mark),)), [], owned) == {}


def test_what_somebody_else_made_with_the_same_passphrase_is_not_made_again():
    plan = plan_of([there("p9")], [wanted()])
    assert not plan.steps
    (fault,) = plan.faults
    assert "Ann: its passphrase is there already as p9" in str(fault)
    assert "correct-horse" not in str(fault)


def test_a_mark_that_was_found_finds_only_the_same_passphrase():
    ours = Ours(wanted=(wanted(),), owned={}, unwanted={})
    copied = there("p1", username=sent().mark, passphrase=b"somebody copied")
    contents = Contents(services=(POOL,), keys=(copied,))
    assert adopted(contents, [sent(is_again=True, is_found=True)], ours) == {}


def test_what_is_still_due_is_what_a_plan_made_now_has_too():
    before = plan_of([there("p2")], [wanted(1), wanted(3)], {"p2": 2}, {2: "suspended"})
    now = plan_of([there("p2")], [wanted(1, mark="latchkey-1-0"), wanted(3, vlan=7)], {"p2": 2}, {2: "suspended"})
    due = still_due(before, now)
    assert [(step.action, step.id) for step in due] == [(Action.ADD, "latchkey-1-0"), (Action.END, "p2")]


def test_a_plan_that_was_kept_does_the_same_and_a_file_of_it_holds_no_passphrase():
    ends = NOW + timedelta(days=1)
    plan = plan_of([there("p2")], [wanted(1, ends=ends, vlan=7)], {"p2": 2}, {2: "suspended"})
    assert [effect(step) for step in unpack_plan(pack_plan(plan)).steps] == [effect(step) for step in plan.steps]
    assert b"correct-horse" not in dump_plan(plan)
    assert "correct-horse" not in repr(plan)


def test_the_basis_is_the_same_whatever_the_marks_and_another_for_what_counts():
    base = plan_of(want=[wanted()]).basis
    assert plan_of(want=[wanted(mark="latchkey-1-0")]).basis == base
    for values in ({"vlan": 7}, {"ends": NOW}, {"passphrase": b"another-horse"}, {"label": "Eve"}, {"record": 2}):
        assert plan_of(want=[wanted(**values)]).basis != base
    assert plan_of([there()], [wanted()], {"p1": 1}).basis != base
    assert b"correct-horse" not in base.encode()


def test_drift_says_which_side_has_what():
    keys = [there("p1", vlan=9), there("p2")]
    plan = plan_of(keys, [wanted(1), wanted(3, label="Dan")], {"p1": 1, "p2": 2}, {2: "suspended"})
    found = find_drift(plan, None, None, {}, Limits())
    assert [(each.side.value, each.label, each.text) for each in found] == [
        ("here only", "Dan", "not at the controller"),
        ("there only", "Ann", "suspended"),
        ("different", "Ann", "VLAN none here, 9 there"),
    ]
