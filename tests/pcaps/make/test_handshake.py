"""The one builder of handshakes, against a recording and the reference."""

import tomllib
from pathlib import Path

import pytest

from crypto import Akm, MacAddress, Pmk, Ssid, derive_handshake_pmk_r1, verify_mic
from pcaps import make_handshake
from pcaps.make.handshake import build_handshake
from radiusd import DIALECTS, SharedSecret, decode_request

SSID, PMK = Ssid(b"Hudson House"), Pmk(b"\7" * 32)
RECORDED = tomllib.loads((Path(__file__).parents[2] / "vectors/hwsim/requests.toml").read_text("utf-8"))["case"]


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["name"])
def test_a_recorded_m2_is_made_again(case):
    """wpa_supplicant's own, octet for octet, where it was given the same elements; its MIC in any case."""
    request = decode_request(bytes.fromhex(case["access_request"]), SharedSecret(b"testing123"))
    recorded = DIALECTS["hostapd"].decode_request(request)
    made = build_handshake(
        recorded.akm,
        Pmk(bytes.fromhex(case["pmk"])),
        ssid=recorded.ssid,
        aa=recorded.aa,
        spa=recorded.spa,
        anonce=recorded.anonce,
        snonce=recorded.m2.snonce,
        r0kh_id=recorded.ft.r0kh_id if recorded.ft else b"",
        mdid=recorded.ft.mdid if recorded.ft else bytes(2),
        eapol_version=recorded.m2.version,
    ).handshake
    if made.m2.key_data == recorded.m2.key_data and made.m2.replay_counter == recorded.m2.replay_counter:
        assert made == recorded
    assert (made.akm, made.key_version, made.ft) == (recorded.akm, recorded.key_version, recorded.ft)
    assert verify_mic(Pmk(bytes.fromhex(case["pmk"])), made)


def test_one_recording_at_least_is_made_to_the_octet():
    case = next(case for case in RECORDED if case["name"] == "wpa2-psk")
    request = decode_request(bytes.fromhex(case["access_request"]), SharedSecret(b"testing123"))
    recorded = DIALECTS["hostapd"].decode_request(request)
    names = ("ssid", "aa", "spa", "anonce")
    same = {name: getattr(recorded, name) for name in names} | {"snonce": recorded.m2.snonce}
    made = build_handshake(Akm.PSK, Pmk(bytes.fromhex(case["pmk"])), eapol_version=recorded.m2.version, **same)
    assert made.handshake.m2.octets == recorded.m2.octets


@pytest.mark.parametrize(
    ("akm", "key_version"), [(Akm.PSK, None), (Akm.PSK, 1), (Akm.PSK_SHA256, None), (Akm.FT_PSK, None)]
)
def test_the_same_pmk_makes_the_same_handshake(akm, key_version):
    made = make_handshake(akm, PMK, ssid=SSID, key_version=key_version)
    assert made == make_handshake(akm, PMK, ssid=SSID, key_version=key_version)
    assert verify_mic(PMK, made)
    assert not verify_mic(Pmk(b"\x08" * 32), made)
    other = make_handshake(akm, PMK, ssid=SSID, key_version=key_version, spa=MacAddress(b"\2" * 6))
    assert (other.spa, other == made) == (MacAddress(b"\2" * 6), False)
    if akm is Akm.FT_PSK:
        assert made.ft.pmk_r1_name == derive_handshake_pmk_r1(PMK, made).name
