"""Keys: one test for each rule and reading of the catalogue that concerns them."""

from datetime import UTC, datetime

import pytest

from provisioning.platforms import Known, PlatformError, Unavailable
from provisioning.sync import WHOLE, Kind, SaidDevice, SaidKey, SaidSubscriber, Standing
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import (
    END,
    POOL,
    UNIT,
    VENUE,
    Vault,
    faults,
    key,
    one,
    pages,
    read,
    stored,
    subscriber,
    subscription,
)


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


def test_5_51_a_stored_key_whose_psk_became_none_keeps_its_own_and_still_ends():
    vault = Vault()
    vault.keys["sub_1"][0] |= {"PSK": "seven77", "Status": "TERMINATED"}
    said = one(read(vault, stored("psk_1")))
    assert (said.passphrase, said.standing) == (None, Standing.ENDED)


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
    assert read(vault, stored("psk_1", subscribers=False)).is_doubtful(WHOLE)


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
    assert read(vault, stored("psk_1")).is_doubtful(WHOLE)


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
    good = vault._listSubscriberKeys({"SubscriberToken": "sub_1"})
    vault.over[api.KEYS] = lambda body: good if body["SubscriberToken"] == "sub_1" else Unavailable("keys: HTTP 503")
    reading = read(vault)
    assert vault.seen.count(api.KEYS) == 512
    assert reading.is_partial(WHOLE)


@pytest.mark.parametrize("count", [1, 2, 1000])
@pytest.mark.parametrize("answer", [Unavailable("keys: HTTP 500"), (401, {"message": "Access denied"}), b"<html>", {}])
def test_where_nobodys_keys_can_be_read_there_is_nothing_to_read(count, answer):
    vault = Vault()
    pages(vault, count)
    vault.over[api.KEYS] = answer
    with pytest.raises(PlatformError, match=r"keys.*; and so on with all that were asked$"):
        read(vault, stored("psk_1"))
    assert vault.seen.count(api.KEYS) <= 256


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_subscriber_whose_keys_cannot_be_read_is_told_in_one_line(is_stored):
    vault = Vault()
    pages(vault, 3)
    good = vault._listSubscriberKeys
    vault.over[api.KEYS] = lambda body: (404, {}) if body["SubscriberToken"] == "sub_1" else good(body)
    reading = read(vault, stored("psk_1") if is_stored else None)
    (line,) = faults(reading)
    assert not reading.is_complete(VENUE, Kind.KEY)
    assert not reading.is_partial(VENUE)
    assert line.endswith("keys of subscriber sub_1: HTTP 404")


def test_with_sites_only_those_who_may_be_there_are_asked_for():
    """Of an operator with a thousand buildings, one building costs no more than its own people."""
    vault = api.two_venues(Vault())
    others = [subscriber(f"sub_{n}", VenueID=api.OTHER) for n in range(2, 9)]
    vault.subscribers += [*others, subscriber("sub_9", VenueID=None)]
    vault.subscriptions[VENUE].append(subscription("S2", "sub_2"))  # whose account is at the other venue
    vault.keys["sub_2"] = [key("psk_2")]
    asked = []
    vault.over[api.KEYS] = lambda body: (asked.append(body["SubscriberToken"]), vault._listSubscriberKeys(body))[1]
    reading = read(vault, stored("psk_1"), sites=(VENUE,))
    assert (asked, reading.is_whole) == (["sub_1", "sub_2", "sub_9"], True)
    assert {said.id for said in reading.all(SaidKey)} == {"psk_1", "psk_2"}
    known = Known(keys=frozenset({"psk_3"}), subscribers_of_keys={"psk_3": "sub_3"})
    asked.clear()
    read(vault, known, sites=(VENUE,))
    assert asked == ["sub_1", "sub_2", "sub_3", "sub_9"]  # whose key is stored
    asked.clear()
    read(vault, Known(keys=frozenset({"psk_3"})), sites=(VENUE,))
    assert len(asked) == 9  # any of whom may have the key of which nobody knows whose it is


def test_one_record_of_a_subscriber_that_cannot_be_read_keeps_no_others_window():
    """Whose subscription it is can be read: everybody else's counts as it is said."""
    vault = Vault()
    pages(vault, 3)
    vault.subscriptions[VENUE][1][api.END] = {"unexpected": []}
    vault.subscriptions[VENUE][2][api.END] = "2026-11-01T00:00:00Z"
    keys = [f"psk_{n}" for n in range(3)]
    known = Known(
        keys=frozenset(keys),
        ends_of_keys=dict.fromkeys(keys, api.STORED),
        subscribers_of_keys={f"psk_{n}": f"sub_{n}" for n in range(3)},
    )
    reading = read(vault, known)
    ends = {said.id: said.ends for said in reading.all(SaidKey)}
    assert ends == {"psk_0": api.ENDS, "psk_1": api.STORED, "psk_2": datetime(2026, 11, 1, tzinfo=UTC)}
    assert not reading.is_complete(VENUE, Kind.KEY)
    assert not reading.is_partial(VENUE)  # so that the others' ends count


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
    assert reading.is_doubtful(VENUE)


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
