"""How many requests does the server answer, how soon, at what cost: known devices, unknown ones, a storm of wrong keys?

Three cases, each over UDP on loopback against `latchkey serve` as a process of its own:

    known     as many as it will answer; then at half that rate, for the times
    unknown   one at a time, a resident's first request from a new device: the whole way to the key and back
    storm     200 wrong keys a second, every one from another device, beside known devices
"""

import contextlib
import io
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np

from crypto import Akm, Handshake, MacAddress, Pmk, Ssid
from provisioning import create_store, import_keys
from radiusd import DIALECTS, Lookup, Question, SharedSecret, Subject

from .load import Load, Outcome, Shot, check, place, summarise
from .match import make_handshake

_SSID = Ssid(b"Hudson House")
_SECRET = b"testing123"
_NAS_IDENTIFIER = b"hudson-house-ap1"
_STORM_RATE = 200.0
_READY_S = 120.0
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the result."""

    case: str
    size: int
    workers: int
    per_second: float
    median_ms: float
    p99_ms: float
    lost: int
    cpu_us: float | None  # of the server, per request


class Building:
    """Residents, their keys and their devices, and requests of each kind."""

    def __init__(self, keys: int, dialect: str = "hostapd") -> None:
        self.passphrases = [b"resident-%07d-key" % n for n in range(keys)]
        self.devices = min(keys, 20_000)  # that ask, of all that are registered
        self._dialect = DIALECTS[dialect]
        self._secret = SharedSecret(_SECRET)
        self._pmks: np.ndarray[Any, np.dtype[np.uint8]] = np.zeros((keys, 32), np.uint8)
        self._handshakes: dict[int, Handshake] = {}
        self._random = random.Random(1)

    def furnish(self, path: Path, progress: Callable[[str], object]) -> None:
        """Make the store of this building; every resident's first device is registered."""
        progress(f"making a store of {len(self.passphrases):,} keys")
        with create_store(path, {}) as store:
            venue = store.inventory.add_venue("Hudson House", nas_identifiers=[_NAS_IDENTIFIER.decode()])
            store.inventory.add_nas(ip_network("127.0.0.0/8"), _SECRET, name="loopback", venue_id=venue.id)
            pool = store.inventory.add_keypool(_SSID, venue_ids=[venue.id])
            rows = (
                b"resident %d,%s,%s,%d\n" % (n, passphrase, device(n).value.hex().encode(), vlan(n))
                for n, passphrase in enumerate(self.passphrases)
            )
            import_keys(store, pool.id, _SSID, io.BytesIO(b"".join(rows)), name="residents")
            first = 0
            for batch in store.keys.batches(lapsed_since=_LONG_AGO):
                self._pmks[first : first + len(batch.ids)] = batch.pmks
                first += len(batch.ids)

    def known(self, number: int) -> Shot:
        """Return a request of a registered device."""
        resident = self._random.randrange(self.devices)
        return self._shot("known", number, resident, device(resident))

    def lookup(self, number: int) -> Shot:
        """Return the question of an access point that knows a registered device's address only."""
        resident = self._random.randrange(self.devices)
        subject = Lookup(device=device(resident), ssid=_SSID, aa=MacAddress(b"\2" + bytes(5)))
        return Shot(self._ask(subject, number), "lookup", self.passphrases[resident], vlan(resident))

    def unknown(self, number: int) -> Shot:
        """Return a resident's request from a device never seen."""
        return self._shot("unknown", number, self._random.randrange(len(self.passphrases)), _stranger(self._random))

    def wrong(self, number: int) -> Shot:
        """Return a stranger's request."""
        handshake = make_handshake(Akm.PSK, Pmk(self._random.randbytes(32)), ssid=_SSID, spa=_stranger(self._random))
        return Shot(self._ask(handshake, number), "storm", None)

    def _shot(self, kind: str, number: int, resident: int, spa: MacAddress) -> Shot:
        handshake = self._handshakes.get(resident) if kind == "known" else None
        if handshake is None:
            pmk = Pmk(self._pmks[resident].tobytes())
            handshake = make_handshake(Akm.PSK, pmk, ssid=_SSID, spa=spa)
            if kind == "known":
                self._handshakes[resident] = handshake
        pmk = self._pmks[resident].tobytes()
        return Shot(self._ask(handshake, number), kind, self.passphrases[resident], vlan(resident), pmk)

    def _ask(self, subject: Subject, number: int) -> Question:
        return Question.ask(
            self._dialect,
            subject,
            self._secret,
            nas_identifier=_NAS_IDENTIFIER,
            identifier=place(number),
            authenticator=self._random.randbytes(16),
        )


def device(resident: int) -> MacAddress:
    """Return a resident's registered device."""
    return MacAddress(b"\2\1" + resident.to_bytes(4, "big"))


def _stranger(random_: random.Random) -> MacAddress:
    return MacAddress(b"\6" + random_.randbytes(5))


def vlan(resident: int) -> int:
    """Return a resident's VLAN."""
    return 100 + resident % 3900


def run(
    *,
    keys: int,
    workers: int,
    seconds: float,
    dialect: str = "hostapd",
    peer: tuple[str, int] | None = None,
    progress: Callable[[str], object],
) -> list[Row]:
    """Measure the three cases; AssertionError if an answer is wrong."""
    building = Building(keys, dialect)
    with tempfile.TemporaryDirectory(prefix="latchkey-bench-") as name:
        database = Path(name) / "latchkey.db"
        building.furnish(database, progress)
        with contextlib.ExitStack() as stack:
            if peer is None:
                process, address = stack.enter_context(serving(database, workers))
            else:
                process, address = None, peer
            load = Load(address)
            stack.callback(load.close)
            return list(_cases(building, load, process, keys, workers, seconds, progress))


def _cases(
    building: Building,
    load: Load,
    process: int | None,
    keys: int,
    workers: int,
    seconds: float,
    progress: Callable[[str], object],
) -> Iterator[Row]:
    def measure(case: str, shots: list[Shot], **how: float) -> list[Row]:
        before = cpu_s(process)
        elapsed = load.run(shots, **how)  # type: ignore[arg-type]
        spent = None if before is None else (cpu_s(process) or 0.0) - before
        check(shots)
        return [_row(case, outcome, len(shots), keys, workers, spent) for outcome in summarise(shots, elapsed)]

    progress("known devices, to warm up")
    shots = [building.known(n) for n in range(5 * building.devices)]  # so that each has met each worker
    rate = measure("known", shots, window=256)[0].per_second

    progress("known devices, as many as are answered")
    shots = [building.known(n) for n in range(int(rate * seconds))]
    full = measure("known", shots, window=256)
    yield from full

    half = full[0].per_second / 2
    progress(f"known devices, {half:,.0f} a second")
    shots = [building.known(n) for n in range(int(half * seconds))]
    yield from measure("known, half load", shots, rate=half)

    progress("unknown devices, one at a time")
    shots = [building.unknown(n) for n in range(300)]
    yield from measure("unknown", shots, window=1)

    progress("a storm of wrong keys beside known devices")
    beside = 10  # known requests for each wrong one
    shots = [
        building.wrong(n) if n % (beside + 1) == 0 else building.known(n)
        for n in range(int(_STORM_RATE * (beside + 1) * seconds))
    ]
    yield from measure("storm", shots, rate=_STORM_RATE * (beside + 1))


def _row(case: str, outcome: Outcome, shots: int, keys: int, workers: int, spent: float | None) -> Row:
    return Row(
        case=case if outcome.kind in case else f"{case}: {outcome.kind}",
        size=keys,
        workers=workers,
        per_second=outcome.per_second,
        median_ms=outcome.median_ms,
        p99_ms=outcome.p99_ms,
        lost=outcome.lost,
        cpu_us=None if spent is None else spent / shots * 1e6,
    )


@contextlib.contextmanager
def serving(database: Path, workers: int) -> Iterator[tuple[int, tuple[str, int]]]:
    """Run `latchkey serve` for the block; its process id and address."""
    log = database.with_suffix(".log")
    command = [sys.executable, "-m", "latchkey", "--db", str(database), "serve", "--listen", "127.0.0.1:0"]
    if workers > 1:
        command += ["--workers", str(workers)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:  # noqa: S603
        try:
            deadline = time.monotonic() + _READY_S
            while not (ready := re.search(r" ready listen=127\.0\.0\.1:(\d+)", log.read_text("utf-8"))):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start: {log.read_text('utf-8').strip()}")
                time.sleep(0.05)
            yield process.pid, ("127.0.0.1", int(ready[1]))
        finally:
            process.send_signal(signal.SIGTERM)


def cpu_s(process: int | None) -> float | None:
    """Return the processor seconds that a process and its children have used, or None for a server elsewhere."""
    if process is None:
        return None
    family = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        family += map(int, (task / "children").read_text("ascii").split())
    total = 0
    for member in family:
        fields = Path(f"/proc/{member}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])  # utime, stime
    return total / _TICKS
