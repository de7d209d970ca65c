"""`latchkey check` and `latchkey serve --check` as an operator runs them."""

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from crypto import Ssid
from provisioning import KeyDraft, Passphrase, create_store
from radiusd.check import contents, machine, site

ROOT = Path(__file__).parents[3]
NOTHING = {key: value for key, value in os.environ.items() if not key.startswith("LATCHKEY")}


def latchkey(folder, *arguments):
    command = [sys.executable, str(ROOT / "latchkey.py"), *arguments]
    return subprocess.run(command, cwd=folder, env=NOTHING, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with create_store(folder / "latchkey.db", {}) as store:
        venue = store.venues.add("Maison", nas_identifiers=["ap1"])
        store.nases.add(ip_network("127.0.0.0/8"), b"a secret of thirty-two octets ...", name="local")
        pool = store.keypools.add(Ssid(b"Hudson House"), venue_ids=[venue.id])
        store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"right-passphrase")))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        (folder / "latchkey.toml").write_text(f'listen = ["127.0.0.1:{free.getsockname()[1]}"]\n')
    return folder


def test_site_that_works_is_status_0(folder):
    result = latchkey(folder, "check")
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert lines[-1].startswith(f"{len(site.CHECKS) + len(contents.CHECKS) + len(machine.CHECKS) + 2} checks: ")
    assert not [line for line in lines if line.startswith("error")]
    assert all(" -> " in line for line in lines[:-1])


def test_json_is_an_object_a_line(folder):
    views = [json.loads(line) for line in latchkey(folder, "check", "--json").stdout.splitlines()]
    assert all(view.keys() == {"check", "level", "text", "remedy"} for view in views)
    assert "key-beside-database" in {view["check"] for view in views}


def test_port_that_is_taken_is_an_error_before_a_start_only(folder):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        result = latchkey(folder, "serve", "--check", "--listen", at)
        assert result.returncode == 1
        assert f"error   cannot listen on {at}: Address already in use -> " in result.stdout
        (folder / "busy.toml").write_text(f'listen = ["{at}"]\n')
        assert latchkey(folder, "check", "--config", "busy.toml").returncode == 0


def test_where_it_listens_is_an_error_before_a_start_only(folder, tmp_path):
    """A running server may have been told otherwise by its own options."""
    for each in ("latchkey.db", "latchkey.key"):
        (tmp_path / each).write_bytes((folder / each).read_bytes())
        (tmp_path / each).chmod(0o600)
    latchkey(tmp_path, "nas", "add", "192.0.2.0/24", "--name", "aps", "--any-venue")
    beside = latchkey(tmp_path, "check")
    said = "it listens on 127.0.0.1:1812 only, which NAS aps cannot reach -> serve --listen 0.0.0.0:1812, or listen in"
    assert f"warning {said} latchkey.toml (options of serve are not seen here" in beside.stdout
    assert beside.returncode == 0
    before = latchkey(tmp_path, "serve", "--check", "--listen", "127.0.0.1:1812")
    assert f"error   {said} latchkey.toml\n" in before.stdout
    assert before.returncode == 1


@pytest.mark.parametrize(
    ("spoil", "says", "remedy"),
    [
        (lambda folder: (folder / "latchkey.db").unlink(), "no database at", "latchkey init"),
        (lambda folder: (folder / "latchkey.key").unlink(), "no master key at", "LATCHKEY_MASTER_KEY_FILE"),
        (lambda folder: (folder / "latchkey.db").write_bytes(b"x" * 9999), "is not a Latchkey database", "backup"),
        (lambda folder: (folder / "latchkey.toml").write_text("listne = 1"), "listne is not known", "example"),
    ],
)
def test_what_cannot_be_read_is_found_beside_all_the_rest(folder, tmp_path, spoil, says, remedy):
    for each in folder.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
        (tmp_path / each.name).chmod(0o600)
    spoil(tmp_path)
    result = latchkey(tmp_path, "check")
    assert result.returncode == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("error") and says in line]
    assert remedy in line
    assert "checks: errors" in result.stdout
    assert "Traceback" not in result.stderr


def test_row_that_was_overwritten_is_found_and_the_rest_is_checked(folder, tmp_path):
    for each in folder.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
        (tmp_path / each.name).chmod(0o600)
    with contextlib.closing(sqlite3.connect(tmp_path / "latchkey.db")) as database, database:
        database.execute("UPDATE keys SET pmk = zeroblob(60) WHERE id = 1")
    result = latchkey(tmp_path, "check")
    assert result.returncode == 1
    assert "error   row 1 of keys cannot be opened" in result.stdout
    assert "lies beside the database" in result.stdout


def test_empty_database_is_told_what_comes_first(tmp_path):
    create_store(tmp_path / "latchkey.db", {}).close()
    result = latchkey(tmp_path, "check")
    assert result.returncode == 1
    for text in ("there is no keypool -> latchkey pool add", "no access point may ask"):
        assert text in result.stdout


def test_checking_changes_nothing(folder):
    def state():
        return {each.name: each.stat().st_mtime_ns for each in folder.iterdir() if "-shm" not in each.name}

    before = state()
    latchkey(folder, "check")
    latchkey(folder, "serve", "--check")
    assert state() == before
