"""What becomes of a key: each rule by its name."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto import MacAddress, Ssid
from provisioning import (
    Author,
    Device,
    DuplicateKey,
    InvalidValue,
    KeyDraft,
    KeyRemoved,
    KeyStatus,
    Passphrase,
)
from provisioning.lifecycle import keys
from provisioning.lifecycle.undo import undo
from provisioning.model import KeyOrigin

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OLD, NEW, THIRD = (Passphrase(b"%s-horse-11" % word) for word in (b"former", b"newest", b"thirds"))
PHONE, LAPTOP, TABLET = (MacAddress(bytes((2, 0, 0, 0, 0, last))) for last in (1, 2, 3))


@pytest.fixture
def site(store):
    store.recorder.author = Author("ann", "here")
    venue = store.venues.add("Hudson House")
    pool = store.keypools.add(Ssid(b"Hudson"), venue_ids=(venue.id,))
    unit = store.units.add(venue.id, "4B", vlan=104)
    draft = KeyDraft(identity="Ann Lee", passphrase=OLD, unit_id=unit.id, subscriber="Ann Lee", ends=NOW + 30 * DAY)
    store.keys.add(pool.id, draft)
    return store


def passphrases(store, now):
    """Return who gets in with which passphrase."""
    return {key.passphrase: key.identity for key in store.keys.select() if key.validity(now) is None}


def see(store, key_id, mac, at):
    store.devices.remember([Device(1, mac, key_id)], at)


def test_reset_ends_the_former_passphrase_now(site):
    assert keys.reset(site, 1, NEW, now=NOW) == keys.Reset(0, None)
    assert passphrases(site, NOW) == {NEW: "Ann Lee"}
    assert [key.id for key in site.keys.select()] == [1]


def test_reset_with_grace_keeps_both_until_then(site):
    done = keys.reset(site, 1, NEW, now=NOW, grace=HOUR, platform_id="vault-77")
    assert done.until == NOW + HOUR
    assert passphrases(site, NOW) == {OLD: "Ann Lee", NEW: "Ann Lee"}
    assert passphrases(site, NOW + HOUR) == {NEW: "Ann Lee"}
    former, own = site.keys.get(2), site.keys.get(1)
    assert (former.grace_of, former.unit.name, former.subscriber.name, former.effective_vlan) == (
        1,
        "4B",
        "Ann Lee",
        104,
    )
    assert (own.id, own.platform_id, own.ends) == (1, "vault-77", NOW + 30 * DAY)
    assert former.validity(NOW + HOUR).startswith(
        "the passphrase was changed, and the former one ended 2026-11-21 13:00"
    )


def test_grace_is_no_longer_than_the_key(site):
    with site.change("test"):
        site.keys.update(1, ends=NOW + HOUR / 2)
    assert keys.reset(site, 1, NEW, now=NOW, grace=HOUR).until == NOW + HOUR / 2


def test_there_is_no_grace_for_a_key_that_has_ended_or_not_begun(site):
    with pytest.raises(InvalidValue, match="ended 2026-12-21 12:00 UTC: there is nothing to give grace to"):
        keys.reset(site, 1, NEW, now=NOW + 31 * DAY, grace=HOUR)
    with site.change("test"):
        site.keys.update(1, starts=NOW + DAY)
    with pytest.raises(InvalidValue, match="has not begun by then"):
        keys.reset(site, 1, NEW, now=NOW, grace=HOUR)
    assert passphrases(site, NOW + 2 * DAY) == {OLD: "Ann Lee"}


def test_reset_without_grace_ends_an_earlier_grace(site):
    keys.reset(site, 1, NEW, now=NOW, grace=24 * HOUR)
    keys.reset(site, 1, THIRD, now=NOW + HOUR)
    assert passphrases(site, NOW + HOUR) == {THIRD: "Ann Lee"}
    assert "the former one ended 2026-11-21 13:00" in site.keys.get(2).validity(NOW + HOUR)


def test_two_resets_with_grace_keep_three_passphrases(site):
    keys.reset(site, 1, NEW, now=NOW, grace=2 * HOUR)
    keys.reset(site, 1, THIRD, now=NOW + HOUR, grace=2 * HOUR)
    assert set(passphrases(site, NOW + HOUR)) == {OLD, NEW, THIRD}
    assert set(passphrases(site, NOW + 2 * HOUR)) == {NEW, THIRD}


def test_reset_back_to_the_former_passphrase(site):
    keys.reset(site, 1, NEW, now=NOW, grace=2 * HOUR)
    keys.reset(site, 1, OLD, now=NOW, grace=HOUR)
    assert set(passphrases(site, NOW)) == {OLD, NEW}
    assert set(passphrases(site, NOW + HOUR)) == {OLD}


def test_reset_to_the_same_passphrase_has_no_former_one(site):
    with pytest.raises(InvalidValue, match="has that passphrase already"):
        keys.reset(site, 1, OLD, now=NOW, grace=HOUR)


def test_reset_to_a_passphrase_in_use_changes_nothing(site):
    site.keys.add(1, KeyDraft(identity="Bob", passphrase=NEW))
    with pytest.raises(DuplicateKey) as refused:
        keys.reset(site, 1, NEW, now=NOW, grace=HOUR)
    assert "Bob" not in str(refused.value)
    assert passphrases(site, NOW) == {OLD: "Ann Lee", NEW: "Bob"}


def test_nobody_else_gets_a_passphrase_during_its_grace(site):
    keys.reset(site, 1, NEW, now=NOW, grace=HOUR)
    with pytest.raises(DuplicateKey):
        site.keys.add(1, KeyDraft(identity="Bob", passphrase=OLD))
    site.keys.settle(NOW + HOUR)
    site.keys.add(1, KeyDraft(identity="Bob", passphrase=OLD))


def test_devices_are_known_with_the_former_passphrase_too(site):
    see(site, 1, PHONE, NOW - DAY)
    site.keys.add_device(1, LAPTOP)
    keys.reset(site, 1, NEW, now=NOW, grace=HOUR)
    assert {(each.mac, each.key_id, each.registered) for each in site.devices.of_keys()} == {
        (PHONE, 1, False),
        (PHONE, 2, False),
        (LAPTOP, 1, True),
        (LAPTOP, 2, False),
    }


def test_reset_counts_the_devices_of_the_last_32_minutes(site):
    see(site, 1, PHONE, NOW - timedelta(minutes=32))
    see(site, 1, LAPTOP, NOW - timedelta(minutes=33))
    assert keys.reset(site, 1, NEW, now=NOW, grace=HOUR).devices == 1
    see(site, 2, TABLET, NOW)
    assert keys.reset(site, 1, THIRD, now=NOW).devices == 2


def test_undo_of_a_reset_with_grace_leaves_no_former_passphrase(site):
    see(site, 1, PHONE, NOW - DAY)
    keys.reset(site, 1, NEW, now=NOW, grace=HOUR)
    undo(site, author="ann")
    assert passphrases(site, NOW) == {OLD: "Ann Lee"}
    assert [each.key_id for each in site.devices.of_keys()] == [1]


def test_former_passphrases_follow_their_key(site):
    keys.reset(site, 1, NEW, now=NOW, grace=HOUR)
    keys.suspend(site, 1, now=NOW, reason="late")
    assert passphrases(site, NOW) == {}
    assert keys.resume(site, 1, now=NOW) is None
    assert set(passphrases(site, NOW)) == {OLD, NEW}
    keys.remove(site, 1, now=NOW)
    assert passphrases(site, NOW) == {}
    assert keys.restore(site, 1, now=NOW + HOUR / 2) is None
    assert set(passphrases(site, NOW)) == {OLD, NEW}


def test_a_suspended_key_that_is_reset_stays_suspended_with_both(site):
    keys.suspend(site, 1, now=NOW, reason="late")
    keys.reset(site, 1, NEW, now=NOW, grace=HOUR)
    assert passphrases(site, NOW) == {}
    keys.resume(site, 1, now=NOW)
    assert set(passphrases(site, NOW)) == {OLD, NEW}


def test_a_former_passphrase_is_not_changed_but_may_end_early(site):
    keys.reset(site, 1, NEW, now=NOW, grace=HOUR)
    with pytest.raises(InvalidValue, match="key 2 is a former passphrase of key 1"):
        keys.reset(site, 2, THIRD, now=NOW)
    keys.remove(site, 2, now=NOW)
    assert passphrases(site, NOW) == {NEW: "Ann Lee"}


def test_resume_says_what_still_forbids_it(site):
    keys.suspend(site, 1, now=NOW)
    assert keys.resume(site, 1, now=NOW + 31 * DAY) == "expired 2026-12-21 12:00 UTC"


def test_removal_with_grace_works_until_then(site):
    assert keys.remove(site, 1, now=NOW, reason="key-compromise", grace=HOUR) == NOW + HOUR
    assert set(passphrases(site, NOW + HOUR - timedelta(seconds=1))) == {OLD}
    assert passphrases(site, NOW + HOUR) == {}
    assert site.keys.get(1).validity(NOW + HOUR) == "removed 2026-11-21"
    assert site.keys.settle(NOW + HOUR) == 1
    assert (site.keys.get(1).status, site.keys.get(1).status_reason) == (KeyStatus.REMOVED, "KEY_COMPROMISE")


def test_removal_to_come_is_forced_or_called_off(site):
    keys.remove(site, 1, now=NOW, grace=HOUR)
    with pytest.raises(InvalidValue, match="is going to be removed 2026-11-21 13:00 UTC"):
        keys.remove(site, 1, now=NOW)
    assert keys.restore(site, 1, now=NOW) is None
    assert set(passphrases(site, NOW + 2 * HOUR)) == {OLD}
    keys.remove(site, 1, now=NOW, grace=HOUR)
    assert keys.remove(site, 1, now=NOW, force=True) is None
    assert passphrases(site, NOW) == {}


def test_force_overrides_the_grace(site):
    assert keys.remove(site, 1, now=NOW, grace=HOUR, force=True) is None
    assert passphrases(site, NOW) == {}


def test_a_removed_key_is_restored_as_it_was(site):
    see(site, 1, PHONE, NOW)
    keys.remove(site, 1, now=NOW)
    assert keys.restore(site, 1, now=NOW + 89 * DAY) == "expired 2026-12-21 12:00 UTC"
    assert set(passphrases(site, NOW)) == {OLD}
    assert [each.mac for each in site.devices.of_keys()] == [PHONE]


def test_who_was_suspended_before_the_removal_is_suspended_after_it(site):
    keys.suspend(site, 1, now=NOW, reason="late")
    keys.remove(site, 1, now=NOW, grace=HOUR)
    site.keys.settle(NOW + HOUR)
    assert keys.restore(site, 1, now=NOW + DAY) == "suspended: late"


def test_what_nobody_remembers_is_restored_suspended(site):
    keys.remove(site, 1, now=NOW)
    with site.change("test"):
        site.audit.forget_all_images()
    assert keys.restore(site, 1, now=NOW).startswith("suspended: restored")


def test_restore_is_refused_after_lapsed_days_and_once_erased(site):
    keys.remove(site, 1, now=NOW)
    with pytest.raises(KeyRemoved, match="more than 90 days ago"):
        keys.restore(site, 1, now=NOW + 90 * DAY)
    site.keys.erase(NOW + DAY)
    with pytest.raises(KeyRemoved, match="is erased by now"):
        keys.restore(site, 1, now=NOW + 2 * DAY)


def test_restore_is_refused_where_the_passphrase_is_anothers(site):
    keys.remove(site, 1, now=NOW)
    site.keys.add(1, KeyDraft(identity="Bob", passphrase=OLD))
    with pytest.raises(DuplicateKey, match="in use on this SSID by now") as refused:
        keys.restore(site, 1, now=NOW)
    assert "Bob" not in str(refused.value)
    assert passphrases(site, NOW) == {OLD: "Bob"}


def test_what_is_not_removed_is_not_restored(site):
    with pytest.raises(InvalidValue, match="is not removed, nor going to be"):
        keys.restore(site, 1, now=NOW)


def test_a_tag_is_one_keys_of_a_subscriber(site):
    origin = KeyOrigin(subscriber_id=1, tag="phone")
    site.keys.add(1, KeyDraft(passphrase=NEW, origin=origin))
    with pytest.raises(InvalidValue, match="tag 'phone' is that of key 2, of the same subscriber"):
        keys.refuse_tag(site, 1, "phone")
    keys.refuse_tag(site, 1, "phone", but=2)
    with pytest.raises(InvalidValue, match="41 characters, more than 40"):
        KeyOrigin(tag="x" * 41)


def test_part_of_ones_own_gets_the_subscribers_suffix(site):
    suffix = site.subscribers.get(1).suffix
    assert keys.own_passphrase(site, 1, "rosebud").passphrase.value == f"rosebud{suffix}".encode()
    with pytest.raises(InvalidValue, match="needs a subscriber"):
        keys.own_passphrase(site, None, "rosebud")
