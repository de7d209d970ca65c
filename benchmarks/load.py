"""A load of RADIUS requests from many sockets, and what came back: the access points' side of a measurement.

Requests are encoded before the clock starts and answers checked after it has stopped, so that both cores of a small
machine can be the server's. A socket has 256 identifiers (RFC 2865 section 3); no request goes out under one that is
still waiting, and every request has an authenticator of its own, so none is a repetition.
"""

import select
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from radiusd import Granted, Question

_TIMEOUT_S = 5.0  # a request without an answer by then is lost


@dataclass(slots=True)
class Shot:
    """One request of a load and what became of it."""

    question: Question
    kind: str
    passphrase: bytes | None = field(repr=False)  # what an answer must grant; None: an Access-Reject
    vlan: int | None = None
    pmk: bytes | None = field(default=None, repr=False)  # instead, in dialects that hand out no passphrase
    sent: float = 0.0
    seconds: float | None = None  # None: lost
    reply: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one kind of request met with."""

    kind: str
    count: int
    lost: int
    per_second: float
    median_ms: float
    p99_ms: float


class Load:
    """Sends shots from `sockets` ports to one server."""

    def __init__(self, address: tuple[str, int], *, sockets: int = 64) -> None:
        self._sockets: list[socket.socket] = []
        for _ in range(sockets):
            one = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            one.setblocking(False)
            one.connect(address)
            self._sockets.append(one)

    def close(self) -> None:
        for one in self._sockets:
            one.close()

    def run(self, shots: Sequence[Shot], *, window: int | None = None, rate: float | None = None) -> float:
        """Send all, at most `window` outstanding or at `rate` a second; return the seconds from first to last.

        The identifier of a shot's datagram must be its number modulo 256 within its socket: see `place`.
        """
        poll = select.epoll()
        by_descriptor = {one.fileno(): number for number, one in enumerate(self._sockets)}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.EPOLLIN)
        waiting: list[dict[int, Shot]] = [{} for _ in self._sockets]
        outstanding, following = 0, 0
        clock = time.perf_counter
        begun = last = clock()
        try:
            while following < len(shots) or outstanding:
                now = clock()
                due = len(shots) if rate is None else min(len(shots), int((now - begun) * rate) + 1)
                while following < due and (window is None or outstanding < window):
                    shot = shots[following]
                    number = following % len(self._sockets)
                    identifier = shot.question.datagram[1]
                    if identifier in waiting[number]:
                        break  # 256 of this socket are under way
                    shot.sent = clock()
                    try:
                        self._sockets[number].send(shot.question.datagram)
                    except BlockingIOError:
                        break
                    except ConnectionRefusedError:
                        pass  # an earlier datagram met no server; this one is gone as well
                    waiting[number][identifier] = shot
                    outstanding += 1
                    following += 1
                if rate is None or following == len(shots):
                    pause = 0.05
                else:
                    pause = max(0.0, begun + following / rate - clock())
                ready = poll.poll(pause)
                for descriptor, _ in ready:
                    number = by_descriptor[descriptor]
                    mine, one = waiting[number], self._sockets[number]
                    while True:
                        try:
                            reply = one.recv(4096)
                        except (BlockingIOError, ConnectionRefusedError):
                            break
                        last = clock()
                        answered = mine.pop(reply[1], None)
                        if answered is not None:
                            answered.seconds, answered.reply = last - answered.sent, reply
                            outstanding -= 1
                if not ready and outstanding:
                    outstanding -= _give_up(waiting, clock() - _TIMEOUT_S)
        finally:
            poll.close()
        return last - begun


def place(number: int, sockets: int = 64) -> int:
    """Return the identifier of the shot with this number: shots go round the sockets, each counting by itself."""
    return number // sockets % 256


def _give_up(waiting: list[dict[int, Shot]], before: float) -> int:
    """Forget what was sent before that and has no answer; return how many."""
    given_up = 0
    for mine in waiting:
        for identifier in [identifier for identifier, shot in mine.items() if shot.sent < before]:
            del mine[identifier]
            given_up += 1
    return given_up


def check(shots: Sequence[Shot]) -> None:
    """Raise AssertionError unless every answer is right, in both authenticators, key and VLAN."""
    for shot in shots:
        if shot.seconds is None:
            continue
        granted = shot.question.read(shot.reply)
        if shot.passphrase is None:
            assert granted is None, "somebody was let in with a wrong key"
            continue
        assert isinstance(granted, Granted), f"a {shot.kind} device was refused"
        right = granted.passphrases == (shot.passphrase,) if granted.passphrases else granted.pmk == shot.pmk
        assert right, f"a {shot.kind} device got another key"
        assert granted.vlan == shot.vlan, f"VLAN {granted.vlan} instead of {shot.vlan}"


def summarise(shots: Sequence[Shot], seconds: float) -> list[Outcome]:
    """Return one outcome for each kind of shot."""
    outcomes = []
    for kind in dict.fromkeys(shot.kind for shot in shots):
        mine = [shot for shot in shots if shot.kind == kind]
        times = sorted(shot.seconds * 1e3 for shot in mine if shot.seconds is not None)
        outcomes.append(
            Outcome(
                kind=kind,
                count=len(mine),
                lost=len(mine) - len(times),
                per_second=len(times) / seconds,
                median_ms=statistics.median(times) if times else float("nan"),
                p99_ms=times[min(len(times) - 1, len(times) * 99 // 100)] if times else float("nan"),
            )
        )
    return outcomes
