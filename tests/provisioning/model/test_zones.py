import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from provisioning import InvalidValue
from provisioning.model.rules.zones import (
    Notation,
    end_of_day,
    offset_change,
    parse_instant,
    parse_zone,
    render_instant,
    start_of_day,
)

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)
NAMES = files("tzdata").joinpath("zones").read_text("ascii").split()
ZONES = st.sampled_from(NAMES).map(ZoneInfo)
CLOCKS = st.integers(-90 * 366 * 86_400, 130 * 365 * 86_400).map(  # 1880 to 2099
    lambda seconds: datetime.fromisoformat("1970-01-01") + timedelta(seconds=seconds)
)
MOMENTS = CLOCKS.map(lambda clock: clock.replace(tzinfo=UTC))
NEAR = st.integers(-7200, 7200).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def instants_in_zones(draw):
    """Draw a zone and an instant, often one within two hours of a change of the clocks there."""
    zone, at = draw(ZONES), draw(MOMENTS)
    change = offset_change(zone, at, at + timedelta(days=200))
    return zone, change + draw(NEAR) if change is not None and draw(st.booleans()) else at


@settings(deadline=None)
@given(instants_in_zones())
def test_what_is_shown_is_read_as_the_same_instant(case):
    zone, at = case
    assert parse_instant(render_instant(at, zone), zone) == at


@settings(deadline=None)
@given(instants_in_zones())
def test_a_local_time_is_the_earliest_instant_at_which_the_clock_shows_it(case):
    zone, at = case
    shown = at.astimezone(zone).replace(tzinfo=None)
    read = parse_instant(shown.isoformat(), zone)
    assert read <= at
    assert read.astimezone(zone).replace(tzinfo=None) == shown
    # A change of the clocks is of less than 24 hours, wherever one was.
    assert read == at or offset_change(zone, read, at) is not None


@given(ZONES, CLOCKS)
def test_a_local_time_is_read_as_what_shows_it_or_refused(zone, moment):
    try:
        at = parse_instant(moment.isoformat(), zone)
    except InvalidValue as error:
        assert "does not exist" in str(error)  # noqa: PT017
        folds = [moment.replace(tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone) for fold in (0, 1)]
        assert all(each.replace(tzinfo=None) != moment for each in folds)
        return
    assert at.astimezone(zone).replace(tzinfo=None) == moment


def skipped(zone, day):
    try:
        start_of_day(day, zone)
    except InvalidValue:
        return True
    return False


@settings(deadline=None)
@given(instants_in_zones())
def test_days_follow_each_other_without_gap_and_hold_their_noons(case):
    zone, at = case
    day = at.astimezone(zone).date()
    assume(not skipped(zone, day + timedelta(days=1)))
    starts, ends = start_of_day(day, zone), end_of_day(day, zone)
    assert starts.astimezone(zone).date() == ends.astimezone(zone).date() == day
    assert (starts - SECOND).astimezone(zone).date() < day
    assert ends + SECOND == start_of_day(day + timedelta(days=1), zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
    assert starts < noon < ends


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-10-31 18:00", "2026-10-31T17:00"),
        ("2026-07-01 18:00", "2026-07-01T16:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30"),  # twice: the earlier
        ("2026-10-25 02:30 CEST", "2026-10-25T00:30"),
        ("2026-10-25 02:30 CET", "2026-10-25T01:30"),
        ("2026-10-31T18:00Z", "2026-10-31T18:00"),
        ("2026-10-31 18:00 UTC", "2026-10-31T18:00"),
        ("2026-10-31T18:00-05:00", "2026-10-31T23:00"),
        ("2026-10-31 18:00 -05:00", "2026-10-31T23:00"),
        ("2026-03-29T02:30+01:00", "2026-03-29T01:30"),  # exists: an offset needs no clock
        ("2026-10-31", "2026-10-30T23:00"),
        (" 2026-10-31 ", "2026-10-30T23:00"),
        ("2028-02-29 12:00", "2028-02-29T11:00"),
    ],
)
def test_times_are_read_in_the_venues_zone(text, utc):
    assert parse_instant(text, BERLIN) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "2026-03-29 02:30"),
        ("Europe/Berlin", "2026-03-29T02:00:00"),
        ("America/New_York", "2026-03-08 02:59:59"),
        ("Pacific/Apia", "2011-12-30 12:00"),
        ("Pacific/Apia", "2011-12-30"),
    ],
)
def test_a_time_that_clocks_skip_is_refused(zone, text):
    for ends in (False, True):
        with pytest.raises(InvalidValue, match=f"{text}' does not exist in {zone}"):
            parse_instant(text, ZoneInfo(zone), end_of_day=ends)


def test_a_name_that_the_time_does_not_have_is_refused():
    for text in ("2026-10-31 18:00 CEST", "2026-10-31 18:00 PST", "2026-03-29 02:30 CET", "2026-03-29 02:30 CEST"):
        with pytest.raises(InvalidValue, match="is not what the time is called"):
            parse_instant(text, BERLIN)


@pytest.mark.parametrize(
    ("zone", "day", "starts", "ends"),
    [
        ("Europe/Berlin", "2026-10-31", "2026-10-30T23:00:00", "2026-10-31T22:59:59"),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00", "2026-03-29T21:59:59"),  # 23 hours
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00", "2026-10-25T22:59:59"),  # 25 hours
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00", "2018-11-05T01:59:59"),  # no midnight: from 01:00
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00", "2018-02-18T02:59:59"),  # 23:00 to 24:00 twice
        ("America/St_Johns", "2010-11-06", "2010-11-06T02:30:00", "2010-11-07T02:29:59"),  # back from 00:01 to 23:01
        ("America/Toronto", "1919-03-30", "1919-03-30T05:00:00", "1919-03-31T04:29:59"),  # 23:30 to 00:30 is skipped
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00", "1919-04-01T03:59:59"),
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00", "2011-12-30T09:59:59"),  # the 30th is skipped
        ("UTC", "2028-02-29", "2028-02-29T00:00:00", "2028-02-29T23:59:59"),
        ("UTC", "9999-12-31", "9999-12-31T00:00:00", "9999-12-31T23:59:59"),
        ("UTC", "0001-01-01", "0001-01-01T00:00:00", "0001-01-01T23:59:59"),
    ],
)
def test_whole_days_are_the_venues(zone, day, starts, ends):
    starts, ends = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (starts, ends))
    zone = ZoneInfo(zone)
    assert (parse_instant(day, zone), parse_instant(day, zone, end_of_day=True)) == (starts, ends)
    assert (start_of_day(date.fromisoformat(day), zone), end_of_day(date.fromisoformat(day), zone)) == (starts, ends)


def test_a_time_of_day_is_no_whole_day():
    assert parse_instant("2026-10-31T00:00", BERLIN, end_of_day=True) == datetime(2026, 10, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text", "ends"),
    [
        ("Europe/Berlin", "0001-01-01", False),
        ("Europe/Berlin", "0001-01-01 00:10", False),
        ("America/New_York", "9999-12-31", True),
        ("America/New_York", "9999-12-31T23:00", False),
        ("UTC", "0001-01-01T00:00+14:00", False),
        ("UTC", "9999-12-31T23:00-12:00", False),
    ],
)
def test_instants_before_year_1_and_after_9999_are_refused(zone, text, ends):
    with pytest.raises(InvalidValue, match="years 1 to 9999"):
        parse_instant(text, ZoneInfo(zone), end_of_day=ends)
    if len(text) == 10:
        with pytest.raises(InvalidValue, match="years 1 to 9999"):
            (end_of_day if ends else start_of_day)(date.fromisoformat(text), ZoneInfo(zone))


def test_instants_at_the_ends_of_time_are_shown():
    assert render_instant(datetime.min.replace(tzinfo=UTC), ZoneInfo("America/New_York")) == "0001-01-01 00:00 UTC"
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert render_instant(last, ZoneInfo("Asia/Tokyo")) == "9999-12-31 23:59:59 UTC"


@pytest.mark.parametrize(
    ("notation", "text", "utc"),
    [
        (Notation.DAY_FIRST, "31.12.2026", "2026-12-31T00:00"),
        (Notation.DAY_FIRST, "1.2.2026", "2026-02-01T00:00"),
        (Notation.DAY_FIRST, "01/02/2026 18:00", "2026-02-01T18:00"),
        (Notation.DAY_FIRST, "31-12-2026, 18:00:05", "2026-12-31T18:00:05"),
        (Notation.DAY_FIRST, "29.02.2028", "2028-02-29T00:00"),
        (Notation.MONTH_FIRST, "12/31/2026", "2026-12-31T00:00"),
        (Notation.MONTH_FIRST, "1/2/2026 6:00 PM", "2026-01-02T18:00"),
        (Notation.MONTH_FIRST, "1/2/2026 12:00am", "2026-01-02T00:00"),
        (Notation.MONTH_FIRST, "1/2/2026 12:00 p.m.", "2026-01-02T12:00"),
        (Notation.MONTH_FIRST, "1/2/2026 6:00 PM UTC", "2026-01-02T18:00"),
        (Notation.DAY_FIRST, "2026-12-31", "2026-12-31T00:00"),
        (Notation.MONTH_FIRST, "2026-12-31T18:00", "2026-12-31T18:00"),
    ],
)
def test_dates_as_people_write_them_are_read_where_it_is_said_how(notation, text, utc):
    assert parse_instant(text, notation=notation) == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    if not text.startswith("2026"):
        with pytest.raises(InvalidValue, match="use 2026-10-31 or 2026"):
            parse_instant(text)


@pytest.mark.parametrize(
    ("notation", "text"),
    [
        (Notation.DAY_FIRST, "12/31/2026"),
        (Notation.DAY_FIRST, "29.02.2026"),
        (Notation.DAY_FIRST, "31.12.26"),
        (Notation.DAY_FIRST, "31.12/2026"),
        (Notation.DAY_FIRST, "31.12.2026 24:00"),
        (Notation.DAY_FIRST, "31.12.2026 18:60"),
        (Notation.DAY_FIRST, "31.12.2026x"),
        (Notation.DAY_FIRST, "31.12.2026 CET"),
        (Notation.MONTH_FIRST, "31/12/2026"),
        (Notation.MONTH_FIRST, "12.31.2026"),
        (Notation.MONTH_FIRST, "12/31/2026 13:00 PM"),
        (Notation.MONTH_FIRST, "12/31/2026 0:30 AM"),
        (Notation.MONTH_FIRST, "46022"),
    ],
)
def test_other_notations_are_refused_and_not_guessed(notation, text):
    with pytest.raises(InvalidValue, match="is not a date or time"):
        parse_instant(text, BERLIN, notation=notation)


@given(
    st.text(max_size=70) | st.text(st.sampled_from("0123456789-:./+TZ APMCE"), max_size=30), st.sampled_from(Notation)
)
def test_any_text_is_an_instant_or_refused(text, notation):
    try:
        at = parse_instant(text, BERLIN, notation=notation)
    except InvalidValue:
        return
    assert at.tzinfo is UTC
    assert not at.microsecond


def test_the_same_name_before_and_after_a_change_is_told_apart_by_the_offset():
    moscow = ZoneInfo("Europe/Moscow")
    twice = [datetime(2014, 10, 25, 21, 30, tzinfo=UTC), datetime(2014, 10, 25, 22, 30, tzinfo=UTC)]
    assert [render_instant(at, moscow) for at in twice] == ["2014-10-26 01:30+04:00", "2014-10-26 01:30+03:00"]


@pytest.mark.peer("date")
@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe"]
)
def test_what_is_shown_is_what_date_shows(name):
    ats = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=7 * step, minutes=step) for step in range(1250)]
    result = subprocess.run(
        ["date", "-f", "-", "+%Y-%m-%d %H:%M %Z"],
        input="".join(f"@{int(at.timestamp())}\n" for at in ats),
        env={**os.environ, "TZ": name, "TZDIR": str(files("tzdata").joinpath("zoneinfo")), "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [render_instant(at, ZoneInfo(name)) for at in ats] == result.stdout.splitlines()


def test_offset_changes_are_those_that_a_look_at_every_quarter_of_an_hour_finds():
    for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tokyo"):
        zone, at = ZoneInfo(name), datetime(2026, 1, 1, tzinfo=UTC)
        quarters = [at + timedelta(minutes=15 * step) for step in range(4 * 24 * 365)]
        offsets = [each.astimezone(zone).utcoffset() for each in quarters]
        changes = [each for each, new, old in zip(quarters[1:], offsets[1:], offsets, strict=False) if new != old]
        found = []
        while (at := offset_change(zone, at, quarters[-1])) is not None:
            found.append(at)
        assert found == changes
        assert len(found) == (0 if name == "Asia/Tokyo" else 2)


def test_zones_are_those_of_iana():
    assert parse_zone("Europe/Berlin").key == "Europe/Berlin"
    assert parse_zone("UTC").key == "UTC"
    with pytest.raises(InvalidValue, match=r"'europe/berln'.*did you mean Europe/Berlin or"):
        parse_zone("europe/berln")


@pytest.mark.parametrize(
    "text",
    ["", "America", "../UTC", "/etc/passwd", "right/UTC", "posix/UTC", "localtime", "CEST", "\0", "\ud800", "a" * 5000],
)
def test_other_names_are_no_zone(text):
    with pytest.raises(InvalidValue, match="is not an IANA time zone"):
        parse_zone(text)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_zone_or_refused(text):
    with suppress(InvalidValue):
        assert parse_zone(text).key == text


def test_a_system_without_zone_files_has_the_packages():
    code = (
        "from provisioning.model.rules.zones import *;"
        "print(render_instant(parse_instant('2026-07-01', parse_zone('Europe/Berlin')), parse_zone('Asia/Tokyo')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONTZPATH": ""}, capture_output=True, text=True, check=True
    )
    assert result.stdout == "2026-07-01 07:00 JST\n"


def test_an_offset_is_a_zone_as_well():
    assert parse_instant("2026-10-31", timezone(timedelta(hours=2))) == datetime(2026, 10, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-10-31", datetime(2026, 10, 31, tzinfo=UTC)),
        ("2026-10-31T12:00", datetime(2026, 10, 31, 12, tzinfo=UTC)),
        ("2026-10-31 12:00:01", datetime(2026, 10, 31, 12, 0, 1, tzinfo=UTC)),
        ("2026-10-31T12:00:00Z", datetime(2026, 10, 31, 12, tzinfo=UTC)),
        ("2026-10-31T12:00+02:00", datetime(2026, 10, 31, 10, tzinfo=UTC)),
        ("2026-10-31T12:00:00.9", datetime(2026, 10, 31, 12, tzinfo=UTC)),
    ],
)
def test_iso_dates_and_times_are_read_as_utc(text, at):
    assert parse_instant(text) == at


def test_a_bare_date_as_an_end_means_through_that_day():
    assert parse_instant("2026-10-31", end_of_day=True) == datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
    assert parse_instant("2026-10-31T00:00", end_of_day=True) == datetime(2026, 10, 31, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "31.10.2026", "0001-01-01T00:00+14:00", "9" * 50])
def test_other_texts_are_no_instant(text):
    with pytest.raises(InvalidValue, match="is not a date or time"):
        parse_instant(text)
