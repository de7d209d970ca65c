"""Rounds: what is due is run side by side, and nothing holds up anything else."""

import concurrent.futures
import threading
import time
from datetime import timedelta

import pytest

from provisioning.errors import InvalidValue
from provisioning.runner.rounds import Ran, Rounds, pause_s
from provisioning.runner.source import Source, Stop, Stopped

EVERY = timedelta(milliseconds=1)


def source(name, every=EVERY):
    return Source(name=name, platform="eleven", every=every, configure=None, connect=None)


def rounds(run, *sources, load=None, failed=None):
    return Rounds(
        load=load or (lambda: {each.name: each for each in sources}),
        run=run,
        failed=failed or pytest.fail,
        every=EVERY,
        stop=Stop(),
        clock=time.monotonic,
    )


def going_on(made):
    thread = threading.Thread(target=made.go_on)
    thread.start()
    return thread


def test_one_that_stalls_holds_up_nobody():
    stalled, often = threading.Event(), threading.Event()
    ran = []

    def run(each):
        ran.append(each.name)
        if each.name == "stalls":
            assert stalled.wait(60)
        elif ran.count("goes on") >= 3:
            often.set()
        return Ran(worked=True)

    made = rounds(run, source("stalls"), source("goes on"))
    thread = going_on(made)
    assert often.wait(60)
    assert ran.count("stalls") == 1
    made.stop.set()
    stalled.set()
    thread.join(60)
    assert not thread.is_alive()


def test_a_configuration_that_cannot_be_read_leaves_the_one_before():
    loads, failures, ran = [], [], []

    def load():
        loads.append(1)
        if len(loads) > 1:
            raise InvalidValue("no TOML")
        return {"hudson": source("hudson")}

    def run(each):
        ran.append(each.name)
        if len(ran) == 3:
            made.stop.set()
        return Ran(worked=True)

    made = rounds(run, load=load, failed=failures.append)
    made.go_on()
    assert ran == ["hudson"] * 3
    assert failures


@pytest.mark.parametrize(
    ("asked_s", "waits_s"), [(0, 60), (30, 60), (3600, 3600), (10**8, 86_400)], ids=["nothing", "less", "hour", "years"]
)
@pytest.mark.parametrize("worked", [True, False])
def test_a_platform_that_wants_to_be_left_alone_is(asked_s, waits_s, worked):
    clock, ran = [0.0], []

    class Clockwork(Stop):
        def wait(self, seconds):
            if running := [turn.running for turn in made._turns.values() if turn.running is not None]:
                concurrent.futures.wait(running)
            else:
                clock[0] += seconds
            return self.is_set

    def run(_):
        ran.append(clock[0])
        if len(ran) == 2:
            made.stop.set()
        return Ran(worked, asked_s)

    made = rounds(run, source("hudson", timedelta(minutes=1)))
    made.stop, made.clock, made.jitter = Clockwork(), lambda: clock[0], lambda: 0.5
    made.go_on()
    assert waits_s <= ran[1] - ran[0] <= waits_s + 1


def test_what_has_no_answer_ends_it():
    def run(_):
        raise BrokenPipeError

    made = rounds(run, source("hudson"))
    with pytest.raises(BrokenPipeError):
        made.go_on()
    assert made.stop.is_set


def test_a_stop_ends_what_waits():
    stop = Stop()
    stop.sleep(0)
    stop.set()
    for ends in (stop.check, lambda: stop.sleep(600)):
        with pytest.raises(Stopped):
            ends()


@pytest.mark.parametrize(
    ("every", "failures", "jitter", "expected"),
    [
        (300, 0, 0.5, 300),
        (300, 0, 0.0, 270),
        (300, 0, 1.0, 330),
        (300, 1, 0.5, 300),
        (300, 2, 0.5, 600),
        (300, 3, 0.5, 1200),
        (300, 4, 0.5, 1800),
        (300, 400, 0.5, 1800),
        (7200, 5, 0.5, 7200),  # never more often than said
    ],
)
def test_pauses_grow_with_failures_up_to_half_an_hour(every, failures, jitter, expected):
    assert pause_s(timedelta(seconds=every), failures, jitter) == pytest.approx(expected)
