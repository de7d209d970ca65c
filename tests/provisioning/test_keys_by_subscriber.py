"""A key is found by the name of whose it is: one that a platform has made is called as it is there."""

from datetime import UTC, datetime

import pytest

from provisioning import Ambiguous, KeyDraft, KeyStatus, NotFound, Passphrase, find_key
from provisioning.model import KeyOrigin
from radiusd.log.names import keys_called

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def add(store, pool):
    def add(identity, name, passphrase):
        there = store.subscribers.named(name)
        person = there[0] if there else store.subscribers.add(name)
        draft = KeyDraft(
            identity=identity, passphrase=Passphrase(passphrase.encode()), origin=KeyOrigin(subscriber_id=person.id)
        )
        return store.keys.add(pool.id, draft)

    return add


def test_by_name_in_either_case(store, add):
    key = add("psk_b7_0", "Ada Okafor", "sunny-otter-101")
    add("psk_b8_0", "Ivy Ben-David", "quiet-maple-102")
    assert find_key(store, "Ada Okafor").id == find_key(store, "ada okafor").id == key
    assert keys_called(store, "Ada Okafor").key_ids == {str(key)}
    with pytest.raises(NotFound):
        find_key(store, "Ada")


def test_an_identity_comes_first(store, add):
    add("psk_b7_0", "Ada Okafor", "sunny-otter-101")
    own = add("Ada Okafor", "Ivy Ben-David", "quiet-maple-102")
    assert find_key(store, "Ada Okafor").id == own
    assert keys_called(store, "Ada Okafor").key_ids == {str(own)}


def test_of_several_the_one_that_is_not_removed_or_the_question_which(store, add):
    first, second = add("psk_1", "Ada Okafor", "sunny-otter-101"), add("psk_2", "Ada Okafor", "quiet-maple-102")
    with pytest.raises(Ambiguous, match=f"id:{first} .*id:{second}"):
        find_key(store, "Ada Okafor")
    assert keys_called(store, "Ada Okafor").key_ids == {str(first), str(second)}
    store.keys.set_status(first, KeyStatus.REMOVED, now=NOW)
    assert find_key(store, "Ada Okafor").id == second
    store.keys.set_status(second, KeyStatus.REMOVED, now=NOW)
    with pytest.raises(Ambiguous):
        find_key(store, "Ada Okafor")


def test_an_id_is_no_name_of_a_subscriber(store, add):
    add("psk_b7_0", "7", "sunny-otter-101")
    with pytest.raises(NotFound):
        find_key(store, "id:7")
