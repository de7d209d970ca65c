"""Coverage-guided fuzzing of the whole way from datagram to reply: `make fuzz`.

An input is what follows a RADIUS header. It is sent to the engine as it is, and with length and Message-Authenticator
made right, so that the search for bad input goes on behind the door that a wrong signature closes; so, too, from access
points of profiles that no attribute shows. Accounting has it as it is, and with its authenticator made right. Any
exception that leaves the one or the other, any answer that is not one, and any datagram over 50 ms on this small pool
is a finding; libFuzzer writes the input to the current folder.

    python tests/fuzz/fuzz_engine.py tests/fuzz/corpus -max_total_time=300
    python tests/fuzz/fuzz_engine.py --memory 1000000        a million datagrams, and whether memory grew
"""

import gc
import hashlib
import logging
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["radiusd", "crypto.eapol", "crypto.elements"]):
    import radiusd
    from radiusd.fastpath.cache import FastPath
from crypto import Ssid
from provisioning import KeyDraft, MasterKey, Passphrase, Store, UnknownDevices

SECRET = b"testing123"
LONGEST = 4096
PATIENCE_S = 0.05
NOW = datetime(2026, 11, 20, tzinfo=UTC)
_UNSIGNED = b"\x50\x12" + bytes(16)
_SIGNING, _LENIENT = "192.0.2.1", "192.0.2.200"
_PROFILES = {"198.51.100.1": "unifi", "198.51.100.2": "cambium", "198.51.100.3": "openwifi"}
_DATAGRAMS = 3 + len(_PROFILES) + 2  # made of each input


Handle = Callable[[bytes, "radiusd.Source", datetime], bytes | None]


class Target:
    """An engine with a few keys on it, its NAS at any address."""

    def __init__(self, folder: str) -> None:
        key = MasterKey.generate()
        with Store.create(Path(folder) / "latchkey.db", key) as store:
            venue = store.add_venue("Hudson House")
            for network, signs in (("192.0.2.0/25", True), ("192.0.2.128/25", False)):
                store.add_nas(ip_network(network), SECRET, require_message_authenticator=signs)
            for address, profile in _PROFILES.items():
                offers = UnknownDevices.REJECT if profile == "cambium" else UnknownDevices.OFFER
                store.add_nas(ip_network(address), SECRET, profile=profile, unknown_devices=offers)
            plan = store.add_plan("all there is", download_kbps=50_000, total_quota_octets=2**40, vlan_pool="residents")
            for name in (b"Hudson House", "Café: Résidents".encode(), b"x"):
                pool = store.add_keypool(Ssid(name), venue_ids=[venue.id])
                for n, text in enumerate((b"sunny-Otter-41", b"maple-Falcon-77", b"river-Badger-09", b"another one")):
                    store.add_key(pool.id, KeyDraft(passphrase=Passphrase(text), plan_id=plan.id, vlan=n or None))
        self.store = Store.open(Path(folder) / "latchkey.db", key)
        index = radiusd.Index(self.store.key)
        index.apply(radiusd.Follower(self.store).load(NOW))
        self._time = 0.0
        self.engine = radiusd.Engine(index, self._clock)
        self.engine.enable_fast_path(FastPath(answers=64, exchanges=64))
        self.accounting = radiusd.Accounting(index, self._clock)
        self._secret = radiusd.SharedSecret(SECRET)

    def _clock(self) -> float:
        self._time += 0.001
        return self._time

    def __call__(self, octets: bytes) -> None:
        octets = octets[: LONGEST - 20 - len(_UNSIGNED)]
        code = 1 if not octets or octets[0] % 16 else 12
        for address in (_SIGNING, _LENIENT):
            self._send(self.engine.handle, self._plain(code, octets), address, (2, 3))
        for address in (_SIGNING, *_PROFILES):
            self._send(self.engine.handle, self._sign(code, octets), address, (2, 3))
        for datagram in (self._plain(4, octets), self._report(octets)):
            self._send(self.accounting.handle, datagram, _SIGNING, (5,))

    def _plain(self, code: int, octets: bytes) -> bytes:
        return bytes([code, 7]) + (20 + len(octets)).to_bytes(2, "big") + bytes(range(16)) + octets

    def _sign(self, code: int, octets: bytes) -> bytes:
        start = bytes([code, 8]) + (38 + len(octets)).to_bytes(2, "big") + os.urandom(16)
        return start + _UNSIGNED[:2] + self._secret.hmac(start + _UNSIGNED + octets) + octets

    def _report(self, octets: bytes) -> bytes:
        header = b"\4\7" + (20 + len(octets)).to_bytes(2, "big")
        return header + hashlib.md5(header + bytes(16) + octets + SECRET).digest() + octets

    def _send(self, handle: Handle, datagram: bytes, address: str, codes: tuple[int, ...]) -> None:
        source = radiusd.Source(address, 40000)
        for attempt in (1, 2):  # a second time, since anything else on the machine may have taken the first
            started = time.perf_counter()
            reply = handle(datagram, source, NOW)
            if time.perf_counter() - started < PATIENCE_S:
                break
            assert attempt == 1, f"{time.perf_counter() - started:.3f} s for one datagram"
        if reply is not None:
            assert reply[0] in codes
            assert reply[1] == datagram[1]
            assert int.from_bytes(reply[2:4], "big") == len(reply) <= LONGEST
            assert reply[0] == 5 or reply[20:22] == b"\x50\x12"


def silence() -> None:
    """Let every line of the log be formatted, and go nowhere."""
    handler = logging.StreamHandler(open(os.devnull, "w"))  # noqa: SIM115, PTH123
    log = logging.getLogger("radiusd")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    logging.raiseExceptions = True


def memory(target: Target, count: int) -> None:
    """Send `count` mutated datagrams; fail where memory still grows over the second half."""
    choice = random.Random(1)
    seeds = [path.read_bytes() for path in sorted((Path(__file__).parent / "corpus").iterdir())]
    half = 0
    for number in range(count // _DATAGRAMS):
        octets = bytearray(choice.choice(seeds))
        for _ in range(choice.randrange(4)):
            if octets:
                octets[choice.randrange(len(octets))] = choice.randrange(256)
        target(bytes(octets))
        if number == count // _DATAGRAMS // 2:
            gc.collect()
            half = resident_kib()
    gc.collect()
    grown = resident_kib() - half
    print(f"{count:,} datagrams; grown by {grown} KiB over the second half, {resident_kib() // 1024} MiB resident")
    if grown > 8192:
        sys.exit(1)


def resident_kib() -> int:
    """Return what of this process is in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // 1024


def main() -> None:
    silence()
    with tempfile.TemporaryDirectory() as folder:
        target = Target(folder)
        if sys.argv[1:2] == ["--memory"]:
            memory(target, int(sys.argv[2]))
            return
        atheris.Setup(sys.argv, target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
