"""VAULT's limits of scratch cards (calls addScratchCards and extendScratchCardBatch), and their windows."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.errors import InvalidValue
from provisioning.model import CardState, KeyStatus, ScratchCard
from provisioning.model.card import (
    batch_name,
    check_begin,
    check_count,
    check_extension,
    end_after,
    parse_batch_name,
    whole_ms,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)  # 18:00 in Berlin
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("count", [1, 100])
def test_a_batch_has_1_to_100_cards(count):
    check_count(count)


@pytest.mark.parametrize("count", [-1, 0, 101, 10**30])
def test_a_batch_has_no_other_number_of_cards(count):
    with pytest.raises(InvalidValue, match=f"count of cards must be 1 to 100, got {count}"):
        check_count(count)


def test_cards_begin_at_most_90_days_ahead():
    check_begin(None, NOW)
    check_begin(NOW - timedelta(days=1), NOW)
    check_begin(NOW + timedelta(days=90), NOW)
    with pytest.raises(InvalidValue, match="start of the cards must be at most 90 days ahead"):
        check_begin(NOW + timedelta(days=90) + SECOND, NOW)


@pytest.mark.parametrize("hours", [1, 8760])
def test_cards_are_extended_by_1_to_8760_hours(hours):
    check_extension(hours)


@pytest.mark.parametrize("hours", [-1, 0, 8761])
def test_cards_are_extended_by_no_other_hours(hours):
    with pytest.raises(InvalidValue, match=f"must be 1 to 8760, got {hours}"):
        check_extension(hours)


def test_a_batch_is_known_by_the_instant_it_was_made_with_milliseconds():
    at = datetime(2025, 9, 1, 10, 30, 25, 123_000, tzinfo=UTC)
    assert batch_name(at) == "2025-09-01T10:30:25.123Z"
    assert parse_batch_name("2025-09-01T10:30:25.123Z") == at
    assert parse_batch_name(" 2025-09-01T12:30:25.123999+02:00 ") == at
    assert parse_batch_name("2025-09-01T10:30:25.123") == at
    assert parse_batch_name("2025-09-01t10:30:25Z") == at.replace(microsecond=0)


@given(st.datetimes(timezones=st.just(UTC)))
def test_the_name_of_a_batch_is_read_back(at):
    assert parse_batch_name(batch_name(whole_ms(at))) == whole_ms(at)


@pytest.mark.parametrize(
    "text",
    ["", "7a", "2025-09-01", "2025-09-31T10:00:00Z", "yesterday", "0001-01-01T00:00:00+14:00", "T" * 5000, "\udc80T"],
)
def test_what_is_no_instant_names_no_batch(text):
    with pytest.raises(InvalidValue, match="is not the instant of a batch"):
        parse_batch_name(text)


def test_days_are_whole_ones_and_what_is_left_of_today_is_on_top():
    assert end_after(None, NOW, BERLIN, days=3) == datetime(2026, 11, 24, 22, 59, 59, tzinfo=UTC)
    whole = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)  # 1 December, 00:00
    assert end_after(whole, NOW, BERLIN, days=3) == datetime(2026, 12, 3, 22, 59, 59, tzinfo=UTC)


def test_days_are_those_of_the_venue_when_clocks_go_back_and_forward():
    before = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    assert end_after(None, before, BERLIN, days=1) == datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)
    before = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
    assert end_after(None, before, BERLIN, days=1) == datetime(2027, 3, 28, 21, 59, 59, tzinfo=UTC)


def test_hours_are_hours():
    now = NOW + timedelta(microseconds=700)
    assert end_after(None, now, BERLIN, hours=12) == NOW + timedelta(hours=12)


@pytest.mark.parametrize("amount", [{"hours": 0}, {"days": 0}, {"days": -3}])
def test_cards_are_good_for_one_at_least(amount):
    with pytest.raises(InvalidValue, match="must be 1 or more"):
        end_after(None, NOW, UTC, **amount)


@pytest.mark.parametrize("amount", [{"hours": 10**9}, {"hours": 10**30}, {"days": 4_000_000}, {"days": 10**12}])
def test_cards_end_in_a_year_that_there_is(amount):
    with pytest.raises(InvalidValue, match="year 9999"):
        end_after(None, NOW, UTC, **amount)


def card(**fields):
    usual = {"number": 1, "key_id": 1, "card_batch_id": 1, "identity": "card-1-001", "starts": None, "ends": None}
    decided = {"status": KeyStatus.ACTIVE, "status_reason": None, "status_at": None, "removes_at": None, "tag": None}
    return ScratchCard(**usual | decided | {"used_at": None, "devices": 0} | fields)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, CardState.VALID),
        ({"starts": NOW, "ends": NOW + SECOND}, CardState.VALID),
        ({"starts": NOW + SECOND}, CardState.NOT_YET_VALID),
        ({"ends": NOW}, CardState.EXPIRED),
        ({"status": KeyStatus.SUSPENDED}, CardState.SUSPENDED),
        ({"status": KeyStatus.SUSPENDED, "ends": NOW}, CardState.EXPIRED),
        ({"status": KeyStatus.REMOVED, "status_at": NOW, "ends": NOW + SECOND}, CardState.INVALIDATED),
        ({"removes_at": NOW}, CardState.INVALIDATED),
    ],
)
def test_a_card_is_in_one_state(fields, state):
    assert card(**fields).state(NOW) is state
    assert card(**fields).is_over(NOW) is (state in (CardState.EXPIRED, CardState.INVALIDATED))
