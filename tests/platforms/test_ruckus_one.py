"""The RUCKUS One test platform against the vendor's public reference (DPSK Service 0.0.3) and what its users report."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from pcaps.platforms.building import Building
from tests.platforms.asking import ask
from tests.platforms.ruckus_one import CLIENT_ID, CLIENT_SECRET, TENANT, RuckusOne

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
FORM = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
PASSPHRASES = "/dpskServices/pool-1/passphrases"


def serve(**options):
    return RuckusOne([Building.make(units=1)], clock=options.pop("clock", lambda: NOW), **options)


def token(platform, status=200, tenant=TENANT, **form):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    got, _, body = ask(platform, f"/oauth2/token/{tenant}", headers, urlencode({**FORM, **form}))
    assert got == status
    return json.loads(body)


def call(platform, method, path, body=None, status=200, kind="application/json"):
    headers = {"Authorization": f"Bearer {token(platform)['access_token']}", "Content-Type": kind}
    sent = None if body is None else json.dumps(body)
    got, _, answer = ask(platform, path, headers, sent, method=method)
    assert got == status, answer
    return json.loads(answer)


def activity(platform, accepted):
    return call(platform, "GET", f"/activities/{accepted['requestId']}")["status"]


def add(platform, **values):
    return call(platform, "POST", PASSPHRASES, values, 202)


def rows(platform, **query):
    return call(platform, "POST", f"{PASSPHRASES}/query", query)


def test_client_credentials_get_a_token_for_an_hour():
    now = [NOW]
    with serve(clock=lambda: now[0]) as platform:
        answer = token(platform)
        assert set(answer) == {"access_token", "token_type", "expires_in"}
        token(platform, 401, client_secret="wrong")
        token(platform, 401, tenant="another")
        token(platform, 400, grant_type="password")
        headers = {"Authorization": f"Bearer {answer['access_token']}", "Content-Type": "application/json"}
        assert ask(platform, "/dpskServices/query", headers, "{}")[0] == 200
        now[0] += timedelta(hours=1)
        assert ask(platform, "/dpskServices/query", headers, "{}")[0] == 401
        assert ask(platform, "/dpskServices/query", {"Content-Type": "application/json"}, "{}")[0] == 401


def test_pools_are_the_buildings_ssids_and_take_no_page():
    with serve() as platform:
        (pool,) = call(platform, "POST", "/dpskServices/query", {})["data"]
        assert (pool["id"], pool["name"], pool["autoNotificationsEnabled"]) == ("pool-1", "Hudson House", False)
        call(platform, "POST", "/dpskServices/query", {"page": 1, "pageSize": 100}, 500)
    with serve(as_documented=True) as platform:
        assert call(platform, "POST", "/dpskServices/query", {"page": 0, "pageSize": 100})["totalCount"] == 1


def test_a_passphrase_is_made_changed_and_removed():
    with serve() as platform:
        made = add(platform, passphrase="correct horse", username="A-101", vlanId=101)
        assert set(made) == {"requestId"}
        assert activity(platform, made) == "SUCCESS"
        (row,) = rows(platform)["data"]
        assert (row["passphrase"], row["username"], row["vlanId"]) == ("correct horse", "A-101", 101)
        assert "expirationDate" not in row  # absent, not null
        ends = {"expirationDate": "2026-02-01T05:00:00Z"}
        path = f"{PASSPHRASES}/{row['id']}"
        assert activity(platform, call(platform, "PATCH", path, ends, 202)) == "SUCCESS"
        assert call(platform, "GET", path) == {**row, **ends}
        call(platform, "PATCH", path, {"expirationDate": None}, 202)
        assert call(platform, "GET", path) == row
        call(platform, "PATCH", PASSPHRASES, {"ids": [row["id"]], "changes": {"vlanId": 7}}, 202)
        assert call(platform, "GET", path)["vlanId"] == 7
        assert activity(platform, call(platform, "DELETE", PASSPHRASES, [row["id"]], 202)) == "SUCCESS"
        call(platform, "GET", path, status=404)
        assert rows(platform)["totalCount"] == 0


def test_a_passphrase_too_short_is_refused_and_one_too_long_fails_afterwards():
    with serve() as platform:
        call(platform, "POST", PASSPHRASES, {"passphrase": "1234567"}, 400)
        call(platform, "POST", PASSPHRASES, {"passphrase": ""}, 400)
        assert activity(platform, add(platform, passphrase="x" * 64)) == "FAIL"
        assert activity(platform, add(platform, passphrase="x" * 63)) == "SUCCESS"
        (row,) = rows(platform)["data"]
        longer = call(platform, "PUT", f"{PASSPHRASES}/{row['id']}", {"passphrase": "y" * 64}, 202)
        assert activity(platform, longer) == "FAIL"
        assert rows(platform)["data"] == [row]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", PASSPHRASES, {"psk": "correct horse"}, 400),
        ("POST", PASSPHRASES, {"passphrase": 12345678}, 400),
        ("POST", PASSPHRASES, {"passphrase": "correct horse", "vlanId": 4095}, 400),
        ("POST", PASSPHRASES, ["correct horse"], 400),
        ("DELETE", PASSPHRASES, {"ids": []}, 400),
        ("PATCH", f"{PASSPHRASES}/nothing", {}, 404),
        ("POST", "/dpskServices/pool-9/passphrases", {}, 404),
        ("GET", "/activities/request-9", None, 404),
    ],
)
def test_what_the_reference_does_not_allow_is_refused(method, path, body, status):
    with serve() as platform:
        call(platform, method, path, body, status)


def test_removing_what_is_not_there_fails_as_an_activity():
    with serve() as platform:
        assert activity(platform, call(platform, "DELETE", PASSPHRASES, ["nothing"], 202)) == "FAIL"


def test_the_vendors_own_media_type_is_taken_and_others_are_not():
    with serve() as platform:
        call(platform, "POST", "/dpskServices/query", {}, kind="application/vnd.ruckus.v1.2+json")
        call(platform, "POST", "/dpskServices/query", {}, 400, kind="text/plain")


@pytest.mark.parametrize(("as_documented", "first"), [(False, 1), (True, 0)])
def test_pages_are_counted_from(as_documented, first):
    with serve(as_documented=as_documented) as platform:
        add(platform, numberOfPassphrases=45)
        pages = [rows(platform, page=first + n, pageSize=20) for n in range(4)]
        assert [len(page["data"]) for page in pages] == [20, 20, 5, 0]
        assert {page["totalCount"] for page in pages} == {45}
        assert len({row["id"] for page in pages for row in page["data"]}) == 45
        assert len(rows(platform)["data"]) == 20  # without a size
        call(platform, "POST", f"{PASSPHRASES}/query", {"page": first - 1}, 500)


def test_fields_narrow_a_row_and_an_order_is_kept():
    with serve() as platform:
        for name in ("B", "A", "C"):
            add(platform, passphrase=f"correct horse {name}", username=name)
        found = rows(platform, fields=["username", "nothing"], sortField="username", sortOrder="DESC")["data"]
    assert [row["username"] for row in found] == ["C", "B", "A"]
    assert {frozenset(row) for row in found} == {frozenset({"id", "username"})}


def test_a_write_that_is_held_is_in_progress_until_it_settles():
    with serve(holds=True) as platform:
        made = add(platform, passphrase="correct horse")
        assert activity(platform, made) == "INPROGRESS"
        assert rows(platform)["totalCount"] == 0
        platform.settle()
        assert activity(platform, made) == "SUCCESS"
        assert rows(platform)["totalCount"] == 1


def test_an_error_under_a_success_means_nothing():
    with serve() as platform:
        made = add(platform, passphrase="correct horse")
        answer = call(platform, "GET", f"/activities/{made['requestId']}")
    assert (answer["status"], answer["totalFailSteps"], len(answer["errors"])) == ("SUCCESS", 0, 1)


def test_a_pool_that_mails_sends_what_is_made_or_changed():
    with serve() as platform:
        pool = platform.pool("Hudson House")
        add(platform, passphrase="correct horse")
        assert platform.mailed == []
        pool.mails = True
        (name,) = pool.passphrases
        call(platform, "PATCH", f"{PASSPHRASES}/{name}", {"vlanId": 9}, 202)
        assert platform.mailed == [name]
        (shown,) = call(platform, "POST", "/dpskServices/query", {})["data"]
        assert shown["autoNotificationsEnabled"] is True
