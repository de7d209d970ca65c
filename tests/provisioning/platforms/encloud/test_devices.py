"""What becomes of enCloud's devices, trap by trap (T) and reading by reading (X) of its catalogue."""

from datetime import UTC, datetime

import pytest

from provisioning.platforms import NasPlace, Refused, Unavailable, Unreadable
from provisioning.platforms.settings import plain_uid
from provisioning.sync import Kind, SaidVenue
from tests.provisioning.platforms.drive import drive
from tests.provisioning.platforms.encloud.distributor import (
    CUSTOMER,
    Distributor,
    device,
    is_complete,
    make_connector,
    many,
    nases,
    told,
)

UID = "00A0EB801B98"
PLACES = {UID: NasPlace(address="192.0.2.1")}


def one(**members):
    """Return what is read of one device."""
    return nases(Distributor([device(UID, **members)]).read())[UID]


# States.


@pytest.mark.parametrize(
    ("state", "enabled"),
    [
        ("Registered", True),
        ("registered", True),
        ("ACTIVE", True),
        ("active", True),
        ("Waiting For Response", True),
        ("waiting for  response", True),
        ("Passive", False),
        ("passive", False),
        ("Expired", False),
        ("EXPIRED ", False),
    ],
)
def test_x9_states_are_read_without_case(state, enabled):
    assert one(state=state).enabled is enabled


@pytest.mark.parametrize("state", ["Sleeping", "", None, "Regist"])
def test_an_unknown_state_changes_nothing_and_is_reported(state):
    reading = Distributor([device(UID, state=state)]).read()
    assert nases(reading)[UID].enabled is None
    assert is_complete(reading)
    assert f"nas {UID}, state: {state or 'no state'!r} is no state that is known" in told(reading)


def test_a_device_that_waits_for_response_is_told_to_be_silent():
    waiting = Distributor([device(UID, state="Waiting For Response")])
    assert "silent: Waiting For Response, last seen 2026-11-21 11:59 UTC" in told(waiting.read(nases=PLACES))
    assert not waiting.read().faults, "of one that is no NAS the reconciler tells"


@pytest.mark.parametrize("online", [True, False])
def test_being_online_does_not_change_whether_a_nas_is_enabled(online):
    assert one(is_online=online).enabled is True
    assert one(is_online=online, state="Passive").enabled is False


def test_passive_and_expired_devices_are_said_and_not_missing():
    reading = Distributor([device("A1", "Passive"), device("A2", "Expired")]).read()
    assert {nas.id: (nas.enabled, nas.state) for nas in nases(reading).values()} == {
        "A1": (False, "Passive"),
        "A2": (False, "Expired"),
    }


# Customers.


def test_t4_each_customer_is_asked_for_and_is_the_devices_venue():
    platform = Distributor([device("A1")], SDK16=[device("A2")])
    reading = platform.read(sites=(CUSTOMER, "SDK16"))
    assert {nas.id: nas.venue for nas in nases(reading).values()} == {"A1": CUSTOMER, "A2": "SDK16"}
    assert {venue.id for venue in reading.all(SaidVenue)} == {CUSTOMER, "SDK16"}
    assert [dict(request.query)["customer_id"] for request in platform.asked("devices")] == [CUSTOMER, "SDK16"]
    assert reading.is_whole


def test_t4_a_device_under_two_customers_is_a_fault_and_stays_as_it_is():
    platform = Distributor([device("A1"), device(UID)], SDK16=[device(UID, "Expired")])
    reading = platform.read(sites=(CUSTOMER, "SDK16"))
    assert set(nases(reading)) == {"A1"}
    assert reading.saw(Kind.NAS, UID)
    assert "is under customers SDK15 and SDK16: left as it is" in told(reading)


def test_a_customer_that_is_configured_twice_is_asked_once():
    platform = Distributor([device(UID)])
    assert set(nases(platform.read(sites=(CUSTOMER, CUSTOMER)))) == {UID}
    assert len(platform.asked("devices")) == 1


def test_one_customer_that_fails_costs_that_customer():
    platform = Distributor([device("A1")], SDK16=[device("A2")])
    platform.instead["devices"] = [400]
    reading = platform.read(sites=("SDK17", CUSTOMER, "SDK16"))
    assert set(nases(reading)) == {"A1", "A2"}
    assert reading.is_doubtful("SDK17")
    assert is_complete(reading)
    assert "devices of customer SDK17, page 1: HTTP 400" in told(reading)


# What is asked.


def test_t5_t8_t9_x10_x12_an_inventory_asks_for_all_time_one_key_and_nothing_empty():
    platform = Distributor([device(UID)])
    platform.read()
    (request,) = platform.asked("devices")
    assert request.query == (
        ("timestamp", "0"),
        ("keys", "cell.rssi"),
        ("customer_id", CUSTOMER),
        ("limit", "100"),
        ("page", "1"),
    )


def test_t6_t7_devices_are_read_page_by_page_of_a_hundred():
    platform = Distributor(many(1234))
    reading = platform.read()
    assert len(nases(reading)) == 1234
    assert is_complete(reading)
    assert [dict(request.query)["page"] for request in platform.asked("devices")] == [str(n) for n in range(1, 14)]


def test_a_smaller_limit_than_was_asked_for_means_more_pages():
    platform = Distributor()
    rows = many(30)
    platform.instead = {
        ("devices", str(n)): [{"totalFilteredResults": 30, "limit": 10, "devices": rows[n * 10 - 10 : n * 10]}]
        for n in (1, 2, 3)
    }
    assert len(nases(platform.read())) == 30


# Totals.


def test_t6_totals_that_differ_between_pages_are_read_again():
    platform = Distributor(many(250))
    platform.instead["devices", "2"] = [platform.page(CUSTOMER, 2, totalFilteredResults=251)]
    reading = platform.read()
    assert len(nases(reading)) == 250
    assert is_complete(reading)
    assert len(platform.asked("devices")) == 6


def test_t6_totals_that_differ_again_leave_the_customer_partial():
    platform = Distributor(many(250))
    platform.instead["devices", "2"] = [platform.page(CUSTOMER, 2, totalFilteredResults=249) for _ in range(2)]
    reading = platform.read()
    assert not is_complete(reading)
    assert len(platform.asked("devices")) == 6
    assert "totalFilteredResults went from 250 to 249 while paging" in told(reading)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (many(2), "2 devices came of 3"),
        ([*many(2), many(2)[0]], "1 devices came twice"),
    ],
)
def test_totals_that_are_not_reached_are_read_again_and_then_partial(rows, why):
    platform = Distributor(many(3))
    wrong = platform.page(CUSTOMER, 1, devices=rows)
    platform.instead["devices"] = [wrong]
    assert is_complete(platform.read())
    platform.instead["devices"] = [wrong, wrong]
    reading = platform.read()
    assert not is_complete(reading)
    assert why in told(reading)


def test_a_list_without_a_device_of_those_it_counts_is_no_list_at_all():
    platform = Distributor(many(3), SDK16=[device("A2")])
    wrong = platform.page(CUSTOMER, 1, devices=[])
    platform.instead["devices"] = [wrong, wrong]
    reading = platform.read(sites=(CUSTOMER, "SDK16"))
    assert "0 devices came of 3" in told(reading)
    assert set(nases(reading)) == {"A2"}
    platform.instead["devices"] = [wrong, wrong]
    with pytest.raises(Unreadable, match="0 devices came of 3"):
        platform.read()


@pytest.mark.parametrize("write", [int, str])
def test_x13_totals_are_numbers_or_text(write):
    platform = Distributor(many(150))
    for n in (1, 2):
        counts = {"totalResults": write(150), "totalFilteredResults": write(150), "limit": write(100), "page": write(n)}
        platform.instead["devices", str(n)] = [platform.page(CUSTOMER, n, **counts)]
    assert is_complete(platform.read())


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        b'{"devices": [{"device_uid": "\xc3',
        [],
        {"devices": []},
        {"totalFilteredResults": None, "devices": []},
        {"totalFilteredResults": "many", "devices": []},
        {"totalFilteredResults": 0},
        {},
        None,
        "",
        {"totalFilteredResults": 0, "devices": {}},
        {"totalFilteredResults": 1, "devices": [device(UID)], "page": 2},
        {"totalFilteredResults": 10**12, "devices": [device(UID)], "page": 1},
    ],
)
def test_an_answer_that_is_not_the_documents_costs_the_customer_and_the_run_where_it_is_all(body):
    platform = Distributor(many(3), SDK16=[device("A2")])
    platform.instead["devices"] = [body]
    reading = platform.read(sites=(CUSTOMER, "SDK16"))
    assert set(nases(reading)) == {"A2"}
    assert reading.is_doubtful(CUSTOMER)
    assert not reading.is_whole
    platform.instead["devices"] = [body]
    with pytest.raises(Unreadable):
        platform.read()


def test_a_page_that_stays_without_an_answer_costs_the_customer():
    platform = Distributor(many(150), SDK16=[device("A2")])
    platform.instead["devices", "2"] = [Unavailable("devices of customer SDK15, page 2: timed out")]
    reading = platform.read(sites=(CUSTOMER, "SDK16"))
    assert set(nases(reading)) == {"A2"}
    assert reading.is_doubtful(CUSTOMER)


# Records.


@pytest.mark.parametrize("uid", ["00A0EB801B98", "00:a0:eb:80:1b:98", "00-A0-EB-80-1B-98", "00a0.eb80.1b98"])
def test_t10_uids_are_compared_without_case_and_separators(uid):
    assert set(nases(Distributor([device(uid)]).read())) == {UID}
    assert plain_uid(uid) == UID


def test_t10_one_uid_in_two_spellings_is_one_device():
    reading = Distributor([device(UID), device("00:A0:EB:80:1B:98")]).read()
    assert set(nases(reading)) == {UID}
    assert not is_complete(reading)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("2017-06-06T12:32:30Z", datetime(2017, 6, 6, 12, 32, 30, tzinfo=UTC)),
        ("2017-06-06T14:32:30.500+02:00", datetime(2017, 6, 6, 12, 32, 30, tzinfo=UTC)),
        ("2017-06-06 12:32:30", datetime(2017, 6, 6, 12, 32, 30, tzinfo=UTC)),
        (1496752350, datetime(2017, 6, 6, 12, 32, 30, tzinfo=UTC)),
        ("1496752350", datetime(2017, 6, 6, 12, 32, 30, tzinfo=UTC)),
        (1496752350.75, datetime(2017, 6, 6, 12, 32, 30, tzinfo=UTC)),
        ("06/16/2017 11:19:23 AM", datetime(2017, 6, 16, 11, 19, 23, tzinfo=UTC)),
        ("06/16/2017 1:27:46 PM", datetime(2017, 6, 16, 13, 27, 46, tzinfo=UTC)),
        ("06/16/2017 12:00:00 AM", datetime(2017, 6, 16, 0, 0, 0, tzinfo=UTC)),
        ("16.06.2017", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        (10**30, None),
        ("9" * 40, None),
        (float(10**30), None),
        ({"at": 1}, None),
    ],
)
def test_t12_times_are_read_in_three_forms_and_else_unknown(seen, expected):
    assert one(last_seen=seen).last_seen == expected


def test_t11_a_device_has_no_name_and_no_address():
    nas = one()
    assert nas.name is None
    assert nas.state == "Registered"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (device(None), "device_uid"),
        (device(""), "device_uid"),
        (device(":-."), "device_uid"),
        (device("x" * 300), "device_uid"),
        (device({"unexpected": []}), "device_uid"),
        (device("A9", state={"word": "Passive"}), "state"),
        ({}, "device_uid"),
        (None, "is not an object"),
        ("A9", "is not an object"),
    ],
)
def test_a_record_that_cannot_be_read_costs_itself_and_the_proof(row, field):
    reading = Distributor([*many(2), row]).read()
    assert set(nases(reading)) == {"00A0EB000000", "00A0EB000001"}
    assert not is_complete(reading)
    assert field in told(reading)


def test_sims_places_and_data_are_not_kept():
    reading = Distributor([device(UID)]).read()
    shown = repr(list(nases(reading).values()))
    for hidden in ("8931041234567890", "40.7128", "Hudson Street", "cell.rssi"):
        assert hidden not in shown


# Check.


def test_check_reads_one_page_and_tells_of_one_device():
    platform = Distributor([device(UID), device("A2")])
    lines = drive(make_connector().check(), platform, platform.requests)
    assert lines == [f"customer {CUSTOMER}, devices: 2", f"device {UID}: Registered, not configured as a NAS"]
    assert len(platform.requests) == 2
    configured = {"00:a0:eb:80:1b:98": NasPlace(address="192.0.2.1")}
    assert f"device {UID}: Registered" in drive(make_connector(nases=configured).check(), platform)


def test_check_fails_where_the_customer_is_unknown():
    platform = Distributor()
    platform.instead["devices"] = [400]
    with pytest.raises(Refused, match="HTTP 400"):
        drive(make_connector().check(), platform)
