"""What is said of an answer that cannot be read: what it is in place of what was asked for, and nothing of it."""

import pytest

from provisioning.platforms import Answer, Request, Unreadable

RESIDENTS = Request(path="/residents", what="residents of site S1")


def answer(kind, body):
    return Answer(RESIDENTS, 200, {} if kind is None else {"content-type": kind}, body)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("application/json; charset=utf-8", "the answer is not well-formed JSON: line 1, column 8"),
        ("application/problem+JSON", "the answer is not well-formed JSON: line 1, column 8"),
        ("text/html", "the answer is not JSON but text/html: line 1, column 8"),
        (None, "the answer is not JSON: line 1, column 8"),
    ],
)
def test_what_is_no_json_is_called_what_it_is(kind, text):
    with pytest.raises(Unreadable) as caught:
        answer(kind, b'{"ok": x}').json()
    assert str(caught.value) == f"residents of site S1: {text}"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("application/xml", "the answer is not well-formed XML"),
        ("application/json", "the answer is not XML but application/json"),
        (None, "the answer is not XML"),
    ],
)
def test_what_is_no_xml_is_called_what_it_is(kind, text):
    with pytest.raises(Unreadable) as caught:
        answer(kind, b"<relationships><a>").xml()
    assert str(caught.value) == f"residents of site S1: {text}"
