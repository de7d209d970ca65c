"""How many requests does the server answer, how soon, at what cost: known devices, unknown ones, a storm of wrong keys?

Each case goes over UDP on loopback to `latchkey serve` as a process of its own, or to another server, from several
source addresses, each an access point of its own to the queue of searches:

    known     as many as it will answer, of AKM 2, then of AKM 6 and 4; of AKM 2 at half that rate, for the times
    unknown   one at a time, a resident's first request from a new device: the whole way to the key and back
    storm     200 wrong keys a second from one access point, every one from another device, beside known devices and
              residents' new ones from all
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crypto import Akm
from pcaps import LoadGenerator, SendError
from radiusd import render_address

from .building import SECRET, SSID, Building, Outcome, Request, check, read_residents, summarise
from .process import cpu_s, serving
from .report import Row

Address = tuple[str, int]

_STORM_RATE, _BESIDE_RATE, _NEW_RATE = 200, 2000, 20  # per second: wrong keys, known devices, new ones of residents
_WINDOW: Final = 256
_UNKNOWN: Final = 300
_WARM_UP: Final = 5  # requests of each device, so that each has met each worker
_PROBE_TIMEOUT_S, _PROBES = 3.0, 3
_LOST_S: Final = 5.0  # a request without an answer by then is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another server, which knows the residents of a file."""

    address: Address
    residents: Path
    secret: str = SECRET


def run(
    *,
    keys: int,
    workers: int,
    seconds: float,
    dialects: Sequence[str] = ("hostapd",),
    sources: int = 4,
    progress: Callable[[str], object],
) -> list[Row]:
    """Measure a server of our own; SendError if an answer is wrong."""
    building = Building(keys, dialects)
    with tempfile.TemporaryDirectory(prefix="latchkey-bench-") as name, contextlib.ExitStack() as stack:
        database = Path(name) / "latchkey.db"
        building.furnish(database, progress)
        process, address = stack.enter_context(serving(database, workers, progress))
        load = stack.enter_context(LoadGenerator(address, sources=_local(address, sources)))
        return list(_Cases(building, load, process, workers, seconds, progress).run())


def run_peer(
    peer: Peer,
    *,
    seconds: float,
    dialects: Sequence[str] = ("hostapd",),
    sources: int = 4,
    progress: Callable[[str], object],
) -> list[Row]:
    """Measure another server; SendError if it is silent, knows none of the residents, or answers wrongly."""
    building = Building(read_residents(peer.residents), dialects, secret=peer.secret)
    building.derive()
    with LoadGenerator(peer.address, sources=_local(peer.address, sources)) as load:
        _probe(building, load, peer)
        return list(_Cases(building, load, None, 1, seconds, progress).run())


def write_residents(path: Path, keys: int) -> None:
    """Write the file that a peer imports; SendError where that cannot be."""
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.writelines(Building(keys).rows())
    except OSError as error:
        raise SendError(f"cannot write {path}: {error.strerror}") from error


def _local(address: Address, sources: int) -> tuple[str, ...]:
    """Return so many addresses of this host to ask from; none but its own towards another host."""
    return tuple(f"127.0.0.{n + 1}" for n in range(sources)) if address[0].startswith("127.") else ()


def _probe(building: Building, load: LoadGenerator, peer: Peer) -> None:
    """Raise SendError unless the peer gives a resident's registered device that resident's key."""
    name, wanted = render_address(peer.address), f"the residents of {peer.residents} on the SSID {SSID}"
    for _ in range(_PROBES):
        request = building.known(load)
        load.run([request], timeout_s=_PROBE_TIMEOUT_S)
        if request.seconds is not None:
            try:
                check([request])
            except SendError as error:
                raise SendError(f"{name} does not know {wanted}: {error}") from error
            return
    raise SendError(
        f"no answer from {name}, {_PROBES} times within {_PROBE_TIMEOUT_S:g} s: wrong address or port, a firewall,"
        f" another shared secret, or it does not know this NAS; it needs {wanted}"
    )


@dataclass(frozen=True, slots=True)
class _Cases:
    building: Building
    load: LoadGenerator
    process: int | None  # None: elsewhere
    workers: int
    seconds: float
    progress: Callable[[str], object]

    def run(self) -> Iterator[Row]:
        building, load = self.building, self.load
        self.progress("known devices, to warm up")
        rate = self._flood("known", [building.known(load) for _ in range(_WARM_UP * building.devices)]).rate
        self.progress("known devices, as many as are answered")
        full = self._flood("known", [building.known(load) for _ in range(int(rate * self.seconds))])
        yield full
        half = full.rate / 2
        self.progress(f"known devices, {half:,.0f} a second")
        requests = [building.known(load) for _ in range(int(half * self.seconds))]
        yield from self._measure("known, half load", requests, rate=half)
        for akm, name in ((Akm.PSK_SHA256, "known, PSK-SHA256"), (Akm.FT_PSK, "known, FT-PSK")):
            if building.carrying(akm):
                yield self._known_of(akm, name)
            else:
                self.progress(f"{name}: left out, no dialect here carries it")
        if building.carrying(Akm.PSK):
            yield from self._searches()
        else:
            self.progress("unknown and storm: left out, no dialect here carries a handshake")

    def _known_of(self, akm: Akm, name: str) -> Row:
        building, load = self.building, self.load
        self.progress(f"{name}, as many as are answered")
        warm = self._flood(name, [building.known(load, akm) for _ in range(_WARM_UP * building.devices)])
        return self._flood(name, [building.known(load, akm) for _ in range(int(warm.rate * self.seconds))])

    def _searches(self) -> Iterator[Row]:
        building, load = self.building, self.load
        self.progress("unknown devices, one at a time")
        yield from self._measure("unknown", [building.unknown(load) for _ in range(_UNKNOWN)], window=1)
        self.progress("a storm of wrong keys beside known and unknown devices")
        total = _STORM_RATE + _BESIDE_RATE + _NEW_RATE
        requests = [self._of_storm(n) for n in range(int(total * self.seconds))]
        yield from self._measure("storm", requests, rate=float(total))

    def _of_storm(self, number: int) -> Request:
        """Return a request of the mix; all three kinds are spread evenly."""
        turn = number % ((_STORM_RATE + _BESIDE_RATE + _NEW_RATE) // _NEW_RATE)  # one of the rarest kind in each round
        if turn == 0:
            return self.building.unknown(self.load)
        if turn % (_BESIDE_RATE // _STORM_RATE + 1) == 1:
            return self.building.wrong(self.load, source=0)
        return self.building.known(self.load)

    def _flood(self, case: str, requests: list[Request]) -> Row:
        """Return the one row of as many requests as are answered."""
        (row,) = self._measure(case, requests, window=_WINDOW)
        if not row.rate:
            raise SendError(f"none of {len(requests):,} requests was answered")
        return row

    def _measure(
        self, case: str, requests: list[Request], *, window: int | None = None, rate: float | None = None
    ) -> list[Row]:
        """Return a row for each kind of request; SendError if an answer is wrong."""
        before = cpu_s(self.process)
        elapsed = self.load.run(requests, window=window, rate=rate, timeout_s=_LOST_S)
        spent = None if before is None else (cpu_s(self.process) or 0.0) - before
        check(requests)
        return [self._row(case, outcome, len(requests), spent) for outcome in summarise(requests, elapsed)]

    def _row(self, case: str, outcome: Outcome, requests: int, spent: float | None) -> Row:
        return Row(
            case=case if case.startswith(outcome.kind) else f"{case}: {outcome.kind}",
            size=len(self.building.passphrases),
            workers=self.workers,
            rate=outcome.per_second,
            median_ms=outcome.median_ms,
            p99_ms=outcome.p99_ms,
            lost=outcome.lost,
            cpu_us=None if spent is None else spent / requests * 1e6,
        )
