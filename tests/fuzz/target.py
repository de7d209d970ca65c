"""What is fuzzed: the whole way from datagram to reply, of the engine with its fast path and of accounting.

An input is what follows a RADIUS header. It is sent as it is, and with length and Message-Authenticator made right, so
that the search for bad input goes on behind the door that a wrong signature closes; so, too, from access points of
profiles that no attribute shows. Accounting has it as it is, and with its authenticator made right. Any exception in
the one or the other, any answer that is not one, and any datagram that takes more than 50 ms of the processor on
this small pool is a finding.
"""

import hashlib
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import radiusd
from crypto import Ssid, warm_up
from provisioning import KeyDraft, MasterKey, Passphrase, Store, UnknownDevices
from radiusd.fastpath import compilation
from radiusd.fastpath.cache import FastPath
from radiusd.server.frontend import FrontEnd

SECRET = b"testing123"
LONGEST = 4096
LIMIT_S = 0.05
NOW = datetime(2026, 11, 20, tzinfo=UTC)
_UNSIGNED = b"\x50\x12" + bytes(16)
_SIGNING, _LENIENT = "192.0.2.1", "192.0.2.200"
_PROFILES = {"198.51.100.1": "unifi", "198.51.100.2": "cambium", "198.51.100.3": "openwifi"}
DATAGRAMS = 3 + len(_PROFILES) + 2  # made of each input


Handle = Callable[[bytes, "radiusd.Source", datetime], bytes | None]


class Target:
    """An engine with a few keys on it, its NAS at any address."""

    def __init__(self, folder: str) -> None:
        warm_up()  # no datagram waits for the compiler
        compilation.warm_up()
        key = MasterKey.generate()
        with Store.create(Path(folder) / "latchkey.db", key) as store:
            venue = store.venues.add("Hudson House")
            for network, signs in (("192.0.2.0/25", True), ("192.0.2.128/25", False)):
                store.nases.add(ip_network(network), SECRET, require_message_authenticator=signs)
            for address, profile in _PROFILES.items():
                offers = UnknownDevices.REJECT if profile == "cambium" else UnknownDevices.OFFER
                store.nases.add(ip_network(address), SECRET, profile=profile, unknown_devices=offers)
            plan = store.plans.add(
                "all there is", download_kbps=50_000, total_quota_octets=2**40, vlan_pool="residents"
            )
            for name in (b"Hudson House", "Café: Résidents".encode(), b"x"):
                pool = store.keypools.add(Ssid(name), venue_ids=[venue.id])
                for n, text in enumerate((b"sunny-Otter-41", b"maple-Falcon-77", b"river-Badger-09", b"another one")):
                    store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(text), plan_id=plan.id, vlan=n or None))
        self.store = Store.open(Path(folder) / "latchkey.db", key)
        index = radiusd.Index(self.store.keys.get)
        index.apply(radiusd.Follower(self.store).load(NOW))
        self._time = 0.0
        self.engine = radiusd.Engine(index, self._clock)
        self.front_end = FrontEnd(self.engine)
        self.front_end.enable(FastPath(answers=64, exchanges=64))
        self.accounting = radiusd.Accounting(index, self._clock)
        self._secret = radiusd.SharedSecret(SECRET)

    def _clock(self) -> float:
        self._time += 0.001
        return self._time

    def __call__(self, octets: bytes) -> None:
        octets = octets[: LONGEST - 20 - len(_UNSIGNED)]
        code = 1 if not octets or octets[0] % 16 else 12
        for address in (_SIGNING, _LENIENT):
            self._send(self.front_end.handle, partial(self._plain, code, octets), address, (2, 3))
        for address in (_SIGNING, *_PROFILES):
            self._send(self.front_end.handle, partial(self._sign, code, octets), address, (2, 3))
        for make in (partial(self._plain, 4, octets), partial(self._report, octets)):
            self._send(self.accounting.handle, make, _SIGNING, (5,))

    def _plain(self, code: int, octets: bytes, identifier: int) -> bytes:
        return bytes([code, identifier]) + (20 + len(octets)).to_bytes(2, "big") + bytes(range(16)) + octets

    def _sign(self, code: int, octets: bytes, identifier: int) -> bytes:
        start = bytes([code, identifier]) + (38 + len(octets)).to_bytes(2, "big") + os.urandom(16)
        return start + _UNSIGNED[:2] + self._secret.hmac(start + _UNSIGNED + octets) + octets

    def _report(self, octets: bytes, identifier: int) -> bytes:
        header = bytes([4, identifier]) + (20 + len(octets)).to_bytes(2, "big")
        return header + hashlib.md5(header + bytes(16) + octets + SECRET).digest() + octets

    def _send(self, handle: Handle, make: Callable[[int], bytes], address: str, codes: tuple[int, ...]) -> None:
        """Send one datagram; another one like it, under another identifier, where it took long: a repetition would not.

        What slows the machine down for a moment is no finding, what takes long three times is.
        """
        source = radiusd.Source(address, 40000)
        for identifier in (7, 8, 9):
            datagram = make(identifier)
            started = time.thread_time()  # whatever else the machine does meanwhile does not count
            reply = handle(datagram, source, NOW)
            spent = time.thread_time() - started
            if spent < LIMIT_S:
                break
        counts = self.engine.journal.counts
        assert (counts.discards["error"], counts.fastpath_failures) == (0, 0), "an error of ours, see the log"
        assert spent < LIMIT_S, f"{spent:.3f} s of the processor for one datagram"
        if reply is not None:
            assert reply[0] in codes
            assert reply[1] == datagram[1]
            assert int.from_bytes(reply[2:4], "big") == len(reply) <= LONGEST
            assert reply[0] == 5 or reply[20:22] == b"\x50\x12"
