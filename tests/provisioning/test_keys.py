from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import Ssid, passphrase_to_pmk
from provisioning import InvalidValue, derive_pmks, generate_passphrase, parse_instant
from provisioning.keys import effective_vlan, windows_overlap

DAYS = [None, *(datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 6))]


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


@given(*[st.sampled_from(DAYS)] * 4)
def test_windows_overlap_where_an_instant_is_in_both(a, b, c, d):
    def inside(day, starts, ends):
        return (starts is None or starts.day <= day) and (ends is None or day < ends.day)

    if any(s and e and s >= e for s, e in ((a, b), (c, d))):
        return  # no window
    assert windows_overlap(a, b, c, d) == any(inside(day, a, b) and inside(day, c, d) for day in range(7))


def test_vlan_is_the_keys_own_then_the_units_plus_the_offset():
    assert effective_vlan(10, 20, 0) == 10
    assert effective_vlan(None, 20, 0) == 20
    assert effective_vlan(None, 20, 1000) == 1020
    assert effective_vlan(10, 20, 1000) == 1010
    assert effective_vlan(None, None, 1000) is None


def test_generated_passphrases_are_long_readable_and_different():
    values = [generate_passphrase().value for _ in range(200)]
    assert len(set(values)) == 200
    assert all(len(value) == 19 and not set(value) & set(b"01ilo \"',") for value in values)


@pytest.mark.parametrize("count", [1, 3])
def test_derived_pmks_are_those_of_the_reference(count):
    ssid, seen = Ssid("Café".encode()), []
    passphrases = [b"passphrase-%d" % index for index in range(count - 1)] + [b"00" * 32]
    pmks = derive_pmks(passphrases, ssid, lambda stage, done, total: seen.append((stage, done, total)))
    assert [pmk.tobytes() for pmk in pmks] == [passphrase_to_pmk(value, ssid).value for value in passphrases]
