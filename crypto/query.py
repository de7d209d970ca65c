"""What a search needs of a handshake, once: message schedules expanded, frame padded, one word of the MIC to compare.

A `Query` is a handshake cut to fit one kernel. It holds what is the same for all keys; the keys stay with the pool.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .eapol import FtContext, Handshake
from .kernels import bulk
from .kernels.schedules import Words, expand_md5, expand_sha1, expand_sha256
from .kernels.simd import Lanes
from .types import Akm, MacAddress, Ssid
from .wpa import PAIRWISE_EXPANSION, kdf_message, pairwise_context, r0_context


@dataclass(frozen=True, slots=True)
class Query:
    """One search, ready to run over blocks of keys."""

    states: str  # the pad states it reads: "sha1" or "sha256"
    find: Callable[[Lanes, Words, int, int], int]  # (lanes, states, first, end) -> slot or -1


def prepare(handshake: Handshake) -> Query:
    """Return the query of `handshake`."""
    if handshake.akm is Akm.FT_PSK:
        return _ft(handshake)
    if handshake.akm is Akm.PSK_SHA256:
        return _psk_sha256(handshake)
    return _psk_md5(handshake) if handshake.key_version == 1 else _psk(handshake)


def _psk_md5(handshake: Handshake) -> Query:
    prf = expand_sha1(_prf_message(handshake))
    frame = expand_md5(handshake.m2.zeroed)
    blocks = len(frame) // 64
    mic = _word(handshake.m2.mic[:4], "little")

    def find(lanes: Lanes, states: Words, first: int, end: int) -> int:
        return int(bulk.find_psk_md5(lanes, states, prf, frame, blocks, mic, first, end))

    return Query("sha1", find)


def _prf_message(handshake: Handshake) -> bytes:
    """Return what the first step of PRF-SHA1 hashes for the PTK: the KCK is in it (12.7.1.2, 12.7.1.3)."""
    return PAIRWISE_EXPANSION + b"\0" + pairwise_context(handshake) + b"\0"


def _psk(handshake: Handshake) -> Query:
    prf = expand_sha1(_prf_message(handshake))
    frame = expand_sha1(handshake.m2.zeroed)
    blocks = len(frame) // 80
    mic = _word(handshake.m2.mic[12:], "big")

    def find(lanes: Lanes, states: Words, first: int, end: int) -> int:
        return int(bulk.find_psk(lanes, states, prf, frame, blocks, mic, first, end))

    return Query("sha1", find)


def _psk_sha256(handshake: Handshake) -> Query:
    kdf = expand_sha256(kdf_message(1, PAIRWISE_EXPANSION, pairwise_context(handshake), handshake.ptk_bits))
    frame, blocks, whole = _cmac_blocks(handshake.m2.zeroed)
    mic = _word(handshake.m2.mic[:4], "little")

    def find(lanes: Lanes, states: Words, first: int, end: int) -> int:
        scratch = _scratch(lanes)
        return int(bulk.find_psk_sha256(lanes, states, kdf, frame, blocks, whole, mic, scratch, first, end))

    return Query("sha256", find)


def prepare_name(ssid: Ssid, spa: MacAddress, ft: FtContext) -> Query:
    """Return the query for the PMKR1Name of `ft`; ValueError where it has none.

    The name follows from the salt, the second block of KDF-384, by two plain hashes: no PMK-R1, PTK or AES.
    """
    if ft.pmk_r1_name is None:
        raise ValueError("this FT context has no PMKR1Name to search for")
    r0 = r0_context(ssid, ft.mdid, ft.r0kh_id, spa)
    schedules = expand_sha256(kdf_message(2, b"FT-R0", r0, 384))
    tails = np.concatenate([_tail(b""), _tail(ft.r1kh_id + spa.value)])
    name = _word(ft.pmk_r1_name[:4], "big")
    count = len(schedules) // 64

    def find(lanes: Lanes, states: Words, first: int, end: int) -> int:
        return int(bulk.find_ft_name(lanes, states, schedules, count, tails, name, first, end))

    return Query("sha256", find)


def _ft(handshake: Handshake) -> Query:
    ft = handshake.ft
    assert ft is not None  # noqa: S101 (the constructor of Handshake says so)
    if ft.pmk_r1_name is not None:
        return prepare_name(handshake.ssid, handshake.spa, ft)
    r0 = r0_context(handshake.ssid, ft.mdid, ft.r0kh_id, handshake.spa)
    r1 = ft.r1kh_id + handshake.spa.value
    context = handshake.m2.snonce + handshake.anonce + handshake.aa.value + handshake.spa.value
    steps = [
        expand_sha256(kdf_message(1, b"FT-R0", r0, 384)),
        expand_sha256(kdf_message(1, b"FT-R1", r1, 256)),
        expand_sha256(kdf_message(1, b"FT-PTK", context, handshake.ptk_bits)),
    ]
    kdf = np.concatenate(steps)
    lengths = tuple(len(step) // 64 for step in steps)
    frame, blocks, whole = _cmac_blocks(handshake.m2.zeroed)
    mic = _word(handshake.m2.mic[:4], "little")

    def find(lanes: Lanes, states: Words, first: int, end: int) -> int:
        scratch = _scratch(lanes)
        return int(bulk.find_ft_mic(lanes, states, kdf, lengths, frame, blocks, whole, mic, scratch, first, end))

    return Query("sha256", find)


def _word(octets: bytes, order: Any) -> np.uint32:
    return np.uint32(int.from_bytes(octets, order))


def _scratch(lanes: Lanes) -> Words:
    return np.zeros(5 * lanes.width + 52, np.uint32)


def _cmac_blocks(message: bytes) -> tuple[Words, int, int]:
    """Return `message` as `aes.cmac_word` takes it: words, blocks, and whether the last one is whole (RFC 4493 2.4)."""
    whole = len(message) % 16 == 0
    padded = message if whole else message + b"\x80" + bytes(-(len(message) + 1) % 16)
    return np.frombuffer(padded, "<u4").astype(np.uint32), len(padded) // 16, int(whole)


def _tail(suffix: bytes) -> Words:
    """Return the words that follow prefix (6 octets) and name (16) in their one block, padded (FIPS 180-4 5.1.1)."""
    bits = (22 + len(suffix)) * 8
    tail = (suffix + b"\x80").ljust(34, b"\0") + bits.to_bytes(8, "big")
    return np.frombuffer(b"\0\0" + tail, ">u4").astype(np.uint32)
