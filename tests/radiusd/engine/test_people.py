"""What is done to people, as access points see it: with a handshake, and of a device that is known."""

from dataclasses import replace
from datetime import timedelta

import pytest

from crypto import MacAddress
from provisioning.lifecycle import subscribers, whitelists
from provisioning.lifecycle.erasure import erase
from provisioning.lifecycle.undo import undo
from provisioning.model import Author, SubscriberStatus
from radiusd import Lookup
from tests.radiusd.house import SPA, SSID

OTHER = MacAddress(b"\2\0\0\0\2\7")
HOUR = timedelta(hours=1)


@pytest.fixture
def building(house):
    """Ann lives in 4B by a subscription; her key's device is known; 5C is empty."""
    house.flats = [house.store.units.add(house.venue.id, name, vlan=vlan) for name, vlan in (("4B", 104), ("5C", 105))]
    house.key = house.add_key(SSID, b"right-passphrase", identity="Ann", subscriber="Ann Lee", devices=(SPA,))
    (house.ann,) = house.store.subscribers.named("Ann Lee")
    house.lease = subscribers.subscribe(
        house.store,
        house.ann.id,
        unit_id=house.flats[0].id,
        starts=house.now - HOUR,
        ends=house.now + 48 * HOUR,
        key_ids=[house.key],
        now=house.now,
    )
    house.count = 0
    return house.start()


def asks(house, handshake, device=SPA, **source):
    """Return the answers to a lookup and to a handshake, three times: decided, learned, repeated."""
    answers = []
    for _ in range(3):
        lookup = Lookup(device=device, ssid=SSID, aa=MacAddress(b"\2\0\0\0\1\0"))
        for subject in (lookup, handshake(b"right-passphrase", spa=device)):
            house.count = (house.count + 1) % 256
            answers.append(house.ask(subject, identifier=house.count, **source))
    return answers


def test_a_move_and_another_end_hold_at_once(building, handshake):
    assert {(each.vlan, each.session_timeout_s) for each in asks(building, handshake)} == {(104, 48 * 3600)}
    subscribers.move(building.store, building.ann.id, building.flats[1].id, now=building.now)
    lease = building.store.subscribers.subscription(building.lease.id)
    subscribers.set_subscription(building.store, replace(lease, ends=building.now + HOUR), now=building.now)
    building.follow()
    assert {(each.vlan, each.session_timeout_s) for each in asks(building, handshake)} == {(105, 3600)}
    building.now += HOUR
    assert set(asks(building, handshake)) == {None}


def test_a_closed_account_opens_nothing_and_undo_opens_it(building, handshake, lines):
    building.store.recorder.author = Author("ann", "here")
    assert None not in asks(building, handshake)
    subscribers.close(building.store, building.ann.id, now=building.now, reason="moved out")
    building.follow()
    assert set(asks(building, handshake)) == {None}
    assert 'reason="expired 2026-11-20 12:00 UTC" who=Ann' in lines()[-1]
    undo(building.store, author="ann")
    building.follow()
    assert None not in asks(building, handshake)


def test_a_closed_account_shuts_out_keys_of_no_subscription(building, handshake, lines):
    with building.store.change("key.set"):
        building.store.keys.update(building.key, subscription_id=None, ends=None)
    building.follow()
    assert None not in asks(building, handshake)
    subscribers.close(building.store, building.ann.id, now=building.now, reason="moved out")
    building.follow()
    assert set(asks(building, handshake)) == {None}
    assert 'reason="subscriber closed: moved out" who=Ann' in lines()[-1]


def test_who_is_suspended_waits_for_resume_and_a_suspended_key_for_its_own(building, handshake):
    set_status, now = subscribers.set_status, building.now
    for status in (SubscriberStatus.SUSPENDED, SubscriberStatus.PENDING):
        set_status(building.store, building.ann.id, status, now=now, reason="late with the rent")
        building.follow()
        assert set(asks(building, handshake)) == {None}
        set_status(building.store, building.ann.id, SubscriberStatus.ACTIVE, now=now)
        building.follow()
        assert None not in asks(building, handshake)


def test_the_whitelist_of_a_subscriber_is_in_force(building, handshake, lines):
    assert None not in asks(building, handshake)
    entry = whitelists.allow(building.store, building.ann.id, OTHER, now=building.now)
    building.follow()
    assert set(asks(building, handshake)) == {None}
    assert 'reason="this device is not on the subscriber\'s whitelist" who=Ann' in lines()[-1]
    own = whitelists.allow(building.store, building.ann.id, SPA, now=building.now)
    building.follow()
    assert None not in asks(building, handshake)
    whitelists.disallow(building.store, own, now=building.now, grace=HOUR)
    building.follow()
    assert {each.session_timeout_s for each in asks(building, handshake)} == {3600}
    building.now += HOUR
    assert set(asks(building, handshake)) == {None}
    for each in (entry, own):
        whitelists.disallow(building.store, each, now=building.now)
    building.follow()
    assert None not in asks(building, handshake)


def test_each_nas_is_allowed_until_its_own_time(building, handshake):
    for name, hours in (("hudson-house-ap1", 1), ("hudson-house-ap2", 2)):
        whitelists.allow(building.store, building.ann.id, name, until=building.now + hours * HOUR, now=building.now)
    building.follow()
    for name, hours in ((b"hudson-house-ap1", 1), (b"hudson-house-ap2", 2)):
        answers = asks(building, handshake, nas_identifier=name)
        assert {each.session_timeout_s for each in answers} == {hours * 3600}
    building.now += HOUR
    assert set(asks(building, handshake, nas_identifier=b"hudson-house-ap1")) == {None}
    assert None not in asks(building, handshake, nas_identifier=b"hudson-house-ap2")


def test_who_was_erased_is_nobody(building, handshake, lines):
    assert None not in asks(building, handshake)
    building.save()
    erase(building.store, building.ann.id)
    assert building.store.rewrite()
    building.follow()
    said = len(lines())
    assert set(asks(building, handshake)) == {None}
    assert 'reason="unknown passphrase' in lines()[-1]
    assert not any("Ann" in line or "key=" in line for line in lines()[said:])
    building.save()  # what a server had learned meanwhile brings nobody back
    assert building.store.devices.keys_of(SPA) == ()
    assert building.store.audit.verify()[2] == []
