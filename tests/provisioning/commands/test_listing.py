"""Every list: JSON, CSV, a text to look for, pages."""

import csv
import io
import json

import click
import pytest
from click.testing import CliRunner

from provisioning.commands.listing import defuse, lists, print_list

VIEWS = [
    {"id": 1, "name": "Ann", "tags": ["a", "b"], "on": True},
    {"id": 2, "name": "=HYPERLINK(1)", "tags": [], "on": False},
    {"id": 3, "name": 'Bob "B", Ray', "tags": ["Annex"], "on": None},
    {"id": 4, "name": None, "tags": [], "on": None, "damaged": True},
]


@click.command()
@lists
@click.pass_context
def command(context):
    print_list(context, iter(VIEWS), ("id", "name"))


def run(*arguments):
    result = CliRunner().invoke(command, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def ids(*arguments):
    return [each["id"] for each in json.loads(run("--json", *arguments))]


def test_csv_has_every_field_of_any_row_and_no_formula():
    rows = list(csv.DictReader(io.StringIO(run("--csv"))))
    assert [*rows[0]] == ["id", "name", "tags", "on", "damaged"]
    assert [row["name"] for row in rows] == ["Ann", "'=HYPERLINK(1)", 'Bob "B", Ray', ""]
    assert [row["tags"] for row in rows] == ["a, b", "", "Annex", ""]
    assert [row["on"] for row in rows] == ["yes", "no", "", ""]
    assert run("--csv", "--search", "nobody") == ""


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\tx", "\rx"])
def test_a_cell_that_would_be_calculated_is_defused(cell):
    assert defuse(cell) == f"'{cell}"


def test_pages_are_cut_out_of_what_was_looked_for():
    assert ids() == [1, 2, 3, 4]
    assert ids("--limit", "2") == [1, 2]
    assert ids("--limit", "2", "--offset", "1") == [2, 3]
    assert ids("--offset", "9") == []
    assert ids("--search", "ANN") == [1, 3]
    assert ids("--search", "ann", "--offset", "1") == [3]
    assert ids("--limit", "0") == []


def test_one_form_at_a_time():
    result = CliRunner().invoke(command, ["--json", "--csv"])
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr


def test_a_table_has_the_columns_of_the_list():
    assert run("--search", "bob") == 'ID  NAME\n3   Bob "B", Ray\n'
