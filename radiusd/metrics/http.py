"""GET /metrics over HTTP, from a thread of its own: a client that is slow, many or hostile delays no access point.

# Rule: bounded in everything: connections, octets read, seconds spent, and how often the text is made.

Not prometheus_client's own server, which has none of these bounds (0.26: ThreadingWSGIServer, a thread for each
connection for as long as its peer likes): a few thousand held connections would take the memory that holds the keys.
"""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable

from ..addresses import Address, render_address
from ..errors import ServeError
from ..log.handler import render_failure

log = logging.getLogger("radiusd")

_MAX_CONNECTIONS = 16
_MAX_CONNECTIONS_EACH = 4  # of one address
_MAX_HEAD = 8192
_TIMEOUT_S = 5.0
_FRESH_S = 0.5  # the numbers themselves are renewed once a second

Page = tuple[str, bytes]  # Content-Type and text
Render = Callable[[bool], Page]  # of OpenMetrics, where that is asked for


def bind_stream(address: Address) -> socket.socket:
    """Return a TCP socket that listens on the address; ServeError where that cannot be."""
    host, port = address
    try:
        family, kind, protocol, _, sockaddr = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServeError(f"cannot show metrics on {render_address(address)}: {error.strerror}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(sockaddr)
        bound.listen(_MAX_CONNECTIONS)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise ServeError(f"cannot show metrics on {render_address(address)}: {error.strerror}") from error
    return bound


class Endpoint:
    """Serves one page on a socket that listens already."""

    def __init__(self, listener: socket.socket, render: Render) -> None:
        self._listener = listener
        self._render = render
        self._pages: dict[bool, tuple[float, Page]] = {}
        self._connections: dict[asyncio.WriteTransport, str] = {}  # and whose, the oldest first
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End at once; the socket stays, for whoever comes next."""
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_TIMEOUT_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except Exception as error:
                log.error("error place=%s", render_failure(error))

    async def _serve(self) -> None:
        own = self._listener.dup()  # the server closes its own
        server = await asyncio.start_server(self._answer, sock=own, limit=_MAX_HEAD)
        async with server:
            await self._stopping.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str((writer.get_extra_info("peername") or ("",))[0])
        self._make_room(peer)
        self._connections[writer.transport] = peer
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._respond(head))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except Exception as error:
            log.error("error place=%s", render_failure(error))
        finally:
            self._connections.pop(writer.transport, None)
            writer.transport.abort()

    def _make_room(self, peer: str) -> None:
        """End the oldest connection of who has most, where there is no room: who asks and reads is never that slow."""
        counts = Counter(self._connections.values())
        if counts[peer] >= _MAX_CONNECTIONS_EACH:
            crowd = peer
        elif len(self._connections) >= _MAX_CONNECTIONS:
            crowd = max(counts, key=lambda other: counts[other])
        else:
            return
        oldest = next(each for each, whose in self._connections.items() if whose == crowd)
        del self._connections[oldest]
        oldest.abort()

    def _respond(self, head: bytes) -> bytes:
        """Return the whole answer to a request of this head."""
        line, _, rest = head.decode("latin-1").partition("\r\n")
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _page("400 Bad Request", "text/plain", b"not a request\n")
        method, target, _ = words
        if target.partition("?")[0] != "/metrics":
            return _page("404 Not Found", "text/plain", b"here is only /metrics\n")
        if method not in ("GET", "HEAD"):
            return _page("405 Method Not Allowed", "text/plain", b"GET it\n")
        kind, text = self._page("application/openmetrics-text" in _header(rest, "accept"))
        return _page("200 OK", kind, text, only_head=method == "HEAD")

    def _page(self, openmetrics: bool) -> Page:
        now = time.monotonic()
        made, page = self._pages.get(openmetrics, (-_FRESH_S, ("", b"")))
        if now - made >= _FRESH_S:
            page = self._render(openmetrics)
            self._pages[openmetrics] = now, page
        return page


def _header(lines: str, name: str) -> str:
    for line in lines.split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    return ""


def _page(status: str, kind: str, text: bytes, *, only_head: bool = False) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n"
    if status.startswith("405"):
        head += "Allow: GET, HEAD\r\n"
    return head.encode("ascii") + b"\r\n" + (b"" if only_head else text)
