import dataclasses
import hashlib
import hmac
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import (
    Akm,
    EapolKey,
    Fte,
    Handshake,
    MacAddress,
    Mde,
    Pmk,
    Rsne,
    Ssid,
    aes_cmac,
    check_passphrase,
    compute_mic,
    derive_ft_ptk,
    derive_handshake_pmk_r1,
    derive_kck,
    derive_pmk_r0,
    derive_pmk_r1,
    derive_ptk,
    frame_mic,
    kdf_sha256,
    passphrase_to_pmk,
    prf_sha1,
    sign,
    verify_mic,
)

VECTORS = Path(__file__).parents[1] / "vectors"
AA, SPA = MacAddress.parse("020000000000"), MacAddress.parse("020000000100")
M2_KEY_INFO = 0x0108


def load(name):
    return tomllib.loads((VECTORS / name).read_text("utf-8"))


def cases(name):
    return [pytest.param(case, id=case.get("name")) for case in load(name)["case"]]


def cut_request(packet):
    """Return ANonce (1), M2 (2) and WLAN-AKM-Suite (188) of a hostapd request: attributes 245.26, fragments joined."""
    values: dict[int, bytes] = {}
    offset, kind, more = 20, 0, False
    while offset < len(packet):
        attribute, length = packet[offset], packet[offset + 1]
        value = packet[offset + 2 : offset + length]
        offset += length
        if attribute == 188:
            values[188] = value
        elif attribute == 245:
            if more:
                values[kind] += value[2:]
            else:
                kind = value[6]
                values[kind] = value[7:]
            more = bool(value[1] & 0x80)
    return values


def recorded(case):
    values = cut_request(bytes.fromhex(case["access_request"]))
    return Handshake.build(
        ssid=Ssid.parse(case["ssid"]),
        aa=MacAddress.parse(case["bssid"]),
        spa=MacAddress.parse(case["station"]),
        anonce=values[1],
        frame=values[2],
        akm_hint=int.from_bytes(values[188], "big"),
    )


def published(case):
    return Handshake.build(
        ssid=Ssid.parse(case["ssid"]),
        aa=MacAddress.parse(case["aa"]),
        spa=MacAddress.parse(case["spa"]),
        anonce=bytes.fromhex(case["anonce"]),
        frame=bytes.fromhex(case["m2"]),
    )


def made(version, key_data=b"", *, hint=None, descriptor=2):
    """Return a handshake with nonces 11.. and 22.., not signed yet."""
    m2 = EapolKey(
        descriptor=descriptor,
        key_info=M2_KEY_INFO | version,
        replay_counter=1,
        snonce=b"\x22" * 32,
        key_data=key_data,
    )
    return Handshake.of(ssid=Ssid(b"Hudson House"), aa=AA, spa=SPA, anonce=b"\x11" * 32, m2=m2, akm_hint=hint)


def ft_key_data(pairwise=0x000FAC04, pmkids=()):
    rsne = Rsne(group=pairwise, pairwise=(pairwise,), akms=(Akm.FT_PSK,), capabilities=0, pmkids=pmkids)
    fte = Fte(r1kh_id=bytes.fromhex("020000000000"), r0kh_id=b"hudson-house-ap3")
    return rsne.encode() + Mde(mdid=b"\xa1\xb2", capability=1).encode() + fte.encode()


HANDSHAKES = {
    "psk": made(2),
    "psk-tkip": made(1, Rsne(group=0x000FAC02, pairwise=(0x000FAC02,), akms=(Akm.PSK,)).encode()),
    "psk-sha256": made(3),
    "psk-sha256-gcmp-256": made(
        3, Rsne(group=0x000FAC09, pairwise=(0x000FAC09,), akms=(Akm.PSK_SHA256,), capabilities=0).encode()
    ),
    "ft-psk": made(3, ft_key_data()),
    "ft-psk-ccmp-256": made(3, ft_key_data(0x000FAC0A)),
    "wpa1-md5": made(1, descriptor=0xFE),
    "wpa1-sha1": made(2, descriptor=0xFE),
}


# Primitives against published values.


@pytest.mark.parametrize("case", cases("pbkdf2-hmac-sha1.toml"))
def test_pbkdf2_is_rfc_6070s(case):
    key, password, salt = bytes.fromhex(case["key"]), case["password"].encode(), case["salt"].encode()
    assert hashlib.pbkdf2_hmac("sha1", password, salt, case["rounds"], len(key)) == key
    if case["rounds"] == 4096 and len(salt) <= 32:
        assert passphrase_to_pmk(password, Ssid(salt)).value[: len(key)] == key


@pytest.mark.parametrize("case", cases("passphrase-to-psk.toml"))
def test_passphrase_to_pmk_is_the_standards(case):
    assert passphrase_to_pmk(case["passphrase"].encode(), Ssid.parse(case["ssid"])).value.hex() == case["pmk"]


@pytest.mark.parametrize("case", cases("prf-sha1.toml"))
@pytest.mark.parametrize("bits", [128, 160, 192, 256, 384, 512])
def test_prf_sha1_is_the_standards_at_every_length(case, bits):
    label, context, output = case["label"].encode(), bytes.fromhex(case["context"]), bytes.fromhex(case["output"])
    assert prf_sha1(bytes.fromhex(case["key"]), label, context, bits) == output[: bits // 8]


@pytest.mark.parametrize("case", cases("kdf-sha256.toml"))
def test_kdf_sha256_is_the_standards(case):
    output = bytes.fromhex(case["output"])
    key, context = bytes.fromhex(case["key"]), bytes.fromhex(case["context"])
    assert kdf_sha256(key, case["label"].encode(), context, 8 * len(output)) == output
    # The length enters each block: a shorter key is another key.
    assert kdf_sha256(key, case["label"].encode(), context, 384) != output[:48]


@pytest.mark.parametrize("case", load("aes-cmac.toml")["case"])
def test_aes_cmac_is_rfc_4493s(case):
    key = bytes.fromhex(load("aes-cmac.toml")["key"])
    assert aes_cmac(key, bytes.fromhex(case["message"])).hex() == case["mac"]


@pytest.mark.parametrize("case", cases("pairwise-ptk.toml"))
def test_pairwise_ptk_is_the_standards(case):
    tkip = Rsne(group=0x000FAC02, pairwise=(0x000FAC02,), akms=(Akm.PSK,)).encode()
    for key_data, octets in ((b"", 48), (tkip, 64)):
        snonce = bytes.fromhex(case["snonce"])
        handshake = Handshake.of(
            ssid=Ssid(b"any"),
            aa=MacAddress.parse(case["aa"]),
            spa=MacAddress.parse(case["spa"]),
            anonce=bytes.fromhex(case["anonce"]),
            m2=EapolKey(key_info=M2_KEY_INFO | 2, replay_counter=1, snonce=snonce, key_data=key_data),
        )
        assert derive_ptk(Pmk(bytes.fromhex(case["pmk"])), handshake).hex() == case["ptk"][: 2 * octets]


# Whole handshakes that others made.


@pytest.mark.parametrize("case", cases("handshakes.toml"))
def test_published_handshake_verifies(case):
    handshake = published(case)
    pmk = passphrase_to_pmk(case["passphrase"].encode(), handshake.ssid)
    assert str(handshake.akm) == case["akm"]
    assert pmk.value.hex() == case.get("pmk", pmk.value.hex())
    assert derive_kck(pmk, handshake).hex() == case.get("kck", derive_kck(pmk, handshake).hex())
    assert verify_mic(pmk, handshake)
    assert not verify_mic(Pmk(bytes(32)), handshake)
    if handshake.ft is not None:
        assert derive_handshake_pmk_r1(pmk, handshake).name == handshake.ft.pmk_r1_name


@pytest.mark.parametrize("case", cases("hwsim/requests.toml"))
def test_recorded_request_verifies_with_its_pmk_and_no_other(case):
    handshake = recorded(case)
    pmk = Pmk(bytes.fromhex(case["pmk"]))
    assert str(handshake.akm) == case["akm"]
    assert passphrase_to_pmk(case["passphrase"].encode(), handshake.ssid) == pmk
    assert verify_mic(pmk, handshake)
    for position in range(32):
        other = bytearray(pmk.value)
        other[position] ^= 1
        assert not verify_mic(Pmk(bytes(other)), handshake)


def test_recorded_ft_request_names_the_pmk_r1_of_its_pmk_only():
    case = next(case for case in load("hwsim/requests.toml")["case"] if case["name"] == "ft-psk")
    handshake = recorded(case)
    assert handshake.ft is not None
    assert derive_handshake_pmk_r1(Pmk(bytes.fromhex(case["pmk"])), handshake).name == handshake.ft.pmk_r1_name
    assert derive_handshake_pmk_r1(Pmk(bytes(32)), handshake).name != handshake.ft.pmk_r1_name


@pytest.mark.parametrize("case", cases("hwsim/requests.toml"))
@pytest.mark.parametrize("changed", ["ssid", "aa", "spa", "anonce"])
def test_mic_depends_on_every_part_of_the_handshake(case, changed):
    other: dict[str, Any] = {
        "ssid": Ssid(b"?"),
        "aa": MacAddress(b"\x06" * 6),
        "spa": MacAddress(b"\x06" * 6),
        "anonce": b"\x06" * 32,
    }
    handshake = recorded(case)
    altered = dataclasses.replace(handshake, **{changed: other[changed]})
    # The SSID enters only where FT uses it: elsewhere it is in the PMK.
    same = changed == "ssid" and handshake.akm is not Akm.FT_PSK
    assert verify_mic(Pmk(bytes.fromhex(case["pmk"])), altered) == same


# Every AKM, against formulas written out once more.


def twin_kck(pmk, handshake):
    """Return the KCK by plain HMAC calls, blocks and lengths spelt out."""
    m2, aa, spa = handshake.m2, handshake.aa.value, handshake.spa.value
    bits = handshake.ptk_bits.to_bytes(2, "little")
    nonces = [handshake.anonce, m2.snonce]
    context = min(aa, spa) + max(aa, spa) + min(nonces) + max(nonces)
    if handshake.ft is None and m2.key_version != 3:
        return hmac.new(pmk, b"Pairwise key expansion\x00" + context + b"\x00", "sha1").digest()[:16]
    if handshake.ft is None:
        return hmac.new(pmk, b"\x01\x00Pairwise key expansion" + context + bits, "sha256").digest()[:16]
    ft, ssid = handshake.ft, handshake.ssid.value
    r0 = bytes([len(ssid)]) + ssid + ft.mdid + bytes([len(ft.r0kh_id)]) + ft.r0kh_id + spa + b"\x80\x01"
    pmk_r0 = hmac.new(pmk, b"\x01\x00FT-R0" + r0, "sha256").digest()
    pmk_r1 = hmac.new(pmk_r0, b"\x01\x00FT-R1" + ft.r1kh_id + spa + b"\x00\x01", "sha256").digest()
    ptk = b"\x01\x00FT-PTK" + m2.snonce + handshake.anonce + aa + spa + bits
    return hmac.new(pmk_r1, ptk, "sha256").digest()[:16]


@pytest.mark.parametrize("name", HANDSHAKES)
@given(pmk=st.binary(min_size=32, max_size=32), anonce=st.binary(min_size=32, max_size=32))
def test_kck_is_the_formula_of_its_akm(name, pmk, anonce):
    handshake = dataclasses.replace(HANDSHAKES[name], anonce=anonce)
    assert derive_kck(Pmk(pmk), handshake) == twin_kck(pmk, handshake) == derive_ptk(Pmk(pmk), handshake)[:16]


@pytest.mark.parametrize("name", HANDSHAKES)
def test_signed_handshake_verifies_and_survives_the_wire(name):
    pmk = Pmk(b"\x33" * 32)
    handshake = sign(pmk, HANDSHAKES[name])
    assert handshake.m2.mic == compute_mic(pmk, handshake) == compute_mic(pmk, HANDSHAKES[name])
    assert verify_mic(pmk, handshake)
    assert not verify_mic(pmk, HANDSHAKES[name])
    again = Handshake.build(
        ssid=handshake.ssid, aa=AA, spa=SPA, anonce=handshake.anonce, frame=handshake.m2.encode(), akm_hint=None
    )
    assert again == handshake


@pytest.mark.parametrize(
    ("name", "akm", "version", "bits"),
    [
        ("psk", Akm.PSK, 2, 384),
        ("psk-tkip", Akm.PSK, 1, 512),
        ("psk-sha256", Akm.PSK_SHA256, 3, 384),
        ("psk-sha256-gcmp-256", Akm.PSK_SHA256, 3, 512),
        ("ft-psk", Akm.FT_PSK, 3, 384),
        ("ft-psk-ccmp-256", Akm.FT_PSK, 3, 512),
        ("wpa1-md5", Akm.WPA_PSK, 1, 384),
        ("wpa1-sha1", Akm.WPA_PSK, 2, 384),
    ],
)
def test_akm_version_and_ptk_length_are_derived_once(name, akm, version, bits):
    handshake = HANDSHAKES[name]
    assert (handshake.akm, handshake.key_version, handshake.ptk_bits) == (akm, version, bits)
    assert len(derive_ptk(Pmk(bytes(32)), handshake)) * 8 == bits


def test_the_three_mics():
    kck, frame = bytes(range(16)), b"frame"
    assert frame_mic(kck, 1, frame) == hmac.new(kck, frame, "md5").digest()
    assert frame_mic(kck, 2, frame) == hmac.new(kck, frame, "sha1").digest()[:16]
    assert frame_mic(kck, 3, frame) == aes_cmac(kck, frame)
    with pytest.raises(ValueError, match="key version 0 names no MIC"):
        frame_mic(kck, 0, frame)


def test_ft_hierarchy_names():
    """The names are truncated hashes over the names above them (12.7.1.6.3 to 12.7.1.6.5)."""
    pmk, ssid = Pmk(b"\x33" * 32), Ssid(b"Hudson House")
    pmk_r0 = derive_pmk_r0(pmk, ssid, b"\xa1\xb2", b"ap3", SPA)
    pmk_r1 = derive_pmk_r1(pmk_r0, AA.value, SPA)
    ptk = derive_ft_ptk(pmk_r1, snonce=b"s" * 32, anonce=b"a" * 32, aa=AA, spa=SPA)
    context = b"\x0cHudson House\xa1\xb2\x03ap3" + SPA.value
    second = hmac.new(pmk.value, b"\x02\x00FT-R0" + context + b"\x80\x01", "sha256").digest()
    assert pmk_r0.name == hashlib.sha256(b"FT-R0N" + second[:16]).digest()[:16]
    assert pmk_r1.name == hashlib.sha256(b"FT-R1N" + pmk_r0.name + AA.value + SPA.value).digest()[:16]
    tail = b"FT-PTKN" + b"s" * 32 + b"a" * 32 + AA.value + SPA.value
    assert ptk.name == hashlib.sha256(pmk_r1.name + tail).digest()[:16]
    assert (len(pmk_r0.key), len(pmk_r1.key), len(ptk.key)) == (32, 32, 48)


def test_pmk_r1_is_for_ft_only():
    with pytest.raises(ValueError, match="PMK-R1 is for 00-0F-AC:4 only, got 00-0F-AC:2"):
        derive_handshake_pmk_r1(Pmk(bytes(32)), HANDSHAKES["psk"])


# Passphrases.


@pytest.mark.parametrize("passphrase", [b"a" * 8, b"~" * 63, b" leading and trailing ", b"0123456789abcdefABCDEF" * 2])
def test_good_passphrase_is_accepted(passphrase):
    check_passphrase(passphrase)
    expected = hashlib.pbkdf2_hmac("sha1", passphrase, b"\xff\x00", 4096, 32)
    assert passphrase_to_pmk(passphrase, Ssid(b"\xff\x00")).value == expected


def test_64_hex_digits_are_the_pmk():
    digits = b"0123456789abcdefABCDEF0123456789" * 2
    check_passphrase(digits)
    assert passphrase_to_pmk(digits, Ssid(b"any")).value == bytes.fromhex(digits.decode())


@pytest.mark.parametrize("passphrase", [b"", b"1234567", b"g" * 64, b"0" * 63 + b" ", b"0" * 65, b"0" * 64 + b"\n"])
def test_passphrase_of_wrong_length_is_refused(passphrase):
    with pytest.raises(ValueError, match="passphrase"):
        check_passphrase(passphrase)
    with pytest.raises(ValueError, match="passphrase"):
        passphrase_to_pmk(passphrase, Ssid(b"any"))


@pytest.mark.parametrize("octet", [0x00, 0x1F, 0x7F, 0x80, 0xC3, 0xFF])
def test_unprintable_passphrase_is_refused_without_being_shown(octet):
    with pytest.raises(ValueError, match=r"^passphrase octet 7 of 9 is not printable ASCII$"):
        check_passphrase(b"secret" + bytes([octet]) + b"pw")


@given(st.binary(min_size=8, max_size=70))
def test_check_passphrase_accepts_only_what_makes_a_pmk(passphrase):
    message = ""
    try:
        check_passphrase(passphrase)
    except ValueError as error:
        message = str(error)
    assert bool(message) == (not passphrase.isascii() or not passphrase.decode().isprintable() or len(passphrase) > 63)
    assert passphrase not in message.encode()
