"""Capture files read back by scapy, which writes its own in another way."""

import struct

import pytest
from scapy.utils import RawPcapNgReader, RawPcapReader

from pcaps.errors import OptionError
from pcaps.make.writer import RADIO, WIRE, Frame, encode_capture, save_capture

FRAMES = (
    Frame(1_795_202_636_288_233, RADIO, b"\0\0\x08\0\0\0\0\0second"),
    Frame(1_795_202_636_288_232, RADIO, b"\0\0\x08\0\0\0\0\0first"),
    Frame(1_795_202_637_000_001, WIRE, b"x" * 60),
)


def test_pcap_keeps_octets_and_microseconds(tmp_path):
    save_capture(tmp_path / "x.pcap", FRAMES[:2])
    with RawPcapReader(str(tmp_path / "x.pcap")) as reader:
        assert reader.linktype == 127
        read = [(octets, metadata.sec * 1_000_000 + metadata.usec) for octets, metadata in reader]
    assert read == [(frame.octets, frame.at_us) for frame in (FRAMES[1], FRAMES[0])]


def test_pcapng_keeps_two_interfaces_apart(tmp_path):
    save_capture(tmp_path / "x.pcapng", FRAMES)
    with RawPcapNgReader(str(tmp_path / "x.pcapng")) as reader:
        read = [
            (octets, metadata.linktype, metadata.ifname, metadata.tshigh << 32 | metadata.tslow)
            for octets, metadata in reader
        ]
    expected = [FRAMES[1], FRAMES[0], FRAMES[2]]
    assert read == [
        (frame.octets, frame.interface.link_type, frame.interface.name.encode(), frame.at_us) for frame in expected
    ]


def test_an_empty_pcap_is_a_header():
    assert struct.unpack_from("<IHH", encode_capture((), ".pcap")) == (0xA1B2C3D4, 2, 4)
    assert len(encode_capture((), ".CAP")) == 24


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".pcap", "only a .pcapng can hold more than one interface, these are radio, wire"),
        (".txt", "the file's name must end in .pcap or .pcapng, not .txt"),
        ("", "the file's name must end in .pcap or .pcapng, not nothing"),
    ],
)
def test_what_cannot_be_written_is_refused(suffix, message):
    with pytest.raises(OptionError, match=f"--pcap: {message}"):
        encode_capture(FRAMES, suffix)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"--pcap: cannot write .*: No such file or directory"):
        save_capture(tmp_path / "nowhere" / "x.pcap", FRAMES[:2])
