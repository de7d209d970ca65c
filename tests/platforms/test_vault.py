"""The VAULT test platform against the members of the document's request and response samples."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest

from pcaps.platforms.building import Building
from pcaps.platforms.vault import LIFE, Vault
from pcaps.platforms.vault_records import plan_id, token_of, unit_id
from tests.platforms.asking import ask

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LOGIN = {"EmailAddress": "sync@example.net", "Password": "vault-password-1"}
VENUES, UNITS = "/networkoperatorconsole/venues/listVenues", "/networkoperatorconsole/venues/listVenueUnits"
VENUE, UNIT = "/networkoperatorconsole/venues/listVenueDetails", "/networkoperatorconsole/venues/listVenueUnitDetails"
POOLS, PLANS = "/networkoperatorconsole/keypools/listKeypools", "/networkoperatorconsole/equipment/listServicePlans"
UNIT_POOLS = "/venuemgmtconsole/venue_units/listKeyPoolsatVenueUnit"
PEOPLE = "/networkoperatorconsole/subscribers/listSubscribers"
SUBSCRIPTIONS = "/networkoperatorconsole/shoppingcart/listSubscriptions"
KEYS = "/networkoperatorconsole/subscribers/listSubscriberKeys"
RESET, ADD = "/networkoperatorconsole/subscribers/resetKey", "/networkoperatorconsole/subscribers/addKey"
BATCH = "/networkoperatorconsole/scratchcards/viewScratchCardBatch"
CONTROLLERS = "/operatorconsole/config/listRuckusR1Controllers"
JSON = {"Content-Type": "application/json"}


def house(**options):
    return Building.make(**{"units": 4, "occupied": 0, "venue_id": "venue_12345", **options})


def serve(*buildings, **options):
    return Vault(buildings or [house()], clock=options.pop("clock", lambda: NOW), **options)


def post(platform, path, status=200, **body):
    got, _, answer = ask(platform, path, JSON, json.dumps(body))
    assert got == status, answer
    return json.loads(answer)


def sign_in(platform):
    return post(platform, "/subscriberconsole/login", **LOGIN)["AuthenticationResult"]


def call(platform, path, status=200, **body):
    return post(platform, path, status, AccessToken=sign_in(platform)["AccessToken"], **body)


# Tokens.


def test_login_answers_with_the_samples_members():
    with serve() as platform:
        answer = post(platform, "/subscriberconsole/login", **LOGIN)
    assert list(answer) == [
        *("SupportedLocales", "AuthenticationResult", "SubscriberToken", "GivenName", "FamilyName", "locale"),
        "errorProcessing",
    ]
    tokens = answer["AuthenticationResult"]
    assert set(tokens) == {"AccessToken", "ExpiresIn", "TokenType", "RefreshToken", "IdToken"}
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", tokens["AccessToken"])


def test_a_token_lasts_an_hour_and_its_successor_is_had_once():
    now = [NOW]
    with serve(clock=lambda: now[0]) as platform:
        first = sign_in(platform)
        now[0] += LIFE - timedelta(seconds=1)
        post(platform, VENUES, AccessToken=first["AccessToken"], VenueID="")
        now[0] += timedelta(seconds=1)
        refused = post(platform, VENUES, 401, AccessToken=first["AccessToken"], VenueID="")
        assert "AccessToken" in refused["message"]
        old = {"AccessToken": first["AccessToken"], "RefreshToken": first["RefreshToken"], "VenueID": "venue_12345"}
        renewed = post(platform, "/subscriberconsole/refreshAccessToken", **old)
        assert list(renewed) == ["message", "AuthenticationResult"]
        assert renewed["AuthenticationResult"]["RefreshToken"] != first["RefreshToken"]
        post(platform, "/subscriberconsole/refreshAccessToken", 401, **old)
        post(platform, VENUES, AccessToken=renewed["AuthenticationResult"]["AccessToken"], VenueID="")


def test_a_token_can_expire_in_the_middle_and_refresh_tokens_be_forgotten():
    with serve() as platform:
        tokens = sign_in(platform)
        platform.faults.add("token_expired", path="listVenues")
        post(platform, VENUES, 401, AccessToken=tokens["AccessToken"], VenueID="")
        post(platform, UNITS, 401, AccessToken=tokens["AccessToken"], VenueID="venue_12345")
        platform.forget_refresh_tokens()
        again = {"AccessToken": tokens["AccessToken"], "RefreshToken": tokens["RefreshToken"], "VenueID": ""}
        post(platform, "/subscriberconsole/refreshAccessToken", 401, **again)
        call(platform, VENUES, VenueID="")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/subscriberconsole/login", {**LOGIN, "Password": "wrong-password"}, 401),
        (VENUES, {"VenueID": ""}, 401),
        (VENUES, {"VenueID": "", "AccessToken": "e30.e30.e30"}, 401),
        (VENUES, {"VenueID": "", "AccessToken": 7}, 401),
        ("/networkoperatorconsole/venues/listEverything", {}, 404),
    ],
)
def test_errors_have_the_envelope_with_their_status(path, body, status):
    with serve() as platform:
        answer = post(platform, path, status, **body)
    assert (answer["errorProcessing"], answer["statusCode"]) == (True, status)
    assert answer["message"]
    assert set(answer["SupportedLocales"]) == {"en-us", "es-xl"}


def test_only_posts_of_json_objects_with_known_members_are_taken():
    with serve() as platform:
        token = sign_in(platform)["AccessToken"]
        assert ask(platform, VENUES, JSON)[0] == 404  # a GET
        assert ask(platform, VENUES, JSON, "[]")[0] == 400
        assert ask(platform, VENUES, JSON, "{")[0] == 400
        assert ask(platform, VENUES, {}, json.dumps({"AccessToken": token, "VenueID": ""}))[0] == 400
        bearer = {**JSON, "Authorization": f"Bearer {token}"}
        assert ask(platform, VENUES, bearer, json.dumps({"VenueID": ""}))[0] == 401  # in the body alone
        post(platform, VENUES, 400, AccessToken=token)  # VenueID is required, although only context
        post(platform, VENUES, 400, AccessToken=token, VenueID="", Page=1)
        post(platform, PEOPLE, 400, AccessToken=token, VenueID="ALL", AccountStatusFilter="ACTIVE")


# Places.


def test_venues_are_an_object_by_venue_id():
    with serve(house(), house(venue_id="venue_x._V3VENUE", name="Other")) as platform:
        answer = call(platform, VENUES, VenueID="")
    assert list(answer) == ["errorProcessing", "message", "VenueCount", "VenueList"]
    assert answer["VenueCount"] == 2
    assert {venue["VenueName"] for venue in answer["VenueList"].values()} == {"Hudson House", "Other"}
    assert answer["VenueList"]["venue_12345"]["NAS-Identifier"] == "VENUE_12345"


def test_a_venue_has_the_samples_members():
    with serve(offset=1000) as platform:
        answer = call(platform, VENUE, VenueID="venue_12345")
        call(platform, VENUE, 404, VenueID="venue_9")
    sample = {
        *("VenueID", "VenueName", "AddressLine1", "AddressLine2", "City", "State", "PostalCode", "Country.ISO3166A3"),
        *("ServicePlanConfiguration", "Units", "UnitCount", "Keypools", "NetworkOperatorConnections", "analytics"),
        "DisplayConfiguration",
    }
    assert set(answer) >= sample
    assert (answer["TZ"], answer["WirelessOnlyPlanVLANOffset"], answer["UnitCount"]) == ("America/New_York", 1000, 4)


@pytest.mark.parametrize("in_list", [True, False])
def test_units_and_where_their_vlan_stands(in_list):
    building = house()
    building.change_vlan("venue_12345-u1", None)
    with serve(building, vlan_in_list=in_list) as platform:
        answer = call(platform, UNITS, VenueID="venue_12345")
        assert call(platform, UNITS, externalVenueID="PMS_venue_12345")["VenueUnits"] == answer["VenueUnits"]
        first = answer["VenueUnits"][0]
        details = call(platform, UNIT, VenueID="venue_12345", UnitID_internal=first["UnitID_internal"])
    assert list(answer) == ["VenueUnitCount", "VenueUnits", "dateUpdated"]
    assert answer["dateUpdated"] == "2026-01-15T12:00:00.000Z"
    assert [unit.get("vlan") for unit in answer["VenueUnits"]] == ([100, None, 102, 103] if in_list else [None] * 4)
    assert first["UnitID_internal"] == "venue_12345.100.A.1"
    assert list(details) == ["VenueUnits", "message", "errorProcessing"]
    (unit,) = details["VenueUnits"]
    assert unit["vlan"] == 100
    assert set(unit) >= {"Venue", "Keypools", "AvailableServicePlans"}


def test_unit_details_of_several_units_show_the_venue_with_the_first():
    with serve() as platform:
        answer = call(platform, UNIT, VenueID="venue_12345", UnitBuilding="A", UserTimeZone=-300)
        call(platform, UNIT, 404, VenueID="venue_12345", UnitID="999")
    assert answer["message"] == "Found 4 units. Venue Details and subscriptions displayed for first unit only."
    assert ["Venue" in unit for unit in answer["VenueUnits"]] == [True, False, False, False]


def test_parts_of_unit_id_internal_are_cut_cleaned_and_defaulted():
    building = house()
    unit = building.units["venue_12345-u0"]
    odd = type(unit)("u", "", "1/2", "Building A - Apartment 101", None)
    assert unit_id(building, odd) == "venue_12345.BUILDINGA-APARTME.DEFAULT.12"


def test_keypools_are_local_or_global_and_a_controllers_is_wpa3():
    members = {
        *("KeyPoolID", "SSID", "Scope", "AuthenticationMechanism", "DisplayOrder", "PSKCount", "SubscriberCount"),
        "ConnectedVenueList",
    }
    houses = [house(), house(venue_id="venue_2", ssid="A.B")]
    with serve(*houses) as platform:
        platform.controllers.append({"ControllerID": "c1"})
        answer = call(platform, POOLS, VenueID="")
        unit = {"VenueID": "venue_12345", "UnitID_internal": "venue_12345.100.A.1"}
        of_unit = call(platform, UNIT_POOLS, **unit)
    assert list(answer) == ["myKeyPoolCount", "myKeyPoolList", "errorProcessing", "statusCode"]
    assert all(set(pool) >= members for pool in answer["myKeyPoolList"].values())
    local = {
        pool["SSID"]: (pool["Scope"], pool["AuthenticationMechanism"], pool["ConnectedVenueList"])
        for pool in answer["myKeyPoolList"].values()
    }
    assert local == {
        "Hudson House": ("local", "WPA2", ["venue_12345"]),
        "A.B": ("local", "WPA2", ["venue_2"]),
        "Campus": ("local", "WPA3", []),
    }
    assert list(of_unit) == ["message", "Keypools"]
    assert [pool["SSID"] for pool in of_unit["Keypools"].values()] == ["Hudson House"]
    with serve(*houses, scope="global") as platform:
        pools = call(platform, POOLS, VenueID="")["myKeyPoolList"]
        assert call(platform, UNIT_POOLS, **unit)["Keypools"] == {}
    assert {(pool["Scope"], len(pool["ConnectedVenueList"])) for pool in pools.values()} == {("global", 0)}


def test_plans_are_a_bare_array():
    with serve() as platform:
        plans = call(platform, PLANS)
        assert [plan["ServicePlanID"] for plan in plans] == [plan_id(name) for name in ("Basic", "Fast", "Air")]
        assert [plan["WirelessOnlyPlan"] for plan in plans] == [False, False, True]
        assert [plan["ServicePlanName"] for plan in call(platform, PLANS, externalServicePlanID="PMS_Fast")] == ["Fast"]


# People.


def test_subscribers_come_by_the_hundred_whatever_is_asked_for():
    building = house(units=230, occupied=1)
    with serve(building) as platform:
        pages = [
            call(platform, PEOPLE, VenueID="ALL", Pagination={"Page": page, "PageSize": 500}) for page in (1, 2, 3, 4)
        ]
        call(platform, PEOPLE, 404, VenueID="venue_9")
        call(platform, PEOPLE, 400, VenueID="ALL", Pagination={"Page": 0})
    assert list(pages[0]) == [
        *("success", "portfolioSummary", "servicePlanDistribution", "subscribers", "pagination", "analytics")
    ]
    assert [len(page["subscribers"]) for page in pages] == [100, 100, 30, 0]
    assert len({one["SubscriberToken"] for page in pages for one in page["subscribers"]}) == 230
    assert pages[1]["pagination"] == {"Page": 2, "PageSize": 100, "TotalPages": 3, "TotalCount": 230}


def test_the_total_shrinks_and_records_are_spoilt_where_told():
    with serve(house(units=150, occupied=1)) as platform:
        platform.faults.add("shrinking_total", path="listSubscribers", skip=1)
        platform.faults.add("wrong_type", path="listSubscriptions")
        totals = [
            call(platform, PEOPLE, VenueID="ALL", Pagination={"Page": page})["pagination"]["TotalCount"]
            for page in (1, 2)
        ]
        spoilt = call(platform, SUBSCRIPTIONS, VenueID="venue_12345")["Subscriptions"]
    assert totals == [150, 149]
    assert sum(not isinstance(record["UnitID_internal"], str) for record in spoilt) == 1


def test_statuses_follow_the_tenancies_and_can_be_set():
    building, now = house(), [NOW]
    person = building.newcomer()
    tenancy = building.move_in("venue_12345-u0", person, date(2026, 1, 1), date(2026, 1, 31))

    def status(platform, word=None):
        people = call(platform, PEOPLE, VenueID="ALL", **({"AccountStatusFilter": [word]} if word else {}))
        return [one["Status"] for one in people["subscribers"]]

    with serve(building, clock=lambda: now[0]) as platform:
        assert status(platform)[0] in ("In Service", "Active", "TRIAL")
        building.suspend(tenancy.id, NOW)
        assert status(platform, "SUSPENDED") == ["Suspended"]
        building.pay(tenancy.id, NOW)
        assert status(platform, "SUSPENDED") == []
        platform.set_status(person.id, "AUP not accepted")
        assert status(platform, "PENDING") == ["AUP not accepted"]
        platform.set_status(person.id, None)
        now[0] = tenancy.ends
        assert status(platform, "TERMINATED") == ["TERMINATED"]


def test_subscriptions_hold_the_windows_and_pass_the_filters():
    building, other = house(), house(venue_id="venue_2")
    first, second = building.newcomer(), other.newcomer()
    open_one = building.move_in("venue_12345-u0", first, date(2026, 1, 1))
    other.move_in("venue_2-u0", second, date(2026, 2, 1), date(2026, 2, 28))
    with serve(building, other) as platform:
        answer = call(platform, SUBSCRIPTIONS)
        assert list(answer) == [
            *("message", "errorProcessing", "statusCode", "SubscriptionCount", "Subscriptions", "Subscriptions_csv")
        ]
        assert answer["SubscriptionCount"] == 2
        (here,) = call(platform, SUBSCRIPTIONS, VenueID="venue_12345")["Subscriptions"]
        assert here["StartDateTimeUTC.ISO8601"] == "2026-01-01T05:00:00.000Z"
        assert here["EndDateTimeUTC.ISO8601"] == ""
        assert here["SubscriptionID"] == f"{open_one.id}._V3SUB"
        mail = {"EmailAddress": here["EmailAddress"].upper()}
        assert call(platform, SUBSCRIPTIONS, **mail)["Subscriptions"] == [here]
        latest = {"MaxViewWindowDateUTC.ISO8601": "2026-01-15T00:00:00.000Z"}
        assert call(platform, SUBSCRIPTIONS, **latest)["Subscriptions"] == [here]
        earliest = {"MinViewWindowDateUTC.ISO8601": "2026-03-15T00:00:00.000Z"}
        assert call(platform, SUBSCRIPTIONS, **earliest)["Subscriptions"] == [here]
        assert call(platform, SUBSCRIPTIONS, paymentFailed="true")["SubscriptionCount"] == 0


def test_keys_with_their_devices_by_keypool_and_key_id():
    building = house(units=60, occupied=1, passphrases=True)
    tenancies = [tenancy for tenancy in building.tenancies.values() if tenancy.ends is None]
    with serve(building) as platform:
        answers = [call(platform, KEYS, SubscriberToken=token_of(t.person.id)) for t in tenancies[:20]]
    assert list(answers[0]) == ["success", "subscriberInfo", "keyInventory", "keysInKeyPools", "allDevices"]
    for tenancy, answer in zip(tenancies, answers, strict=False):
        (pool,) = answer["keysInKeyPools"].values()
        ((key_id, key),) = pool["Keys"].items()
        assert key_id == platform.key_id(tenancy.id)
        assert (key["PSK"], key["UnitID_internal"]) == (
            tenancy.passphrase,
            unit_id(building, building.units[tenancy.unit]),
        )
        assert {device["Calling-Station-Id"] for device in key["Devices"]} == set(answer["allDevices"])
    assert {len(answer["allDevices"]) for answer in answers} == {0, 1, 2}


def test_a_subscriber_is_found_in_four_ways():
    building = house()
    person = building.newcomer()
    tenancy = building.move_in("venue_12345-u0", person, date(2026, 1, 1))
    with serve(building) as platform:
        by_token = call(platform, KEYS, SubscriberToken=token_of(person.id))
        info = by_token["subscriberInfo"]
        assert platform.passphrase(tenancy.id) in json.dumps(by_token)
        assert call(platform, KEYS, EmailAddress=info["EmailAddress"]) == by_token
        assert call(platform, KEYS, PhoneNumber=info["PhoneNumber.E164"]) == by_token
        assert call(platform, KEYS, externalSubscriberID=f"PMS_{person.id}", VenueID="venue_12345") == by_token
        assert call(platform, KEYS, 404, SubscriberToken="sub_nobody")["message"] == "Subscriber not found"


def test_a_reset_key_has_another_id_that_is_not_told():
    building = house()
    tenancy = building.move_in("venue_12345-u0", building.newcomer(), date(2026, 1, 1))
    with serve(building) as platform:
        old = platform.key_id(tenancy.id)
        both = {"NewKey": "correct horse", "UserPartForNewKey": "me"}
        call(platform, RESET, 400, CurrentKeyID=old, **both)
        call(platform, RESET, 400, CurrentKeyID=old, NewKey="short")
        answer = call(platform, RESET, CurrentKeyID=old, NewKey="correct horse")
        assert answer == {"message": "Wi-Fi password updated."}
        assert platform.key_id(tenancy.id) != old
        assert platform.passphrase(tenancy.id) == "correct horse"
        call(platform, RESET, 404, CurrentKeyID=old, NewKey="correct horse")
        call(platform, RESET, CurrentKeyID=platform.key_id(tenancy.id), UserPartForNewKey="SarahWiFi2024")
        assert platform.passphrase(tenancy.id).startswith("SarahWiFi2024")


def test_a_key_is_added_where_there_is_none_and_not_told():
    building = house()
    person = building.newcomer()
    tenancy = building.move_in("venue_12345-u0", person, date(2026, 1, 1))
    with serve(building, makes_keys=False) as platform:
        assert call(platform, KEYS, SubscriberToken=token_of(person.id))["keysInKeyPools"] == {}
        answer = call(
            platform,
            ADD,
            SubscriberToken=token_of(person.id),
            VenueID="venue_12345",
            NewKey="correct horse",
            PolicyforSubscriberKey={"UnitID_internal": "venue_12345.100.A.1"},
        )
        members = (
            *("message", "errorProcessing", "SubscriberToken", "EmailAddress", "GivenName", "FamilyName"),
            *("PhoneNumber.E164", "StripeCustomerID", "StripeSetupIntentId", "StripeClientSecret"),
            *("StripePublishableKey", "Subscription", "dateAddedUTC.ISO8601"),
        )
        assert set(answer) == set(members)
        assert "correct horse" not in json.dumps(answer)
        (pool,) = call(platform, KEYS, SubscriberToken=token_of(person.id))["keysInKeyPools"].values()
        assert [key["PSK"] for key in pool["Keys"].values()] == ["correct horse"]
        assert building.tenancies[tenancy.id].passphrase == "correct horse"


def test_a_batch_of_scratch_cards_stands_under_its_id():
    with serve() as platform:
        name = platform.add_batch("venue_12345", NOW, NOW, NOW + timedelta(days=7))
        pool = platform.records.pool(platform.buildings["venue_12345"])
        answer = call(platform, BATCH, KeyPoolID=pool, ScratchCard_BatchID=name)
        call(platform, BATCH, 404, KeyPoolID=pool, ScratchCard_BatchID="2023-09-15T14:30:00.000Z")
    assert list(answer) == ["2026-01-15T12:00:00.000Z"]
    cards = answer[name]["Cards"]
    assert len({card["PSK"] for card in cards}) == 100
    assert all(card["EndDateTimeUTC.ISO8601"] == "2026-01-22T12:00:00.000Z" for card in cards)


def test_controllers_pass_exact_filters_and_empty_ones_filter_nothing():
    with serve() as platform:
        platform.controllers += [{"ControllerID": "c1", "TenantID": "t"}, {"ControllerID": "c2", "TenantID": "T"}]
        assert len(call(platform, CONTROLLERS, ControllerID="")["RuckusR1Controllers"]) == 2
        (found,) = call(platform, CONTROLLERS, TenantID="T", URL="")["RuckusR1Controllers"]
    assert found["ControllerID"] == "c2"
