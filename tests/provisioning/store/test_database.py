"""The file itself: what is wrong with it, what may not be in it, who else writes it."""

import os
import re
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
import sqlite_utils

import provisioning
from crypto import Ssid, passphrase_to_pmk
from provisioning import (
    KeyDraft,
    KeyStatus,
    MasterKey,
    MasterKeyError,
    NewerDatabase,
    Passphrase,
    Store,
    StoreError,
    StoreMissing,
    create_store,
    open_store,
)
from provisioning.store.files.migrations import KNOWN, MIGRATIONS

ROOT = Path(__file__).parents[3]


def files(path):
    """Return every octet of a database, its log and its index."""
    # In another process: closing a file here would drop the locks of the connection that is open on it.
    names = sorted(map(str, path.parent.glob(f"{path.name}*")))
    return subprocess.run(["cat", *names], capture_output=True, check=True).stdout


def test_known_migrations_are_those_there_are(tmp_path):
    database = sqlite_utils.Database(tmp_path / "empty.db")
    assert tuple(step.name for step in MIGRATIONS.pending(database)) == KNOWN
    database.close()


def test_store_opens_again_with_everything_in_it(store, path, master_key):
    venue = store.venues.add("Hudson House")
    with Store.open(path, master_key) as again:
        assert again.venues.all() == (venue,)
    with Store.open(path, master_key, readonly=True) as reader:
        assert reader.venues.all() == (venue,)
        with pytest.raises(StoreError, match="read-only"):
            reader.venues.add("Other")


def test_pragmas_hold_what_the_store_promises(store):
    pragmas = {
        name: store._db.sql.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout", "temp_store")
    }
    assert pragmas == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 2,
        "busy_timeout": 30_000,
        "temp_store": 2,
    }


def test_database_is_its_owners_alone(store, path):
    store.venues.add("Hudson House")
    for each in path.parent.glob(f"{path.name}*"):
        assert each.stat().st_mode & 0o077 == 0, each


def test_another_master_key_does_not_open_it(store, path):
    with pytest.raises(MasterKeyError, match="not the one"):
        Store.open(path, MasterKey(bytes(32)))


def test_a_newer_database_is_left_alone(store, path, master_key):
    store._db.sql["_sqlite_migrations"].insert(
        {"migration_set": "latchkey", "name": "0099_of_the_future", "applied_at": "2030-01-01"}
    )
    with pytest.raises(NewerDatabase, match=r"newer version of latchkey \(0099_of_the_future\)"):
        Store.open(path, master_key)


def test_an_older_database_is_brought_up_to_date(path, master_key, monkeypatch):
    with Store.create(path, master_key) as old:
        old.venues.add("Hudson House")
    later = sqlite_utils.Migrations("latchkey")
    for name in KNOWN:
        later(name=name)(bool)  # has been done

    @later(name="9999_of_the_test")
    def _more(db):
        db.execute("ALTER TABLE venues ADD COLUMN colour TEXT")

    monkeypatch.setattr("provisioning.store.files.database.MIGRATIONS", later)
    monkeypatch.setattr("provisioning.store.files.database.KNOWN", (*KNOWN, "9999_of_the_test"))
    said = []
    for readonly in (True, False, False):
        with Store.open(path, master_key, readonly=readonly, tell=said.append) as store:
            assert store._db.rows("SELECT name, colour FROM venues") == [("Hudson House", None)]
    assert said == [f"brought the database up to date (9999_of_the_test), copy kept at {path}.before-9999"]
    monkeypatch.undo()
    with pytest.raises(NewerDatabase, match="9999_of_the_test"):
        Store.open(path, master_key)


def test_a_migration_that_fails_changes_nothing(path, master_key, monkeypatch):
    Store.create(path, master_key).close()
    later = sqlite_utils.Migrations("latchkey")
    for name in KNOWN:
        later(name=name)(bool)  # has been done

    @later(name="9999_of_the_test")
    def _broken(db):
        db.execute("DROP TABLE devices")
        db.execute("SELECT * FROM nowhere")

    monkeypatch.setattr("provisioning.store.files.database.MIGRATIONS", later)
    with pytest.raises(StoreError, match="no such table: nowhere"):
        Store.open(path, master_key)
    monkeypatch.undo()
    with Store.open(path, master_key) as store:
        assert list(store.devices.of_keys()) == []


def test_a_full_disk_is_one_line_and_loses_nothing(store):
    store.venues.add("Hudson House")
    store._db.sql.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size instead

    def fill():
        for number in range(1000):
            store.venues.add(f"venue {number} with a name that fills its page {'x' * 150}")

    with pytest.raises(StoreError, match="no space left"):
        fill()
    store._db.sql.execute("PRAGMA max_page_count = 100000")
    count = len(store.venues.all())
    store.venues.add("Other")
    assert len(store.venues.all()) == count + 1


def test_missing_database_says_how_to_make_one(path, master_key):
    with pytest.raises(StoreMissing, match="run `latchkey init`"):
        Store.open(path, master_key)
    with pytest.raises(StoreMissing):
        open_store(path, {})


@pytest.mark.parametrize(
    "octets", [b"", b"identity,psk\n", b"SQLite format 3\0" + b"\xff" * 5000, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_database_is_refused(path, master_key, octets):
    path.write_bytes(octets)
    with pytest.raises(StoreError):
        Store.open(path, master_key)
    assert path.read_bytes() == octets


def test_someone_elses_database_is_refused(path, master_key):
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE keys (id INTEGER)")
    raw.close()
    with pytest.raises(StoreError, match="not a Latchkey database"):
        Store.open(path, master_key)


def test_a_damaged_database_is_an_error_of_ours(store, path, master_key):
    for number in range(300):
        store.units.add(store.venues.all()[0].id if number else store.venues.add("v").id, f"unit {number}")
    store.close()
    octets = bytearray(path.read_bytes())
    octets[4096 : len(octets) - 4096] = os.urandom(len(octets) - 8192)
    path.write_bytes(octets)

    def use():
        with Store.open(path, master_key) as damaged:
            damaged.units.all()

    with pytest.raises(StoreError):
        use()


def test_a_folder_is_no_database(tmp_path, master_key):
    with pytest.raises(StoreError, match="a folder or device"):
        Store.open(tmp_path, master_key)
    with pytest.raises(StoreError, match="exists already"):
        create_store(tmp_path, {})
    with pytest.raises(StoreError, match="no folder"):
        create_store(tmp_path / "nowhere" / "latchkey.db", {})


def test_nothing_is_left_of_a_store_that_could_not_be_made(path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("provisioning.secrets.Vault.seal", fail)
    with pytest.raises(KeyboardInterrupt):
        Store.create(path, MasterKey(bytes(32)))
    assert not list(path.parent.iterdir())


def test_a_locked_database_is_one_line(store, path, master_key):
    with Store.open(path, master_key, busy_timeout_s=0.01) as other, store._db.writing():
        with pytest.raises(StoreError, match="locked by another process"):
            other.venues.add("Hudson House")
        assert other.venues.all() == ()  # readers are not held up
    store.venues.add("Hudson House")


def test_a_failed_write_leaves_nothing_behind(store):
    def fail():
        with store._db.writing():
            store._db.execute("INSERT INTO operator (id, name) VALUES (2, 'x')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store._db.rows("SELECT * FROM subscribers") == []
    store.venues.add("Hudson House")


def test_ids_are_never_given_out_twice(store):
    first = store.nases.add(ip_network("10.0.0.1"), b"s")
    store.nases.remove(first.id)
    assert store.nases.add(ip_network("10.0.0.1"), b"s").id == first.id + 1


def test_no_secret_reaches_the_disk(path, master_key):
    ssid = Ssid(b"Hudson House")
    raw_pmk = bytes(range(100, 132))
    passphrases = [
        b"sunny-Otter-41",
        b"maple-Falcon-77",
        b"correct horse battery",
        b"replaced-Heron-5",
        raw_pmk.hex().encode(),
    ]
    with Store.create(path, master_key) as store:
        pool = store.keypools.add(ssid)
        store.nases.add(ip_network("127.0.0.1"), b"testing123-secret")
        first = store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(passphrases[0])))
        ids = store.keys.add_many(
            pool.id, [KeyDraft(passphrase=Passphrase(value)) for value in (*passphrases[1:3], passphrases[4])]
        )
        store.keys.reset(first, Passphrase(passphrases[3]))
        store.keys.set_status(ids[0], KeyStatus.REMOVED, now=datetime.now(UTC))
        seen = files(path)
        assert len(list(path.parent.glob(f"{path.name}-*"))) == 2  # the log and the index were read
    seen += files(path)
    assert b"Hudson House" in seen  # what is not secret can be found this way
    for passphrase in passphrases:
        pmk = passphrase_to_pmk(passphrase, ssid).value
        for secret in (passphrase, passphrase.hex().encode(), pmk, pmk.hex().encode(), pmk.hex().upper().encode()):
            assert secret not in seen
    assert b"testing123" not in seen
    assert master_key.value not in seen
    assert master_key.value.hex().encode() not in seen


def test_values_swapped_between_rows_do_not_open(store, path):
    pool = store.keypools.add(Ssid(b"x"))
    store.keys.add_many(pool.id, [KeyDraft(passphrase=Passphrase(b"passphrase %d" % number)) for number in range(2)])
    store._db.execute("UPDATE keys SET pmk = (SELECT pmk FROM keys WHERE id = 2) WHERE id = 1")
    with pytest.raises(StoreError, match=r"keys.pmk of row 1 cannot be decrypted"):
        store.keys.get(1)
    with pytest.raises(StoreError, match=r"keys.pmk of row 1 cannot be decrypted"):
        list(store.keys.batches(lapsed_since=datetime.now(UTC)))


WRITER = """
import sys
from pathlib import Path
from crypto import MacAddress
from provisioning import KeyDraft, MasterKey, Passphrase, Store, Device
from datetime import datetime, UTC
name, path = sys.argv[1], Path(sys.argv[2])
with Store.open(path, MasterKey(bytes(range(32)))) as store:
    for number in range(12):
        id_ = store.keys.add(1, KeyDraft(identity=name, passphrase=Passphrase(f"{name}-phrase-{number}".encode())))
        mac = MacAddress(name.encode()[:3] + bytes([0, 0, number]))
        store.devices.remember([Device(1, mac, id_)], datetime.now(UTC))
"""


def test_two_processes_and_a_thread_write_at_once(store, path, master_key):
    store.keypools.add(Ssid(b"Hudson House"))
    start = store.changes.revision()
    version = store.changes.data_version()
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, name, str(path)], cwd=ROOT, stderr=subprocess.PIPE)
        for name in ("ann", "bob")
    ]
    errors: list[BaseException] = []

    def write():
        try:
            with Store.open(path, master_key) as own:
                for number in range(12):
                    own.keys.add(1, KeyDraft(identity="eve", passphrase=Passphrase(b"eve-phrase-%d" % number)))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    for writer in writers:
        assert writer.communicate() == (None, b"")
        assert writer.returncode == 0
    thread.join()
    assert not errors
    keys = list(store.keys.select())
    assert sorted(key.id for key in keys) == list(range(1, 37))
    assert {name: sum(key.identity == name for key in keys) for name in ("ann", "bob", "eve")} == {
        "ann": 12,
        "bob": 12,
        "eve": 12,
    }
    assert [change.revision for change in store.changes.since(start)] == list(range(start + 1, start + 37))
    assert len(list(store.devices.of_keys())) == 24
    assert store.changes.data_version() != version


@pytest.fixture
def bound_by_permissions(tmp_path):
    """Run `latchkey` in a folder where it may not write; root without the right to pass over permissions."""
    # Not as another user, who could not read a Python under /root.
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    folder = tmp_path / "bound"
    folder.mkdir()

    def run(*arguments, **environment):
        folder.chmod(0o555)
        return subprocess.run(
            [*bound, sys.executable, str(ROOT / "latchkey.py"), "--db", str(folder / "latchkey.db"), *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment},
            text=True,
            capture_output=True,
            check=False,
            cwd="/",
        )

    yield run
    folder.chmod(0o755)


def test_read_only_folders_and_files_are_one_line(bound_by_permissions, master_key, tmp_path):
    environment = {"LATCHKEY_MASTER_KEY": master_key.value.hex()}
    folder = tmp_path / "bound"
    for result, said in (
        (
            bound_by_permissions("init"),
            f"latchkey: cannot write the master key {folder}/latchkey.key: Permission denied\n",
        ),
        (
            bound_by_permissions("init", **environment),
            f"latchkey: cannot create {folder}/latchkey.db: Permission denied\n",
        ),
    ):
        assert (result.returncode, result.stdout, result.stderr) == (1, "", said)
    folder.chmod(0o755)
    Store.create(folder / "latchkey.db", master_key).close()
    (folder / "latchkey.db").chmod(0o444)
    result = bound_by_permissions("venue", "add", "x", **environment)
    assert result.returncode == 1
    assert re.fullmatch("latchkey: cannot write the database .* is read-only\n", result.stderr)
    folder.chmod(0o755)
    (folder / "latchkey.key").write_text(master_key.value.hex())
    (folder / "latchkey.key").chmod(0o000)
    result = bound_by_permissions("nas", "list")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1


def test_sql_is_in_the_modules_that_may_have_it():
    folder = Path(provisioning.__file__).parent
    with_sql = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if re.search(r"\b(SELECT .* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|PRAGMA)\b", path.read_text())
    }
    assert all(path.startswith("store/") for path in with_sql), with_sql
    assert "store/keys.py" in with_sql
