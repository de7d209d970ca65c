"""A reply leaves from the address that was asked: on a host with several, to a socket that listens on all of them."""

import socket
import subprocess
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from radiusd import DIALECTS, Lookup, Question
from radiusd.codec import encode_accounting
from radiusd.model import Attribute

SSID = Ssid(b"Hudson House")
KNOWN = MacAddress(b"\2\0\0\0\2\7")

EVERYWHERE = "0.0.0.0"  # noqa: S104
# Where it listens, and which addresses of it are asked: 127.0.0.1 would be the source of replies to 127.0.0.0/8.
PLACES = [
    (EVERYWHERE, ["127.0.0.2", "127.0.0.1"]),
    ("::", ["::1", "127.0.0.2", "::ffff:127.0.0.2"]),
    ("127.0.0.2", ["127.0.0.2"]),
    ("::1", ["::1"]),
]
ASKED = [(listen, asked) for listen, addresses in PLACES for asked in addresses]


@pytest.fixture
def house(house):
    house.store.nases.add(ip_network("127.0.0.0/8"), b"testing123", name="loopback", venue_id=house.venue.id)
    house.store.nases.add(ip_network("::1/128"), b"testing123", name="loopback 6", venue_id=house.venue.id)
    house.add_key(SSID, b"right-passphrase", identity="Ann", vlan=110, devices=(KNOWN,))
    return house


def connect(address, port):
    """Return a socket that hears `address` and nobody else, as an access point does."""
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    one.connect((address, port))
    one.settimeout(5)
    return one


def exchange(one, datagram):
    one.send(datagram)
    return one.recv(4096)


@pytest.mark.parametrize(("listen", "asked"), ASKED)
def test_every_answer_comes_from_the_address_that_was_asked(house, running, handshake, listen, asked):
    """Of a search, of the engine, of the fast path, repeated: each reaches a socket that hears this address only."""
    with running(house, listen=listen) as server, connect(asked, server.addresses[0][1]) as one:
        for identifier in range(3):
            question = house.question(handshake(b"right-passphrase"), identifier=identifier)
            reply = exchange(one, question.datagram)
            assert question.read(reply).passphrases == (b"right-passphrase",)
            assert exchange(one, question.datagram) == reply


@pytest.mark.parametrize(("listen", "asked"), ASKED)
def test_accounting_too(house, running, listen, asked):
    start = encode_accounting(7, [Attribute(40, (1).to_bytes(4)), Attribute(44, b"0123456789abcdef")], house.secret)
    with running(house, listen=listen) as server, connect(asked, server.acct_addresses[0][1]) as one:
        first = exchange(one, start)
        assert first[:2] == b"\5\7"
        assert exchange(one, start) == first


@pytest.mark.parametrize("way", ["engine", "fast path"])
def test_requests_that_differ_in_nothing_else_are_two(house, running, lines, way):
    """The same octets from the same source to two addresses of the server (RFC 5080 2.2.2)."""
    with running(house, listen=EVERYWHERE) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        port = server.addresses[0][1]

        def ask(question, address):
            one.sendto(question.datagram, (address, port))
            reply, source = one.recvfrom(4096)
            assert source == (address, port)
            assert question.read(reply).passphrases == (b"right-passphrase",)
            return reply

        def question(identifier):
            lookup = Lookup(device=KNOWN, ssid=SSID, aa=MacAddress(bytes(6)))
            # What comes by a proxy is the engine's.
            extra = [Attribute(33, b"proxy")] if way == "engine" else []
            return Question.ask(DIALECTS["hostapd"], lookup, house.secret, identifier=identifier, extra=extra)

        ask(question(1), "127.0.0.1")
        twice = question(2)
        replies = [ask(twice, address) for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2")]
        assert replies[0] == replies[2]
        assert replies[1] == replies[3]
        assert replies[0] != replies[1]  # another salt: answered on its own
    assert sum(" accept " in f" {line} " for line in lines()) == 3


@pytest.mark.peer("radclient")
@pytest.mark.parametrize("asked", ["127.0.0.2", "[::1]"])
def test_radclient_takes_the_answer(house, running, asked):
    """It drops what comes from an address that it has not asked."""
    text = (
        'User-Name = "020000000207", User-Password = "020000000207", '
        'Called-Station-Id = "02-00-00-00-00-00:Hudson House", Message-Authenticator = 0x00'
    )
    with running(house, listen="::") as server:
        command = ["radclient", "-x", "-r", "1", "-t", "2", f"{asked}:{server.addresses[0][1]}", "auth", "testing123"]
        result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, check=False)
    assert 'Tunnel-Password:0 = "right-passphrase"' in result.stdout
