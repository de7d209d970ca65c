"""The judge of a synchronisation: real Access-Requests over UDP to a running server, at an hour that the test sets."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path

from crypto import MacAddress, Pmk, Ssid, pmk_batch, sign
from provisioning import MasterKey, Store
from radiusd import DIALECTS, Config, Question, SharedSecret
from radiusd.config import CoolDownLimits
from tests.radiusd.house import CASES, decode, run_server

SECRET = b"testing123"
_AT_ONCE = 64
_MODULES = ("dispatch", "following", "service", "udp")


class Clock:
    """What the server, the platform and the synchronisation take for now."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Doors:
    """A database that a server follows, and access points that try passphrases on it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.path = folder / "latchkey.db"
        self._master_key = MasterKey.generate()
        self.store = Store.create(self.path, self._master_key)
        self.clock = clock
        self._template = replace(decode(next(case for case in CASES if case.akm == "00-0F-AC:2")))
        self._secret = SharedSecret(SECRET)
        self._pmks: dict[tuple[bytes, str], Pmk] = {}
        self._server = None

    def open_store(self) -> Store:
        """Open the database once more: as a server, or another process."""
        return Store.open(self.path, self._master_key)

    @contextlib.contextmanager
    def open(self, monkeypatch) -> Iterator["Doors"]:
        """Run the server for the block."""
        for module in _MODULES:
            monkeypatch.setattr(f"radiusd.server.{module}._now", self.clock)
        self.store.nases.add(ip_network("127.0.0.0/8"), SECRET, name="access points", any_venue=True)
        with run_server(self, Config(cooldown=CoolDownLimits(failures=10_000))) as self._server:
            yield self
        self.store.close()

    def who_gets_in(self, tried: Mapping[str, tuple[bytes, str, str | None]]) -> dict[str, int | None]:
        """Return whose passphrase opens, and on which VLAN.

        tried: whose -> passphrase, SSID and NAS-Identifier
        """
        self._derive(tried)
        asked = []
        for number, (id_, (passphrase, ssid, nas_identifier)) in enumerate(tried.items()):
            spa = MacAddress(b"\2" + number.to_bytes(5, "big"))
            fresh = replace(self._template, ssid=Ssid(ssid.encode()), spa=spa, anonce=os.urandom(32))
            handshake = sign(self._pmks[passphrase, ssid], fresh)
            question = Question.ask(
                DIALECTS["hostapd"], handshake, self._secret, identifier=number % 256, nas_identifier=nas_identifier
            )
            asked.append((id_, question))
        found: dict[str, int | None] = {}
        for first in range(0, len(asked), _AT_ONCE):
            found |= self._ask(asked[first : first + _AT_ONCE])
        return found

    def _derive(self, tried: Mapping[str, tuple[bytes, str, str | None]]) -> None:
        missing: dict[str, list[bytes]] = {}
        for passphrase, ssid, _ in tried.values():
            if (passphrase, ssid) not in self._pmks:
                missing.setdefault(ssid, []).append(passphrase)
        for ssid, passphrases in missing.items():
            pmks = pmk_batch(passphrases, Ssid(ssid.encode()))
            self._pmks |= {
                (each, ssid): Pmk(bytes(pmk)) for each, pmk in zip(passphrases, pmks.reshape(-1, 32), strict=True)
            }

    def _ask(self, asked: list[tuple[str, Question]]) -> dict[str, int | None]:
        address = self._server.addresses[0]
        waiting = {question.datagram[1]: (id_, question) for id_, question in asked}
        found: dict[str, int | None] = {}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as access_point:
            access_point.settimeout(2)
            deadline = time.monotonic() + 60
            while waiting:
                for _, question in waiting.values():
                    access_point.sendto(question.datagram, address)
                try:
                    while waiting:
                        reply = access_point.recv(4096)
                        if reply[1] in waiting:
                            id_, question = waiting.pop(reply[1])
                            granted = question.read(reply)
                            if granted is not None:
                                found[id_] = granted.vlan
                except TimeoutError:
                    assert time.monotonic() < deadline, f"no answer for {len(waiting)} requests"
        return found
