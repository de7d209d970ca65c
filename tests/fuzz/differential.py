"""Servers against the engine alone: altered requests, signed again, must meet the same answer from both.

python tests/fuzz/differential.py --count 1000000 --jobs 2        the fast path, in this process
python tests/fuzz/differential.py --count 100000 --portable       pyrad's Server, over loopback

Requests in every dialect, by address and with the handshakes of every AKM, from known devices and others, are altered
(octets, attributes, Proxy-States), signed again and sent to a server and to an engine with nothing before it. The
engine's decision, encoded with the salt that the server drew, must be the server's reply, octet for octet.
"""

import argparse
import collections
import contextlib
import itertools
import logging
import multiprocessing
import random
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]  # run as a program, it finds the packages beside it

from crypto import Akm, MacAddress, Pmk, passphrase_to_pmk  # noqa: E402
from pcaps.make.handshake import build_handshake  # noqa: E402
from radiusd import DIALECTS, Config, Engine, Follower, Index, Lookup, Question, Source  # noqa: E402
from radiusd.codec import encode_reply, encode_template  # noqa: E402
from radiusd.config import CoolDownLimits  # noqa: E402
from radiusd.engine.transaction import Transaction  # noqa: E402
from radiusd.errors import DialectError  # noqa: E402
from radiusd.fastpath.cache import FastPath  # noqa: E402
from radiusd.fastpath.tables import LEFT  # noqa: E402
from radiusd.model import Offer, Reject  # noqa: E402
from radiusd.server.pyrad_server import PyradServer  # noqa: E402
from tests.radiusd.house import SSID, House, run_server  # noqa: E402

AA = MacAddress(b"\2\0\0\0\0\0")
AUTO = "127.1.1.1"  # a NAS without a profile
PATIENT = Config(cooldown=CoolDownLimits(failures=10_000, lasts_s=0.0))  # for servers with a clock of their own
AKMS = {"akm2": (Akm.PSK, 2), "akm2-tkip": (Akm.PSK, 1), "akm6": (Akm.PSK_SHA256, 3), "akm4": (Akm.FT_PSK, 3)}
SERVED = ("lookup", "akm2", "akm6", "akm4")  # what the fast path can answer, of a known device
_MESSAGE_AUTHENTICATOR, _PROXY_STATE = 80, 33
_VARIANTS = 3  # of each request, with nonces of its own


class FindingError(AssertionError):
    """A request that the two answer otherwise."""


@dataclass(frozen=True, slots=True)
class Base:
    """A request as an access point sends it."""

    dialect: str
    kind: str
    known: bool  # whether its device is, and its key is right
    datagram: bytes


class Memory:
    """The observer of an engine that remembers what it decided last."""

    def __init__(self) -> None:
        self.decision: Transaction | None = None

    def opened(self, transaction: Transaction) -> None:
        """See `FrontEnd.opened`."""

    def decided(self, transaction: Transaction) -> None:
        """See `FrontEnd.decided`."""
        self.decision = transaction


class FastServer:
    """The engine with the fast path before it, in this process."""

    def __init__(self, house: House) -> None:
        self._front_end, self._fast_path = house.front_end, FastPath(answers=4096, exchanges=4096)
        self._front_end.enable(self._fast_path)
        self._ways = [LEFT]
        answer = self._fast_path.answer

        def watch(batch, count, *rest):
            answered = answer(batch, count, *rest)
            self._ways = self._fast_path._results[:count, 0].tolist() if len(self._fast_path) else [LEFT] * count
            return answered

        self._fast_path.answer = watch

    def ask(self, datagram: bytes, source: Source, now: datetime, *, expect: bool) -> bytes | None:
        """Return the reply, None where there is none."""
        reply = self._front_end.handle(datagram, source, now)
        if self._front_end.engine.journal.counts.fastpath_failures:
            raise FindingError(f"the fast path failed over {datagram.hex()}")
        return reply

    @property
    def fast(self) -> bool:
        """Whether the last request went the fast way."""
        return self._ways[0] != LEFT

    def close(self) -> None:
        """End it."""


class PortableServer:
    """`latchkey serve --portable`, over loopback."""

    fast = False

    def __init__(self, house: House) -> None:
        self._stack = contextlib.ExitStack()
        server = self._stack.enter_context(run_server(house, PATIENT, pyrad=PyradServer()))
        self._address = server.addresses[0]
        self._sockets: dict[str, tuple[int, socket.socket]] = {}
        self._fence = self._open(AUTO)
        subject = Lookup(device=MacAddress(b"\2\0\0\0\2\1"), ssid=SSID, aa=AA)
        self._fences = (
            Question.ask(DIALECTS["hostapd"], subject, house.secret, identifier=number % 256).datagram
            for number in itertools.count()
        )

    def _open(self, address: str) -> socket.socket:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((address, 0))
        one.settimeout(5)
        one.connect(self._address)
        return one

    def ask(self, datagram: bytes, source: Source, now: datetime, *, expect: bool) -> bytes | None:
        """Return the reply, None where there is none.

        expect: whether to wait for it; else until a request that came later is answered
        """
        number, one = self._sockets.get(source.address, (-1, None))
        if one is None or number != source.port:  # one for each 256 requests
            if one is not None:
                one.close()
            one = self._open(source.address)
            self._sockets[source.address] = source.port, one
        one.send(datagram)
        if not expect:
            self._fence.send(next(self._fences))
            self._fence.recv(4096)
            one.setblocking(False)
        try:
            return one.recv(4096)
        except (TimeoutError, BlockingIOError):
            return None
        finally:
            one.settimeout(5)

    def close(self) -> None:
        """End it."""
        for _, one in self._sockets.values():
            one.close()
        self._fence.close()
        self._stack.close()


class Differential:
    """A house answered by a server, and by an engine alone."""

    def __init__(self, folder: Path, seed: int, *, portable: bool = False) -> None:
        self._random = random.Random(seed)
        self._number = 0
        self.answered: collections.Counter[tuple[str, str]] = collections.Counter()  # on the fast path
        self.codes: collections.Counter[object] = collections.Counter()
        self._accepted: collections.deque[Base] = collections.deque(maxlen=100)  # altered
        self._portable = portable
        self._house = House(folder)
        if portable:
            self._house.now = datetime.now(UTC)
        self._residents = self._furnish()
        self._house.start()
        self._server = PortableServer(self._house) if portable else FastServer(self._house)
        self._store = self._house.open_store()
        index = Index(self._store.keys.get)
        index.apply(Follower(self._store).load(self._house.now))
        self.judge, self._memory = Engine(index, time.monotonic if portable else self._house.clock), Memory()
        self.judge.observer = self._memory
        if portable:
            self.judge.configure(PATIENT)
        self.bases = list(self._make_bases())
        self._pieces = [piece for base in self.bases for piece in split(base.datagram)]
        for base in self.bases:  # so that what can be learned is known
            for address in self.addresses(base):
                self.compare(base, base.datagram, address)

    def close(self) -> None:
        self._server.close()
        self._store.close()
        self._house.close()

    def _furnish(self) -> dict[MacAddress, tuple[bytes, bool]]:
        """Fill the house; return the devices that ask, with what passphrase, and whether that is right and known."""
        house = self._house
        ann, bo, guest, late, stranger = (MacAddress(b"\2\0\0\0\2" + bytes([n])) for n in range(1, 6))
        house.add_key(SSID, b"right-passphrase", identity="Ann", vlan=110, devices=(ann,))
        soon = house.now + timedelta(days=1)
        ends = None if self._portable else soon  # whose clock counts Session-Timeout down by itself
        house.add_key(SSID, b"other-passphrase " + b"~" * 46, identity="Bo", ends=ends, devices=(bo,))
        house.add_key(SSID, b"guest-passphrase", vlan=7)
        house.add_key(SSID, b"late-passphrase", starts=soon, devices=(late,))
        for address, profile in ((AUTO, "auto"), *((own_address(name), name) for name in DIALECTS)):
            house.store.nases.add(
                ip_network(address), b"testing123", name=profile, profile=profile, venue_id=house.venue.id
            )
        return {
            ann: (b"right-passphrase", True),
            bo: (b"other-passphrase " + b"~" * 46, True),
            guest: (b"guest-passphrase", True),
            late: (b"late-passphrase", False),
            stranger: (b"wrong-passphrase", False),
        }

    def _make_bases(self):
        pmks = {spa: passphrase_to_pmk(passphrase, SSID) for spa, (passphrase, _) in self._residents.items()}
        for name in DIALECTS:
            for spa, (_, known) in self._residents.items():
                for kind in ("lookup", *AKMS):
                    for _ in range(_VARIANTS):
                        try:
                            datagram = self._ask(name, kind, spa, pmks[spa])
                        except DialectError:  # no room for the M2
                            continue
                        yield Base(name, kind, known, datagram)

    def _ask(self, name: str, kind: str, spa: MacAddress, pmk: Pmk) -> bytes:
        if kind == "lookup":
            subject = Lookup(device=spa, ssid=SSID, aa=AA)
        else:
            akm, version = AKMS[kind]
            nonces = {"anonce": self._random.randbytes(32), "snonce": self._random.randbytes(32)}
            names = {"ssid": SSID, "aa": AA, "spa": spa, "r0kh_id": b"hudson-house-ap1"}
            subject = build_handshake(akm, pmk, key_version=version, **nonces, **names).handshake
        authenticator = self._random.randbytes(16)
        identifier = b"hudson-house-ap%d" % self._random.randint(1, 2)
        return Question.ask(
            DIALECTS[name], subject, self._house.secret, nas_identifier=identifier, authenticator=authenticator
        ).datagram

    def addresses(self, base: Base) -> tuple[str, str]:
        """Return where its access point may ask from: with any profile, and with that of its dialect."""
        return AUTO, own_address(base.dialect)

    def run(self, count: int) -> None:
        """Compare `count` altered requests; raise FindingError at the first that is answered otherwise."""
        for _ in range(count):
            again = bool(self._accepted) and self._random.random() < 0.5
            base = self._random.choice(self._accepted if again else self.bases)
            as_it_was = again and self._random.random() < 0.6
            datagram = base.datagram if as_it_was else self._alter(base.datagram)
            address = self._random.choice(self.addresses(base))
            if self.compare(base, datagram, address) == 2:  # what was learned from it may be repeated, or altered again
                self._accepted.append(replace(base, datagram=datagram))

    def _alter(self, datagram: bytes) -> bytes:
        """Return the request with up to three things changed in it, signed again (most of them)."""
        draw = self._random
        pieces = split(datagram)
        for _ in range(draw.choice((0, 0, 1, 1, 1, 2, 3))):
            self._alter_pieces(pieces)
        pieces += self._proxy_states(sum(map(len, pieces)))
        octets = bytearray(b"".join(pieces))
        if octets and draw.random() < 0.4:
            for _ in range(draw.randint(1, 3)):
                octets[draw.randrange(len(octets))] = draw.randrange(256)
        authenticator = draw.randbytes(16) if draw.random() < 0.2 else datagram[4:20]
        whole = bytes((1, 0)) + (20 + len(octets)).to_bytes(2) + authenticator + octets
        return whole[:4096]

    def _alter_pieces(self, pieces: list[bytes]) -> None:
        draw = self._random
        if not pieces:
            return
        at = draw.randrange(len(pieces))
        match draw.randrange(6):
            case 0:
                del pieces[at]
            case 1:
                pieces.insert(draw.randrange(len(pieces) + 1), pieces[at])
            case 2:
                pieces[at] = draw.choice(self._pieces)  # of another request, another dialect perhaps
            case 3:
                pieces.insert(at, draw.choice(self._pieces))
            case 4:
                draw.shuffle(pieces)
            case 5:
                pieces.insert(at, bytes((draw.randrange(1, 256), 3)) + draw.randbytes(1))

    def _proxy_states(self, taken: int) -> list[bytes]:
        """Return none, one, several, as many as a packet has room for, or one that is damaged."""
        draw = self._random
        how = draw.randrange(12)
        if how < 6:
            return []
        if how == 6:  # its length lies
            return [bytes((_PROXY_STATE, draw.choice((0, 1, 2, 5, 255)))) + draw.randbytes(2)]
        if how == 7:
            sizes = [253] * ((4076 - taken) // 255)
        elif how == 8:
            sizes = [draw.randint(60, 130) for _ in range(draw.randint(1, 4))]  # about what the fast path has room for
        else:
            sizes = [draw.randint(0, 20) for _ in range(draw.randint(1, 5))]
        return [bytes((_PROXY_STATE, size + 2)) + draw.randbytes(size) for size in sizes]

    def _sign(self, datagram: bytes) -> bytes:
        """Return the request with its first Message-Authenticator made right, as far as its lengths hold."""
        at = 20
        while at + 2 <= len(datagram) and datagram[at + 1] >= 2:
            if datagram[at] == _MESSAGE_AUTHENTICATOR and datagram[at + 1] == 18 and at + 18 <= len(datagram):
                unsigned = datagram[: at + 2] + bytes(16) + datagram[at + 18 :]
                return datagram[: at + 2] + self._house.secret.hmac(unsigned) + datagram[at + 18 :]
            at += datagram[at + 1]
        return datagram

    def compare(self, base: Base, datagram: bytes, address: str) -> int | None:
        """Return the code of the answer; raise FindingError where the two answer otherwise."""
        number, self._number = self._number, self._number + 1
        datagram = datagram[:1] + bytes((number % 256,)) + datagram[2:]  # no two are repetitions of each other
        if self._random.random() < 0.97:
            datagram = self._sign(datagram)
        source = Source(address, 1024 + number // 256 % 60_000)
        self._house.clock.seconds += 0.01
        now = datetime.now(UTC) if self._portable else self._house.now + timedelta(seconds=number * 0.001)
        self._memory.decision = None
        judged = self.judge.handle(datagram, source, now)
        reply = self._server.ask(datagram, source, now, expect=judged is not None)
        self.codes[None if reply is None else reply[0]] += 1
        if self._server.fast:
            self.answered[base.dialect, base.kind] += 1
        expected = self._expect(reply, judged)
        if reply != expected:
            raise FindingError(
                f"{base.dialect} {base.kind} to {address}:\n{datagram.hex()}\n"
                f"reply    {(reply or b'none').hex()}\nexpected {(expected or b'none').hex()}"
            )
        if self._random.random() < 0.02:
            again = self._server.ask(datagram, source, now, expect=reply is not None)
            if again != reply:
                raise FindingError(f"{base.dialect} {base.kind} to {address}: repeated, otherwise:\n{datagram.hex()}")
        return None if reply is None else reply[0]

    def _expect(self, reply: bytes | None, judged: bytes | None) -> bytes | None:
        """Return the judge's answer with the salts that are in the reply; as it is, where there are none."""
        transaction = self._memory.decision
        if reply is None or judged is None or transaction is None or isinstance(transaction.decision, Reject):
            return judged
        attributes = transaction.attributes
        if isinstance(transaction.decision, Offer):
            attributes = transaction.dialect.encode_offer(transaction.decision)
        template = encode_template(attributes)
        if template is None or not template.salted or len(reply) < 40 + template.salted[0][0]:
            return judged
        at = 38 + template.salted[0][0]
        salt = int.from_bytes(reply[at : at + 2]) & 0x7FFF
        return encode_reply(transaction.request, judged[0], attributes, transaction.client.secret, salt)


def own_address(dialect: str) -> str:
    """Return the address of the NAS with this profile."""
    return f"127.1.0.{1 + list(DIALECTS).index(dialect)}"


def split(datagram: bytes) -> list[bytes]:
    """Return the attributes of a sound request."""
    pieces, at = [], 20
    while at < len(datagram):
        pieces.append(datagram[at : at + datagram[at + 1]])
        at += datagram[at + 1]
    return pieces


def _job(count: int, seed: int, portable: bool) -> tuple[collections.Counter, collections.Counter]:
    with tempfile.TemporaryDirectory() as folder:
        logging.getLogger("radiusd").setLevel(logging.CRITICAL)
        differential = Differential(Path(folder), seed, portable=portable)
        try:
            differential.run(count)
        finally:
            differential.close()
        return differential.answered, differential.codes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="requests in all")
    parser.add_argument("--jobs", type=int, default=1, help="processes to share them")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers; each process adds its number")
    parser.add_argument("--portable", action="store_true", help="compare pyrad's Server instead of the fast path")
    options = parser.parse_args()
    answered: collections.Counter = collections.Counter()
    codes: collections.Counter = collections.Counter()
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        shares = [(options.count // options.jobs, options.seed + n, options.portable) for n in range(options.jobs)]
        for some, replies in pool.starmap(_job, shares):
            answered += some
            codes += replies
    accepted, rejected, silent = codes[2], codes[3], codes[None]
    print(f"{codes.total():,} requests: {accepted:,} accepted, {rejected:,} rejected, {silent:,} without answer")
    if not options.portable:
        print(f"{answered.total():,} of them on the fast path:")
    for dialect in sorted({dialect for dialect, _ in answered}):
        kinds = (f"{kind} {answered[dialect, kind]:,}" for kind in ("lookup", *AKMS) if answered[dialect, kind])
        print(f"    {dialect:12} {', '.join(kinds)}")


if __name__ == "__main__":
    main()
