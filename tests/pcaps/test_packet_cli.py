"""`latchkey packet` as it is typed."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import latchkey
from radiusd import DIALECTS, AuthenticityError, SharedSecret, decode_request

ROOT = Path(__file__).parents[2]


def run(*arguments, status=0, **options):
    result = CliRunner().invoke(latchkey.cli, ["packet", *arguments], **options)
    assert result.exit_code == status, result.output
    return result


def test_json_is_one_object_and_a_note_on_stderr_says_that_it_is_secret():
    result = run("wpa2", "--ssid", "ResidentWiFi_5G", "--psk", "StrongPassword2024!", "--json")
    record = json.loads(result.stdout)
    assert list(record)[:7] == ["EAPOLFrame", "ANonce", "SNonce", "BSSID", "MACAddress", "PMK", "KeyVersion"]
    assert result.stdout.count("\n") == 1
    assert result.stderr == "note: what follows holds passphrases and keys; it is as secret as they are\n"


def test_without_a_form_there_is_a_line_to_a_field():
    lines = run("ft", "--ssid", "x", "--psk", "0" * 64, "--mdid", "00FF").stdout.splitlines()
    assert ["MDID", "00ff"] in [line.split(maxsplit=1) for line in lines]


def test_passphrase_comes_from_a_file_or_stdin(tmp_path):
    (tmp_path / "psk").write_text("StrongPassword2024!\n")
    arguments = ("wpa2", "--ssid", "x", "--seed", "1", "--json")
    expected = run(*arguments, "--psk", "StrongPassword2024!").stdout
    assert run(*arguments, "--psk-file", str(tmp_path / "psk")).stdout == expected
    assert run(*arguments, "--psk-file", "-", input="StrongPassword2024!\n").stdout == expected


def test_ssid_octets_come_as_they_are_typed():
    record = json.loads(run("wpa2", "--ssid", "Café", "--psk", "password", "--json").stdout)
    assert record["SSID"] == "Café"
    record = json.loads(run("wpa2", "--ssid", "Caf\udce9", "--psk", "password", "--json").stdout)
    assert record["SSID"] == "Caf\\xe9"


def test_ruckus_makes_a_passphrase_and_repeats_it_by_seed():
    first = run("ruckus", "--ssid", "x", "--seed", "1", "--json", "--venue-id", "v").stdout
    record = json.loads(first)
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}", record["DPSKPassphrase"])
    assert record["VenueID"] == "v"
    assert run("ruckus", "--ssid", "x", "--seed", "1", "--json", "--venue-id", "v").stdout == first
    assert json.loads(run("ruckus", "--ssid", "x", "--json").stdout)["PMK"] != record["PMK"]


def test_ruckus_says_when_the_pmk_is_not_the_passphrases():
    result = run("ruckus", "--ssid", "x", "--psk", "MySecurePass2024", "--pmk", "92" * 32, "--json")
    assert "another PMK" in result.stderr
    assert json.loads(result.stdout)["PMK"] == "92" * 32


@pytest.mark.parametrize("generator", ["ruckus", "wpa2"])
def test_count_gives_an_object_to_a_line(generator):
    lines = run(generator, "--ssid", "x", "--count", "3").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert len({record["PSK"] for record in records}) == 3


def test_csv_has_a_heading_and_a_row_each():
    text = run("ft", "--ssid", 'a,"b', "--psk", "password", "--count", "2", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["SSID"] for row in rows] == ['a,"b'] * 2
    assert rows[0]["PMK"] == rows[1]["PMK"]
    assert rows[0]["SNonce"] != rows[1]["SNonce"]


@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_a_capture_repeats_by_seed_and_is_said_on_stderr(tmp_path, suffix):
    arguments = ("ft", "--ssid", "x", "--psk", "password", "--seed", "1", "--pcap")
    for name in ("a", "b"):
        path = tmp_path / f"{name}.{suffix}"
        result = run(*arguments, str(path))
        assert result.stdout == ""
        assert re.fullmatch(rf"wrote \d+ frames to {re.escape(str(path))}, which only you can read\n", result.stderr)
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_a_capture_holds_the_frame_of_the_record_beside_it(tmp_path):
    path = tmp_path / "x.pcap"
    record = json.loads(run("wpa2", "--ssid", "x", "--psk", "password", "--json", "--pcap", str(path)).stdout)
    assert bytes.fromhex(record["EAPOLFrame"]) in path.read_bytes()


def test_a_capture_with_a_passphrase_made_here_tells_it(tmp_path):
    result = run("ruckus", "--ssid", "x", "--seed", "1", "--pcap", str(tmp_path / "x.pcap"))
    passphrase = json.loads(run("ruckus", "--ssid", "x", "--seed", "1", "--json").stdout)["DPSKPassphrase"]
    assert result.stdout == ""
    assert result.stderr.splitlines()[1:] == [f"note: the passphrase is {passphrase}"]


def test_an_access_request_is_hex_that_the_secret_opens():
    arguments = ("wpa2", "--ssid", "x", "--psk", "password", "--seed", "1", "--access-request", "ruckus")
    result = run(*arguments)
    assert result.stderr == ""
    request = decode_request(bytes.fromhex(result.stdout), SharedSecret(b"testing123"))
    handshake = DIALECTS["ruckus"].decode_request(request)
    assert handshake.m2.octets.hex() == json.loads(run(*arguments[:-2], "--json").stdout)["EAPOLFrame"]
    assert run(*arguments).stdout == result.stdout
    other = run(*arguments, "--secret-file", "-", input="another\n").stdout
    with pytest.raises(AuthenticityError):
        decode_request(bytes.fromhex(other), SharedSecret(b"testing123"))
    decode_request(bytes.fromhex(other), SharedSecret(b"another"))


def test_access_requests_in_bulk_are_a_line_each():
    lines = run("ruckus", "--ssid", "x", "--psk", "password", "--count", "3", "--access-request", "hostapd").stdout
    assert len({bytes.fromhex(line) for line in lines.splitlines()}) == 3


def test_who_made_the_passphrase_of_an_access_request_tells_it():
    result = run("ruckus", "--ssid", "x", "--access-request", "ruckus")
    assert re.fullmatch(r"note: the passphrase is [a-z2-9-]{19}\n", result.stderr)


def test_hashcats_line_holds_the_record():
    arguments = ("cambium", "--ssid", "Café", "--psk", "password", "--seed", "1")
    result = run(*arguments, "--hc22000")
    assert result.stderr == ""
    record = json.loads(run(*arguments, "--json").stdout)
    frame = bytes.fromhex(record["EAPOLFrame"])
    addresses = [record[name].replace(":", "").lower() for name in ("BSSID", "MACAddress")]
    zeroed = (frame[:81] + bytes(16) + frame[97:]).hex()
    assert result.stdout.split("*") == [
        "WPA",
        "02",
        record["MIC"],
        *addresses,
        "Café".encode().hex(),
        record["ANonce"],
        zeroed,
        "00\n",
    ]


def test_a_conversation_goes_onto_the_second_interface(tmp_path):
    path = tmp_path / "x.pcapng"
    arguments = ("ruckus", "--ssid", "x", "--psk", "password", "--seed", "1", "--pcap")
    run(*arguments, str(path), "--with-radius", "ruckus")
    octets = path.read_bytes()
    assert b"wire" in octets
    frame = json.loads(run(*arguments[:-1], "--json").stdout)["DPSKParamsAttribute"]
    assert bytes.fromhex(frame) in octets


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["wpa2", "--ssid", "x", "--psk", "seven77"],
            "--psk: passphrase must be 8 to 63 octets or 64 hex digits, got 7",
        ),
        (["wpa2", "--ssid", "x" * 33, "--psk", "password"], "--ssid: SSID must be 1 to 32 octets, got 33"),
        (["ft", "--ssid", "x", "--psk", "password", "--mdid", "xyz"], "--mdid: an MDID must be 4 hex digits"),
        (["ft", "--ssid", "x", "--psk", "password", "--bssid", "zz"], "--bssid: not a MAC address"),
        (["ruckus", "--ssid", "x", "--expiration-days", "366"], "--expiration-days: must be 0 to 365, got 366"),
        (["cambium", "--ssid", "x"], "--psk: needed here"),
        (["wpa2", "--ssid", "x", "--psk", "password", "--pcap", "x.txt"], "--pcap: the file's name must end in"),
        (["ft", "--ssid", "x", "--psk", "password", "--access-request", "ruckus"], "Ruckus-DPSK-Params has room"),
        (["wpa2", "--ssid", "x", "--psk", "password", "--access-request", "extreme"], "Extreme PPSK"),
        (["ft", "--ssid", "x", "--psk", "password", "--hc22000"], "hashcat's mode 22000 has no line for FT-PSK"),
        (["ruckus", "--ssid", "x", "--count", "2", "--access-request", "ruckus"], "--psk: needed here; nobody would"),
        (
            ["wpa2", "--ssid", "x", "--psk", "password", "--pcap", "x.pcap", "--with-radius", "ruckus"],
            "--pcap: only a .pcapng can hold more than one interface",
        ),
        (["wpa2", "--ssid", "x", "--psk-file", "/nonexistent"], "cannot read /nonexistent: No such file"),
    ],
)
def test_what_cannot_be_made_is_one_line_and_status_1(arguments, message):
    result = run(*arguments, status=1)
    assert result.stderr.startswith(f"latchkey: {message}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["wpa2", "--psk", "password"],
        ["wpa2", "--ssid", "x", "--psk", "password", "--json", "--csv"],
        ["wpa2", "--ssid", "x", "--psk", "password", "--psk-file", "-"],
        ["wpa2", "--ssid", "x", "--psk", "password", "--akm", "ft-psk"],
        ["wpa2", "--ssid", "x", "--psk", "password", "--json", "--access-request", "ruckus"],
        ["wpa2", "--ssid", "x", "--psk", "password", "--hc22000", "--csv"],
        ["wpa2", "--ssid", "x", "--psk", "password", "--with-radius", "ruckus"],
        ["wpa2", "--ssid", "x", "--psk", "password", "--access-request", "nobody"],
        ["ruckus", "--ssid", "x", "--count", "0"],
        ["ruckus", "--ssid", "x", "--count", "2", "--pcap", "x.pcap"],
    ],
)
def test_usage_is_status_2(arguments):
    assert run(*arguments, status=2).stdout == ""


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["packet", "wpa2", "--help"], ("numba", "scapy")),
        (["packet", "wpa2", "--ssid", "x", "--psk", "password", "--json"], ("numba", "scapy")),
    ],
)
def test_one_packet_needs_no_compiler_and_a_record_no_scapy(arguments, forbidden):
    code = (
        "import sys, latchkey\n"
        f"sys.argv = {['latchkey', *arguments]!r}\n"
        "assert latchkey.main() == 0\n"
        f"print(sorted(set({forbidden!r}) & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
