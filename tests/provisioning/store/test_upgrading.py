"""An older database is brought up to date by those who write, with a copy kept; by nobody else."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from provisioning import MasterKey, MasterKeyError, Store, StoreError
from provisioning.store.files.migrations import KNOWN

ROOT = Path(__file__).parents[3]
VECTOR = ROOT / "tests/vectors/databases/6ed109d.sql"
TEXT = VECTOR.read_text("utf-8")
KEY = re.search("(?m)^-- master key: ([0-9a-f]{64})$", TEXT)[1]
FIRST = KNOWN[4]  # of those that the vector lacks


@pytest.fixture
def old(tmp_path):
    """A database as commit 6ed109d made it, with its key beside it."""
    path = tmp_path / "latchkey.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.executescript(TEXT)
    path.chmod(0o600)
    (tmp_path / "latchkey.key").write_text(KEY)
    (tmp_path / "latchkey.key").chmod(0o600)
    return path


def dump(path):
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        return list(database.iterdump())


def latchkey(path, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "latchkey.py"), "--db", str(path), *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("LATCHKEY")},
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_that_writes_says_so_and_keeps_a_copy(old):
    before = dump(old)
    result = latchkey(old, "key", "suspend", "Ann")
    kept = old.with_name(f"latchkey.db.before-{FIRST[:4]}")
    steps = f"{FIRST} to {KNOWN[-1]}"
    assert result.returncode == 0
    assert result.stderr == f"latchkey: brought the database up to date ({steps}), copy kept at {kept}\n"
    assert dump(kept) == before
    assert kept.stat().st_mode & 0o777 == 0o600
    assert latchkey(old, "key", "resume", "Ann").stderr == ""
    assert sorted(each.name for each in old.parent.glob(f"*{kept.name}*")) == [kept.name]


@pytest.mark.parametrize("command", [("key", "list"), ("key", "show", "Ann"), ("nas", "list"), ("check",)])
def test_command_that_reads_leaves_it_as_it_is(old, command):
    before = old.read_bytes()
    result = latchkey(old, *command)
    assert result.stderr == ""
    assert "Ann" in result.stdout or command[0] != "key"
    assert old.read_bytes() == before
    assert {each.name for each in old.parent.iterdir()} <= {
        "latchkey.db",
        "latchkey.key",
        "latchkey.db-wal",
        "latchkey.db-shm",
    }


@pytest.mark.parametrize("command", [("undo",), ("card", "add", "--count", "1", "--days", "1")])
def test_dry_run_of_a_command_that_writes_leaves_it_as_it_is(old, command):
    before = old.read_bytes()
    result = latchkey(old, *command, "--dry-run")
    assert result.returncode == 1
    assert result.stderr.startswith(f"latchkey: {old} is of an earlier version: `latchkey upgrade` first")
    assert old.read_bytes() == before


def test_check_says_that_it_is_an_older_one(old):
    assert f"is of an earlier version: it lacks {FIRST} to {KNOWN[-1]} -> " in latchkey(old, "check").stdout


def test_another_master_key_brings_nothing_up_to_date(old):
    before = dump(old)
    with pytest.raises(MasterKeyError):
        Store.open(old, MasterKey(bytes(32)))
    assert dump(old) == before
    assert not list(old.parent.glob("*before*"))


def test_copy_that_is_there_is_kept_as_well(old):
    for number, name in enumerate(("", ".2", ".3")):
        kept = old.with_name(f"latchkey.db.before-{FIRST[:4]}{name}")
        kept.write_text(f"mine {number}") if number < 2 else None
    Store.open(old, MasterKey(bytes.fromhex(KEY))).close()
    assert kept.read_bytes().startswith(b"SQLite format 3\0")
    assert old.with_name(f"latchkey.db.before-{FIRST[:4]}.2").read_text() == "mine 1"


def test_no_room_for_the_copy_is_no_upgrade(old, monkeypatch):
    before = dump(old)
    real = sqlite3.connect

    def with_little_room(path, **options):
        connection = real(path, **options)
        if str(path).endswith(".part"):
            connection.execute("PRAGMA max_page_count = 5")
        return connection

    monkeypatch.setattr("provisioning.store.files.copies.sqlite3.connect", with_little_room)
    with pytest.raises(StoreError, match=rf"cannot write .*before-{FIRST[:4]}: no space left"):
        Store.open(old, MasterKey(bytes.fromhex(KEY)))
    monkeypatch.undo()
    assert dump(old) == before
    assert not [each for each in old.parent.iterdir() if "before" in each.name]


def test_two_at_once_bring_it_up_to_date_once(old):
    commands = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "latchkey.py"), "--db", str(old), "key", "suspend", who],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for who in ("Ann", "Eve")
    ]
    said = [command.communicate()[1] for command in commands]
    assert [command.returncode for command in commands] == [0, 0]
    assert sum("copy kept" in text for text in said) == 1
    assert len(list(old.parent.glob("latchkey.db.before-*"))) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_server_that_starts_on_it_says_so_and_serves(old, workers):
    before = dump(old)
    command = [sys.executable, str(ROOT / "latchkey.py"), "--db", str(old), "serve", "--listen", "127.0.0.1:0"]
    command += ["--workers", str(workers)]
    said = []
    with subprocess.Popen(command, cwd=old.parent, stderr=subprocess.PIPE, text=True) as server:
        for line in server.stderr:
            said.append(line)
            if " ready " in line:
                server.terminate()
    kept = old.with_name(f"latchkey.db.before-{FIRST[:4]}")
    steps = f"{FIRST} to {KNOWN[-1]}"
    done = f"brought the database up to date ({steps}), copy kept at {kept}\n"
    assert [line.partition(" INFO ")[2] for line in said if "up to date" in line] == [done]
    assert any(" ready " in line and " keys=4 " in line for line in said), said
    assert dump(kept) == before
