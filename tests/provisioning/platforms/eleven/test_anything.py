"""Whatever Eleven answers becomes a reading or the connectors' own error; and who overlaps whom, told two ways."""

import contextlib
from datetime import UTC, datetime, timedelta

import pydantic_core
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.platforms import PLATFORMS, Known, PlatformError
from provisioning.sync import Kind, Reading, SaidKey
from tests.provisioning.platforms.drive import drive, make_settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAMES = [
    *("Buildings", "Floors", "Units", "Building", "Floor", "Unit", "VLAN", "SSID", "Passphrase"),
    *("Residents", "ResidentId", "Status", "Teams", "TeamId", "Sites", "SiteId", "ActivationDateUTC"),
    *("DeactivationDateUTC", "ActivationDate", "DeactivationDate", "PanMapping", "Name", "Total", "next", "data"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | (
        st.sampled_from(
            ["", "S1", "T1", "R1", "100", "Current", "2026-11-01T00:00:00Z", "2026-11-01", "x" * 300, "\0", "ж"]
        )
    )
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=30,
)
LIST = st.builds(lambda name, rows: {name: rows}, st.sampled_from(NAMES), st.lists(ANYTHING, max_size=4)) | ANYTHING


@settings(max_examples=150, deadline=None)
@given(team=LIST, sites=LIST, mappings=LIST, residents=LIST, by_name=st.booleans())
def test_any_json_is_a_reading_or_our_error(team, sites, mappings, residents, by_name):
    answers = {
        "team": team if by_name else {"Teams": [{"TeamId": "T1"}]},
        "site": sites if by_name else {"Sites": [{"SiteId": "S1"}]},
        "mappings": mappings,
        "resident": residents,
    }
    reading = Reading("hudson", "eleven", NOW)
    connector = PLATFORMS["eleven"](make_settings("eleven", token="t", timezone="America/New_York"))
    exchange = connector.read(reading, Known(keys=frozenset({"S1/R1", "S1/R2"})))
    try:
        drive(exchange, lambda request: (200, pydantic_core.to_json(answers.get(request.path.rsplit("/")[-1], {}))))
    except PlatformError:
        return
    for key in reading.all(SaidKey):
        assert key.ends is None or key.starts is None or key.starts < key.ends


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=60), cut=st.integers(0, 60))
def test_any_octets_are_a_reading_or_our_error(body, cut):
    whole = b'{"Residents": [{"ResidentId": "R1", "Unit": "100"}]}'
    for answer in (body, whole[:cut] + body):
        connector = PLATFORMS["eleven"](make_settings("eleven", token="t", sites=("T1/S1",)))
        with contextlib.suppress(PlatformError):
            drive(connector.read(Reading("hudson", "eleven", NOW), Known()), lambda _, answer=answer: answer)


WINDOWS = st.lists(st.tuples(st.integers(0, 30), st.none() | st.integers(1, 20), st.sampled_from("AB")), max_size=8)


@settings(max_examples=150, deadline=None)
@given(WINDOWS)
def test_t1_those_are_held_back_whom_a_plain_comparison_finds(windows):
    def at(day):
        return (NOW + timedelta(days=day)).isoformat()

    people = [
        {
            "ResidentId": f"R{n}",
            "Unit": unit,
            "ActivationDateUTC": at(starts),
            "DeactivationDateUTC": None if length is None else at(starts + length),
        }
        for n, (starts, length, unit) in enumerate(windows)
    ]
    spans = [(starts, 1000 if length is None else starts + length, unit) for starts, length, unit in windows]
    alone = {
        f"S1/R{n}"
        for n, (a, b, unit) in enumerate(spans)
        if not any(m != n and unit == other and a < d and c < b for m, (c, d, other) in enumerate(spans))
    }
    answers = {
        "/team/T1/site": {"Sites": []},
        "/team/T1/site/S1/mappings": {"Units": [{"Unit": "A", "SSID": "X"}, {"Unit": "B", "SSID": "X"}]},
        "/team/T1/site/S1/resident": {"Residents": people},
    }
    reading = Reading("hudson", "eleven", NOW)
    drive(PLATFORMS["eleven"](make_settings("eleven", token="t", sites=("T1/S1",))).read(reading, Known()), answers)
    assert {key.id for key in reading.all(SaidKey)} == alone
    assert all(reading.saw(Kind.KEY, f"S1/R{n}") for n in range(len(windows)))
