"""A run: a connector's generator, and the answers to what it asks."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ..platforms import Answer, Exchange, Request, Unavailable
from .address import Address, InvalidUrl
from .client import Allowance, Client, Message, Response
from .lanes import Call, Counts, Lanes
from .limits import Limits

T = TypeVar("T")


class Transport:
    """Runs generators against one platform; a context manager that closes its connections. For one thread.

    clock_skew_s: by how much the platform's clock was ahead of ours (behind: negative), where it differed most
    """

    def __init__(
        self,
        url: str,
        limits: Limits = Limits(),  # noqa: B008 (it is frozen)
        *,
        ca_file: Path | None = None,
        progress: Callable[[str, Counts], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """url: the base; raises InvalidUrl

        progress: called for each answer, for each request that is asked again, and every 10 s while nothing comes, with
            what that is about; what it or `sleep` raises comes out of `run`
        clock, now: seconds, of what waits and of patience, and seconds since 1970; a socket's time is the system's
        jitter: 0 to 1
        """
        self._address = Address.parse(url)
        self._limits = limits
        self._ca_file = ca_file
        self._client: Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes = Lanes(
            limits=limits, exchange=self._exchange, progress=progress, clock=clock, now=now, sleep=sleep, jitter=jitter
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def counts(self) -> Counts:
        return self._lanes.counts

    @property
    def clock_skew_s(self) -> float:
        return self._lanes.clock_skew_s

    @property
    def quiet_s(self) -> float:
        """Return for how many seconds more the platform wants to be left alone."""
        return self._lanes.quiet_s

    def close(self) -> None:
        """Close its connections."""
        if self._loop is not None:
            if self._client is not None:
                self._wait(self._client.close())
            self._wait(asyncio.sleep(0))  # sockets are closed a turn later
            self._loop.close()
        self._client = self._loop = None

    def run(self, exchange: Exchange[T]) -> T:
        """Return what the generator returns; what it raises passes. Patience and caps count from here."""
        self._lanes.begin()
        reply: object = None
        error: Unavailable | None = None
        try:
            while True:
                try:
                    asked = exchange.send(reply) if error is None else exchange.throw(error)
                except StopIteration as stop:
                    result: T = stop.value
                    return result
                reply = error = None
                if isinstance(asked, Request):
                    (one,) = self._ask([asked])
                    reply, error = (None, one) if isinstance(one, Unavailable) else (one, None)
                else:
                    reply = self._ask(asked)
        finally:
            exchange.close()

    def _ask(self, requests: Sequence[Request]) -> list[Answer | Unavailable]:
        made = [self._call(place, request) for place, request in enumerate(requests)]
        self._wait(self._lanes.ask([each for each in made if isinstance(each, Call)]))
        outcomes = [each.outcome if isinstance(each, Call) else each for each in made]
        return [outcome for outcome in outcomes if outcome is not None]

    def _call(self, place: int, request: Request) -> Call | Unavailable:
        address = self._address
        if request.url is None:
            target = address.target(request.path, request.query)
        else:
            try:
                address, target = Address.parse_whole(request.url)
            except InvalidUrl as error:
                return Unavailable(f"{request.what}: its URL {error}")
            if request.query:
                target = Address(scheme="", host="", port=0, path="").target(target, request.query)
        headers = [
            (b"User-Agent", _user_agent()),
            (b"Accept-Encoding", b"gzip"),
            *((name.encode(), value.encode()) for name, value in request.headers),
        ]
        return Call(place, request, Message(request.method, address, target, headers, request.body))

    async def _exchange(self, message: Message, allowance: Allowance) -> Response:
        if self._client is None:
            self._client = Client(self._limits, self._ca_file)
        return await self._client.ask(message, allowance)

    def _wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run this on this thread. An interrupt (Ctrl-C) comes out at once, when what is under way is given up."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        task = self._loop.create_task(coroutine)
        try:
            self._loop.run_until_complete(task)
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    self._loop.run_until_complete(task)
            elif not task.cancelled():
                task.exception()  # or asyncio logs it as one that nobody saw


@cache
def _user_agent() -> bytes:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"latchkey/{version('latchkey-radius')}".encode()
    except PackageNotFoundError:
        return b"latchkey"
