"""Subscribers, subscriptions and keys: one test for each rule and reading of the catalogue that concerns them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from provisioning.platforms import Known, Refused, Unavailable
from provisioning.sync import WHOLE, Kind, SaidDevice, SaidKey, SaidSubscriber, Standing
from tests.provisioning.platforms.drive import Turns, drive
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import (
    NOW,
    PLAN,
    POOL,
    UNIT,
    VENUE,
    Vault,
    faults,
    key,
    read,
    subscriber,
    subscription,
    unit,
)

STARTS = datetime(2026, 1, 1, 5, tzinfo=UTC)
ENDS = datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC)
STORED = datetime(2026, 12, 24, tzinfo=UTC)
NEXT = f"{VENUE}.102.A.1"
START, END = "StartDateTimeUTC.ISO8601", "EndDateTimeUTC.ISO8601"


def one(reading):
    (said,) = reading.all(SaidKey)
    return said


def without_dates(**more):
    return {name: value for name, value in key("psk_1", **more).items() if name not in (START, END)}


def stored(*keys, ends=None, subscribers=True):
    """Return what a connector knows of a store with these keys, all of sub_1's in the one unit."""
    return Known(
        keys=frozenset(keys),
        units_of_keys=dict.fromkeys(keys, UNIT),
        ends_of_keys=dict.fromkeys(keys, ends) if ends is not None else {},
        subscribers_of_keys=dict.fromkeys(keys, "sub_1") if subscribers else {},
    )


def test_a_key_is_what_the_mapping_says():
    assert one(read(Vault())) == SaidKey(
        id="psk_1",
        venue=VENUE,
        pool=POOL,
        unit=UNIT,
        subscriber="sub_1",
        plan=PLAN,
        passphrase=b"passphrase of psk_1",
        starts=STARTS,
        ends=ENDS,
        standing=Standing.ACTIVE,
        tag="home",
        external_id="lease-S1",
        devices=(SaidDevice(mac="aabbcc001122", name="phone"),),
    )


def test_a_subscriber_is_what_the_mapping_says():
    assert list(read(Vault()).all(SaidSubscriber)) == [
        SaidSubscriber(id="sub_1", venue=VENUE, name="Ada Lovelace", external_id="crm-sub_1")
    ]


def test_a_reading_holds_no_more_of_a_person_than_a_key_needs():
    reading = read(Vault())
    assert "example.net" not in repr(vars(reading))
    assert "5559876543" not in repr(vars(reading))


def test_4_44_a_passphrase_is_in_no_text():
    vault = Vault()
    vault.keys["sub_1"].append(key("psk_2", PSK="short"))
    vault.keys["sub_1"].append(key("psk_3", PSK={"hunter2hunter2": 1}))
    reading = read(vault)
    assert "passphrase of" not in repr(vars(reading)) + "".join(faults(reading))
    assert "hunter2" not in repr(vars(reading)) + "".join(faults(reading))


# States.


@pytest.mark.parametrize(
    ("word", "standing", "reason"),
    [
        ("Active", Standing.ACTIVE, None),
        ("ACTIVE", Standing.ACTIVE, None),
        ("In Service", Standing.ACTIVE, None),
        ("in service", Standing.ACTIVE, None),
        ("TRIAL", Standing.ACTIVE, None),
        ("AUP not accepted", Standing.SUSPENDED, "terms not accepted"),
        ("AUP Not Accepted", Standing.SUSPENDED, "terms not accepted"),
        ("PENDING", Standing.SUSPENDED, "terms not accepted"),
        ("Suspended", Standing.SUSPENDED, "suspended"),
        ("SUSPENDED", Standing.SUSPENDED, "suspended"),
        ("TERMINATED", Standing.ENDED, "terminated"),
        ("Unknown", Standing.UNKNOWN, None),
        ("On holiday", Standing.UNKNOWN, None),
    ],
)
@pytest.mark.parametrize("whose", ["subscriber", "subscription", "key"])
def test_5_57_5_58_5_59_every_word_for_a_state_counts_whosever_it_is(whose, word, standing, reason):
    vault = Vault()
    record = {
        "subscriber": vault.subscribers[0],
        "subscription": vault.subscriptions[VENUE][0],
        "key": vault.keys["sub_1"][0],
    }[whose]
    record["Status"] = word
    reading = read(vault)
    said = one(reading)
    assert (said.standing, said.reason) == (standing, reason)
    assert any("no state that is known" in line for line in faults(reading)) == (word == "On holiday")


def test_5_58_the_account_status_of_the_filter_is_read_as_well():
    vault = Vault()
    del vault.subscribers[0]["Status"]
    vault.subscribers[0]["AccountStatus"] = "SUSPENDED"
    assert one(read(vault)).standing is Standing.SUSPENDED


def test_5_57_a_suspended_subscribers_keys_are_all_suspended():
    vault = Vault()
    vault.units[VENUE].append(unit("102"))
    vault.subscriptions[VENUE].append(subscription("S2", "sub_1", NEXT))
    vault.keys["sub_1"].append(key("psk_2", NEXT))
    vault.subscribers[0]["Status"] = "Suspended"
    assert {said.standing for said in read(vault).all(SaidKey)} == {Standing.SUSPENDED}


@pytest.mark.parametrize(
    ("words", "standing"),
    [
        (("Unknown", "Active", "TERMINATED"), Standing.ENDED),
        (("Suspended", "Active", "TERMINATED"), Standing.ENDED),
        (("Unknown", "Suspended", "Active"), Standing.SUSPENDED),
        (("Active", "Unknown", "Active"), Standing.UNKNOWN),
        ((None, None, None), Standing.ACTIVE),
    ],
)
def test_5_58_of_several_states_the_one_that_shuts_out_counts(words, standing):
    vault = Vault()
    records = (vault.subscribers[0], vault.subscriptions[VENUE][0], vault.keys["sub_1"][0])
    for record, word in zip(records, words, strict=True):
        record["Status"] = word
    assert one(read(vault)).standing is standing


def test_a_subscriber_that_the_list_lacks_changes_nothing():
    """A key of somebody whose account cannot be seen is there, and is left as it is."""
    vault = Vault()
    vault.subscribers = [subscriber("sub_2")]
    vault.keys["sub_2"] = []
    reading = read(vault)
    assert one(reading).standing is Standing.UNKNOWN
    assert reading.is_partial(WHOLE)  # a subscription that runs, of nobody: the list is not all


def test_a_subscriber_whose_record_cannot_be_read_changes_nothing():
    vault = Vault()
    vault.subscribers[0]["GivenName"] = ["unexpected"]
    reading = read(vault)
    assert one(reading).standing is Standing.UNKNOWN
    assert reading.is_partial(VENUE)
    assert reading.saw(Kind.SUBSCRIBER, "sub_1")


# Windows.


def test_4_31_the_window_is_the_subscriptions():
    vault = Vault()
    vault.keys["sub_1"][0] |= {START: "2020-01-01T00:00:00Z", END: "2030-01-01T00:00:00Z"}
    said = one(read(vault))
    assert (said.starts, said.ends) == (STARTS, ENDS)


@pytest.mark.parametrize("nothing", ["", " ", None])
def test_4_33_an_empty_end_is_no_end(nothing):
    vault = Vault()
    vault.subscriptions[VENUE][0][END] = nothing
    assert one(read(vault)).ends is None


def test_4_33_an_end_that_is_not_there_is_no_end():
    vault = Vault()
    del vault.subscriptions[VENUE][0][END]
    assert one(read(vault)).ends is None


@pytest.mark.parametrize(
    "written",
    [
        {"StartDateTimeUTC.ISO8601": "2026-01-01T05:00:00.000Z", "EndDateTimeUTC.ISO8601": "2027-01-01T04:59:59Z"},
        {"StartDateTimeUTC": "2026-01-01T05:00:00Z", "EndDateTimeUTC": "2027-01-01T04:59:59.999Z"},
        {"StartDateTimeUTC": {"ISO8601": "2026-01-01T05:00:00Z"}, "EndDateTimeUTC": {"ISO8601": "2027-01-01T04:59:59"}},
        {"start": "2026-01-01T00:00:00-05:00", "end": "2026-12-31T23:59:59-05:00"},
    ],
)
def test_5_71_instants_are_read_under_every_name_with_and_without_milliseconds(written):
    vault = Vault()
    row = vault.subscriptions[VENUE][0]
    del row[START], row[END]
    row |= written
    said = one(read(vault))
    assert (said.starts, said.ends) == (STARTS, ENDS)


def test_4_31_plain_days_begin_and_end_at_the_venue():
    vault = Vault()
    vault.subscriptions[VENUE][0] |= {START: "2026-03-08", END: "2026-03-08"}  # a day of 23 hours in New York
    said = one(read(vault, at=datetime(2026, 3, 8, 12, tzinfo=UTC)))
    assert (said.starts, said.ends) == (datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC))


def stays(vault, *windows, **more):
    vault.subscriptions[VENUE] = [
        subscription(f"S{n}", "sub_1", **({START: starts, END: ends} | more))
        for n, (starts, ends) in enumerate(windows)
    ]


def test_a_renewal_without_a_gap_is_one_window():
    """A day ends at 23:59:59 and the next begins at 00:00:00: nobody is shut out in between."""
    vault = Vault()
    stays(vault, ("2026-01-01T05:00:00Z", "2026-12-01T04:59:59Z"), ("2026-12-01T05:00:00Z", "2027-12-01T04:59:59Z"))
    said = one(read(vault))
    assert (said.starts, said.ends) == (STARTS, datetime(2027, 12, 1, 4, 59, 59, tzinfo=UTC))


def test_of_stays_with_a_gap_the_present_one_counts():
    vault = Vault()
    stays(vault, ("2025-01-01T05:00:00Z", "2025-06-01T05:00:00Z"), ("2026-01-01T05:00:00Z", "2027-01-01T04:59:59Z"))
    assert one(read(vault)).ends == ENDS


def test_before_the_first_stay_the_next_counts_and_after_the_last_the_last():
    vault = Vault()
    stays(vault, ("2027-01-01T05:00:00Z", ""), ("2025-01-01T05:00:00Z", "2025-06-01T05:00:00Z"))
    assert one(read(vault)).starts == datetime(2027, 1, 1, 5, tzinfo=UTC)
    stays(vault, ("2024-01-01T05:00:00Z", "2024-06-01T05:00:00Z"), ("2025-01-01T05:00:00Z", "2025-06-01T05:00:00Z"))
    assert one(read(vault)).ends == datetime(2025, 6, 1, 5, tzinfo=UTC)


def test_a_terminated_stay_does_not_hide_the_one_that_runs():
    vault = Vault()
    stays(vault, ("2026-01-01T05:00:00Z", ""), ("2026-05-01T05:00:00Z", ""))
    vault.subscriptions[VENUE][0]["Status"] = "TERMINATED"
    said = one(read(vault))
    assert (said.standing, said.starts) == (Standing.ACTIVE, datetime(2026, 5, 1, 5, tzinfo=UTC))


def test_of_two_keys_in_one_unit_each_has_the_stay_during_which_it_runs():
    vault = Vault()
    stays(vault, ("2026-01-01T05:00:00Z", "2026-06-01T05:00:00Z"), ("2026-09-01T05:00:00Z", ""))
    vault.keys["sub_1"] = [
        key("old", **{START: "2026-01-01T05:00:00Z", END: "2026-06-01T05:00:00Z"}),
        key("new", **{START: "2026-09-01T05:00:00Z", END: ""}),
    ]
    ends = {said.id: said.ends for said in read(vault).all(SaidKey)}
    assert ends == {"old": datetime(2026, 6, 1, 5, tzinfo=UTC), "new": None}


def test_a_key_that_has_not_followed_to_the_new_unit_yet_has_the_subscriptions_window():
    vault = Vault()
    vault.units[VENUE].append(unit("102"))
    vault.subscriptions[VENUE][0]["UnitID_internal"] = NEXT
    said = one(read(vault))
    assert (said.unit, said.ends) == (UNIT, ENDS)


def test_a_key_without_a_unit_is_in_the_one_of_its_subscription():
    vault = Vault()
    del vault.keys["sub_1"][0]["UnitID_internal"]
    del vault.keys["sub_1"][0]["VenueID"]
    said = one(read(vault))
    assert (said.unit, said.venue, said.ends) == (UNIT, VENUE, ENDS)


def test_the_unit_of_a_key_may_stand_in_its_policy():
    vault = Vault()
    policy = {"UnitID_internal": UNIT, "VenueID": VENUE, END: "2026-12-01T00:00:00Z"}
    vault.keys["sub_1"] = [
        {"KeyID": "psk_1", "KeyPoolID": POOL, "PSK": "correct horse", "PolicyforSubscriberKey": policy}
    ]
    vault.subscriptions[VENUE] = []
    said = one(read(vault))
    assert (said.unit, said.ends) == (UNIT, datetime(2026, 12, 1, tzinfo=UTC))


def test_a_key_without_a_subscription_has_its_own_window():
    vault = Vault()
    vault.subscriptions[VENUE] = []
    vault.keys["sub_1"][0] |= {START: "2026-02-01T00:00:00Z", END: "2026-12-01T00:00:00Z"}
    said = one(read(vault))
    assert (said.starts, said.ends) == (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def test_a_new_key_whose_window_nobody_tells_is_held_back():
    vault = Vault()
    vault.subscriptions[VENUE] = []
    reading = read(vault)
    assert list(reading.all(SaidKey)) == []
    assert reading.saw(Kind.KEY, "psk_1")


def test_a_stored_key_whose_window_nobody_tells_keeps_the_one_it_has():
    """A list of subscriptions that lost one, and its count with it, opens no key for ever."""
    vault = Vault()
    vault.subscriptions[VENUE] = []
    said = one(read(vault, stored("psk_1", ends=STORED)))
    assert (said.starts, said.ends, said.standing) == (None, STORED, Standing.ACTIVE)


@pytest.mark.parametrize(
    "answer",
    [
        Unavailable("503"),
        (404, {}),
        {"SubscriptionCount": 2, "Subscriptions": [subscription("S1", "sub_1", **{END: "2026-11-01T00:00:00Z"})]},
        {"SubscriptionCount": 1, "Subscriptions": [subscription("S1", "sub_1", **{END: {"unexpected": []}})]},
        {"Subscriptions": [subscription("S1", "sub_1", **{END: "2026-11-01T00:00:00Z"})]},
    ],
)
def test_where_subscriptions_are_read_in_part_no_stored_window_changes(answer):
    """A renewal may be among what did not come."""
    vault = Vault()
    vault.over[api.SUBSCRIPTIONS] = answer
    reading = read(vault, stored("psk_1", ends=STORED))
    assert one(reading).ends == STORED
    assert reading.is_partial(VENUE)


def test_where_subscriptions_are_read_in_part_a_newcomer_that_is_among_them_is_taken():
    vault = Vault()
    rows = [subscription("S1", "sub_1")]
    vault.over[api.SUBSCRIPTIONS] = {"SubscriptionCount": 2, "Subscriptions": rows}
    assert one(read(vault)).ends == ENDS


def test_subscriptions_that_come_twice_are_counted_once():
    vault = Vault()
    rows = [subscription("S1", "sub_1"), subscription("S1", "sub_1")]
    vault.over[api.SUBSCRIPTIONS] = {"SubscriptionCount": 2, "Subscriptions": rows}
    assert read(vault).is_partial(VENUE)


# Keys.


@pytest.mark.parametrize("psk", ["with a blank in it", "!" * 8, "~" * 63, "0123456789abcdef" * 4])
def test_5_50_passphrases_are_read_with_blanks_too(psk):
    vault = Vault()
    vault.keys["sub_1"][0]["PSK"] = psk
    assert one(read(vault)).passphrase == psk.encode()


@pytest.mark.parametrize("psk", ["seven77", "x" * 64, "not ASCII é", "tab\tin here"])
def test_5_51_what_can_be_no_passphrase_holds_its_key_back(psk):
    vault = Vault()
    vault.keys["sub_1"] = [key("psk_1", PSK=psk), key("psk_2")]
    reading = read(vault)
    assert [said.id for said in reading.all(SaidKey)] == ["psk_2"]
    assert reading.saw(Kind.KEY, "psk_1")
    assert psk not in "".join(faults(reading))


def test_a_new_key_without_a_psk_is_held_back_and_a_stored_one_stays():
    vault = Vault()
    vault.keys["sub_1"][0]["PSK"] = None
    assert list(read(vault).all(SaidKey)) == []
    assert one(read(vault, stored("psk_1"))).passphrase is None


def test_4_26_a_tag_is_at_most_40_characters():
    vault = Vault()
    vault.keys["sub_1"][0]["KeyTag"] = "t" * 100
    assert one(read(vault)).tag == "t" * 40


def test_4_28_two_subscribers_with_one_passphrase_are_both_told():
    """That it is refused, without naming the other, is the store's."""
    vault = Vault()
    vault.subscribers.append(subscriber("sub_2"))
    vault.subscriptions[VENUE].append(subscription("S2", "sub_2"))
    vault.keys = {
        "sub_1": [key("psk_1", PSK="the same passphrase")],
        "sub_2": [key("psk_2", PSK="the same passphrase")],
    }
    assert {said.passphrase for said in read(vault).all(SaidKey)} == {b"the same passphrase"}


@pytest.mark.parametrize("id_", ["psk_1", "key_1", "KEY_API_123456", "anything: at all/é"])
def test_5_15_a_key_id_is_opaque(id_):
    vault = Vault()
    vault.keys["sub_1"][0]["KeyID"] = id_
    assert one(read(vault)).id == id_


def test_4_22_5_55_after_a_reset_the_new_key_is_another_and_the_old_one_is_not_there():
    vault = Vault()
    vault.keys["sub_1"] = [key("psk_1_new", PSK="another passphrase")]
    reading = read(vault, stored("psk_1"))
    assert one(reading).id == "psk_1_new"
    assert not reading.saw(Kind.KEY, "psk_1")
    assert reading.is_complete(VENUE, Kind.KEY)


def test_two_residents_with_one_key_id_are_held_back():
    vault = Vault()
    vault.subscribers.append(subscriber("sub_2"))
    vault.subscriptions[VENUE].append(subscription("S2", "sub_2"))
    vault.keys["sub_2"] = [key("psk_1", PSK="of somebody else")]
    reading = read(vault)
    assert list(reading.all(SaidKey)) == []
    assert any("key psk_1: its id stands for two different records" in line for line in faults(reading))


def test_4_32_two_subscribers_of_one_unit_both_have_their_keys():
    """Whether stays may overlap is the platform's to decide; what it lists is taken."""
    vault = Vault()
    vault.subscribers.append(subscriber("sub_2"))
    vault.subscriptions[VENUE].append(subscription("S2", "sub_2"))
    vault.keys["sub_2"] = [key("psk_2")]
    assert {(said.unit, said.subscriber) for said in read(vault).all(SaidKey)} == {(UNIT, "sub_1"), (UNIT, "sub_2")}


def test_4_30_an_erased_subscriber_is_missing_and_not_said_to_have_ended():
    vault = Vault()
    vault.subscribers, vault.subscriptions[VENUE], vault.keys = [subscriber("sub_2")], [], {"sub_2": []}
    reading = read(vault, stored("psk_1"))
    assert not reading.saw(Kind.KEY, "psk_1")
    assert reading.is_complete(VENUE, Kind.KEY)


def test_5_16_5_17_5_18_every_other_id_is_opaque_too():
    vault = Vault()
    plan, pool, place = "Op.V3SERVICEPLAN_.a b", "no mark in it", "101.1.A._V3VENUE"
    vault.plans[0]["ServicePlanID"] = vault.subscriptions[VENUE][0]["ServicePlanID"] = plan
    vault.pools[0]["KeyPoolID"] = vault.keys["sub_1"][0]["KeyPoolID"] = pool
    for row in (vault.units[VENUE][0], vault.subscriptions[VENUE][0], vault.keys["sub_1"][0]):
        row["UnitID_internal"] = place
    said = one(read(vault))
    assert (said.plan, said.pool, said.unit) == (plan, pool, place)


@pytest.mark.parametrize("name", ["SubscriberToken", "SubscriberID"])
def test_5_14_a_subscriber_is_one_identity_under_two_names(name):
    vault = Vault()
    for row in (vault.subscribers[0], vault.subscriptions[VENUE][0]):
        row[name] = row.pop("SubscriberToken")
    assert one(read(vault)).subscriber == "sub_1"


def test_5_60_a_subscriber_without_a_name_is_called_by_the_token():
    vault = Vault()
    vault.subscribers[0] |= {"GivenName": "", "FamilyName": None}
    assert [said.name for said in read(vault).all(SaidSubscriber)] == ["sub_1"]


def test_5_60_names_of_ten_thousand_characters_refuse_nobody():
    vault = Vault()
    vault.subscribers[0] |= {"GivenName": "é" * 10_000}
    (said,) = read(vault).all(SaidSubscriber)
    assert len(said.name.encode()) <= 253
    assert one(read(vault)).subscriber == "sub_1"


@pytest.mark.parametrize("mac", ["AA-BB-CC-00-11-22", "aa:bb:cc:00:11:22", "aabb.cc00.1122", "AABBCC001122"])
def test_devices_are_read_however_their_address_is_written(mac):
    vault = Vault()
    vault.keys["sub_1"][0]["Devices"] = {mac: {"HostName": "tv"}}
    assert one(read(vault)).devices == (SaidDevice(mac="aabbcc001122", name="tv"),)


def test_devices_beside_the_keys_belong_to_the_key_they_name():
    vault = Vault()
    vault.keys["sub_1"][0]["Devices"] = []
    answer = vault._listSubscriberKeys({"SubscriberToken": "sub_1"})
    answer["allDevices"] = {"02:00:00:00:00:01": {"KeyID": "psk_1", "HostName": "tv"}, "02:00:00:00:00:02": {}}
    vault.over[api.KEYS] = answer
    assert one(read(vault)).devices == (SaidDevice(mac="020000000001", name="tv"),)


@pytest.mark.parametrize("devices", ["x", 5, [{"Calling-Station-Id": "nonsense"}], [7], {"a": 1}])
def test_devices_that_cannot_be_read_cost_no_key(devices):
    vault = Vault()
    vault.keys["sub_1"][0]["Devices"] = devices
    reading = read(vault)
    assert one(reading).devices == ()
    assert reading.is_whole


def test_of_two_keys_on_one_ssid_a_device_is_with_the_first_that_may_be_used():
    vault = Vault()
    vault.keys["sub_1"] = [key("old", Status="TERMINATED"), key("first"), key("second")]
    devices = {said.id: len(said.devices) for said in read(vault).all(SaidKey)}
    assert devices == {"old": 0, "first": 1, "second": 0}


@pytest.mark.parametrize("shape", ["in Keys", "by their ids", "a list", "one itself"])
def test_keys_stand_in_their_keypool_in_any_shape(shape):
    vault = Vault()
    row = key("psk_1")
    inner = {
        "in Keys": {"SSID": "x", "Keys": {"psk_1": row}},
        "by their ids": {"psk_1": row},
        "a list": [row],
        "one itself": row,
    }[shape]
    vault.over[api.KEYS] = {"KeysInKeyPools": {POOL: inner}}
    assert one(read(vault)).id == "psk_1"


@pytest.mark.parametrize(
    "answer",
    [
        Unavailable("keys: timed out"),
        (404, {"message": "Subscriber not found"}),
        {"success": True},
        {"keysInKeyPools": {POOL: {"SSID": "x"}}},
        {"keysInKeyPools": "none"},
        {"subscriberInfo": {"SubscriberToken": "sub_9"}, "keysInKeyPools": {}},
        b"<html>",
    ],
)
def test_a_subscriber_whose_keys_fail_costs_no_other_and_never_counts_as_an_end(answer):
    vault = Vault()
    vault.subscribers.append(subscriber("sub_2"))
    vault.subscriptions[VENUE].append(subscription("S2", "sub_2"))
    vault.keys["sub_2"] = [key("psk_2")]
    good = vault._listSubscriberKeys({"SubscriberToken": "sub_2"})
    vault.over[api.KEYS] = lambda body: answer if body["SubscriberToken"] == "sub_1" else good
    reading = read(vault, stored("psk_1"))
    assert one(reading).id == "psk_2"
    assert reading.saw(Kind.KEY, "psk_1")
    assert not reading.is_complete(VENUE, Kind.KEY)


def test_without_knowing_whose_keys_are_stored_a_failure_concerns_every_venue():
    vault = Vault()
    vault.subscribers.append(subscriber("sub_2"))
    vault.keys["sub_2"] = []
    good = vault._listSubscriberKeys({"SubscriberToken": "sub_2"})
    vault.over[api.KEYS] = lambda body: Unavailable("x") if body["SubscriberToken"] == "sub_1" else good
    assert read(vault, stored("psk_1", subscribers=False)).is_partial(WHOLE)


def test_an_account_without_any_stay_may_be_refused_its_keys():
    """Such as one of staff: it costs nobody anything."""
    vault = Vault()
    vault.subscribers.append({"SubscriberToken": "sub_staff", "Status": "Active"})
    good = vault._listSubscriberKeys({"SubscriberToken": "sub_1"})
    refused = (404, {"message": "Subscriber not found"})
    vault.over[api.KEYS] = lambda body: good if body["SubscriberToken"] == "sub_1" else refused
    reading = read(vault, stored("psk_1"))
    assert reading.is_whole
    assert any("Subscriber not found" in line for line in faults(reading))
    vault.over[api.KEYS] = lambda body: good if body["SubscriberToken"] == "sub_1" else Unavailable("timed out")
    assert read(vault, stored("psk_1")).is_partial(WHOLE)


def test_whom_the_list_lacks_and_whose_stays_are_over_is_not_asked_for():
    """Erased people whose subscriptions are still listed would else keep a venue from ever being complete."""
    vault = Vault()
    vault.subscriptions[VENUE] += [
        subscription("S2", "sub_erased", **{END: "2026-11-01T00:00:00Z"}),
        subscription("S3", "sub_closed", Status="TERMINATED"),
    ]
    assert read(vault).is_whole
    assert vault.seen.count(api.KEYS) == 1


def test_where_all_of_many_fail_the_rest_is_not_asked():
    vault = Vault()
    vault.subscribers = [subscriber(f"sub_{n}") for n in range(1000)]
    vault.over[api.KEYS] = Unavailable("keys: HTTP 503")
    reading = read(vault)
    assert vault.seen.count(api.KEYS) == 256
    assert reading.is_partial(WHOLE)
    assert len(faults(reading)) < 10


def test_fewer_keys_than_are_counted_are_told():
    vault = Vault()
    answer = vault._listSubscriberKeys({"SubscriberToken": "sub_1"}) | {"keyInventory": {"KeyCount": 2}}
    vault.over[api.KEYS] = answer
    assert not read(vault).is_complete(VENUE, Kind.KEY)


def test_a_key_that_cannot_be_read_costs_itself():
    vault = Vault()
    vault.keys["sub_1"].append(key("psk_2", vlan={"unexpected": []}))
    reading = read(vault)
    assert one(reading).id == "psk_1"
    assert reading.saw(Kind.KEY, "psk_2")
    assert reading.is_partial(VENUE)


def test_a_key_of_a_venue_that_nobody_tells_is_held_back():
    vault = Vault()
    vault.subscriptions[VENUE] = []
    vault.pools[0] |= {"Scope": "global", "ConnectedVenueList": []}
    del vault.subscribers[0]["VenueID"]
    vault.keys["sub_1"] = [{"KeyID": "psk_1", "KeyPoolID": POOL, "PSK": "correct horse", END: "2027-01-01T00:00:00Z"}]
    reading = read(vault)
    assert list(reading.all(SaidKey)) == []
    assert reading.saw(Kind.KEY, "psk_1")


def test_4_29_closed_accounts_end_their_keys_without_being_asked_again():
    """Which keys these are is known, and the list of subscribers says that they are over."""
    vault = Vault()
    vault.subscribers[0]["Status"] = "TERMINATED"
    vault.keys = {}
    reading = read(vault, stored("psk_1"))
    assert one(reading).id == "psk_1"
    assert one(reading).standing is Standing.ENDED
    assert api.KEYS not in vault.seen


# Pages.


def pages(vault, count):
    vault.subscribers = [subscriber(f"sub_{n}") for n in range(count)]
    vault.subscriptions[VENUE] = [subscription(f"S{n}", f"sub_{n}") for n in range(count)]
    vault.keys = {f"sub_{n}": [key(f"psk_{n}")] for n in range(count)}


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


@pytest.mark.parametrize("kind", ["dropped", "duplicate", "short", "failed", "html", "shrunk", "shrunk at once"])
def test_5_68_what_goes_wrong_with_a_page_makes_the_reading_partial(kind):
    vault = Vault()
    pages(vault, 250)

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
        }[kind]

    vault.over[api.SUBSCRIBERS] = page
    reading = read(vault)
    assert not reading.is_complete(VENUE, Kind.KEY)
    assert reading.count(Kind.KEY) == 250  # subscriptions name those that the list lost


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
    assert not read(vault, stored("psk_1")).is_whole
    assert read(vault).is_whole


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
    assert read(vault).is_partial(WHOLE)
    assert vault.seen.count(api.SUBSCRIBERS) < 100


@pytest.mark.parametrize("rows", [[None], [{}, 7], [{"GivenName": "Ada"}], {"x": None}])
def test_5_68_a_page_of_records_without_an_id_is_repeated_when_it_comes_again(rows):
    vault = Vault()
    vault.over[api.SUBSCRIBERS] = {"subscribers": rows}
    assert read(vault).is_partial(WHOLE)
    assert vault.seen.count(api.SUBSCRIBERS) < 10


# Scratch cards.

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
    assert read(vault, **settings).is_partial(VENUE)


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


# What is told to a person.


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
    assert read(vault, sites=("venue_gone",)).is_partial("venue_gone")
    assert vault.seen == [api.LOGIN, api.VENUES]


def test_what_is_read_twice_is_the_same():
    vault = Vault()
    pages(vault, 30)
    first, second = read(vault), read(vault, at=NOW + timedelta(minutes=5))
    assert list(first.all(SaidKey)) == list(second.all(SaidKey))
