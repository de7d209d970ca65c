"""How long and how many exchanges are remembered; what they mean to a request is in test_engine.py."""

from radiusd import Source
from radiusd.engine.duplicates import DuplicateCache
from radiusd.model import Request

SOURCE = Source("192.0.2.1", 40000)


def request(identifier=1, authenticator=bytes(16), octets=b"", code=1):
    return Request(code, identifier, authenticator, {}, octets, True)


def test_exchange_lives_30_seconds():
    replies = DuplicateCache()
    exchange = replies.open(SOURCE, request(), 100.0)
    assert replies.repeated(SOURCE, request(), 130.0) is exchange
    assert replies.repeated(SOURCE, request(), 130.1) is None


def test_exchanges_are_bounded():
    replies = DuplicateCache(capacity=3)
    opened = [replies.open(SOURCE, request(number), 100.0) for number in range(5)]
    assert len(replies) == 3
    assert replies.repeated(SOURCE, request(1), 100.0) is None
    assert replies.repeated(SOURCE, request(4), 100.0) is opened[4]


def test_old_exchanges_make_room():
    replies = DuplicateCache()
    for number in range(5):
        replies.open(SOURCE, request(number), 100.0 + number)
    replies.open(SOURCE, request(9), 132.5)
    assert len(replies) == 3


def test_repetition_has_the_same_code_authenticator_and_octets():
    replies = DuplicateCache()
    exchange = replies.open(SOURCE, request(octets=b"a"), 100.0)
    assert replies.repeated(SOURCE, request(octets=b"a"), 100.0) is exchange
    assert replies.repeated(SOURCE, request(octets=b"b"), 100.0) is None
    assert replies.repeated(SOURCE, request(octets=b"a", code=12), 100.0) is None
    assert replies.repeated(SOURCE, request(octets=b"a", authenticator=bytes(15) + b"1"), 100.0) is None


def test_reused_identifier_kills_the_old_exchange():
    replies = DuplicateCache()
    old = replies.open(SOURCE, request(octets=b"a"), 100.0)
    new = replies.open(SOURCE, request(octets=b"b"), 100.0)
    assert (old.superseded, new.superseded) == (True, False)
    replies.forget(old)
    assert replies.repeated(SOURCE, request(octets=b"b"), 100.0) is new
    replies.forget(new)
    assert replies.repeated(SOURCE, request(octets=b"b"), 100.0) is None
