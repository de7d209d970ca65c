"""hostapd's dialect, both halves, by the layouts in vectors/hostapd.toml and by the recordings."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import CryptoError, Handshake, MacAddress, Pmk, Ssid
from provisioning import Key, KeyStatus, Passphrase
from radiusd import DIALECTS, DialectError, Lookup, Question, SharedSecret
from radiusd.codec import decode_request, encode_reply, encode_request
from radiusd.model import Accept, Attribute, How, Request
from radiusd.vendors.hostapd import WLAN_AKM_SUITE
from radiusd.vendors.station import parse_called_station, render_called_station

VECTORS = tomllib.loads((Path(__file__).parents[2] / "vectors/hostapd.toml").read_text("utf-8"))
HOSTAPD = DIALECTS["hostapd"]
SECRET = SharedSecret(b"testing123")
AUTHENTICATOR = bytes(range(16))
CIPHER = "3acc653e6279444cee27b06bb2ba15f3"  # "hashcat!" under this secret and authenticator, salt 8001


def request(*attributes):
    return decode_request(encode_request(1, AUTHENTICATOR, attributes, SECRET), SECRET)


def subject(case):
    ssid, aa, spa = Ssid.parse(case["ssid"]), MacAddress.parse(case["aa"]), MacAddress.parse(case["spa"])
    if "m2" not in case:
        return Lookup(device=spa, ssid=ssid, aa=aa)
    anonce, frame = bytes.fromhex(case["anonce"]), bytes.fromhex(case["m2"])
    return Handshake.build(ssid=ssid, aa=aa, spa=spa, anonce=anonce, frame=frame)


@pytest.mark.parametrize("case", VECTORS["request"], ids=lambda case: case["name"])
def test_request_has_the_published_layout(case):
    asked = subject(case)
    datagram = Question.ask(HOSTAPD, asked, SECRET, nas_identifier=case["nas_identifier"].encode()).datagram
    password = datagram[52:70]
    assert password[:2] == b"\x02\x12"
    octets = datagram[38:52] + datagram[70:]
    assert octets.hex() == "".join(case["attributes"])
    assert HOSTAPD.decode_request(decode_request(datagram, SECRET)) == asked


@pytest.mark.parametrize("case", VECTORS["accept"], ids=lambda case: case["name"])
def test_accept_has_the_published_layout(case):
    accept = Accept(
        key=key(case),
        how=How.SEARCH,
        session_timeout_s=case.get("session_timeout_s"),
        name_asked=case.get("name_asked", False),
    )
    reply = encode_reply(request(), 2, HOSTAPD.encode_accept(accept), SECRET, salt=1)
    assert reply[38:].hex() == "".join(case["attributes"]).format(cipher=CIPHER)
    question = Question(datagram=encode_request(1, AUTHENTICATOR, [], SECRET), dialect=HOSTAPD, secret=SECRET)
    granted = question.read(reply)
    assert granted.passphrases == (case["passphrase"].encode(),)
    assert granted.vlan == case.get("vlan")
    assert granted.session_timeout_s == case.get("session_timeout_s")
    assert granted.class_ == b"key-17"
    assert "hashcat!" not in repr(granted) + repr(accept) + repr(question)


def key(case):
    return Key(
        id=case["key_id"],
        keypool_id=1,
        identity="someone",
        passphrase=Passphrase(case["passphrase"].encode()),
        pmk=Pmk(bytes(32)),
        unit=None,
        subscriber=None,
        plan=None,
        vlan=case.get("vlan"),
        effective_vlan=case.get("vlan"),
        starts=None,
        ends=None,
        status=KeyStatus.ACTIVE,
        status_reason=None,
        status_at=None,
    )


def test_recording_decodes_and_encodes_to_its_own_attributes(recording):
    recorded = decode_request(recording.datagram, SECRET)
    handshake = HOSTAPD.decode_request(recorded)
    assert (handshake.ssid, handshake.aa, handshake.spa) == (recording.ssid, recording.aa, recording.spa)
    assert str(handshake.akm) == recording.akm
    again = Question.ask(
        HOSTAPD,
        handshake,
        SECRET,
        nas_identifier=recording.nas_identifier.encode(),
        authenticator=recorded.authenticator,
    )
    ours = dict(decode_request(again.datagram, SECRET).attributes)
    theirs = dict(recorded.attributes)
    for absent in (4, 77):  # NAS-IP-Address and Connect-Info say nothing about the handshake
        del theirs[absent]
    del ours[80], theirs[80]
    assert ours == theirs


def test_ft_handshake_comes_in_fragments(recordings):
    recorded = decode_request(recordings[3].datagram, SECRET)
    assert b"\xf5\xff\x1a\x80" in recordings[3].datagram
    assert len(HOSTAPD.decode_request(recorded).m2.encode()) == 254
    assert len(recorded.first((245, 26, 11344, 2))) == 254


@pytest.mark.parametrize("suite", [None, b"", b"\0", bytes(4), bytes.fromhex("000fac08"), bytes(5)])
def test_akm_is_what_the_station_says_whatever_the_access_point_says(recording, suite):
    recorded = decode_request(recording.datagram, SECRET)
    attributes = dict(recorded.attributes)
    del attributes[WLAN_AKM_SUITE]
    if suite is not None:
        attributes[WLAN_AKM_SUITE] = [suite]
    assert str(HOSTAPD.decode_request(recorded._replace(attributes=attributes)).akm) == recording.akm


@pytest.mark.parametrize("case", VECTORS["called_station_id"], ids=lambda case: case["value"])
def test_called_station_id(case):
    aa, ssid = parse_called_station(request(Attribute(30, case["value"].encode())))
    assert (aa, ssid) == (MacAddress.parse(case["aa"]), Ssid.parse(case["ssid"]))


@given(st.binary(min_size=6, max_size=6), st.binary(min_size=1, max_size=32))
def test_any_ssid_comes_back_as_it_was(aa, ssid):
    value = render_called_station(MacAddress(aa), Ssid(ssid))
    assert parse_called_station(request(Attribute(30, value))) == (MacAddress(aa), Ssid(ssid))


@given(st.binary(max_size=60))
def test_any_called_station_id_is_a_network_or_an_error(value):
    try:
        aa, ssid = parse_called_station(request(Attribute(30, value)))
    except DialectError:
        return
    assert value.endswith(b":" + ssid.value)
    assert len(aa.value) == 6


@pytest.mark.parametrize(
    ("calling", "name"),
    [
        (b"02-00-00-00-02-01", None),
        (b"02:00:00:00:02:01", b"someone"),
        (b"0200.0000.0201", b"ffffffffffff"),
        (b"020000000201", None),
        (None, b"020000000201"),
        (b"not an address", b"02-00-00-00-02-01"),
    ],
)
def test_device_is_the_calling_station_else_the_user(calling, name):
    attributes = [Attribute(30, b"aabbccddeeff:x")]
    if calling is not None:
        attributes.append(Attribute(31, calling))
    if name is not None:
        attributes.append(Attribute(1, name))
    assert HOSTAPD.decode_request(request(*attributes)).device == MacAddress(b"\2\0\0\0\2\1")


@given(
    st.dictionaries(
        st.sampled_from([1, 30, 31, 79, 188, (245, 26, 11344, 1), (245, 26, 11344, 2), (245, 26, 1, 1)]),
        st.binary(max_size=140) | st.sampled_from([b"aabbccddeeff:x", b"aabbccddeeff", bytes(32)]),
    )
)
def test_any_attributes_are_a_subject_or_an_error_of_ours(attributes):
    asked = Request(1, 1, AUTHENTICATOR, {kind: [value] for kind, value in attributes.items()}, b"", True)
    try:
        found = HOSTAPD.decode_request(asked)
    except (DialectError, CryptoError):
        return
    assert isinstance(found, Lookup)
