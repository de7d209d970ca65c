"""Whatever arrives, Engine.handle returns a reply or None, and the next request is served."""

import hmac

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto import MacAddress, Ssid
from radiusd.codec import decode_reply, encode_request
from radiusd.model import Attribute, Hidden
from radiusd.vendors.hostapd import ANONCE, M2

FUZZ = settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
DEVICE = MacAddress(b"\2\0\0\0\1\0")


@pytest.fixture
def served(house, recordings):
    for case in recordings:
        house.add_key(case.ssid, case.passphrase)
    house.add_key(Ssid(b"Guests"), b"guest-passphrase", devices=(DEVICE,))
    return house.start()


def check(house, datagram):
    reply = house.send(datagram)
    if reply is not None:
        assert decode_reply(reply, datagram, house.secret).code in (2, 3)
        assert reply[20] == 80
    return reply


def resign(datagram):
    """Return the datagram with a right Message-Authenticator where its first attribute is one."""
    if len(datagram) < 38 or datagram[20:22] != b"\x50\x12":
        return datagram
    length = int.from_bytes(datagram[2:4])
    mac = hmac.digest(b"testing123", datagram[:22] + bytes(16) + datagram[38:length], "md5")
    return datagram[:22] + mac + datagram[38:]


@FUZZ
@given(st.binary(max_size=200))
def test_any_octets(served, octets):
    check(served, octets)
    check(served, b"\x01\x01" + (20 + len(octets)).to_bytes(2) + bytes(16) + octets)
    body = b"\x50\x12" + bytes(16) + octets
    check(served, resign(b"\x01\x01" + (20 + len(body)).to_bytes(2) + bytes(16) + body))


@FUZZ
@given(st.data())
def test_mutated_recordings(served, recordings, data):
    octets = bytearray(data.draw(st.sampled_from(recordings)).datagram)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        match data.draw(st.sampled_from(["set", "insert", "delete", "cut"])):
            case "set":
                octets[at] = data.draw(st.integers(0, 255) | st.sampled_from([0, 1, 2, 255]))
            case "insert":
                octets[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case "delete":
                del octets[at : at + data.draw(st.integers(1, 8))]
            case "cut":
                del octets[at + 1 :]
        if not octets:
            break
    if data.draw(st.booleans()) and len(octets) >= 20:
        octets[0] = 1
        octets[2:4] = len(octets).to_bytes(2)
    check(served, resign(bytes(octets)))


@FUZZ
@given(
    st.lists(
        st.builds(
            Attribute,
            st.sampled_from([1, 2, 4, 30, 31, 32, 33, 79, 89, 188, ANONCE, M2, (245, 26, 9, 1), (26, 9, 1)]),
            st.binary(max_size=130)
            | st.sampled_from([b"020000000100", b"020000000000:Guests", b"020000000000:Hudson House", bytes(32)]),
        )
        | st.builds(Hidden, st.just(2), st.binary(max_size=20)),
        max_size=10,
    ),
    st.sampled_from([1, 12]),
    st.booleans(),
)
def test_any_attributes(served, attributes, code, sign):
    # The clock moves on, or Status-Server requests would soon be one too many.
    served.clock.seconds += 60
    datagram = encode_request(3, bytes(16), attributes, served.secret, code=code, sign=sign)
    reply = check(served, datagram)
    one_signature = sign and not any(attribute.type == 80 for attribute in attributes)
    assert (reply is not None) == one_signature


def test_recordings_cut_anywhere(served, recordings):
    for case in recordings:
        for length in range(len(case.datagram)):
            assert served.send(case.datagram[:length]) is None
            if length >= 38:
                head = case.datagram[:2] + length.to_bytes(2)
                check(served, resign(head + case.datagram[4:length]))
    assert served.send(recordings[0].datagram)[0] == 2
