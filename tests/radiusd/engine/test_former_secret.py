"""A shared secret is changed without a gap: both are valid until the grace is over, each answered with its own."""

from dataclasses import replace
from datetime import timedelta
from hashlib import md5

import pytest

from crypto import MacAddress
from radiusd import DIALECTS, Lookup, Question, SharedSecret, Source
from radiusd.codec import encode_accounting, encode_request
from radiusd.engine.accounting import Accounting
from radiusd.engine.transaction import Search
from radiusd.model import Attribute
from tests.radiusd.house import SPA, SSID

FORMER, PRESENT, FOREIGN = (
    SharedSecret(b"testing123"),
    SharedSecret(b"a newer secret"),
    SharedSecret(b"neither of both"),
)
HOUR = timedelta(hours=1)


@pytest.fixture
def building(house):
    house.add_key(SSID, b"right-passphrase", identity="Ann", devices=(SPA,))
    return house.start()


def change_secret(house, until):
    house.store.nases.save(
        replace(house.nas, secret=PRESENT.value, former_secret=FORMER.value, former_secret_until=until)
    )
    house.follow()


def ask(house, secret, subject=None, dialect="hostapd", **options):
    house.counter = (getattr(house, "counter", 0) + 1) % 256
    subject = subject or Lookup(device=SPA, ssid=SSID, aa=MacAddress(b"\2\0\0\0\1\0"))
    question = Question.ask(DIALECTS[dialect], subject, secret, identifier=house.counter, **options)
    reply = house.send(question.datagram)
    return None if reply is None else question.read(reply)  # which checks what it is signed with


def test_both_are_valid_until_the_grace_is_over(building, lines):
    assert ask(building, FORMER) is not None
    change_secret(building, building.now + HOUR)
    for _ in range(3):
        assert ask(building, FORMER) is not None
        assert ask(building, PRESENT) is not None
        assert ask(building, FOREIGN) is None
    said = [line for line in lines() if line.startswith("secret ")]
    assert len(said) == 1
    assert "still uses its former shared secret, which is valid until 2026-11-20 13:00 UTC" in said[0]
    assert building.engine.journal.counts.former_secrets == 3
    building.now += HOUR
    for _ in range(3):
        assert ask(building, FORMER) is None
        assert ask(building, PRESENT) is not None


def test_a_handshake_takes_either(building, handshake):
    change_secret(building, building.now + HOUR)
    for secret in (FORMER, PRESENT, FORMER):
        assert ask(building, secret, handshake(b"right-passphrase")) is not None


@pytest.mark.parametrize(("secret", "answered"), [(FORMER, True), (PRESENT, True), (FOREIGN, False)])
def test_an_unsigned_request_is_answered_with_the_secret_its_password_shows(building, secret, answered):
    building.nas = replace(building.nas, require_message_authenticator=False)
    change_secret(building, building.now + HOUR)
    lookup = Lookup(device=SPA, ssid=SSID, aa=MacAddress(b"\2\0\0\0\1\0"))
    attributes = DIALECTS["hostapd"].encode_request(lookup, None)
    datagram = encode_request(7, bytes(range(16)), attributes, secret, sign=False)
    question = Question(datagram=datagram, dialect=DIALECTS["hostapd"], secret=secret)
    reply = building.send(datagram)
    assert (reply is not None and question.read(reply) is not None) is answered


@pytest.mark.one_way("accounting is the engine's")
@pytest.mark.parametrize("over", [False, True])
def test_accounting_takes_either(building, over):
    change_secret(building, building.now + HOUR)
    building.now += HOUR * over
    accounting = Accounting(building.index, building.clock)
    start = (Attribute(40, b"\0\0\0\1"), Attribute(44, b"session"))
    for number, (secret, valid) in enumerate([(FORMER, not over), (PRESENT, True), (FOREIGN, False)]):
        datagram = encode_accounting(number, start, secret)
        reply = accounting.handle(datagram, Source("192.0.2.1", 40000), building.now)
        assert (reply is not None) is valid
        if reply is not None:
            head, rest = reply[:4], reply[20:]
            assert reply[4:20] == md5(head + datagram[4:20] + rest + secret.value).digest()  # RFC 2866 3


@pytest.mark.one_way("what a search has found is the engine's")
@pytest.mark.parametrize("over", [False, True])
def test_a_search_under_way_is_answered_as_long_as_its_secret_is_valid(building, handshake, over):
    subject = handshake(b"right-passphrase", spa=MacAddress(b"\2\0\0\0\2\x33"))
    question = Question.ask(DIALECTS["hostapd"], subject, FORMER, identifier=1)
    search = building.engine.receive(question.datagram, Source("192.0.2.1", 40000), building.now)
    assert isinstance(search, Search)
    change_secret(building, building.now + HOUR)
    if over:
        building.now += HOUR
    search.run()
    reply = building.engine.finish(search, building.now)
    assert (reply is None) is over
    if reply is not None:
        assert question.read(reply) is not None


def test_without_grace_the_former_one_is_silent_at_once(building):
    building.store.nases.save(replace(building.nas, secret=PRESENT.value))
    building.follow()
    assert ask(building, FORMER) is None
    assert ask(building, PRESENT) is not None


def test_neither_secret_is_in_the_database(building):
    change_secret(building, building.now + HOUR)
    octets = b"".join(path.read_bytes() for path in building.path.parent.glob("latchkey.db*"))
    for secret in (FORMER, PRESENT):
        assert secret.value not in octets
