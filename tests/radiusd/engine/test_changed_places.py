"""What access points are answered after an administrator has changed units, keypools, plans, venues and NASes."""

import itertools
from datetime import timedelta

import pytest

from crypto import Ssid
from provisioning.lifecycle.nases import change_nas
from provisioning.lifecycle.plans import add_plan, change_plan, migrate_plan
from provisioning.lifecycle.pools import connect_pool, disconnect_pool, remove_pool
from provisioning.lifecycle.undo import undo
from provisioning.lifecycle.units import Fate, add_unit, change_unit, merge_units, remove_unit
from provisioning.lifecycle.venues import change_venue, remove_venue

SSID = Ssid(b"Hudson House")


@pytest.fixture
def ask(house, handshake):
    """Return what follows the changes, asks anew and gives what was granted, None for a Reject."""
    number = itertools.count(1024)

    def ask(passphrase=b"right-passphrase", **options):
        house.follow()
        return house.ask(handshake(passphrase), port=next(number), **options)

    return ask


@pytest.fixture
def flat(house):
    return add_unit(house.store, house.venue, "4A", vlan=104)


def test_keys_follow_their_units_vlan(house, ask, flat):
    house.add_key(SSID, b"right-passphrase", unit_id=flat.id)
    house.start()
    assert ask().vlan == 104
    change_unit(house.store, flat.id, vlan=204)
    assert [ask().vlan for _ in range(3)] == [204] * 3
    change_unit(house.store, flat.id, vlan=None)
    assert ask().vlan is None
    undo(house.store, author=house.store.recorder.author.name, entry_id=house.store.audit.next_id() - 1)
    assert ask().vlan == 204


def test_those_who_move_are_on_the_vlan_of_their_new_unit(house, ask, flat):
    other = add_unit(house.store, house.venue, "4B", vlan=105)
    house.add_key(SSID, b"right-passphrase", unit_id=flat.id)
    house.start()
    assert ask().vlan == 104
    merge_units(house.store, flat.id, other.id)
    assert ask().vlan == 105


def test_those_whose_unit_is_gone_get_in_no_more(house, ask, flat):
    house.add_key(SSID, b"right-passphrase", unit_id=flat.id)
    house.add_key(SSID, b"other-passphrase")
    house.start()
    assert ask()
    remove_unit(house.store, flat.id, now=house.now, fate=Fate.END)
    assert [ask() for _ in range(3)] == [None] * 3
    assert ask(b"other-passphrase")
    undo(house.store, author="", entry_id=house.store.audit.next_id() - 1)
    assert ask().vlan == 104


def test_a_keypool_is_valid_where_it_is_connected(house, ask):
    house.add_key(SSID, b"right-passphrase")
    elm = house.store.venues.add("Elm", nas_identifiers=["elm-1"])
    house.change_nas(any_venue=True)
    house.start()
    here, there = ({"nas_identifier": name} for name in (b"hudson-house-ap1", b"elm-1"))
    assert (bool(ask(**here)), ask(**there)) == (True, None)
    connect_pool(house.store, house.pool(SSID), elm.id)
    assert (bool(ask(**here)), bool(ask(**there))) == (True, True)
    disconnect_pool(house.store, house.pool(SSID), house.venue.id, now=house.now)
    assert (ask(**here), bool(ask(**there))) == (None, True)
    disconnect_pool(house.store, house.pool(SSID), elm.id, now=house.now)
    assert (ask(**here), ask(**there)) == (None, None)


def test_keys_go_with_their_keypool_and_come_back_with_it(house, ask):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    assert ask()
    remove_pool(house.store, house.pool(SSID), with_keys=1)
    assert [ask() for _ in range(3)] == [None] * 3
    undo(house.store, author="", entry_id=house.store.audit.next_id() - 1)
    assert ask()


def test_what_a_plan_grants_changes_with_it(house, ask, flat):
    basic, gold = (add_plan(house.store, name, download_kbps=rate) for name, rate in (("Basic", 1000), ("Gold", 9000)))
    house.add_key(SSID, b"right-passphrase", plan_id=basic.id, unit_id=flat.id)
    house.change_nas(profile="openwifi")
    house.start()

    def rate():
        return ask(dialect="openwifi").rates.download_kbps

    assert rate() == 1000
    change_plan(house.store, basic.id, download_kbps=2000)
    assert rate() == 2000
    migrate_plan(house.store, basic.id, gold.id)
    assert rate() == 9000
    change_venue(house.store, house.venue.id, wireless_only_vlan_offset=1000)
    assert ask(dialect="openwifi").vlan == 104
    change_plan(house.store, gold.id, wireless_only=True)
    assert ask(dialect="openwifi").vlan == 1104


def test_a_nas_gets_the_keys_of_the_venue_it_moved_to(house, ask):
    house.add_key(SSID, b"right-passphrase")
    elm = house.store.venues.add("Elm")
    house.start()
    assert ask()
    change_nas(house.store, house.nas.id, now=house.now, venue_id=elm.id)
    assert [ask() for _ in range(2)] == [None] * 2
    change_nas(house.store, house.nas.id, now=house.now, venue_id=house.venue.id)
    assert ask()


def test_an_access_point_that_was_added_to_a_venue_is_told_in_either_case(house, ask):
    house.add_key(SSID, b"right-passphrase")
    house.store.venues.add("Elm")
    house.change_nas(any_venue=True)
    house.start()
    assert ask(nas_identifier=b"HH-AP3") is None
    change_venue(house.store, house.venue.id, add_identifiers=["hh-ap3"])
    assert ask(nas_identifier=b"HH-AP3")
    change_venue(house.store, house.venue.id, remove_identifiers=["HH-ap3"])
    assert ask(nas_identifier=b"HH-AP3") is None


def test_all_of_a_venue_is_answered_for_at_the_one_it_moved_to(house, ask, flat):
    house.add_key(SSID, b"right-passphrase", unit_id=flat.id)
    elm = house.store.venues.add("Elm")
    house.start()
    remove_venue(
        house.store, house.venue.id, now=house.now, fate=Fate.MOVE, to=elm.id, confirmation="DELETE-VENUE-AB12"
    )
    assert ask().vlan == 104
    house.now += timedelta(seconds=1)
    remove_venue(house.store, elm.id, now=house.now, fate=Fate.END, confirmation="DELETE-VENUE-AB12")
    house.follow()
    assert house.store.nases.all() == ()
