"""What an update would do."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress
from provisioning.model import KeyStatus, Passphrase
from provisioning.sheets.columns import FIELDS
from provisioning.sheets.resolve import NewUnit, WantedKey
from provisioning.sheets.updating import StoredKey, plan_update

MAC, MAC2 = MacAddress.parse("02:00:00:00:01:00"), MacAddress.parse("02:00:00:00:01:01")
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
OTTER, FALCON = Passphrase(b"sunny-Otter-41"), Passphrase(b"maple-Falcon-77")


def key(id_, identity="Ann", **fields):
    return StoredKey(**({"id": id_, "keypool_id": 1, "identity": identity, "passphrase": OTTER} | fields))


def _same(line):
    return f"means the same key as line {line}: tell them apart by external_id"


def row(line, identity="Ann", **fields):
    return WantedKey(**({"line": line, "keypool_id": 1, "identity": identity} | fields))


def changes(plan):
    return {
        each.key.id: {change.name: (change.before, change.after) for change in each.changes} for each in plan.changed
    }


def test_a_roster_adds_changes_and_says_who_is_missing():
    existing = [key(1), key(2, "Bob"), key(3, "Eve", vlan=7), key(4, "Dan", keypool_id=2)]
    rows = [row(2), row(3, "Bob", passphrase=FALCON), row(4, "Kim", passphrase=FALCON, vlan=9)]
    plan = plan_update(rows, existing, {"identity", "psk"})
    assert [each.line for each in plan.added] == [4]
    assert changes(plan) == {2: {"psk": (OTTER, FALCON)}}
    assert plan.unchanged == 1
    assert [each.id for each in plan.missing] == [3, 4]
    assert plan.refusals == ()


def test_nothing_is_left_to_do_the_second_time():
    fields = {"unit": 4, "plan_id": 1, "vlan": 9, "starts": None, "ends": NEW_YEAR, "tag": "x", "external_id": "17"}
    wanted = [row(2, passphrase=OTTER, macs=(MAC,), status=KeyStatus.SUSPENDED, **fields)]
    stored = [key(1, macs=frozenset((MAC, MAC2)), status=KeyStatus.SUSPENDED, **fields)]
    plan = plan_update(wanted, stored, FIELDS)
    assert (plan.added, plan.changed, plan.unchanged, plan.missing) == ((), (), 1, ())


def test_each_field_changes_by_itself():
    stored = key(1, vlan=7, unit=3, plan_id=1, starts=NEW_YEAR, subscriber="Lee", tag="x", macs=frozenset((MAC,)))
    plan = plan_update(
        [row(2, vlan=8, unit=4, ends=NEW_YEAR, macs=(MAC, MAC2), status=KeyStatus.SUSPENDED, external_id="17")],
        [stored],
        FIELDS,
    )
    assert changes(plan) == {
        1: {
            "mac": (None, (MAC2,)),
            "unit": (3, 4),
            "vlan": (7, 8),
            "plan": (1, None),
            "starts": (NEW_YEAR, None),
            "ends": (None, NEW_YEAR),
            "subscriber": ("Lee", None),
            "tag": ("x", None),
            "external_id": (None, "17"),
            "status": (KeyStatus.ACTIVE, KeyStatus.SUSPENDED),
        }
    }


def test_a_column_that_is_not_there_leaves_its_field():
    stored = key(1, vlan=7, unit=3, plan_id=1, starts=NEW_YEAR, ends=NEW_YEAR, subscriber="Lee", tag="x")
    assert plan_update([row(2)], [stored], {"identity"}).unchanged == 1
    assert changes(plan_update([row(2)], [stored], {"identity", "ends"})) == {1: {"ends": (NEW_YEAR, None)}}


def test_an_empty_passphrase_status_or_external_id_leaves_its_field():
    stored = key(1, status=KeyStatus.SUSPENDED, external_id="17")
    assert plan_update([row(2, external_id="17")], [stored], FIELDS).unchanged == 1
    assert plan_update([row(2)], [stored], FIELDS).unchanged == 1


def test_an_external_id_goes_before_a_name():
    stored = [key(1, "Ann", external_id="17"), key(2, "Ann", external_id="18"), key(3, "Bob")]
    rows = [
        row(2, "Ann Lee", external_id="17"),  # has married
        row(3, "Ann", external_id="18"),
        row(4, "Bob", external_id="19"),  # gets one
        row(5, "Ann", external_id="20", passphrase=FALCON),  # a third of that name
    ]
    plan = plan_update(rows, stored, {"identity", "psk", "external_id"})
    assert changes(plan) == {1: {"identity": ("Ann", "Ann Lee")}, 3: {"external_id": (None, "19")}}
    assert ([each.line for each in plan.added], plan.unchanged, plan.missing) == ([5], 1, ())


def test_hex_digits_in_another_case_are_the_same_key():
    stored = key(1, passphrase=Passphrase(b"ab" * 32))
    assert plan_update([row(2, passphrase=Passphrase(b"AB" * 32))], [stored], {"psk"}).unchanged == 1


def test_a_key_that_cannot_be_opened_is_mended_by_a_passphrase():
    plan = plan_update([row(2, passphrase=OTTER)], [key(1, passphrase=None)], {"psk"})
    assert changes(plan) == {1: {"psk": (None, OTTER)}}


@pytest.mark.parametrize(
    ("rows", "existing", "reasons"),
    [
        (
            [row(2), row(3)],
            [key(1)],
            [_same(3), _same(2)],
        ),
        (
            [row(2, passphrase=OTTER), row(3, passphrase=FALCON)],
            [],
            [_same(3), _same(2)],
        ),
        (
            [row(2, external_id="17"), row(3, external_id="17", identity="Bob")],
            [key(1, external_id="17")],
            [_same(3), _same(2)],
        ),
        ([row(2)], [key(1), key(5)], ["2 keys have that identity, id:1, id:5: tell them apart by external_id"]),
        ([row(2)], [key(1, passphrase=None)], ["key 1 cannot be opened: a passphrase mends it"]),
        (
            [row(2, ends=NEW_YEAR, unit=4)],
            [key(1, subscription_id=9)],
            ["ends, unit: of subscription 9, which `latchkey subscriber` changes"],
        ),
        ([row(2, "Kim")], [], ["a key to add needs a passphrase: its cell is empty"]),
    ],
)
def test_what_is_not_clear_is_refused(rows, existing, reasons):
    plan = plan_update(rows, existing, FIELDS)
    assert [refusal.reason for refusal in plan.refusals] == reasons
    assert (plan.added, plan.changed, plan.missing) == ((), (), ())


def test_a_window_that_a_change_would_turn_round_is_refused():
    (refusal,) = plan_update([row(2, ends=NEW_YEAR)], [key(1, starts=NEW_YEAR)], {"ends"}).refusals
    assert refusal.reason == "the key would end (2027-01-01 00:00 UTC) before it starts (2027-01-01 00:00 UTC)"


def test_who_was_refused_before_is_not_missing():
    plan = plan_update([], [key(1), key(2, "Bob")], FIELDS, refused={(1, "Bob")})
    assert [each.id for each in plan.missing] == [1]


def test_a_unit_that_is_to_be_made_is_a_change():
    new = NewUnit(1, "9A", None, None)
    assert changes(plan_update([row(2, unit=new)], [key(1, unit=3)], FIELDS)) == {1: {"unit": (3, new)}}


def test_no_change_shows_a_passphrase():
    (update,) = plan_update([row(2, passphrase=FALCON)], [key(1)], FIELDS).changed
    assert "Falcon" not in repr(update)
    assert "Otter" not in repr(update)


SMALL = st.sampled_from(["Ann", "Bob", "Eve"])
EXTERNAL = st.one_of(st.none(), st.sampled_from(["17", "18"]))


@given(
    st.lists(st.tuples(SMALL, EXTERNAL, st.booleans()), max_size=5),
    st.lists(st.tuples(SMALL, EXTERNAL), max_size=5),
)
def test_every_row_has_one_outcome_and_every_key_at_most_one(wanted, stored):
    existing = [key(number, name, external_id=external) for number, (name, external) in enumerate(stored, 1)]
    rows = [
        row(number, name, external_id=external, passphrase=FALCON if told else None)
        for number, (name, external, told) in enumerate(wanted, 2)
    ]
    plan = plan_update(rows, existing, FIELDS)
    done = [*(each.line for each in plan.added), *(each.row.line for each in plan.changed)]
    refused = [refusal.line for refusal in plan.refusals]
    assert len(done) + len(refused) + plan.unchanged == len(rows)
    assert len({*done, *refused}) == len(done) + len(refused)
    changed = [each.key.id for each in plan.changed]
    assert len(changed) == len(set(changed))
    assert not {each.id for each in plan.missing} & set(changed)
