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
