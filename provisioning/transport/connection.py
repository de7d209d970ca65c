"""One connection to a platform: HTTP/1.1 (RFC 9112) as h11 reads and writes it, over TCP and TLS.

h11 is the part of httpx that speaks HTTP; it is used without httpx's client and pool because lists of 100,000 requests
are asked. 1 kB answered with 600 octets over loopback, eight connections, CPU of this side: httpx.HTTPTransport in
threads 408 us, httpcore.HTTPConnection in threads 267 us, h11 on one thread that polls 70 us; with all that is around
it 100 us, where httpx.Client takes 330 (benchmarks/transport.py).

Sending waits; reading does not: whoever polls calls `receive` when something is there, `give_up` past the time.
"""

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NoReturn

import h11

from .address import Address
from .body import Allowance, Body, BodyRefused

_CHUNK: Final = 256 << 10
_MOST_HEADER_OCTETS: Final = 64 << 10
_UNKEPT: Final = {"set-cookie", "set-cookie2"}
_CERTIFICATE: Final = {  # X509_V_ERR_...
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by itself, and not in ca_file",
    19: "is signed by nobody that this machine trusts (ca_file names whom else to trust)",
    20: "is signed by nobody that this machine trusts (ca_file names whom else to trust)",
    62: "is for another name",
    64: "is for another address",
}


class Failed(Exception):  # noqa: N818 (reads as what it is)
    """No answer. The text says why, with nothing secret.

    may_help: whether asking again may bring one
    was_idle: nothing came on a connection that had been used before: the server closed it meanwhile
    """

    def __init__(self, text: str, *, may_help: bool = True, was_idle: bool = False) -> None:
        super().__init__(text)
        self.may_help = may_help
        self.was_idle = was_idle


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it goes out."""

    method: str
    target: str = field(repr=False)
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Connection:
    """A connection; raises Failed wherever something goes wrong, and is closed then."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None) -> None:
        self.address = address
        self._tls = tls
        self._socket: socket.socket | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEADER_OCTETS)
        self._answers = 0
        self._octets_in = False  # of the answer that is awaited
        self._heard = 0.0
        self._ends = 0.0
        self._read_s = 0.0
        self._head: h11.Response | None = None
        self._headers: dict[str, str] = {}
        self._body: Body | None = None
        self._allowance = Allowance(0)

    def fileno(self) -> int:
        assert self._socket is not None  # noqa: S101
        return self._socket.fileno()

    @property
    def is_usable(self) -> bool:
        """Return whether another request can be sent: not where the server closed it, or says what nobody asked for."""
        return (
            self._socket is not None
            and self._http.our_state is h11.IDLE
            and not (self.is_used and _wait(self._socket, select.POLLIN, 0))
        )

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    @property
    def is_used(self) -> bool:
        return self._answers > 0

    def open(self, timeout_s: float) -> None:
        """Connect, TLS included."""
        until = time.monotonic() + timeout_s
        try:
            plain = socket.create_connection((self.address.host, self.address.port), timeout=timeout_s)
        except TimeoutError:
            raise Failed(f"no connection within {timeout_s:g} s") from None
        except (OSError, UnicodeError) as error:
            raise Failed(f"no connection: {_reason(error)}") from None
        self._socket = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                self._shake_hands(self._tls, until, timeout_s)
        except BaseException:
            self.close()
            raise

    def _shake_hands(self, tls: ssl.SSLContext, until: float, timeout_s: float) -> None:
        assert self._socket is not None  # noqa: S101
        try:
            self._socket.setblocking(False)
            secure = tls.wrap_socket(self._socket, server_hostname=self.address.host, do_handshake_on_connect=False)
            self._socket = secure
            while True:
                try:
                    return secure.do_handshake()
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                    wants = select.POLLIN if isinstance(error, ssl.SSLWantReadError) else select.POLLOUT
                    if not _wait(secure, wants, until - time.monotonic()):
                        raise Failed(f"no TLS within {timeout_s:g} s") from None
        except ssl.SSLCertVerificationError as error:
            text = _CERTIFICATE.get(error.verify_code, "cannot be verified")
            raise Failed(f"the certificate of {self.address.host} {text}", may_help=False) from None
        except ssl.SSLError as error:
            raise Failed(f"no TLS: {error.reason or 'not what TLS looks like'}") from None
        except OSError as error:
            raise Failed(f"no TLS: {_reason(error)}") from None

    def send(self, message: Message, allowance: Allowance, *, read_s: float, request_s: float) -> None:
        """Send a request; its answer comes by `receive`."""
        assert self._socket is not None  # noqa: S101
        try:
            octets = self._http.send(h11.Request(method=message.method, target=message.target, headers=message.headers))
            if message.body:
                octets = (octets or b"") + (self._http.send(h11.Data(data=message.body)) or b"")
            octets = (octets or b"") + (self._http.send(h11.EndOfMessage()) or b"")
        except h11.LocalProtocolError:
            self.close()
            raise Failed("its path or a header has something in it that HTTP cannot carry", may_help=False) from None
        self._heard = time.monotonic()
        self._ends, self._read_s = self._heard + request_s, read_s
        self._allowance, self._octets_in = allowance, False
        try:
            self._socket.settimeout(read_s)
            self._socket.sendall(octets)
            self._socket.setblocking(False)
        except OSError as error:  # a server that refuses a request may have answered before all of it was sent
            if not _wait(self._socket, select.POLLIN, 0):
                self._fail(f"the connection broke off: {_reason(error)}")
            self._socket.setblocking(False)

    def receive(self) -> Response | None:
        """Read what is there; return the answer when it is complete."""
        assert self._socket is not None  # noqa: S101
        while True:
            try:
                octets = self._socket.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None
            except ssl.SSLEOFError:
                octets = b""
            except OSError as error:
                self._fail(f"the connection broke off: {_reason(error)}")
            if octets:
                self._heard, self._octets_in = time.monotonic(), True
            try:
                self._http.receive_data(octets)
                answer = self._next()
            except h11.RemoteProtocolError:  # its text repeats what came
                self._fail("the answer is cut short, or not HTTP" if self._octets_in else "no answer")
            except BodyRefused as error:
                self._fail(f"the answer {error}", may_help=error.may_help)
            if answer is not None or (len(octets) < _CHUNK and self._tls is None):
                return answer

    def _next(self) -> Response | None:
        """Return the answer, if it is complete."""
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Data):
                assert self._body is not None  # noqa: S101
                self._body.add(bytes(event.data))
            elif isinstance(event, h11.Response):
                self._head = event
                self._headers = _join(event.headers)
                self._body = Body(self._headers.get("content-encoding", "").strip().lower(), self._allowance)
            elif isinstance(event, h11.EndOfMessage):
                return self._finish()
            elif isinstance(event, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("no answer")
            elif event is h11.NEED_DATA:
                return None
            elif event is h11.PAUSED:  # an upgrade that nobody asked for
                raise h11.RemoteProtocolError("another protocol")

    def _finish(self) -> Response:
        assert self._head is not None  # noqa: S101
        assert self._body is not None  # noqa: S101
        response = Response(self._head.status_code, self._headers, self._body.finish())
        self._head, self._body = None, None
        self._answers += 1
        states = self._http.our_state, self._http.their_state
        if states == (h11.DONE, h11.DONE) and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
        else:
            self.close()
        return response

    @property
    def left_s(self) -> float:
        """Return how much longer the answer may take, or its next octet."""
        return min(self._ends, self._heard + self._read_s) - time.monotonic()

    def give_up(self) -> NoReturn:
        """Raise Failed for an answer that takes too long."""
        whole = time.monotonic() >= self._ends
        self._fail("the answer takes too long" if whole else f"nothing came for {self._read_s:g} s")

    def _fail(self, text: str, *, may_help: bool = True) -> NoReturn:
        was_idle = self.is_used and not self._octets_in
        self.close()
        raise Failed(text, may_help=may_help, was_idle=was_idle)

    def close(self) -> None:
        """Close it; what was read of an answer is given up."""
        if self._body is not None:
            self._body.discard()
            self._body = None
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None


def _join(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw, octets in headers:
        name = raw.decode("ascii")
        if name not in _UNKEPT:
            value = octets.decode("latin-1")
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _wait(readable: socket.socket, events: int, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(readable, events)
    return bool(poll.poll(max(0, timeout_s) * 1000))


def _reason(error: Exception) -> str:
    """Return why, in the system's words."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, UnicodeError):
        return "the host is no name"
    return (error.strerror if isinstance(error, OSError) and error.strerror else "") or type(error).__name__
