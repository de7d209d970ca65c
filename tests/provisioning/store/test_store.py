"""Keys, devices and the change feed."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import MacAddress, Ssid, passphrase_to_pmk
from provisioning import (
    Change,
    Device,
    Duplicate,
    DuplicateKey,
    Entity,
    InvalidValue,
    KeyDraft,
    Keypool,
    KeyRemoved,
    KeyStatus,
    MasterKey,
    NotFound,
    Passphrase,
    RowDamaged,
    Scope,
    Store,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def draft(passphrase=b"sunny-Otter-41", **values):
    return KeyDraft(passphrase=Passphrase(passphrase), **values)


def mac(number):
    return MacAddress(number.to_bytes(6, "big"))


def test_a_key_comes_back_as_it_was_described(store, venue, pool):
    unit = store.units.add(venue.id, "4B", building="West", floor="4", vlan=104)
    plan = store.plans.add("Basic", download_kbps=50_000, devices=4)
    id_ = store.keys.add(
        pool.id,
        draft(
            identity="ann",
            unit_id=unit.id,
            subscriber="Ann Archer",
            plan_id=plan.id,
            starts=NOW,
            ends=NOW + DAY,
            devices=(mac(1), mac(2)),
        ),
    )
    key = store.keys.get(id_)
    assert key is not None
    assert (key.id, key.keypool_id, key.identity) == (id_, pool.id, "ann")
    assert key.passphrase.value == b"sunny-Otter-41"
    assert key.pmk == passphrase_to_pmk(b"sunny-Otter-41", pool.ssid)
    assert (key.unit, key.plan, key.vlan, key.effective_vlan) == (unit, plan, None, 104)
    assert key.subscriber is not None
    assert key.subscriber.name == "Ann Archer"
    assert (key.starts, key.ends, key.status) == (NOW, NOW + DAY, KeyStatus.ACTIVE)
    assert list(store.devices.of_keys()) == [Device(pool.id, mac(n), id_, registered=True) for n in (1, 2)]
    assert store.keys.get(id_ + 1) is None


def test_a_key_without_an_identity_is_named_after_its_id(store, pool):
    id_ = store.keys.add(pool.id, draft())
    assert [key.identity for key in store.keys.select()] == [f"key-{id_}"]


def test_subscribers_are_shared_by_name(store, pool):
    ids = store.keys.add_many(
        pool.id, [draft(b"passphrase %d" % n, subscriber="ann" if n < 2 else None) for n in range(3)]
    )
    store.keys.add(pool.id, draft(subscriber="ann"))
    found = [key.subscriber for key in store.keys.select()]
    assert len(ids) == 3
    assert found[0] == found[1] == found[3]
    assert found[2] is None


@pytest.mark.parametrize(
    ("own", "wireless_only", "with_unit", "vlan"),
    [
        (None, False, True, 104),
        (12, False, True, 12),
        (None, True, True, 1104),
        (12, True, True, 1012),
        (12, True, False, 1012),  # the keypool's only venue decides
        (12, False, False, 12),
        (None, True, False, None),
    ],
)
def test_effective_vlan_follows_key_unit_and_venue(store, own, wireless_only, with_unit, vlan):
    venue = store.venues.add("v", wireless_only_vlan_offset=1000)
    pool = store.keypools.add(Ssid(b"x"), venue_ids=[venue.id])
    unit = store.units.add(venue.id, "4B", vlan=104)
    plan = store.plans.add("p", wireless_only=wireless_only)
    id_ = store.keys.add(pool.id, draft(vlan=own, unit_id=unit.id if with_unit else None, plan_id=plan.id))
    key = store.keys.get(id_)
    assert key is not None
    assert key.effective_vlan == vlan


def test_a_vlan_moved_out_of_range_is_refused(store):
    venue = store.venues.add("v", wireless_only_vlan_offset=4000)
    pool = store.keypools.add(Ssid(b"x"), venue_ids=[venue.id])
    plan = store.plans.add("p", wireless_only=True)
    with pytest.raises(InvalidValue, match="VLAN 104 plus the venue's offset 4000"):
        store.keys.add(pool.id, draft(vlan=104, plan_id=plan.id))


def test_links_to_what_is_not_there_are_refused(store, venue, pool):
    elsewhere = store.units.add(store.venues.add("Other").id, "1A")
    for refused, error in (
        (draft(unit_id=99), NotFound),
        (draft(plan_id=99), NotFound),
        (draft(unit_id=elsewhere.id), InvalidValue),
    ):
        with pytest.raises(error):
            store.keys.add(pool.id, refused)
    with pytest.raises(NotFound, match="no keypool 99"):
        store.keys.add(99, draft())
    assert not list(store.keys.select())


def test_no_keys_are_no_change(store, pool):
    before = store.changes.revision()
    assert store.keys.add_many(pool.id, []) == range(0)
    assert store.changes.revision() == before
    with pytest.raises(ValueError, match="1 PMKs for 2 keys"):
        store.keys.add_many(pool.id, [draft(), draft(b"another one")], pmks=np.zeros((1, 32), np.uint8))


class TestDuplicates:
    def test_one_passphrase_once_per_keypool(self, store, pool):
        store.keys.add(pool.id, draft(identity="ann"))
        with pytest.raises(DuplicateKey) as caught:
            store.keys.add(pool.id, draft(identity="bob"))
        assert str(caught.value) == "passphrase already in use on this SSID"  # and nobody's name
        assert caught.value.duplicates == (Duplicate(0, None),)

    def test_a_raw_pmk_is_the_passphrase_it_comes_from(self, store, pool):
        store.keys.add(pool.id, draft())
        digits = passphrase_to_pmk(b"sunny-Otter-41", pool.ssid).value.hex()
        for text in (digits, digits.upper()):
            with pytest.raises(DuplicateKey):
                store.keys.add(pool.id, draft(text.encode()))

    def test_keypools_that_meet_share_no_passphrase(self, store, venue, pool):
        other = store.keypools.add(pool.ssid, venue_ids=[store.venues.add("Other").id])
        elsewhere = store.keypools.add(Ssid(b"Guest"))
        everywhere = store.keypools.add(pool.ssid)
        store.keys.add(pool.id, draft())
        store.keys.add(other.id, draft())  # another venue
        store.keys.add(elsewhere.id, draft())  # another SSID
        with pytest.raises(DuplicateKey):
            store.keys.add(everywhere.id, draft())
        store.keys.add(everywhere.id, draft(b"maple-Falcon-77"))
        with pytest.raises(DuplicateKey):
            store.keys.add(other.id, draft(b"maple-Falcon-77"))

    def test_attaching_a_venue_looks_for_meetings(self, store, venue, pool):
        other = store.keypools.add(pool.ssid, venue_ids=[store.venues.add("Other").id])
        store.keys.add(pool.id, draft(ends=NOW))
        key = store.keys.add(other.id, draft(identity="ann", ends=NOW))
        store.keys.add(other.id, draft(starts=NOW))
        with pytest.raises(DuplicateKey) as caught:
            store.keypools.attach_venue(other.id, venue.id)
        assert str(caught.value) == "1 of its passphrases is already in use on this SSID there"
        assert store.keypools.all()[1].venue_ids == other.venue_ids
        store.keys.set_status(key, KeyStatus.REMOVED, now=NOW)
        store.keypools.attach_venue(other.id, venue.id)
        assert store.keypools.all()[1].venue_ids == (venue.id, *other.venue_ids)
        with pytest.raises(DuplicateKey):  # from now on they meet
            store.keys.add(pool.id, draft(starts=NOW))

    def test_windows_that_do_not_overlap_may_share(self, store, pool):
        store.keys.add(pool.id, draft(starts=NOW, ends=NOW + DAY))
        store.keys.add(pool.id, draft(starts=NOW + DAY))
        store.keys.add(pool.id, draft(ends=NOW))
        for window in (
            {},
            {"starts": NOW + 2 * DAY},
            {"ends": NOW + DAY / 2},
            {"starts": NOW - DAY, "ends": NOW + DAY},
        ):
            with pytest.raises(DuplicateKey):
                store.keys.add(pool.id, draft(**window))

    def test_suspended_keys_hold_their_passphrase_and_removed_ones_do_not(self, store, pool):
        id_ = store.keys.add(pool.id, draft())
        store.keys.set_status(id_, KeyStatus.SUSPENDED, now=NOW)
        with pytest.raises(DuplicateKey):
            store.keys.add(pool.id, draft())
        store.keys.set_status(id_, KeyStatus.REMOVED, now=NOW)
        store.keys.add(pool.id, draft())

    def test_reset_is_held_to_it_too(self, store, pool):
        ids = store.keys.add_many(pool.id, [draft(), draft(b"maple-Falcon-77")])
        with pytest.raises(DuplicateKey):
            store.keys.reset(ids[1], Passphrase(b"sunny-Otter-41"))
        store.keys.reset(ids[0], Passphrase(b"sunny-Otter-41"))  # its own
        store.keys.reset(ids[0], Passphrase(b"another-one-3"))
        store.keys.reset(ids[1], Passphrase(b"sunny-Otter-41"))

    def test_a_batch_is_refused_whole_with_every_position(self, store, pool):
        store.keys.add(pool.id, draft(b"stored-already"))
        revision = store.changes.revision()
        values = [
            b"passphrase 1",
            b"stored-already",
            b"passphrase 2",
            b"passphrase 1",
            b"passphrase 1",
            b"passphrase 3",
        ]
        with pytest.raises(DuplicateKey) as caught:
            store.keys.add_many(pool.id, [draft(value) for value in values])
        assert caught.value.duplicates == (Duplicate(1, None), Duplicate(3, 0), Duplicate(4, 0))
        assert len(list(store.keys.select())) == 1
        assert store.changes.revision() == revision

    def test_more_keys_than_one_statement_looks_up(self, store, pool):
        pmks = np.random.default_rng(1).integers(0, 256, (1300, 32), dtype=np.uint8)
        drafts = [draft(b"passphrase %d" % number) for number in range(1300)]
        store.keys.add_many(pool.id, drafts, pmks=pmks)
        with pytest.raises(DuplicateKey) as caught:
            store.keys.add_many(pool.id, drafts, pmks=pmks)
        assert [each.position for each in caught.value.duplicates] == list(range(1300))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 4), st.integers(1, 3), st.booleans()),
        max_size=25,
    )
)
def test_duplicates_are_those_a_plain_loop_finds(rows):
    """Each row: which keypool, which PMK, first day, days, added alone rather than in a batch with its neighbours."""
    import tempfile
    from pathlib import Path

    pools = [
        Keypool(id=1, ssid=Ssid(b"x"), scope=Scope.LOCAL, venue_ids=(1,)),
        Keypool(id=2, ssid=Ssid(b"x"), scope=Scope.LOCAL, venue_ids=(2,)),
        Keypool(id=3, ssid=Ssid(b"x"), scope=Scope.GLOBAL, venue_ids=()),
        Keypool(id=4, ssid=Ssid(b"y"), scope=Scope.LOCAL, venue_ids=(1,)),
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.create(Path(folder) / "latchkey.db", MasterKey(bytes(32))) as store,
    ):
        for name in ("one", "two"):
            store.venues.add(name)
        for pool in pools:
            assert store.keypools.add(pool.ssid, venue_ids=pool.venue_ids).id == pool.id
        held: list[tuple[Keypool, int, int, int]] = []
        for which, pmk, first, days, _ in rows:
            pool = pools[which]
            collides = any(
                pool.meets(other) and pmk == taken and first < stop and start < first + days
                for other, taken, start, stop in held
            )
            value = np.full((1, 32), pmk, np.uint8)
            window = draft(starts=NOW + first * DAY, ends=NOW + (first + days) * DAY)
            if collides:
                with pytest.raises(DuplicateKey):
                    store.keys.add_many(pool.id, [window], pmks=value)
            else:
                store.keys.add_many(pool.id, [window], pmks=value)
                held.append((pool, pmk, first, first + days))


class TestStatus:
    def test_suspend_resume_remove(self, store, pool):
        id_ = store.keys.add(pool.id, draft())

        def reason():
            key = store.keys.get(id_)
            assert key is not None
            return key.validity(NOW)

        store.keys.set_status(id_, KeyStatus.SUSPENDED, now=NOW, reason="delinquent")
        assert reason() == "suspended: delinquent"
        store.keys.set_status(id_, KeyStatus.SUSPENDED, now=NOW)
        assert reason() == "suspended"
        store.keys.set_status(id_, KeyStatus.ACTIVE, now=NOW)
        assert reason() is None
        store.keys.set_status(id_, KeyStatus.REMOVED, now=NOW)
        assert reason() == "removed 2026-11-20"

    def test_removal_is_final(self, store, pool):
        id_ = store.keys.add(pool.id, draft())
        store.keys.set_status(id_, KeyStatus.REMOVED, now=NOW)
        for status in KeyStatus:
            with pytest.raises(KeyRemoved, match="was removed 2026-11-20"):
                store.keys.set_status(id_, status, now=NOW + DAY)
        with pytest.raises(KeyRemoved):
            store.keys.reset(id_, Passphrase(b"maple-Falcon-77"))
        with pytest.raises(KeyRemoved):
            store.keys.add_device(id_, mac(1))

    def test_keys_that_are_not_there(self, store):
        with pytest.raises(NotFound):
            store.keys.set_status(1, KeyStatus.ACTIVE, now=NOW)
        with pytest.raises(NotFound):
            store.keys.reset(1, Passphrase(b"maple-Falcon-77"))

    def test_a_reason_that_would_break_the_log_is_refused(self, store, pool):
        id_ = store.keys.add(pool.id, draft())
        with pytest.raises(InvalidValue):
            store.keys.set_status(id_, KeyStatus.SUSPENDED, now=NOW, reason="late\nforged line")

    def test_a_reset_key_keeps_its_devices(self, store, pool):
        id_ = store.keys.add(pool.id, draft(devices=(mac(1),)))
        store.keys.reset(id_, Passphrase(b"maple-Falcon-77"))
        key = store.keys.get(id_)
        assert key is not None
        assert key.passphrase.value == b"maple-Falcon-77"
        assert key.pmk == passphrase_to_pmk(b"maple-Falcon-77", pool.ssid)
        assert list(store.devices.of_keys()) == [Device(pool.id, mac(1), id_, registered=True)]


def known(store):
    """Return the keys of each device."""
    keys: dict[MacAddress, list[int]] = {}
    for device in store.devices.of_keys():
        keys.setdefault(device.mac, []).append(device.key_id)
    return keys


def unpack(batch):
    columns = (batch.keypool_ids, batch.macs, batch.key_ids, batch.registered, batch.sequences)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Device(keypool_id, mac(number), *rest) for keypool_id, number, *rest in rows]


class TestDevices:
    def test_last_two_keys_that_a_device_has_shown_are_kept(self, store, pool):
        ids = store.keys.add_many(pool.id, [draft(b"passphrase %d" % n) for n in range(3)])
        revision = store.changes.revision()
        store.devices.remember([Device(pool.id, mac(1), ids[0]), Device(pool.id, mac(2), ids[0])], NOW)
        store.devices.remember([Device(pool.id, mac(1), ids[1])], NOW + DAY)
        assert known(store) == {mac(1): [ids[0], ids[1]], mac(2): [ids[0]]}
        store.devices.remember([Device(pool.id, mac(1), ids[0]), Device(pool.id, mac(1), ids[2])], NOW + 2 * DAY)
        assert known(store) == {mac(1): [ids[0], ids[2]], mac(2): [ids[0]]}
        assert store.changes.revision() == revision
        seen = store._db.rows(
            "SELECT first_seen, last_seen FROM devices WHERE mac = ? ORDER BY key_id", (mac(1).value,)
        )
        first, third = (int((NOW + n * DAY).timestamp()) for n in (0, 2))
        assert seen == [(first, third), (third, third)]

    def test_one_read_after_another_gives_what_was_shown_since_in_order(self, store, pool):
        ids = store.keys.add_many(pool.id, [draft(b"passphrase %d" % n) for n in range(2)])
        start = store.devices.sequence()
        store.devices.remember([Device(pool.id, mac(1), ids[1]), Device(pool.id, mac(1), ids[0])], NOW)
        middle = store.devices.sequence()
        store.devices.remember([Device(pool.id, mac(1), ids[1])], NOW)
        end = store.devices.sequence()
        assert [device.key_id for device in store.devices.learned(start, middle)] == [ids[0]]
        assert [device.key_id for device in store.devices.learned(start, end)] == [ids[0], ids[1]]
        assert [device.key_id for device in store.devices.learned(middle, end)] == [ids[1]]

    def test_what_a_device_shows_leaves_its_registration_alone(self, store, pool):
        ids = store.keys.add_many(pool.id, [draft(b"passphrase %d" % n) for n in range(4)])
        store.keys.add_device(ids[0], mac(1))
        for id_ in ids[1:]:
            store.devices.remember([Device(pool.id, mac(1), id_)], NOW)
        assert known(store) == {mac(1): [ids[0], ids[2], ids[3]]}
        assert [device.key_id for device in store.devices.of_keys() if device.registered] == [ids[0]]
        store.devices.remember([Device(pool.id, mac(1), ids[0])], NOW)
        assert [device.key_id for device in store.devices.of_keys() if device.registered] == [ids[0]]

    def test_a_device_is_registered_with_one_key_of_a_keypool(self, store, pool):
        other = store.keypools.add(Ssid(b"Guest"))
        ids = store.keys.add_many(pool.id, [draft(b"passphrase %d" % n) for n in range(2)])
        elsewhere = store.keys.add(other.id, draft(devices=(mac(1),)))
        store.devices.remember([Device(pool.id, mac(1), ids[1])], NOW)
        for id_ in ids:
            store.keys.add_device(id_, mac(1))
        assert list(store.devices.of_keys()) == [
            Device(pool.id, mac(1), ids[1], registered=True, sequence=1),
            Device(other.id, mac(1), elsewhere, registered=True),
        ]

    def test_a_device_of_no_key_does_not_lose_the_others(self, store, pool):
        other = store.keypools.add(Ssid(b"Guest"))
        id_ = store.keys.add(pool.id, draft())
        store.devices.remember(
            [Device(pool.id, mac(1), 99), Device(other.id, mac(2), id_), Device(pool.id, mac(3), id_)], NOW
        )
        store.devices.remember([], NOW)
        assert known(store) == {mac(3): [id_]}

    def test_batches_hold_the_same_devices(self, store, pool, monkeypatch):
        monkeypatch.setattr("provisioning.store.devices._CHUNK", 2)
        ids = store.keys.add_many(pool.id, [draft(b"passphrase %d" % n, devices=(mac(2**40 + n),)) for n in range(3)])
        store.devices.remember([Device(pool.id, mac(1), ids[1]), Device(pool.id, mac(1), ids[0])], NOW)
        batches = list(store.devices.batches())
        assert [len(batch) for batch in batches] == [2, 2, 1]
        assert [device for batch in batches for device in unpack(batch)] == list(store.devices.of_keys())

    @pytest.mark.parametrize(
        "damage", ["mac = x'0200'", "mac = 'text-6'", "keypool_id = 'one'", "sequence = 'last'", "registered = 0.5"]
    )
    def test_a_damaged_row_costs_itself(self, store, pool, damage):
        ids = store.keys.add_many(pool.id, [draft(b"passphrase %d" % n, devices=(mac(n),)) for n in range(3)])
        store._db.sql.execute("PRAGMA foreign_keys = OFF")
        store._db.sql.execute("PRAGMA ignore_check_constraints = ON")
        with store._db.writing():
            store._db.execute(f"UPDATE devices SET {damage} WHERE key_id = ?", (ids[1],))  # noqa: S608
        told = []
        devices = [device for batch in store.devices.batches(lambda *row: told.append(row)) for device in unpack(batch)]
        assert [device.key_id for device in devices] == [ids[0], ids[2]]
        assert told == [("devices", ids[1])]
        with pytest.raises(RowDamaged):
            list(store.devices.batches())

    def test_devices_of_a_range_and_none_of_removed_keys(self, store, pool):
        ids = store.keys.add_many(
            pool.id, [draft(b"passphrase %d" % n, devices=(mac(n), mac(n + 100))) for n in range(4)]
        )
        assert [device.key_id for device in store.devices.of_keys(first_key_id=ids[1], last_key_id=ids[2])] == [
            2,
            2,
            3,
            3,
        ]
        store.keys.set_status(ids[1], KeyStatus.REMOVED, now=NOW)
        assert [device.key_id for device in store.devices.of_keys()] == [1, 1, 3, 3, 4, 4]
        assert list(store.devices.of_keys(first_key_id=5)) == []

    def test_many_devices_come_in_pages(self, store, pool, monkeypatch):
        monkeypatch.setattr("provisioning.store.devices._CHUNK", 3)
        ids = store.keys.add_many(pool.id, [draft(b"passphrase %d" % n) for n in range(2)])
        store.devices.remember([Device(pool.id, mac(n), ids[n % 2]) for n in range(20)], NOW)
        assert known(store) == {mac(n): [ids[n % 2]] for n in range(20)}


class TestBatches:
    def test_batches_hold_every_key_once_by_keypool(self, store, pool):
        guest = store.keypools.add(Ssid(b"Guest"))
        expected = {}
        for number in range(7):
            home = guest if number % 3 == 0 else pool
            id_ = store.keys.add(home.id, draft(b"passphrase %d" % number))
            expected[id_] = (home.id, passphrase_to_pmk(b"passphrase %d" % number, home.ssid).value)
        for size in (1, 2, 100):
            batches = list(store.keys.batches(lapsed_since=NOW, batch=size))
            assert all(len(batch.ids) == len(batch.pmks) <= size for batch in batches)
            assert all(batch.ids.dtype == np.int64 and batch.pmks.dtype == np.uint8 for batch in batches)
            assert {
                int(id_): (batch.keypool_id, pmk.tobytes())
                for batch in batches
                for id_, pmk in zip(batch.ids, batch.pmks, strict=True)
            } == expected
        ranged = list(store.keys.batches(first_id=2, last_id=4, lapsed_since=NOW))
        assert sorted(int(id_) for batch in ranged for id_ in batch.ids) == [2, 3, 4]
        for keypool_id in {keypool_id for keypool_id, _ in expected.values()}:
            found = list(store.keys.batches(keypool_id=keypool_id, lapsed_since=NOW, batch=2))
            assert {batch.keypool_id for batch in found} == {keypool_id}
            ids = [int(id_) for batch in found for id_ in batch.ids]
            assert ids == sorted(id_ for id_, (place, _) in expected.items() if place == keypool_id)

    def test_only_long_removed_keys_are_left_out(self, store, pool):
        ids = store.keys.add_many(pool.id, [draft(b"passphrase %d" % n, ends=NOW - 500 * DAY) for n in range(4)])
        store.keys.set_status(ids[1], KeyStatus.REMOVED, now=NOW - 91 * DAY)
        store.keys.set_status(ids[2], KeyStatus.REMOVED, now=NOW - 89 * DAY)
        store.keys.set_status(ids[3], KeyStatus.SUSPENDED, now=NOW - 500 * DAY)
        (batch,) = store.keys.batches(lapsed_since=NOW - 90 * DAY)
        assert list(batch.ids) == [ids[0], ids[2], ids[3]]

    def test_a_reader_at_rest_holds_up_no_writer(self, store, pool):
        store.keys.add_many(pool.id, [draft(b"passphrase %d" % n) for n in range(4)])
        batches = store.keys.batches(lapsed_since=NOW, batch=1)
        next(batches)
        store.keys.add(pool.id, draft())
        assert store._db.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        assert len(list(batches)) == 4


class TestChanges:
    def test_every_write_of_an_administrator_is_in_the_feed(self, store):
        from ipaddress import ip_network

        writes = [
            (lambda: store.venues.add("v"), [(Entity.VENUE, 1, 1)]),
            (lambda: store.keypools.add(Ssid(b"x"), venue_ids=[1]), [(Entity.KEYPOOL, 1, 1)]),
            (lambda: store.plans.add("p"), [(Entity.PLAN, 1, 1)]),
            (lambda: store.nases.add(ip_network("::1"), b"s"), [(Entity.NAS, 1, 1)]),
            (lambda: store.nases.remove(1), [(Entity.NAS, 1, 1)]),
            (lambda: store.keys.add(1, draft()), [(Entity.KEY, 1, 1)]),
            (
                lambda: store.keys.add_many(1, [draft(b"passphrase %d" % n, devices=(mac(n),)) for n in range(5)]),
                [(Entity.KEY, 2, 6), (Entity.DEVICE, 2, 6)],
            ),
            (
                lambda: store.keys.add(1, draft(b"maple-Falcon-77", subscriber="ann")),
                [(Entity.KEY, 7, 7)],
            ),
            (lambda: store.keys.set_status(3, KeyStatus.SUSPENDED, now=NOW), [(Entity.KEY, 3, 3)]),
            (lambda: store.keys.reset(3, Passphrase(b"another-one-3")), [(Entity.KEY, 3, 3)]),
            (lambda: store.keys.add_device(3, mac(50)), [(Entity.DEVICE, 3, 3)]),
            (
                lambda: store.venues.add("w") and store.keypools.attach_venue(1, 2),
                [(Entity.VENUE, 2, 2), (Entity.KEYPOOL, 1, 1)],
            ),
        ]
        for write, expected in writes:
            before = store.changes.revision()
            write()
            assert [(each.entity, each.first_id, each.last_id) for each in store.changes.since(before)] == expected
            assert store.changes.since(before)[0] == Change(before + 1, *expected[0])
        assert store.changes.since(store.changes.revision()) == ()

    def test_data_version_moves_only_for_others_commits(self, store, master_key):
        with Store.open(store._db.path, master_key) as other:
            before = other.changes.data_version()
            assert other.changes.data_version() == before
            other.venues.add("mine")
            assert other.changes.data_version() == before
            store.venues.add("theirs")
            assert other.changes.data_version() != before


def test_keys_are_listed_by_what_is_asked(store, pool):
    guest = store.keypools.add(Ssid(b"Guest"))
    store.keys.add_many(pool.id, [draft(b"passphrase %d" % n, identity=f"r{n % 2}") for n in range(4)])
    store.keys.add(guest.id, draft(identity="r1"))
    store.keys.set_status(2, KeyStatus.SUSPENDED, now=NOW)

    def ids(**asked):
        return [key.id for key in store.keys.select(**asked)]

    assert ids() == [1, 2, 3, 4, 5]
    assert ids(keypool_id=guest.id) == [5]
    assert ids(identity="r1") == [2, 4, 5]
    assert ids(identity="r1", status=KeyStatus.ACTIVE) == [4, 5]
    assert ids(identity="r1", status=KeyStatus.ACTIVE, keypool_id=pool.id) == [4]
    assert store.keys.counts() == {pool.id: 4, guest.id: 1}
    store.compact()
