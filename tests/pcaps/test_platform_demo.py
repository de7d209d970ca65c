"""`latchkey demo --platform vault`: the story, and the platform that it plays."""

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pcaps import platform_demo
from pcaps.platforms.people import FileVault, PeopleError, Row, build, invent, parse_people, render_people
from pcaps.platforms.vault import EMAIL, PASSWORD
from tests.platforms.asking import ask_json

ROOT = Path(__file__).parents[2]
JSON = {"Content-Type": "application/json"}


def test_the_story_is_told_and_ends_well():
    command = [sys.executable, "-m", "latchkey", "demo", "--platform", "vault"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    told = result.stdout
    assert result.returncode == 0, told + result.stderr
    asked = [line.rpartition("phone of ")[2] for line in told.splitlines() if "the access point asks" in line]
    assert asked == [
        "Ada Okafor: rejected: no keypool has this SSID",
        "Ada Okafor: rejected: no keypool has this SSID",
        "Ada Okafor: accepted, VLAN 101",
        asked[3],
        *["Björn Nguyễn: accepted, VLAN 102"] * 4,
    ]
    assert asked[3].startswith("Ada Okafor: rejected: removed ")
    assert "a person has to accept it" in told
    assert "not synchronised: subscribers: there are none any more" in told
    assert "held: keys of 19 of 24 units" in told
    assert "sunny-otter" not in told


def test_a_story_that_goes_otherwise_is_told_as_such(tmp_path):
    told = []
    story = platform_demo._Story(tmp_path, tmp_path / "people.csv", None, told.append)
    story._run("status", status=1)  # there is no database: 1, which is what is expected here
    assert story.failures == []
    story._run("status")
    assert story.failures == ["`latchkey sync status` ended with 1 instead of 0"]
    assert any("$ latchkey sync status" in line for line in told)


def test_long_output_keeps_its_beginning_and_its_end():
    lines = [str(n) for n in range(50)]
    assert platform_demo._shorten(lines[:20]) == lines[:20]
    assert platform_demo._shorten(lines) == [*lines[:16], "  ... 32 more lines ...", "48", "49"]


def test_people_are_read_as_they_are_written():
    rows = invent()
    assert parse_people(render_people(rows)) == rows
    assert [row.vlan for row in rows] == list(range(101, 125))
    assert sum(bool(row.resident) for row in rows) == 20


@pytest.mark.parametrize(
    ("spoilt", "text"),
    [
        (lambda text: text.replace("resident", "tenant"), "line 1: the columns are"),
        (lambda text: text.replace(",101,", ",5000,"), "line 2: a unit has"),
        (lambda text: text.replace(",101,", ",,"), "line 2: invalid literal"),
        (lambda text: text.replace("2026-09-01", "01.09.2026"), "line 2: Invalid isoformat"),
        (lambda text: text.replace("sunny-otter-101", "short"), "line 2: a resident has"),
        (lambda text: text.replace("Ada Okafor", "Ivy Ben-David"), "Ivy Ben-David is there twice"),
    ],
)
def test_a_wrong_file_of_people_is_refused_with_its_line(spoilt, text):
    with pytest.raises(PeopleError, match=text):
        parse_people(spoilt(render_people(invent())))


def subscribers(platform):
    body = f'{{"EmailAddress": "{EMAIL}", "Password": "{PASSWORD}"}}'
    token = ask_json(platform, "/subscriberconsole/login", JSON, body=body)["AuthenticationResult"]["AccessToken"]
    body = f'{{"AccessToken": "{token}", "VenueID": "ALL"}}'
    found = ask_json(platform, "/networkoperatorconsole/subscribers/listSubscribers", JSON, body=body)
    return {row["SubscriberToken"]: row["Status"] for row in found["subscribers"]}


def test_the_platform_says_what_its_file_says(tmp_path):
    path = tmp_path / "people.csv"
    rows = invent()[:3]
    path.write_text(render_people(rows), "utf-8")
    told = []
    with FileVault(path, told.append) as platform:
        assert set(subscribers(platform)) == {"sub_ada-okafor", "sub_björn-nguyễn", "sub_chloé-müller"}
        ended = [replace(rows[0], until=date(2026, 10, 1)), *rows[1:]]
        path.write_text(render_people(ended), "utf-8")
        assert subscribers(platform)["sub_ada-okafor"] == "TERMINATED"
        # Another in her place, as many rows as before.
        path.write_text(render_people([replace(rows[0], resident="Zoë New"), *rows[1:]]), "utf-8")
        assert "sub_zoë-new" in subscribers(platform)
        assert "sub_ada-okafor" not in subscribers(platform)
        path.write_text("unit\n", "utf-8")
        assert "sub_zoë-new" in subscribers(platform)
        assert [line.partition(": ")[2] for line in told] == [
            "line 1: the columns are unit,vlan,resident,from,until,passphrase: going on with what it said before"
        ]


def test_who_moves_within_the_house_keeps_the_tenancy():
    one, other = Row(unit="1A", vlan=101), Row(unit="1B", vlan=102)
    ada = {"resident": "Ada", "since": date(2026, 9, 1), "passphrase": "sunny-otter-101"}
    before = build([replace(one, **ada), other]).tenancies
    after = build([one, replace(other, **ada)]).tenancies
    assert before.keys() == after.keys() == {"hudson-house-ada"}
    assert [tenancy.unit for tenancy in after.values()] == ["1B"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--serve", "127.0.0.1:8600"], "--serve needs --platform"),
        (["--platform", "vault", "--serve", "192.0.2.1:8600"], "not this machine's alone"),
        (["--platform", "vault", "--serve", "8600"], "is not ADDRESS:PORT"),
        (["--platform", "vault", "--serve", "127.0.0.1:0", "--people", "bad.csv"], "bad.csv: line 1"),
    ],
)
def test_what_cannot_be_served_is_said(arguments, text, tmp_path):
    (tmp_path / "bad.csv").write_text("unit\n")
    command = [sys.executable, ROOT / "latchkey.py", "demo", *arguments]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode in (1, 2)
    assert text in result.stderr
