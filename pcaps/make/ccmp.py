"""CCMP: what a protected data frame carries after its header (IEEE Std 802.11 12.5.3)."""

from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

_MIC_OCTETS: Final = 8
_HEADER_OCTETS: Final = 24
_EXTENDED_IV: Final = 0x20


class CcmpKey:
    """One temporal key, and each sender's last packet number under it: none may come twice."""

    def __init__(self, key: bytes, key_id: int = 0) -> None:
        self._cipher = AESCCM(key, tag_length=_MIC_OCTETS)
        self._key_id = key_id
        self._packet_numbers: dict[bytes, int] = {}

    def encrypt(self, header: bytes, plaintext: bytes) -> bytes:
        """Return CCMP header, ciphertext and MIC for the body of the next frame.

        header: of a data frame without QoS or fourth address, 24 octets as they go over the air
        """
        if len(header) != _HEADER_OCTETS or header[0] != 0x08:
            raise ValueError(f"not the header of a plain data frame: {header.hex()}")
        sender = header[10:16]
        self._packet_numbers[sender] = self._packet_numbers.get(sender, 0) + 1
        number = self._packet_numbers[sender].to_bytes(6)
        nonce = bytes(1) + sender + number  # priority 0
        ccmp_header = bytes([number[5], number[4], 0, _EXTENDED_IV | self._key_id << 6]) + number[3::-1]
        return ccmp_header + self._cipher.encrypt(nonce, plaintext, _authenticated(header))


def _authenticated(header: bytes) -> bytes:
    """Return the AAD (12.5.3.3.3): the header without what a retransmission may change, nor the sequence number."""
    control = bytes([header[0] & 0x8F, header[1] & 0xC7 | 0x40])
    return control + header[4:22] + bytes([header[22] & 0x0F, 0])
