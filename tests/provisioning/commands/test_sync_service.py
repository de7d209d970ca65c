"""`latchkey sync run --every` as a process: what it says and what it does not say again, and how it ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pcaps.platforms.building import Building
from tests.platforms.eleven import Eleven
from tests.provisioning.commands.hudson import Hudson, utc_now

ROOT = Path(__file__).parents[3]
UNITS = 20


class Service:
    """The process, and what it has printed so far."""

    def __init__(self, process, log):
        self.process = process
        self._log = log

    def text(self):
        return self._log.read_text("utf-8")

    def wait_for(self, condition, what):
        deadline = time.monotonic() + 120
        while not condition():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, f"no {what}: {self.text()}"
            time.sleep(0.02)

    def says(self, text, times=1):
        self.wait_for(lambda: self.text().count(text) >= times, text)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(60)


@contextlib.contextmanager
def service(hudson, *arguments):
    log = hudson.folder / "service.log"
    command = [sys.executable, str(ROOT / "latchkey.py"), "--db", str(hudson.cli.path), "sync", "run", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LATCHKEY_")}
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--every", "1s", "--config", str(hudson.config)], stdout=out, stderr=out, env=environment
        )
        try:
            yield Service(process, log)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def hudson(cli, tmp_path):
    building = Building.make(UNITS, at=utc_now(), occupied=1.0)
    with Eleven([building], clock=utc_now) as platform:
        yield Hudson(cli, tmp_path, platform, building)


def lists_of_residents(hudson):
    return sum("/resident" in request.target for request in hudson.platform.requests)


def test_it_goes_on_says_what_is_new_and_ends_when_told_to(hudson):
    with service(hudson) as running:
        running.says("latchkey: hudson: held: the first synchronisation of hudson")
        hudson.ok("accept", "hudson-1")
        running.says("hudson: no change")
        asked = lists_of_residents(hudson)
        running.wait_for(lambda: lists_of_residents(hudson) >= asked + 3, "further rounds")
        today = hudson.building.day(utc_now())
        hudson.leave(1)
        hudson.building.move_in(next(iter(hudson.building.units)), hudson.building.newcomer(), today)
        running.says("hudson: added 1 subscriber and 1 key")
        hudson.leave(UNITS // 2)
        running.says("keys of 9 of 20 units at S1 would stop")
        hudson.ok("release", "hudson")
        running.says("hudson-3")
        assert running.end() == 0
        text = running.text()
    assert text.count("held: the first synchronisation") == 1
    assert text.count("hudson: no change") <= 2
    assert hudson.status()["leader"] is None


def test_a_trouble_that_lasts_is_said_once(hudson):
    hudson.settle()
    with service(hudson) as running:
        running.says("hudson: no change")
        first = next(iter(hudson.building.tenancies.values()))
        hudson.platform.faults.add("wrong_type", times=10_000, path="/resident")
        running.says("the platform was read in part")
        asked = lists_of_residents(hudson)
        running.wait_for(lambda: lists_of_residents(hudson) >= asked + 4, "further rounds")
        faults = [line for line in running.text().splitlines() if line.startswith("  hudson: ")]
        assert faults
        assert len(faults) == len(set(faults))
        assert running.end(signal.SIGINT) == 0
    assert hudson.keys()[hudson.key_id(first)] == "valid"


def test_the_configuration_is_read_anew(hudson):
    hudson.settle()
    with service(hudson) as running:
        running.says("hudson: no change")
        hudson.config.write_text("[sync.hudson\n")
        running.says("going on with what it said before")
        asked = lists_of_residents(hudson)
        running.wait_for(lambda: lists_of_residents(hudson) >= asked + 2, "rounds with what it said before")
        hudson.configure(token_file="none.token")
        running.says("hudson: not synchronised: ")
        hudson.configure()
        running.says("hudson: no change", times=2)
        assert running.end() == 0
        assert running.text().count("going on with what it said before") == 1


def test_it_stops_in_the_middle_of_waiting_for_a_platform(hudson):
    hudson.settle()
    with service(hudson) as running:
        running.says("hudson: no change")
        hudson.platform.faults.add("rate_limited", value="240", times=10_000)
        asked = len(hudson.platform.requests)
        running.wait_for(lambda: len(hudson.platform.requests) > asked, "a request that is refused")
        assert running.end() == 0
    status = hudson.status()
    assert status["leader"] is None
    assert status["held_plan"] is None


def test_a_start_with_nothing_to_do_is_refused(hudson):
    hudson.config.write_text("listen = []\n")
    assert "has no table [sync.NAME]" in hudson.refused("run", "--every", "5m")
    result = hudson.run("run", "--every", "5m", "--dry-run")
    assert result.exit_code == 2
    assert "is not a span of time" in hudson.refused("run", "--every", "soon")


def test_a_single_run_that_is_ended_gives_its_lease_back(hudson):
    hudson.settle()
    hudson.platform.faults.add("stall", times=10_000)
    command = [sys.executable, str(ROOT / "latchkey.py"), "--db", str(hudson.cli.path), "sync", "run"]
    asked = len(hudson.platform.requests)
    process = subprocess.Popen([*command, "--config", str(hudson.config)], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while len(hudson.platform.requests) == asked:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert hudson.status()["leader"] is not None
        process.terminate()
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        hudson.platform.faults.clear()
    assert hudson.status()["leader"] is None
    assert hudson.ok("run") == "hudson: no change\n"
