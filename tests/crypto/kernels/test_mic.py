"""The compiled test of one key says what the readable reference says."""

import hashlib
import hmac
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from crypto import Akm, EapolKey, Handshake, Pmk, aes_cmac, passphrase_to_pmk, verify_mic
from crypto.kernels import mic, scalar
from crypto.kernels.sha import SHA1_IV
from crypto.kernels.simd import has_sha
from tests.crypto.test_pool import handshakes, make
from tests.crypto.test_wpa import published, recorded

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = tomllib.loads((VECTORS / "handshakes.toml").read_text("utf-8"))["case"]
RECORDINGS = tomllib.loads((VECTORS / "hwsim/requests.toml").read_text("utf-8"))["case"]
COVERED = [case for case in CASES if published(case).key_version != 1]  # HMAC-MD5 is the engine's
RFC_4493 = tomllib.loads((VECTORS / "aes-cmac.toml").read_text("utf-8"))
AKMS = [Akm.PSK, Akm.PSK_SHA256, Akm.FT_PSK]
SHA1_BLOCKS = [scalar.sha1_block_by_rounds] + ([scalar.sha1_block_by_instructions] if has_sha() else [])
CMACS = [scalar.cmac_by_tables] + ([scalar.cmac] if scalar.cmac is not scalar.cmac_by_tables else [])


def octets_of(value):
    return np.frombuffer(value, np.uint8).copy()


def fits(pmk, handshake):
    """Ask the compiled test of the handshake's AKM; its scratch is full of what others left."""
    states = np.zeros(mic.PMK_WORDS, np.uint32)
    words = np.full(mic.WORDS, 0xDEADBEEF, np.uint32)
    octets = np.full(mic.OCTETS, 0xA5, np.uint8)
    mic.put_pmk_states(octets_of(pmk.value), states, octets)
    m2 = handshake.m2.octets
    room = np.full(1024, 0x5A, np.uint8)
    room[: len(m2)] = octets_of(m2)
    addresses = octets_of(handshake.aa.value), octets_of(handshake.spa.value), octets_of(handshake.anonce)
    rest = words, octets
    if handshake.akm is Akm.PSK:
        return bool(mic.fits_psk(states, *addresses, room, len(m2), *rest))
    if handshake.akm is Akm.PSK_SHA256:
        return bool(mic.fits_psk_sha256(states, *addresses, room, len(m2), handshake.ptk_bits, *rest))
    ssid, ft = octets_of(handshake.ssid.value.ljust(32, b"\0")), handshake.ft
    r0 = ft.mdid + bytes([len(ft.r0kh_id)]) + ft.r0kh_id
    holders = octets_of(r0.ljust(51, b"\0")), len(r0), octets_of(ft.r1kh_id)
    return bool(
        mic.fits_ft(
            states, ssid, len(handshake.ssid.value), *holders, *addresses, room, len(m2), handshake.ptk_bits, *rest
        )
    )


@pytest.mark.parametrize("akm", AKMS)
@settings(max_examples=150, deadline=None)
@given(what=handshakes, pmk=st.binary(min_size=32, max_size=32).map(Pmk))
def test_key_that_signed_fits_and_no_other(akm, what, pmk):
    handshake = make(akm, pmk, **what)
    assert verify_mic(pmk, handshake)
    assert fits(pmk, handshake)
    assert not fits(Pmk(bytes([pmk.value[0] ^ 1]) + pmk.value[1:]), handshake)


@pytest.mark.parametrize("akm", AKMS)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_octet_of_an_altered_handshake_counts_as_in_the_reference(akm, data):
    handshake = make(akm, Pmk(b"\7" * 32))
    octets = bytearray(handshake.m2.octets)
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        altered = Handshake.build(
            ssid=handshake.ssid, aa=handshake.aa, spa=handshake.spa, anonce=handshake.anonce, frame=bytes(octets)
        )
    except Exception:
        return
    if altered.akm is akm and altered.key_version == handshake.key_version:
        assert fits(Pmk(b"\7" * 32), altered) == verify_mic(Pmk(b"\7" * 32), altered)


@pytest.mark.parametrize("akm", AKMS)
@pytest.mark.parametrize("octet", range(16))
def test_every_octet_of_the_mic_counts(akm, octet):
    handshake, pmk = make(akm, Pmk(b"\7" * 32)), Pmk(b"\7" * 32)
    changed = bytearray(handshake.m2.mic)
    changed[octet] ^= 0x10
    m2 = EapolKey.decode(handshake.m2.octets.replace(handshake.m2.mic, bytes(changed)))
    assert not fits(pmk, Handshake(**{**fields(handshake), "m2": m2}))


def fields(handshake):
    return {name: getattr(handshake, name) for name in Handshake.__slots__}


@pytest.mark.parametrize("akm", AKMS)
@pytest.mark.parametrize("padding", [0, 4, 8, 9, 10, 22, 23, 24, 87, 250])
def test_frames_around_the_block_boundaries(akm, padding):
    pmk = Pmk(b"\7" * 32)
    assert fits(pmk, make(akm, pmk, padding=bytes([221, padding]) + bytes(padding)))


def test_longest_frame():
    pmk = Pmk(b"\7" * 32)
    for akm in AKMS:
        room = 1024 - len(make(akm, pmk).m2.octets)
        sizes = [257] * (room // 257) + [room % 257]
        handshake = make(akm, pmk, padding=b"".join(bytes([221, size - 2]) + bytes(size - 2) for size in sizes))
        assert len(handshake.m2.octets) == 1024
        assert fits(pmk, handshake)


@pytest.mark.parametrize(
    "case", [case for case in CASES if published(case).key_version != 1], ids=lambda case: case["name"]
)
def test_published_handshakes(case):
    handshake = published(case)
    pmk = passphrase_to_pmk(case["passphrase"].encode(), handshake.ssid)
    assert fits(pmk, handshake)
    assert not fits(Pmk(bytes(32)), handshake)


@pytest.mark.parametrize("case", RECORDINGS, ids=lambda case: case["name"])
def test_recorded_handshakes(case):
    handshake = recorded(case)
    assert fits(passphrase_to_pmk(case["passphrase"].encode(), handshake.ssid), handshake)
    assert not fits(Pmk(bytes(32)), handshake)


# What they are made of.


@pytest.mark.parametrize("block", SHA1_BLOCKS)
def test_sha1_blocks_are_hashlibs(block):
    @njit
    def compress(state, octets):
        for at in range(1, len(octets), 64):
            block(state, 2, octets, at)

    random = np.random.default_rng(1)
    for blocks in (0, 1, 2, 9):
        message = random.bytes(64 * blocks)
        padding = b"\x80" + bytes(55) + (512 * blocks).to_bytes(8)
        state = np.array([7, 7, *SHA1_IV, 7], np.uint32)
        compress(state, octets_of(b"\xa5" + message + padding))
        assert state[2:7].astype(">u4").tobytes() == hashlib.sha1(message).digest()
        assert state[[0, 1, 7]].tolist() == [7, 7, 7]


@pytest.mark.parametrize("cmac", CMACS)
@settings(max_examples=200, deadline=None)
@given(key=st.binary(min_size=16, max_size=16), message=st.binary(min_size=1, max_size=300))
def test_cmac_is_openssls(cmac, key, message):
    work = np.full(scalar.AES_WORDS, 0xDEADBEEF, np.uint32)
    work[:4] = np.frombuffer(key, "<u4")
    octets = np.full(len(message) + 16, 0xA5, np.uint8)
    octets[: len(message)] = octets_of(message)
    cmac(work, octets, len(message))
    assert work[44:48].astype("<u4").tobytes() == aes_cmac(key, message)


@pytest.mark.parametrize("cmac", CMACS)
@pytest.mark.parametrize("case", [case for case in RFC_4493["case"] if case["message"]])  # no frame is empty
def test_cmac_is_rfc_4493s(cmac, case):
    message = bytes.fromhex(case["message"])
    work = np.zeros(scalar.AES_WORDS, np.uint32)
    work[:4] = np.frombuffer(bytes.fromhex(RFC_4493["key"]), "<u4")
    cmac(work, np.concatenate([octets_of(message), np.zeros(16, np.uint8)]), len(message))
    assert work[44:48].astype("<u4").tobytes().hex() == case["mac"]


@settings(max_examples=100, deadline=None)
@given(key=st.binary(min_size=0, max_size=64), message=st.binary(max_size=300))
def test_hmacs_are_those_of_the_standard_library(key, message):
    octets, block = np.full(1280, 0xA5, np.uint8), np.zeros(64, np.uint8)
    padded = octets_of(key.ljust(64, b"\0"))
    for name, pads, finish, size in (
        ("sha1", scalar.sha1_pads, scalar.hmac_sha1, 5),
        ("sha256", scalar.sha256_pads, scalar.hmac_sha256, 8),
    ):
        words = np.zeros(2 * size, np.uint32)
        pads(padded, 0, len(key), words, 0, block)
        octets[: len(message)] = octets_of(message)
        finish(words, octets, len(message))
        assert words[size:].astype(">u4").tobytes() == hmac.digest(key, message, name)


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 119, 120, 500])
def test_md5_is_that_of_hashlib(length):
    message = bytes(n * 7 % 251 for n in range(length))
    octets = np.zeros(length + 80, np.uint8)
    octets[:length] = octets_of(message)
    state = np.array(scalar.MD5_IV, np.uint32)
    scalar.md5_finish(state, octets, length, 0)
    scalar.put_words(state, octets, 0)
    assert octets[:16].tobytes() == hashlib.md5(message).digest()
