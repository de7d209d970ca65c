"""Which keys a device is known with, in memory."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress
from provisioning import Device, DeviceBatch
from radiusd.state.devices import Devices
from radiusd.state.id_ranges import IdRanges

MAC, OTHER = MacAddress(b"\2\0\0\0\2\1"), MacAddress(b"\2\0\0\0\2\2")


@pytest.fixture
def told():
    """The addresses whose keys have changed, as told so far."""
    return []


@pytest.fixture
def devices(told):
    return Devices(told.append, per_key=4)


def mac(number):
    return MacAddress(number.to_bytes(6))


class TestKeys:
    def test_unknown_device_has_none(self, devices):
        assert devices.keys(1, MAC) == ()
        assert devices.registered(1, MAC) is None
        assert list(devices.of(1)) == []

    def test_last_two_are_kept_the_last_used_first(self, devices):
        for key_id in (5, 6, 7):
            devices.learn(1, MAC, key_id)
        assert devices.keys(1, MAC) == (7, 6)
        devices.learn(1, MAC, 6)
        assert devices.keys(1, MAC) == (6, 7)
        assert len(devices) == 1

    def test_registered_key_comes_first_and_stays(self, devices):
        devices.learn(1, MAC, 5)
        devices.add([Device(1, MAC, 9, registered=True)])
        assert devices.keys(1, MAC) == (9, 5)
        for key_id in (6, 7, 8):
            devices.learn(1, MAC, key_id)
        assert devices.keys(1, MAC) == (9, 8, 7)
        assert devices.registered(1, MAC) == 9
        assert list(devices.of(1)) == [(MAC.value, 9)]

    def test_registered_key_that_is_used_stays_registered(self, devices, told):
        devices.add([Device(1, MAC, 9, registered=True)])
        del told[:]
        devices.learn(1, MAC, 9)
        assert devices.keys(1, MAC) == (9,)
        assert devices.unsaved() == ()
        assert told == []

    def test_learned_key_that_is_registered_is_there_once(self, devices):
        devices.learn(1, MAC, 5)
        devices.learn(1, MAC, 6)
        devices.add([Device(1, MAC, 5, registered=True)])
        assert devices.keys(1, MAC) == (5, 6)

    def test_keypools_are_apart(self, devices):
        devices.learn(1, MAC, 5)
        devices.learn(2, MAC, 6)
        assert (devices.keys(1, MAC), devices.keys(2, MAC)) == ((5,), (6,))
        assert len(devices) == 2

    def test_another_registration_takes_the_place_of_the_first(self, devices):
        devices.add([Device(1, MAC, 8, registered=True), Device(1, MAC, 9, registered=True)])
        assert devices.keys(1, MAC) == (9,)


class TestSaving:
    def test_what_was_learned_waits_to_be_saved(self, devices):
        devices.learn(1, MAC, 5)
        (device,) = devices.unsaved()
        devices.learn(1, MAC, 6)
        devices.saved([device])
        assert [device.key_id for device in devices.unsaved()] == [6]
        devices.saved(devices.unsaved())
        devices.learn(1, MAC, 6)
        assert devices.unsaved() == ()

    def test_what_was_used_again_meanwhile_waits_on(self, devices):
        devices.learn(1, MAC, 5)
        devices.learn(1, MAC, 6)
        saving = devices.unsaved()
        devices.learn(1, MAC, 5)
        devices.saved(saving)
        assert [device.key_id for device in devices.unsaved()] == [5]

    def test_order_is_that_of_use(self, devices):
        for key_id in (5, 6, 5):
            devices.learn(1, MAC, key_id)
        assert [device.key_id for device in devices.unsaved()] == [6, 5]

    def test_registration_is_not_saved_by_the_server(self, devices):
        devices.add([Device(1, MAC, 9, registered=True)])
        assert devices.unsaved() == ()


class TestStore:
    def test_what_was_learned_here_is_newer(self, devices):
        devices.learn(1, MAC, 6)
        devices.add([Device(1, MAC, 5)])
        devices.hear([Device(1, MAC, 5)])
        assert devices.keys(1, MAC) == (6,)

    def test_what_others_learned_comes_first(self, devices):
        devices.add([Device(1, MAC, 5, sequence=1), Device(1, MAC, 6, sequence=2)])
        assert devices.keys(1, MAC) == (6, 5)
        devices.hear([Device(1, MAC, 5, sequence=3)])
        assert devices.keys(1, MAC) == (5, 6)

    def test_reading_a_key_again_does_not_make_it_the_last_used(self, devices, told):
        devices.add([Device(1, MAC, 5), Device(1, MAC, 6)])
        del told[:]
        devices.add([Device(1, MAC, 5)])
        assert devices.keys(1, MAC) == (6, 5)
        assert told == []

    def test_deregistered_device_is_forgotten(self, devices, told):
        devices.add([Device(1, MAC, 5), Device(1, OTHER, 5), Device(2, MAC, 9)])
        del told[:]
        devices.replace(IdRanges([(5, 5)]), [Device(1, OTHER, 5)])
        assert (devices.keys(1, MAC), devices.keys(1, OTHER), devices.keys(2, MAC)) == ((), (5,), (9,))
        assert len(devices) == 2
        assert told == [MAC.value]

    def test_registration_that_is_withdrawn_leaves_what_was_shown(self, devices):
        devices.add([Device(1, MAC, 5), Device(1, MAC, 9, registered=True), Device(1, OTHER, 9)])
        devices.replace(IdRanges([(9, 9)]), [Device(1, OTHER, 9)])
        assert devices.keys(1, MAC) == (5,)
        assert devices.keys(1, OTHER) == (9,)

    def test_what_is_not_saved_yet_is_not_forgotten(self, devices):
        devices.learn(1, MAC, 5)
        devices.replace(IdRanges([(1, 9)]), [])
        assert devices.keys(1, MAC) == (5,)
        devices.saved(devices.unsaved())
        devices.replace(IdRanges([(1, 9)]), [])
        assert devices.keys(1, MAC) == ()

    @pytest.mark.parametrize("last", [5, 10**9])
    def test_ranges_of_any_length(self, devices, last):
        for number in range(20):
            devices.add([Device(1, mac(number), number + 1)])
        devices.replace(IdRanges([(5, last)]), [])
        assert len(devices) == (19 if last == 5 else 4)


class TestChanges:
    """Whoever keeps answers is told of each address whose answer can be another."""

    def test_each_change_is_told_once(self, devices, told):
        devices.learn(1, MAC, 5)
        devices.learn(1, MAC, 5)
        devices.hear([Device(1, OTHER, 5)])
        devices.hear([Device(1, OTHER, 5)])
        devices.add([Device(1, OTHER, 6, registered=True)])
        assert told == [MAC.value, OTHER.value, OTHER.value]


class TestBound:
    """A passphrase that many devices show, such as those of a phone that changes its address, costs bounded memory."""

    def test_oldest_learned_is_forgotten(self, devices, told):
        for number in range(6):
            devices.learn(1, mac(number), 5)
        assert [devices.keys(1, mac(number)) for number in range(6)] == [(), (), (5,), (5,), (5,), (5,)]
        assert len(devices) == 4
        assert told[4:] == [mac(4).value, mac(0).value, mac(5).value, mac(1).value]
        assert devices.forgotten() == {5: 2}
        assert devices.forgotten() == {}
        assert [device.mac for device in devices.unsaved()] == [mac(number) for number in range(2, 6)]

    def test_each_key_has_its_own(self, devices):
        for number in range(8):
            devices.learn(1, mac(number), 5 + number % 2)
        assert len(devices) == 8
        assert not devices.forgotten()

    def test_other_keys_of_the_device_stay(self, devices):
        devices.learn(1, mac(0), 6)
        for number in range(5):
            devices.learn(1, mac(number), 5)
        assert devices.keys(1, mac(0)) == (6,)

    def test_registered_never(self, devices):
        devices.add([Device(1, mac(number), 5, registered=True) for number in range(9)])
        for number in range(10, 15):
            devices.learn(1, mac(number), 5)
        assert all(devices.keys(1, mac(number)) == (5,) for number in range(9))
        assert devices.keys(1, mac(10)) == ()
        assert len(devices) == 13

    def test_holds_for_what_the_store_has_and_others_learn(self, devices):
        devices.add([Device(1, mac(number), 5) for number in range(9)])
        devices.hear([Device(1, mac(number), 5) for number in range(20, 23)])
        assert [address for address, _ in devices.of(1)] == [mac(number).value for number in (8, 20, 21, 22)]


def batch(devices):
    """The batch of these devices, in their order."""
    columns = zip(
        *((each.keypool_id, int.from_bytes(each.mac.value), each.key_id, each.registered, 0) for each in devices),
        strict=True,
    )
    numbers = [np.array(column, np.int64) for column in columns] or [np.zeros(0, np.int64)] * 5
    return DeviceBatch(*numbers[:3], numbers[3] != 0, numbers[4])


def contents(devices):
    """All that can be asked of devices on keypools 1 and 2, at the addresses 0 to 7 and for keys 1 to 4."""
    return (
        len(devices),
        [devices.keys(keypool, mac(number)) for keypool in (1, 2) for number in range(8)],
        [devices.registered(keypool, mac(number)) for keypool in (1, 2) for number in range(8)],
        [sorted(devices.of(keypool)) for keypool in (1, 2)],
        devices.unsaved(),
        devices.forgotten(),
    )


class TestLoading:
    def test_what_was_known_before_is_gone(self, devices):
        devices.add([Device(1, MAC, 5), Device(2, MAC, 6)])
        devices.load(batch([Device(1, OTHER, 7)]))
        assert devices.keys(1, MAC) == devices.keys(2, MAC) == ()
        assert devices.keys(1, OTHER) == (7,)
        assert len(devices) == 1

    def test_what_waits_to_be_saved_is_newer(self, devices):
        devices.learn(1, MAC, 5)
        devices.load(batch([Device(1, MAC, 6), Device(1, OTHER, 7, registered=True)]))
        assert devices.keys(1, MAC) == (5, 6)
        assert [(each.mac, each.key_id) for each in devices.unsaved()] == [(MAC, 5)]
        assert devices.registered(1, OTHER) == 7

    def test_latest_of_too_many_are_kept_whoever_else_they_show(self, devices):
        shown = [Device(1, mac(number), 5) for number in range(4)]
        devices.load(batch([*shown, Device(1, mac(0), 6), *(Device(1, mac(number), 5) for number in range(4, 6))]))
        assert devices.keys(1, mac(0)) == (6,)
        assert devices.keys(1, mac(1)) == ()
        assert [devices.keys(1, mac(number)) for number in range(2, 6)] == [(5,)] * 4
        assert devices.forgotten() == {5: 2}

    def test_a_device_that_lost_its_key_can_show_it_again(self, devices, told):
        devices.load(batch([Device(1, MAC, 5), Device(1, OTHER, 5, registered=True)]))
        devices.replace(IdRanges([(1, 9)]), [])
        assert devices.keys(1, MAC) == devices.keys(1, OTHER) == ()
        assert sorted(told) == [MAC.value, OTHER.value]
        assert list(devices.of(1)) == []
        devices.learn(1, MAC, 5)
        assert devices.keys(1, MAC) == (5,)
        devices.replace(IdRanges([(5, 5)]), [])  # which is not saved yet
        assert devices.keys(1, MAC) == (5,)


DEVICE = st.builds(
    Device,
    st.integers(1, 2),
    st.integers(0, 7).map(mac),
    st.integers(1, 4),
    st.booleans(),
)
CHANGE = st.tuples(
    st.sampled_from(["learn", "add", "hear", "replace"]), st.lists(DEVICE, max_size=4), st.integers(1, 4)
)


@given(
    # As the store has them: one row for a device and key on a keypool, one registration of a device.
    st.lists(DEVICE, unique_by=lambda each: (each.keypool_id, each.mac, each.registered or each.key_id), max_size=16),
    st.lists(CHANGE, max_size=8),
)
def test_loaded_together_is_like_added_one_by_one(stored, changes):
    keys = Counter((each.keypool_id, each.mac, each.key_id) for each in stored)
    stored = [each for each in stored if keys[each.keypool_id, each.mac, each.key_id] == 1]
    loaded, added = Devices(per_key=2), Devices(per_key=2)
    loaded.load(batch(stored))
    added.add(stored)
    assert contents(loaded) == contents(added)
    for what, some, key_id in changes:
        for devices in (loaded, added):
            if what == "learn":
                for each in some:
                    devices.learn(each.keypool_id, each.mac, each.key_id)
            elif what == "replace":
                devices.replace(IdRanges([(key_id, key_id + 1)]), some)
                devices.add(some)
            else:
                getattr(devices, what)(some)
        assert contents(loaded) == contents(added)


STEP = st.tuples(st.sampled_from(["learn", "add", "hear", "register"]), st.integers(0, 3), st.integers(1, 4))


@given(st.lists(STEP | st.tuples(st.just("replace"), st.just(0), st.integers(1, 4)), max_size=30))
def test_same_as_a_plain_model(steps):
    """The packed entries against a dict of lists: registered key, learned keys; capacity aside."""
    devices, model = Devices(per_key=99), {}
    for what, number, key_id in steps:
        registered, learned = model.setdefault(number, [None, []])
        if what == "replace":
            devices.replace(IdRanges([(key_id, key_id)]), [])
            for number, entry in model.items():
                entry[0] = None if entry[0] == key_id else entry[0]
                if (1, mac(number), key_id) not in {(d.keypool_id, d.mac, d.key_id) for d in devices.unsaved()}:
                    entry[1] = [each for each in entry[1] if each != key_id]
            continue
        device = Device(1, mac(number), key_id, registered=what == "register")
        if what == "learn":
            devices.learn(1, mac(number), key_id)
        else:
            devices.hear([device]) if what == "hear" else devices.add([device])
        if what == "register":
            model[number] = [key_id, [each for each in learned if each != key_id]]
        elif registered == key_id or (what == "add" and key_id in learned):
            continue
        elif what == "learn" or mac(number) not in {each.mac for each in devices.unsaved()}:
            learned[:] = [key_id, *[each for each in learned if each != key_id]][:2]
    for number, (registered, learned) in model.items():
        assert devices.keys(1, mac(number)) == ((registered,) if registered else ()) + tuple(learned)
    assert len(devices) == sum(1 for registered, learned in model.values() if registered or learned)
    for key_id in range(1, 5):
        known = {number for number, (registered, learned) in model.items() if key_id in (registered, *learned)}
        packed = devices._keypools[1].known_with(key_id) if 1 in devices._keypools else []
        assert {int.from_bytes(address) for address in packed} == known
        assert len(packed) == len(known)
