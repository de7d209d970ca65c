"""Keys told to a controller: a real store, the real transport, a real HTTP server, judged by what that holds then."""

import contextlib
import os
import random
import re
import signal
import sqlite3
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from crypto import MacAddress, Ssid
from pcaps.platforms.building import Building
from provisioning.lifecycle import erasure
from provisioning.lifecycle import keys as life
from provisioning.lifecycle.key_changes import set_fields
from provisioning.model import KeyDraft, KeyOrigin, Passphrase
from provisioning.model.rules.hours import Hours
from provisioning.platforms import PLATFORMS, ConnectorSettings, Credentials
from provisioning.runner.making import make_run
from provisioning.runner.outward import OutwardRun
from provisioning.runner.run import Configured, Outcome
from provisioning.store import Store
from provisioning.sync import Action, Limits
from provisioning.transport import Transport
from tests.platforms.ruckus_one import CLIENT_ID, CLIENT_SECRET, TENANT, RuckusOne

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SSID = "Hudson House"


@dataclass
class World:
    """A store with one keypool, and a controller that has a pool of its SSID."""

    store: Store
    platform: RuckusOne
    pool_id: int
    now: datetime = NOW
    table: dict = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    waited: float = 0.0
    url: str | None = None

    def __post_init__(self):
        self.platform.clock = lambda: self.now

    def sleep(self, seconds):
        self.waited += seconds

    def run(self, do=lambda run: run.run(), around=lambda drive: drive):
        """Return what `do` returns for a run of the connector as it is configured."""
        settings = ConnectorSettings(
            name="ruckus",
            platform="ruckus-one",
            url=self.url or self.platform.url,
            credentials=Credentials({"client_secret": CLIENT_SECRET}.get),
            **{"client_id": CLIENT_ID, "tenant": TENANT, **self.table},
        )
        configured = Configured(
            settings=settings, connector=PLATFORMS["ruckus-one"](settings), limits=self.limits, venues={}
        )
        with Transport(self.platform.url, clock=lambda: self.waited, sleep=self.sleep) as transport:
            return do(make_run(self.store, configured, around(transport.run), now=lambda: self.now))

    def accept(self, report, **options):
        number = int(report.plan.id.rpartition("-")[2])
        return self.run(lambda run: run.accept(number), **options)

    def settle(self):
        """Run, and accept what there is to accept."""
        report = self.run()
        if report.outcome is Outcome.HELD and report.plan is None:  # by a plan of before
            report = self.run(lambda run: run.plan())
        return self.accept(report) if report.outcome is Outcome.HELD else report

    def add(self, passphrase, pool_id=None, **fields):
        draft = KeyDraft(passphrase=Passphrase(passphrase.encode()), **fields)
        return self.store.keys.add(pool_id or self.pool_id, draft)

    @property
    def there(self):
        """The rows of the pool by passphrase."""
        rows = self.platform.pool(SSID).passphrases.values()
        assert len({row["passphrase"] for row in rows}) == len(rows), "a passphrase is there twice"
        return {row["passphrase"]: row for row in rows}

    def put_by_hand(self, passphrase, **values):
        pool = self.platform.pool(SSID)
        assert self.platform._create(pool, {"passphrase": passphrase, **values}) == "SUCCESS"
        return self.there[passphrase]

    def writes(self):
        return [each for each in self.platform.requests if is_write(each)]


def is_write(request):
    return request.method != "GET" and "/passphrases" in request.path and not request.path.endswith("/query")


def texts(report):
    return [str(fault) for fault in report.faults]


@pytest.fixture
def platform():
    with RuckusOne([Building.make(units=1)], clock=lambda: NOW) as served:
        yield served


@pytest.fixture
def world(store, pool, platform):
    return World(store, platform, pool.id)


@pytest.fixture
def settled(world):
    """A world whose three keys are there, accepted."""
    for name in ("ann", "bob", "eve"):
        world.add(f"correct-{name}-1", identity=name)
    world.settle()
    assert len(world.there) == 3
    return world


def key_of(world, identity):
    (label,) = world.store.keys.labels(identity=identity)
    return label.id


# What is told.


def test_the_first_run_is_a_plan_and_nothing_is_written_before_it_is_accepted(world):
    world.add("correct-horse-1")
    report = world.run()
    assert report.outcome is Outcome.HELD
    assert "the first synchronisation of ruckus" in report.text
    assert [(step.action, step.venue) for step in report.plan.steps] == [(Action.ADD, SSID)]
    assert not world.there
    assert not world.writes()
    report = world.accept(report)
    assert report.outcome is Outcome.DONE
    assert list(world.there) == ["correct-horse-1"]
    assert not texts(report)


def test_a_key_is_there_with_its_vlan_and_end_and_a_name_that_tells_its_id(world, venue):
    unit = world.store.units.add(venue.id, "4A", vlan=101)
    ends = NOW + timedelta(days=30)
    id_ = world.add("correct-horse-1", unit_id=unit.id, ends=ends, subscriber="Žofie 王")
    world.settle()
    row = world.there["correct-horse-1"]
    assert row["vlanId"] == 101
    assert row["expirationDate"] == "2026-02-14T12:00:00Z"
    assert re.fullmatch(rf"latchkey-{id_}-[0-9a-f]{{16}}", row["username"])


def test_a_second_run_changes_nothing(settled):
    before = dict(settled.platform.pool(SSID).passphrases)
    writes = len(settled.writes())
    report = settled.run()
    assert (report.outcome, report.plan.steps) == (Outcome.DONE, ())
    assert settled.platform.pool(SSID).passphrases == before
    assert len(settled.writes()) == writes


def test_a_reset_here_changes_the_passphrase_there_in_place(settled):
    id_ = settled.there["correct-ann-1"]["id"]
    life.reset(settled.store, key_of(settled, "ann"), Passphrase(b"another-ann-2"), now=NOW)
    assert settled.run().outcome is Outcome.DONE
    assert settled.there["another-ann-2"]["id"] == id_
    assert set(settled.there) == {"another-ann-2", "correct-bob-1", "correct-eve-1"}


def test_a_former_passphrase_is_there_until_its_grace_is_over(settled):
    life.reset(settled.store, key_of(settled, "ann"), Passphrase(b"another-ann-2"), now=NOW, grace=timedelta(days=2))
    settled.run()
    assert settled.there["correct-ann-1"]["expirationDate"] == "2026-01-17T12:00:00Z"
    assert "expirationDate" not in settled.there["another-ann-2"]
    settled.now += timedelta(days=3)
    settled.run()
    assert "correct-ann-1" not in settled.there


@pytest.mark.parametrize("vlan", [207, None])
def test_another_vlan_of_the_unit_is_told_and_so_is_none(world, venue, vlan):
    unit = world.store.units.add(venue.id, "4A", vlan=101)
    world.add("correct-horse-1", unit_id=unit.id)
    world.settle()
    world.store.units.save(replace(unit, vlan=vlan))
    assert world.run().outcome is Outcome.DONE
    assert world.there["correct-horse-1"].get("vlanId") == vlan


@pytest.mark.parametrize("ends", [NOW + timedelta(days=9), None])
def test_an_end_that_moved_is_told_and_so_is_that_there_is_none(world, ends):
    id_ = world.add("correct-horse-1", ends=NOW + timedelta(days=30))
    world.settle()
    set_fields(world.store, id_, {"ends": ends}, now=NOW)
    assert world.run().outcome is Outcome.DONE
    assert world.there["correct-horse-1"].get("expirationDate") == (None if ends is None else "2026-01-24T12:00:00Z")


def test_a_change_says_only_what_changed(world, venue):
    unit = world.store.units.add(venue.id, "4A", vlan=101)
    world.add("correct-horse-1", unit_id=unit.id)
    world.settle()
    world.store.units.save(replace(unit, vlan=102))
    world.run()
    assert world.writes()[-1].body == b'{"vlanId":102}'


@pytest.mark.parametrize("how", ["suspended", "removed"])
def test_a_key_that_may_not_be_used_is_taken_away_and_comes_back(settled, how):
    ann = key_of(settled, "ann")
    if how == "suspended":
        life.suspend(settled.store, ann, now=NOW)
    else:
        life.remove(settled.store, ann, now=NOW)
    assert settled.run().outcome is Outcome.DONE
    assert set(settled.there) == {"correct-bob-1", "correct-eve-1"}
    (life.resume if how == "suspended" else life.restore)(settled.store, ann, now=NOW)
    assert settled.run().outcome is Outcome.DONE
    assert set(settled.there) == {"correct-ann-1", "correct-bob-1", "correct-eve-1"}
    assert settled.run().plan.steps == ()


def test_a_key_erased_here_is_taken_away(settled):
    life.remove(settled.store, key_of(settled, "ann"), now=NOW)
    settled.store.keys.erase(NOW + timedelta(days=400))
    settled.run()
    assert "correct-ann-1" not in settled.there


def test_a_person_erased_here_is_taken_away(settled):
    erasure.erase(settled.store, None, key_ids=[key_of(settled, "ann")])
    settled.run()
    assert set(settled.there) == {"correct-bob-1", "correct-eve-1"}


def test_a_window_that_is_over_is_taken_away_and_stops_nobody(world):
    for n in range(9):
        world.add(f"correct-horse-{n}", ends=NOW + timedelta(days=1))
    world.settle()
    world.now += timedelta(days=2)
    report = world.run()  # nine of nine, and no hold: they ended by their own date
    assert report.outcome is Outcome.DONE
    assert not world.there


def test_a_window_that_has_not_begun_is_not_there_until_it_has(settled):
    settled.add("correct-dan-1", starts=NOW + timedelta(days=1))
    settled.run()
    assert "correct-dan-1" not in settled.there
    settled.now += timedelta(days=1)
    settled.run()
    assert "correct-dan-1" in settled.there


def test_a_key_in_another_keypool_now_is_taken_away(settled, venue):
    other = settled.store.keypools.add(Ssid(b"Elsewhere"), venue_ids=[venue.id])
    with settled.store.change("key.set"):
        settled.store.keys.change_pool(key_of(settled, "ann"), other.id)
    settled.run()
    assert "correct-ann-1" not in settled.there


# What cannot be there.


def test_a_raw_pmk_is_not_there_and_is_said_without_it(settled):
    settled.add("a1" * 32, identity="raw")
    report = settled.run()
    assert set(settled.there) == {"correct-ann-1", "correct-bob-1", "correct-eve-1"}
    assert any("key raw: a raw PMK is no passphrase" in text for text in texts(report))
    assert "a1a1" not in str(texts(report))


def test_a_passphrase_of_63_characters_is_there(settled):
    settled.add("x" * 63)
    settled.run()
    assert "x" * 63 in settled.there


def test_a_key_with_hours_or_a_whitelist_is_not_there_since_the_controller_keeps_none(settled):
    hours = settled.store.plans.add("Office", hours=Hours.parse("Mon-Fri 08:00-18:00"))
    settled.add("correct-staff-1", plan_id=hours.id, identity="staff")
    someone = settled.store.subscribers.add("Wanda")
    settled.add("correct-wanda-1", identity="wanda", origin=KeyOrigin(subscriber_id=someone.id))
    settled.store.subscribers.allow_device(someone.id, MacAddress.parse("02:00:00:00:00:01"))
    report = settled.run()
    assert set(settled.there) == {"correct-ann-1", "correct-bob-1", "correct-eve-1"}
    assert [text for text in texts(report) if "key staff" in text and "hours" in text]
    assert [text for text in texts(report) if "key wanda" in text and "whitelist" in text]


def test_a_damaged_key_keeps_what_is_there_and_costs_itself(settled, path):
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE keys SET passphrase = zeroblob(40) WHERE identity = 'ann'")
    life.suspend(settled.store, key_of(settled, "bob"), now=NOW)
    report = settled.run()
    assert set(settled.there) == {"correct-ann-1", "correct-eve-1"}
    assert [text for text in texts(report) if "key ann: it cannot be opened: what is there stays" in text]


def test_a_damaged_key_that_is_suspended_is_taken_away(settled, path):
    life.suspend(settled.store, key_of(settled, "ann"), now=NOW)
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE keys SET passphrase = zeroblob(40) WHERE identity = 'ann'")
    settled.run()
    assert "correct-ann-1" not in settled.there


def test_a_state_that_cannot_be_read_keeps_what_is_there(settled, path):
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA ignore_check_constraints = on")
        raw.execute("UPDATE keys SET status = 'gnorf' WHERE identity = 'ann'")
    settled.run()
    assert "correct-ann-1" in settled.there


def test_a_damaged_keypool_keeps_what_is_there(settled, path):
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA ignore_check_constraints = on")
        raw.execute("UPDATE keypools SET scope = 'gnorf'")
    settled.run()
    assert len(settled.there) == 3


# What is somebody else's.


def test_what_people_made_there_is_left_alone_whatever_its_name(settled):
    ann = settled.there["correct-ann-1"]
    names = ["guest", "", ann["username"], f"latchkey-{key_of(settled, 'bob')}", "latchkey-9-0123456789abcdef"]
    for n, name in enumerate(names):
        settled.put_by_hand(f"made-by-hand-{n}", username=name, vlanId=7)
    before = dict(settled.platform.pool(SSID).passphrases)
    life.suspend(settled.store, key_of(settled, "ann"), now=NOW)
    settled.run()
    life.resume(settled.store, key_of(settled, "ann"), now=NOW)
    settled.run()
    after = settled.platform.pool(SSID).passphrases
    assert {id_: row for id_, row in after.items() if "by-hand" in row["passphrase"]} == {
        id_: row for id_, row in before.items() if "by-hand" in row["passphrase"]
    }
    assert len(after) == 3 + len(names)


def test_what_people_made_there_with_a_passphrase_of_ours_is_said_and_told_once_it_is_gone(settled):
    by_hand = settled.put_by_hand("correct-dan-1", username="Dan")
    dan = settled.add("correct-dan-1", identity="dan")
    report = settled.run()
    assert settled.there["correct-dan-1"] == by_hand
    assert [text for text in texts(report) if "key dan: its passphrase is there already" in text]
    life.suspend(settled.store, dan, now=NOW)
    settled.run()
    assert settled.there["correct-dan-1"] == by_hand
    life.resume(settled.store, dan, now=NOW)
    del settled.platform.pool(SSID).passphrases[by_hand["id"]]
    settled.run()
    assert settled.there["correct-dan-1"]["username"].startswith(f"latchkey-{dan}-")


def test_a_database_that_forgot_what_it_told_makes_nothing_twice(settled, path):
    with sqlite3.connect(path) as raw:
        raw.execute("DELETE FROM sync_records")
    before = dict(settled.platform.pool(SSID).passphrases)
    assert settled.run().plan.steps == ()
    assert settled.platform.pool(SSID).passphrases == before
    life.suspend(settled.store, key_of(settled, "ann"), now=NOW)
    settled.run()
    assert set(settled.there) == {"correct-bob-1", "correct-eve-1"}


def test_what_somebody_deletes_there_by_hand_is_made_again(settled):
    del settled.platform.pool(SSID).passphrases[settled.there["correct-ann-1"]["id"]]
    assert settled.run().outcome is Outcome.DONE
    assert len(settled.there) == 3
    assert settled.run().plan.steps == ()


def test_what_somebody_changes_there_is_changed_back(settled):
    row = settled.there["correct-ann-1"]
    row |= {"vlanId": 9, "expirationDate": "2026-01-16T00:00:00Z", "username": "Ann"}
    settled.run()
    row = settled.there["correct-ann-1"]
    assert (row["username"], row.get("vlanId"), row.get("expirationDate")) == ("Ann", None, None)


# Pools.


def test_a_pool_that_mails_is_left_alone_with_a_line(settled):
    settled.platform.pool(SSID).mails = True
    settled.add("correct-dan-1")
    life.suspend(settled.store, key_of(settled, "ann"), now=NOW)
    report = settled.run()
    assert set(settled.there) == {"correct-ann-1", "correct-bob-1", "correct-eve-1"}
    assert report.outcome is Outcome.PARTIAL  # so that its last complete synchronisation grows old
    assert not settled.platform.mailed
    assert [text for text in texts(report) if f"{SSID}: nothing is written to it: it mails" in text]
    settled.platform.pool(SSID).mails = False
    settled.run()
    assert set(settled.there) == {"correct-dan-1", "correct-bob-1", "correct-eve-1"}


def test_pools_are_told_as_the_configuration_says(world):
    world.platform.pool(SSID).name = "DPSK 1"
    world.table = {"pools": {"DPSK 1": SSID}}
    world.add("correct-horse-1")
    world.settle()
    assert len(world.platform.pool("DPSK 1").passphrases) == 1


def test_two_pools_of_one_keypool_both_have_its_keys(world):
    other = replace(world.platform.pool(SSID), id="pool-2", name="DPSK 2", passphrases={})
    world.platform.pools["pool-2"] = other
    world.table = {"pools": {SSID: SSID, "DPSK 2": SSID}}
    ann = world.add("correct-horse-1", identity="ann")
    world.settle()
    assert len(world.there) == len(other.passphrases) == 1
    assert world.run().plan.steps == ()
    life.suspend(world.store, ann, now=NOW)
    world.run()
    assert not world.there
    assert not other.passphrases


def test_two_keypools_of_one_ssid_are_never_one_pool(world):
    south = world.store.venues.add("South House")
    there = world.store.keypools.add(Ssid(SSID.encode()), venue_ids=[south.id])
    world.add("correct-north-1")
    world.add("correct-south-1", pool_id=there.id)
    report = world.run()
    assert not world.writes()
    assert [text for text in texts(report) if "several keypools here have that SSID" in text]
    world.table = {"pools": {SSID: str(there.id)}}
    world.settle()
    assert set(world.there) == {"correct-south-1"}


def test_a_table_of_pools_that_names_nothing_here_writes_nothing(settled):
    settled.table = {"pools": {SSID: "Gone House"}}
    report = settled.run()
    assert len(settled.there) == 3
    assert [text for text in texts(report) if "no keypool for SSID 'Gone House'" in text]


def test_a_pool_that_is_not_there_is_said(settled):
    settled.table = {"pools": {"Somewhere": SSID}}
    report = settled.run()
    assert len(settled.there) == 3
    assert [text for text in texts(report) if "Somewhere" in text and "there is no DPSK pool of that name" in text]
    assert [text for text in texts(report) if "none of its pools" in text]


def test_sites_say_which_pools_and_what_was_told_of_others_is_remembered(settled):
    settled.table = {"sites": ("Another",)}
    life.suspend(settled.store, key_of(settled, "ann"), now=NOW)
    settled.run()
    assert len(settled.there) == 3
    settled.table = {"sites": (SSID,)}
    settled.run()
    assert set(settled.there) == {"correct-bob-1", "correct-eve-1"}


def test_two_pools_of_one_name_are_left_alone(settled):
    twin = replace(settled.platform.pool(SSID), id="pool-2", passphrases={})
    settled.platform.pools["pool-2"] = twin
    settled.add("correct-dan-1")
    report = settled.run()
    assert len(settled.there) == 3
    assert not twin.passphrases
    assert [text for text in texts(report) if "there are two pools of that name" in text]


# Holds.


def test_more_removals_than_the_limit_wait_for_a_person_and_the_hold_sticks(world):
    for n in range(20):
        world.add(f"correct-horse-{n:02}", identity=f"k{n}")
    world.settle()
    for n in range(3):
        life.suspend(world.store, key_of(world, f"k{n}"), now=NOW)
    report = world.run()
    assert report.outcome is Outcome.HELD
    assert f"keys of 3 of 20 units at {SSID} would stop, more than 10 %" in report.text
    assert len(world.there) == 20
    asked = len(world.platform.requests)
    again = world.run()
    assert again.outcome is Outcome.HELD
    assert len(world.platform.requests) == asked  # held: nothing is asked
    assert world.accept(report).outcome is Outcome.DONE
    assert len(world.there) == 17


def test_another_database_that_changes_every_passphrase_waits_for_a_person(settled):
    for name in ("ann", "bob", "eve"):
        life.reset(settled.store, key_of(settled, name), Passphrase(f"another-{name}-2".encode()), now=NOW)
    assert settled.run().outcome is Outcome.HELD
    assert set(settled.there) == {"correct-ann-1", "correct-bob-1", "correct-eve-1"}


def test_accepting_what_has_changed_since_makes_a_new_plan(world):
    world.add("correct-horse-1")
    first = world.run()
    world.add("correct-horse-2")
    second = world.accept(first)
    assert second.outcome is Outcome.HELD
    assert "has changed since" in second.text
    assert not world.there
    assert world.accept(second).outcome is Outcome.DONE
    assert set(world.there) == {"correct-horse-1", "correct-horse-2"}


def test_a_dry_run_writes_nothing_here_or_there(settled, path):
    settled.add("correct-dan-1")
    before = path.read_bytes()
    report = settled.run(lambda run: run.dry_run())
    assert [step.action for step in report.plan.steps] == [Action.ADD]
    assert len(settled.there) == 3
    assert path.read_bytes() == before


# Interruptions.


def test_a_connector_that_takes_keys_gets_a_run_that_tells_them(world):
    assert isinstance(world.run(lambda run: run), OutwardRun)


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it is carried out."""


def killing(after, match):
    """Return a drive that ends the run once the nth answer to a request like this was received."""
    left = [after]

    def around(drive):
        def killed(exchange):
            def watch():
                try:
                    reply = None
                    while True:
                        asked = exchange.send(reply)
                        reply = yield asked
                        for each in asked if isinstance(asked, list) else [asked]:
                            if match(each):
                                left[0] -= 1
                        if left[0] <= 0:
                            raise Killed
                except StopIteration as stop:
                    return stop.value

            return drive(watch())

        return killed

    return around


@pytest.mark.parametrize("match", [lambda r: is_write(r), lambda r: r.path.startswith("/activities")])
@pytest.mark.parametrize("then", ["nothing", "suspended", "reset", "erased"])
def test_an_interruption_between_making_and_storing_the_id_makes_nothing_twice(world, match, then):
    for name in ("ann", "bob", "eve"):
        world.add(f"correct-{name}-1", identity=name)
    held = world.run()
    with pytest.raises(Killed):
        world.accept(held, around=killing(1, match))
    assert len(world.there) == 3
    expected = {"correct-ann-1", "correct-bob-1", "correct-eve-1"}
    if then == "suspended":
        life.suspend(world.store, key_of(world, "ann"), now=NOW)
        expected.discard("correct-ann-1")
    elif then == "reset":
        life.reset(world.store, key_of(world, "ann"), Passphrase(b"another-ann-2"), now=NOW)
        expected = expected - {"correct-ann-1"} | {"another-ann-2"}
    elif then == "erased":
        erasure.erase(world.store, None, key_ids=[key_of(world, "ann")])
        expected.discard("correct-ann-1")
    world.settle()
    assert set(world.there) == expected
    assert world.run().plan.steps == ()
    assert set(world.there) == expected


@pytest.mark.parametrize("answers", range(1, 16))
def test_whatever_answer_is_the_last_one_the_next_run_completes_it(settled, answers):
    settled.add("correct-dan-1")
    life.suspend(settled.store, key_of(settled, "ann"), now=NOW)
    life.reset(settled.store, key_of(settled, "bob"), Passphrase(b"another-bob-2"), now=NOW)
    with contextlib.suppress(Killed):
        settled.run(around=killing(answers, lambda _: True))
    assert settled.run().outcome is Outcome.DONE
    assert set(settled.there) == {"correct-dan-1", "another-bob-2", "correct-eve-1"}
    assert settled.run().plan.steps == ()


def test_a_process_that_is_killed_in_the_middle_is_completed_by_the_next(world, path, master_key):
    for n in range(250):
        world.add(f"correct-horse-{n:03}")
    held = world.run()
    child = os.fork()
    if child == 0:  # its own database and connections
        try:
            world.store = Store.open(path, master_key)
            answered = [0]

            def around(drive):
                def counted(exchange):
                    def watch():
                        reply = None
                        try:
                            while True:
                                asked = exchange.send(reply)
                                reply = yield asked
                                answered[0] += sum(map(is_write, asked if isinstance(asked, list) else [asked]))
                                if answered[0] > 150:
                                    os.kill(os.getpid(), signal.SIGKILL)
                        except StopIteration as stop:
                            return stop.value

                    return drive(watch())

                return counted

            world.accept(held, around=around)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert 0 < len(world.there) < 250
    assert world.run().outcome is Outcome.DONE
    assert set(world.there) == {f"correct-horse-{n:03}" for n in range(250)}
    assert world.run().plan.steps == ()


def test_what_is_being_made_is_not_asked_for_again(world):
    world.platform.holds = True
    world.add("correct-horse-1")
    held = world.run()
    report = world.accept(held)
    assert [text for text in texts(report) if "still making it" in text or "not to be seen there yet" in text]
    for _ in range(3):
        report = world.run()
        assert report.plan.steps == ()
    assert [text for text in texts(report) if "the controller is still making it" in text]
    world.platform.settle()
    world.platform.holds = False
    assert world.run().plan.steps == ()
    assert list(world.there) == ["correct-horse-1"]
    life.suspend(world.store, 1, now=NOW)
    world.run()
    assert not world.there


def test_what_fails_afterwards_is_said_and_asked_for_again(world, monkeypatch):
    world.add("correct-horse-1")
    held = world.run()
    create = world.platform._create
    monkeypatch.setattr(world.platform, "_create", lambda *_: "FAIL")
    report = world.accept(held)
    assert [text for text in texts(report) if "took it, and then failed" in text]
    assert report.applied.done[Action.ADD, report.plan.steps[0].kind] == 0
    monkeypatch.setattr(world.platform, "_create", create)
    world.run()
    assert list(world.there) == ["correct-horse-1"]


def test_what_fails_after_the_run_is_asked_for_again(world, monkeypatch):
    world.platform.holds = True
    world.add("correct-horse-1")
    world.accept(world.run())
    with monkeypatch.context() as patched:
        patched.setattr(world.platform, "_create", lambda *_: "FAIL")
        world.platform.settle()
    world.platform.holds = False
    world.run()
    assert list(world.there) == ["correct-horse-1"]


def test_a_request_that_was_carried_out_twice_leaves_one(world):
    world.add("correct-horse-1")
    held = world.run()
    with pytest.raises(Killed):
        world.accept(held, around=killing(1, is_write))
    pool = world.platform.pool(SSID)
    (row,) = pool.passphrases.values()
    pool.passphrases["late"] = {**row, "id": "late"}
    world.settle()
    assert list(world.there) == ["correct-horse-1"]


def test_a_creation_that_gets_no_answer_is_not_made_twice(settled):
    settled.add("correct-dan-1")
    settled.platform.faults.add("cut_short", path=r"/passphrases$")
    settled.run()
    settled.run()
    assert len(settled.there) == 4
    assert settled.run().plan.steps == ()


def test_what_the_controller_has_no_time_for_is_done_by_the_next_run(settled):
    settled.add("correct-dan-1")
    life.suspend(settled.store, key_of(settled, "ann"), now=NOW)
    settled.platform.faults.add("rate_limited", path=r"/passphrases$", times=1000)
    report = settled.run()
    assert sum("HTTP 429" in text for text in texts(report)) == 2
    assert len(settled.there) == 3
    settled.platform.faults.clear()
    settled.run()
    assert set(settled.there) == {"correct-bob-1", "correct-eve-1", "correct-dan-1"}


def test_an_accepted_plan_that_was_interrupted_does_not_let_in_who_was_suspended_since(world):
    for name in ("ann", "bob"):
        world.add(f"correct-{name}-1", identity=name)
    held = world.run()
    with pytest.raises(Killed):
        world.accept(held, around=killing(2, lambda request: request.path.endswith("passphrases/query")))
    assert not world.there
    life.suspend(world.store, key_of(world, "ann"), now=NOW)
    world.run()
    assert set(world.there) == {"correct-bob-1"}
    assert not [each for each in world.writes() if b"correct-ann-1" in each.body]


# Readings in part.


@pytest.mark.parametrize("fault", ["page_dropped", "shrinking_total", "html", "half_character", "cut_short"])
def test_a_reading_in_part_removes_nothing_and_adds_nothing(world, fault):
    for n in range(600):
        world.add(f"correct-horse-{n:03}", identity=f"k{n}")
    world.settle()
    life.suspend(world.store, key_of(world, "k0"), now=NOW)
    world.add("correct-dan-1")
    writes = len(world.writes())
    world.platform.faults.add(fault, path=r"passphrases/query", skip=1, times=20)
    report = world.run()
    world.platform.faults.clear()
    assert report.outcome is Outcome.PARTIAL
    assert len(world.writes()) == writes
    assert [step.action for step in report.plan.waiting] in ([Action.ADD, Action.END], [Action.ADD])
    assert len(world.there) == 600
    world.run()
    assert "correct-dan-1" in world.there
    assert "correct-horse-000" not in world.there


@pytest.mark.parametrize("fault", ["empty", "duplicate", "shrinking_total"])
def test_a_list_that_only_looks_complete_makes_nothing_twice_and_forgets_nothing(settled, fault):
    settled.add("correct-dan-1")
    writes = len(settled.writes())
    settled.platform.faults.add(fault, path="passphrases/query", times=50)
    report = settled.run()
    assert report.outcome is Outcome.PARTIAL
    assert len(settled.writes()) == writes
    settled.platform.faults.clear()
    life.suspend(settled.store, key_of(settled, "ann"), now=NOW)
    settled.run()
    assert set(settled.there) == {"correct-bob-1", "correct-eve-1", "correct-dan-1"}


def test_a_row_that_cannot_be_read_costs_itself_and_the_removals(settled):
    row = settled.put_by_hand("made-by-hand-0")
    row["vlanId"] = {"unexpected": []}
    life.suspend(settled.store, key_of(settled, "ann"), now=NOW)
    settled.add("correct-dan-1")
    report = settled.run()
    assert report.outcome is Outcome.PARTIAL
    assert "correct-dan-1" in settled.there
    assert "correct-ann-1" in settled.there  # no removal from a reading with holes
    assert [text for text in texts(report) if f"passphrase {row['id']}: vlanId" in text]


def test_a_row_of_ours_that_cannot_be_read_is_not_made_again(settled):
    settled.there["correct-ann-1"]["expirationDate"] = "soon"
    settled.run()
    assert len(settled.there) == 3


@pytest.mark.parametrize("as_documented", [False, True])
@pytest.mark.parametrize("count", [3, 500, 501, 1203])
def test_pages_from_0_and_from_1_are_read_whole(store, pool, as_documented, count):
    with RuckusOne([Building.make(units=1)], clock=lambda: NOW, as_documented=as_documented) as platform:
        world = World(store, platform, pool.id)
        for n in range(count):
            platform._create(platform.pool(SSID), {"passphrase": f"by-hand-{n:05}"})
        world.add("correct-horse-1", identity="ann")
        world.settle()
        assert len(world.there) == count + 1
        report = world.run()
        assert (report.outcome, report.plan.steps) == (Outcome.DONE, ())
        assert world.waited == 0  # nobody waits for a page that is refused


# Tokens.


def test_a_token_that_expires_in_the_middle_is_renewed(settled):
    for n in range(120):
        settled.add(f"correct-horse-{n:03}")
    settled.platform.faults.add("token_expired", path=r"/passphrases$", skip=60)
    assert settled.run().outcome is Outcome.DONE
    assert len(settled.there) == 123
    settled.now += timedelta(hours=2)
    assert settled.run().outcome is Outcome.DONE


def test_a_token_that_cannot_be_renewed_in_the_middle_is_said_and_the_accepted_plan_goes_on_later(world):
    for n in range(120):
        world.add(f"correct-horse-{n:03}", identity=f"k{n}")
    held = world.run()
    world.platform.faults.add("token_expired", path=r"/passphrases$", skip=30)
    world.platform.faults.add("unavailable", path="oauth2", skip=1, times=1000)
    report = world.accept(held)
    assert (report.outcome, "HTTP 503" in report.text) == (Outcome.FAILED, True)
    assert 0 < len(world.there) < 120
    world.platform.faults.clear()
    life.suspend(world.store, key_of(world, "k119"), now=NOW)
    assert world.run().outcome is Outcome.DONE
    assert set(world.there) == {f"correct-horse-{n:03}" for n in range(119)}


def test_credentials_that_are_refused_are_said_without_the_secret(settled):
    settled.table = {"client_id": "another"}
    report = settled.run()
    assert report.outcome is Outcome.FAILED
    assert "the tenant, client id and secret are not taken (HTTP 401)" in report.text
    assert CLIENT_SECRET not in report.text


def test_what_the_controller_refuses_is_said_by_its_code_and_costs_itself(settled, monkeypatch):
    settled.add("short-pass", identity="dan")
    settled.add("correct-fay-1", identity="fay")
    import tests.platforms.ruckus_one as served

    def refuse(values):
        if values.get("passphrase") == "short-pass":
            raise served.Refused(400, "Passphrase short-pass is too short", code="DPSK-032")

    monkeypatch.setattr(served, "_check_passphrase", refuse)
    report = settled.run()
    assert set(settled.there) == {"correct-ann-1", "correct-bob-1", "correct-eve-1", "correct-fay-1"}
    (text,) = texts(report)
    assert text.endswith("HTTP 400 (DPSK-032)")
    assert "short-pass" not in text


def test_no_passphrase_or_secret_is_in_what_is_kept_in_clear(world, path):
    world.add("correct-horse-1")
    world.settle()
    world.add("correct-horse-2")
    life.suspend(world.store, 1, now=NOW)
    report = world.run()
    assert "correct-horse" not in repr(report)
    content = b"".join(each.read_bytes() for each in path.parent.iterdir() if each.is_file())
    assert b"correct-horse" not in content
    assert CLIENT_SECRET.encode() not in content


# All of it at random.


FAULTS = ["html", "unavailable", "token_expired", "half_character", "cut_short", "reset", "rate_limited"]
FAULTS += ["empty", "page_dropped", "shrinking_total", "duplicate", "wrong_type"]


@pytest.mark.parametrize("seed", [1, 2, 10, 23])
def test_whatever_happens_what_is_there_comes_to_be_what_is_here(world, seed):
    chance = random.Random(seed)
    world.limits = Limits(stops_percent=100, stops_units=1000, small_stops=1000)
    living, resting, by_hand = {}, {}, {}
    for n in range(40):
        match chance.choice(["add", "add", "suspend", "resume", "reset", "remove", "hand", "delete", "slow"]):
            case "add":
                living[world.add(f"correct-horse-{n}")] = f"correct-horse-{n}"
            case "suspend" if living:
                key = chance.choice(list(living))
                resting[key] = living.pop(key)
                life.suspend(world.store, key, now=world.now)
            case "resume" if resting:
                key = chance.choice(list(resting))
                living[key] = resting.pop(key)
                life.resume(world.store, key, now=world.now)
            case "reset" if living:
                key = chance.choice(list(living))
                living[key] = f"another-horse-{n}"
                life.reset(world.store, key, Passphrase(living[key].encode()), now=world.now)
            case "remove" if living:
                life.remove(world.store, key := chance.choice(list(living)), now=world.now)
                del living[key]
            case "hand":
                row = world.put_by_hand(f"made-by-hand-{n}", username=chance.choice(["", "guest", f"latchkey-{n}"]))
                by_hand[row["id"]] = dict(row)
            case "delete":
                rows = world.platform.pool(SSID).passphrases
                for id_ in [id_ for id_ in rows if id_ not in by_hand][:1]:
                    del rows[id_]
            case "slow":
                world.platform.holds = not world.platform.holds
                world.platform.settle()
        if chance.random() < 0.5:
            world.platform.faults.add(
                chance.choice(FAULTS), path="query|passphrases|activities", skip=chance.randrange(5)
            )
        around = killing(chance.randrange(1, 20), lambda _: True) if chance.random() < 0.3 else lambda drive: drive
        with contextlib.suppress(Killed):
            report = world.run(around=around)
            if report.outcome is Outcome.HELD and report.plan is not None:
                world.accept(report)
        assert {id_: row for id_, row in world.platform.pool(SSID).passphrases.items() if id_ in by_hand} == by_hand
        world.now += timedelta(minutes=5)
    world.platform.faults.clear()
    world.platform.holds = False
    world.platform.settle()
    for _ in range(3):
        world.settle()
    rows = world.platform.pool(SSID).passphrases
    assert sorted(row["passphrase"] for id_, row in rows.items() if id_ not in by_hand) == sorted(living.values())
    assert world.run().plan.steps == ()
