"""A test platform that answers as storEDGE's Tenants API v1 does: lists, one tenant, eligibility, delinquency, ledgers.

A tenant is a person; each running tenancy is a current ledger, each ended one a previous ledger. Who has only a tenancy
to come, and some who never rent, are leads. Beside the lock-outs of the building some are delinquent without being
locked out, and some are exempt, whose steps go on and mean nothing. The ledger, which the document does not
show, holds what it must to lead to a unit and its dates, in one of two forms. Delinquency is the person's: of two
tenancies locked out both are or none.
"""

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from pcaps.platforms.building import Building, Person, Tenancy
from pcaps.platforms.server import Refused, Reply, Request, TestPlatform, as_json

TOKEN = "storedge-token-1"
PER_PAGE = 100
STEPS = {  # in the order of the collection process, with how long after the first each is taken
    "gate_lockout_complete": timedelta(0),
    "overlock_complete": timedelta(days=5),
    "cut_lock_complete": timedelta(days=20),
    "lien_complete": timedelta(days=30),
    "auction_complete": timedelta(days=60),
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LATE, _EXEMPT = 17, 41  # one of so many
_PREFERENCES = {
    "email_invoices": True,
    "print_invoices": False,
    "charge_invoice_fee": True,
    "receive_legal_notices_by_email": None,
    "delinquency_exempt": False,
    "delinquency_docs_by_email": False,
    "delinquency_docs_by_mail": False,
    "receive_sms_for_gate_activity": False,
    "opt_in_to_marketing_emails": False,
    "opt_in_to_marketing_sms": False,
    "opt_in_to_transactional_sms": False,
    "exclude_from_insurance_auto_enroll": False,
    "exclude_from_insurance_auto_enroll_reason": None,
    "exclude_from_insurance_auto_enroll_created_by": None,
    "exclude_from_insurance_auto_enroll_on": None,
}


@cache
def identifier(name: str) -> str:
    """Return the UUID of a tenancy (its ledger), a person (the tenant), a unit or a venue (the facility)."""
    return name if _UUID.fullmatch(name) else str(uuid5(NAMESPACE_URL, f"storedge:{name}"))


@dataclass(slots=True)
class Tenant:
    """A person with what they rent now, rented before and will rent."""

    person: Person
    number: int
    current: list[Tenancy] = field(default_factory=list)
    previous: list[Tenancy] = field(default_factory=list)
    coming: int = 0


@dataclass(frozen=True, slots=True)
class Facility:
    """The tenants of a building at an instant: all by UUID, and those of the two lists."""

    building: Building
    all: dict[str, Tenant]
    current: list[Tenant]
    previous: list[Tenant]


class StorEdge(TestPlatform):
    """Tenants of facilities; the token goes as `Authorization: Bearer`."""

    spoilable = "current_ledger_ids"

    def __init__(
        self,
        buildings: Sequence[Building],
        *,
        clock: Callable[[], datetime],
        token: str = TOKEN,
        leads: int = 5,
        ledger: Literal["nested", "flat"] = "nested",
        notice: bool = True,
        **options: Any,
    ) -> None:
        """leads: how many never rent; notice: whether a ledger tells of a move-out before it comes."""
        super().__init__(buildings, clock=clock, **options)
        self._token, self._leads, self._ledger_form, self._notice = token, leads, ledger, notice
        self._facilities = {identifier(venue): building for venue, building in self.buildings.items()}

    def answer(self, request: Request) -> Reply:
        """Return what storEDGE answers to the calls that only read."""
        if request.headers.get("authorization") != f"Bearer {self._token}":
            raise Refused(401, "Unauthorized")
        if request.method != "GET" or request.body:
            raise Refused(404, "Not Found")
        match request.parts:
            case ("v1", facility, "tenants", *rest) if facility in self._facilities:
                known = self._facility(self._facilities[facility])
            case _:
                raise Refused(404, "Not Found")
        if rest in ([], ["current"], ["previous"]):
            return self._list(request, known, rest[0] if rest else "all")
        if request.query:
            raise Refused(400, "Unexpected parameter")
        tenant = known.all.get(rest[0])
        if tenant is None:
            raise Refused(404, "Not Found")
        return self._one(known, tenant, rest[1:])

    def refusal(self, refused: Refused) -> Reply:
        """Return an error with the `meta` that everything has."""
        return Reply(refused.status, as_json({"error": refused.text, "meta": _meta(refused.status, {})}))

    def _list(self, request: Request, known: Facility, which: str) -> Reply:
        query = request.query
        number, size = query.get("page", "1"), query.get("per_page", str(PER_PAGE))
        if not query.keys() <= {"page", "per_page"} or not number.isdecimal() or not size.isdecimal():
            raise Refused(400, "Unexpected parameter")
        place, per = int(number), int(size)
        if place < 1 or not 1 <= per <= PER_PAGE:
            raise Refused(400, "Unexpected parameter")
        whole = {"all": list(known.all.values()), "current": known.current, "previous": known.previous}[which]
        records, total = self.page(
            request, whole, lambda tenant: self._record(known.building, tenant), (place - 1) * per, per
        )
        pages = max(1, -(-total // per))
        pagination = {
            "current_page": place,
            "total_pages": pages,
            "per_page": per,
            "total_entries": total,
            "previous_page": place - 1 if place > 1 else None,
            "next_page": place + 1 if place < pages else None,
        }
        parameters = {**query, "facility_id": identifier(known.building.venue_id)}
        meta = {"pagination": pagination, **_meta(200, parameters)}
        return Reply(body=as_json({"tenants": records, "meta": meta}))

    def _one(self, known: Facility, tenant: Tenant, rest: list[str]) -> Reply:
        building, uuid = known.building, identifier(tenant.person.id)
        facility = {"facility_id": identifier(building.venue_id)}
        match rest:
            case []:
                return _reply("tenant", self._record(building, tenant), {**facility, "id": uuid})
            case ["delinquency"]:
                return _reply("delinquency", self._steps(tenant), {**facility, "tenant_id": uuid})
            case ["eligibility"]:
                return _reply("eligibility", {"eligible_for_move_in": True}, {**facility, "tenant_id": uuid})
            case ["ledgers"]:
                ledgers = [self._ledger(building, tenancy) for tenancy in tenant.current]
                return _reply("ledgers", ledgers, {**facility, "tenant_id": uuid})
        raise Refused(404, "Not Found")

    # What there is.

    def _facility(self, building: Building) -> Facility:
        def render(now: datetime) -> Facility:
            tenants: dict[str, Tenant] = {}
            for tenancy in building.tenancies.values():
                tenant = tenants.get(tenancy.person.id)
                if tenant is None:
                    tenant = tenants[tenancy.person.id] = Tenant(tenancy.person, 1_000_000 + len(tenants))
                if tenancy.ends is not None and tenancy.ends <= now:
                    tenant.previous.append(tenancy)
                elif tenancy.starts <= now:
                    tenant.current.append(tenancy)
                else:
                    tenant.coming += 1
            for n in range(self._leads):
                person = Person(f"{building.venue_id}-lead{n}", f"Lead {n}")
                tenants[person.id] = Tenant(person, 900_000 + n)
            return Facility(
                building,
                {identifier(name): tenant for name, tenant in tenants.items()},
                [tenant for tenant in tenants.values() if tenant.current],
                [tenant for tenant in tenants.values() if tenant.previous and not tenant.current],
            )

        return self.once("facility", building, render)

    def _steps(self, tenant: Tenant) -> dict[str, bool]:
        now = self.clock()
        spans = [span for tenancy in tenant.current for span in tenancy.suspended]
        since = [start for start, until in spans if start <= now and (until is None or now < until)]
        if exempt(tenant):
            since.append(now)  # the steps go on, and no door is locked
        return {step: any(start + after <= now for start in since) for step, after in STEPS.items()}

    def _record(self, building: Building, tenant: Tenant) -> dict[str, Any]:
        """Return a tenant with all the members of the document's examples."""
        person, now = tenant.person, self.clock()
        given, _, family = person.name.partition(" ")
        uuid, living = identifier(person.id), bool(tenant.current)
        owing = any(tenancy.locked_out(now) for tenancy in tenant.current)
        address = _address(uuid, tenant.number)
        return {
            "id": uuid,
            "account_number": tenant.number,
            "first_name": given,
            "last_name": family,
            "middle_initial": None,
            "email": f"{person.id}@example.net",
            "tax_exempt": False,
            "is_military": False,
            "is_business": False,
            "business_name": None,
            "last_sign_in_at": None,
            "title": None,
            "delinquent": living and (owing or exempt(tenant) or zlib.crc32(uuid.encode()) % _LATE == 0),
            "current_ledger_ids": [identifier(tenancy.id) for tenancy in tenant.current],
            "preferences": {**_PREFERENCES, "delinquency_exempt": exempt(tenant)},
            "military_information": None,
            "username": f"username_{tenant.number}",
            "drivers_license_number": None,
            "drivers_license_state": None,
            "vehicle_license_plate_number": None,
            "vehicle_license_state": None,
            "vehicle_description": None,
            "has_tenant_portal_account": False,
            "created_at": "2022-09-12T22:36:47.055-10:00",
            "gate_24_hour_access": False,
            "active": living,
            "tenant_account_kind_name": "Standard",
            "blocked_payments": False,
            "date_of_birth": None,
            "phone_numbers": [],
            "mailing_address": address,
            "addresses": [address],
            "facility_id": identifier(building.venue_id),
            "previous_ledger_ids": [identifier(tenancy.id) for tenancy in tenant.previous],
            "lead_ids": [] if living or tenant.previous else [identifier(f"{person.id}-lead")],
            "closed_lead_ids": [],
            "contact_ids": [],
            "support_case_ids": [],
            "event_ids": [identifier(f"{person.id}-event")],
            "password_recovery_question_ids": [identifier(f"{person.id}-question")],
        }

    def _ledger(self, building: Building, tenancy: Tenancy) -> dict[str, Any]:
        unit, last = building.units[tenancy.unit], building.last_day(tenancy)
        place: dict[str, Any] = {"unit_id": identifier(unit.id), "unit_name": unit.name}
        if self._ledger_form == "nested":
            place = {"unit": {"id": identifier(unit.id), "name": unit.name}}
        return {
            "id": identifier(tenancy.id),
            **place,
            "moved_in_on": building.first_day(tenancy).isoformat(),
            "moved_out_on": last.isoformat() if last is not None and self._notice else None,
        }


def exempt(tenant: Tenant) -> bool:
    """Return whether delinquency means nothing for this tenant: of those who are never locked out, one of 41."""
    spans = [tenancy.suspended for tenancy in (*tenant.current, *tenant.previous)]
    return bool(spans) and not any(spans) and zlib.crc32(tenant.person.id.encode()) % _EXEMPT == 0


def _address(uuid: str, number: int) -> dict[str, Any]:
    street = f"{number} Benjamin Glen"
    return {
        "id": identifier(f"{uuid}-address"),
        "address1": street,
        "address2": None,
        "city": "South Jessie",
        "state": "CT",
        "postal": "39384",
        "country": "US",
        "full_address": f"{street}, South Jessie, CT 39384",
        "latitude": 39.114844,
        "longitude": -94.630169,
        "time_zone_id": "America/New_York",
        "time_zone_offset": "-04:00",
        "invalid_data": False,
        "label": "Home",
    }


def _reply(name: str, value: Any, parameters: dict[str, str]) -> Reply:
    return Reply(body=as_json({name: value, "meta": _meta(200, parameters)}))


def _meta(status: int, parameters: dict[str, str]) -> dict[str, Any]:
    return {
        "status_code": status,
        "status_message": HTTPStatus(status).phrase,
        "status_cat": f"https://http.cat/{status}",
        "request_method": "GET",
        "request_id": None,
        "parameters": parameters,
    }
