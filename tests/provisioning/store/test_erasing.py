"""What is no longer needed is gone: passphrases of keys removed long ago, and devices that are to be forgotten."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from crypto import MacAddress
from provisioning import Device, KeyDraft, KeyStatus, Passphrase

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE, TWO = MacAddress(b"\2\0\0\0\2\1"), MacAddress(b"\2\0\0\0\2\2")


@pytest.fixture
def removed(store, pool):
    """Ids of a key removed 100 days ago, one removed yesterday, and one in use."""
    drafts = [KeyDraft(passphrase=Passphrase(b"passphrase %d" % number), devices=(ONE,)) for number in range(3)]
    ids = store.keys.add_many(pool.id, drafts)
    store.keys.set_status(ids[0], KeyStatus.REMOVED, now=NOW - timedelta(days=100))
    store.keys.set_status(ids[1], KeyStatus.REMOVED, now=NOW - timedelta(days=1))
    return ids


def octets(path):
    # In another process: closing a file here would drop the locks of the connection that is open on it.
    names = sorted(map(str, path.parent.glob(f"{path.name}*")))
    return subprocess.run(["cat", *names], capture_output=True, check=True).stdout


def test_lapsed_key_loses_what_is_secret_and_keeps_its_name(store, path, removed):
    sealed = store._db.row("SELECT passphrase, pmk, fingerprint FROM keys WHERE id = ?", (removed[0],))
    kept = store._db.row("SELECT passphrase, pmk, fingerprint FROM keys WHERE id = ?", (removed[1],))
    store.compact()
    assert all(value in octets(path) for value in (*sealed, *kept))
    assert store.keys.erase(NOW - timedelta(days=90)) == 1
    store.compact()
    assert not any(value in octets(path) for value in sealed)  # not in a free page either, nor in the log
    assert all(value in octets(path) for value in kept)
    first, second, third = store.keys.select()
    assert (first.erased, second.erased, third.erased) == (True, False, False)
    assert first.identity == "key-1"
    assert first.status is KeyStatus.REMOVED
    assert second.passphrase.value == b"passphrase 1"
    assert store.keys.erase(NOW - timedelta(days=90)) == 0
    assert not store._db.row("SELECT 1 FROM devices WHERE key_id = ?", (removed[0],))


def test_erased_key_is_in_no_pool_whatever_lapsed_days_is_then(store, removed):
    assert sum(len(batch.ids) for batch in store.keys.batches(lapsed_since=NOW - timedelta(days=3650))) == 3
    store.keys.erase(NOW - timedelta(days=90))
    assert sum(len(batch.ids) for batch in store.keys.batches(lapsed_since=NOW - timedelta(days=3650))) == 2


def test_erased_passphrase_is_free(store, pool, removed):
    store.keys.erase(NOW)
    store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"passphrase 0")))


def test_show_says_that_it_is_erased(cli):
    cli.ok("pool", "add", "Hudson House", "--global")
    cli.ok("key", "add", "--identity", "Ann", "--passphrase", "correct-horse-1")
    cli.ok("key", "remove", "Ann")
    assert "correct-horse-1" in cli.ok("key", "show", "Ann", "--show-secrets")
    assert cli.ok("key", "erase") == "erased 0\n"
    assert cli.ok("key", "erase", "--days", "0") == "erased 1\n"
    text = cli.ok("key", "show", "Ann", "--show-secrets")
    assert "correct-horse-1" not in text
    assert "passphrase erased  yes" in text
    assert "correct-horse-1" not in cli.ok("key", "list", "--status", "removed", "--show-secrets")


def test_devices_are_forgotten(store, pool):
    first, second = (
        store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"passphrase %d" % number))) for number in range(2)
    )
    store.devices.remember([Device(pool.id, ONE, first), Device(pool.id, TWO, first)], NOW)
    store.devices.remember([Device(pool.id, MacAddress(b"\2\0\0\0\2\3"), second)], NOW)
    revision = store.changes.revision()
    assert store.devices.forget(first, ONE) == 1
    assert store.devices.forget(first, ONE) == 0
    assert [(change.first_id, change.entity.value) for change in store.changes.since(revision)] == [(first, "device")]
    assert [device.mac for device in store.devices.of_keys(last_key_id=first)] == [TWO]
    assert store.devices.forget(first) == 1
    assert [device.key_id for device in store.devices.of_keys()] == [second]


def test_command_forgets_devices(cli):
    cli.ok("pool", "add", "Hudson House", "--global")
    cli.ok("key", "add", "--identity", "Ann", "--passphrase", "correct-horse-1", "--mac", str(ONE), "--mac", str(TWO))
    assert cli.ok("key", "forget-devices", "Ann", "--mac", str(ONE)) == "forgot 1\n"
    assert "is not known with that key" in cli.refused("key", "forget-devices", "Ann", "--mac", str(ONE))
    assert cli.ok("key", "forget-devices", "Ann") == "forgot 1\n"
    assert cli.ok("key", "forget-devices", "Ann") == "forgot 0\n"


def test_devices_age_and_registered_ones_do_not(store, pool):
    key_id = store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"passphrase 0"), devices=(TWO,)))
    store.devices.remember([Device(pool.id, ONE, key_id), Device(pool.id, TWO, key_id)], NOW)
    assert store.devices.age(NOW) == 0
    assert store.devices.age(NOW + timedelta(seconds=1)) == 1
    assert [device.mac for device in store.devices.of_keys()] == [TWO]
    change = store.changes.since(0)[-1]
    assert (change.entity.value, change.first_id) == ("device", key_id)
    store.devices.remember([Device(pool.id, ONE, key_id)], NOW)
    store.devices.see([(ONE.value, key_id)], NOW + timedelta(days=300))
    assert store.devices.age(NOW + timedelta(days=299)) == 0
