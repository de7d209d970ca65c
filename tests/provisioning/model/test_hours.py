from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning import InvalidValue
from provisioning.model.rules.hours import Hours, Span, allows
from provisioning.model.rules.zones import offset_change, parse_instant, render_instant

BERLIN = ZoneInfo("Europe/Berlin")
SAMPLE = "Mon-Fri 08:00-22:00, Sat 10:00-14:00"
MINUTE = timedelta(minutes=1)


@st.composite
def hours(draw):
    def span():
        days = sorted(draw(st.sets(st.integers(0, 6), min_size=1)))
        opens, closes = draw(
            st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] != pair[1])
        )
        return Span(tuple(days), opens, closes)

    return Hours(tuple(span() for _ in range(draw(st.integers(1, 4)))))


@st.composite
def places(draw):
    """Draw a zone and an instant on a whole minute, often within a day of a change of the clocks."""
    zone = ZoneInfo(
        draw(
            st.sampled_from(
                ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]
            )
        )
    )
    at = datetime(2008, 1, 1, tzinfo=UTC) + draw(st.integers(0, 10 * 365 * 1440)) * MINUTE
    change = offset_change(zone, at, at + timedelta(days=180))
    return zone, change + draw(st.integers(-1440, 1440)) * MINUTE if change is not None and draw(st.booleans()) else at


def slow_allows(plan, at, zone):
    """The twin of Hours.allows: a look at the clock, span by span."""
    local = at.astimezone(zone)
    minute, today = local.hour * 60 + local.minute, local.weekday()
    for span in plan.spans:
        over = span.closes <= span.opens
        if today in span.days and span.opens <= minute and (over or minute < span.closes):
            return True
        if over and (today - 1) % 7 in span.days and minute < span.closes:
            return True
    return False


@settings(deadline=None)
@given(hours(), places())
def test_hours_are_those_of_the_clock_on_the_wall(plan, place):
    zone, at = place
    for step in range(0, 7 * 1440, 97):
        now = at + step * MINUTE
        assert plan.allows(now, zone) == slow_allows(plan, now, zone)


@settings(max_examples=40, deadline=None)
@given(hours(), places(), st.integers(0, 59))
def test_until_is_the_first_minute_at_which_it_is_otherwise(plan, place, seconds):
    zone, at = place
    now = at + timedelta(seconds=seconds)
    changes = (at + step * MINUTE for step in range(1, 16 * 1440))
    state = slow_allows(plan, now, zone)
    expected = next((each for each in changes if slow_allows(plan, each, zone) != state), None)
    assert plan.until(now, zone) == expected


@given(hours())
def test_hours_are_read_as_they_are_shown(plan):
    shown = Hours.parse(str(plan))
    assert str(Hours.parse(str(shown))) == str(shown)
    assert shown._edges == plan._edges


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (SAMPLE, SAMPLE),
        ("mon-FRI 8:00 - 22:00 ,  saturday 10:00-14:00", SAMPLE),
        ("daily 22:00-06:00", "daily 22:00-06:00"),
        ("22:00-06:00", "daily 22:00-06:00"),
        ("Mon, Wed 08:00-12:00", "Mon, Wed 08:00-12:00"),
        ("Mon-Wed, Fri 08:00-12:00, 13:00-17:00", "Mon-Wed, Fri 08:00-12:00, Mon-Wed, Fri 13:00-17:00"),
        ("Fri-Mon 00:00-24:00", "Mon, Fri-Sun 00:00-24:00"),
        ("Sun 18:00-00:00", "Sun 18:00-24:00"),
    ],
)
def test_hours_of_the_week_are_read(text, shown):
    assert str(Hours.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Mon",
        "Mon-Fri",
        "Foo 08:00-10:00",
        "Mo 08:00-10:00",
        "Mond 08:00-10:00",
        "08:00",
        "8-10",
        "Mon 08:00-25:00",
        "Mon 08:60-09:00",
        "24:00-08:00",
        "08:00-08:00",
        "daily-Fri 08:00-10:00",
        "Mon 08:00-10:00,",
        "Mon 08:00-10:00, Tue",
        "Mon 08:00-10:00;Tue 08:00-10:00",
        "Mon 08:00-24:01",
        "-08:00-10:00",
        "\u0661\u0661:00-12:00",
        "Mon 08:00-10:00 " * 99,
    ],
)
def test_other_hours_are_refused(text):
    with pytest.raises(InvalidValue, match="plan hours"):
        Hours.parse(text)


@given(st.text(max_size=60) | st.text(st.sampled_from("MonFriSatdaily 0123456789:-,"), max_size=60))
def test_any_text_is_hours_or_refused(text):
    try:
        plan = Hours.parse(text)
    except InvalidValue:
        return
    assert Hours.parse(str(plan)) == plan


def changes(plan, begin, count, zone=BERLIN):
    at, seen = parse_instant(begin, zone), []
    for _ in range(count):
        at = plan.until(at, zone)
        seen.append(render_instant(at, zone))
    return seen


def test_hours_open_and_close_by_the_venues_clock():
    plan = Hours.parse(SAMPLE)
    assert plan.allows(parse_instant("2026-11-20 21:59:59", BERLIN), BERLIN)
    assert not plan.allows(parse_instant("2026-11-20 22:00", BERLIN), BERLIN)
    assert changes(plan, "2026-11-20 12:00", 4) == [
        *("2026-11-20 22:00 CET", "2026-11-21 10:00 CET"),
        *("2026-11-21 14:00 CET", "2026-11-23 08:00 CET"),
    ]


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin():
    plan = Hours.parse("Sun 22:00-06:00")
    assert plan.allows(parse_instant("2026-11-23 05:59", BERLIN), BERLIN)  # Monday
    assert not plan.allows(parse_instant("2026-11-22 05:59", BERLIN), BERLIN)
    assert changes(plan, "2026-11-22 23:00", 2) == ["2026-11-23 06:00 CET", "2026-11-29 22:00 CET"]


def test_the_night_on_which_clocks_go_forward_is_an_hour_shorter():
    plan = Hours.parse("22:00-06:00")
    begin = parse_instant("2026-03-28 22:00", BERLIN)
    assert plan.until(begin, BERLIN) - begin == timedelta(hours=7)
    # What would open in the hour that is skipped opens when the clock has gone over it.
    assert changes(Hours.parse("02:30-04:00"), "2026-03-29 00:00", 2) == [
        "2026-03-29 03:00 CEST",
        "2026-03-29 04:00 CEST",
    ]
    assert changes(Hours.parse("Sun 02:00-03:00"), "2026-03-28 00:00", 1) == ["2026-04-05 02:00 CEST"]


def test_the_night_on_which_clocks_go_back_is_an_hour_longer():
    plan = Hours.parse("22:00-06:00")
    begin = parse_instant("2026-10-24 22:00", BERLIN)
    assert plan.until(begin, BERLIN) - begin == timedelta(hours=9)
    assert plan.until(begin.astimezone(BERLIN), BERLIN) == plan.until(begin, BERLIN)
    # The hour that comes twice is open twice.
    twice = ["2026-10-25 02:30 CEST", "2026-10-25 02:00 CET", "2026-10-25 02:30 CET"]
    assert changes(Hours.parse("01:00-02:30"), "2026-10-25 01:30", 3) == twice


def test_a_plan_without_hours_and_one_of_all_hours_hold_always():
    now = parse_instant("2026-10-25 02:30", BERLIN)
    assert allows(None, now, BERLIN)
    assert allows(Hours.parse(SAMPLE), now, BERLIN) is False
    for text in ("daily 00:00-24:00", "Mon-Sun 00:00-12:00, 12:00-00:00", "daily 06:00-18:00, daily 18:00-06:00"):
        assert Hours.parse(text).allows(now, BERLIN)
        assert Hours.parse(text).until(now, BERLIN) is None


def test_nothing_ends_after_the_year_9999():
    assert Hours.parse("Mon 08:00-09:00").until(datetime(9999, 12, 31, 23, tzinfo=UTC), UTC) is None


@pytest.mark.parametrize(
    "span",
    [
        ((), 0, 1),
        ((7,), 0, 1),
        ((1, 0), 0, 1),
        ((0, 0), 0, 1),
        ((0,), 1440, 1),
        ((0,), 0, 0),
        ((0,), 5, 5),
        ((0,), 0, 1441),
    ],
)
def test_a_span_is_checked(span):
    with pytest.raises(InvalidValue, match="plan hours"):
        Span(*span)


def test_hours_are_values():
    assert Hours.parse(SAMPLE) == Hours.parse(SAMPLE.upper())
    assert hash(Hours.parse(SAMPLE)) == hash(Hours.parse(SAMPLE.upper()))
    with pytest.raises(InvalidValue, match="empty"):
        Hours(())
