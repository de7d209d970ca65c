"""hashcat's lines: what hcxpcapngtool makes of the same captures, and what hashcat makes of ours."""

import subprocess
import tomllib

import pytest
from click.testing import CliRunner

import latchkey
from crypto import Akm, Handshake, MacAddress, Ssid, passphrase_to_pmk, verify_mic
from pcaps import Capture, ExportError, hc22000, read_handshakes
from tests.pcaps.air import PASSPHRASE, RSNE, VECTORS, Air

CASES = tomllib.loads((VECTORS / "hc22000.toml").read_text("utf-8"))["case"]
RECORDED = ["wpa2-psk", "wpa2-psk-utf8-ssid", "psk-sha256-pmf"]


def handshake_of(line):
    """Return the handshake in a line, and whether an M3 followed."""
    head, kind, mic, aa, spa, ssid, anonce, frame, pair = line.split("*")
    assert (head, kind) == ("WPA", "02")
    octets = bytes.fromhex(frame)
    whole = octets[:81] + bytes.fromhex(mic) + octets[97:]
    addresses = {"aa": MacAddress.parse(aa), "spa": MacAddress.parse(spa)}
    handshake = Handshake.build(ssid=Ssid(bytes.fromhex(ssid)), anonce=bytes.fromhex(anonce), frame=whole, **addresses)
    return handshake, pair == "02"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["capture"])
def test_lines_are_those_of_hcxpcapngtool(case):
    handshake, accepted = handshake_of(case["line"])
    assert hc22000(handshake, accepted=accepted) == case["line"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["capture"])
def test_the_handshakes_in_them_are_found_in_a_capture_and_fit(case, read):
    """Real handshakes of many stations and access points, as far as a line keeps them."""
    handshake, _ = handshake_of(case["line"])
    frames = [Air.beacon(bssid=handshake.aa, ssid=handshake.ssid.value), *Air.frames(handshake, messages=(1, 2))]
    (attempt,) = read(Air.pcap([Air.radiotap(frame) for frame in frames])).attempts
    assert attempt.handshake == handshake
    assert verify_mic(passphrase_to_pmk(case["passphrase"].encode(), handshake.ssid), attempt.handshake)
    assert not verify_mic(passphrase_to_pmk(b"another passphrase", handshake.ssid), attempt.handshake)


def test_what_mode_22000_cannot_say_is_refused():
    with Capture.open(VECTORS / "hwsim/ft-psk.pcap") as capture:
        (attempt,) = read_handshakes(capture).attempts
    with pytest.raises(ExportError, match="no line for FT-PSK"):
        hc22000(attempt.handshake)
    long = Air.handshake(key_data=RSNE + b"\xdd\xfa" + bytes(250))
    with pytest.raises(ExportError, match="at most 255 octets, this one has 373"):
        hc22000(long)


@pytest.fixture
def convert(tmp_path):
    def convert(path, target, *options):
        result = CliRunner().invoke(latchkey.cli, ["convert", str(path), "--hc22000", str(target), *options])
        return result.exit_code, result.stdout, result.stderr

    return convert


def test_the_command_writes_what_it_can_and_says_what_not(convert, tmp_path):
    good, bad = Air.handshake(seed=1), Air.handshake(seed=2, spa=MacAddress(b"\2\0\0\0\0\x99"))
    path, target = tmp_path / "x.pcap", tmp_path / "lines"
    frames = [Air.beacon(), *Air.frames(good), *Air.frames(bad, messages=(2,))]
    path.write_bytes(Air.pcap([Air.radiotap(frame) for frame in frames]))
    status, output, errors = convert(path, target)
    assert (status, output) == (1, f"wrote 1 of 2 handshakes to {target}\n")
    assert errors == f"latchkey: {path}: frame 6: no ANonce: no M1 before it\n"
    assert target.read_text() == hc22000(good, accepted=True) + "\n"
    path.write_bytes(Air.pcap([Air.radiotap(frame) for frame in frames[1:5]]))
    assert convert(path, "-", "--ssid", str(good.ssid)) == (0, target.read_text(), "")
    status, output, errors = convert(VECTORS / "hwsim/ft-psk.pcap", "-")
    assert (status, output) == (1, "")
    assert errors.endswith("ft-psk.pcap: frame 96: hashcat's mode 22000 has no line for FT-PSK\n")


@pytest.mark.peer("hcxpcapngtool")
@pytest.mark.parametrize("name", RECORDED)
def test_hcxpcapngtool_makes_the_same_of_the_recordings(convert, tmp_path, name):
    path, target = VECTORS / f"hwsim/{name}.pcap", tmp_path / "theirs"
    subprocess.run(["hcxpcapngtool", "-o", target, path], capture_output=True, check=True)
    theirs = [line for line in target.read_text().splitlines() if line.startswith("WPA*02*")]
    assert convert(path, "-") == (0, "".join(f"{line}\n" for line in theirs), "")


@pytest.mark.peer("hashcat")
def test_hashcat_finds_the_passphrases(tmp_path):
    """One run for all: WPA1, WPA2-PSK and PSK-SHA256, made here and recorded."""
    handshakes = [
        Air.handshake(akm=akm, seed=seed) for seed, akm in enumerate((Akm.WPA_PSK, Akm.PSK, Akm.PSK_SHA256), 1)
    ]
    expected = [PASSPHRASE.decode()] * 3
    for name, passphrase in zip(RECORDED, ("sunny-Otter-41", "correct horse battery", "maple-Falcon-77"), strict=True):
        with Capture.open(VECTORS / f"hwsim/{name}.pcap") as capture:
            handshakes.append(read_handshakes(capture).attempts[0].handshake)
        expected.append(passphrase)
    lines, words, found = (tmp_path / name for name in ("lines", "words", "found"))
    lines.write_text("".join(f"{hc22000(handshake)}\n" for handshake in handshakes))
    words.write_text("not this one\n" + "".join(f"{word}\n" for word in expected))
    files = ["--potfile-disable", "--outfile", found, "--outfile-format", "2", "--session", tmp_path.name]
    command = ["hashcat", "-m", "22000", "--quiet", "--force", "--self-test-disable", *files, lines, words]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(found.read_text().splitlines()) == sorted(expected)


def test_a_capture_is_not_overwritten_by_its_own_lines(tmp_path):
    path = tmp_path / "x.pcap"
    arguments = ["packet", "wpa2", "--ssid", "x", "--psk", "password", "--pcap", str(path)]
    assert CliRunner().invoke(latchkey.cli, arguments).exit_code == 0
    before = path.read_bytes()
    result = CliRunner().invoke(latchkey.cli, ["convert", str(path), "--hc22000", str(path)])
    assert (result.exit_code, result.stderr) == (1, f"latchkey: --hc22000: {path} is the capture itself\n")
    assert path.read_bytes() == before
    lines = tmp_path / "lines"
    for _ in range(2):
        assert CliRunner().invoke(latchkey.cli, ["convert", str(path), "--hc22000", str(lines)]).exit_code == 0
    assert lines.stat().st_mode & 0o777 == 0o600
