"""Every dialect by the octets of its layout, by the recordings, and by what a broken or hostile access point sends."""

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import Akm, CryptoError, Handshake, MacAddress, Pmk, Ssid
from provisioning import Key, KeyStatus, Passphrase, ServicePlan
from radiusd import DIALECTS, PROFILES, DialectError, Lookup, Question, SharedSecret
from radiusd.codec import decode_request, encode_reply, encode_request
from radiusd.model import Accept, Attribute, How, Reject
from radiusd.vendors import attribute_name, recognise
from radiusd.vendors.cisco import AVPAIR
from radiusd.vendors.tlv import Tlvs, encode_tlvs
from tests.vendor_vectors import (
    ANSWERED,
    FOLDER,
    LONG_FRAMES,
    SEARCHING,
    STRAY,
    UNPUBLISHED,
    VECTORS,
    answer,
    in_clear,
    octets,
)

SECRET = SharedSecret(b"testing123")
AUTHENTICATOR = bytes(range(16))
SSID, AA, SPA = Ssid(b"TP-LINK_HASHCAT_TEST"), MacAddress.parse("6466b38ec3fc"), MacAddress.parse("225edc49b7aa")
EXAMPLE = next(
    case
    for case in tomllib.loads((FOLDER.parent / "hostapd.toml").read_text("utf-8"))["request"]
    if case.get("akm") == "00-0F-AC:2"
)
KEY = Key(
    id=7,
    keypool_id=1,
    identity="Ann",
    passphrase=Passphrase(b"hashcat!"),
    pmk=Pmk(bytes.fromhex("0857172bd4d3ebb34cf00f3619726008d27558926d963a547332fab033023b82")),
    unit=None,
    subscriber=None,
    plan=None,
    vlan=None,
    effective_vlan=None,
    starts=None,
    ends=None,
    status=KeyStatus.ACTIVE,
    status_reason=None,
    status_at=None,
)


def handshake():
    anonce, frame = bytes.fromhex(EXAMPLE["anonce"]), bytes.fromhex(EXAMPLE["m2"])
    return Handshake.build(ssid=SSID, aa=AA, spa=SPA, anonce=anonce, frame=frame)


def request(*attributes):
    return decode_request(encode_request(1, AUTHENTICATOR, attributes, SECRET), SECRET)


def packed(dialect, subject):
    return request(*dialect.encode_request(subject, None))


def test_table_profiles_and_vectors_name_the_same_dialects():
    assert not STRAY
    assert {"auto": DIALECTS["hostapd"].tries_several_keys} | {
        name: dialect.tries_several_keys for name, dialect in DIALECTS.items()
    } == PROFILES


@pytest.mark.parametrize("name", ANSWERED)
def test_request_has_the_published_layout(name):
    dialect, vectors = DIALECTS[name], VECTORS[name]
    lookup = Lookup(device=SPA, ssid=SSID, aa=AA)
    subject = handshake() if name in SEARCHING else lookup
    hostapd = Question.ask(DIALECTS["hostapd"], lookup, SECRET, authenticator=AUTHENTICATOR).datagram
    station = octets(vectors["station"]) if "station" in vectors else hostapd[38:]
    datagram = Question.ask(dialect, subject, SECRET, authenticator=AUTHENTICATOR).datagram
    assert datagram[38:].hex() == (station + octets(vectors["request" if name in SEARCHING else "lookup"])).hex()
    asked = decode_request(datagram, SECRET)
    read = dialect.decode_request(asked)
    assert read == subject or replace(subject, aa=None) == read  # Aruba's address is not asked about
    if name in SEARCHING:
        base = dialect.variant_of or dialect
        assert recognise(asked, "auto") in ((base, ()), (dialect, ()))
        assert recognise(asked, name) == (dialect, ())
        assert recognise(asked, "mikrotik") == recognise(asked, "auto")


@pytest.mark.parametrize(
    ("name", "how"), [(name, how) for name in ANSWERED for how in (How.LOOKUP, How.KNOWN, How.SEARCH)]
)
def test_accept_has_the_published_layout_and_reads_back(name, how):
    dialect, vectors = DIALECTS[name], answer(name, lookup=how is How.LOOKUP)
    accept = Accept(key=replace(KEY, vlan=110, effective_vlan=110), how=how, session_timeout_s=3600, name_asked=True)
    reply = encode_reply(request(), 2, dialect.encode_accept(accept), SECRET, salt=vectors.get("salt", 0))
    assert reply[38:].startswith(octets(vectors))
    question = Question(datagram=encode_request(1, AUTHENTICATOR, [], SECRET), dialect=dialect, secret=SECRET)
    granted = question.read(reply)
    assert granted.passphrases == (b"hashcat!",) or granted.pmk == KEY.pmk.value
    assert granted.session_key_names in ((), (b"key-7",))
    assert (granted.vlan, granted.session_timeout_s, granted.class_) == (110, 3600, b"key-7")
    assert granted.chargeable_user_identity == b"key-7"


@pytest.mark.parametrize("name", ANSWERED)
def test_raw_pmks_and_no_vlan(name):
    key = replace(KEY, passphrase=Passphrase(KEY.pmk.value.hex().encode()))
    question = Question(datagram=encode_request(1, AUTHENTICATOR, [], SECRET), dialect=DIALECTS[name], secret=SECRET)
    attributes = DIALECTS[name].encode_accept(Accept(key=key, how=How.SEARCH))
    granted = question.read(encode_reply(request(), 2, attributes, SECRET))
    assert granted.vlan is None
    assert granted.pmk == KEY.pmk.value or granted.passphrases == (KEY.pmk.value.hex().encode(),)
    modes = [each.value for each in attributes if each.type == AVPAIR and each.value.startswith(b"psk-mode=")]
    assert modes in ([], [b"psk-mode=hex"])


def read_back(name, attributes):
    question = Question(datagram=encode_request(1, AUTHENTICATOR, [], SECRET), dialect=DIALECTS[name], secret=SECRET)
    return question.read(encode_reply(request(), 2, attributes, SECRET))


def on_plan(down, up):
    plan = ServicePlan(id=1, name="x", download_kbps=down, upload_kbps=up, devices=None, wireless_only=False)
    return Accept(key=replace(KEY, plan=plan), how=How.LOOKUP)


@pytest.mark.parametrize("name", [name for name, vectors in VECTORS.items() if "bandwidth" in vectors])
def test_bandwidth_has_the_published_layout_and_reads_back(name):
    attributes = DIALECTS[name].encode_accept(on_plan(20_000, 5_000))
    reply = encode_reply(request(), 2, attributes, SECRET)
    assert octets(VECTORS[name]["bandwidth"]) in reply
    for down, up in ((20_000, 5_000), (1_500, None), (None, 1), (None, None)):
        assert read_back(name, DIALECTS[name].encode_accept(on_plan(down, up))).rates == (down, up)


QUOTAS = {"download_quota_octets": 20_000_000_000, "upload_quota_octets": 500_000_000, "total_quota_octets": 2**32}


def on_quotas(vlan=None, **quotas):
    plan = replace(on_plan(None, None).key.plan, **quotas)
    return Accept(key=replace(KEY, plan=plan, vlan=vlan, effective_vlan=vlan), how=How.LOOKUP)


def test_cambiums_quotas_and_vlan_pool_have_the_published_layout_and_read_back():
    reply = encode_reply(
        request(), 2, DIALECTS["cambium"].encode_accept(on_quotas(**QUOTAS, vlan_pool="résidents")), SECRET
    )
    assert octets(VECTORS["cambium"]["plan"]) in reply
    for down, up, total in ((20_000_000_000, 500_000_000, 2**32), (1, None, 2**63 - 1), (None, 2**32 - 1, None)):
        accept = on_quotas(download_quota_octets=down, upload_quota_octets=up, total_quota_octets=total)
        granted = read_back("cambium", DIALECTS["cambium"].encode_accept(accept))
        assert (granted.quotas, granted.vlan_pool) == ((down, up, total), None)


def test_vlan_of_key_or_unit_goes_before_the_plans_pool():
    for vlan, pool in ((None, "residents"), (110, None)):
        accept = on_quotas(vlan, vlan_pool="residents")
        granted = read_back("cambium", DIALECTS["cambium"].encode_accept(accept))
        assert (granted.vlan, granted.vlan_pool) == (vlan, pool)


@pytest.mark.parametrize("kind", [151, 152, 153, 154, 155, 156])
def test_quota_that_is_no_integer_is_refused(kind):
    for value in (b"\0" * 3, b"\0" * 5):
        with pytest.raises(DialectError, match=f"quota of {len(value)} octets"):
            read_back("cambium", (Attribute((26, 17713, kind), value),))


def test_bandwidth_beyond_32_bits_is_the_most_there_is():
    rates = read_back("openwifi", DIALECTS["openwifi"].encode_accept(on_plan(2**32 - 1, 4_294_967))).rates
    assert rates == (4_294_967, 4_294_967)


@pytest.mark.parametrize("name", ANSWERED)
def test_dialects_say_whether_lookups_are_answered_otherwise(name):
    assert DIALECTS[name].reply_depends_on_handshake is ("accept_of_lookup" in VECTORS[name])
    attributes = [DIALECTS[name].encode_accept(Accept(key=KEY, how=how)) for how in (How.LOOKUP, How.KNOWN, How.SEARCH)]
    assert attributes[1] == attributes[2]
    assert (attributes[0] != attributes[1]) is DIALECTS[name].reply_depends_on_handshake


def test_ruckus_form_of_answer_is_the_profiles():
    asked = packed(DIALECTS["ruckus"], handshake())
    for profile, name in (("auto", "ruckus"), ("hostapd", "ruckus"), ("ruckus-dpsk", "ruckus-dpsk")):
        assert recognise(asked, profile).dialect.name == name


@pytest.mark.parametrize(("profile", "name"), [("auto", "eleven"), ("mist", "mist"), ("cambium", "cambium")])
def test_those_who_ask_as_eleven_does_are_told_apart_by_profile(profile, name):
    assert recognise(packed(DIALECTS["eleven"], handshake()), profile).dialect.name == name


def test_cisco_learns_why_and_the_reject_has_the_published_layout():
    dialect = DIALECTS["cisco"]
    asked = packed(dialect, handshake())
    attributes = dialect.encode_reject(asked, Reject("expired 2026-10-31"))
    assert encode_reply(asked, 3, attributes, SECRET)[38:] == octets(VECTORS["cisco"]["reject"])
    for values, says, cause in (
        ([b"cisco-anonce=" + bytes(32)], "no cisco-wlan-ssid among 1 Cisco-AVPairs", b"6"),
        ([b"no equals sign", b"cisco-anonce=" + bytes(32)], "Cisco-AVPair 1 of 2: no = in its 14 octets", b"1"),
        ([b"cisco-anonce"], "Cisco-AVPair 1 of 1: no = in its 12 octets", b"1"),
        ([b"cisco-anonce=a", b"cisco-anonce=b"], "Cisco-AVPair 2 of 2: second cisco-anonce", b"1"),
        (broken_cisco(b"cisco-anonce=" + bytes(31)), "cisco-anonce of 31 octets instead of 32", b"1"),
        (broken_cisco(b"cisco-bssid=64:66"), "cisco-bssid, of 5 octets, is not a MAC address", b"1"),
        (broken_cisco(b"cisco-wlan-ssid=" + bytes(33)), "SSID of 33 octets in cisco-wlan-ssid", b"1"),
        (broken_cisco(), "offset 1", b"5"),
    ):
        asked = request(*(Attribute(AVPAIR, value) for value in values), Attribute(31, b"225edc49b7aa"))
        assert recognise(asked, "auto").dialect is dialect
        with pytest.raises((DialectError, CryptoError), match=says) as caught:
            dialect.decode_request(asked)
        (answer,) = dialect.encode_reject(asked, Reject(str(caught.value), caught.value))
        assert answer.value == b"cisco-easy-psk-error-cause=" + cause


def test_ciscos_lookup_has_its_own_ssid_and_no_error_cause():
    station = DIALECTS["generic"].encode_request(Lookup(device=SPA, ssid=Ssid(b"other"), aa=AA), None)
    pairs = (b"service-type=Call Check", b"cisco-wlan-ssid=" + SSID.value, b"method=mab")
    asked = request(*station, *(Attribute(AVPAIR, value) for value in pairs))
    assert recognise(asked, "auto").dialect.name == "hostapd"  # AVPairs alone do not make it Easy PSK
    cisco = recognise(asked, "cisco").dialect
    assert cisco.decode_request(asked) == Lookup(device=SPA, ssid=SSID)
    assert cisco.encode_reject(asked, Reject("unknown device")) == ()


def broken_cisco(*instead):
    names = [value.partition(b"=")[0] for value in instead]
    sound = (
        b"cisco-wlan-ssid=a=b",
        b"cisco-bssid=64.66.b3.8e.c3.fc",
        b"cisco-anonce=" + bytes(31) + b"=",
        b"cisco-8021x-data=" + bytes(99),
    )
    return [*instead, *(value for value in sound if value.partition(b"=")[0] not in names)]


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.parametrize("case", ["wpa2-psk", "wpa2-psk-utf8-ssid", "psk-sha256-pmf", "ft-psk"])
def test_recordings_asked_in_each_dialect_find_their_key(house, recordings, lines, name, case):
    recording = next(one for one in recordings if one.name == case)
    house.add_key(recording.ssid, recording.passphrase, vlan=42)
    house.start()
    dialect = DIALECTS[name]
    subject = DIALECTS["hostapd"].decode_request(decode_request(recording.datagram, SECRET))
    if subject.akm is Akm.FT_PSK and name not in LONG_FRAMES:
        with pytest.raises(DialectError, match=r"room for"):
            Question.ask(dialect, subject, house.secret)
        return
    question = Question.ask(dialect, subject, house.secret, nas_identifier=b"hudson-house-ap1")
    granted = question.read(house.send(question.datagram))
    assert granted is not None
    assert f" dialect={(dialect.variant_of or dialect).name}" in lines()[-1] or f" dialect={name}" in lines()[-1]
    assert granted.pmk == recording.pmk.value or granted.passphrases == (recording.passphrase,)
    assert granted.vlan == 42


@pytest.mark.parametrize("name", ANSWERED)
def test_lookups_are_answered_in_the_profiles_words(house, name):
    house.add_key(Ssid(b"Hudson House"), b"a passphrase", vlan=42, devices=(SPA,))
    nas = house.store.nases.add(_network("198.51.100.0/24"), b"testing123", profile=name)
    house.start()
    question = Question.ask(DIALECTS[name], Lookup(device=SPA, ssid=Ssid(b"Hudson House"), aa=AA), house.secret)
    reply = house.send(question.datagram, address="198.51.100.9")
    granted = question.read(reply)
    assert granted is not None, nas
    assert granted.passphrases == (b"a passphrase",) or granted.pmk is not None
    assert granted.vlan == 42
    shown = b"a passphrase" in reply or (granted.pmk is not None and granted.pmk in reply)
    assert shown is in_clear(name, lookup=True)


def _network(text):
    from ipaddress import ip_network

    return ip_network(text)


def test_omada_admits_a_stranger_empty_and_finds_the_key_in_the_second_step(house, recordings, lines):
    recording = recordings[0]
    house.add_key(recording.ssid, recording.passphrase)
    house.start()
    omada = DIALECTS["omada"]
    first = Question.ask(
        omada, Lookup(device=recording.spa, ssid=recording.ssid, aa=AA), house.secret, nas_identifier=b"TP-Link:EAP"
    )
    reply = house.send(first.datagram)
    assert reply[0] == 2
    assert len(reply) == 38  # Message-Authenticator, nothing else
    assert any(line.startswith('admit reason="unknown device"') for line in lines())
    subject = DIALECTS["hostapd"].decode_request(decode_request(recording.datagram, SECRET))
    second = Question.ask(omada, subject, house.secret, nas_identifier=b"TP-Link:EAP", identifier=1)
    granted = second.read(house.send(second.datagram))
    assert granted.pmk == recording.pmk.value
    assert granted.passphrases == (recording.passphrase,)
    again = Question.ask(
        omada,
        Lookup(device=recording.spa, ssid=recording.ssid, aa=AA),
        house.secret,
        nas_identifier=b"TP-Link:EAP",
        identifier=2,
    )
    assert again.read(house.send(again.datagram)).passphrases == (recording.passphrase,)


@pytest.mark.parametrize("name", UNPUBLISHED)
def test_unpublished_requests_are_rejected_by_name(house, lines, name):
    kind = UNPUBLISHED[name]
    house.add_key(Ssid(b"Hudson House"), b"a passphrase")
    house.start()
    attributes = (Attribute(kind, bytes(100)), *DIALECTS["generic"].encode_request(Lookup(device=SPA, ssid=SSID), None))
    assert house.send(encode_request(5, AUTHENTICATOR, attributes, house.secret))[0] == 3
    assert f"{attribute_name(kind)} ({kind[1]}/{kind[2]})" in lines()[-1]
    assert "unpublished" in lines()[-1]


@pytest.mark.parametrize("name", [name for name in SEARCHING if VECTORS[name].get("network_of_its_own", True)])
def test_own_ssid_and_address_win_over_called_station_id(name):
    subject = replace(handshake(), ssid=Ssid(b"other"), aa=MacAddress(b"\7" * 6))
    station = DIALECTS["generic"].encode_request(Lookup(device=SPA, ssid=SSID, aa=AA), None)
    own = [each for each in DIALECTS[name].encode_request(subject, None) if not isinstance(each.type, int)]
    assert DIALECTS[name].decode_request(request(*station, *own)) == subject


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"\1", "Ruckus-DPSK-Params: sub-attribute at offset 0 has no length octet"),
        (b"\1\3a\1", "Ruckus-DPSK-Params: sub-attribute at offset 3 has no length octet"),
        (b"\1\1", "Ruckus-DPSK-Params: sub-attribute 1 at offset 0: length 1 < 2"),
        (b"\1\3a\2\5bc", "Ruckus-DPSK-Params: sub-attribute 2 at offset 3: length 5, 4 are left"),
        (b"\1\3a\1\3b", "Ruckus-DPSK-Params: second Ruckus-DPSK-AKM-Suite at offset 3"),
    ],
)
def test_tlvs_that_overrun_or_repeat_name_the_place(value, says):
    with pytest.raises(DialectError, match=says):
        Tlvs((26, 25053, 153), value)


@given(st.dictionaries(st.integers(0, 255), st.binary(max_size=40), max_size=5))
def test_tlvs_come_back(fields):
    read = Tlvs((26, 25053, 153), encode_tlvs((26, 25053, 153), tuple(fields.items())).value)
    assert {kind: read.need(kind, "it") for kind in fields} == fields


@pytest.mark.parametrize("name", SEARCHING)
@settings(max_examples=60, deadline=None)
@given(value=st.binary(max_size=247), place=st.integers(0, 400), octet=st.integers(0, 255))
def test_anything_in_the_vendors_attributes_is_a_value_or_a_typed_error(name, value, place, octet):
    dialect = DIALECTS[name]
    own = [attribute for attribute in dialect.encode_request(handshake(), None) if not isinstance(attribute.type, int)]
    spoilt = []
    for attribute in own:
        octets_ = bytearray(attribute.value)
        octets_[place % len(octets_)] = octet
        spoilt.append(Attribute(attribute.type, bytes(octets_)))
    for attributes in (spoilt, [Attribute(own[-1].type, value)], [*own, Attribute(own[-1].type, value)]):
        asked = request(Attribute(31, b"225edc49b7aa"), *attributes)
        try:
            subject = dialect.decode_request(asked)
        except (DialectError, CryptoError):
            continue
        assert isinstance(subject, Handshake | Lookup)
