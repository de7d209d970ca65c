"""What a line of the log looks like, whatever the air puts into it."""

import logging
import os
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import Ssid
from radiusd.journal import quote, quote_octets, write
from radiusd.logs import start_log


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
    ],
)
def test_value_is_quoted(text, quoted):
    assert quote(text) == quoted


def test_octets_that_are_no_text():
    assert quote_octets(b"\xff\xc3\xa9") == '"\\xffé"'


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


def test_lines_on_stderr_have_time_and_level():
    log = logging.getLogger("radiusd")
    before = log.handlers[:], log.level, log.propagate
    reader, writer = os.pipe()
    try:
        start_log(writer)
        write("accept who=Ada")
        log.warning("discard cause=%s", "malformed")
        lines = os.read(reader, 4096).decode().splitlines(keepends=True)
        at = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        assert [re.sub(at, "AT", line) for line in lines] == [
            "AT INFO accept who=Ada\n",
            "AT WARNING discard cause=malformed\n",
        ]
        os.close(reader)
        write("nobody reads this")  # and that is no reason to stop
        reader = None
    finally:
        log.handlers, log.level, log.propagate = before
        os.close(writer)
        if reader is not None:
            os.close(reader)
