"""What a station chooses (address, nonce, elements) neither ends the fast path, nor fills it, nor teaches it wrongly.

The stations here know a valid passphrase: it is a resident's device that misbehaves.
"""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from crypto import MacAddress, passphrase_to_pmk, sign
from radiusd import DIALECTS, Question
from radiusd.fastpath.tables import ANSWERED, FORMS, LEFT
from tests.radiusd.house import SPA, SSID
from tests.vendor_vectors import SEARCHING

PASSPHRASE = b"right-passphrase"
HONEST = MacAddress(b"\2\0\0\0\2\7")
# The head of Ruckus's attribute 26 (174 octets, vendor 25053); an AKM suite before another octet of 2.
KNOWN_TROUBLE = [MacAddress.parse("1a:ae:00:00:61:dd"), MacAddress.parse("06:00:0f:ac:02:02")]


@pytest.fixture
def ask(house, handshake):
    """Return a function that asks about a handshake in a dialect, and returns whether it was granted."""
    house.add_key(SSID, PASSPHRASE, vlan=110)
    house.start()
    asked = []

    def send(name, subject):
        asked.append(subject)
        question = Question.ask(DIALECTS[name], subject, house.secret, identifier=len(asked) % 256)
        house.clock.seconds += 0.01
        reply = house.send(question.datagram, address="192.0.2.1")
        return reply is not None and question.read(reply) is not None

    def profiled(name):
        house.store.nases.add(
            ip_network("192.0.2.1/32"), b"testing123", name="one", profile=name, venue_id=house.venue.id
        )
        house.follow()
        return lambda subject: send(name, subject)

    return profiled


def attributes(name, subject, secret):
    """Yield each Vendor-Specific attribute of a request."""
    octets = Question.ask(DIALECTS[name], subject, secret).datagram
    at = 20
    while at < len(octets):
        length = octets[at + 1]
        if octets[at] == 26:
            yield octets[at : at + length]
        at += length


def lengthened(subject, octets):
    """Return the handshake with `octets` more of vendor elements in its M2, signed again."""
    key_data = subject.m2.key_data + bytes([221, octets - 2]) + bytes(octets - 2)
    pmk = passphrase_to_pmk(PASSPHRASE, SSID)
    return sign(pmk, replace(subject, m2=replace(subject.m2, key_data=key_data)))


def serves_honest_devices(asks, handshake, ways, subject=lambda made: made):
    """Check that what is asked twice about one device is answered by the fast path at last."""
    for _ in range(3):
        assert asks(subject(handshake(PASSPHRASE, spa=HONEST)))
    return ways[-1] == ANSWERED


@pytest.mark.parametrize("name", SEARCHING)
def test_address_that_is_found_elsewhere_in_the_request(house, handshake, ask, ways, name):
    """Every six octets in a row of every attribute, header included, each as a station's address."""
    asks = ask(name)
    addresses = dict.fromkeys(KNOWN_TROUBLE)
    for piece in attributes(name, handshake(PASSPHRASE), house.secret):
        addresses |= dict.fromkeys(MacAddress(piece[at : at + 6]) for at in range(len(piece) - 5))
    for number, address in enumerate(addresses):
        house.clock.seconds += 1
        assert asks(handshake(PASSPHRASE, spa=address)), number
    assert house.engine.journal.counts.fastpath_failures == 0
    assert serves_honest_devices(asks, handshake, ways)


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.parametrize("address", KNOWN_TROUBLE, ids=str)
def test_the_first_station_of_all_has_such_an_address(house, handshake, ask, ways, name, address):
    asks = ask(name)
    assert asks(handshake(PASSPHRASE, spa=address))
    assert serves_honest_devices(asks, handshake, ways)


@pytest.mark.parametrize("name", SEARCHING)
def test_frames_of_many_lengths_do_not_fill_it(house, handshake, ask, ways, name):
    asks = ask(name)
    lengths = range(2, 2 + FORMS + 8)
    for number, octets in enumerate(lengths):
        spa = MacAddress(b"\2\0\0\0\4" + bytes([number]))
        assert asks(lengthened(handshake(PASSPHRASE, spa=spa), octets))
    assert serves_honest_devices(asks, handshake, ways)
    assert serves_honest_devices(asks, handshake, ways, lambda made: lengthened(made, 44))


def test_layout_in_use_outlives_those_that_are_not(house, handshake, ask, ways):
    asks = ask("ruckus")
    assert serves_honest_devices(asks, handshake, ways)
    honest = []
    for number in range(2 * FORMS):
        spa = MacAddress(b"\2\0\0\0\4" + bytes([number]))
        assert asks(lengthened(handshake(PASSPHRASE, spa=spa), 2 + number))
        assert asks(handshake(PASSPHRASE, spa=HONEST))
        honest.append(ways[-1])
    assert honest.count(LEFT) <= 2  # its key data may have to make room once, and be learned again


@pytest.mark.parametrize("name", SEARCHING)
def test_nonce_that_repeats_the_access_points(house, handshake, ask, ways, name):
    """SNonce is the station's choice, and it has seen ANonce."""
    asks = ask(name)
    made = handshake(PASSPHRASE, spa=SPA)
    pmk = passphrase_to_pmk(PASSPHRASE, SSID)
    assert asks(sign(pmk, replace(made, m2=replace(made.m2, snonce=made.anonce))))
    assert serves_honest_devices(asks, handshake, ways)


def test_layouts_go_with_everything_else(house, handshake, ask):
    asks = ask("ruckus")
    assert asks(handshake(PASSPHRASE))
    assert house.fast_path._tables.forms["length"].any()
    house.store.nases.add(ip_network("198.51.100.1/32"), b"testing123", name="another")
    house.follow()
    assert not house.fast_path._tables.forms["length"].any()
