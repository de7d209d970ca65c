"""`device`, as an operator types it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from crypto import MacAddress
from provisioning import Device, open_store

PHONE, LAPTOP = "02:00:00:00:01:00", "0a:00:00:00:02:00"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def house(cli):
    cli.ok("venue", "add", "Hudson House")
    cli.ok("unit", "add", "Hudson House", "4B")
    cli.ok("pool", "add", "Hudson House")
    cli.ok("key", "add", "--identity", "ann", "--unit", "4B", "--subscriber", "Ann Lee")
    cli.ok("key", "add", "--identity", "bob")
    return cli


@pytest.fixture
def see(path):
    def see(key_id, mac, at):
        with open_store(path, {}) as store:
            store.devices.remember([Device(1, MacAddress.parse(mac), key_id)], at)

    return see


def listed(cli, *options):
    return [(each["mac"], each["key_id"]) for each in json.loads(cli.ok("device", "list", "--json", *options))]


def test_a_device_is_registered_with_a_name(house):
    assert house.ok("device", "add", "ann", PHONE.upper(), "--name", "Ann's phone", "--tag", "blue") == f"{PHONE}\n"
    (shown,) = json.loads(house.ok("device", "show", PHONE, "--json"))
    assert shown == {
        "mac": PHONE,
        "name": "Ann's phone",
        "tag": "blue",
        "key_id": 1,
        "identity": "ann",
        "ssid": "Hudson House",
        "unit": "4B",
        "subscriber": "Ann Lee",
        "registered": True,
        "first_seen": None,
        "last_seen": None,
        "time_zone": "UTC",
    }
    assert f'{PHONE} "Ann\'s phone" (not seen yet)' in house.ok("key", "show", "ann")


def test_a_registration_takes_the_place_of_another_and_says_so(house):
    house.ok("device", "add", "ann", PHONE)
    result = house.run("device", "add", "bob", PHONE)
    assert result.stderr == f"latchkey: {PHONE} was registered with key 1 (ann), and is no longer\n"
    assert listed(house) == [(PHONE, 2)]


def test_names_are_a_subscribers_own_and_short(house):
    house.ok("device", "add", "ann", PHONE, "--name", "phone")
    refusal = house.refused("device", "add", "ann", LAPTOP, "--name", "phone")
    assert refusal == f"name 'phone' is that of {PHONE}, of the same subscriber"
    assert "41 characters, more than 40" in house.refused("device", "add", "ann", LAPTOP, "--name", "x" * 41)
    house.ok("device", "add", "bob", LAPTOP, "--name", "phone")
    house.ok("device", "add", "ann", PHONE, "--name", "phone")


def test_devices_are_listed_by_what_they_belong_to(house, see):
    house.ok("device", "add", "ann", PHONE, "--name", "phone")
    see(2, LAPTOP, NOW)
    see(2, PHONE, NOW - timedelta(days=3))
    assert listed(house) == [(PHONE, 1), (PHONE, 2), (LAPTOP, 2)]
    assert listed(house, "--key", "bob", "--since", "2026-11-20") == listed(house, "--mac", "0A-00") == [(LAPTOP, 2)]
    assert listed(house, "--unit", "4B") == listed(house, "--subscriber", "Ann Lee") == [(PHONE, 1)]
    assert listed(house, "--limit", "1", "--offset", "1") == [(PHONE, 2)]
    assert listed(house, "--search", "PHONE") == [(PHONE, 1)]
    assert "is not how a MAC address begins" in house.refused("device", "list", "--mac", "zz")
    assert house.ok("device", "list", "--csv").splitlines()[0].startswith("mac,name,tag,key_id")


def test_a_device_is_renamed_and_its_name_taken_away(house, see):
    house.ok("device", "add", "ann", PHONE, "--name", "phone", "--tag", "blue")
    house.ok("device", "set", PHONE, "--name", "old phone")
    assert [json.loads(house.ok("device", "show", PHONE, "--json"))[0][field] for field in ("name", "tag")] == [
        "old phone",
        "blue",
    ]
    house.ok("device", "set", PHONE, "--name", "", "--tag", "")
    assert json.loads(house.ok("device", "show", PHONE, "--json"))[0]["name"] is None
    see(2, PHONE, NOW)
    assert "say which with --key: id:1 (ann), id:2 (bob)" in house.refused("device", "set", PHONE, "--name", "phone")
    house.ok("device", "set", PHONE, "--key", "bob", "--name", "phone")


def test_a_device_is_forgotten_with_all_its_keys_or_one(house, see):
    house.ok("device", "add", "ann", PHONE)
    see(2, PHONE, NOW)
    assert house.ok("device", "remove", PHONE, "--key", "bob") == "forgot 1\n"
    assert listed(house) == [(PHONE, 1)]
    see(2, PHONE, NOW)
    assert house.ok("device", "forget", PHONE) == "forgot 2\n"
    assert listed(house) == []
    assert house.refused("device", "remove", PHONE) == f"{PHONE} is not known"
    house.ok("undo")
    assert listed(house) == [(PHONE, 1), (PHONE, 2)]


def test_a_former_passphrase_is_no_device_of_its_own(house, see):
    see(1, PHONE, NOW)
    house.ok("key", "reset", "ann", "--grace", "1h")
    assert listed(house) == [(PHONE, 1)]
    house.ok("device", "remove", PHONE)
    assert json.loads(house.ok("key", "show", "id:3", "--json"))["devices"] == []


def test_dry_run_of_a_registration(house):
    assert "would add device 1" in house.ok("device", "add", "ann", PHONE, "--dry-run")
    assert listed(house) == []


def test_unknown_and_removed_things_are_refused(house):
    assert "did you mean 'ann'" in house.refused("device", "add", "anne", PHONE)
    assert house.refused("device", "add", "ann", "zz") == "not a MAC address: 'zz'"
    house.ok("key", "remove", "bob")
    assert "key 2 was removed" in house.refused("device", "add", "bob", PHONE)
    assert "is not known" in house.refused("device", "show", PHONE)
