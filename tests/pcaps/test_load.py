"""The load generator against sockets that answer as they are told."""

import contextlib
import socket
import threading
import time

import pytest

from crypto import MacAddress, Ssid
from pcaps import LoadGenerator, SendError, Shot
from radiusd import DIALECTS, Lookup, Question, SharedSecret

SECRET = SharedSecret(b"testing123")
LOOKUP = Lookup(device=MacAddress(b"\2" * 6), ssid=Ssid(b"x"))


@contextlib.contextmanager
def echoing(silent=lambda _: False):
    """Run a server that sends each datagram back; its address, and what it has met: source address, identifier."""
    met, server = [], socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def serve():
        while True:
            datagram, source = server.recvfrom(4096)
            if not datagram:
                return
            met.append((source, datagram[1]))
            if not silent(datagram):
                server.sendto(datagram, source)

    with server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname(), met
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", server.getsockname())
            thread.join()


def shots(load, count, source=None):
    for _ in range(count):
        client, identifier = load.slot(source)
        yield Shot(Question.ask(DIALECTS["hostapd"], LOOKUP, SECRET, identifier=identifier), client)


def test_each_source_asks_in_turn_and_no_identifier_twice_at_a_time():
    addresses = [f"127.0.0.{n}" for n in range(1, 4)]
    with echoing() as (server, met), LoadGenerator(server, sockets=6, sources=addresses) as load:
        made = list(shots(load, 60))
        assert load.run(made, window=8) > 0
    assert [source[0] for source, _ in met[:3]] == addresses
    assert {address: sum(source[0] == address for source, _ in met) for address in addresses} == dict.fromkeys(
        addresses, 20
    )
    assert len(set(met)) == 60  # by port and identifier
    assert all(shot.seconds > 0 and shot.reply == shot.question.datagram for shot in made)


def test_one_source_alone():
    addresses = ["127.0.0.1", "127.0.0.2"]
    with echoing() as (server, met), LoadGenerator(server, sockets=4, sources=addresses) as load:
        load.run([*shots(load, 10, source=1), *shots(load, 2)], window=1)
    assert [source[0] for source, _ in met] == ["127.0.0.2"] * 10 + addresses


def test_a_window_bounds_what_is_under_way():
    """The server answers nothing, so no more than the window is ever sent before the first is given up."""
    with echoing(silent=lambda _: True) as (server, met), LoadGenerator(server, sockets=2) as load:
        made = list(shots(load, 9))
        load.run(made, window=3, timeout_s=0.2)
    assert len(met) == 9
    assert all(shot.seconds is None and shot.reply == b"" for shot in made)
    sent = [shot.sent for shot in made]
    assert all(later - earlier >= 0.2 for earlier, later in zip(sent, sent[3:], strict=False))


def test_an_identifier_under_way_is_not_used_again():
    """One socket: the 257th request waits until the first has been answered or given up."""
    with echoing(silent=lambda datagram: datagram[1] == 0) as (server, met), LoadGenerator(server, sockets=1) as load:
        made = list(shots(load, 258))
        load.run(made, timeout_s=0.3)
    assert [identifier for _, identifier in met].count(0) == 2
    assert [number for number, shot in enumerate(made) if shot.seconds is None] == [0, 256]
    assert made[256].sent - made[0].sent >= 0.3


def test_a_rate_is_kept_from_above():
    with echoing() as (server, _), LoadGenerator(server) as load:
        made, begun = list(shots(load, 21)), time.perf_counter()
        load.run(made, rate=200)
    assert all(shot.sent - begun >= number / 200 for number, shot in enumerate(made))


def test_what_is_not_accepted_goes_on_waiting():
    with echoing() as (server, _), LoadGenerator(server) as load:
        made, seen = list(shots(load, 4)), []
        load.run(made, timeout_s=0.1, accept=lambda shot, seconds: seen.append(seconds) or shot is not made[1])
    assert (len(seen), [shot.seconds is None for shot in made]) == (4, [False, True, False, False])


def test_shots_are_made_as_they_are_sent():
    """A load of millions must not stand in memory first."""
    drawn = []
    with echoing() as (server, met), LoadGenerator(server, sockets=1) as load:

        def lazily():
            for shot in shots(load, 50):
                drawn.append(len(met))
                yield shot

        load.run(lazily(), window=1)
    assert drawn[-1] >= 48


def test_no_server_and_no_such_source_are_one_error():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        server = free.getsockname()
    with LoadGenerator(server, sockets=1) as load, pytest.raises(SendError, match="Connection refused"):
        load.run(shots(load, 1000), window=2)
    with pytest.raises(SendError, match=f"cannot ask 127.0.0.1:{server[1]}: "):
        LoadGenerator(server, sources=["192.0.2.1"])
    with pytest.raises(SendError, match=r"cannot ask name\.invalid:1812: "):
        LoadGenerator(("name.invalid", 1812))
