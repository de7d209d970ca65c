"""What is decided about a request, and what of it the air and the log get to see."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from pyrad.dictionary import Dictionary
from pyrad.packet import AuthPacket

from crypto import Akm, MacAddress, Ssid
from provisioning import KeyStatus, Passphrase
from radiusd import DIALECTS, Question, Source
from radiusd.codec import encode_request
from radiusd.model import Attribute

SSID = Ssid(b"Hudson House")
SOURCE = Source("192.0.2.1", 40000)


def test_recorded_request_gets_its_own_key(house, recording, recordings, lines):
    ids = {case.name: house.add_key(case.ssid, case.passphrase, identity=case.name, vlan=110) for case in recordings}
    house.start()
    reply = house.send(recording.datagram)
    granted = Question(datagram=recording.datagram, dialect=DIALECTS["hostapd"], secret=house.secret).read(reply)
    assert granted.passphrases == (recording.passphrase,)
    assert granted.vlan == 110
    assert reply[20:22] == b"\x50\x12"  # Message-Authenticator first (CVE-2024-3596)
    (line,) = lines()
    assert line.startswith(f"accept who={recording.name} key={ids[recording.name]} nas=")
    assert "device=02:00:00:00:01:00 how=search" in line
    assert "vlan=110" in line


def test_pyrad_reads_the_same_accept(house, recording):
    house.add_key(recording.ssid, recording.passphrase, vlan=110)
    house.start()
    request = AuthPacket(packet=recording.datagram, secret=house.secret.value, dict=Dictionary())
    reply = request.CreateReply(packet=house.send(recording.datagram))
    assert request.VerifyReply(reply, enforce_ma=True)
    assert list(reply) == [80, 69, 64, 65, 81, 25, 89]
    reply.request_authenticator = request.authenticator
    (value,) = reply[69]
    assert value[0] == 0  # the tag octet, without which hostapd passes the attribute over
    assert reply.SaltDecrypt(value[1:]) == recording.passphrase
    assert (reply[64], reply[65], reply[81]) == ([b"\0\0\0\x0d"], [b"\0\0\0\x06"], [b"110"])


def test_wrong_passphrase_is_rejected(house, handshake, lines):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    assert house.ask(handshake(b"wrong-passphrase")) is None
    assert 'reject reason="unknown passphrase"' in lines()[-1]
    assert 'ssid="Hudson House" device=02:00:00:00:02:01' in lines()[-1]


@pytest.mark.parametrize("akm", [Akm.PSK, Akm.FT_PSK, Akm.PSK_SHA256], ids=str)
def test_second_time_the_device_is_known(house, handshake, lines, akm):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    for how in ("search", "known"):
        assert house.ask(handshake(b"right-passphrase", akm=akm)) is not None
        assert f"how={how}" in lines()[-1]


def test_device_is_known_after_a_restart(house, handshake, lines):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    assert house.ask(handshake(b"right-passphrase"))
    house.save()
    house.start()
    assert house.ask(handshake(b"right-passphrase"))
    assert "how=known" in lines()[-1]


def test_device_with_another_key_is_searched_again(house, handshake, lines):
    house.add_key(SSID, b"first-passphrase")
    house.add_key(SSID, b"second-passphrase")
    house.start()
    for passphrase, how in ((b"first-passphrase", "search"), (b"second-passphrase", "search")):
        assert house.ask(handshake(passphrase)).passphrases == (passphrase,)
        assert f"how={how}" in lines()[-1]
    assert house.ask(handshake(b"second-passphrase"))
    assert "how=known" in lines()[-1]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("draft", "change", "reason"),
    [
        ({"ends": timedelta(days=-20)}, None, "expired 2026-10-31 12:00 UTC"),
        ({"starts": timedelta(days=11)}, None, "starts 2026-12-01 12:00 UTC"),
        ({}, (KeyStatus.SUSPENDED, "delinquent"), "suspended: delinquent"),
        ({}, (KeyStatus.REMOVED, None), "removed 2026-11-20"),
    ],
)
def test_key_that_may_not_be_used(house, handshake, lines, draft, change, reason, known):
    window = {name: house.now + offset for name, offset in draft.items()}
    key_id = house.add_key(SSID, b"right-passphrase", identity="Ann", **window)
    if change:
        house.store.keys.set_status(key_id, change[0], now=house.now, reason=change[1])
    house.start()
    if known:
        house.index.devices.learn(house.pool(SSID), MacAddress(b"\2\0\0\0\2\1"), key_id)
    question = house.question(handshake(b"right-passphrase"))
    reply = house.send(question.datagram)
    assert question.read(reply) is None
    assert len(reply) == 38  # header and Message-Authenticator: the air never learns why
    assert f'reject reason="{reason}" who=Ann key={key_id} nas=' in lines()[-1]


def test_live_key_wins_over_a_removed_one_with_its_passphrase(house, handshake, lines):
    former = house.add_key(SSID, b"same-passphrase", identity="former")
    house.store.keys.set_status(former, KeyStatus.REMOVED, now=house.now)
    house.add_key(SSID, b"same-passphrase", identity="present")
    house.start()
    house.index.devices.learn(house.pool(SSID), MacAddress(b"\2\0\0\0\2\1"), former)
    assert house.ask(handshake(b"same-passphrase"))
    assert "who=present" in lines()[-1]
    assert "how=search" in lines()[-1]
    assert house.ask(handshake(b"same-passphrase"))
    assert "how=known" in lines()[-1]


def test_session_ends_with_the_key(house, handshake):
    house.add_key(SSID, b"right-passphrase", ends=house.now + timedelta(hours=2))
    house.add_key(SSID, b"other-passphrase", ends=house.now + timedelta(days=365 * 200))
    house.add_key(SSID, b"short-passphrase", ends=house.now + timedelta(seconds=1))
    house.start()
    assert house.ask(handshake(b"right-passphrase")).session_timeout_s == 7200
    assert house.ask(handshake(b"other-passphrase")).session_timeout_s == 2**32 - 1
    house.now += timedelta(seconds=0.7)
    assert house.ask(handshake(b"short-passphrase")).session_timeout_s == 1


def test_raw_pmk_goes_out_as_64_hex_digits(house, recordings):
    case = recordings[0]
    house.add_key(case.ssid, case.pmk.value.hex().encode())
    house.start()
    question = Question(datagram=case.datagram, dialect=DIALECTS["hostapd"], secret=house.secret)
    assert question.read(house.send(case.datagram)).passphrases == (case.pmk.value.hex().encode(),)


def test_key_is_named_without_its_owner(house, handshake):
    key_id = house.add_key(SSID, b"right-passphrase", identity="Ada Lovelace")
    house.start()
    name = b"key-%d" % key_id
    for identifier in range(2):
        granted = house.ask(handshake(b"right-passphrase"), identifier=identifier)
        # hostapd asks for no Chargeable-User-Identity, but repeats in accounting no other name that it was given.
        assert (granted.class_, granted.chargeable_user_identity) == (name, name)


@pytest.mark.parametrize(
    ("dialect", "unasked"), [("hostapd", True), ("openwifi", True), ("unifi", False), ("generic", False)]
)
def test_key_is_named_for_accounting_where_that_was_tried_or_asked_for(house, lookup, dialect, unasked):
    key_id = house.add_key(SSID, b"right-passphrase", devices=(MacAddress(b"\2\0\0\0\2\1"),))
    house.change_nas(profile=dialect)
    house.start()
    names = {True: b"key-%d" % key_id, False: None}
    for identifier in (0, 1):
        granted = house.ask(lookup(), dialect=dialect, identifier=identifier)
        assert granted.chargeable_user_identity == names[unasked]
    for identifier in (2, 3):  # RFC 4372 2.1: a NUL asks
        granted = house.ask(lookup(), dialect=dialect, identifier=identifier, extra=[Attribute(89, b"\0")])
        assert granted.chargeable_user_identity == names[True]


@pytest.mark.parametrize("passphrase", [b"right-passphrase", b"wrong-passphrase"])
def test_every_reply_returns_proxy_states_in_order(house, handshake, passphrase):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    states = [Attribute(33, b"first"), Attribute(33, b""), Attribute(33, b"first")]
    question = house.question(handshake(passphrase), extra=states)
    assert house.send(question.datagram).endswith(b"\x21\x07first\x21\x02\x21\x07first")


def test_accept_that_does_not_fit_beside_the_proxy_states_is_not_sent(house, lines):
    house.add_key(SSID, b"x" * 63, vlan=4094, devices=(MacAddress(b"\2\0\0\0\2\1"),))
    house.start()
    asked = [Attribute(30, b"020000000000:Hudson House"), Attribute(31, b"020000000201")]
    room = 4096 - 38 - sum(len(attribute.value) + 2 for attribute in asked)
    states = [Attribute(33, bytes(253))] * (room // 255) + [Attribute(33, bytes(room % 255 - 2))]
    datagram = encode_request(1, bytes(16), [*asked, *states], house.secret)
    assert len(datagram) == 4096
    assert house.send(datagram) is None
    assert "discard cause=malformed" in lines()[-1]
    assert house.send(encode_request(2, bytes(16), [*asked, *states[1:]], house.secret)) is not None


class TestLookup:
    def test_registered_device_gets_its_key(self, house, lookup, lines):
        device = MacAddress(b"\2\0\0\0\2\1")
        house.add_key(SSID, b"right-passphrase", identity="Ada", vlan=7, devices=(device,))
        house.start()
        granted = house.ask(lookup(device))
        assert granted.passphrases == (b"right-passphrase",)
        assert granted.vlan == 7
        assert "how=lookup" in lines()[-1]

    def test_learned_device_gets_its_key(self, house, handshake, lookup):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        assert house.ask(handshake(b"right-passphrase"))
        assert house.ask(lookup()).passphrases == (b"right-passphrase",)

    def test_unknown_device_is_rejected(self, house, lookup, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        assert house.ask(lookup()) is None
        assert 'reject reason="unknown device"' in lines()[-1]

    def test_device_of_an_expired_key_is_rejected(self, house, lookup, lines):
        devices = (MacAddress(b"\2\0\0\0\2\1"),)
        house.add_key(SSID, b"right-passphrase", ends=house.now - timedelta(days=20), devices=devices)
        house.start()
        assert house.ask(lookup()) is None
        assert 'reject reason="expired 2026-10-31 12:00 UTC"' in lines()[-1]

    def test_device_of_another_ssid_is_unknown(self, house, lookup):
        house.add_key(Ssid(b"Elsewhere"), b"right-passphrase", devices=(MacAddress(b"\2\0\0\0\2\1"),))
        house.add_key(SSID, b"other-passphrase")
        house.start()
        assert house.ask(lookup()) is None


class TestPlace:
    def test_ssid_without_keypool(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        assert house.ask(handshake(b"right-passphrase", ssid=Ssid(b"hudson house"))) is None
        assert 'reject reason="no keypool has this SSID, one has Hudson House" nas=' in lines()[-1]
        assert 'ssid="hudson house"' in lines()[-1]

    def test_nas_that_belongs_nowhere_reaches_global_keypools_only(self, house, handshake, lines):
        house.store.venues.add("Another House", nas_identifiers=["another-ap1"])
        house.change_nas(any_venue=True)
        house.add_key(SSID, b"right-passphrase")
        everywhere = house.store.keypools.add(Ssid(b"Staff"))
        house.pools[Ssid(b"Staff")] = everywhere
        house.add_key(Ssid(b"Staff"), b"staff-passphrase")
        house.start()
        assert house.ask(handshake(b"right-passphrase")) is None
        assert "(it sends none), nor its NAS one" in lines()[-1]
        assert "venue=none" in lines()[-1]
        assert house.ask(handshake(b"right-passphrase"), nas_identifier=b'ap"\n') is None
        assert '(it sends ap\\"\\x0a), nor its NAS one" nas=' in lines()[-1]
        assert house.ask(handshake(b"right-passphrase"), nas_identifier=b"another-ap1") is None
        assert 'reject reason="no keypool of this venue has this SSID, one elsewhere has"' in lines()[-1]
        assert 'venue="Another House"' in lines()[-1]
        assert house.ask(handshake(b"right-passphrase"), nas_identifier=b"hudson-house-ap2")
        assert house.ask(handshake(b"staff-passphrase", ssid=Ssid(b"Staff")))

    def test_local_and_global_keypools_of_one_ssid_are_both_searched(self, house, handshake):
        house.add_key(SSID, b"local-passphrase")
        house.pools[SSID] = house.store.keypools.add(SSID)
        house.add_key(SSID, b"global-passphrase")
        house.start()
        for _ in range(2):
            assert house.ask(handshake(b"local-passphrase", spa=MacAddress(b"\2\0\0\0\2\1")))
            assert house.ask(handshake(b"global-passphrase", spa=MacAddress(b"\2\0\0\0\2\2")))


class TestFollowing:
    """What another process does to the store takes effect with the next look at it."""

    def test_key_added_suspended_resumed_removed(self, house, handshake):
        house.add_key(SSID, b"first-passphrase")
        house.start()
        assert house.ask(handshake(b"right-passphrase")) is None
        key_id = house.add_key(SSID, b"right-passphrase")
        for change, works in (
            (None, True),
            (KeyStatus.SUSPENDED, False),
            (KeyStatus.ACTIVE, True),
            (KeyStatus.REMOVED, False),
        ):
            if change is not None:
                house.store.keys.set_status(key_id, change, now=house.now)
            house.follow()
            for spa in (b"\2\0\0\0\2\1", b"\2\0\0\0\2" + bytes([works])):  # a known device and a new one
                assert (house.ask(handshake(b"right-passphrase", spa=MacAddress(spa))) is not None) == works

    def test_reset_key_takes_its_new_passphrase_only(self, house, handshake, lines):
        key_id = house.add_key(SSID, b"first-passphrase")
        house.start()
        assert house.ask(handshake(b"first-passphrase"))
        house.store.keys.reset(key_id, Passphrase(b"second-passphrase"))
        house.follow()
        assert house.ask(handshake(b"first-passphrase")) is None
        assert house.ask(handshake(b"second-passphrase")).passphrases == (b"second-passphrase",)
        assert "how=known" in lines()[-1]

    def test_new_nas_venue_and_keypool(self, house, handshake):
        house.start()
        question = house.question(handshake(b"right-passphrase"))
        assert house.send(question.datagram, address="198.51.100.7") is None
        venue = house.store.venues.add("Another House")
        house.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", name="new", venue_id=venue.id)
        house.pools[SSID] = house.store.keypools.add(SSID, venue_ids=[venue.id])
        house.add_key(SSID, b"right-passphrase")
        house.follow()
        assert house.ask(handshake(b"right-passphrase"), address="198.51.100.7")
        assert house.ask(handshake(b"right-passphrase"), nas_identifier=b"hudson-house-ap1") is None

    def test_registered_device(self, house, lookup):
        key_id = house.add_key(SSID, b"right-passphrase")
        house.start()
        assert house.ask(lookup()) is None
        house.store.keys.add_device(key_id, MacAddress(b"\2\0\0\0\2\1"))
        house.follow()
        assert house.ask(lookup())


class TestDuplicates:
    """RFC 5080 2.2.2."""

    def test_repetition_gets_the_same_octets_and_one_line(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        datagram = house.question(handshake(b"right-passphrase")).datagram
        first = house.send(datagram)
        assert house.send(datagram) == first
        assert house.send(datagram + b"padding") == first
        assert len(lines()) == 1
        assert house.engine.journal.counts.duplicates == 2

    @pytest.mark.parametrize("source", [{"port": 40001}, {"address": "192.0.2.2"}, {"socket": 1}], ids=str)
    def test_same_octets_from_elsewhere_are_another_request(self, house, handshake, lines, source):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        datagram = house.question(handshake(b"right-passphrase")).datagram
        assert house.send(datagram)[38:] != house.send(datagram, **source)[38:]  # another salt
        assert len(lines()) == 2

    def test_repetition_after_30_seconds_is_answered_anew(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        datagram = house.question(handshake(b"right-passphrase")).datagram
        assert house.send(datagram)
        house.clock.seconds += 31
        assert house.send(datagram)
        assert len(lines()) == 2

    def test_repetition_while_searching_is_dropped(self, house, handshake):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        datagram = house.question(handshake(b"right-passphrase")).datagram
        search = house.engine.receive(datagram, SOURCE, house.now)
        assert house.engine.receive(datagram, SOURCE, house.now) is None
        search.run()
        reply = house.engine.finish(search, house.now)
        assert isinstance(reply, bytes)
        assert house.engine.receive(datagram, SOURCE, house.now) == reply

    def test_search_of_a_superseded_request_is_not_answered(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        old = house.engine.receive(house.question(handshake(b"right-passphrase")).datagram, SOURCE, house.now)
        new = house.engine.receive(house.question(handshake(b"right-passphrase")).datagram, SOURCE, house.now)
        for search in (old, new):
            search.run()
        assert house.engine.finish(old, house.now) is None
        assert isinstance(house.engine.finish(new, house.now), bytes)
        assert "cause=superseded" in lines()[0]

    def test_repeated_authenticator_with_another_handshake_is_another_request(self, house, handshake):
        house.add_key(SSID, b"first-passphrase")
        house.add_key(SSID, b"second-passphrase")
        house.start()
        for passphrase in (b"first-passphrase", b"second-passphrase"):
            question = house.question(handshake(passphrase), authenticator=bytes(16))
            assert question.read(house.send(question.datagram)).passphrases == (passphrase,)

    def test_dropped_search_may_be_asked_again(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        question = house.question(handshake(b"right-passphrase"))
        search = house.engine.receive(question.datagram, SOURCE, house.now)
        house.engine.drop(search, "queue-full", "too many searches are waiting")
        assert "discard cause=queue-full" in lines()[-1]
        assert question.read(house.send(question.datagram))


def test_handshake_of_a_station_that_uses_sae_is_rejected_by_name(house, handshake, lines):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    made = handshake(b"right-passphrase")
    sae = made.m2.key_data.replace(bytes.fromhex("000fac02"), bytes.fromhex("000fac08"))
    assert house.ask(replace(made, m2=replace(made.m2, key_data=sae))) is None
    assert "SAE" in lines()[-1]
    assert lines()[-1].startswith("reject reason=")
