"""Scratch cards as access points see them: before their start, while they are good, prolonged, invalidated, ended."""

from datetime import timedelta

import pytest

from crypto import MacAddress
from provisioning.lifecycle import cards
from provisioning.lifecycle.cards import CardOrder
from provisioning.lifecycle.undo import undo
from provisioning.model import Author
from tests.radiusd.house import SPA, SSID

HOUR = timedelta(hours=1)


@pytest.fixture
def hotel(house):
    """Three cards, good from in an hour to in three hours."""
    house.store.recorder.author = Author("ann", "test")
    order = CardOrder(
        keypool_id=house.pool(SSID),
        ssid=SSID,
        count=3,
        venue_id=house.venue.id,
        starts=house.now + HOUR,
        ends=house.now + 3 * HOUR,
        vlan=77,
    )
    house.made = cards.add(house.store, order, cards.draw(order, house.now), now=house.now)
    house.count = 0
    return house.start()


def answers(house, handshake):
    """Return whether each card is let in, each with a device of its own, twice: searched for, and known."""
    found = []
    for number, passphrase in enumerate(house.made.passphrases):
        spa = MacAddress(SPA.value[:5] + bytes([number]))
        both = set()
        for _ in range(2):
            house.count = (house.count + 1) % 256
            answer = house.ask(handshake(passphrase.value, spa=spa), identifier=house.count)
            both.add(None if answer is None else answer.vlan)
        (one,) = both
        found.append(one)
    return found


def test_cards_are_good_in_their_window_alone(hotel, handshake, lines):
    assert answers(hotel, handshake) == [None] * 3
    assert "starts 2026-11-20 13:00 UTC" in lines()[-1]
    hotel.now += HOUR
    assert answers(hotel, handshake) == [77] * 3
    hotel.now += 2 * HOUR
    assert answers(hotel, handshake) == [None] * 3
    assert "expired 2026-11-20 15:00 UTC" in lines()[-1]


def test_extending_prolongs_what_is_good_and_revives_nothing(hotel, handshake):
    batch = hotel.made.batch
    hotel.now += 2 * HOUR
    assert cards.extend(hotel.store, batch.id, 1, now=hotel.now, numbers=[2]) == (1, 1)
    assert cards.invalidate(hotel.store, batch.id, now=hotel.now, numbers=[3]) == (1, 1)
    hotel.follow()
    assert answers(hotel, handshake) == [77, 77, None]
    hotel.now += HOUR
    assert answers(hotel, handshake) == [None, 77, None]
    assert cards.extend(hotel.store, batch.id, 24, now=hotel.now) == (1, 3)
    hotel.follow()
    hotel.now += 20 * HOUR
    assert answers(hotel, handshake) == [None, 77, None]


def test_invalidated_cards_are_refused_at_once_and_for_good(hotel, handshake, lines):
    hotel.now += HOUR
    assert answers(hotel, handshake) == [77] * 3
    cards.invalidate(hotel.store, hotel.made.batch.id, now=hotel.now, reason="stolen")
    hotel.follow()
    assert answers(hotel, handshake) == [None] * 3
    assert "card invalidated 2026-11-20" in lines()[-1]
    hotel.start()
    assert answers(hotel, handshake) == [None] * 3
    undo(hotel.store, author="ann")
    hotel.follow()
    assert answers(hotel, handshake) == [77] * 3


def test_undoing_a_batch_shuts_its_cards_out(hotel, handshake):
    hotel.now += HOUR
    assert answers(hotel, handshake) == [77] * 3
    hotel.save()
    undo(hotel.store, author="ann")
    hotel.follow()
    assert answers(hotel, handshake) == [None] * 3
    assert hotel.store.cards.all() == ()


def test_a_card_is_used_when_a_device_came_with_it(hotel, handshake):
    hotel.now += HOUR
    hotel.ask(handshake(hotel.made.passphrases[1].value, spa=SPA))
    hotel.save()
    shown = hotel.store.cards.cards(hotel.made.batch.id)
    assert [(card.used_at, card.devices) for card in shown] == [(None, 0), (hotel.now, 1), (None, 0)]
    counts = hotel.store.cards.counts([hotel.made.batch.id], hotel.now)[hotel.made.batch.id]
    assert (counts.used, counts.valid, counts.invalidated, counts.ends) == (1, 3, 0, hotel.made.batch.ends)
