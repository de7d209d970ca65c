"""What becomes of storEDGE's tenants, trap by trap (T) and reading by reading (X) of its catalogue."""

from datetime import UTC, datetime, timedelta

import pytest

from provisioning.platforms import Known, UnitPlace
from provisioning.sync import Kind, SaidPool, SaidSubscriber, SaidUnit, SaidVenue, Standing
from tests.provisioning.platforms.storedge.facility import (
    AT,
    CLEAR,
    SITE,
    Facility,
    ids,
    is_complete,
    keys,
    read,
    stored,
    tenant,
    told,
)

STEPS = tuple(CLEAR)
UNIT = {"L1": UnitPlace(unit="A12", building="North", floor="1", vlan=112)}


def ledger(id_, **members):
    return {"id": id_, "unit_id": f"u-{id_}", "unit_name": id_.replace("L", "A"), **members}


def let(*tenants, **members):
    """Return a facility whose ledgers all have units."""
    units = {t["id"]: [ledger(id_) for id_ in t["current_ledger_ids"]] for t in tenants}
    return Facility(tenants, **{"ledgers": units, **members})


# Tenants and ledgers.


def test_a_current_tenant_gets_a_key_an_owner_a_unit_and_a_venue():
    reading = let(tenant("ada", "L1")).read()
    key = keys(reading)["L1"]
    assert (key.standing, key.starts, key.ends, key.passphrase, key.reason) == (Standing.ACTIVE, None, None, None, None)
    assert reading.get(SaidSubscriber, key.subscriber).name == "Ada Wehner"
    assert key.subscriber == f"{SITE}/ada"
    assert reading.get(SaidUnit, key.unit).name == "A1"
    assert reading.get(SaidPool, key.pool).ssid == "Storage"
    assert reading.get(SaidVenue, SITE).time_zone == "America/New_York"
    assert is_complete(reading)
    assert reading.is_whole
    assert not reading.faults


def test_t1_a_lead_is_no_tenant():
    lead = tenant("lead", lead_ids=["7"])
    assert not keys(Facility([lead]).read())
    assert not keys(Facility([], [lead]).read())


def test_t1_all_tenants_leads_too_are_never_asked_for():
    facility = let(tenant("ada", "L1"))
    facility.read()
    assert {request.path for request in facility.requests} == {
        facility.path("current"),
        facility.path("previous"),
        facility.path("ada", "ledgers"),
    }


def test_t2_without_dates_a_window_is_open_from_when_it_is_first_seen():
    key = keys(let(tenant("ada", "L1")).read())["L1"]
    assert (key.starts, key.ends) == (None, None)


def test_t2_a_previous_tenants_key_is_ended():
    key = keys(Facility([], [tenant("ada", previous=["L1"])]).read(stored("L1")))["L1"]
    assert (key.standing, key.reason) == (Standing.ENDED, "moved out")


def test_previous_tenants_without_a_key_here_are_not_kept():
    assert not keys(Facility([], [tenant("ada", previous=["L1"])]).read())


def test_t4_several_ledgers_are_several_keys_of_one_subscriber():
    found = keys(let(tenant("ada", "L1", "L2")).read())
    assert {key.unit for key in found.values()} == {f"{SITE}/u-L1", f"{SITE}/u-L2"}
    assert {key.subscriber for key in found.values()} == {f"{SITE}/ada"}


def test_a_tenant_who_changes_units_keeps_the_new_ledger_and_loses_the_old():
    facility = let(tenant("ada", "L2", previous=["L1"]))
    found = keys(facility.read(stored("L1")))
    assert {id_: key.standing for id_, key in found.items()} == {"L1": Standing.ENDED, "L2": Standing.ACTIVE}


def test_a_ledger_that_somebody_rents_now_does_not_end_as_somebodys_previous_one():
    facility = let(tenant("ada", "L1"))
    facility.lists["previous"] = [tenant("bob", previous=["L1"])]
    assert keys(facility.read(stored("L1")))["L1"].standing is Standing.ACTIVE


def test_t5_one_person_in_two_facilities_is_two_subscribers():
    here = let(tenant("ada", "L1"))
    there = let(tenant("ada", "L1", facility_id="F2"), site="F2")
    reading = read(lambda request: (there if "/F2/" in request.path else here)(request), sites=(SITE, "F2"))
    assert {person.id for person in reading.all(SaidSubscriber)} == {f"{SITE}/ada", "F2/ada"}
    assert {f"{SITE}/L1", "F2/L1"} == {key.id for key in reading.all(type(keys(reading)["L1"]))}


def test_t5_a_record_of_another_facility_is_not_taken_and_ends_nothing():
    facility = let(tenant("ada", "L1"), tenant("bob", "L2", facility_id="F2"))
    reading = facility.read(stored("L2"))
    assert set(keys(reading)) == {"L1"}
    assert not is_complete(reading)
    assert "facility_id: is facility F2, which was not asked for" in told(reading)


# Arrears.


@pytest.mark.parametrize("step", STEPS)
def test_any_step_of_arrears_locks_out(step):
    facility = let(tenant("ada", "L1", delinquent=True), arrears={"ada": {**CLEAR, step: True}})
    key = keys(facility.read())["L1"]
    assert (key.standing, key.reason) == (Standing.SUSPENDED, "delinquent")


def test_all_ledgers_of_a_locked_out_tenant_are_suspended():
    facility = let(tenant("ada", "L1", "L2", delinquent=True), arrears={"ada": {**CLEAR, "overlock_complete": True}})
    assert [key.standing for key in keys(facility.read()).values()] == [Standing.SUSPENDED] * 2
    assert facility.asked("delinquency") == 1


def test_t6_delinquent_alone_does_not_lock():
    assert keys(let(tenant("ada", "L1", delinquent=True)).read())["L1"].standing is Standing.ACTIVE


@pytest.mark.parametrize("exempt", [True, "true", {"value": True, "type": "Boolean"}])
def test_t7_an_exempt_tenant_is_not_suspended_whatever_the_steps_say(exempt):
    member = {"preferences": {"delinquency_exempt": exempt}}
    facility = let(tenant("ada", "L1", delinquent=True, **member), arrears={"ada": dict.fromkeys(STEPS, True)})
    assert keys(facility.read(stored("L1", suspended=["L1"])))["L1"].standing is Standing.ACTIVE
    assert facility.asked("delinquency") == 0


def test_t8_arrears_are_asked_of_delinquent_tenants_and_of_those_suspended_now():
    people = [tenant("ada", "L1"), tenant("bob", "L2", delinquent=True), tenant("cem", "L3"), tenant("dia", "L4")]
    facility = let(*people)
    facility.read(stored("L1", "L2", "L3", "L4", suspended=["L3"]))
    asked = [request.path for request in facility.requests if request.path.endswith("delinquency")]
    assert asked == [facility.path("bob", "delinquency"), facility.path("cem", "delinquency")]


def test_who_has_paid_is_active_again():
    facility = let(tenant("ada", "L1"))
    assert keys(facility.read(stored("L1", suspended=["L1"])))["L1"].standing is Standing.ACTIVE


def test_who_is_suspended_and_still_locked_out_stays_so_though_no_longer_delinquent():
    facility = let(tenant("ada", "L1"), arrears={"ada": {**CLEAR, "lien_complete": True}})
    assert keys(facility.read(stored("L1", suspended=["L1"])))["L1"].standing is Standing.SUSPENDED


def test_steps_that_are_not_all_said_leave_a_key_as_it_is():
    facility = let(tenant("ada", "L1", delinquent=True), arrears={"ada": {"overlock_complete": False}})
    reading = facility.read(stored("L1", suspended=["L1"]))
    assert not keys(reading)
    assert is_complete(reading)
    assert "not all steps of its tenant's arrears are said" in told(reading)


def test_arrears_that_cannot_be_read_cost_that_tenant_alone():
    people = tenant("ada", "L1", delinquent=True), tenant("bob", "L2")
    reading = let(*people, arrears={"ada": {**CLEAR, "lien_complete": [1]}}).read(stored("L1"))
    assert set(keys(reading)) == {"L2"}
    assert not is_complete(reading)
    assert "lien_complete is neither true nor false" in told(reading)


# Lists that differ.


def test_t9_who_is_in_both_lists_is_current():
    facility = let(tenant("ada", "L1"))
    facility.lists["previous"] = [tenant("ada", previous=["L1"])]
    assert keys(facility.read(stored("L1")))["L1"].standing is Standing.ACTIVE


def test_t9_who_is_in_neither_list_stays_as_stored_and_is_reported():
    reading = let(tenant("ada", "L1")).read(stored("L1", "L9"))
    assert set(keys(reading)) == {"L1"}
    assert is_complete(reading)
    assert reading.saw(Kind.KEY, f"{SITE}/L9"), "it must not count as missing"
    assert f"key {SITE}/L9: neither with a current tenant" in told(reading)


def test_t9_nothing_is_said_of_keys_of_other_facilities():
    known = Known(keys=frozenset({"F2/L1"}))
    assert not let(tenant("ada", "L1")).read(known).faults


@pytest.mark.parametrize("known", [stored("L1"), Known()])
def test_x15_current_but_not_active_makes_and_ends_nothing(known):
    reading = let(tenant("ada", "L1", active=False)).read(known)
    assert not keys(reading)
    assert reading.saw(Kind.KEY, f"{SITE}/L1")
    assert is_complete(reading)
    assert "active: its tenant is listed as current but is not active" in told(reading)


def test_x15_active_without_a_ledger_is_reported():
    reading = Facility([tenant("ada", active=True)]).read(stored("L1"))
    assert not keys(reading)
    assert f"subscriber {SITE}/ada (Ada Wehner), active: active, but without a current ledger" in told(reading)


def test_x15_previous_but_active_ends_nothing():
    reading = Facility([], [tenant("ada", previous=["L1"], active=True)]).read(stored("L1"))
    assert not keys(reading)
    assert "listed as previous but is active" in told(reading)


# Units.


def test_t3_a_unit_comes_from_the_configured_table_by_ledger():
    facility = Facility([tenant("ada", "L1")])
    reading = facility.read(units=UNIT)
    unit = reading.get(SaidUnit, keys(reading)["L1"].unit)
    assert (unit.name, unit.building, unit.floor, unit.vlan, unit.venue) == ("A12", "North", "1", 112, SITE)
    assert facility.asked("ledgers") == 0


def test_two_ledgers_of_the_table_in_one_unit_are_in_one_unit():
    units = {"L1": UnitPlace(unit="A12", vlan=112), "L2": UnitPlace(unit="A12", vlan=112)}
    found = keys(Facility([tenant("ada", "L1"), tenant("bob", "L2")]).read(units=units))
    assert found["L1"].unit == found["L2"].unit


def test_units_of_one_name_in_two_buildings_are_two():
    units = {"L1": UnitPlace(unit="1", building="A/B"), "L2": UnitPlace(unit="1", building="A", floor="B")}
    found = keys(Facility([tenant("ada", "L1"), tenant("bob", "L2")]).read(units=units))
    assert found["L1"].unit != found["L2"].unit


def test_t3_a_ledger_whose_unit_is_not_known_is_asked():
    facility = let(*(tenant(f"t{n}", f"L{n}") for n in range(100)))
    found = keys(facility.read(stored(*(f"L{n}" for n in range(99)))))
    assert facility.path("t99", "ledgers") in {request.path for request in facility.requests}
    assert found["L99"].unit == f"{SITE}/u-L99"


def test_ledgers_of_stored_units_are_asked_a_few_at_a_time():
    facility = let(*(tenant(f"t{n}", f"L{n}") for n in range(100)))
    known = stored(*(f"L{n}" for n in range(100)))
    found = keys(facility.read(known))
    assert facility.asked("ledgers") == 32
    assert sum(key.unit == f"{SITE}/unit-{ledger}" for ledger, key in found.items()) == 68


def test_two_who_change_units_and_keep_their_ledgers_are_found_in_the_end():
    facility = let(*(tenant(f"t{n}", f"L{n}") for n in range(100)))
    known = Known(
        keys=ids(*(f"L{n}" for n in range(100))),
        units_of_keys={f"{SITE}/L{n}": f"{SITE}/u-L{n}" for n in range(100)},
    )
    facility.ledgers["t0"], facility.ledgers["t1"] = [ledger("L0", unit_id="u-L1")], [ledger("L1", unit_id="u-L0")]
    units = {"L0": set(), "L1": set()}
    for day in range(60):
        found = keys(facility.read(known, at=AT + timedelta(days=day)))
        for each, seen in units.items():
            seen.add(found[each].unit)
    assert f"{SITE}/u-L1" in units["L0"]
    assert f"{SITE}/u-L0" in units["L1"]


def test_a_ledger_that_no_longer_says_its_unit_stays_in_the_stored_one():
    for answer in ([{"id": "L1"}], []):
        facility = Facility([tenant("ada", "L1")], ledgers={"ada": answer})
        assert keys(facility.read(stored("L1")))["L1"].unit == f"{SITE}/unit-L1"
        assert facility.asked("ledgers") == 1


def test_building_and_vlan_of_a_unit_come_from_the_table_by_the_units_id_each_time():
    units = {"u-L1": UnitPlace(unit="Locker 1", vlan=7)}
    facility = let(tenant("ada", "L1"))
    first = facility.read(units=units)
    known = Known(keys=ids("L1"), units_of_keys={f"{SITE}/L1": keys(first)["L1"].unit})
    second = facility.read(known, units=units)
    assert [(u.name, u.vlan) for u in first.all(SaidUnit)] == [(u.name, u.vlan) for u in second.all(SaidUnit)]
    assert [u.vlan for u in second.all(SaidUnit)] == [7]


@pytest.mark.parametrize(
    "unit",
    [
        {"unit_id": "u7", "unit_name": "A7"},
        {"unit": {"id": "u7", "name": "A7"}},
        {"unit": {"id": "u7", "number": "A7", "floor": 1}},
        {"unit": {"id": "u7"}, "unit_name": "A7"},
        {"unit": "A7", "unit_id": "u7", "rate": 12.5},
    ],
)
def test_x12_a_unit_is_read_from_a_ledger_in_any_expected_form(unit):
    reading = Facility([tenant("ada", "L1")], ledgers={"ada": [{"id": "L1", **unit}]}).read()
    said = reading.get(SaidUnit, keys(reading)["L1"].unit)
    assert (said.id, said.name) == (f"{SITE}/u7", "A7")


def test_x12_a_unit_without_an_id_is_known_by_its_name():
    reading = Facility([tenant("ada", "L1")], ledgers={"ada": [{"id": "L1", "unit": "A7"}]}).read()
    assert [(unit.id, unit.name) for unit in reading.all(SaidUnit)] == [(f"{SITE}/A7", "A7")]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (404, "HTTP 404"),
        ("<html>", "is not JSON"),
        ({"ledgers": {"L1": {}}, "meta": {"status_code": 200}}, "no list of ledgers"),
        ({"leases": [], "meta": {"status_code": 200}}, "no ledgers in the answer"),
        ({"ledgers": [{"id": "L2", "unit_id": "u"}], "meta": {"status_code": 200}}, "not among the tenant's ledgers"),
        ({"ledgers": [{"id": "L1"}], "meta": {"status_code": 200}}, "storEDGE does not say it"),
        ({"ledgers": [{"id": "L1", "unit": [7]}], "meta": {"status_code": 200}}, "unit"),
    ],
)
def test_x12_anything_else_needs_the_table_and_costs_that_ledger_alone(answer, why):
    facility = let(tenant("ada", "L1"), tenant("bob", "L2"))
    facility.instead[facility.path("ada", "ledgers")] = answer
    reading = facility.read()
    assert set(keys(reading)) == {"L2"}
    assert is_complete(reading)
    assert why in told(reading)
    assert "[sync.storedge.units]" in told(reading)


# Windows.


def test_days_of_a_ledger_are_days_of_the_facilitys_zone():
    row = ledger("L1", moved_in_on="2026-03-01", moved_out_on="2026-11-30")
    key = keys(Facility([tenant("ada", "L1")], ledgers={"ada": [row]}).read())["L1"]
    assert key.starts == datetime(2026, 3, 1, 5, tzinfo=UTC)
    assert key.ends == datetime(2026, 12, 1, 5, tzinfo=UTC), "the last day is a day of the tenancy"


def test_an_end_that_is_near_is_asked_again_so_that_it_can_move():
    rows = {f"t{n}": [ledger(f"L{n}", moved_out_on="2027-01-31")] for n in range(100)}
    facility = Facility([tenant(f"t{n}", f"L{n}") for n in range(100)], ledgers=rows)
    near = {f"L{n}": AT + timedelta(hours=n - 2) for n in range(40)}
    far = {f"L{n}": AT + timedelta(days=n) for n in range(40, 100)}
    found = keys(facility.read(stored(*(f"L{n}" for n in range(100)), ends=near | far)))
    assert facility.asked("ledgers") == 40 + 32
    moved = {id_ for id_, key in found.items() if key.ends == datetime(2027, 2, 1, 5, tzinfo=UTC)}
    assert near.keys() <= moved
    assert all(found[id_].ends == far[id_] for id_ in far.keys() - moved)


def test_a_ledger_that_gives_no_answer_leaves_a_stored_end_as_it_is():
    facility = Facility([tenant("ada", "L1")])
    facility.instead[facility.path("ada", "ledgers")] = 503
    assert keys(facility.read(stored("L1", ends={"L1": AT})))["L1"].ends == AT


@pytest.mark.parametrize("day", ["soon", "0001-01-01", 7, "", None])
def test_a_day_that_is_none_leaves_the_window_open(day):
    row = ledger("L1", moved_in_on=day)
    key = keys(Facility([tenant("ada", "L1")], ledgers={"ada": [row]}).read(timezone="Asia/Tokyo"))["L1"]
    assert key.starts is None


def test_days_without_a_configured_zone_are_utcs_and_that_is_told():
    row = ledger("L1", moved_in_on="2026-03-01")
    reading = Facility([tenant("ada", "L1")], ledgers={"ada": [row]}).read(timezone=None)
    assert keys(reading)["L1"].starts == datetime(2026, 3, 1, tzinfo=UTC)
    assert "has no timezone" in told(reading)


def test_an_instant_in_place_of_a_day_is_taken_as_it_is():
    row = ledger("L1", moved_in_on="2022-09-12T22:36:47.055-10:00")
    key = keys(Facility([tenant("ada", "L1")], ledgers={"ada": [row]}).read())["L1"]
    assert key.starts - datetime(2022, 9, 13, 8, 36, 47, tzinfo=UTC) < timedelta(seconds=1)


# Names.


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"is_business": True, "business_name": "Smith & Sons"}, "Smith & Sons"),
        ({"is_business": "true", "business_name": "  "}, "Ada Wehner"),
        ({"first_name": None}, "Wehner"),
        ({"first_name": "恵\n子", "last_name": "בן־דוד"}, "恵 子 בן־דוד"),
        ({"first_name": None, "last_name": None, "account_number": "0007"}, "account 0007"),
        ({"first_name": None, "last_name": None, "account_number": None}, f"{SITE}/ada"),
    ],
)
def test_names_are_for_display_alone(members, name):
    reading = let(tenant("ada", "L1", **members)).read()
    assert [person.name for person in reading.all(SaidSubscriber)] == [name]


def test_a_name_of_ten_thousand_characters_is_cut_and_the_tenant_taken():
    reading = let(tenant("ada", "L1", last_name="é" * 10_000)).read()
    assert "L1" in keys(reading)
    assert "cut for display" in told(reading)
    assert is_complete(reading)


@pytest.mark.parametrize("number", [1000000, "1000000"])
def test_x8_an_account_number_is_a_number_or_text(number):
    reading = let(tenant("ada", "L1", account_number=number, first_name=None, last_name=None)).read()
    assert [person.name for person in reading.all(SaidSubscriber)] == ["account 1000000"]


def test_x14_a_mail_address_that_is_none_refuses_nobody():
    assert "L1" in keys(let(tenant("ada", "L1", email="cristobalshields@zemlak.name79")).read())


def test_t12_addresses_that_come_twice_change_nothing():
    address = {"id": "48151b12", "address1": "41537686 Benjamin Glen"}
    reading = let(tenant("ada", "L1", addresses=[address, address], mailing_address=address)).read()
    assert set(keys(reading)) == {"L1"}
    assert not reading.faults
