"""When a device was last seen: noted once in eight minutes, on either way to its answer."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from crypto import MacAddress, Ssid
from radiusd.state.sightings import Sightings

SSID = Ssid(b"Hudson House")
DEVICE = MacAddress(b"\2\0\0\0\2\1")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def sightings():
    made = Sightings()
    made.turn(NOON)
    return made


def test_a_device_is_noted_once_in_eight_minutes(sightings):
    for _ in range(3):
        sightings.note(DEVICE.value, 5)
    assert sightings.unsaved() == ((DEVICE.value, 5),)
    sightings.saved(sightings.unsaved())
    sightings.turn(NOON + timedelta(minutes=7))
    sightings.note(DEVICE.value, 5)
    assert sightings.unsaved() == ()
    sightings.turn(NOON + timedelta(minutes=8))
    sightings.note(DEVICE.value, 5)
    assert sightings.unsaved() == ((DEVICE.value, 5),)


def test_each_of_its_keys_by_itself(sightings):
    for key_id in (5, 6, 5):
        sightings.note(DEVICE.value, key_id)
    assert sightings.unsaved() == ((DEVICE.value, 5), (DEVICE.value, 6))


def test_what_waits_is_bounded_and_stored_in_pieces(sightings):
    for number in range(100_000):
        sightings.note(number.to_bytes(6), 5)
    stored = []
    while seen := sightings.unsaved():
        assert len(seen) <= 2048
        stored += seen
        sightings.saved(seen)
    assert 60_000 < len(stored) == len(set(stored)) <= 65_536


def test_the_store_says_when_each_device_was_last_seen(house, lookup, handshake):
    """Devices that use one key for ever are written nowhere else: what ages by that would forget them."""
    key_id = house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
    house.start()
    number = itertools.count(1024)

    def last_seen():
        seen = house.index.sightings.unsaved()
        house._server_store.devices.see(seen, house.now)
        house.index.sightings.saved(seen)
        (sighting,) = house.store.devices.sightings(key_id)
        return sighting.first, sighting.last

    first, revision = house.now, house.store.changes.revision()
    for subject in (lookup(), handshake(b"right-passphrase")):
        for _ in range(3):  # by the engine, then on the fast path
            house.now += timedelta(days=1)
            house.index.sightings.turn(house.now)
            assert house.ask(subject, port=next(number))
            assert last_seen() == (first + timedelta(days=1), house.now)
    assert house.store.changes.revision() == revision
    assert house.index.devices.keys(house.pool(SSID), DEVICE) == (key_id,)
    house.now += timedelta(days=1)
    house.index.sightings.turn(house.now)
    assert house.ask(handshake(b"wrong-passphrase"), port=next(number)) is None
    assert last_seen()[1] == house.now - timedelta(days=1)
