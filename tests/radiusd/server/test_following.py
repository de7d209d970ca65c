"""A server whose database is damaged, replaced or taken away while it serves."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from crypto import MacAddress, Ssid
from provisioning import Device, KeyDraft, KeyStatus, MasterKey, Passphrase, Store, StoreError
from provisioning.lifecycle import keys
from radiusd.server.following import Trouble

ROOT = Path(__file__).parents[3]
SSID = Ssid(b"Hudson House")
ONE, TWO = MacAddress(b"\2\0\0\0\2\1"), MacAddress(b"\2\0\0\0\2\2")


def eventually(check, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return result


@pytest.fixture
def loopback(house):
    house.store.nases.add(ip_network("127.0.0.0/8"), b"testing123", name="loopback", venue_id=house.venue.id)
    return house


@pytest.fixture
def asking(loopback):
    """Return what asks a server about a handshake: the Granted, None for a reject, and False for silence."""

    def ask(server, subject):
        question = loopback.question(subject)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(1.0)
            client.sendto(question.datagram, server.addresses[0])
            try:
                return question.read(client.recv(4096))
            except TimeoutError:
                return False

    return ask


def overwrite(path, sealed):
    """Spoil a value in the file itself, as a bad sector does: in another process, as this one would lose its locks."""
    code = (
        "import sys, pathlib\n"
        "path, value = pathlib.Path(sys.argv[1]), bytes.fromhex(sys.argv[2])\n"
        "at = path.read_bytes().index(value)\n"
        "with path.open('r+b') as file:\n    file.seek(at + 20)\n    file.write(bytes(8))"
    )
    subprocess.run([sys.executable, "-c", code, str(path), sealed.hex()], check=True)


def test_sealed_row_overwritten_in_the_file_holds_up_no_revocation(loopback, handshake, running, asking, lines):
    bad, later = (loopback.add_key(SSID, b"passphrase %d" % number) for number in range(2))
    with running(loopback) as server:
        assert asking(server, handshake(b"passphrase 1", spa=TWO))
        loopback.store.compact()
        overwrite(loopback.path, loopback.store._db.row("SELECT pmk FROM keys WHERE id = ?", (bad,))[0])
        loopback.store.close()  # which has the page in memory
        with loopback.open_store() as store:
            store.keys.set_status(bad, KeyStatus.SUSPENDED, now=loopback.now)
            store.keys.set_status(bad, KeyStatus.ACTIVE, now=loopback.now)
            store.keys.set_status(later, KeyStatus.SUSPENDED, now=loopback.now)
            eventually(lambda: asking(server, handshake(b"passphrase 1", spa=TWO)) is None)
            store.keys.set_status(later, KeyStatus.ACTIVE, now=loopback.now)
            eventually(lambda: asking(server, handshake(b"passphrase 1", spa=TWO)))
        assert asking(server, handshake(b"passphrase 0", spa=ONE)) is None
    assert sum(line.startswith(f"store row cannot be opened: table=keys id={bad}:") for line in lines()) == 1


@pytest.fixture
def former(loopback, tmp_path):
    """A copy of the database as it was with one key; the database itself has another key since."""
    loopback.add_key(SSID, b"former-passphrase")
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(loopback.path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    loopback.add_key(SSID, b"later-passphrase")
    return copy


@pytest.mark.parametrize("how", [os.replace, shutil.copyfile], ids=["rename", "copy"])
def test_replaced_database_is_in_force(loopback, former, handshake, running, asking, lines, how):
    with running(loopback) as server:
        assert asking(server, handshake(b"later-passphrase", spa=ONE))
        eventually(lambda: list(loopback.store.devices.of_keys()))
        loopback.store.compact()
        loopback.store.close()
        how(former, loopback.path)
        with loopback.open_store() as restored:
            restored.keys.add(loopback.pool(SSID), KeyDraft(passphrase=Passphrase(b"newest-passphrase")))
            restored.keys.add(loopback.pool(SSID), KeyDraft(passphrase=Passphrase(b"last-passphrase")))
            eventually(lambda: asking(server, handshake(b"last-passphrase", spa=TWO)))
            assert asking(server, handshake(b"newest-passphrase", spa=ONE))
            assert asking(server, handshake(b"former-passphrase", spa=TWO))
            assert asking(server, handshake(b"later-passphrase", spa=ONE)) is None
            # What is learned from now on is learned by the new one, and what is changed there counts.
            eventually(lambda: {device.mac for device in restored.devices.of_keys()} == {ONE, TWO})
            restored.keys.set_status(1, KeyStatus.REMOVED, now=loopback.now)
            eventually(lambda: asking(server, handshake(b"former-passphrase", spa=TWO)) is None)
    assert any(line.endswith(": reading it anew") for line in lines())
    assert f"the database {loopback.path} was read anew" in lines()


def another_key(path):
    path.unlink(missing_ok=True)
    Store.create(path, MasterKey(bytes(32))).close()


def no_database(path):
    path.write_bytes(b"SQLite format 3\0" + bytes(5000))


def torn(path):
    octets = bytearray(path.read_bytes())
    octets[4096 * 3 : 4096 * 8] = bytes(4096 * 5)
    path.write_bytes(octets)


@pytest.mark.parametrize("spoil", [another_key, no_database, torn])
def test_replacement_that_cannot_be_opened_replaces_nothing(loopback, former, handshake, running, asking, lines, spoil):
    keep = former.read_bytes()
    spoil(former)
    with running(loopback) as server:
        loopback.store.close()
        former.replace(loopback.path)
        eventually(lambda: any(line.startswith("cannot follow the store, last read ") for line in lines()))
        assert asking(server, handshake(b"later-passphrase", spa=ONE))
        assert asking(server, handshake(b"former-passphrase", spa=TWO))
        former.write_bytes(keep)
        former.replace(loopback.path)
        eventually(lambda: asking(server, handshake(b"later-passphrase", spa=ONE)) is None)
        assert asking(server, handshake(b"former-passphrase", spa=TWO))
        eventually(lambda: "the store is followed again" in lines())


@pytest.fixture
def command(loopback):
    """Run `latchkey` on the server's database."""

    def run(*arguments):
        line = [sys.executable, str(ROOT / "latchkey.py"), "--db", str(loopback.path), *map(str, arguments)]
        environment = {**os.environ, "LATCHKEY_MASTER_KEY": loopback._master_key.value.hex()}
        return subprocess.run(line, env=environment, check=True, capture_output=True, text=True).stdout

    return run


@pytest.mark.parametrize("damaged", [False, True], ids=["sound", "damaged"])
def test_restored_database_is_in_force(loopback, former, handshake, running, asking, lines, command, damaged):
    """Without a file that is renamed, and whatever the pages before held."""
    with running(loopback) as server:
        assert asking(server, handshake(b"later-passphrase", spa=ONE))
        eventually(lambda: list(loopback.store.devices.of_keys()))
        inode = loopback.path.stat().st_ino
        if damaged:
            loopback.store.compact()
            table = loopback.store._db.row("SELECT rootpage FROM sqlite_master WHERE name = 'devices_by_key'")[0]
            code = "import sys; f = open(sys.argv[1], 'r+b'); f.seek(int(sys.argv[2]) * 4096); f.write(b'x' * 4096)"
            subprocess.run([sys.executable, "-c", code, str(loopback.path), str(table - 1)], check=True)
        command("restore", former)
        assert loopback.path.stat().st_ino == inode
        eventually(lambda: asking(server, handshake(b"later-passphrase", spa=ONE)) is None)
        assert asking(server, handshake(b"former-passphrase", spa=TWO))
        command("key", "add", "--passphrase", "newest-passphrase", "--pool", "Hudson House")
        eventually(lambda: asking(server, handshake(b"newest-passphrase", spa=ONE)))
        with loopback.open_store() as restored:  # what is learned from now on is learned by it
            eventually(lambda: {device.mac for device in restored.devices.of_keys()} == {ONE, TWO})
            assert restored.integrity.examine().pages == ()
    assert sum(line.endswith(": reading it anew") for line in lines()) == 1
    assert f"the database {loopback.path} was read anew" in lines()
    assert damaged or not [line for line in lines() if line.startswith("cannot ")]


def test_restored_right_after_the_backup_is_read_anew(loopback, handshake, running, asking, lines, command, tmp_path):
    """The last change is the same; what is recorded in none, as a row that was damaged, may differ."""
    key_id = loopback.add_key(SSID, b"right-passphrase")
    command("backup", tmp_path / "copy.db")
    with loopback.store._db.writing():
        loopback.store._db.execute("UPDATE keys SET pmk = zeroblob(61) WHERE id = ?", (key_id,))
    with running(loopback) as server:
        assert asking(server, handshake(b"right-passphrase")) is None
        command("restore", tmp_path / "copy.db")
        eventually(lambda: asking(server, handshake(b"right-passphrase")))
    assert not [line for line in lines() if line.startswith("cannot ")]


def test_backup_while_it_serves_has_what_was_learned(loopback, handshake, running, asking, command, tmp_path):
    loopback.add_key(SSID, b"right-passphrase")
    with running(loopback) as server:
        assert asking(server, handshake(b"right-passphrase", spa=ONE))
        eventually(lambda: list(loopback.store.devices.of_keys()))
        command("backup", tmp_path / "copy.db")
    with Store.open(tmp_path / "copy.db", loopback._master_key, readonly=True) as copy:
        assert [device.mac for device in copy.devices.of_keys()] == [ONE]


def test_database_that_is_gone_is_answered_from_memory(loopback, handshake, running, asking, lines):
    loopback.add_key(SSID, b"right-passphrase")
    with running(loopback) as server:
        loopback.store.compact()
        aside = loopback.path.with_suffix(".aside")
        loopback.path.replace(aside)
        eventually(lambda: any(line.startswith("cannot follow the store, last read ") for line in lines()))
        assert asking(server, handshake(b"right-passphrase"))
        aside.replace(loopback.path)
        eventually(lambda: "the store is followed again" in lines())


def test_connection_that_was_lost_is_made_again(house):
    """The file may be gone at the moment at which it is opened anew."""
    house.start()
    aside = house.path.with_suffix(".aside")
    house.path.replace(aside)
    with pytest.raises(StoreError):
        house._server_store.reopen()
    aside.replace(house.path)
    house.add_key(SSID, b"right-passphrase")
    assert house.follower.refresh(house.now) is not None


def test_copy_of_the_file_alone_is_whole_when_all_is_quiet(loopback, handshake, running, asking, tmp_path):
    loopback.add_key(SSID, b"right-passphrase")
    with running(loopback) as server:
        assert asking(server, handshake(b"right-passphrase", spa=ONE))
        eventually(lambda: list(loopback.store.devices.of_keys()))
        eventually(lambda: loopback.path.with_name(f"{loopback.path.name}-wal").stat().st_size == 0)
        shutil.copyfile(loopback.path, tmp_path / "copy.db")
        with Store.open(tmp_path / "copy.db", loopback._master_key) as copy:
            assert [device.mac for device in copy.devices.of_keys()] == [ONE]


def test_server_erases_what_has_lapsed(loopback, handshake, running, asking, lines):
    lapsed, removed = (loopback.add_key(SSID, b"passphrase %d" % number) for number in range(2))
    now = datetime.now(UTC)
    loopback.store.keys.set_status(lapsed, KeyStatus.REMOVED, now=now - timedelta(days=91))
    loopback.store.keys.set_status(removed, KeyStatus.REMOVED, now=now - timedelta(days=89))
    with running(loopback):
        eventually(lambda: loopback.store.keys.get(lapsed).erased)
    assert not loopback.store.keys.get(removed).erased
    assert "erased the passphrases of 1 keys that were removed long ago" in lines()


def test_server_removes_what_is_due_and_forgets_how_it_was(loopback, running):
    store, now = loopback.store, datetime.now(UTC)
    going, staying = (loopback.add_key(SSID, b"passphrase %d" % number) for number in range(2))
    store.recorder._clock_ms = lambda: int((now - timedelta(days=91)).timestamp() * 1000)
    keys.remove(store, going, now=now - timedelta(hours=2), grace=timedelta(hours=1))
    store.recorder._clock_ms = lambda: int((now - timedelta(days=89)).timestamp() * 1000)
    keys.remove(store, staying, now=now, grace=timedelta(hours=1))
    former, latter = (entry for entry in store.audit.entries(action="key.remove"))
    with running(loopback):
        eventually(lambda: store.keys.get(going).status is KeyStatus.REMOVED)
        eventually(lambda: not store.audit.images(former.id))
    assert store.keys.get(staying).status is KeyStatus.ACTIVE
    assert store.audit.images(latter.id)
    assert not store.audit.entry(former.id).undoable


def test_server_forgets_devices_that_were_not_seen_for_long(loopback, running, lines):
    key_id = loopback.add_key(SSID, b"right-passphrase")
    now = datetime.now(UTC)
    for device, days in ((ONE, 401), (TWO, 399)):
        loopback.store.devices.remember([Device(loopback.pool(SSID), device, key_id)], now - timedelta(days=days))
    with running(loopback) as server:
        eventually(lambda: [device.mac for device in loopback.store.devices.of_keys()] == [TWO])
        eventually(lambda: len(server.loaded.index.devices) == 1)
    assert "forgot 1 devices that were not seen for 400 days" in lines()


def test_forgotten_devices_are_unknown(loopback, handshake, lookup, running, asking):
    key_id = loopback.add_key(SSID, b"right-passphrase")
    with running(loopback) as server:
        for device in (ONE, TWO):
            assert asking(server, handshake(b"right-passphrase", spa=device))
        eventually(lambda: len(list(loopback.store.devices.of_keys())) == 2)
        assert asking(server, lookup(ONE))
        loopback.store.devices.forget(key_id, ONE)
        eventually(lambda: asking(server, lookup(ONE)) is None)
        assert asking(server, lookup(TWO))
        assert asking(server, handshake(b"right-passphrase", spa=ONE))
        assert asking(server, lookup(ONE))


def test_master_key_that_is_changed_meanwhile_is_taken_up(loopback, handshake, running, asking, lines):
    """Keys that nobody has asked for yet are read with the new one, and changes are followed."""
    key_ids = [loopback.add_key(SSID, b"passphrase %d" % number) for number in range(3)]
    keys = [loopback._master_key]
    open_store = loopback.open_store
    loopback.open_store = lambda: Store.open(loopback.path, lambda: keys[-1:])
    with running(loopback) as server:
        assert asking(server, handshake(b"passphrase 0", spa=ONE))
        keys.append(MasterKey.generate())
        loopback.store.rekey(keys[-1], lambda: None)
        assert asking(server, handshake(b"passphrase 1", spa=TWO))
        loopback.store.keys.set_status(key_ids[0], KeyStatus.SUSPENDED, now=loopback.now)
        eventually(lambda: asking(server, handshake(b"passphrase 0", spa=ONE)) is None)
        # One that is not to be had: what is in memory answers, and the log says what is missing.
        loopback.store.rekey(MasterKey.generate(), lambda: None)
        eventually(lambda: any("the master key is not the one" in line for line in lines()))
        assert asking(server, handshake(b"passphrase 1", spa=TWO))
    loopback.open_store = open_store
    assert not any("cannot be opened" in line for line in lines())


def test_age_grows_while_the_store_cannot_be_read(house, monkeypatch):
    house.start()
    seconds = [0.0]
    monkeypatch.setattr(house.follower, "_monotonic", lambda: seconds[0])
    house.follower.refresh(house.now)
    seconds[0] = 5.0
    assert house.follower.age_s == 5.0
    house.follower.refresh(house.now)
    assert house.follower.age_s == 0.0
    aside = house.path.with_suffix(".aside")
    house.path.replace(aside)
    seconds[0] = 700.0
    with pytest.raises(StoreError, match="no database at"):
        house.follower.refresh(house.now)
    assert house.follower.age_s == 695.0
    aside.replace(house.path)
    house.follower.refresh(house.now)
    assert house.follower.age_s == 0.0


def test_trouble_that_lasts_is_said_once_a_minute(lines):
    seconds = [0.0]
    trouble = Trouble(lambda: seconds[0])
    trouble.over("all is well")
    for _ in range(601):
        trouble.met(StoreError("locked"), "cannot follow the store, last read %d s ago", seconds[0])
        seconds[0] += 0.2
    trouble.met(KeyError("a secret"), "cannot follow the store, last read %d s ago", seconds[0])
    trouble.over("followed again")
    trouble.over("followed again")
    assert lines() == [
        "cannot follow the store, last read 0 s ago, will try again: locked",
        "cannot follow the store, last read 60 s ago, will try again: locked",
        "cannot follow the store, last read 120 s ago, will try again: locked",
        "followed again",
    ]
