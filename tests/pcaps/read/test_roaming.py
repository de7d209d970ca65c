"""Fast transitions: a real one, and what is none."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress, Pmk, Ssid, passphrase_to_pmk
from pcaps import Outcome, Words, identify_by_store, identify_by_words
from pcaps.read.roaming import Roam, parse_roam
from provisioning import KeyDraft, Passphrase, create_store
from tests.pcaps.air import VECTORS, Air

ROAM = tomllib.loads((VECTORS / "ft-roam.toml").read_text("utf-8"))
SSID = Ssid.parse(ROAM["ssid"])
AA, SPA = MacAddress.parse(ROAM["bssid"]), MacAddress.parse(ROAM["station"])
ELEMENTS = bytes.fromhex(ROAM["elements"])
NOW = datetime(2026, 11, 21, tzinfo=UTC)
CHANGED = ["aa", "spa", "mic", "mdid", "anonce", "snonce", "r1kh_id", "pmk_r1_name", "covered"]
PMK = passphrase_to_pmk(ROAM["passphrase"].encode(), SSID)


def request(elements=ELEMENTS, bssid=AA):
    """Return the reassociation request around the elements."""
    return Air.management(2, bssid, SPA, bssid, b"\x31\4\x01\0" + MacAddress(b"\2\0\0\0\0\0").value + elements)


def capture(*frames):
    return Air.pcap([Air.radiotap(frame) for frame in frames])


def test_a_real_transition_fits_its_key_and_no_other():
    roam = parse_roam(SSID, AA.value, SPA.value, ELEMENTS)
    assert roam.fits(PMK)
    assert not roam.fits(Pmk(bytes(32)))


@pytest.mark.parametrize("changed", CHANGED)
def test_the_mic_covers_all_of_it(changed):
    roam = parse_roam(SSID, AA.value, SPA.value, ELEMENTS)
    part = roam if hasattr(roam, changed) else roam.ft
    value = getattr(part, changed)
    octets = value.value if isinstance(value, MacAddress) else value
    other = bytes([octets[0] ^ 2]) + octets[1:]
    altered = replace(part, **{changed: MacAddress(other) if isinstance(value, MacAddress) else other})
    assert not (altered if part is roam else replace(roam, ft=altered)).fits(PMK)


def test_it_is_found_in_a_capture_once_and_named(read, tmp_path):
    findings = read(capture(request(), request()))
    (attempt,) = findings.attempts
    assert (attempt.station, attempt.bssid, attempt.ssid, attempt.akm) == (SPA, AA, SSID, "00-0F-AC:4")
    assert (attempt.handshake, attempt.reason, attempt.number) == (None, None, 1)
    path = tmp_path / "words"
    path.write_text(f"another one\n{ROAM['passphrase']}\n")
    with Words(path) as words:
        (verdict,) = identify_by_words(findings.attempts, words)
    assert (verdict.outcome, verdict.passphrase) == (Outcome.MATCHED, b"12345678")
    path.write_text("another one\n")
    with Words(path) as words:
        (verdict,) = identify_by_words(findings.attempts, words)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNMATCHED, "none of 1 passphrases fits this fast transition")


@pytest.mark.parametrize("by_hashlib", [20_000, 0])
def test_the_store_names_who_roamed(read, tmp_path, monkeypatch, by_hashlib):
    monkeypatch.setattr("pcaps.identify._HASHLIB_TESTS", by_hashlib)
    with create_store(tmp_path / "latchkey.db", {}) as store:
        pool = store.keypools.add(SSID)
        store.keys.add(pool.id, KeyDraft(identity="Bo Chen", passphrase=Passphrase(b"another one")))
        store.keys.add(pool.id, KeyDraft(identity="Ann Lee", passphrase=Passphrase(b"12345678")))
        (verdict,) = identify_by_store(read(capture(request())).attempts, store, NOW)
    assert verdict.key.identity == "Ann Lee"


def test_requests_that_show_no_key_are_none(read):
    parts = {ELEMENTS[at]: at for at in _starts()}
    fte = parts[55]
    without_fte = ELEMENTS[:fte] + ELEMENTS[fte + 2 + ELEMENTS[fte + 1] :]
    enterprise = ELEMENTS.replace(bytes.fromhex("000fac04"), bytes.fromhex("000fac03"))
    bare = ELEMENTS[:fte] + bytes([55, 82]) + bytes(82)
    overrun = ELEMENTS[:-1]
    for elements in (without_fte, enterprise, bare, overrun):
        assert read(capture(request(elements))).attempts == ()
        assert parse_roam(SSID, AA.value, SPA.value, elements) is None


def _starts():
    at = 0
    while at < len(ELEMENTS):
        yield at
        at += 2 + ELEMENTS[at + 1]


@given(st.binary(max_size=120), st.integers(0, len(ELEMENTS)), st.integers(0, 255))
def test_arbitrary_elements(octets, place, value):
    changed = ELEMENTS[:place] + bytes([value]) + ELEMENTS[place + 1 :]
    for elements in (octets, changed, ELEMENTS[:place] + octets):
        roam = parse_roam(SSID, AA.value, SPA.value, elements)
        assert roam is None or isinstance(roam, Roam)
        if roam is not None and elements != ELEMENTS[: len(elements)]:
            roam.fits(PMK)
