"""Requests without Message-Authenticator: what somebody on the way, without the secret, can get and change."""

import os
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from radiusd import DIALECTS, Lookup, Question, SharedSecret, Source
from radiusd.codec import encode_request
from radiusd.engine.transaction import Search
from radiusd.model import Hidden
from tests.vendor_vectors import ANSWERED, SEARCHING, SHOWN, in_clear

SSID = Ssid(b"Hudson House")
DEVICE, AA = MacAddress(b"\2\0\0\0\2\1"), MacAddress(b"\2\0\0\0\0\1")
SECRET, FORGED = SharedSecret(b"testing123"), SharedSecret(b"known to nobody")
CLEAR = [name for name in ANSWERED if DIALECTS[name].answers_in_clear]
OLD = "198.51.100.1"
LOOKUP = Lookup(device=DEVICE, ssid=SSID, aa=AA)


def pack(name, subject, *, password=True, secret=SECRET):
    """Return an unsigned request in a dialect and how to read its answer."""
    attributes = [
        each
        for each in DIALECTS[name].encode_request(subject, None)
        if password or not (isinstance(each, Hidden) and each.type == 2)
    ]
    datagram = encode_request(7, os.urandom(16), attributes, secret, sign=False)
    return Question(datagram=datagram, dialect=DIALECTS[name], secret=SECRET)


@pytest.fixture
def old(house):
    """Return what opens a house with a NAS of some profile that need not sign, and gives what asks in its name.

    That returns what was granted, False for an Access-Reject, None for silence.
    """
    house.key_id = house.add_key(SSID, b"right-passphrase")

    def open_(profile):
        house.store.inventory.add_nas(
            ip_network(OLD), SECRET.value, name="old", profile=profile, require_message_authenticator=False
        )
        house.start()
        return ask

    def ask(name, subject, **options):
        question = pack(name, subject, **options)
        reply = house.send(question.datagram, address=OLD)
        if reply is None:
            return None
        return question.read(reply) or False

    return open_


@pytest.mark.parametrize("name", ANSWERED)
def test_dialect_says_whether_its_published_answers_show_the_key(name):
    assert DIALECTS[name].answers_in_clear is any(in_clear(name, lookup=lookup) for lookup in (True, False))


class TestInClear:
    """Who sends the request chooses its dialect: where the answer shows the key, the operator must have named it."""

    @pytest.mark.parametrize("profile", ["auto", "hostapd", "generic"])
    @pytest.mark.parametrize("name", [name for name in CLEAR if name in SHOWN])
    def test_another_profile_gets_no_answer(self, old, handshake, lines, house, name, profile):
        ask = old(profile)
        assert ask(name, handshake(b"right-passphrase")) is None
        assert f"would have the key in clear: that needs a NAS of profile {name} (NAS old)" in lines()[-1]
        assert "discard cause=unsigned" in lines()[-1]
        assert len(house.index.devices) == 0

    @pytest.mark.parametrize("name", CLEAR)
    def test_its_own_profile_gets_one(self, old, handshake, house, name):
        ask = old(name)
        if name in SEARCHING:
            assert ask(name, handshake(b"right-passphrase"))
        house.store.keys.add_device(house.key_id, DEVICE)
        house.follow()
        assert ask(name, LOOKUP)

    @pytest.mark.parametrize("name", [name for name in CLEAR if name in SHOWN])
    def test_a_clear_profile_is_not_another_clear_profile(self, old, handshake, name):
        ask = old(next(each for each in CLEAR if each != name and DIALECTS[each].variant_of is not DIALECTS[name]))
        assert ask(name, handshake(b"right-passphrase")) is None

    @pytest.mark.parametrize("name", [name for name in CLEAR if name in SHOWN])
    def test_a_signed_request_before_it_changes_nothing(self, old, handshake, house, name):
        """Not on the fast path either, which knows the device and this NAS by then."""
        ask = old("auto")
        for identifier in range(3):
            signed = Question.ask(DIALECTS[name], handshake(b"right-passphrase"), SECRET, identifier=identifier)
            assert signed.read(house.send(signed.datagram, address=OLD))
        assert ask(name, handshake(b"right-passphrase")) is None

    @pytest.mark.parametrize("name", [name for name in ANSWERED if name not in CLEAR])
    def test_an_encrypted_answer_needs_no_profile(self, old, handshake, house, name):
        ask = old("auto" if name in SHOWN else name)
        if name in SEARCHING:
            assert ask(name, handshake(b"right-passphrase"))
        house.store.keys.add_device(house.key_id, DEVICE)
        house.follow()
        assert ask(name, LOOKUP)


class TestPassword:
    """User-Password is the one thing in such a request that nobody without the secret can make."""

    @pytest.mark.parametrize("name", ANSWERED)
    def test_is_in_every_lookup(self, old, house, lines, name):
        ask = old(name)
        house.store.keys.add_device(house.key_id, DEVICE)
        house.follow()
        assert ask(name, LOOKUP, password=False) is None
        assert f"nor User-Password, as access points of {name} send" in lines()[-1]
        assert ask(name, LOOKUP)

    @pytest.mark.parametrize("name", SEARCHING)
    def test_stands_beside_a_handshake_where_access_points_send_it(self, old, handshake, name):
        answered = old(name)(name, handshake(b"right-passphrase"), password=False)
        assert (answered is not None) is not DIALECTS[name].handshake_has_password

    @pytest.mark.parametrize("name", ANSWERED)
    def test_made_with_another_secret_shows_that(self, old, handshake, house, lines, name):
        ask = old(name)
        subject = handshake(b"right-passphrase") if name in SEARCHING else LOOKUP
        assert ask(name, subject, secret=FORGED) is None
        assert "discard cause=wrong-secret" in lines()[-1]
        assert len(house.index.devices) == 0


UNPROVEN = [name for name in SEARCHING if not DIALECTS[name].handshake_has_password]


class TestTeachesNothing:
    """What anybody can send, where access points send no password, is answered and leaves nothing behind."""

    @pytest.fixture(params=UNPROVEN)
    def forge(self, request, old):
        ask = old(request.param)
        return lambda subject: ask(request.param, subject, password=False)

    def test_no_device(self, forge, handshake, house, lines):
        for _ in range(2):
            assert forge(handshake(b"right-passphrase"))
            assert "how=search" in lines()[-1]
        assert len(house.index.devices) == 0
        assert house.index.devices.unsaved() == ()

    def test_no_order_of_a_device_s_keys(self, forge, handshake, house):
        """Its last key is what lookups are answered with."""
        second = house.add_key(SSID, b"other-passphrase")
        house.follow()
        for passphrase in (b"other-passphrase", b"right-passphrase"):
            assert house.ask(handshake(passphrase))
        assert forge(handshake(b"other-passphrase"))
        assert house.index.devices.keys(house.pool(SSID), DEVICE) == (house.key_id, second)

    def test_no_failures(self, forge, handshake, house):
        for _ in range(20):
            assert forge(handshake(b"wrong-passphrase")) is False
        assert house.ask(handshake(b"right-passphrase"))

    def test_no_success_either(self, forge, handshake, house):
        for identifier in range(10):
            assert house.ask(handshake(b"wrong-passphrase"), identifier=identifier) is None
        assert forge(handshake(b"right-passphrase")) is False  # cooling down, which it does not end
        assert house.ask(handshake(b"right-passphrase"), identifier=11) is None


@pytest.mark.parametrize("name", [name for name in SEARCHING if DIALECTS[name].handshake_has_password])
def test_a_forgery_leaves_the_search_of_the_real_request_alone(old, handshake, house, name):
    """Its port and identifier would make it the newer request."""
    old(name)
    real = pack(name, handshake(b"right-passphrase"))
    source = Source(OLD, 40000)
    search = house.engine.receive(real.datagram, source, house.now)
    assert isinstance(search, Search)
    for options in ({"password": False}, {"secret": FORGED}):
        forged = pack(name, handshake(b"right-passphrase"), **options)
        assert house.engine.receive(forged.datagram, source, house.now) is None
    search.run()
    assert real.read(house.engine.finish(search, house.now))
