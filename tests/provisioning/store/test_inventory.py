"""Venues, units, keypools, plans, NASes."""

import contextlib
import sqlite3
from dataclasses import replace
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from provisioning import (
    AlreadyExists,
    Answers,
    Device,
    Entity,
    InvalidValue,
    KeyDraft,
    NotFound,
    Passphrase,
    Scope,
    Store,
    UnknownDevices,
)


def test_venues_come_back_with_their_identifiers(store):
    first = store.venues.add("Hudson House", nas_identifiers=["b", "a", "b"], wireless_only_vlan_offset=100)
    second = store.venues.add("Café: Résidents")
    assert first.nas_identifiers == ("b", "a")
    venues = store.venues.all()
    assert [(venue.id, venue.name, set(venue.nas_identifiers)) for venue in venues] == [
        (first.id, "Hudson House", {"a", "b"}),
        (second.id, "Café: Résidents", set()),
    ]
    assert venues[0].wireless_only_vlan_offset == 100


def test_names_and_identifiers_are_taken_once(store, venue):
    with pytest.raises(AlreadyExists, match="there is a venue 'Hudson House' already"):
        store.venues.add("Hudson House")
    with pytest.raises(AlreadyExists, match="belongs to another venue"):
        store.venues.add("Other", nas_identifiers=["hudson-house-ap1"])
    assert len(store.venues.all()) == 1
    store.plans.add("Basic")
    with pytest.raises(AlreadyExists):
        store.plans.add("Basic")
    store.nases.add(ip_network("10.0.0.0/24"), b"secret")
    with pytest.raises(AlreadyExists, match=r"10\.0\.0\.0/24"):
        store.nases.add(ip_network("10.0.0.0/24"), b"other")
    store.nases.add(ip_network("10.0.0.0/16"), b"other")


def test_unit_names_are_unique_on_their_floor(store, venue):
    units = (
        store.units.add(venue.id, "4B"),
        store.units.add(venue.id, "4B", building="West", floor="4", vlan=104),
        store.units.add(store.venues.add("Other").id, "4B"),
    )
    assert store.units.all() == units
    for building, floor in ((None, None), ("West", "4")):
        with pytest.raises(AlreadyExists):
            store.units.add(venue.id, "4B", building=building, floor=floor)
    with pytest.raises(NotFound):
        store.units.add(99, "4B")


def test_an_ssid_has_one_keypool_per_place(store, venue):
    other, third = store.venues.add("Other"), store.venues.add("Third")
    local = store.keypools.add(Ssid(b"x"), venue_ids=[venue.id, other.id])
    everywhere = store.keypools.add(Ssid(b"x"))
    raw = store.keypools.add(Ssid(b"\xff\x00"), venue_ids=[venue.id])
    assert store.keypools.all() == (local, everywhere, raw)
    assert (local.scope, everywhere.scope) == (Scope.LOCAL, Scope.GLOBAL)
    with pytest.raises(AlreadyExists, match="SSID x has keypool 1 there already"):
        store.keypools.add(Ssid(b"x"), venue_ids=[other.id])
    with pytest.raises(AlreadyExists):
        store.keypools.add(Ssid(b"x"))
    with pytest.raises(NotFound):
        store.keypools.add(Ssid(b"z"), venue_ids=[99])
    apart = store.keypools.add(Ssid(b"x"), venue_ids=[third.id])
    store.keypools.attach_venue(apart.id, venue.id)  # where the SSID has keys of its own
    with pytest.raises(InvalidValue, match="is global"):
        store.keypools.attach_venue(everywhere.id, venue.id)
    with pytest.raises(NotFound):
        store.keypools.attach_venue(99, venue.id)
    store.keypools.attach_venue(apart.id, third.id)  # is there already


def test_nases_come_back_with_their_secret(store, venue):
    first = store.nases.add(ip_network("10.0.0.0/24"), b"\xff octets", name="ctl", venue_id=venue.id, profile="hostapd")
    second = store.nases.add(ip_network("2001:db8::1"), b"testing123", require_message_authenticator=False)
    assert store.nases.all() == (first, second)
    assert (second.name, second.profile, second.venue_id) == ("2001:db8::1/128", "auto", venue.id)
    store.nases.remove(first.id)
    assert store.nases.all() == (second,)
    with pytest.raises(NotFound):
        store.nases.remove(first.id)
    for profile in ("", "Magic", "-magic", "magic-", "m" * 33, "ma gic", "magic\n"):
        with pytest.raises(InvalidValue, match="is not a profile's name"):
            store.nases.add(ip_network("10.0.0.1"), b"s", profile=profile)
    with pytest.raises(InvalidValue, match="1 to 1024 octets"):
        store.nases.add(ip_network("10.0.0.1"), b"")
    with pytest.raises(NotFound):
        store.nases.add(ip_network("10.0.0.1"), b"s", venue_id=99)
    assert len(store.nases.all()) == 1


def test_plans_come_back(store):
    plan = store.plans.add("Basic", download_kbps=50_000, upload_kbps=10_000, devices=4, wireless_only=True)
    quotas = {"download_quota_octets": 1, "upload_quota_octets": 2, "total_quota_octets": 3}
    other = store.plans.add("Quota", **quotas, vlan_pool="residents")
    assert store.plans.all() == (plan, other)
    assert (other.download_quota_octets, other.upload_quota_octets, other.total_quota_octets) == (1, 2, 3)
    assert (plan.total_quota_octets, plan.vlan_pool, other.vlan_pool) == (None, None, "residents")


def test_plans_of_an_older_database_have_no_quotas(store, path, master_key):
    pool = store.keypools.add(Ssid(b"x"))
    plan = store.plans.add("Basic", download_kbps=50_000, total_quota_octets=7, vlan_pool="residents")
    key_id = store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"a passphrase"), plan_id=plan.id))
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as raw:
        for column in ("download_quota_octets", "upload_quota_octets", "total_quota_octets", "vlan_pool"):
            raw.execute(f"ALTER TABLE plans DROP COLUMN {column}")
        raw.execute("DELETE FROM _sqlite_migrations WHERE name = '0004_plan_quotas'")
        raw.commit()
    with Store.open(path, master_key) as again:
        before = again.plans.all()[0]
        assert before == replace(plan, total_quota_octets=None, vlan_pool=None)
        assert again.keys.get(key_id).plan == before
        after = again.plans.add("Quota", upload_quota_octets=2**63 - 1, vlan_pool="residents")
        assert again.plans.all() == (before, after)


class TestVenueOfNas:
    """A NAS belongs to a venue, unless it is said to be for any."""

    def test_the_only_venue_is_meant(self, store, venue):
        assert store.nases.add(ip_network("10.0.0.1"), b"testing123").venue_id == venue.id
        anywhere = store.nases.add(ip_network("10.0.0.2"), b"testing123", any_venue=True)
        assert (anywhere.venue_id, anywhere.any_venue) == (None, True)

    def test_of_several_one_must_be_named(self, store, venue):
        other = store.venues.add("Other House")
        with pytest.raises(InvalidValue, match=r"there are 2 venues: say --venue VENUE, or --any-venue"):
            store.nases.add(ip_network("10.0.0.1"), b"testing123")
        assert store.nases.all() == ()
        assert store.nases.add(ip_network("10.0.0.1"), b"testing123", venue_id=other.id).venue_id == other.id
        assert store.nases.add(ip_network("10.0.0.2"), b"testing123", any_venue=True).venue_id is None

    def test_the_first_venue_takes_those_added_before_it(self, store):
        early = store.nases.add(ip_network("10.0.0.1"), b"testing123")
        anywhere = store.nases.add(ip_network("10.0.0.2"), b"testing123", any_venue=True)
        assert (early.venue_id, early.any_venue) == (None, False)
        first = store.venues.add("Hudson House")
        revision = store.changes.revision()
        store.venues.add("Other House")
        assert store.nases.all() == (replace(early, venue_id=first.id), anywhere)
        changed = [(each.entity, each.first_id) for each in store.changes.since(0) if each.revision <= revision]
        assert changed[-2:] == [(Entity.VENUE, first.id), (Entity.NAS, early.id)]  # a running server must hear of it

    def test_one_venue_and_any_exclude_each_other(self, store, venue):
        with pytest.raises(InvalidValue, match="one venue or to any, not both"):
            store.nases.add(ip_network("10.0.0.1"), b"testing123", venue_id=venue.id, any_venue=True)


def test_answers_of_a_nas_come_back(store):
    kinds = dict(enumerate(Answers, 1))
    for address, each in kinds.items():
        store.nases.add(ip_network(f"10.0.0.{address}"), b"testing123", answers=each)
    assert [nas.answers for nas in store.nases.all()] == list(kinds.values())
    with pytest.raises(InvalidValue, match="offered to lookups"):
        store.nases.add(
            ip_network("10.0.0.9"),
            b"testing123",
            answers=Answers.HANDSHAKES,
            unknown_devices=UnknownDevices.OFFER,
        )


def test_an_older_database_keeps_what_its_nases_and_devices_do(store, path, master_key, venue):
    pool = store.keypools.add(Ssid(b"x"))
    ids = store.keys.add_many(pool.id, [KeyDraft(passphrase=Passphrase(b"passphrase %d" % n)) for n in range(2)])
    store.nases.add(ip_network("10.0.0.1"), b"testing123")
    store.nases.add(ip_network("10.0.0.2"), b"testing123", any_venue=True)
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as raw:
        for column in ("answers", "any_venue"):
            raw.execute(f"ALTER TABLE nases DROP COLUMN {column}")
        raw.executescript("""
            DROP TABLE devices;
            CREATE TABLE devices (
                keypool_id INTEGER NOT NULL REFERENCES keypools(id), mac BLOB NOT NULL,
                key_id INTEGER NOT NULL REFERENCES keys(id), first_seen INTEGER, last_seen INTEGER,
                sequence INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (keypool_id, mac)
            ) WITHOUT ROWID;
            CREATE INDEX devices_by_key ON devices (key_id, mac);
            CREATE INDEX devices_by_sequence ON devices (sequence) WHERE sequence > 0;
        """)
        rows = [(pool.id, b"\2\0\0\0\0\1", ids[0], None, None, 0), (pool.id, b"\2\0\0\0\0\2", ids[1], 5, 6, 7)]
        raw.executemany("INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?)", rows)
        raw.execute("DELETE FROM _sqlite_migrations WHERE name = '0005_nas_answers_and_registered_devices'")
        raw.commit()
    with Store.open(path, master_key) as again:
        assert [(nas.venue_id, nas.any_venue, nas.answers) for nas in again.nases.all()] == [
            (venue.id, False, Answers.BOTH),
            (None, True, Answers.BOTH),
        ]
        assert list(again.devices.of_keys()) == [
            Device(pool.id, MacAddress(b"\2\0\0\0\0\1"), ids[0], registered=True),
            Device(pool.id, MacAddress(b"\2\0\0\0\0\2"), ids[1], registered=False, sequence=7),
        ]
        assert again._db.rows("SELECT first_seen, last_seen FROM devices") == [(None, None), (5, 6)]
