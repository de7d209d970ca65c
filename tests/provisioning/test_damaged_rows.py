"""Rows that cannot be opened, on the command line: each is shut out or mended by its name, and hides no other."""

# ruff: noqa: S608 (the statements are this file's own)

import json
import sqlite3
from contextlib import closing

import pytest

from provisioning.commands.completion import complete_nases
from provisioning.commands.views import _KEY_FIELDS

SEALED = ("passphrase = randomblob(40)", "pmk = randomblob(60)", "passphrase = x'', pmk = zeroblob(9)")
NAMES = ("Ann", "Bob", "Cleo")


@pytest.fixture
def damage(path):
    def damage(statement):
        with closing(sqlite3.connect(path)) as database, database:
            assert database.execute(statement).rowcount == 1

    return damage


@pytest.fixture
def house(cli):
    """Three keys of one pool, a device and a unit each, and two NASes."""
    cli.ok("venue", "add", "Hudson House")
    cli.ok("pool", "add", "Hudson House", "--venue", "Hudson House")
    for number, name in enumerate(NAMES):
        cli.ok("unit", "add", "Hudson House", str(number))
        unit = ("--unit", str(number), "--mac", f"02000000020{number}")
        cli.ok("key", "add", "--identity", name, "--passphrase", f"passphrase of {name}", *unit)
        cli.ok("nas", "add", f"192.0.2.{number}", "--secret", f"shared secret of {name}", "--name", f"ap-{name}")
    return cli


@pytest.mark.parametrize("column", [*SEALED, "ends = 'never'", "status = 'unheard-of'"])
def test_key_is_suspended_resumed_forgotten_and_removed_by_its_name(house, damage, path, column):
    damage(f"UPDATE keys SET {column} WHERE identity = 'Bob'")

    def status():
        with closing(sqlite3.connect(path)) as database:
            return database.execute("SELECT status FROM keys WHERE identity = 'Bob'").fetchone()[0]

    for command, after in (("suspend", "suspended"), ("resume", "active"), ("remove", "removed")):
        house.ok("key", command, "Bob")
        assert status() == after
        if command == "resume":
            assert house.ok("key", "forget-devices", "Bob") == "forgot 1\n"
    assert "was removed" in house.refused("key", "suspend", "Bob")


@pytest.mark.parametrize("column", SEALED)
def test_key_is_mended_by_its_name(house, damage, column):
    damage(f"UPDATE keys SET {column} WHERE identity = 'Bob'")
    house.ok("key", "reset", "Bob", "--passphrase", "another passphrase")
    shown = json.loads(house.ok("key", "show", "Bob", "--show-secrets", "--json"))
    assert (shown["passphrase"], shown["state"]) == ("another passphrase", "valid")


def test_key_whose_window_cannot_be_read_is_not_reset(house, damage):
    damage("UPDATE keys SET ends = 'never' WHERE identity = 'Bob'")
    assert "row 2 cannot be decrypted" in house.refused("key", "reset", "Bob")


@pytest.mark.parametrize("column", SEALED)
def test_removed_key_is_damaged_no_longer(house, damage, column):
    damage(f"UPDATE keys SET {column} WHERE identity = 'Bob'")
    house.ok("key", "remove", "Bob", "--reason", "lost")
    listed = house.run("key", "list", "--status", "removed", "--json")
    (bob,) = json.loads(listed.stdout)
    assert bob["state"].startswith("removed 2")
    assert bob["status_reason"] == "lost"
    assert (listed.exit_code, listed.stderr) == (0, "")
    assert json.loads(house.ok("key", "show", "Bob", "--json"))["devices"] == []


def test_removed_key_that_opens_keeps_its_secrets_until_they_lapse(house):
    house.ok("key", "remove", "Bob")
    shown = json.loads(house.ok("key", "show", "Bob", "--json", "--show-secrets"))
    assert shown["passphrase"] == "passphrase of Bob"


@pytest.mark.parametrize("column", [*SEALED, "ends = 'never'"])
def test_list_shows_all_and_names_the_damaged_one(house, damage, column):
    damage(f"UPDATE keys SET {column} WHERE identity = 'Bob'")
    listed = house.run("key", "list", "--json")
    views = json.loads(listed.stdout)
    assert [(view["identity"], view["state"]) for view in views] == [
        ("Ann", "valid"),
        ("Bob", "damaged"),
        ("Cleo", "valid"),
    ]
    assert {tuple(view) for view in views} == {_KEY_FIELDS}
    assert (views[1]["unit"], views[1]["ssid"], views[1]["status"]) == ("1", "Hudson House", "active")
    assert listed.exit_code == 0
    (line,) = listed.stderr.splitlines()
    assert line.startswith("latchkey: row 2 of keys cannot be opened: `latchkey key reset id:2`")
    table = house.run("key", "list").stdout.splitlines()
    assert [line.split()[-1] for line in table] == ["STATE", "valid", "damaged", "valid"]


def test_list_without_all_the_secrets_that_were_asked_for_fails(house, damage):
    damage("UPDATE keys SET pmk = zeroblob(60) WHERE identity = 'Bob'")
    listed = house.run("key", "list", "--json", "--show-secrets")
    assert [view["passphrase"] for view in json.loads(listed.stdout)] == [
        "passphrase of Ann",
        None,
        "passphrase of Cleo",
    ]
    assert listed.exit_code == 1


def test_filters_hold_for_a_damaged_key(house, damage):
    damage("UPDATE keys SET pmk = zeroblob(60) WHERE identity = 'Bob'")

    def names(*options):
        return [view["identity"] for view in json.loads(house.run("key", "list", "--json", *options).stdout)]

    assert names("--state", "damaged") == ["Bob"]
    assert names("--state", "valid") == ["Ann", "Cleo"]
    assert names("--identity", "Bob") == names("--unit", "1") == ["Bob"]
    assert names("--unit", "2") == ["Cleo"]
    house.ok("key", "suspend", "Bob")
    assert names("--status", "suspended") == ["Bob"]


def test_show_says_what_is_known_and_fails(house, damage):
    damage("UPDATE keys SET pmk = zeroblob(60) WHERE identity = 'Bob'")
    shown = house.run("key", "show", "Bob", "--json", "--show-secrets")
    view = json.loads(shown.stdout)
    assert (view["id"], view["state"], view["passphrase"]) == (2, "damaged", None)
    assert view["devices"] == ["02:00:00:00:02:01"]
    assert shown.exit_code == 1
    assert shown.stderr.count("\n") == 1
    house.ok("key", "show", "Ann")


@pytest.mark.parametrize("options", [(), ("--format", "rlm_dpsk")])
def test_export_leaves_the_damaged_key_out_and_fails(house, damage, options):
    damage("UPDATE keys SET passphrase = zeroblob(60) WHERE identity = 'Bob'")
    exported = house.run("key", "export", "--show-secrets", *options)
    assert [line.split(",")[0] for line in exported.stdout.splitlines()] == ["Ann", "Cleo"]
    assert exported.exit_code == 1
    assert exported.stderr.startswith("latchkey: row 2 of keys cannot be opened")


def test_many_are_not_all_named(house, path):
    with closing(sqlite3.connect(path)) as database, database:
        for number in range(40):
            database.execute(
                "INSERT INTO keys (id, keypool_id, identity, passphrase, pmk, fingerprint, status)"
                " SELECT ?, keypool_id, identity || id, passphrase, pmk, fingerprint, status FROM keys WHERE id = 1",
                (100 + number,),
            )
    listed = house.run("key", "list", "--json")
    assert len(json.loads(listed.stdout)) == 43
    assert len(listed.stderr.splitlines()) == 21


def test_damaged_nas_is_listed_offered_and_removed_by_its_name(house, damage):
    damage("UPDATE nases SET secret = zeroblob(60) WHERE name = 'ap-Bob'")
    listed = house.run("nas", "list", "--json")
    views = json.loads(listed.stdout)
    assert [(view["name"], view["network"], view.get("damaged")) for view in views] == [
        ("ap-Ann", "192.0.2.0/32", None),
        ("ap-Bob", "192.0.2.1/32", True),
        ("ap-Cleo", "192.0.2.2/32", None),
    ]
    assert (listed.exit_code, listed.stderr.count("\n")) == (0, 1)
    assert house.run("nas", "list", "--show-secrets").exit_code == 1
    house.ok("nas", "remove", "ap-Bob")
    assert [view["name"] for view in json.loads(house.ok("nas", "list", "--json"))] == ["ap-Ann", "ap-Cleo"]


@pytest.mark.parametrize("network", ["192.0.2.1", "2"])
def test_nas_whose_network_cannot_be_read_is_removed(house, damage, network):
    damage("UPDATE nases SET secret = zeroblob(60) WHERE name = 'ap-Bob'")
    house.ok("nas", "remove", network)
    damage("UPDATE nases SET network = 'nowhere' WHERE name = 'ap-Ann'")
    assert [view["network"] for view in json.loads(house.run("nas", "list", "--json").stdout)] == [
        None,
        "192.0.2.2/32",
    ]
    house.ok("nas", "remove", "ap-Ann")
    assert "no NAS" in house.refused("nas", "remove", "nowhere")


def test_damaged_keypool_is_listed_and_hides_no_keys(house, damage):
    house.ok("pool", "add", "Guests", "--global")
    damage("UPDATE keypools SET ssid = zeroblob(33) WHERE id = 1")
    listed = house.run("pool", "list", "--json")
    assert [(view["id"], view["keys"]) for view in json.loads(listed.stdout)] == [(2, 0), (1, 3)]
    assert listed.stderr.startswith("latchkey: row 1 of keypools cannot be opened: `latchkey restore FILE`")
    assert listed.stderr.count("\n") == 1
    assert [view["ssid"] for view in json.loads(house.ok("key", "list", "--json"))] == [None] * 3
    house.ok("key", "suspend", "Ann")


def test_completion_offers_what_is_damaged(house, damage, monkeypatch, path):
    import click

    import latchkey

    damage("UPDATE nases SET secret = zeroblob(60) WHERE name = 'ap-Bob'")
    monkeypatch.setenv("LATCHKEY_DB", str(path))
    context = click.Context(latchkey.cli)
    offered = complete_nases(context, click.Argument(["address"]), "ap-")
    assert [each.value for each in offered] == ["ap-Ann", "ap-Bob", "ap-Cleo"]
