"""Who may only read can read; what is read is what holds, or an error."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from crypto import Ssid
from provisioning import KeyDraft, Passphrase, Store, StoreError

ROOT = Path(__file__).parents[3]
LISTS = [
    ("venue", "list"),
    ("nas", "list"),
    ("pool", "list"),
    ("key", "list"),
    ("key", "show", "Ann"),
    ("plan", "list"),
]


@pytest.fixture
def bound(tmp_path, master_key):
    """Return what runs `latchkey` on a folder where nothing can be written, without root's right to pass over that."""
    # Not as another user, who could not read a Python under /root.
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    folder = tmp_path / "bound"
    folder.mkdir()

    def run(*arguments):
        modes = {path: path.stat().st_mode for path in folder.iterdir()}
        for path in modes:
            path.chmod(0o444)
        folder.chmod(0o555)
        try:
            return subprocess.run(
                [*command, sys.executable, str(ROOT / "latchkey.py"), "--db", str(folder / "latchkey.db"), *arguments],
                env={"PATH": os.environ["PATH"], "LATCHKEY_MASTER_KEY": master_key.value.hex()},
                text=True,
                capture_output=True,
                check=False,
                cwd="/",
            )
        finally:
            folder.chmod(0o755)
            for path, mode in modes.items():
                path.chmod(mode)

    run.path = folder / "latchkey.db"
    return run


def furnish(store):
    venue = store.venues.add("Hudson House")
    pool = store.keypools.add(Ssid(b"Hudson House"), venue_ids=[venue.id])
    store.keys.add(pool.id, KeyDraft(identity="Ann", passphrase=Passphrase(b"correct-horse-1")))
    return pool


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_a_database_nobody_has_open(bound, master_key, command):
    with Store.create(bound.path, master_key) as store:
        furnish(store)
    result = bound(*command)
    assert (result.returncode, result.stderr) == (0, "")
    assert [path.name for path in bound.path.parent.iterdir()] == ["latchkey.db"]
    if command[0] == "key":
        assert "Ann" in result.stdout


def test_a_database_that_a_server_has_open_and_changes(bound, master_key):
    """What lies in the write-ahead log is seen, though nothing can be written."""
    with Store.create(bound.path, master_key) as store:
        furnish(store)
        store.venues.add("Elm Court")
        assert bound.path.with_name("latchkey.db-wal").stat().st_size
        result = bound("venue", "list")
        assert (result.returncode, result.stderr) == (0, "")
        assert "Elm Court" in result.stdout


def test_changes_that_cannot_be_read_are_not_left_out_silently(bound, master_key, tmp_path):
    """A copy with its log and without its index, as backups have it."""
    with Store.create(tmp_path / "source.db", master_key) as store:
        furnish(store)
        for suffix in ("", "-wal"):
            shutil.copyfile(tmp_path / f"source.db{suffix}", f"{bound.path}{suffix}")
    result = bound("venue", "list")
    assert result.returncode == 1
    said = "latchkey: cannot read the database .*: the last changes lie in latchkey.db-wal,.*\n"
    assert re.fullmatch(said, result.stderr)
    assert result.stdout == ""


def test_change_while_it_is_read_without_an_index_is_said(path, master_key, monkeypatch):
    with Store.create(path, master_key) as store:
        furnish(store)
    monkeypatch.setattr("provisioning.store.files.database.Database._is_readable", lambda _: False)
    Store.open(path, master_key, readonly=True).close()
    reader = Store.open(path, master_key, readonly=True)
    with Store.open(path, master_key) as store:
        store.venues.add("Elm Court")
    with pytest.raises(StoreError, match="was changed while it was read"):
        reader.close()


def test_listing_leaves_an_older_database_as_it_is(cli, path):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM _sqlite_migrations WHERE name = '0006_change_marks'")
        database.execute("DROP INDEX keys_by_removal")
        database.execute("ALTER TABLE changes DROP COLUMN mark")
    before = path.read_bytes()
    for command in (("venue", "list"), ("key", "list"), ("key", "list", "--show-secrets")):
        cli.ok(*command)
    assert path.read_bytes() == before
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("provisioning.store.files.database._MOST_IN_MEMORY", 1000)
        assert "bring it up to date with `latchkey upgrade`" in cli.refused("venue", "list")
    result = cli.run("upgrade")
    assert result.stdout == f"{path} is up to date\n"
    kept = f"{path}.before-0006"
    assert result.stderr == f"latchkey: brought the database up to date (0006_change_marks), copy kept at {kept}\n"
    assert cli.run("upgrade").stderr == ""
    cli.ok("venue", "list")


def test_copy_of_the_file_alone_is_whole_after_each_command(path, master_key, tmp_path):
    """While a server has it open, so that SQLite does not put things in order by itself."""
    with Store.create(path, master_key) as server, Store.open(path, master_key) as command:
        server.keys.counts()
        furnish(command)
        command.close()
        shutil.copyfile(path, tmp_path / "copy.db")
        with Store.open(tmp_path / "copy.db", master_key) as copy:
            assert [key.identity for key in copy.keys.select()] == ["Ann"]
