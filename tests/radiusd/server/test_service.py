"""The server on real sockets."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from provisioning import KeyStatus, StoreError
from radiusd import DIALECTS, Engine, Lookup, Question, ServeError, Server, parse_address, render_address
from radiusd.fastpath import compilation
from radiusd.fastpath.compilation import Compilation
from radiusd.server.service import announce
from radiusd.sockets import bound

SSID = Ssid(b"Hudson House")
DEVICE = MacAddress(b"\2\0\0\0\2\1")


@contextlib.contextmanager
def serving(house, listen=(("127.0.0.1", 0),)):
    """Run the server in a thread of its own."""
    loops, servers = [], []
    started = threading.Event()

    def work():
        async def main():
            with bound(listen, receive_buffer=1 << 20) as sockets:
                server = Server(house.open_store, sockets)
                loops.append(asyncio.get_running_loop())
                servers.append(server)
                task = asyncio.create_task(server.run())
                ready = asyncio.create_task(server.ready.wait())
                await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
                ready.cancel()
                started.set()
                await task

        try:
            asyncio.run(main())
        except Exception as error:
            errors.append(error)
        finally:
            started.set()

    errors = []
    thread = threading.Thread(target=work)
    thread.start()
    started.wait(60)
    try:
        if errors:
            raise errors[0]
        yield servers[0]
    finally:
        with contextlib.suppress(RuntimeError, IndexError):  # it has failed meanwhile, or never begun
            loops[0].call_soon_threadsafe(servers[0].stop)
        thread.join(20)
    if errors:
        raise errors[0]


@pytest.fixture
def loopback(house):
    house.store.nases.add(ip_network("127.0.0.0/8"), b"testing123", name="loopback")
    house.store.nases.add(ip_network("::1/128"), b"testing123", name="loopback 6")
    return house


def exchange(address, datagram, timeout_s=5.0):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout_s)
        client.sendto(datagram, address)
        return client.recv(4096)


def ask(house, address, subject):
    question = house.question(subject)
    return question.read(exchange(address, question.datagram))


def test_recorded_request_over_udp(loopback, recording):
    loopback.add_key(recording.ssid, recording.passphrase, vlan=110)
    with serving(loopback) as server:
        reply = exchange(server.addresses[0], recording.datagram)
    question = Question(datagram=recording.datagram, dialect=DIALECTS["hostapd"], secret=loopback.secret)
    assert question.read(reply).passphrases == (recording.passphrase,)


def test_ready_line_says_what_is_served_and_where(loopback, lines):
    loopback.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
    local = [("127.0.0.1", 0), ("::1", 0)]
    with serving(loopback) as server, bound(local, receive_buffer=1 << 16) as sockets:
        first, second = (render_address(each.getsockname()[:2]) for each in sockets)
        sizes = "keys=1 keypools=1 nases=3 devices=1"
        announce(sockets, (), server.loaded, started=time.monotonic())
        ready = rf"ready listen={re.escape(first)},{re.escape(second)} {sizes} seconds=0\.\d\d"
        assert re.fullmatch(ready, lines()[-1])
        more = {"workers": 3, "metrics": ("::1", 9812)}
        announce(sockets[:1], sockets[1:], server.loaded, **more, started=time.monotonic())
        assert lines()[-1].startswith(f"ready listen={first} acct={second} metrics=[::1]:9812 workers=3 {sizes} ")
        announce(sockets, (), server.loaded, metrics=("192.0.2.1", 9812), started=time.monotonic())
        assert lines()[-1].startswith("metrics are shown on 192.0.2.1:9812 to whoever reaches it")


def test_the_log_says_when_the_fast_path_follows_a_first_start(loopback, lines, monkeypatch):
    """After an install the server answers at once, and its compiled code comes later: what measures it can wait."""
    ours, theirs = os.pipe()
    with subprocess.Popen([sys.executable, "-c", ""]) as compiler:
        monkeypatch.setattr("radiusd.server.service.prepare", lambda: Compilation(compiler, ours))
        compilation.warm_up()  # what the other process would have left in the cache
        loopback.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        with serving(loopback) as server:
            lookup = Lookup(device=DEVICE, ssid=SSID, aa=DEVICE)
            assert ask(loopback, server.addresses[0], lookup).passphrases == (b"right-passphrase",)
            assert not any(line.startswith("fast path ready") for line in lines())
            os.close(theirs)  # the compiler has ended
            deadline = time.monotonic() + 60
            while not any(line.startswith("fast path ready") for line in lines()):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert ask(loopback, server.addresses[0], lookup).passphrases == (b"right-passphrase",)
    os.close(ours)


def test_start_with_nothing_to_serve_warns(house, lines):
    house.store.nases.remove(house.nas.id)
    with serving(house) as server:
        announce([], (), server.loaded, started=time.monotonic())
    ready, *warnings = lines()[-3:]
    assert "keys=0 keypools=0 nases=0" in ready
    assert [line.partition(",")[0] for line in warnings] == ["there are no keys", "no access point may ask"]


def test_several_addresses(loopback, handshake):
    loopback.add_key(SSID, b"right-passphrase")
    with serving(loopback, (("127.0.0.1", 0), ("::1", 0))) as server:
        assert [address[0] for address in server.addresses] == ["127.0.0.1", "::1"]
        for address in server.addresses:
            assert ask(loopback, address, handshake(b"right-passphrase"))


def test_another_process_is_followed_within_a_second(loopback, handshake):
    with serving(loopback) as server:
        address = server.addresses[0]
        assert ask(loopback, address, handshake(b"right-passphrase")) is None
        key_id = loopback.add_key(SSID, b"right-passphrase")
        time.sleep(1)
        assert ask(loopback, address, handshake(b"right-passphrase"))
        loopback.store.keys.set_status(key_id, KeyStatus.SUSPENDED, now=loopback.now)
        time.sleep(1)
        assert ask(loopback, address, handshake(b"right-passphrase")) is None


def test_devices_are_stored_soon_and_at_the_latest_at_the_end(loopback, handshake):
    loopback.add_key(SSID, b"right-passphrase")
    with serving(loopback) as server:
        assert ask(loopback, server.addresses[0], handshake(b"right-passphrase"))
        time.sleep(1)
        assert [device.mac for device in loopback.store.devices.of_keys()] == [DEVICE]
        other = MacAddress(b"\2\0\0\0\2\2")
        assert ask(loopback, server.addresses[0], handshake(b"right-passphrase", spa=other))
    assert {device.mac for device in loopback.store.devices.of_keys()} == {DEVICE, other}


@pytest.mark.parametrize("error", [StoreError("database is locked"), KeyError("hashcat!")], ids=repr)
def test_store_that_fails_is_tried_again(loopback, handshake, lines, monkeypatch, error):
    """Devices wait until they can be written, changes until they can be read."""
    loopback.pool(SSID)
    failing = True

    def sometimes(work):
        def call(*arguments, **options):
            if failing and threading.current_thread().name.startswith(("follow", "save")):
                raise error
            return work(*arguments, **options)

        return call

    with serving(loopback) as server, monkeypatch.context() as patch:
        for aggregate, name in ((loopback.store.changes, "since"), (loopback.store.devices, "remember")):
            patch.setattr(type(aggregate), name, sometimes(getattr(type(aggregate), name)))
        loopback.add_key(SSID, b"right-passphrase")
        time.sleep(0.3)
        assert ask(loopback, server.addresses[0], handshake(b"right-passphrase")) is None
        failing = False
        time.sleep(0.3)
        failing = True
        assert ask(loopback, server.addresses[0], handshake(b"right-passphrase"))
        time.sleep(0.3)
        assert not list(loopback.store.devices.of_keys())
        failing = False
        time.sleep(0.3)
        assert list(loopback.store.devices.of_keys())
    said = [line for line in lines() if line.startswith("cannot")]
    assert {line.split(",")[0] for line in said} == {"cannot follow the store", "cannot save 1 devices"}
    assert not any("hashcat" in line for line in said)


def test_failure_of_ours_costs_one_request(loopback, lookup, lines, monkeypatch):
    loopback.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
    with serving(loopback) as server:

        def fail(*_):
            raise KeyError("hashcat!")

        with monkeypatch.context() as patch:
            patch.setattr(Engine, "_resolve", fail)
            question = loopback.question(lookup())
            with pytest.raises(TimeoutError):
                exchange(server.addresses[0], question.datagram, timeout_s=0.3)
        # The same request again: what failed has left nothing behind that would call it a repetition.
        assert question.read(exchange(server.addresses[0], question.datagram))
    (line,) = [line for line in lines() if line.startswith("error")]
    assert "place=KeyError@test_service.py:" in line
    assert "hashcat" not in line


def test_garbage_is_survived(loopback, lookup):
    loopback.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
    with serving(loopback) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for size in (0, 1, 19, 20, 65_000):
            client.sendto(bytes(size), server.addresses[0])
        assert ask(loopback, server.addresses[0], lookup())


def test_stopping_finishes_what_is_in_flight(loopback, handshake):
    loopback.add_key(SSID, b"right-passphrase")
    devices = [MacAddress(b"\2\0\0\0\3" + bytes([number])) for number in range(30)]
    questions = {
        number: loopback.question(handshake(b"right-passphrase", spa=device), identifier=number)
        for number, device in enumerate(devices)
    }
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        with serving(loopback) as server:
            for question in questions.values():
                client.sendto(question.datagram, server.addresses[0])
            answers = [client.recv(4096)]
        answers += [client.recv(4096) for _ in range(len(questions) - 1)]
    assert {answer[1] for answer in answers} == set(questions)
    for answer in answers:
        assert questions[answer[1]].read(answer).passphrases == (b"right-passphrase",)
    assert {device.mac for device in loopback.store.devices.of_keys()} == set(devices)


def test_port_in_use_is_an_error_before_anything_is_loaded(loopback):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = taken.getsockname()
        with (
            pytest.raises(ServeError, match=f"cannot listen on 127.0.0.1:{address[1]}: Address already in use"),
            serving(loopback, (address,)),
        ):
            pass


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:1812", ("127.0.0.1", 1812)),
        ("[::1]:1812", ("::1", 1812)),
        ("localhost:0", ("localhost", 0)),
        (":1812", ("", 1812)),
    ],
)
def test_address_to_listen_on(text, address):
    assert parse_address(text) == address
    if address[0]:
        assert render_address(address) == text


@pytest.mark.parametrize("text", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:radius", "127.0.0.1:65536", "[::1]:-1"])
def test_no_address_to_listen_on(text):
    with pytest.raises(ServeError, match="is not ADDRESS:PORT"):
        parse_address(text)


@pytest.mark.parametrize("address", [("300.0.0.1", 0), ("192.0.2.99", 0)])
def test_address_that_is_not_ours(loopback, address):
    with pytest.raises(ServeError, match="cannot listen on"), serving(loopback, (address,)):
        pass


@pytest.mark.peer("radclient")
class TestRadclient:
    """FreeRADIUS's own client, with FreeRADIUS's dictionaries, on the lookup path."""

    ASKED = (
        'User-Name = "020000000201", User-Password = "020000000201", '
        'Called-Station-Id = "02-00-00-00-00-00:Hudson House", Message-Authenticator = 0x00'
    )

    @staticmethod
    def radclient(address, text, kind="auth", key="testing123"):
        command = ["radclient", "-x", "-r", "1", "-t", "2", f"{address[0]}:{address[1]}", kind, key]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, check=False).stdout

    @pytest.fixture
    def address(self, loopback):
        loopback.add_key(SSID, b"right-passphrase", vlan=110, devices=(DEVICE,))
        with serving(loopback) as server:
            yield server.addresses[0]

    def test_reads_key_and_vlan(self, address):
        answer = self.radclient(address, self.ASKED)
        assert "Received Access-Accept" in answer
        for line in (
            'Tunnel-Password:0 = "right-passphrase"',
            "Tunnel-Type:0 = VLAN",
            "Tunnel-Medium-Type:0 = IEEE-802",
            'Tunnel-Private-Group-Id:0 = "110"',
        ):
            assert line in answer

    def test_reads_a_reject(self, address):
        assert "Received Access-Reject" in self.radclient(address, self.ASKED.replace("0201", "0299"))

    def test_reads_status(self, address):
        answer = self.radclient(address, "Message-Authenticator = 0x00", kind="status")
        assert "Received Access-Accept" in answer

    def test_gets_no_answer_under_a_wrong_secret(self, address, lines):
        assert "Received" not in self.radclient(address, self.ASKED, key="testing124")
        assert any("the shared secret of NAS loopback is the likely cause" in line for line in lines())
