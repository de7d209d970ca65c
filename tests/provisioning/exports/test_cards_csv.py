"""Cards as a table, read back by the csv module."""

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from crypto import Ssid
from provisioning.exports import Card, Sheet, cards_csv
from provisioning.model import Passphrase

SHEET = Sheet(ssid=Ssid(b"Guests"), title="Hotel Post", zone=ZoneInfo("Europe/Zurich"))


def rows(octets):
    assert octets.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(octets.decode("utf-8-sig"), newline="")))


def test_table_has_a_line_for_each_card():
    card = Card(
        passphrase=Passphrase(b"tidy-otter-42"),
        number="1 of 2",
        note='Flat 3, "the\nupper"',
        valid_from=datetime(2026, 7, 1, 22, tzinfo=UTC),
        valid_until=datetime(2026, 11, 21, 22, 59, 59, tzinfo=UTC),
    )
    first, second = rows(cards_csv([card, Card(passphrase=Passphrase(b"12345678"))], SHEET))
    assert first == {
        "number": "1 of 2",
        "title": "Hotel Post",
        "ssid": "Guests",
        "passphrase": "tidy-otter-42",
        "valid_from": "2026-07-02 00:00:00",
        "valid_until": "2026-11-21 23:59:59",
        "note": 'Flat 3, "the\nupper"',
        "qr": "WIFI:T:WPA;S:Guests;P:tidy-otter-42;;",
    }
    assert (second["passphrase"], second["valid_from"], second["note"]) == ("12345678", "", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_formulas_are_defused(start):
    sheet = Sheet(ssid=Ssid.parse(f"{start}ssid"), title=f"{start}1+1")
    (row,) = rows(cards_csv([Card(passphrase=Passphrase(b"password"), number=f"{start}n", note=f"{start}x")], sheet))
    cells = [row[name] for name in ("title", "number", "note")]
    assert cells == [f"'{start}1+1", f"'{start}n", f"'{start}x"]
    assert not row["ssid"].startswith(start)
    assert row["qr"].startswith("WIFI:")


def test_passphrase_that_looks_like_a_formula_is_defused_and_whole_in_the_code():
    (row,) = rows(cards_csv([Card(passphrase=Passphrase(b'=HYPERLINK("x")'))], SHEET))
    assert row["passphrase"] == '\'=HYPERLINK("x")'
    assert row["qr"] == r"WIFI:T:WPA;S:Guests;P:=HYPERLINK(\"x\");;"


def test_ssid_that_is_not_utf8_stands_escaped_and_without_a_code():
    (row,) = rows(cards_csv([Card(passphrase=Passphrase(b"password"))], Sheet(ssid=Ssid(b"caf\xe9"))))
    assert (row["ssid"], row["qr"]) == ("caf\\xe9", "")


def test_end_of_time_is_written():
    card = Card(passphrase=Passphrase(b"password"), valid_until=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert rows(cards_csv([card], SHEET))[0]["valid_until"] == "9999-12-31 23:59:59"
