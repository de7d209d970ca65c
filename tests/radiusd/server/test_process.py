"""`latchkey serve` as an operator meets it: signals before it is ready, and readers of its log that stall."""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import time
from ipaddress import ip_network
from pathlib import Path
from urllib.request import urlopen

import pytest

from crypto import MacAddress, Ssid
from provisioning import KeyDraft, Passphrase, create_store
from radiusd import DIALECTS, Lookup, Question, SharedSecret
from radiusd.server.memory import protect_memory

ROOT = Path(__file__).parents[3]
SSID = Ssid(b"Hudson House")
DEVICE = MacAddress(b"\2\0\0\0\2\1")
SECRET = SharedSecret(b"testing123")


def eventually(check, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return result


def furnish(path):
    """Make a store with one key, of a registered device."""
    with create_store(path, {}) as store:
        venue = store.venues.add("Hudson House")
        store.nases.add(ip_network("127.0.0.0/8"), SECRET.value, name="loopback", venue_id=venue.id)
        pool = store.keypools.add(SSID, venue_ids=[venue.id])
        store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"right-passphrase"), devices=(DEVICE,)))


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(process):
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text("ascii").split()]


@pytest.mark.parametrize(("workers", "number"), [("1", signal.SIGTERM), ("2", signal.SIGINT), ("2", signal.SIGTERM)])
def test_signal_while_kernels_are_compiled_ends_it_at_once(tmp_path, workers, number):
    """With nothing compiled yet: it never gets ready, and the process that helps to compile ends as well."""
    secret = {"LATCHKEY_MASTER_KEY": "6c" * 32}
    create_store(tmp_path / "latchkey.db", secret).close()
    environ = os.environ | secret | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "latchkey", "--db", str(tmp_path / "latchkey.db"), "serve"]
    command += ["--listen", "127.0.0.1:0", "--workers", workers]
    log = tmp_path / "serve.log"
    with log.open("wb") as output, subprocess.Popen(command, cwd=ROOT, env=environ, stderr=output) as process:
        try:
            helpers = eventually(lambda: process.poll() is not None or children(process.pid))
            helper = Path(f"/proc/{helpers[0]}")
            eventually(lambda: b"\0-c\0" in (helper / "cmdline").read_bytes())  # it has become another program
            assert b"LATCHKEY_MASTER_KEY" not in (helper / "environ").read_bytes()
            process.send_signal(number)
            assert process.wait(60) == 0
        finally:
            process.kill()
    text = log.read_text("utf-8")
    assert "compiling the search kernels" in text
    assert " ready " not in text
    assert text.endswith("INFO stopped before it was ready\n")
    eventually(lambda: not any(map(is_alive, helpers)))


@pytest.mark.parametrize("workers", [1, 3])
def test_reader_of_stderr_that_stalls_costs_lines_and_no_answer_and_no_sigterm(tmp_path, workers):
    furnish(tmp_path / "latchkey.db")
    command = [
        sys.executable,
        "-m",
        "latchkey",
        "--db",
        str(tmp_path / "latchkey.db"),
        "serve",
        "--workers",
        str(workers),
    ]
    command += ["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
        ready = None
        while ready is None:  # and from then on nobody reads
            ready = re.search(r"listen=127\.0\.0\.1:(\d+) metrics=(\S+)", process.stderr.readline().decode())
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
        try:
            for each in sockets:
                each.connect(("127.0.0.1", int(ready[1])))
                each.settimeout(20)
            for _ in range(max(2, workers) * 1000 // 16):
                for each in sockets:
                    question = Question.ask(DIALECTS["hostapd"], Lookup(device=DEVICE, ssid=SSID), SECRET)
                    each.send(question.datagram)
                    assert question.read(each.recv(4096)).passphrases == (b"right-passphrase",)

            def dropped():
                with urlopen(f"http://{ready[2]}/metrics", timeout=20) as answer:
                    found = re.search(rb'latchkey_log_lines_dropped_total{to="stderr"} (\d+)', answer.read())
                return int(found[1])

            eventually(dropped)
        finally:
            for each in sockets:
                each.close()
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
        assert process.returncode == 0
    decisions = (tmp_path / "latchkey.db-log").read_text("utf-8")
    assert decisions.count(" accept ") == max(2, workers) * 1000 // 16 * 16  # the file has them all


def test_nobody_gets_at_the_memory(tmp_path):
    furnish(tmp_path / "latchkey.db")
    command = [sys.executable, "-m", "latchkey", "--db", str(tmp_path / "latchkey.db"), "serve", "--workers", "2"]
    with subprocess.Popen([*command, "--listen", "127.0.0.1:0"], cwd=ROOT, stderr=subprocess.PIPE) as process:
        while b" ready " not in process.stderr.readline():
            pass
        serving = [process.pid, *children(process.pid)]
        limits = [Path(f"/proc/{each}/limits").read_text("ascii") for each in serving]
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert len(serving) >= 3
    assert all(re.search(r"Max core file size +0 +0 ", text) for text in limits)


@pytest.mark.parametrize(("environ", "dumpable"), [({}, 0), ({"LATCHKEY_ALLOW_DUMPS": "1"}, 1)])
def test_process_and_what_it_forks_cannot_be_dumped_unless_asked_for(environ, dumpable):
    child = os.fork()
    if not child:
        status = 255
        try:
            protect_memory(environ)
            grandchild = os.fork()
            if not grandchild:
                os._exit(ctypes.CDLL(None).prctl(3))  # PR_GET_DUMPABLE
            status = os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1])
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == dumpable
