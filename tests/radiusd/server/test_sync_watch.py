"""How synchronisations stand, as a running server's log and metrics tell it."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from provisioning.store.sync import HELD
from provisioning.sync import Plan
from radiusd import Config
from radiusd.metrics.exposition import Metrics, render_page
from radiusd.server import service
from radiusd.server.sync_watch import SyncWatch
from tests.radiusd.house import run_server

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def eventually(check, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return result


def hold(store, connector="hudson"):
    number = store.sync.next_plan()
    plan = Plan(
        id=f"{connector}-{number}",
        connector=connector,
        platform="eleven",
        made_at=NOW,
        basis="",
        steps=(),
        holds=("too many",),
        faults=(),
    )
    store.sync.save_plan(number, plan, HELD, {"holds": ["too many"]})
    return plan.id


@pytest.fixture
def synchronised(house):
    """A house that a platform was read for."""
    sync = house.store.sync
    sync.lead("hudson", "eleven", "here", NOW, timedelta(minutes=5))
    sync.finish("hudson", now=NOW, complete=True, error=None, details={"counts": {"add": 3, "end": 1, "other": 2}})
    sync.finish("hudson", now=NOW + timedelta(hours=1), complete=False, error="no answer")
    return house


def test_what_is_held_is_said_once_for_each_plan(synchronised, lines, monkeypatch):
    monkeypatch.setattr(service, "LOOK_S", 0.02)
    store = synchronised.store
    plan = hold(store)

    def said(text):
        return [line for line in lines() if text in line]

    looks = []
    look = SyncWatch.look

    async def counted(self):
        await look(self)
        looks.append(1)

    monkeypatch.setattr(SyncWatch, "look", counted)
    with run_server(synchronised, Config()):
        eventually(lambda: said(f"sync held connector=hudson plan={plan} "))
        before = len(looks)
        eventually(lambda: len(looks) > before + 5)
        assert len(said("sync held")) == 1
        other = hold(store)
        eventually(lambda: said(f"plan={other} "))
        store.sync.let_go("hudson")
        eventually(lambda: said("sync released connector=hudson"))
        assert len(said("sync held")) == 2


def test_the_metrics_show_each_connector(synchronised, monkeypatch):
    monkeypatch.setattr(service, "LOOK_S", 0.02)
    hold(synchronised.store)
    synchronised.store.sync.lead('a "strange" name', "leap", "here", NOW, timedelta(minutes=5))
    metrics = Metrics(("127.0.0.1", 0), 1)

    def shown():
        families = text_string_to_metric_families(render_page(metrics.slots, False)[1].decode())
        found = {}
        for family in families:
            for each in family.samples:
                if each.name.startswith("latchkey_sync_"):
                    found[each.name.removeprefix("latchkey_sync_"), *sorted(each.labels.values())] = each.value
        return found

    with run_server(synchronised, Config(), meter=metrics.meter()):
        found = eventually(lambda: (page := shown()) and ("held", "hudson") in page and page)
        assert found["held", "hudson"] == 1
        assert found["last_complete_timestamp_seconds", "hudson"] == NOW.timestamp()
        assert found["last_run_timestamp_seconds", "hudson"] == (NOW + timedelta(hours=1)).timestamp()
        assert found["records", "add", "hudson"] == 3
        assert found["records", "end", "hudson"] == 1
        assert found["held", 'a "strange" name'] == 0
        assert found["last_complete_timestamp_seconds", 'a "strange" name'] == 0
        synchronised.store.sync.let_go("hudson")
        eventually(lambda: shown()["held", "hudson"] == 0)
    metrics.listener.close()


def test_what_cannot_be_read_stays_as_it_was_and_is_said(synchronised, lines, monkeypatch):
    monkeypatch.setattr(service, "LOOK_S", 0.02)
    hold(synchronised.store)
    watches = []
    made = SyncWatch.__init__
    monkeypatch.setattr(SyncWatch, "__init__", lambda self, thread: (made(self, thread), watches.append(self))[0])
    with run_server(synchronised, Config()):
        eventually(lambda: watches and watches[0].views())
        before = watches[0].views()
        with synchronised.store.sync.joining():
            synchronised.store._db.execute("UPDATE sync_connectors SET state = 'no JSON'")
        eventually(lambda: any("cannot read how synchronisations stand" in line for line in lines()))
        assert watches[0].views() == before
        with synchronised.store.sync.joining():
            synchronised.store._db.execute("UPDATE sync_connectors SET state = '{}'")
        eventually(lambda: any("how synchronisations stand is read again" in line for line in lines()))
