"""Whatever comes is read, or refused with the platform's own error; never anything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.platforms import Answer, PlatformError, Request
from provisioning.platforms.storedge.payloads import parse_delinquency, parse_ledgers, parse_page
from provisioning.sync import Kind
from tests.provisioning.platforms.storedge.facility import SITE, Facility, is_complete, keys, meta, read, tenant

TENANT = tuple(tenant("ada", "L1"))
NAMES = (
    *TENANT,
    "meta",
    "status_code",
    "pagination",
    "current_page",
    "total_pages",
    "total_entries",
    "tenants",
    "ledgers",
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from([SITE, "L1", "true"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(body=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@pytest.mark.parametrize("parse", [lambda answer: parse_page(answer, 1), parse_delinquency, parse_ledgers])
def test_any_body_is_read_or_refused(parse, body):
    try:
        parse(Answer(Request(path="/", what="it"), 200, {}, body))
    except PlatformError as error:
        assert len(str(error)) < 300  # noqa: PT017 (also what is accepted is of interest)


@given(member=st.sampled_from(TENANT), value=VALUES)
def test_any_value_of_any_member_costs_that_tenant_at_most(member, value):
    facility = Facility(
        [tenant("ada", "L1"), {**tenant("bob", "L2"), member: value}],
        ledgers={name: [{"id": each, "unit": each} for each in ("L1", "L2")] for name in ("ada", "bob")},
    )
    body = json.dumps(facility.page("current", 1))
    facility.instead[facility.path("current"), "1"] = body
    reading = read(facility)
    assert "L1" in keys(reading) or (member == "id" and value == "ada") or "L1" in json.dumps(value)
    assert (
        reading.saw(Kind.KEY, f"{SITE}/L2")
        or member in ("id", "facility_id", "current_ledger_ids", "active")
        or not is_complete(reading)
    )


@given(value=VALUES)
def test_any_ledgers_cost_that_tenant_at_most(value):
    facility = Facility([tenant("ada", "L1"), tenant("bob", "L2")], ledgers={"ada": [{"id": "L1", "unit": "A1"}]})
    facility.instead[facility.path("bob", "ledgers")] = json.dumps({"ledgers": value, "meta": meta()})
    reading = read(facility)
    assert "L1" in keys(reading)
    assert is_complete(reading)
    assert reading.saw(Kind.KEY, f"{SITE}/L2")
