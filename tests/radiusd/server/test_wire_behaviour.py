"""What an access point meets on the wire: RFC 5080 2.2.2, RFC 3579 3.2 and CVE-2024-3596, RFC 5997, RFC 2865 5.44.

A running server on a port of its choice. Requests are made and replies are checked here, octet by octet with hashlib
and hmac, and by pyrad: nothing of the server's codec is used. Where no answer must come, another request follows whose
answer is then the first: the server takes one datagram after the other, so nothing has to be waited for.
"""

import contextlib
import hashlib
import hmac
import os
import socket
import threading
import time
from datetime import timedelta
from ipaddress import ip_network

import pytest
from pyrad.dictionary import Dictionary
from pyrad.packet import AuthPacket

from crypto import MacAddress, Ssid
from radiusd import Engine
from radiusd.config import parse_config
from radiusd.engine.journal import Journal
from radiusd.engine.transaction import Search
from radiusd.server.frontend import FrontEnd
from radiusd.server.pyrad_server import PyradServer

# Of the house only its store is used: the server that runs has an engine of its own.
SECRET = b"testing123"
SSID = Ssid(b"Hudson House")
KNOWN, STRANGER, EXPIRED = b"020000000201", b"020000000299", b"020000000203"
STRICT, LENIENT, CISCO = "127.0.0.1", "127.0.0.2", "127.0.0.3"
ACCEPT, REJECT = 2, 3
M2 = (11344).to_bytes(4) + b"\2"
MARKER = 255  # identifier of the request whose answer comes first where no other must


def pack(kind, value):
    return bytes((kind, len(value) + 2)) + value


def hide(clear, authenticator):
    """Return one block under the User-Password cipher (RFC 2865 5.2)."""
    pad = hashlib.md5(SECRET + authenticator).digest()
    return bytes(a ^ b for a, b in zip(clear.ljust(16, b"\0"), pad, strict=True))


def lookup(name=KNOWN, *, identifier=1, authenticator=None, extra=b"", sign=True, mac=None, ssid=SSID.value):
    """Return an Access-Request that asks by the device's address."""
    authenticator = os.urandom(16) if authenticator is None else authenticator
    called = b"02-00-00-00-00-00:" + ssid
    calling = bytes.fromhex(name.decode()).hex("-").upper().encode()
    octets = pack(1, name) + pack(2, hide(name, authenticator)) + pack(30, called) + pack(31, calling) + extra
    return finish(1, identifier, authenticator, octets, sign=sign, mac=mac)


def search(recording, *, identifier=1, authenticator=None, extra=b""):
    """Return a recorded Access-Request with a handshake in it, under another identifier and authenticator."""
    assert recording.datagram[20:22] == b"\x50\x12"
    octets = recording.datagram[38:] + extra
    return finish(1, identifier, os.urandom(16) if authenticator is None else authenticator, octets)


def status(*, identifier=1, sign=True, mac=None):
    return finish(12, identifier, os.urandom(16), b"", sign=sign, mac=mac)


def finish(code, identifier, authenticator, octets, *, sign=True, mac=None):
    if sign:
        octets = b"\x50\x12" + bytes(16) + octets
    packet = bytes((code, identifier)) + (20 + len(octets)).to_bytes(2) + authenticator + octets
    if not sign:
        return packet
    mac = hmac.digest(SECRET, packet, "md5") if mac is None else mac
    return packet[:22] + mac + packet[38:]


def attributes(packet):
    """Return what is in a packet, types and values."""
    found, offset = [], 20
    while offset < len(packet):
        length = packet[offset + 1]
        found.append((packet[offset], packet[offset + 2 : offset + length]))
        offset += length
    assert offset == len(packet)
    return found


def verify(reply, request):
    """Assert that a reply is genuine: both authenticators by hashlib and hmac, and once more by pyrad."""
    assert int.from_bytes(reply[2:4]) == len(reply)
    assert reply[1] == request[1]
    assert hashlib.md5(reply[:4] + request[4:20] + reply[20:] + SECRET).digest() == reply[4:20]
    assert reply[20:22] == b"\x50\x12"  # first (CVE-2024-3596)
    unsigned = reply[:4] + request[4:20] + reply[20:22] + bytes(16) + reply[38:]
    assert hmac.digest(SECRET, unsigned, "md5") == reply[22:38]
    assert [kind for kind, _ in attributes(reply)].count(80) == 1
    asked = AuthPacket(packet=request, secret=SECRET, dict=Dictionary())
    assert asked.VerifyReply(asked.CreateReply(packet=reply), enforce_ma=True)
    return reply[0]


class Wire:
    """A running server, and access points at several addresses."""

    def __init__(self, house, server, stack):
        self.house = house
        self._address = server.addresses[0]
        self._stack = stack
        self._sockets = {}

    def access_point(self, source, number=0):
        if (source, number) not in self._sockets:
            made = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            made.bind((source, 0))
            made.connect(self._address)
            made.settimeout(10)
            self._sockets[source, number] = made
        return self._sockets[source, number]

    def send(self, datagram, source=STRICT, number=0):
        self.access_point(source, number).send(datagram)

    def receive(self, source=STRICT, number=0):
        return self.access_point(source, number).recv(8192)

    def ask(self, datagram, source=STRICT, number=0):
        self.send(datagram, source, number)
        return self.receive(source, number)

    def quiet(self, source=STRICT, number=0):
        """Assert that no answer is on its way to an access point."""
        marker = lookup(identifier=MARKER)
        assert verify(self.ask(marker, source, number), marker) == ACCEPT

    def discards(self, datagram, source=STRICT):
        self.send(datagram, source)
        self.quiet(source)


@pytest.fixture
def clock():
    """Seconds that are added to the time of the server's exchanges."""
    return {"passed": 0.0}


@pytest.fixture
def shortcuts(monkeypatch):
    """Batches that compiled code has answered from."""
    batches = []
    hits = Journal.hits

    def note(self, given, ms):
        batches.append(given)
        hits(self, given, ms)

    monkeypatch.setattr(Journal, "hits", note)
    return batches


@pytest.fixture(params=["new devices", "devices answered before", "pyrad"])
def wire(request, house, running, recordings, clock, shortcuts, monkeypatch, caplog):
    """What the engine decides, what compiled code repeats, and what pyrad's Server sends: all must look the same."""
    nases = (("127.0.0.0/8", "auto", True), (LENIENT, "auto", False), (CISCO, "cisco", True))
    for network, profile, signs in nases:
        house.store.nases.add(
            ip_network(network), SECRET, name=network, profile=profile, require_message_authenticator=signs
        )
    house.add_key(SSID, b"known-passphrase", vlan=110, devices=(MacAddress.parse(KNOWN),))
    house.add_key(SSID, b"expired-passphrase", devices=(MacAddress.parse(EXPIRED),), ends=house.now - timedelta(days=1))
    for each in (recordings[0], recordings[2]):
        house.add_key(each.ssid, each.passphrase, vlan=110)
    monkeypatch.setattr(
        "radiusd.server.service.Engine",
        lambda index, real, **more: Engine(index, lambda: real() + clock["passed"], **more),
    )
    config = parse_config("[duplicates]\nlifetime_s = 5\n[status]\nper_second = 1\nburst = 3", "x")
    pyrad = PyradServer() if request.param == "pyrad" else None
    with running(house, config, pyrad=pyrad) as server, contextlib.ExitStack() as stack:
        wire = Wire(house, server, stack)
        if request.param == "devices answered before":
            for source in (STRICT, LENIENT, CISCO):
                for ask in (lookup, lambda: search(recordings[0])):
                    before, deadline = len(shortcuts), time.monotonic() + 120
                    while len(shortcuts) == before:  # the code may have to be compiled first
                        wire.ask(ask(), source, number=9)
                        assert time.monotonic() < deadline
            caplog.clear()
        yield wire


@pytest.fixture
def held(monkeypatch):
    """Keep every search under way until told."""
    gate = threading.Event()
    run = Search.run

    def wait(self, *arguments, **options):
        assert gate.wait(30)
        run(self, *arguments, **options)

    monkeypatch.setattr(Search, "run", wait)
    yield gate
    gate.set()


def decisions(lines):
    return [line.split()[0] for line in lines() if line.startswith(("accept", "reject"))]


class TestDuplicates:
    """RFC 5080 2.2.2."""

    @pytest.mark.parametrize(("name", "code"), [(KNOWN, ACCEPT), (STRANGER, REJECT)])
    def test_retransmission_is_answered_with_the_very_same_octets(self, wire, lines, name, code):
        request = lookup(name)
        first = wire.ask(request)
        assert verify(first, request) == code
        for _ in range(3):
            assert wire.ask(request) == first
        assert len(decisions(lines)) == 1

    def test_retransmission_of_a_searched_request_too(self, wire, recordings, lines):
        request = search(recordings[0])
        first = wire.ask(request)
        assert verify(first, request) == ACCEPT
        assert wire.ask(request) == first
        assert len(decisions(lines)) == 1

    def test_retransmission_while_the_search_is_under_way_is_dropped(self, wire, recordings, lines, held):
        request = search(recordings[2])
        for _ in range(3):
            wire.send(request)
        wire.quiet()
        held.set()
        assert verify(wire.receive(), request) == ACCEPT
        wire.quiet()
        assert sum("how=search" in line for line in lines()) == 1

    def test_same_identifier_and_another_authenticator_is_a_new_request(self, wire, lines):
        first, second = lookup(identifier=7), lookup(identifier=7)
        assert verify(wire.ask(first), first) == ACCEPT
        assert verify(wire.ask(second), second) == ACCEPT
        assert len(decisions(lines)) == 2

    def test_former_request_is_forgotten_with_it(self, wire, lines):
        first, second = lookup(identifier=7), lookup(identifier=7)
        for request in (first, second, first):
            assert verify(wire.ask(request), request) == ACCEPT
        assert len(decisions(lines)) == 3

    def test_same_octets_from_another_port_are_another_exchange(self, wire, lines):
        request = lookup()
        replies = {wire.ask(request, number=number) for number in range(3)}
        assert len(replies) == 3  # each with salts of its own
        assert {verify(reply, request) for reply in replies} == {ACCEPT}
        assert len(decisions(lines)) == 3

    def test_same_octets_from_another_address_are_another_exchange(self, wire, lines):
        request = lookup()
        assert wire.ask(request, STRICT) != wire.ask(request, LENIENT)
        assert len(decisions(lines)) == 2

    def test_same_octets_after_the_lifetime_are_answered_anew(self, wire, lines, clock):
        request = lookup()
        first = wire.ask(request)
        clock["passed"] += 4
        assert wire.ask(request) == first
        assert len(decisions(lines)) == 1
        clock["passed"] += 2
        again = wire.ask(request)
        assert again != first
        assert verify(again, request) == ACCEPT
        assert len(decisions(lines)) == 2

    @pytest.mark.parametrize(("name", "code"), [(KNOWN, ACCEPT), (STRANGER, REJECT)])
    def test_identifier_used_again_leaves_the_former_request_without_an_answer(
        self, wire, recordings, lines, held, name, code
    ):
        former, later = search(recordings[2], identifier=9), lookup(name, identifier=9)
        wire.send(former)
        wire.quiet(number=1)  # it has been read
        answer = wire.ask(later)
        assert verify(answer, later) == code
        held.set()
        deadline = time.monotonic() + 30
        while not any("cause=superseded" in line for line in lines()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        wire.quiet()
        assert wire.ask(later) == answer  # whose repetition is still one

    @pytest.mark.parametrize("name", [KNOWN, STRANGER])
    def test_so_too_where_both_came_while_the_server_was_busy(self, wire, recordings, lines, name, monkeypatch):
        """Datagrams are read by the batch, and what compiled code can answer goes before what it cannot."""
        busy, free = threading.Event(), threading.Event()

        def held_up(receive):
            def wait(*arguments):
                busy.set()
                assert free.wait(30)
                return receive(*arguments)

            return wait

        former, later = search(recordings[2], identifier=9), lookup(name, identifier=9)
        with monkeypatch.context() as patch:
            patch.setattr(FrontEnd, "answer", held_up(FrontEnd.answer))
            patch.setattr(Engine, "receive", held_up(Engine.receive))  # pyrad's way
            wire.send(lookup(identifier=8), number=1)
            assert busy.wait(30)
            for request in (former, later):
                wire.send(request)
            free.set()
            answer = wire.receive()
        assert verify(answer, later) == (ACCEPT if name == KNOWN else REJECT)
        wire.quiet()
        assert wire.ask(later) == answer
        assert not any("how=search" in line for line in lines())

    def test_identifiers_are_each_a_request(self, wire, lines):
        requests = [lookup(identifier=number, authenticator=bytes(16)) for number in range(5)]
        for request in requests:
            wire.send(request)
        assert [verify(wire.receive(), request) for request in requests] == [ACCEPT] * 5
        assert len(decisions(lines)) == 5

    def test_forged_request_takes_no_place(self, wire, lines):
        """Nobody without the secret can make a NAS's request look superseded or answered."""
        request = lookup(identifier=7)
        first = wire.ask(request)
        wire.send(lookup(identifier=7, mac=bytes(16)))
        assert wire.ask(request) == first
        assert len(decisions(lines)) == 1


class TestMessageAuthenticator:
    """RFC 3579 3.2, and what BlastRADIUS made a rule."""

    def test_nas_that_must_sign_and_does_not_is_discarded(self, wire, lines):
        wire.discards(lookup(sign=False))
        assert any("cause=unsigned" in line and "this NAS must send one" in line for line in lines())

    def test_nas_that_is_let_off_is_served_with_a_signed_reply(self, wire):
        for name, code in ((KNOWN, ACCEPT), (STRANGER, REJECT)):
            request = lookup(name, sign=False)
            assert verify(wire.ask(request, LENIENT), request) == code

    def test_nas_that_is_let_off_may_sign(self, wire):
        request = lookup(extra=pack(33, b"state"))
        assert verify(wire.ask(request, LENIENT), request) == ACCEPT

    def test_proxy_state_without_signature_is_discarded_all_the_same(self, wire, lines):
        for source in (STRICT, LENIENT):
            wire.discards(lookup(sign=False, extra=pack(33, b"state")), source)
        assert any("Proxy-State without Message-Authenticator" in line for line in lines())

    @pytest.mark.parametrize("source", [STRICT, LENIENT, CISCO])
    @pytest.mark.parametrize("forged", ["zeros", "one bit", "another packet's", "another secret's", "no authenticator"])
    def test_forged_signature_is_discarded_in_every_policy(self, wire, lines, source, forged):
        request = lookup()
        bare = request[:22] + bytes(16) + request[38:]
        mac = {
            "zeros": bytes(16),
            "one bit": request[22:37] + bytes((request[37] ^ 1,)),
            "another packet's": lookup()[22:38],
            "another secret's": hmac.digest(b"testing124", bare, "md5"),
            "no authenticator": hmac.digest(SECRET, bare[:4] + bytes(16) + bare[20:], "md5"),
        }[forged]
        wire.discards(request[:22] + mac + request[38:], source)
        assert any("cause=wrong-secret" in line and "Message-Authenticator is wrong" in line for line in lines())

    @pytest.mark.parametrize("source", [STRICT, LENIENT])
    def test_attribute_altered_added_or_removed_on_the_way_is_discarded(self, wire, source):
        request = lookup(extra=pack(32, b"hudson-house-ap1"))
        altered = bytearray(request)
        altered[-1] ^= 1
        wire.discards(bytes(altered), source)
        longer = request + pack(33, b"a collision goes here")
        wire.discards(request[:2] + len(longer).to_bytes(2) + longer[4:], source)
        shorter = request[: -len(pack(32, b"hudson-house-ap1"))]
        wire.discards(request[:2] + len(shorter).to_bytes(2) + shorter[4:], source)

    @pytest.mark.parametrize("source", [STRICT, LENIENT])
    def test_two_signatures_are_discarded(self, wire, source):
        wire.discards(lookup(extra=b"\x50\x12" + bytes(16)), source)

    def test_signature_may_stand_anywhere_in_a_request(self, wire):
        request = lookup(sign=False, extra=b"\x50\x12" + bytes(16) + pack(32, b"hudson-house-ap1"))
        at = request.rindex(b"\x50\x12" + bytes(16)) + 2
        request = request[:at] + hmac.digest(SECRET, request, "md5") + request[at + 16 :]
        assert verify(wire.ask(request), request) == ACCEPT


class TestProxyState:
    STATES = (b"first", b"\0\1\2", b"first", b"x" * 253, b"last")

    @pytest.mark.parametrize(("name", "code"), [(KNOWN, ACCEPT), (STRANGER, REJECT)])
    def test_every_one_comes_back_in_order_at_the_end(self, wire, name, code):
        request = lookup(name, extra=b"".join(pack(33, state) for state in self.STATES))
        reply = wire.ask(request)
        assert verify(reply, request) == code
        assert attributes(reply)[-5:] == [(33, state) for state in self.STATES]
        assert [kind for kind, _ in attributes(reply)].count(33) == 5

    def test_so_after_a_search_and_from_between_other_attributes(self, wire, recordings):
        for case, code in ((recordings[0], ACCEPT), (recordings[1], REJECT)):
            request = search(case, extra=pack(33, b"one") + pack(32, b"hudson-house-ap1") + pack(33, b"two"))
            reply = wire.ask(request)
            assert verify(reply, request) == code
            assert attributes(reply)[-2:] == [(33, b"one"), (33, b"two")]

    def test_so_in_the_answer_to_status_server(self, wire):
        request = finish(12, 1, os.urandom(16), pack(33, b"one") + pack(33, b"two"))
        reply = wire.ask(request)
        assert verify(reply, request) == ACCEPT
        assert attributes(reply)[1:] == [(33, b"one"), (33, b"two")]


class TestStatusServer:
    """RFC 5997."""

    def test_is_answered_with_an_access_accept_that_says_nothing(self, wire, lines):
        request = status()
        reply = wire.ask(request)
        assert verify(reply, request) == ACCEPT
        assert len(reply) == 38
        assert not decisions(lines)

    def test_unsigned_or_forged_is_discarded_in_every_policy(self, wire, lines):
        for source in (STRICT, LENIENT):
            wire.discards(status(sign=False), source)
            wire.discards(status(mac=bytes(16)), source)
        assert sum("Status-Server without Message-Authenticator" in line for line in lines()) == 2
        assert sum("Message-Authenticator is wrong" in line for line in lines()) == 2

    def test_more_than_allowed_are_discarded_and_others_are_not(self, wire, clock, lines):
        for number in range(3):
            request = status(identifier=number)
            assert verify(wire.ask(request), request) == ACCEPT
        wire.discards(status(identifier=3))
        assert any("cause=status-rate" in line for line in lines())
        request = status()
        assert verify(wire.ask(request, LENIENT), request) == ACCEPT
        clock["passed"] += 1
        assert verify(wire.ask(request), request) == ACCEPT


class TestReject:
    """Nothing but Message-Authenticator and Proxy-State, whatever the reason: RFC 2865 5.44."""

    @pytest.mark.parametrize(
        ("request_", "reason"),
        [
            (lookup(STRANGER), "unknown device"),
            (lookup(EXPIRED), "expired "),
            (lookup(ssid=b"Elsewhere"), "no keypool has this SSID"),
            (lookup(extra=pack(24, b"state") + pack(25, b"class") + pack(89, b"\0"), name=STRANGER), "unknown device"),
            (finish(1, 1, bytes(16), pack(1, b"nobody")), "no SSID"),
            (finish(1, 1, bytes(16), pack(1, KNOWN) + pack(79, b"\2\0\0\5\1")), "802.1X"),
        ],
        ids=("stranger", "expired", "elsewhere", "state-class-cui", "no-address", "eap"),
    )
    def test_says_nothing(self, wire, lines, request_, reason):
        reply = wire.ask(request_)
        assert verify(reply, request_) == REJECT
        assert [kind for kind, _ in attributes(reply)] == [80]
        assert any(line.startswith("reject") and reason in line for line in lines())

    def test_of_a_search_says_nothing_either(self, wire, recordings):
        request = search(recordings[1], extra=pack(33, b"one") + pack(33, b"two"))
        reply = wire.ask(request)
        assert verify(reply, request) == REJECT
        assert [kind for kind, _ in attributes(reply)] == [80, 33, 33]

    @pytest.mark.parametrize(("without", "cause"), [(None, 2), (b"cisco-bssid", 6)])
    def test_tells_cisco_its_error_cause(self, wire, recordings, without, cause):
        """Easy PSK's AVPairs, as the 9800 sends them: that a passphrase is unknown, or that a piece is missing."""
        case = recordings[0]
        pairs = {
            b"cisco-anonce": bytes(32),
            b"cisco-8021x-data": self._frame(case),
            b"cisco-wlan-ssid": SSID.value,
            b"cisco-bssid": case.aa.value.hex("-").encode(),
        }
        octets = pack(1, case.spa.value.hex().encode())
        for name, value in pairs.items():
            if name != without:
                pair = name + b"=" + value
                octets += pack(26, (9).to_bytes(4) + bytes((1, len(pair) + 2)) + pair)
        request = finish(1, 1, os.urandom(16), octets + pack(33, b"one"))
        reply = wire.ask(request, CISCO)
        assert verify(reply, request) == REJECT
        text = b"cisco-easy-psk-error-cause=%d" % cause
        said = (26, (9).to_bytes(4) + bytes((1, len(text) + 2)) + text)
        assert attributes(reply)[1:] == [said, (33, b"one")]

    @staticmethod
    def _frame(case):
        """Return the M2 of a recording, by hostapd's layout: 245.26 of vendor 11344, type 2."""
        (frame,) = (value[7:] for kind, value in attributes(case.datagram) if kind == 245 and value[2:7] == M2)
        return frame


def test_accept_carries_what_the_access_point_needs_and_the_key_only_encrypted(wire):
    request = lookup()
    reply = wire.ask(request)
    assert verify(reply, request) == ACCEPT
    kinds = [kind for kind, _ in attributes(reply)]
    assert kinds[0] == 80
    assert set(kinds) == {80, 69, 64, 65, 81, 25, 89}
    assert b"known-passphrase" not in reply
    (value,) = [value for kind, value in attributes(reply) if kind == 69]
    clear, vector = b"", request[4:20] + value[1:3]
    for start in range(3, len(value), 16):
        pad = hashlib.md5(SECRET + vector).digest()
        vector = value[start : start + 16]
        clear += bytes(a ^ b for a, b in zip(vector, pad, strict=True))
    assert clear[1 : 1 + clear[0]] == b"known-passphrase"
