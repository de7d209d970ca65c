"""The compiled loops: arrays in, arrays out. `pool` and `pmk` check, allocate and call; nobody else imports this.

# Rule: no objects, no exceptions, no allocation in a loop; every array is one-dimensional, contiguous uint32.

A pool's keys lie in blocks of `width` keys, structure of arrays: `states[(block * words + word) * width + lane]`. The
first half of the words is the hash state after the PMK xor 36.., the second after the PMK xor 5c.. (RFC 2104).
Searches compare one word of the MIC (or name) and return the slot where it agrees; the caller confirms the rest.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from .aes import cmac_word
from .compiled import compiled
from .md5 import MD5_K, MD5_ORDER
from .sha import SHA1_K, SHA256_K, digest_block, md5_key, sha1_key, sha256_key, sha256_name, shared_block
from .simd import Lanes, equal_mask, load_words, store, width_of, xor

IPAD = 0x36363636
OPAD = 0x5C5C5C5C
FT_R0N = int.from_bytes(b"FT-R0N", "big")
FT_R1N = int.from_bytes(b"FT-R1N", "big")
_PATIENCE_S = 60.0


_HERE = Path(__file__).parent
_MADE_FROM = tuple(_HERE / f"{name}.py" for name in ("aes", "bulk", "md5", "sha", "simd"))


def _kernel(function: Callable[..., Any]) -> Any:
    return compiled(function, *_MADE_FROM)


def warm_up(lanes: Lanes, progress: Callable[[str], object] | None) -> None:
    """Load the kernels of a search or compile them, by searching nothing; half of them in a process of their own."""
    words = np.zeros(0, np.uint32)
    sha1_states(lanes, words, words, 0)
    compiling = sha1_states.stats.cache_misses
    if compiling and progress is not None:
        progress("compiling the search kernels for this processor, once: this takes some seconds")
    helper = _compile_elsewhere("_warm_up_ft") if compiling else None
    sha256_states(lanes, words, words, 0)
    schedule_sha1(words, words)
    schedule_sha256(words, words)
    schedule_md5(words, words)
    find_psk(lanes, words, words, words, 0, np.uint32(0), 0, 0)
    find_psk_md5(lanes, words, words, words, 0, np.uint32(0), 0, 0)
    find_psk_sha256(lanes, words, words, words, 0, 0, np.uint32(0), words, 0, 0)
    if helper is not None:
        try:
            helper.wait(_PATIENCE_S)  # whatever came of it: what is not in the cache then is compiled here
        except subprocess.TimeoutExpired:
            helper.kill()
            helper.wait()
    _warm_up_ft(lanes)


def _warm_up_ft(lanes: Lanes) -> None:
    words, word = np.zeros(0, np.uint32), np.uint32(0)
    find_ft_name(lanes, words, words, 0, words, word, 0, 0)
    find_ft_mic(lanes, words, words, (1, 1, 2), words, 0, 0, word, words, 0, 0)


def _compile_elsewhere(function: str) -> subprocess.Popen[bytes]:
    """Start a process that compiles into the cache: numba and LLVM compile one thing at a time in each."""
    root = str(Path(__file__).parents[2])
    code = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        f"from crypto.kernels import bulk, simd; bulk.{function}(simd.host_lanes())"
    )
    nothing = subprocess.DEVNULL
    command = [sys.executable, "-P", "-c", code]  # -P: no code of the current folder, which may be anybody's
    return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, env=without_settings())  # noqa: S603


def without_settings() -> dict[str, str]:
    """Return the environment for a process that compiles: without Latchkey's own variables, of which one is a key."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LATCHKEY_")}


# -- schedules --------------------------------------------------------------------------------------------------------

_SHA1_K = np.array(SHA1_K, np.uint32)
_SHA256_K = np.array(SHA256_K, np.uint32)
_MD5_K = np.array(MD5_K, np.uint32)
_MD5_ORDER = np.array(MD5_ORDER, np.int64)


@njit(nogil=True)
def _rotr(word, count):  # type: ignore[no-untyped-def]
    wide = np.uint64(word)
    return np.uint32(wide >> np.uint64(count) | wide << np.uint64(32 - count))


@_kernel
def schedule_sha1(words, out):  # type: ignore[no-untyped-def]
    """Fill `out` with W[t] + K[t], 80 for every 16 of `words` (FIPS 180-4 6.1.2)."""
    w = np.empty(80, np.uint32)
    for block in range(len(words) // 16):
        for t in range(80):
            if t < 16:
                w[t] = words[block * 16 + t]
            else:
                w[t] = _rotr(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 31)
            out[block * 80 + t] = np.uint32(w[t] + _SHA1_K[t // 20])


@_kernel
def schedule_sha256(words, out):  # type: ignore[no-untyped-def]
    """Fill `out` with W[t] + K[t], 64 for every 16 of `words` (FIPS 180-4 6.2.2)."""
    w = np.empty(64, np.uint32)
    for block in range(len(words) // 16):
        for t in range(64):
            if t < 16:
                w[t] = words[block * 16 + t]
            else:
                x, y = w[t - 15], w[t - 2]
                s0 = _rotr(x, 7) ^ _rotr(x, 18) ^ (x >> np.uint32(3))
                s1 = _rotr(y, 17) ^ _rotr(y, 19) ^ (y >> np.uint32(10))
                w[t] = np.uint32(w[t - 16] + s0 + w[t - 7] + s1)
            out[block * 64 + t] = np.uint32(w[t] + _SHA256_K[t])


@_kernel
def schedule_md5(words, out):  # type: ignore[no-untyped-def]
    """Fill `out` with X[k] + T[t] in the order of the rounds, 64 for every 16 of `words` (RFC 1321 3.4)."""
    for block in range(len(words) // 16):
        for t in range(64):
            out[block * 64 + t] = np.uint32(words[block * 16 + _MD5_ORDER[t]] + _MD5_K[t])


# -- keys and states --------------------------------------------------------------------------------------------------


@_kernel
def pbkdf2_sha1(lanes, keys, salts, iterations, out, blocks):  # type: ignore[no-untyped-def]
    """Derive 32 octets for each key: PBKDF2-HMAC-SHA1 (RFC 8018 5.2).

    keys:  16 words a key (padded with zeros), big-endian values, in blocks
    salts: two schedules, 80 words each: salt and block number 1, salt and block number 2
    out:   8 words a key, in blocks
    """
    width = width_of(lanes)
    for block in range(blocks):
        key = load_words(lanes, 16, keys, block * 16 * width)
        inner = sha1_key(key, IPAD)
        outer = sha1_key(key, OPAD)
        for part in range(2):
            u = digest_block(outer, shared_block(inner, salts, part * 80))
            t0, t1, t2, t3, t4 = u
            for _ in range(iterations - 1):
                u = digest_block(outer, digest_block(inner, u))
                t0, t1, t2, t3, t4 = xor(t0, u[0]), xor(t1, u[1]), xor(t2, u[2]), xor(t3, u[3]), xor(t4, u[4])
            at = (block * 8 + part * 5) * width
            store(out, at, t0)
            store(out, at + width, t1)
            store(out, at + 2 * width, t2)
            if part == 0:
                store(out, at + 3 * width, t3)
                store(out, at + 4 * width, t4)


@_kernel
def sha1_states(lanes, pmks, out, blocks):  # type: ignore[no-untyped-def]
    """Fill `out` (10 words a key) with the HMAC-SHA1 pad states of `pmks` (8 words a key)."""
    width = width_of(lanes)
    for block in range(blocks):
        pmk = load_words(lanes, 8, pmks, block * 8 * width)
        inner = sha1_key(pmk, IPAD)
        outer = sha1_key(pmk, OPAD)
        for i in range(5):
            store(out, (block * 10 + i) * width, inner[i])
            store(out, (block * 10 + 5 + i) * width, outer[i])


@_kernel
def sha256_states(lanes, pmks, out, blocks):  # type: ignore[no-untyped-def]
    """Fill `out` (16 words a key) with the HMAC-SHA256 pad states of `pmks` (8 words a key)."""
    width = width_of(lanes)
    for block in range(blocks):
        pmk = load_words(lanes, 8, pmks, block * 8 * width)
        inner = sha256_key(pmk, IPAD)
        outer = sha256_key(pmk, OPAD)
        for i in range(8):
            store(out, (block * 16 + i) * width, inner[i])
            store(out, (block * 16 + 8 + i) * width, outer[i])


# -- searches ---------------------------------------------------------------------------------------------------------


@njit(nogil=True)
def _slot(mask, block, width, first):  # type: ignore[no-untyped-def]
    """Return the lowest slot from `first` on whose bit is in `mask`, or -1."""
    for lane in range(width):
        if mask >> lane & 1 and block * width + lane >= first:
            return block * width + lane
    return -1


@njit(nogil=True)
def _hmac(inner, outer, schedules, start, blocks, words):  # type: ignore[no-untyped-def]
    """Return HMAC of a message that is the same for all lanes: `blocks` schedules of `words` words from `start` on."""
    for i in range(blocks):
        inner = shared_block(inner, schedules, start + i * words)
    return digest_block(outer, inner)


@_kernel
def find_psk(lanes, states, prf, frame, frame_blocks, mic, first, end):  # type: ignore[no-untyped-def]
    """Return the first slot in [first, end) whose key gives this MIC for AKM 2, or -1.

    prf:   two schedules: the PRF's message (IEEE Std 802.11 12.7.1.2), after a 64-octet pad
    frame: `frame_blocks` schedules: the M2 with its MIC zeroed, after a 64-octet pad
    mic:   its fourth word, big-endian (the last that the rounds of SHA-1 finish is not needed then)
    """
    width = width_of(lanes)
    for block in range(first // width, (end + width - 1) // width):
        at = block * 10 * width
        inner = load_words(lanes, 5, states, at)
        outer = load_words(lanes, 5, states, at + 5 * width)
        ptk = _hmac(inner, outer, prf, 0, 2, 80)
        kck = (ptk[0], ptk[1], ptk[2], ptk[3])
        tag = _hmac(sha1_key(kck, IPAD), sha1_key(kck, OPAD), frame, 0, frame_blocks, 80)
        mask = equal_mask(tag[3], mic)
        if mask:
            slot = _slot(mask, block, width, first)
            if slot >= 0:
                return slot
    return -1


@_kernel
def find_psk_md5(lanes, states, prf, frame, frame_blocks, mic, first, end):  # type: ignore[no-untyped-def]
    """Return the first slot in [first, end) whose key gives this MIC for key version 1 (HMAC-MD5), or -1.

    prf:   as for `find_psk`
    frame: `frame_blocks` schedules: the M2 with its MIC zeroed, after a 64-octet pad
    mic:   its first word, little-endian
    """
    width = width_of(lanes)
    for block in range(first // width, (end + width - 1) // width):
        at = block * 10 * width
        inner = load_words(lanes, 5, states, at)
        outer = load_words(lanes, 5, states, at + 5 * width)
        ptk = _hmac(inner, outer, prf, 0, 2, 80)
        kck = (ptk[0], ptk[1], ptk[2], ptk[3])
        tag = _hmac(md5_key(kck, IPAD), md5_key(kck, OPAD), frame, 0, frame_blocks, 64)
        mask = equal_mask(tag[0], mic)
        if mask:
            slot = _slot(mask, block, width, first)
            if slot >= 0:
                return slot
    return -1


@_kernel
def find_psk_sha256(lanes, states, kdf, frame, frame_blocks, whole, mic, scratch, first, end):  # type: ignore[no-untyped-def]
    """Return the first slot in [first, end) whose key gives this MIC for AKM 6, or -1.

    kdf:   two schedules: the KDF's message (12.7.1.6.2) with counter 1, after a 64-octet pad
    frame, frame_blocks, whole, scratch: see `aes.cmac_word`
    mic:   its first word, little-endian
    """
    width = width_of(lanes)
    for block in range(first // width, (end + width - 1) // width):
        at = block * 16 * width
        inner = load_words(lanes, 8, states, at)
        outer = load_words(lanes, 8, states, at + 8 * width)
        ptk = _hmac(inner, outer, kdf, 0, 2, 64)
        kck = (ptk[0], ptk[1], ptk[2], ptk[3])
        mask = equal_mask(cmac_word(lanes, kck, frame, frame_blocks, whole, scratch), mic)
        if mask:
            slot = _slot(mask, block, width, first)
            if slot >= 0:
                return slot
    return -1


@_kernel
def find_ft_name(lanes, states, r0, r0_blocks, tails, name, first, end):  # type: ignore[no-untyped-def]
    """Return the first slot in [first, end) whose key gives this PMKR1Name, or -1 (12.7.1.6.3, 12.7.1.6.4).

    r0:    `r0_blocks` schedules: the message of KDF-384 for PMK-R0 with counter 2, after a 64-octet pad
    tails: 22 words: what follows the salt in PMKR0Name's block, and PMKR0Name in PMKR1Name's (see `sha256_name`)
    name:  its first word, big-endian
    """
    width = width_of(lanes)
    for block in range(first // width, (end + width - 1) // width):
        at = block * 16 * width
        inner = load_words(lanes, 8, states, at)
        outer = load_words(lanes, 8, states, at + 8 * width)
        second = _hmac(inner, outer, r0, 0, r0_blocks, 64)
        r0_name = sha256_name(lanes, FT_R0N, (second[0], second[1], second[2], second[3]), tails, 0)
        r1_name = sha256_name(lanes, FT_R1N, (r0_name[0], r0_name[1], r0_name[2], r0_name[3]), tails, 11)
        mask = equal_mask(r1_name[0], name)
        if mask:
            slot = _slot(mask, block, width, first)
            if slot >= 0:
                return slot
    return -1


@_kernel
def find_ft_mic(lanes, states, kdf, blocks, frame, frame_blocks, whole, mic, scratch, first, end):  # type: ignore[no-untyped-def]
    """Return the first slot in [first, end) whose key gives this MIC for AKM 4, or -1 (12.7.1.6).

    kdf: `blocks[0] + blocks[1] + blocks[2]` schedules: KDF-384 for PMK-R0, KDF-256 for PMK-R1, KDF for the PTK, each
         with counter 1; each derives the key of the next
    frame, frame_blocks, whole, mic, scratch: as for `find_psk_sha256`
    """
    width = width_of(lanes)
    for block in range(first // width, (end + width - 1) // width):
        at = block * 16 * width
        inner = load_words(lanes, 8, states, at)
        outer = load_words(lanes, 8, states, at + 8 * width)
        derived = _hmac(inner, outer, kdf, 0, blocks[0], 64)
        start = blocks[0] * 64
        for stage in range(1, 3):  # a loop, though unrolled it is a little faster: half the time to compile
            inner, outer = sha256_key(derived, IPAD), sha256_key(derived, OPAD)
            derived = _hmac(inner, outer, kdf, start, blocks[stage], 64)
            start += blocks[stage] * 64
        kck = (derived[0], derived[1], derived[2], derived[3])
        mask = equal_mask(cmac_word(lanes, kck, frame, frame_blocks, whole, scratch), mic)
        if mask:
            slot = _slot(mask, block, width, first)
            if slot >= 0:
                return slot
    return -1
