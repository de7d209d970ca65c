"""A building full of residents, and requests of each kind from its access points, each with what must come of it."""

import csv
import io
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import numpy as np

from crypto import Akm, Handshake, MacAddress, Pmk, Ssid, pmk_batch
from pcaps import LoadGenerator, SendError, Shot, make_handshake
from provisioning import ImportOptions, create_store, import_keys
from radiusd import DIALECTS, Dialect, DialectError, Granted, Lookup, Question, RadiusError, SharedSecret, Subject

SSID: Final = Ssid(b"Hudson House")
SECRET: Final = "testing123"
NAS_IDENTIFIER: Final = b"hudson-house-ap1"
_DEVICES: Final = 20_000  # at most, that ask, of all that are registered
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Request(Shot):
    """A request and the answer that is right."""

    kind: str = field(kw_only=True)
    passphrase: bytes | None = field(kw_only=True, repr=False)  # None: an Access-Reject
    vlan: int | None = field(default=None, kw_only=True)
    pmk: bytes | None = field(default=None, kw_only=True, repr=False)  # instead, where no passphrase is handed out


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one kind of request met with."""

    kind: str
    count: int
    lost: int
    per_second: float
    median_ms: float
    p99_ms: float


class Building:
    """Residents, their keys and their devices, and requests of each kind."""

    def __init__(self, keys: int, dialects: Sequence[str] = ("hostapd",), *, secret: str = SECRET) -> None:
        self.passphrases = [b"resident-%07d-key" % n for n in range(keys)]
        self.devices = min(keys, _DEVICES)
        self._dialects = [DIALECTS[name] for name in dialects]
        self._secret = SharedSecret(secret.encode())
        self._pmks: np.ndarray[Any, np.dtype[np.uint8]] = np.zeros((keys, 32), np.uint8)
        self._handshakes: dict[tuple[int, Akm], Handshake] = {}
        self._carrying: dict[Akm, tuple[Dialect, ...]] = {}
        self._random = random.Random(1)

    # Residents.

    def furnish(self, path: Path, progress: Callable[[str], object]) -> None:
        """Make the store of this building; every resident's first device is registered."""
        progress(f"making a store of {len(self.passphrases):,} keys")
        with create_store(path, {}) as store:
            venue = store.venues.add("Hudson House", nas_identifiers=[NAS_IDENTIFIER.decode()])
            store.nases.add(ip_network("127.0.0.0/8"), self._secret.value, name="loopback", venue_id=venue.id)
            pool = store.keypools.add(SSID, venue_ids=[venue.id])
            rows = io.BytesIO(b"".join(self.rows()))
            import_keys(store, rows, ImportOptions(pool=str(pool.id)), name="residents", now=datetime.now(UTC))
            first = 0
            for batch in store.keys.batches(lapsed_since=_LONG_AGO):
                self._pmks[first : first + len(batch.ids)] = batch.pmks
                first += len(batch.ids)

    def rows(self) -> Iterator[bytes]:
        """Yield the residents as `latchkey key import` and rlm_dpsk read them: identity, psk, mac, vlanid."""
        for n, passphrase in enumerate(self.passphrases):
            yield b"resident %d,%s,%s,%d\n" % (n, passphrase, device(n).value.hex().encode(), vlan(n))

    def derive(self) -> None:
        """Derive the PMKs, for a server whose store is elsewhere."""
        self._pmks = pmk_batch(self.passphrases, SSID)

    # Their requests.

    def carrying(self, akm: Akm) -> tuple[Dialect, ...]:
        """Return those of the dialects whose requests carry a handshake of this AKM."""
        if akm not in self._carrying:
            handshake = self._handshake(0, akm)
            self._carrying[akm] = tuple(each for each in self._dialects if _carries(each, handshake))
        return self._carrying[akm]

    def known(self, load: LoadGenerator, akm: Akm = Akm.PSK) -> Request:
        """Return a request of a registered device."""
        resident = self._random.randrange(self.devices)
        return self._request(load, "known", resident, self._handshake(resident, akm), self._dialect(akm))

    def lookup(self, load: LoadGenerator) -> Request:
        """Return the request of an access point that knows a registered device's address only."""
        resident = self._random.randrange(self.devices)
        subject = Lookup(device=device(resident), ssid=SSID, aa=MacAddress(b"\2" + bytes(5)))
        return self._request(load, "lookup", resident, subject, self._dialects[0])

    def unknown(self, load: LoadGenerator, *, source: int | None = None) -> Request:
        """Return a resident's request from a device never seen."""
        resident = self._random.randrange(len(self.passphrases))
        handshake = make_handshake(Akm.PSK, self._pmk(resident), ssid=SSID, spa=_new_device(self._random))
        return self._request(load, "unknown", resident, handshake, self._dialect(Akm.PSK), source)

    def wrong(self, load: LoadGenerator, *, source: int | None = None) -> Request:
        """Return the request of a device whose key nobody has."""
        pmk, spa = Pmk(self._random.randbytes(32)), _new_device(self._random)
        handshake = make_handshake(Akm.PSK, pmk, ssid=SSID, spa=spa)
        return self._request(load, "storm", None, handshake, self._dialect(Akm.PSK), source)

    def _dialect(self, akm: Akm) -> Dialect:
        return self._random.choice(self.carrying(akm) or self._dialects)

    def _pmk(self, resident: int) -> Pmk:
        return Pmk(self._pmks[resident].tobytes())

    def _handshake(self, resident: int, akm: Akm) -> Handshake:
        handshake = self._handshakes.get((resident, akm))
        if handshake is None:
            handshake = make_handshake(
                akm, self._pmk(resident), ssid=SSID, spa=device(resident), r0kh_id=NAS_IDENTIFIER
            )
            self._handshakes[resident, akm] = handshake
        return handshake

    def _request(
        self,
        load: LoadGenerator,
        kind: str,
        resident: int | None,
        subject: Subject,
        dialect: Dialect,
        source: int | None = None,
    ) -> Request:
        client, identifier = load.slot(source)
        question = Question.ask(
            dialect,
            subject,
            self._secret,
            nas_identifier=NAS_IDENTIFIER,
            identifier=identifier,
            authenticator=self._random.randbytes(16),
        )
        if resident is None:
            return Request(question, client, kind=kind, passphrase=None)
        passphrase, pmk = self.passphrases[resident], self._pmks[resident].tobytes()
        return Request(question, client, kind=kind, passphrase=passphrase, vlan=vlan(resident), pmk=pmk)


def read_residents(path: Path) -> int:
    """Return how many residents a file of `Building.rows` has; SendError where it is another's."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeError, csv.Error) as error:
        raise SendError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    expected = Building(len(rows)).rows()
    for number, (row, ours) in enumerate(zip(rows, expected, strict=True), 1):
        if ",".join(row) != ours.decode().strip():
            raise SendError(f"{path}: line {number} is not one that `latchkey bench server` wrote")
    if not rows:
        raise SendError(f"{path} holds no residents")
    return len(rows)


def check(requests: Sequence[Request]) -> None:
    """Raise SendError unless every answer is right, in both authenticators, key and VLAN."""
    for each in requests:
        if each.seconds is None:
            continue
        try:
            granted = each.question.read(each.reply)
        except RadiusError as error:
            raise SendError(f"the answer to a {each.kind} device: {error}") from error
        _check_one(each, granted)


def _check_one(each: Request, granted: Granted | None) -> None:
    if each.passphrase is None:
        if granted is not None:
            raise SendError("a device was let in with a wrong key")
        return
    if granted is None:
        raise SendError(f"a {each.kind} device was refused")
    right = granted.passphrases == (each.passphrase,) if granted.passphrases else granted.pmk == each.pmk
    if not right:
        raise SendError(f"a {each.kind} device got another key than its own")
    if granted.vlan != each.vlan:
        raise SendError(f"a {each.kind} device got VLAN {granted.vlan} instead of {each.vlan}")


def summarise(requests: Sequence[Request], seconds: float) -> list[Outcome]:
    """Return one outcome for each kind of request."""
    outcomes = []
    for kind in dict.fromkeys(each.kind for each in requests):
        mine = [each for each in requests if each.kind == kind]
        times = sorted(each.seconds * 1e3 for each in mine if each.seconds is not None)
        outcomes.append(
            Outcome(
                kind=kind,
                count=len(mine),
                lost=len(mine) - len(times),
                per_second=len(times) / seconds if seconds else 0.0,
                median_ms=statistics.median(times) if times else float("nan"),
                p99_ms=times[min(len(times) - 1, len(times) * 99 // 100)] if times else float("nan"),
            )
        )
    return outcomes


def device(resident: int) -> MacAddress:
    """Return a resident's registered device."""
    return MacAddress(b"\2\1" + resident.to_bytes(4, "big"))


def vlan(resident: int) -> int:
    """Return a resident's VLAN."""
    return 100 + resident % 3900


def _new_device(random_: random.Random) -> MacAddress:
    return MacAddress(b"\6" + random_.randbytes(5))


def _carries(dialect: Dialect, handshake: Handshake) -> bool:
    try:
        return bool(dialect.encode_handshake(handshake))
    except DialectError:  # no room for one so long
        return False
