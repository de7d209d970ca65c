"""What the test platforms share: a small HTTP server that answers for buildings, and the faults it can be told to have.

A platform of one vendor is a subclass: `answer` gets one request and returns one reply, as that vendor's document says.
Nothing here is lenient: what the document does not allow is refused.
"""

import contextlib
import json
import socket
import socketserver
import ssl
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from .building import Building
from .faults import CONTENT, DOCTYPE, LAUGHS, WIRE, Fault, Faults, cut_in_a_character, echo, tamper

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
XML = "application/xml; charset=utf-8"
_LONGEST_LINE, _MOST_HEADERS, _LARGEST_BODY = 65536, 100, 1 << 20
_CHUNK = b" " * (1 << 20)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; names of headers in lower case."""

    method: str
    target: str  # as sent: path and query
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path as sent, without the query."""
        return urlsplit(self.target).path

    @property
    def parts(self) -> tuple[str, ...]:
        """The path's segments, percent-decoded; a closing slash leaves an empty one at the end."""
        return tuple(unquote(part) for part in self.path.split("/")[1:])

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; raises `Refused` with 400 where one is given twice."""
        pairs = parse_qsl(urlsplit(self.target).query, keep_blank_values=True)
        if len(dict(pairs)) < len(pairs):
            raise Refused(400, "parameter given twice")
        return dict(pairs)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 (it is an answer, not our error)
    """A request that the document does not allow, and the status it gets."""

    def __init__(self, status: int, text: str = "", **members: Any) -> None:
        super().__init__(text)
        self.status, self.text, self.members = status, text, members


def as_json(value: Any) -> bytes:
    """Return the JSON octets of a value, other scripts as themselves."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class TestPlatform:
    """A server for `buildings` as they are at `clock()`, on a port of 127.0.0.1 unless told; a context manager.

    `url` is the base that goes into a connector's configuration; `requests` holds what came, the newest last.
    """

    __test__ = False
    prefix = ""  # of every path: part of the base URL
    lags: Collection[timedelta] = (timedelta(0),)  # after a tenancy's boundaries, at which it is rendered otherwise
    spoilable = ""  # the member of a record that the fault `WRONG_TYPE` replaces

    def __init__(
        self,
        buildings: Sequence[Building],
        *,
        clock: Callable[[], datetime],
        tls: ssl.SSLContext | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.buildings = {building.venue_id: building for building in buildings}
        self.clock = clock
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=50_000)
        self.tls = tls
        self.broken: list[Exception] = []  # errors of the test platform itself: leaving the context raises the first
        self._lock = threading.RLock()
        self._rendered: dict[tuple[str, str], tuple[int, datetime, datetime, Any]] = {}
        self._server = _Server(self, address)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://{address[0]}:{self._server.server_address[1]}{self.prefix}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()  # lets go of what is stalled
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        if self.broken and error is None:
            raise self.broken[0]

    def answer(self, request: Request) -> Reply:
        """Return what the platform answers; called for one request at a time."""
        raise NotImplementedError

    def refusal(self, refused: Refused) -> Reply:
        """Return an error in the platform's words."""
        return Reply(refused.status, as_json({"message": refused.text, **refused.members}))

    def expire_tokens(self) -> None:
        """Make every token that was given out invalid; nothing where tokens are configured by hand."""

    # For subclasses.

    def once(self, name: str, building: Building, render: Callable[[datetime], _T]) -> _T:
        """Return what `render` returns for the clock's value; rendered again only when that can have changed."""
        now = self.clock()
        known = self._rendered.get((name, building.venue_id))
        if known is None or known[0] != building.version or not known[1] <= now < known[2]:
            until = building.next_change(now, self.lags) or datetime.max.replace(tzinfo=UTC)
            known = self._rendered[name, building.venue_id] = (building.version, now, until, render(now))
        return known[3]

    def page(
        self,
        request: Request,
        whole: Sequence[_T],
        record: Callable[[_T], dict[str, Any]],
        start: int = 0,
        size: int | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """Return the records of a page of a list and the total to state, spoilt where a fault is due."""
        page = [record(item) for item in (whole[start:] if size is None else whole[start : start + size])]
        fault = self.faults.take(request.target, CONTENT)
        return (page, len(whole)) if fault is None else tamper(fault, page, len(whole), self.spoilable)

    # One request, on its connection's thread.

    def serve(self, request: Request) -> tuple[Reply, Fault | None]:
        """Return the reply to a request, and the fault with which to send it."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.take(request.target, WIRE)
            if fault is not None and (instead := self._instead(fault, request)):
                return instead, None
            try:
                reply = self.answer(request)
            except Refused as refused:
                reply = self.refusal(refused)
            except Exception as error:
                self.broken.append(error)
                reply = Reply(500)
        return reply, fault

    def _instead(self, fault: Fault, request: Request) -> Reply | None:
        match fault.kind:
            case "html":
                return Reply(200, b"<!DOCTYPE html><title>Sign in</title><p>Your session is being prepared.", HTML)
            case "rate_limited":
                return Reply(429, b"{}", headers={} if fault.value is None else {"Retry-After": str(fault.value)})
            case "unavailable":
                return Reply(503, b"<h1>Maintenance</h1>", HTML)
            case "redirect":
                return Reply(302, headers={"Location": str(fault.value or "http://127.0.0.2:9/elsewhere")})
            case "echo":
                return Reply(500, echo(request.headers, request.body), HTML)
            case "doctype" | "laughs":
                return Reply(200, DOCTYPE if fault.kind == "doctype" else LAUGHS, XML)
            case "token_expired":
                self.expire_tokens()
                return None if self.tokens_expire else self.refusal(Refused(self.bad_token, "token expired"))
        return None

    tokens_expire = False  # whether `expire_tokens` does something
    bad_token = 401


class _Server(socketserver.ThreadingTCPServer):
    """One thread for each connection; connections are kept alive."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, platform: TestPlatform, address: tuple[str, int]) -> None:
        self.platform = platform
        self._open: set[socket.socket] = set()
        super().__init__(address, _Connection)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection; TLS shakes hands here, so that a slow client holds up nobody else."""
        if self.platform.tls is not None:
            try:
                request = self.platform.tls.wrap_socket(request, server_side=True)
            except OSError:  # the client would not have our certificate
                request.close()
                return
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away."""

    def hang_up(self) -> None:
        """Close all connections."""
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(socketserver.StreamRequestHandler):
    """Requests of one connection, one after the other."""

    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        """Serve until the client or a fault ends the connection."""
        with contextlib.suppress(OSError):
            while (request := self._read()) is not None:
                reply, fault = self.server.platform.serve(request)
                if not self._send(reply, fault) or request.headers.get("connection", "").lower() == "close":
                    return

    def _read(self) -> Request | None:
        line = self.rfile.readline(_LONGEST_LINE)
        words = line.decode("latin-1").split()
        if len(words) != 3 or words[2] != "HTTP/1.1" or not words[1].startswith("/"):
            if line:
                self._send(Reply(400), None)
            return None
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(_LONGEST_LINE)) not in (b"\r\n", b""):
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or len(headers) >= _MOST_HEADERS:
                self._send(Reply(400), None)
                return None
            headers[name.lower()] = value.strip()
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdecimal() or int(length) > _LARGEST_BODY:
            self._send(Reply(411), None)
            return None
        return Request(words[0], words[1], headers, self.rfile.read(int(length)))

    def _send(self, reply: Reply, fault: Fault | None) -> bool:
        """Send a reply; return whether the connection goes on."""
        kind = fault.kind if fault else None
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            return False
        if fault is not None and kind == "stall":
            fault.released.wait(None if fault.value is None else float(fault.value))
        if fault is not None and kind == "huge":
            return self._send_huge(reply, int(fault.value or 1 << 30))
        body = cut_in_a_character(reply.body) if kind == "half_character" else reply.body
        lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}", f"Content-Type: {reply.type}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        head = "\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode("latin-1")
        if kind == "cut_short":
            self.wfile.write(head + body[: len(body) // 2])
            return False
        self.wfile.write(head + body)
        return True

    def _send_huge(self, reply: Reply, octets: int) -> bool:
        """Send the reply after so many blanks, which JSON and a careless reader both take: no length is told before."""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {reply.type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.wfile.write(head.encode())
        while octets > 0:
            part = _CHUNK[:octets]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            octets -= len(part)
        self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(reply.body), reply.body))
        return True


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
