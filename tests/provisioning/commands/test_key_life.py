"""The life of a key, as an operator types it."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from crypto import MacAddress
from provisioning import Device, open_store

PASSPHRASE = "sunny-Otter-41"
PHONE = MacAddress.parse("02:00:00:00:01:00")


@pytest.fixture
def house(cli, path):
    """A venue with two units and one keypool."""
    cli.ok("venue", "add", "Hudson House")
    cli.ok("unit", "add", "Hudson House", "4B", "--vlan", "104")
    cli.ok("unit", "add", "Hudson House", "5C", "--vlan", "105")
    cli.ok("pool", "add", "Hudson House")
    return cli


def put_zone(path, zone):
    with open_store(path, {}) as store, store.change("test"):
        store.recorder.update("venues", 1, {"time_zone": zone})


def shown(cli, which, *options):
    return json.loads(cli.ok("key", "show", which, "--json", *options))


def listed(cli, *options):
    return [key["identity"] for key in json.loads(cli.ok("key", "list", "--json", *options))]


def said(cli, *arguments):
    result = cli.run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stderr


def test_reset_with_grace_says_who_has_to_join_again(house, path):
    house.ok("key", "add", "--identity", "ann", "--passphrase", PASSPHRASE)
    with open_store(path, {}) as store:
        store.devices.remember([Device(1, PHONE, 1)], datetime.now(UTC))
    result = house.run("key", "reset", "ann", "--grace", "90m", "--platform-id", "vault-9")
    assert result.exit_code == 0
    assert re.fullmatch(r"1\n([a-z2-9]{4}-){3}[a-z2-9]{4}\n", result.stdout)
    strength, devices = result.stderr.splitlines()
    assert strength == "latchkey: a passphrase of 79 bits of entropy"
    seen = "latchkey: 1 device seen in the last 32 minutes: it has to join again"
    assert re.fullmatch(seen + " by [-0-9]{10} [0-9]{2}:[0-9]{2} UTC", devices)
    view = shown(house, "ann")
    assert view["platform_id"] == "vault-9"
    (former,) = view["former_passphrases"]
    assert shown(house, f"id:{former['id']}", "--show-secrets")["passphrase"] == PASSPHRASE
    assert listed(house) == ["ann"]
    assert listed(house, "--all") == ["ann", "ann"]
    assert house.run("key", "reset", "ann").stderr.endswith(seen + " now\n")
    assert shown(house, "ann")["former_passphrases"] == []


@pytest.mark.parametrize("span", ["4m", "25h", "1d1", "0h", "-5m", "5"])
def test_a_grace_outside_5m_to_24h_changes_nothing(house, span):
    house.ok("key", "add", "--identity", "ann", "--passphrase", PASSPHRASE)
    for command in ("reset", "remove"):
        house.refused("key", command, "ann", f"--grace={span}")
    assert shown(house, "ann", "--show-secrets")["passphrase"] == PASSPHRASE


def test_a_part_of_ones_own_has_the_suffix_behind_it(house, path):
    house.ok("key", "add", "--identity", "ann", "--own-part", "rosebud", "--subscriber", "Ann Lee")
    with open_store(path, {}) as store:
        suffix = store.subscribers.get(1).suffix
    assert shown(house, "ann", "--show-secrets")["passphrase"] == f"rosebud{suffix}"
    assert house.ok("key", "reset", "ann", "--own-part", "citizen").splitlines()[1] == f"citizen{suffix}"
    assert "a part of one's own needs a subscriber" in house.refused("key", "add", "--own-part", "rosebud")
    assert "1 to 40 characters" in house.refused("key", "reset", "ann", "--own-part", "x" * 41)


@pytest.mark.parametrize(
    ("style", "form"),
    [
        ("words", r"([a-z]+-){4}[a-z2-9]{4}"),
        ("strong", r"[!-~]{20}"),
        ("numeric", r"[0-9]{16}"),
        ("apartment", r"[a-z2-9]{12}"),
    ],
)
def test_passphrases_are_made_in_styles(house, style, form):
    assert re.fullmatch(form, house.ok("key", "add", "--style", style).splitlines()[1])


def test_weak_passphrases_are_warned_of(house):
    assert "is worth less than 2 bits, and 40 are the least" in said(house, "key", "add", "--passphrase", "password")
    assert "26 bits" in said(house, "key", "add", "--style", "numeric", "--length", "8")
    assert said(house, "key", "add", "--passphrase", PASSPHRASE) == ""
    assert said(house, "key", "add", "--passphrase", "0f" * 32) == ""


def test_two_ways_to_say_a_passphrase_exclude_each_other(house):
    result = house.run("key", "add", "--passphrase", PASSPHRASE, "--style", "words")
    assert result.exit_code == 2
    assert "three ways to say the same" in result.stderr


def test_move_takes_the_vlan_of_the_unit_and_the_subscription_along(house):
    for identity in ("ann", "ann's tablet"):
        house.ok("key", "add", "--identity", identity, "--unit", "4B", "--subscriber", "Ann Lee")
    moved = house.run("key", "move", "ann", "--unit", "5C")
    assert moved.stdout == "VLAN 105\n"
    assert moved.stderr == "latchkey: the subscription moves, and with it key 2 (ann's tablet)\n"
    assert [shown(house, id_)["effective_vlan"] for id_ in ("id:1", "id:2")] == [105, 105]
    assert shown(house, "ann")["subscription_id"] == shown(house, "id:2")["subscription_id"] == 1


def test_move_says_where_a_key_has_a_vlan_of_its_own(house):
    house.ok("key", "add", "--identity", "ann", "--unit", "4B", "--vlan", "9")
    moved = house.run("key", "move", "ann", "--unit", "5C")
    assert (moved.stdout, moved.stderr.count("a VLAN of its own")) == ("VLAN 9\n", 1)
    house.ok("key", "set", "ann", "--vlan", "")
    assert shown(house, "ann")["effective_vlan"] == 105


def test_move_to_where_the_keypool_is_not_valid_is_refused(house):
    house.ok("venue", "add", "Elm Court")
    house.ok("unit", "add", "Elm Court", "1A")
    house.ok("key", "add", "--identity", "ann", "--unit", "4B")
    assert "is not valid at the venue of unit '1A'" in house.refused(
        "key", "move", "ann", "--unit", "1A", "--venue", "Elm Court"
    )
    assert shown(house, "ann")["unit"] == "4B"


def test_extend_never_shortens(house):
    house.ok("key", "add", "--identity", "ann", "--ends", "2099-05-31")
    assert house.ok("key", "extend", "ann", "--by", "30d") == "2099-06-30 23:59 UTC\n"
    assert house.ok("key", "extend", "ann", "--ends", "2099-07-31") == "2099-07-31 23:59 UTC\n"
    assert "that is no later; `latchkey key set --ends`" in house.refused(
        "key", "extend", "ann", "--ends", "2099-07-31"
    )
    house.ok("key", "set", "ann", "--ends", "2099-07-01")
    assert shown(house, "ann")["ends"] == "2099-07-01T23:59:59Z"
    house.ok("key", "set", "ann", "--ends", "")
    assert "has no end" in house.refused("key", "extend", "ann", "--by", "1d")


def test_an_ended_key_is_extended_from_now(house):
    house.ok("key", "add", "--identity", "ann", "--ends", "2020-01-01")
    house.ok("key", "extend", "ann", "--by", "2h")
    left = datetime.fromisoformat(shown(house, "ann")["ends"]) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=50) < left <= timedelta(hours=2)


def test_a_subscription_goes_on_with_its_key(house):
    for identity in ("ann", "ann's tablet"):
        arguments = ("--identity", identity, "--unit", "4B", "--subscriber", "Ann Lee", "--ends", "2099-05-31")
        house.ok("key", "add", *arguments)
    result = house.run("key", "extend", "ann", "--ends", "2099-06-30")
    assert result.stderr == "latchkey: the subscription goes on, and with it key 2 (ann's tablet)\n"
    assert shown(house, "id:2")["ends"] == "2099-06-30T23:59:59Z"


def test_set_changes_only_what_is_given(house):
    house.ok("plan", "add", "Basic")
    house.ok("key", "add", "--identity", "ann", "--unit", "4B", "--ends", "2099-05-31", "--tag", "phone")
    before = shown(house, "ann")
    house.ok("key", "set", "ann", "--plan", "Basic", "--external-id", "T-1")
    assert shown(house, "ann") == before | {"plan": "Basic", "external_id": "T-1"}
    house.ok("key", "set", "ann", "--plan", "", "--external-id", "", "--tag", "", "--unit", "")
    assert shown(house, "ann") == before | {"tag": None, "unit": None, "effective_vlan": None}
    house.ok("key", "set", "ann", "--identity", "Ann Lee")
    assert listed(house) == ["Ann Lee"]
    assert house.run("key", "set", "Ann Lee").exit_code == 2


def test_set_is_refused_as_a_whole(house):
    house.ok("key", "add", "--identity", "ann", "--subscriber", "Ann", "--tag", "phone")
    house.ok("key", "add", "--identity", "tablet", "--subscriber", "Ann")
    assert house.refused("key", "set", "tablet", "--vlan", "7", "--tag", "phone") == (
        "tag 'phone' is that of key 1, of the same subscriber"
    )
    assert "41 characters, more than 40" in house.refused("key", "set", "tablet", "--vlan", "7", "--tag", "x" * 41)
    assert "before it starts" in house.refused("key", "set", "ann", "--starts", "2030-01-02", "--ends", "2030-01-01")
    assert shown(house, "tablet")["vlan"] is None


def test_a_name_of_several_subscribers_is_refused_with_their_tokens(house):
    tokens = [house.ok("subscriber", "add", "Ann Lee").strip() for _ in range(2)]
    refusal = house.refused("key", "add", "--subscriber", "Ann Lee")
    assert all(token in refusal for token in tokens)
    house.ok("key", "add", "--subscriber", tokens[1])


def test_remove_with_one_of_vaults_reasons_and_restore(house):
    house.ok("key", "add", "--identity", "ann")
    house.ok("key", "remove", "ann", "--reason", "subscriber-request")
    assert shown(house, "ann")["status_reason"] == "SUBSCRIBER_REQUEST"
    assert said(house, "key", "restore", "ann") == ""
    assert (shown(house, "ann")["state"], shown(house, "ann")["status_reason"]) == ("valid", None)
    assert "works until" in said(house, "key", "remove", "ann", "--grace", "24h", "--reason", "moves on Friday")
    assert shown(house, "ann")["removes_at"] is not None
    assert "--force does it now" in house.refused("key", "remove", "ann")
    house.ok("key", "remove", "ann", "--force")
    assert listed(house, "--status", "removed") == ["ann"]


def test_the_help_of_remove_lists_vaults_reasons(house):
    text = house.ok("key", "remove", "--help")
    assert "SECURITY_INCIDENT" in text
    assert "MAINTENANCE" in text


def test_dry_run_says_what_would_change_and_keeps_nothing(house):
    house.ok("key", "add", "--identity", "ann", "--unit", "4B")
    text = house.ok("key", "move", "ann", "--unit", "5C", "--dry-run")
    assert text == "would change key 1 'ann': unit_id 1 -> 2\n"
    text = house.ok("key", "add", "--identity", "bob", "--passphrase", PASSPHRASE, "--dry-run")
    assert text.startswith("would add key 2 'bob'")
    assert PASSPHRASE not in text
    assert shown(house, "ann")["unit"] == "4B"
    assert listed(house) == ["ann"]


def test_undo_takes_back_a_reset_with_grace(house):
    house.ok("key", "add", "--identity", "ann", "--passphrase", PASSPHRASE, "--as", "carol")
    house.ok("key", "reset", "ann", "--grace", "1h", "--as", "carol", "--reason", "lost phone")
    assert 'reason="lost phone"' in house.ok("audit", "--action", "key.reset")
    house.ok("undo", "--as", "carol")
    view = shown(house, "ann", "--show-secrets")
    assert (view["passphrase"], view["former_passphrases"]) == (PASSPHRASE, [])


def test_windows_are_entered_and_shown_in_the_venues_zone(house, path):
    put_zone(path, "America/New_York")
    house.ok("key", "add", "--identity", "ann", "--unit", "4B", "--starts", "2026-03-08", "--ends", "2099-03-08")
    view = shown(house, "ann")
    assert (view["starts"], view["time_zone"]) == ("2026-03-08T05:00:00Z", "America/New_York")
    assert view["ends"] == "2099-03-09T03:59:59Z"  # the clocks went forward that day
    assert "2099-03-08 23:59:59 EDT" in house.ok("key", "show", "ann")
    assert "2099-03-08 23:59:59 EDT" in house.ok("key", "list")
    assert "does not exist in America/New_York" in house.refused("key", "set", "ann", "--ends", "2027-03-14T02:30")
    house.ok("key", "set", "ann", "--ends", "2026-11-01T01:30")  # twice that night: the first
    assert shown(house, "ann")["ends"] == "2026-11-01T05:30:00Z"


def test_whole_days_are_added_by_the_venues_calendar(house, path):
    put_zone(path, "Europe/Berlin")
    house.ok("key", "add", "--identity", "ann", "--ends", "2099-03-01")
    assert house.ok("key", "extend", "ann", "--by", "60d") == "2099-04-30 23:59 CEST\n"


def test_keys_are_listed_by_what_they_belong_to(house):
    house.ok("plan", "add", "Basic")
    soon = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    house.ok("key", "add", "--identity", "Müller", "--unit", "4B", "--subscriber", "Max Müller", "--tag", "phone")
    house.ok("key", "add", "--identity", "bob", "--unit", "5C", "--plan", "Basic", "--ends", soon)
    house.ok("key", "add", "--identity", "late", "--ends", "2020-01-01")
    assert listed(house, "--subscriber", "Max Müller") == listed(house, "--tag", "phone") == ["Müller"]
    assert listed(house, "--plan", "Basic") == listed(house, "--expiring", "7") == ["bob"]
    assert listed(house, "--search", "MÜLLER") == listed(house, "--search", "4b") == ["Müller"]
    assert listed(house, "--venue", "Hudson House") == ["Müller", "bob", "late"]
    assert listed(house, "--limit", "1", "--offset", "1") == ["bob"]
    heading, line = house.ok("key", "list", "--csv", "--search", "bob").splitlines()
    assert heading.split(",")[:3] == ["id", "identity", "ssid"]
    assert line.split(",")[:3] == ["2", "bob", "Hudson House"]


def test_pages_of_a_list_are_what_is_between(house):
    for number in range(7):
        house.ok("key", "add", "--identity", f"p{number}", *(("--unit", "4B") if number % 2 else ()))
    house.ok("key", "remove", "p0")
    everything = listed(house)
    for offset in range(8):
        assert listed(house, "--limit", "2", "--offset", str(offset)) == everything[offset : offset + 2]
        assert listed(house, "--offset", str(offset), "--search", "p") == everything[offset:]
    assert listed(house, "--unit", "4B", "--offset", "1") == ["p3", "p5"]


def test_a_device_was_seen_with_either_passphrase(house, path):
    house.ok("key", "add", "--identity", "ann")
    house.ok("key", "reset", "ann", "--grace", "1h")
    with open_store(path, {}) as store:
        store.devices.remember([Device(1, PHONE, 2)], datetime(2026, 11, 21, tzinfo=UTC))
    assert shown(house, "ann")["devices"] == [str(PHONE)]


def test_a_key_is_found_in_either_case_where_one_alone_can_be_meant(house):
    house.ok("key", "add", "--identity", "Ann Lee")
    assert shown(house, "ann lee")["id"] == 1
    house.ok("key", "add", "--identity", "ANN LEE")
    assert "did you mean" in house.refused("key", "show", "ann lee")
    assert shown(house, "Ann Lee")["id"] == 1


def test_list_says_of_each_key_what_show_says(house):
    house.ok("plan", "add", "Basic")
    arguments = ("--unit", "4B", "--subscriber", "Ann Lee", "--plan", "Basic", "--starts", "2026-01-01")
    house.ok("key", "add", "--identity", "ann", *arguments, "--ends", "2099-01-01", "--tag", "phone")
    house.ok("key", "add", "--identity", "bob", "--vlan", "7", "--external-id", "T-1", "--platform-id", "v-1")
    house.ok("key", "suspend", "bob", "--reason", "late")
    house.ok("key", "add", "--identity", "old", "--ends", "2020-01-01")
    house.ok("key", "add", "--identity", "going")
    house.ok("key", "remove", "going", "--grace", "1h")
    house.ok("subscriber", "suspend", "Ann Lee", "--reason", "rent")
    for view in json.loads(house.ok("key", "list", "--json")):
        whole = shown(house, f"id:{view['id']}")
        assert view == {field: whole[field] for field in view}


def test_a_qr_code_needs_show_secrets(house, tmp_path):
    house.ok("key", "add", "--identity", "ann", "--passphrase", PASSPHRASE)
    assert "a QR code shows the passphrase" in house.refused("key", "show", "ann", "--qr")
    assert "█" in house.ok("key", "show", "ann", "--qr", "--show-secrets")
    svg, png = tmp_path / "ann.svg", tmp_path / "ann.png"
    told = said(house, "key", "show", "ann", "--show-secrets", "--svg", str(svg), "--png", str(png))
    assert told.count("who has it has the passphrase") == 2
    assert (svg.stat().st_mode & 0o777, png.stat().st_mode & 0o777) == (0o600, 0o600)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "File exists" in house.refused("key", "show", "ann", "--show-secrets", "--png", str(png))
