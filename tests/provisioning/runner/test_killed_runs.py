"""A synchronisation that is killed at any moment: the next one completes it, and does nothing twice."""

import os
import random
import signal

import pytest

from provisioning import Store
from provisioning.commands.sync.wording import details, view_report
from provisioning.runner import apply
from provisioning.store.files.database import Database
from tests.provisioning.runner.house import DAY, House, number_of

ROUNDS = 4


def prepared(store):
    """Return a house whose next plan has all kinds of steps, of two SSIDs that alternate, and some that are refused."""
    house = House(store, units=30)
    house.pools["S1/Other"] = house.pools["S1/Hudson"].__class__(id="S1/Other", ssid="Other", venues=("S1",))
    house.sync()
    before = house.passphrases()
    for number in range(30, 70):
        house.add_unit(number)
        house.move_in(number, pool="S1/Hudson" if number % 2 else "S1/Other")
    house.change(33, passphrase=b"short"), house.change(34, vlan=5000)
    for number in range(6):
        house.end(number, "moved out")
        house.suspend(6 + number)
        house.change(12 + number, vlan=50 + number)
        house.change(18 + number, ends=house.now + 300 * DAY)
    return house, before


def expected(house):
    return house.living() - {"S1/R33", "S1/R34"}


def killed_while(work, at):
    """Do something in a process that is killed before its statement of SQL of that number; return whether it was."""
    child = os.fork()
    if not child:
        try:
            left = [at]

            def traced(_):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            connect = Database._connect

            def connecting(self):
                connect(self)
                self.sql.conn.set_trace_callback(traced)

            Database._connect = connecting
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.fixture
def small_chunks(monkeypatch):
    for name in ("_MOST_KEYS", "_MOST_RECORDS", "_MOST_STEPS"):
        monkeypatch.setattr(apply, name, 5)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_accepted_plan_that_is_killed_again_and_again_is_completed_and_nothing_is_done_twice(seed, path, master_key):
    chance = random.Random(seed)
    with Store.create(path, master_key) as store:
        house, before = prepared(store)
        number = number_of(house.run())
        store.disconnect()

    def accepting():
        with Store.open(path, master_key) as own:
            house.store = own
            house.a_run().accept(number)

    deaths = 0
    while killed_while(accepting, chance.randint(30, 700)) and deaths < 60:
        deaths += 1
        with Store.open(path, master_key) as store:
            house.store = store
            if store.sync.stored_plan(number).state == "accepted":
                break
    for _ in range(4):
        killed_while(lambda: running(house, path, master_key), chance.randint(30, 500))
    with Store.open(path, master_key) as store:
        house.store = store
        report = house.run()
        while report.held is not None:
            report = house.accept(report)
        assert house.inside() == expected(house)
        after = house.passphrases()
        assert {id_: after[id_] for id_ in before} == before
        assert len(set(after.values())) == len(after)
        assert len(list(store.keys.labels())) == len(house.held())  # none twice
        assert len(store.units.all()) == len(house.units)
        assert [each.name for each in store.subscribers.all()].count("Person 40") == 1
        assert store.audit.verify()[2] == []
        assert [step.id for step in house.run().plan.steps] == ["S1/R33", "S1/R34"]


def running(house, path, master_key):
    with Store.open(path, master_key) as own:
        house.store = own
        house.run()


@pytest.mark.usefixtures("small_chunks")
def test_an_interruption_between_any_two_transactions_loses_no_step(store, monkeypatch):
    house, _ = prepared(store)
    report = house.run()
    number, total = number_of(report), len(report.plan.steps)

    class Interrupted(BaseException):
        pass

    note, done = apply.Applier._note, []
    for transactions in range(1, 100):
        left = [transactions % 3 + 1]

        def counting(self, count, left=left):
            note(self, count)
            done.append(count)
            left[0] -= 1
            if not left[0]:
                raise Interrupted  # within the transaction: it is rolled back

        monkeypatch.setattr(apply.Applier, "_note", counting)
        try:
            house.a_run().accept(number)
            break
        except Interrupted:
            stored = store.sync.stored_plan(number)
            assert stored.done < total
    assert transactions > 5
    assert house.inside() == expected(house)
    assert store.sync.stored_plan(number).state == "done"


@pytest.mark.usefixtures("small_chunks")
def test_a_run_that_completes_an_interrupted_plan_says_what_it_did(store, monkeypatch):
    house, _ = prepared(store)
    number = number_of(house.run())

    class Interrupted(BaseException):
        pass

    def interrupt(*_):
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(apply.Applier, "_note", interrupt)
        with pytest.raises(Interrupted):
            house.a_run().accept(number)
    report = house.run()
    told = list(details(report))
    assert told[0].startswith(f"completed plan hudson-{number}, which was interrupted: added ")
    assert "ended 6 keys" in told[0]
    refused = [fault for fault in report.completed.applied.refused if fault in report.faults]
    assert len(refused) == len(report.completed.applied.refused) > 0
    assert view_report(report)["completed"]["done"]["end key"] == 6
    assert house.run().completed is None
