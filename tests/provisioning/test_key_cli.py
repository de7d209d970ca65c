"""`key`, as an operator types it."""

import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioning import open_store

PASSPHRASE = "sunny-Otter-41"


@pytest.fixture
def house(cli):
    """A venue with one unit and one keypool."""
    cli.ok("venue", "add", "Hudson House")
    cli.ok("unit", "add", "Hudson House", "4B", "--vlan", "104")
    cli.ok("pool", "add", "Hudson House")
    return cli


def shown(cli, which, *options):
    return json.loads(cli.ok("key", "show", which, "--json", *options))


def listed(cli, *options):
    return json.loads(cli.ok("key", "list", "--json", *options))


def test_a_key_with_everything(house):
    house.ok("plan", "add", "Basic")
    arguments = ["--pool", "Hudson House", "--venue", "Hudson House", "--identity", "ann", "--passphrase", PASSPHRASE]
    arguments += ["--unit", "4B", "--subscriber", "Ann Archer", "--plan", "Basic", "--starts", "2026-01-01"]
    arguments += ["--ends", "2099-10-31", "--mac", "02:00:00:00:01:00"]
    assert house.ok("key", "add", *arguments) == "1\n"
    assert shown(house, "ann") == {
        "id": 1,
        "identity": "ann",
        "ssid": "Hudson House",
        "keypool_id": 1,
        "unit": "4B",
        "subscriber": "Ann Archer",
        "plan": "Basic",
        "vlan": None,
        "effective_vlan": 104,
        "starts": "2026-01-01T00:00:00Z",
        "ends": "2099-10-31T23:59:59Z",
        "status": "active",
        "status_reason": None,
        "status_at": None,
        "state": "valid",
        "tag": None,
        "external_id": None,
        "platform_id": None,
        "subscription_id": 1,
        "card_batch_id": None,
        "grace_of": None,
        "removes_at": None,
        "time_zone": "UTC",
        "devices": ["02:00:00:00:01:00"],
        "devices_seen": [
            {
                "mac": "02:00:00:00:01:00",
                "first_seen": None,
                "last_seen": None,
                "registered": True,
                "name": None,
                "tag": None,
            }
        ],
        "former_passphrases": [],
    }
    assert shown(house, "1", "--show-secrets")["passphrase"] == PASSPHRASE
    text = house.ok("key", "show", "ann") + house.ok("key", "list") + house.ok("key", "list", "--json")
    assert PASSPHRASE not in text
    assert PASSPHRASE in house.ok("key", "list", "--show-secrets")


def test_a_key_shows_when_its_devices_were_seen(house, path):
    house.ok("key", "add", "--identity", "ann", "--mac", "02:00:00:00:01:00", "--mac", "02:00:00:00:02:00")
    with open_store(path, {}) as store:
        device = next(store.devices.of_keys())
        store.devices.remember([device], datetime(2026, 11, 1, 10, tzinfo=UTC))
        store.devices.remember([device], datetime(2026, 11, 21, 9, 30, tzinfo=UTC))
    text = house.ok("key", "show", "ann")
    assert "02:00:00:00:01:00 (last seen 2026-11-21T09:30:00Z), 02:00:00:00:02:00 (not seen yet)\n" in text
    seen = shown(house, "ann")["devices_seen"][0]
    assert (seen["first_seen"], seen["last_seen"]) == ("2026-11-01T10:00:00Z", "2026-11-21T09:30:00Z")


def test_a_key_that_has_ended_is_added_with_a_warning(house):
    result = house.run("key", "add", "--ends", "2020-01-01", "--passphrase", PASSPHRASE)
    assert result.exit_code == 0
    assert result.stderr == "latchkey: key 1 ended 2020-01-01 23:59 UTC: nobody gets in with it\n"
    assert house.run("key", "add", "--ends", "2099-01-01", "--passphrase", "rainy-Badger-52").stderr == ""


def test_keys_are_listed_by_identity_unit_and_state(house):
    house.ok("key", "add", "--identity", "ann", "--unit", "4B")
    house.ok("key", "add", "--identity", "bob")
    house.ok("key", "add", "--identity", "old", "--ends", "2020-01-01")
    house.ok("key", "add", "--identity", "new", "--starts", "2099-01-01")
    house.ok("key", "suspend", "bob")

    def identities(*options):
        return [key["identity"] for key in listed(house, *options)]

    assert identities("--identity", "bob") == ["bob"]
    assert identities("--unit", "4B") == ["ann"]
    found = [identities("--state", state) for state in ("valid", "suspended", "expired", "not-yet-valid")]
    assert found == [["ann"], ["bob"], ["old"], ["new"]]
    assert identities("--unit", "4B", "--state", "expired") == []
    assert house.refused("key", "list", "--unit", "4C") == "no unit '4C' there (there is 4B)"


def test_a_made_up_passphrase_is_printed_once(house):
    id_, passphrase = house.ok("key", "add", "--unit", "4B").splitlines()
    assert id_ == "1"
    assert re.fullmatch("([a-z2-9]{4}-){3}[a-z2-9]{4}", passphrase)
    assert shown(house, "4B", "--show-secrets")["passphrase"] == passphrase
    added = json.loads(house.ok("key", "add", "--json"))
    assert (added["id"], added["identity"], added["keypool_id"]) == (2, "key-2", 1)
    assert len(added["passphrase"]) == 19
    assert "passphrase" not in json.loads(house.ok("key", "add", "--passphrase", PASSPHRASE, "--json"))


def test_passphrases_come_from_files_and_stdin(house, tmp_path):
    file = tmp_path / "psk"
    file.write_bytes(b" blanks stay \r\n")
    house.ok("key", "add", "--identity", "a", "--passphrase-file", str(file))
    house.ok("key", "add", "--identity", "b", "--passphrase-file", "-", stdin=b"from-stdin\n")
    assert [key["passphrase"] for key in listed(house, "--show-secrets")] == [" blanks stay ", "from-stdin"]
    assert house.run("key", "add", "--passphrase", "x" * 8, "--passphrase-file", "-").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--passphrase", "short77"], "passphrase must be 8 to 63 octets or 64 hex digits, got 7"),
        (["--passphrase", "x" * 64], "passphrase of 64 characters must be all hex digits"),
        (["--passphrase", "Zoë-and-more"], "passphrase octet 3 of 13 is not printable ASCII"),
        (["--pool", "Guest"], "no keypool for SSID 'Guest' (there is Hudson House)"),
        (["--venue", "Other"], "no venue 'Other' (there is Hudson House)"),
        (["--unit", "9Z"], "no unit '9Z' there (there is 4B)"),
        (["--plan", "Gold"], "no plan 'Gold': there is none yet, `latchkey plan add` makes one"),
        (["--ends", "tomorrow"], "--ends: 'tomorrow' is not a date or time: use 2026-10-31 or 2026-10-31T12:00"),
        (["--starts", "2026-02-02", "--ends", "2026-02-01"], None),
        (["--identity", "two\nlines"], "identity has a character that is not printable"),
        (["--mac", "zz"], "not a MAC address: 'zz'"),
        (["--passphrase-file", "/nowhere/psk"], "cannot read /nowhere/psk: No such file or directory"),
    ],
)
def test_keys_that_are_refused(house, arguments, said):
    refused = house.refused("key", "add", *arguments)
    assert said is None or refused == said
    assert listed(house) == []


def test_a_passphrase_in_use_is_refused_without_saying_whose(house):
    house.ok("key", "add", "--identity", "ann", "--passphrase", PASSPHRASE)
    said = house.refused("key", "add", "--identity", "bob", "--passphrase", PASSPHRASE)
    assert said == "passphrase already in use on this SSID"


def test_vlans_are_checked_before_the_database(house):
    result = house.run("key", "add", "--vlan", "5000")
    assert result.exit_code == 2
    assert "5000" in result.stderr


def test_of_several_keypools_the_venue_or_the_id_decides(house):
    house.ok("venue", "add", "Other")
    house.ok("pool", "add", "Hudson House", "--venue", "Other")
    house.ok("pool", "add", "Hudson House", "--global")
    said = house.refused("key", "add", "--pool", "Hudson House")
    assert said == (
        "several keypools, say which by id, or at which venue: 1 (Hudson House, Hudson House),"
        " 2 (Hudson House, Other), 3 (Hudson House, global)"
    )
    house.ok("venue", "add", "Third")
    for number, arguments in enumerate(
        (
            ["--pool", "Hudson House", "--venue", "Hudson House"],
            ["--pool", "Hudson House", "--venue", "Other"],
            ["--pool", "Hudson House", "--venue", "Third"],  # only the global one is valid there
            ["--pool", "2"],
        )
    ):
        house.ok("key", "add", *arguments, "--passphrase", f"passphrase {number}")
    assert [key["keypool_id"] for key in listed(house)] == [1, 2, 3, 2]
    assert [key["id"] for key in listed(house, "--pool", "Hudson House", "--venue", "Other")] == [2, 4]


def test_units_are_found_by_building_and_venue(house):
    house.ok("unit", "add", "Hudson House", "4B", "--building", "West")
    said = house.refused("key", "add", "--unit", "4B")
    assert said == "several units '4B', say --venue, or BUILDING/UNIT: 4B at Hudson House, West/4B at Hudson House"
    house.ok("key", "add", "--unit", "West/4B")
    assert shown(house, "West/4B")["effective_vlan"] is None


def test_without_a_keypool_the_command_to_add_one_is_named(cli):
    assert cli.refused("key", "add") == "no keypool: add one with `latchkey pool add`"


def test_keys_are_chosen_by_id_or_identity(house):
    for identity in ("ann", "3", "ann"):
        house.ok("key", "add", "--identity", identity)
    assert shown(house, "1")["identity"] == "ann"
    said = house.refused("key", "show", "ann")
    assert said == "several keys 'ann', say which: id:1 (ann, Hudson House, active), id:3 (ann, Hudson House, active)"
    said = house.refused("key", "show", "3")
    assert said == "several keys '3', say which: id:2 (3, Hudson House, active), id:3 (ann, Hudson House, active)"
    assert shown(house, "id:3")["identity"] == "ann"
    for unknown in ("bob", "id:9", "9", "id:x", "9" * 40):
        assert house.refused("key", "show", unknown) == f"no key {unknown!r}"
    house.ok("key", "remove", "id:1")
    assert shown(house, "ann")["id"] == 3
    house.ok("key", "remove", "ann")
    said = house.refused("key", "show", "ann")
    assert said == "several keys 'ann', say which: id:1 (ann, Hudson House, removed), id:3 (ann, Hudson House, removed)"
    for _ in range(9):
        house.ok("key", "add", "--identity", "bob", "--unit", "4B")
    said = house.refused("key", "show", "bob")
    assert said.startswith("several keys 'bob', say which: id:4 (bob, Hudson House, unit 4B, active), id:5 ")
    assert said.endswith("id:11 (bob, Hudson House, unit 4B, active) and 1 more")


def test_a_mistyped_identity_is_answered_with_the_one_that_is_meant(house):
    for identity in ("Ann Lee", "Bob Ray", "100% wool", "100_ wool"):
        house.ok("key", "add", "--identity", identity)
    house.ok("key", "add", "--identity", "Ann Leigh")
    house.ok("key", "remove", "Ann Leigh")
    for typed, meant in (("an lee", "Ann Lee"), ("An Lee", "Ann Lee"), ("Bob Ry", "Bob Ray"), ("100 wool", None)):
        said = house.refused("key", "show", typed)
        assert said.startswith(f"no key {typed!r}: did you mean {repr(meant) if meant else ''}")
    assert house.refused("key", "show", "%%") == "no key '%%'"
    assert house.refused("key", "show", "id:77") == "no key 'id:77'"


def test_the_life_of_a_key(house):
    house.ok("key", "add", "--identity", "ann", "--passphrase", PASSPHRASE)
    assert house.ok("key", "suspend", "ann", "--reason", "delinquent") == ""
    assert shown(house, "ann")["state"] == "suspended: delinquent"
    assert [key["identity"] for key in listed(house, "--status", "suspended")] == ["ann"]
    house.ok("key", "resume", "ann")
    assert shown(house, "ann")["state"] == "valid"
    assert house.ok("key", "reset", "ann", "--passphrase", "maple-Falcon-77") == "1\n"
    assert shown(house, "ann", "--show-secrets")["passphrase"] == "maple-Falcon-77"
    made = house.ok("key", "reset", "ann").splitlines()[1]
    assert json.loads(house.ok("key", "reset", "ann", "--json"))["passphrase"] != made
    house.ok("key", "remove", "ann", "--reason", "moved out")
    removed = shown(house, "ann")
    assert removed["state"] == f"removed {removed['status_at'][:10]}"
    assert listed(house) == []
    assert len(listed(house, "--status", "removed")) == 1
    for command in ("suspend", "resume", "remove", "reset"):
        assert house.refused("key", command, "ann").startswith("key 1 was removed ")


def test_import_list_and_export_agree(house, tmp_path):
    file = tmp_path / "people.csv"
    text = f'ann,{PASSPHRASE},020000000100,12\nbob,"quo""te, here"\nkim,correct horse,,7\n'
    file.write_bytes(b"\xef\xbb\xbfidentity,psk,mac,vlanid\r\n" + text.replace("\n", "\r\n").encode())
    assert house.ok("key", "import", str(file), "--pool", "Hudson House") == "imported 3, refused 0\n"
    assert house.ok("key", "export", "--pool", "Hudson House", "--show-secrets") == text
    out = tmp_path / "out.csv"
    house.ok("key", "export", str(out), "--show-secrets")
    assert out.read_text() == text
    assert out.stat().st_mode & 0o777 == 0o600
    assert house.refused("key", "export", str(out), "--show-secrets") == f"cannot write {out}: File exists"
    assert "--show-secrets" in house.refused("key", "export")
    house.ok("key", "suspend", "ann")
    house.ok("key", "remove", "bob")
    assert house.ok("key", "export", "--show-secrets") == "kim,correct horse,,7\n"
    assert house.ok("key", "export", "--show-secrets", "--all").startswith("ann,")
    house.ok("pool", "add", "Guest")
    assert house.ok("key", "import", "-", "--pool", "Guest", stdin=text.encode()) == "imported 3, refused 0\n"


def test_refused_files_import_nothing(house, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(f"ann,{PASSPHRASE}\nbob,short77\nkim,{PASSPHRASE}\n")
    result = house.run("key", "import", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"latchkey: {file}: line 2: passphrase must be 8 to 63 octets or 64 hex digits, got 7",
        f"latchkey: {file}: line 3: same passphrase as line 1",
        f"latchkey: {file}: 2 lines refused; nothing imported, see {tmp_path}/people.refused.csv",
    ]
    file.write_text("bob,short77\n")
    said = house.refused("key", "import", str(file))
    assert said.endswith(f"64 hex digits, got 7; nothing imported, see {tmp_path}/people.refused-2.csv")
    file.write_text("bob,short77\n" * 14)
    assert len(house.run("key", "import", str(file)).stderr.splitlines()) == 12
    assert listed(house) == []
    missing = tmp_path / "missing.csv"
    assert house.refused("key", "import", str(missing)) == f"cannot read {missing}: No such file or directory"
    assert house.refused("key", "import", str(tmp_path)) == f"cannot read {tmp_path}: Is a directory"
    assert house.refused("key", "import", "-", stdin=b"") == "- has no keys"
    assert house.run("key", "import").exit_code == 2


def test_keep_going_reports_every_refused_line(house):
    octets = f"ann,{PASSPHRASE}\nbob,short77\nkim,{PASSPHRASE}\n".encode()
    dry = house.run("key", "import", "-", "--keep-going", "--dry-run", stdin=octets)
    assert (dry.exit_code, dry.stdout) == (0, "would import 1, refused 2\n")
    result = house.run("key", "import", "-", "--keep-going", stdin=octets)
    assert (result.exit_code, result.stdout) == (0, "imported 1, refused 2\n")
    assert result.stderr.splitlines() == dry.stderr.splitlines()
    assert result.stderr.splitlines() == [
        "latchkey: -: line 2: passphrase must be 8 to 63 octets or 64 hex digits, got 7",
        "latchkey: -: line 3: same passphrase as line 1",
    ]
    result = house.run("key", "import", "-", "--keep-going", "--json", stdin=octets)
    assert result.exit_code == 1  # none left
    assert json.loads(result.stdout)["imported"] == 0
    assert [refusal["line"] for refusal in json.loads(result.stdout)["refused"]] == [1, 2, 3]


def test_a_header_in_other_words_is_refused_unless_said_to_be_a_key(house):
    octets = b"Name,Wifi code\nann,sunny-Otter-41\n"
    said = house.refused("key", "import", "-", stdin=octets)
    assert said == (
        "-: line 1: reads like a header, but no column is the passphrase (psk, password, Wi-Fi key):"
        " --map COLUMN=psk names it; say --no-header if the row is a key; nothing imported"
    )
    assert house.ok("key", "import", "-", "--map", "Wifi code=psk", "--dry-run", stdin=octets) == (
        "would import 1, refused 0\n"
    )
    assert house.ok("key", "import", "-", "--no-header", stdin=octets) == "imported 2, refused 0\n"


def test_the_example_can_be_imported(house):
    text = house.ok("key", "import", "--example")
    assert house.ok("key", "import", "-", stdin=text.encode()) == "imported 3, refused 0\n"


def test_an_export_warns_of_what_a_spreadsheet_calculates(house):
    house.ok("key", "import", "-", "--force", stdin=b"=1+1,sunny-Otter-41\nann,-maple-Falcon-77\nbob,correct horse\n")
    result = house.run("key", "export", "--show-secrets")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "=1+1,sunny-Otter-41"
    assert result.stderr.startswith("latchkey: 2 keys have a cell that begins with =, +, - or @:")


def test_long_lists_are_one_table_and_one_array(house):
    lines = "".join(f"resident {number},passphrase {number}\n" for number in range(1200))
    house.ok("key", "import", "-", stdin=lines.encode())
    table = house.ok("key", "list").splitlines()
    assert len(table) == 1201
    assert table[1200].split()[:3] == ["1200", "resident", "1199"]
    assert [key["id"] for key in listed(house)] == list(range(1, 1201))


def test_progress_is_drawn_only_on_a_terminal(house, path, tmp_path):
    root = Path(__file__).parents[2]
    file = tmp_path / "people.csv"
    file.write_text("".join(f"resident {number},passphrase {number}\n" for number in range(4_000)))
    command = [sys.executable, "-m", "latchkey", "--db", str(path), "key", "import", str(file), "--dry-run"]
    done = subprocess.run(command, capture_output=True, cwd=root, check=True)
    assert (done.stdout, done.stderr) == (b"would import 4000, refused 0\n", b"")
    terminal, theirs = pty.openpty()
    screen = b""
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=root) as process:
        os.close(theirs)
        while True:
            try:
                screen += os.read(terminal, 100_000)
            except OSError:  # the last one to write has left
                break
    os.close(terminal)
    assert process.returncode == 0
    assert re.search(rb"would import 4,000, refused 0, in [0-9]+\.[0-9] s", screen)
    assert b"reading" in screen
    assert b"deriving" in screen
