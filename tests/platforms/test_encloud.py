"""The enCloud test platform against the document's text (integration API)."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from pcaps.platforms.building import Building
from tests.platforms.asking import ask, ask_json
from tests.platforms.encloud import API_KEY, EnCloud

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
# "Original Password: Pass1234, MD5 Hashed Password: ..." in "Authorise API User".
HASHED = "823da4223e46ec671a10ea13d7823534"
# What "Responses" of the list describes.
LIST = {"totalResults", "totalFilteredResults", "limit", "page", "sort", "sort_type", "devices"}
DEVICE = {
    *("device_uid", "sim_id", "location", "frequency", "created_at", "updated_at", "location_string", "state"),
    *("last_seen", "last_data"),
}
INVENTORY = "/devices?timestamp=0&keys=cell.rssi&limit=100&page=1"


def basic(email="api.user@iven.io", password=HASHED):
    return {"Authorization": "Basic " + b64encode(f"{email}:{password}".encode()).decode()}


def houses(*names):
    return [Building.make(units=1, venue_id=name) for name in names or ("SDK15",)]


def authorise(platform):
    token = ask_json(platform, "/users/authorise", basic())["user"]["auth_token"]
    return {"Authorization": token, "API-KEY": API_KEY}


def test_authorise_answers_as_printed():
    with EnCloud(houses(), clock=lambda: NOW) as platform:
        answer = ask_json(platform, "/users/authorise", basic())
    assert len(answer["user"].pop("auth_token")) == 22
    assert answer == {"user": {"name": "API User", "email": "api.user@iven.io"}}


@pytest.mark.parametrize(
    ("headers", "status", "answer"),
    [
        (
            basic(email="nobody@iven.io"),
            404,
            {"status": 404, "description": "The user is not found.", "ivenCode": 9002},
        ),
        (basic(password="wrong"), 422, {"status": 422, "description": "Bad credentials.", "ivenCode": 9007}),
        (basic(password="Pass1234"), 422, {"status": 422, "description": "Bad credentials.", "ivenCode": 9007}),
        (basic(password=HASHED.upper()), 422, {"status": 422, "description": "Bad credentials.", "ivenCode": 9007}),
        ({}, 422, {"status": 422, "description": "Bad credentials.", "ivenCode": 9007}),
        # The document's own example, whose hash has letters beyond f.
        (
            {"Authorization": "Basic YmVya2JheWR1ckBnbWFpbC5jb206Zjc0MzgxOGNmZDAyOTgwYTdjMDQzMzVhbnQ0OGE4YTc="},
            404,
            {"status": 404, "description": "The user is not found.", "ivenCode": 9002},
        ),
    ],
)
def test_errors_of_authorise_are_as_printed(headers, status, answer):
    with EnCloud(houses(), clock=lambda: NOW) as platform:
        got, _, body = ask(platform, "/users/authorise", headers)
        assert got == status
        platform.expire_tokens()
        assert ask(platform, INVENTORY, {"API-KEY": API_KEY})[0] == 401
    assert json.loads(body) == answer


def test_a_list_has_the_described_members_and_no_customer():
    with EnCloud(houses(), clock=lambda: NOW) as platform:
        answer = ask_json(platform, INVENTORY, authorise(platform))
    assert set(answer) == LIST
    assert (answer["totalResults"], answer["totalFilteredResults"], answer["limit"], answer["page"]) == (3, 3, 100, 1)
    assert (answer["sort"], answer["sort_type"]) == ("created_at", "DESC")
    assert all(set(device) == DEVICE for device in answer["devices"])
    assert [device["device_uid"] for device in answer["devices"]] == ["00A0EB801B9A", "00A0EB801B99", "00A0EB801B98"]
    assert answer["devices"][0]["last_data"] == {"cell.rssi": -71}


def test_the_samples_query_with_empty_parameters_is_taken():
    query = (
        "/devices?timestamp=0&keys=system.uptime%2Ccell2.status&devices=&state=&is_online=false&search=&limit=100&page="
    )
    with EnCloud(houses(), clock=lambda: NOW) as platform:
        platform.set_state("00A0EB801B99", "Passive", online=False)
        answer = ask_json(platform, query, authorise(platform))
    assert [device["device_uid"] for device in answer["devices"]] == ["00A0EB801B99"]
    assert set(answer["devices"][0]["last_data"]) == {"system.uptime", "cell2.status"}
    assert (answer["totalResults"], answer["totalFilteredResults"]) == (3, 1)


def test_filters():
    with EnCloud(houses("SDK15", "SDT15"), clock=lambda: NOW) as platform:
        headers = authorise(platform)

        def uids(more):
            return {device["device_uid"] for device in ask_json(platform, INVENTORY + more, headers)["devices"]}

        platform.set_state("00A0EB801B99", "Waiting For Response")
        assert uids("&customer_id=SDK15") == {"00A0EB801B98", "00A0EB801B99", "00A0EB801B9A"}
        assert uids("&state=Waiting%20For%20Response") == {"00A0EB801B99"}
        assert uids("&devices=00A0EB801B98,00A0EB801B9B,000000000000") == {"00A0EB801B98", "00A0EB801B9B"}
        assert uids("&search=sdt15%20router%201") == {"00A0EB801B9C"}
        assert uids("&search=801b9a") == {"00A0EB801B9A"}


def test_pages_reach_all_devices_and_a_new_one_shifts_them():
    with EnCloud(houses(), clock=lambda: NOW, routers=60) as platform:
        headers = authorise(platform)
        pages = [
            ask_json(platform, f"/devices?timestamp=0&keys=cell.rssi&limit=25&page={n}", headers)["devices"]
            for n in (1, 2, 3, 4)
        ]
        assert [len(page) for page in pages] == [25, 25, 10, 0]
        assert len({device["device_uid"] for page in pages for device in page}) == 60
        assert len(ask_json(platform, "/devices?timestamp=0&keys=cell.rssi", headers)["devices"]) == 10
        assert len(ask_json(platform, "/devices?timestamp=0&keys=cell.rssi&limit=-1", headers)["devices"]) == 60


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("?keys=cell.rssi", "timestamp is not present"),
        ("?timestamp=0", "keys is not present"),
        ("?timestamp=yesterday&keys=cell.rssi", "timestamp is not valid"),
        ("?timestamp=0&keys=cell.rssi&limit=99", "limit is not valid"),
        ("?timestamp=0&keys=cell.rssi&state=Active", "state is not valid"),
        ("?timestamp=0&keys=cell.rssi&is_online=yes", "is_online is not valid"),
        ("?timestamp=0&keys=cell.rssi&page=0", "page is not valid"),
        ("?timestamp=0&keys=cell.rssi&customer_id=unknown", "customer_id is not valid"),
        ("?timestamp=0&keys=cell.rssi&offset=5", "offset is not valid"),
    ],
)
def test_parameters_are_required_and_permitted_as_described(query, text):
    with EnCloud(houses(), clock=lambda: NOW) as platform:
        status, _, body = ask(platform, f"/devices{query}", authorise(platform))
    assert (status, json.loads(body)) == (400, {"status": 400, "description": text, "ivenCode": 0})


def test_the_token_goes_bare_and_with_the_distributors_key():
    with EnCloud(houses(), clock=lambda: NOW) as platform:
        headers = authorise(platform)
        assert ask(platform, INVENTORY, {**headers, "Authorization": f"Bearer {headers['Authorization']}"})[0] == 401
        assert ask(platform, INVENTORY, {"Authorization": headers["Authorization"]})[0] == 403
        assert ask(platform, INVENTORY, {"authorization": headers["Authorization"], "api-key": API_KEY})[0] == 200


@pytest.mark.parametrize("expired", [401, 403, 422, 500])
def test_the_token_changes_by_itself(expired):
    now = [NOW]
    with EnCloud(houses(), clock=lambda: now[0], expired=expired) as platform:
        headers = authorise(platform)
        assert authorise(platform) == headers
        now[0] += timedelta(hours=1)
        assert ask(platform, INVENTORY, headers)[0] == expired
        renewed = authorise(platform)
        assert renewed != headers
        assert ask(platform, INVENTORY, renewed)[0] == 200
        platform.faults.add("token_expired")
        assert ask(platform, INVENTORY, renewed)[0] == expired


@pytest.mark.parametrize(
    ("times", "created"),
    [("iso", "2024-01-01T00:00:00.000Z"), ("unix", 1704067200), ("us", "01/01/2024 12:00:00 AM")],
)
def test_instants_and_totals_come_in_other_forms(times, created):
    with EnCloud(houses(), clock=lambda: NOW, times=times, totals_as_text=True, ascending=True) as platform:
        answer = ask_json(platform, INVENTORY, authorise(platform))
    assert answer["devices"][0]["created_at"] == created
    assert (answer["totalResults"], answer["sort_type"]) == ("3", "ASC")


def test_other_calls_are_not_there():
    with EnCloud(houses(), clock=lambda: NOW) as platform:
        headers = authorise(platform)
        assert ask(platform, "/users", headers, b"{}")[0] == 404
        assert ask(platform, "/users?email=a%40b.c", headers, method="DELETE")[0] == 404
