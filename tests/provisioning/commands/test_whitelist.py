"""`whitelist`, as an operator types it."""

import json

import pytest

from provisioning.lifecycle.whitelists import DEVICE_REASONS, NAS_REASONS

MAC = "02:00:00:00:01:00"


@pytest.fixture
def ann(cli):
    cli.ok("venue", "add", "Hudson House")
    cli.ok("subscriber", "add", "Ann Lee")
    return cli


def listed(cli, *options):
    return json.loads(cli.ok("whitelist", "list", "--json", *options))


def test_what_is_listed_is_shown_changed_and_taken_away(ann):
    ann.ok("whitelist", "add", "Ann Lee", "--mac", MAC, "--mac", "02-00-00-00-01-01", "--name", "phone")
    ann.ok("whitelist", "add", "Ann Lee", "--nas", "Lobby-AP1", "--until", "2099-12-31")
    assert [(each["device"], each["nas"], each["until"]) for each in listed(ann)] == [
        (MAC, None, None),
        ("02:00:00:00:01:01", None, None),
        (None, "Lobby-AP1", "2099-12-31T23:59:59Z"),
    ]
    ann.ok("whitelist", "set", "Ann Lee", "--nas", "lobby-ap1", "--until", "", "--name", "lobby")
    assert listed(ann)[2]["until"] is None
    assert listed(ann, "--mac", MAC)[0]["name"] == "phone"
    assert "lobby" in ann.ok("whitelist", "show", "Ann Lee")
    assert ann.run("whitelist", "remove", "Ann Lee", "--mac", MAC, "--reason", "lost-stolen").stderr == ""
    (entry,) = (json.loads(line) for line in ann.ok("audit", "--json", "--action", "whitelist.remove").splitlines())
    assert (entry["reason"], entry["subject"]) == ("LOST_STOLEN", "Ann Lee")
    last = ann.run("whitelist", "remove", "Ann Lee", "--mac", "02:00:00:00:01:01")
    assert last.stderr == "latchkey: that was the last one: any device may be used now\n"
    ann.ok("undo")
    assert len(listed(ann)) == 2


def test_a_grace_lets_it_run_out(ann):
    ann.ok("whitelist", "add", "Ann Lee", "--mac", MAC)
    for wrong in ("4m", "25h", "soon"):
        ann.refused("whitelist", "remove", "Ann Lee", "--mac", MAC, "--grace", wrong)
    said = ann.run("whitelist", "remove", "Ann Lee", "--mac", MAC, "--grace", "5m").stderr
    assert "may be used until" in said
    before = listed(ann)[0]["until"]
    ann.ok("whitelist", "remove", "Ann Lee", "--mac", MAC, "--grace", "24h")
    assert listed(ann)[0]["until"] == before  # a removal lets nothing go on longer


@pytest.mark.parametrize("entry", ["mac", "nas"])
def test_reasons_are_those_of_vault(ann, entry):
    what = ("--mac", MAC) if entry == "mac" else ("--nas", "ap1")
    words = DEVICE_REASONS if entry == "mac" else NAS_REASONS
    assert len(words) == 10
    for word in words:
        ann.ok("whitelist", "add", "Ann Lee", *what)
        ann.ok("whitelist", "remove", "Ann Lee", *what, "--reason", word.lower().replace("_", "-"))
    lines = ann.ok("audit", "--json", "--action", "whitelist.remove").splitlines()
    assert [json.loads(line)["reason"] for line in lines] == list(words)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "Ann Lee", "--mac", "4c02"), "not a MAC address"),
        (("add", "Eve", "--mac", MAC), "no subscriber 'Eve'"),
        (("add", "Ann Lee", "--mac", MAC, "--name", "x" * 41), "41 characters, more than 40"),
        (("add", "Ann Lee", "--nas", "\x07"), "not printable"),
        (("add", "Ann Lee", "--mac", MAC, "--until", "2020-01-01"), "run out 2020-01-01"),
        (("remove", "Ann Lee", "--mac", MAC), "is not on the whitelist of 'Ann Lee'"),
        (("set", "Ann Lee", "--nas", "ap9", "--name", "x"), "'ap9' is not on the whitelist"),
    ],
)
def test_what_is_refused_changes_nothing(ann, arguments, said):
    assert said in ann.refused("whitelist", *arguments)
    assert listed(ann) == []


def test_nothing_is_listed_twice(ann):
    ann.ok("whitelist", "add", "Ann Lee", "--mac", MAC, "--nas", "ap1")
    assert "already" in ann.refused("whitelist", "add", "Ann Lee", "--mac", "020000000100")
    assert "already" in ann.refused("whitelist", "add", "Ann Lee", "--nas", "AP1")
    assert len(listed(ann)) == 2
