"""One key and one handshake at a time, for compiled code that calls it: no objects, no exceptions, no allocation.

MD5 and SHA-1 of octets as they lie in memory, the test of an M2 for AKM 2 on top of them, and `compiled` to keep what
is built on these. It is a module to import by its name (`from crypto import scalar`), as it brings numba with it.

All arrays are one-dimensional and contiguous, octets uint8, words uint32.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from ..wpa import PAIRWISE_EXPANSION
from .compiled import can_be_kept, compiled, is_kept
from .md5 import MD5_IV
from .sha import MD5, SHA1, SHA1_IV
from .simd import I64, Builder, Context, Emitter, Signature, Value, word_pointer, words_array

SOURCES = tuple(Path(__file__).with_name(f"{name}.py") for name in ("md5", "scalar", "sha", "simd"))  # for `compiled`

__all__ = [
    "MD5_IV",
    "PSK_OCTETS",
    "PSK_WORDS",
    "SOURCES",
    "can_be_kept",
    "compiled",
    "fits_psk",
    "is_kept",
    "md5_block",
    "md5_finish",
    "put_words",
]

_LABEL = np.frombuffer(PAIRWISE_EXPANSION + b"\0", np.uint8)

MIC_AT, NONCE_AT, MIC_OCTETS = 81, 17, 16  # places in an EAPOL-Key frame with its 802.1X header (12.7.2)
PSK_WORDS, PSK_OCTETS = 10, 1280  # the scratch that fits_psk() wants


def _block_of(words: int, rounds: Callable[[Emitter, list[Value], list[Value]], list[Value]], order: str) -> Any:
    """Return the typing function of a compression: state (uint32 array), octets (uint8 array) and where they begin."""

    def typer(typing: Context, state: Any, start: Any, octets: Any, at: Any) -> tuple[Signature, Any] | None:
        if not words_array(state) or not isinstance(octets, types.Array) or octets.dtype != types.uint8:
            return None

        def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
            e_ = Emitter(builder, 1)
            pointer = builder.bitcast(word_pointer(context, builder, state, args[0], args[1]), e_.vector.as_pointer())
            block = builder.bitcast(word_pointer(context, builder, octets, args[2], args[3]), e_.vector.as_pointer())

            def place(base: Value, number: int) -> Value:
                return builder.gep(base, [ir.Constant(I64, number)])

            taken = [builder.load(place(block, i), align=1) for i in range(16)]
            if order != sys.byteorder:
                taken = [e_.swap(word) for word in taken]
            before = [builder.load(place(pointer, i)) for i in range(words)]
            for number, word in enumerate(rounds(e_, before, taken)):
                builder.store(word, place(pointer, number))
            return context.get_dummy_value()

        return types.void(state, types.int64, octets, types.int64), emit

    return typer


@intrinsic
def md5_block(
    typing: Context, state: Any, start: Any, octets: Any, at: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Take the 64 octets from `at` on into the 4 words of `state` from `start` on (RFC 1321 3.4)."""
    return _block_of(4, MD5.block, "little")(typing, state, start, octets, at)  # type: ignore[no-any-return]


@intrinsic
def sha1_block(
    typing: Context, state: Any, start: Any, octets: Any, at: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Take the 64 octets from `at` on into the 5 words of `state` from `start` on (FIPS 180-4 6.1.2)."""
    return _block_of(5, SHA1.block, "big")(typing, state, start, octets, at)  # type: ignore[no-any-return]


@njit(nogil=True)
def md5_finish(state, octets, length, before):  # type: ignore[no-untyped-def]
    """Take the first `length` octets into `state` and end the message, of which `before` (whole blocks) were in it.

    What follows the message in `octets` is overwritten: up to 72 octets.
    """
    end = _pad(octets, length)
    bits = np.uint64(length + before) << np.uint64(3)
    for i in range(8):
        octets[end - 8 + i] = np.uint8(bits >> np.uint64(8 * i))
    for at in range(0, end, 64):
        md5_block(state, 0, octets, at)


@njit(nogil=True)
def _pad(octets, length):  # type: ignore[no-untyped-def]
    """Put the one bit and the zeros after a message and return its end, whose last 8 octets are for the length."""
    end = (length + 9 + 63) // 64 * 64
    octets[length] = 0x80
    for at in range(length + 1, end):
        octets[at] = 0
    return end


@njit(nogil=True)
def put_words(state, octets, at):  # type: ignore[no-untyped-def]
    """Write the 4 words of an MD5 digest as octets."""
    for i in range(4):
        for j in range(4):
            octets[at + 4 * i + j] = np.uint8(state[i] >> np.uint32(8 * j))


@njit(nogil=True)
def _sha1_finish(state, start, octets, length):  # type: ignore[no-untyped-def]
    """Take the first `length` octets into `state`, which has had one block (a pad) before, and end the message."""
    end = _pad(octets, length)
    bits = (length + 64) * 8
    for i in range(4):
        octets[end - 1 - i] = np.uint8(bits >> (8 * i))
    for at in range(0, end, 64):
        sha1_block(state, start, octets, at)


@njit(nogil=True)
def _put_big(state, start, octets):  # type: ignore[no-untyped-def]
    for i in range(5):
        for j in range(4):
            octets[4 * i + j] = np.uint8(state[start + i] >> np.uint32(24 - 8 * j))


@njit(nogil=True)
def _hmac_sha1(words, octets, length):  # type: ignore[no-untyped-def]
    """Leave HMAC-SHA1 of the first `length` octets in words 5 to 9; 0 to 9 hold the key's two pad states before."""
    inner, outer = np.int64(0), np.int64(5)
    _sha1_finish(words, inner, octets, np.int64(length))
    _put_big(words, inner, octets)
    _sha1_finish(words, outer, octets, np.int64(20))


@njit(nogil=True)
def _smaller(x, x_at, y, y_at, count):  # type: ignore[no-untyped-def]
    for i in range(count):
        if x[x_at + i] != y[y_at + i]:
            return x[x_at + i] < y[y_at + i]
    return True


@njit(nogil=True)
def _put_sorted(x, x_at, y, y_at, count, out, at):  # type: ignore[no-untyped-def]
    """Write the smaller of two strings of `count` octets, then the other."""
    first = 0 if _smaller(x, x_at, y, y_at, count) else count
    for i in range(count):
        out[at + first + i] = x[x_at + i]
        out[at + count - first + i] = y[y_at + i]


@njit(nogil=True)
def fits_psk(states, aa, spa, anonce, anonce_at, frame, frame_at, length, words, octets):  # type: ignore[no-untyped-def]
    """Return whether a PMK made the MIC of an M2 under AKM 2 (IEEE Std 802.11 12.7.1.2, 12.7.1.3), all 16 octets of it.

    states: 10 words, the pad states of HMAC-SHA1 under the PMK, as Pool keeps them
    frame:  `length` octets from `frame_at` on, at least 99 and at most 1,024, key version 2
    words, octets: scratch, PSK_WORDS and PSK_OCTETS
    """
    label = np.int64(len(_LABEL))
    for i in range(label):
        octets[i] = _LABEL[i]
    _put_sorted(aa, np.int64(0), spa, np.int64(0), np.int64(6), octets, label)
    _put_sorted(anonce, np.int64(anonce_at), frame, np.int64(frame_at + NONCE_AT), np.int64(32), octets, label + 12)
    octets[label + 76] = 0
    for i in range(10):
        words[i] = states[i]
    _hmac_sha1(words, octets, label + 77)

    kck = (words[5], words[6], words[7], words[8])
    for part in range(2):
        pad = np.uint32(0x36363636) if part == 0 else np.uint32(0x5C5C5C5C)
        start = np.int64(5 * part)
        for i in range(4):
            words[start + i] = kck[i] ^ pad
        _put_big(words, start, octets)
        for i in range(16, 64):
            octets[i] = np.uint8(pad & np.uint32(0xFF))
        for i in range(5):
            words[start + i] = np.uint32(SHA1_IV[i])
        sha1_block(words, start, octets, 0)

    for i in range(length):
        octets[i] = frame[frame_at + i]
    for i in range(MIC_OCTETS):
        octets[MIC_AT + i] = 0
    _hmac_sha1(words, octets, np.int64(length))
    _put_big(words, np.int64(5), octets)
    difference = np.uint8(0)
    for i in range(MIC_OCTETS):  # all of them whatever they are: how far they agree must not show in the time
        difference |= octets[i] ^ frame[frame_at + MIC_AT + i]
    return difference == 0
