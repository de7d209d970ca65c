"""A building with its server, for tests: what stands in the store, what asks, and what recorded access points sent."""

import asyncio
import contextlib
import threading
import tomllib
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from crypto import MacAddress, Pmk, Ssid
from provisioning import KeyDraft, MasterKey, Passphrase, Store
from radiusd import DIALECTS, Config, Engine, Follower, Index, Question, Server, SharedSecret, Source
from radiusd.fastpath.cache import FastPath
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
        self.venue = self.store.venues.add("Hudson House", nas_identifiers=["hudson-house-ap1", "hudson-house-ap2"])
        self.nas = self.store.nases.add(ip_network("192.0.2.0/24"), b"testing123", name="access points")
        self.pools = {}
        self.engine = None
        self._server_store = None

    def open_store(self):
        return Store.open(self.path, self._master_key)

    def pool(self, ssid):
        if ssid not in self.pools:
            self.pools[ssid] = self.store.keypools.add(ssid, venue_ids=[self.venue.id])
        return self.pools[ssid].id

    def add_key(self, ssid, passphrase, **draft):
        return self.store.keys.add(self.pool(ssid), KeyDraft(passphrase=Passphrase(passphrase), **draft))

    def change_nas(self, **settings):
        """Give the access points' NAS other settings, as an operator does."""
        self.store.nases.remove(self.nas.id)
        self.nas = self.store.nases.add(ip_network("192.0.2.0/24"), b"testing123", name="access points", **settings)

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


@contextlib.contextmanager
def run_server(house, config=None, listen="127.0.0.1", pyrad=None, meter=None):
    """Run a server for a house, listening and taking accounting, in a thread of its own, for the block."""
    started, kept = threading.Event(), []

    async def serve():
        with bound([(listen, 0)] * 2, receive_buffer=1 << 20) as (auth, acct):
            server = Server(house.open_store, [auth], [acct], config or Config(), pyrad=pyrad, meter=meter)
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


def decode(case):
    """Return the handshake in a recording."""
    from radiusd.codec import decode_request

    return DIALECTS["hostapd"].decode_request(decode_request(case.datagram, SharedSecret(b"testing123")))
