"""Which dialect a request is in, what becomes of strangers and probes, and what the log says of it."""

import itertools
import os
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest

from crypto import Handshake, MacAddress, Ssid
from provisioning import KeyDraft, KeyStatus, Passphrase, UnknownDevices
from radiusd import DIALECTS, PROFILES, DialectError, Lookup, PacketError, Question, SharedSecret
from radiusd.ciphers import decrypt_salted
from radiusd.codec import decode_request, encode_request
from radiusd.model import Attribute, Hidden, Salted
from radiusd.vendors import recognise
from radiusd.vendors.unifi import DIALECT as UNIFI
from radiusd.vendors.unifi import STATION_KEY_ID
from tests.vendor_vectors import ANSWERED, SEARCHING, SHOWN, UNPUBLISHED, in_clear

SSID = Ssid(b"Hudson House")
DEVICE = MacAddress(b"\2\0\0\0\2\1")
SECRET = SharedSecret(b"testing123")


def lookup(device=DEVICE, ssid=SSID):
    return Lookup(device=device, ssid=ssid, aa=MacAddress(b"\2\0\0\0\0\0"))


def own(name, subject):
    """Return what a dialect's request holds besides the attributes that all share."""
    if name in UNPUBLISHED:
        return [Attribute(UNPUBLISHED[name], bytes(64))]
    shared = {1, 2, 30, 31, 32, 61}
    return [each for each in DIALECTS[name].encode_request(subject, None) if each.type not in shared]


class TestTwoDialectsInOnePacket:
    @pytest.mark.parametrize(
        ("first", "second"),
        [pair for pair in itertools.combinations([*SHOWN, *UNPUBLISHED], 2) if pair[0] in SHOWN],
    )
    def test_the_more_specific_wins_and_the_line_names_both(self, house, handshake, lines, first, second):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        meant, other = handshake(b"right-passphrase"), handshake(b"wrong-passphrase")
        pieces = own(first, meant)
        kinds = {each.type for each in pieces}
        pieces += [each for each in own(second, other) if each.type not in kinds]  # hostapd's, in OpenWiFi's too
        extra = DIALECTS["generic"].encode_request(lookup(), None)
        question = Question(
            datagram=encode_request(1, os.urandom(16), (*extra, *pieces), house.secret),
            dialect=DIALECTS[first],
            secret=house.secret,
        )
        granted = question.read(house.send(question.datagram))
        assert granted.passphrases == (b"right-passphrase",) or granted.pmk is not None
        both = "" if DIALECTS[first].variant_of is DIALECTS[second] else f"{first} also="
        assert f" dialect={both}" in lines()[-1]
        if both:
            assert second in lines()[-1].partition(" also=")[2].split(",")

    def test_two_that_nobody_can_read_are_rejected(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        pieces = own("aruba", None) + own("extreme", None)
        asked = (*DIALECTS["generic"].encode_request(lookup(), None), *pieces)
        assert house.send(encode_request(1, os.urandom(16), asked, house.secret))[0] == 3
        assert "14823/66" in lines()[-1]
        assert lines()[-1].endswith(" dialect=aruba also=extreme")

    def test_one_dialect_has_no_second(self, house, handshake, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        assert house.ask(handshake(b"right-passphrase"))
        assert lines()[-1].endswith(" dialect=hostapd")


class TestProfile:
    @pytest.mark.parametrize("name", SHOWN)
    def test_search_is_answered_in_its_own_form_whatever_the_profile(self, house, handshake, name):
        house.add_key(SSID, b"right-passphrase", vlan=7)
        house.store.nases.add(ip_network("198.51.100.1/32"), b"testing123", profile="huawei")
        house.start()
        question = Question.ask(DIALECTS[name], handshake(b"right-passphrase"), house.secret)
        granted = question.read(house.send(question.datagram, address="198.51.100.1"))
        assert granted.passphrases == (b"right-passphrase",) or granted.pmk is not None
        assert granted.vlan == 7

    @pytest.mark.parametrize("profile", ["auto", *ANSWERED])
    def test_no_key_leaves_in_clear_but_in_such_a_dialect_or_by_such_a_profile(self, house, handshake, profile):
        """Neither the passphrase nor the PMK, which opens the network as well."""
        key = house.store.keys.get(house.add_key(SSID, b"right-passphrase", devices=(DEVICE,)))
        house.store.nases.add(ip_network("198.51.100.1/32"), b"testing123", profile=profile)
        house.start()
        for name in ANSWERED:
            for subject in (lookup(), handshake(b"right-passphrase")):
                datagram = Question.ask(DIALECTS[name], subject, house.secret).datagram
                spoken = recognise(decode_request(datagram, SECRET), profile).dialect
                searched = isinstance(spoken.decode_request(decode_request(datagram, SECRET)), Handshake)
                reply = house.send(datagram, address="198.51.100.1")
                assert reply[0] == 2
                shown = b"right-passphrase" in reply or key.pmk.value in reply or key.pmk.value.hex().encode() in reply
                assert shown is in_clear(spoken.name, lookup=not searched), (name, spoken)

    @pytest.mark.parametrize("sign", [b"TP-Link_EAP650", b"TP-Link"])
    def test_tp_links_first_step_is_known_by_its_nas_identifier(self, sign):
        def asked(identifier):
            return decode_request(
                encode_request(1, bytes(16), DIALECTS["hostapd"].encode_request(lookup(), identifier), SECRET),
                SECRET,
            )

        assert recognise(asked(sign), "auto").dialect.name == "omada"
        assert recognise(asked(sign), "hostapd").dialect.name == "hostapd"
        assert recognise(asked(b"hudson-house-ap1"), "auto").dialect.name == "hostapd"
        assert recognise(asked(b"hudson-house-ap1"), "omada").dialect.name == "omada"

    def test_openwifi_is_known_by_its_address_and_by_its_profile(self, handshake):
        for name, profile, expected in (
            ("openwifi", "auto", "openwifi"),
            ("hostapd", "openwifi", "openwifi"),
            ("hostapd", "auto", "hostapd"),
        ):
            for subject in (lookup(), handshake(b"right-passphrase")):
                datagram = Question.ask(DIALECTS[name], subject, SECRET).datagram
                assert recognise(decode_request(datagram, SECRET), profile) == (DIALECTS[expected], ())

    def test_extreme_asks_in_vain_whatever_it_asks(self, house, lines):
        house.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        house.store.nases.add(ip_network("198.51.100.1/32"), b"testing123", profile="extreme")
        house.start()
        assert house.send(house.question(lookup()).datagram, address="198.51.100.1")[0] == 3
        assert "unpublished" in lines()[-1]
        for half in (DIALECTS["extreme"].encode_request, DIALECTS["extreme"].decode_accept):
            with pytest.raises(DialectError, match="unpublished"):
                half(lookup(), None)
        with pytest.raises(DialectError, match="unpublished"):
            DIALECTS["extreme"].encode_accept(None)


class TestOmada:
    def first_step(self, house):
        return house.send(Question.ask(DIALECTS["omada"], lookup(), house.secret).datagram)

    def test_device_with_a_lapsed_key_may_go_on_to_its_handshake(self, house, handshake, lines):
        """It may have been given another passphrase meanwhile: a Reject would keep it out for good."""
        lapsed = house.add_key(SSID, b"first-passphrase", devices=(DEVICE,))
        house.store.keys.set_status(lapsed, KeyStatus.SUSPENDED, now=house.now, reason="delinquent")
        house.add_key(SSID, b"second-passphrase")
        house.start()
        reply = self.first_step(house)
        assert (reply[0], len(reply)) == (2, 38)
        assert 'admit reason="suspended: delinquent"' in lines()[-1]
        for passphrase, found in ((b"first-passphrase", False), (b"second-passphrase", True)):
            question = Question.ask(DIALECTS["omada"], handshake(passphrase), house.secret)
            assert (question.read(house.send(question.datagram)) is not None) is found
        assert self.first_step(house)[0] == 2
        assert "how=lookup" in lines()[-1]

    def test_ssid_nobody_has_is_rejected(self, house):
        house.start()
        assert self.first_step(house)[0] == 3

    def test_station_is_what_the_request_names_and_only_else_what_is_presumed(self, handshake):
        subject = handshake(b"right-passphrase")
        attributes = DIALECTS["omada"].encode_request(subject, None)
        other = Attribute(31, b"02-00-00-00-09-09")
        without = [each for each in attributes if each.type not in (1, 2, 31)]
        for extra, spa in (((other,), MacAddress(b"\2\0\0\0\x09\x09")), ((), subject.spa)):
            asked = decode_request(encode_request(1, bytes(16), (*without, *extra), SECRET), SECRET)
            assert DIALECTS["omada"].decode_request(asked) == replace(subject, spa=spa)


class TestProbe:
    PROBE = Attribute(1, b"meraki_8021x_test")

    @pytest.mark.parametrize("password", [(), (Hidden(2, b"whatever it is"),)])
    @pytest.mark.parametrize("sign", [True, False])
    @pytest.mark.parametrize("profile", ["auto", "meraki", "cisco"])
    def test_is_answered_and_kept_out_of_the_statistics(self, house, lines, profile, sign, password):
        house.store.nases.add(
            ip_network("198.51.100.1/32"), b"testing123", profile=profile, require_message_authenticator=False
        )
        house.start()
        asked = (self.PROBE, *password, Attribute(79, b"\2\1\0\5\1"), Attribute(30, b"02-00-00-00-00-00:x"))
        datagram = encode_request(1, os.urandom(16), asked, house.secret, sign=sign)
        replies = {house.send(datagram, address="198.51.100.1") for _ in range(3)}
        (reply,) = replies
        assert (reply[0], len(reply)) == (3, 38)
        journal = house.engine.journal
        assert (journal.counts.probes, journal.rejected, journal.counts.duplicates) == (3, 0, 0)
        assert not journal.accepted
        assert not journal.counts.discards
        assert lines() == []

    def test_under_a_wrong_secret_is_discarded(self, house, lines):
        house.start()
        assert house.send(encode_request(1, bytes(16), [self.PROBE], SharedSecret(b"another"))) is None
        assert "discard cause=wrong-secret" in lines()[-1]


class TestOffer:
    """Devices nobody registered, on an access point that only looks up."""

    @pytest.fixture(params=[name for name, tries_several in PROFILES.items() if tries_several])
    def profile(self, request):
        return request.param

    @pytest.fixture
    def offering(self, house, profile):
        house.store.nases.add(
            ip_network("198.51.100.1/32"), b"testing123", profile=profile, unknown_devices=UnknownDevices.OFFER
        )
        return house

    def ask(self, house, profile, subject=None, extra=()):
        dialect = DIALECTS["hostapd" if profile == "auto" else profile]
        question = Question.ask(dialect, subject or lookup(), house.secret, extra=extra)
        reply = house.send(question.datagram, address="198.51.100.1")
        assert len(reply) <= 4096
        return question.read(reply)

    def test_every_valid_key_is_offered(self, offering, profile, lines):
        now = offering.now
        keys = [offering.add_key(SSID, b"passphrase-%d" % n, vlan=7) for n in range(5)]
        offering.add_key(SSID, b"expired-passphrase", ends=now - timedelta(days=1))
        offering.add_key(SSID, b"future-passphrase", starts=now + timedelta(days=1))
        suspended = offering.add_key(SSID, b"suspended-passphrase")
        offering.store.keys.set_status(suspended, KeyStatus.SUSPENDED, now=now)
        offering.start()
        granted = self.ask(offering, profile, extra=[Attribute(89, b"\0")])
        assert granted.passphrases == tuple(b"passphrase-%d" % n for n in range(5))
        assert granted.vlan == 7
        assert granted.class_ is granted.chargeable_user_identity is None  # nobody knows yet whose session it is
        if profile == "unifi":
            assert granted.session_key_names == tuple(b"key-%d" % key for key in keys)
        assert "accept who=unknown key=5-keys nas=198.51.100.1/32" in lines()[-1]
        assert "how=offer keys=8" in lines()[-1]
        assert offering.engine.journal.accepted == {"offer": 1}
        assert offering.index.devices.unsaved() == ()

    def test_registered_device_gets_its_own_only(self, offering, profile, lines):
        offering.add_key(SSID, b"right-passphrase", devices=(DEVICE,))
        offering.add_key(SSID, b"other-passphrase")
        offering.start()
        assert self.ask(offering, profile).passphrases == (b"right-passphrase",)
        assert "how=lookup" in lines()[-1]

    def test_device_whose_key_has_lapsed_is_offered_the_others(self, offering, profile):
        offering.add_key(SSID, b"old-passphrase", devices=(DEVICE,), ends=offering.now - timedelta(days=1))
        offering.add_key(SSID, b"new-passphrase")
        offering.start()
        assert self.ask(offering, profile).passphrases == (b"new-passphrase",)

    def test_session_ends_with_the_first_of_the_keys(self, offering, profile):
        for n, days in enumerate((2, 1, None)):
            ends = None if days is None else offering.now + timedelta(days=days)
            offering.add_key(SSID, b"passphrase-%d" % n, ends=ends)
        offering.start()
        assert self.ask(offering, profile).session_timeout_s == 86_400

    @pytest.mark.parametrize("length", [8, 63, 64])
    def test_32_keys_of_any_length_fit_a_packet(self, offering, profile, length):
        for n in range(32):
            offering.add_key(SSID, b"%0*d" % (length, n), vlan=4094, ends=offering.now + timedelta(days=1))
        offering.start()
        assert len(self.ask(offering, profile).passphrases) == 32

    def test_more_than_32_keys_are_not_offered(self, offering, profile, lines):
        for n in range(33):
            offering.add_key(SSID, b"passphrase-%d" % n)
        offering.start()
        assert self.ask(offering, profile) is None
        assert 'reject reason="unknown device, and of 33 valid keys at most 32 can be offered"' in lines()[-1]

    def test_a_large_pool_is_not_read(self, offering, profile, lines, monkeypatch):
        ended = offering.now - timedelta(days=1)
        drafts = [KeyDraft(passphrase=Passphrase(b"passphrase-%d" % n), ends=ended) for n in range(257)]
        offering.store.keys.add_many(offering.pool(SSID), drafts)
        offering.start()
        monkeypatch.setattr(offering.index, "key", None)
        assert self.ask(offering, profile) is None
        assert "of 257 keys at most 32 can be offered" in lines()[-1]

    def test_keys_of_several_keypools_count_together(self, offering, profile):
        for n in range(20):
            offering.add_key(SSID, b"local-passphrase-%d" % n)
        offering.pools[SSID] = offering.store.keypools.add(SSID)
        for n in range(12):
            offering.add_key(SSID, b"global-passphrase-%d" % n)
        offering.start()
        assert len(self.ask(offering, profile).passphrases) == 32
        offering.add_key(SSID, b"one too many")
        offering.follow()
        assert self.ask(offering, profile) is None

    def test_keys_of_several_vlans_are_not_offered(self, offering, profile, lines):
        """The answer has room for one VLAN, and which one it is depends on the key."""
        offering.add_key(SSID, b"first-passphrase", vlan=7)
        offering.add_key(SSID, b"second-passphrase", vlan=8)
        offering.start()
        assert self.ask(offering, profile) is None
        assert "several VLANs" in lines()[-1]

    def test_no_valid_key(self, offering, profile, lines):
        offering.add_key(SSID, b"old-passphrase", ends=offering.now - timedelta(days=1))
        offering.start()
        assert self.ask(offering, profile) is None
        assert "no key is valid" in lines()[-1]

    def test_handshake_is_searched_all_the_same(self, offering, profile, handshake):
        """Of whichever dialect: a UniFi forwards none, but it may stand beside others behind one address."""
        offering.add_key(SSID, b"right-passphrase")
        offering.add_key(SSID, b"other-passphrase")
        offering.start()
        dialect = DIALECTS[profile if profile in SEARCHING else "hostapd"]
        for passphrase, expected in ((b"wrong-passphrase", None), (b"right-passphrase", (b"right-passphrase",))):
            question = Question.ask(dialect, handshake(passphrase), offering.secret)
            granted = question.read(offering.send(question.datagram, address="198.51.100.1"))
            assert (granted and granted.passphrases) == expected

    @pytest.mark.parametrize("name", [name for name, dialect in DIALECTS.items() if not dialect.tries_several_keys])
    def test_access_points_that_try_one_key_are_offered_none(self, house, name):
        """`nas add` refuses to set them so; what another version has stored offers nothing either."""
        house.store.nases.add(
            ip_network("198.51.100.1/32"), b"testing123", profile=name, unknown_devices=UnknownDevices.OFFER
        )
        house.add_key(SSID, b"right-passphrase")
        house.start()
        asked = DIALECTS["hostapd"].encode_request(lookup(), None)
        reply = house.send(encode_request(1, os.urandom(16), asked, house.secret), address="198.51.100.1")
        assert len(reply) == 38
        assert (reply[0] == 2) is DIALECTS[name].accepts_unknown

    def test_default_is_to_reject(self, house, lines):
        house.add_key(SSID, b"right-passphrase")
        house.start()
        assert house.ask(lookup()) is None
        assert 'reject reason="unknown device"' in lines()[-1]

    def test_search_dialects_on_such_a_nas_do_not_offer(self, offering, profile):
        offering.add_key(SSID, b"right-passphrase")
        offering.start()
        question = Question.ask(DIALECTS["omada"], lookup(), offering.secret)
        reply = offering.send(question.datagram, address="198.51.100.1")
        assert reply[0] == 2
        assert (len(reply) == 38) is (profile == "auto")  # TP-Link's first step, where nothing else is said


class TestStationKeyId:
    """Accounting names the key a UniFi session uses."""

    @staticmethod
    def read(name, secret=SECRET):
        asked = decode_request(encode_request(1, bytes(range(16)), [Salted(STATION_KEY_ID, name)], SECRET), SECRET)

        def decrypt(value, *, tagged=True):
            return decrypt_salted(value, asked.authenticator, secret, tagged=tagged)

        return UNIFI.decode_session_key_name(asked, decrypt)

    def test_is_the_name_the_accept_gave(self):
        assert self.read(b"key-17") == b"key-17"
        assert self.read(b"k" * 31) == b"k" * 31

    def test_absent_is_none(self):
        asked = decode_request(encode_request(1, bytes(16), [], SECRET), SECRET)
        assert UNIFI.decode_session_key_name(asked, None) is None

    @pytest.mark.parametrize("name", [b"", b"k" * 32])
    def test_other_lengths_are_refused(self, name):
        with pytest.raises(DialectError, match="1 to 31"):
            self.read(name)

    def test_wrong_secret_is_refused(self):
        with pytest.raises(PacketError):
            self.read(b"k" * 31, SharedSecret(b"wrong"))
