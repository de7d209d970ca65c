"""One message at a time, for compiled code that calls it: no objects, no exceptions, no allocation.

MD5, SHA-1, SHA-256 and AES-CMAC of octets as they lie in memory. It brings numba with it, as all of this folder.

All arrays are one-dimensional and contiguous, octets uint8, words uint32. What follows a message in its array, up to 72
octets, is overwritten by its padding.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from . import aes
from .md5 import MD5_IV as MD5_IV
from .sha import MD5, SHA1, SHA1_IV, SHA256, SHA256_IV
from .sha1_instructions import emit_sha1
from .simd import I64, Builder, Context, Emitter, Signature, Value, has_sha, host_lanes, word_pointer, words_array

_SHA256_IV = np.array(SHA256_IV, np.uint32)
AES_WORDS = 52  # the scratch that cmac() wants


_Compression = Callable[[Emitter, Sequence[Value], Sequence[Value]], list[Value]]


def _block_of(name: str, emit_block: Callable[[Builder, Value, Value], None]) -> Any:
    """Return the typing function of a compression: state (uint32 array), octets (uint8 array) and where they begin.

    emit_block: writes it, for pointers to state and octets, both as 32-bit words
    """

    def typer(typing: Context, state: Any, start: Any, octets: Any, at: Any) -> tuple[Signature, Any] | None:
        if not words_array(state) or not isinstance(octets, types.Array) or octets.dtype != types.uint8:
            return None

        def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
            before = word_pointer(context, builder, state, args[0], args[1])
            block = builder.bitcast(word_pointer(context, builder, octets, args[2], args[3]), before.type)
            kind = ir.FunctionType(ir.VoidType(), [before.type, block.type])
            compress = builder.module.globals.get(name) or emit_compression(builder.module, kind)
            builder.call(compress, [before, block])
            return context.get_dummy_value()

        return types.void(state, types.int64, octets, types.int64), emit

    def emit_compression(module: Any, kind: Any) -> Value:
        """Return it as a function of its own: all of it at each call would take half as long again to compile."""
        function = ir.Function(module, kind, name)
        function.linkage = "linkonce_odr"
        function.attributes.add("noinline")
        builder = ir.IRBuilder(function.append_basic_block())
        emit_block(builder, *function.args)
        builder.ret_void()
        return function

    return typer


def _by_rounds(words: int, rounds: _Compression, order: str) -> Callable[[Builder, Value, Value], None]:
    """Return what writes a compression round by round."""

    def emit(builder: Builder, state: Value, block: Value) -> None:
        e_ = Emitter(builder, 1)
        pointer, octets = (builder.bitcast(each, e_.vector.as_pointer()) for each in (state, block))

        def place(base: Value, number: int) -> Value:
            return builder.gep(base, [ir.Constant(I64, number)])

        taken = [builder.load(place(octets, i), align=1) for i in range(16)]
        if order != sys.byteorder:
            taken = [e_.swap(word) for word in taken]
        before = [builder.load(place(pointer, i)) for i in range(words)]
        for number, word in enumerate(rounds(e_, before, taken)):
            builder.store(word, place(pointer, number))

    return emit


@intrinsic
def md5_block(
    typing: Context, state: Any, start: Any, octets: Any, at: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Take the 64 octets from `at` on into the 4 words of `state` from `start` on (RFC 1321 3.4)."""
    return _block_of("latchkey.md5_block", _by_rounds(4, MD5.block, "little"))(typing, state, start, octets, at)  # type: ignore[no-any-return]


@intrinsic
def sha1_block_by_rounds(
    typing: Context, state: Any, start: Any, octets: Any, at: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Take the 64 octets from `at` on into the 5 words of `state` from `start` on (FIPS 180-4 6.1.2)."""
    return _block_of("latchkey.sha1_block", _by_rounds(5, SHA1.block, "big"))(typing, state, start, octets, at)  # type: ignore[no-any-return]


@intrinsic
def sha1_block_by_instructions(
    typing: Context, state: Any, start: Any, octets: Any, at: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Do what sha1_block_by_rounds() does, nearly twice as fast."""
    return _block_of("latchkey.sha1_instructions", emit_sha1)(typing, state, start, octets, at)  # type: ignore[no-any-return]


sha1_block = sha1_block_by_instructions if has_sha() else sha1_block_by_rounds


@intrinsic
def sha256_block(
    typing: Context, state: Any, start: Any, octets: Any, at: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Take the 64 octets from `at` on into the 8 words of `state` from `start` on (FIPS 180-4 6.2.2)."""
    return _block_of("latchkey.sha256_block", _by_rounds(8, SHA256.block, "big"))(typing, state, start, octets, at)  # type: ignore[no-any-return]


@intrinsic
def load_octets(typing: Context, octets: Any, at: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the 8 octets from `at` on as one number, to be hashed: its order is the host's."""
    if not isinstance(octets, types.Array) or octets.dtype != types.uint8:
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        pointer = word_pointer(context, builder, octets, args[0], args[1])
        return builder.load(builder.bitcast(pointer, I64.as_pointer()), align=1)

    return types.uint64(octets, types.int64), emit


@njit(nogil=True)
def md5_finish(state, octets, length, before):  # type: ignore[no-untyped-def]
    """Take the first `length` octets into `state` and end the message, of which `before` (whole blocks) were in it."""
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
def put_big(words, start, count, octets, at):  # type: ignore[no-untyped-def]
    """Write `count` words of a SHA digest as octets."""
    for i in range(count):
        for j in range(4):
            octets[at + 4 * i + j] = np.uint8(words[start + i] >> np.uint32(24 - 8 * j))


@njit(nogil=True)
def _pad_after_block(octets, length):  # type: ignore[no-untyped-def]
    """End a message of which one block was hashed before; return where its octets end."""
    end = _pad(octets, length)
    bits = (length + 64) * 8
    for i in range(4):
        octets[end - 1 - i] = np.uint8(bits >> (8 * i))
    return end


@njit(nogil=True)
def hmac_sha1(words, octets, length):  # type: ignore[no-untyped-def]
    """Leave HMAC-SHA1 of the first `length` octets in words 5 to 9; 0 to 9 hold the key's two pad states before."""
    for at in range(0, _pad_after_block(octets, length), 64):
        sha1_block(words, 0, octets, at)
    put_big(words, 0, 5, octets, 0)
    _pad_after_block(octets, np.int64(20))
    sha1_block(words, 5, octets, 0)


@njit(nogil=True)
def hmac_sha256(words, octets, length):  # type: ignore[no-untyped-def]
    """Leave HMAC-SHA256 of the first `length` octets in words 8 to 15; 0 to 15 hold the key's pad states before."""
    for at in range(0, _pad_after_block(octets, length), 64):
        sha256_block(words, 0, octets, at)
    put_big(words, 0, 8, octets, 0)
    _pad_after_block(octets, np.int64(32))
    sha256_block(words, 8, octets, 0)


@njit(nogil=True)
def _put_pad(key, key_at, length, part, octets):  # type: ignore[no-untyped-def]
    """Write the block that HMAC's inner (part 0) or outer hash (1) begins with (RFC 2104)."""
    pad = np.uint8(0x36 if part == 0 else 0x5C)
    for i in range(64):
        octets[i] = (key[key_at + i] if i < length else np.uint8(0)) ^ pad


@njit(nogil=True)
def sha1_pads(key, key_at, length, words, start, octets):  # type: ignore[no-untyped-def]
    """Fill 10 words from `start` on with HMAC-SHA1's pad states of a key of at most 64 octets, which are not the first
    64 of `octets`.
    """
    for part in range(2):
        _put_pad(key, key_at, length, part, octets)
        for i in range(5):
            words[start + 5 * part + i] = np.uint32(SHA1_IV[i])
        sha1_block(words, start + 5 * part, octets, 0)


@njit(nogil=True)
def sha256_pads(key, key_at, length, words, start, octets):  # type: ignore[no-untyped-def]
    """Fill 16 words from `start` on with HMAC-SHA256's pad states of a key, as sha1_pads()."""
    for part in range(2):
        _put_pad(key, key_at, length, part, octets)
        for i in range(8):
            words[start + 8 * part + i] = np.uint32(_SHA256_IV[i])
        sha256_block(words, start + 8 * part, octets, 0)


def _cmac(expand: Any, encrypt: Any) -> Any:
    """Return cmac() by these ways to expand a key and encrypt a block. (As its arguments they would let numba keep no
    machine code.)
    """

    @njit(nogil=True)
    def cmac(work, octets, length):  # type: ignore[no-untyped-def]
        keys, state, subkey = work[:44], work[44:48], work[48:52]
        expand(keys)
        for i in range(4):
            state[i] = subkey[i] = 0
        encrypt(keys, subkey)
        aes.double_words(subkey)
        end = (length + 15) // 16 * 16
        if end != length:
            aes.double_words(subkey)
            octets[length] = 0x80
            for at in range(length + 1, end):
                octets[at] = 0
        for block in range(0, end, 16):
            for i in range(4):
                word = np.uint32(0)
                for j in range(4):
                    word |= np.uint32(octets[block + 4 * i + j]) << np.uint32(8 * j)
                state[i] ^= word
                if block == end - 16:
                    state[i] ^= subkey[i]
            encrypt(keys, state)

    return cmac


# AES-128-CMAC of the first `length` octets, at least one (RFC 4493).
# work: AES_WORDS, the key in the first four, little-endian; the tag is left in words 44 to 47, likewise
cmac_by_tables = _cmac(aes.expand_key_by_tables, aes.encrypt_by_tables)
cmac = _cmac(aes.expand_key_by_instructions, aes.encrypt_by_instructions) if host_lanes().aes else cmac_by_tables
