import subprocess
import sys
from pathlib import Path

from pcaps import demo
from pcaps.scenes import complaints
from radiusd import Granted

ROOT = Path(__file__).parents[2]


def test_demo_plays_every_recording_and_ends_well():
    command = [sys.executable, "-m", "latchkey", "demo", "--residents", "500"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count(" known ") == result.stdout.count(" search ") == 4
    assert "unknown passphrase" in result.stdout
    assert "expired" in result.stdout


def test_demo_complains_about_a_wrong_answer():
    scene = next(demo._scenes(demo._recordings()))
    assert list(complaints(scene, None, "")) == ["refused"]
    granted = Granted(passphrases=(b"somebody else's",), vlan=7)
    assert list(complaints(scene, granted, "accept how=known")) == [
        "another key",
        f"VLAN 7 instead of {scene.vlan}",
        "found by known instead of search",
    ]


def test_demo_ships_the_recordings_the_tests_use():
    """One file: the tests' is a link to it. `package-data` of pyproject.toml takes *.toml into a wheel."""
    shipped = ROOT / "pcaps/recordings.toml"
    assert not shipped.is_symlink()
    assert shipped.samefile(ROOT / "tests/vectors/hwsim/requests.toml")
