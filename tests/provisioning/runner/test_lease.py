"""Rule 7: one leader for each connector."""

import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta

import pytest

from provisioning import Store
from provisioning.runner.lease import LEASE, Lease, LeaseLost
from provisioning.runner.run import Outcome
from tests.provisioning.runner.house import AT, House


@pytest.fixture
def house(store):
    made = House(store, units=3)
    made.sync()
    return made


def a_lease(store, now, leader=None):
    return Lease(store.sync, "hudson", "eleven", now, leader)


def test_rule_7_of_two_processes_one_synchronises_and_the_other_says_who_does(house, path, master_key):
    with Store.open(path, master_key) as store:
        other = a_lease(store, lambda: house.now)
        assert other.take() is None
        reads = house.reads
        report = house.a_run().run()
        assert (report.outcome, house.reads) == (Outcome.BUSY, reads)
        assert report.text.startswith(f"{socket.gethostname()}:{os.getpid()} synchronises it until ")
        other.give_back()
    assert house.run().outcome is Outcome.DONE


def test_rule_7_two_runs_of_one_process_are_two(store):
    first, second = a_lease(store, lambda: AT), a_lease(store, lambda: AT)
    assert first.take() is None
    assert second.take().leader == first.leader
    assert first.take() is None


def test_rule_7_a_lease_runs_out_where_its_leader_is_not_heard_of(house):
    house.store.sync.lead("hudson", "eleven", "elsewhere:1:abc:def", house.now, LEASE)
    assert house.a_run().run().outcome is Outcome.BUSY
    house.now += LEASE
    assert house.run().outcome is Outcome.DONE


def test_rule_7_the_lease_of_a_process_that_was_killed_is_free_at_once(house, path, master_key):
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from datetime import *; from pathlib import Path;"
            "from provisioning import *; from provisioning.runner.lease import Lease;"
            "store = Store.open(Path(sys.argv[1]), MasterKey(bytes(range(32))));"
            "at = datetime.fromisoformat(sys.argv[2]);"
            "print(Lease(store.sync, 'hudson', 'eleven', lambda: at, None).take(), flush=True); time.sleep(600)",
            str(path),
            house.now.isoformat(),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout.readline() == "None\n"
        assert house.a_run().run().outcome is Outcome.BUSY
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert house.a_run().run().outcome is Outcome.DONE


@pytest.mark.parametrize(
    "leader",
    ["", "x", "::", "a:b:c:d", f"{socket.gethostname()}:999999999:-:0", f"{socket.gethostname()}:x:y:z", "é:1"],
)
def test_rule_7_of_a_leader_elsewhere_nobody_says_that_it_is_dead(house, leader):
    house.store.sync.lead("hudson", "eleven", leader, house.now, LEASE)
    assert house.a_run().run().outcome is Outcome.BUSY


def test_rule_7_a_clock_that_was_far_ahead_holds_nobody_up_for_long(house):
    house.store.sync.lead("hudson", "eleven", "elsewhere:1:abc:def", house.now + timedelta(days=400), LEASE)
    assert house.run().outcome is Outcome.DONE


def test_rule_7_a_leader_that_was_overtaken_stops_before_it_writes(house):
    house.move_in(7, unit="S1/U0")

    def overtaken(_):
        house.store.sync.lead("hudson", "eleven", "elsewhere:1:abc:def", house.now + 2 * LEASE, LEASE)

    house.trouble = [overtaken]
    with pytest.raises(LeaseLost):
        house.run()
    assert "S1/R7" not in house.held()
    house.trouble = []
    house.now += 4 * LEASE
    assert house.run().outcome is Outcome.DONE
    assert "S1/R7" in house.held()


def test_rule_7_a_lease_is_prolonged_while_a_long_reading_goes_on(store):
    now = [AT]
    lease = a_lease(store, lambda: now[0])
    lease.take()
    for _ in range(100):
        now[0] += timedelta(minutes=2)
        lease.beat()
    assert a_lease(store, lambda: now[0]).take() is not None
    now[0] -= timedelta(days=2)
    lease.beat()  # a clock that went back
    assert store.sync.connector("hudson").leader_until == now[0] + LEASE
    lease.give_back()
    now[0] += timedelta(minutes=2)
    with pytest.raises(LeaseLost):
        lease.beat()
