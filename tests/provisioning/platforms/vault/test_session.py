"""Tokens, and how an answer says that it failed."""

import json

import pytest

from provisioning.platforms import Answer, PlatformError, Refused, Request, Unavailable, Unreadable
from provisioning.platforms.vault.session import Call, Session, TokenRefused, judge
from provisioning.sync import Kind, SaidKey
from tests.provisioning.platforms.drive import Turns, drive, make_settings
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import Vault, faults, make_connector, read

REQUEST = Request(method="POST", path="/x", what="keys", body=b'{"AccessToken":"eyJ.secret"}')
TOKEN = {"message": "AccessToken missing or invalid", "errorProcessing": True, "statusCode": 401}


def answer(status=200, body=b"{}"):
    return Answer(REQUEST, status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def make_session(clock=lambda: 0.0, **members):
    settings = {"username": "sync@example.net", "password": "correct horse"} | members
    return Session(make_settings("vault", **settings), clock)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {}),
        (404, {"message": "Not found."}),
        (200, {"errorProcessing": True}),
        (200, {"errorProcessing": "true"}),
        (200, {"success": False}),
        (200, {"statusCode": 401, "message": "Venue has 3 occupied unit(s)."}),
        (200, {"statusCode": "404"}),
        (302, b""),
    ],
)
def test_5_7_an_answer_failed_by_any_of_four_signs(status, body):
    assert isinstance(judge(answer(status, body)), Refused)


@pytest.mark.parametrize(
    "body", [{}, {"message": ""}, {"success": True}, {"errorProcessing": False, "statusCode": 200}, []]
)
def test_5_7_anything_else_succeeded(body):
    assert judge(answer(200, body)) == body


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_is_left_of_an_overloaded_platform_is_no_refusal(status):
    assert isinstance(judge(answer(status, b"<h1>Maintenance</h1>")), Unavailable)


@pytest.mark.parametrize("body", [b"<html>", b'{"a": "\xc3', b"", b'{"a": 1'])
def test_a_success_that_is_no_json_is_unreadable(body):
    assert isinstance(judge(answer(200, body)), Unreadable)


@pytest.mark.parametrize(
    ("status", "text", "is_the_token"),
    [
        (401, "AccessToken missing or invalid", True),
        (401, "The incoming token has expired", True),
        (401, "VLAN needed above 200 units", False),
        (401, "SubscriberToken not found", False),
        (401, "Subscriber token is unknown", False),
        (403, "token is not allowed here", False),
    ],
)
def test_4_48_a_401_is_about_the_token_only_where_its_text_is(status, text, is_the_token):
    assert isinstance(judge(answer(status, {"message": text})), TokenRefused) is is_the_token


def test_5_6_the_status_in_the_body_counts_as_that_of_http():
    assert isinstance(judge(answer(200, TOKEN)), TokenRefused)


def test_errors_repeat_no_text_of_the_platform_that_may_be_secret():
    """A token or a passphrase in an error page goes nowhere; the words that the document has do."""
    said = judge(answer(401, {"message": "Access denied for eyJ.secret with passphrase hunter2hunter2"}))
    assert str(said) == 'keys: HTTP 401, about "Access denied"'
    page = judge(answer(404, b"<pre>AccessToken: eyJ.secret</pre>"))
    assert "eyJ" not in str(page) + repr(page)
    assert "eyJ" not in repr(answer(401, TOKEN))
    assert "eyJ" not in repr(REQUEST)


def test_5_2_the_token_is_in_the_body_and_nowhere_else():
    requests = []
    read(Vault(), requests=requests)  # which refuses an Authorization header
    for request in requests[1:]:
        assert json.loads(request.body)["AccessToken"] == "access-1"
        assert "access-1" not in request.path + request.what + str(request.headers) + str(request.query)


def test_5_3_the_token_is_sent_also_where_the_schema_has_none():
    vault, requests = Vault(), []
    vault.over["/anything"] = {}
    drive(make_session().call(Call("/anything", "anything", {"VenueID": ""})), vault, requests)
    assert json.loads(requests[0].body) == {"EmailAddress": "sync@example.net", "Password": "correct horse"}
    assert json.loads(requests[1].body) == {"AccessToken": "access-1", "VenueID": ""}


@pytest.mark.parametrize(
    ("username", "member"),
    [("sync@example.net", "EmailAddress"), ("+15551234567", "PhoneNumber"), ("sub_machine", "SubscriberToken")],
)
def test_5_5_login_serves_every_kind_of_account(username, member):
    bodies = []

    def platform(request):
        bodies.append(json.loads(request.body))
        return {"AuthenticationResult": {"AccessToken": "a"}}

    drive(make_session(username=username).call(Call("/x", "x", {})), platform)
    assert bodies[0] == {member: username, "Password": "correct horse"}


def test_a_login_that_is_refused_ends_the_reading():
    with pytest.raises(Refused, match=r"^login: HTTP 401: the user name or the password is refused$"):
        read(Vault(), password="wrong")


def test_a_login_without_a_token_is_refused():
    with pytest.raises(Refused, match="no AccessToken"):
        drive(make_session().call(Call("/x", "x", {})), {api.LOGIN: {"AuthenticationResult": {}}})


def test_a6_a_token_is_renewed_before_its_hour_is_over():
    vault, seconds = Vault(), [0.0]
    connector = make_connector(lambda: seconds[0])
    read(vault, connector=connector)
    seconds[0] = 3299.0
    read(vault, connector=connector)
    assert vault.seen.count(api.REFRESH) == 0
    seconds[0] = 3301.0
    read(vault, connector=connector)
    assert (vault.seen.count(api.REFRESH), vault.seen.count(api.LOGIN)) == (1, 1)


def test_a6_the_new_refresh_token_is_the_one_that_is_used_next():
    vault, seconds = Vault(), [0.0]
    connector = make_connector(lambda: seconds[0])
    for hour in range(4):
        seconds[0] = hour * 3600.0
        assert read(vault, connector=connector).is_whole
    assert (vault.seen.count(api.REFRESH), vault.seen.count(api.LOGIN)) == (3, 1)


def test_a6_a_short_life_is_kept_to():
    vault, seconds = Vault(), [0.0]
    vault.life_s = 60
    connector = make_connector(lambda: seconds[0])
    read(vault, connector=connector)
    seconds[0] = 55.0
    read(vault, connector=connector)
    assert vault.seen.count(api.REFRESH) == 1


def test_a6_a_renewal_names_a_venue_that_is_known():
    """Its VenueID is required, and what for is not said: a known one."""
    vault, requests, seconds = Vault(), [], [0.0]
    connector = make_connector(lambda: seconds[0])
    read(vault, connector=connector)
    seconds[0] = 3600.0
    read(vault, connector=connector, requests=requests)
    body = json.loads(requests[0].body)
    assert body == {"AccessToken": "access-1", "RefreshToken": "refresh-1", "VenueID": api.VENUE}
    assert not requests[0].may_repeat  # a refresh token is good for once


def test_a6_without_a_refresh_token_it_logs_in_again():
    vault, seconds = Vault(), [0.0]
    connector = make_connector(lambda: seconds[0])
    read(vault, connector=connector)
    vault.refreshes.clear()
    seconds[0] = 3600.0
    assert read(vault, connector=connector).is_whole
    assert vault.seen.count(api.LOGIN) == 2


def test_4_48_a_token_that_expires_in_the_middle_costs_one_renewal_and_one_repetition():
    vault = Vault()
    vault.subscribers = [api.subscriber(f"sub_{n}") for n in range(5)]
    vault.subscriptions[api.VENUE] = [api.subscription(f"S{n}", f"sub_{n}") for n in range(5)]
    vault.keys = {f"sub_{n}": [api.key(f"psk_{n}")] for n in range(5)}
    asked = []

    def expires(request):
        asked.append(request.path)
        if request.path == api.KEYS and asked.count(api.KEYS) == 3:
            vault.expire()
        return vault(request)

    reading = read(expires)
    assert reading.is_whole
    assert {key.id for key in reading.all(SaidKey)} == {f"psk_{n}" for n in range(5)}
    assert (asked.count(api.REFRESH), asked.count(api.KEYS)) == (1, 5 + 3)


def test_4_48_a_second_401_is_a_business_error():
    vault = Vault()
    vault.over[api.PLANS] = (401, TOKEN)
    reading = read(vault)
    assert vault.seen.count(api.PLANS) == 2
    assert vault.seen.count(api.REFRESH) == 1
    assert any("service plans: HTTP 401" in line for line in faults(reading))
    assert reading.get(SaidKey, "psk_1") is not None
    assert not reading.is_complete(api.VENUE, Kind.KEY)


def many(count):
    vault = Vault()
    api.pages(vault, count)
    return vault


@pytest.mark.parametrize("uses", [1, 2, 7])
def test_4_48_a_token_may_expire_as_often_as_it_does(uses):
    """A run of hours is as complete as one of a minute: each call that is refused is repeated with a new token."""
    vault, left = many(20), [0]

    def expires(request):
        if request.path in (api.LOGIN, api.REFRESH):
            left[0] = uses
        elif left[0] == 0:
            vault.expire()
        else:
            left[0] -= 1
        return vault(request)

    reading = read(expires)
    assert faults(reading) == []
    assert reading.is_whole
    assert reading.count(Kind.KEY) == 20


def test_4_48_calls_that_are_refused_whatever_their_token_cost_one_renewal_together():
    vault = many(20)
    good = vault._listSubscriberKeys
    bad = {f"sub_{n}" for n in range(5, 15)}
    vault.over[api.KEYS] = lambda body: (401, TOKEN) if body["SubscriberToken"] in bad else good(body)
    reading = read(vault)
    assert (vault.seen.count(api.REFRESH), vault.seen.count(api.KEYS)) == (1, 20 + 10)
    assert reading.count(Kind.KEY) == 10


def test_a6_no_more_is_asked_at_once_than_the_token_outlives():
    vault, seconds, born = many(100), [0.0], [0.0]
    vault.life_s = 60

    def takes_a_second(request):
        seconds[0] += 1.0
        if request.path == api.KEYS and seconds[0] - born[0] >= 60:
            vault.expire()
        if request.path in (api.LOGIN, api.REFRESH):
            born[0] = seconds[0]
        return vault(request)

    reading = read(takes_a_second, connector=make_connector(lambda: seconds[0]))
    assert reading.is_whole
    assert vault.seen.count(api.KEYS) == 100  # none was refused
    assert vault.seen.count(api.REFRESH) == 1


def test_4_48_a_business_error_leads_to_no_login():
    vault = Vault()
    vault.over[api.PLANS] = (401, {"message": "Access denied.", "errorProcessing": True, "statusCode": 401})
    read(vault)
    assert (vault.seen.count(api.PLANS), vault.seen.count(api.LOGIN), vault.seen.count(api.REFRESH)) == (1, 1, 0)


def test_credentials_withdrawn_in_the_middle_are_not_tried_again_and_again():
    vault = Vault()
    vault.over[api.PLANS] = (401, TOKEN)
    login = Turns(vault._tokens(), (401, {"message": "Disabled."}))

    def platform(request):
        if request.path == api.LOGIN:
            return login
        if request.path == api.REFRESH:
            return 401, {"message": "revoked"}
        return vault(request)

    requests = []
    with pytest.raises(PlatformError, match=r"login: HTTP 401"):
        read(platform, requests=requests)
    assert [request.path for request in requests].count(api.LOGIN) == 2
    assert requests[-1].path == api.LOGIN


def test_credentials_that_are_put_right_count_with_the_next_reading():
    vault, secret = Vault(), ["correct horse"]
    connector = make_connector(password=lambda: secret[0])
    read(vault, connector=connector)
    vault.expire()
    vault.refreshes.clear()
    secret[0] = "wrong"
    with pytest.raises(Refused):
        read(vault, connector=connector)
    secret[0] = "correct horse"
    assert read(vault, connector=connector).is_whole


def test_nothing_secret_stands_in_a_connector():
    connector = make_connector()
    read(Vault(), connector=connector)
    assert "access-1" not in repr(connector) + repr(connector._session)
    assert "correct horse" not in repr(connector._settings)
