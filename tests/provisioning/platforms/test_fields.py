"""Fields as platforms write them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from provisioning.platforms import PLATFORMS, Refused
from provisioning.platforms.fields import (
    Day,
    Instant,
    Number,
    OpaqueId,
    OptionalId,
    Text,
    Vlan,
    cut,
    day_ends,
    day_starts,
    describe,
    find_id,
    find_zone,
    parse_instant,
    parse_records,
    take_name,
)
from provisioning.sync import Kind, Reading

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def read(kind, value):
    return TypeAdapter(kind).validate_python(value)


def refusal(kind, value):
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    return describe(caught.value)[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-11-09T05:19:18.490939+00:00", datetime(2021, 11, 9, 5, 19, 18, tzinfo=UTC)),
        ("2021-11-09T05:19:18.000Z", datetime(2021, 11, 9, 5, 19, 18, tzinfo=UTC)),
        ("2011-03-18T08:27:40.000+1100", datetime(2011, 3, 17, 21, 27, 40, tzinfo=UTC)),
        ("2011-03-18T08:27:40.000+11:00", datetime(2011, 3, 17, 21, 27, 40, tzinfo=UTC)),
        (" 2021-11-09T05:19Z ", datetime(2021, 11, 9, 5, 19, tzinfo=UTC)),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_instants_are_read_with_any_offset(text, expected):
    assert read(Instant, text) == expected


@pytest.mark.parametrize("value", ["soon", "2021-13-09T05:19:18Z", "0001-01-01T00:00:00+14:00", 5, True, [], {}])
def test_what_is_no_instant_is_refused(value):
    assert refusal(Instant, value) == "is not an instant as ISO 8601 writes it"


def test_an_instant_without_an_offset_needs_a_zone():
    assert refusal(Instant, "2021-11-09T05:19:18") == "is an instant without an offset from UTC"
    zone = ZoneInfo("America/New_York")
    assert parse_instant("2021-07-09T05:00:00", zone) == datetime(2021, 7, 9, 9, tzinfo=UTC)
    assert parse_instant("2021-11-09T05:00:00", zone) == datetime(2021, 11, 9, 10, tzinfo=UTC)


def test_days_have_one_form():
    assert read(Day, "2011-03-18") == date(2011, 3, 18)
    assert read(Day, "") is None
    for value in ("2011-3-18", "18.03.2011", "2011-02-30", "2011-W01-1", "20110318", 5):
        assert refusal(Day, value) == "is not a day as YYYY-MM-DD"


def test_a_day_is_as_long_as_its_clocks_make_it():
    zone = ZoneInfo("America/New_York")
    assert day_starts(date(2026, 3, 8), zone) == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert day_ends(date(2026, 3, 8), zone) == datetime(2026, 3, 9, 4, tzinfo=UTC)  # 23 hours
    assert day_ends(date(2026, 11, 1), zone) - day_starts(date(2026, 11, 1), zone) == timedelta(hours=25)


def test_zones_are_iana_names():
    assert find_zone(None) == ZoneInfo("UTC")
    assert find_zone("Australia/Sydney") == ZoneInfo("Australia/Sydney")
    with pytest.raises(Refused, match="timezone: 'Sydney' is not an IANA time zone"):
        find_zone("Sydney")


@pytest.mark.parametrize(
    ("value", "expected"), [(7, 7), ("7", 7), (" 4094 ", 4094), (None, None), ("", None), (7.0, 7)]
)
def test_a_vlan_is_a_number_or_text(value, expected):
    assert read(Vlan, value) == expected


@pytest.mark.parametrize("value", [0, 4095, "0", "4095", 10**15])
def test_a_vlan_is_1_to_4094(value):
    assert refusal(Vlan, value) == "is not a VLAN of 1 to 4094"


@pytest.mark.parametrize("value", ["x", "٣", "9" * 19, True, 1.5, float("inf"), []])
def test_what_is_no_number_is_refused(value):
    assert refusal(Number, value) == "is not a whole number"


def test_ids_are_opaque():
    assert read(OpaqueId, "01234574") == "01234574"
    assert read(OpaqueId, 7) == "7"
    assert read(OpaqueId, " A b ") == " A b "
    assert read(OpaqueId, "x" * 255) == "x" * 255
    assert read(OptionalId, "") is None
    assert read(OptionalId, None) is None
    for value in ("", "  ", "x" * 256, "a\nb", "a\0", True, None, 1.5, 10**400):
        refusal(OpaqueId, value)


def test_texts_are_cleaned():
    assert read(Text, "a\r\nb\x1b[2J\tc\u202ed ") == "a  b [2J c d"
    assert read(Text, "田中\u3000恵子") == "田中\u3000恵子"
    assert read(Text, 101) == "101"
    assert read(Text, " ") is None
    assert refusal(Text, 1.5) == "is not text"


def test_names_are_cut_between_characters_and_the_cut_is_told():
    reading = Reading("hudson", "eleven", NOON)
    assert take_name(reading, Kind.UNIT, "U1", "S1", "Penthouse") == "Penthouse"
    assert not reading.faults
    assert take_name(reading, Kind.UNIT, "U1", "S1", " \n") == "U1"
    name = take_name(reading, Kind.UNIT, "U1", "S1", "é" * 10_000)
    assert name == "é" * 126
    assert [str(fault) for fault in reading.faults] == ["eleven, S1, unit U1: longer than 253 octets: cut for display"]
    assert cut("a" * 252 + "é") == "a" * 252


class Row(BaseModel):
    id: OpaqueId
    vlan: Vlan = None


def test_a_bad_record_costs_itself_and_its_message_repeats_no_value():
    rows = [{"id": "1"}, {"id": "2", "vlan": "geheim"}, {"vlan": 5}, "geheim", {"id": "3", "vlan": "9"}]
    good, bad = parse_records(TypeAdapter(list[Row]), rows)
    assert [(row.id, row.vlan) for row in good] == [("1", None), ("3", 9)]
    assert [(each.index, each.field, each.text) for each in bad] == [
        (1, "vlan", "is not a whole number"),
        (2, "id", "is missing"),
        (3, None, "is not an object"),
    ]
    assert [find_id(each.raw, ["id"]) for each in bad] == ["2", None, None]


def test_the_table_of_platforms_imports_nothing_by_being_looked_at():
    assert "eleven" in PLATFORMS
    assert list(PLATFORMS) == ["vault", "eleven", "storedge", "leap", "encloud", "ruckus-one"]
    assert "nowhere" not in PLATFORMS
