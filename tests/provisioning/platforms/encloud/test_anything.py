"""Whatever comes is read, or refused with the platform's own error; never anything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.platforms import Answer, PlatformError, Request
from provisioning.platforms.encloud.payloads import parse_devices, parse_token
from tests.provisioning.platforms.encloud.distributor import Distributor, device, is_complete, nases

UID = "00A0EB801B98"
DEVICE = tuple(device(UID))
NAMES = (*DEVICE, "totalFilteredResults", "limit", "page", "devices", "user", "auth_token")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.just(UID)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(body=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@pytest.mark.parametrize("parse", [lambda answer: parse_devices(answer, 1), parse_token])
def test_any_body_is_read_or_refused(parse, body):
    try:
        parse(Answer(Request(path="/", what="it"), 200, {}, body))
    except PlatformError as error:
        assert len(str(error)) < 300  # noqa: PT017 (also what is accepted is of interest)


@given(member=st.sampled_from(DEVICE), value=VALUES)
def test_any_value_of_any_member_costs_that_device_at_most(member, value):
    platform = Distributor()
    rows = [device("A1"), {**device(UID), member: value}]
    body = json.dumps({"totalFilteredResults": 2, "devices": rows})
    platform.instead["devices"] = [body, body]
    reading = platform.read()
    assert "A1" in nases(reading)
    assert len(nases(reading)) == 2 or not is_complete(reading)
