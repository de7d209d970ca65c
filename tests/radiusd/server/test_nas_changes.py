"""A NAS is removed, or its secret changed, while searches are under way in every worker: `latchkey serve` itself."""

import os
import re
import select
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

ROOT = Path(__file__).parents[3]
SSID = Ssid(b"Hudson House")
SECRET, OTHER_SECRET = SharedSecret(b"testing123"), SharedSecret(b"another secret")
KNOWN = MacAddress(b"\2\0\0\0\2\7")
NETWORK = ip_network("127.0.0.0/8")
# The server as it is, but no search goes on while the file named first is there.
SERVE = """
import pathlib, sys, time
from radiusd.engine.transaction import Search
run, gate = Search.run, pathlib.Path(sys.argv.pop(1))
def held(search, threads=1):
    while gate.exists():
        time.sleep(0.01)
    run(search, threads)
Search.run = held
import latchkey
latchkey.main()
"""


def eventually(check, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return result


class Serving:
    """A server whose searches wait, and sockets enough to meet each of its workers."""

    def __init__(self, folder, workers):
        self.gate = folder / "gate"
        self.gate.touch()
        self._log = folder / "serve.log"
        (folder / "latchkey.toml").write_text(f"workers = {workers}\n[searches]\npatience_s = 60\n")
        self.store = create_store(folder / "latchkey.db", {})
        venue = self.store.venues.add("Hudson House")
        self.nas = self.store.nases.add(NETWORK, SECRET.value, name="loopback", venue_id=venue.id)
        pool = self.store.keypools.add(SSID, venue_ids=[venue.id])
        self.store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"right-passphrase"), devices=(KNOWN,)))
        command = [sys.executable, "-c", SERVE, str(self.gate), "serve", "--listen", "127.0.0.1:0"]
        command += ["--config", str(folder / "latchkey.toml"), "--metrics", "127.0.0.1:0"]
        environ = os.environ | {"LATCHKEY_DB": str(folder / "latchkey.db")}
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
        ready = re.compile(r" ready listen=127\.0\.0\.1:(\d+) metrics=(127\.0\.0\.1:\d+)")
        match = eventually(lambda: ready.search(self.text()) or self.process.poll() is not None, 60)
        assert isinstance(match, re.Match), self.text()
        self._metrics = f"http://{match[2]}/metrics"
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
        for each in self.sockets:
            each.connect(("127.0.0.1", int(match[1])))

    def text(self):
        return self._log.read_text("utf-8")

    def sample(self, name):
        """Return the sum of what a metric shows."""
        with urlopen(self._metrics, timeout=20) as answer:  # noqa: S310 (http, on loopback)
            found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", answer.read().decode(), re.MULTILINE)
        return sum(map(float, found))

    def ask_all(self, make, secret, identifier):
        """Ask on every socket at once; `make` gives the subject for each socket's number."""
        questions = [
            Question.ask(DIALECTS["hostapd"], make(number), secret, identifier=identifier)
            for number in range(len(self.sockets))
        ]
        for each, question in zip(self.sockets, questions, strict=True):
            each.send(question.datagram)
        return questions

    def replies(self, timeout_s=0.5):
        """Return what has come on each socket, None where nothing has, `timeout_s` after the last one."""
        found = dict.fromkeys(self.sockets)
        while None in found.values():
            ready = select.select([each for each in self.sockets if found[each] is None], (), (), timeout_s)[0]
            if not ready:
                break
            found.update({each: each.recv(4096) for each in ready})
        return list(found.values())

    def close(self):
        self.gate.unlink(missing_ok=True)
        for each in self.sockets:
            each.close()
        self.store.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


@pytest.fixture(params=[1, 3], ids=lambda count: f"{count}-workers")
def serving(request, tmp_path):
    server = Serving(tmp_path, request.param)
    yield server
    server.close()


def begin(serving, handshake):
    """Have a search under way for every socket, and return what was asked."""
    questions = serving.ask_all(
        lambda number: handshake(b"right-passphrase", spa=MacAddress(b"\2\0\0\0\3" + bytes([number]))), SECRET, 1
    )
    under_way = len(questions)
    eventually(lambda: serving.sample("latchkey_searches_(?:waiting|running)") == under_way)
    return questions


def known(_):
    return Lookup(device=KNOWN, ssid=SSID, aa=MacAddress(bytes(6)))


def remove(serving):
    serving.store.nases.remove(serving.nas.id)

    def silent():
        serving.ask_all(known, SECRET, 2)
        return not any(serving.replies())

    eventually(silent)


def change_secret(serving):
    serving.store.nases.remove(serving.nas.id)
    serving.store.nases.add(NETWORK, OTHER_SECRET.value, name="loopback", venue_id=serving.nas.venue_id)

    def everywhere():
        serving.ask_all(known, OTHER_SECRET, 2)
        return all(serving.replies())

    eventually(everywhere)


@pytest.mark.parametrize("change", [remove, change_secret])
def test_change_of_the_nas_ends_its_searches(serving, handshake, change):
    questions = begin(serving, handshake)
    change(serving)
    serving.gate.unlink()
    eventually(
        lambda: serving.sample("latchkey_discards_total") >= len(questions) and " cause=nas-changed" in serving.text()
    )
    eventually(lambda: serving.sample("latchkey_searches_(?:waiting|running)") == 0)
    assert not any(serving.replies())
    assert "accept" not in serving.text().rpartition("cause=nas-changed")[2]
    for identifier in range(3, 6):  # nor has anything been learned that the old secret would open
        serving.ask_all(known, SECRET, identifier)
        serving.ask_all(lambda _: handshake(b"right-passphrase"), SECRET, identifier + 10)
        assert not any(serving.replies())


def test_without_a_change_every_search_is_answered(serving, handshake):
    """The control: the same searches, the same wait."""
    questions = begin(serving, handshake)
    serving.gate.unlink()
    for question, reply in zip(questions, serving.replies(10), strict=True):
        assert question.read(reply).passphrases == (b"right-passphrase",)
