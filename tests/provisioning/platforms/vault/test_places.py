"""Venues, units, keypools and plans: one test for each rule and reading of the catalogue that concerns them."""

import json

import pytest

from provisioning.platforms import Known, PlatformError, Unavailable
from provisioning.sync import WHOLE, Kind, SaidKey, SaidPlan, SaidPool, SaidUnit, SaidVenue
from tests.provisioning.platforms.drive import Turns
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import POOL, UNIT, VENUE, Vault, faults, make_connector, read, unit

OTHER = "venue_12345"


def only(reading, said):
    (one,) = reading.all(said)
    return one


def two_venues(vault):
    vault.venues.append({"VenueID": OTHER, "VenueName": "Pine House", "NAS-Identifier": "PINE", "TZ": "Europe/Berlin"})
    vault.units[OTHER] = [unit("7", OTHER)]
    vault.subscriptions[OTHER] = []
    return vault


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
    assert reading.is_partial("venue_gone")
    assert not reading.is_partial(VENUE)
    assert reading.is_complete(VENUE, Kind.KEY)


def test_no_venue_at_all_is_no_complete_reading():
    vault = Vault()
    vault.venues = []
    reading = read(vault)
    assert reading.is_partial(WHOLE)
    assert not reading.is_whole


def test_fewer_venues_than_are_counted_are_told():
    vault = Vault()
    vault.over[api.VENUES] = {"VenueCount": 2, "VenueList": {VENUE: {"VenueName": "Hudson House"}}}
    assert read(vault).is_partial(WHOLE)


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
    assert reading.is_partial(OTHER)
    assert not reading.is_partial(VENUE)
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
    assert reading.is_partial(VENUE)
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


# Units.


def test_a_unit_is_what_the_mapping_says():
    assert only(read(Vault()), SaidUnit) == SaidUnit(
        id=UNIT, venue=VENUE, name="101", building="A", floor="1", vlan=1101
    )


@pytest.mark.parametrize("word", ["DEFAULT", "default", "", None])
def test_4_6_default_is_no_building_and_no_floor(word):
    vault = Vault()
    vault.units[VENUE][0] |= {"UnitBuilding": word, "UnitFloor": word}
    said = only(read(vault), SaidUnit)
    assert (said.building, said.floor) == (None, None)


def test_4_7_two_flats_that_fall_together_are_held_back():
    vault = Vault()
    twin = {"UnitID_internal": f"{VENUE}.APT12.DEFAULT.DEFAULT", "vlan": 30}
    vault.units[VENUE] += [twin | {"UnitID": "Apt 1/2"}, twin | {"UnitID": "Apt 12"}]
    vault.over[api.UNITS] = {"VenueUnitCount": 2, "VenueUnits": vault.units[VENUE]}
    reading = read(vault)
    assert [each.id for each in reading.all(SaidUnit)] == [UNIT]
    assert reading.saw(Kind.UNIT, twin["UnitID_internal"])
    assert any("two different units" in line for line in faults(reading))


def test_5_12_a_unit_id_is_opaque_and_its_parts_come_from_their_own_fields():
    vault = Vault()
    vault.units[VENUE] = [
        {"UnitID_internal": "x.101.1.A", "UnitID": "A", "UnitBuilding": "101", "UnitFloor": "1", "vlan": 5}
    ]
    assert only(read(vault), SaidUnit) == SaidUnit(
        id="x.101.1.A", venue=VENUE, name="A", building="101", floor="1", vlan=5
    )


@pytest.mark.parametrize(("vlan", "said"), [("120", 120), (1, 1), (4094, 4094)])
def test_5_22_a_vlan_is_1_to_4094_as_number_or_text(vlan, said):
    vault = Vault()
    vault.units[VENUE][0]["vlan"] = vlan
    assert only(read(vault), SaidUnit).vlan == said


@pytest.mark.parametrize("vlan", [4095, 0, -1, 70000])
def test_5_22_a_vlan_out_of_range_holds_the_unit_back(vlan):
    """4095 bounds a range and is no VLAN to assign; a flat without its VLAN would be in somebody else's network."""
    vault = Vault()
    vault.units[VENUE][0]["vlan"] = vlan
    reading = read(vault)
    assert list(reading.all(SaidUnit)) == []
    assert reading.saw(Kind.UNIT, UNIT)
    assert reading.is_complete(VENUE, Kind.KEY)


def test_5_28_a_vlan_that_the_list_lacks_is_asked_for():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    vault.over[api.UNIT_DETAILS] = {"VenueUnits": [{"UnitID_internal": UNIT, "vlan": 77}]}
    assert only(read(vault), SaidUnit).vlan == 77


def test_5_28_one_that_nobody_tells_leaves_the_stored_one_alone():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    reading = read(vault)
    assert vault.seen.count(api.UNIT_DETAILS) == 1
    assert only(reading, SaidUnit).vlan is None
    assert reading.is_whole


def test_no_unit_is_asked_for_whose_vlan_is_in_the_list():
    vault = Vault()
    read(vault)
    assert api.UNIT_DETAILS not in vault.seen


def test_5_34_each_unit_is_asked_for_by_itself_and_only_its_own_record_counts():
    vault = Vault()
    vault.units[VENUE] = [unit(str(n), vlan=None) for n in range(300)]
    requests = []

    def details(body):
        others = [{"UnitID_internal": "another", "vlan": 9}]
        return {"VenueUnits": [*others, {"UnitID_internal": body["UnitID_internal"], "vlan": 42}]}

    vault.over[api.UNIT_DETAILS] = details
    reading = read(vault, requests=requests)
    asked = [json.loads(r.body)["UnitID_internal"] for r in requests if r.path == api.UNIT_DETAILS]
    assert asked == [each["UnitID_internal"] for each in vault.units[VENUE]]
    assert {each.vlan for each in reading.all(SaidUnit)} == {42}


def test_a_unit_whose_vlan_may_not_be_asked_for_is_taken_without():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    vault.over[api.UNIT_DETAILS] = (403, {"message": "Access denied"})
    reading = read(vault)
    assert only(reading, SaidUnit).vlan is None
    assert reading.is_whole


def test_a_unit_whose_vlan_cannot_be_had_now_is_held_back():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    vault.over[api.UNIT_DETAILS] = Unavailable("unit: timed out")
    reading = read(vault)
    assert list(reading.all(SaidUnit)) == []
    assert reading.is_partial(VENUE)


def test_4_4_a_key_follows_its_units_vlan():
    vault = Vault()
    vault.units[VENUE][0]["vlan"] = 300
    vault.keys["sub_1"][0]["vlan"] = 200  # the gateway is up to a minute late
    reading = read(vault)
    assert (only(reading, SaidUnit).vlan, only(reading, SaidKey).vlan) == (300, None)
    assert any("its VLAN is 200, and its unit's 300" in line for line in faults(reading))


@pytest.mark.parametrize("vlan", [1101, 2101])
def test_4_5_a_key_with_its_units_vlan_or_that_and_the_offset_is_no_contradiction(vlan):
    vault = Vault()
    vault.keys["sub_1"][0]["vlan"] = vlan
    reading = read(vault)
    assert faults(reading) == []
    assert only(reading, SaidKey).vlan is None


def test_a_keys_own_vlan_counts_where_the_unit_has_none():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    vault.keys["sub_1"][0]["vlan"] = "88"
    assert only(read(vault), SaidKey).vlan == 88


@pytest.mark.parametrize("count", [2, 0])
def test_units_that_are_counted_and_not_there_make_the_venue_partial(count):
    vault = Vault()
    vault.over[api.UNITS] = {"VenueUnitCount": count, "VenueUnits": vault.units[VENUE]}
    assert read(vault).is_partial(VENUE)


def test_no_unit_at_a_venue_that_has_some_by_another_count_is_a_mistake():
    vault = Vault()
    vault.over[api.VENUES] = {"VenueCount": 1, "VenueList": {VENUE: {"UnitCount": 50}}}
    vault.over[api.UNITS] = {"VenueUnitCount": 0, "VenueUnits": []}
    assert read(vault).is_partial(VENUE)


def test_a_unit_that_cannot_be_read_costs_itself():
    vault = Vault()
    vault.units[VENUE].append(unit("102", vlan={"unexpected": []}))
    reading = read(vault)
    assert [each.id for each in reading.all(SaidUnit)] == [UNIT]
    assert reading.saw(Kind.UNIT, f"{VENUE}.102.A.1")
    assert reading.is_partial(VENUE)


def test_names_of_ten_thousand_characters_and_any_script_are_cut_for_display():
    vault = Vault()
    vault.units[VENUE][0] |= {"UnitID": "名" * 10_000, "UnitFloor": "al\x00ef\u202e"}
    vault.venues[0]["VenueName"] = "x" * 10_000
    vault.plans[0]["ServicePlanName"] = "p" * 256  # as long as a plan's may be
    reading = read(vault)
    assert len(only(reading, SaidUnit).name.encode()) <= 253
    assert only(reading, SaidUnit).floor == "al ef"
    assert len(only(reading, SaidVenue).name) == len(only(reading, SaidPlan).name) == 253
    assert reading.is_whole


# Keypools.


def test_a_keypool_is_what_the_mapping_says():
    assert only(read(Vault()), SaidPool) == SaidPool(id=POOL, ssid="Hudson House", venues=(VENUE,), is_global=False)


@pytest.mark.parametrize(
    ("scope", "is_global"),
    [("global", True), ("GLOBAL", True), ("local", False), ("venue", False), ("unit", False), ("a1b2c3d4", False)],
)
def test_5_38_global_is_global_and_anything_else_is_local(scope, is_global):
    vault = Vault()
    vault.pools[0]["Scope"] = scope
    assert only(read(vault), SaidPool).is_global is is_global


def test_4_15_an_empty_list_of_venues_is_everywhere_or_nowhere_by_the_scope():
    vault = Vault()
    vault.pools[0] |= {"Scope": "global", "ConnectedVenueList": []}
    vault.pools.append({"KeyPoolID": "P2", "SSID": "Lost", "Scope": "local", "ConnectedVenueList": []})
    pools = {pool.id: pool for pool in read(vault).all(SaidPool)}
    assert (pools[POOL].is_global, pools[POOL].venues) == (True, ())
    assert (pools["P2"].is_global, pools["P2"].venues) == (False, ())


def test_5_41_a_global_keypool_is_at_venues_that_came_later():
    vault = two_venues(Vault())
    vault.pools[0] |= {"Scope": "global", "ConnectedVenueList": [VENUE]}
    pool = only(read(vault), SaidPool)
    assert (pool.is_global, pool.venues) == (True, ())


@pytest.mark.parametrize("scope", ["global", "a1b2c3d4", "local"])
def test_4_16_5_37_scope_and_ssid_that_are_not_told_are_cut_from_the_keypool_id_at_the_last_dot(scope):
    vault = Vault()
    vault.pools[0] = {"KeyPoolID": f"Op.Inc._V3SSID.Guest.WiFi.{scope}", "ConnectedVenueList": [VENUE]}
    vault.keys["sub_1"][0]["KeyPoolID"] = vault.pools[0]["KeyPoolID"]
    pool = only(read(vault), SaidPool)
    assert (pool.ssid, pool.is_global) == ("Guest.WiFi", scope == "global")


@pytest.mark.parametrize("ssid", ["x", "", "y" * 33, "tab\tbed", "é" * 17])
def test_4_17_5_42_an_ssid_that_cannot_be_holds_its_keypool_back(ssid):
    vault = Vault()
    vault.pools[0]["SSID"] = ssid
    reading = read(vault, Known(keys=frozenset({"psk_1"})))
    assert list(reading.all(SaidPool)) == []
    assert reading.saw(Kind.POOL, POOL)
    assert reading.saw(Kind.KEY, "psk_1")


def test_an_ssid_is_taken_exactly_as_it_is():
    vault = Vault()
    vault.pools[0]["SSID"] = " Hudson  House "
    assert only(read(vault), SaidPool).ssid == " Hudson  House "


@pytest.mark.parametrize("mechanism", ["WPA2", "wpa2", "WPA2-PSK", "WPA2_PSK", None])
def test_5_39_wpa2_is_searched(mechanism):
    vault = Vault()
    vault.pools[0]["AuthenticationMechanism"] = mechanism
    assert only(read(vault), SaidKey).pool == POOL


@pytest.mark.parametrize("mechanism", ["WPA3", "PEAP MSCHAPv2", "something new"])
def test_5_39_5_43_any_other_keypool_is_shown_and_not_searched(mechanism):
    vault = Vault()
    vault.pools[0]["AuthenticationMechanism"] = mechanism
    reading = read(vault)
    assert list(reading.all(SaidPool)) == list(reading.all(SaidKey)) == []
    assert any(mechanism in line for line in faults(reading))
    assert reading.is_whole


def test_5_43_a_key_whose_keypool_became_wpa3_is_not_missing():
    vault = Vault()
    vault.pools[0]["AuthenticationMechanism"] = "WPA3"
    reading = read(vault, Known(keys=frozenset({"psk_1"})))
    assert reading.saw(Kind.KEY, "psk_1")


def test_5_43_a_keypool_of_a_controller_is_wpa3():
    vault = Vault()
    vault.pools[0] |= {"RuckusR1ControllerID": "OP123._V3RUCKUSR1CONTROLLER_.MAIN"}
    del vault.pools[0]["AuthenticationMechanism"]
    vault.controllers = [
        {
            "ControllerID": "OP123._V3RUCKUSR1CONTROLLER_.MAIN",
            "ControllerName": "MAIN",
            "URL": "https://api.eu.ruckus.cloud",
            "APIClientID": "client-id-1",
            "APIClientSecret": "client-secret-1",
            "TenantID": "tenant-1",
            "enableSync": False,
        }
    ]
    reading = read(vault)
    assert list(reading.all(SaidPool)) == []
    told = "\n".join(faults(reading))
    assert "Ruckus One profile MAIN at https://api.eu.ruckus.cloud, not synchronised" in told
    assert "client-secret-1" not in told
    assert "client-secret-1" not in repr(list(vars(reading).values()))  # 4.44: no list gives it away


def test_profiles_that_may_not_be_read_concern_no_key():
    vault = Vault()
    vault.pools.append({"KeyPoolID": "P2", "SSID": "Air", "Scope": "local", "RuckusR1ControllerID": "C"})
    vault.over[api.CONTROLLERS] = (403, {"message": "Access denied"})
    assert read(vault).is_whole


def test_profiles_are_not_asked_for_where_no_keypool_has_one():
    vault = Vault()
    read(vault)
    assert api.CONTROLLERS not in vault.seen


@pytest.mark.parametrize(
    "venues", [[VENUE, OTHER], [{"VenueID": VENUE}, {"VenueID": OTHER}], {VENUE: {}, OTHER: {}}, [VENUE, VENUE, OTHER]]
)
def test_4_13_a_local_keypool_is_at_the_venues_it_is_connected_to(venues):
    vault = two_venues(Vault())
    vault.pools[0]["ConnectedVenueList"] = venues
    assert only(read(vault), SaidPool).venues == (VENUE, OTHER)


def test_4_13_a_keypool_at_other_venues_alone_is_not_taken():
    vault = two_venues(Vault())
    assert list(read(vault, sites=(OTHER,)).all(SaidPool)) == []


def test_4_18_a_global_keypool_is_usable_in_every_unit_without_asking_for_it():
    vault = Vault()
    vault.pools[0] |= {"Scope": "global", "ConnectedVenueList": []}
    assert only(read(vault), SaidKey).pool == POOL


def test_fewer_keypools_than_are_counted_make_everything_partial():
    vault = Vault()
    vault.over[api.POOLS] = {"myKeyPoolCount": 3, "myKeyPoolList": vault.pools}
    reading = read(vault)
    assert reading.is_partial(VENUE)
    assert reading.get(SaidKey, "psk_1") is not None


# Plans.


def test_a_plan_is_what_the_mapping_says():
    assert only(read(Vault()), SaidPlan) == SaidPlan(
        id=api.PLAN, name="Premium", download_kbps=200000, upload_kbps=50000, devices=8, wireless_only=False
    )


@pytest.mark.parametrize(("number", "said"), [(1, 1), (100_000_000_000_000, None), (0, None), ("50000", 50000)])
def test_4_34_speeds_beyond_any_are_no_limit(number, said):
    vault = Vault()
    vault.plans[0] |= {"DownloadKbps": number, "UploadKbps": number}
    plan = only(read(vault), SaidPlan)
    assert (plan.download_kbps, plan.upload_kbps) == (said, said)


def test_5_72_5_73_what_a_plan_lacks_and_cycles_beyond_the_range_are_read():
    vault = Vault()
    vault.plans[0] = {"ServicePlanID": api.PLAN, "ServicePlanName": "Premium", "BillingCycleHours": 8760}
    plan = only(read(vault), SaidPlan)
    assert (plan.devices, plan.wireless_only, plan.download_kbps) == (None, False, None)


@pytest.mark.parametrize("word", [True, "true", "True"])
def test_4_5_a_wireless_only_plan_says_so(word):
    vault = Vault()
    vault.plans[0]["WirelessOnlyPlan"] = word
    assert only(read(vault), SaidPlan).wireless_only


@pytest.mark.parametrize("name", ["ServicePlans", "AvailableServicePlans", "data"])
def test_5_19_plans_may_be_in_an_envelope(name):
    vault = Vault()
    vault.over[api.PLANS] = {"message": "", "errorProcessing": False, name: vault.plans}
    assert only(read(vault), SaidPlan).id == api.PLAN


def test_a_key_goes_without_a_plan_that_is_not_listed():
    vault = Vault()
    vault.plans = [{"ServicePlanID": "another"}]
    reading = read(vault)
    assert only(reading, SaidKey).plan is None
    assert any("is not among the plans" in line for line in faults(reading))
    assert reading.is_whole


def test_plans_that_cannot_be_read_cost_no_key():
    vault = Vault()
    vault.over[api.PLANS] = Unavailable("plans: timed out")
    reading = read(vault)
    assert only(reading, SaidKey).plan is None
    assert reading.is_partial(VENUE)
