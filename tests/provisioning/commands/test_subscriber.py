"""`subscriber`, as an operator types it."""

import json
from dataclasses import replace

import pytest

from provisioning import open_store

ANN = "correct-horse-1"


@pytest.fixture
def house(cli):
    cli.ok("venue", "add", "Hudson House")
    for unit, vlan in (("4B", "104"), ("5C", "105")):
        cli.ok("unit", "add", "Hudson House", unit, "--vlan", vlan)
    cli.ok("pool", "add", "Hudson House")
    cli.ok("plan", "add", "Basic")
    return cli


def shown(cli, who="Ann Lee"):
    return json.loads(cli.ok("subscriber", "show", who, "--json"))


def listed(cli, *options):
    return json.loads(cli.ok("subscriber", "list", "--json", *options))


def key(cli, which):
    return json.loads(cli.ok("key", "show", which, "--json"))


def ann(cli, *options):
    """Let Ann Lee live in 4B, with one key."""
    cli.ok("subscriber", "add", "Ann Lee", "--external-id", "T-1")
    cli.ok("key", "add", "--identity", "ann", "--subscriber", "Ann Lee", "--passphrase", ANN)
    cli.ok("subscriber", "subscribe", "Ann Lee", "--unit", "4B", "--all-keys", *options)


def test_a_key_follows_its_subscription(house):
    ann(house, "--plan", "Basic", "--starts", "2026-01-01", "--ends", "2099-10-31")
    found = key(house, "ann")
    assert (found["unit"], found["plan"], found["effective_vlan"]) == ("4B", "Basic", 104)
    assert (found["starts"], found["ends"]) == ("2026-01-01T00:00:00Z", "2099-10-31T23:59:59Z")
    assert house.ok("subscriber", "move", "ann lee", "5C") == 'moved "Ann Lee" with 1 key to unit 5C, VLAN 105\n'
    assert key(house, "ann")["effective_vlan"] == 105
    house.ok("subscriber", "set", "T-1", "--ends", "", "--plan", "")
    assert (key(house, "ann")["ends"], key(house, "ann")["plan"]) == (None, None)
    house.ok("subscriber", "set", "T-1", "--end-now")
    assert key(house, "ann")["state"].startswith("expired")
    house.ok("subscriber", "set", "T-1", "--ends", "2099-12-31")  # the only one there is: it goes on
    assert key(house, "ann")["state"] == "valid"


def test_days_are_those_of_the_venue(house, path):
    with open_store(path, {}) as store:
        store.venues.save(replace(store.venues.all()[0], time_zone="America/New_York"))
    ann(house, "--starts", "2026-07-01", "--ends", "2099-12-31")
    assert (key(house, "ann")["starts"], key(house, "ann")["ends"]) == ("2026-07-01T04:00:00Z", "2100-01-01T04:59:59Z")
    house.ok("subscriber", "set", "Ann Lee", "--ends", "2099-07-01T12:00")
    assert key(house, "ann")["ends"] == "2099-07-01T16:00:00Z"
    assert "until 2099-07-01 12:00 EDT" in house.ok("subscriber", "show", "Ann Lee")
    assert "clocks go forward" in house.refused("subscriber", "set", "Ann Lee", "--ends", "2027-03-14T02:30")


def test_a_start_cannot_move_once_begun(house):
    ann(house, "--starts", "2026-01-01")
    assert "has begun on 2026-01-01" in house.refused("subscriber", "set", "Ann Lee", "--starts", "2099-01-01")
    house.ok("subscriber", "set", "Ann Lee", "--end-now")
    house.ok("subscriber", "subscribe", "Ann Lee", "--unit", "5C", "--starts", "2098-01-01")
    house.ok("subscriber", "set", "Ann Lee", "--starts", "2099-01-01")
    assert shown(house)["subscriptions"][1]["starts"] == "2099-01-01T00:00:00Z"
    assert "the subscription would end (2098-06-01 23:59 UTC) before it starts" in house.refused(
        "subscriber", "set", "Ann Lee", "--ends", "2098-06-01"
    )


def test_people_of_one_name_are_told_apart(house):
    ann(house)
    other = house.ok("subscriber", "add", "Ann Lee").strip()
    refusal = house.refused("subscriber", "suspend", "Ann Lee")
    assert f"{other} (no unit, active)" in refusal
    assert "(4B, active)" in refusal
    house.ok("subscriber", "suspend", other)
    assert shown(house, "T-1")["status"] == "active"
    house.ok("subscriber", "close", other)
    assert shown(house)["external_id"] == "T-1"  # of several, the one that is not closed
    assert "did you mean 'Ann Lee'" in house.refused("subscriber", "show", "Anne Lee")
    assert "is another subscriber's" in house.refused("subscriber", "add", "Eve", "--external-id", "T-1")


def test_who_is_suspended_pending_or_closed_has_no_valid_key(house):
    ann(house)
    house.ok("subscriber", "suspend", "Ann Lee", "--reason", "late with the rent")
    assert key(house, "ann")["state"] == "subscriber suspended: late with the rent"
    house.ok("subscriber", "resume", "Ann Lee")
    assert key(house, "ann")["state"] == "valid"
    house.ok("subscriber", "set", "Ann Lee", "--status", "pending")
    assert key(house, "ann")["state"] == "subscriber pending"
    house.ok("subscriber", "resume", "Ann Lee")
    too_long = "x" * 41
    assert "41 characters, more than the 40" in house.refused("subscriber", "close", "Ann Lee", "--reason", too_long)
    assert house.ok("subscriber", "close", "--unit", "4B", "--reason", "moved out").endswith('"Ann Lee"\n')
    assert key(house, "ann")["state"].startswith("expired")
    assert shown(house)["status"] == "closed"
    assert "is closed" in house.refused("subscriber", "resume", "Ann Lee")
    assert "closed" in house.refused("subscriber", "close", "Ann Lee")
    assert "nobody lives in unit" in house.refused("subscriber", "close", "--unit", "4B")
    house.ok("undo")
    assert key(house, "ann")["state"] == "valid"


def test_closing_cancels_what_has_not_begun(house):
    ann(house, "--starts", "2098-01-01")
    house.ok("subscriber", "close", "Ann Lee")
    assert shown(house)["subscriptions"] == []
    assert key(house, "ann")["status"] == "removed"
    house.ok("undo")
    assert shown(house)["subscriptions"][0]["keys"] == [1]


def test_a_dry_run_says_what_would_change_and_changes_nothing(house):
    ann(house)
    before = shown(house)
    told = house.ok("subscriber", "close", "Ann Lee", "--dry-run")
    assert "would change subscriber 1 'Ann Lee': status active -> closed" in told
    assert "would change key 1 'ann': ends none -> " in told
    assert shown(house) == before


def test_who_has_something_is_not_removed(house):
    ann(house)
    assert "has 1 key and 1 subscription" in house.refused("subscriber", "remove", "Ann Lee")
    house.ok("subscriber", "add", "Eve")
    house.ok("subscriber", "remove", "Eve")
    house.refused("subscriber", "show", "Eve")
    house.ok("undo")
    assert shown(house, "Eve")["status"] == "active"


def test_moving_without_a_subscription_takes_the_keys_along(house):
    house.ok("key", "add", "--identity", "eve", "--subscriber", "Eve", "--unit", "4B", "--passphrase", ANN)
    house.ok("subscriber", "move", "Eve", "5C")
    assert key(house, "eve")["effective_vlan"] == 105


def test_lists_have_filters_and_pages(house):
    ann(house)
    for number in range(5):
        house.ok("subscriber", "add", f"Eve {number}")
    assert [each["name"] for each in listed(house, "--limit", "2", "--offset", "1")] == ["Eve 0", "Eve 1"]
    assert [each["name"] for each in listed(house, "--unit", "4B")] == ["Ann Lee"]
    assert [each["name"] for each in listed(house, "--search", "eve 3")] == ["Eve 3"]
    house.ok("unit", "add", "Hudson House", "Top-1")  # no token has a hyphen
    house.ok("subscriber", "move", "Ann Lee", "Top-1")
    assert [each["name"] for each in listed(house, "--search", "top-1")] == ["Ann Lee"]
    assert listed(house, "--status", "closed") == []
    assert listed(house, "--venue", "Hudson House")[0]["keys"] == 1
    assert house.ok("subscriber", "list", "--csv").splitlines()[1].split(",")[2] == "Ann Lee"


@pytest.mark.parametrize("level", ["operator", "venue", "unit"])
def test_two_subscriptions_of_a_wired_unit(house, path, level):
    ann(house, "--starts", "2026-01-01", "--ends", "2098-12-31")
    house.ok("subscriber", "add", "Eve")
    house.ok("subscriber", "subscribe", "Eve", "--unit", "4B", "--starts", "2098-12-01")  # allowed unless it is said
    house.ok("undo")
    with open_store(path, {}) as store:
        match level:
            case "operator":
                store.venues.save_operator(replace(store.venues.operator(), allow_overlap=False))
            case "venue":
                store.venues.save(replace(store.venues.all()[0], allow_overlap=False))
            case "unit":
                store.units.save(replace(store.units.all()[0], allow_overlap=False))
    eve = ("subscriber", "subscribe", "Eve", "--unit", "4B", "--starts")
    refusal = house.refused(*eve, "2098-12-01")
    assert "unit '4B' may not have two subscriptions at a time: 'Ann Lee' has subscription 1 from 2026" in refusal
    house.ok(*eve, "2099-01-01")
    assert "may not have two" in house.refused("subscriber", "set", "Ann Lee", "--ends", "2099-01-01")
    house.ok("subscriber", "set", "Ann Lee", "--ends", "2098-11-30")
    house.ok("subscriber", "set", "Eve", "--starts", "2098-12-15")
    assert "may not have two" in house.refused("undo", _entry(house, "subscriber.set", -2))
    house.ok("subscriber", "move", "Ann Lee", "5C")
    house.ok("subscriber", "set", "Ann Lee", "--ends", "")
    assert "may not have two" in house.refused("subscriber", "move", "Ann Lee", "4B")
    house.ok("subscriber", "close", "Eve")
    house.ok("subscriber", "move", "Ann Lee", "4B")


def _entry(cli, action, place):
    lines = cli.ok("audit", "--json", "--action", action).splitlines()
    return str(json.loads(lines[place])["id"])
