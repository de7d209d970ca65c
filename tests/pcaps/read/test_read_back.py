"""What is made here is read by the package's other half, which shares no code with it, to the same handshake."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import Akm, MacAddress, Pmk, Ssid
from pcaps import Capture, read_handshakes
from pcaps.make.conversation import DEFAULT_SECRET, converse
from pcaps.make.recipe import Credential, Generator, Recipe
from pcaps.make.scene import make_capture
from pcaps.make.session import make_session
from pcaps.make.writer import save_capture
from radiusd import DIALECTS, SharedSecret

START_US = 1_795_200_000_000_000
addresses = st.binary(min_size=6, max_size=6).map(lambda octets: MacAddress(bytes([octets[0] & 0xFE]) + octets[1:]))
nonces = st.binary(min_size=32, max_size=32).filter(any)  # a nonce of zeros is none


@st.composite
def sessions(draw):
    aa, spa = draw(st.lists(addresses, min_size=2, max_size=2, unique=True))
    akm = draw(st.sampled_from([Akm.PSK, Akm.PSK_SHA256, Akm.FT_PSK]))
    recipe = Recipe(
        generator=Generator(name="any", akm=akm, eapol_version=draw(st.sampled_from([1, 2]))),
        ssid=Ssid(draw(st.binary(min_size=1, max_size=32).filter(any))),  # zeros on the air hide the SSID
        akm=akm,
        nas_identifier=draw(st.binary(min_size=1, max_size=48)),
        bssid=aa,
        station=spa,
        anonce=draw(nonces),
        snonce=draw(nonces),
        mdid=draw(st.binary(min_size=2, max_size=2)),
    )
    return make_session(recipe, Credential(Pmk(draw(st.binary(min_size=32, max_size=32)))), random.Random(0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("read-back")


def read(path):
    with Capture.open(path) as capture:
        return read_handshakes(capture)


@settings(deadline=None)
@given(session=sessions(), suffix=st.sampled_from(["pcap", "pcapng"]))
def test_a_capture_is_read_back_to_its_handshake(folder, session, suffix):
    path = folder / f"x.{suffix}"
    frames = make_capture(session, random.Random(1), START_US)
    save_capture(path, frames)
    findings = read(path)
    assert (findings.packets, findings.flaws) == (len(frames), ())
    first, *moves = findings.attempts
    assert first.handshake == session.handshake
    assert first.accepted
    assert first.time_ns // 1000 in {frame.at_us for frame in frames}
    assert [move.roam.fits(session.pmk) for move in moves] == ([] if session.ft is None else [True])


@settings(deadline=None)
@given(session=sessions(), name=st.sampled_from(["hostapd", "openwifi"]))
def test_a_conversation_beside_it_is_the_same_handshake(folder, session, name):
    path = folder / "x.pcapng"
    conversation = converse(session, DIALECTS[name], SharedSecret(DEFAULT_SECRET), random.Random(2))
    save_capture(path, make_capture(session, random.Random(1), START_US, conversation))
    found = {attempt.handshake for attempt in read(path).attempts if attempt.handshake is not None}
    assert found == {session.handshake}
