"""Pages of subscribers: one test for each rule and reading of the catalogue that concerns them."""

import json

import pytest

from provisioning.platforms import PlatformError, Unreadable
from provisioning.sync import WHOLE, Kind
from tests.provisioning.platforms.drive import Turns
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import (
    VENUE,
    Vault,
    pages,
    read,
    stored,
    subscriber,
)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250, 6500])
def test_5_68_every_page_is_read_to_an_empty_one(count):
    vault, requests = Vault(), []
    pages(vault, count)
    reading = read(vault, requests=requests)
    assert reading.count(Kind.KEY) == count
    assert reading.is_whole
    asked = [json.loads(r.body)["Pagination"] for r in requests if r.path == api.SUBSCRIBERS]
    whole = -(-count // 100)
    assert asked == [{"Page": n + 1, "PageSize": 100} for n in range(whole + 1)]


def test_5_68_it_stops_at_a_repeated_page():
    """A platform that pays no heed to the page sends the whole list each time."""
    vault = Vault()
    pages(vault, 30)
    vault.over[api.SUBSCRIBERS] = {"subscribers": vault.subscribers, "pagination": {"TotalCount": 30}}
    reading = read(vault)
    assert vault.seen.count(api.SUBSCRIBERS) == 2
    assert reading.is_whole


def test_5_68_pages_smaller_than_asked_for_are_no_end():
    vault = Vault()
    pages(vault, 95)
    vault.page_size = 10
    reading = read(vault)
    assert reading.count(Kind.KEY) == 95
    assert reading.is_whole


@pytest.mark.parametrize("has_subscriptions", [True, False])
@pytest.mark.parametrize(
    "kind", ["dropped", "duplicate", "short", "failed", "html", "shrunk", "shrunk at once", "another total"]
)
def test_5_68_what_goes_wrong_with_a_page_makes_the_reading_partial(kind, has_subscriptions):
    vault = Vault()
    pages(vault, 250)
    if not has_subscriptions:
        vault.subscriptions[VENUE] = []

    def page(body):
        number = body["Pagination"]["Page"]
        answer = vault._listSubscribers(body)
        rows, paging = answer["subscribers"], answer["pagination"]
        if kind == "shrunk at once" and number == 1:
            return answer | {"subscribers": rows, "pagination": {"TotalPages": 1, "TotalCount": 100}}
        if number != 2:
            return answer
        return {
            "dropped": answer | {"subscribers": []},
            "duplicate": answer | {"subscribers": [*rows[:-1], rows[0]]},
            "short": answer | {"subscribers": rows[:-1]},
            "failed": (500, {}),
            "html": b"<html>",
            "shrunk": answer | {"subscribers": rows[:-1], "pagination": paging | {"TotalCount": 249}},
            "shrunk at once": answer,
            "another total": answer | {"pagination": paging | {"TotalCount": 249}},
        }[kind]

    vault.over[api.SUBSCRIBERS] = page
    reading = read(vault)
    assert not reading.is_complete(VENUE, Kind.KEY)
    if has_subscriptions:
        assert reading.count(Kind.KEY) == 250  # they name those that the list lost


def test_5_68_without_a_total_two_readings_have_to_agree():
    vault = Vault()
    pages(vault, 120)
    vault.over[api.SUBSCRIBERS] = lambda body: vault._listSubscribers(body) | {"pagination": {}}
    assert read(vault).is_whole
    lost = vault.subscribers.pop
    turns = Turns(0, 0, 0, 1, 0)

    def losing(body):
        if turns.next():
            lost()
        return vault._listSubscribers(body) | {"pagination": {}}

    vault.over[api.SUBSCRIBERS] = losing
    assert not read(vault).is_whole


def test_5_68_a_page_behind_the_last_that_is_refused_is_the_end():
    vault = Vault()
    pages(vault, 100)
    vault.over[api.SUBSCRIBERS] = lambda body: (
        vault._listSubscribers(body) if body["Pagination"]["Page"] == 1 else (400, {"message": "no such page"})
    )
    assert read(vault).is_whole


def test_nobody_any_more_is_no_complete_reading():
    """A platform that lists nobody, and counts nobody, is taken for one that is not well."""
    vault = Vault()
    pages(vault, 0)
    assert read(vault).is_whole
    with pytest.raises(Unreadable, match="there are none any more"):
        read(vault, stored("psk_1"))
    vault.subscriptions[VENUE] = [api.subscription("S1", "sub_1")]
    assert not read(vault, stored("psk_1")).is_whole


@pytest.mark.parametrize("answer", [(500, {}), (401, {"message": "Access denied"}), b"<html>", {}])
def test_without_anybody_there_is_nothing_to_read(answer):
    vault = Vault()
    vault.subscriptions[VENUE] = []
    vault.over[api.SUBSCRIBERS] = answer
    with pytest.raises(PlatformError, match="subscribers, page 1"):
        read(vault)


def test_a_record_without_an_id_is_told_by_its_place_and_what_it_says():
    """With thousands of them nobody would find it otherwise."""
    vault = Vault()
    pages(vault, 150)
    vault.subscribers[120] |= {"SubscriberToken": None, "GivenName": "Grace", "FamilyName": "Hopper"}
    reading = read(vault)
    (line,) = api.faults(reading)
    assert "subscriber 121 of the list (GivenName Grace, FamilyName Hopper" in line
    assert "SubscriberToken: is not an id" in line
    assert not reading.is_complete(VENUE, Kind.KEY)
    assert not reading.is_partial(VENUE)


def test_at_most_256_are_asked_for_at_once():
    """The driver of the tests refuses more."""
    vault = Vault()
    pages(vault, 600)
    read(vault)
    assert vault.seen.count(api.KEYS) == 600


@pytest.mark.parametrize("paging", [{"TotalCount": 10**6}, {"TotalPages": 10**9}, {}, {"TotalCount": 250}])
def test_a_list_that_never_ends_is_left(monkeypatch, paging):
    monkeypatch.setattr("provisioning.platforms.vault.people._MOST_PAGES", 5)
    vault = Vault()
    count = iter(range(10_000))
    vault.over[api.SUBSCRIBERS] = lambda body: {
        "subscribers": [subscriber(f"sub_{next(count)}") for _ in range(body["Pagination"]["PageSize"])],
        "pagination": paging,
    }
    assert read(vault).is_doubtful(WHOLE)
    assert vault.seen.count(api.SUBSCRIBERS) < 100


@pytest.mark.parametrize("rows", [[None], [{}, 7], [{"GivenName": "Ada"}], {"x": None}])
def test_5_68_a_page_of_records_without_an_id_is_repeated_when_it_comes_again(rows):
    vault = Vault()
    vault.over[api.SUBSCRIBERS] = {"subscribers": rows}
    assert read(vault).is_doubtful(WHOLE)
    assert vault.seen.count(api.SUBSCRIBERS) < 10
