"""The fast path against the engine alone: altered requests, signed again, must meet the same answer from both.

python tests/fuzz/differential.py --count 1000000 --jobs 2

Requests in every dialect, by address and with the handshakes of every AKM, from known devices and others, are altered
(octets, attributes, Proxy-States), signed again and sent to a server with the fast path and to an engine without one.
The engine's decision, encoded with the salt that the server drew, must be the server's reply, octet for octet.
"""

import argparse
import collections
import logging
import multiprocessing
import random
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]  # run as a program, it finds the packages beside it

from crypto import Akm, MacAddress, Pmk, passphrase_to_pmk  # noqa: E402
from pcaps.make.handshake import build_handshake  # noqa: E402
from radiusd import DIALECTS, Engine, Follower, Index, Lookup, Question, Source  # noqa: E402
from radiusd.codec import encode_reply, encode_template  # noqa: E402
from radiusd.engine.transaction import Transaction  # noqa: E402
from radiusd.errors import DialectError  # noqa: E402
from radiusd.fastpath.cache import FastPath  # noqa: E402
from radiusd.fastpath.tables import LEFT  # noqa: E402
from radiusd.model import Offer, Reject  # noqa: E402
from tests.radiusd.conftest import SSID, House  # noqa: E402

AA = MacAddress(b"\2\0\0\0\0\0")
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


class Differential:
    """A house answered by a server with the fast path, and by an engine without."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0
        self.answered: collections.Counter[tuple[str, str]] = collections.Counter()  # on the fast path
        self.codes: collections.Counter[object] = collections.Counter()
        self._house = House(folder)
        self._residents = self._furnish()
        self._house.start()
        fast_path = FastPath(answers=4096, exchanges=4096)
        self._house.front_end.enable(fast_path)
        self._store = self._house.open_store()
        index = Index(self._store.keys.get)
        index.apply(Follower(self._store).load(self._house.now))
        self.judge, self._memory = Engine(index, self._house.clock), Memory()
        self.judge.observer = self._memory
        self._ways: list[int] = []
        answer = fast_path.answer

        def watch(batch, count, *rest):
            answered = answer(batch, count, *rest)
            self._ways = fast_path._results[:count, 0].tolist() if len(fast_path) else [LEFT] * count
            return answered

        fast_path.answer = watch
        self.bases = list(self._make_bases())
        self._pieces = [piece for base in self.bases for piece in split(base.datagram)]
        for base in self.bases:  # so that what can be learned is known
            for address in self.addresses(base):
                self.compare(base, base.datagram, address)

    def close(self) -> None:
        self._store.close()
        self._house.close()

    def _furnish(self) -> dict[MacAddress, tuple[bytes, bool]]:
        """Fill the house; return the devices that ask, with what passphrase, and whether that is right and known."""
        house = self._house
        ann, bo, guest, late, stranger = (MacAddress(b"\2\0\0\0\2" + bytes([n])) for n in range(1, 6))
        house.add_key(SSID, b"right-passphrase", identity="Ann", vlan=110, devices=(ann,))
        soon = house.now + timedelta(days=1)
        house.add_key(SSID, b"other-passphrase " + b"~" * 46, identity="Bo", ends=soon, devices=(bo,))
        house.add_key(SSID, b"guest-passphrase", vlan=7)
        house.add_key(SSID, b"late-passphrase", starts=soon, devices=(late,))
        for number, name in enumerate(DIALECTS):
            address = ip_network(f"198.51.100.{number}/32")
            house.store.inventory.add_nas(address, b"testing123", name=name, profile=name, venue_id=house.venue.id)
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
        return "192.0.2.1", f"198.51.100.{list(DIALECTS).index(base.dialect)}"

    def run(self, count: int) -> None:
        """Compare `count` altered requests; raise FindingError at the first that is answered otherwise."""
        for _ in range(count):
            base = self._random.choice(self.bases)
            datagram = self._alter(base.datagram)
            address = self._random.choice(self.addresses(base))
            self.compare(base, datagram, address)

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

    def compare(self, base: Base, datagram: bytes, address: str) -> None:
        number, self._number = self._number, self._number + 1
        datagram = datagram[:1] + bytes((number % 256,)) + datagram[2:]  # no two are repetitions of each other
        if self._random.random() < 0.97:
            datagram = self._sign(datagram)
        source = Source(address, 1024 + number // 256 % 60_000)
        house = self._house
        house.clock.seconds += 0.01
        now = house.now + timedelta(seconds=number * 0.001)
        self._ways = [LEFT]
        reply = house.front_end.handle(datagram, source, now)
        way = self._ways[0]
        if house.engine.journal.counts.fastpath_failures:
            raise FindingError(f"{base.dialect} {base.kind} to {address}: the fast path failed over\n{datagram.hex()}")
        self._memory.decision = None
        judged = self.judge.handle(datagram, source, now)
        self.codes[None if reply is None else reply[0]] += 1
        if way != LEFT:
            self.answered[base.dialect, base.kind] += 1
        expected = self._expect(reply, judged)
        if reply != expected:
            raise FindingError(
                f"{base.dialect} {base.kind} to {address}, answered on way {way}:\n{datagram.hex()}\n"
                f"reply    {(reply or b'none').hex()}\nexpected {(expected or b'none').hex()}"
            )
        if self._random.random() < 0.02 and house.front_end.handle(datagram, source, now) != reply:
            raise FindingError(
                f"{base.dialect} {base.kind} to {address}: repetition answered otherwise:\n{datagram.hex()}"
            )

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


def split(datagram: bytes) -> list[bytes]:
    """Return the attributes of a sound request."""
    pieces, at = [], 20
    while at < len(datagram):
        pieces.append(datagram[at : at + datagram[at + 1]])
        at += datagram[at + 1]
    return pieces


def _silence() -> None:
    logging.getLogger("radiusd").setLevel(logging.CRITICAL)


def _job(count: int, seed: int) -> tuple[collections.Counter, collections.Counter]:
    with tempfile.TemporaryDirectory() as folder:
        _silence()
        differential = Differential(Path(folder), seed)
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
    options = parser.parse_args()
    answered: collections.Counter = collections.Counter()
    codes: collections.Counter = collections.Counter()
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        shares = [(options.count // options.jobs, options.seed + n) for n in range(options.jobs)]
        for some, replies in pool.starmap(_job, shares):
            answered += some
            codes += replies
    accepted, rejected, silent = codes[2], codes[3], codes[None]
    print(f"{codes.total():,} requests: {accepted:,} accepted, {rejected:,} rejected, {silent:,} without answer")
    print(f"{answered.total():,} of them on the fast path:")
    for dialect in DIALECTS:
        kinds = (f"{kind} {answered[dialect, kind]:,}" for kind in ("lookup", *AKMS) if answered[dialect, kind])
        print(f"    {dialect:12} {', '.join(kinds)}")


if __name__ == "__main__":
    main()
