"""The systemd units."""

import re
import subprocess
from pathlib import Path

import pytest

CONTRIB = Path(__file__).parents[1] / "contrib"
UNITS = sorted(CONTRIB.glob("*.service"))
HARDENING = re.compile(r"^(?!(?:Exec|Description|Type|Restart|Timeout|MemoryMax|Nice)\w*=)\w+=.*$", re.MULTILINE)


@pytest.fixture(params=UNITS, ids=lambda path: path.stem)
def unit_file(request):
    return request.param


def test_there_is_one_for_the_server_and_one_for_synchronisation():
    assert [path.name for path in UNITS] == ["latchkey-sync.service", "latchkey.service"]


@pytest.mark.peer("systemd-analyze")
def test_unit_is_sound(unit_file, tmp_path):
    unit = tmp_path / unit_file.name  # as if it were installed: systemd looks for the program
    unit.write_text(re.sub("(?m)^(ExecStart|ExecReload)=[^ ]*", r"\1=/bin/true", unit_file.read_text("utf-8")))
    result = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert unit_file.name not in result.stderr  # of other units on this machine it may say what it likes


@pytest.mark.peer("systemd-analyze")
def test_unit_is_as_closed_as_it_can_be(unit_file):
    """As systemd judges it, from 10 (open) to 0; what is left is the network, the state folder and compiled code."""
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=12", unit_file]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_unit_gives_the_service_its_key_and_cannot_change_its_configuration(unit_file):
    text = unit_file.read_text("utf-8")
    assert re.search("(?m)^LoadCredential=latchkey.key:/", text)
    assert re.search("(?m)^ReadOnlyPaths=-/var/lib/latchkey/latchkey.toml$", text)


def test_both_are_closed_in_the_same_way():
    server, synchronisation = (set(HARDENING.findall((CONTRIB / name).read_text("utf-8"))) for name in UNITS[::-1])
    assert server - synchronisation == set()
    assert synchronisation - server == set()


def test_the_synchronisation_is_a_command_that_there_is():
    import click

    import latchkey

    text = (CONTRIB / "latchkey-sync.service").read_text("utf-8")
    words = re.search("(?m)^ExecStart=/opt/latchkey/bin/latchkey (.*)$", text)[1].split()
    assert words[:2] == ["sync", "run"]
    group = latchkey.cli.get_command(click.Context(latchkey.cli), "sync")
    assert group.commands["run"].make_context("run", words[2:]).params["every"] == "5m"
