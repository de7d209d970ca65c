"""`latchkey serve --workers 2` as an operator runs it: several processes, one port."""

import contextlib
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
from prometheus_client.parser import text_string_to_metric_families

from crypto import MacAddress, Ssid
from provisioning import KeyDraft, Passphrase, UnknownDevices, create_store
from radiusd import DIALECTS, Lookup, Question, ServeError, SharedSecret
from radiusd.codec import encode_accounting
from radiusd.model import Attribute, Salted
from radiusd.server.systemd import notify
from radiusd.sockets import bind, bind_shared

ROOT = Path(__file__).parents[3]
SSID = Ssid(b"Hudson House")
SECRET = SharedSecret(b"testing123")


def eventually(check, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return result


class Serving:
    """A server of its own, and sockets enough to meet each of its workers."""

    def __init__(self, folder):
        self.config = folder / "latchkey.toml"
        self.config.write_text("workers = 2\n")
        self._log = folder / "serve.log"
        with create_store(folder / "latchkey.db", {}) as store:
            venue = store.venues.add("Hudson House")
            store.nases.add(
                ip_network("127.0.0.0/8"),
                SECRET.value,
                name="loopback",
                venue_id=venue.id,
                profile="unifi",
                unknown_devices=UnknownDevices.OFFER,
            )
            pool = store.keypools.add(SSID, venue_ids=[venue.id])
            store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"right-passphrase"), identity="Ann"))
        self.supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.supervisor.bind(str(folder / "notify"))
        self.supervisor.settimeout(20)
        command = [sys.executable, "-m", "latchkey", "serve", "--listen", "127.0.0.1:0", "--acct", "127.0.0.1:0"]
        command += ["--config", str(self.config), "--metrics", "127.0.0.1:0"]
        environ = os.environ | {"LATCHKEY_DB": str(folder / "latchkey.db"), "NOTIFY_SOCKET": str(folder / "notify")}
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
        at = r"127\.0\.0\.1:(\d+)"
        ready = re.compile(
            rf" ready listen={at} acct={at} metrics=(127\.0\.0\.1:\d+) workers=2 keys=1 keypools=1 nases=1 devices="
        )
        match = eventually(lambda: ready.search(self.text()) or self.process.poll() is not None, 60)
        assert isinstance(match, re.Match), self.text()
        self.address, self.accounting = (("127.0.0.1", int(port)) for port in match.groups()[:2])
        self.metrics = f"http://{match[3]}/metrics"
        eventually(lambda: len(self.workers()) == 2, 120)  # at the very first start one more process compiles
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
        for each in self.sockets:
            each.connect(self.address)
            each.settimeout(5)

    def text(self):
        return self._log.read_text("utf-8")

    def workers(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii")
        return [int(process) for process in children.split()]

    def ask(self, handshake, each):
        question = Question.ask(DIALECTS["hostapd"], handshake, SECRET)
        each.send(question.datagram)
        return question.read(each.recv(4096))

    def scrape(self):
        """Return every sample: name and labels to value."""
        with urlopen(self.metrics, timeout=20) as answer:  # noqa: S310 (http, on loopback)
            families = text_string_to_metric_families(answer.read().decode())
            return {(each.name, *sorted(each.labels.values())): each.value for f in families for each in f.samples}

    def close(self):
        for each in (*self.sockets, self.supervisor):
            each.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    server = Serving(tmp_path_factory.mktemp("workers"))
    yield server
    server.close()


def test_all_workers_answer_and_each_knows_what_another_learned(serving, handshake):
    assert len(serving.workers()) == 2
    assert serving.ask(handshake(b"right-passphrase"), serving.sockets[0])

    def hows():
        time.sleep(0.5)
        for each in serving.sockets:
            assert serving.ask(handshake(b"right-passphrase"), each)
        return re.findall(r"accept who=Ann .* how=(\w+)", serving.text())

    assert hows()[0] == "search"
    assert eventually(lambda: hows()[-16:] == ["known"] * 16)


def test_repetition_meets_the_worker_that_has_its_answer(serving, handshake):
    for each in serving.sockets:
        question = Question.ask(DIALECTS["hostapd"], handshake(b"right-passphrase"), SECRET)
        replies = set()
        for _ in range(3):
            each.send(question.datagram)
            replies.add(each.recv(4096))
        assert len(replies) == 1


def test_worker_that_dies_is_replaced_and_nothing_is_lost(serving, handshake):
    before = serving.workers()
    os.kill(before[0], signal.SIGKILL)
    for each in serving.sockets:  # what is sent to the dead one waits for the next
        assert serving.ask(handshake(b"right-passphrase"), each)
    said = r"ERROR worker \d ended \(signal 9\), the next one starts in 0\.1 s"
    assert eventually(lambda: re.search(said, serving.text()))
    after = eventually(lambda: len(pids := serving.workers()) == 2 and pids)
    assert len(set(before) & set(after)) == 1


def test_reload_reaches_every_worker(serving, handshake):
    def reload(text, line):
        count = serving.text().count(line)
        serving.config.write_text(text)
        serving.process.send_signal(signal.SIGHUP)
        eventually(lambda: serving.text().count(line) == count + 1)
        time.sleep(0.2)  # until the workers have it, too

    reload("workers = 3\n[cooldown]\nfailures = 1\n", "INFO reload: changed cooldown.failures")
    assert "WARNING reload: workers will change at the next start" in serving.text()
    reload("[cooldown]\nfailures = 0\n", "ERROR reload refused, the configuration stays as it was: ")
    assert "cooldown.failures must be a whole number from 1 to 10000, not 0" in serving.text()
    for number, each in enumerate(serving.sockets):
        device = MacAddress(b"\2\0\0\0\7" + bytes([number]))
        for _ in range(2):
            assert serving.ask(handshake(b"wrong-passphrase", spa=device), each) is None
        assert f"device={device}" in serving.text()
    assert serving.text().count('reject reason="cooling down after 1 failures"') == 16


KNOWN = ("latchkey_requests_total", "accept", "hostapd", "known", "loopback")


def test_metrics_are_of_all_workers_and_outlive_each(serving, handshake):
    assert serving.ask(handshake(b"right-passphrase"), serving.sockets[0])
    time.sleep(1)
    before = serving.scrape()
    count = before.get(KNOWN, 0)

    def counted():
        return serving.scrape()[KNOWN] == count

    def ask_all():
        nonlocal count
        for each in serving.sockets:
            assert serving.ask(handshake(b"right-passphrase"), each)
        count += len(serving.sockets)

    ask_all()
    eventually(counted)
    for number in range(2):  # the first of them shows the metrics
        victim = serving.workers()[number]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda victim=victim: len(set(serving.workers()) - {victim}) == 2)
        ask_all()
        eventually(counted)
    after = serving.scrape()
    assert after["latchkey_workers",] == 2
    assert after["latchkey_keys",] == 1
    assert after["latchkey_devices",] == 1
    assert {after["process_open_fds", worker] > 5 for worker in "12"} == {True}
    assert all(after[key] >= before[key] for key in before if key[0].startswith("latchkey_"))


def test_all_workers_take_accounting_and_each_knows_what_another_learned(serving):
    """Which key was offered, which request came before: whatever worker was asked."""
    device = MacAddress(b"\2\0\0\0\7\1")
    question = Question.ask(DIALECTS["unifi"], Lookup(device=device, ssid=SSID), SECRET)
    serving.sockets[0].send(question.datagram)
    assert question.read(serving.sockets[0].recv(4096)).session_key_names == (b"key-1",)
    attributes = [
        Attribute(40, b"\0\0\0\1"),
        Attribute(44, b"5F3A-07"),
        Attribute(30, b"02-00-00-00-00-00:Hudson House"),
        Attribute(31, str(device).encode()),
        Salted((26, 41112, 6), b"key-1"),
    ]
    reports = [encode_accounting(1, [*attributes, Attribute(41, bytes((0, 0, 0, n)))], SECRET) for n in range(16)]
    with contextlib.ExitStack() as stack:
        for report in reports:
            access_point = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            access_point.connect(serving.accounting)
            access_point.settimeout(5)
            for _ in range(2):
                access_point.send(report)
                assert access_point.recv(4096)[:4] == b"\5\1\0\x14"
        for report in reports:  # from another port, and so perhaps to another worker, it is a repetition still
            access_point.send(report)
            assert access_point.recv(4096)[:4] == b"\5\1\0\x14"
    assert serving.text().count("accounting status=start ") == 16
    assert 1 <= serving.text().count(" learn ") <= 2  # each worker by itself, where the other was not faster
    time.sleep(1)
    for each in serving.sockets:
        each.send(question.datagram)
        assert question.read(each.recv(4096)).passphrases == (b"right-passphrase",)


def test_second_server_does_not_share_the_port_by_accident(serving):
    with pytest.raises(ServeError, match=f"cannot listen on 127.0.0.1:{serving.address[1]}: Address already in use"):
        bind_shared(serving.address, 2, receive_buffer=65536)


def test_sigterm_finishes_what_is_in_flight(serving, handshake):
    questions = []
    for number, each in enumerate(serving.sockets):
        made = handshake(b"right-passphrase", spa=MacAddress(b"\2\0\0\0\3" + bytes([number])))
        questions.append(Question.ask(DIALECTS["hostapd"], made, SECRET))
        each.send(questions[-1].datagram)
    serving.process.send_signal(signal.SIGTERM)
    for question, each in zip(questions, serving.sockets, strict=True):
        assert question.read(each.recv(4096))
    assert serving.process.wait(20) == 0
    assert serving.text().endswith("INFO stopped\n")
    states = [serving.supervisor.recv(100) for _ in range(6)]
    assert states == [b"READY=1"] + [b"RELOADING=1", b"READY=1"] * 2 + [b"STOPPING=1"]


def test_workers_end_with_their_parent(tmp_path):
    server = Serving(tmp_path)
    workers = server.workers()
    server.process.kill()
    eventually(lambda: not any(Path(f"/proc/{process}/exe").exists() for process in workers))
    server.close()


def test_shared_sockets_of_port_0_have_one_port():
    sockets = bind_shared(("127.0.0.1", 0), 3, receive_buffer=65536)
    try:
        assert len({each.getsockname() for each in sockets}) == 1
        with pytest.raises(ServeError, match="Address already in use"):
            bind(sockets[0].getsockname(), receive_buffer=65536)
    finally:
        for each in sockets:
            each.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "vsock:2:9"}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_a_supervisor_nothing_is_told(environ):
    notify(environ, "READY=1")


def test_supervisor_of_an_abstract_address_is_told():
    name = f"latchkey-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind("\0" + name)
        supervisor.settimeout(5)
        notify({"NOTIFY_SOCKET": "@" + name}, "READY=1")
        assert supervisor.recv(100) == b"READY=1"
