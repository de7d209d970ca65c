import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crypto import (
    DESCRIPTOR_RSN,
    DESCRIPTOR_WPA,
    Akm,
    CryptoError,
    EapolError,
    EapolKey,
    ElementError,
    FtContext,
    Fte,
    Handshake,
    MacAddress,
    Mde,
    Pmk,
    Rsne,
    Ssid,
    UnsupportedAkm,
    WpaElement,
    verify_mic,
)

PUBLISHED = tomllib.loads((Path(__file__).parents[1] / "vectors" / "handshakes.toml").read_text("utf-8"))["case"]
FRAMES = [bytes.fromhex(case["m2"]) for case in PUBLISHED]
M2 = FRAMES[0]
FT_M2 = FRAMES[1]
SSID, AA, SPA, ANONCE = Ssid(b"any"), MacAddress(b"\x02" * 6), MacAddress(b"\x04" * 6), b"\x11" * 32

CCMP, WPA_TKIP = 0x000FAC04, 0x0050F202
WPA = WpaElement(group=WPA_TKIP, pairwise=(WPA_TKIP,), akms=(Akm.WPA_PSK,)).encode()
MDE = Mde(mdid=b"\xa1\xb2", capability=1).encode()
FTE = Fte(r1kh_id=b"\x02" * 6, r0kh_id=b"ap3").encode()


def rsne(*akms, pairwise=CCMP, pmkids=()):
    return Rsne(group=CCMP, pairwise=(pairwise,), akms=akms, capabilities=0, pmkids=pmkids).encode()


def m2(version, key_data=b"", descriptor=DESCRIPTOR_RSN):
    return EapolKey(
        descriptor=descriptor,
        key_info=0x0108 | version,
        replay_counter=1,
        snonce=b"\x22" * 32,
        mic=b"\x33" * 16,
        key_data=key_data,
    )


def build(frame, hint=None, anonce=ANONCE):
    return Handshake.build(ssid=SSID, aa=AA, spa=SPA, anonce=anonce, frame=frame, akm_hint=hint)


def shake(version, key_data=b"", hint=None, descriptor=DESCRIPTOR_RSN):
    return build(m2(version, key_data, descriptor).encode(), hint)


# The frame.


def test_fields_of_a_published_frame():
    frame = EapolKey.decode(M2)
    assert frame == EapolKey(
        version=1,
        descriptor=DESCRIPTOR_RSN,
        key_info=0x010A,
        key_length=0,
        replay_counter=1,
        snonce=bytes.fromhex("48ce2ccba9c1fda130ff2fbbfb4fd3b063d1a93920b0f7df54a5cbf787b16171"),
        mic=bytes.fromhex("024022795224bffca545276c3762686f"),
        key_data=bytes.fromhex("30140100000fac040100000fac040100000fac028000"),
    )
    assert frame.key_version == 2


@pytest.mark.parametrize("octets", FRAMES)
def test_octets_are_the_frame_as_received(octets):
    frame = EapolKey.decode(octets)
    assert frame.octets == frame.encode() == octets
    assert frame.zeroed == octets[:81] + bytes(16) + octets[97:]


@pytest.mark.parametrize("version", [0, 1, 2, 3, 255])
def test_802_1x_version_is_not_tested(version):
    assert EapolKey.decode(bytes([version]) + M2[1:]).version == version


@pytest.mark.parametrize("length", [99, 100, 121, 290, 1024])
def test_length_from_99_to_1024_octets_is_accepted(length):
    frame = m2(2, bytes([221]) * (length - 99)).encode()
    assert len(frame) == length
    assert EapolKey.decode(frame).encode() == frame


def patched(offset, octets):
    value = bytes.fromhex(octets)
    return M2[:offset] + value + M2[offset + len(value) :]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (b"", "EAPOL-Key frame of 0 octets instead of 99 to 1024"),
        (M2[:98], "EAPOL-Key frame of 98 octets instead of 99 to 1024"),
        (M2[:99] + bytes(926), "EAPOL-Key frame of 1025 octets instead of 99 to 1024"),
        (patched(1, "00"), "offset 1: 802.1X packet type 0 instead of 3"),
        (patched(2, "0076"), "offset 2: body length 118 instead of 117"),
        (patched(2, "0000"), "offset 2: body length 0 instead of 117"),
        (M2 + b"\0", "offset 2: body length 117 instead of 118"),
        (patched(4, "01"), "offset 4: descriptor 0x01 instead of 0x02 or 0xfe"),
        (patched(97, "0015"), "offset 97: key data length 21 instead of 22"),
        (patched(97, "ffff"), "offset 97: key data length 65535 instead of 22"),
        (patched(5, "008a"), "offset 5: key information 0x008a is not that of a pairwise message 2"),  # message 1
        (patched(5, "13ca"), "offset 5: key information 0x13ca is not that of a pairwise message 2"),  # message 3
        (patched(5, "0302"), "offset 5: key information 0x0302 is not that of a pairwise message 2"),  # group message 2
        (patched(5, "000a"), "offset 5: key information 0x000a is not that of a pairwise message 2"),  # no MIC
        (patched(5, "0d0a"), "offset 5: key information 0x0d0a is not that of a pairwise message 2"),  # Michael report
        (patched(81, "00" * 16), "offset 81: the MIC is all zeros"),
    ],
)
def test_frame_that_is_no_m2_is_refused_with_place_and_amount(frame, message):
    with pytest.raises(EapolError) as caught:
        EapolKey.decode(frame)
    assert str(caught.value) == message


@pytest.mark.parametrize("cut", range(len(FT_M2)))
def test_every_truncation_is_refused(cut):
    with pytest.raises(EapolError):
        EapolKey.decode(FT_M2[:cut])


@pytest.mark.parametrize(
    ("field", "value"),
    [("snonce", b"1"), ("iv", b""), ("rsc", b""), ("reserved", b""), ("mic", bytes(17)), ("key_data", bytes(926))],
)
def test_frame_made_with_a_wrong_length_is_our_mistake(field, value):
    fields: dict[str, Any] = {"key_info": 0x010A, "replay_counter": 1, "snonce": bytes(32), field: value}
    with pytest.raises(ValueError, match="octets"):
        EapolKey(**fields)


def octets(length):
    return st.binary(min_size=length, max_size=length)


m2_frames = st.builds(
    EapolKey,
    version=st.integers(0, 255),
    descriptor=st.sampled_from([DESCRIPTOR_RSN, DESCRIPTOR_WPA]),
    key_info=st.integers(0, 0xFFFF).map(lambda bits: bits & ~0x0880 | 0x0108),
    key_length=st.integers(0, 0xFFFF),
    replay_counter=st.integers(0, 2**64 - 1),
    snonce=octets(32),
    iv=octets(16),
    rsc=octets(8),
    reserved=octets(8),
    mic=octets(16).filter(any),
    key_data=st.binary(max_size=925),
)


@given(m2_frames)
def test_decode_reverses_encode(frame):
    assert EapolKey.decode(frame.encode()) == frame


def value_or_error(frame, hint):
    """Build and, where that succeeds, test the MIC: any exception but CryptoError fails the test."""
    try:
        verify_mic(Pmk(bytes(32)), build(frame, hint))
    except CryptoError as error:
        assert str(error)  # noqa: PT017 (a value or this error are both right)


hints = st.none() | st.integers(0, 0xFFFFFFFF) | st.sampled_from(sorted(Akm))


@given(st.binary(max_size=1100), hints)
@example(M2, None)
def test_arbitrary_octets_give_a_handshake_or_crypto_error(frame, hint):
    value_or_error(frame, hint)


@given(st.sampled_from(FRAMES), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=6), hints)
def test_mutated_frames_give_a_handshake_or_crypto_error(frame, changes, hint):
    mutated = bytearray(frame)
    for place, value in changes:
        mutated[place % len(mutated)] = value
    value_or_error(bytes(mutated), hint)


@given(st.binary(max_size=200) | m2_frames.map(lambda frame: frame.key_data), st.integers(0, 7), hints)
def test_arbitrary_key_data_gives_a_handshake_or_crypto_error(key_data, version, hint):
    value_or_error(m2(version, key_data).encode(), hint)


# The AKM.


@pytest.mark.parametrize(
    ("version", "key_data", "hint", "akm"),
    [
        (2, rsne(Akm.PSK), Akm.PSK_SHA256, Akm.PSK),  # the station's word before the access point's
        (3, rsne(Akm.PSK_SHA256), None, Akm.PSK_SHA256),
        (3, rsne(0x000FAC08, Akm.PSK_SHA256), None, Akm.PSK_SHA256),  # the first that can be searched
        (2, rsne(Akm.PSK) + WPA, None, Akm.PSK),
        (1, WPA, Akm.PSK, Akm.WPA_PSK),
        (3, b"", Akm.PSK_SHA256, Akm.PSK_SHA256),
        (3, Rsne(group=CCMP).encode(), Akm.PSK_SHA256, Akm.PSK_SHA256),  # an RSNE that ends before its AKMs
        (1, b"", None, Akm.PSK),
        (2, b"", None, Akm.PSK),
        (3, b"", None, Akm.PSK_SHA256),
    ],
)
def test_akm_is_the_stations_then_the_hint_then_the_key_versions(version, key_data, hint, akm):
    assert shake(version, key_data, hint).akm is akm


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("hint", [None, Akm.PSK, Akm.WPA_PSK])
def test_descriptor_fe_is_wpa1(version, hint):
    assert shake(version, b"", hint, DESCRIPTOR_WPA).akm is Akm.WPA_PSK


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        (0x000FAC01, "AKM 00-0F-AC:1, 802.1X, can not be searched"),
        (0x000FAC03, "AKM 00-0F-AC:3, FT over 802.1X, can not be searched"),
        (0x000FAC05, "AKM 00-0F-AC:5, 802.1X with SHA-256, can not be searched"),
        (0x000FAC08, "AKM 00-0F-AC:8, SAE (WPA3), can not be searched"),
        (0x000FAC09, "AKM 00-0F-AC:9, FT over SAE (WPA3), can not be searched"),
        (0x000FAC12, "AKM 00-0F-AC:18, OWE, can not be searched"),
        (0x000FAC18, "AKM 00-0F-AC:24, SAE with group-dependent hash (WPA3), can not be searched"),
        (0x000FAC63, "AKM 00-0F-AC:99, unknown, can not be searched"),
        (0x00409600, "AKM 00-40-96:0, unknown, can not be searched"),
        (0x0050F201, "AKM 00-50-F2:1, 802.1X (WPA1), can not be searched"),
    ],
)
@pytest.mark.parametrize("said_by", ["station", "wpa element", "access point"])
def test_akm_that_can_not_be_searched_is_named(suite, message, said_by):
    wpa = WpaElement(group=WPA_TKIP, pairwise=(WPA_TKIP,), akms=(suite,)).encode()
    key_data = {"station": rsne(suite), "wpa element": wpa, "access point": b""}[said_by]
    with pytest.raises(UnsupportedAkm) as caught:
        shake(0, key_data, suite)
    assert str(caught.value) == message


def test_key_version_0_without_an_akm_is_refused():
    with pytest.raises(UnsupportedAkm, match="key version 0 is defined by the AKM, and the frame names none"):
        shake(0)


@pytest.mark.parametrize("version", [4, 5, 6, 7])
def test_undefined_key_version_is_refused(version):
    with pytest.raises(EapolError, match=f"offset 5: undefined key version {version}"):
        shake(version)


@pytest.mark.parametrize(
    ("akm", "version"),
    [(akm, version) for akm in (Akm.PSK, Akm.WPA_PSK) for version in (0, 3, 4)]
    + [(akm, version) for akm in (Akm.PSK_SHA256, Akm.FT_PSK) for version in (0, 1, 2, 4)],
)
def test_key_version_of_another_akm_is_refused(akm, version):
    with pytest.raises(EapolError, match=f"offset 5: key version {version} does not belong to AKM {akm}"):
        shake(version, b"", akm)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_anonce_of_another_length_is_refused(length):
    with pytest.raises(EapolError, match=f"ANonce of {length} octets instead of 32"):
        build(M2, anonce=bytes(length))


@pytest.mark.parametrize(
    ("cipher", "bits"),
    [
        (0x000FAC02, 512),
        (0x0050F202, 512),
        (0x000FAC09, 512),
        (0x000FAC0A, 512),
        (0x000FAC04, 384),
        (0x000FAC08, 384),
        (0x000FAC63, 384),
    ],
)
def test_ptk_length_follows_the_pairwise_cipher(cipher, bits):
    assert shake(3, rsne(Akm.PSK_SHA256, pairwise=cipher)).ptk_bits == bits


def test_wpa1s_pairwise_cipher_counts_too():
    assert shake(1, WPA, None, DESCRIPTOR_WPA).ptk_bits == 512


# FT-PSK.


def test_ft_context_of_a_published_frame():
    assert build(FT_M2).ft == FtContext(
        mdid=bytes.fromhex("0102"),
        r0kh_id=b"wireshark-ft-psk",
        r1kh_id=bytes.fromhex("020000000000"),
        pmk_r1_name=bytes.fromhex("3378f874c1930b599405d3de4b6e05cc"),
    )


@pytest.mark.parametrize("pmkids", [(), (bytes(16),), (b"\x01" * 16, b"\x02" * 16)])
def test_ft_without_one_pmk_r1_name_is_searched_by_mic(pmkids):
    handshake = shake(3, rsne(Akm.FT_PSK, pmkids=pmkids) + MDE + FTE)
    assert handshake.ft is not None
    assert handshake.ft.pmk_r1_name is None


def test_ft_by_hint_needs_no_rsne():
    handshake = shake(3, MDE + FTE, Akm.FT_PSK)
    assert handshake.ft == FtContext(mdid=b"\xa1\xb2", r0kh_id=b"ap3", r1kh_id=b"\x02" * 6)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        (FTE, "FT-PSK without MDE in the key data"),
        (MDE, "FT-PSK without FTE in the key data"),
        (MDE + Fte(r0kh_id=b"ap3").encode(), "FT-PSK with an FTE that lacks its R1KH-ID"),
        (MDE + Fte(r1kh_id=b"\x02" * 6).encode(), "FT-PSK with an FTE that lacks its R0KH-ID"),
    ],
)
def test_ft_without_its_elements_is_refused(elements, message):
    with pytest.raises(EapolError) as caught:
        shake(3, rsne(Akm.FT_PSK) + elements)
    assert str(caught.value) == message


def test_other_akms_have_no_ft_context():
    assert shake(2, rsne(Akm.PSK) + MDE + FTE).ft is None


def test_broken_elements_of_an_m2_are_refused():
    with pytest.raises(ElementError, match="key data element 48 at offset 0: length 20 > 10 left"):
        shake(2, rsne(Akm.PSK)[:12])


@pytest.mark.parametrize(
    "fields",
    [
        {"mdid": b"1", "r0kh_id": b"ap", "r1kh_id": bytes(6)},
        {"mdid": b"12", "r0kh_id": b"", "r1kh_id": bytes(6)},
        {"mdid": b"12", "r0kh_id": bytes(49), "r1kh_id": bytes(6)},
        {"mdid": b"12", "r0kh_id": b"ap", "r1kh_id": bytes(5)},
        {"mdid": b"12", "r0kh_id": b"ap", "r1kh_id": bytes(6), "pmk_r1_name": bytes(15)},
    ],
)
def test_ft_context_of_wrong_lengths_is_our_mistake(fields):
    with pytest.raises(ValueError, match="octets"):
        FtContext(**fields)


def test_handshake_that_contradicts_itself_is_our_mistake():
    with pytest.raises(ValueError, match="FT context is for 00-0F-AC:4 only, got 00-0F-AC:4"):
        Handshake(SSID, AA, SPA, ANONCE, m2(3), Akm.FT_PSK)
    with pytest.raises(ValueError, match="ANonce must be 32 octets, got 31"):
        Handshake(SSID, AA, SPA, ANONCE[1:], m2(2), Akm.PSK)


def test_layout_has_no_gaps():
    frame = m2(2, b"\xdd\x00").encode()
    assert struct.unpack_from(">H", frame, 97) == (2,)
    assert frame[17:49] == b"\x22" * 32
    assert frame[81:97] == b"\x33" * 16
