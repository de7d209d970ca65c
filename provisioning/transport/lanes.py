"""Requests side by side on one thread: a bounded number of them, and what is asked again when.

# Rule: every request ends, as an Answer or as Unavailable: by its own deadline, by `attempts`, by patience, or with the
# run. Every wait is in `_rest`.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..platforms import Answer, Request, Unavailable
from .address import InvalidUrl
from .client import Allowance, Failed, Message, Response
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


@dataclass(slots=True, eq=False)
class Call:
    """A request on its way to its answer."""

    place: int
    request: Request
    message: Message
    tries: int = 0
    redirects: int = 0
    since: float = -1.0  # when it was asked first
    last: tuple[str, int | None] | None = None  # what came of the last try, and its status, where it is asked again
    outcome: Answer | Unavailable | None = None


@dataclass(kw_only=True)
class Lanes:
    """Asks lists of requests; `exchange` asks one, once. The others are those of Transport.

    _closed: servers that want to be left alone for longer than a run waits: until when, and for how many seconds
    """

    limits: Limits
    exchange: Callable[[Message, Allowance], Coroutine[Any, Any, Response]]
    progress: Callable[[str, Counts], None] | None
    clock: Callable[[], float]
    now: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    counts: Counts = field(default_factory=Counts)
    clock_skew_s: float = 0.0
    _busy: dict[asyncio.Task[Response], Call] = field(default_factory=dict)
    _date: str = ""
    _quiet_until: float = 0.0  # the platform asked to be left alone
    _closed: dict[tuple[str, str, int], tuple[float, float]] = field(default_factory=dict)

    def begin(self) -> None:
        """Start a run: its caps and its patience count from now."""
        now = self.clock()
        self.counts = Counts()
        self._ends = now + self.limits.run_s
        self._told = now
        self._heard = now  # when an answer came last
        self._quiet_until = now
        self._width = float(self.limits.connections)  # how many side by side; fewer after each 429
        self._over = ""  # why nothing is asked any more

    @property
    def quiet_s(self) -> float:
        """Return for how many seconds more a platform wants to be left alone; 0.0 where none does."""
        asked = (self._quiet_until, *(until for until, _ in self._closed.values()))
        return max(0.0, max(asked) - self.clock())

    async def ask(self, calls: Sequence[Call]) -> None:
        """Set each call's outcome."""
        self._ready = deque(calls)
        self._later: list[tuple[float, int, Call]] = []  # a heap
        self._allowance = Allowance(self.limits.body_octets)
        try:
            while self._ready or self._later or self._busy:
                self._start()
                if self._over:
                    break
                for task in await self._rest():
                    call = self._busy.pop(task)
                    call.outcome = self._receive(call, task)
                self._tick()
        finally:
            left, self._busy = self._busy, {}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        for call in calls:
            if call.outcome is None:
                text, status = call.last or ("", None)
                call.outcome = _unavailable(call, f"{text}, {self._over}" if text else self._over, status)

    def _start(self) -> None:
        """Send what may be sent now."""
        limits, now = self.limits, self.clock()
        if now >= self._ends:
            self._over = f"the run is given up after {limits.run_s:g} s"
        elif now >= self._heard + limits.patience_s:
            self._over = f"given up: no answer to anything for {limits.patience_s:g} s"
        due = []
        while self._later and self._later[0][0] <= now:
            due.append(heapq.heappop(self._later)[2])
        self._ready.extendleft(reversed(due))  # before those that were not asked yet
        while self._ready and len(self._busy) < int(self._width) and now >= self._quiet_until and not self._over:
            if self.counts.requests >= limits.requests:
                self._over = f"more than {limits.requests:,} requests in one run"
                return
            call = self._ready.popleft()
            call.since = now if call.since < 0 else call.since
            until, asked_s = self._closed.get(_server(call), (now, 0.0))
            if now < until:
                text = f"not asked, as the platform asks to be left alone for {asked_s:.0f} s"
                call.outcome = _unavailable(call, text)
                continue
            call.tries += 1
            self.counts.requests += 1
            self._busy[asyncio.create_task(self.exchange(call.message, self._allowance))] = call

    async def _rest(self) -> set[asyncio.Task[Response]]:
        """Wait until an answer comes, or something may be sent; return what came."""
        now = self.clock()
        until = min(self._ends, self._heard + self.limits.patience_s, self._told + _TICK_S)
        if len(self._busy) < int(self._width):
            if self._ready:
                until = min(until, self._quiet_until)
            if self._later:
                until = min(until, max(self._later[0][0], self._quiet_until))
        if self._busy:
            came, _ = await asyncio.wait(self._busy, timeout=max(0.0, until - now), return_when=asyncio.FIRST_COMPLETED)
            return came
        if (self._ready or self._later) and until > now:
            self.sleep(until - now)  # it may stop the thread: nobody else is on it
        return set()

    # Answers: each of these returns the call's outcome, None where it is asked again.

    def _receive(self, call: Call, task: asyncio.Task[Response]) -> Answer | Unavailable | None:
        try:
            response = task.result()
        except Failed as failed:
            if call.request.may_repeat and failed.may_help and call.tries < self.limits.attempts:
                self._again(call, self.clock() + backoff(call.tries, self.limits, self.jitter()), str(failed))
                return None
            return _unavailable(call, str(failed))
        self._note_date(response.headers.get("date", ""))
        status = response.status
        if status in (408, 429) or status >= 500 or (status in _REDIRECTS and "location" in response.headers):
            self._allowance.left += len(response.body)  # nobody gets to see it
            return self._redirected(call, response) if status in _REDIRECTS else self._refused(call, response)
        self._heard = self.clock()
        self._width = min(self._width + 0.1, self.limits.connections)
        self.counts.answers += 1
        self.counts.octets += len(response.body)
        self._tell(call)
        return Answer(call.request, status, response.headers, response.body)

    def _refused(self, call: Call, response: Response) -> Unavailable | None:
        """Ask again what the platform could not answer now, if that may help."""
        status, limits, now = response.status, self.limits, self.clock()
        text = f"HTTP {status}"
        if status == 429:
            self._width = max(1.0, self._width / 2)
        if call.request.may_repeat and status in REPEATED:
            asked_s = retry_after(response.headers, self.now())
            wait_s = backoff(call.tries if asked_s is None else 1, limits, self.jitter())
            at = now + max(wait_s, asked_s or 0.0)
            if asked_s is not None and asked_s > limits.longest_retry_after_s:
                text += f", and asks to be left alone for {asked_s:.0f} s"
                if status in PATIENT:
                    self._closed[_server(call)] = now + asked_s, asked_s
            elif self._may_wait(call, status, at):
                if status in PATIENT and (status == 429 or asked_s is not None):
                    self._quiet_until = max(self._quiet_until, at)
                self._again(call, at, text, status)
                return None
        return _unavailable(call, text, status)

    def _may_wait(self, call: Call, status: int, at: float) -> bool:
        """Return whether to ask again: that others were answered tells a broken record from a busy platform."""
        if status == 429 or (status in PATIENT and self._heard <= call.since):
            return at <= min(call.since, self._heard) + self.limits.patience_s
        return call.tries < self.limits.attempts

    def _again(self, call: Call, at: float, why: str, status: int | None = None) -> None:
        call.last = why, status
        self.counts.repeated += 1
        heapq.heappush(self._later, (at, call.place, call))
        self._tell(call)

    def _redirected(self, call: Call, response: Response) -> Unavailable | None:
        message, status = call.message, response.status
        if message.method != "GET":
            return _unavailable(call, f"HTTP {status}: a redirect, which is followed for GET alone")
        if call.redirects >= self.limits.redirects:
            return _unavailable(call, f"HTTP {status}: more than {self.limits.redirects} redirects")
        try:
            target = message.address.redirected(message.target, response.headers["location"])
        except InvalidUrl as error:
            return _unavailable(call, f"HTTP {status}: redirected to what {error}; that is refused")
        call.redirects += 1
        call.tries -= 1
        call.message = replace(message, target=target)
        self._ready.appendleft(call)
        return None

    def _note_date(self, text: str) -> None:
        if text != self._date and (at := parse_date(text)) is not None:  # the same: nothing new
            self.clock_skew_s = max(self.clock_skew_s, at - self.now(), key=abs)
        self._date = text

    # What is told.

    def _tick(self) -> None:
        """Tell that it goes on, where nothing was told for a while."""
        if self.clock() >= self._told + _TICK_S:
            waiting = [*self._busy.values(), *(call for *_, call in self._later), *self._ready]
            if waiting:
                self._tell(waiting[0])

    def _tell(self, call: Call) -> None:
        self._told = self.clock()
        if self.progress is not None:
            self.progress(call.request.what, self.counts)


def _server(call: Call) -> tuple[str, str, int]:
    address = call.message.address
    return address.scheme, address.host, address.port


def _unavailable(call: Call, text: str, status: int | None = None) -> Unavailable:
    tries = f" ({call.tries} attempts)" if call.tries > 1 else ""
    return Unavailable(f"{call.request.what}: {text}{tries}", status=status)
