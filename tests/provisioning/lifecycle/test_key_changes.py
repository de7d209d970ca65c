"""What a key is given and belongs to: each rule by its name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crypto import Ssid
from provisioning import Author, InvalidValue, KeyDraft, NotFound, Passphrase
from provisioning.errors import Occupied
from provisioning.lifecycle import key_changes, keys, subscribers
from provisioning.lifecycle.undo import undo
from provisioning.model import KeyOrigin

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ENDS = NOW + 30 * DAY


@pytest.fixture
def site(store):
    store.recorder.author = Author("ann", "here")
    venue = store.venues.add("Hudson House")
    store.keypools.add(Ssid(b"Hudson"), venue_ids=(venue.id,))
    for name, vlan in (("4B", 104), ("5C", 105)):
        store.units.add(venue.id, name, vlan=vlan)
    store.subscribers.add("Ann Lee")
    return store


def add(store, number=1, **said):
    origin = KeyOrigin(**{name: said.pop(name) for name in ("subscriber_id", "subscription_id", "tag") if name in said})
    draft = KeyDraft(identity=f"key {number}", passphrase=Passphrase(b"passphrase %d" % number), origin=origin, **said)
    return key_changes.add(store, 1, draft, now=NOW)


def test_a_key_with_subscriber_and_unit_has_a_subscription(site):
    id_ = add(site, subscriber_id=1, unit_id=1, ends=ENDS)
    (subscription,) = site.subscribers.subscriptions(subscriber_id=1)
    assert site.keys.get(id_).subscription_id == subscription.id
    assert (subscription.unit_id, subscription.starts, subscription.ends) == (1, None, ENDS)


def test_the_next_key_of_a_unit_joins_and_has_its_window(site):
    add(site, 1, subscriber_id=1, unit_id=1, ends=ENDS)
    second = site.keys.get(add(site, 2, subscriber_id=1, unit_id=1))
    assert (second.subscription_id, second.ends) == (1, ENDS)
    other = site.keys.get(add(site, 3, subscriber_id=1, unit_id=1, ends=ENDS + DAY))
    assert (other.subscription_id, other.ends) == (2, ENDS + DAY)


def test_a_key_without_unit_or_subscriber_has_none(site):
    assert site.keys.get(add(site, 1, subscriber_id=1)).subscription_id is None
    assert site.keys.get(add(site, 2, unit_id=1)).subscription_id is None
    assert site.keys.get(add(site, 3, subscriber_id=1, unit_id=1, ends=NOW)).subscription_id is None


def test_a_key_of_a_subscription_that_is_named_has_its_unit_and_window(site):
    made = subscribers.subscribe(site, 1, unit_id=1, ends=ENDS, now=NOW)
    key = site.keys.get(add(site, subscriber_id=1, subscription_id=made.id))
    assert (key.unit.name, key.ends) == ("4B", ENDS)
    with pytest.raises(InvalidValue, match="has its unit, plan and window, and no others"):
        add(site, 2, subscriber_id=1, subscription_id=made.id, unit_id=2)
    with pytest.raises(NotFound, match="no subscription 99"):
        add(site, 2, subscriber_id=1, subscription_id=99)


def test_no_key_is_added_to_a_closed_account(site):
    subscribers.close(site, 1, now=NOW)
    with pytest.raises(InvalidValue, match="is closed"):
        add(site, subscriber_id=1)


def test_a_unit_that_may_not_have_two_is_not_moved_into(site):
    site.units.save(replace(site.units.get(2), allow_overlap=False))
    other = site.subscribers.add("Bob Ray").id
    add(site, 1, subscriber_id=1, unit_id=1)
    add(site, 2, subscriber_id=other, unit_id=2)
    with pytest.raises(Occupied):
        key_changes.move(site, 1, 2, now=NOW)
    assert site.keys.get(1).unit.name == "4B"


def test_former_passphrases_follow_what_is_set(site):
    add(site, ends=ENDS, unit_id=1)
    keys.reset(site, 1, Passphrase(b"another-one-9"), now=NOW, grace=24 * HOUR)
    fields = {"identity": "Ann", "unit_id": 2, "vlan": 7, "ends": NOW + HOUR, "tag": "phone"}
    key_changes.set_fields(site, 1, fields, now=NOW)
    former = site.keys.get(2)
    assert (former.identity, former.unit.name, former.vlan, former.ends, former.tag) == (
        "Ann",
        "5C",
        7,
        NOW + HOUR,
        None,
    )
    key_changes.set_fields(site, 1, {"ends": None}, now=NOW)
    assert site.keys.get(1).ends is None
    assert site.keys.get(2).ends == NOW + HOUR  # what was promised before is not given back


def test_with_another_subscriber_a_key_leaves_its_subscription(site):
    other = site.subscribers.add("Bob Ray").id
    add(site, 1, subscriber_id=1, unit_id=1, ends=ENDS)
    add(site, 2, subscriber_id=1, unit_id=1, ends=ENDS)
    assert key_changes.set_fields(site, 1, {"subscriber_id": other, "unit_id": 2}, now=NOW) == []
    moved, left = site.keys.get(1), site.keys.get(2)
    assert (moved.subscriber.name, moved.subscription_id, moved.unit.name) == ("Bob Ray", None, "5C")
    assert (left.subscription_id, left.unit.name) == (1, "4B")


def test_a_tag_is_unique_at_the_new_subscriber_too(site):
    other = site.subscribers.add("Bob Ray").id
    add(site, 1, subscriber_id=1, tag="phone")
    add(site, 2, subscriber_id=other, tag="phone")
    with pytest.raises(InvalidValue, match="tag 'phone' is that of key 2"):
        key_changes.set_fields(site, 1, {"subscriber_id": other}, now=NOW)
    key_changes.set_fields(site, 1, {"subscriber_id": other, "tag": "tablet"}, now=NOW)


def test_an_external_id_is_one_keys(site):
    add(site, 1)
    add(site, 2)
    key_changes.set_fields(site, 1, {"external_id": "T-1"}, now=NOW)
    with pytest.raises(InvalidValue, match="external id 'T-1' is that of key 1"):
        key_changes.set_fields(site, 2, {"external_id": "T-1"}, now=NOW)
    keys.remove(site, 1, now=NOW)
    key_changes.set_fields(site, 2, {"external_id": "T-1"}, now=NOW)
    with pytest.raises(InvalidValue, match="external id 'T-1' is that of key 2"):
        keys.restore(site, 1, now=NOW)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"identity": None}, "identity is empty"),
        ({"identity": "two\nlines"}, "not printable"),
        ({"vlan": 4095}, "4095"),
        ({"starts": ENDS}, "before it starts"),
        ({"tag": "\ud800"}, "not printable"),
    ],
)
def test_what_a_key_cannot_be_given_changes_nothing(site, fields, said):
    add(site, ends=ENDS, unit_id=1)
    before = site.key_records.get(1)
    with pytest.raises(InvalidValue, match=said):
        key_changes.set_fields(site, 1, {"external_id": "T-1", **fields}, now=NOW)
    assert site.key_records.get(1) == before


def test_a_start_that_has_begun_stays(site):
    add(site, subscriber_id=1, unit_id=1, ends=ENDS)
    with pytest.raises(InvalidValue, match="has begun"):
        key_changes.set_fields(site, 1, {"starts": NOW + DAY}, now=NOW)


def test_a_planned_removal_is_no_end_to_extend(site):
    add(site)
    keys.remove(site, 1, now=NOW, grace=HOUR)
    with pytest.raises(InvalidValue, match="has no end"):
        key_changes.extend(site, 1, now=NOW, by=DAY)


def test_no_end_is_after_the_year_9999(site):
    add(site, ends=datetime(9999, 12, 30, tzinfo=UTC))
    with pytest.raises(InvalidValue, match="9999"):
        key_changes.extend(site, 1, now=NOW, by=2 * DAY)


def test_undo_of_a_move_takes_the_whole_subscription_back(site):
    for number in (1, 2):
        add(site, number, subscriber_id=1, unit_id=1)
    before = [site.key_records.get(id_) for id_ in (1, 2)]
    key_changes.move(site, 1, 2, now=NOW)
    undo(site, author="ann")
    assert [site.key_records.get(id_) for id_ in (1, 2)] == before
    assert site.subscribers.subscription(1).unit_id == 1
