"""Dates in a sheet."""

import re
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.sheets.dates import Unordered, find_order, parse_date


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2026-12-31", None, "2026-12-31"),
        (" 2026-12-31 ", "mdy", "2026-12-31"),
        ("2026/12/31", None, "2026-12-31"),
        ("2026.1.2", "ymd", "2026-01-02"),
        ("2026-12-31T14:00", None, "2026-12-31T14:00:00"),
        ("2026-12-31 14:00:05", None, "2026-12-31T14:00:05"),
        ("2026-12-31T14:00:05.123456Z", None, "2026-12-31T14:00:05Z"),
        ("2026-12-31 14:00 +02:00", None, "2026-12-31T14:00:00+02:00"),
        ("2026-10-25 02:30 CET", None, "2026-10-25T02:30:00 CET"),
        ("31.12.2026", "dmy", "2026-12-31"),
        ("1. 2. 2026", "dmy", "2026-02-01"),
        ("31/12/2026", "dmy", "2026-12-31"),
        ("12/31/2026", "mdy", "2026-12-31"),
        ("12-31-2026", "mdy", "2026-12-31"),
        ("1/2/2026", "mdy", "2026-01-02"),
        ("1/2/2026", "dmy", "2026-02-01"),
        ("12/31/2026 2:05 PM", "mdy", "2026-12-31T14:05:00"),
        ("12/31/2026 12:05:09 a.m.", "mdy", "2026-12-31T00:05:09"),
        ("31.12.2026, 14.05", "dmy", "2026-12-31T14:05:00"),
        ("29.02.2028", "dmy", "2028-02-29"),
        ("05/05/2026", None, "2026-05-05"),
        ("9999-12-31", None, "9999-12-31"),
    ],
)
def test_dates_are_read(text, order, expected):
    assert parse_date(text, order) == expected


@pytest.mark.parametrize(
    ("text", "order", "reason"),
    [
        ("31.12.26", None, "a date needs a year of four digits"),
        ("31.12.2026", "mdy", "there is no such day"),
        ("12/31/2026", "dmy", "there is no such day"),
        ("31/12/2026", "ymd", "the year does not come first"),
        ("29.02.2027", "dmy", "there is no such day"),
        ("2027-02-29", None, "there is no such day"),
        ("13/13/2026", None, "there is no such day"),
        ("0/0/2026", "dmy", "there is no such day"),
        ("30.12.1899", "dmy", "a year before 1900"),
        ("0000-01-01", None, "a year before 1900"),
        ("46387", None, "is a number of days, as workbooks count them: format the column as a date"),
        ("46387,5", None, "is a number of days, as workbooks count them: format the column as a date"),
        ("sunny-Otter-41", None, "is not a date: write 2026-12-31, or 2026-12-31 14:00"),
        ("31 Dec 2026", None, "is not a date: write 2026-12-31, or 2026-12-31 14:00"),
        ("2026-12-31 noon", None, "what follows the date is not a time: write 14:00, or 2:00 PM"),
        ("2026-12-31 24:00", None, "there is no such time"),
        ("12/31/2026 13:00 PM", "mdy", "there is no such time"),
        ("\u0661/\u0662/2026", "dmy", "is not a date: write 2026-12-31, or 2026-12-31 14:00"),
    ],
)
def test_what_is_no_date_is_refused_without_the_cell(text, order, reason):
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        parse_date(text, order)


@pytest.mark.parametrize(
    ("texts", "order", "why"),
    [
        (["01/02/2026", "13/02/2026", "03/04/2026"], "dmy", "1 of 3 can be read in no other way"),
        (["01/02/2026", "02/28/2026"], "mdy", "1 of 2 can be read in no other way"),
        (["01.02.2026", "03.04.2026"], None, "is day or month first? say --dates dmy or --dates mdy"),
        (
            ["31/12/2026", "12/31/2026"],
            None,
            "some dates of the column have a day past 12 first and some second: say --dates dmy or mdy",
        ),
        ([], None, "is day or month first? say --dates dmy or --dates mdy"),
    ],
)
def test_a_column_is_read_where_it_can_be_in_one_way_only(texts, order, why):
    assert find_order([parse_date(text) for text in texts]) == (order, why)


DAYS = st.dates(date(1900, 1, 1))


@given(DAYS, st.sampled_from("./-"), st.booleans(), st.booleans())
def test_no_day_is_read_as_another(day, mark, month_first, padded):
    parts = (day.month, day.day) if month_first else (day.day, day.month)
    text = mark.join([*(f"{part:02}" if padded else str(part) for part in parts), f"{day.year:04}"])
    order = "mdy" if month_first else "dmy"
    assert parse_date(text, order) == day.isoformat()
    found = parse_date(text)
    assert found == day.isoformat() if day.day == day.month else isinstance(found, Unordered)
    if isinstance(found, Unordered) and day.day > 12:
        assert find_order([found])[0] == order


@given(st.text(max_size=30), st.sampled_from([None, "dmy", "mdy", "ymd"]))
def test_arbitrary_text_is_a_date_or_refused(text, order):
    with suppress(ValueError):
        found = parse_date(text, order)
        assert isinstance(found, Unordered) or date.fromisoformat(found[:10])
