"""Faults of the test platforms, as they come over the wire."""

import http.client
import json
import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from pcaps.platforms.building import Building
from pcaps.platforms.faults import KINDS
from tests.platforms.asking import ask, ask_json
from tests.platforms.eleven import Eleven

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RESIDENTS = "/team/T1/site/S1/resident"
BEARER = {"Authorization": "Bearer eleven-token-1"}


@pytest.fixture
def platform():
    with Eleven([Building.make(units=40)], clock=lambda: NOW) as running:
        yield running


def residents(platform):
    return ask_json(platform, RESIDENTS, BEARER)["Residents"]


def test_a_fault_strikes_as_often_as_told_after_what_is_skipped_where_its_path_matches(platform):
    fault = platform.faults.add("unavailable", 2, path="resident$", skip=1)
    assert [ask(platform, RESIDENTS, BEARER)[0] for _ in range(4)] == [200, 503, 503, 200]
    assert ask(platform, "/team", BEARER)[0] == 200
    assert fault.met == 2
    assert not platform.faults.waiting


def test_an_unknown_fault_is_our_own_mistake(platform):
    with pytest.raises(ValueError, match="page_dropped"):
        platform.faults.add("page_droped")
    assert len(KINDS) == 18


def test_html_comes_with_200(platform):
    platform.faults.add("html")
    status, headers, body = ask(platform, RESIDENTS, BEARER)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("wait", [None, "7", "Thu, 01 Jan 2026 12:00:30 GMT"])
def test_too_many_requests_with_and_without_how_long_to_wait(platform, wait):
    platform.faults.add("rate_limited", value=wait)
    status, headers, _ = ask(platform, RESIDENTS, BEARER)
    assert (status, headers.get("retry-after")) == (429, wait)


def test_a_redirect_names_another_host(platform):
    platform.faults.add("redirect", value="https://elsewhere.example/")
    status, headers, _ = ask(platform, RESIDENTS, BEARER)
    assert (status, headers["location"]) == (302, "https://elsewhere.example/")


def test_an_error_page_shows_the_token(platform):
    platform.faults.add("echo")
    status, _, body = ask(platform, RESIDENTS, BEARER)
    assert status == 500
    assert b"eleven-token-1" in body


def test_a_configured_token_is_refused_once(platform):
    platform.faults.add("token_expired")
    assert [ask(platform, RESIDENTS, BEARER)[0] for _ in range(2)] == [403, 200]


def test_a_body_ends_within_a_character(platform):
    platform.faults.add("half_character")
    status, _, body = ask(platform, RESIDENTS, BEARER)
    assert status == 200
    with pytest.raises(UnicodeDecodeError, match="unexpected end of data"):
        body.decode()


def test_a_body_ends_before_its_length(platform):
    platform.faults.add("cut_short")
    with pytest.raises(http.client.IncompleteRead):
        ask(platform, RESIDENTS, BEARER)


def test_the_connection_is_reset(platform):
    platform.faults.add("reset")
    with pytest.raises(ConnectionResetError):
        ask(platform, RESIDENTS, BEARER)


def test_a_stalled_answer_comes_when_the_faults_are_cleared(platform):
    platform.faults.add("stall")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(platform, RESIDENTS, BEARER)[0]))
    asking.start()
    while not platform.requests:
        assert asking.is_alive()
    assert not answers
    assert ask(platform, "/team", BEARER)[0] == 200  # nobody else waits
    platform.faults.clear()
    asking.join(20)
    assert answers == [200]


def test_a_huge_body_is_streamed(platform):
    platform.faults.add("huge", value=(3 << 20) + 5)
    _, headers, body = ask(platform, RESIDENTS, BEARER)
    assert "content-length" not in headers
    assert len(body) > 3 << 20
    assert json.loads(body)["Residents"]


def test_a_client_may_leave_in_the_middle_of_a_gigabyte(platform):
    platform.faults.add("huge")
    base = urlsplit(platform.url)
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=20)
    connection.request("GET", f"/v2{RESIDENTS}", headers=BEARER)
    response = connection.getresponse()
    assert response.read(1 << 20) == b" " * (1 << 20)
    response.close()
    connection.close()
    assert residents(platform)


def test_records_are_lost_doubled_and_spoilt(platform):
    whole = residents(platform)
    for kind in ("empty", "page_dropped", "shrinking_total", "duplicate", "wrong_type"):
        platform.faults.add(kind)
    assert residents(platform) == []
    assert residents(platform) == whole[: len(whole) // 2]
    assert residents(platform) == whole[:-1]
    assert residents(platform) == [*whole[:-1], whole[0]]
    spoilt = residents(platform)
    assert [one for one, other in zip(spoilt, whole, strict=True) if one != other] == [
        {**whole[len(whole) // 2], "ActivationDateUTC": {"unexpected": []}}
    ]
    assert residents(platform) == whole


def test_what_is_no_http_is_refused(platform):
    base = urlsplit(platform.url)
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=20)
    connection.putrequest("POST", "/v2/team")
    connection.putheader("Content-Length", "99999999999")
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()


def test_an_error_of_the_test_platform_itself_fails_the_test(monkeypatch):
    def broken(self, request):
        raise ZeroDivisionError

    monkeypatch.setattr(Eleven, "answer", broken)
    with pytest.raises(ZeroDivisionError), Eleven([], clock=lambda: NOW) as platform:
        assert ask(platform, RESIDENTS, BEARER)[0] == 500


def test_the_building_is_rendered_as_it_is_now(platform):
    building = platform.buildings["S1"]
    before = residents(platform)
    building.move_in(next(iter(building.units)), building.newcomer(), NOW.date())
    assert len(residents(platform)) == len(before) + 1
