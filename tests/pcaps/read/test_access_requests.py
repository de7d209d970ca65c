"""Access-Requests in captures."""

import subprocess
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import Ssid, passphrase_to_pmk, verify_mic
from pcaps import Capture, read_handshakes
from radiusd import DIALECTS, Lookup, Question, SharedSecret
from radiusd.model import Attribute
from tests.pcaps.air import AA, SPA, SSID, VECTORS, Air
from tests.vendor_vectors import PASSPHRASE, SEARCHING
from tests.vendor_vectors import VECTORS as VENDORS
from tests.vendor_vectors import octets as octets_of

SECRET = SharedSecret(b"testing123")
CASES = tomllib.loads((VECTORS / "hwsim/requests.toml").read_text("utf-8"))["case"]


def ask(subject, dialect="hostapd", **options):
    return Question.ask(DIALECTS[dialect], subject, SECRET, nas_identifier=b"hudson-house-ap1", **options).datagram


def wired(*datagrams, port=1812, **form):
    return Air.pcap([Air.ethernet(Air.udp(each, port=port), ethertype=0x0800) for each in datagrams], link=1, **form)


def only(findings):
    assert not findings.flaws
    (attempt,) = findings.attempts
    return attempt


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_recorded_requests(read, case):
    attempt = only(read(wired(bytes.fromhex(case["access_request"]))))
    assert (str(attempt.station), str(attempt.bssid), attempt.akm) == (case["station"], case["bssid"], case["akm"])
    assert verify_mic(passphrase_to_pmk(case["passphrase"].encode(), Ssid.parse(case["ssid"])), attempt.handshake)


@pytest.mark.parametrize("name", SEARCHING)
def test_requests_packed_by_hand_from_each_vendors_layout(read, name):
    """No encoder of ours: hashcat's example, whose passphrase is known, in the octets of the vendor's vectors."""
    station = ((1, b"225edc49b7aa"), (30, b"64-66-B3-8E-C3-FC:TP-LINK_HASHCAT_TEST"), (31, b"22-5E-DC-49-B7-AA"))
    head = b"".join(bytes([kind, 2 + len(value)]) + value for kind, value in station)
    attributes = head + octets_of(VENDORS[name]["request"])
    datagram = b"\1\7" + (20 + len(attributes)).to_bytes(2) + bytes(16) + attributes
    attempt = only(read(wired(datagram)))
    assert (str(attempt.ssid), str(attempt.station)) == ("TP-LINK_HASHCAT_TEST", "22:5e:dc:49:b7:aa")
    assert verify_mic(passphrase_to_pmk(PASSPHRASE, attempt.ssid), attempt.handshake)


@pytest.mark.parametrize("dialect", SEARCHING)
def test_every_dialect(read, dialect):
    handshake = Air.handshake()
    attempt = only(read(wired(ask(handshake, dialect))))
    assert attempt.handshake == handshake
    assert (attempt.number, attempt.ssid) == (1, SSID)


@pytest.mark.parametrize(
    ("link", "wrap"),
    [
        (1, lambda ip: Air.ethernet(ip, ethertype=0x0800)),
        (1, lambda ip: Air.ethernet(ip, ethertype=0x0800, vlans=(10,))),
        (113, lambda ip: Air.cooked(ip, ethertype=0x0800)),
        (276, lambda ip: Air.cooked2(ip, ethertype=0x0800)),
        (101, bytes),
        (0, lambda ip: b"\2\0\0\0" + ip),
    ],
)
@pytest.mark.parametrize("port", [1812, 1645, 18120])
def test_every_wire_and_port(read, link, wrap, port):
    handshake = Air.handshake()
    assert only(read(Air.pcap([wrap(Air.udp(ask(handshake), port=port))], link=link))).handshake == handshake


def test_ipv6(read):
    handshake = Air.handshake()
    packet = Air.ethernet(Air.udp(ask(handshake), version=6), ethertype=0x86DD)
    assert only(read(Air.pcap([packet], link=1))).handshake == handshake


def test_a_repeated_request_is_one_attempt_a_new_one_another(read):
    first, second = Air.handshake(seed=1), Air.handshake(seed=2)
    again = ask(first, identifier=7)
    findings = read(wired(ask(first), again, again, ask(second)))
    assert [attempt.handshake for attempt in findings.attempts] == [first, second]


def test_what_the_air_and_the_wire_tell_is_one_attempt(read):
    """Two interfaces; the network hides its name from the air, and the access point knows it."""
    handshake = Air.handshake()
    start = Air.section() + Air.interface(127) + Air.interface(1)
    air = b"".join(Air.enhanced(Air.radiotap(frame)) for frame in Air.frames(handshake))
    wire = Air.enhanced(Air.ethernet(Air.udp(ask(handshake)), ethertype=0x0800), interface=1)
    for octets in (start + air + wire, start + wire + air):
        attempt = only(read(octets))
        assert attempt.handshake == handshake
        assert attempt.accepted


def test_other_requests_are_no_handshakes(read):
    lookup = ask(Lookup(device=SPA, ssid=SSID, aa=AA))
    login = ask(Lookup(device=SPA, ssid=SSID, aa=AA), extra=[Attribute(79, b"\2\1\0\5\1")])  # EAP-Message
    accept = b"\2" + ask(Air.handshake())[1:]
    dns = b"\1\0" + bytes(30)
    octets = Air.pcap(
        [
            Air.ethernet(Air.udp(each, port=port), ethertype=0x0800)
            for each, port in ((lookup, 1812), (login, 1812), (accept, 1812), (dns, 53), (b"", 1812))
        ],
        link=1,
    )
    findings = read(octets)
    assert (findings.attempts, findings.flaws, findings.packets) == ((), (), 5)


def test_a_snap_length_that_cut_the_request(read):
    octets = wired(ask(Air.handshake()), snap=96)
    (flaw,) = read(octets).flaws
    length = 42 + len(ask(Air.handshake()))
    assert str(flaw) == f"frame 1: the Access-Request was cut by the snap length: 96 of {length} octets were captured"
    assert read(wired(ask(Air.handshake()), snap=96, port=5000)).flaws == ()


def test_a_damaged_request(read):
    octets = bytearray(ask(Air.handshake()))
    octets[21] = 1
    (flaw,) = read(wired(bytes(octets))).flaws
    assert str(flaw) == "frame 1: damaged Access-Request: attribute 80 at offset 20: length 1 < 2"
    assert read(wired(bytes(octets), port=5000)).flaws == ()


def test_a_request_whose_handshake_is_damaged_names_the_place(read):
    handshake = Air.handshake()
    datagram = ask(handshake)
    at = datagram.index(handshake.m2.octets)
    broken = datagram[: at + 98] + b"\x55" + datagram[at + 99 :]
    attempt = only(read(wired(broken)))
    assert (attempt.handshake, attempt.capture_at_fault, attempt.station, attempt.bssid) == (None, True, SPA, AA)
    assert attempt.reason == "frame 1: hostapd: offset 97: key data length 85 instead of 22"


@pytest.mark.parametrize("kind", [(26, 14823, 66), (26, 26928, 201)])
def test_a_request_that_nobody_can_read(read, kind):
    datagram = ask(Lookup(device=SPA, ssid=SSID, aa=AA), extra=[Attribute(kind, bytes(64))])
    attempt = only(read(wired(datagram)))
    assert "unpublished" in attempt.reason


def test_a_request_without_the_other_half(read):
    handshake = Air.handshake()
    datagram = ask(handshake)
    half = datagram[: datagram.index(b"\xf5\x82")]
    half = half[:2] + len(half).to_bytes(2) + half[4:]
    assert only(read(wired(half))).reason == "frame 1: hostapd: no M2 (245.26 of vendor 11344, type 2)"


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([1812, 53]), st.integers(0, 40))
def test_arbitrary_requests(tmp_path_factory, attributes, port, cut):
    head = b"\1\7" + (20 + len(attributes)).to_bytes(2) + bytes(16)
    packet = Air.ethernet(Air.udp(head + attributes, port=port), ethertype=0x0800)
    path = tmp_path_factory.mktemp("any") / "x.pcap"
    path.write_bytes(Air.pcap([packet], link=1, snap=max(1, len(packet) - cut)))
    with Capture.open(path) as file:
        assert read_handshakes(file).packets == 1


@pytest.mark.parametrize("dialect", SEARCHING)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_arbitrary_changes_to_a_request(tmp_path_factory, dialect, data):
    datagram = bytearray(ask(Air.handshake(), dialect, authenticator=bytes(16)))
    for _ in range(data.draw(st.integers(1, 4))):
        datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("any") / "x.pcap"
    path.write_bytes(wired(bytes(datagram)))
    with Capture.open(path) as file:
        findings = read_handshakes(file)
    for attempt in findings.attempts:
        assert (attempt.handshake is None) == (attempt.reason is not None)


@pytest.mark.peer("tshark")
def test_tshark_takes_these_packets_for_access_requests(tmp_path):
    """Headers and lengths around the requests are ours; that they are right is said by another program."""
    case = CASES[0]
    packets = [
        Air.ethernet(Air.udp(bytes.fromhex(case["access_request"]), version=version), ethertype=ethertype)
        for version, ethertype in ((4, 0x0800), (6, 0x86DD))
    ]
    path = tmp_path / "x.pcap"
    path.write_bytes(Air.pcap(packets, link=1))
    command = ["tshark", "-r", path, "-Y", "radius.code == 1 && !_ws.malformed", "-T", "fields", "-e", "radius.id"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["2", "2"]
