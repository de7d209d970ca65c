"""A run: a connector's generator, and the answers to what it asks."""

import random
import ssl
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from ..platforms import Answer, Exchange, Request, Unavailable
from .address import Address, InvalidUrl
from .connection import Failed, Message
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
        self._lanes = Lanes(limits, self._tls, progress, clock=clock, now=now, sleep=sleep, jitter=jitter)

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

    def close(self) -> None:
        """Close its connections."""
        self._lanes.close()

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
        outcomes: list[Answer | Unavailable | None] = [None] * len(requests)
        calls = []
        for place, request in enumerate(requests):
            made = self._call(place, request)
            if isinstance(made, Unavailable):
                outcomes[place] = made
            else:
                calls.append(made)
        for call, outcome in self._lanes.ask(calls):
            outcomes[call.place] = outcome
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
            (b"Host", address.host_header.encode()),
            (b"User-Agent", _user_agent()),
            (b"Accept-Encoding", b"gzip"),
            *((name.encode(), value.encode()) for name, value in request.headers),
        ]
        if request.body is not None or request.method in ("POST", "PUT", "PATCH"):
            headers.append((b"Content-Length", b"%d" % len(request.body or b"")))
        return Call(place, request, address, Message(request.method, target, headers, request.body))

    def _tls(self) -> ssl.SSLContext:
        """Return what verifies certificates: the system's trust, or ca_file in its place."""
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ValueError):
            raise Failed("ca_file cannot be read as certificates", may_help=False) from None


@cache
def _user_agent() -> bytes:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"latchkey/{version('latchkey-radius')}".encode()
    except PackageNotFoundError:
        return b"latchkey"
