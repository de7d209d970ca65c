"""RUCKUS One's connector against answers as its document prints them, as its users find them, and as neither does."""

import json
from datetime import UTC, datetime

import pytest

from pcaps.platforms.building import Building
from provisioning.platforms import Refused, Unavailable
from provisioning.platforms.ruckus_one.connector import HOSTS, Connector
from provisioning.sync import Reading
from provisioning.transport import Transport
from tests.platforms.ruckus_one import CLIENT_ID, CLIENT_SECRET, TENANT, RuckusOne
from tests.provisioning.platforms.drive import drive as drive_exchange
from tests.provisioning.platforms.drive import make_settings

SSID = "Hudson House"


def connector(url="https://api.ruckus.cloud", **table):
    values = {"client_id": CLIENT_ID, "tenant": TENANT, **table}
    return Connector(make_settings("ruckus-one", url=url, client_secret=CLIENT_SECRET, **values))


def drive(exchange, answer):
    """Return what a generator returns, and its requests; `answer(request, body)` returns a status and a value."""

    def answers(request):
        if request.path.startswith("/oauth2/token/"):
            return {"access_token": "t", "token_type": "Bearer", "expires_in": 3600}
        status, value = answer(request, json.loads(request.body or b"null"))
        return Unavailable(request.what, status=status) if status >= 500 else (status, value)

    requests = []
    return drive_exchange(exchange, answers, requests), requests


def serving(pools, rows=()):
    """Return answers of pools and, for each page, of one list of passphrases."""

    def answer(request, body):
        if request.path == "/dpskServices/query":
            return 200, {"data": pools, "totalCount": len(pools)}
        first = (body["page"] - 1) * body["pageSize"]
        return 200, {"data": list(rows)[first : first + body["pageSize"]], "totalCount": len(rows)}

    return answer


def contents(pools, rows=(), **table):
    return drive(connector(**table).contents({SSID}), serving(pools, rows))[0]


POOL = {"id": "0a1b", "name": SSID, "passphraseFormat": "MOST_SECURED", "passphraseLength": 18, "deviceCountLimit": 5}


def test_the_token_is_asked_for_by_form_at_the_tenants_path():
    now = datetime(2026, 1, 15, tzinfo=UTC)
    with RuckusOne([Building.make(units=1)], clock=lambda: now) as platform, Transport(platform.url) as transport:
        told = transport.run(connector(platform.url).check())
    assert told == [f"1 DPSK pools: {SSID}", f"{SSID} has 0 passphrases, of which 0 were read"]
    first = platform.requests[0]
    assert first.path == f"/oauth2/token/{TENANT}"
    assert "authorization" not in first.headers
    assert CLIENT_SECRET not in "".join(each.target for each in platform.requests)


def test_every_member_of_the_documents_pool_is_taken_or_left():
    pool = POOL | {
        "createdDate": "2026-01-15T12:00:00.000+00:00",
        "expirationType": "SPECIFIED_DATE",
        "expirationOffset": 3,
        "expirationDate": "2027-01-01T00:00:00Z",
        "identityGroupId": "g",
        "isEnforced": False,
        "isReferenced": True,
        "networkCount": 1,
        "policyDefaultAccess": True,
        "wordCount": 4,
        "autoNotificationsEnabled": False,
    }
    (service,) = contents([pool]).services
    assert (service.id, service.name, service.refused, service.is_complete) == ("0a1b", SSID, None, True)


@pytest.mark.parametrize(
    ("value", "mails"), [(True, True), (False, False), (None, True), ("yes", True), (..., False)], ids=str
)
def test_a_pool_whose_notifications_are_not_known_to_be_off_is_left_alone(value, mails):
    pool = POOL if value is ... else POOL | {"autoNotificationsEnabled": value}
    (service,) = contents([pool]).services
    assert (service.refused is not None) == mails


def test_a_pool_that_cannot_be_read_costs_itself():
    found = contents([{"id": 7}, POOL])
    assert [service.name for service in found.services] == [SSID]
    assert [str(fault) for fault in found.faults] == ["ruckus-one: a DPSK pool: id is not text"]


def test_instants_are_read_with_and_without_a_fraction_and_in_any_zone():
    spelled = ["2026-02-01T05:00:00Z", "2026-02-01T05:00:00.000+00:00", "2026-02-01T00:00:00-05:00"]
    rows = [{"id": f"p{n}", "passphrase": "correct horse", "expirationDate": at} for n, at in enumerate(spelled)]
    assert {f"{key.ends:%Y-%m-%dT%H:%M:%SZ}" for key in contents([POOL], rows).keys} == {"2026-02-01T05:00:00Z"}


@pytest.mark.parametrize(
    "row",
    [
        {"id": "p1"},
        {"id": "p1", "passphrase": 12345678},
        {"id": "p1", "passphrase": "correct horse", "vlanId": "many"},
        {"id": "p1", "passphrase": "correct horse", "expirationDate": "9999-12-31T23:59:59-12:00"},
        {"id": "p1", "passphrase": "correct horse", "expirationDate": 1e300},
    ],
)
def test_a_row_that_cannot_be_read_is_there_and_no_more_is_known(row):
    found = contents([POOL], [row, {"id": "p2", "passphrase": "correct horse"}])
    (service,) = found.services
    assert (service.is_complete, service.unread) == (True, frozenset({"p1"}))
    assert [key.id for key in found.keys] == ["p2"]
    assert "correct horse" not in str(found.faults)


@pytest.mark.parametrize("row", [None, 7, {}, {"id": None}, {"id": ""}, {"id": "x" * 256}])
def test_a_row_without_an_id_makes_the_reading_one_in_part(row):
    (service,) = contents([POOL], [row, {"id": "p2", "passphrase": "correct horse"}]).services
    assert not service.is_complete


@pytest.mark.parametrize(
    "answer",
    [{}, [], {"data": {}}, {"data": []}, {"data": [], "totalCount": "1"}, {"data": [], "totalCount": -1}],
)
def test_an_answer_without_a_list_or_total_makes_the_reading_one_in_part(answer):
    def answers(request, _):
        if request.path == "/dpskServices/query":
            return 200, {"data": [POOL], "totalCount": 1}
        return 200, answer

    found, _ = drive(connector().contents({SSID}), answers)
    assert [service.is_complete for service in found.services] == [False]
    assert found.faults


@pytest.mark.parametrize("form", [{"totalElements": 1}, {"paging": {"totalCount": 1}}])
def test_rows_and_totals_are_found_where_other_lists_of_it_have_them(form):
    def answers(request, _):
        if request.path == "/dpskServices/query":
            return 200, {"content": [POOL], **form}
        return 200, {"content": [{"id": "p1", "passphrase": "correct horse"}], **form}

    found, _ = drive(connector().contents({SSID}), answers)
    assert [service.is_complete for service in found.services] == [True]
    assert len(found.keys) == 1


@pytest.mark.parametrize("base", [0, 1])
def test_pools_that_are_not_all_without_pages_are_asked_for_with_them(base):
    pools = [POOL | {"id": f"p{n}", "name": f"pool {n}"} for n in range(1203)]

    def answers(request, body):
        if request.path != "/dpskServices/query":
            return 200, {"data": [], "totalCount": 0}
        if body.get("page", base) < base:
            return 500, {}
        size = body.get("pageSize", 20)
        first = (body.get("page", base) - base) * size
        return 200, {"data": pools[first : first + size], "totalCount": len(pools)}

    found, asked = drive(connector().contents({"pool 7", "pool 1202"}), answers)
    assert {service.name for service in found.services} == {"pool 7", "pool 1202"}
    assert not found.faults
    assert all(not each.may_repeat for each in asked if b'"page":0' in (each.body or b""))


def test_pools_that_cannot_be_listed_whole_are_said_and_none_is_called_absent():
    def answers(request, body):
        if "page" in (body or {}) and request.path == "/dpskServices/query":
            return 500, {}
        return 200, {"data": [POOL] if request.path == "/dpskServices/query" else [], "totalCount": 0}

    def short(request, body):
        status, value = answers(request, body)
        return status, value | {"totalCount": 25} if request.path == "/dpskServices/query" and status == 200 else value

    found, _ = drive(connector(sites=("Elsewhere", SSID)).contents({"Elsewhere", SSID}), short)
    assert [str(fault) for fault in found.faults] == ["ruckus-one: 1 of 25 DPSK pools could be read"]


def test_a_server_that_caps_its_pages_is_read_whole():
    rows = [{"id": f"p{n}", "passphrase": "correct horse"} for n in range(250)]

    def answers(request, body):
        if request.path == "/dpskServices/query":
            return 200, {"data": [POOL], "totalCount": 1}
        first = (body["page"] - 1) * 100
        return 200, {"data": rows[first : first + 100], "totalCount": 250}

    found, _ = drive(connector().contents({SSID}), answers)
    assert [service.is_complete for service in found.services] == [True]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_pages_from_0_are_read_where_page_1_is_refused_as_there_is_none(status):
    def answers(request, body):
        if request.path == "/dpskServices/query":
            return 200, {"data": [POOL], "totalCount": 1}
        if body["page"]:
            return status, {}
        return 200, {"data": [{"id": "p1", "passphrase": "correct horse"}], "totalCount": 1}

    found, _ = drive(connector().contents({SSID}), answers)
    assert [service.is_complete for service in found.services] == [True]
    assert len(found.keys) == 1


def test_a_list_that_never_ends_ends():
    def answers(request, body):
        if request.path == "/dpskServices/query":
            return 200, {"data": [POOL], "totalCount": 1}
        return 200, {"data": [{"id": "p1", "passphrase": "correct horse"}], "totalCount": 10**9}

    found, asked = drive(connector().contents({SSID}), answers)
    assert [service.is_complete for service in found.services] == [False]
    assert len(asked) < 10


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_is_renewed_exactly_once(status):
    seen = []

    def answers(request, _):
        seen.append(request.path)
        return status, {}

    with pytest.raises(Refused, match=f"HTTP {status}"):
        drive(connector().contents({SSID}), answers)
    assert seen == ["/dpskServices/query"] * 2


@pytest.mark.parametrize("missing", ["tenant", "client_id"])
def test_a_table_without_its_tenant_or_client_is_refused(missing):
    with pytest.raises(Refused, match=missing):
        connector(**{missing: None})


def test_nothing_is_read_from_a_controller_into_the_store():
    with pytest.raises(Refused, match="none come from there"):
        list(connector().read(Reading("r", "ruckus-one", None), None))


@pytest.mark.parametrize("host", [*HOSTS, "127.0.0.1:8080", "localhost", "[::1]"])
def test_the_documented_hosts_and_this_machine_are_taken_without_a_word(host):
    told, _ = drive(connector(url=f"https://{host}").check(), serving([POOL]))
    assert told[0].startswith("1 DPSK pools")


@pytest.mark.parametrize("host", ["api.ca.ruckus.cloud", "api.ruckus.cloud.example.net", "ruckus.example"])
def test_another_host_is_taken_and_said(host):
    told, _ = drive(connector(url=f"https://{host}").check(), serving([POOL]))
    assert host in told[0]
    assert "none of the hosts" in told[0]
    assert host in str(drive(connector(url=f"https://{host}").contents({SSID}), serving([POOL]))[0].faults[0])


def test_check_reads_the_pool_that_is_configured_and_says_that_it_mails():
    other = POOL | {"id": "p2", "name": "Höfe 王", "autoNotificationsEnabled": True}
    rows = [{"id": "p1", "passphrase": "correct horse"}]
    told, _ = drive(connector(pools={"Höfe 王": "Hof"}).check(), serving([POOL, other], rows))
    assert told[1] == "Höfe 王 has 1 passphrases, of which 1 were read"
    assert told[2].startswith("nothing will be written to Höfe 王: it mails")
    assert "correct horse" not in str(told)


def test_no_secret_is_in_what_a_connector_or_a_reading_prints():
    found = contents([POOL], [{"id": "p1", "passphrase": "correct horse"}])
    assert "correct horse" not in repr(found)
    made = connector()
    assert CLIENT_SECRET not in repr(made) + repr(vars(made))
