"""The systemd unit."""

import re
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[1] / "contrib/latchkey.service"


@pytest.mark.peer("systemd-analyze")
def test_unit_is_sound(tmp_path):
    unit = tmp_path / UNIT.name  # as if it were installed: systemd looks for the program
    unit.write_text(re.sub("(?m)^(ExecStart|ExecReload)=[^ ]*", r"\1=/bin/true", UNIT.read_text("utf-8")))
    result = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert UNIT.name not in result.stderr  # of other units on this machine it may say what it likes


@pytest.mark.peer("systemd-analyze")
def test_unit_is_as_closed_as_it_can_be(tmp_path):
    """As systemd judges it, from 10 (open) to 0; what is left is the network, the state folder and compiled code."""
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=12", UNIT]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_unit_gives_the_service_its_key_and_cannot_change_its_configuration():
    text = UNIT.read_text("utf-8")
    assert re.search("(?m)^LoadCredential=latchkey.key:/", text)
    assert re.search("(?m)^ReadOnlyPaths=-/var/lib/latchkey/latchkey.toml$", text)
