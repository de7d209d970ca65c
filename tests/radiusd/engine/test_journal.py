"""What a line of the log looks like, whatever the air puts into it."""

import json
import logging
import os
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress, Ssid
from radiusd import SharedSecret, Source
from radiusd.codec import encode_request
from radiusd.log.file import DecisionFile
from radiusd.log.handler import lines_together, start_log, stop_log, write_decisions
from radiusd.log.line_format import quote, quote_octets

pytestmark = pytest.mark.one_way("the journal is asked")
SSID = Ssid(b"Hudson House")
SOURCE = Source("192.0.2.1", 40000)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("hudson-house-ap1", "hudson-house-ap1"),
        ("Hudson House", '"Hudson House"'),
        ("Café: Résidents", '"Café: Résidents"'),
        ("", '""'),
        ('a" who="admin', '"a\\" who=\\"admin"'),
        ("a\nb\t\x00", '"a\\x0ab\\x09\\x00"'),
        ("back\\slash", '"back\\\\slash"'),
        ("a\u2028b", '"a\\u2028b"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("who=admin", '"who=admin"'),
        ("none", '"none"'),
        ("unknown", '"unknown"'),
        ("\x85", '"\\u0085"'),
    ],
)
def test_value_is_quoted(text, quoted):
    assert quote(text) == quoted


def test_octets_that_are_no_text():
    assert quote_octets(b"\xff\xc3\xa9") == '"\\xffé"'
    assert quote_octets(b"\x85") == '"\\x85"'
    assert quote_octets("\x85".encode()) == '"\\u0085"'


@given(st.text())
def test_any_value_is_one_printable_word(text):
    quoted = quote(text)
    assert quoted.isprintable()
    assert len(shlex.split(quoted)) == 1


@given(st.binary(min_size=1, max_size=32), st.binary(min_size=1, max_size=32))
def test_different_octets_look_different(left, right):
    assert (quote_octets(left) == quote_octets(right)) == (left == right)


def test_ssid_cannot_forge_a_line(house, handshake, lines):
    ssid = Ssid(b'x" how=known\n2026 accept')
    house.add_key(ssid, b"right-passphrase")
    house.start()
    assert house.ask(handshake(b"right-passphrase", ssid=ssid))
    (line,) = lines()
    assert 'ssid="x\\" how=known\\x0a2026 accept"' in line


def test_nothing_secret_is_logged(house, handshake, lookup, lines):
    house.add_key(ssid := Ssid(b"Hudson House"), b"right-passphrase", identity="Ada")
    house.start()
    for passphrase in (b"right-passphrase", b"wrong-passphrase"):
        house.ask(handshake(passphrase, ssid=ssid))
    house.ask(lookup())
    house.send(b"\x01\x01\x00\x14" + bytes(16))
    text = "\n".join(lines())
    assert len(lines()) == 4
    assert "passphrase" not in text.replace("unknown passphrase", "")
    assert "testing123" not in text


@pytest.fixture
def started():
    """The log of a server, and what comes out of it."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    start_log(writer)
    yield lambda: re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "AT", os.read(reader, 1 << 16).decode())
    stop_log()
    os.close(reader)
    os.close(writer)


def test_lines_on_stderr_have_time_and_level(started):
    write_decisions(("accept who=Ada",))
    logging.getLogger("radiusd").warning("cannot %s", "send")
    assert started() == "AT INFO accept who=Ada\nAT WARNING cannot send\n"


def test_lines_that_nobody_reads_stop_nothing():
    reader, writer = os.pipe()
    start_log(writer)
    try:
        os.close(reader)
        write_decisions(("accept who=Ada",))
    finally:
        stop_log()
        os.close(writer)


def test_lines_of_a_batch_are_whole_in_every_piece(started):
    texts = [f"accept who={'x' * (number % 700)} number={number}" for number in range(100)]
    with lines_together():
        write_decisions(texts[:50])
        write_decisions(texts[50:], logging.WARNING)
        with pytest.raises(BlockingIOError):
            started()
    levels = ["INFO"] * 50 + ["WARNING"] * 50
    assert started() == "".join(f"AT {level} {text}\n" for level, text in zip(levels, texts, strict=True))


def test_line_longer_than_a_piece_comes_through(started):
    write_decisions(("discard detail=" + "x" * 10_000, "accept who=Ada"))
    assert started() == f"AT INFO discard detail={'x' * 10_000}\nAT INFO accept who=Ada\n"


def test_requests_are_counted_in_bulk(house):
    journal = house.start().engine.journal
    journal.counts.request("house-aps", "hostapd", "accept", "known", 0.0002, 7)
    journal.counts.request("house-aps", "hostapd", "accept", "known", 0.0003, 3)
    assert journal.accepted == {"known": 10}
    assert journal.counts.requests == {("house-aps", "hostapd", "accept", "known"): 10}
    histogram = journal.counts.request_seconds["known"]
    assert sum(histogram.counts) == 10
    assert histogram.sum == pytest.approx(7 * 0.0002 + 3 * 0.0003)


def test_lines_as_json_have_what_the_text_has(tmp_path, house, handshake):
    house.add_key(SSID, b"right-passphrase", identity='Ann "A" Lee', vlan=110)
    house.start()
    reader, writer = os.pipe()
    start_log(writer, DecisionFile(tmp_path / "log"), json_lines=True)
    try:
        with lines_together():
            for passphrase in (b"right-passphrase", b"wrong-passphrase"):
                house.ask(handshake(passphrase))
        logging.getLogger("radiusd").info("ready listen=127.0.0.1:1812 workers=2 keys=1 seconds=0.25")
        logging.getLogger("radiusd").warning('reload: changed "%s"', "x")
    finally:
        stop_log()
    accept, reject, ready, reload = map(json.loads, os.read(reader, 1 << 16).splitlines())
    assert all(
        re.fullmatch(r"[-0-9]{10}T[:0-9]{8}\.\d{3}Z", line.pop("ts")) for line in (accept, reject, ready, reload)
    )
    assert isinstance(accept.pop("ms"), float)
    assert accept == {
        "level": "INFO",
        "event": "accept",
        "who": 'Ann "A" Lee',
        "key": 1,
        "nas": "access points",
        "venue": "Hudson House",
        "ssid": "Hudson House",
        "device": "02:00:00:00:02:01",
        "how": "search",
        "keys": 1,
        "vlan": 110,
        "dialect": "hostapd",
    }
    assert (reject["event"], reject["reason"]) == ("reject", "unknown passphrase")
    assert ready == {
        "level": "INFO",
        "event": "ready",
        "listen": "127.0.0.1:1812",
        "workers": 2,
        "keys": 1,
        "seconds": 0.25,
    }
    assert reload == {"level": "WARNING", "message": 'reload: changed "x"'}
    kept = (tmp_path / "log").read_text("utf-8").splitlines()
    assert [line.split()[2] for line in kept] == ["accept", "reject"]  # as text, whatever stderr has
    os.close(reader)
    os.close(writer)


class TestFlood:
    """Whoever can send a datagram can send a million: the log must not grow with them."""

    def discards(self, lines):
        return [line for line in lines() if line.startswith("discard")]

    @pytest.mark.parametrize(
        ("cause", "datagram", "address"),
        [
            ("unknown-source", bytes(20), "203.0.113.9"),
            ("malformed", bytes(20), "192.0.2.1"),
            ("wrong-secret", encode_request(1, bytes(16), [], SharedSecret(b"another")), "192.0.2.1"),
            ("unsigned", encode_request(1, bytes(16), [], SharedSecret(b"testing123"), sign=False), "192.0.2.1"),
        ],
    )
    def test_of_one_address_has_a_line_now_and_then_and_its_count(self, house, lines, cause, datagram, address):
        house.start()
        for port in range(100):
            assert house.send(datagram, address=address, port=port) is None
        (line,) = self.discards(lines)
        assert line.startswith(f"discard cause={cause} source={address}:0 detail=")
        house.clock.seconds += 5
        house.send(datagram, address=address)
        assert ', and 99 more before"' in self.discards(lines)[1]
        house.send(datagram, address=address)
        house.clock.seconds += 5
        for _ in range(3):
            house.engine.catch_up()
        assert self.discards(lines)[2:] == [f"discard cause={cause} source={address} suppressed=1"]
        assert house.engine.journal.counts.discards == {cause: 102}

    def test_of_invented_addresses_is_bounded_in_lines_and_memory(self, house, lines):
        house.start()
        for number in range(20_000):
            house.send(bytes(20), address=f"203.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        assert len(self.discards(lines)) == 65
        house.send(bytes(20), address="192.0.2.1")  # another cause is told all the same
        assert "cause=malformed" in self.discards(lines)[-1]
        house.clock.seconds += 5
        house.engine.catch_up()
        assert self.discards(lines)[66:] == ["discard cause=unknown-source source=others suppressed=19935"]
        house.clock.seconds += 5
        house.engine.catch_up()
        assert not any(house.engine.journal._throttle._kinds.values())

    def test_line_says_whose_it_is(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        house.send(bytes(20))
        assert lines()[-1].endswith(' nas="access points"')
        search = house.engine.receive(house.question(handshake(b"wrong-passphrase")).datagram, SOURCE, house.now)
        house.engine.drop(search, "queue-full", "too many searches are waiting")
        assert lines()[-1].endswith(
            ' nas="access points" venue="Hudson House" ssid="Hudson House" device=02:00:00:00:02:01'
        )


def test_device_that_cools_down_cannot_push_others_out_of_the_log(house, handshake, lines):
    """A thousand refusals of one device are few lines, all are counted, and the next resident's is there."""
    house.add_key(SSID, b"right-passphrase")
    house.start()
    for _ in range(1000):
        house.ask(handshake(b"wrong-passphrase"))
    neighbour = MacAddress(b"\2\0\0\0\2\7")
    house.ask(handshake(b"wrong-passphrase", spa=neighbour))
    rejects = [line for line in lines() if line.startswith("reject")]
    assert len(rejects) == 31
    assert 'reason="unknown passphrase"' in rejects[9]
    assert 'reason="cooling down after 10 failures"' in rejects[10]
    assert f"device={neighbour}" in rejects[30]
    assert house.engine.journal.rejected == 1001
    house.clock.seconds += 6
    house.engine.catch_up()
    assert lines()[-1].startswith('reject reason="cooling down after 10 failures"')
    assert lines()[-1].endswith("device=02:00:00:00:02:01 suppressed=970")
