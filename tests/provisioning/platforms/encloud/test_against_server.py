"""The connector against an enCloud over HTTP: states, tokens that expire, forms left open, faults."""

from datetime import UTC, datetime, timedelta

import pytest

from pcaps.platforms.building import Building
from provisioning.platforms import PLATFORMS, Known, PlatformError
from provisioning.sync import Kind, Reading, SaidNas
from tests.platforms.encloud import API_KEY, EMAIL, PASSWORD, EnCloud
from tests.provisioning.platforms.drive import drive_http, make_settings

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SITES = ("S1", "S2")


def make_connector(platform, **members):
    secrets = {"password": PASSWORD, "api_key": API_KEY}
    settings = {"url": platform.url, "username": EMAIL, "sites": SITES, **secrets, **members}
    return PLATFORMS["encloud"](make_settings("encloud", **settings))


def read(platform, **members):
    reading = Reading("routers", "encloud", AT)
    drive_http(make_connector(platform, **members).read(reading, Known()), platform.url)
    return reading


def running(**options):
    buildings = [Building.make(1, venue_id=site) for site in SITES]
    return EnCloud(buildings, clock=lambda: AT, **options)


def states(reading):
    return {nas.id: nas.enabled for nas in reading.all(SaidNas)}


@pytest.mark.parametrize("times", ["iso", "unix", "us"])
@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("ascending", [True, False])
def test_all_devices_of_all_customers_are_read_in_any_form(times, text, ascending):
    with running(routers=130, times=times, totals_as_text=text, ascending=ascending) as platform:
        reading = read(platform)
        assert states(reading) == dict.fromkeys(platform.routers, True)
    assert reading.is_whole
    assert all(nas.last_seen == AT - timedelta(seconds=40) for nas in reading.all(SaidNas))
    assert all(reading.is_complete(site, Kind.NAS) for site in SITES)


def test_states_enable_and_disable():
    with running() as platform:
        first, second, third, *_ = platform.routers
        platform.set_state(first, "Passive")
        platform.set_state(second, "Expired")
        platform.set_state(third, "Waiting For Response", online=False)
        found = states(read(platform))
    assert {uid for uid, enabled in found.items() if not enabled} == {first, second}


@pytest.mark.parametrize("status", [401, 403, 422])
def test_a_token_that_expires_in_the_middle_is_renewed_once(status):
    with running(routers=130, expired=status) as platform:
        platform.faults.add("token_expired", path=r"customer_id=S2.*page=2")
        reading = read(platform)
        assert len(states(reading)) == 260
        assert sum(request.path.endswith("/authorise") for request in platform.requests) == 2
    assert reading.is_whole


@pytest.mark.parametrize("status", [401, 403, 422, 500])
def test_a_token_that_expired_before_the_first_call_is_renewed_once(status):
    with running(expired=status) as platform:
        platform.faults.add("token_expired", path="/devices")
        assert len(states(read(platform))) == 6
        assert sum(request.path.endswith("/authorise") for request in platform.requests) == 2


@pytest.mark.parametrize("wrong", [{"password": "pass1234"}, {"username": "somebody@iven.io"}, {"api_key": "0" * 40}])
def test_wrong_credentials_are_refused_without_a_word_of_them(wrong):
    with running() as platform, pytest.raises(PlatformError) as caught:
        read(platform, **wrong)
    assert "refused" in str(caught.value) or "HTTP" in str(caught.value)
    assert not any(value in str(caught.value) for value in wrong.values())


def test_a_customer_that_does_not_exist_costs_itself():
    with running() as platform:
        reading = read(platform, sites=("S1", "S9"))
    assert len(states(reading)) == 3
    assert reading.is_doubtful("S9")
    assert reading.is_complete("S1", Kind.NAS)


@pytest.mark.parametrize(
    "kind",
    [
        "html",
        "rate_limited",
        "unavailable",
        "echo",
        "half_character",
        "cut_short",
        "reset",
        "doctype",
        "empty",
        "page_dropped",
        "shrinking_total",
        "duplicate",
        "wrong_type",
    ],
)
@pytest.mark.parametrize("page", [1, 2])
def test_no_fault_disables_a_router_that_works_or_calls_half_a_list_whole(kind, page):
    with running(routers=130) as platform:
        fault = platform.faults.add(kind, times=2, path=rf"customer_id=S1.*page={page}$")
        reading = read(platform)
        assert fault.met
        assert all(states(reading).values())
        found = {uid for uid, router in platform.routers.items() if router.customer == "S2"}
        assert found <= states(reading).keys(), "the other customer is not concerned"
        if reading.is_complete("S1", Kind.NAS) and (kind, page) != ("empty", 1):
            whole = {uid for uid, router in platform.routers.items() if router.customer == "S1"}
            assert whole <= states(reading).keys() or kind == "shrinking_total"
        shown = "".join(map(str, reading.faults))
        assert API_KEY not in shown
        platform.faults.clear()
        assert len(states(read(platform))) == 260


def test_check_tells_of_each_customer():
    with running() as platform:
        lines = drive_http(make_connector(platform).check(), platform.url)
    assert [line for line in lines if line.startswith("customer")] == [f"customer {site}, devices: 3" for site in SITES]
