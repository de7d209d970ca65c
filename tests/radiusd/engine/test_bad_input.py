"""Requests that get no answer or a refusal, one log line each, and never stop the server."""

import hashlib
import hmac
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from provisioning import StoreError
from radiusd import Source
from radiusd.ciphers import SharedSecret
from radiusd.codec import STATUS_SERVER, encode_request
from radiusd.model import Attribute, Hidden
from radiusd.vendors.hostapd import ANONCE, M2

SSID = Ssid(b"Hudson House")
DEVICE = MacAddress(b"\2\0\0\0\2\1")
CALLED = Attribute(30, b"02-00-00-00-00-00:Hudson House")
CALLING = Attribute(31, b"02-00-00-00-02-01")


def sealed(attributes, secret=b"testing123", code=1, length=None):
    """Return a packet of these raw attributes after a right Message-Authenticator: what a broken NAS would send."""
    size = 38 + len(attributes) if length is None else length
    head = bytes((code, 7)) + size.to_bytes(2) + bytes(range(16))
    mac = hmac.digest(secret, head + b"\x50\x12" + bytes(16) + attributes, "md5")
    return head + b"\x50\x12" + mac + attributes


@pytest.fixture
def served(house):
    house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
    return house.start()


def still_serves(house, handshake):
    return house.ask(handshake(b"right-passphrase"), port=50000) is not None


PYRAD_ISSUE_234 = sealed(bytes.fromhex("1a0c 00000009 0100 00000000"))

SHAPES = {
    "nothing": (b"", "datagram of 0 octets"),
    "19 octets": (bytes(19), "datagram of 19 octets"),
    "length field below 20": (sealed(b"", length=19), "length field says 19"),
    "length field beyond the datagram": (sealed(b"", length=39), "the datagram has 38 octets"),
    "length field beyond 4096": (sealed(bytes.fromhex("01ff") + bytes(4060), length=4098), "length field says 4098"),
    "accounting": (sealed(b"", code=4), "code 4"),
    "reply": (sealed(b"", code=2), "code 2"),
    "attribute of length 0": (sealed(b"\x01\x00"), "attribute 1 at offset 38: length 0 < 2"),
    "attribute of length 1": (sealed(b"\x01\x01\x01\x01"), "attribute 1 at offset 38: length 1 < 2"),
    "attribute that overruns": (sealed(b"\x01\x05ab"), "attribute 1 at offset 38: length 5, 4 octets are left"),
    "attribute without length": (sealed(b"\x01"), "attribute 1 at offset 38: no length octet"),
    "vendor of 3 octets": (sealed(b"\x1a\x05\0\0\1"), "attribute 26 at offset 38: length 5 < 7"),
    "sub-attribute of length 0": (PYRAD_ISSUE_234, "sub-attribute 26.9.1 at offset 44: length 0 < 2"),
    "sub-attribute that overruns": (sealed(bytes.fromhex("1a09 00000009 010461")), "3 octets are left"),
    "sub-attribute into the next attribute": (
        sealed(bytes.fromhex("1a08 00000009 0104 0104 6162")),
        "2 octets are left",
    ),
    "second Message-Authenticator": (sealed(b"\x50\x12" + bytes(16)), "second Message-Authenticator"),
    "extended of length 3": (sealed(b"\xf1\x03\x01"), "attribute 241 at offset 38"),
    "long extended of length 4": (sealed(b"\xf5\x04\x1a\x00"), "attribute 245 at offset 38"),
    "dangling More": (sealed(b"\xf5\x06\x01\x80ab"), "fragment without its continuation"),
    "More before another type": (sealed(b"\xf5\x06\x01\x80ab\xf5\x06\x02\x00ab"), "fragment without its continuation"),
    "More before another attribute": (sealed(b"\xf5\x06\x01\x80ab\x01\x04ab"), "fragment without its continuation"),
    "continuation that overruns": (sealed(b"\xf5\x06\x01\x80ab\xf5\xff\x01\x00ab"), "6 octets are left"),
    "continuation of length 0": (sealed(b"\xf5\x06\x01\x80ab\xf5\x00\x01\x00ab"), "length 0"),
    "extended vendor of 4 octets": (sealed(b"\xf5\x08\x1a\x00\x00\x00\x2c\x50"), "vendor and type need 5"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_misshapen_packet_is_discarded(served, handshake, lines, name):
    datagram, says = SHAPES[name]
    assert served.send(datagram) is None
    (line,) = lines()
    assert line.startswith("discard cause=malformed source=192.0.2.1:40000 detail=")
    assert says in line
    assert still_serves(served, handshake)


def test_message_authenticator_of_17_octets_is_discarded(served, lines):
    head = bytes((1, 7)) + (39).to_bytes(2) + bytes(16)
    assert served.send(head + b"\x50\x13" + bytes(17)) is None
    assert "length 19, not 18" in lines()[-1]


def test_the_datagram_of_pyrad_issue_234_is_discarded(served, handshake, lines):
    """The original: 32 octets, no Message-Authenticator, an attribute 26 whose sub-attribute has length 0."""
    datagram = bytes((1, 1)) + (32).to_bytes(2) + bytes(16) + bytes.fromhex("1a0c 00000009 0100 00000000")
    assert len(datagram) == 32
    assert served.send(datagram) is None
    assert len(lines()) == 1
    assert still_serves(served, handshake)


@pytest.mark.parametrize(
    ("without", "says"),
    [
        ("anonce", "no ANonce (245.26 of vendor 11344, type 1)"),
        ("m2", "no M2 (245.26 of vendor 11344, type 2)"),
        ("called", "no SSID and no AA: Called-Station-Id is missing"),
        ("calling", "no device address"),
    ],
)
def test_missing_piece_is_named(served, handshake, lines, without, says):
    made = handshake(b"right-passphrase")
    pieces = {
        "called": CALLED,
        "calling": CALLING,
        "anonce": Attribute(ANONCE, made.anonce),
        "m2": Attribute(M2, made.m2.encode()),
    }
    del pieces[without]
    reply = served.send(encode_request(1, bytes(16), pieces.values(), served.secret))
    assert reply[0] == 3
    assert f'reject reason="{says}' in lines()[-1]
    assert still_serves(served, handshake)


@pytest.mark.parametrize(
    ("called", "says"),
    [
        (b"02-00-00-00-00-00", "no SSID"),
        (b"02-00-00-00-00-00:", "no SSID"),
        (b"Hudson House", "no AA"),
        (b"02-00-00-00-00:Hudson House", "no AA"),
        (b"02-00-00-00-00-00:" + b"x" * 33, "SSID of 33 octets"),
    ],
)
def test_called_station_id_that_names_no_network(served, lines, called, says):
    assert served.send(encode_request(1, bytes(16), [Attribute(30, called), CALLING], served.secret))[0] == 3
    assert says in lines()[-1]


def test_handshake_under_another_vendor_is_named(served, lines):
    foreign = [CALLED, CALLING, Attribute((245, 26, 9999, 1), bytes(32)), Attribute((245, 26, 9999, 2), bytes(121))]
    assert served.send(encode_request(1, bytes(16), foreign, served.secret))[0] == 3
    assert "no ANonce and no M2: 245.26 is of vendor 9999 type 1, not 11344" in lines()[-1]


def test_802_1x_request_is_rejected_by_name(served, lines):
    eap = [Attribute(79, b"\2\1\0\5\1"), CALLED, CALLING]
    assert served.send(encode_request(1, bytes(16), eap, served.secret))[0] == 3
    assert "802.1X" in lines()[-1]


FRAMES = {
    "empty": lambda frame: frame[:0],
    "98 octets": lambda frame: frame[:98],
    "body length too large": lambda frame: frame[:2] + (len(frame)).to_bytes(2) + frame[4:],
    "key data length too large": lambda frame: frame[:97] + b"\xff\xff" + frame[99:],
    "key data length too small": lambda frame: frame[:97] + b"\x00\x01" + frame[99:],
    "MIC of zeros": lambda frame: frame[:81] + bytes(16) + frame[97:],
    "element that overruns": lambda frame: frame[:100] + b"\xff" + frame[101:],
}


@pytest.mark.parametrize("name", FRAMES)
def test_unsound_m2_is_rejected(served, handshake, lines, name):
    made = handshake(b"right-passphrase")
    frame = FRAMES[name](made.m2.encode())
    attributes = [CALLED, CALLING, Attribute(ANONCE, made.anonce)]
    octets = encode_request(1, bytes(16), attributes, served.secret)
    if frame:
        octets = encode_request(1, bytes(16), [*attributes, Attribute(M2, frame)], served.secret)
    assert served.send(octets)[0] == 3
    assert len(lines()) == 1
    assert lines()[-1].startswith("reject reason=")
    assert still_serves(served, handshake)


@pytest.mark.parametrize("length", [31, 33])
def test_anonce_of_another_length_is_rejected(served, handshake, lines, length):
    made = handshake(b"right-passphrase")
    attributes = [CALLED, CALLING, Attribute(ANONCE, bytes(length)), Attribute(M2, made.m2.encode())]
    assert served.send(encode_request(1, bytes(16), attributes, served.secret))[0] == 3
    assert f"ANonce of {length} octets" in lines()[-1]


class TestSecret:
    def test_wrong_secret_is_discarded_and_named(self, served, handshake, lines):
        datagram = encode_request(1, bytes(16), [CALLED, CALLING], SharedSecret(b"another"))
        assert served.send(datagram) is None
        assert "discard cause=wrong-secret source=192.0.2.1:40000" in lines()[-1]
        assert "the shared secret of NAS access points is the likely cause" in lines()[-1]
        assert served.engine.journal.counts.discards["wrong-secret"] == 1
        assert still_serves(served, handshake)

    def test_unknown_source_is_discarded(self, served, lines):
        datagram = encode_request(1, bytes(16), [CALLED, CALLING], served.secret)
        assert served.send(datagram, address="203.0.113.9") is None
        assert "discard cause=unknown-source source=203.0.113.9:40000" in lines()[-1]
        assert served.send(datagram, address="2001:db8::1") is None
        assert "source=[2001:db8::1]:40000" in lines()[-1]

    def test_forged_request_leaves_the_real_one_alone(self, served, handshake):
        spa = MacAddress(b"\2\0\0\0\2\2")
        question = served.question(handshake(b"right-passphrase", spa=spa), identifier=9)
        source = Source("192.0.2.1", 40000)
        search = served.engine.receive(question.datagram, source, served.now)
        forged = encode_request(9, bytes(16), [CALLED, CALLING], SharedSecret(b"another"))
        assert served.engine.receive(forged, source, served.now) is None
        search.run()
        assert question.read(served.engine.finish(search, served.now))


class TestUnsigned:
    """A NAS that sends no Message-Authenticator (CVE-2024-3596)."""

    NAME = Attribute(1, b"020000000201")

    @pytest.fixture
    def lenient(self, served):
        served.store.nases.add(
            ip_network("198.51.100.1/32"), b"testing123", name="old", require_message_authenticator=False
        )
        served.follow()
        return lambda attributes, secret=served.secret: served.send(
            encode_request(1, hashlib.md5(repr(attributes).encode()).digest(), attributes, secret, sign=False),
            address="198.51.100.1",
        )

    def test_is_discarded_by_default(self, served, lines):
        assert served.send(encode_request(1, bytes(16), [CALLED, CALLING], served.secret, sign=False)) is None
        assert "discard cause=unsigned" in lines()[-1]

    @pytest.mark.parametrize("password", [b"020000000201", b"02-00-00-00-02-01"])
    def test_is_answered_where_the_nas_is_let_off(self, lenient, password):
        reply = lenient([self.NAME, Hidden(2, password), CALLED, CALLING])
        assert reply[0] == 2
        assert reply[20:22] == b"\x50\x12"

    def test_with_an_empty_password_is_discarded(self, lenient, lines):
        assert lenient([self.NAME, Hidden(2, b""), CALLED, CALLING]) is None
        assert "discard cause=unsigned" in lines()[-1]
        assert "User-Password is empty, as access points of hostapd do not send it" in lines()[-1]

    def test_without_a_password_is_discarded(self, lenient, lines):
        """In a lookup access points send one: without it, anybody could have sent this."""
        assert lenient([self.NAME, CALLED, CALLING]) is None
        assert "discard cause=unsigned" in lines()[-1]
        assert "nor User-Password, as access points of hostapd send" in lines()[-1]

    def test_with_proxy_state_is_discarded(self, lenient, lines):
        assert lenient([self.NAME, CALLED, CALLING, Attribute(33, b"x")]) is None
        assert "Proxy-State without Message-Authenticator" in lines()[-1]

    def test_with_noise_for_a_password_shows_a_wrong_secret(self, lenient, lines):
        asked = [self.NAME, Hidden(2, b"020000000201"), CALLED, CALLING]
        assert lenient(asked, SharedSecret(b"another")) is None
        assert "discard cause=wrong-secret" in lines()[-1]

    @pytest.mark.parametrize("length", [0, 15, 17, 144])
    def test_password_of_no_possible_length_is_discarded(self, lenient, lines, length):
        assert lenient([self.NAME, Attribute(2, bytes(length)), CALLED, CALLING]) is None
        assert "discard cause=malformed" in lines()[-1]

    def test_wrong_message_authenticator_is_never_let_off(self, served, lenient, lines):
        datagram = encode_request(1, bytes(16), [CALLED, CALLING], SharedSecret(b"another"))
        assert served.send(datagram, address="198.51.100.1") is None
        assert "discard cause=wrong-secret" in lines()[-1]


class TestStatusServer:
    """RFC 5997."""

    def test_is_accepted(self, served, lines):
        datagram = encode_request(1, bytes(16), [Attribute(33, b"x")], served.secret, code=STATUS_SERVER)
        reply = served.send(datagram)
        assert reply[0] == 2
        assert reply[20:22] == b"\x50\x12"
        assert reply[38:] == b"\x21\x03x"
        assert lines() == []

    def test_without_message_authenticator_is_discarded(self, served, lines):
        assert served.send(encode_request(1, bytes(16), [], served.secret, code=STATUS_SERVER, sign=False)) is None
        assert "discard cause=unsigned" in lines()[-1]

    def test_is_limited_per_source(self, served, lines):
        def ask(address):
            return served.send(encode_request(1, bytes(16), [], served.secret, code=STATUS_SERVER), address=address)

        answered = [ask("192.0.2.1") is not None for _ in range(12)]
        assert answered == [True] * 10 + [False] * 2
        assert "discard cause=status-rate" in lines()[-1]
        assert ask("192.0.2.2")
        served.clock.seconds += 1
        assert ask("192.0.2.1")


def test_store_that_fails_costs_one_answer(served, handshake, lines):
    def fail(key_id):
        raise StoreError("database is locked")

    read_key, served.index._read_key = served.index._read_key, fail
    question = served.question(handshake(b"right-passphrase"))
    assert served.send(question.datagram) is None
    assert 'discard cause=store source=192.0.2.1:40000 detail="database is locked"' in lines()[-1]
    served.index._read_key = read_key
    assert question.read(served.send(question.datagram))
