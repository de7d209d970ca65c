"""The one load generator: RADIUS requests from many sockets, and what came back.

Requests go out at a rate, or as fast as answers come. A socket has 256 identifiers (RFC 2865 section 3); none is used
again while its request waits, and nothing is sent twice: a request without an answer in time is lost.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from radiusd import Question, render_address

from .errors import SendError

Address = tuple[str, int]

LARGEST: Final = 4096  # octets of a RADIUS packet
_IDENTIFIERS: Final = 256
_RECEIVE_BUFFER: Final = 1 << 20
_LONGEST_PAUSE_S: Final = 0.05
_CHECK_S: Final = 0.05  # between two looks for what is lost


@dataclass(slots=True)
class Shot:
    """One request of a load and its answer."""

    question: Question = field(repr=False)
    socket: int  # by `LoadGenerator.slot`, with the identifier of the question
    sent: float = 0.0
    seconds: float | None = None  # until the answer; None: lost
    reply: bytes = field(default=b"", repr=False)  # what came last for it


S = TypeVar("S", bound=Shot)


class LoadGenerator:
    """Sends shots to one server. `with` closes its sockets."""

    def __init__(self, server: Address, *, sockets: int = 64, sources: Sequence[str] = ()) -> None:
        """Open the sockets; SendError where the server cannot be addressed.

        sources: addresses of this host to ask from in turn, as so many access points; () leaves it to the system
        """
        self._server = server
        self._sources = max(1, len(sources))
        self._per_source = max(1, sockets // self._sources)
        self._taken = [0] * self._sources
        self._turn = 0
        self._sockets: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            for number in range(self._per_source * self._sources):
                client = connect(server, sources[number % self._sources] if sources else None)
                self._sockets.append(client)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
                client.setblocking(False)
                self._selector.register(client, selectors.EVENT_READ, number)
            stack.pop_all()

    def close(self) -> None:
        self._selector.close()
        for client in self._sockets:
            client.close()

    def __enter__(self) -> "LoadGenerator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def slot(self, source: int | None = None) -> tuple[int, int]:
        """Return socket and identifier for the next request of a source, or of each source in turn."""
        if source is None:
            source, self._turn = self._turn, (self._turn + 1) % self._sources
        source %= self._sources
        number = self._taken[source]
        self._taken[source] += 1
        within, identifier = number % self._per_source, number // self._per_source % _IDENTIFIERS
        return source + self._sources * within, identifier

    def run(
        self,
        shots: Iterable[S],
        *,
        window: int | None = None,
        rate: float | None = None,
        timeout_s: float = 5.0,
        accept: Callable[[S, float], bool] | None = None,
    ) -> float:
        """Send all; return the seconds from the first request to the last answer.

        window: how many may be outstanding
        rate:   requests per second; None: as fast as the window allows
        accept: called with each answer and its seconds; False: it is none, and the request goes on waiting
        SendError where nobody listens, or not any more.
        """
        run = _Run[S](self._sockets, iter(shots), window, rate, accept)
        try:
            while run.unfinished:
                run.send_due()
                ready = self._selector.select(run.pause())
                for key, _ in ready:
                    run.receive(key.data)
                run.give_up(timeout_s)
        except OSError as error:
            raise SendError(f"cannot ask {render_address(self._server)}: {error.strerror}") from error
        return run.last - run.begun


class _Run(Generic[S]):
    """The state of one run."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        shots: Iterator[S],
        window: int | None,
        rate: float | None,
        accept: Callable[[S, float], bool] | None,
    ) -> None:
        self._sockets, self._shots, self._window, self._rate, self._accept = sockets, shots, window, rate, accept
        self._waiting: list[dict[int, S]] = [{} for _ in sockets]
        self._outstanding = self._sent = 0
        self._next: S | None = next(shots, None)
        self._blocked = False
        self.begun = self.last = self._checked = time.perf_counter()

    @property
    def unfinished(self) -> bool:
        return self._next is not None or self._outstanding > 0

    def send_due(self) -> None:
        """Send what is due now, as far as window, identifiers and socket buffers allow."""
        clock = time.perf_counter
        due = None if self._rate is None else int((clock() - self.begun) * self._rate) + 1
        self._blocked = False
        while (shot := self._next) is not None and (due is None or self._sent < due):
            waiting, datagram = self._waiting[shot.socket], shot.question.datagram
            full = self._window is not None and self._outstanding >= self._window
            if full or datagram[1] in waiting:
                self._blocked = True
                return
            shot.sent = clock()
            try:
                self._sockets[shot.socket].send(datagram)
            except BlockingIOError:
                self._blocked = True
                return
            waiting[datagram[1]] = shot
            self._outstanding += 1
            self._sent += 1
            self._next = next(self._shots, None)

    def pause(self) -> float:
        """Return how long to wait for answers before the next request is due."""
        if self._rate is None or self._next is None or self._blocked:
            return _LONGEST_PAUSE_S
        return min(_LONGEST_PAUSE_S, max(0.0, self.begun + self._sent / self._rate - time.perf_counter()))

    def receive(self, number: int) -> None:
        """Take in what has come to a socket."""
        client, waiting, accept = self._sockets[number], self._waiting[number], self._accept
        while True:
            try:
                reply = client.recv(LARGEST)
            except BlockingIOError:
                return
            self.last = time.perf_counter()
            shot = waiting.get(reply[1]) if len(reply) > 1 else None
            if shot is None:
                continue
            seconds, shot.reply = self.last - shot.sent, reply
            if accept is not None and not accept(shot, seconds):
                continue
            shot.seconds = seconds
            del waiting[reply[1]]
            self._outstanding -= 1

    def give_up(self, timeout_s: float) -> None:
        """Forget what has waited too long: it is lost."""
        now = time.perf_counter()
        if now - self._checked < min(_CHECK_S, timeout_s):
            return
        self._checked = now
        for waiting in self._waiting:
            for identifier in [each for each, shot in waiting.items() if shot.sent < now - timeout_s]:
                del waiting[identifier]
                self._outstanding -= 1


def connect(server: Address, source: str | None = None) -> socket.socket:
    """Return a UDP socket that talks to the server only; SendError where there can be none."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
        client = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SendError(f"cannot ask {render_address(server)}: {error.strerror}") from error
    try:
        if source is not None:
            client.bind((source, 0))
        client.connect(address)
    except OSError as error:
        client.close()
        raise SendError(f"cannot ask {render_address(server)}: {error.strerror}") from error
    return client
