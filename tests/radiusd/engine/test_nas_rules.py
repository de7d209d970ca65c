"""What a NAS may ask and gets: by handshake or address, for which venue's keys."""

import itertools
from dataclasses import replace
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from provisioning import Answers, UnknownDevices
from radiusd import Source
from radiusd.engine.transaction import Search
from tests.vendor_vectors import ANSWERED, SEARCHING

SSID = Ssid(b"Hudson House")
DEVICE = MacAddress(b"\2\0\0\0\2\1")
ONLY_HANDSHAKES = "this NAS may not ask by a device's address, only with a handshake"
ONLY_LOOKUPS = "this NAS may not ask with a handshake, only by a device's address"


@pytest.fixture
def ask(house):
    """Return what asks in a packet of its own and gives what was granted, None for a Reject."""
    number = itertools.count(1024)
    return lambda subject, **options: house.ask(subject, port=next(number), **options)


class TestAnswers:
    @pytest.mark.parametrize("name", SEARCHING)
    def test_lookups_of_a_nas_for_handshakes_get_no_key(self, house, ask, handshake, lookup, lines, name):
        house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        house.change_nas(profile=name, answers=Answers.HANDSHAKES)
        house.start()
        for _ in range(3):  # the second time the device is known, the third the fast path knows it
            granted = ask(handshake(b"right-passphrase"), dialect=name)
            assert granted.pmk or granted.passphrases == (b"right-passphrase",)
            granted = ask(lookup(), dialect=name)
            assert granted is None or not (granted.passphrases or granted.pmk)
            assert f'reason="{ONLY_HANDSHAKES}"' in lines()[-1]
        counts = house.engine.journal.counts.requests
        assert {labels[3] for labels in counts if labels[2] != "accept"} == {"not-allowed"}

    @pytest.mark.parametrize("name", SEARCHING)
    def test_handshakes_of_a_nas_for_lookups_are_not_searched(self, house, ask, handshake, lookup, lines, name):
        house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        house.change_nas(profile=name, answers=Answers.LOOKUPS)
        house.start()
        for _ in range(3):
            granted = ask(lookup(), dialect=name)
            assert granted.pmk or granted.passphrases == (b"right-passphrase",)
            assert ask(handshake(b"right-passphrase"), dialect=name) is None
            assert f'reject reason="{ONLY_LOOKUPS}"' in lines()[-1]
        question = house.question(handshake(b"wrong-passphrase"), dialect=name)
        outcome = house.engine.receive(question.datagram, Source("192.0.2.1", 9), house.now)
        assert not isinstance(outcome, Search)

    def test_nothing_is_learned_from_what_may_not_be_asked(self, house, ask, handshake):
        house.add_key(SSID, b"right-passphrase")
        house.change_nas(answers=Answers.LOOKUPS)
        house.start()
        assert ask(handshake(b"right-passphrase")) is None
        assert len(house.index.devices) == 0

    @pytest.mark.parametrize("name", ANSWERED)
    def test_both_are_answered_unless_said(self, house, ask, handshake, lookup, name):
        house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        house.change_nas(profile=name)
        house.start()
        for subject in (lookup(), handshake(b"right-passphrase")) if name in SEARCHING else (lookup(),):
            granted = ask(subject, dialect=name)
            assert granted.pmk or granted.passphrases == (b"right-passphrase",)

    def test_omada_s_first_step_is_let_through_without_a_key(self, house, ask, handshake, lookup, lines):
        """A Reject would end the handshake, so that such a NAS could never show one."""
        house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        house.change_nas(profile="omada", answers=Answers.HANDSHAKES)
        house.start()
        question = house.question(lookup(), dialect="omada")
        reply = house.send(question.datagram)
        assert (reply[0], len(reply)) == (2, 38)  # nothing but Message-Authenticator
        assert f'admit reason="{ONLY_HANDSHAKES}"' in lines()[-1]

    def test_another_nas_that_may_is_answered_all_the_same(self, house, ask, handshake, lookup):
        house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        house.change_nas(answers=Answers.HANDSHAKES)
        house.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", answers=Answers.LOOKUPS)
        house.start()
        for _ in range(3):
            assert ask(handshake(b"right-passphrase"))
            assert ask(lookup(), address="198.51.100.1")
            assert ask(lookup()) is None
            assert ask(handshake(b"right-passphrase"), address="198.51.100.1") is None

    def test_a_change_is_in_force_for_known_devices(self, house, ask, handshake, lookup):
        house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        house.start()
        for _ in range(3):
            assert ask(lookup())
        house.change_nas(answers=Answers.HANDSHAKES)
        house.follow()
        assert ask(lookup()) is None

    def test_a_change_while_a_search_is_under_way_is_in_force_for_its_answer(self, house, handshake):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        question = house.question(handshake(b"right-passphrase"))
        search = house.engine.receive(question.datagram, Source("192.0.2.1", 9), house.now)
        house.change_nas(answers=Answers.LOOKUPS)
        house.follow()
        search.run()
        assert house.engine.finish(search, house.now) is None
        assert len(house.index.devices) == 0


class TestVenue:
    @pytest.fixture
    def houses(self, house):
        """Two venues with a keypool of one SSID each; the NAS belongs to the first."""
        house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        other = house.store.venues.add("Other House", nas_identifiers=["other-ap"])
        house.pools["other"] = house.store.keypools.add(SSID, venue_ids=[other.id])
        house.add_key("other", b"other-passphrase", devices=(DEVICE,))
        return house.start()

    @pytest.mark.parametrize("identifier", [None, b"hudson-house-ap1", b"other-ap", b"Other House", b"2", b"\xff"])
    def test_a_nas_gets_its_own_venue_s_keys_whatever_it_says_of_itself(
        self, houses, ask, handshake, lookup, identifier
    ):
        for _ in range(3):
            assert ask(lookup(), nas_identifier=identifier).passphrases == (b"right-passphrase",)
            assert ask(handshake(b"right-passphrase"), nas_identifier=identifier)
            assert ask(handshake(b"other-passphrase"), nas_identifier=identifier) is None

    def test_one_for_any_venue_says_which(self, houses, ask, lookup):
        houses.change_nas(any_venue=True)
        houses.follow()
        for _ in range(3):
            assert ask(lookup(), nas_identifier=b"hudson-house-ap1").passphrases == (b"right-passphrase",)
            assert ask(lookup(), nas_identifier=b"other-ap").passphrases == (b"other-passphrase",)
            assert ask(lookup(), nas_identifier=b"nobody's") is None

    def test_one_offered_all_keys_is_offered_its_own_venue_s(self, houses, ask, lookup):
        houses.change_nas(unknown_devices=UnknownDevices.OFFER, venue_id=houses.venue.id)
        houses.follow()
        stranger = lookup(MacAddress(b"\2\0\0\0\2\2"))
        assert ask(stranger, nas_identifier=b"other-ap").passphrases == (b"right-passphrase",)

    def test_one_added_before_the_first_venue_is_served_there_and_nowhere_else(self, house, ask, handshake, lines):
        """As by a script that adds the NAS first, with the server running."""
        house.store.nases.remove(house.nas.id)
        house.store._db.execute("PRAGMA foreign_keys = OFF")
        house.store._db.execute("DELETE FROM venue_nas_identifiers")
        house.store._db.execute("DELETE FROM venues")
        house.nas = house.store.nases.add(ip_network("192.0.2.0/24"), b"testing123")
        house.start()
        for number, name in enumerate(("Hudson House", "Other House")):
            venue = house.store.venues.add(name, nas_identifiers=[f"ap{number}"])
            house.pools[name] = house.store.keypools.add(SSID, venue_ids=[venue.id])
            house.add_key(name, b"passphrase %d" % number)
        house.follow()
        assert ask(handshake(b"passphrase 0"), nas_identifier=b"ap1")
        assert ask(handshake(b"passphrase 1"), nas_identifier=b"ap1") is None
        assert 'venue="Hudson House"' in lines()[-1]


class TestEmptyKeypool:
    def test_says_so(self, house, ask, handshake, lookup, lines):
        house.pool(SSID)
        house.start()
        assert ask(handshake(b"any-passphrase")) is None
        assert 'reject reason="unknown passphrase: the keypool has no keys" nas=' in lines()[-1]
        assert "keys=0" in lines()[-1]
        assert ask(lookup()) is None
        assert 'reject reason="unknown device: the keypool has no keys" nas=' in lines()[-1]

    def test_is_no_failure_of_the_device(self, house, ask, handshake):
        house.pool(SSID)
        house.start()
        for _ in range(20):
            assert ask(handshake(b"right-passphrase")) is None
        assert not house.engine._cooldown
        house.add_key(SSID, b"right-passphrase")
        house.follow()
        assert ask(handshake(b"right-passphrase"))


class TestDisabled:
    """A NAS that was switched off, by hand or by a platform that says its router is not in use."""

    def test_its_requests_are_dropped_and_the_log_says_why(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        assert house.ask(handshake(b"right-passphrase")).passphrases == (b"right-passphrase",)
        house.store.nases.save(replace(house.nas, enabled=False))
        house.follow()
        question = house.question(handshake(b"right-passphrase"), identifier=7)
        for port in (2000, 2001):  # the second time nothing remembers the first
            assert house.send(question.datagram, port=port) is None
        assert "discard cause=nas-disabled" in lines()[-1]
        assert 'nas="access points"' in lines()[-1]
        assert house.engine.journal.counts.discards == {"nas-disabled": 2}

    def test_no_wider_network_answers_for_it(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.store.nases.add(ip_network("192.0.0.0/16"), b"testing123", name="everybody", venue_id=house.venue.id)
        house.store.nases.save(replace(house.nas, enabled=False))
        house.start()
        assert house.send(house.question(handshake(b"right-passphrase")).datagram) is None
        assert "cause=nas-disabled" in lines()[-1]

    def test_enabled_again_it_is_answered(self, house, handshake):
        house.add_key(SSID, b"right-passphrase")
        house.store.nases.save(replace(house.nas, enabled=False))
        house.start()
        house.store.nases.save(house.nas)
        house.follow()
        assert house.ask(handshake(b"right-passphrase")).passphrases == (b"right-passphrase",)

    def test_strangers_are_still_strangers(self, house, handshake, lines):
        house.store.nases.save(replace(house.nas, enabled=False))
        house.start()
        assert house.send(house.question(handshake(b"right-passphrase")).datagram, address="198.51.100.1") is None
        assert "cause=unknown-source" in lines()[-1]

    def test_one_disabled_while_its_request_is_searched_gets_no_key(self, house, handshake):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        question = house.question(handshake(b"right-passphrase"))
        outcome = house.engine.receive(question.datagram, Source("192.0.2.1", 9), house.now)
        assert isinstance(outcome, Search)
        house.store.nases.save(replace(house.nas, enabled=False))
        house.follow()
        assert house.engine.search(outcome, house.now) is None
        assert house.engine.journal.counts.discards == {"nas-changed": 1}
