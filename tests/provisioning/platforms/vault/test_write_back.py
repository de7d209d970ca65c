"""Keys that are made here for residents without one, given to the platform."""

import json
from datetime import UTC, datetime

import pytest

from pcaps.platforms.building import Building
from pcaps.platforms.vault import EMAIL, PASSWORD
from pcaps.platforms.vault import Vault as Platform
from provisioning.platforms import Known, NewId, StoredKey, Unavailable
from provisioning.runner.run import Configured, Outcome, Run
from provisioning.sync import Kind, Limits, SaidKey, Standing
from tests.provisioning.platforms.drive import drive, drive_http, make_settings
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import POOL, UNIT, VENUE, Vault, faults, key, make_connector, read

MADE = "subscription:S1"
SECRET = b"made-by-latchkey"
START = datetime(2026, 6, 1, 12, tzinfo=UTC)


def stored(id_=MADE, **members):
    members = {"record": 1, "subscriber": "sub_1", "passphrase": SECRET, "is_made": True} | members
    return StoredKey(id=id_, **members)


def without_key():
    vault = Vault()
    vault.keys["sub_1"] = []
    vault.over[api.ADD_KEY] = lambda body: add_key(vault, body)
    return vault


def add_key(vault, body):
    unit = body["PolicyforSubscriberKey"]["UnitID_internal"]
    vault.keys[body["SubscriberToken"]].append(key("psk_9", unit, PSK=body["NewKey"]))
    return {"message": "WiFi key created successfully", "errorProcessing": False, "Subscription": {}}


def write(vault, *keys, requests=None):
    return drive(make_connector(write_back=True).write_back(keys or [stored()]), vault, requests)


def test_4_27_5_46_a_resident_without_a_key_gets_one_that_is_made_here():
    (said,) = read(without_key(), write_back=True).all(SaidKey)
    assert said.id == MADE
    assert (said.pool, said.unit, said.subscriber, said.passphrase) == (POOL, UNIT, "sub_1", None)
    assert said.standing is Standing.ACTIVE
    assert said.ends == datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("status", ["PENDING", "Suspended", "TERMINATED", "Unknown"])
def test_5_59_none_is_made_for_whom_it_would_not_work(status):
    vault = without_key()
    vault.subscribers[0]["Status"] = status
    assert list(read(vault, write_back=True).all(SaidKey)) == []


def test_none_is_made_where_the_keys_could_not_be_read():
    vault = without_key()
    vault.subscribers.append(api.subscriber("sub_2"))
    good = vault._listSubscriberKeys({"SubscriberToken": "sub_2"})
    vault.over[api.KEYS] = lambda body: good if body["SubscriberToken"] == "sub_2" else Unavailable("keys: timed out")
    assert list(read(vault, write_back=True).all(SaidKey)) == []
    vault.over[api.KEYS] = {"keysInKeyPools": {POOL: {"Keys": {"psk_1": {"UnitID_internal": ["?"]}}}}}
    assert list(read(vault, write_back=True).all(SaidKey)) == []


def test_one_that_was_made_stays_while_its_subscription_does():
    vault = without_key()
    vault.subscribers[0]["Status"] = "Suspended"
    (said,) = read(vault, Known(keys=frozenset({MADE})), write_back=True).all(SaidKey)
    assert (said.id, said.standing) == (MADE, Standing.SUSPENDED)


def test_one_that_was_made_is_not_needed_once_the_unit_has_a_known_key():
    reading = read(Vault(), Known(keys=frozenset({MADE, "psk_1"})), write_back=True)
    assert [said.id for said in reading.all(SaidKey)] == ["psk_1"]


def test_it_is_held_back_where_the_keypool_is_not_plain():
    vault = without_key()
    vault.pools.append(vault.pools[0] | {"KeyPoolID": "P2", "SSID": "Pool Side"})
    reading = read(vault, write_back=True)
    assert reading.saw(Kind.KEY, MADE)
    assert list(reading.all(SaidKey)) == []
    assert [said.pool for said in read(vault, write_back=True, ssid="Pool Side").all(SaidKey)] == ["P2"]
    vault.pools[1]["DisplayOrder"] = 2
    assert [said.pool for said in read(vault, write_back=True).all(SaidKey)] == [POOL]


def test_it_is_added_at_the_platform_and_known_by_its_key_id():
    vault, requests = without_key(), []
    assert write(vault, requests=requests) == [NewId(MADE, "psk_9")]
    (sent,) = [request for request in requests if request.path == api.ADD_KEY]
    assert json.loads(sent.body) == {
        "AccessToken": "access-1",
        "SubscriberToken": "sub_1",
        "VenueID": VENUE,
        "ServicePlanID": api.PLAN,
        "NewKey": SECRET.decode(),
        "PolicyforSubscriberKey": {"UnitID_internal": UNIT},
    }
    assert not sent.may_repeat
    assert SECRET.decode() not in repr(requests)


def test_4_22_5_55_a_key_without_a_psk_is_reset_and_known_by_its_new_id():
    vault, requests = Vault(), []
    vault.keys["sub_1"][0]["PSK"] = None

    def reset(body):
        assert body["CurrentKeyID"] == "psk_1"
        vault.keys["sub_1"] = [key("psk_2", PSK=body["NewKey"])]
        return {"message": "Wi-Fi password updated."}

    vault.over[api.RESET_KEY] = reset
    assert [said.id for said in read(vault, write_back=True).all(SaidKey)] == ["psk_1"]
    assert write(vault, stored("psk_1"), requests=requests) == [NewId("psk_1", "psk_2")]
    assert api.ADD_KEY not in vault.seen


def test_a_new_key_whose_psk_is_not_told_is_the_one_that_is_new():
    vault = Vault()
    vault.keys["sub_1"][0]["PSK"] = None
    vault.over[api.RESET_KEY] = lambda _: vault.keys.update(sub_1=[key("psk_2", PSK=None)]) or {"message": "done"}
    assert write(vault, stored("psk_1")) == [NewId("psk_1", "psk_2")]


@pytest.mark.parametrize("named", [{"KeyID": "psk_9"}, {"newKeyId": "psk_9"}, {"Subscription": {"KeyID": "psk_9"}}])
def test_5_46_a_key_id_in_the_answer_is_taken(named):
    vault = without_key()
    vault.over[api.ADD_KEY] = named
    assert write(vault) == [NewId(MADE, "psk_9")]


def test_done_twice_it_is_done_once():
    vault = without_key()
    assert write(vault) == write(vault) == [NewId(MADE, "psk_9")]
    assert vault.seen.count(api.ADD_KEY) == 1


def test_a_key_that_the_unit_has_meanwhile_counts():
    vault = without_key()
    vault.keys["sub_1"] = [key("psk_7")]
    (told,) = write(vault)
    assert "has a key for the unit meanwhile" in told
    assert api.ADD_KEY not in vault.seen


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (api.ADD_KEY, (401, {"message": "write_access_read_only", "errorProcessing": True})),
        (api.ADD_KEY, Unavailable("new key: timed out")),
        (api.ADD_KEY, {"message": "nothing was done"}),
        (api.KEYS, (404, {"message": "Subscriber not found"})),
        (api.SUBSCRIPTIONS, {"SubscriptionCount": 0, "Subscriptions": []}),
    ],
)
def test_what_does_not_work_is_told_without_the_passphrase(path, answer):
    vault = without_key()
    vault.over[path] = answer
    (told,) = write(vault)
    assert told.startswith(f"key {MADE} is not at the platform: ")
    assert SECRET.decode() not in told


@pytest.mark.parametrize("secret", [b"with a blank", b"0123456789abcdef" * 4])
def test_5_50_only_what_the_platform_takes_is_written(secret):
    vault = without_key()
    (told,) = write(vault, stored(passphrase=secret))
    assert "from ! to ~" in told
    assert api.ADD_KEY not in vault.seen


def test_keys_that_the_platform_made_are_not_written():
    vault = Vault()
    assert write(vault, stored("psk_1", is_made=False)) == []
    assert vault.seen == []


# With a store, against a server.


@pytest.fixture
def building():
    return Building.make(units=6, seed=3, venue_id="V1", at=START, occupied=0.6)


@pytest.fixture
def platform(building):
    with Platform([building], clock=lambda: START, makes_keys=False) as server:
        yield server


@pytest.fixture
def run(store, platform):
    settings = make_settings("vault", url=platform.url, username=EMAIL, password=PASSWORD, write_back=True)

    def start():
        connector = api.Connector(settings)
        configured = Configured(settings=settings, connector=connector, limits=Limits(), venues={})
        return Run(store, configured, lambda exchange: drive_http(exchange, platform.url), now=lambda: START)

    return start


def living(store, platform, building):
    """Return for each tenancy that runs its passphrase here and there."""
    keys = store.sync.holdings("vault").keys
    secrets = {}
    for tenancy in building.living(START):
        held = keys.get(platform.key_id(tenancy))
        here = None if held is None else next(iter(store.keys.get_many([held.record], lambda *_: None))).passphrase
        secrets[tenancy] = (None if here is None else here.value.decode(), platform.passphrase(tenancy))
    return secrets


def accept(run):
    report = run().run()
    assert report.outcome is Outcome.HELD
    return run().accept(int(report.plan.id.rpartition("-")[2]))


def test_what_is_made_here_is_at_the_platform_after_the_first_plan(store, run, platform, building):
    report = accept(run)
    assert report.outcome is Outcome.DONE
    assert report.applied.refused == []
    secrets = living(store, platform, building)
    assert len(secrets) >= 2
    assert all(here == there is not None for here, there in secrets.values())
    again = run().run()
    assert (again.outcome, again.plan.steps) == (Outcome.DONE, ())


def test_what_did_not_get_there_gets_there_with_the_next_run(store, run, platform, building):
    platform.faults.add("unavailable", 100, path="addKey")
    report = accept(run)
    assert len(report.applied.refused) == len(building.living(START))
    platform.faults.clear()
    report = run().run()
    assert report.outcome is Outcome.DONE
    assert all(here == there is not None for here, there in living(store, platform, building).values())
    assert run().run().plan.steps == ()


def test_interrupted_between_the_platform_and_the_store_it_is_completed(store, run, platform, building, monkeypatch):
    """The platform has the key, and the store does not know by which id."""
    monkeypatch.setattr(type(store.sync), "rename", lambda *_: None)
    accept(run)
    monkeypatch.undo()
    run().run()
    last = run().run()
    assert (last.outcome, last.plan.steps, faults(last)) == (Outcome.DONE, (), [])
    assert all(here == there is not None for here, there in living(store, platform, building).values())
