"""Whatever values a dialect can carry come back, and whatever octets arrive in its attributes are refused by name."""

import contextlib
import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary
from pyrad.packet import AuthPacket

from crypto import CryptoError, Handshake, MacAddress, Pmk, Ssid
from provisioning import Key, KeyStatus, Passphrase, ServicePlan
from radiusd import DIALECTS, DialectError, Lookup, PacketError, Question, SharedSecret
from radiusd.codec import decode_reply, decode_request, encode_reply, encode_request
from radiusd.model import Accept, Attribute, How, Offer, Rates, Request, session_key_name
from radiusd.vendors import is_probe, recognise
from radiusd.vendors.attributes import NAS_IDENTIFIER
from tests.vendor_vectors import ANSWERED, SHOWN, VECTORS

SECRET = SharedSecret(b"testing123")
FUZZ = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
# Every attribute that a decoder looks into.
LOOKED_INTO = sorted(
    {kind for dialect in DIALECTS.values() for kind in (*dialect.markers, *dialect.reads)} | {NAS_IDENTIFIER}, key=str
)

ssids = st.binary(min_size=1, max_size=32).map(Ssid)
addresses = st.binary(min_size=6, max_size=6).map(MacAddress)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63).map(str.encode)
passphrases = (printable | st.binary(min_size=32, max_size=32).map(lambda octets: octets.hex().encode())).map(
    Passphrase
)
rates = st.none() | st.integers(1, 4_294_967)
quotas = st.none() | st.integers(1, 2**63 - 1)
pools = st.none() | st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=60)


PASSPHRASE, PMK = Passphrase(b"a passphrase"), Pmk(bytes(32))


def make_key(number=1, passphrase=PASSPHRASE, pmk=PMK, plan=None, vlan=None):
    return Key(
        id=number,
        keypool_id=1,
        identity="Ann",
        passphrase=passphrase,
        pmk=pmk,
        unit=None,
        subscriber=None,
        plan=plan,
        vlan=vlan,
        effective_vlan=vlan,
        starts=None,
        ends=None,
        status=KeyStatus.ACTIVE,
        status_reason=None,
        status_at=None,
    )


def make_plan(down, up, quota=None, pool=None):
    return ServicePlan(
        id=1,
        name="p",
        download_kbps=down,
        upload_kbps=up,
        devices=None,
        wireless_only=False,
        download_quota_octets=quota,
        upload_quota_octets=quota,
        total_quota_octets=quota,
        vlan_pool=pool,
    )


keys = st.builds(
    make_key,
    number=st.integers(1, 2**40),
    passphrase=passphrases,
    pmk=st.binary(min_size=32, max_size=32).map(Pmk),
    plan=st.none() | st.builds(make_plan, rates, rates, quotas, pools),
    vlan=st.none() | st.integers(1, 4094),
)


def request(*attributes):
    return decode_request(encode_request(1, bytes(16), attributes, SECRET), SECRET)


@pytest.fixture(scope="module")
def handshakes(recordings):
    found = [
        DIALECTS["hostapd"].decode_request(decode_request(each.datagram, SECRET))
        for each in recordings
        if each.name != "ft-psk"
    ]
    assert len(found) == 3
    return found


@pytest.mark.parametrize("name", SHOWN)
@FUZZ
@given(data=st.data())
def test_handshake_comes_back(handshakes, name, data):
    subject = replace(
        data.draw(st.sampled_from(handshakes)),
        ssid=data.draw(ssids),
        aa=data.draw(addresses),
        spa=data.draw(addresses),
        anonce=data.draw(st.binary(min_size=32, max_size=32)),
    )
    nas = data.draw(st.none() | st.binary(min_size=1, max_size=253))
    asked = request(*DIALECTS[name].encode_request(subject, nas))
    assert recognise(asked, data.draw(st.sampled_from(["auto", name]))) == (DIALECTS[name], ())
    assert DIALECTS[name].decode_request(asked) == subject


@pytest.mark.parametrize("name", ANSWERED)
@FUZZ
@given(device=addresses, aa=addresses, ssid=ssids)
def test_lookup_comes_back(name, device, aa, ssid):
    subject = Lookup(device=device, ssid=ssid, aa=aa)
    asked = request(*DIALECTS[name].encode_request(subject, None))
    assert recognise(asked, name) == (DIALECTS[name], ())
    assert DIALECTS[name].decode_request(asked) in (subject, replace(subject, aa=None))


@pytest.mark.parametrize("name", ANSWERED)
@FUZZ
@given(
    key=keys,
    how=st.sampled_from([How.KNOWN, How.SEARCH, How.LOOKUP]),
    seconds=st.none() | st.integers(1, 2**32 - 1),
    asked=st.booleans(),
)
def test_accept_comes_back(name, key, how, seconds, asked):
    accept = Accept(key=key, how=how, session_timeout_s=seconds, name_asked=asked)
    question = Question(datagram=encode_request(1, os.urandom(16), [], SECRET), dialect=DIALECTS[name], secret=SECRET)
    reply = encode_reply(
        decode_request(question.datagram, SECRET), 2, DIALECTS[name].encode_accept(accept), SECRET, 0x7FFE
    )
    granted = question.read(reply)
    assert granted.passphrases or granted.pmk
    assert granted.passphrases in ((), (key.passphrase.value,))
    assert granted.pmk in (None, key.pmk.value)
    assert (granted.vlan, granted.session_timeout_s) == (key.effective_vlan, seconds)
    assert granted.rates in ((None, None), accept.rates)
    said = (accept.quotas, accept.vlan_pool) if "plan" in VECTORS[name] else ((None, None, None), None)
    assert (granted.quotas, granted.vlan_pool) == said
    assert granted.class_ == session_key_name(key)
    named = asked or name in ("hostapd", "openwifi")  # which ask for none, and repeat it all the same
    assert granted.chargeable_user_identity == (session_key_name(key) if named else None)
    same_as_pyrad(question.datagram, reply)


@pytest.mark.parametrize("name", [name for name in ANSWERED if DIALECTS[name].tries_several_keys])
@FUZZ
@given(first=keys, others=st.lists(keys, max_size=31), seconds=st.none() | st.integers(1, 2**32 - 1))
def test_offer_comes_back(name, first, others, seconds):
    offered = (first, *(replace(key, effective_vlan=first.effective_vlan) for key in others))
    offer = Offer(keys=offered, session_timeout_s=seconds)
    question = Question(datagram=encode_request(1, os.urandom(16), [], SECRET), dialect=DIALECTS[name], secret=SECRET)
    attributes = DIALECTS[name].encode_offer(offer)
    reply = encode_reply(decode_request(question.datagram, SECRET), 2, attributes, SECRET)
    assert len(reply) <= 4096
    granted = question.read(reply)
    assert granted.passphrases == tuple(key.passphrase.value for key in offered)
    assert granted.session_key_names in ((), tuple(session_key_name(key) for key in offered))
    assert (granted.vlan, granted.session_timeout_s) == (first.effective_vlan, seconds)
    assert (granted.class_, granted.chargeable_user_identity) == (None, None)
    assert granted.rates in ((None, None), offer.rates)
    same_as_pyrad(question.datagram, reply)


def same_as_pyrad(datagram, reply):
    """Assert that pyrad takes the reply for genuine and reads the same octets in it."""
    asked = AuthPacket(packet=datagram, secret=SECRET.value, dict=Dictionary())
    read = asked.CreateReply(packet=reply)
    assert asked.VerifyReply(read, enforce_ma=True)
    ours = decode_reply(reply, datagram, SECRET).attributes
    vendors = {kind: list(values) for kind, values in ours.items() if not isinstance(kind, int)}
    theirs = {}
    for kind in read:
        if isinstance(kind, tuple):
            theirs[26, *kind] = read[kind]
        elif kind != 26:
            assert read[kind] == list(ours[kind]), kind
        else:
            for value in read[26]:
                theirs.setdefault((26, int.from_bytes(value[:4]), value[4]), []).append(value[6:])
    assert theirs == vendors


def test_least_of_the_plans_is_what_an_offer_allows():
    plans = (make_plan(None, None), make_plan(20_000, None), make_plan(10_000, 7_000), None)
    made = tuple(make_key(number, plan=plan) for number, plan in enumerate(plans, 1))
    assert Offer(keys=made).rates == Rates(download_kbps=10_000, upload_kbps=7_000)
    assert Offer(keys=(made[0], made[3])).rates == Rates()


values = st.binary(max_size=246) | st.sampled_from(
    [
        b"",
        b"\0",
        b"TP-Link",
        b"02-00-00-00-00-00:x",
        b"020000000201",
        b"cisco-anonce=" + bytes(32),
        b"cisco-8021x-data=",
        b"cisco-bssid",
        bytes.fromhex("0322") + bytes(32),
        bytes.fromhex("01ff"),
        bytes(6),
        bytes(32),
    ]
)


@settings(FUZZ, max_examples=300)
@given(
    attributes=st.lists(st.builds(Attribute, st.sampled_from(LOOKED_INTO), values), max_size=6),
    profile=st.sampled_from(["auto", *DIALECTS]),
)
def test_any_octets_are_a_question_or_refused_by_name(attributes, profile):
    found = {}
    for kind, value in attributes:
        found.setdefault(kind, []).append(value)
    asked = Request(1, 1, bytes(16), found, b"", True)
    dialect, others = recognise(asked, profile)
    assert dialect.name not in others
    assert is_probe(asked) is False
    for each in DIALECTS.values():
        with contextlib.suppress(DialectError, CryptoError):
            assert isinstance(each.decode_request(asked), Handshake | Lookup)


@settings(FUZZ, max_examples=300)
@given(attributes=st.lists(st.builds(Attribute, st.sampled_from(LOOKED_INTO), values), max_size=5))
def test_any_octets_in_a_request_get_one_answer_and_one_line(served, lines, attributes):
    before = len(lines())
    served.clock.seconds += 5  # discards of one address have a line now and then
    for address in ("192.0.2.1", "198.51.100.1"):
        plain = [each for each in attributes if len(each.value) <= 240]
        reply = served.send(encode_request(1, os.urandom(16), plain, SECRET), address=address)
        assert reply is None or reply[0] in (2, 3)
    assert len(lines()) - before == 2


@pytest.fixture
def served(house):
    house.add_key(Ssid(b"x"), b"a passphrase", devices=(MacAddress.parse("020000000201"),))
    return house.start()


# Every attribute that an answer may hold.
_WHOLE = make_key(plan=make_plan(1000, 1000, 2**40, "pool"), vlan=7)
_POOLED = make_key(plan=make_plan(1000, 1000, 2**40, "pool"))
REPLY_KINDS = sorted(
    {
        each.type
        for name in ANSWERED
        for how in (How.LOOKUP, How.SEARCH)
        for key in (_WHOLE, _POOLED)
        for each in DIALECTS[name].encode_accept(Accept(key=key, how=how, session_timeout_s=1, name_asked=True))
    },
    key=str,
)


@settings(FUZZ, max_examples=300)
@given(attributes=st.lists(st.builds(Attribute, st.sampled_from(REPLY_KINDS), values), max_size=6))
def test_any_octets_in_a_reply_are_granted_or_refused(attributes):
    datagram = encode_request(1, bytes(16), [], SECRET)
    plain = [each for each in attributes if len(each.value) <= 240]
    reply = encode_reply(decode_request(datagram, SECRET), 2, plain, SECRET)
    for name in ANSWERED:
        with contextlib.suppress(DialectError, PacketError):
            Question(datagram=datagram, dialect=DIALECTS[name], secret=SECRET).read(reply)
