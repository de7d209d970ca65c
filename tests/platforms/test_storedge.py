"""The storEDGE test platform against the names of the members in the document's own examples (Tenants API)."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from pcaps.platforms.building import Building
from tests.platforms.asking import ask, ask_json
from tests.platforms.storedge import TOKEN, StorEdge, identifier

NOW = datetime(2026, 1, 15, 17, tzinfo=UTC)
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FACILITY = identifier("S1")
TENANTS = f"/v1/{FACILITY}/tenants"
# The members of each example, in its order.
TENANT = (
    "id account_number first_name last_name middle_initial email tax_exempt is_military is_business business_name "
    "last_sign_in_at title delinquent current_ledger_ids preferences military_information username "
    "drivers_license_number drivers_license_state vehicle_license_plate_number vehicle_license_state "
    "vehicle_description has_tenant_portal_account created_at gate_24_hour_access active tenant_account_kind_name "
    "blocked_payments date_of_birth phone_numbers mailing_address addresses facility_id previous_ledger_ids lead_ids "
    "closed_lead_ids contact_ids support_case_ids event_ids password_recovery_question_ids"
)
PREFERENCES = (
    "email_invoices print_invoices charge_invoice_fee receive_legal_notices_by_email delinquency_exempt "
    "delinquency_docs_by_email delinquency_docs_by_mail receive_sms_for_gate_activity opt_in_to_marketing_emails "
    "opt_in_to_marketing_sms opt_in_to_transactional_sms exclude_from_insurance_auto_enroll "
    "exclude_from_insurance_auto_enroll_reason exclude_from_insurance_auto_enroll_created_by "
    "exclude_from_insurance_auto_enroll_on"
)
ADDRESS = (
    "id address1 address2 city state postal country full_address latitude longitude time_zone_id time_zone_offset "
    "invalid_data label"
)
META = "status_code status_message status_cat request_method request_id parameters"
PAGINATION = "current_page total_pages per_page total_entries previous_page next_page"
DELINQUENCY = "gate_lockout_complete overlock_complete cut_lock_complete lien_complete auction_complete"


def empty():
    return Building.make(units=6, occupied=0)


def serve(building, **options):
    return StorEdge([building], clock=options.pop("clock", lambda: NOW), **options)


def everybody(platform, which=""):
    found, page = [], 1
    while page:
        answer = ask_json(platform, f"{TENANTS}{which}?page={page}&per_page=100", BEARER)
        found += answer["tenants"]
        page = answer["meta"]["pagination"]["next_page"]
    return found


def test_a_tenant_has_the_examples_members_in_their_order():
    building = empty()
    building.move_in("S1-u0", building.newcomer(), date(2026, 1, 1))
    with serve(building) as platform:
        answer = ask_json(platform, f"{TENANTS}/current", BEARER)
        (tenant,) = answer["tenants"]
        assert " ".join(tenant) == TENANT
        assert " ".join(tenant["preferences"]) == PREFERENCES
        assert " ".join(tenant["mailing_address"]) == " ".join(tenant["addresses"][0]) == ADDRESS
        assert " ".join(answer["meta"]) == f"pagination {META}"
        assert " ".join(answer["meta"]["pagination"]) == PAGINATION
        one = ask_json(platform, f"{TENANTS}/{tenant['id']}", BEARER)
    assert one["tenant"] == tenant
    assert " ".join(one["meta"]) == META
    assert one["meta"]["parameters"] == {"facility_id": FACILITY, "id": tenant["id"]}
    uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert all(uuid.fullmatch(tenant[name]) for name in ("id", "facility_id"))
    assert isinstance(tenant["account_number"], int)


def test_states_of_a_tenant():
    building = empty()
    lives, left, comes = building.newcomer(), building.newcomer(), building.newcomer()
    current = building.move_in("S1-u0", lives, date(2026, 1, 1))
    second = building.move_in("S1-u1", lives, date(2026, 1, 1))
    before = building.move_in("S1-u2", lives, date(2025, 1, 1), date(2025, 6, 1))
    ended = building.move_in("S1-u3", left, date(2025, 1, 1), date(2026, 1, 14))
    building.move_in("S1-u4", comes, date(2026, 2, 1))
    with serve(building) as platform:
        everyone = {tenant["id"]: tenant for tenant in everybody(platform)}
        now = [tenant["id"] for tenant in everybody(platform, "/current")]
        gone = [tenant["id"] for tenant in everybody(platform, "/previous")]
    assert (now, gone) == ([identifier(lives.id)], [identifier(left.id)])
    assert len(everyone) == 3 + 5
    states = {
        person.id: (
            everyone[identifier(person.id)]["active"],
            everyone[identifier(person.id)]["current_ledger_ids"],
            everyone[identifier(person.id)]["previous_ledger_ids"],
            len(everyone[identifier(person.id)]["lead_ids"]),
        )
        for person in (lives, left, comes)
    }
    assert states == {
        lives.id: (True, [identifier(current.id), identifier(second.id)], [identifier(before.id)], 0),
        left.id: (False, [], [identifier(ended.id)], 0),
        comes.id: (False, [], [], 1),
    }


@pytest.mark.parametrize("form", ["nested", "flat"])
def test_a_ledger_leads_to_the_unit(form):
    building = empty()
    person = building.newcomer()
    tenancy = building.move_in("S1-u3", person, date(2026, 1, 1), date(2026, 3, 31))
    unit = building.units["S1-u3"]
    with serve(building, ledger=form) as platform:
        answer = ask_json(platform, f"{TENANTS}/{identifier(person.id)}/ledgers", BEARER)
    assert answer["meta"]["parameters"] == {"facility_id": FACILITY, "tenant_id": identifier(person.id)}
    place = {"id": identifier(unit.id), "name": unit.name}
    place = {"unit": place} if form == "nested" else {f"unit_{name}": value for name, value in place.items()}
    assert answer["ledgers"] == [
        {"id": identifier(tenancy.id), **place, "moved_in_on": "2026-01-01", "moved_out_on": "2026-03-31"}
    ]


def test_a_move_out_may_come_without_notice():
    building = empty()
    person = building.newcomer()
    building.move_in("S1-u3", person, date(2026, 1, 1), date(2026, 3, 31))
    with serve(building, notice=False) as platform:
        (ledger,) = ask_json(platform, f"{TENANTS}/{identifier(person.id)}/ledgers", BEARER)["ledgers"]
    assert ledger["moved_out_on"] is None


def test_the_steps_of_delinquency_follow_each_other_until_it_is_paid():
    building, now = empty(), [NOW]
    person = building.newcomer()
    tenancy = building.move_in("S1-u0", person, date(2026, 1, 1))
    path = f"{TENANTS}/{identifier(person.id)}"
    with serve(building, clock=lambda: now[0]) as platform:

        def steps():
            answer = ask_json(platform, f"{path}/delinquency", BEARER)["delinquency"]
            assert " ".join(answer) == DELINQUENCY
            return sum(answer.values())

        assert (steps(), ask_json(platform, path, BEARER)["tenant"]["delinquent"]) == (0, False)
        building.suspend(tenancy.id, NOW)
        taken = []
        for days in (0, 5, 20, 30, 60):
            now[0] = NOW + timedelta(days=days)
            taken.append(steps())
        assert taken == [1, 2, 3, 4, 5]
        assert ask_json(platform, path, BEARER)["tenant"]["delinquent"] is True
        building.pay(tenancy.id, now[0])
        assert (steps(), ask_json(platform, path, BEARER)["tenant"]["delinquent"]) == (0, False)


def test_some_are_late_without_a_lock_out_and_some_are_exempt():
    building = Building.make(units=400, seed=4)
    with serve(building) as platform:
        delinquent = [tenant for tenant in everybody(platform, "/current") if tenant["delinquent"]]
        late, spared = [], []
        for tenant in delinquent:
            steps = ask_json(platform, f"{TENANTS}/{tenant['id']}/delinquency", BEARER)["delinquency"]
            (spared if tenant["preferences"]["delinquency_exempt"] else late).append(any(steps.values()))
    assert len(late) >= 5
    assert not any(late)
    assert len(spared) >= 2
    assert all(spared)


def test_who_is_locked_out_is_not_exempt():
    building = Building.make(units=400, seed=4)
    with serve(building) as platform:
        spared = [t for t in everybody(platform, "/current") if t["preferences"]["delinquency_exempt"]]
        tenancy = next(t for t in building.tenancies.values() if identifier(t.id) in spared[0]["current_ledger_ids"])
        building.suspend(tenancy.id, NOW)
        tenant = ask_json(platform, f"{TENANTS}/{spared[0]['id']}", BEARER)["tenant"]
    assert tenant["preferences"]["delinquency_exempt"] is False


def test_pages():
    building = Building.make(units=250, seed=2, occupied=1)
    with serve(building) as platform:
        first = ask_json(platform, f"{TENANTS}/current", BEARER)
        last = ask_json(platform, f"{TENANTS}/current?page=3", BEARER)
        beyond = ask_json(platform, f"{TENANTS}/current?page=4", BEARER)
        assert len({tenant["id"] for tenant in everybody(platform, "/current")}) == 250
    pages = [answer["meta"]["pagination"] for answer in (first, last)]
    assert pages[0] == {
        "current_page": 1,
        "total_pages": 3,
        "per_page": 100,
        "total_entries": 250,
        "previous_page": None,
        "next_page": 2,
    }
    assert (len(last["tenants"]), pages[1]["previous_page"], pages[1]["next_page"]) == (50, 2, None)
    assert beyond["tenants"] == []


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (TENANTS, {}, 401),
        (TENANTS, {"Authorization": f"Token {TOKEN}"}, 401),
        (f"/v1/{identifier('S9')}/tenants", BEARER, 404),
        (f"{TENANTS}/{identifier('nobody')}", BEARER, 404),
        (f"{TENANTS}/{identifier('nobody')}/ledgers", BEARER, 404),
        (f"{TENANTS}/search", BEARER, 404),
        (f"{TENANTS}?page=0", BEARER, 400),
        (f"{TENANTS}?per_page=101", BEARER, 400),
        (f"{TENANTS}?limit=10", BEARER, 400),
        ("/v1", BEARER, 404),
    ],
)
def test_what_is_not_there_is_refused(path, headers, status):
    with serve(empty()) as platform:
        got, _, body = ask(platform, path, headers)
        assert got == status
        assert f'"status_code":{status}'.encode() in body
        assert ask(platform, TENANTS, BEARER, b"{}")[0] == 404


def test_who_moves_out_passes_from_one_list_to_the_other():
    building, now = empty(), [NOW]
    tenancy = building.move_in("S1-u0", building.newcomer(), date(2026, 1, 1), date(2026, 1, 20))
    with serve(building, clock=lambda: now[0]) as platform:
        for now[0], lists in (
            (tenancy.ends - timedelta(seconds=1), (1, 0)),
            (tenancy.ends, (0, 1)),
        ):
            assert (len(everybody(platform, "/current")), len(everybody(platform, "/previous"))) == lists
