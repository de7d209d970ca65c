"""Requests without Message-Authenticator: what somebody on the way, without the secret, can get and change."""

import os
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from radiusd import DIALECTS, Lookup, Question, SharedSecret, Source
from radiusd.ciphers import encrypt_hidden
from radiusd.codec import encode_request
from radiusd.engine.transaction import Search
from radiusd.model import Attribute, Hidden
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
        house.store.nases.add(
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


VICTIM = MacAddress(b"\2\0\0\0\2\2")


class Recorded:
    """One lookup of DEVICE as a listener without the secret has it, and what can be made of it."""

    def __init__(self, name):
        self._name = name
        attributes = DIALECTS[name].encode_request(LOOKUP, None)
        authenticator = os.urandom(16)
        self.question = Question(
            datagram=encode_request(7, authenticator, attributes, SECRET, sign=False),
            dialect=DIALECTS[name],
            secret=SECRET,
        )
        self._authenticator = authenticator
        self._name_of_own, hidden = attributes[0], attributes[1]
        self._password = encrypt_hidden(hidden.value, authenticator, SECRET)  # as it passes
        self._keystream = bytes(a ^ b for a, b in zip(self._password, hidden.value.ljust(32, b"\0"), strict=False))

    def under_own_name(self, subject):
        """Return a request about another device, beside the User-Name and User-Password that were recorded."""
        return self._forge(subject, self._name_of_own, self._password)

    def under_any_password(self, subject):
        """Return a request about another device, its address encrypted with what encrypted the first one's."""
        name, hidden = DIALECTS[self._name].encode_request(subject, None)[:2]
        clear = (hidden.value or VICTIM.value.hex().encode()).ljust(len(self._keystream), b"\0")
        return self._forge(subject, name, bytes(a ^ b for a, b in zip(self._keystream, clear, strict=True)))

    def unencrypted(self, subject):
        """Return a request about another device under its own name, with the recorded octets for its password."""
        return self._forge(subject, DIALECTS[self._name].encode_request(subject, None)[0], self._password)

    def _forge(self, subject, name, password):
        rest = DIALECTS[self._name].encode_request(subject, None)[2:]
        attributes = (name, Attribute(2, password), *rest)
        datagram = encode_request(8, self._authenticator, attributes, FORGED, sign=False)
        return Question(datagram=datagram, dialect=DIALECTS[self._name], secret=SECRET)


class TestProof:
    """A User-Password proves one device's one request: not another device's, and no other request."""

    @pytest.fixture
    def recorded(self, old, house):
        """Return what opens a house where DEVICE and VICTIM have keys, and records a lookup of DEVICE."""

        def open_(name):
            old(name)
            house.store.keys.add_device(house.key_id, DEVICE)
            victims = house.add_key(SSID, b"victim-passphrase")
            house.store.keys.add_device(victims, VICTIM)
            house.follow()
            return Recorded(name)

        return open_

    @pytest.mark.parametrize("name", ANSWERED)
    @pytest.mark.parametrize("forge", [Recorded.under_own_name, Recorded.under_any_password, Recorded.unencrypted])
    def test_that_was_used_gives_no_other_device_s_key(self, recorded, house, lines, name, forge):
        record = recorded(name)
        assert record.question.read(house.send(record.question.datagram, address=OLD))
        forged = forge(record, Lookup(device=VICTIM, ssid=SSID, aa=AA))
        for _ in range(3):
            assert house.send(forged.datagram, address=OLD, port=40001) is None
        assert "discard cause=unsigned" in lines()[-1]
        assert "not the address of the device asked about" in lines()[-1] or "came with another request" in lines()[-1]

    @pytest.mark.parametrize("name", ANSWERED)
    def test_that_was_kept_from_the_server_gives_none_under_its_own_name(self, recorded, house, lines, name):
        forged = recorded(name).under_own_name(Lookup(device=VICTIM, ssid=SSID, aa=AA))
        assert house.send(forged.datagram, address=OLD) is None
        assert "not the address of the device asked about" in lines()[-1]

    @pytest.mark.parametrize("name", [name for name in ANSWERED if not DIALECTS[name].sends_empty_password])
    def test_is_not_an_empty_password_where_none_is_sent(self, recorded, house, lines, name):
        recorded(name)
        attributes = [
            Hidden(2, b"") if isinstance(each, Hidden) else each
            for each in DIALECTS[name].encode_request(Lookup(device=VICTIM, ssid=SSID, aa=AA), None)
        ]
        assert house.send(encode_request(9, os.urandom(16), attributes, SECRET, sign=False), address=OLD) is None
        assert f"User-Password is empty, as access points of {name} do not send it" in lines()[-1]

    @pytest.mark.parametrize("name", ANSWERED)
    def test_holds_for_repetitions(self, recorded, house, name):
        """From the same port and another one, in the cache of duplicates and after it."""
        record = recorded(name)
        for later, port in ((0, 40000), (1, 40000), (1, 40001), (60, 40000), (600, 40002)):
            house.clock.seconds += later
            assert record.question.read(house.send(record.question.datagram, address=OLD, port=port))

    @pytest.mark.parametrize("name", SEARCHING)
    def test_of_one_device_counts_no_failure_of_another(self, recorded, house, handshake, name):
        record = recorded(name)
        assert house.send(record.question.datagram, address=OLD)
        for identifier in range(20):
            wrong = handshake(b"wrong-passphrase", spa=VICTIM)
            forged = record.under_own_name(wrong).datagram
            assert house.send(forged[:1] + bytes((identifier,)) + forged[2:], address=OLD) is None
        assert len(house.engine._cooldown) == 0
        assert len(house.index.devices) == 2  # the two that are registered
