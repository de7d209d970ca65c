"""Sheets written, and read again."""

import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress, Pmk
from provisioning.model import Device, Key, KeyStatus, Passphrase, ServicePlan, Subscriber, Unit
from provisioning.model.rules.zones import parse_instant
from provisioning.sheets.sheet import SheetOptions, SheetReader, SheetRow
from provisioning.sheets.writing import describe_key, render_sheet, render_window_end

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def read(text):
    sheet = SheetReader(io.BytesIO(text.encode()), SheetOptions()).read()
    assert sheet.refusals == ()
    return sheet


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)
NAMES = st.one_of(st.none(), TEXT)
MACS = st.lists(st.binary(min_size=6, max_size=6).map(MacAddress), max_size=3, unique=True).map(tuple)
PSK = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)
DAYS = st.one_of(st.none(), st.dates(datetime(1900, 1, 1, tzinfo=UTC).date()).map(lambda day: day.isoformat()))


@st.composite
def rows(draw):
    return SheetRow(
        line=0,
        identity=draw(TEXT),
        passphrase=Passphrase(draw(PSK).encode()),
        macs=draw(MACS),
        vlan=draw(st.one_of(st.none(), st.integers(1, 4094))),
        starts=draw(DAYS),
        ends=draw(DAYS),
        status=draw(st.sampled_from([KeyStatus.ACTIVE, KeyStatus.SUSPENDED])),
        **{name: draw(NAMES) for name in ("unit", "building", "floor", "plan", "venue", "pool", "subscriber")},
        **{name: draw(NAMES) for name in ("external_id", "tag")},
    )


@given(st.lists(rows(), max_size=4), st.sampled_from(",;\t"))
def test_what_is_written_is_read_again(written, separator):
    sheet = read("".join(render_sheet(written, separator=separator)))
    fields = [name for name in SheetRow.__slots__ if name != "line"]
    assert [[getattr(row, name) for name in fields] for row in sheet.rows] == [
        [getattr(row, name) for name in fields] for row in written
    ]


def test_no_cell_is_one_that_a_spreadsheet_calculates():
    row = SheetRow(line=0, identity="=1+1", passphrase=Passphrase(b"@sunny-Otter"), unit="+4", floor="-1", tag="-x")
    header, line = render_sheet([row])
    assert header.startswith("\ufeffidentity,psk,mac,vlan,unit,building,floor,plan,starts,ends,venue,pool,subscriber,")
    assert line == "'=1+1,'@sunny-Otter,,,'+4,,-1,,,,,,,,'-x,\r\n"


@pytest.mark.parametrize(
    ("at", "zone", "end", "text"),
    [
        ("2026-12-31T22:59:59Z", BERLIN, True, "2026-12-31"),
        ("2026-12-31T23:00:00Z", BERLIN, False, "2027-01-01"),
        ("2026-12-31T23:59:59Z", BERLIN, True, "2027-01-01 00:59:59"),
        ("2026-12-31T13:00:00Z", BERLIN, True, "2026-12-31 14:00"),
        ("2026-03-08T05:00:00Z", NEW_YORK, False, "2026-03-08"),
        ("2026-10-25T00:30:00Z", BERLIN, False, "2026-10-25 02:30"),
        ("2026-10-25T01:30:00Z", BERLIN, False, "2026-10-25 02:30 CET"),
        ("2026-12-31T23:59:59Z", UTC, True, "2026-12-31"),
    ],
)
def test_a_window_is_told_in_the_venues_zone(at, zone, end, text):
    instant = datetime.fromisoformat(at)
    assert render_window_end(instant, zone, end=end) == text
    assert parse_instant(text, zone, end_of_day=end) == instant


@given(
    st.datetimes(datetime(1901, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from([UTC, BERLIN, NEW_YORK, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe")]),
    st.booleans(),
)
def test_any_instant_is_read_again(at, zone, end):
    at = at.replace(microsecond=0)
    text = render_window_end(at, zone, end=end)
    sheet = read(f"identity,psk,starts\nann,sunny-Otter-41,{text}\n")
    assert parse_instant(sheet.rows[0].starts, zone, end_of_day=end) == at


def test_a_key_is_described_with_all_that_it_has():
    mac, seen = MacAddress.parse("02:00:00:00:01:00"), MacAddress.parse("02:00:00:00:01:01")
    key = Key(
        id=7,
        keypool_id=1,
        identity="Ann",
        passphrase=Passphrase(b"sunny-Otter-41"),
        pmk=Pmk(bytes(32)),
        unit=Unit(id=1, venue_id=1, name="4B", building="North", floor="4", vlan=104),
        subscriber=Subscriber(id=1, name="Lee"),
        plan=ServicePlan(id=1, name="Gold", download_kbps=None, upload_kbps=None, devices=None, wireless_only=False),
        vlan=105,
        effective_vlan=105,
        starts=None,
        ends=datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC),
        status=KeyStatus.SUSPENDED,
        status_reason="late",
        status_at=None,
        tag="spare",
        external_id="17",
    )
    devices = [Device(1, mac, 7, registered=True), Device(1, seen, 7)]
    assert describe_key(key, devices, BERLIN, venue="Hudson", pool="Wi-Fi") == SheetRow(
        line=0,
        identity="Ann",
        passphrase=Passphrase(b"sunny-Otter-41"),
        macs=(mac,),
        vlan=105,
        unit="4B",
        building="North",
        floor="4",
        plan="Gold",
        ends="2026-12-31",
        venue="Hudson",
        pool="Wi-Fi",
        subscriber="Lee",
        tag="spare",
        external_id="17",
        status=KeyStatus.SUSPENDED,
    )
