"""CCMP beside the standard's example and beside AES-CCM built by hand from the header."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from pcaps.make.ccmp import CcmpKey

# IEEE Std 802.11 J.6.4, CCMP test mechanism.
KEY = bytes.fromhex("c97c1f67ce371185514a8a19f2bdd52f")
HEADER = bytes.fromhex("0848c32c0fd2e128a57c5030f1844408abaea5b8fcba8033")
PACKET_NUMBER = 0xB5039776E70C
CLEAR = bytes.fromhex("f8ba1a55d02f85ae967bb62fb6cda8eb7e78a050")
PROTECTED = "0ce700a0769703b5f3d0a2fe9a3dbf2342a643e43246e80c3c04d0197845ce0b16f97623"


def test_the_example_of_the_standard():
    key = CcmpKey(KEY, key_id=2)
    key._packet_numbers[HEADER[10:16]] = PACKET_NUMBER - 1
    assert key.encrypt(HEADER, CLEAR).hex() == PROTECTED


def test_each_sender_counts_for_itself_from_one():
    key = CcmpKey(bytes(16))
    station, access_point = (bytes.fromhex("08410000") + bytes(6) + who * 6 + bytes(8) for who in (b"\2", b"\4"))
    numbers = [key.encrypt(header, b"x")[0] for header in (station, station, access_point, station)]
    assert numbers == [1, 2, 1, 3]


@given(
    header=st.binary(min_size=23, max_size=23).map(lambda octets: b"\x08" + octets),
    clear=st.binary(max_size=64),
    key_id=st.integers(0, 3),
)
def test_a_receiver_that_masks_the_header_reads_it(header, clear, key_id):
    octets = CcmpKey(KEY, key_id).encrypt(header, clear)
    assert octets[:8] == bytes([1, 0, 0, 0x20 | key_id << 6, 0, 0, 0, 0])
    aad = bytearray(header[:2] + header[4:24])
    aad[1] = (aad[1] | 0x40) & ~0x38  # protected; not retry, power management, more data
    aad[20:22] = bytes([header[22] & 15, 0])
    nonce = b"\0" + header[10:16] + (1).to_bytes(6)
    assert AESCCM(KEY, tag_length=8).decrypt(nonce, octets[8:], bytes(aad)) == clear


@pytest.mark.parametrize("header", [HEADER[:-1], HEADER + b"\0\0", b"\x88" + HEADER[1:]])
def test_only_plain_data_frames_are_protected(header):
    with pytest.raises(ValueError, match="not the header of a plain data frame"):
        CcmpKey(KEY).encrypt(header, CLEAR)
