"""Pools as the store has them, read once and then by changes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress, Ssid
from provisioning import Device, KeyDraft, KeyStatus, Passphrase, StoreError
from radiusd import Follower
from radiusd.state.id_ranges import IdRanges

SSID = Ssid(b"Hudson House")
MAC = MacAddress(b"\2\0\0\0\2\1")


@pytest.fixture
def follower(house):
    with house.open_store() as store:
        yield Follower(store)


def draft(number, **fields):
    # 64 hex digits are the PMK itself: nothing to derive.
    return KeyDraft(passphrase=Passphrase(b"%064x" % number), **fields)


def test_nothing_new_costs_one_question(house, follower):
    follower.load(house.now)
    assert follower.refresh(house.now) is None
    house.add_key(SSID, b"right-passphrase")
    assert follower.refresh(house.now) is not None
    assert follower.refresh(house.now) is None


def test_devices_another_worker_learned_are_taken_over(house, follower):
    key_id = house.add_key(SSID, b"right-passphrase")
    follower.load(house.now)
    device = Device(house.pool(SSID), MAC, key_id)
    house.store.devices.remember([device], house.now)
    update = follower.refresh(house.now)
    assert update.learned == (replace(device, sequence=1),)
    assert update.devices == ()
    assert not update.device_keys  # no key has other devices than before: it has one more
    assert update.stale_keys is not None
    assert not update.stale_keys
    assert follower.refresh(house.now) is None
    other = Device(house.pool(SSID), MacAddress(b"\2\0\0\0\2\2"), key_id)
    house.store.devices.remember([other], house.now)
    assert follower.refresh(house.now).learned == (replace(other, sequence=2),)


def test_devices_of_a_key_removed_meanwhile_are_not_taken_over(house, follower):
    key_id = house.add_key(SSID, b"right-passphrase")
    follower.load(house.now)
    house.store.devices.remember([Device(house.pool(SSID), MAC, key_id)], house.now)
    house.store.keys.set_status(key_id, KeyStatus.REMOVED, now=house.now)
    update = follower.refresh(house.now)
    assert (update.devices, update.learned) == ((), ())


def test_another_connection_misses_nothing(house, follower):
    follower.load(house.now)
    key_id = house.add_key(SSID, b"right-passphrase", devices=(MAC,))
    with house.open_store() as store:
        follower.read_from(store)
        assert [device.key_id for device in follower.refresh(house.now).devices] == [key_id]
        assert follower.refresh(house.now) is None


def test_pools_grow_and_shrink_with_the_store(house, follower):
    update = follower.load(house.now)
    pool_id = house.pool(SSID)
    update = follower.refresh(house.now)
    pool = update.pools[pool_id]
    ids = house.store.keys.add_many(pool_id, [draft(number) for number in range(1, 200)])
    update = follower.refresh(house.now)
    assert update.pools is None
    assert list(update.stale_keys) == [(ids[0], ids[-1])]
    assert len(pool) == 199
    house.store.keys.set_status(ids[5], KeyStatus.REMOVED, now=house.now)
    follower.refresh(house.now)
    assert ids[5] in pool  # so that the log can say that it was removed


def test_long_removed_keys_are_not_loaded(house, follower):
    pool_id = house.pool(SSID)
    old, new = house.store.keys.add_many(pool_id, [draft(1), draft(2)])
    house.store.keys.set_status(old, KeyStatus.REMOVED, now=house.now - timedelta(days=91))
    house.store.keys.set_status(new, KeyStatus.REMOVED, now=house.now - timedelta(days=89))
    pool = follower.load(house.now).pools[pool_id]
    assert (old in pool, new in pool) == (False, True)
    house.store.keys.reset(house.store.keys.add(pool_id, draft(3)), Passphrase(b"%064x" % 4))
    follower.refresh(house.now)
    assert len(pool) == 2


def test_change_of_status_leaves_the_pool_alone(house, follower, monkeypatch):
    """A device that asks while its neighbour's key is suspended must still be found."""
    pool_id = house.pool(SSID)
    ids = house.store.keys.add_many(pool_id, [draft(1), draft(2)])
    pool = follower.load(house.now).pools[pool_id]
    touched = []
    for name in ("add", "remove"):
        monkeypatch.setattr(type(pool), name, lambda *_, name=name: touched.append(name))
    house.store.keys.set_status(ids[0], KeyStatus.SUSPENDED, now=house.now)
    follower.refresh(house.now)
    assert touched == []
    house.store.keys.reset(ids[1], Passphrase(b"%064x" % 3))
    follower.refresh(house.now)
    assert touched == ["remove", "add"]


def test_key_whose_keypool_is_not_read_yet_waits_for_it(house, follower, monkeypatch):
    """A keypool may come with its keys between one question to the store and the next."""
    follower.load(house.now)
    with monkeypatch.context() as patch:
        patch.setattr(type(house.store.keypools), "all", lambda *_: ())
        pool_id = house.pool(SSID)
        (key_id,) = house.store.keys.add_many(pool_id, [draft(1)])
        assert follower.refresh(house.now).pools == {}
    house.store.keys.add_many(pool_id, [draft(2)])
    house.store.keypools.add(Ssid(b"Guests"))
    house.store.keys.set_status(key_id, KeyStatus.SUSPENDED, now=house.now)
    pool = follower.refresh(house.now).pools[pool_id]
    assert len(pool) == 2


def test_many_keys_after_a_few(house, follower):
    pool_id = house.pool(SSID)
    house.store.keys.add_many(pool_id, [draft(1)])
    pool = follower.load(house.now).pools[pool_id]
    house.store.keys.add_many(pool_id, [draft(number) for number in range(2, 3000)])
    while follower.refresh(house.now) is not None:
        pass
    assert len(pool) == 2999
    assert 2999 in pool


def test_refresh_that_fails_is_tried_again(house, follower, monkeypatch):
    pool_id = house.pool(SSID)
    pool = follower.load(house.now).pools[pool_id]
    house.store.keys.add(pool_id, draft(1))

    def fail(*_, **__):
        raise StoreError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(type(house.store.keys), "batches", fail)
        with pytest.raises(StoreError):
            follower.refresh(house.now)
    assert follower.refresh(house.now) is not None
    assert len(pool) == 1


def test_venue_and_plan_make_details_stale(house, follower):
    follower.load(house.now)
    house.store.plans.add("fast", download_kbps=1000, upload_kbps=None, devices=None, wireless_only=True)
    assert follower.refresh(house.now).stale_keys is None


class TestIdRanges:
    @given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)), max_size=12))
    def test_same_as_a_set(self, pieces):
        ranges = IdRanges((first, first + more) for first, more in pieces)
        expected = {number for first, more in pieces for number in range(first, first + more + 1)}
        assert {number for number in range(80) if number in ranges} == expected
        assert [number for first, last in ranges for number in range(first, last + 1)] == sorted(expected)
        assert bool(ranges) == bool(expected)
        assert all(second[0] > first[1] + 1 for first, second in zip(list(ranges), list(ranges)[1:], strict=False))

    def test_only_numbers_are_in_it(self):
        assert "1" not in IdRanges([(1, 2)])


class TestManyNewKeys:
    """A revocation is applied before an import that was committed ahead of it, however large that is."""

    @pytest.fixture
    def imported(self, house, follower, monkeypatch):
        monkeypatch.setattr("radiusd.state.follower._STEP", 1000)
        pool_id = house.pool(SSID)
        first, second = house.store.keys.add_many(pool_id, [draft(1), draft(2)])
        pool = follower.load(house.now).pools[pool_id]
        house.store.keys.add_many(pool_id, [draft(number, devices=(MAC,)) for number in range(3, 5003)])
        return house.store, pool, first, second

    def test_what_is_known_comes_first(self, house, follower, imported):
        store, pool, first, second = imported
        store.keys.set_status(first, KeyStatus.SUSPENDED, now=house.now)
        store.keys.reset(second, Passphrase(b"%064x" % 9999))
        update = follower.refresh(house.now)
        assert first in update.stale_keys
        assert second in update.stale_keys
        assert len(pool) == 2  # none of the new ones, and the reset one is there
        assert follower.behind

    def test_what_comes_meanwhile_comes_next(self, house, follower, imported):
        store, pool, first, _ = imported
        follower.refresh(house.now)
        follower.refresh(house.now)
        assert len(pool) == 1002
        store.keys.set_status(first, KeyStatus.SUSPENDED, now=house.now)
        assert first in follower.refresh(house.now).stale_keys
        assert len(pool) == 1002
        counts = []
        devices = []
        while (update := follower.refresh(house.now)) is not None:
            counts.append(len(pool))
            devices.extend(update.devices)
        assert counts[:4] == [2002, 3002, 4002, 5002]
        assert not follower.behind
        assert {device.mac for device in devices} == {MAC}

    def test_new_key_that_is_suspended_before_it_was_read(self, house, follower, imported):
        """Another worker may have read it, and told of a device that uses it."""
        store, _, _, _ = imported
        store.keys.set_status(5000, KeyStatus.SUSPENDED, now=house.now)
        assert 5000 in follower.refresh(house.now).stale_keys

    def test_failure_in_between_loses_none(self, house, follower, imported, monkeypatch):
        store, pool, _, _ = imported
        follower.refresh(house.now)

        def fail(*_, **__):
            raise StoreError("database is locked")

        with monkeypatch.context() as patch:
            patch.setattr(type(store.keys), "batches", fail)
            with pytest.raises(StoreError):
                follower.refresh(house.now)
        while follower.refresh(house.now) is not None:
            pass
        assert len(pool) == 5002
