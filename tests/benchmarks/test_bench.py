import hashlib
import json
import shlex
import socket
import threading
from ipaddress import ip_network

import pytest
from click.testing import CliRunner

import latchkey
from benchmarks.building import NAS_IDENTIFIER, SECRET, SSID, Building, Request, check, read_residents, summarise
from benchmarks.cli import bench
from benchmarks.process import serving
from benchmarks.server import write_residents
from crypto import Akm, MacAddress, Ssid
from pcaps import LoadGenerator, SendError
from provisioning import create_store
from radiusd import DIALECTS, Lookup, Question, SharedSecret

FIELDS = {"case", "size", "threads", "per_second", "baseline", "baseline_per_second", "ratio"}
SERVER_FIELDS = {"case", "size", "workers", "rate", "per_second", "median_ms", "p99_ms", "lost", "cpu_us"}
SEARCHES = {"unknown", "storm", "storm: known", "storm: unknown"}
KNOWN = {"known", "known, half load", "known, PSK-SHA256"}


@pytest.mark.parametrize(
    ("arguments", "cases"),
    [
        (["pmk", "--size", "64"], {"pmk"}),
        (["match", "--sizes", "10,200"], {"akm2-search", "akm2-tkip-search", "akm6-search", "ft-search"}),
    ],
)
def test_bench_prints_one_json_object_and_draws(arguments, cases, tmp_path):
    picture = tmp_path / "plot.png"
    result = CliRunner().invoke(bench, [*arguments, "--rounds", "1", "--json", "--plot", str(picture)])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["machine"]["cores"] >= 1
    assert {row["case"] for row in told["results"]} == cases
    assert all(set(row) == FIELDS and row["per_second"] > 0 and row["ratio"] > 0 for row in told["results"])
    assert 1 in {row["threads"] for row in told["results"]}
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_bench_prints_a_table():
    result = CliRunner().invoke(bench, ["match", "--sizes", "10", "--rounds", "1"])
    assert result.exit_code == 0
    assert "hmac.digest" in result.stdout


@pytest.mark.parametrize("sizes", ["ten", "", "1", "10,,20"])
def test_sizes_that_are_no_sizes_are_a_usage_error(sizes):
    assert CliRunner().invoke(bench, ["match", "--sizes", sizes]).exit_code == 2


# The server.


def measure(*arguments):
    """Return the rows of `bench server`, by case."""
    result = CliRunner().invoke(bench, ["server", "--seconds", "0.3", "--json", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    results = json.loads(result.stdout)["results"]
    assert all(set(row) == SERVER_FIELDS and row["rate"] == row["per_second"] > 0 for row in results)
    assert all(row["lost"] == 0 and 0 < row["median_ms"] <= row["p99_ms"] for row in results)
    return {row["case"]: row for row in results}


def test_server_bench_checks_every_answer_and_reports_each_case(tmp_path):
    picture = tmp_path / "plot.png"
    rows = measure("--keys", "300", "--plot", str(picture))
    assert set(rows) == KNOWN | SEARCHES | {"known, FT-PSK"}
    assert all(row["cpu_us"] > 0 for row in rows.values())
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_server_bench_mixes_dialects_as_far_as_they_carry_the_handshake():
    """Ruckus has no room for FT's M2, and MikroTik's access points ask by the device's address."""
    assert set(measure("--keys", "100", "--dialect", "ruckus", "--dialect", "mikrotik")) == KNOWN | SEARCHES
    building, used = Building(100, ["ruckus", "mikrotik", "hostapd"]), set()
    with LoadGenerator(("127.0.0.1", 9), sockets=4) as load:
        for _ in range(60):
            used.add(building.known(load).question.dialect.name)
            assert building.known(load, Akm.FT_PSK).question.dialect.name == "hostapd"
    assert used == {"ruckus", "hostapd"}
    assert CliRunner().invoke(bench, ["server", "--dialect", "nobody"]).exit_code == 2


@pytest.fixture
def residents(tmp_path):
    path = tmp_path / "residents.csv"
    write_residents(path, 120)
    return path


def peer(address, residents, *arguments):
    """Run the command as `latchkey` does; return status, stdout, stderr."""
    options = ["--peer", f"127.0.0.1:{address}", "--residents", str(residents), "--seconds", "0.2", *arguments]
    result = CliRunner().invoke(latchkey.cli, ["bench", "server", *options], standalone_mode=False)
    reason = result.exception.format_message() if result.exception else ""
    return reason, result.stdout, result.stderr


def test_a_peer_is_told_what_it_needs_and_then_measured(tmp_path):
    residents, database = tmp_path / "residents.csv", tmp_path / "latchkey.db"
    reason, told, _ = peer(1812, residents, "--keys", "120", "--secret", "another one")
    assert reason == ""
    assert "wrote 120 residents" in told
    commands = [line.split("latchkey ", 1)[1] for line in told.splitlines() if line.startswith("    latchkey ")]
    assert len(commands) == 4
    assert CliRunner().invoke(latchkey.cli, ["--db", str(database), "init"]).exit_code == 0
    for command in commands:
        words = shlex.split(command.replace("THIS-HOST", "127.0.0.0/8"))
        result = CliRunner().invoke(latchkey.cli, ["--db", str(database), *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    with serving(database, 1, lambda _: None) as (_, address):
        reason, output, _ = peer(address[1], residents, "--secret", "another one", "--json")
        assert reason == ""
        rows = json.loads(output)["results"]
        assert {row["case"] for row in rows} == KNOWN | SEARCHES | {"known, FT-PSK"}
        assert all(row["size"] == 120 and row["cpu_us"] is None and row["lost"] == 0 for row in rows)


def test_a_peer_that_knows_nobody_is_one_line(residents, tmp_path):
    """It has the SSID and the NAS, but no keys."""
    path = tmp_path / "empty.db"
    with create_store(path, {}) as store:
        venue = store.venues.add("Elsewhere", nas_identifiers=[NAS_IDENTIFIER.decode()])
        store.nases.add(ip_network("127.0.0.0/8"), SECRET.encode(), name="loopback", venue_id=venue.id)
        store.keypools.add(SSID, venue_ids=[venue.id])
    with serving(path, 1, lambda _: None) as (_, address):
        reason, output, _ = peer(address[1], residents)
    wanted = f"the residents of {residents} on the SSID Hudson House: a known device was refused"
    assert reason == f"127.0.0.1:{address[1]} does not know {wanted}"
    assert output == ""


def test_a_silent_peer_is_one_line(residents, monkeypatch):
    monkeypatch.setattr("benchmarks.server._PROBE_TIMEOUT_S", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        reason, output, _ = peer(port, residents)
    assert reason.startswith(
        f"no answer from 127.0.0.1:{port}, 3 times within 0.1 s: wrong address or port, a firewall"
    )
    assert output == ""
    reason, _, _ = peer(port, residents)  # nobody there at all
    assert reason == f"cannot ask 127.0.0.1:{port}: Connection refused"


def test_a_peer_that_falls_silent_is_one_line(residents, tmp_path, monkeypatch):
    """It answers the probe and nothing more: between the two stands who lets one exchange pass."""
    monkeypatch.setattr("benchmarks.building._DEVICES", 1)
    monkeypatch.setattr("benchmarks.server._WARM_UP", 3)
    monkeypatch.setattr("benchmarks.server._LOST_S", 0.1)
    path = tmp_path / "house.db"
    Building(120).furnish(path, lambda _: None)

    def pass_one(between, server):
        datagram, source = between.recvfrom(4096)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as onward:
            onward.sendto(datagram, server)
            between.sendto(onward.recv(4096), source)

    with (
        serving(path, 1, lambda _: None) as (_, server),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as between,
    ):
        between.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=pass_one, args=(between, server))
        thread.start()
        reason, _, _ = peer(between.getsockname()[1], residents)
        thread.join()
    assert reason == "none of 3 requests was answered"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no residents"),
        ("resident 0,resident-0000000-key,020100000000,100\nAnn,passphrase\n", "line 2 is not one that"),
    ],
)
def test_a_file_of_others_is_refused(tmp_path, text, reason):
    path = tmp_path / "residents.csv"
    path.write_text(text)
    with pytest.raises(SendError, match=reason):
        read_residents(path)
    with pytest.raises(SendError, match="cannot write"):
        write_residents(path, 3)
    assert path.read_text() == text


def test_options_that_belong_together(tmp_path):
    assert CliRunner().invoke(bench, ["server", "--peer", "127.0.0.1:1812"]).exit_code == 2
    assert CliRunner().invoke(bench, ["server", "--residents", str(tmp_path / "x.csv")]).exit_code == 2


def test_wrong_answers_fail_the_load():
    secret = SharedSecret(b"s")
    lookup = Lookup(device=MacAddress(bytes(6)), ssid=Ssid(b"x"))
    question = Question.ask(DIALECTS["hostapd"], lookup, secret, identifier=3)
    header = bytes([3, 3, 0, 38]) + question.datagram[4:20]
    signed = header + b"\x50\x12" + secret.hmac(header + b"\x50\x12" + bytes(16))
    reject = signed[:4] + hashlib.md5(signed + b"s").digest() + signed[20:]
    assert question.read(reject) is None
    answered = {"seconds": 0.1, "reply": reject}
    with pytest.raises(SendError, match="a known device was refused"):
        check([Request(question, 0, kind="known", passphrase=b"passphrase", vlan=7, **answered)])
    with pytest.raises(SendError, match="the answer to a known device: "):
        check([Request(question, 0, kind="known", passphrase=b"passphrase", seconds=0.1, reply=reject[:-1])])
    refused = Request(question, 0, kind="storm", passphrase=None, **answered)
    lost = Request(question, 0, kind="known", passphrase=b"lost one")
    check([refused, lost])
    assert [(each.kind, each.count, each.lost) for each in summarise([refused, lost], 1.0)] == [
        ("storm", 1, 0),
        ("known", 1, 1),
    ]
