"""`latchkey backup` and `latchkey restore`: whole or not at all, whoever else uses the database."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto import MacAddress
from provisioning import Device, KeyDraft, MasterKey, Passphrase, Store
from provisioning.store.files.migrations import KNOWN

ROOT = Path(__file__).parents[3]


@pytest.fixture
def house(cli, path):
    """A database with Ann's key, through the command line."""
    cli.ok("venue", "add", "Hudson House")
    cli.ok("pool", "add", "Hudson House", "--venue", "Hudson House")
    add(cli, "Ann")
    return cli


def add(cli, identity):
    cli.ok("key", "add", "--identity", identity, "--passphrase", f"{identity}-passphrase")


def identities(cli):
    return [view["identity"] for view in json.loads(cli.ok("key", "list", "--json"))]


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def in_folder(folder):
    """Return what is there but for the log and index of a database in use."""
    return {each.name: each.read_bytes() for each in folder.iterdir() if not each.name.endswith(("-wal", "-shm"))}


def the_kept(path):
    (kept,) = path.parent.glob(f"{path.name}.before-restore-*")
    return kept


# Backup


def test_backup_is_one_file_that_says_what_it_holds(house, path, tmp_path):
    (tmp_path / "backups").mkdir()
    copy = tmp_path / "backups/copy.db"
    key = path.with_suffix(".key")
    assert house.ok("backup", str(copy)).splitlines() == [
        f"wrote {copy}: venues 1, keys 1, revision 3, {copy.stat().st_size / 2**20:.1f} MiB",
        "checked: the pages, the master key, 2 sealed values",
        f"it opens only with the master key ({key}), which is not in it: keep a copy of that elsewhere",
    ]
    assert names(copy.parent) == ["copy.db"]
    assert copy.stat().st_mode & 0o777 == 0o600
    master_key = MasterKey.read(key)
    octets = copy.read_bytes()
    assert master_key.value not in octets
    assert master_key.value.hex().encode() not in octets
    with Store.open(copy, master_key, readonly=True) as store:
        assert [each.identity for each in store.keys.select()] == ["Ann"]


def test_backup_has_what_is_in_the_log_alone(house, path, tmp_path):
    """Unlike a copy of the file."""
    master_key = MasterKey.read(path.with_suffix(".key"))
    with Store.open(path, master_key) as server:
        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM keys").fetchall()  # nothing is folded into the file meanwhile
        server.keys.add(1, KeyDraft(identity="Bob", passphrase=Passphrase(b"Bob-passphrase")))
        house.ok("backup", str(tmp_path / "copy.db"))
        reader.close()
    with Store.open(tmp_path / "copy.db", master_key, readonly=True) as store:
        assert [each.identity for each in store.keys.select()] == ["Ann", "Bob"]


def test_backup_is_one_state_of_a_database_that_is_being_written(house, path, tmp_path):
    master_key, over = MasterKey.read(path.with_suffix(".key")), threading.Event()
    written = []

    def write():
        with Store.open(path, master_key) as store:
            while not over.is_set():
                number = len(written)
                # Both or none: the key and its device are one transaction.
                drafts = [
                    KeyDraft(passphrase=Passphrase(b"phrase %d" % number), devices=(MacAddress(number.to_bytes(6)),))
                ]
                written.extend(store.keys.add_many(1, drafts))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(5):
            before = len(written)
            while len(written) == before:
                time.sleep(0.001)
            view = json.loads(house.ok("backup", "--json", str(tmp_path / f"{number}.db")))
            with closing(sqlite3.connect(tmp_path / f"{number}.db")) as copy:
                (keys,) = copy.execute("SELECT count(*) FROM keys").fetchone()
                (devices,) = copy.execute("SELECT count(*) FROM devices").fetchone()
                (highest,) = copy.execute("SELECT max(last_id) FROM changes WHERE entity = 'key'").fetchone()
            assert keys == highest == view["keys"] == devices + 1
            assert keys > before
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("there", ["file", "folder", "no folder", "link"])
def test_backup_overwrites_nothing(house, tmp_path, there):
    target = tmp_path / "copy.db"
    if there == "file":
        target.write_text("mine")
    elif there == "folder":
        target.mkdir()
    elif there == "link":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target = tmp_path / "nowhere/copy.db"
    before = names(tmp_path)
    said = house.refused("backup", str(target))
    assert str(target) in said
    assert names(tmp_path) == before
    assert there != "file" or target.read_text() == "mine"


def test_backup_replaces_where_it_is_told_to(house, path, tmp_path):
    target = tmp_path / "copy.db"
    target.write_text("mine")
    house.ok("backup", "--force", str(target))
    assert target.stat().st_mode & 0o777 == 0o600
    for own in (path, path.with_suffix(".key"), Path(f"{path}-wal")):
        before = path.read_bytes(), path.with_suffix(".key").read_bytes()
        assert "is in use" in house.refused("backup", "--force", str(own))
        assert before == (path.read_bytes(), path.with_suffix(".key").read_bytes())


def test_backup_needs_the_master_key_unless_quick(house, path, tmp_path):
    path.with_suffix(".key").rename(tmp_path / "elsewhere")
    assert "no master key" in house.refused("backup", str(tmp_path / "copy.db"))
    assert not (tmp_path / "copy.db").exists()
    assert "not checked" in house.ok("backup", "--quick", str(tmp_path / "copy.db"))
    path.with_suffix(".key").write_text("00" * 32)
    path.with_suffix(".key").chmod(0o600)
    assert "not the one that" in house.refused("backup", str(tmp_path / "other.db"))
    assert not [name for name in names(tmp_path) if "other" in name]


def test_damaged_pages_are_no_backup(house, path, tmp_path):
    with closing(sqlite3.connect(path)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'keys'").fetchone()
    octets = bytearray(path.read_bytes())
    octets[(page - 1) * 4096 : page * 4096] = os.urandom(4096)
    path.write_bytes(octets)
    assert "is damaged" in house.refused("backup", str(tmp_path / "copy.db"))
    assert not [name for name in names(tmp_path) if "copy" in name]


def test_row_that_does_not_open_is_named_and_copied(house, path, tmp_path):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE keys SET pmk = randomblob(61) WHERE id = 1")
    result = house.run("backup", str(tmp_path / "copy.db"))
    assert result.exit_code == 1
    assert result.stderr.startswith("latchkey: row 1 of keys cannot be opened: ")
    assert (tmp_path / "copy.db").exists()


def test_older_database_is_copied_as_it_is(tmp_path, cli, path):
    text = (ROOT / "tests/vectors/databases/6ed109d.sql").read_text("utf-8")
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(text)
    path.with_suffix(".key").write_text(text.partition("master key: ")[2][:64])
    view = json.loads(cli.ok("backup", "--json", str(tmp_path / "copy.db")))
    assert (view["venues"], view["keys"], view["revision"], view["sealed"]) == (2, 3, 16, 10)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as database:
        assert len(database.execute("SELECT * FROM _sqlite_migrations").fetchall()) == 4


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
sys.path.insert(0, sys.argv.pop(1))
import latchkey
sys.exit(latchkey.main())
"""


def test_backup_that_has_no_room_leaves_nothing(house, path, tmp_path):
    (tmp_path / "backups").mkdir()
    command = [
        sys.executable,
        "-B",
        "-c",
        LIMITED,
        str(ROOT),
        "--db",
        str(path),
        "backup",
        str(tmp_path / "backups/copy.db"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"latchkey: cannot write {tmp_path}/backups/copy.db: ")
    assert result.stderr.count("\n") == 1
    assert names(tmp_path / "backups") == []


def test_what_a_killed_backup_has_left_is_taken_away_by_the_next(house, tmp_path):
    gone = subprocess.run(["true"], check=True) and subprocess.Popen(["true"])
    gone.wait()
    for pid in (gone.pid, os.getpid()):  # and a number that was given out again
        (tmp_path / f".copy.db.{pid}.part").write_text("half")
    (tmp_path / f".other.db.{gone.pid}.part").write_text("another's")
    running = tmp_path / f".copy.db.{os.getppid()}.part"
    running.write_text("another's")
    house.ok("backup", str(tmp_path / "copy.db"))
    left = [name for name in names(tmp_path) if name.endswith(".part")]
    assert left == sorted([running.name, f".other.db.{gone.pid}.part"])


# Restore


def test_restored_is_what_was_backed_up(house, path, tmp_path):
    copy = tmp_path / "copy.db"
    house.ok("backup", str(copy))
    octets = copy.read_bytes()
    add(house, "Bob")
    house.ok("key", "suspend", "Ann")
    would = house.ok("restore", "--dry-run", str(copy)).splitlines()
    said = house.ok("restore", str(copy)).splitlines()
    size = f"{len(octets) / 2**20:.1f} MiB"
    assert would == [
        f"would restore {path} from {copy}: venues 1, keys 1, revision 3, {size}",
        "lost: what was changed since (changes: 2, keys added: 1)",
        "  key 2 Bob",
    ]
    kept = the_kept(path)
    assert said == [
        f"restored {path} from {copy}: venues 1, keys 1, revision 3, {size}",
        *would[1:],
        f"what was there is kept at {kept}",
    ]
    assert identities(house) == ["Ann"]
    assert copy.read_bytes() == octets
    assert kept.stat().st_mode & 0o777 == 0o600
    house.ok("restore", str(kept))
    views = json.loads(house.ok("key", "list", "--json"))
    assert [(view["identity"], view["status"]) for view in views] == [("Ann", "suspended"), ("Bob", "active")]
    assert not [name for name in names(tmp_path) if name.endswith(".part")]


def test_restore_is_in_the_audit(house, path, tmp_path):
    house.ok("backup", str(tmp_path / "copy.db"))
    house.ok("restore", "--as", "Eve", "--reason", "a mistake", str(tmp_path / "copy.db"))
    with Store.open(path, MasterKey.read(path.with_suffix(".key"))) as store:
        (*_, entry) = store.audit.entries()
        assert (entry.action, entry.author, entry.details["reason"]) == ("restore", "Eve", "a mistake")
        assert entry.details["from"] == str(tmp_path / "copy.db")
        assert entry.details["kept"] == str(the_kept(path))
        count, _, wrong = store.audit.verify()
        assert (count, wrong) == (len(list(store.audit.entries())), [])
    add(house, "Bob")


def test_dry_run_changes_nothing(house, path, tmp_path):
    house.ok("backup", str(tmp_path / "copy.db"))
    add(house, "Bob")
    before = in_folder(tmp_path)
    house.ok("restore", "--dry-run", str(tmp_path / "copy.db"))
    assert in_folder(tmp_path) == before


def test_ids_and_revisions_go_on_after_a_restore(house, path, tmp_path):
    """They are in the log, in what a writer is about to do, and in what other systems have read."""
    house.ok("backup", str(tmp_path / "copy.db"))
    for name in ("Bob", "Cy"):
        add(house, name)
    house.ok("restore", str(tmp_path / "copy.db"))
    add(house, "Dan")
    master_key = MasterKey.read(path.with_suffix(".key"))
    with Store.open(path, master_key) as store:
        assert [key.id for key in store.keys.select()] == [1, 4]
        assert store.changes.revision() == 8  # after 5 the last change of the backup, the restore, and Dan's
        assert store.changes.since(5)
    # And the backup is still known as an earlier state of it.
    view = json.loads(house.ok("restore", "--dry-run", "--json", str(tmp_path / "copy.db")))
    assert (view["lost"]["related"], view["lost"]["changes"], view["lost"]["keys"]) == (True, 2, 1)
    assert view["lost"]["named"] == [{"id": 4, "identity": "Dan"}]


def test_who_has_the_database_open_goes_on_with_the_restored_one(house, path, tmp_path):
    house.ok("backup", str(tmp_path / "copy.db"))
    add(house, "Bob")
    master_key = MasterKey.read(path.with_suffix(".key"))
    with Store.open(path, master_key) as open_before, Store.open(path, master_key, readonly=True) as reader:
        assert len(list(reader.keys.select())) == 2
        house.ok("restore", str(tmp_path / "copy.db"))
        assert [key.identity for key in reader.keys.select()] == ["Ann"]
        open_before.devices.remember([Device(1, MacAddress(bytes(6)), 2)], datetime.now(UTC))  # of a key that is gone
        open_before.keys.add(1, KeyDraft(identity="Cy", passphrase=Passphrase(b"Cy-passphrase")))
        assert list(reader.devices.of_keys()) == []
    assert identities(house) == ["Ann", "Cy"]
    assert house.ok("backup", str(tmp_path / "sound.db"))


def test_restore_waits_for_who_writes_and_says_so(house, path, tmp_path, monkeypatch):
    house.ok("backup", str(tmp_path / "copy.db"))
    monkeypatch.setattr("provisioning.store.files.restore.BUSY_TIMEOUT_S", 0.05)
    before = in_folder(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert (
            house.refused("restore", str(tmp_path / "copy.db")) == f"the database {path} is locked by another process"
        )
    assert in_folder(tmp_path) == before
    house.ok("restore", str(tmp_path / "copy.db"))


def test_what_is_committed_to_the_last_moment_is_kept(house, path, tmp_path):
    """A writer that is in time is in the copy that is kept, one that is late in the restored database."""
    house.ok("backup", str(tmp_path / "copy.db"))
    master_key, over = MasterKey.read(path.with_suffix(".key")), threading.Event()
    written = []

    def write():
        with Store.open(path, master_key) as store:
            while not over.is_set():
                written.append(store.keys.add(1, KeyDraft(passphrase=Passphrase(b"phrase %d" % len(written)))))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(5):
            before = len(written)
            while len(written) < before + 3:
                time.sleep(0.001)
            house.ok("restore", str(tmp_path / "copy.db"))
    finally:
        over.set()
        thread.join()
    found = set()
    for each in (path, *path.parent.glob(f"{path.name}.before-restore-*")):
        if each.suffix not in ("-wal", "-shm") and not each.name.endswith(("-wal", "-shm")):
            with Store.open(each, master_key, readonly=True) as store:
                found |= {key.id for key in store.keys.select()}
    assert found == {1, *written}


@pytest.mark.parametrize("at", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_killed_restore_leaves_old_or_new(house, path, tmp_path, at):
    """With the first step of the exchange, between others, and with the last, which commits."""
    master_key = MasterKey.read(path.with_suffix(".key"))
    with Store.open(path, master_key) as store:
        store.keys.add_many(1, [KeyDraft(passphrase=Passphrase(b"old phrase %d" % n)) for n in range(40)])
        house.ok("backup", str(tmp_path / "copy.db"))
        store.keys.add_many(1, [KeyDraft(passphrase=Passphrase(b"new phrase %d" % n)) for n in range(30)])
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
import latchkey
from provisioning.store.files import restore
class Exchange(restore._Exchange):
    def step(self, status, remaining, total):
        super().step(status, remaining, total)
        if total - remaining >= {at} * total:
            os.kill(os.getpid(), signal.SIGKILL)
restore._Exchange = Exchange
sys.argv[1:] = ["--db", {str(path)!r}, "restore", {str(tmp_path / "copy.db")!r}]
sys.exit(latchkey.main())
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr
    expected = 41 if at == 1.0 else 71
    with Store.open(path, master_key) as store:
        assert len(list(store.keys.select())) == expected
        assert store.integrity.examine().pages == ()
        assert store.integrity.unopened(lambda *_: pytest.fail("it does not open")) == 2 * expected
    house.ok("restore", str(tmp_path / "copy.db"))
    assert len(identities(house)) == 41
    assert not [name for name in names(tmp_path) if ".part" in name]


def another_key(copy):
    copy.unlink()
    Store.create(copy, MasterKey(bytes(32))).close()


def no_database(copy):
    copy.write_bytes(b"SQLite format 3\0" + bytes(5000))


def torn(copy):
    octets = bytearray(copy.read_bytes())
    octets[4096 * 3 : 4096 * 8] = bytes(4096 * 5)
    copy.write_bytes(octets)


def newer(copy):
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('latchkey', '9999_of_the_future')"
        )


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda copy: copy.unlink(), "no database at"),
        (lambda copy: copy.write_bytes(b""), "is not a Latchkey database"),
        (no_database, "is not a Latchkey database"),
        (torn, "is damaged"),
        (another_key, "the master key is not the one that .*: name the one of its time with --former-key FILE"),
        (newer, "was written by a newer version of latchkey"),
    ],
)
def test_what_is_no_backup_is_not_restored(house, path, tmp_path, spoil, says):
    copy = tmp_path / "copy.db"
    house.ok("backup", str(copy))
    spoil(copy)
    before = in_folder(tmp_path)
    said = house.refused("restore", str(copy))
    assert re.search(says, said)
    assert str(copy) in said
    assert in_folder(tmp_path) == before
    assert identities(house) == ["Ann"]


def test_restore_of_the_database_itself_is_refused(house, path):
    assert "is the database itself" in house.refused("restore", str(path))


def test_restore_where_there_is_no_database(house, path, tmp_path):
    copy = tmp_path / "copy.db"
    house.ok("backup", str(copy))
    add(house, "Bob")
    with closing(sqlite3.connect(path)) as held:
        held.execute("SELECT * FROM keys").fetchall()
        add(house, "Cy")
        log = Path(f"{path}-wal").read_bytes()
        path.unlink()
    Path(f"{path}-wal").write_bytes(log or b"what a database that is gone has left")
    assert "would restore" in house.ok("restore", "--dry-run", str(copy))
    assert not path.exists()
    house.ok("restore", str(copy))
    assert identities(house) == ["Ann"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_restore_over_what_is_no_database(house, path, tmp_path):
    copy = tmp_path / "copy.db"
    house.ok("backup", str(copy))
    path.write_bytes(b"a bad sector in the first page" + bytes(8000))
    out = house.ok("restore", str(copy))
    assert "cannot be read: nothing can be said of what is lost" in out
    assert the_kept(path).read_bytes().startswith(b"a bad sector")
    assert identities(house) == ["Ann"]


def test_restore_over_a_damaged_database(house, path, tmp_path):
    copy = tmp_path / "copy.db"
    house.ok("backup", str(copy))
    add(house, "Bob")
    inode = path.stat().st_ino
    torn(path)
    house.ok("restore", str(copy))
    assert identities(house) == ["Ann"]
    assert path.stat().st_ino == inode
    assert the_kept(path).stat().st_size


def test_restore_of_an_older_version_is_brought_up_to_date_in_the_copy(house, path, tmp_path):
    copy = tmp_path / "copy.db"
    text = (ROOT / "tests/vectors/databases/6ed109d.sql").read_text("utf-8")
    with closing(sqlite3.connect(copy)) as database:
        database.executescript(text)
    octets = copy.read_bytes()
    path.with_suffix(".key").write_text(text.partition("master key: ")[2][:64])
    result = house.run("restore", str(copy))
    assert result.exit_code == 0, result.stderr
    assert result.stderr == f"latchkey: brought the database up to date ({KNOWN[4]} to {KNOWN[-1]})\n"
    assert "it is no earlier state of" in result.stdout
    assert identities(house)[:3] == ["Ann", "Bob", "Eve"]
    assert copy.read_bytes() == octets


def test_backup_of_before_a_rekey_is_sealed_anew(house, path, tmp_path):
    copy = tmp_path / "copy.db"
    house.ok("backup", str(copy))
    house.ok("rekey")
    (former,) = [each for each in tmp_path.iterdir() if each.name.startswith("latchkey.key.")]
    assert "--former-key" in house.refused("restore", str(copy))
    house.ok("restore", "--former-key", str(former), str(copy))
    former.unlink()
    assert identities(house) == ["Ann"]
    assert "Ann-passphrase" in house.ok("key", "show", "Ann", "--show-secrets")
    assert "2 sealed values" in house.ok("backup", str(tmp_path / "another.db"))


def test_backup_by_other_means_is_restored(house, path, tmp_path):
    """Of other pages, and of another journal."""
    house.ok("backup", str(tmp_path / "copy.db"))
    with closing(sqlite3.connect(tmp_path / "copy.db")) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA page_size = 1024")
        database.execute("VACUUM")
    add(house, "Bob")
    house.ok("restore", str(tmp_path / "copy.db"))
    assert identities(house) == ["Ann"]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA page_size").fetchone() == (4096,)


def test_restore_that_has_no_room_changes_nothing(house, path, tmp_path):
    house.ok("backup", str(tmp_path / "copy.db"))
    add(house, "Bob")
    before = in_folder(tmp_path)
    command = [sys.executable, "-B", "-c", LIMITED, str(ROOT), "--db", str(path), "restore", str(tmp_path / "copy.db")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("latchkey: cannot write ")
    assert result.stderr.count("\n") == 1
    assert in_folder(tmp_path) == before


def test_restore_that_fails_under_the_lock_changes_nothing(house, path, tmp_path, monkeypatch):
    house.ok("backup", str(tmp_path / "copy.db"))
    add(house, "Bob")
    before = in_folder(tmp_path)

    def fail(self, given_out):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("provisioning.store.files.restore._Exchange._carry_on", fail)
    assert house.refused("restore", str(tmp_path / "copy.db")) == f"the database {path} failed: disk I/O error"
    assert in_folder(tmp_path) == before
    assert identities(house) == ["Ann", "Bob"]
