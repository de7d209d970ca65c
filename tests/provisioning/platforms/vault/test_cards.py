"""Scratch cards, and what is told to a person: one test for each rule and reading of the catalogue."""

from datetime import UTC, datetime, timedelta

import pytest

from provisioning.platforms import Known, Refused, Unavailable
from provisioning.sync import Kind, SaidKey, Standing
from tests.provisioning.platforms.drive import drive
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import (
    END,
    NOW,
    POOL,
    START,
    VENUE,
    Vault,
    faults,
    pages,
    read,
)

BATCH = "2026-11-01T14:30:00.000Z"


def cards(vault, *rows, **whole):
    vault.batches[POOL, BATCH] = {"SSID": "Hudson House", "Cards": list(rows), **whole}
    return {"batches": (f"{POOL}/{BATCH}",)}


def card(id_, **more):
    return {
        "KeyID": id_,
        "PSK": f"word-{id_}",
        START: "2026-11-01T00:00:00Z",
        END: "2026-12-01T00:00:00Z",
        "invalidatedUTC.ISO8601": "",
        "used": False,
    } | more


def test_a_card_is_a_key_with_a_window():
    vault = Vault()
    settings = cards(vault, card("card_1"))
    said = read(vault, **settings).get(SaidKey, "card_1")
    assert said == SaidKey(
        id="card_1",
        venue=VENUE,
        pool=POOL,
        passphrase=b"word-card_1",
        starts=datetime(2026, 11, 1, tzinfo=UTC),
        ends=datetime(2026, 12, 1, tzinfo=UTC),
        tag=f"card {BATCH}",
    )


def test_no_batch_is_asked_for_that_is_not_configured():
    vault = Vault()
    cards(vault, card("card_1"))
    read(vault)
    assert api.CARDS not in vault.seen


def test_4_35_a_cards_own_end_counts_and_an_invalidated_card_has_ended():
    vault = Vault()
    settings = cards(
        vault,
        card("plain", **{START: None, END: None}),
        card("prolonged", **{END: "2027-03-01T00:00:00Z"}),
        card("dead", **{"invalidatedUTC.ISO8601": "2026-11-20T10:00:00Z"}),
        **{START: "2026-11-01T00:00:00Z", END: "2026-12-01T00:00:00Z"},
    )
    said = {each.id: each for each in read(vault, **settings).all(SaidKey)}
    assert said["plain"].ends == datetime(2026, 12, 1, tzinfo=UTC)
    assert said["prolonged"].ends == datetime(2027, 3, 1, tzinfo=UTC)
    assert (said["dead"].standing, said["dead"].reason) == (Standing.ENDED, "invalidated")


@pytest.mark.parametrize("where", ["the keypool is not searched", "the batch", "the card"])
def test_4_35_a_stored_card_that_is_invalidated_ends_whatever_else(where):
    vault = Vault()
    dead = {"invalidatedUTC.ISO8601": "2026-11-20T10:00:00Z"}
    settings = cards(vault, card("card_1", PSK="bad", **({} if where == "the batch" else dead)))
    if where == "the batch":
        vault.batches[POOL, BATCH] |= dead
    if where == "the keypool is not searched":
        vault.pools[0]["AuthenticationMechanism"] = "WPA3"
    said = read(vault, Known(keys=frozenset({"card_1"})), **settings).get(SaidKey, "card_1")
    assert said.standing is Standing.ENDED


def test_5_74_a_card_without_an_end_is_held_back():
    vault = Vault()
    settings = cards(vault, card("card_1", **{END: None}))
    reading = read(vault, **settings)
    assert reading.get(SaidKey, "card_1") is None
    assert reading.saw(Kind.KEY, "card_1")


@pytest.mark.parametrize("answer", [Unavailable("x"), (404, {"message": "not found"}), {"message": "no batch"}])
def test_a_batch_that_fails_makes_its_venues_partial(answer):
    vault = Vault()
    settings = cards(vault)
    vault.over[api.CARDS] = answer
    assert read(vault, **settings).is_doubtful(VENUE)


@pytest.mark.parametrize("shape", ["keyed", "bare", "by id"])
def test_5_19_a_batch_is_keyed_by_its_id_or_bare(shape):
    vault = Vault()
    settings = cards(vault)
    row = card("card_1")
    vault.over[api.CARDS] = {
        "keyed": {BATCH: {"Cards": [row]}},
        "bare": {"message": "", "Cards": {"card_1": row}},
        "by id": {BATCH: {"card_1": {name: value for name, value in row.items() if name != "KeyID"}}},
    }[shape]
    assert read(vault, **settings).get(SaidKey, "card_1").passphrase == b"word-card_1"


def test_cards_of_a_global_keypool_are_at_the_first_venue():
    vault = Vault()
    vault.pools[0] |= {"Scope": "global", "ConnectedVenueList": []}
    settings = cards(vault, card("card_1"))
    assert read(vault, **settings).get(SaidKey, "card_1").venue == VENUE


def test_a_batch_that_is_none_is_refused_when_the_connector_is_made():
    with pytest.raises(Exception, match="is not KeyPoolID/BatchID"):
        read(Vault(), batches=("2026-11-01",))


def test_4_27_5_46_a_resident_without_a_key_is_told_and_gets_none():
    vault = Vault()
    vault.keys["sub_1"] = []
    reading = read(vault)
    assert list(reading.all(SaidKey)) == []
    assert any("there is a subscription, and no key" in line for line in faults(reading))
    assert reading.is_whole


@pytest.mark.parametrize("change", [{"Status": "PENDING"}, {"Status": "TERMINATED"}, {END: "2026-11-01T00:00:00Z"}])
def test_nobody_is_told_of_that_should_have_no_key(change):
    vault = Vault()
    vault.keys["sub_1"] = []
    vault.subscriptions[VENUE][0] |= change
    assert faults(read(vault)) == []


def test_check_reads_one_venue_one_page_and_one_subscribers_keys():
    vault = Vault()
    lines = drive(api.make_connector().check(), vault)
    assert lines == [
        "venues: 1",
        f"venue {VENUE}: NAS-Identifier HUDSON",
        f"venue {VENUE}: units: 1, the first is 101",
        "keypools: 1",
        "subscribers: 1, on the first page 1",
        "subscriber sub_1: keys: 1",
    ]
    assert vault.seen == [api.LOGIN, api.VENUES, api.DETAILS, api.UNITS, api.POOLS, api.SUBSCRIBERS, api.KEYS]


def test_check_fails_where_the_keys_of_one_cannot_be_read():
    vault = Vault()
    vault.over[api.KEYS] = (403, {"message": "Access denied"})
    with pytest.raises(Refused, match="Access denied"):
        drive(api.make_connector().check(), vault)


def test_without_a_venue_to_read_nothing_else_is_asked():
    vault = Vault()
    with pytest.raises(Refused, match="no venue of `sites`"):
        read(vault, sites=("venue_gone",))
    assert vault.seen == [api.LOGIN, api.VENUES]


def test_what_is_read_twice_is_the_same():
    vault = Vault()
    pages(vault, 30)
    first, second = read(vault), read(vault, at=NOW + timedelta(minutes=5))
    assert list(first.all(SaidKey)) == list(second.all(SaidKey))
