"""Frames of several networks, repeated, interleaved, cut and damaged, to attempts."""

import struct
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import Akm, MacAddress, Pmk, Ssid, passphrase_to_pmk, verify_mic
from pcaps import Capture, read_handshakes
from pcaps.read.attempts import build_attempt
from pcaps.read.dissect import INTERESTING, dissect
from pcaps.read.formats import Link, Packet
from pcaps.read.link_layers import WIRED, WIRELESS
from pcaps.read.pairing import KeyFrame, Message, Pairing, mic_length, parse_key_frame
from tests.pcaps.air import AA, PASSPHRASE, RSNE, SPA, SSID, START_NS, VECTORS, Air

OTHER_AA, OTHER_SPA = MacAddress(b"\2\0\0\0\0\x07"), MacAddress(b"\2\0\0\0\1\x07")
SECOND_NS = 1_000_000_000


def fits(attempt, passphrase=PASSPHRASE):
    return verify_mic(passphrase_to_pmk(passphrase, attempt.handshake.ssid), attempt.handshake)


def only(findings):
    assert not findings.flaws
    (attempt,) = findings.attempts
    return attempt


def capture(*frames, **form):
    return Air.pcap([Air.radiotap(frame) for frame in frames], **form)


@pytest.mark.parametrize("akm", [Akm.WPA_PSK, Akm.PSK, Akm.PSK_SHA256])
def test_the_handshake_of_each_akm(read, akm):
    handshake = Air.handshake(akm=akm)
    findings = read(capture(Air.beacon(), Air.association(), *Air.frames(handshake)))
    attempt = only(findings)
    assert findings.packets == 6
    assert (attempt.number, attempt.time_ns) == (4, START_NS + 3_000_000)
    assert (attempt.station, attempt.bssid, attempt.ssid, attempt.akm) == (SPA, AA, SSID, str(akm))
    assert attempt.handshake == handshake
    assert (attempt.accepted, attempt.damaged, attempt.reason) == (True, False, None)


@pytest.mark.parametrize("name", ["wpa2-psk", "wpa2-psk-utf8-ssid", "psk-sha256-pmf", "ft-psk"])
def test_recordings_of_hostapd(name):
    """The air and the access point's Access-Request tell of the same handshake."""
    import tomllib

    from radiusd import DIALECTS, SharedSecret
    from radiusd.codec import decode_request

    cases = tomllib.loads((VECTORS / "hwsim/requests.toml").read_text("utf-8"))["case"]
    (case,) = [case for case in cases if case["name"] == name]
    with Capture.open(VECTORS / "hwsim" / case["capture"]) as file:
        attempt = only(read_handshakes(file))
    assert (str(attempt.station), str(attempt.bssid)) == (case["station"], case["bssid"])
    assert (attempt.ssid, attempt.akm) == (Ssid.parse(case["ssid"]), case["akm"])
    assert verify_mic(Pmk(bytes.fromhex(case["pmk"])), attempt.handshake)
    request = decode_request(bytes.fromhex(case["access_request"]), SharedSecret(b"testing123"))
    assert attempt.handshake == DIALECTS["hostapd"].decode_request(request)


@pytest.mark.parametrize(
    "form",
    [{"qos": True}, {"qos": True, "flags": 0x80}, {"wds": True}, {"wds": True, "qos": True}, {"flags": 0x08}],
)
def test_every_form_of_data_frame(read, form):
    attempt = only(read(capture(Air.beacon(), *Air.frames(Air.handshake(), **form))))
    assert fits(attempt)


def test_headers_padded_to_four_octets(read):
    unpadded = Air.frames(Air.handshake(), qos=True)
    frames = [Air.radiotap(frame[:26] + b"\0\0" + frame[26:], flags=0x20) for frame in unpadded]
    assert fits(only(read(Air.pcap([Air.radiotap(Air.beacon()), *frames]))))


@pytest.mark.parametrize(
    ("link", "wrap"),
    [
        (105, bytes),
        (105, Air.with_fcs),
        (127, lambda frame: Air.radiotap(Air.with_fcs(frame), flags=0x10, tsft=True)),
        (192, Air.ppi),
        (119, Air.prism),
        (163, Air.avs),
    ],
)
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_every_link_type_of_the_air(read, link, wrap, form):
    frames = [wrap(frame) for frame in (Air.beacon(), *Air.frames(Air.handshake()))]
    assert fits(only(read(getattr(Air, form)(frames, link=link))))


@pytest.mark.parametrize("vlans", [(), (12,), (12, 7)])
def test_eapol_on_ethernet(read, vlans):
    packets = []
    for message, octets in Air.four_way(Air.handshake()):
        ends = {"source": AA, "destination": SPA} if message in (1, 3) else {"source": SPA, "destination": AA}
        packets.append(Air.ethernet(octets, vlans=vlans, **ends).ljust(60, b"\0"))
    assert (
        "no SSID: nothing in the capture names the network; use --ssid" in only(read(Air.pcap(packets, link=1))).reason
    )
    assert fits(only(read(Air.pcap(packets, link=1), ssid=SSID)))


@pytest.mark.parametrize(("link", "wrap"), [(113, Air.cooked), (276, Air.cooked2)])
def test_eapol_in_a_cooked_capture_that_keeps_senders_only(read, link, wrap):
    packets = [wrap(octets, source=AA if m in (1, 3) else SPA) for m, octets in Air.four_way(Air.handshake())]
    attempt = only(read(Air.pcap(packets, link=link), ssid=SSID))
    assert (attempt.station, attempt.bssid) == (SPA, AA)
    assert fits(attempt)


# Names.


@pytest.mark.parametrize(
    "naming",
    [
        Air.beacon(),
        Air.beacon(subtype=5, receiver=SPA),
        Air.association(),
        Air.association(again=True),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_the_name_comes_from_whatever_tells_it_also_later(read, naming, late):
    frames = Air.frames(Air.handshake())
    attempt = only(read(capture(*frames, naming) if late else capture(naming, *frames)))
    assert attempt.ssid == SSID
    assert fits(attempt)


@pytest.mark.parametrize("hidden", [b"", bytes(12), b"x" * 33])
def test_a_hidden_name_is_none(read, hidden):
    octets = capture(Air.beacon(ssid=hidden), *Air.frames(Air.handshake()))
    attempt = only(read(octets))
    assert (attempt.handshake, attempt.capture_at_fault) == (None, True)
    assert attempt.reason == "frame 3: no SSID: nothing in the capture names the network; use --ssid"
    assert fits(only(read(octets, ssid=SSID)))


def test_the_name_is_that_of_the_time(read):
    """A BSSID that was given to another network between two handshakes."""
    new = Ssid(b"New name")
    before, after = Air.handshake(seed=1), Air.handshake(seed=2, ssid=new)
    findings = read(
        capture(Air.beacon(), *Air.frames(before), Air.beacon(ssid=new.value), *Air.frames(after), Air.beacon())
    )
    assert [attempt.ssid for attempt in findings.attempts] == [SSID, new]
    assert all(map(fits, findings.attempts))


def test_what_the_station_asked_for_wins_over_what_was_beaconed(read):
    attempt = only(read(capture(Air.beacon(ssid=b"Another"), Air.association(), *Air.frames(Air.handshake()))))
    assert fits(attempt)


def test_frames_that_overrun_name_nothing(read):
    beacon = Air.beacon()
    broken = beacon[:37] + b"\xff" + beacon[38:]
    protected = beacon[:1] + b"\x40" + beacon[2:]
    findings = read(capture(broken, protected, beacon[:30], beacon[:10], *Air.frames(Air.handshake())))
    assert findings.attempts[0].ssid is None


# Pairs.


def test_networks_and_stations_interleaved(read):
    """Eight handshakes at a time, each of its frames twice, shuffled as the air does."""
    handshakes = [
        Air.handshake(aa=aa, spa=spa, seed=seed, passphrase=PASSPHRASE + bytes([48 + seed]))
        for seed, (aa, spa) in enumerate(
            [(aa, MacAddress(b"\2\0\0\0\1" + bytes([n]))) for aa in (AA, OTHER_AA) for n in range(4)], 1
        )
    ]
    frames = [Air.beacon(), Air.beacon(bssid=OTHER_AA)]
    for place in range(4):
        for handshake in handshakes:
            frames += [Air.frames(handshake)[place]] * 2
    findings = read(capture(*frames))
    assert [attempt.handshake for attempt in findings.attempts] == handshakes
    for seed, attempt in enumerate(findings.attempts, 1):
        assert fits(attempt, PASSPHRASE + bytes([48 + seed]))


def test_an_m2_answers_the_m1_of_its_replay_counter(read):
    """An access point that asks again with a new counter, and a new nonce too, and an answer to its first question."""
    handshake = Air.handshake(counter=1)
    later = Air.key_frame(0x008A, 2, b"\x99" * 32)
    frames = Air.frames(handshake)
    attempt = only(read(capture(Air.beacon(), frames[0], Air.eapol(1, later), frames[1])))
    assert attempt.handshake.anonce == handshake.anonce
    assert fits(attempt)
    assert not attempt.accepted


def test_repeated_with_another_counter_it_is_one_attempt(read):
    first = Air.handshake(counter=1)
    second = Air.handshake(counter=2)  # same nonces
    assert first.m2.snonce == second.m2.snonce
    frames = [*Air.frames(first, messages=(1, 2)), *Air.frames(second)]
    attempt = only(read(capture(Air.beacon(), *frames)))
    assert (attempt.number, attempt.accepted, fits(attempt)) == (5, True, True)


def test_an_m3_gives_the_anonce_where_m1_is_missing(read):
    attempt = only(read(capture(Air.beacon(), *Air.frames(Air.handshake(), messages=(2, 3)))))
    assert fits(attempt)


def test_an_m3_corrects_an_m1_of_another_attempt(read):
    """Counters begin at the same number each time; hostapd's do."""
    old, new = Air.handshake(seed=1), Air.handshake(seed=2)
    frames = [*Air.frames(old, messages=(1,)), *Air.frames(new, messages=(2, 3))]
    assert only(read(capture(Air.beacon(), *frames))).handshake == new


def test_an_m3_of_another_counter_says_nothing(read):
    handshake = Air.handshake(seed=1)
    strange = Air.key_frame(0x13CA, 9, b"\x99" * 32, b"\x33" * 16, RSNE)
    frames = [*Air.frames(handshake, messages=(1, 2)), Air.eapol(3, strange)]
    attempt = only(read(capture(Air.beacon(), *frames)))
    assert (attempt.handshake, attempt.accepted) == (handshake, False)


def test_m1_and_m2_of_different_attempts_by_counter(read):
    frames = [
        *Air.frames(Air.handshake(seed=1, counter=1), messages=(1,)),
        *Air.frames(Air.handshake(seed=2, counter=2), messages=(2,)),
    ]
    attempt = only(read(capture(Air.beacon(), *frames)))
    assert (attempt.handshake, attempt.capture_at_fault, attempt.akm) == (None, True, "00-0F-AC:2")
    assert attempt.reason == (
        "frame 3: no ANonce: M1 in frame 2 has replay counter 1, this M2 2: they belong to different attempts"
    )


@pytest.mark.parametrize("again", [False, True])
def test_m1_and_m2_of_different_attempts_by_association(read, again):
    frames = [
        *Air.frames(Air.handshake(seed=1), messages=(1,)),
        Air.association(again=again),
        *Air.frames(Air.handshake(seed=2), messages=(2,)),
    ]
    attempt = only(read(capture(Air.beacon(), *frames)))
    assert attempt.reason == "frame 4: no ANonce: no M1 before it"


def test_m1_and_m2_of_different_attempts_by_time(read):
    frames = [Air.beacon(), *Air.frames(Air.handshake(), messages=(1, 2))]
    attempt = only(read(capture(*frames, step_ns=12 * SECOND_NS)))
    assert attempt.reason == "frame 3: no ANonce: M1 in frame 2 came 12 s before: they belong to different attempts"
    assert fits(only(read(capture(*frames, step_ns=9 * SECOND_NS))))


def test_two_attempts_of_one_station_are_two_lines(read):
    wrong, right = Air.handshake(seed=1, passphrase=b"mistyped"), Air.handshake(seed=2)
    frames = [Air.association(), *Air.frames(wrong, messages=(1, 2)), Air.association(), *Air.frames(right)]
    findings = read(capture(*frames))
    assert [(attempt.handshake, attempt.accepted) for attempt in findings.attempts] == [(wrong, False), (right, True)]


def test_a_late_interface_brings_an_m1_after_its_m2(read):
    handshake = Air.handshake()
    m1, m2 = (Air.radiotap(frame) for frame in Air.frames(handshake, messages=(1, 2)))
    start = START_NS // 1000
    head = Air.section() + Air.interface(127) + Air.interface(127) + Air.enhanced(Air.radiotap(Air.beacon()))
    octets = head + Air.enhanced(m2, units=start + 900) + Air.enhanced(m1, interface=1, units=start + 100)
    assert only(read(octets)).handshake == handshake
    later = head + Air.enhanced(m2, units=start + 100) + Air.enhanced(m1, interface=1, units=start + 900)
    assert "no M1 before it" in only(read(later)).reason


def test_a_station_that_roams_is_two_attempts_at_two_access_points(read):
    first, second = Air.handshake(seed=1), Air.handshake(seed=2, aa=OTHER_AA)
    frames = [
        Air.association(),
        *Air.frames(first),
        Air.association(bssid=OTHER_AA, again=True),
        *Air.frames(second),
    ]
    findings = read(capture(*frames))
    assert [attempt.handshake for attempt in findings.attempts] == [first, second]


# What cannot be tested, and why.


def test_a_snap_length_that_cut_the_m2(read):
    frames = [Air.radiotap(frame) for frame in (Air.beacon(), Air.association(), *Air.frames(Air.handshake()))]
    findings = read(Air.pcap(frames, snap=120))
    attempt = only(findings)
    assert attempt.reason == f"frame 4: the M2 was cut by the snap length: 120 of {len(frames[3])} octets were captured"
    assert (attempt.capture_at_fault, attempt.station, attempt.ssid, attempt.akm) == (True, SPA, SSID, "00-0F-AC:2")


def test_a_snap_length_that_leaves_the_m2_whole_may_cut_the_rest(read):
    handshake = Air.handshake()
    m1, m2 = Air.frames(handshake, messages=(1, 2))
    beacon = Air.beacon()
    octets = Air.pcap([Air.radiotap(beacon)]) + Air.pcap([Air.radiotap(m1)], snap=8 + 24 + 8 + 49)[24:]
    octets += Air.pcap([Air.radiotap(m2)])[24:]
    assert only(read(octets)).handshake == handshake


def test_a_whole_repetition_of_a_cut_m2_is_enough(read):
    handshake = Air.handshake()
    m1, m2 = (Air.radiotap(frame) for frame in Air.frames(handshake, messages=(1, 2)))
    octets = Air.pcap([Air.radiotap(Air.beacon()), m1]) + Air.pcap([m2], snap=100)[24:] + Air.pcap([m2])[24:]
    assert only(read(octets)).handshake == handshake


def damaged(change):
    """Return a capture whose M2 was changed."""
    m1, m2 = Air.four_way(Air.handshake(), messages=(1, 2))
    return capture(Air.beacon(), Air.eapol(*m1), Air.eapol(2, change(m2[1])))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m2: m2[:-5], "the M2 is damaged: 116 octets, its header says 121"),
        (lambda m2: m2[:98] + b"\x55" + m2[99:], "the M2 is damaged: offset 97: key data length 85 instead of 22"),
        (lambda m2: m2[:81] + bytes(16) + m2[97:], "the M2 is damaged: offset 81: the MIC is all zeros"),
        (lambda m2: m2[:100] + b"\x50" + m2[101:], "key data element 48 at offset 0: length 80 > 20 left"),
        (lambda m2: m2[:6] + b"\x0b" + m2[7:], "offset 5: key version 3 does not belong to AKM 00-0F-AC:2"),
    ],
)
def test_a_damaged_m2(read, change, reason):
    attempt = only(read(damaged(change)))
    assert (attempt.handshake, attempt.capture_at_fault, attempt.station) == (None, True, SPA)
    assert attempt.reason.startswith("frame 3: ")
    assert reason in attempt.reason


@pytest.mark.parametrize("mic", [0, 24, 32])
def test_a_mic_of_the_wrong_length_for_its_akm(read, mic):
    def change(m2):
        octets = m2[:81] + b"\x77" * mic + m2[97:]
        return octets[:2] + (len(octets) - 4).to_bytes(2) + octets[4:]

    attempt = only(read(damaged(change)))
    assert attempt.reason == f"frame 3: the M2 has a MIC of {mic} octets, AKM 00-0F-AC:2 one of 16"
    assert attempt.capture_at_fault


@pytest.mark.parametrize(
    ("akm", "name"),
    [(1, "802.1X"), (8, "SAE (WPA3)"), (12, "802.1X, Suite B 192"), (18, "OWE"), (99, "unknown")],
)
def test_an_akm_that_nobody_can_search_is_no_fault_of_the_capture(read, akm, name):
    handshake = Air.handshake()
    m2 = replace(handshake.m2, key_info=0x0108, key_data=RSNE[:-3] + bytes([akm, 0, 0])).octets
    attempt = only(read(capture(*Air.frames(handshake, messages=(1,)), Air.eapol(2, m2))))
    assert attempt.reason == f"frame 2: AKM 00-0F-AC:{akm}, {name}, can not be searched"
    assert (attempt.akm, attempt.capture_at_fault) == (f"00-0F-AC:{akm}", False)


def test_frames_that_are_no_4_way_handshake_are_passed_over(read):
    whole = Air.four_way(Air.handshake())[1][1]
    others = [
        whole[:1] + b"\0" + whole[2:],  # EAP
        whole[:4] + b"\1" + whole[5:],  # RC4
        whole[:5] + b"\1\2" + whole[7:],  # of a group key
        whole[:5] + b"\x09\x0a" + whole[7:],  # a request
        whole[:12],
        b"",
    ]
    encrypted = [Air.eapol(2, whole, flags=0x40), Air.eapol(2, whole, fragment=1)]
    aggregated = bytearray(Air.eapol(2, whole, qos=True))
    aggregated[24] |= 0x80
    ip = Air.data(SPA, AA, b"\xaa\xaa\x03\0\0\0\x08\0" + bytes(60), from_ap=False)
    frames = [Air.eapol(2, octets) for octets in others] + encrypted + [bytes(aggregated), ip, ip[:20]]
    findings = read(capture(*frames))
    assert (findings.attempts, findings.flaws, findings.packets) == ((), (), len(frames))


@pytest.mark.parametrize("place", [-10, -30])
def test_a_wrong_fcs_is_remembered(read, place):
    frames = [Air.radiotap(Air.with_fcs(frame), flags=0x10) for frame in (Air.beacon(), *Air.frames(Air.handshake()))]
    broken = bytearray(frames[2])
    broken[place] ^= 1
    attempt = only(read(Air.pcap([*frames[:2], bytes(broken), *frames[3:]])))
    assert attempt.damaged
    if attempt.handshake is None:
        assert attempt.reason == "frame 3: the M2 was damaged on the air, its FCS is wrong"
    for repeated in ([*frames[:2], bytes(broken), *frames[2:]], [*frames[:3], bytes(broken), *frames[3:]]):
        attempt = only(read(Air.pcap(repeated)))  # and the station said it again, or had said it before
        assert not attempt.damaged
        assert fits(attempt)


def test_the_rest_of_a_bad_file_is_read(read):
    frames = [Air.radiotap(Air.beacon()), b"\0\0\xff\xff", b"", *map(Air.radiotap, Air.frames(Air.handshake()))]
    findings = read(Air.pcap(frames) + b"tail")
    assert [str(flaw) for flaw in findings.flaws] == [
        "frame 2: what comes before its 802.11 frame is damaged or cut",
        "frame 3: what comes before its 802.11 frame is damaged or cut",
        "frame 8: the file ends within its header, after 4 of 16 octets",
    ]
    assert fits(findings.attempts[0])


def test_flaws_are_counted_where_they_are_many(read):
    findings = read(Air.pcap([b""] * 250))
    assert (len(findings.flaws), findings.more_flaws) == (100, 150)


def test_a_strange_link_type_is_said_once(read):
    findings = read(Air.pcap([b"abc", b"def"], link=147))
    assert [str(flaw) for flaw in findings.flaws] == ["frame 1: link type 147 is neither 802.11 nor Ethernet or IP"]


def test_attempts_and_pairs_are_bounded(monkeypatch, read):
    monkeypatch.setattr("pcaps.read.pairing.MAX_ATTEMPTS", 5)
    monkeypatch.setattr("pcaps.read.pairing._MAX_PAIRS", 3)
    frames = []
    for n in range(9):
        frames += Air.frames(Air.handshake(spa=MacAddress(b"\2\0\0\0\1" + bytes([n])), seed=n + 1))
    findings = read(capture(Air.beacon(), *frames))
    assert len(findings.attempts) == 5
    assert all(map(fits, findings.attempts))
    assert "4 attempts beyond the first" in findings.flaws[0].reason


def test_a_flood_of_answers_keeps_the_newest_waiting(read):
    """Beyond what waits for its M3, M2s are done with, not lost."""
    handshakes = [Air.handshake(seed=seed, counter=seed) for seed in range(1, 41)]
    frames = [Air.beacon()]
    for handshake in handshakes:
        frames += Air.frames(handshake, messages=(1, 2))
    assert [attempt.handshake for attempt in read(capture(*frames)).attempts] == handshakes


def test_progress_is_reported(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(*[Air.beacon()] * 20_000))
    seen = []
    with Capture.open(path) as file:
        read_handshakes(file, progress=lambda done, size: seen.append((done, size)))
    size = path.stat().st_size
    assert seen[-1] == (size, size)
    assert len(seen) == 4
    assert seen == sorted(seen)


# Anything.


@given(st.binary(max_size=300), st.sampled_from(sorted(INTERESTING)), st.integers(0, 255), st.integers(0, 40))
def test_arbitrary_frames_are_dissected_or_not(octets, first, flags, cut):
    for middle in (b"", bytes(22) + b"\xaa\xaa\x03\0\0\0\x88\x8e", bytes(22)):
        packet = Packet(1, 0, Link(105), bytes([first, flags]) + middle + octets, 2 + len(middle) + len(octets) + cut)
        found = dissect(packet, 0)
        if found is not None and hasattr(found, "start"):
            assert found.start >= 0
            assert found.end <= len(packet.octets)


@given(st.binary(max_size=160), st.integers(0, 0xFFFF))
def test_arbitrary_key_frames(octets, info):
    for head in (
        b"",
        b"\1\3\0\x75\2" + info.to_bytes(2),
        b"\1\3" + (3 + len(octets)).to_bytes(2) + b"\2" + info.to_bytes(2),
    ):
        frame = parse_key_frame(head + octets)
        if frame is not None:
            assert isinstance(frame, KeyFrame)
            assert len(frame.octets) <= frame.length
            assert mic_length(frame.octets) in (None, 0, 16, 24, 32)
            assert frame.nonce is None or len(frame.nonce) == 32


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x008A, 0x010A, 0x13CA, 0x030A]),
            st.integers(0, 4),
            st.integers(0, 20),
            st.binary(max_size=60),
            st.sampled_from([None, AA.value, SPA.value]),
        ),
        max_size=30,
    )
)
def test_arbitrary_sequences_give_attempts(steps):
    pairing, m2s = Pairing(), 0
    for number, (info, counter, seconds, data, other) in enumerate(steps):
        octets = Air.key_frame(info, counter, bytes([number]) * 32, b"\1" * 16, data)
        frame = parse_key_frame(octets)
        m2s += frame.message is Message.M2
        pairing.add(number, seconds * SECOND_NS, frame, SPA.value, other)
    answers = list(pairing.finish())
    assert len(answers) == m2s  # each has a nonce of its own
    for answer in answers:
        attempt = build_attempt(answer, SSID, None)
        assert (attempt.handshake is None) == (attempt.reason is not None)


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=200), max_size=8), st.sampled_from(sorted({*WIRELESS, *WIRED})))
def test_arbitrary_packets_of_every_link_type(tmp_path_factory, packets, link):
    path = tmp_path_factory.mktemp("any") / "x.pcap"
    path.write_bytes(Air.pcap(packets, link=link))
    with Capture.open(path) as file:
        assert read_handshakes(file).packets == len(packets)


@settings(max_examples=100, deadline=None)
@given(
    ssid=st.binary(min_size=1, max_size=32).filter(any),
    aa=st.binary(min_size=6, max_size=6),
    spa=st.binary(min_size=6, max_size=6),
    akm=st.sampled_from([Akm.WPA_PSK, Akm.PSK, Akm.PSK_SHA256]),
    counter=st.integers(0, 2**64 - 2),
    anonce=st.binary(min_size=32, max_size=32),
    seed=st.integers(0, 255),
    qos=st.booleans(),
)
def test_what_goes_in_comes_out(tmp_path_factory, ssid, aa, spa, akm, counter, anonce, seed, qos):
    aa, spa, ssid = MacAddress(aa), MacAddress(spa), Ssid(ssid)
    handshake = Air.handshake(akm=akm, ssid=ssid, aa=aa, spa=spa, counter=counter, anonce=anonce, seed=seed)
    path = tmp_path_factory.mktemp("round") / "x.pcap"
    path.write_bytes(capture(Air.beacon(bssid=aa, ssid=ssid.value), *Air.frames(handshake, qos=qos)))
    with Capture.open(path) as file:
        assert only(read_handshakes(file)).handshake == handshake


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("name", ["wpa2-psk", "wpa2-psk-utf8-ssid", "psk-sha256-pmf", "ft-psk"])
def test_tshark_sees_the_same_m2(name):
    path = VECTORS / f"hwsim/{name}.pcap"
    fields = ["frame.number", "wlan.sa", "wlan.bssid", "wlan_rsna_eapol.keydes.nonce", "wlan_rsna_eapol.keydes.mic"]
    options = [part for field in fields for part in ("-e", field)]
    command = ["tshark", "-r", path, "-Y", "wlan_rsna_eapol.keydes.msgnr == 2", "-T", "fields", *options]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    with Capture.open(path) as file:
        attempt = only(read_handshakes(file))
    m2 = attempt.handshake.m2
    ours = [str(attempt.number), str(attempt.station), str(attempt.bssid), m2.snonce.hex(), m2.mic.hex()]
    assert [value.replace(":", "") for value in shown] == [value.replace(":", "") for value in ours]


def test_the_struct_of_a_key_frame_is_the_standards():
    """12.7.2, figure 12-33: what this file's frames are made by."""
    octets = Air.key_frame(0x010A, 7, b"n" * 32, b"m" * 16, b"data")
    assert struct.unpack_from(">HH", octets, 97) == (4, 0x6461)
    assert octets[9:17] == (7).to_bytes(8)
