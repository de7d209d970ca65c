"""The cache of machine code."""

import importlib.util
import subprocess
import sys
from pathlib import Path

from crypto.kernels.compiled import can_be_kept, compiled, is_kept

ROOT = Path(__file__).parents[3]

USER = """
import sys
sys.path.insert(0, {root!r})
from numba import njit
from crypto.kernels.compiled import compiled
from part import addend

def f(x):
    return x + addend(x)

function = compiled(f, __file__, {part!r})
print(function(1), function.stats.cache_hits.total() if hasattr(function.stats.cache_hits, "total") else
      sum(function.stats.cache_hits.values()))
"""


def run(folder):
    output = subprocess.run(
        [sys.executable, "user.py"], cwd=folder, check=True, capture_output=True, text=True, timeout=120
    )
    return output.stdout.split()


def test_change_in_any_source_is_noticed_and_nothing_else_compiles_again(tmp_path):
    part = tmp_path / "part.py"
    part.write_text("from numba import njit\n@njit\ndef addend(x):\n    return 10\n")
    (tmp_path / "user.py").write_text(USER.format(root=str(ROOT), part=str(part)))
    assert run(tmp_path) == ["11", "0"]
    assert run(tmp_path) == ["11", "1"]
    part.write_text("from numba import njit\n@njit\ndef addend(x):\n    return 20\n")
    assert run(tmp_path) == ["21", "0"]  # numba's own cache would have said 11


def test_what_is_kept_is_known_without_compiling(tmp_path, monkeypatch):
    source = tmp_path / "doubling.py"
    source.write_text("def double(x):\n    return 2 * x\n")
    spec = importlib.util.spec_from_file_location("doubling", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = compiled(module.double, source)
    assert can_be_kept(function)
    assert not is_kept(function, 3)
    assert function(3) == 6
    assert is_kept(function, 3)
    assert not is_kept(function, 3.0)
    again = compiled(module.double, source)
    assert is_kept(again, 3)
    assert not again.stats.cache_misses
