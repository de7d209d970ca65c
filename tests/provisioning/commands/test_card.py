"""The commands about scratch cards: made, shown, prolonged, invalidated, taken away, printed."""

import json
import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from crypto import Ssid
from provisioning import MasterKey, Store
from provisioning.commands.keys import card as commands
from provisioning.lifecycle import cards as lifecycle
from provisioning.model import Passphrase
from provisioning.model.rules.passphrases import Generated, Style, card_passphrase

NOW = datetime(2026, 11, 21, 17, 0, 0, 123_456, tzinfo=UTC)
MODULES = ("keys.card", "keys.card_life", "keys.card_sheets", "writing", "keys.key_life", "keys.key_list")


@pytest.fixture
def clock(monkeypatch):
    """Time as the commands see it, which passes when told to."""

    class Clock:
        now = NOW

    for module in MODULES:
        monkeypatch.setattr(f"provisioning.commands.{module}.utc_now", lambda: Clock.now)
    return Clock


@pytest.fixture
def site(cli, path, clock):
    """Hudson House in Berlin, with its keypool."""
    cli.ok("venue", "add", "Hudson House")
    cli.ok("pool", "add", "Hudson Guests")
    with opened(path) as store, store.change("venue.set"):
        store.recorder.update("venues", 1, {"time_zone": "Europe/Berlin"})
    return cli


def opened(path):
    return Store.open(path, lambda: MasterKey.candidates(path, {}))


def shown(site, batch="1", *options):
    return json.loads(site.ok("card", "show", batch, "--json", *options))


def test_a_batch_is_made_and_its_passphrases_are_printed_once(site):
    result = site.run("card", "add", "--count", "3", "--days", "3")
    batch, *passphrases = result.stdout.split()
    assert (batch, len(set(passphrases))) == ("1", 3)
    assert all(len(passphrase.split("-")) == 3 for passphrase in passphrases)
    assert "batch 1 (2026-11-21T17:00:00.123Z): 3 on Hudson Guests, good until 2026-11-24 23:59:59 CET" in result.stderr
    hidden = site.ok("card", "show", "1") + site.ok("card", "list") + site.ok("audit", "--all", "--changes")
    assert not any(passphrase in hidden for passphrase in passphrases)
    assert [card["passphrase"] for card in shown(site, "1", "--show-secrets")["cards"]] == passphrases
    assert shown(site, "2026-11-21T17:00:00.123Z") == shown(site, "1") == shown(site, "id:1")


def test_a_batch_is_one_change_and_one_undo(site):
    before = len(site.ok("audit", "--all").splitlines())
    site.ok("card", "add", "--count", "5", "--hours", "2")
    entries = site.ok("audit", "--all").splitlines()
    assert len(entries) == before + 1
    assert "card.add  card 1 2026-11-21T17:00:00.123Z" in entries[-1]
    site.ok("undo")
    assert json.loads(site.ok("card", "list", "--json")) == []
    assert json.loads(site.ok("key", "list", "--cards", "--json")) == []


@pytest.mark.parametrize("count", ["1", "3"])
def test_a_batch_that_was_changed_since_is_not_undone_before_that_is(site, count):
    site.ok("card", "add", "--count", count, "--days", "1")
    made = json.loads(site.ok("audit", "--json").splitlines()[-1])["id"]
    site.ok("card", "extend", "1", "--hours", "1")
    before = shown(site)
    assert "cannot be taken back" in site.refused("undo", str(made))
    assert shown(site) == before
    site.ok("undo")
    site.ok("undo", str(made))
    assert json.loads(site.ok("card", "list", "--json")) == []


def test_what_a_batch_is_made_of(site):
    site.ok("plan", "add", "Guest")
    site.ok("unit", "add", "Hudson House", "Lobby", "--vlan", "300")
    said = ("--prefix", "HOTEL!", "--style", "apartment", "--length", "10", "--plan", "Guest", "--unit", "Lobby")
    window = ("--starts", "2026-12-01", "--ends", "2026-12-03")
    made = json.loads(
        site.ok("card", "add", "--count", "2", *said, *window, "--vlan", "301", "--note", "Fair", "--json")
    )
    assert (made["starts"], made["ends"]) == ("2026-11-30T23:00:00Z", "2026-12-03T22:59:59Z")
    assert all(card["passphrase"].startswith("HOTEL!") and len(card["passphrase"]) == 16 for card in made["cards"])
    key = json.loads(site.ok("key", "show", f"id:{made['cards'][1]['key_id']}", "--json"))
    assert (key["identity"], key["plan"], key["unit"], key["effective_vlan"]) == ("card-1-002", "Guest", "Lobby", 301)
    assert (key["starts"], key["ends"]) == ("2026-11-30T23:00:00Z", "2026-12-03T22:59:59Z")
    view = shown(site)
    assert (view["prefix"], view["plan"], view["state"], view["valid"]) == ("HOTEL!", "Guest", "not-yet-valid", 0)
    assert {card["note"] for card in view["cards"]} == {"Fair"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (("--count", "101", "--days", "1"), "count of cards must be 1 to 100, got 101"),
        (("--count", "0", "--days", "1"), "count of cards must be 1 to 100, got 0"),
        (("--count", "1"), "say when the cards end"),
        (("--count", "1", "--days", "1", "--hours", "3"), "say when the cards end, in one way"),
        (("--count", "1", "--days", "0"), "days that cards are good for must be 1 or more"),
        (("--count", "1", "--days", "99999999999999999999"), "year 9999"),
        (("--count", "1", "--hours", "999999999"), "year 9999"),
        (("--count", "1", "--ends", "2026-11-20"), "the cards would have ended already"),
        (("--count", "1", "--ends", "2026-02-29"), "--ends: '2026-02-29' is not a date or time"),
        (("--count", "1", "--ends", ""), "--ends: '' is not a date or time"),
        (("--count", "1", "--starts", "", "--days", "1"), "--starts: '' is not a date or time"),
        (("--count", "1", "--starts", "2027-02-20", "--days", "1"), "at most 90 days ahead"),
        (("--count", "1", "--starts", "2026-12-02", "--ends", "2026-12-01"), "before it starts"),
        (("--count", "1", "--starts", "2026-12-02", "--ends", "2026-12-02T00:00"), "before it starts"),
        (("--count", "1", "--days", "1", "--prefix", "x" * 21), "prefix of the cards must be 0 to 20 characters"),
        (("--count", "1", "--days", "1", "--prefix", "a b"), "prefix of the cards: character 2 is not one of"),
        (("--count", "1", "--days", "1", "--prefix", "é"), "prefix of the cards: character 1 is not one of"),
        (("--count", "1", "--days", "1", "--length", "7"), "length of the passphrase must be 8 to 63"),
        (("--count", "1", "--days", "1", "--prefix", "x" * 20, "--style", "strong", "--length", "44"), "more than 63"),
        (("--count", "1", "--days", "1", "--vlan", "4095"), "VLAN must be 1 to 4094"),
        (("--count", "1", "--days", "1", "--batch", "tomorrow"), "is not the instant of a batch"),
        (("--count", "1", "--days", "1", "--plan", "None"), "no plan 'None'"),
        (("--count", "1", "--days", "1", "--unit", "4B"), "no unit '4B'"),
        (("--count", "1", "--days", "1", "--pool", "Hudson Gusts"), "did you mean 'Hudson Guests'"),
        (("--count", "1", "--days", "1", "--note", "x" * 41), "tag has 41 characters, more than 40"),
        (("--count", "1", "--days", "1", "--note", "\udc80"), "not printable"),
        (("--count", "1", "--days", "1", "--note", "a\nb"), "not printable"),
    ],
)
def test_cards_that_cannot_be_are_refused_and_nothing_is_changed(site, said, message):
    before = site.ok("audit", "--all")
    assert message in site.refused("card", "add", *said)
    assert site.ok("audit", "--all") == before
    assert json.loads(site.ok("card", "list", "--json")) == []


def test_90_days_ahead_are_not_too_far(site):
    site.ok("card", "add", "--count", "1", "--starts", "2027-02-19T17:00Z", "--days", "1")
    assert "at most 90 days" in site.refused(
        "card", "add", "--count", "1", "--starts", "2027-02-19T17:01Z", "--days", "1"
    )


def test_a_batch_may_be_given_its_instant_and_no_other_one_has_it(site):
    made = ("card", "add", "--count", "1", "--days", "1", "--batch", "2025-09-01T10:30:25.123Z")
    assert site.ok(*made).startswith("1\n")
    assert "there is a batch of 2025-09-01T10:30:25.123Z already" in site.refused(*made)
    assert shown(site, "2025-09-01T10:30:25.123Z")["id"] == 1


def test_two_batches_of_one_millisecond_are_two(site):
    site.ok("card", "add", "--count", "1", "--days", "1")
    site.ok("card", "add", "--count", "1", "--days", "1")
    names = [batch["batch"] for batch in json.loads(site.ok("card", "list", "--json"))]
    assert names == ["2026-11-21T17:00:00.123Z", "2026-11-21T17:00:00.124Z"]


def test_unknown_batches_and_cards_are_refused_with_what_is_there(site):
    assert "there is none yet" in site.refused("card", "show", "1")
    site.ok("card", "add", "--count", "2", "--days", "1")
    assert "the nearest is 1 (2026-11-21T17:00:00.123Z)" in site.refused("card", "invalidate", "7")
    assert "the nearest is 1 (2026" in site.refused("card", "extend", "2026-11-21T17:00:00.124Z", "--hours", "1")
    assert "`latchkey card list` shows them" in site.refused("card", "remove", "seven")
    assert "no card 3 in batch 1" in site.refused("card", "invalidate", "1", "--card", "3")
    assert "no card 0 in batch 1" in site.refused("card", "extend", "1", "--hours", "1", "--card", "0")


def test_a_batch_of_one_instant_on_two_keypools_is_ambiguous(site):
    site.ok("pool", "add", "Hudson Staff")
    for pool in ("Hudson Guests", "Hudson Staff"):
        site.ok("card", "add", "--pool", pool, "--count", "1", "--days", "1", "--batch", "2026-01-01T00:00:00Z")
    refused = site.refused("card", "show", "2026-01-01T00:00:00.000Z")
    assert "several batches" in refused
    assert "1 (Hudson Guests), 2 (Hudson Staff)" in refused
    assert shown(site, "2")["ssid"] == "Hudson Staff"
    listed = json.loads(site.ok("card", "list", "--pool", "Hudson Staff", "--json"))
    assert [batch["id"] for batch in listed] == [2]


def test_extending_says_how_many_of_how_many_and_never_revives(site, clock):
    site.ok("card", "add", "--count", "4", "--hours", "2")
    site.ok("card", "invalidate", "1", "--card", "4")
    assert site.ok("card", "extend", "1", "--hours", "1", "--card", "2") == "extended 1 of 1\n"
    clock.now = NOW + timedelta(hours=2)
    assert site.ok("card", "extend", "1", "--hours", "8760") == "extended 1 of 4\n"
    ends = {card["card"]: (card["ends"], card["state"]) for card in shown(site)["cards"]}
    assert ends == {
        1: ("2026-11-21T19:00:00Z", "expired"),
        2: ("2027-11-21T20:00:00Z", "valid"),
        3: ("2026-11-21T19:00:00Z", "expired"),
        4: ("2026-11-21T19:00:00Z", "invalidated"),
    }
    assert "card 3 of batch 1 (2026-11-21T17:00:00.123Z) is invalidated, or ended" in site.refused(
        "card", "extend", "1", "--hours", "1", "--card", "3"
    )


@pytest.mark.parametrize("hours", ["0", "8761", "-5"])
def test_extending_by_other_hours_is_refused(site, hours):
    site.ok("card", "add", "--count", "1", "--days", "1")
    assert "must be 1 to 8760" in site.refused("card", "extend", "1", "--hours", hours)


def test_extending_beyond_the_calendar_is_refused(site):
    site.ok("card", "add", "--count", "2", "--ends", "9999-12-31")
    assert "would end after the year 9999" in site.refused("card", "extend", "1", "--hours", "8760")


def test_invalidating_is_for_good_and_has_its_time(site, clock):
    site.ok("card", "add", "--count", "3", "--days", "1")
    assert site.ok("card", "invalidate", "1", "--card", "2", "--reason", "lost") == "invalidated 1 of 1\n"
    clock.now = NOW + timedelta(minutes=1)
    assert site.ok("card", "invalidate", "1") == "invalidated 2 of 3\n"
    view = shown(site)
    assert (view["state"], view["invalidated"], view["invalidated_at"]) == ("invalidated", 3, "2026-11-21T17:01:00Z")
    times = [card["invalidated_at"] for card in view["cards"]]
    assert times == ["2026-11-21T17:01:00Z", "2026-11-21T17:00:00Z", "2026-11-21T17:01:00Z"]
    assert "invalidated since 2026-11-21 17:01 UTC" in site.refused("card", "invalidate", "1")
    assert "invalidated since 2026-11-21 17:00 UTC" in site.refused("card", "invalidate", "1", "--card", "2")
    assert "invalidated, or ended" in site.refused("card", "extend", "1", "--hours", "1")
    for command in (("key", "resume"), ("key", "suspend")):
        site.refused(*command, f"id:{view['cards'][0]['key_id']}")


def test_invalidating_the_last_cards_one_by_one_invalidates_the_batch(site):
    site.ok("card", "add", "--count", "2", "--days", "1")
    site.ok("card", "invalidate", "1", "--card", "1")
    assert shown(site)["invalidated_at"] is None
    site.ok("card", "invalidate", "1", "--card", "2")
    assert shown(site)["invalidated_at"] == "2026-11-21T17:00:00Z"
    site.ok("undo")
    assert (shown(site)["invalidated_at"], shown(site)["valid"]) == (None, 1)


def test_a_batch_is_removed_when_it_is_over_and_can_be_brought_back(site, clock):
    site.ok("card", "add", "--count", "3", "--hours", "1")
    assert "3 of 3 cards of batch 1" in site.refused("card", "remove", "1")
    site.ok("card", "invalidate", "1", "--card", "1")
    assert "2 of 3 cards of batch 1" in site.refused("card", "remove", "1")
    clock.now = NOW + timedelta(hours=1)
    before = shown(site)
    assert site.ok("card", "remove", "1") == "removed 3\n"
    assert json.loads(site.ok("card", "list", "--json")) == []
    assert {
        key["status"] for key in json.loads(site.ok("key", "list", "--cards", "--status", "removed", "--json"))
    } == {"removed"}
    site.ok("undo")
    assert shown(site) == before


def test_set_changes_what_is_said_of_cards_that_are_not_over(site):
    site.ok("plan", "add", "Guest")
    site.ok("unit", "add", "Hudson House", "Lobby", "--vlan", "300")
    site.ok("card", "add", "--count", "3", "--days", "1", "--note", "Fair")
    site.ok("card", "invalidate", "1", "--card", "3")
    assert site.ok("card", "set", "1", "--plan", "Guest", "--unit", "Lobby", "--note", "Congress") == "changed 2 of 3\n"
    view = shown(site)
    assert view["plan"] == "Guest"
    assert [card["note"] for card in view["cards"]] == ["Congress", "Congress", "Fair"]
    key = json.loads(site.ok("key", "show", f"id:{view['cards'][0]['key_id']}", "--json"))
    assert (key["plan"], key["unit"], key["effective_vlan"]) == ("Guest", "Lobby", 300)
    assert site.ok("card", "set", "1", "--vlan", "301", "--card", "2") == "changed 1 of 1\n"
    assert site.ok("card", "set", "1", "--plan", "", "--unit", "", "--note", "", "--vlan", "") == "changed 2 of 3\n"
    key = json.loads(site.ok("key", "show", f"id:{view['cards'][1]['key_id']}", "--json"))
    assert (key["plan"], key["unit"], key["effective_vlan"]) == (None, None, None)
    for said in (("--vlan", "0"), ("--vlan", "4095"), ("--vlan", "x"), ("--note", "x" * 41), ("--unit", "9Z")):
        site.refused("card", "set", "1", *said)
    site.ok("card", "invalidate", "1")
    assert "nothing to change" in site.refused("card", "set", "1", "--note", "x")


def test_a_unit_where_the_keypool_is_not_valid_is_refused(site):
    site.ok("card", "add", "--count", "2", "--days", "1")
    site.ok("venue", "add", "Elm Court")
    site.ok("unit", "add", "Elm Court", "1A")
    site.refused("card", "set", "1", "--unit", "1A")


def test_wireless_only_cards_stay_within_the_vlans_there_are(site):
    site.ok("venue", "add", "Elm Court", "--wireless-only-vlan-offset", "2000")
    site.ok("pool", "add", "Elm Guests", "--venue", "Elm Court")
    site.ok("plan", "add", "Radio", "--wireless-only")
    site.ok("card", "add", "--pool", "Elm Guests", "--count", "2", "--days", "1", "--vlan", "2095")
    assert "more than 4094" in site.refused("card", "set", "1", "--plan", "Radio")
    site.ok("card", "set", "1", "--plan", "Radio", "--vlan", "2094")


def test_dry_runs_change_nothing_and_say_what_would(site):
    site.ok("card", "add", "--count", "2", "--days", "1")
    before = shown(site), site.ok("audit", "--all")
    assert "would add key 3 to 4 (2)" in site.ok("card", "add", "--count", "2", "--days", "1", "--dry-run")
    assert "would change key 1 'card-1-001': ends" in site.ok("card", "extend", "1", "--hours", "1", "--dry-run")
    assert "status active -> removed" in site.ok("card", "invalidate", "1", "--dry-run")
    assert "tag none -> Fair" in site.ok("card", "set", "1", "--note", "Fair", "--dry-run")
    assert (shown(site), site.ok("audit", "--all")) == before


def test_cards_are_keys_but_not_in_the_list_of_keys(site):
    site.ok("key", "add", "--identity", "Ann")
    site.ok("card", "add", "--count", "2", "--days", "1")

    def listed(*options):
        return [key["identity"] for key in json.loads(site.ok("key", "list", "--json", *options))]

    assert listed() == ["Ann"]
    assert listed("--cards") == ["card-1-001", "card-1-002"]
    assert listed("--identity", "card-1-002") == ["card-1-002"]
    assert "2 of 2 of batch 1 (2026-11-21T17:00:00.123Z)" in site.ok("key", "show", "card-1-002")
    assert json.loads(site.ok("key", "show", "card-1-002", "--json"))["card"] == 2
    assert "card" not in json.loads(site.ok("key", "show", "Ann", "--json"))


def test_a_card_never_comes_back_by_restoring_its_key(site, clock):
    site.ok("card", "add", "--count", "3", "--days", "1")
    site.ok("card", "invalidate", "1", "--card", "1")
    site.ok("key", "remove", "card-1-002")
    assert [card["state"] for card in shown(site)["cards"]] == ["invalidated", "invalidated", "valid"]
    site.ok("card", "invalidate", "1")
    for identity in ("card-1-001", "card-1-002"):
        assert "is a scratch card, and was invalidated 2026-11-2" in site.refused("key", "restore", identity)
    site.ok("card", "remove", "1")
    assert "is a scratch card" in site.refused("key", "restore", "card-1-003")
    assert "card" not in json.loads(site.ok("key", "show", "card-1-003", "--json"))


def test_a_card_suspended_and_resumed_as_a_key_is_one_again(site):
    site.ok("card", "add", "--count", "1", "--days", "1")
    site.ok("key", "suspend", "card-1-001")
    assert [card["state"] for card in shown(site)["cards"]] == ["suspended"]
    assert json.loads(site.ok("card", "list", "--json"))[0]["valid"] == 0
    site.ok("key", "resume", "card-1-001")
    assert shown(site)["valid"] == 1


def test_a_card_reset_with_grace_is_still_one_card(site):
    site.ok("card", "add", "--count", "2", "--days", "1")
    site.ok("key", "reset", "card-1-001", "--grace", "1h")
    assert [card["card"] for card in shown(site)["cards"]] == [1, 2]
    assert (shown(site)["valid"], shown(site)["count"]) == (2, 2)
    site.ok("card", "invalidate", "1", "--card", "1")
    assert [card["state"] for card in shown(site)["cards"]] == ["invalidated", "valid"]
    former = json.loads(site.ok("key", "list", "--all", "--status", "removed", "--json"))
    assert [(key["identity"], key["grace_of"]) for key in former] == [("card-1-001", 1)]


def test_the_list_is_filtered(site, clock):
    site.ok("plan", "add", "Guest")
    for window in (("--hours", "1"), ("--hours", "5", "--plan", "Guest"), ("--starts", "2026-12-01", "--days", "1")):
        site.ok("card", "add", "--count", "1", *window)
    site.ok("card", "add", "--count", "1", "--hours", "5")
    site.ok("card", "invalidate", "4")
    clock.now = NOW + timedelta(hours=2)

    def ids(*options):
        return [batch["id"] for batch in json.loads(site.ok("card", "list", "--json", *options))]

    assert ids() == [1, 2, 3, 4]
    states = ("expired", "valid", "not-yet-valid", "invalidated")
    assert [ids("--state", state) for state in states] == [[1], [2], [3], [4]]
    assert ids("--plan", "Guest") == [2]
    assert ids("--limit", "2", "--offset", "1") == [2, 3]
    assert ids("--search", "17:00:00.125Z") == [3]
    table = site.ok("card", "list")
    assert "2026-11-21 23:00 CET" in table
    assert site.ok("card", "list", "--csv").splitlines()[0].startswith("id,batch,ssid")


def draws(monkeypatch, passphrases):
    """Let cards be drawn from these."""
    monkeypatch.setattr(
        "provisioning.lifecycle.cards.card_passphrase",
        lambda *_, **__: Generated(Passphrase(next(passphrases).encode()), 45.0),
    )


def test_a_passphrase_in_use_is_drawn_anew(site, monkeypatch):
    site.ok("key", "add", "--identity", "Ann", "--passphrase", "taken-already")
    draws(
        monkeypatch, iter(["taken-already", "twice-drawn", "twice-drawn", "taken-already", "free-one-1", "free-one-2"])
    )
    result = site.run("card", "add", "--count", "3", "--days", "1")
    assert result.stdout.split() == ["1", "free-one-2", "twice-drawn", "free-one-1"]
    cards = shown(site, "1", "--show-secrets")["cards"]
    assert [card["passphrase"] for card in cards] == ["free-one-2", "twice-drawn", "free-one-1"]


def test_drawing_ends_where_all_are_in_use(site, monkeypatch):
    site.ok("key", "add", "--identity", "Ann", "--passphrase", "taken-already")
    before = site.ok("audit", "--all")
    draws(monkeypatch, iter(["taken-already"] * 100))
    assert "every passphrase that was drawn is in use" in site.refused("card", "add", "--count", "2", "--days", "1")
    assert site.ok("audit", "--all") == before


def test_files_hold_what_was_made_after_drawing_anew(site, monkeypatch, tmp_path):
    site.ok("key", "add", "--identity", "Ann", "--passphrase", "taken-already")
    draws(monkeypatch, iter(["taken-already", "free-one-1"]))
    site.ok("card", "add", "--count", "1", "--days", "1", "--csv", str(tmp_path / "cards.csv"))
    assert "free-one-1" in (tmp_path / "cards.csv").read_text("utf-8-sig")


def test_cards_are_two_words_and_a_suffix_unless_a_style_is_said():
    drawn = card_passphrase("", Style.WORDS, words=2)
    assert drawn.bits > 45
    assert len(drawn.passphrase.value.decode().split("-")) == 3


def test_a_weak_style_is_warned_of(site):
    made = site.run("card", "add", "--count", "1", "--days", "1", "--style", "numeric", "--length", "8")
    assert "26 bits of entropy, and 40 are the least" in made.stderr


def test_files_are_their_owners_alone_and_not_written_over(site, tmp_path):
    pdf, table = tmp_path / "cards.pdf", tmp_path / "cards.csv"
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    files = ("--pdf", str(pdf), "--csv", str(table))
    result = site.run("card", "add", "--count", "12", "--days", "1", *files)
    assert result.stdout == "1\n"
    assert f"wrote 12 cards to {pdf}" in result.stderr
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert {stat.S_IMODE(file.stat().st_mode) for file in (pdf, table)} == {0o600}
    passphrases = [card["passphrase"] for card in shown(site, "1", "--show-secrets")["cards"]]
    rows = table.read_text("utf-8-sig").splitlines()
    assert all(passphrase in row for passphrase, row in zip(passphrases, rows[1:], strict=True))
    assert "2026-11-21T17:00:00.123Z" in rows[1]
    before = site.ok("audit", "--all")
    for file in (("--pdf", str(pdf)), ("--csv", str(table))):
        assert "exists already: --force writes over it" in site.refused(
            "card", "add", "--count", "1", "--days", "1", *file
        )
    assert "is a folder" in site.refused("card", "add", "--count", "1", "--days", "1", "--pdf", str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    for where in ("pipe", "gone"):
        assert "is no file that could be written over" in site.refused(
            "card", "export", "1", "--force", "--csv", str(tmp_path / where)
        )
    nowhere = str(tmp_path / "nowhere" / "cards.pdf")
    assert "cannot write" in site.refused("card", "add", "--count", "1", "--days", "1", "--pdf", nowhere)
    font = ("--font", str(tmp_path / "none.ttf"), "--pdf", str(tmp_path / "new.pdf"))
    site.refused("card", "add", "--count", "1", "--days", "1", *font)
    site.ok("card", "add", "--count", "1", "--days", "1", "--dry-run", "--pdf", str(tmp_path / "new.pdf"))
    assert site.ok("audit", "--all") == before
    assert sorted(file.name for file in tmp_path.glob("*c*a*r*d*")) == ["cards.csv", "cards.pdf"]
    assert not list(tmp_path.glob("*.pdf.*")) + list(tmp_path.glob(".*.part"))
    site.ok("card", "print", "1", "--pdf", str(pdf), "--force", "--paper", "letter", "--back")
    site.ok("card", "export", "1", "--csv", str(table), "--force", "--card", "2")
    assert len(table.read_text("utf-8-sig").splitlines()) == 2
    assert stat.S_IMODE(pdf.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (("--paper", "letter"), "--paper is about a file: say --pdf FILE"),
        (("--back",), "--back is about a file: say --pdf FILE"),
        (("--title", "Fair"), "--title is about a file: say --pdf FILE or --csv FILE"),
        (("--no-code", "--csv", "cards.csv"), "--no-code is about a file: say --pdf FILE"),
    ],
)
def test_what_is_said_of_files_that_are_not_wanted_is_refused(site, said, message):
    result = site.run("card", "add", "--count", "1", "--days", "1", *said)
    assert result.exit_code == 2
    assert message in result.stderr
    assert json.loads(site.ok("card", "list", "--json")) == []


def test_title_and_hidden_are_in_the_table(site):
    site.ok("card", "add", "--count", "1", "--days", "1")
    (row,) = site.ok("card", "export", "1", "--csv", "-", "--title", "Fair", "--hidden").splitlines()[1:]
    assert row.split(",")[1] == "Fair"
    assert "H:true" in row


def test_only_cards_that_can_still_be_used_are_printed(site):
    site.ok("card", "add", "--count", "3", "--days", "1")
    site.ok("card", "invalidate", "1", "--card", "2")
    result = site.run("card", "export", "1", "--csv", "-")
    assert [row.split(",")[0] for row in result.stdout.splitlines()[1:]] == ["1 of 3", "3 of 3"]
    assert "1 of 3 cards ended or were invalidated, and are left out" in result.stderr
    site.ok("card", "invalidate", "1")
    assert "nothing to print" in site.refused("card", "export", "1", "--csv", "-")
    assert "nothing to print" in site.refused("card", "export", "1", "--csv", "-", "--card", "2")


def test_a_file_that_cannot_be_kept_names_the_batch_that_is_made(site, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise commands.StoreError("cannot write cards.pdf: Input/output error")

    monkeypatch.setattr("provisioning.commands.new_files.place", fail)
    refused = site.refused("card", "add", "--count", "1", "--days", "1", "--csv", str(tmp_path / "cards.csv"))
    assert "batch 1 (2026-11-21T17:00:00.123Z) is made: `latchkey card print 1` writes it" in refused
    assert shown(site)["count"] == 1


def damage(path, statement):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


def test_a_damaged_batch_is_named_and_holds_no_other_up(site, path):
    for _ in range(2):
        site.ok("card", "add", "--count", "1", "--days", "1")
    damage(path, "UPDATE card_batches SET count = 999 WHERE id = 1")
    listed = site.run("card", "list", "--json")
    assert [batch["id"] for batch in json.loads(listed.stdout)] == [2]
    assert "row 1 of card_batches cannot be opened" in listed.stderr
    assert shown(site, "2")["count"] == 1
    assert "the nearest is 2" in site.refused("card", "show", "1")


def test_a_card_that_cannot_be_opened_is_shown_and_invalidated_but_not_printed(site, path):
    site.ok("card", "add", "--count", "2", "--days", "1")
    damage(path, "UPDATE keys SET passphrase = randomblob(60) WHERE id = 2")
    result = site.run("card", "show", "1", "--show-secrets", "--json")
    assert result.exit_code == 1
    assert [card["passphrase"] is None for card in json.loads(result.stdout)["cards"]] == [False, True]
    assert "of row 2 cannot be decrypted" in site.refused("card", "export", "1", "--csv", "-")
    site.ok("card", "export", "1", "--csv", "-", "--card", "1")
    assert site.ok("card", "invalidate", "1") == "invalidated 2 of 2\n"


def test_the_venues_clock_is_that_of_the_unit_where_the_keypool_is_global(site, path):
    site.ok("venue", "add", "Elm Court", "--time-zone", "Asia/Tokyo")
    site.ok("unit", "add", "Elm Court", "1A")
    site.ok("pool", "add", "Everywhere", "--global")
    made = json.loads(
        site.ok("card", "add", "--pool", "Everywhere", "--unit", "1A", "--count", "1", "--ends", "2026-12-01", "--json")
    )
    assert made["ends"] == "2026-12-01T14:59:59Z"
    assert shown(site)["venue"] == "Elm Court"


@pytest.mark.parametrize("text", ["2026-10-25", "2026-10-25T02:30", "2027-03-28T01:59:59"])
def test_ends_are_read_by_the_venues_clock_when_that_changes(site, clock, text):
    clock.now = datetime(2026, 10, 1, tzinfo=UTC)
    made = json.loads(site.ok("card", "add", "--count", "1", "--ends", text, "--json"))
    expected = {
        "2026-10-25": "2026-10-25T22:59:59Z",
        "2026-10-25T02:30": "2026-10-25T00:30:00Z",
        "2027-03-28T01:59:59": "2027-03-28T00:59:59Z",
    }
    assert made["ends"] == expected[text]
    refused = site.refused("card", "add", "--count", "1", "--ends", "2027-03-28T02:30")
    assert "does not exist in Europe/Berlin" in refused


def test_two_administrators_at_once_make_two_batches(site, path):
    """Both have drawn before either writes, one of the passphrases twice."""
    order = lifecycle.CardOrder(
        keypool_id=1, ssid=Ssid(b"Hudson Guests"), count=2, ends=NOW + timedelta(days=1), starts=None
    )
    drawn = lifecycle.draw(order, NOW)
    with opened(path) as one, opened(path) as other:
        first = lifecycle.add(one, order, drawn, now=NOW)
        second = lifecycle.add(other, order, drawn, now=NOW)
    assert first.passphrases == drawn.passphrases
    assert not set(first.passphrases) & set(second.passphrases)
    assert [first.batch.name, second.batch.name] == ["2026-11-21T17:00:00.123Z", "2026-11-21T17:00:00.124Z"]
    keys = shown(site, "2", "--show-secrets")["cards"]
    assert [card["passphrase"] for card in keys] == [each.value.decode() for each in second.passphrases]


def test_extending_into_a_window_where_the_passphrase_is_in_use_is_refused(site):
    site.ok("card", "add", "--count", "2", "--hours", "2")
    passphrase = shown(site, "1", "--show-secrets")["cards"][1]["passphrase"]
    site.ok("key", "add", "--identity", "Ann", "--passphrase", passphrase, "--starts", "2026-11-21T19:00Z")
    before = shown(site)
    assert "passphrase already in use" in site.refused("card", "extend", "1", "--hours", "1")
    assert shown(site) == before
    site.ok("card", "extend", "1", "--hours", "1", "--card", "1")


def test_a_card_whose_time_is_over_is_not_revived_as_a_key(site, clock, monkeypatch):
    for module in ("keys.key", "keys.key_life"):
        monkeypatch.setattr(f"provisioning.commands.{module}.utc_now", lambda: clock.now)
    site.ok("card", "add", "--count", "1", "--hours", "1")
    (card,) = shown(site)["cards"]
    site.ok("key", "extend", f"id:{card['key_id']}", "--by", "1h")
    clock.now = NOW + timedelta(hours=2)
    for arguments in (("extend", "--by", "1d"), ("set", "--ends", ""), ("set", "--ends", "2099-01-01")):
        refusal = site.refused("key", arguments[0], f"id:{card['key_id']}", *arguments[1:])
        assert "it is not revived" in refusal
