"""The fast path answers exactly what the engine would, no longer than it would, and nothing else.

That whatever holds for the engine holds here too is tested by all tests with the `house` fixture: they run both ways.
"""

import dataclasses
import re
from datetime import timedelta
from ipaddress import ip_network

import pyrad.dictionary
import pyrad.packet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto import Akm, MacAddress, Ssid, passphrase_to_pmk, sign
from pcaps import make_handshake
from provisioning import KeyStatus, Passphrase
from radiusd import DIALECTS, Engine, Question, Source
from radiusd.codec import Template, decode_reply, decode_request, encode_reply, encode_template
from radiusd.errors import DialectError
from radiusd.fastpath.batch import Batch
from radiusd.fastpath.cache import FastPath
from radiusd.fastpath.tables import ANSWERED, LEFT, REPEATED, SUPERSEDED
from radiusd.model import Accept, Attribute, Hidden, How, Nested, Salted
from radiusd.server.frontend import FrontEnd
from tests import vendor_vectors
from tests.radiusd.house import SPA, SSID

OTHER = MacAddress(b"\2\0\0\0\2\7")
SOURCE = Source("192.0.2.1", 40000)


@pytest.fixture
def known(house, handshake):
    """A house with a device that is known and was asked about once."""
    house.key = house.add_key(SSID, b"right-passphrase", identity="Ann", vlan=110)
    house.start()
    assert house.ask(handshake(b"right-passphrase"))
    return house


def test_second_request_goes_the_short_way(lines, known, handshake, ways):
    question = known.question(handshake(b"right-passphrase"), identifier=2)
    assert known.engine.receive(question.datagram, SOURCE, known.now)
    granted = known.ask(handshake(b"right-passphrase"), identifier=1)
    assert ways == [ANSWERED]
    assert (granted.passphrases, granted.vlan, granted.class_) == ((b"right-passphrase",), 110, b"key-1")
    long, short = (re.sub(r"ms=\S+", "", line) for line in lines()[-2:])
    assert long == short
    assert known.engine.journal.accepted == {"search": 1, "known": 2}


@pytest.mark.parametrize("akm", [Akm.PSK, Akm.PSK_SHA256, Akm.FT_PSK])
def test_every_akm_is_answered_the_fast_way_once_its_kind_of_station_is_known(house, handshake, ways, akm):
    house.add_key(SSID, b"right-passphrase", vlan=110)
    house.add_key(SSID, b"other-passphrase", vlan=7, devices=(OTHER,))
    house.start()
    for identifier in range(3):
        assert house.ask(handshake(b"right-passphrase", akm=akm), identifier=identifier).vlan == 110
    assert ways == [LEFT, ANSWERED, ANSWERED]
    assert house.ask(handshake(b"other-passphrase", akm=akm, spa=OTHER), identifier=4).vlan == 7
    assert house.ask(handshake(b"other-passphrase", akm=akm, spa=OTHER), identifier=5).vlan == 7
    assert ways[3:] == [LEFT, ANSWERED]  # what is learned of an M2 is nobody's own, FT's PMKR1Name apart
    assert house.ask(handshake(b"wrong-passphrase", akm=akm), identifier=6) is None


def test_akms_of_one_device_do_not_get_in_each_others_way(known, handshake, ways):
    for number in range(3):
        for akm in (Akm.PSK, Akm.PSK_SHA256, Akm.FT_PSK):
            assert known.ask(handshake(b"right-passphrase", akm=akm), identifier=4 * number + akm % 4)
    assert ways == [ANSWERED, LEFT, LEFT] + [ANSWERED] * 6


def test_akm_that_only_the_access_point_names_is_left(known, handshake, ways):
    """What it says is part of the question; another M2 with the same key data may be asked about otherwise."""
    bare = handshake(b"right-passphrase")
    bare = dataclasses.replace(bare, m2=dataclasses.replace(bare.m2, key_data=b""))
    bare = sign(passphrase_to_pmk(b"right-passphrase", SSID), bare)
    for number in range(3):
        assert known.ask(bare, identifier=number)
    assert ways == [LEFT] * 3


def test_key_version_1_is_left(house, ways):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    tkip = make_handshake(Akm.PSK, passphrase_to_pmk(b"right-passphrase", SSID), ssid=SSID, spa=SPA, key_version=1)
    for number in range(3):
        assert house.ask(tkip, identifier=number)
    assert ways == [LEFT] * 3


def test_wrong_key_of_a_known_device_is_left(known, handshake, ways):
    assert known.ask(handshake(b"wrong-passphrase"), identifier=1) is None
    assert ways == [LEFT]


def test_wrong_secret_and_unknown_source_are_left(known, handshake, ways):
    datagram = bytearray(known.question(handshake(b"right-passphrase")).datagram)
    datagram[-1] ^= 1
    assert known.send(bytes(datagram)) is None
    assert known.send(known.question(handshake(b"right-passphrase")).datagram, address="198.51.100.1") is None
    assert ways == [LEFT, LEFT]


@pytest.mark.parametrize("extra", [Attribute(24, b"state"), Attribute(79, b"eap")])
def test_what_the_kernels_do_not_know_is_left(known, handshake, ways, extra):
    known.ask(handshake(b"right-passphrase"), identifier=1, extra=[extra])
    known.ask(handshake(b"right-passphrase"), identifier=2, extra=[extra])
    assert ways == [LEFT, LEFT]


@pytest.mark.parametrize(
    "states",
    [(b"",), (b"proxy",), (b"first", b"second", b"first", b"\0\xff" * 20), (bytes(range(40)),) * 3],
    ids=["empty", "one", "several", "long"],
)
@pytest.mark.parametrize("akm", [Akm.PSK, Akm.PSK_SHA256, Akm.FT_PSK])
def test_proxy_states_come_back_as_they_came(known, handshake, ways, akm, states):
    known.ask(handshake(b"right-passphrase", akm=akm), identifier=1)
    extra = [Attribute(33, state) for state in states]
    question = known.question(handshake(b"right-passphrase", akm=akm), identifier=2, extra=extra)
    reply = known.send(question.datagram)
    assert ways[-1] == ANSWERED
    assert question.read(reply).passphrases == (b"right-passphrase",)
    packet = pyrad.packet.AuthPacket(packet=reply, dict=pyrad.dictionary.Dictionary())
    assert tuple(packet[33]) == states
    assert reply.endswith(b"".join(bytes((33, len(state) + 2)) + state for state in states))
    assert known.send(question.datagram) == reply
    assert ways[-1] == REPEATED


def test_proxy_states_are_no_part_of_the_question(known, handshake, ways):
    for number in range(4):
        extra = [Attribute(33, bytes([number]) * (number + 1))]
        assert known.ask(handshake(b"right-passphrase"), identifier=1 + number, extra=extra)
    assert ways == [ANSWERED] * 4


def test_proxy_states_that_leave_no_room_are_the_engines(known, handshake, ways):
    extra = [Attribute(33, bytes(253))] * 8
    question = known.question(handshake(b"right-passphrase"), identifier=1, extra=extra)
    assert known.send(question.datagram).endswith(bytes((33, 255)) + bytes(253))
    assert ways == [LEFT]


def test_proxy_state_of_length_1_or_0_is_no_request(known, handshake, ways):
    whole = known.question(handshake(b"right-passphrase"), identifier=1, extra=[Attribute(33, b"\x21\x02")]).datagram
    for length in (0, 1, 5):
        octets = bytearray(whole)
        octets[-3] = length
        octets[22:38] = bytes(16)
        octets[22:38] = known.secret.hmac(bytes(octets))
        assert known.send(bytes(octets)) is None
    assert ways == [LEFT] * 3


def test_other_access_point_is_asked_about_once(known, handshake, ways):
    for number in range(3):
        known.ask(handshake(b"right-passphrase", aa=MacAddress(b"\2\0\0\0\0\7")), identifier=number)
    assert ways == [LEFT, ANSWERED, ANSWERED]


def test_repetition_gets_the_same_octets_whichever_way_it_was_answered(known, handshake, ways):
    datagram = known.question(handshake(b"right-passphrase"), identifier=9).datagram
    first = known.send(datagram)
    assert [known.send(datagram) for _ in range(2)] == [first, first]
    assert ways == [ANSWERED, REPEATED, REPEATED]
    assert known.send(datagram, port=40001) not in (None, first)  # another source: another request
    known.clock.seconds += 31
    assert known.send(datagram) not in (None, first)


def test_repetition_of_what_the_engine_answered_is_the_engines(house, handshake, ways):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    datagram = house.question(handshake(b"right-passphrase"), identifier=9).datagram
    first = house.send(datagram)
    assert house.send(datagram) == first  # though the device is known by now
    assert ways == [LEFT, LEFT]
    assert house.ask(handshake(b"right-passphrase"), identifier=9)
    assert ways[-1] == SUPERSEDED
    assert house.send(datagram) not in (None, first)  # its identifier was used for another request since


def test_identifier_answered_the_short_way_ends_the_search_under_it(known, handshake):
    stranger = known.question(handshake(b"right-passphrase", spa=OTHER), identifier=5).datagram
    search = known.engine.receive(stranger, SOURCE, known.now)
    assert known.ask(handshake(b"right-passphrase"), identifier=5)
    search.run()
    assert known.engine.finish(search, known.now) is None


class TestForgetting:
    """No answer outlives what it was made from."""

    def after(self, house, subject):
        house.follow()
        return house.ask(subject, identifier=77)

    def test_suspended_key(self, known, handshake, ways):
        known.store.keys.set_status(known.key, KeyStatus.SUSPENDED, now=known.now, reason="delinquent")
        assert self.after(known, handshake(b"right-passphrase")) is None
        assert ways == [LEFT]

    def test_removed_key(self, known, handshake, ways):
        known.store.keys.set_status(known.key, KeyStatus.REMOVED, now=known.now)
        assert self.after(known, handshake(b"right-passphrase")) is None
        assert ways == [LEFT]

    def test_new_passphrase(self, known, handshake):
        known.store.keys.reset(known.key, Passphrase(b"other-passphrase"))
        assert self.after(known, handshake(b"right-passphrase")) is None
        assert known.ask(handshake(b"other-passphrase"), identifier=78)

    def test_device_that_takes_another_key(self, known, handshake, lookup):
        other = known.add_key(SSID, b"other-passphrase", vlan=7)
        known.follow()
        for number in range(2):
            assert known.ask(lookup(), identifier=number).vlan == 110
        assert known.ask(handshake(b"other-passphrase"), identifier=3).vlan == 7
        for number in range(2):
            assert known.ask(lookup(), identifier=4 + number).class_ == b"key-%d" % other

    def test_device_that_another_worker_saw_with_another_key(self, known, handshake, lookup):
        other = known.add_key(SSID, b"other-passphrase", vlan=7)
        known.follow()
        known.save()
        for number in range(2):
            assert known.ask(lookup(), identifier=number).vlan == 110
        with known.open_store() as store:
            device = next(iter(store.devices.of_keys()))
            store.devices.remember([dataclasses.replace(device, key_id=other)], known.now)
        known.follow()
        assert known.ask(lookup(), identifier=3).vlan == 7

    def test_other_secret(self, known, handshake):
        known.store.nases.add(ip_network("192.0.2.1/32"), b"another secret", name="one access point")
        known.follow()
        assert known.send(known.question(handshake(b"right-passphrase")).datagram) is None

    def test_key_of_another_venue_stays(self, known, handshake, ways):
        known.add_key(Ssid(b"elsewhere"), b"right-passphrase")
        known.add_key(SSID, b"one more key")
        known.follow()
        known.ask(handshake(b"right-passphrase"), identifier=1)
        known.ask(handshake(b"right-passphrase"), identifier=2)
        assert ways[-1] == ANSWERED


def test_key_ends_when_it_ends_and_the_session_with_it(house, handshake, ways):
    house.add_key(SSID, b"right-passphrase", ends=house.now + timedelta(hours=1))
    house.start()
    start = house.now
    for seconds, timeout in ((0, 3600), (1, 3599), (1800.5, 1799), (3599.9, 1)):
        house.now = start + timedelta(seconds=seconds)
        assert house.ask(handshake(b"right-passphrase"), identifier=int(seconds) % 256).session_timeout_s == timeout
    assert ways == [LEFT] + [ANSWERED] * 3
    house.now = start + timedelta(hours=1)
    assert house.ask(handshake(b"right-passphrase"), identifier=99) is None


@pytest.mark.parametrize("name", vendor_vectors.ANSWERED)
def test_every_dialect_answers_alike_both_ways(house, handshake, lookup, ways, name):
    dialect = DIALECTS[name]
    house.store.nases.add(ip_network("192.0.2.1/32"), b"testing123", name="one", profile=name, venue_id=house.venue.id)
    house.add_key(SSID, b"right-passphrase", vlan=110, ends=house.now + timedelta(days=1))
    house.start()
    assert house.ask(handshake(b"right-passphrase"), nas_identifier=b"hudson-house-ap1")
    for make in (lookup, lambda spa=SPA: handshake(b"right-passphrase", spa=spa)):
        answers = []
        for number in range(3):  # with nonces of its own each time
            question = Question.ask(dialect, make(), house.secret, identifier=number)
            reply = house.send(question.datagram, port=len(ways) + 1)
            answers.append(None if reply is None else question.read(reply))
        assert answers[0] == answers[1] == answers[2]
        assert ways[-2:] == [ANSWERED] * 2
        asked = len(house.fast_path._asked)
        assert house.ask(handshake(b"right-passphrase", spa=OTHER))
        for number in range(2):
            house.send(
                Question.ask(dialect, make(OTHER), house.secret, identifier=number).datagram,
                port=1,
            )
        assert len(house.fast_path._asked) <= asked + 1  # hostapd's own; what a device asks is no other question


@pytest.mark.parametrize("name", vendor_vectors.ANSWERED)
def test_time_shows_in_nothing_but_session_timeout(house, lookup, name):
    """What the fast path relies on, of every dialect."""
    key = house.store.keys.get(house.add_key(SSID, b"right-passphrase", vlan=110, identity="Ann"))
    asked = decode_request(house.question(lookup()).datagram, house.secret)
    answers = []
    for seconds in (1, 2):
        accept = Accept(key=key, how=How.KNOWN, session_timeout_s=seconds, name_asked=True)
        answers.append(encode_reply(asked, 2, DIALECTS[name].encode_accept(accept), house.secret, salt=1)[38:])
    at = answers[0].index(bytes.fromhex("1b0600000001"))
    assert answers[1] == answers[0][:at] + bytes.fromhex("1b0600000002") + answers[0][at + 6 :]


@pytest.mark.parametrize("how", [How.KNOWN, How.SEARCH])
@pytest.mark.parametrize("name", vendor_vectors.ANSWERED)
def test_search_and_known_are_answered_alike(house, name, how):
    key = house.store.keys.get(house.add_key(SSID, b"right-passphrase", vlan=110))
    attributes = [DIALECTS[name].encode_accept(Accept(key=key, how=each)) for each in (How.KNOWN, how)]
    assert attributes[0] == attributes[1]


def test_template_says_where_each_salted_value_is():
    salted = Salted(69, b"passphrase", 0)
    tunnel = b"\x45\x15\0\0\0\x0apassphrase" + bytes(5)
    assert encode_template((salted, Attribute(25, b"x"))) == Template(tunnel + b"\x19\x03x", ((3, 1),), None)
    nested = Nested((26, 41112, 5), ((2, b"passphrase"), (3, b"key-1")))
    template = encode_template((salted, nested, Attribute(27, bytes(4))))
    assert template.salted == ((3, 1), (21 + 10, 1), (21 + 30, 1))
    assert template.timeout_at == 21 + 48 + 2
    assert [template.octets[at + 3 : at + 8] for at, _ in template.salted] == [b"passp", b"passp", b"key-1"]
    assert encode_template((Hidden(2, b"x"),)) is None


def test_passphrases_of_every_length_and_secrets_too_long(house, handshake, ways):
    for length in (8, 15, 16, 31, 32, 47, 48, 63):
        passphrase = bytes(65 + length % 26 for _ in range(length))
        spa = MacAddress(b"\2\0\0\0\3" + bytes([length]))
        house.add_key(SSID, passphrase)
        house.start() if house.engine is None else house.follow()
        for number in range(2):
            assert house.ask(handshake(passphrase, spa=spa), identifier=number).passphrases == (passphrase,)
        assert ways[-1] == ANSWERED


def test_tables_are_bounded_and_the_newest_stays(house, handshake, ways):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    for number in range(300):
        spa = MacAddress(b"\2\0\0\0" + number.to_bytes(2))
        assert house.ask(handshake(b"right-passphrase", spa=spa), identifier=number % 256)
        house.clock.seconds += 0.01
    assert house.ask(handshake(b"right-passphrase", spa=spa), identifier=255)
    assert ways[-1] in (ANSWERED, SUPERSEDED)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(data=st.data())
def test_damaged_requests_are_never_answered(known, handshake, data):
    whole = known.question(handshake(b"right-passphrase"), identifier=4).datagram
    datagram = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        datagram[data.draw(st.integers(0, len(datagram) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(datagram)))
    for octets in (bytes(datagram), bytes(datagram[:cut])):
        if octets != whole:
            assert known.send(octets) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(octets=st.binary(max_size=4200))
def test_arbitrary_octets_are_left(known, octets):
    batch = Batch(1)
    batch.put(0, octets, SOURCE)
    assert known.front_end.answer(batch, 1, 0, known.now).lengths == [0]


def test_batch_is_answered_row_by_row(known, handshake):
    batch = Batch(8)
    questions = [
        known.question(handshake(passphrase), identifier=number)
        for number, passphrase in enumerate([b"right-passphrase", b"wrong-passphrase", b"right-passphrase"])
    ]
    for row, question in enumerate(questions):
        batch.put(row, question.datagram, SOURCE)
    lengths, (search,) = known.front_end.answer(batch, 3, 0, known.now)
    assert lengths[1] == 0
    assert search.transaction.request.identifier == 1
    for row, length in ((0, lengths[0]), (2, lengths[2])):
        assert questions[row].read(batch.replies[row, :length].tobytes()).passphrases == (b"right-passphrase",)


@pytest.mark.parametrize(
    "source",
    [
        Source("192.0.2.7", 1812, 3),
        Source("2001:db8::1", 65535, 0),
        Source("192.0.2.7", 1812, 0, "192.0.2.1"),
        Source("2001:db8::1", 65535, 255, "2001:db8::2"),
        Source("::ffff:192.0.2.7", 1, 0, "::ffff:192.0.2.1"),
    ],
)
def test_batch_knows_where_it_came_from(source):
    batch = Batch(2)
    batch.put(1, b"octets", source)
    assert batch.source(1, source.socket) == source
    assert batch.packet(1) == b"octets"


def test_nothing_is_compiled_while_serving(known, handshake, lookup):
    from radiusd.fastpath import kernels as kernels
    from radiusd.fastpath.compilation import warm_up

    warm_up()
    known.add_key(Ssid(b"Guests"), b"guest-passphrase", ends=known.now + timedelta(hours=1))
    known.follow()
    for number in range(3):
        known.ask(handshake(b"right-passphrase"), identifier=number)
        known.ask(handshake(b"guest-passphrase", ssid=Ssid(b"Guests")), identifier=10 + number)
        known.ask(lookup(), identifier=20 + number)
    for function in (kernels.answer_all, kernels.mark, kernels.put_question, kernels.put_answer):
        assert len(function.signatures) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(data=st.data())
@pytest.mark.parametrize("name", vendor_vectors.SEARCHING)
def test_altered_and_signed_again_it_means_to_both_the_same(twins, handshake, lookup, name, data):
    """The engine alone judges what the fast path makes of a request; at length in tests/fuzz/differential.py."""
    house, engine = twins
    dialect = DIALECTS[name]
    akm = data.draw(st.sampled_from([None, Akm.PSK, Akm.PSK_SHA256, Akm.FT_PSK]))
    subject = lookup() if akm is None else handshake(b"right-passphrase", akm=akm)
    states = [Attribute(33, state) for state in data.draw(st.lists(st.binary(max_size=90), max_size=5))]
    try:
        for identifier in range(2):
            asked = Question.ask(dialect, subject, house.secret, identifier=identifier)
            house.send(asked.datagram, address="192.0.2.9")
        octets = bytearray(Question.ask(dialect, subject, house.secret, extra=states).datagram)
    except DialectError:  # no room for the M2 of FT
        return
    for _ in range(data.draw(st.integers(0, 3))):
        octets[data.draw(st.integers(38, len(octets) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.integers(0, 9)):
        octets[22:38] = bytes(16)
        octets[22:38] = house.secret.hmac(bytes(octets))
    else:  # without Message-Authenticator
        octets[2:4], octets[20:38] = (len(octets) - 18).to_bytes(2), b""
    datagram = bytes(octets)
    replies = [each.handle(datagram, Source("192.0.2.9", 9), house.now) for each in (house.front_end, engine)]
    assert [None if reply is None else reply[0] for reply in replies] in ([None, None], [2, 2], [3, 3])
    if replies[0] is not None:
        read = Question(datagram=datagram, dialect=dialect, secret=house.secret).read
        assert read(replies[0]) == read(replies[1])
        proxied = [decode_reply(reply, datagram, house.secret).every(33) for reply in replies]
        assert proxied[0] == proxied[1]


@pytest.fixture
def twins(house):
    """A house that answers the fast path where it can, and an engine that never does."""
    house.add_key(SSID, b"right-passphrase", vlan=110, devices=(SPA,))
    house.add_key(SSID, b"other-passphrase", vlan=7)
    house.start()
    return house, Engine(house.index, house.clock)


@pytest.mark.parametrize("step", ["answer", "mark", "learn", "forget_device"])
def test_failure_costs_no_answer_and_the_fast_path_comes_back(known, handshake, monkeypatch, lines, ways, step):
    def fail(*args):
        raise KeyError("right-passphrase")

    known.may_fail = True
    with monkeypatch.context() as patch:
        patch.setattr(FastPath, step, fail)
        for number in range(2):
            assert known.ask(handshake(b"right-passphrase", spa=OTHER), identifier=number)
    (error,) = [line for line in lines() if line.startswith("error")]
    assert error.startswith("error place=KeyError@test_cache.py:")
    assert error.endswith(": without compiled answers for 1 s")
    assert known.engine.journal.counts.fastpath_failures == 1
    del ways[:]
    for seconds in (0.5, 1.0):
        known.clock.seconds += seconds
        known.front_end.catch_up()
        for number in range(3):
            assert known.ask(handshake(b"right-passphrase"), identifier=number)
    assert ways[-3:] == [LEFT, ANSWERED, ANSWERED]


def test_what_fails_again_and_again_is_tried_more_rarely(known, handshake, monkeypatch, lines):
    def fail(*args):
        raise KeyError("right-passphrase")

    known.may_fail = True
    monkeypatch.setattr(FastPath, "answer", fail)
    for second in range(300):
        known.clock.seconds += 1
        known.front_end.catch_up()
        assert known.ask(handshake(b"right-passphrase"), identifier=second % 256)
    errors = [line.rpartition(" for ")[2] for line in lines() if line.startswith("error")]
    assert errors == [f"{seconds} s" for seconds in (1, 2, 4, 8, 16, 32, 60, 60, 60, 60)][: len(errors)]
    assert 8 <= len(errors) == known.engine.journal.counts.fastpath_failures


def test_each_process_has_salts_of_its_own(known):
    """The fast path is made before workers are forked."""
    seeds = {known.fast_path._salt}
    for _ in range(3):
        FrontEnd(known.engine).enable(known.fast_path)
        seeds.add(known.fast_path._salt)
    assert len(seeds) == 4
