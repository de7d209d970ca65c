"""How storEDGE is asked, and when nothing of an answer may be believed."""

from dataclasses import replace
from pathlib import Path

import pytest

from provisioning.platforms import Known, Refused, Unavailable, UnitPlace, Unreadable
from provisioning.sync import Kind, Reading, SaidKey, Standing
from tests.provisioning.platforms.drive import Turns, drive
from tests.provisioning.platforms.storedge.facility import (
    AT,
    SITE,
    Facility,
    ids,
    is_complete,
    keys,
    make_connector,
    meta,
    read,
    stored,
    tenant,
    told,
)


def many(count, per_page=100):
    """Return a facility with so many tenants, and what is stored of it, which is the same."""
    people = [tenant(f"t{n}", f"L{n}") for n in range(count)]
    ledgers = {f"t{n}": [{"id": f"L{n}", "unit_id": f"unit-L{n}"}] for n in range(count)}
    return Facility(people, per_page=per_page, ledgers=ledgers), stored(*(f"L{n}" for n in range(count)))


# How it is asked.


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://api.test", f"/v1/{SITE}/tenants/current"),
        ("https://api.test/", f"/v1/{SITE}/tenants/current"),
        ("https://api.test/v1", f"/{SITE}/tenants/current"),
        ("https://api.test/v1/", f"/{SITE}/tenants/current"),
        ("https://api.test/edge/v11", f"/v1/{SITE}/tenants/current"),
    ],
)
def test_x13_the_version_is_not_repeated_where_the_url_ends_in_it(url, path):
    requests = []
    with pytest.raises(Refused):
        read(lambda _: 404, requests=requests, url=url)
    assert requests[0].path == path


@pytest.mark.parametrize("status", [401, 403])
def test_x13_the_token_is_sent_as_bearer_and_read_anew_once_where_it_is_refused(status):
    facility, tokens = Facility(), iter(["one", "two"])
    facility.instead[facility.path("current"), "1"] = Turns(status, facility.page("current", 1))
    assert is_complete(facility.read(token=lambda: next(tokens)))
    sent = [dict(request.headers)["Authorization"] for request in facility.requests]
    assert sent == ["Bearer one", "Bearer two", "Bearer two"]


def test_x1_x5_x6_x7_x9_x11_only_reading_calls_are_made():
    facility = Facility([tenant("ada", "L1", delinquent=True)], [tenant("bob", previous=["L2"])])
    facility.read(stored("L2"))
    assert {request.method for request in facility.requests} == {"GET"}
    assert all(request.body is None for request in facility.requests)


def test_x2_the_tenants_id_stands_in_the_path():
    facility = Facility([tenant("a/b?c", "L1", delinquent=True)])
    facility.read()
    paths = [request.path for request in facility.requests]
    assert paths[-2:] == [facility.path("a%2Fb%3Fc", what) for what in ("delinquency", "ledgers")]


def test_t14_calls_with_passwords_are_never_made():
    for file in Path("provisioning/platforms/storedge").glob("*.py"):
        for call in ("sign_in", "sign_up", "change_password", "reset_password", "username_lookup", "forgot_username"):
            assert call not in file.read_text(), f"{file}: {call}"


@pytest.mark.parametrize("missing", ["sites", "ssid"])
def test_facilities_and_ssid_have_to_be_configured(missing):
    with pytest.raises(Refused, match=missing):
        make_connector(**{missing: ()})


def test_a_zone_that_is_none_is_refused_before_anything_is_asked():
    with pytest.raises(Refused, match="timezone"):
        make_connector(timezone="Mars/Olympus")


def test_a_facility_that_is_configured_twice_is_read_once():
    facility = Facility([tenant("ada", "L1")])
    assert is_complete(facility.read(sites=(SITE, SITE)))
    assert facility.asked("current") == 1


def test_a_site_with_a_slash_stays_one_segment():
    requests = []
    with pytest.raises(Refused):
        read(lambda _: 404, requests=requests, sites=("a/../b",))
    assert requests[0].path == "/v1/a%2F..%2Fb/tenants/current"


# Pages.


def test_x10_pages_are_asked_by_number_and_the_last_is_what_the_totals_say():
    facility, known = many(7, per_page=3)
    reading = facility.read(known)
    asked = [dict(request.query) for request in facility.requests if request.path.endswith("current")]
    assert [query["page"] for query in asked] == ["1", "2", "3"]
    assert {query["per_page"] for query in asked} == {"100"}
    assert len(keys(reading)) == 7
    assert is_complete(reading)


def test_x10_a_server_that_does_not_follow_the_page_parameter_stops_the_facility():
    facility, known = many(7, per_page=3)
    facility.instead[facility.path("current"), "2"] = facility.page("current", 1)
    with pytest.raises(Unreadable, match="page 2 was asked for, page 1 came"):
        facility.read(known)


def test_t10_an_empty_list_with_a_total_is_discarded():
    facility, known = many(5)
    facility.instead[facility.path("current"), "1"] = {**facility.page("current", 1), "tenants": []}
    with pytest.raises(Unreadable, match="0 came of 5 that total_entries says"):
        facility.read(known)


@pytest.mark.parametrize("which", ["current", "previous"])
def test_t10_a_total_that_changes_between_pages_discards_the_whole_read(which):
    facility, known = many(7, per_page=3)
    facility.lists["previous"] = [tenant(f"p{n}", previous=[f"L{n}"]) for n in range(7)]
    facility.instead[facility.path(which), "2"] = facility.page(which, 2, total_entries=6)
    with pytest.raises(Unreadable, match="total_entries went from 7 to 6 while paging"):
        facility.read(known)


def test_a_page_that_is_dropped_discards_the_whole_read():
    facility, known = many(7, per_page=3)
    facility.instead[facility.path("current"), "2"] = {**facility.page("current", 2), "tenants": []}
    with pytest.raises(Unreadable, match="4 came of 7"):
        facility.read(known)


def test_tenants_that_come_twice_prove_nothing_and_end_nobody():
    facility, known = many(4)
    rows = facility.lists["current"]
    facility.lists["current"] = [rows[0], rows[1], rows[1], rows[3]]
    reading = facility.read(known)
    assert set(keys(reading)) == {"L0", "L1", "L3"}
    assert not is_complete(reading)
    assert not reading.saw(Kind.KEY, f"{SITE}/L2")
    assert "1 tenants came twice in current" in told(reading)


def test_two_empty_lists_end_nobody():
    reading = Facility().read(stored("L1", "L2"))
    assert not keys(reading)
    assert all(reading.saw(Kind.KEY, key) for key in ids("L1", "L2"))


def test_a_list_of_more_pages_than_there_can_be_is_refused():
    facility = Facility()
    facility.instead[facility.path("current"), "1"] = facility.page("current", 1, total_pages=10**9)
    with pytest.raises(Unreadable, match="pages, more than"):
        facility.read()


def test_many_pages_are_asked_side_by_side_in_bounded_lists():
    facility, known = many(200, per_page=1)
    sizes, reading = [], Reading("hudson", "storedge", AT)

    def watched(exchange):
        asked = next(exchange)
        while asked is not None:
            sizes.append(len(asked) if isinstance(asked, list) else 1)
            answer = yield asked
            try:
                asked = exchange.send(answer)
            except StopIteration:
                asked = None

    drive(watched(make_connector().read(reading, known)), facility)
    assert len(keys(reading)) == 200
    assert 1 < max(sizes) <= 32


# Statuses.


@pytest.mark.parametrize("status", [201, 204, 400, 404, 500, 503])
@pytest.mark.parametrize("which", ["current", "previous"])
def test_x13_any_status_but_200_stops_the_facility_and_no_other(which, status):
    here, there = (
        many(3)[0],
        Facility([tenant("ada", "L1", facility_id="F2")], site="F2", ledgers={"ada": [{"id": "L1", "unit": "u"}]}),
    )
    here.instead[here.path(which), "1"] = (status, here.page(which, 1))
    reading = read(
        lambda request: (there if "/F2/" in request.path else here)(request),
        Known(units_of_keys={"F2/L1": "F2/u"}),
        sites=(SITE, "F2"),
    )
    assert {key.id for key in reading.all(SaidKey)} == {"F2/L1"}
    assert reading.is_doubtful(SITE)
    assert reading.is_complete("F2", Kind.KEY)
    assert not reading.is_whole


def test_x13_a_status_but_200_for_arrears_stops_the_facility():
    facility = Facility([tenant("ada", "L1", delinquent=True), tenant("bob", "L2")])
    facility.instead[facility.path("ada", "delinquency")] = 404
    with pytest.raises(Refused):
        facility.read(stored("L1", "L2"))


def test_t11_a_status_in_meta_that_is_not_200_counts_as_much_as_https():
    facility, _ = many(3)
    facility.instead[facility.path("current"), "1"] = {**facility.page("current", 1), "meta": meta(status_code=503)}
    with pytest.raises(Refused, match=r"meta.status_code is 503"):
        facility.read()


@pytest.mark.parametrize(
    "body",
    [
        "<html>maintenance</html>",
        b'{"tenants": [{"first_name": "\xc3',
        [],
        {},
        None,
        "",
        {"meta": meta()},
        {"tenants": [], "meta": meta()},
        {"tenants": []},
        {"tenants": None, "meta": meta(pagination={"current_page": 1, "total_pages": 1, "total_entries": 0})},
    ],
)
def test_an_answer_that_is_not_the_documents_costs_the_facility_and_the_run_where_it_is_all(body):
    (facility, known), there = many(3), Facility(site="F2")
    facility.instead[facility.path("current"), "1"] = body
    reading = read(lambda request: (there if "/F2/" in request.path else facility)(request), known, sites=(SITE, "F2"))
    assert not keys(reading)
    assert reading.is_partial(SITE)
    assert not reading.is_partial("F2")
    with pytest.raises(Unreadable):
        facility.read(known)


def test_refused_credentials_stop_the_run():
    with pytest.raises(Refused, match="HTTP 401"):
        read(lambda _: (401, {"error": "AccessDenied"}))


def test_a_platform_that_cannot_be_reached_stops_the_run():
    with pytest.raises(Unavailable):
        read(lambda _: Unavailable("timed out"))


def test_a_page_without_an_answer_discards_the_facility_alone():
    facility, known = many(7, per_page=3)
    facility.instead[facility.path("current"), "3"] = Unavailable("page 3: timed out")
    with pytest.raises(Unavailable):
        facility.read(known)


# Records.


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", "x" * 300),
        ("active", "perhaps"),
        ("active", None),
        ("current_ledger_ids", "L1"),
        ("current_ledger_ids", [None]),
        ("delinquent", 3),
        ("preferences", []),
        ("preferences", {"delinquency_exempt": "sometimes"}),
        ("first_name", {"unexpected": []}),
        ("facility_id", None),
    ],
)
def test_a_record_that_cannot_be_read_costs_itself_and_ends_nothing(field, value):
    facility, known = many(3)
    facility.lists["current"][1] = {**facility.lists["current"][1], field: value}
    facility.lists["previous"] = [tenant("old", previous=["L9"])]
    reading = facility.read(known)
    assert set(keys(reading)) == {"L0", "L2"}
    assert not is_complete(reading)
    assert field in told(reading)


def test_a_message_never_repeats_what_was_refused():
    facility, known = many(2)
    facility.lists["current"][0]["active"] = "hunter2-secret"
    assert "hunter2" not in told(facility.read(known))


@pytest.mark.parametrize("row", [None, 7, "tenant", []])
def test_a_row_that_is_no_record_costs_itself(row):
    facility, known = many(2)
    facility.lists["current"][0] = row
    reading = facility.read(known)
    assert set(keys(reading)) == {"L1"}
    assert not is_complete(reading)


def test_an_id_that_is_too_long_with_its_facility_is_unreadable():
    facility = Facility([tenant("ada", "L" * 230)])
    reading = facility.read()
    assert not keys(reading)
    assert not is_complete(reading)


def test_a_move_out_while_a_record_cannot_be_read_is_said_but_the_venue_is_doubtful():
    facility, known = many(2)
    facility.lists["current"][0]["active"] = None
    facility.lists["previous"] = [tenant("old", previous=["L9"])]
    reading = facility.read(Known(keys=known.keys | ids("L9"), units_of_keys=known.units_of_keys))
    assert keys(reading)["L9"].standing is Standing.ENDED
    assert reading.is_doubtful(SITE)


# Check.


def test_check_reads_one_page_and_one_unit():
    facility = Facility([tenant("ada", "L1")], ledgers={"ada": [{"id": "L1", "unit_name": "A1"}]})
    lines = drive(make_connector().check(), facility, facility.requests)
    assert lines == [f"facility {SITE}, current tenants: 1", "ledger L1: unit A1"]
    assert "Ada" not in " ".join(lines)
    assert len(facility.requests) == 2


def test_check_tells_of_a_unit_by_the_table_and_of_one_that_is_not_known():
    facility = Facility([tenant("ada", "L1")])
    table = make_connector(units={"L1": UnitPlace(unit="A12")})
    assert "ledger L1: unit A12, by [sync.storedge.units]" in drive(table.check(), facility)
    assert "ledger L1: unit not known: it is not among the tenant's ledgers" in drive(
        make_connector().check(), facility
    )


def test_check_fails_where_credentials_are_refused():
    with pytest.raises(Refused):
        drive(make_connector().check(), lambda _: 403)


def test_two_readings_of_the_same_are_the_same():
    facility, known = many(5)
    assert keys(facility.read(known)) == keys(facility.read(known))


# Ledgers that cannot be read.

ANSWERS = (
    404,
    500,
    "<html>",
    "",
    {},
    None,
    {"ledgers": []},
    {"ledgers": [], "meta": meta()},
    Unavailable("ledgers: HTTP 429"),
)


def fail_ledgers(facility, answer, tenants=None):
    for row in facility.lists["current"]:
        if tenants is None or row["id"] in tenants:
            facility.instead[facility.path(row["id"], "ledgers")] = answer


@pytest.mark.parametrize("answer", ANSWERS)
def test_ledgers_of_known_tenants_that_fail_make_the_facility_doubtful_in_one_line(answer):
    facility, known = many(100)
    fail_ledgers(facility, answer)
    reading = facility.read(known)
    assert len(keys(reading)) == 100, "they stay as they are stored"
    assert not is_complete(reading)
    (fault,) = reading.faults
    assert "ledgers of 32 tenants could not be read: their moves and ends are not known" in str(fault)
    assert "T" in str(fault).partition("tenants could not")[2], "one of them is named"


@pytest.mark.parametrize("answer", [*ANSWERS[:6], ANSWERS[-1]])
def test_a_platform_whose_ledgers_all_fail_is_not_asked_for_each(answer):
    people = [tenant(f"t{n}", f"L{n}") for n in range(600)]
    facility = Facility(people, per_page=600)
    fail_ledgers(facility, answer)
    reading = facility.read()
    assert facility.asked("ledgers") == 32
    assert len(reading.faults) <= 33
    assert "new keys wait for their units" in told(reading)
    assert all(reading.saw(Kind.KEY, f"{SITE}/L{n}") for n in range(600)), "none of them is missing"


def test_a_few_ledgers_that_fail_each_time_are_not_in_the_way_of_the_others():
    people = [tenant(f"t{n}", f"L{n}") for n in range(64)]
    facility = Facility(people, ledgers={f"t{n}": [{"id": f"L{n}", "unit": f"A{n}"}] for n in range(64)})
    fail_ledgers(facility, 404, {f"t{n}" for n in range(32)})
    reading = facility.read()
    assert set(keys(reading)) == {f"L{n}" for n in range(32, 64)}
    assert is_complete(reading), "the others are new, and held back one by one"


def test_a_venue_that_is_full_asks_a_few_of_those_who_have_no_unit_yet():
    people = [tenant(f"t{n}", f"L{n}") for n in range(300)]
    facility = Facility(people, per_page=300, ledgers={f"t{n}": [{"id": f"L{n}", "unit": "A1"}] for n in range(300)})
    known = stored(*(f"L{n}" for n in range(100)))
    reading = facility.read(replace(known, full_venues=frozenset({SITE})))
    assert facility.asked("ledgers") == 32 + 32
    assert len(keys(reading)) == 100 + 32, "one of them may be in a unit that is there"
    assert all(reading.saw(Kind.KEY, f"{SITE}/L{n}") for n in range(300))
    (fault,) = reading.faults
    assert "168 new tenants were not asked for theirs" in str(fault)
    assert is_complete(reading)
    facility.requests.clear()
    facility.read(known)
    assert facility.asked("ledgers") == 200 + 32


def test_a_move_out_that_is_said_while_ledgers_fail_is_no_less_sure():
    facility, known = many(3)
    facility.lists["previous"] = [tenant("old", previous=["L9"])]
    fail_ledgers(facility, 500)
    reading = facility.read(Known(keys=known.keys | ids("L9"), units_of_keys=known.units_of_keys))
    assert keys(reading)["L9"].standing is Standing.ENDED
    assert reading.is_doubtful(SITE)
    assert not reading.is_partial(SITE), "what is said to have ended ends"


# Which record, and whose.


@pytest.mark.parametrize(
    ("row", "which"),
    [
        (
            {**tenant("ada", "L1"), "id": None},
            "subscriber in row 4 of the current tenants (Ada Wehner account 1000000)",
        ),
        (7, "subscriber in row 4 of the current tenants: is not an object"),
        ({**tenant("ada", "L1"), "active": None}, f"subscriber {SITE}/ada (Ada Wehner account 1000000), active:"),
    ],
)
def test_a_record_that_cannot_be_read_is_told_by_its_row_and_its_name(row, which):
    facility, known = many(5, per_page=2)
    facility.lists["current"][3] = row
    assert which in told(facility.read(known))


def test_a_new_key_that_cannot_be_made_is_told_with_its_person_and_unit():
    facility = Facility(
        [tenant("ada", "L1", delinquent=True), tenant("bob", "L2")], ledgers={"ada": [{"id": "L1", "unit": "A12"}]}
    )
    facility.arrears["ada"] = {}
    shown = told(facility.read())
    assert f"key {SITE}/L1 (Ada Wehner, unit A12), delinquency:" in shown
    assert f"key {SITE}/L2 (Bob Wehner), unit: its unit is not known" in shown
