"""The processes that compile: they run no code of the folder that somebody happens to be in, and know no secret."""

import os

import pytest

from crypto.kernels import bulk
from radiusd.fastpath import compilation

TRAP = """
import os, pathlib
pathlib.Path({mark!r}).write_text(" ".join(sorted(name for name in os.environ if name.startswith("LATCHKEY_"))))
raise ImportError("not the one that was meant")
"""


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """Be in a folder with somebody's modules, which leave a mark where they are run."""
    mark = tmp_path / "mark"
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("ctypes", "numba", "numpy", "subprocess", "radiusd", "crypto"):
        (folder / f"{name}.py").write_text(TRAP.format(mark=str(mark)))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LATCHKEY_MASTER_KEY", "11" * 32)
    return mark


def test_search_kernels(mark):
    # Something short instead of the warm-up: all has been imported by then.
    assert bulk._compile_elsewhere("np.size").wait(120) == 0
    assert not mark.exists()


def test_fast_path(mark, monkeypatch):
    monkeypatch.setattr(compilation, "load_if_kept", lambda: False)
    started = compilation.prepare()
    try:
        assert started.process.wait(120) == 0
    finally:
        os.close(started.descriptor)
    assert not mark.exists()


def test_no_secret_is_inherited(monkeypatch):
    monkeypatch.setenv("LATCHKEY_MASTER_KEY", "11" * 32)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere")
    environ = bulk.without_settings()
    assert environ["NUMBA_CACHE_DIR"] == "/somewhere"
    assert not [name for name in environ if name.startswith("LATCHKEY_")]
