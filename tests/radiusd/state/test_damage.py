"""Rows that cannot be opened cost themselves, and nothing else: closed for a key, open for the service."""

import logging
from datetime import timedelta
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from provisioning import Entity, KeyStatus, Passphrase, find_key
from radiusd.state.damage import Damage

SSID = Ssid(b"Hudson House")
DEVICE, OTHER = MacAddress(b"\2\0\0\0\2\1"), MacAddress(b"\2\0\0\0\2\2")


def damage(house, table, id_, column, value="zeroblob(60)"):
    """Alter a row past the store, as a bad disk or a bad copy does."""
    with house.store._db.writing():
        house.store._db.execute(f"UPDATE {table} SET {column} = {value} WHERE id = ?", (id_,))  # noqa: S608


def settle(house):
    while (update := house.follower.refresh(house.now)) is not None:
        house.index.apply(update)


@pytest.fixture
def three(house):
    """Three keys that are being served, and their ids."""
    return house, [house.add_key(SSID, b"passphrase %d" % number) for number in range(3)]


@pytest.mark.parametrize("column", ["pmk", "passphrase", "ends", "status"])
def test_key_is_dropped_and_later_changes_are_followed(three, handshake, lookup, lines, column):
    house, (_, bad, later) = three
    house.start()
    assert house.ask(handshake(b"passphrase 1", spa=DEVICE)) is not None
    assert house.ask(lookup(DEVICE)) is not None
    house.save()
    damage(house, "keys", bad, column, "'1e999'" if column in ("ends", "status") else "zeroblob(60)")
    house.store.keys.add_device(bad, OTHER)  # a change about it
    with house.store._db.writing():
        house.store._db.record(Entity.KEY, bad)
    house.store.keys.set_status(later, KeyStatus.SUSPENDED, now=house.now)
    settle(house)
    assert house.ask(handshake(b"passphrase 0", spa=OTHER)) is not None
    assert house.ask(handshake(b"passphrase 2", spa=OTHER)) is None
    for device in (DEVICE, OTHER):
        assert house.ask(handshake(b"passphrase 1", spa=device)) is None
    assert house.ask(lookup(DEVICE)) is None
    said = [line for line in lines() if "cannot be opened" in line]
    assert len(said) == 1
    assert said[0].startswith(f"store row cannot be opened: table=keys id={bad}:")
    assert not any("passphrase 1" in line for line in lines())
    assert len(house.follower.damage) == 1


def test_key_that_is_mended_comes_back(three, handshake):
    house, (_, bad, _) = three
    damage(house, "keys", bad, "pmk")
    house.start()
    assert house.ask(handshake(b"passphrase 1")) is None
    assert len(house.follower.damage) == 1
    house.store.keys.reset(bad, Passphrase(b"passphrase 9"))
    settle(house)
    assert len(house.follower.damage) == 0
    assert house.ask(handshake(b"passphrase 9")) is not None


def test_start_with_a_damaged_key_serves_the_others(three, handshake):
    house, (_, bad, _) = three
    house.store.keys.add_device(bad, DEVICE)
    damage(house, "keys", bad, "passphrase")
    house.start()
    assert house.ask(handshake(b"passphrase 0", spa=OTHER)) is not None
    assert house.ask(handshake(b"passphrase 1", spa=DEVICE)) is None


def test_key_damaged_beside_the_changes_is_shut_out_by_its_name(three, handshake, lookup):
    """What is in memory goes on being served, as no change says otherwise; a suspension does, and needs no secret."""
    house, (_, bad, _) = three
    house.start()
    assert house.ask(handshake(b"passphrase 1", spa=DEVICE)) is not None
    house.save()
    damage(house, "keys", bad, "pmk")
    damage(house, "keys", bad, "passphrase")
    settle(house)
    assert house.ask(handshake(b"passphrase 1", spa=DEVICE)) is not None
    label = find_key(house.store, f"key-{bad}")
    house.store.keys.set_status(label.id, KeyStatus.SUSPENDED, now=house.now)
    settle(house)
    for device in (DEVICE, OTHER):
        assert house.ask(handshake(b"passphrase 1", spa=device)) is None
    assert house.ask(lookup(DEVICE)) is None
    assert house.ask(handshake(b"passphrase 0", spa=OTHER)) is not None
    assert len(house.follower.damage) == 1
    house.store.keys.set_status(label.id, KeyStatus.REMOVED, now=house.now)
    settle(house)
    assert len(house.follower.damage) == 0
    assert house.ask(handshake(b"passphrase 1", spa=OTHER)) is None


@pytest.mark.parametrize("column", ["pmk", "passphrase"])
def test_key_whose_details_cannot_be_read_any_more_is_refused_and_named(three, handshake, lookup, lines, column):
    """It is in the pools, and its PMK fits; what else there is about it is read when a device first shows it."""
    house, (_, bad, _) = three
    house.store.keys.add_device(bad, DEVICE)
    house.start()
    damage(house, "keys", bad, column)
    for device in (DEVICE, OTHER):
        assert house.ask(handshake(b"passphrase 1", spa=device)) is None
    assert house.ask(lookup(DEVICE)) is None
    assert len([line for line in lines() if f"table=keys id={bad}: it is left out" in line]) == 1
    assert len(house.follower.damage) == 1
    assert house.ask(handshake(b"passphrase 0", spa=OTHER)) is not None


def test_damaged_nas_is_silent_and_others_go_on(house, handshake):
    house.add_key(SSID, b"right-passphrase")
    one = house.store.nases.add(ip_network("192.0.2.9"), b"another secret", venue_id=house.venue.id)
    house.start()
    damage(house, "nases", one.id, "secret")
    house.store.plans.add("a change", download_kbps=1)
    house.store.nases.remove(house.store.nases.add(ip_network("203.0.113.1"), b"x" * 16, venue_id=house.venue.id).id)
    settle(house)
    question = house.question(handshake(b"right-passphrase"))
    # Not even with the secret of the network around it, which is another NAS's.
    assert house.send(question.datagram, address="192.0.2.9") is None
    assert question.read(house.send(question.datagram, address="192.0.2.8")) is not None
    assert len(house.follower.damage) == 1


def test_keypool_that_cannot_be_opened_takes_its_keys_alone(house, handshake):
    house.add_key(SSID, b"right-passphrase")
    other = Ssid(b"Guests")
    house.add_key(other, b"guest-passphrase")
    damage(house, "keypools", house.pool(other), "ssid", "zeroblob(33)")
    house.start()
    assert house.ask(handshake(b"guest-passphrase", ssid=other)) is None
    assert house.ask(handshake(b"right-passphrase")) is not None


def test_venue_that_cannot_be_opened_hands_its_nases_to_no_other(house, handshake):
    """Two venues of which one cannot be read are not one."""
    house.add_key(SSID, b"right-passphrase")
    second = house.store.venues.add("Elm Court", nas_identifiers=["elm-ap1"])
    house.change_nas(any_venue=True)
    house.start()
    damage(house, "venues", second.id, "wireless_only_vlan_offset", "9999")
    house.store.units.add(house.venue.id, "a change")
    house.store.keypools.add(Ssid(b"Another"))
    settle(house)
    assert house.index.venue(house.nas, b"elm-ap1") is None
    assert house.ask(handshake(b"right-passphrase"), nas_identifier=b"hudson-house-ap1") is not None


def test_unknown_change_means_that_anything_may_have_changed(three, handshake):
    house, (_, _, last) = three
    house.start()
    house.store.keys.set_status(last, KeyStatus.SUSPENDED, now=house.now)
    with house.store._db.writing():
        house.store._db.execute("UPDATE changes SET entity = 'of a later version'")
    settle(house)
    assert house.ask(handshake(b"passphrase 2")) is None
    assert house.ask(handshake(b"passphrase 1")) is not None
    assert house.follower.refresh(house.now + timedelta(seconds=1)) is None


def test_many_rows_are_counted_and_not_all_named(caplog):
    caplog.set_level(logging.INFO, logger="radiusd")
    damaged = Damage()
    for _ in range(2):
        for number in range(5_000):
            damaged.report("keys", number)
    assert len(damaged) == 5_000
    assert len(caplog.records) == 101
    damaged.reread("keys", range(4_000), {17})
    assert len(damaged) == 1_001
    damaged.forget()
    assert len(damaged) == 0
