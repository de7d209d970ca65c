"""A disk that is full: each command that writes gives one line, and nothing is changed; those that read go on."""

import re
import resource
import sqlite3
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from provisioning import MasterKey, Store

SAYS = r"no space left|File too large|disk I/O error; its disk is full, or failing|database or disk is full"


@contextmanager
def full_disk():
    """Let no file grow past a few octets, as on a disk that has no more: but with EFBIG instead of ENOSPC."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python takes a short write of a module's bytecode for a whole one: what is imported here first would stay broken.
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = writes_bytecode


@pytest.fixture
def house(cli, path, tmp_path):
    """A database that a server has open, with two keys, and files for the commands."""
    cli.ok("venue", "add", "Hudson House")
    cli.ok("pool", "add", "Hudson House", "--venue", "Hudson House")
    cli.ok("unit", "add", "Hudson House", "4C")
    cli.ok("plan", "add", "Fast")
    cli.ok("nas", "add", "192.0.2.1", "--secret", "a secret of many letters")
    for name in ("Ann", "Bob"):
        cli.ok("key", "add", "--identity", name, "--passphrase", f"{name}-passphrase")
    cli.ok("unit", "add", "Hudson House", "4D")
    cli.ok("subscriber", "add", "Dee Poe")
    cli.ok("card", "add", "--count", "2", "--days", "1")
    (tmp_path / "keys.csv").write_text("identity,psk\nCy,Cy-passphrase\nDan,Dan-passphrase\n")
    cli.ok("backup", str(tmp_path / "copy.db"))
    with Store.open(path, MasterKey.read(path.with_suffix(".key"))):
        yield cli


def state(folder):
    """Return what every database there holds, and the octets of all other files."""
    found = {}
    for each in folder.iterdir():
        if each.suffix == ".db":
            with closing(sqlite3.connect(each)) as database:
                found[each.name] = list(database.iterdump())
        elif not each.name.endswith(("-wal", "-shm")):
            found[each.name] = each.read_bytes()
    return found


WRITING = [
    ("operator", "set", "--name", "ACME"),
    ("venue", "add", "Elm Court"),
    ("venue", "set", "Hudson House", "--time-zone", "Europe/Berlin"),
    ("unit", "add", "Hudson House", "4E"),
    ("unit", "set", "4C", "--floor", "4"),
    ("unit", "merge", "4C", "4D"),
    ("unit", "remove", "4D"),
    ("pool", "add", "Elsewhere", "--global"),
    ("pool", "set", "Hudson House", "--display-order", "7"),
    ("plan", "add", "Slow"),
    ("plan", "set", "Fast", "--download", "1000"),
    ("plan", "remove", "Fast"),
    ("nas", "add", "192.0.2.2", "--secret", "a secret of many letters"),
    ("nas", "set", "192.0.2.1", "--new-secret", "--grace", "1h"),
    ("nas", "remove", "192.0.2.1"),
    ("subscriber", "add", "Cy Roe"),
    ("subscriber", "subscribe", "Dee Poe", "--unit", "4C"),
    ("subscriber", "suspend", "Dee Poe"),
    ("subscriber", "close", "Dee Poe"),
    ("subscriber", "erase", "Dee Poe", "--yes"),
    ("whitelist", "add", "Dee Poe", "--mac", "02:00:00:00:00:01"),
    ("card", "add", "--count", "3", "--days", "3"),
    ("card", "extend", "1", "--hours", "5"),
    ("card", "invalidate", "1"),
    ("key", "add", "--identity", "Cy", "--passphrase", "Cy-passphrase"),
    ("key", "import", "keys.csv"),
    ("key", "suspend", "Ann"),
    ("key", "reset", "Ann", "--passphrase", "another-passphrase"),
    ("key", "remove", "Ann"),
    ("undo",),
    ("rekey",),
    ("backup", "another.db"),
    ("restore", "copy.db"),
    ("--db", "other.db", "init"),
    ("key", "export", "--show-secrets", "out.csv"),
    ("card", "export", "1", "--csv", "out.csv"),
]


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_command_that_writes_is_one_line_and_changes_nothing(house, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    before = state(tmp_path)
    with full_disk():
        said = house.refused(*command)
    assert re.search(SAYS, said), said
    assert state(tmp_path) == before
    result = house.run(*command)  # with room again
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    "command", [("key", "list"), ("key", "show", "Ann"), ("venue", "list"), ("check",)], ids=" ".join
)
@pytest.mark.parametrize("served", [True, False])
def test_command_that_reads_goes_on(cli, path, command, served):
    cli.ok("venue", "add", "Hudson House")
    cli.ok("pool", "add", "Hudson House", "--venue", "Hudson House")
    cli.ok("key", "add", "--identity", "Ann", "--passphrase", "Ann-passphrase")
    if not served:
        with closing(sqlite3.connect(path)) as last:  # the index goes with it, and cannot be made anew
            last.execute("SELECT * FROM keys").fetchall()
        assert not Path(f"{path}-shm").exists()
    with full_disk():
        result = cli.run(*command)
    assert "database" not in result.stderr
    assert "Ann" in result.stdout or command[0] != "key"
    assert "disk I/O" not in result.stdout
