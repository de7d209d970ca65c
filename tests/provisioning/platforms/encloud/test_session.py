"""enCloud's token: how it is asked for, sent, and asked for again."""

import base64
import hashlib
from pathlib import Path

import pytest

from provisioning.platforms import Answer, Refused, Request, Unavailable, Unreadable
from provisioning.platforms.encloud.payloads import parse_token
from tests.provisioning.platforms.drive import drive
from tests.provisioning.platforms.encloud.distributor import (
    API_KEY,
    CUSTOMER,
    HASH,
    PASSWORD,
    USER,
    Distributor,
    device,
    is_complete,
    make_connector,
    many,
    nases,
    told,
)

EXAMPLES = Path(__file__).parent / "examples"
UID = "00A0EB801B98"


def headers(request):
    return dict(request.headers)


def test_the_documented_authorise_answer_parses():
    body = (EXAMPLES / "authorised.json").read_bytes()
    assert parse_token(Answer(Request(path="/", what="authorise"), 200, {}, body)) == "N2CDnVtoSuSfQ4I2XWo6Aw"


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [("user_not_found", 404, "the user is not found"), ("bad_credentials", 422, "bad credentials")],
)
def test_the_documented_refusals_of_authorise_stop_the_run(name, status, text):
    platform = Distributor()
    platform.instead["authorise"] = [(status, (EXAMPLES / f"{name}.json").read_bytes())]
    with pytest.raises(Refused, match=text):
        platform.read()
    assert len(platform.requests) == 1


def test_t13_an_error_is_told_by_its_status_whatever_the_body_says():
    platform = Distributor([device(UID)])
    body = (EXAMPLES / "customer_not_present.json").read_bytes()
    platform.instead["devices"] = [(400, body)]
    with pytest.raises(Refused, match="HTTP 400"):
        platform.read()


def test_t2_x1_basic_is_the_mail_address_and_the_md5_of_the_password():
    assert hashlib.md5(PASSWORD.encode()).hexdigest() == HASH
    platform = Distributor()
    platform.read()
    scheme, _, encoded = headers(platform.requests[0])["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded).decode()) == ("Basic", f"{USER}:{HASH}")
    assert "API-KEY" not in headers(platform.requests[0])
    assert (platform.requests[0].method, platform.requests[0].path) == ("GET", "/integration/users/authorise")


def test_t3_x2_x15_the_token_is_sent_bare_and_the_key_is_the_configured_one():
    platform = Distributor([device(UID)])
    platform.read()
    (request,) = platform.asked("devices")
    assert headers(request)["Authorization"] == "token-1"
    assert headers(request)["API-KEY"] == API_KEY


def test_t1_one_token_serves_a_run_and_none_is_kept_for_the_next():
    platform = Distributor(many(250), SDK16=many(0))
    connector_settings = {"sites": (CUSTOMER, "SDK16")}
    platform.read(**connector_settings)
    assert len(platform.asked("authorise")) == 1
    platform.read(**connector_settings)
    assert len(platform.asked("authorise")) == 2


@pytest.mark.parametrize("status", [401, 403, 422, 500])
def test_x11_a_refusal_on_the_first_call_gets_one_new_token_and_one_repetition(status):
    platform = Distributor([device(UID)])
    platform.refused["token-1"] = status
    reading = platform.read()
    assert set(nases(reading)) == {UID}
    assert is_complete(reading)
    assert [request.path for request in platform.requests] == [
        "/integration/users/authorise",
        "/integration/devices",
        "/integration/users/authorise",
        "/integration/devices",
    ]
    assert headers(platform.requests[-1])["Authorization"] == "token-2"


def test_x11_a_500_that_the_transport_gave_up_on_counts_as_one():
    platform = Distributor([device(UID)])
    platform.refused["token-1"] = Unavailable("devices: HTTP 500", status=500)
    assert set(nases(platform.read())) == {UID}


@pytest.mark.parametrize("status", [401, 403, 422])
def test_t1_a_token_that_expires_while_paging_costs_one_new_one_for_all_pages_that_it_failed(status):
    platform = Distributor(many(450))
    platform.instead = {("devices", "3"): [status], ("devices", "4"): [status]}
    reading = platform.read()
    assert len(nases(reading)) == 450
    assert is_complete(reading)
    assert len(platform.asked("authorise")) == 2
    assert [dict(request.query)["page"] for request in platform.asked("devices")] == list("1234534")


class Counted(Distributor):
    """Its tokens are good for so many calls each."""

    def __init__(self, devices, uses, status=401):
        super().__init__(devices)
        self.uses, self.status = uses, status
        self.left = {}

    def __call__(self, request):
        if request.path.endswith("/devices"):
            token = dict(request.headers)["Authorization"]
            self.left[token] = self.left.get(token, self.uses) - 1
            if self.left[token] < 0 or token != f"token-{self.tokens}":
                return self.status
        return super().__call__(request)


@pytest.mark.parametrize("uses", [1, 2, 3, 5])
@pytest.mark.parametrize("status", [401, 403, 422])
def test_t1_a_token_may_expire_again_and_again_in_one_run(uses, status):
    platform = Counted(many(700), uses, status)
    reading = platform.read()
    assert len(nases(reading)) == 700
    assert is_complete(reading)
    assert platform.tokens <= -(-7 // uses) + 1


def test_t1_a_call_that_no_new_token_is_taken_for_ends_the_customer_though_others_are_served():
    platform = Counted(many(700), 3)
    platform.instead["devices", "4"] = [403] * 99
    platform.customers["SDK16"] = [device("A2")]
    reading = platform.read(sites=(CUSTOMER, "SDK16"))
    assert set(nases(reading)) == {"A2"}
    assert "page 4: HTTP 403, also with a new token" in told(reading)
    assert len(platform.requests) < 40


def test_x11_a_500_later_on_is_enclouds_fault_and_no_reason_for_a_token():
    platform = Distributor(many(250))
    platform.instead["devices", "2"] = [500]
    with pytest.raises(Refused, match="HTTP 500"):
        platform.read()
    assert len(platform.asked("authorise")) == 1


@pytest.mark.parametrize("status", [401, 403, 422, 500])
def test_a_token_that_is_never_taken_ends_after_one_repetition(status):
    platform = Distributor([device(UID)])
    platform.refused = {f"token-{n}": status for n in range(1, 9)}
    with pytest.raises(Refused, match=f"HTTP {status}"):
        platform.read()
    assert len(platform.requests) == 4


@pytest.mark.parametrize("answer", [404, 503, Unavailable("timed out")])
def test_what_is_no_refusal_of_the_token_is_not_repeated(answer):
    platform = Distributor([device(UID)])
    platform.instead["devices"] = [answer]
    with pytest.raises((Refused, Unavailable)):
        platform.read()
    assert len(platform.requests) == 2


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        {"user": {}},
        {"user": None},
        {},
        [],
        {"user": {"auth_token": None}},
        {"user": {"auth_token": ""}},
        {"user": {"auth_token": "a b"}},
        {"user": {"auth_token": "a\r\nX-Evil: 1"}},
        {"user": {"auth_token": "é"}},
        {"user": {"auth_token": "x" * 5000}},
    ],
)
def test_an_authorise_answer_without_a_token_is_unreadable(body):
    platform = Distributor()
    platform.instead["authorise"] = [body]
    with pytest.raises(Unreadable):
        platform.read()


def test_nothing_secret_is_in_a_message_or_a_repr():
    platform = Distributor([device(UID)])
    platform.instead["authorise"] = [{"user": {"auth_token": "s3cret token"}}]
    with pytest.raises(Unreadable) as caught:
        platform.read()
    reading = Distributor([device(UID)], SDK16=[]).read()
    shown = repr([str(caught.value), platform.requests, told(reading), make_connector()._settings])
    for secret in ("s3cret", HASH, PASSWORD, API_KEY, base64.b64encode(f"{USER}:{HASH}".encode()).decode()):
        assert secret not in shown


def test_a_password_that_was_renewed_counts_at_the_next_authorise():
    passwords = iter(["old", "Pass1234"])
    platform = Distributor([device(UID)])
    platform.refused["token-1"] = 401
    platform.read(password=lambda: next(passwords))
    encoded = headers(platform.asked("authorise")[1])["Authorization"].partition(" ")[2]
    assert base64.b64decode(encoded).decode() == f"{USER}:{HASH}"


@pytest.mark.parametrize("missing", ["username", "sites"])
def test_user_and_customers_have_to_be_configured(missing):
    with pytest.raises(Refused, match=missing):
        make_connector(**{missing: ()})


@pytest.mark.parametrize("missing", ["password", "api_key"])
def test_a_secret_that_is_missing_is_refused_by_name(missing):
    with pytest.raises(Refused, match=missing):
        Distributor([device(UID)]).read(**{missing: None})


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://myencloud.test", "/integration/users/authorise"),
        ("https://myencloud.test/", "/integration/users/authorise"),
        ("https://ensite.test:8443/integration", "/users/authorise"),
        ("https://ensite.test/Integration/", "/users/authorise"),
        ("https://integration.test/x", "/integration/users/authorise"),
    ],
)
def test_x3_the_path_is_not_repeated_where_the_url_ends_in_it(url, path):
    platform = Distributor()
    platform.read(url=url)
    assert platform.requests[0].path == path


def test_t14_t15_x4_x5_x6_x7_x8_x14_x16_x17_calls_that_change_anything_are_never_made():
    platform = Distributor([device(UID)])
    platform.read()
    drive(make_connector().check(), platform, platform.requests)
    assert {request.method for request in platform.requests} == {"GET"}
    assert {request.path for request in platform.requests} == {"/integration/users/authorise", "/integration/devices"}
    assert all(request.body is None and "Content-Type" not in headers(request) for request in platform.requests)
