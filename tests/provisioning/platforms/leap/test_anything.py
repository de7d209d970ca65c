"""Whatever LEAP answers becomes a reading or the connectors' own error."""

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.platforms import PLATFORMS, Known, PlatformError, UnitPlace
from provisioning.sync import Reading, SaidKey
from tests.provisioning.platforms.drive import drive, make_settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIST = (Path(__file__).parent / "examples/list.xml").read_bytes()
TEXTS = ["", "1", "2", "PP-01", "OCCUPIER", "OWNER", "2026-11-01", "2026-02-30", "0001-01-01", "9999-12-31", "é" * 300]


def read(answer):
    settings = {"username": "u", "password": "p", "ssid": "X", "timezone": "Europe/Lisbon"}
    connector = PLATFORMS["leap"](make_settings("leap", **settings, units={"PP-01": UnitPlace(unit="1")}))
    reading = Reading("leap", "leap", NOW)
    try:
        drive(connector.read(reading, Known(keys=frozenset({"1"}), records_of_keys={"1": 1})), answer)
    except PlatformError:
        return
    for key in reading.all(SaidKey):
        assert key.ends is None or key.starts is None or key.starts < key.ends


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40), st.integers(0, len(LIST)), st.integers(0, 60))
def test_any_octets_are_a_reading_or_our_error(octets, start, length):
    read(lambda _: octets)
    read(lambda _: LIST[:start] + octets + LIST[start + length :])


def element(name, children, attributes, text):
    given = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{given}>{text}{''.join(children)}</{name}>"


NAMES = ["property-relationship", "property", "account", "relationship", "start-date", "end-date", "other"]
TREES = st.recursive(
    st.builds(element, st.sampled_from(NAMES), st.just([]), st.just({}), st.sampled_from(TEXTS)),
    lambda inner: st.builds(
        element,
        st.sampled_from(NAMES),
        st.lists(inner, max_size=5),
        st.dictionaries(st.sampled_from(["identifier", "extid", "unacked-since", "end-date"]), st.sampled_from(TEXTS)),
        st.sampled_from(TEXTS),
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(TREES, max_size=4))
def test_any_elements_are_a_reading_or_our_error(trees):
    read(lambda _: f"<property-relationships>{''.join(trees)}</property-relationships>")
