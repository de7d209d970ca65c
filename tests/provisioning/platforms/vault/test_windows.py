"""Windows of keys: one test for each rule and reading of the catalogue that concerns them."""

from datetime import UTC, datetime

import pytest

from provisioning.platforms import Unavailable
from provisioning.sync import Kind, SaidKey, Standing
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import (
    END,
    ENDS,
    NEXT,
    POOL,
    START,
    STARTS,
    STORED,
    UNIT,
    VENUE,
    Vault,
    key,
    one,
    read,
    stored,
    subscription,
    unit,
)


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
        {
            "SubscriptionCount": 2,
            "Subscriptions": [
                subscription("S1", "sub_1", **{END: "2026-11-01T00:00:00Z"}),
                subscription("S2", "sub_1", **{START: "2026-11-01T00:00:00Z", END: 7}),
            ],
        },
    ],
)
def test_where_subscriptions_are_read_in_part_no_stored_window_changes(answer):
    """A renewal may be among what did not come."""
    vault = Vault()
    vault.over[api.SUBSCRIPTIONS] = answer
    reading = read(vault, stored("psk_1", ends=STORED))
    assert one(reading).ends == STORED
    assert reading.is_doubtful(VENUE)


def test_where_subscriptions_are_read_in_part_a_newcomer_that_is_among_them_is_taken():
    vault = Vault()
    rows = [subscription("S1", "sub_1")]
    vault.over[api.SUBSCRIPTIONS] = {"SubscriptionCount": 2, "Subscriptions": rows}
    assert one(read(vault)).ends == ENDS


def test_subscriptions_that_come_twice_are_counted_once():
    vault = Vault()
    rows = [subscription("S1", "sub_1"), subscription("S1", "sub_1")]
    vault.over[api.SUBSCRIPTIONS] = {"SubscriptionCount": 2, "Subscriptions": rows}
    assert read(vault).is_doubtful(VENUE)
