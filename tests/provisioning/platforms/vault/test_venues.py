"""Venues: one test for each rule and reading of the catalogue that concerns them."""

import json

import pytest

from provisioning.platforms import PlatformError, Refused, Unavailable
from provisioning.sync import WHOLE, Kind, SaidKey, SaidPlan, SaidUnit, SaidVenue
from tests.provisioning.platforms.drive import Turns
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import (
    OTHER,
    POOL,
    UNIT,
    VENUE,
    Vault,
    faults,
    make_connector,
    only,
    read,
    two_venues,
)


def test_a_venue_is_what_the_mapping_says():
    assert only(read(Vault()), SaidVenue) == SaidVenue(
        id=VENUE,
        name="Hudson House",
        time_zone="America/New_York",
        nas_identifiers=("HUDSON",),
        wireless_only_vlan_offset=1000,
    )


def test_all_venues_are_read_where_none_is_configured():
    reading = read(two_venues(Vault()))
    assert {venue.id for venue in reading.all(SaidVenue)} == {VENUE, OTHER}
    assert {each.id for each in reading.all(SaidUnit)} == {UNIT, f"{OTHER}.7.A.1"}
    assert reading.is_whole


def test_only_the_venues_of_the_configuration_are_read():
    vault = two_venues(Vault())
    requests = []
    reading = read(vault, sites=(OTHER,), requests=requests)
    assert [venue.id for venue in reading.all(SaidVenue)] == [OTHER]
    assert list(reading.all(SaidKey)) == []  # it is of another venue: ignored
    assert reading.is_complete(OTHER, Kind.KEY)
    assert not reading.is_complete(VENUE, Kind.KEY)
    assert all(json.loads(r.body)["VenueID"] == OTHER for r in requests if r.path in (api.DETAILS, api.UNITS))


def test_a_configured_venue_that_is_not_there_is_told_and_costs_no_other():
    reading = read(Vault(), sites=(VENUE, "venue_gone"))
    assert reading.is_doubtful("venue_gone")
    assert not reading.is_doubtful(VENUE)
    assert reading.is_complete(VENUE, Kind.KEY)


def test_without_any_venue_there_is_nothing_to_read():
    vault = Vault()
    vault.venues = []
    with pytest.raises(Refused, match=r"^venues: there is no venue that this account may see$"):
        read(vault)


def test_fewer_venues_than_are_counted_are_told():
    vault = Vault()
    vault.over[api.VENUES] = {"VenueCount": 2, "VenueList": {VENUE: {"VenueName": "Hudson House"}}}
    assert read(vault).is_doubtful(WHOLE)


@pytest.mark.parametrize("answer", [(403, {}), (401, {"message": "Access denied"}), b"<html>", Unavailable("venues")])
def test_without_a_list_of_venues_there_is_nothing_to_read(answer):
    vault = Vault()
    vault.over[api.VENUES] = answer
    with pytest.raises(PlatformError):
        read(vault)


@pytest.mark.parametrize("path", [api.DETAILS, api.UNITS, api.SUBSCRIPTIONS])
@pytest.mark.parametrize("answer", [Unavailable("503"), (404, {}), b"<html>", {"message": "an answer without it"}])
def test_a_venue_that_fails_costs_itself_alone(path, answer):
    vault = two_venues(Vault())
    whole = vault.over.setdefault

    def over(body):
        if body["VenueID"] == OTHER:
            return answer
        return getattr(vault, "_" + path.rpartition("/")[2])(body)

    whole(path, over)
    reading = read(vault)
    assert reading.is_doubtful(OTHER)
    assert not reading.is_doubtful(VENUE)
    assert reading.is_complete(VENUE, Kind.KEY)
    assert reading.get(SaidKey, "psk_1") is not None


def test_a_venue_whose_details_fail_keeps_what_is_stored():
    vault = Vault()
    vault.over[api.DETAILS] = (404, {})
    reading = read(vault)
    assert list(reading.all(SaidVenue)) == []
    assert reading.get(SaidKey, "psk_1") is not None


@pytest.mark.parametrize("shape", ["flat", "keyed", "data"])
def test_5_19_details_are_flat_or_keyed_by_the_venue(shape):
    vault = Vault()
    details = {k: v for k, v in vault.venues[0].items() if k != "VenueID"}
    vault.over[api.DETAILS] = {"flat": details, "keyed": {VENUE: details}, "data": {"data": details}}[shape]
    assert only(read(vault), SaidVenue).nas_identifiers == ("HUDSON",)


def test_details_of_another_venue_are_no_answer():
    vault = Vault()
    vault.over[api.DETAILS] = {"VenueID": OTHER, "VenueName": "Pine House"}
    reading = read(vault)
    assert reading.is_doubtful(VENUE)
    assert list(reading.all(SaidVenue)) == []


@pytest.mark.parametrize("as_list", [False, True])
def test_5_19_lists_are_arrays_or_objects(as_list):
    vault = Vault()
    by_id = {VENUE: {"VenueName": "Hudson House"}}
    vault.over[api.VENUES] = {"VenueCount": 1, "VenueList": [{"VenueID": VENUE}] if as_list else by_id}
    units = vault.units[VENUE]
    vault.over[api.UNITS] = {"VenueUnitCount": 1, "VenueUnits": units if as_list else {UNIT: units[0]}}
    vault.over[api.POOLS] = {"myKeyPoolCount": 1, "myKeyPoolList": vault.pools if as_list else {POOL: vault.pools[0]}}
    plans = {plan["ServicePlanID"]: plan for plan in vault.plans}
    vault.over[api.PLANS] = vault.plans if as_list else plans
    stays = vault.subscriptions[VENUE]
    vault.over[api.SUBSCRIPTIONS] = {"SubscriptionCount": 1, "Subscriptions": stays if as_list else {"S1": stays[0]}}
    people = vault.subscribers
    paging = {"TotalPages": 1, "TotalCount": 1}
    page = people if as_list else {"sub_1": people[0]}
    vault.over[api.SUBSCRIBERS] = Turns(
        {"subscribers": page, "pagination": paging}, {"subscribers": [], "pagination": paging}
    )
    key = vault.keys["sub_1"][0]
    keys = [{"KeyPoolID": POOL, "Keys": [key]}] if as_list else {POOL: {"Keys": {"psk_1": key}}}
    vault.over[api.KEYS] = {"keysInKeyPools": keys}
    reading = read(vault)
    assert faults(reading) == []
    assert reading.is_whole
    assert only(reading, SaidKey).id == "psk_1"
    assert only(reading, SaidPlan).download_kbps == 200000


@pytest.mark.parametrize("place", ["flat", "nested"])
def test_names_with_dots_and_nested_network_settings_are_read_both_ways(place):
    vault = Vault()
    network = {"NAS-Identifier": "DEEP", "WirelessOnlyPlanVLANOffset": "2000"}
    details = {"VenueID": VENUE, "VenueName": "H"}
    vault.over[api.DETAILS] = details | (network if place == "flat" else {"NetworkConfiguration": network})
    venue = only(read(vault), SaidVenue)
    assert (venue.nas_identifiers, venue.wireless_only_vlan_offset) == (("DEEP",), 2000)


def test_5_11_a_venue_id_is_opaque_and_never_global():
    vault = Vault()
    odd = "OP.USA/CA 90210 é"
    vault.venues = [{"VenueID": "GLOBAL", "VenueName": "x"}, {"VenueID": odd, "VenueName": "y"}]
    vault.units, vault.subscriptions, vault.subscribers, vault.keys = {odd: []}, {odd: []}, [], {}
    assert [venue.id for venue in read(vault).all(SaidVenue)] == [odd]


def test_5_32_a_known_venue_is_named_where_none_is_needed_and_none_where_none_is_known():
    requests = []
    connector = make_connector()
    read(Vault(), connector=connector, requests=requests)
    sent = {request.path: json.loads(request.body).get("VenueID") for request in requests}
    assert (sent[api.VENUES], sent[api.POOLS]) == ("", VENUE)


@pytest.mark.parametrize(("offset", "said"), [(0, 0), (4093, 4093), (4094, None), (-1, None), (None, None)])
def test_4_5_the_offset_of_wireless_only_plans_is_the_venues(offset, said):
    vault = Vault()
    vault.venues[0]["WirelessOnlyPlanVLANOffset"] = offset
    reading = read(vault)
    assert only(reading, SaidVenue).wireless_only_vlan_offset == said
    assert any("VLAN offset" in line for line in faults(reading)) == (offset in (4094, -1))


def test_4_10_of_two_venues_with_one_nas_identifier_it_picks_the_first_whatever_its_case():
    vault = two_venues(Vault())
    vault.venues[1]["NAS-Identifier"] = "Hudson"
    reading = read(vault)
    assert {venue.id: venue.nas_identifiers for venue in reading.all(SaidVenue)} == {VENUE: ("HUDSON",), OTHER: ()}
    assert any("Hudson is that of venue" in line for line in faults(reading))


def test_a_zone_that_is_none_is_told_and_the_rest_is_taken():
    vault = Vault()
    vault.venues[0]["TZ"] = "Mars/Olympus"
    reading = read(vault)
    assert only(reading, SaidVenue).time_zone is None
    assert any("TZ" in line for line in faults(reading))
    assert reading.is_whole
