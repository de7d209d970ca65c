"""What is said of a database that holds what it should not."""

import json
import sqlite3
from contextlib import closing

import pytest

from provisioning.store.files.integrity import Condition, Orphan, SharedVlan, Stranger, Twins
from radiusd.check import contents
from radiusd.check.finding import Level, run


def test_sound_database_has_no_findings():
    assert list(run(contents.CHECKS, Condition())) == []


@pytest.mark.parametrize(
    ("condition", "check", "level", "text"),
    [
        (Condition(pending=("0008_x",)), "earlier-version", Level.ADVICE, "earlier version: it lacks 0008_x"),
        (Condition(pending=("0008_x", "0009_y")), "earlier-version", Level.ADVICE, "it lacks 0008_x to 0009_y"),
        (Condition(pages=("row 3 missing",)), "damaged-pages", Level.ERROR, "damaged: row 3 missing"),
        (
            Condition(orphans=(Orphan("keys", 7, "units"),)),
            "orphans",
            Level.ERROR,
            "row 7 of keys refers to a row of un",
        ),
        (Condition(orphans=(Orphan("x", None, "y"),)), "orphans", Level.ERROR, "a row of x refers to a row of y that"),
        (Condition(twins=(Twins(4, 9),)), "keys-alike", Level.ERROR, "keys 4 and 9 have one passphrase"),
        (
            Condition(reversed_windows=(("keys", 5),)),
            "windows-reversed",
            Level.ERROR,
            "row 5 of keys ends before it st",
        ),
        (
            Condition(strangers=(Stranger(3, "4C", "Elm"),)),
            "keys-elsewhere",
            Level.WARNING,
            "key 3 is of unit 4C of Elm",
        ),
        (
            Condition(shared_vlans=(SharedVlan("Elm", 104, tuple("abcde")),)),
            "vlans-shared",
            Level.WARNING,
            "units a, b, c and 2 more of Elm share VLAN 104",
        ),
    ],
)
def test_each_condition_is_one_line_with_its_remedy(condition, check, level, text):
    (finding,) = run(contents.CHECKS, condition)
    assert (finding.check, finding.level) == (check, level)
    assert text in finding.text
    assert finding.remedy


def test_many_are_counted():
    findings = list(run(contents.CHECKS, Condition(orphans=tuple(Orphan("keys", n, "units") for n in range(100)))))
    assert len(findings) == 21
    assert findings[-1].text == "80 more rows refer to rows that are not there"


def test_command_finds_them_in_a_database(tmp_path, command_line):
    path = tmp_path / "latchkey.db"
    command_line(path, "init")
    command_line(path, "venue", "add", "Elm")
    command_line(path, "pool", "add", "Elm", "--venue", "Elm")
    for number in range(2):
        command_line(path, "key", "add", "--pool", "Elm", "--passphrase", f"passphrase {number}")
        command_line(path, "unit", "add", "Elm", f"flat {number}", "--vlan", str(100 + number))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE keys SET fingerprint = (SELECT fingerprint FROM keys WHERE id = 1), unit_id = 99")
        database.execute("UPDATE units SET vlan = 100")
    status, out = command_line(path, "check", "--json")
    assert status == 1
    found = {(view["check"], view["text"]) for view in map(json.loads, out.splitlines())}
    assert found >= {
        ("orphans", "row 1 of keys refers to a row of units that is not there"),
        ("orphans", "row 2 of keys refers to a row of units that is not there"),
        ("keys-alike", "keys 1 and 2 have one passphrase, and a device may meet both"),
        ("vlans-shared", "units flat 0, flat 1 of Elm share VLAN 100, and so one network"),
    }


@pytest.fixture
def command_line(monkeypatch):
    from click.testing import CliRunner

    import latchkey

    for variable in ("LATCHKEY_DB", "LATCHKEY_MASTER_KEY", "LATCHKEY_MASTER_KEY_FILE"):
        monkeypatch.delenv(variable, raising=False)

    def run(path, *arguments):
        result = CliRunner().invoke(latchkey.cli, ["--db", str(path), *arguments], prog_name="latchkey")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout

    return run
