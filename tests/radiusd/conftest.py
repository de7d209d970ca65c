"""A building in a temporary store, an engine that answers for it, and a server that runs."""

import asyncio
import contextlib
import logging
import os
import threading
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest

from crypto import Akm, MacAddress, Pmk, Ssid, derive_handshake_pmk_r1, passphrase_to_pmk, sign
from provisioning import KeyDraft, MasterKey, Passphrase, Store
from radiusd import DIALECTS, Config, Engine, Follower, Index, Lookup, Question, Server, SharedSecret, Source
from radiusd.fastpath.cache import FastPath
from radiusd.fastpath.tables import LEFT
from radiusd.server.frontend import FrontEnd
from radiusd.sockets import bound
from radiusd.state.damage import read_key

RECORDINGS = tomllib.loads((Path(__file__).parents[1] / "vectors/hwsim/requests.toml").read_text("utf-8"))
SSID = Ssid(b"Hudson House")
SPA = MacAddress(b"\2\0\0\0\2\1")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Recording:
    """One Access-Request as hostapd sent it, and what it was made with."""

    def __init__(self, case):
        self.name = case["name"]
        self.ssid = Ssid.parse(case["ssid"])
        self.passphrase = case["passphrase"].encode()
        self.pmk = Pmk(bytes.fromhex(case["pmk"]))
        self.akm = case["akm"]
        self.nas_identifier = case["nas_identifier"]
        self.aa = MacAddress.parse(case["bssid"])
        self.spa = MacAddress.parse(case["station"])
        self.datagram = bytes.fromhex(case["access_request"])

    def __repr__(self):
        return self.name


CASES = [Recording(case) for case in RECORDINGS["case"]]


class Clock:
    """Monotonic time that passes when told to."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


class House:
    """One venue, its NAS 192.0.2.0/24 and whatever a test adds; the server follows it through a store of its own."""

    def __init__(self, folder, *, fast_path=True):
        self.now = NOW
        self.may_fail = False  # a test that makes the server fail says so
        self._fast_path = fast_path
        self.secret = SharedSecret(b"testing123")
        self.path = folder / "latchkey.db"
        self._master_key = MasterKey.generate()
        self.store = Store.create(self.path, self._master_key)
        self.venue = self.store.inventory.add_venue(
            "Hudson House", nas_identifiers=["hudson-house-ap1", "hudson-house-ap2"]
        )
        self.nas = self.store.inventory.add_nas(ip_network("192.0.2.0/24"), b"testing123", name="access points")
        self.pools = {}
        self.engine = None
        self._server_store = None

    def open_store(self):
        return Store.open(self.path, self._master_key)

    def pool(self, ssid):
        if ssid not in self.pools:
            self.pools[ssid] = self.store.inventory.add_keypool(ssid, venue_ids=[self.venue.id])
        return self.pools[ssid].id

    def add_key(self, ssid, passphrase, **draft):
        return self.store.keys.add(self.pool(ssid), KeyDraft(passphrase=Passphrase(passphrase), **draft))

    def change_nas(self, **settings):
        """Give the access points' NAS other settings, as an operator does."""
        self.store.inventory.remove_nas(self.nas.id)
        self.nas = self.store.inventory.add_nas(
            ip_network("192.0.2.0/24"), b"testing123", name="access points", **settings
        )

    def start(self):
        """Start the server, or start it anew as after SIGKILL."""
        self.stop()
        self._server_store = self.open_store()
        self.clock = Clock()
        self.follower = Follower(self._server_store)
        self.index = Index(partial(read_key, self._server_store, self.follower.damage))
        self.index.apply(self.follower.load(self.now))
        self.engine = Engine(self.index, self.clock)
        self.front_end = FrontEnd(self.engine)
        if self._fast_path:
            self.fast_path = FastPath(answers=64, exchanges=64)
            self.front_end.enable(self.fast_path)
        return self

    def stop(self):
        if self._server_store is not None:
            self._server_store.close()
            self._server_store = None

    def follow(self):
        """Do what the server does every 200 ms."""
        update = self.follower.refresh(self.now)
        if update is not None:
            self.index.apply(update)

    def save(self):
        devices = self.index.devices.unsaved()
        self._server_store.devices.remember(devices, self.now)
        self.index.devices.saved(devices)

    def send(self, datagram, *, address="192.0.2.1", port=40000, socket=0, local=""):
        way = self.front_end if self._fast_path else self.engine
        return way.handle(datagram, Source(address, port, socket, local), self.now)

    def ask(self, subject, *, extra=(), nas_identifier=None, identifier=0, dialect="hostapd", **source):
        """Send a new request about `subject`; return the Granted or None for an Access-Reject."""
        options = {"extra": extra, "nas_identifier": nas_identifier, "identifier": identifier}
        question = self.question(subject, dialect=dialect, **options)
        return question.read(self.send(question.datagram, **source))

    def question(self, subject, *, dialect="hostapd", **options):
        return Question.ask(DIALECTS[dialect], subject, self.secret, **options)

    def close(self):
        self.stop()
        self.store.close()


# What holds for the engine holds for what the fast path answers: every test with a house runs both ways, but for those
# in these folders and those that are marked one_way(why).
ONE_WAY = {
    "fastpath": "are about the fast path itself",
    "server": "run a server, which owns both",
    "metrics": "run a server, which owns both",
    "state": "ask the index, which both use",
}


def pytest_generate_tests(metafunc):
    folder = metafunc.definition.path.parent.name
    one_way = folder in ONE_WAY or metafunc.definition.get_closest_marker("one_way") is not None
    if "house" in metafunc.fixturenames and not one_way:
        metafunc.parametrize("house", ["engine", "fastpath"], indirect=True)


@pytest.fixture
def house(tmp_path, request):
    house = House(tmp_path, fast_path=getattr(request, "param", "fastpath") == "fastpath")
    yield house
    house.close()
    if house.engine is not None and not house.may_fail:
        counts = house.engine.journal.counts
        assert (counts.discards["error"], counts.fastpath_failures) == (0, 0)


@contextlib.contextmanager
def run_server(house, config=None, listen="127.0.0.1", pyrad=None):
    """Run a server for a house, listening and taking accounting, in a thread of its own, for the block."""
    started, kept = threading.Event(), []

    async def serve():
        with bound([(listen, 0)] * 2, receive_buffer=1 << 20) as (auth, acct):
            server = Server(house.open_store, [auth], [acct], config or Config(), pyrad=pyrad)
            kept.extend((server, asyncio.get_running_loop()))
            task, ready = asyncio.create_task(server.run()), asyncio.create_task(server.ready.wait())
            await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            started.set()
            await task

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)  # a failed test must not wait for it
    thread.start()
    assert started.wait(300)  # the first start compiles
    server, loop = kept
    assert server.ready.is_set()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def running():
    """Return `run_server`."""
    return run_server


@pytest.fixture
def ways(house, monkeypatch):
    """Which way each request went so far."""
    went = []
    answer = FastPath.answer

    def spy(self, batch, count, *rest):
        answered = answer(self, batch, count, *rest)
        went.extend(self._results[:count, 0].tolist() if len(self) else [LEFT] * count)
        return answered

    monkeypatch.setattr(FastPath, "answer", spy)
    return went


@pytest.fixture
def lines(caplog):
    """The lines logged so far, as text."""
    caplog.set_level(logging.INFO, logger="radiusd")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "radiusd"]


@pytest.fixture(params=CASES, ids=repr)
def recording(request):
    return request.param


@pytest.fixture(scope="session")
def recordings():
    return CASES


@pytest.fixture(scope="session")
def handshake():
    """Return a function that makes the handshake of a station with `passphrase`, out of a recorded one."""
    recorded = {case.akm: decode(case) for case in CASES}
    pmks = {}

    def make(passphrase, ssid=SSID, akm=Akm.PSK, spa=SPA, aa=None):
        if (passphrase, ssid) not in pmks:
            pmks[passphrase, ssid] = passphrase_to_pmk(passphrase, ssid)
        template = recorded[str(akm)]
        fresh = replace(template, ssid=ssid, spa=spa, aa=aa or template.aa, anonce=os.urandom(32))
        if fresh.ft is not None:
            name = derive_handshake_pmk_r1(pmks[passphrase, ssid], fresh).name
            key_data = fresh.m2.key_data.replace(fresh.ft.pmk_r1_name, name)
            fresh = replace(fresh, m2=replace(fresh.m2, key_data=key_data), ft=replace(fresh.ft, pmk_r1_name=name))
        return sign(pmks[passphrase, ssid], fresh)

    return make


def decode(case):
    """Return the handshake in a recording."""
    from radiusd.codec import decode_request

    return DIALECTS["hostapd"].decode_request(decode_request(case.datagram, SharedSecret(b"testing123")))


@pytest.fixture(scope="session")
def lookup():
    """Return a function that makes the question of an access point that knows the device's address only."""

    def make(device=SPA, ssid=SSID):
        return Lookup(device=device, ssid=ssid, aa=MacAddress(b"\2\0\0\0\0\0"))

    return make
