"""What a key is limited to beside its window: hours of its plan, devices and NASes of its subscriber's whitelist."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crypto import MacAddress
from provisioning.model import Hours, SubscriberStatus
from radiusd import Lookup
from tests.radiusd.house import SPA, SSID

OTHER = MacAddress(b"\2\0\0\0\2\7")
HOUR = timedelta(hours=1)


@pytest.fixture
def building(house):
    """Ann's key on a plan, her device known; the clock says 12:00 UTC on a Friday."""
    house.plan = house.store.plans.add("Day")
    house.key = house.add_key(
        SSID, b"right-passphrase", identity="Ann", subscriber="Ann Lee", plan_id=house.plan.id, devices=(SPA,)
    )
    (house.subscriber,) = house.store.subscribers.named("Ann Lee")
    return house.start()


def set_hours(house, text):
    house.store.plans.save(replace(house.plan, hours=Hours.parse(text)))
    house.follow()


def asks(house, handshake, device=SPA, **source):
    """Return the answers to a lookup and to a handshake."""
    lookup = Lookup(device=device, ssid=SSID, aa=MacAddress(b"\2\0\0\0\1\0"))
    shown = handshake(b"right-passphrase", spa=device)
    return [house.ask(subject, identifier=house_id(house), **source) for subject in (lookup, shown)]


def house_id(house):
    house.counter = (getattr(house, "counter", 0) + 1) % 256
    return house.counter


def test_a_plan_holds_in_its_hours_alone(building, handshake, lines):
    set_hours(building, "Mon-Fri 08:00-18:00")
    for _ in range(3):  # decided, learned, repeated
        for answer in asks(building, handshake):
            assert answer.session_timeout_s == 6 * 3600
    building.now += 6 * HOUR - timedelta(seconds=1)
    assert [answer.session_timeout_s for answer in asks(building, handshake)] == [1, 1]
    building.now += timedelta(seconds=1)
    for _ in range(3):
        assert asks(building, handshake) == [None, None]
    assert 'reason="outside the hours of plan Day: Mon-Fri 08:00-18:00" who=Ann' in lines()[-1]
    building.now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert None not in asks(building, handshake)


def test_hours_are_those_of_the_venue(building, handshake):
    building.store.venues.save(replace(building.venue, time_zone="America/New_York"))
    set_hours(building, "08:00-18:00")
    assert asks(building, handshake) == [None, None]  # seven in the morning there
    building.now += HOUR
    assert [answer.session_timeout_s for answer in asks(building, handshake)] == [36000, 36000]


def test_where_clocks_go_forward_the_hours_are_those_of_the_clock(building, handshake):
    building.store.venues.save(replace(building.venue, time_zone="Europe/Berlin"))
    set_hours(building, "00:00-08:00")
    building.now = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)  # 01:30, half an hour before three
    assert {answer.session_timeout_s for answer in asks(building, handshake)} == {int(5.5 * 3600)}


def test_a_changed_plan_holds_at_once_for_known_devices(building, handshake):
    for _ in range(3):
        assert None not in asks(building, handshake)
    set_hours(building, "Sat 08:00-18:00")
    assert asks(building, handshake) == [None, None]


def test_who_has_a_whitelist_uses_what_is_on_it(building, handshake, lines):
    for _ in range(3):
        assert None not in asks(building, handshake)
    allowed = building.store.subscribers.allow_device(building.subscriber.id, OTHER)
    building.follow()
    assert asks(building, handshake) == [None, None]
    assert 'reason="this device is not on the subscriber\'s whitelist" who=Ann' in lines()[-1]
    assert building.ask(handshake(b"right-passphrase", spa=OTHER), identifier=house_id(building)) is not None
    building.store.subscribers.disallow(allowed)
    building.follow()
    assert None not in asks(building, handshake)


def test_a_device_is_allowed_until_its_time(building, handshake):
    building.store.subscribers.allow_device(building.subscriber.id, SPA, until=building.now + HOUR)
    building.follow()
    for _ in range(3):
        assert {answer.session_timeout_s for answer in asks(building, handshake)} == {3600}
    building.now += HOUR
    assert asks(building, handshake) == [None, None]  # it is a list still


def test_a_nas_that_is_not_on_the_list_gives_no_access(building, handshake, lines):
    building.store.subscribers.allow_nas(building.subscriber.id, "Hudson-House-AP1")
    building.follow()
    for _ in range(3):  # and what one NAS gets is not repeated to another
        assert None not in asks(building, handshake, nas_identifier=b"hudson-house-ap1")
        assert asks(building, handshake, nas_identifier=b"hudson-house-ap2") == [None, None]
    assert 'reason="this NAS is not on the subscriber\'s whitelist"' in lines()[-1]


def test_a_nas_may_be_listed_by_its_name(building, handshake):
    building.store.subscribers.allow_nas(building.subscriber.id, "access points")
    building.follow()
    assert None not in asks(building, handshake)


@pytest.mark.parametrize("status", [each for each in SubscriberStatus if each is not SubscriberStatus.ACTIVE])
def test_keys_of_a_subscriber_who_is_not_active_are_refused(building, handshake, lines, status):
    for _ in range(3):
        assert None not in asks(building, handshake)
    building.store.subscribers.save(replace(building.subscriber, status=status, status_reason="late with the rent"))
    building.follow()
    assert asks(building, handshake) == [None, None]
    assert f'reason="subscriber {status.value}: late with the rent" who=Ann' in lines()[-1]
    building.store.subscribers.save(building.subscriber)
    building.follow()
    assert None not in asks(building, handshake)


def test_a_key_ends_when_its_removal_was_put_off_to(building, handshake, lines):
    with building.store.change("key.remove"):
        building.store.keys.update(building.key, removes_at=building.now + HOUR)
    building.follow()
    for _ in range(3):
        assert {answer.session_timeout_s for answer in asks(building, handshake)} == {3600}
    building.now += HOUR
    assert asks(building, handshake) == [None, None]
    assert 'reason="removed 2026-11-20"' in lines()[-1]
    assert building.store.keys.settle(building.now) == 1
    building.follow()
    assert asks(building, handshake) == [None, None]
    assert building.store.keys.get(building.key).status.value == "removed"
