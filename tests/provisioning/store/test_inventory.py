"""Venues, units, keypools, plans, NASes."""

import contextlib
import sqlite3
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from crypto import Ssid
from provisioning import (
    AlreadyExists,
    InvalidValue,
    KeyDraft,
    MasterKey,
    NotFound,
    Passphrase,
    Scope,
    Store,
    Venue,
)


def test_venues_come_back_with_their_identifiers(store: Store) -> None:
    first = store.inventory.add_venue("Hudson House", nas_identifiers=["b", "a", "b"], wireless_only_vlan_offset=100)
    second = store.inventory.add_venue("Café: Résidents")
    assert first.nas_identifiers == ("b", "a")
    venues = store.inventory.venues()
    assert [(venue.id, venue.name, set(venue.nas_identifiers)) for venue in venues] == [
        (first.id, "Hudson House", {"a", "b"}),
        (second.id, "Café: Résidents", set()),
    ]
    assert venues[0].wireless_only_vlan_offset == 100


def test_names_and_identifiers_are_taken_once(store: Store, venue: Venue) -> None:
    with pytest.raises(AlreadyExists, match="there is a venue 'Hudson House' already"):
        store.inventory.add_venue("Hudson House")
    with pytest.raises(AlreadyExists, match="belongs to another venue"):
        store.inventory.add_venue("Other", nas_identifiers=["hudson-house-ap1"])
    assert len(store.inventory.venues()) == 1
    store.inventory.add_plan("Basic")
    with pytest.raises(AlreadyExists):
        store.inventory.add_plan("Basic")
    store.inventory.add_nas(ip_network("10.0.0.0/24"), b"secret")
    with pytest.raises(AlreadyExists, match=r"10\.0\.0\.0/24"):
        store.inventory.add_nas(ip_network("10.0.0.0/24"), b"other")
    store.inventory.add_nas(ip_network("10.0.0.0/16"), b"other")


def test_unit_names_are_unique_in_their_building(store: Store, venue: Venue) -> None:
    units = (
        store.inventory.add_unit(venue.id, "4B"),
        store.inventory.add_unit(venue.id, "4B", building="West", floor="4", vlan=104),
        store.inventory.add_unit(store.inventory.add_venue("Other").id, "4B"),
    )
    assert store.inventory.units() == units
    for building in (None, "West"):
        with pytest.raises(AlreadyExists):
            store.inventory.add_unit(venue.id, "4B", building=building)
    with pytest.raises(NotFound):
        store.inventory.add_unit(99, "4B")


def test_an_ssid_has_one_keypool_per_place(store: Store, venue: Venue) -> None:
    other, third = store.inventory.add_venue("Other"), store.inventory.add_venue("Third")
    local = store.inventory.add_keypool(Ssid(b"x"), venue_ids=[venue.id, other.id])
    everywhere = store.inventory.add_keypool(Ssid(b"x"))
    raw = store.inventory.add_keypool(Ssid(b"\xff\x00"), venue_ids=[venue.id])
    assert store.inventory.keypools() == (local, everywhere, raw)
    assert (local.scope, everywhere.scope) == (Scope.LOCAL, Scope.GLOBAL)
    with pytest.raises(AlreadyExists, match="SSID x has keypool 1 there already"):
        store.inventory.add_keypool(Ssid(b"x"), venue_ids=[other.id])
    with pytest.raises(AlreadyExists):
        store.inventory.add_keypool(Ssid(b"x"))
    with pytest.raises(NotFound):
        store.inventory.add_keypool(Ssid(b"z"), venue_ids=[99])
    apart = store.inventory.add_keypool(Ssid(b"x"), venue_ids=[third.id])
    store.inventory.attach_venue(apart.id, venue.id)  # where the SSID has keys of its own
    with pytest.raises(InvalidValue, match="is global"):
        store.inventory.attach_venue(everywhere.id, venue.id)
    with pytest.raises(NotFound):
        store.inventory.attach_venue(99, venue.id)
    store.inventory.attach_venue(apart.id, third.id)  # is there already


def test_nases_come_back_with_their_secret(store: Store, venue: Venue) -> None:
    first = store.inventory.add_nas(
        ip_network("10.0.0.0/24"), b"\xff octets", name="ctl", venue_id=venue.id, profile="hostapd"
    )
    second = store.inventory.add_nas(ip_network("2001:db8::1"), b"testing123", require_message_authenticator=False)
    assert store.inventory.nases() == (first, second)
    assert (second.name, second.profile, second.venue_id) == ("2001:db8::1/128", "auto", None)
    store.inventory.remove_nas(first.id)
    assert store.inventory.nases() == (second,)
    with pytest.raises(NotFound):
        store.inventory.remove_nas(first.id)
    for profile in ("", "Magic", "-magic", "magic-", "m" * 33, "ma gic", "magic\n"):
        with pytest.raises(InvalidValue, match="is not a profile's name"):
            store.inventory.add_nas(ip_network("10.0.0.1"), b"s", profile=profile)
    with pytest.raises(InvalidValue, match="1 to 1024 octets"):
        store.inventory.add_nas(ip_network("10.0.0.1"), b"")
    with pytest.raises(NotFound):
        store.inventory.add_nas(ip_network("10.0.0.1"), b"s", venue_id=99)
    assert len(store.inventory.nases()) == 1


def test_plans_come_back(store: Store) -> None:
    plan = store.inventory.add_plan("Basic", download_kbps=50_000, upload_kbps=10_000, devices=4, wireless_only=True)
    quotas = {"download_quota_octets": 1, "upload_quota_octets": 2, "total_quota_octets": 3}
    other = store.inventory.add_plan("Quota", **quotas, vlan_pool="residents")
    assert store.inventory.plans() == (plan, other)
    assert (other.download_quota_octets, other.upload_quota_octets, other.total_quota_octets) == (1, 2, 3)
    assert (plan.total_quota_octets, plan.vlan_pool, other.vlan_pool) == (None, None, "residents")


def test_plans_of_an_older_database_have_no_quotas(store: Store, path: Path, master_key: MasterKey) -> None:
    pool = store.inventory.add_keypool(Ssid(b"x"))
    plan = store.inventory.add_plan("Basic", download_kbps=50_000, total_quota_octets=7, vlan_pool="residents")
    key_id = store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"a passphrase"), plan_id=plan.id))
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as raw:
        for column in ("download_quota_octets", "upload_quota_octets", "total_quota_octets", "vlan_pool"):
            raw.execute(f"ALTER TABLE plans DROP COLUMN {column}")
        raw.execute("DELETE FROM _sqlite_migrations WHERE name = '0004_plan_quotas'")
        raw.commit()
    with Store.open(path, master_key) as again:
        before = again.inventory.plans()[0]
        assert before == replace(plan, total_quota_octets=None, vlan_pool=None)
        assert again.keys.get(key_id).plan == before
        after = again.inventory.add_plan("Quota", upload_quota_octets=2**63 - 1, vlan_pool="residents")
        assert again.inventory.plans() == (before, after)
