"""Whole captures before the programs that people use: tshark, aircrack-ng, hcxpcapngtool, hashcat."""

import random
import subprocess
from collections import Counter

import pytest

from pcaps import hc22000
from pcaps.make.recipe import Recipe, parse_credential
from pcaps.make.scene import make_capture
from pcaps.make.session import make_session
from pcaps.make.writer import save_capture

SSID, PASSPHRASE = "Hudson House", "sunny-Otter-41"
START_US = 1_795_200_000_000_000
KINDS = {"wpa2": ("wpa2", None), "cambium": ("cambium", None), "psk-sha256": ("wpa2", "psk-sha256"), "ft": ("ft", None)}


def make(kind, *, ssid=SSID, passphrase=PASSPHRASE):
    generator, akm = KINDS[kind]
    rng = random.Random(kind)
    recipe = Recipe.parse(generator, ssid=ssid, akm=akm, nas_identifier="hudson-house-ap1")
    session = make_session(recipe, parse_credential(recipe.ssid, passphrase.encode()), rng)
    return session, make_capture(session, rng, START_US)


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """A pcap and a pcapng of each kind, by name."""
    folder = tmp_path_factory.mktemp("captures")
    for kind in KINDS:
        _, frames = make(kind)
        for suffix in ("pcap", "pcapng"):
            save_capture(folder / f"{kind}.{suffix}", frames)
    (folder / "words").write_text("password1\nwrong-Word-12\nsunny-Otter-41\nabcdefgh\n")
    return folder


def run(*command, cwd=None):
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return result.stdout + result.stderr


def tshark(path, condition, *fields, key=None):
    """Return the fields of the frames that meet the condition, each frame's as a list."""
    command = ["tshark", "-n", "-r", str(path), "-Y", condition, "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    if key is not None:
        command += ["-o", "wlan.enable_decryption:TRUE", "-o", f'uat:80211_keys:"{key[0]}","{key[1]}"']
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in result.stdout.splitlines()]


WPA_PWD = ("wpa-pwd", f"{PASSPHRASE}:{SSID}")
FAULTS = "_ws.malformed or _ws.expert.severity >= 0x00600000"  # malformed, or an expert's warning or error


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
@pytest.mark.parametrize("kind", KINDS)
def test_tshark_finds_nothing_wrong(captures, kind, suffix):
    path = captures / f"{kind}.{suffix}"
    for key in (None, WPA_PWD):
        assert tshark(path, FAULTS, "frame.number", "_ws.expert.message", key=key) == []
    frames = tshark(path, "frame", "frame.number", "wlan.fcs.status", "radiotap.flags.fcs")
    assert len(frames) == (25 if kind == "ft" else 17)
    assert {fcs for _, _, fcs in frames} <= {"0", "False"}


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("kind", KINDS)
def test_tshark_sees_the_whole_association(captures, kind):
    subtypes = [int(value, 16) for (value,) in tshark(captures / f"{kind}.pcapng", "wlan", "wlan.fc.type_subtype")]
    beacon, authentication, request, response, data, deauthentication = 8, 11, 0, 1, 0x20, 12
    first = [beacon, authentication, authentication, request, response, *[data] * 11]
    moved = [beacon, authentication, authentication, 2, 3, *[data] * 3] if kind == "ft" else []
    assert subtypes == [*first, *moved, deauthentication]
    rows = tshark(captures / f"{kind}.pcapng", "eapol", "wlan_rsna_eapol.keydes.msgnr", "eapol.keydes.replay_counter")
    assert rows == [["1", "1"], ["2", "1"], ["3", "2"], ["4", "2"]]


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("kind", KINDS)
def test_tshark_decrypts_down_to_arp_and_dhcp(captures, kind):
    path = captures / f"{kind}.pcapng"
    assert tshark(path, "arp or dhcp", "frame.number") == []
    decrypted = tshark(path, "arp or dhcp", "wlan.fc.ds", "dhcp.option.dhcp", "arp.opcode", key=WPA_PWD)
    down, up = "0x02", "0x01"
    conversation = [[up, "1", ""], [down, "2", ""], [up, "3", ""], [down, "5", ""]]
    arp = [[up, "", "1"], [down, "", "1"], [down, "", "2"]]
    assert decrypted == [*conversation, *arp, *(arp if kind == "ft" else [])]
    keys = Counter(tuple(row) for row in tshark(path, "wlan.ccmp.extiv", "wlan.wep.key", "wlan.da", key=WPA_PWD))
    under_the_group_key = sum(number for (key_id, _), number in keys.items() if key_id == "1")
    assert under_the_group_key == (2 if kind == "ft" else 1)
    moved = tshark(path, "arp and wlan.fc.ds == 1", "wlan.bssid", key=WPA_PWD)
    assert len({bssid for (bssid,) in moved}) == (2 if kind == "ft" else 1)


@pytest.mark.peer("tshark")
def test_tshark_decrypts_nothing_with_another_passphrase(captures):
    for kind in KINDS:
        wrong = ("wpa-pwd", f"sunny-Otter-42:{SSID}")
        assert tshark(captures / f"{kind}.pcapng", "arp or dhcp", "frame.number", key=wrong) == []


@pytest.mark.peer("tshark")
def test_tshark_reads_the_elements_of_a_fast_transition(captures):
    frames = tshark(
        captures / "ft.pcapng",
        "wlan.tag.number == 55 and not eapol",
        "wlan.fc.type_subtype",
        "wlan.rsn.akms.type",
        "wlan.mobility_domain.mdid",
        "wlan.ft.mic_control.element_count",
        "wlan.ft.subelem.r0kh_id",
    )
    mdid, name = "0xb2a1", b"hudson-house-ap1".hex()  # tshark reads the two octets of an MDID the other way round
    association, authentication, request, response = "0x0001", "0x000b", "0x0002", "0x0003"
    assert frames == [
        [association, "", mdid, "0", name],
        [authentication, "4", mdid, "0", name],
        [authentication, "4", mdid, "0", name],
        [request, "4", mdid, "3", name],
        [response, "4", mdid, "3", name],
    ]


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("kind", ["wpa2", "ft"])
@pytest.mark.parametrize(
    ("ssid", "passphrase"),
    [("Café: Résidents", "pass:word%41"), ("x", "0123456789abcdef" * 4), ("\udcff" * 32, "a" * 63)],
)
def test_tshark_decrypts_unusual_names_and_passphrases(tmp_path, kind, ssid, passphrase):
    if kind == "ft":
        ssid = ssid[:31]  # tshark 4.0 remembers no SSID of 32 octets, which FT needs and WPA2 does not
    session, frames = make(kind, ssid=ssid, passphrase=passphrase)
    save_capture(tmp_path / "x.pcapng", frames)
    key = ("wpa-psk", session.pmk.value.hex())
    assert tshark(tmp_path / "x.pcapng", FAULTS, "_ws.expert.message", key=key) == []
    assert len(tshark(tmp_path / "x.pcapng", "dhcp", "frame.number", key=key)) == 4


@pytest.mark.peer("aircrack-ng")
@pytest.mark.parametrize("kind", ["wpa2", "cambium"])
def test_aircrack_finds_the_passphrase(captures, kind):
    said = run("aircrack-ng", "-q", "-w", "words", "-e", SSID, f"{kind}.pcap", cwd=captures)
    assert f"KEY FOUND! [ {PASSPHRASE} ]" in said


@pytest.mark.peer("hcxpcapngtool")
@pytest.mark.parametrize("kind", ["wpa2", "cambium", "psk-sha256"])
def test_hcxpcapngtool_finds_a_handshake_that_was_authorised(captures, kind):
    said = run("hcxpcapngtool", "-o", f"{kind}.22000", f"{kind}.pcapng", cwd=captures)
    assert "EAPOL M32E2 (authorized).................: 1" in said
    fields = (captures / f"{kind}.22000").read_text().strip().split("*")
    handshake = make(kind)[0].handshake
    assert fields[:2] == ["WPA", "02"]
    assert fields[2:8] == [
        handshake.m2.mic.hex(),
        handshake.aa.value.hex(),
        handshake.spa.value.hex(),
        SSID.encode().hex(),
        handshake.anonce.hex(),
        handshake.m2.zeroed.hex(),
    ]


@pytest.mark.peer("hashcat")
def test_hashcat_finds_the_passphrases_of_our_lines(captures):
    kinds = ("wpa2", "cambium", "psk-sha256")
    handshakes = [make(kind)[0].handshake for kind in kinds]
    (captures / "ours.22000").write_text("".join(f"{hc22000(handshake)}\n" for handshake in handshakes))
    command = ("hashcat", "-m", "22000", "--quiet", "--potfile-disable", "--self-test-disable", "--session", "latchkey")
    said = run(*command, "ours.22000", "words", cwd=captures)
    for handshake in handshakes:
        assert f"{handshake.m2.mic.hex()}:" in said
    assert said.count(f":{SSID}:{PASSPHRASE}") == len(kinds)


def test_a_seed_repeats_the_capture_and_time_goes_forward():
    _, first = make("ft")
    assert make("ft")[1] == first
    times = [frame.at_us for frame in first]
    assert times[0] == START_US
    assert times == sorted(set(times))
