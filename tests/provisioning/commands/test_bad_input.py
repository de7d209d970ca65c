"""What is refused whatever is asked: one line that names the field, and a database as it was, audit and all."""

import sqlite3

import pytest

HUGE = "9" * 25  # more than SQLite's integers hold


@pytest.fixture
def house(cli):
    cli.ok("operator", "set", "--time-zone", "America/New_York")
    cli.ok("venue", "add", "Hudson House")
    cli.ok("unit", "add", "Hudson House", "4B")
    cli.ok("pool", "add", "Hudson House")
    cli.ok("key", "add", "--identity", "ann", "--unit", "4B", "--subscriber", "Ann Lee")
    return cli


def dump(path):
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def refused(cli, *arguments):
    before = dump(cli.path)
    said = cli.refused(*arguments)
    assert dump(cli.path) == before
    return said


@pytest.mark.parametrize(
    "arguments",
    [["undo", HUGE], ["key", "add", "--subscription", HUGE], ["audit", "--limit", HUGE]],
    ids=lambda arguments: arguments[0],
)
def test_a_number_that_the_database_cannot_hold(house, arguments):
    assert refused(house, *arguments) == f"a number of it is larger than {2**63 - 1}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "--as is empty"),
        (" ", "--as is empty"),
        ("Eve\n2 root", "--as has a character that is not printable"),
        ("\u202egnp", "--as has a character that is not printable"),
        ("\udcff", "--as has a character that is not printable"),
        ("x" * 254, "--as has 254 octets, more than 253"),
    ],
)
def test_who_says_so_has_a_name_that_the_audit_can_show(house, name, said):
    assert refused(house, "key", "suspend", "ann", "--as", name) == said


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("--starts", ["key", "add", "--identity", "bob", "--starts"]),
        ("--ends", ["key", "add", "--identity", "bob", "--ends"]),
        ("--starts", ["key", "set", "ann", "--starts"]),
        ("--ends", ["key", "set", "ann", "--ends"]),
        ("--ends", ["key", "extend", "ann", "--ends"]),
        ("--starts", ["subscriber", "subscribe", "Ann Lee", "--unit", "4B", "--starts"]),
        ("--ends", ["subscriber", "set", "Ann Lee", "--ends"]),
        ("--until", ["whitelist", "add", "Ann Lee", "--mac", "02:00:00:00:01:00", "--until"]),
        ("--since", ["device", "list", "--since"]),
        ("--since", ["audit", "--since"]),
    ],
)
def test_a_time_that_is_none_names_its_option(house, option, arguments):
    house.ok("key", "set", "ann", "--ends", "2027-01-31")
    assert refused(house, *arguments, "2027-02-29") == (
        f"{option}: '2027-02-29' is not a date or time: use 2026-10-31 or 2026-10-31T12:00"
    )


def test_a_window_the_wrong_way_round_says_that_it_speaks_utc(house):
    said = refused(house, "key", "add", "--identity", "bob", "--starts", "2027-01-02", "--ends", "2027-01-01")
    assert said == "the key would end (2027-01-02 04:59 UTC) before it starts (2027-01-02 05:00 UTC)"


@pytest.mark.parametrize("mac", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00"])
def test_an_address_of_no_device_is_not_registered(house, mac):
    for arguments in (
        ["device", "add", "ann", mac],
        ["key", "add", "--identity", "bob", "--mac", mac],
        ["whitelist", "add", "Ann Lee", "--mac", mac],
    ):
        assert refused(house, *arguments) == f"{mac} is no device's address"


@pytest.mark.parametrize("arguments", [["key", "resume", "ann"], ["subscriber", "resume", "Ann Lee"]])
def test_resuming_what_works_leaves_no_entry(house, arguments):
    before = house.ok("audit")
    house.ok(*arguments)
    assert house.ok("audit") == before


def test_somebody_who_is_only_a_key_is_told_how_to_become_a_subscriber(house):
    house.ok("key", "add", "--identity", "bob")
    for arguments in (["subscriber", "close", "bob"], ["whitelist", "add", "bob", "--mac", "02:00:00:00:01:00"]):
        assert refused(house, *arguments).startswith("no subscriber 'bob', but a key is called so: ")
    house.ok("subscriber", "add", "bob")
    house.ok("key", "set", "bob", "--subscriber", "bob")
    house.ok("whitelist", "add", "bob", "--mac", "02:00:00:00:01:00")
    house.ok("subscriber", "close", "bob")
