"""Files, link types, and what is wrong with them."""

import gzip
import io
import random
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcaps import Capture, Flaw, FormatError, Packet
from pcaps.read.formats import Link
from pcaps.read.link_layers import WIRED, WIRELESS, Wire, find_datagram, find_frame


def packets_of(octets, name="x.pcap"):
    return list(Capture(io.BufferedReader(io.BytesIO(octets)), name))


def sound(octets):
    found = packets_of(octets)
    assert all(isinstance(each, Packet) for each in found), found
    return found


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_of_both_byte_orders_and_clocks(air, order, nanoseconds):
    octets = air.pcap([b"one", b"three"], order=order, nanoseconds=nanoseconds, start_ns=1_500_000_000_123_456_789)
    first, second = sound(octets)
    assert first == Packet(1, 1_500_000_000_123_456_789 - (0 if nanoseconds else 789), Link(127), b"one", 3)
    assert (second.number, second.octets, second.time_ns - first.time_ns) == (2, b"three", 1_000_000)


def test_pcap_says_whether_an_fcs_follows(air):
    (packet,) = sound(air.pcap([b"x" * 40], link=105 | 0x2400_0000))
    assert packet.link == Link(105, 4)


def test_a_packet_cut_by_the_snap_length_keeps_its_length(air):
    (packet,) = sound(air.pcap([bytes(200)], snap=96))
    assert (len(packet.octets), packet.length) == (96, 200)


def test_pcapng_of_two_sections_interfaces_and_byte_orders(air):
    octets = (
        air.section()
        + air.interface(127, options=[(2, b"wlan0"), (9, b"\x09")])
        + air.interface(1, options=[(9, b"\x83"), (14, struct.pack("<q", 5)), (13, b"\4")])
        + air.block(0x0BAD, b"a block that nobody knows")
        + air.enhanced(b"first", units=1_500_000_000_000_000_001)
        + air.enhanced(b"second", interface=1, units=81, length=90)
        + air.section(order=">")
        + air.interface(113, order=">", snap=4)
        + air.enhanced(b"third", order=">", units=1_500_000_000_000_001)
        + air.block(3, struct.pack(">I", 6) + b"four", order=">")
        + air.block(2, struct.pack(">HHIIII", 0, 0, 0, 7, 5, 5) + b"fifth", order=">")
    )
    assert sound(octets) == [
        Packet(1, 1_500_000_000_000_000_001, Link(127), b"first", 5),
        Packet(2, 15_125_000_000, Link(1, 4), b"second", 90),
        Packet(3, 1_500_000_000_000_001_000, Link(113), b"third", 5),
        Packet(4, 0, Link(113), b"four", 6),
        Packet(5, 7000, Link(113), b"fifth", 5),
    ]


@pytest.mark.parametrize("members", [1, 3])
def test_gzip_also_of_several_members(air, members):
    octets = air.pcap([bytes([n]) * 50 for n in range(9)])
    step = -(-len(octets) // members)
    packed = b"".join(gzip.compress(octets[start : start + step]) for start in range(0, len(octets), step))
    assert packets_of(packed) == sound(octets)


@pytest.mark.parametrize(
    ("octets", "complaint"),
    [
        (b"", "x.pcap is not a capture file: it is empty"),
        (b"PK\3\4zip", "x.pcap is not a capture file: it begins with 504b0304, which is neither pcap nor pcapng"),
        (gzip.compress(b"Hello", mtime=0), "begins with 48656c6c"),
        (gzip.compress(b"", mtime=0)[:12], "its gzip stream ends early"),
        (b"\x1f\x8b\x07" + bytes(30), "its gzip stream is damaged"),
    ],
)
def test_what_is_no_capture_is_refused(octets, complaint):
    with pytest.raises(FormatError, match=complaint.replace("(", r"\(")):
        packets_of(octets)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(FormatError, match=f"cannot read {tmp_path}/nothing: No such file or directory"):
        Capture.open(tmp_path / "nothing")
    with pytest.raises(FormatError, match="Is a directory"):
        Capture.open(tmp_path)


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_every_truncation_gives_the_packets_before_it_and_one_flaw(air, form):
    octets = getattr(air, form)([b"a" * 30, b"b" * 41, b"c" * 7])
    whole = sound(octets)
    for end in range(4, len(octets)):
        found = packets_of(octets[:end])
        count = sum(isinstance(each, Packet) for each in found)
        assert found[:count] == whole[:count]
        assert len(found) - count <= 1, (end, found)
        for flaw in found[count:]:
            assert flaw.number == count + 1
            assert "ends within" in flaw.reason
    assert count == 2


def test_a_gzip_stream_that_ends_or_is_damaged_gives_what_came_before(air):
    octets = gzip.compress(air.pcap([random.Random(n).randbytes(1000) for n in range(200)]))
    for damaged, reason in ((octets[:-20], "ends early"), (octets[:-8] + bytes(8), "is damaged")):
        *before, flaw = packets_of(damaged)
        assert len(before) > 100
        assert isinstance(flaw, Flaw)
        assert reason in flaw.reason
        assert flaw.number == before[-1].number + 1


def test_an_impossible_length_ends_a_pcap(air):
    octets = air.pcap([b"fine"]) + struct.pack("<IIII", 0, 0, 0x7FFFFFFF, 60) + b"rest"
    _, flaw = packets_of(octets)
    assert str(flaw) == "frame 2: captured length 2147483647 is more than 262144: it and what follows are lost"


@pytest.mark.parametrize("total", [8, 13, 0x7FFFFFF0])
def test_an_impossible_block_length_ends_a_pcapng(air, total):
    octets = air.pcapng([b"fine"]) + struct.pack("<II", 6, total) + bytes(64)
    _, flaw = packets_of(octets)
    assert flaw.number == 2
    assert f"length {total} can not be" in flaw.reason


def test_a_bad_block_costs_no_more_than_itself(air):
    octets = (
        air.section()
        + air.interface(127)
        + air.enhanced(b"one")
        + air.enhanced(b"two", interface=7)
        + air.block(6, struct.pack("<IIIII", 0, 0, 0, 999, 999) + b"abc")
        + air.block(6, b"short")
        + air.block(1, b"odd")
        + air.enhanced(b"five", interface=0)
    )
    found = packets_of(octets)
    assert [each.number for each in found] == [1, 2, 3, 4, 5, 5]
    assert [each.reason for each in found if isinstance(each, Flaw)] == [
        "interface 7, of 1 described before it",
        "captured length 999, its block has room for 4",
        "block of type 6 with 8 of 20 octets",
        "interface 1, described before it, can not be used",
    ]
    assert found[-1].octets == b"five"


@given(st.binary(max_size=400), st.sampled_from(["a1b2c3d4", "4d3cb2a1", "0a0d0d0a", "1f8b08", ""]))
def test_arbitrary_octets_give_packets_and_flaws_or_a_format_error(octets, magic):
    try:
        found = packets_of(bytes.fromhex(magic) + octets)
    except FormatError:
        return
    for each in found:
        assert isinstance(each, Packet | Flaw)


@given(st.data())
def test_arbitrary_blocks_after_a_sound_start(data):
    from tests.pcaps.air import Air

    octets = Air.section() + Air.interface(127)
    for _ in range(data.draw(st.integers(0, 5))):
        octets += Air.block(data.draw(st.sampled_from([1, 2, 3, 5, 6])), data.draw(st.binary(max_size=60)))
    end = Air.enhanced(b"end")
    found = packets_of(octets + end)
    assert isinstance(found[-1], Packet)  # whatever the blocks hold, each ends where it says
    assert found[-1].octets == b"end"


# Link types.


def packet(octets, link, fcs=None):
    return Packet(1, 0, Link(link, fcs), octets, len(octets))


def wrapped(air, frame):
    """Every way in which a frame may be kept."""
    fcs = air.with_fcs(frame)
    return [
        packet(frame, 105),
        packet(fcs, 105),
        packet(fcs, 105, 4),
        packet(air.radiotap(frame), 127),
        packet(air.radiotap(frame, flags=0), 127),
        packet(air.radiotap(fcs, flags=0x10), 127),
        packet(air.radiotap(fcs, flags=0x10, tsft=True), 127),
        packet(air.radiotap(fcs, flags=0x10, tsft=True, words=3), 127),
        packet(air.ppi(frame), 192),
        packet(air.ppi(fcs, flags=1), 192),
        packet(air.prism(frame), 119),
        packet(air.prism(frame, order=">"), 119),
        packet(air.avs(frame), 119),
        packet(air.avs(fcs), 163),
    ]


def test_a_frame_is_found_behind_every_header(air):
    frame = air.beacon()
    for each in wrapped(air, frame):
        start = WIRELESS[each.link.type](each.octets)
        place = find_frame(each, start)
        assert each.octets[place.start : place.end] == frame, each
        assert not place.damaged


def test_a_wrong_fcs_is_damage(air):
    fcs = bytearray(air.with_fcs(air.beacon()))
    fcs[40] ^= 1
    for each in (
        packet(air.radiotap(bytes(fcs), flags=0x10), 127),
        packet(air.radiotap(air.beacon(), flags=0x40), 127),
        packet(air.ppi(bytes(fcs), flags=1), 192),
        packet(air.ppi(air.beacon(), flags=4), 192),
        packet(bytes(fcs), 105, 4),
    ):
        assert find_frame(each, WIRELESS[each.link.type](each.octets)).damaged


def test_an_fcs_that_was_cut_off_is_no_damage(air):
    frame = air.beacon()
    octets = air.radiotap(air.with_fcs(frame), flags=0x10)
    cut = Packet(1, 0, Link(127), octets[:-2], len(octets))
    place = find_frame(cut, WIRELESS[127](cut.octets))
    assert (cut.octets[place.start : place.end], place.damaged) == (frame, False)


@pytest.mark.parametrize(
    ("link", "octets"),
    [
        (127, b""),
        (127, b"\0\0\x07\0\0\0\0\0"),
        (127, b"\0\0\xff\0\0\0\0\0"),
        (192, b"\0\0\x08\0\x01\0\0\0" + bytes(20)),  # Ethernet inside
        (119, bytes(200)),
        (163, bytes(200)),
    ],
)
def test_a_header_that_cannot_be_hides_its_frame(link, octets):
    assert WIRELESS[link](octets) is None


def test_what_a_wired_packet_carries(air):
    payload = b"payload" * 5
    source, destination = air.spa.value, air.aa.value
    for link, octets, expected in (
        (1, air.ethernet(payload), (0x888E, source, destination)),
        (1, air.ethernet(payload, vlans=(7, 4000)), (0x888E, source, destination)),
        (1, air.ethernet(bytes.fromhex("aaaa03000000888e") + payload, ethertype=43), (0x888E, source, destination)),
        (113, air.cooked(payload), (0x888E, source, None)),
        (276, air.cooked2(payload), (0x888E, source, None)),
        (101, b"\x45" + payload, (0x0800, None, None)),
        (229, b"\x60" + payload, (0x86DD, None, None)),
        (0, b"\2\0\0\0" + payload, (0x0800, None, None)),
        (108, b"\0\0\0\x1e" + payload, (0x86DD, None, None)),
    ):
        wire = WIRED[link](octets)
        assert (wire.ethertype, wire.source, wire.destination) == expected
        assert octets[wire.start :].endswith(payload)
        assert len(octets) - wire.start in (len(payload), len(payload) + 1)


def test_udp_in_ipv4_and_ipv6(air):
    for version, ethertype, options in (
        (4, 0x0800, b""),
        (6, 0x86DD, b""),
        (6, 0x86DD, b"\x3c\0" + bytes(6) + b"\x11\1" + bytes(14)),
        (6, 0x86DD, b"\x2c\0" + bytes(6) + b"\x11\0\0\0\0\0\0\1"),
    ):
        octets = air.udp(b"payload", version=version, options=options)
        found = find_datagram(octets + b"padding", Wire(ethertype, 0))
        assert (found.port, octets[found.start : found.end]) == (1812, b"payload")


def test_no_datagram_where_there_is_none(air):
    whole = air.udp(b"payload")
    wire = Wire(0x0800, 0)
    for changed in (
        whole[:6] + b"\x20\0" + whole[8:],  # a first fragment
        whole[:6] + b"\0\x10" + whole[8:],  # a later one
        whole[:9] + b"\6" + whole[10:],  # TCP
        whole[:24] + b"\0\7" + whole[26:],  # UDP's length less than its header
        whole[:24] + b"\xff\xff" + whole[26:],
        b"\x44" + whole[1:],
        whole[:27],
    ):
        assert find_datagram(changed, wire) is None
    fragment = air.udp(b"payload", version=6, options=b"\x2c\0" + bytes(6) + b"\x11\0\0\1\0\0\0\1")
    assert find_datagram(fragment, Wire(0x86DD, 0)) is None


@given(st.binary(max_size=200), st.sampled_from(sorted(WIRELESS)), st.sampled_from([None, 4]), st.integers(0, 50))
def test_arbitrary_octets_give_places_within_them(octets, link, fcs, cut):
    for head in (b"", b"\0\0\x08\0", b"\0\0\x20\0\x69\0\0\0\2\0", b"\x44\0\0\0\x10\0\0\0", b"\x80\x21\x10\1\0\0\0\x10"):
        each = Packet(1, 0, Link(link, fcs), head + octets, len(head) + len(octets) + cut)
        start = WIRELESS[link](each.octets)
        if start is not None:
            assert 0 <= start <= len(each.octets)
            place = find_frame(each, start)
            assert start == place.start <= place.end <= len(each.octets)


@given(st.binary(max_size=120), st.sampled_from(sorted(WIRED)))
def test_arbitrary_octets_on_a_wire(octets, link):
    wire = WIRED[link](octets)
    if wire is not None:
        assert 0 <= wire.start <= len(octets)
        for ethertype in (0x0800, 0x86DD):
            found = find_datagram(octets, wire._replace(ethertype=ethertype))
            if found is not None:
                assert wire.start <= found.start <= len(octets)
                assert found.start <= found.end


@pytest.mark.peer("tshark")
def test_tshark_finds_the_same_frames_behind_the_same_headers(air, tmp_path):
    """The headers above are ours; that they are what they claim to be is said by another program."""
    beacon = air.beacon()
    for number, each in enumerate(wrapped(air, beacon)):
        if each.link.type == 105 and len(each.octets) != len(beacon) and each.link.fcs is None:
            continue  # an FCS that nothing announces, tshark takes for an element
        path = tmp_path / f"{number}.pcap"
        link = each.link.type | (0x4400_0000 if each.link.fcs else 0)
        path.write_bytes(air.pcap([each.octets], link=link))
        command = ["tshark", "-r", path, "-Y", "wlan.ssid", "-T", "fields", "-e", "wlan.bssid", "-e", "frame.len"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert shown == [str(air.aa), str(len(each.octets))], each
