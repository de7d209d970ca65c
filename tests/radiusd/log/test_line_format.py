"""A line is read as it was written, and whatever else a file holds is no reason to fail."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.log.line_format import parse_line, printable, quote, quote_octets, render_json, unquote

AT = "2026-10-31T08:15:02.123Z"
NAMES = st.from_regex(r"[a-z_]{1,9}", fullmatch=True)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_value_comes_back(text):
    assert unquote(quote(text)) == text


@given(st.dictionaries(NAMES, st.text(), min_size=1))
def test_fields_come_back_as_written(values):
    fields = {name: quote(text) for name, text in values.items()}
    line = parse_line(f"{AT} INFO accept " + " ".join(f"{name}={raw}" for name, raw in fields.items()))
    assert (line.time, line.level, line.event, line.fields) == (AT, "INFO", "accept", fields)


@given(st.text())
def test_any_text_is_read_and_shown(text):
    assert parse_line(text).view()
    assert parse_line(f"{AT} INFO accept who={text}").text.endswith(text)


def test_values_have_their_types():
    ssid = quote_octets(b'x"\\\xff')
    line = parse_line(
        f'{AT} INFO accept who="Ann \\"A\\" Lee" key=17 nas=house-aps venue=none ssid={ssid}'
        " device=02:00:00:00:01:00 how=search keys=4210 ms=0.41 vlan=110 dialect=hostapd also=ruckus,cisco"
    )
    assert line.view() == {
        "ts": AT,
        "level": "INFO",
        "event": "accept",
        "who": 'Ann "A" Lee',
        "key": 17,
        "nas": "house-aps",
        "venue": None,
        "ssid": 'x"\\\\\\xff',  # a backslash is two, or another SSID would look the same
        "device": "02:00:00:00:01:00",
        "how": "search",
        "keys": 4210,
        "ms": 0.41,
        "vlan": 110,
        "dialect": "hostapd",
        "also": "ruckus,cisco",
    }
    assert parse_line(f'{AT} INFO accept key=32-keys vlan=none venue="none"').view() | {"ts": ""} == {
        "ts": "",
        "level": "INFO",
        "event": "accept",
        "key": "32-keys",
        "vlan": None,
        "venue": "none",
    }


@given(st.text())
def test_json_says_the_same_and_moves_no_cursor(text):
    view = parse_line(f"{AT} INFO accept who={quote(text)}").view()
    shown = render_json(view)
    assert json.loads(shown) == view
    assert shown.isprintable()


@pytest.mark.parametrize("character", ["\x9b", "\u202e", "\x7f", "\x1b", "\U000e0001", "\ue000"])
def test_what_moves_a_cursor_is_escaped_in_json_and_on_a_terminal(character):
    line = parse_line(f"{AT} INFO accept who={character}2J device={character}")
    assert character not in render_json(line.view())
    assert json.loads(render_json(line.view())) == line.view()
    assert character not in printable(line.text)


def test_free_text_stays_text():
    for text in ("stopped", "reload: changed a=b, c", "worker 1 ended (signal 9)", "accept who=Ann and more"):
        assert parse_line(f"{AT} ERROR {text}").view() == {"ts": AT, "level": "ERROR", "message": text}
    assert parse_line("\0\0\0").view() == {"message": "\0\0\0"}
    assert parse_line(AT[:9]).view() == {"message": AT[:9]}
