"""Every answer that the document shows is read as it stands (`examples/`, each as the document prints it)."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from provisioning.platforms import Answer, Request
from provisioning.platforms.storedge import payloads
from provisioning.platforms.storedge.payloads import Delinquency, Tenant, parse_delinquency, parse_page
from provisioning.sync import SaidSubscriber, Standing
from tests.provisioning.platforms.storedge.facility import Facility, keys, read

EXAMPLES = Path(__file__).parent / "examples"
TENANT = TypeAdapter(Tenant)
# The members that Latchkey reads of a tenant. Whoever adds one must need it.
READ = {
    "id",
    "facility_id",
    "active",
    "current_ledger_ids",
    "previous_ledger_ids",
    "delinquent",
    "preferences",
    "account_number",
    "first_name",
    "last_name",
    "is_business",
    "business_name",
}


def load(name):
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def answer(name):
    request = Request(path="/", what=name)
    return Answer(request, 200, {}, (EXAMPLES / f"{name}.json").read_bytes())


@pytest.mark.parametrize(("name", "count"), [("tenants", 2), ("previous", 1), ("current", 2)])
def test_a_documented_list_parses(name, count):
    page = parse_page(answer(name), 1)
    assert (len(page.tenants), page.bad, page.pages, page.entries) == (count, [], 1, count)


@pytest.mark.parametrize(
    ("name", "is_renting"),
    [
        ("tenant", True),
        ("username_lookup", False),
        ("tenant_changed", True),
        ("sign_in", False),
        ("sign_up", False),
        ("password_changed", False),
    ],
)
def test_a_documented_tenant_parses(name, is_renting):
    record = load(name)["tenant"]
    tenant = TENANT.validate_python(record)
    assert tenant.active is is_renting
    assert bool(tenant.current_ledger_ids) is is_renting
    assert tenant.is_exempt is False
    assert tenant.name == f"{record['first_name']} {record['last_name']}"


def test_the_documented_delinquency_parses():
    assert parse_delinquency(answer("delinquency")) == Delinquency(False, False, False, False, False)
    assert parse_delinquency(answer("delinquency")).is_locked_out is False


@pytest.mark.parametrize("name", ["forgot_username", "eligibility", "notes"])
def test_the_meta_of_answers_that_are_not_used_parses(name):
    assert payloads._META.validate_python(load(name)["meta"]).status_code == 200


def test_x3_x4_x13_documented_preferences_parse_whatever_form_their_values_have():
    read_one, changed = load("preferences")["tenant_settings"], load("preferences_changed")["tenant_settings"]
    assert read_one["default_settings"]["receive_legal_notices_by_email"] == {"value": None, "type": "Boolean"}
    for settings, exempt in ((read_one, False), (changed, True)):
        for member, expected in (("tenants_preferences", exempt), ("default_settings", False)):
            values = {**load("tenant")["tenant"], "preferences": settings[member]}
            assert TENANT.validate_python(values).is_exempt is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("true", True),
        ("False", False),
        (None, None),
        ({"value": True, "type": "Boolean"}, True),
        ({"value": None, "type": "Boolean"}, None),
        ({"type": "Boolean"}, None),
    ],
)
def test_t13_booleans_are_read_by_value(value, expected):
    values = {**load("tenant")["tenant"], "preferences": {"delinquency_exempt": value}}
    assert TENANT.validate_python(values).is_exempt is expected


def test_x4_preferences_that_are_missing_are_unknown():
    values = load("tenant")["tenant"]
    assert TENANT.validate_python({**values, "preferences": {}}).is_exempt is None
    assert TENANT.validate_python({**values, "preferences": None}).is_exempt is None
    del values["preferences"]
    assert TENANT.validate_python(values).is_exempt is None


def test_the_documented_current_and_previous_tenants_become_keys():
    current, previous = load("current"), load("previous")
    site = current["tenants"][0]["facility_id"]
    for tenant in previous["tenants"]:
        tenant["facility_id"] = site
    facility = Facility(current["tenants"], previous["tenants"], site=site)
    ledgers = [tenant["current_ledger_ids"][0] for tenant in current["tenants"]]
    facility.ledgers = {
        tenant["id"]: [{"id": ledger, "unit_name": f"A{n}"}]
        for n, (tenant, ledger) in enumerate(zip(current["tenants"], ledgers, strict=True))
    }
    reading = read(facility, sites=(site,))
    assert set(keys(reading)) == set(ledgers)
    assert {key.standing for key in keys(reading).values()} == {Standing.ACTIVE}
    assert len(list(reading.all(SaidSubscriber))) == 2
    assert not reading.faults


def test_personal_data_that_is_not_needed_is_never_kept():
    fields = {field.validation_alias or name for name, field in Tenant.__pydantic_fields__.items()}
    assert fields == READ
    assert fields <= set(load("tenant")["tenant"])
    shown = repr(parse_page(answer("current"), 1).tenants)
    for tenant in load("current")["tenants"]:
        for hidden in (tenant["email"], tenant["username"], tenant["mailing_address"]["address1"]):
            assert hidden not in shown
        for phone in tenant["phone_numbers"]:
            assert phone["number"] not in shown
