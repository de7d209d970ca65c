"""What does a small request to a platform cost us, with all its limits, beside httpx's client in threads?

    python -m benchmarks.transport [--requests N] [--wait-ms MS] [--rounds N]

A server in a process of its own answers 600 octets to each request of 1 kB. Ours asks lists of 256, eight at a
time on one thread; httpx.Client one connection in each of eight threads. Both in turn, A B A B, every answer checked.
"""

import asyncio
import contextlib
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import click
import httpx

from provisioning.platforms import Exchange, Request
from provisioning.transport import Limits, Transport

_CONNECTIONS, _LIST = 8, 256
_ASKED = b'{"AccessToken":"' + b"t" * 900 + b'"}'
_ANSWERED = b'{"KeysInKeyPools":"' + b"k" * 580 + b'"}'
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_ANSWERED)


class _Answering(asyncio.Protocol):
    """Answers each POST whose body is as long as ours."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s, self._came = wait_s, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write: Callable[[bytes], None] = transport.write  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0 and len(self._came) >= end + 4 + len(_ASKED):
            self._came = self._came[end + 4 + len(_ASKED) :]
            if self._wait_s:
                asyncio.get_running_loop().call_later(self._wait_s, self._write, _HEAD + _ANSWERED)
            else:
                self._write(_HEAD + _ANSWERED)


def _serve(wait_s: float, told: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Answering(wait_s), "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextlib.contextmanager
def _platform(wait_s: float) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(wait_s, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.kill()
        process.join()


def _with_ours(url: str, count: int) -> int:
    def connector() -> Exchange[int]:
        right = 0
        for start in range(0, count, _LIST):
            size = min(_LIST, count - start)
            requests = [Request(method="POST", path="/keys", what="keys", body=_ASKED) for _ in range(size)]
            answers = yield requests
            right += sum(answer.body == _ANSWERED for answer in answers)
        return right

    with Transport(url, Limits(connections=_CONNECTIONS)) as transport:
        return transport.run(connector())


def _with_httpx(url: str, count: int) -> int:
    right = []

    def ask() -> None:
        with httpx.Client(trust_env=False) as client:
            answers = (client.post(f"{url}/keys", content=_ASKED).content for _ in range(count // _CONNECTIONS))
            right.append(sum(answer == _ANSWERED for answer in answers))

    threads = [threading.Thread(target=ask) for _ in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(right)


def _cost(ask: Callable[[str, int], int], url: str, count: int) -> tuple[float, float]:
    """Return the microseconds of our CPU, and of the clock, for one request."""
    cpu, clock = time.process_time(), time.perf_counter()
    if ask(url, count) != count:
        raise click.ClickException("an answer is wrong")
    return (time.process_time() - cpu) / count * 1e6, (time.perf_counter() - clock) / count * 1e6


@click.command()
@click.option("--requests", default=8192, show_default=True, type=click.IntRange(min=_LIST))
@click.option("--wait-ms", default=0.0, show_default=True, help="Before each answer.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(min=1))
def main(requests: int, wait_ms: float, rounds: int) -> None:
    """Print microseconds for each request, the median of the rounds."""
    requests -= requests % _CONNECTIONS
    with _platform(wait_ms / 1000) as url:
        _with_ours(url, _LIST)
        pairs = [(_cost(_with_ours, url, requests), _cost(_with_httpx, url, requests)) for _ in range(rounds)]
    for name, costs in zip(("ours", "httpx.Client"), zip(*pairs, strict=True), strict=True):
        cpu, clock = (statistics.median(each) for each in zip(*costs, strict=True))
        click.echo(f"{name:14} {cpu:7.1f} us of CPU {clock:9.1f} us of the clock")


if __name__ == "__main__":
    main()
