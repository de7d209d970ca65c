"""What the package offers: each name is there, and none brings what it does not need."""

import subprocess
import sys
from pathlib import Path

import pytest

import pcaps

ROOT = Path(__file__).parents[2]


def test_every_name_is_there_and_no_other():
    assert sorted(pcaps.__all__) == sorted(pcaps._MODULES)
    assert all(getattr(pcaps, name).__name__ == name for name in pcaps.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        pcaps.nothing  # noqa: B018


def test_reading_a_capture_needs_no_server():
    code = (
        "import sys\nfrom pcaps import Capture, hc22000, identify_by_words, read_handshakes\n"
        "print(sorted({'radiusd', 'scapy', 'numba', 'uvloop'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
