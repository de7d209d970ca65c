"""Subscribers and their states: one test for each rule and reading of the catalogue that concerns them."""

import pytest

from provisioning.sync import WHOLE, Kind, SaidDevice, SaidKey, SaidSubscriber, Standing
from tests.provisioning.platforms.vault.api import (
    ENDS,
    NEXT,
    PLAN,
    POOL,
    STARTS,
    UNIT,
    VENUE,
    Vault,
    faults,
    key,
    one,
    read,
    subscriber,
    subscription,
    unit,
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
        is_in_units_vlan=True,
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
    assert reading.is_doubtful(WHOLE)  # a subscription that runs, of nobody: the list is not all


def test_a_subscriber_whose_record_cannot_be_read_changes_nothing():
    vault = Vault()
    vault.subscribers[0]["GivenName"] = ["unexpected"]
    reading = read(vault)
    assert one(reading).standing is Standing.UNKNOWN
    assert reading.is_doubtful(VENUE)
    assert reading.saw(Kind.SUBSCRIBER, "sub_1")
