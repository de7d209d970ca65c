"""A key whose subscriber becomes another person's at the platform: nobody gets in with what the former one knows."""

import random

import pytest

from provisioning import Store
from provisioning.lifecycle import keys as life
from provisioning.model import KeyStatus
from provisioning.runner import apply
from provisioning.runner.run import Outcome
from provisioning.sync import Action, Kind
from tests.provisioning.runner.house import House, number_of
from tests.provisioning.runner.test_killed_runs import killed_while, running


@pytest.fixture
def house(store):
    house = House(store)
    house.sync()
    return house


def pass_on(house, number, to):
    house.move_in(to)
    del house.keys[f"S1/R{to}"]
    house.change(number, subscriber=f"S1/P{to}")


def test_the_next_person_has_another_passphrase_and_the_former_one_does_not_get_in(house):
    former = house.key(3)
    pass_on(house, 3, 40)
    report = house.run()
    assert (report.outcome, report.faults) == (Outcome.DONE, ())
    assert report.applied.done == {
        (Action.ADD, Kind.SUBSCRIBER): 1,
        (Action.END, Kind.KEY): 1,
        (Action.ADD, Kind.KEY): 1,
    }
    now = house.key(3)
    assert (now.subscriber.name, now.unit.name, now.identity) == ("Person 40", "3", "S1/R3")
    assert now.passphrase != former.passphrase
    assert house.inside() == set(house.keys)
    left = house.store.keys.get(former.id)
    assert (left.status, left.subscriber.name) == (KeyStatus.REMOVED, "Person 3")
    assert left.status_reason == "it is another person's at the platform now"
    assert not house.run().plan.steps


def test_what_a_person_brings_back_of_the_former_one_is_no_synchronisations(house):
    former = house.key(3).id
    pass_on(house, 3, 40)
    house.run()
    life.restore(house.store, former, now=house.now)
    house.end(3)
    assert not house.run().held
    assert house.store.keys.get(former).status is KeyStatus.ACTIVE
    assert house.store.sync.owner(Kind.KEY, former) is None


def test_one_that_a_person_had_suspended_ends_and_the_next_persons_works(house):
    former = house.key(3).id
    life.suspend(house.store, former, now=house.now)
    pass_on(house, 3, 40)
    house.run()
    assert house.inside() == set(house.keys)
    assert house.store.keys.get(former).status is KeyStatus.REMOVED


def test_the_former_passphrase_of_a_grace_ends_with_it(house):
    life.reset(
        house.store, house.key(3).id, house.key(4).passphrase.__class__(b"another one of it"), now=house.now, grace=None
    )
    formers = house.store.keys.graces_of(house.key(3).id)
    pass_on(house, 3, 40)
    house.run()
    assert all(house.store.keys.get(each).status is KeyStatus.REMOVED for each in formers)


def test_where_the_platform_says_the_passphrase_it_is_that_one(house):
    pass_on(house, 3, 40)
    house.change(3, passphrase=b"as the platform says")
    house.run()
    assert house.key(3).passphrase.value == b"as the platform says"


def test_no_key_takes_the_place_of_one_that_could_not_be_ended(house, monkeypatch):
    former = house.key(3).id

    def refusing(context, step):
        raise apply.NotThere("it is in use")

    monkeypatch.setitem(apply._ONE, (Action.END, Kind.KEY), refusing)
    pass_on(house, 3, 40)
    report = house.run()
    assert [fault.text for fault in report.faults] == [
        "not ended: it is in use",
        "not added: the key before it, which was another person's, has not ended",
    ]
    assert house.held(3).record == former
    assert len(list(house.store.keys.labels())) == 20


@pytest.mark.parametrize("is_held", [False, True], ids=["by itself", "accepted"])
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_no_key_is_nobodys_and_none_is_made_twice(is_held, seed, path, master_key):
    chance = random.Random(seed)
    count = 5 if is_held else 2
    with Store.create(path, master_key) as store:
        house = House(store)
        house.sync()
        before = house.passphrases()
        for number in range(count):
            pass_on(house, number, 40 + number)
        number = number_of(house.run()) if is_held else None
        store.disconnect()

    def accepting():
        with Store.open(path, master_key) as own:
            house.store = own
            house.a_run().accept(number)

    for _ in range(3):
        killed_while(accepting if is_held else lambda: running(house, path, master_key), chance.randint(20, 160))
    with Store.open(path, master_key) as store:
        house.store = store
        report = house.run()
        while report.held is not None:
            report = house.a_run().accept(int(report.held.rpartition("-")[2]))
        house.run()
        assert house.inside() == set(house.keys)
        after = house.passphrases()
        assert {id_ for id_ in before if after[id_] != before[id_]} == {f"S1/R{number}" for number in range(count)}
        owned = {held.record for held in house.held().values()}
        others = [label.id for label in store.keys.labels() if label.id not in owned]
        assert len(others) == count
        assert {store.keys.get(each).status for each in others} == {KeyStatus.REMOVED}
        assert not house.run().plan.steps
