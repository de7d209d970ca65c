"""Accounting: what is acknowledged, what is logged, and which devices are remembered. Packets are made and checked here
by RFC 2866 with hashlib alone, by pyrad, and by FreeRADIUS's client."""

import dataclasses
import hashlib
import hmac
import os
import socket
import subprocess
import time
from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary
from pyrad.packet import AcctPacket

from crypto import MacAddress, Ssid
from provisioning import KeyStatus, StoreError, UnknownDevices
from radiusd import Accounting, SharedSecret, Source
from radiusd.codec import encode_accounting
from radiusd.config import parse_config
from radiusd.model import Attribute, Salted
from radiusd.vendors.unifi import STATION_KEY_ID
from tests.vendor_vectors import write_raddb

SSID = Ssid(b"Hudson House")
DEVICE = MacAddress(b"\2\0\0\0\2\1")
START, STOP, INTERIM, ON, OFF = ((40, number.to_bytes(4)) for number in (1, 2, 3, 7, 8))
SESSION = (
    (44, b"5F3A-01"),
    (30, b"02-00-00-00-00-00:Hudson House"),
    (31, b"02-00-00-00-02-01"),
    (32, b"hudson-house-ap1"),
)

pytestmark = pytest.mark.one_way("accounting is asked, not the engine")
PLACE = 'nas="access points" venue="Hudson House" ssid="Hudson House" device=02:00:00:00:02:01'


def pack(*attributes):
    return b"".join(bytes((kind, len(value) + 2)) + value for kind, value in attributes)


def packet(*attributes, identifier=1, secret=b"testing123", octets=b"", code=4):
    """Return an Accounting-Request by RFC 2866 section 3."""
    octets = pack(*attributes) + octets
    header = bytes((code, identifier)) + (20 + len(octets)).to_bytes(2)
    return header + hashlib.md5(header + bytes(16) + octets + secret).digest() + octets


def signed(*attributes, mac=None, secret=b"testing123"):
    """Return an Accounting-Request with a Message-Authenticator, as FreeRADIUS signs: over an authenticator of 0."""
    octets = b"\x50\x12" + bytes(16) + pack(*attributes)
    header = b"\4\1" + (20 + len(octets)).to_bytes(2)
    made = hmac.digest(secret, header + bytes(16) + octets, "md5") if mac is None else mac
    return packet(octets=octets[:2] + made + octets[18:], secret=secret)


def key_name(name, secret=b"testing123", salt=b"\x80\x01"):
    """Return Station-Keyid (41112/6), salted by RFC 2868 3.5 over an authenticator of 0."""
    clear = (bytes((len(name),)) + name).ljust((len(name) + 16) // 16 * 16, b"\0")
    cipher, vector = b"", bytes(16) + salt
    for start in range(0, len(clear), 16):
        pad = hashlib.md5(secret + vector).digest()
        vector = bytes(a ^ b for a, b in zip(clear[start : start + 16], pad, strict=True))
        cipher += vector
    return 26, (41112).to_bytes(4) + bytes((6, len(cipher) + 4)) + salt + cipher


def is_genuine(reply, request, secret=b"testing123"):
    made = hashlib.md5(reply[:4] + request[4:20] + reply[20:] + secret).digest()
    return reply[0] == 5 and reply[1] == request[1] and len(reply) == int.from_bytes(reply[2:4]) and made == reply[4:20]


@pytest.fixture
def books(house):
    """The accounting of a house with one key."""
    house.add_key(SSID, b"right-passphrase", identity="Ann Lee")
    return open_books(house)


def open_books(house):
    house.start()
    accounting = Accounting(house.index, house.clock)

    def send(datagram, address="192.0.2.1", port=40000):
        return accounting.handle(datagram, Source(address, port), house.now)

    house.accounting, house.report = accounting, send
    return house


class TestAnswers:
    def test_carry_the_response_authenticator_and_nothing_else(self, books):
        request = packet(START, *SESSION)
        reply = books.report(request)
        assert is_genuine(reply, request)
        assert len(reply) == 20

    def test_repeat_every_proxy_state_in_order(self, books):
        states = [(33, b"first"), (33, b"\0"), (33, b"first"), (33, b"x" * 253)]
        request = packet(states[0], START, *states[1:3], *SESSION, states[3])
        reply = books.report(request)
        assert is_genuine(reply, request)
        assert reply[20:] == pack(*states)

    def test_are_genuine_to_pyrad(self, books):
        asked = AcctPacket(id=7, secret=b"testing123", dict=Dictionary())
        asked[40], asked[44], asked[33] = [START[1]], [b"5F3A-01"], [b"state"]
        datagram = asked.RequestPacket()
        reply = books.report(datagram)
        assert asked.VerifyReply(asked.CreateReply(packet=reply), reply)
        assert is_genuine(reply, datagram)

    @pytest.mark.parametrize("status", [START, STOP, INTERIM, ON, OFF, (40, (15).to_bytes(4))])
    def test_every_status_is_acknowledged(self, books, status):
        request = packet(status, *SESSION)
        assert is_genuine(books.report(request), request)

    def test_to_a_signed_request_are_not_signed(self, books):
        """How the signature is computed is nowhere said for them, and clients differ."""
        request = signed(START, *SESSION, (33, b"state"))
        reply = books.report(request)
        assert is_genuine(reply, request)
        assert reply[20:] == pack((33, b"state"))


class TestDiscards:
    """No answer, one line, one count."""

    def discarded(self, books, lines, datagram, cause, detail, address="192.0.2.1"):
        before = len(lines())
        assert books.report(datagram, address) is None
        (line,) = lines()[before:]
        assert line.startswith(f"discard cause={cause} source={address}:40000 ")
        assert detail in line
        counts = books.accounting.journal.counts
        assert counts.discards == {cause: 1}
        assert not counts.accounting

    def test_strangers(self, books, lines):
        datagram = packet(START, *SESSION)
        self.discarded(books, lines, datagram, "unknown-source", "no NAS has this address", "203.0.113.1")

    def test_a_nas_that_is_switched_off(self, books, lines):
        books.store.nases.save(dataclasses.replace(books.nas, enabled=False))
        books.follow()
        datagram = packet(START, *SESSION)
        self.discarded(books, lines, datagram, "nas-disabled", "NAS access points is disabled")

    def test_another_secret(self, books, lines):
        datagram = packet(START, *SESSION, secret=b"testing124")
        self.discarded(books, lines, datagram, "wrong-secret", "the shared secret of NAS access points is the likely")

    @pytest.mark.parametrize("at", [4, 19, 20, 30, -1])
    def test_one_octet_altered_on_the_way(self, books, lines, at):
        datagram = bytearray(packet(START, *SESSION))
        datagram[at] ^= 1
        self.discarded(books, lines, bytes(datagram), "wrong-secret", "Request Authenticator is wrong")

    def test_forged_message_authenticator(self, books, lines):
        datagram = signed(START, *SESSION, mac=bytes(16))
        self.discarded(books, lines, datagram, "wrong-secret", "Message-Authenticator is wrong")

    def test_two_message_authenticators(self, books, lines):
        datagram = packet((80, bytes(16)), (80, bytes(16)), START)
        self.discarded(books, lines, datagram, "malformed", "second Message-Authenticator")

    @pytest.mark.parametrize(
        ("datagram", "detail"),
        [
            (b"", "datagram of 0 octets"),
            (packet(START)[:19], "datagram of 19 octets"),
            (packet(START)[:-1], "length field says 26, the datagram has 25 octets"),
            (b"\4\1\0\x13" + bytes(16), "length field says 19"),
            (packet(START, octets=b"\x2c"), "attribute 44 at offset 26: no length octet"),
            (packet(START, octets=b"\x2c\1"), "attribute 44 at offset 26: length 1 < 2"),
            (packet(START, octets=b"\x2c\5ab"), "attribute 44 at offset 26: length 5, 4 octets are left"),
            (packet(START, octets=b"\x1a\7\0\0\0\1\6"), "sub-attribute 26.1.6 at offset 32: no length octet"),
            (packet(*SESSION), "no Acct-Status-Type"),
            (packet((40, b"")), "Acct-Status-Type of 0 octets, 4 are an integer"),
            (packet((40, bytes(5))), "Acct-Status-Type of 5 octets"),
            (packet(STOP, (42, b"\1")), "Acct-Input-Octets of 1 octets"),
            (packet(STOP, (53, bytes(8))), "Acct-Output-Gigawords of 8 octets"),
            (packet(STOP, (46, bytes(3))), "Acct-Session-Time of 3 octets"),
            (packet(START, code=1), "code 1 is not answered on this port"),
            (packet(START, code=5), "code 5 is not answered on this port"),
        ],
    )
    def test_what_no_accounting_request_can_be(self, books, lines, datagram, detail):
        self.discarded(books, lines, datagram, "malformed", detail)

    def test_store_that_cannot_be_read_is_asked_again(self, books, lines, monkeypatch):
        books.change_nas(profile="unifi")
        books.follow()
        books.index.offers.note(books.nas.id, DEVICE, [1], books.now)
        datagram = packet(START, *SESSION, key_name(b"key-1"))

        def fail(_):
            raise StoreError("database is locked")

        with monkeypatch.context() as patch:
            patch.setattr(books.index, "key", fail)
            self.discarded(books, lines, datagram, "store", "database is locked")
        assert is_genuine(books.report(datagram), datagram)
        assert lines()[-2].startswith('learn who="Ann Lee" key=1 ')

    def test_octets_beyond_the_length_field_do_not_matter(self, books):
        datagram = packet(START, *SESSION)
        assert is_genuine(books.report(datagram + b"padding"), datagram)


class TestLines:
    def test_start_and_stop(self, books, lines):
        books.report(packet(START, *SESSION, (25, b"key-17")))
        usage = (
            (42, b"\0\0\1\0"),
            (43, b"\xff\xff\xff\xff"),
            (52, b"\0\0\0\2"),
            (53, b"\0\0\0\1"),
            (46, b"\0\0\x0e\x10"),
        )
        books.report(packet(STOP, *SESSION, (25, b"key-17"), *usage))
        assert lines() == [
            f"accounting status=start {PLACE} session=5F3A-01 key=17",
            f"accounting status=stop {PLACE} session=5F3A-01 key=17 input=8589934848 output=8589934591 seconds=3600",
        ]
        assert books.accounting.journal.counts.accounting == {"start": 1, "stop": 1}

    def test_octets_without_gigawords_and_gigawords_without_octets(self, books, lines):
        books.report(packet(STOP, *SESSION, (42, b"\0\0\0\0"), (53, b"\0\0\0\1")))
        assert lines() == [f"accounting status=stop {PLACE} session=5F3A-01 input=0 output=4294967296"]

    def test_interim_reports_are_counted_only(self, books, lines):
        books.report(packet(INTERIM, *SESSION, (42, bytes(4))))
        assert not lines()
        assert books.accounting.journal.counts.accounting == {"interim": 1}

    def test_access_point_that_begins_and_ends(self, books, lines):
        for status in (ON, OFF, (40, b"\0\0\0\x0f")):
            books.report(packet(status, (44, b"1"), (32, b"hudson-house-ap2")))
        assert lines() == [
            'accounting status=on nas="access points" venue="Hudson House" session=1',
            'accounting status=off nas="access points" venue="Hudson House" session=1',
            'accounting status=15 nas="access points" venue="Hudson House" ssid=unknown device=unknown session=1',
        ]

    @pytest.mark.parametrize(
        ("attributes", "key"),
        [
            (((25, b"other"), (25, b"key-7")), " key=7"),
            (((89, b"key-8"),), " key=8"),
            (((25, b"key-7"), (89, b"key-8")), " key=7"),
            (((25, b"key-0"),), ""),
            (((25, b"key-07"),), ""),
            (((25, b"key-7 "),), ""),
            (((25, b"key-" + b"9" * 19),), ""),
            (((25, b""),), ""),
        ],
    )
    def test_key_is_what_our_accept_said(self, books, lines, attributes, key):
        books.report(packet(START, *SESSION, *attributes))
        assert lines() == [f"accounting status=start {PLACE} session=5F3A-01{key}"]

    def test_nothing_from_outside_can_look_like_a_field_or_break_a_line(self, books, lines):
        books.report(packet(START, (44, b'1" key=7\n\xff'), (30, b"020000000000:a b=c\r"), (31, b"nobody")))
        assert lines() == [
            'accounting status=start nas="access points" venue="Hudson House" ssid="a b=c\\x0d" device=unknown'
            ' session="1\\" key=7\\x0a\\xff"'
        ]


class TestDuplicates:
    def test_repetition_has_the_same_answer_and_no_line(self, books, lines):
        request = packet(START, *SESSION)
        first = books.report(request)
        assert books.report(request) == first
        assert len(lines()) == 1
        assert books.accounting.journal.counts.duplicates == 1

    def test_another_delay_is_another_request(self, books, lines):
        for delay in range(2):
            assert books.report(packet(START, *SESSION, (41, delay.to_bytes(4)), identifier=1 + delay))
        assert len(lines()) == 2

    def test_another_port_makes_no_other_request(self, books, lines):
        """What is heard on the way is sent again from anywhere: the authenticator says which request it is."""
        request = packet(START, *SESSION)
        assert books.report(request, port=40000) == books.report(request, port=40001)
        assert len(lines()) == 1

    def test_another_nas_has_requests_of_its_own(self, books, lines):
        books.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", name="others")
        books.follow()
        request = packet(START, *SESSION)
        assert books.report(request) == books.report(request, address="198.51.100.1")
        assert len(lines()) == 2

    def test_what_was_not_taken_is_no_repetition(self, books, lines):
        """Status-Type is missing: not acknowledged, so the NAS asks again, and the count tells."""
        for _ in range(2):
            assert books.report(packet(*SESSION)) is None
        assert books.accounting.journal.counts.duplicates == 0


class TestReplay:
    """Event-Timestamp (RFC 2869 5.3) says when: what is old is not answered, what is not changes nothing twice."""

    @staticmethod
    def stamped(now, off=0, *more, identifier=1):
        return packet(START, *SESSION, (55, (int(now.timestamp()) + off).to_bytes(4)), *more, identifier=identifier)

    @pytest.mark.parametrize("off", [-300, -1, 0, 300])
    def test_in_time_is_answered(self, books, off):
        request = self.stamped(books.now, off)
        assert is_genuine(books.report(request), request)

    @pytest.mark.parametrize(("off", "said"), [(-301, "301 s ago"), (301, "301 s ahead"), (-(10**9), "000000 s ago")])
    def test_off_the_clock_is_not(self, books, lines, off, said):
        assert books.report(self.stamped(books.now, off)) is None
        (line,) = lines()
        assert line.startswith("discard cause=stale source=192.0.2.1:40000 ")
        assert f"{said} (NAS access points)" in line
        assert books.accounting.journal.counts.discards == {"stale": 1}
        assert not books.accounting.journal.counts.accounting

    def test_what_the_nas_had_to_keep_says_for_how_long(self, books):
        assert books.report(self.stamped(books.now, -3600, (41, (3600).to_bytes(4))))
        assert books.report(self.stamped(books.now, -3600, (41, (3000).to_bytes(4)))) is None

    @pytest.mark.parametrize("attribute", [(55, b"\0\0\0"), (55, b""), (41, b"\0")])
    def test_of_no_possible_length_is_malformed(self, books, lines, attribute):
        stamp = (55, int(books.now.timestamp()).to_bytes(4))
        assert books.report(packet(START, *SESSION, attribute, stamp)) is None
        assert "cause=malformed" in lines()[0]

    @pytest.mark.parametrize("seconds", [35, 299])
    def test_repetition_is_answered_and_changes_nothing(self, books, lines, seconds):
        request = self.stamped(books.now)
        first = books.report(request)
        books.now += timedelta(seconds=seconds)
        books.clock.seconds += seconds
        assert books.report(request) == first
        assert len(lines()) == 1
        assert books.accounting.journal.counts.accounting == {"start": 1}

    def test_old_repetition_is_refused_and_counted(self, books):
        request = self.stamped(books.now)
        assert books.report(request)
        books.now += timedelta(seconds=301)
        books.clock.seconds += 301
        assert books.report(request) is None
        assert books.accounting.journal.counts.accounting == {"start": 1}

    def test_no_moment_is_left_between_repetition_and_refusal(self, books):
        """A clock that is 300 s ahead lets a request live for 600 s: so long it is known."""
        request = self.stamped(books.now, 300)
        for _ in range(12):
            assert books.report(request)
            books.now += timedelta(seconds=50)
            books.clock.seconds += 50
        assert books.accounting.journal.counts.accounting == {"start": 1}
        assert books.report(request)
        books.now += timedelta(seconds=1)
        assert books.report(request) is None

    def test_workers_share_what_came(self, books, lines):
        """Another source port is another worker: a fork has the memory of its parent."""
        request = self.stamped(books.now)
        child = os.fork()
        if not child:
            os._exit(0 if books.report(request) is not None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert books.report(request)
        assert books.accounting.journal.counts.duplicates == 1
        assert not books.accounting.journal.counts.accounting


class TestStatusServer:
    @staticmethod
    def ask(sign=True):
        start = b"\x0c\7\0\x26" + os.urandom(16)
        mac = hmac.digest(b"testing123", start + b"\x50\x12" + bytes(16), "md5")
        return start + b"\x50\x12" + mac if sign else b"\x0c\7\0\x14" + os.urandom(16)

    def test_is_answered_with_an_accounting_response_that_is_signed_as_every_reply(self, books, lines):
        request = self.ask()
        reply = books.report(request)
        assert is_genuine(reply, request)
        unsigned = reply[:4] + request[4:20] + b"\x50\x12" + bytes(16)
        assert hmac.digest(b"testing123", unsigned, "md5") == reply[22:]
        assert not lines()

    def test_unsigned_is_discarded(self, books, lines):
        assert books.report(self.ask(sign=False)) is None
        assert "cause=unsigned" in lines()[0]

    def test_too_many_are_discarded(self, books, lines):
        books.accounting.configure(parse_config("[status]\nper_second = 1\nburst = 2", "x"))
        assert [books.report(self.ask()) is not None for _ in range(3)] == [True, True, False]
        assert "cause=status-rate" in lines()[0]
        books.clock.seconds += 1
        assert books.report(self.ask())


class TestLearning:
    """UniFi names the key, out of those offered, that a device uses; from then on its lookups are answered."""

    @pytest.fixture
    def house(self, house):
        house.change_nas(profile="unifi", unknown_devices=UnknownDevices.OFFER)
        return house

    @staticmethod
    def knows(house, device=DEVICE, pool=SSID):
        return next(iter(house.index.devices.keys(house.pools[pool].id, device)), None)

    @pytest.mark.parametrize("status", [START, INTERIM])
    def test_next_lookup_is_answered(self, books, lookup, lines, status):
        books.add_key(SSID, b"other-passphrase")
        books.follow()
        assert len(books.ask(lookup(), dialect="unifi").passphrases) == 2
        books.report(packet(status, *SESSION, key_name(b"key-1")))
        assert f'learn who="Ann Lee" key=1 {PLACE}' in lines()
        assert books.ask(lookup(), dialect="unifi").passphrases == (b"right-passphrase",)
        books.save()
        assert [(each.mac, each.key_id) for each in books.store.devices.of_keys()] == [(DEVICE, 1)]

    def test_what_is_known_is_not_said_again(self, books, lookup, lines):
        books.ask(lookup())
        for identifier in range(3):
            books.report(packet(INTERIM, *SESSION, key_name(b"key-1"), identifier=identifier))
        assert len([line for line in lines() if line.startswith("learn")]) == 1

    def test_end_of_a_session_says_nothing_about_the_next(self, books, lookup):
        books.ask(lookup())
        books.report(packet(STOP, *SESSION, key_name(b"key-1")))
        assert self.knows(books) is None

    def test_global_keypool_may_be_used_too(self, house, lookup, lines):
        pool = house.pools[SSID] = house.store.keypools.add(SSID)
        key_id = house.add_key(SSID, b"right-passphrase")
        open_books(house)
        house.ask(lookup())
        house.report(packet(START, *SESSION, key_name(b"key-%d" % key_id)))
        assert house.index.devices.keys(pool.id, DEVICE) == (key_id,)
        assert lines()[1].startswith("learn ")

    @pytest.mark.parametrize(
        ("name", "reason", "key"),
        [
            (b"key-2", "no key of this SSID here", "2"),  # another SSID's
            (b"key-3", "no key of this SSID here", "3"),  # another venue's
            (b"key-4", "suspended: delinquent", "4"),
            (b"key-5", "expired 2026-11-20 12:00 UTC", "5"),
            (b"key-6", "starts 2026-11-21 12:00 UTC", "6"),
            (b"key-7", "no key of this SSID here", "7"),  # nobody's
            (b"key-999999999999999999", "no key of this SSID here", "999999999999999999"),
            (b"key-9999999999999999999", "not a name that Latchkey gave", "unknown"),
            (b"Ann Lee", "not a name that Latchkey gave", "unknown"),
            (b"x" * 32, "Station-Keyid of 32 octets, 1 to 31 are allowed", "unknown"),
        ],
    )
    def test_key_that_may_not_be_used_there_is_ignored(self, house, lines, name, reason, key):
        house.add_key(SSID, b"right-passphrase")
        house.add_key(Ssid(b"Guests"), b"guest-passphrase")
        other = house.store.venues.add("Other House", nas_identifiers=["other-ap"])
        house.pools["other"] = house.store.keypools.add(SSID, venue_ids=[other.id])
        house.add_key("other", b"third-passphrase")
        house.add_key(SSID, b"fourth-passphrase")
        house.add_key(SSID, b"fifth-passphrase", ends=house.now)
        house.add_key(SSID, b"sixth-passphrase", starts=house.now + timedelta(days=1))
        house.store.keys.set_status(4, KeyStatus.SUSPENDED, now=house.now, reason="delinquent")
        open_books(house)
        house.index.offers.note(house.nas.id, DEVICE, range(1, 9), house.now)
        assert house.report(packet(START, *SESSION, key_name(name)))
        assert lines()[0] == (
            f'ignore reason="{reason}" key={key} nas="access points" venue="Hudson House"'
            ' ssid="Hudson House" device=02:00:00:00:02:01'
        )
        assert lines()[1].startswith("accounting status=start ")
        assert len(house.index.devices) == 0

    def test_venue_of_the_nas_decides(self, house):
        """An access point of one venue cannot name another venue's keys, whatever it says of itself."""
        house.add_key(SSID, b"right-passphrase")
        other = house.store.venues.add("Other House", nas_identifiers=["other-ap"])
        house.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", name="others", venue_id=other.id)
        open_books(house)
        house.index.offers.note(house.nas.id + 1, DEVICE, [1], house.now)
        house.report(packet(START, *SESSION, key_name(b"key-1")), "198.51.100.1")
        assert len(house.index.devices) == 0

    @pytest.mark.parametrize(
        ("without", "reason"), [(31, "no device address"), (30, "no SSID in Called-Station-Id")], ids=str
    )
    def test_where_and_who_must_be_said(self, books, lines, without, reason):
        said = [each for each in SESSION if each[0] != without]
        assert books.report(packet(START, *said, key_name(b"key-1")))
        assert lines()[0].startswith(f'ignore reason="{reason}" key=1 ')
        assert len(books.index.devices) == 0

    def test_nas_cannot_name_itself_into_every_key(self, books, lookup, lines):
        """Made-up addresses, each with a key that accounting claims for it, would be asked for without a handshake."""
        for number in range(2, 6):
            books.add_key(SSID, b"passphrase %d" % number)
        books.change_nas(profile="unifi")  # which offers nothing
        books.follow()
        made_up = [MacAddress(b"\2\0\0\0\xee" + bytes([number])) for number in range(1, 6)]
        for number, device in enumerate(made_up, 1):
            session = (*SESSION[:2], (31, str(device).encode()), SESSION[3])
            assert books.report(packet(START, *session, key_name(b"key-%d" % number), identifier=number))
            assert f'ignore reason="this key was not offered for this device" key={number} ' in lines()[-2]
        assert [books.ask(lookup(device), dialect="unifi") for device in made_up] == [None] * 5
        assert len(books.index.devices) == 0

    def test_offer_is_of_one_nas_and_one_device_and_soon_over(self, books, lookup, lines):
        books.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", name="others", profile="unifi")
        books.follow()
        books.ask(lookup())
        named = packet(START, *SESSION, key_name(b"key-1"))
        books.report(named, "198.51.100.1")
        another = (*SESSION[:2], (31, b"02-00-00-00-02-02"), SESSION[3])
        books.report(packet(START, *another, key_name(b"key-1")))
        books.now += timedelta(seconds=301)
        books.report(named)
        assert len([line for line in lines() if "was not offered for this device" in line]) == 3
        assert len(books.index.devices) == 0

    def test_other_dialects_name_no_keys(self, books, lookup, lines):
        """Station-Keyid is UniFi's: whoever was given no such name has none to report."""
        books.change_nas(profile="hostapd", unknown_devices=UnknownDevices.OFFER)
        books.follow()
        books.ask(lookup())
        books.report(packet(START, *SESSION, key_name(b"key-1")))
        assert self.knows(books) is None
        assert not [line for line in lines() if line.startswith(("learn", "ignore"))]

    def test_registration_stands_over_what_an_access_point_says(self, books, lookup, lines):
        second = books.add_key(SSID, b"other-passphrase")
        books.store.keys.add_device(1, DEVICE)
        books.store.keys.set_status(1, KeyStatus.SUSPENDED, now=books.now)  # so that the others are offered
        books.follow()
        assert books.ask(lookup(), dialect="unifi").passphrases == (b"other-passphrase",)
        books.report(packet(START, *SESSION, key_name(b"key-%d" % second)))
        assert 'ignore reason="this device is registered with another key" key=2 ' in lines()[-2]
        assert books.index.devices.keys(books.pools[SSID].id, DEVICE) == (1,)

    def test_offers_are_shared_by_workers(self, books, lookup):
        child = os.fork()
        if not child:
            books.index.offers.note(books.nas.id, DEVICE, [1], books.now)
            os._exit(0)
        os.waitpid(child, 0)
        books.report(packet(START, *SESSION, key_name(b"key-1")))
        assert self.knows(books) == 1

    def test_name_under_another_secret_is_ignored(self, books, lines):
        assert books.report(packet(START, *SESSION, key_name(b"k" * 31, secret=b"testing124")))
        assert lines()[0].startswith("ignore reason=")
        assert len(books.index.devices) == 0

    def test_wrong_name_is_logged_now_and_then(self, books, lines):
        for identifier in range(10):
            books.report(packet(INTERIM, *SESSION, key_name(b"key-7"), identifier=identifier))
            books.clock.seconds += 60
        assert len(lines()) == 2

    @pytest.mark.parametrize("number", [2, 3, 4, 31])
    def test_codec_packs_what_is_packed_here(self, number):
        name = b"k" * number
        attributes = (START, *SESSION, key_name(name, salt=b"\x80\0"))
        ours = [Attribute(*each) for each in attributes[:-1]]
        made = encode_accounting(1, [*ours, Salted(STATION_KEY_ID, name)], SharedSecret(b"testing123"))
        assert made == packet(*attributes)
        sealed = encode_accounting(1, ours, SharedSecret(b"testing123"), sign=True)
        assert sealed == signed(*attributes[:-1])


ANY = st.lists(
    st.tuples(
        st.sampled_from([1, 25, 26, 30, 31, 32, 33, 40, 42, 44, 46, 52, 80, 89, 245]),
        st.binary(max_size=60)
        | st.sampled_from([START[1], b"key-1", b"020000000000:Hudson House", b"020000000201", key_name(b"key-1")[1]]),
    ),
    max_size=10,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(attributes=ANY, octets=st.binary(max_size=40), start=st.booleans())
def test_any_octets_are_acknowledged_or_discarded_with_one_line(books, lines, attributes, octets, start):
    request = packet(*((START,) if start else ()), *attributes, octets=octets, identifier=len(octets))
    books.clock.seconds += 60
    before = len(lines())
    reply = books.report(request)
    said = lines()[before:]
    if reply is None:
        assert [line.split()[0] for line in said] == ["discard"]
    else:
        assert is_genuine(reply, request)
    books.report(octets)
    books.report(b"\4" + octets)


@pytest.mark.peer("radclient")
class TestOnRealSockets:
    """FreeRADIUS's client reports to a running server, and asks it."""

    ASKED = (
        'User-Name = "020000000201", User-Password = "020000000201", '
        'Called-Station-Id = "02-00-00-00-00-00:Hudson House", Message-Authenticator = 0x00'
    )
    REPORTED = (
        'Acct-Session-Id = "5F3A-01", Called-Station-Id = "02-00-00-00-00-00:Hudson House", '
        'Calling-Station-Id = "02-00-00-00-02-01"'
    )

    @pytest.fixture
    def served(self, house, tmp_path, running):
        (tmp_path / "raddb").mkdir()
        write_raddb(tmp_path / "raddb")
        offers = UnknownDevices.OFFER
        house.store.nases.add(
            ip_network("127.0.0.0/8"), b"testing123", name="loopback", profile="unifi", unknown_devices=offers
        )
        house.add_key(SSID, b"right-passphrase", identity="Ann Lee")
        house.raddb = str(tmp_path / "raddb")
        with running(house) as server:
            house.ports = {"auth": server.addresses[0][1], "acct": server.acct_addresses[0][1]}
            yield house

    @staticmethod
    def radclient(house, port, kind, text, key="testing123"):
        command = ["radclient", "-x", "-d", house.raddb, "-r", "1", "-t", "2", f"127.0.0.1:{port}", kind, key]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False).stdout

    def test_device_is_learned_from_its_session(self, served, lines):
        ports = served.ports
        served.add_key(SSID, b"other-passphrase")
        time.sleep(1)  # the server follows the store
        assert "Received Access-Accept" in self.radclient(served, ports["auth"], "auth", self.ASKED)  # with both keys
        text = f'Acct-Status-Type = Start, {self.REPORTED}, UBNT-Station-Keyid = "key-1", Class = 0x6b65792d31'
        assert "Received Accounting-Response" in self.radclient(served, ports["acct"], "acct", text)
        answer = self.radclient(served, ports["auth"], "auth", self.ASKED)
        assert 'Tunnel-Password:0 = "right-passphrase"' in answer
        said = [line for line in lines() if line.startswith(("learn", "accounting"))]
        place = 'nas=loopback venue="Hudson House" ssid="Hudson House" device=02:00:00:00:02:01'
        assert said[0].startswith('learn who="Ann Lee" key=1 nas=loopback')
        assert said[1] == f"accounting status=start {place} session=5F3A-01 key=1"
        for _ in range(100):
            if [each.mac for each in served.store.devices.of_keys()] == [DEVICE]:
                break
            time.sleep(0.05)
        assert [each.mac for each in served.store.devices.of_keys()] == [DEVICE]

    def test_session_signed_and_not(self, served, lines):
        usage = "Acct-Input-Octets = 1, Acct-Input-Gigawords = 1, Acct-Output-Octets = 2, Acct-Session-Time = 60"
        for extra in ("", ", Message-Authenticator = 0x00", ', Proxy-State = "one", Proxy-State = "two"'):
            text = f"Acct-Status-Type = Stop, {self.REPORTED}, {usage}{extra}"
            answer = self.radclient(served, served.ports["acct"], "acct", text)
            assert "Received Accounting-Response" in answer, answer
            received = answer.partition("Received")[2]
            assert received.count("Proxy-State") == extra.count("Proxy-State")
        said = [line for line in lines() if line.startswith("accounting")]
        assert len(said) == 3
        assert all(line.endswith("session=5F3A-01 input=4294967297 output=2 seconds=60") for line in said)

    def test_access_point_begins_and_ends(self, served, lines):
        for status in ("Accounting-On", "Accounting-Off"):
            answer = self.radclient(served, served.ports["acct"], "acct", f"Acct-Status-Type = {status}")
            assert "Received Accounting-Response" in answer
        said = [line.partition(" venue")[0] for line in lines() if line.startswith("accounting")]
        assert said == [f"accounting status={status} nas=loopback" for status in ("on", "off")]

    def test_failure_of_ours_costs_one_report(self, served, lines, monkeypatch):
        def fail(*_):
            raise KeyError("hashcat!")

        datagram = packet(START, *SESSION)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.connect(("127.0.0.1", served.ports["acct"]))
            with monkeypatch.context() as patch:
                patch.setattr(Accounting, "_read", fail)
                client.send(datagram)
                client.send(b"")  # its line says that the first one has been dealt with
                for _ in range(100):
                    if any("datagram of 0 octets" in line for line in lines()):
                        break
                    time.sleep(0.05)
            client.send(datagram)  # the same again: what failed has left nothing behind
            assert is_genuine(client.recv(4096), datagram)
        (line,) = [line for line in lines() if line.startswith("error")]
        assert "place=KeyError@test_accounting.py:" in line
        assert "hashcat" not in line

    def test_status_and_a_wrong_secret(self, served, lines):
        port = served.ports["acct"]
        assert "Received Accounting-Response" in self.radclient(
            served, port, "status", "Message-Authenticator = 0x00, Response-Packet-Type = Accounting-Response"
        )
        text = f"Acct-Status-Type = Start, {self.REPORTED}"
        assert "Received" not in self.radclient(served, port, "acct", text, key="testing124")
        assert any("cause=wrong-secret" in line and "NAS loopback" in line for line in lines())
        assert "Received" not in self.radclient(served, port, "auth", self.ASKED)
        assert "Received" not in self.radclient(served, served.ports["auth"], "acct", text)
