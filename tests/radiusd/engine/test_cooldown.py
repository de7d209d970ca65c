"""Devices that fail again and again."""

import itertools
from datetime import timedelta

import pytest

from crypto import MacAddress, Ssid
from provisioning import KeyStatus
from radiusd import Source
from radiusd.engine.cooldown import CoolDown, FailureKey
from radiusd.engine.transaction import Search

SSID = Ssid(b"Hudson House")
RESIDENT, STRANGER = MacAddress(b"\2\0\0\0\2\1"), MacAddress(b"\2\0\0\0\2\2")
PLACE = FailureKey("Hudson House", SSID.value, STRANGER.value)
REASON = 'reason="cooling down after 10 failures"'


class TestCounting:
    @pytest.mark.parametrize(("every_s", "cools"), [(0, True), (6.6, True), (6.7, False), (60, False)])
    def test_so_many_failures_in_so_long(self, every_s, cools):
        cooldown = CoolDown(failures=10, within_s=60, lasts_s=120)
        for number in range(10):
            assert not cooldown.cooling(PLACE, number * every_s)
            cooldown.fail(PLACE, number * every_s)
        assert cooldown.cooling(PLACE, 9 * every_s) is cools

    def test_it_ends_and_the_count_begins_anew(self):
        cooldown = CoolDown(failures=2, within_s=60, lasts_s=120)
        for _ in range(2):
            cooldown.fail(PLACE, 0)
        assert cooldown.cooling(PLACE, 119.9)
        assert not cooldown.cooling(PLACE, 120)
        cooldown.fail(PLACE, 120)
        assert not cooldown.cooling(PLACE, 120)
        cooldown.fail(PLACE, 120)
        assert cooldown.cooling(PLACE, 120)

    def test_success_clears_it(self):
        cooldown = CoolDown(failures=1)
        cooldown.fail(PLACE, 0)
        cooldown.succeed(PLACE)
        assert not cooldown.cooling(PLACE, 0)
        assert not cooldown

    def test_memory_is_bounded_and_the_longest_quiet_is_forgotten(self):
        cooldown = CoolDown(failures=1, devices=100)
        places = [FailureKey(None, b"", bytes([number])) for number in range(200)]
        for place in places:
            cooldown.fail(place, 0)
            cooldown.fail(places[0], 0)
        assert len(cooldown) == 100
        assert cooldown.cooling(places[0], 0)
        assert not cooldown.cooling(places[50], 0)
        assert cooldown.cooling(places[199], 0)

    def test_each_venue_ssid_and_device_by_itself(self):
        cooldown = CoolDown(failures=1)
        cooldown.fail(PLACE, 0)
        others = (PLACE._replace(venue=None), PLACE._replace(ssid=b"x"), PLACE._replace(device=RESIDENT.value))
        assert not any(cooldown.cooling(place, 0) for place in others)


class TestEngine:
    @pytest.fixture
    def house(self, house):
        house.key_id = house.add_key(SSID, b"right-passphrase")
        return house.start()

    @pytest.fixture
    def fail(self, house, handshake):
        def fail(spa=STRANGER, times=10, passphrase=b"wrong-passphrase"):
            for _ in range(times):
                assert house.ask(handshake(passphrase, spa=spa)) is None

        return fail

    def test_failing_device_is_refused_without_a_search(self, house, handshake, lines, fail):
        fail()
        assert "unknown passphrase" in lines()[-1]
        question = house.question(handshake(b"right-passphrase", spa=STRANGER))
        reply = house.engine.receive(question.datagram, Source("192.0.2.1", 40000), house.now)
        assert not isinstance(reply, Search)
        assert question.read(reply) is None
        assert REASON in lines()[-1]
        house.clock.seconds += 120
        assert house.ask(handshake(b"right-passphrase", spa=STRANGER))

    def test_repetition_of_a_request_is_no_failure(self, house, handshake, lines):
        question = house.question(handshake(b"wrong-passphrase"))
        for _ in range(20):
            house.send(question.datagram)
        assert house.ask(handshake(b"right-passphrase"))

    def test_known_device_is_never_affected(self, house, handshake, lines, fail):
        assert house.ask(handshake(b"right-passphrase", spa=RESIDENT))
        fail(RESIDENT, 10)
        assert house.ask(handshake(b"wrong-passphrase", spa=RESIDENT)) is None
        assert REASON in lines()[-1]
        assert house.ask(handshake(b"right-passphrase", spa=RESIDENT))
        assert "how=known" in lines()[-1]
        fail(RESIDENT, 1)
        assert "unknown passphrase" in lines()[-1]  # the success has cleared it

    def test_success_within_the_count_clears_it(self, house, handshake, lines, fail):
        fail(times=9)
        assert house.ask(handshake(b"right-passphrase", spa=STRANGER))
        fail(times=9)
        assert REASON not in "".join(lines())

    def test_key_added_meanwhile_works_at_once(self, house, handshake, fail):
        fail(passphrase=b"newer-passphrase")
        house.add_key(SSID, b"newer-passphrase")
        house.follow()
        assert house.ask(handshake(b"newer-passphrase", spa=STRANGER))

    def test_known_key_that_may_not_be_used_keeps_its_reason(self, house, handshake, lines, fail):
        assert house.ask(handshake(b"right-passphrase", spa=RESIDENT))
        house.store.keys.set_status(house.key_id, KeyStatus.SUSPENDED, now=house.now, reason="delinquent")
        house.follow()
        fail(RESIDENT, 15, b"right-passphrase")
        assert 'reason="suspended: delinquent"' in lines()[-1]
        question = house.question(handshake(b"right-passphrase", spa=RESIDENT))
        assert isinstance(house.engine.receive(question.datagram, Source("192.0.2.1", 1), house.now), bytes)
        house.store.keys.set_status(house.key_id, KeyStatus.ACTIVE, now=house.now)
        house.follow()
        assert house.ask(handshake(b"right-passphrase", spa=RESIDENT))


class TestWaiting:
    """A search whose turn comes after something has happened."""

    @pytest.fixture
    def house(self, house):
        house.add_key(SSID, b"right-passphrase")
        return house.start()

    def begin(self, house, subject, port):
        question = house.question(subject)
        return question, house.engine.receive(question.datagram, Source("192.0.2.1", port), house.now)

    def test_what_the_first_search_found_answers_the_second_request(self, house, handshake, lines):
        (_, first), (question, second) = (self.begin(house, handshake(b"right-passphrase"), port) for port in (1, 2))
        assert first.owner == second.owner
        first.run()
        house.engine.finish(first, house.now)
        assert question.read(house.engine.reconsider(second, house.now)).passphrases == (b"right-passphrase",)
        assert [line.split("how=")[1].split()[0] for line in lines()] == ["search", "known"]

    def test_it_is_still_needed_where_the_first_found_nothing(self, house, handshake):
        (_, first), (question, second) = (
            self.begin(house, handshake(passphrase), port)
            for port, passphrase in enumerate((b"wrong-passphrase", b"right-passphrase"))
        )
        first.run()
        house.engine.finish(first, house.now)
        second = house.engine.reconsider(second, house.now)
        second.run()
        assert question.read(house.engine.finish(second, house.now)).passphrases == (b"right-passphrase",)

    def test_request_older_than_the_nas_would_wait_is_dropped(self, house, handshake, lines):
        question, search = self.begin(house, handshake(b"right-passphrase"), 1)
        house.clock.seconds += 5.1
        assert house.engine.reconsider(search, house.now) is None
        assert 'discard cause=too-late source=192.0.2.1:1 detail="waited 5.1 s for a search (NAS' in lines()[-1]
        assert question.read(house.send(question.datagram, port=1))  # its repetition is looked at afresh

    def test_cool_down_that_began_meanwhile_counts(self, house, handshake, lines):
        question, search = self.begin(house, handshake(b"right-passphrase", spa=STRANGER), 1)
        for _ in range(10):
            house.ask(handshake(b"wrong-passphrase", spa=STRANGER))
        assert question.read(house.engine.reconsider(search, house.now)) is None
        assert REASON in lines()[-1]

    def test_storm_has_a_line_now_and_then_and_its_count(self, house, handshake, lines):
        def drop():
            _, search = self.begin(house, handshake(b"right-passphrase"), 1)
            house.engine.drop(search, "queue-full", "too many searches are waiting")

        for _ in range(50):
            drop()
        assert sum("cause=queue-full" in line for line in lines()) == 1
        house.clock.seconds += 5
        drop()
        assert "NAS access points), and 49 more before" in lines()[-1]
        for _ in range(7):
            drop()
        house.engine.catch_up()
        house.clock.seconds += 5
        house.engine.catch_up()
        house.engine.catch_up()
        assert lines()[-1] == 'discard cause=queue-full nas="access points" suppressed=7'
        assert sum("cause=queue-full" in line for line in lines()) == 3
        assert house.engine.journal.counts.discards["queue-full"] == 58


class TestInsider:
    """A resident with a passphrase of their own takes another's address, off the air."""

    @pytest.fixture
    def house(self, house, handshake):
        house.victims = house.add_key(SSID, b"victims-passphrase", identity="victim")
        house.insiders = house.add_key(SSID, b"insiders-passphrase", identity="insider")
        number = itertools.count()
        house.ask_with = lambda passphrase: house.ask(handshake(passphrase, spa=RESIDENT), port=next(number) + 1024)
        return house.start()

    @pytest.fixture
    def attack(self, house, lines):
        """Connect once under the victim's address, then fail until it is cooling down."""

        def attack():
            assert house.ask_with(b"insiders-passphrase")
            for _ in range(11):
                assert house.ask_with(b"wrong-passphrase") is None
            assert REASON in lines()[-1]

        return attack

    def test_cannot_lock_out_a_device_that_was_let_in(self, house, attack, lines):
        assert house.ask_with(b"victims-passphrase")
        for _ in range(3):
            attack()
            assert house.ask_with(b"victims-passphrase")
            assert "accept who=victim" in lines()[-1]
            assert "how=known" in lines()[-1]

    def test_cannot_lock_out_a_registered_device_that_was_never_seen(self, house, attack, lines):
        house.store.keys.add_device(house.victims, RESIDENT)
        house.follow()
        attack()
        assert house.ask_with(b"victims-passphrase")
        assert "accept who=victim" in lines()[-1]

    def test_cannot_with_two_passphrases_where_the_device_is_registered(self, house, attack):
        third = house.add_key(SSID, b"another-insiders-passphrase")
        house.store.keys.add_device(house.victims, RESIDENT)
        house.follow()
        assert house.ask_with(b"another-insiders-passphrase")
        attack()
        assert house.ask_with(b"victims-passphrase")
        assert third in house.index.devices.keys(house.pool(SSID), RESIDENT)

    def test_cannot_after_a_restart_or_in_another_worker(self, house, attack):
        assert house.ask_with(b"victims-passphrase")
        house.save()
        attack()
        house.save()
        house.start()
        for _ in range(10):
            assert house.ask_with(b"wrong-passphrase") is None
        assert house.ask_with(b"victims-passphrase")

    def test_does_not_change_what_an_operator_registered(self, house, attack, lookup):
        """Access points that only look up would be given the insider's passphrase for the victim's device."""
        house.store.keys.add_device(house.victims, RESIDENT)
        house.follow()
        attack()
        for identifier in range(100, 104):
            asked = house.ask(lookup(RESIDENT), identifier=identifier)
            assert asked.passphrases == (b"victims-passphrase",)
            assert house.ask_with(b"insiders-passphrase")
        house.save()
        house.start()
        assert house.ask(lookup(RESIDENT)).passphrases == (b"victims-passphrase",)

    def test_registration_holds_while_the_device_uses_another_key(self, house, lookup):
        """What a handshake was answered with must not become the answer to a lookup, nor stay it."""
        number = itertools.count()

        def looked_up():
            return house.ask(lookup(RESIDENT), identifier=next(number)).passphrases

        for _ in range(2):
            assert house.ask_with(b"insiders-passphrase")
            assert looked_up() == (b"insiders-passphrase",)
        house.store.keys.add_device(house.victims, RESIDENT)
        house.follow()
        for _ in range(3):
            assert looked_up() == (b"victims-passphrase",)
            assert house.ask_with(b"insiders-passphrase")
        house.store.keys.set_status(house.victims, KeyStatus.SUSPENDED, now=house.now)
        house.follow()
        for _ in range(3):  # the next best is taken for as long as that holds
            assert looked_up() == (b"insiders-passphrase",)
            assert house.ask_with(b"insiders-passphrase")
        house.store.keys.set_status(house.victims, KeyStatus.ACTIVE, now=house.now)
        house.follow()
        assert looked_up() == (b"victims-passphrase",)

    def test_registration_that_begins_later_is_in_force_when_it_does(self, house, lookup):
        soon = house.add_key(SSID, b"future-passphrase", starts=house.now + timedelta(hours=1), devices=(RESIDENT,))
        house.follow()
        assert house.ask_with(b"insiders-passphrase")
        for identifier in range(3):
            assert house.ask(lookup(RESIDENT), identifier=identifier).passphrases == (b"insiders-passphrase",)
        house.now += timedelta(hours=1)
        assert house.ask(lookup(RESIDENT), identifier=9).passphrases == (b"future-passphrase",)
        assert house.index.devices.registered(house.pool(SSID), RESIDENT) == soon

    def test_device_that_changes_between_two_keys_is_always_known(self, house, lines, lookup):
        for turn in range(6):
            passphrase = (b"victims-passphrase", b"insiders-passphrase")[turn % 2]
            assert house.ask_with(passphrase)
            assert ("how=known" in lines()[-1]) is (turn > 1)
            assert house.ask(lookup(RESIDENT), identifier=turn).passphrases == (passphrase,)
