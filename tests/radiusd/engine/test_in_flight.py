"""What changes while a search is under way holds for its answer: a request belongs to the NAS it was opened under."""

from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from provisioning import KeyStatus, Passphrase, UnknownDevices
from radiusd import Question, SharedSecret, Source
from radiusd.engine.transaction import Search
from radiusd.state.follower import Update
from radiusd.state.id_ranges import IdRanges
from radiusd.state.topology import Topology
from tests.radiusd.house import SPA, SSID

SOURCE = Source("192.0.2.1", 40000)
NETWORK = ip_network("192.0.2.0/24")
OTHER = MacAddress(b"\2\0\0\0\2\7")


@pytest.fixture
def building(house):
    """A house with Ann's key, and a device that is known by it."""
    house.key = house.add_key(SSID, b"right-passphrase", identity="Ann", devices=(OTHER,))
    house.start()
    return house


def in_flight(house, handshake):
    """Return the search of a request that has just come."""
    search = house.engine.receive(house.question(handshake(b"right-passphrase")).datagram, SOURCE, house.now)
    assert isinstance(search, Search)
    return search


def end(house, search):
    search.run()
    return house.engine.finish(search, house.now)


def removed(house):
    house.store.nases.remove(house.nas.id)


def given_another_secret(house):
    removed(house)
    house.store.nases.add(NETWORK, b"another secret", name="access points")


def moved(house):
    removed(house)
    elsewhere = house.store.venues.add("Elsewhere")
    house.store.nases.add(NETWORK, b"testing123", name="access points", venue_id=elsewhere.id)


def given_another_profile(house):
    removed(house)
    house.store.nases.add(NETWORK, b"testing123", name="access points", profile="ruckus-dpsk")


def told_to_offer(house):
    removed(house)
    offer = UnknownDevices.OFFER
    house.store.nases.add(NETWORK, b"testing123", name="access points", profile="unifi", unknown_devices=offer)


def shadowed(house):
    house.store.nases.add(ip_network("192.0.2.1/32"), b"another secret", name="one access point")


@pytest.mark.parametrize("wait", ["running", "queued"])
@pytest.mark.parametrize(
    "change", [removed, given_another_secret, moved, given_another_profile, told_to_offer, shadowed]
)
def test_request_of_a_nas_that_is_gone_is_dropped(building, handshake, lookup, lines, change, wait):
    search = in_flight(building, handshake)
    change(building)
    building.follow()
    if wait == "running":
        assert end(building, search) is None
    else:
        assert building.engine.reconsider(search, building.now) is None
    assert "discard cause=nas-changed" in lines()[-1]
    assert "passphrase" not in lines()[-1]
    assert building.engine.journal.counts.discards["nas-changed"] == 1
    assert not building.index.devices.unsaved()
    assert not building.engine.journal.accepted


@pytest.mark.parametrize("change", [removed, given_another_secret, shadowed])
def test_old_secret_is_worth_nothing_afterwards(building, handshake, lookup, change):
    search = in_flight(building, handshake)
    change(building)
    building.follow()
    end(building, search)
    for seconds in (1, 100, 10_000):
        building.clock.seconds += seconds
        for subject in (lookup(OTHER), handshake(b"right-passphrase", spa=OTHER), handshake(b"right-passphrase")):
            assert building.send(building.question(subject).datagram) is None


def test_new_secret_works_at_once(building, handshake, lookup):
    search = in_flight(building, handshake)
    given_another_secret(building)
    building.follow()
    end(building, search)
    building.secret = SharedSecret(b"another secret")
    assert building.ask(lookup(OTHER)).passphrases == (b"right-passphrase",)
    assert building.ask(handshake(b"right-passphrase"), identifier=1).passphrases == (b"right-passphrase",)


def test_another_nas_that_comes_meanwhile_changes_nothing(building, handshake, lookup):
    """The control: the same race, where the request's own NAS is as it was."""
    search = in_flight(building, handshake)
    building.store.nases.add(ip_network("198.51.100.1/32"), b"testing123", name="another")
    building.add_key(Ssid(b"Guests"), b"guest-passphrase")
    building.follow()
    question = Question(
        datagram=search.transaction.request.octets, dialect=search.transaction.dialect, secret=building.secret
    )
    assert question.read(end(building, search)).passphrases == (b"right-passphrase",)
    assert building.ask(lookup(SPA), identifier=1).passphrases == (b"right-passphrase",)


def apply(house, *, venues=None, keypools=None):
    """Have the engine see other venues or keypools than the store has."""
    topology = Topology(
        house.store.nases.all(),
        house.store.venues.all() if venues is None else venues,
        house.store.keypools.all() if keypools is None else keypools,
    )
    pools = dict(house.index._pools)
    house.index.apply(Update(topology=topology, pools=pools, device_keys=IdRanges(), stale_keys=None))


@pytest.mark.parametrize("wait", ["running", "queued"])
def test_keypool_that_goes_meanwhile_gives_no_key(building, handshake, lines, wait):
    search = in_flight(building, handshake)
    apply(building, keypools=())
    reply = end(building, search) if wait == "running" else building.engine.reconsider(search, building.now)
    assert reply[0] == 3
    assert 'reason="no keypool has this SSID"' in lines()[-1]
    assert not building.index.devices.unsaved()


def test_keypool_that_comes_meanwhile_is_searched_too(building, handshake):
    building.add_key(SSID, b"wrong-passphrase")
    building.follow()
    question = building.question(handshake(b"guest-passphrase"))
    search = building.engine.receive(question.datagram, SOURCE, building.now)
    anywhere = building.store.keypools.add(SSID)
    building.pools = {SSID: anywhere}
    building.add_key(SSID, b"guest-passphrase")
    building.follow()
    again = end(building, search)
    assert isinstance(again, Search)
    assert question.read(end(building, again)).passphrases == (b"guest-passphrase",)


def test_reset_key_is_not_given_to_its_old_passphrase(building, handshake, lines):
    search = in_flight(building, handshake)
    search.run()
    building.store.keys.reset(building.key, Passphrase(b"other-passphrase"))
    building.follow()
    while isinstance(outcome := building.engine.finish(search, building.now), Search):
        outcome.run()
    assert outcome[0] == 3
    assert 'reason="unknown passphrase"' in lines()[-1]
    assert not building.index.devices.unsaved()


def test_key_suspended_meanwhile_is_refused(building, handshake, lines):
    search = in_flight(building, handshake)
    search.run()
    building.store.keys.set_status(building.key, KeyStatus.SUSPENDED, now=building.now)
    building.follow()
    while isinstance(outcome := building.engine.finish(search, building.now), Search):
        outcome.run()
    assert outcome[0] == 3
    assert "reason=suspended " in lines()[-1]


def test_hit_in_a_database_that_was_replaced_meanwhile_is_nobodys(building, handshake):
    """Its id is another person's in the database that took its place."""
    search = in_flight(building, handshake)
    building.store.keys.reset(building.key, Passphrase(b"of-somebody-else"))
    building.follower = type(building.follower)(building._server_store)
    building.index.apply(building.follower.load(building.now))
    while isinstance(search := end(building, search), Search):  # another one, through the pools there are now
        pass
    assert search[0] == 3
    assert not building.index.devices.unsaved()
