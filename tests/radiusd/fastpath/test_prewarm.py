"""Devices that are known at the start are answered the fast path from their first request on."""

from datetime import timedelta
from ipaddress import ip_network

import pytest

from crypto import MacAddress
from provisioning import KeyStatus
from radiusd import DIALECTS, Question
from radiusd.fastpath.prewarm import prewarm
from radiusd.fastpath.tables import ANSWERED, LEFT, SUPERSEDED
from tests import vendor_vectors
from tests.radiusd.house import SSID

FIRST, SECOND = MacAddress(b"\2\0\0\0\2\1"), MacAddress(b"\2\0\0\0\2\2")


def begin(house):
    house.start()
    with house.open_store() as store:
        return prewarm(house.fast_path, house.index, store.keys.get_many, house.now, 0.0)


def test_first_request_of_a_known_device_is_answered_once_its_access_point_is_known(house, handshake, lookup, ways):
    house.add_key(SSID, b"first-passphrase", devices=(FIRST,), vlan=1)
    house.add_key(SSID, b"second-passphrase", devices=(SECOND,), vlan=2, ends=house.now + timedelta(hours=1))
    assert begin(house) == 2
    assert house.ask(lookup(FIRST), identifier=1).vlan == 1
    granted = house.ask(lookup(SECOND), identifier=2)
    assert (granted.passphrases, granted.vlan, granted.session_timeout_s) == ((b"second-passphrase",), 2, 3600)
    assert ways == [LEFT, ANSWERED]
    assert house.ask(handshake(b"first-passphrase", spa=FIRST), identifier=3)
    assert house.ask(handshake(b"second-passphrase", spa=SECOND), identifier=4).vlan == 2
    assert house.ask(handshake(b"first-passphrase", spa=SECOND), identifier=5)  # of another resident: searched
    assert ways[2:] == [LEFT, ANSWERED, LEFT]


def test_answer_is_the_engines(house, lookup, lines, ways):
    house.add_key(SSID, b"first-passphrase", devices=(FIRST,), vlan=1, identity="Ann Lee")
    house.add_key(SSID, b"second-passphrase", devices=(SECOND,), vlan=2)
    begin(house)
    asked = [house.ask(lookup(FIRST), identifier=number % 2) for number in range(3)]
    assert asked[0] == asked[1] == asked[2]
    assert ways == [LEFT, ANSWERED, SUPERSEDED]
    pieces = {line.partition("ms=")[0] for line in lines()}
    assert len(pieces) == 1


@pytest.mark.parametrize("name", vendor_vectors.ANSWERED)
def test_in_the_words_of_the_profile(house, lookup, ways, name):
    house.store.nases.add(ip_network("192.0.2.1/32"), b"testing123", name="one", profile=name, venue_id=house.venue.id)
    house.add_key(SSID, b"first-passphrase", devices=(FIRST,), vlan=1)
    house.add_key(SSID, b"second-passphrase", devices=(SECOND,), vlan=1)
    begin(house)
    replies = []
    for number, device in enumerate((FIRST, SECOND)):
        question = Question.ask(DIALECTS[name], lookup(device), house.secret, identifier=number)
        replies.append(question.read(house.send(question.datagram)))
    assert ways == [LEFT, ANSWERED]
    assert replies[1].vlan == 1
    assert replies[1].passphrases in ((b"second-passphrase",), ())


def test_keys_that_may_not_be_used_are_left_to_the_engine(house):
    house.add_key(SSID, b"first-passphrase", devices=(FIRST,), ends=house.now - timedelta(hours=1))
    suspended = house.add_key(SSID, b"second-passphrase", devices=(SECOND,))
    house.store.keys.set_status(suspended, KeyStatus.SUSPENDED, now=house.now)
    assert begin(house) == 0


def test_what_changes_afterwards_is_forgotten(house, lookup):
    house.add_key(SSID, b"first-passphrase", devices=(FIRST,))
    second = house.add_key(SSID, b"second-passphrase", devices=(SECOND,))
    begin(house)
    house.store.keys.set_status(second, KeyStatus.SUSPENDED, now=house.now)
    house.follow()
    assert house.ask(lookup(FIRST), identifier=1)
    assert house.ask(lookup(SECOND), identifier=2) is None


def test_own_keypool_comes_before_a_global_one(house, lookup, ways):
    house.add_key(SSID, b"first-passphrase", devices=(FIRST, SECOND), vlan=1)
    everywhere = house.store.keypools.add(SSID)
    house.pools[SSID] = everywhere
    house.add_key(SSID, b"second-passphrase", devices=(SECOND,), vlan=2)
    begin(house)
    assert house.ask(lookup(FIRST), identifier=1).vlan == 1
    assert house.ask(lookup(SECOND), identifier=2).vlan == 1
    assert ways == [LEFT, ANSWERED]


def test_room_is_left(house):
    for number in range(40):
        house.add_key(SSID, b"passphrase %d" % number, devices=(MacAddress(b"\2\0\0\0\3" + bytes([number])),))
    assert begin(house) == 32  # of 64
