"""Keypools and plans: one test for each rule and reading of the catalogue that concerns them."""

import pytest

from provisioning.platforms import Known, Unavailable
from provisioning.sync import Kind, SaidKey, SaidPlan, SaidPool, Standing
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import (
    OTHER,
    POOL,
    VENUE,
    Vault,
    faults,
    only,
    read,
    two_venues,
)


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


def test_5_43_a_stored_key_whose_keypool_became_wpa3_still_ends():
    vault = Vault()
    vault.pools[0]["AuthenticationMechanism"] = "WPA3"
    vault.subscribers[0]["Status"] = "Suspended"
    (said,) = read(vault, Known(keys=frozenset({"psk_1"}))).all(SaidKey)
    assert said.standing is Standing.SUSPENDED


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
    assert reading.is_doubtful(VENUE)
    assert reading.get(SaidKey, "psk_1") is not None


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
    assert reading.is_doubtful(VENUE)
