"""The handshake's four frames beside a recording's, and the fast transition's elements beside slow arithmetic."""

import random
import struct
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from crypto import EapolKey, Fte, Mde, Rsne, find_elements, kdf_sha256
from pcaps.make.four_way import GroupKey, four_way
from pcaps.make.recipe import Recipe, parse_credential
from pcaps.make.session import make_session
from pcaps.make.transition import Transition
from radiusd import DIALECTS, SharedSecret
from radiusd.codec import decode_request

HWSIM = Path(__file__).parents[2] / "vectors/hwsim"
REQUESTS = tomllib.loads((HWSIM / "requests.toml").read_text("utf-8"))
EAPOL_IN_LLC = bytes.fromhex("aaaa03000000888e")
GTK_KDE = bytes.fromhex("dd16000fac01")


def recorded_frames(name):
    """Return the EAPOL frames of a recording: pcap with microseconds and radiotap, one after the other."""
    octets = (HWSIM / f"{name}.pcap").read_bytes()
    frames, offset = [], 24
    while offset < len(octets):
        (length,) = struct.unpack_from("<I", octets, offset + 8)
        frame = octets[offset + 16 : offset + 16 + length]
        offset += 16 + length
        place = frame.find(EAPOL_IN_LLC)
        if place >= 0:
            frames.append(frame[place + len(EAPOL_IN_LLC) :])
    return frames


def repeat(case):
    """Return the session made with the values of a recording."""
    request = decode_request(bytes.fromhex(case["access_request"]), SharedSecret(REQUESTS["secret"].encode()))
    handshake = DIALECTS["hostapd"].decode_request(request)
    recipe = Recipe.parse(
        "ft" if case["akm"] == "00-0F-AC:4" else "cambium",
        ssid=case["ssid"],
        nas_identifier=case["nas_identifier"],
        bssid=case["bssid"],
        station=case["station"],
        anonce=handshake.anonce.hex(),
        snonce=handshake.m2.snonce.hex(),
    )
    return make_session(recipe, parse_credential(recipe.ssid, case["passphrase"].encode()), random.Random(0))


def unwrap(session, m3):
    return aes_key_unwrap(session.ptk[16:32], m3[99:])


@pytest.mark.parametrize("name", ["wpa2-psk", "wpa2-psk-utf8-ssid", "ft-psk"])
def test_all_four_frames_are_those_of_the_recording(name):
    session = repeat(next(case for case in REQUESTS["case"] if case["name"] == name))
    m1, m2, m3, m4 = recorded_frames(name)
    clear = unwrap(session, m3)
    place = clear.index(GTK_KDE) + len(GTK_KDE)
    made = four_way(session, GroupKey(value=clear[place + 2 : place + 18], key_id=clear[place]))
    assert (made.m1, made.m2, made.m4) == (m1, m2, m4)
    if name != "ft-psk":
        assert made.m3 == m3
        return
    ours = unwrap(session, made.m3)
    deadline = bytes.fromhex("380501e8030000")  # that hostapd had none
    assert ours.replace(deadline, bytes.fromhex("38050100000000")) == clear
    assert made.m3[:81] == m3[:81]


@pytest.mark.parametrize("octets", [0, 15, 17, 32])
def test_a_group_key_has_sixteen_octets(octets):
    with pytest.raises(ValueError, match="GTK must be 16 octets"):
        GroupKey(value=bytes(octets))


def test_a_group_key_is_never_the_pairwise_slot():
    with pytest.raises(ValueError, match="key id must be 1 to 3, got 0"):
        GroupKey(value=bytes(16), key_id=0)


def test_the_receive_sequence_is_little_endian():
    session = repeat(REQUESTS["case"][0])
    m3 = four_way(session, GroupKey(value=bytes(16), receive_sequence=0x010203)).m3
    assert m3[65:73].hex() == "0302010000000000"


@pytest.fixture
def move():
    case = next(case for case in REQUESTS["case"] if case["akm"] == "00-0F-AC:4")
    return Transition.draw(repeat(case), random.Random(1))


def cut(elements):
    """Return RSNE, MDE and FTE as octets."""
    pieces, offset = [], 0
    while offset < len(elements):
        length = 2 + elements[offset + 1]
        pieces.append(elements[offset : offset + length])
        offset += length
    assert [piece[0] for piece in pieces] == [48, 54, 55]
    return pieces


def test_a_transition_needs_ft():
    with pytest.raises(ValueError, match="not for AKM 00-0F-AC:2"):
        Transition.draw(repeat(REQUESTS["case"][0]), random.Random(0))


def test_the_request_names_pmk_r0_and_the_response_both_key_holders(move):
    request = find_elements(move.authentication_request)
    assert request.rsne.pmkids == (move.session.ft.pmk_r0.name,)
    assert (request.fte.anonce, request.fte.snonce, request.fte.r1kh_id) == (bytes(32), move.snonce, None)
    assert request.fte.r0kh_id == b"hudson-house-ap3"
    response = find_elements(move.authentication_response)
    assert response.rsne == request.rsne
    assert response.mde == request.mde == Mde(mdid=b"\xa1\xb2", capability=1)
    assert response.fte == Fte(
        anonce=move.anonce, snonce=move.snonce, r1kh_id=move.target.value, r0kh_id=b"hudson-house-ap3"
    )


@pytest.mark.parametrize(("number", "which"), [(5, "reassociation_request"), (6, "reassociation_response")])
def test_reassociation_names_pmk_r1_and_its_mic_covers_addresses_and_elements(move, number, which):
    rsne, mde, fte = cut(getattr(move, which))
    spa, target = move.session.handshake.spa.value, move.target.value
    pmk_r1 = kdf_sha256(move.session.ft.pmk_r0.key, b"FT-R1", target + spa, 256)
    context = move.snonce + move.anonce + target + spa
    kck = kdf_sha256(pmk_r1, b"FT-PTK", context, 384)[:16]
    assert fte[2:4] == b"\0\3"
    cmac = CMAC(AES(kck))
    cmac.update(spa + target + bytes([number]) + rsne + mde + fte[:4] + bytes(16) + fte[20:])
    assert fte[4:20] == cmac.finalize()
    assert Rsne.decode(rsne[2:]).pmkids == (move.pmk_r1.name,)


def test_the_group_key_comes_wrapped_in_the_response(move):
    fte = cut(move.reassociation_response)[2]
    key = fte[-37:]
    assert key[:5] == bytes.fromhex("0223010010")
    assert key[5:13] == bytes(8)
    assert aes_key_unwrap(move.ptk[16:32], key[13:]) == move.gtk.value


def test_secrets_of_a_transition_stay_out_of_its_representation(move):
    shown = repr(move)
    for secret in (move.pmk_r0.key, move.pmk_r1.key, move.gtk.value):
        assert repr(secret) not in shown


def test_m2_without_its_session_is_not_touched():
    session = repeat(REQUESTS["case"][0])
    other = replace(session, handshake=replace(session.handshake, m2=replace(session.handshake.m2, mic=b"\1" * 16)))
    assert EapolKey.decode(four_way(other, GroupKey(value=bytes(16))).m2).mic == b"\1" * 16
