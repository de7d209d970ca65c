"""Requests side by side on one thread: a bounded number of connections, and what is asked again when.

# Rule: every request ends, as an Answer or as Unavailable: by its own deadline, by `attempts`, by patience, or with the
# run. Every wait is in `_rest`.
"""

import heapq
import select
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..platforms import Answer, Request, Unavailable
from .address import Address, InvalidUrl
from .body import Allowance
from .connection import Connection, Failed, Message, Response
from .limits import Limits
from .waiting import PATIENT, REPEATED, backoff, parse_date, retry_after

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TICK_S: Final = 10.0  # between two calls of `progress` while nothing comes: a lease is kept meanwhile


@dataclass(slots=True)
class Counts:
    """What a run has asked so far."""

    requests: int = 0
    answers: int = 0
    repeated: int = 0
    octets: int = 0  # of bodies


@dataclass(slots=True)
class Call:
    """A request on its way to its answer."""

    place: int
    request: Request
    address: Address
    message: Message
    tries: int = 0
    redirects: int = 0
    since: float = -1.0  # when it was asked first
    is_fresh: bool = False  # wants a connection that was not used before


class Lanes:
    """Asks lists of requests. Connections are kept for the next list."""

    def __init__(
        self,
        limits: Limits,
        tls: Callable[[], ssl.SSLContext],
        progress: Callable[[str, Counts], None] | None,
        *,
        clock: Callable[[], float],
        now: Callable[[], float],
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
    ) -> None:
        self.counts = Counts()
        self.clock_skew_s = 0.0
        self._limits = limits
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._progress = progress
        self._clock, self._now, self._sleep, self._jitter = clock, now, sleep, jitter
        self._idle: list[Connection] = []
        self._busy: dict[int, tuple[Connection, Call]] = {}
        self._poll = select.poll()
        self._ready: deque[Call] = deque()
        self._later: list[tuple[float, int, Call]] = []  # a heap
        self._date = ""
        self.begin()

    def begin(self) -> None:
        """Start a run: its caps and its patience count from now."""
        now = self._clock()
        self.counts = Counts()
        self._ends = now + self._limits.run_s
        self._told = now
        self._heard = now  # when an answer came last
        self._quiet_until = now  # the platform asked to be left alone
        self._width = float(self._limits.connections)  # how many side by side; fewer after each 429
        self._over = ""  # why nothing is asked any more

    def ask(self, calls: Iterable[Call]) -> Iterator[tuple[Call, Answer | Unavailable]]:
        """Yield each call with its outcome, as they come."""
        self._ready.extend(calls)
        self._allowance = Allowance(self._limits.body_octets)
        try:
            while self._ready or self._later or self._busy:
                self._check_patience()
                if self._over:
                    yield from self._abandon()
                    return
                yield from self._start()
                for connection, call in self._rest():
                    if (outcome := self._receive(connection, call)) is not None:
                        yield call, outcome
                self._tick()
        finally:
            self._drop()

    def close(self) -> None:
        """Close all connections."""
        self._drop()
        while self._idle:
            self._idle.pop().close()

    # Asking.

    def _start(self) -> Iterator[tuple[Call, Unavailable]]:
        """Send what may be sent now."""
        now = self._clock()
        due = []
        while self._later and self._later[0][0] <= now:
            due.append(heapq.heappop(self._later)[2])
        self._ready.extendleft(reversed(due))  # before those that were not asked yet
        while self._ready and len(self._busy) < int(self._width) and now >= self._quiet_until:
            call = self._ready.popleft()
            if self.counts.requests >= self._limits.requests:
                self._over = f"more than {self._limits.requests:,} requests in one run"
            if self._over:
                self._ready.appendleft(call)
                return
            if call.since < 0:
                call.since = now
            self.counts.requests += 1
            call.tries += 1
            try:
                self._send(call)
            except Failed as failed:
                if (outcome := self._failed(call, failed)) is not None:
                    yield call, outcome
            now = self._clock()
            self._check_patience()

    def _send(self, call: Call) -> None:
        limits = self._limits
        connection = self._connection(call)
        connection.send(call.message, self._allowance, read_s=limits.read_s, request_s=limits.request_s)
        file = connection.fileno()
        self._busy[file] = connection, call
        self._poll.register(file, select.POLLIN)

    def _connection(self, call: Call) -> Connection:
        """Return a connection to where the call goes: a kept one that is still good, or a new one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.address == call.address and not call.is_fresh and connection.is_usable:
                return connection
            connection.close()
        if call.address.scheme == "https" and self._tls is None:
            self._tls = self._make_tls()
        connection = Connection(call.address, self._tls if call.address.scheme == "https" else None)
        connection.open(self._limits.connect_s)
        return connection

    # Waiting.

    def _rest(self) -> list[tuple[Connection, Call]]:
        """Wait until an answer comes, a deadline passes, or something may be sent; return where something happened."""
        now = self._clock()
        until = min(self._ends, self._heard + self._limits.patience_s, self._told + _TICK_S)
        if len(self._busy) < int(self._width):
            if self._ready:
                until = min(until, self._quiet_until)
            if self._later:
                until = min(until, max(self._later[0][0], self._quiet_until))
        if not self._busy:
            if (self._ready or self._later) and until > now:
                self._sleep(until - now)
            return []
        wait_s = min(until - now, min(connection.left_s for connection, _ in self._busy.values()))
        there = [self._busy[file] for file, _ in self._poll.poll(max(0.0, wait_s) * 1000 + 1)]
        return there or [pair for pair in self._busy.values() if pair[0].left_s <= 0]

    def _check_patience(self) -> None:
        now = self._clock()
        if now >= self._ends:
            self._over = f"the run is given up after {self._limits.run_s:g} s"
        elif now >= self._heard + self._limits.patience_s:
            self._over = f"given up: no answer to anything for {self._limits.patience_s:g} s"

    # Answers.

    def _receive(self, connection: Connection, call: Call) -> Answer | Unavailable | None:
        """Return the call's outcome; None where more has to come, or it is asked again."""
        file = connection.fileno()
        try:
            response = connection.receive()
            if response is None:
                if connection.left_s > 0:
                    return None
                connection.give_up()
        except Failed as failed:
            self._free(file)
            return self._failed(call, failed)
        self._free(file)
        if connection.is_open:
            self._idle.append(connection)
        self._note_date(response)
        return self._answered(call, response)

    def _answered(self, call: Call, response: Response) -> Answer | Unavailable | None:
        status = response.status
        if status == 429 or status == 408 or status >= 500:
            self._allowance.left += len(response.body)  # nobody gets to see it
            return self._refused(call, response)
        if status in _REDIRECTS and "location" in response.headers:
            return self._redirected(call, response)
        self._heard = self._clock()
        self._width = min(self._width + 0.1, self._limits.connections)
        self.counts.answers += 1
        self.counts.octets += len(response.body)
        self._tell(call)
        return Answer(call.request, status, response.headers, response.body)

    def _refused(self, call: Call, response: Response) -> Unavailable | None:
        """Ask again what the platform could not answer now, if that may help."""
        status, limits, now = response.status, self._limits, self._clock()
        text = f"HTTP {status}"
        if status == 429:
            self._width = max(1.0, self._width / 2)
        if call.request.may_repeat and status in REPEATED:
            asked_s = retry_after(response.headers, self._now())
            wait_s = backoff(call.tries if asked_s is None else 1, limits, self._jitter())
            at = now + max(wait_s, asked_s or 0.0)
            if asked_s is not None and asked_s > limits.longest_retry_after_s:
                text += f", and asks to be left alone for {asked_s:.0f} s"
            elif self._may_wait(call, status, at):
                if status in PATIENT and (status == 429 or asked_s is not None):
                    self._quiet_until = max(self._quiet_until, at)
                self._again(call, at)
                return None
        return _unavailable(call, text, status)

    def _may_wait(self, call: Call, status: int, at: float) -> bool:
        """Return whether to ask again: that others were answered tells a broken record from a busy platform."""
        if status == 429 or (status in PATIENT and self._heard <= call.since):
            return at <= min(call.since, self._heard) + self._limits.patience_s
        return call.tries < self._limits.attempts

    def _failed(self, call: Call, failed: Failed) -> Unavailable | None:
        """Ask again what got no answer, if that may help."""
        if call.request.may_repeat and failed.may_help:
            if failed.was_idle and not call.is_fresh:  # the server had closed it: at once, on a new connection
                call.is_fresh = True
                call.tries -= 1
                self._ready.appendleft(call)
                return None
            if call.tries < self._limits.attempts:
                self._again(call, self._clock() + backoff(call.tries, self._limits, self._jitter()))
                return None
        return _unavailable(call, str(failed))

    def _again(self, call: Call, at: float) -> None:
        """Ask again then."""
        self.counts.repeated += 1
        heapq.heappush(self._later, (at, call.place, call))
        self._tell(call)

    def _redirected(self, call: Call, response: Response) -> Unavailable | None:
        self._allowance.left += len(response.body)
        if call.request.method != "GET":
            return _unavailable(call, f"HTTP {response.status}: a redirect, which is followed for GET alone")
        if call.redirects >= self._limits.redirects:
            return _unavailable(call, f"HTTP {response.status}: more than {self._limits.redirects} redirects")
        try:
            target = call.address.redirected(call.message.target, response.headers["location"])
        except InvalidUrl as error:
            return _unavailable(call, f"HTTP {response.status}: redirected to what {error}; that is refused")
        call.redirects += 1
        call.message = replace(call.message, target=target)
        call.tries -= 1
        self._ready.appendleft(call)
        return None

    def _note_date(self, response: Response) -> None:
        text = response.headers.get("date", "")
        if text == self._date:  # within the same second: nothing new
            return
        self._date = text
        if (at := parse_date(text)) is not None and abs(at - self._now()) > abs(self.clock_skew_s):
            self.clock_skew_s = at - self._now()

    def _tick(self) -> None:
        """Tell that it goes on, where nothing was told for a while."""
        if self._clock() >= self._told + _TICK_S:
            waiting = (call for calls in (self._busy.values(), self._later) for *_, call in calls)
            call = next(waiting, self._ready[0] if self._ready else None)
            if call is not None:
                self._tell(call)
            self._told = self._clock()

    def _tell(self, call: Call) -> None:
        self._told = self._clock()
        if self._progress is not None:
            self._progress(call.request.what, self.counts)

    # The end.

    def _free(self, file: int) -> None:
        del self._busy[file]
        self._poll.unregister(file)

    def _abandon(self) -> Iterator[tuple[Call, Unavailable]]:
        """Yield everything that is left, without an answer."""
        left = [*self._ready, *(call for _, _, call in self._later), *(call for _, call in self._busy.values())]
        self._drop()
        for call in left:
            yield call, _unavailable(call, self._over)

    def _drop(self) -> None:
        """Forget what is left, and close the connections that it is on."""
        for file in [*self._busy]:
            connection, _ = self._busy[file]
            self._free(file)
            connection.close()
        self._ready.clear()
        self._later.clear()


def _unavailable(call: Call, text: str, status: int | None = None) -> Unavailable:
    tries = f" ({call.tries} attempts)" if call.tries > 1 else ""
    return Unavailable(f"{call.request.what}: {text}{tries}", status=status)
