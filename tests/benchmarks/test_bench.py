import hashlib
import json

import pytest
from click.testing import CliRunner

from benchmarks.cli import bench
from benchmarks.load import Shot, check
from crypto import MacAddress, Ssid
from radiusd import DIALECTS, Lookup, Question, SharedSecret

FIELDS = {"case", "size", "threads", "per_second", "baseline", "baseline_per_second", "ratio"}


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


def test_server_bench_checks_every_answer_and_reports_each_case(tmp_path):
    picture = tmp_path / "plot.png"
    arguments = ["server", "--keys", "300", "--seconds", "0.3", "--json", "--plot", str(picture)]
    result = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = {row["case"]: row for row in json.loads(result.stdout)["results"]}
    assert set(rows) == {"known", "known, half load", "unknown", "storm", "storm: known"}
    assert all(row["lost"] == 0 and row["per_second"] > 0 and row["cpu_us"] > 0 for row in rows.values())
    assert all(0 < row["median_ms"] <= row["p99_ms"] for row in rows.values())
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_wrong_answers_fail_the_load():
    secret = SharedSecret(b"s")
    lookup = Lookup(device=MacAddress(bytes(6)), ssid=Ssid(b"x"))
    question = Question.ask(DIALECTS["hostapd"], lookup, secret, identifier=3)
    header = bytes([3, 3, 0, 38]) + question.datagram[4:20]
    signed = header + b"\x50\x12" + secret.hmac(header + b"\x50\x12" + bytes(16))
    reject = signed[:4] + hashlib.md5(signed + b"s").digest() + signed[20:]
    assert question.read(reject) is None
    shot = Shot(question, "known", b"passphrase", 7, seconds=0.1, reply=reject)
    with pytest.raises(AssertionError, match="a known device was refused"):
        check([shot])
    check([Shot(question, "storm", None, seconds=0.1, reply=reject), Shot(question, "known", b"lost one")])
