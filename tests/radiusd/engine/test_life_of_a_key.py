"""What an operator does to a key, as access points are answered: the commands' own functions, and real requests."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crypto import MacAddress
from provisioning import Passphrase
from provisioning.lifecycle import key_changes, keys
from tests.radiusd.house import SPA, SSID

OLD, NEW = b"former-horse-11", b"newest-horse-22"
OTHER = MacAddress(b"\2\0\0\0\2\7")
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def building(house):
    """Ann's key in 4B, VLAN 104."""
    house.units = [house.store.units.add(house.venue.id, name, vlan=vlan) for name, vlan in (("4B", 104), ("5C", 105))]
    house.key = house.add_key(SSID, OLD, identity="Ann", unit_id=house.units[0].id)
    house.numbers = itertools.cycle(range(256))
    return house.start()


@pytest.fixture
def joins(building, handshake):
    """Return a function that asks three times, as decided, known and repeated answers are made in different ways."""

    def join(passphrase, device=SPA):
        shown = handshake(passphrase, spa=device)
        answers = {building.ask(shown, identifier=next(building.numbers)) for _ in range(3)}
        assert len(answers) == 1
        return answers.pop()

    return join


def test_both_passphrases_work_until_the_end_of_the_grace(building, joins, lines):
    assert joins(OLD).vlan == 104
    keys.reset(building.store, building.key, Passphrase(NEW), now=building.now, grace=HOUR)
    building.follow()
    assert [joins(passphrase).vlan for passphrase in (OLD, NEW, OLD)] == [104, 104, 104]
    assert joins(OLD).session_timeout_s == 3600
    assert joins(NEW).session_timeout_s is None
    building.now += HOUR - SECOND
    assert joins(OLD, OTHER).session_timeout_s == 1
    building.now += SECOND
    assert joins(OLD) is None
    assert "the passphrase was changed, and the former one ended 2026-11-20 13:00 UTC" in lines()[-1]
    assert joins(NEW).vlan == 104
    assert building.store.keys.settle(building.now) == 1
    building.follow()
    assert joins(OLD) is None
    assert joins(NEW, OTHER).vlan == 104


def test_a_known_device_needs_no_search_for_either(building, joins, lines):
    joins(OLD)
    building.save()
    keys.reset(building.store, building.key, Passphrase(NEW), now=building.now, grace=HOUR)
    building.follow()
    before = len(lines())
    assert joins(OLD) is not None
    assert joins(NEW) is not None
    assert any("how=known" in line for line in lines()[before:])
    assert not [line for line in lines()[before:] if "how=search" in line]


def test_without_grace_the_former_passphrase_ends_at_once(building, joins):
    joins(OLD)
    keys.reset(building.store, building.key, Passphrase(NEW), now=building.now)
    building.follow()
    assert joins(OLD) is None
    assert joins(NEW).vlan == 104


def test_a_suspended_key_lets_nobody_in_with_either(building, joins):
    keys.reset(building.store, building.key, Passphrase(NEW), now=building.now, grace=HOUR)
    keys.suspend(building.store, building.key, now=building.now, reason="late")
    building.follow()
    assert (joins(OLD), joins(NEW)) == (None, None)
    keys.resume(building.store, building.key, now=building.now)
    building.follow()
    assert None not in (joins(OLD), joins(NEW))


def test_a_moved_key_has_the_vlan_of_its_unit_with_either_passphrase(building, joins):
    joins(OLD)
    keys.reset(building.store, building.key, Passphrase(NEW), now=building.now, grace=HOUR)
    key_changes.move(building.store, building.key, building.units[1].id, now=building.now)
    building.follow()
    assert (joins(OLD).vlan, joins(NEW).vlan) == (105, 105)


def test_a_removal_with_grace_ends_then_and_can_be_called_off(building, joins, lines):
    joins(OLD)
    keys.remove(building.store, building.key, now=building.now, grace=HOUR)
    building.follow()
    assert joins(OLD).session_timeout_s == 3600
    keys.restore(building.store, building.key, now=building.now)
    building.follow()
    assert joins(OLD).session_timeout_s is None
    keys.remove(building.store, building.key, now=building.now, grace=HOUR)
    building.follow()
    building.now += HOUR
    assert joins(OLD) is None
    assert 'reason="removed 2026-11-20"' in lines()[-1]


def test_a_restored_key_works_for_the_devices_it_had(building, joins):
    joins(OLD)
    building.save()
    keys.remove(building.store, building.key, now=building.now)
    building.follow()
    assert joins(OLD) is None
    keys.restore(building.store, building.key, now=building.now)
    building.follow()
    assert joins(OLD).vlan == 104


def test_an_extended_key_goes_on(building, joins):
    with building.store.change("test"):
        building.store.keys.update(building.key, ends=building.now + HOUR)
    building.follow()
    assert joins(OLD).session_timeout_s == 3600
    key_changes.extend(building.store, building.key, now=building.now, by=timedelta(days=1))
    building.follow()
    building.now += 2 * HOUR
    assert joins(OLD).session_timeout_s == 23 * 3600


def test_a_day_that_clocks_change_on_is_extended_to_its_end(building, joins):
    building.store.venues.save(replace(building.venue, time_zone="Europe/Berlin"))
    with building.store.change("test"):
        building.store.keys.update(building.key, ends=datetime(2027, 3, 27, 22, 59, 59, tzinfo=UTC))
    building.now = datetime(2027, 3, 27, 22, tzinfo=UTC)  # 23:00: the day after has 23 hours
    key_changes.extend(building.store, building.key, now=building.now, by=timedelta(days=1))
    building.follow()
    assert joins(OLD).session_timeout_s == 24 * 3600 - 1
