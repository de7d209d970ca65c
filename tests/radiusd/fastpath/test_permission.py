"""A rule added to `resolve` holds for known devices too: the fast path repeats what it is permitted to, no more.

The rules here are made up, and written as one would write a real one: in `resolve.grant`, without a word to the cache.
"""

from datetime import timedelta

import pytest

from crypto import MacAddress
from radiusd.engine import resolve
from radiusd.fastpath.prewarm import prewarm
from radiusd.fastpath.tables import ANSWERED, LEFT
from radiusd.model import Reject
from tests.radiusd.house import SPA, SSID

OTHER = MacAddress(b"\2\0\0\0\2\7")


@pytest.fixture
def served(house):
    house.add_key(SSID, b"right-passphrase", identity="Ann", ends=house.now + timedelta(days=1), devices=(SPA, OTHER))
    return house.start()


@pytest.fixture
def rule(monkeypatch):
    """Return a function that adds a rule: what it makes of each Accept that would be given."""
    grant = resolve.grant

    def add(decide):
        def ruled(key, device, how, now, **more):
            return decide(grant(key, device, how, now, **more), device, now)

        monkeypatch.setattr(resolve, "grant", ruled)

    return add


def _until(now, hour):
    return now.replace(hour=hour, minute=0, second=0)


def day_only(accept, _, now):
    """Let nobody in from 13 o'clock on."""
    closing = _until(now, 13)
    if now >= closing:
        return Reject("closed")
    return type(accept)(
        key=accept.key,
        how=accept.how,
        session_timeout_s=int((closing - now).total_seconds()),
        repeatable=accept.repeatable._replace(until=closing, session_ends=closing),
        name_asked=accept.name_asked,
    )


class Quota:
    """Let each device in three times."""

    def __init__(self):
        self.used = {}

    def __call__(self, accept, device, _):
        self.used[device] = self.used.get(device, 0) + 1
        if self.used[device] > 3:
            return Reject("three times was enough")
        return type(accept)(key=accept.key, how=accept.how, session_timeout_s=accept.session_timeout_s)


@pytest.mark.parametrize("kind", ["lookup", "handshake"])
def test_hour_of_day_ends_what_is_repeated(served, handshake, lookup, ways, rule, kind):
    rule(day_only)
    make = lookup if kind == "lookup" else lambda: handshake(b"right-passphrase")
    start = served.now
    for number, minutes in enumerate((0, 10, 59)):
        served.now = start + timedelta(minutes=minutes)
        assert served.ask(make(), identifier=number).session_timeout_s == (60 - minutes) * 60
    assert ways == [LEFT, ANSWERED, ANSWERED]
    served.now = start + timedelta(minutes=60)
    assert served.ask(make(), identifier=9) is None
    assert ways[-1] == LEFT


@pytest.mark.parametrize("kind", ["lookup", "handshake"])
def test_what_counts_is_asked_each_time(served, handshake, lookup, ways, rule, kind):
    rule(Quota())
    make = lookup if kind == "lookup" else lambda: handshake(b"right-passphrase")
    granted = [served.ask(make(), identifier=number) is not None for number in range(5)]
    assert granted == [True, True, True, False, False]
    assert ways == [LEFT] * 5


def test_permission_that_is_withdrawn_ends(served, lookup, ways, rule):
    """What was repeatable is not any more once the engine has answered without saying so."""
    for number in range(2):
        assert served.ask(lookup(), identifier=number)
    rule(Quota())
    assert served.ask(lookup(), identifier=2, nas_identifier=b"hudson-house-ap1")  # which the fast path does not know
    for number in range(3, 5):
        assert served.ask(lookup(), identifier=number)
    assert served.ask(lookup(), identifier=5) is None
    assert ways == [LEFT, ANSWERED] + [LEFT] * 4


def test_answers_made_in_advance_need_the_permission_too(served, lookup, ways, rule):
    rule(day_only)
    with served.open_store() as store:
        assert prewarm(served.fast_path, served.index, store.keys.get_many, served.now, 0.0) == 2
    assert served.ask(lookup(), identifier=1)
    assert served.ask(lookup(OTHER), identifier=2)
    assert ways == [LEFT, ANSWERED]
    served.now += timedelta(hours=1)
    assert served.ask(lookup(OTHER), identifier=3) is None


def test_without_permission_nothing_is_made_in_advance(served, rule):
    rule(Quota())
    with served.open_store() as store:
        prewarm(served.fast_path, served.index, store.keys.get_many, served.now, 0.0)
    assert not len(served.fast_path)


def test_control_without_a_rule(served, lookup, ways):
    for number in range(3):
        assert served.ask(lookup(), identifier=number)
    assert ways == [LEFT, ANSWERED, ANSWERED]
