"""`subscriber erase`: no octet of somebody is in the files any more, and the audit still verifies."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto import MacAddress
from provisioning import Device, Passphrase, open_store
from provisioning.lifecycle.keys import reset
from radiusd.log.erase import erase_lines

ROOT = Path(__file__).parents[3]
NAME, FORMER, IDENTITY, EXTERNAL = "Ägidius Quorn", "Ägidius Zwirn", "quorn-4B", "TENANT-77381"
PHONE, TABLET, LISTED, GONE = (MacAddress.parse(f"de:ad:be:ef:77:0{number}") for number in range(4))
PASSPHRASES = ("quagmire-otter-1", "quagmire-otter-2")
OTHER = "Ilse Quernheim"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("provisioning.commands.people.erasure._FOLLOWED_S", 0)


def octets(path, sealed=()):
    """Return which of what tells of them is in the database's files, as they lie on the disk."""
    text = b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
    texts = [each.encode() for each in (NAME, FORMER, IDENTITY, EXTERNAL, *PASSPHRASES)]
    texts += [json.dumps(each)[1:-1].encode() for each in (NAME, FORMER)]
    for mac in (PHONE, TABLET, LISTED, GONE):
        texts += [mac.value, mac.value.hex().encode(), str(mac).encode(), str(mac).upper().encode()]
        texts += [str(mac).replace(":", "-").encode()]
    return [each for each in (*texts, *sealed) if each in text]


def sealed(path):
    """Return the encrypted secrets of their key, raw and in hex."""
    with open_store(path, {}, readonly=True) as store:
        rows = store._db.rows("SELECT passphrase, pmk, fingerprint FROM keys WHERE identity = ?", (IDENTITY,))
    return [form for row in rows for value in row for form in (value, value.hex().encode())]


def log_line(**fields):
    told = " ".join(f"{name}={value}" for name, value in fields.items())
    return f"2026-11-21T12:00:00.000Z INFO accept {told}\n"


@pytest.fixture
def house(cli, path):
    """Somebody with a long history among others."""
    cli.ok("venue", "add", "Hudson House")
    cli.ok("unit", "add", "Hudson House", "4B", "--vlan", "104")
    cli.ok("pool", "add", "Hudson House")
    cli.ok("key", "add", "--identity", "other-0", "--subscriber", OTHER)
    cli.ok("subscriber", "add", FORMER, "--external-id", EXTERNAL)
    cli.ok("subscriber", "set", FORMER, "--name", NAME)
    key = ("key", "add", "--identity", IDENTITY, "--subscriber", NAME, "--mac", str(PHONE), "--mac", str(GONE))
    cli.ok(*key, "--passphrase", PASSPHRASES[0])
    cli.ok("subscriber", "subscribe", NAME, "--unit", "4B", "--all-keys", "--external-id", f"{EXTERNAL}-lease")
    cli.ok("whitelist", "add", NAME, "--mac", str(LISTED), "--name", f"{NAME}'s phone")
    cli.ok("whitelist", "remove", NAME, "--mac", str(LISTED))
    cli.ok("whitelist", "add", NAME, "--mac", str(PHONE))
    cli.ok("subscriber", "add", "Eve", "--reason", f"took over from {NAME}")
    with open_store(path, {}) as store:
        reset(store, 2, Passphrase(PASSPHRASES[1].encode()), now=datetime.now(UTC), grace=timedelta(hours=1))
        store.devices.forget(2, GONE)
        for key_id in (1, 2):  # theirs, and a friend's, who let them in once
            store.devices.remember([Device(1, TABLET, key_id)], datetime.now(UTC))
    path.with_name(f"{path.name}-log.1").write_text(
        log_line(device=PHONE, who=IDENTITY, key=2)
        + log_line(device="02:00:00:00:00:09", who='"Ilse Quernheim"', key=1)
    )
    path.with_name(f"{path.name}-log").write_text(
        log_line(device=str(TABLET), who="other-0", key=1)
        + log_line(device="02:00:00:00:00:09", who=f'"{NAME}"', key=99)
        + log_line(device="02:00:00:00:00:09", who="somebody", key=2)
        + log_line(device="02:00:00:00:00:09", who="somebody", key=22)
        + log_line(device="DE-AD-BE-EF-77-00", event="torn").rstrip()
    )
    return cli


def test_no_octet_stays(house, path):
    secrets = sealed(path)
    assert len(octets(path, secrets)) > 12  # what is looked for can be found
    said = house.run("subscriber", "erase", NAME, "--reason", "asked for it")
    assert said.exit_code == 0, said.stderr
    assert octets(path, secrets) == []
    assert re.match(r"erased: .*2 keys?, 1 subscription, 1 subscriber; \d+ entries of the audit, 5 lines", said.stdout)
    assert "no subscriber" in house.refused("subscriber", "show", NAME)
    assert house.ok("audit", "verify")
    last = json.loads(house.ok("audit", "--json", "--limit", "1"))
    assert (last["action"], last["subject"], last["subject_id"], last["rows"]) == ("subscriber.erase", None, 2, [])
    assert last["reason"] == "asked for it"


def test_the_others_stay(house, path):
    before = json.loads(house.ok("key", "show", "other-0", "--json", "--show-secrets"))
    house.ok("subscriber", "erase", NAME)
    after = json.loads(house.ok("key", "show", "other-0", "--json", "--show-secrets"))
    assert {**before, "devices": [], "devices_seen": []} == after  # but for the tablet they left there
    told = [json.loads(line) for line in house.ok("audit", "--json", "--all").splitlines()]
    assert [each["action"] for each in told if each["erased"]].count("key.add") == 1
    assert any(each["action"] == "key.add" and not each["erased"] for each in told)
    kept = path.with_name(f"{path.name}-log").read_text()
    assert kept.count("INFO erased") == 4
    assert "key=22" in kept
    assert "Ilse" in path.with_name(f"{path.name}-log.1").read_text()


def test_a_dry_run_lists_what_would_go(house, path):
    before = [each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*"))]
    said = house.run("subscriber", "erase", NAME, "--dry-run")
    for what in ("subscriber 2", "subscription 1", f"key 2 '{IDENTITY}'", "allowed_device 2", "device 2"):
        assert f"would remove {what}" in said.stdout
    assert "5 lines of the log" in said.stderr
    assert [each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*"))] == before


def test_it_cannot_be_undone(house):
    house.ok("subscriber", "erase", NAME)
    last = json.loads(house.ok("audit", "--json", "--limit", "1"))["id"]
    assert "cannot be taken back" in house.refused("undo", str(last))


def test_what_is_not_reached_is_said(house, path):
    path.with_name(f"{path.name}.before-0008").write_bytes(b"copy")
    house.ok("whitelist", "add", "Eve", "--mac", str(PHONE))
    house.ok("key", "add", "--identity", NAME)
    house.ok("subscriber", "suspend", "Eve", "--as", NAME)
    said = house.run("subscriber", "erase", NAME).stderr
    assert f"copies of the database may hold it: {path.name}.before-0008" in said
    assert f"{PHONE} is on the whitelist of subscriber 3" in said
    assert "key 4, of no subscriber, is called so too" in said
    assert "journal" in said
    said = house.run("subscriber", "erase", "--key", NAME).stderr
    assert f"changes made by {NAME!r}" in said


def test_the_reason_must_not_name_them(house):
    assert "must not name" in house.refused("subscriber", "erase", NAME, "--reason", f"{NAME} asked")
    house.ok("subscriber", "show", NAME)


def test_a_key_of_no_subscriber_is_erased_by_itself(house, path):
    house.ok("key", "add", "--identity", "Olga Unbehaun", "--mac", "de:ad:be:ef:77:09")
    assert "say --key" in house.refused("subscriber", "erase", "Olga Unbehaun")
    house.ok("subscriber", "erase", "--key", "Olga Unbehaun")
    text = b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
    assert b"Unbehaun" not in text
    assert bytes.fromhex("deadbeef7709") not in text
    assert octets(path)


def test_lines_written_meanwhile_stay_whole(tmp_path):
    """Two processes append and rename, as servers do, while lines are taken away."""
    path = tmp_path / "latchkey.db-log"
    script = """
import sys
from pathlib import Path
from radiusd.log.file import DecisionFile
file = DecisionFile(Path(sys.argv[1]), size=200_000)
for number in range(1500):
    who = "quorn" if number % 3 == 0 else "other"
    line = f"2026-11-21T12:00:00.000Z INFO accept who={who} n={number:09d} by={sys.argv[2]}\\n"
    file.write(line.encode())
    if number % 50 == 0:
        file.keep()
"""
    writers = [subprocess.Popen([sys.executable, "-c", script, str(path), name], cwd=ROOT) for name in "ab"]
    theirs = re.compile(rb"who=quorn")
    while any(writer.poll() is None for writer in writers):
        erase_lines(tmp_path / "latchkey.db", theirs)
    assert [writer.returncode for writer in writers] == [0, 0]
    erase_lines(tmp_path / "latchkey.db", theirs)
    lines = [
        line
        for each in (path.with_name(f"{path.name}.1"), path)
        if each.exists()
        for line in each.read_bytes().split(b"\n")[:-1]
    ]
    assert lines
    for line in lines:
        assert re.fullmatch(rb"\S+ INFO (accept who=other n=\d{9} by=[ab]|erased +)", line)
    assert erase_lines(tmp_path / "latchkey.db", theirs) == 0
