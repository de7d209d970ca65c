import json

import pytest
from click.testing import CliRunner

from benchmarks.cli import bench

FIELDS = {"case", "size", "threads", "per_second", "baseline", "baseline_per_second", "ratio"}


@pytest.mark.parametrize(
    ("arguments", "cases"),
    [
        (["pmk", "--size", "64"], {"pmk"}),
        (["match", "--sizes", "10,200"], {"akm2-search", "akm6-search", "ft-search"}),
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
