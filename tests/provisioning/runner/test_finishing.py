"""What a platform is told once the store has it: also what an interruption kept from it."""

import pytest

from provisioning.model import KeyStatus
from provisioning.platforms import NewId, Unavailable
from provisioning.runner.run import Outcome
from tests.provisioning.runner.house import AT, DAY, House


class Taking(House):
    """A platform that takes back what was made here."""

    def __init__(self, store, **options):
        super().__init__(store, settings={"write_back": True}, **options)
        self.written, self.acknowledged, self.broken, self.results = [], 0, False, []

    def acknowledge(self, reading, stored):
        self.acknowledged += 1
        self.stored = stored
        assert self.store.sync.holdings("hudson").keys  # stored before
        return ["one relationship is not acknowledged: HTTP 500"]
        yield

    def write_back(self, keys):
        if self.broken:
            raise Unavailable("external references: no answer")
        self.written += keys
        return self.results
        yield


@pytest.fixture
def taking(store):
    return Taking(store, units=3)


def test_new_keys_are_written_back_once_with_whose_they_are(taking):
    taking.change(0, passphrase=b"the platform's own")
    taking.sync()
    told = {each.id: (each.subscriber, each.passphrase, each.is_made) for each in taking.written}
    own = taking.passphrases()
    assert told == {
        "S1/R0": ("S1/P0", b"the platform's own", False),
        "S1/R1": ("S1/P1", own["S1/R1"], True),
        "S1/R2": ("S1/P2", own["S1/R2"], True),
    }
    taking.run(), taking.run()
    assert len(taking.written) == 3


def test_what_could_not_be_written_back_is_told_and_the_next_run_does_it(taking):
    taking.broken = True
    report = taking.sync()
    assert (report.outcome, [fault.text for fault in report.faults]) == (
        Outcome.DONE,
        ["external references: no answer"],
    )
    taking.broken = False
    taking.run()
    assert {each.id for each in taking.written} == {"S1/R0", "S1/R1", "S1/R2"}


def test_a_run_that_was_killed_before_it_wrote_back_is_made_up_for(taking, monkeypatch):
    report = taking.run()
    with monkeypatch.context() as patch:
        patch.setattr("provisioning.runner.run.finish_with_platform", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            taking.accept(report)
    assert taking.inside() == set(taking.keys)
    taking.run()
    assert len(taking.written) == 3


def test_one_that_ended_before_it_was_written_back_is_not(taking):
    taking.broken = True
    taking.sync()
    taking.broken = False
    taking.end(0)
    taking.run()
    assert {each.id for each in taking.written} == {"S1/R1", "S1/R2"}


def test_a_key_is_known_by_the_id_that_the_platform_gives_it(taking):
    taking.results = [NewId("S1/R0", "psk-17"), NewId("S1/R1", "S1/R2"), "S1/R2 is not taken: HTTP 409"]
    report = taking.sync()
    assert set(taking.held()) == {"psk-17", "S1/R1", "S1/R2"}
    assert "S1/R2 is not taken: HTTP 409" in [fault.text for fault in report.faults]


def test_what_was_read_is_acknowledged_when_it_is_stored(taking):
    taking.sync()  # a plan that was kept has no reading any more
    assert taking.acknowledged == 0
    report = taking.run()
    assert taking.acknowledged == 1
    assert [fault.text for fault in report.faults] == ["one relationship is not acknowledged: HTTP 500"]


def test_of_what_is_stored_only_that_is_acknowledged(taking):
    taking.sync(), taking.run()
    assert taking.stored == {"S1/R0", "S1/R1", "S1/R2"}
    taking.move_in(8, unit="S1/U1", ends=AT - DAY)  # over before it was seen: there is nothing to store
    taking.move_in(9, unit="S1/U1", passphrase=taking.passphrases()["S1/R2"])  # refused: it is another's
    taking.end(0), taking.partial()
    report = taking.run()
    assert [step.id for step in report.plan.waiting] == ["S1/R0"]
    assert taking.stored == {"S1/R1", "S1/R2", "S1/R8"}
    taking.trouble = []
    taking.run()
    assert taking.stored == {"S1/R0", "S1/R1", "S1/R2", "S1/R8"}


def test_what_a_person_has_removed_is_not_acknowledged_as_stored(taking):
    taking.sync()
    taking.store.keys.set_status(taking.held(1).record, KeyStatus.REMOVED, now=taking.now)
    taking.change(2, unit="S1/U0", starts=AT - DAY, ends=AT + DAY)
    taking.run()
    assert taking.stored == {"S1/R0", "S1/R2"}


def test_a_run_that_is_held_acknowledges_nothing(taking):
    taking.run()
    assert taking.acknowledged == 0


def test_without_write_back_nothing_is_written(store):
    house = Taking(store, units=3)
    house.settings = {}
    house.sync()
    house.run()
    assert house.written == []
