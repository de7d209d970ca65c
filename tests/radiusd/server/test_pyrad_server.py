"""pyrad's Server with Latchkey in it. What it answers to NASes of the store: test_wire_behaviour."""

import asyncio
import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from pyrad.client import Client, Timeout
from pyrad.packet import AccessAccept, AccessReject, AccessRequest, AccountingResponse
from pyrad.server import RemoteHost

from radiusd import Server
from radiusd.server.pyrad_server import PyradServer
from tests.radiusd.house import SPA, SSID

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "pyrad-server.md").read_text("utf-8")
STORES, PYRADS, NOBODYS = "127.0.0.1", "127.0.0.9", "127.0.0.8"
SPA_NAME = SPA.value.hex()
SECRET, OTHER_SECRET = b"testing123", b"another secret"


class Own(PyradServer):
    """A pyrad server with handlers of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.handled = []

    def HandleAuthPacket(self, pkt):  # noqa: N802 (pyrad's name)
        self.handled.append((pkt.source[0], pkt["User-Name"][0]))
        if pkt["User-Name"][0] == "trouble":
            raise RuntimeError("trouble")
        self.SendReplyPacket(pkt.fd, self.CreateReplyPacket(pkt, Reply_Message="by pyrad"))

    def HandleAcctPacket(self, pkt):  # noqa: N802 (pyrad's name)
        self.SendReplyPacket(pkt.fd, self.CreateReplyPacket(pkt))


@pytest.fixture
def own():
    # In pyrad's table stand a client of its own, and one that the store knows better.
    hosts = {each: RemoteHost(each, OTHER_SECRET, each) for each in (PYRADS, STORES)}
    return Own(hosts=hosts)


@pytest.fixture
def served(house, running, own):
    house.store.nases.add(ip_network(STORES), SECRET, name="ap", venue_id=house.venue.id)
    house.add_key(SSID, b"right-passphrase", vlan=110, devices=(SPA,))
    with running(house, pyrad=own) as server:
        yield server


OPENED = []


@pytest.fixture(autouse=True)
def closing():
    """Close the sockets of pyrad's clients, which leave that to chance."""
    yield
    while OPENED:
        OPENED.pop()._CloseSocket()


def client(server, source, secret, timeout=30):
    """Return pyrad's own client, sending from an address."""
    made = Client(
        server=STORES,
        authport=server.addresses[0][1],
        acctport=server.acct_addresses[0][1],
        secret=secret,
        dict=PyradServer().dict,
    )
    made.retries, made.timeout = 1, timeout
    made.bind((source, 0))
    OPENED.append(made)
    return made


def ask(one, name=SPA_NAME):
    packet = one.CreateAuthPacket(code=AccessRequest, User_Name=name)
    packet["Called-Station-Id"] = f"02-00-00-00-00-00:{SSID}"
    packet.add_message_authenticator()
    return one.SendPacket(packet)


def test_store_s_access_points_are_the_engine_s_whatever_pyrad_s_table_says(served, own, lines):
    reply = ask(client(served, STORES, SECRET))
    assert reply.code == AccessAccept
    assert reply["Tunnel-Private-Group-Id"] == ["110"]
    assert own.handled == []
    assert any(line.startswith("accept ") and "how=lookup" in line for line in lines())


def test_others_in_pyrad_s_table_are_the_handlers(served, own):
    one = client(served, PYRADS, OTHER_SECRET)
    reply = ask(one, "a switch")
    assert (reply.code, reply["Reply-Message"]) == (AccessAccept, ["by pyrad"])
    assert own.handled == [(PYRADS, "a switch")]
    report = one.CreateAcctPacket(User_Name="a switch")
    report["Acct-Status-Type"] = 1
    assert one.SendPacket(report).code == AccountingResponse


def test_whom_nobody_knows_the_engine_discards(served, own, lines):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((NOBODYS, 0))
        one.sendto(b"\1\1\0\x14" + bytes(16), served.addresses[0])
    deadline = time.monotonic() + 30
    while not any("discard cause=unknown-source" in line for line in lines()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert own.handled == []


def test_a_nas_that_is_switched_off_is_not_pyrads(served, house, own, lines):
    there = next(nas for nas in house.store.nases.all() if nas.name == "ap")
    house.store.nases.save(replace(there, enabled=False))
    one = client(served, STORES, OTHER_SECRET, timeout=1)
    deadline = time.monotonic() + 30
    while not any("discard cause=nas-disabled" in line for line in lines()):
        assert time.monotonic() < deadline
        with pytest.raises(Timeout):
            ask(one)
    assert own.handled == []


def test_broken_packets_and_handlers_cost_themselves_only(served, own, lines):
    one = client(served, PYRADS, OTHER_SECRET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.bind((PYRADS, 0))
        for octets in (b"", b"\1", b"\1\1\0\x14" + bytes(15), b"\2\1\0\x14" + bytes(16), bytes(4096)):
            raw.sendto(octets, served.addresses[0])
            raw.sendto(octets, served.acct_addresses[0])
    with contextlib.suppress(Exception):
        ask(client(served, PYRADS, OTHER_SECRET, timeout=0.2), "trouble")
    assert ask(one, "a switch").code == AccessAccept
    assert [name for _, name in own.handled] == ["trouble", "a switch"]
    assert sum("discard cause=pyrad" in line for line in lines()) >= 4
    (failed,) = (line for line in lines() if line.startswith("error "))
    assert "RuntimeError" in failed
    assert "Traceback" not in failed
    assert ask(client(served, STORES, SECRET)).code == AccessAccept


def test_where_there_are_no_batches_it_is_what_serves(house, running, monkeypatch):
    monkeypatch.setattr("radiusd.server.service.is_available", lambda: False)
    monkeypatch.setattr("radiusd.server.service.UdpListener", None)
    monkeypatch.setattr("radiusd.server.service.AccountingListener", None)
    house.store.nases.add(ip_network(STORES), SECRET, name="ap", venue_id=house.venue.id)
    with running(house) as server:
        assert server.loaded.fast_path is server.loaded.compilation is None
        assert ask(client(server, STORES, SECRET)).code == AccessReject
        house.add_key(SSID, b"right-passphrase", devices=(SPA,))  # it follows the store
        deadline = time.monotonic() + 30
        while ask(client(server, STORES, SECRET)).code == AccessReject:
            assert time.monotonic() < deadline


def test_what_is_in_flight_is_answered_before_it_stops(house, running, recordings):
    recording = recordings[0]
    house.add_key(recording.ssid, recording.passphrase)
    house.store.nases.add(ip_network("127.0.0.0/8"), SECRET, name="ap", venue_id=house.venue.id)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(30)
        with running(house, pyrad=PyradServer()) as server:
            one.sendto(recording.datagram, server.addresses[0])
        assert one.recv(4096)[0] == AccessAccept


def test_it_needs_a_store_to_run(house):
    with pytest.raises(ValueError, match="open_store"):
        PyradServer().Run()


@pytest.mark.parametrize("how", ["page", "latchkey serve --portable"])
def test_as_a_process(house, tmp_path, how):
    """The page's example as it stands but for its ports, and the command."""
    house.add_key(SSID, b"right-passphrase", vlan=110, devices=(SPA,))
    house.store.nases.add(ip_network(STORES), SECRET, name="ap", venue_id=house.venue.id)
    key = tmp_path / "latchkey.key"
    key.touch(0o600)
    key.write_text(house._master_key.value.hex())
    ports = []
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.bind((STORES, 0))
            ports.append(one.getsockname()[1])
    if how == "page":
        (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        script = tmp_path / "example.py"
        script.write_text(code.replace("=1812", f"={ports[0]}").replace("=1813", f"={ports[1]}"))
        command = [sys.executable, str(script)]
    else:
        listen = [f"--listen={STORES}:{ports[0]}", f"--acct={STORES}:{ports[1]}"]
        command = [sys.executable, str(ROOT / "latchkey.py"), "serve", "--portable", *listen]
    with subprocess.Popen(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE) as process:
        try:
            packet = ask_until_answered(ports, process)
            assert packet.code == AccessAccept
            assert packet["Tunnel-Private-Group-Id"] == ["110"]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def ask_until_answered(ports, process):
    deadline = time.monotonic() + 60
    while True:
        made = Client(server=STORES, authport=ports[0], secret=SECRET, dict=PyradServer().dict)
        made.retries, made.timeout = 1, 1
        OPENED.append(made)
        try:
            return ask(made)
        except Exception:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline


def test_mounted_by_service(house):
    """As the page says: among other tasks of an event loop."""
    server = Server(house.open_store, (), (), pyrad=PyradServer())

    async def run():
        task = asyncio.create_task(server.run())
        await server.ready.wait()
        server.stop()
        await task

    asyncio.run(run())
    assert server.loaded is not None
