"""`latchkey serve` as an operator meets it: signals before it is ready, and readers of its log that stall."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provisioning import create_store

ROOT = Path(__file__).parents[3]


def eventually(check, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return result


def children(process):
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text("ascii").split()]


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_while_kernels_are_compiled_ends_it_at_once(tmp_path, workers, number):
    """With nothing compiled yet: it never gets ready, and the process that helps to compile ends as well."""
    create_store(tmp_path / "latchkey.db", {}).close()
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "latchkey", "--db", str(tmp_path / "latchkey.db"), "serve"]
    command += ["--listen", "127.0.0.1:0", "--workers", workers]
    log = tmp_path / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=output)
    helpers = eventually(lambda: process.poll() is not None or children(process.pid))
    assert "compiling the search kernels" in log.read_text("utf-8")
    process.send_signal(number)
    assert process.wait(60) == 0
    assert "ready" not in re.sub("before it was ready", "", log.read_text("utf-8"))
    assert log.read_text("utf-8").endswith("INFO stopped before it was ready\n")
    eventually(lambda: not any(Path(f"/proc/{helper}/exe").exists() for helper in helpers))
