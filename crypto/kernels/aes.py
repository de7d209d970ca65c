"""AES-128-CMAC (NIST SP 800-38B, RFC 4493) of one message under as many keys as a vector has lanes.

Three ways to the same tags, chosen by `Lanes.aes`: the processor's AES instructions on four blocks at a time (VAES on
512 bits), on two (VAES on 256), on one (AES-NI), or tables where the processor has none (0). A search changes the key
with every candidate, so the key expansion runs in the vectors too: AESENCLAST of a register whose four columns are
equal is SubWord in each of them, since ShiftRows then moves nothing.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from .simd import (
    I32,
    I64,
    Builder,
    Context,
    Emitter,
    LanesType,
    Signature,
    Value,
    VectorType,
    load,
    store,
    vectors,
    width_of,
    word_pointer,
    words_array,
    words_of,
)

ROUND_CONSTANTS: Final = (0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1B, 0x36)
I8: Final = ir.IntType(8)


class _Aes:
    """Emits AES on registers of `blocks` 128-bit blocks."""

    def __init__(self, builder: Builder, blocks: int) -> None:
        self.builder = builder
        self.blocks = blocks
        self.type = ir.VectorType(I64, 2 * blocks)
        self.words = ir.VectorType(I32, 4 * blocks)
        self.octets = ir.VectorType(I8, 16 * blocks)
        suffix = {1: "", 2: ".256", 4: ".512"}[blocks]
        function = ir.FunctionType(self.type, [self.type, self.type])
        self._enc = cgutils.get_or_insert_function(builder.module, function, f"llvm.x86.aesni.aesenc{suffix}")
        self._last = cgutils.get_or_insert_function(builder.module, function, f"llvm.x86.aesni.aesenclast{suffix}")

    def each(self, typ: ir.VectorType, values: list[int]) -> Value:
        """Return the constant that repeats `values` in every block."""
        return ir.Constant(typ, values * (typ.count // len(values)))

    def shuffle(self, register: Value, typ: ir.VectorType, order: list[int]) -> Value:
        """Return `register` with the elements of each block in `order`; -1 gives zero."""
        per_block = len(order)
        zero = ir.Constant(typ, None)
        indices = [typ.count if i < 0 else block * per_block + i for block in range(self.blocks) for i in order]
        mask = ir.Constant(ir.VectorType(I32, typ.count), indices)
        cast = self.builder.bitcast(register, typ)
        return self.builder.bitcast(self.builder.shuffle_vector(cast, zero, mask), self.type)

    def next_key(self, key: Value, constant: int) -> Value:
        """Return the round key after `key` (FIPS 197 5.2)."""
        b = self.builder
        rotated = self.shuffle(key, self.octets, [13, 14, 15, 12] * 4)  # RotWord of the last word, in every column
        word = b.call(self._last, [rotated, self.each(self.type, [constant << 32 | constant])])
        for shifted in ([-1, 0, 1, 2], [-1, -1, 0, 1]):  # key ^ key<<32 ^ key<<64 ^ key<<96, in two steps
            key = b.xor(key, self.shuffle(key, self.words, shifted))
        return b.xor(key, word)

    def encrypt(self, registers: list[Value], key: Callable[[int, int], Value]) -> list[Value]:
        """Return each register's blocks encrypted; `key(round, register)` gives the round keys."""
        b = self.builder
        state = [b.xor(register, key(0, i)) for i, register in enumerate(registers)]
        for step in range(1, 10):
            state = [b.call(self._enc, [register, key(step, i)]) for i, register in enumerate(state)]
        return [b.call(self._last, [register, key(10, i)]) for i, register in enumerate(state)]

    def double(self, register: Value) -> Value:
        """Return each block times x in GF(2^128), as CMAC reads them: first octet highest."""
        b = self.builder
        reverse = list(range(15, -1, -1))
        value = self.shuffle(register, self.octets, reverse)
        carries = b.lshr(value, self.each(self.type, [63]))
        crossed = self.shuffle(carries, self.type, [1, 0])  # low half's carry goes up, high half's wraps around
        wrap = b.and_(b.sub(ir.Constant(self.type, None), crossed), self.each(self.type, [0x87, 1]))
        doubled = b.xor(b.shl(value, self.each(self.type, [1])), wrap)
        return self.shuffle(doubled, self.octets, reverse)

    def broadcast(self, pointer: Value) -> Value:
        """Return the 16 octets at `pointer` in every block."""
        b = self.builder
        block = b.load(b.bitcast(pointer, ir.VectorType(I64, 2).as_pointer()), align=4)
        mask = ir.Constant(ir.VectorType(I32, 2 * self.blocks), [0, 1] * self.blocks)
        return b.shuffle_vector(block, block, mask)


def _blocks_of_lanes(builder: Builder, aes: _Aes, words: list[Value], width: int) -> list[Value]:
    """Return registers of whole keys, lane after lane, from four vectors of big-endian words."""
    e_ = Emitter(builder, width)
    words = [e_.swap(word) for word in words]
    pair = ir.VectorType(I32, 2 * width)
    both = ir.Constant(pair, list(range(2 * width)))
    low = builder.shuffle_vector(words[0], words[1], both)
    high = builder.shuffle_vector(words[2], words[3], both)
    registers = []
    for first in range(0, width, aes.blocks):
        order = [
            word * width + lane for lane in range(first, first + aes.blocks) for word in range(4)
        ]  # word w of lane l stands at w * width + l of low and high together
        mask = ir.Constant(ir.VectorType(I32, 4 * aes.blocks), order)
        registers.append(builder.bitcast(builder.shuffle_vector(low, high, mask), aes.type))
    return registers


@intrinsic
def _cmac_in_vectors(
    typing: Context, lanes: Any, key: Any, message: Any, blocks: Any, whole: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the first tag word of each lane; see `cmac_word`."""
    if not isinstance(lanes, LanesType) or not words_array(message) or not lanes.aes:
        return None
    width, per_register = lanes.width, min(lanes.aes, lanes.width)
    count = width // per_register

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        aes = _Aes(builder, per_register)
        registers = _blocks_of_lanes(builder, aes, words_of(builder, args[1], 4), width)
        # 11 x count registers are more than there are: the round keys live on the stack, and are used from there.
        slots = [[cgutils.alloca_once(builder, aes.type) for _ in range(count)] for _ in range(11)]
        for i, register in enumerate(registers):
            round_key = register
            builder.store(round_key, slots[0][i])
            for step, constant in enumerate(ROUND_CONSTANTS, 1):
                round_key = aes.next_key(round_key, constant)
                builder.store(round_key, slots[step][i])

        def key_at(step: int, i: int) -> Value:
            return builder.load(slots[step][i])

        zero = ir.Constant(aes.type, None)
        subkeys = [aes.double(block) for block in aes.encrypt([zero] * count, key_at)]
        partial = builder.icmp_signed("==", args[4], ir.Constant(I64, 0))
        subkeys = [builder.select(partial, aes.double(k1), k1) for k1 in subkeys]

        chain = [cgutils.alloca_once_value(builder, zero) for _ in range(count)]
        last = builder.sub(args[3], ir.Constant(I64, 1))
        base = word_pointer(context, builder, message, args[2], ir.Constant(I64, 0))

        def absorb(index: Value, extra: list[Value] | None) -> list[Value]:
            block = aes.broadcast(builder.gep(base, [builder.mul(index, ir.Constant(I64, 4))]))
            mixed = [builder.xor(builder.load(slot), block) for slot in chain]
            if extra is not None:
                mixed = [builder.xor(register, subkey) for register, subkey in zip(mixed, extra, strict=True)]
            return aes.encrypt(mixed, key_at)

        with cgutils.for_range(builder, last) as loop:
            for slot, register in zip(chain, absorb(loop.index, None), strict=True):
                builder.store(register, slot)
        tags = absorb(last, subkeys)

        result = ir.Constant(ir.VectorType(I32, width), ir.Undefined)
        for lane in range(width):
            tag = builder.bitcast(tags[lane // per_register], aes.words)
            word = builder.extract_element(tag, ir.Constant(I32, lane % per_register * 4))
            result = builder.insert_element(result, word, ir.Constant(I32, lane))
        return result

    return VectorType(width)(lanes, vectors(width, 4), message, types.int64, types.int64), emit


# -- one key, in memory ------------------------------------------------------------------------------------------------


@intrinsic
def expand_key_by_instructions(typing: Context, keys: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Fill `keys` (uint32, 44, little-endian words) with the key schedule of its first four; for AES-NI."""
    if not words_array(keys):
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        aes = _Aes(builder, 1)
        place = _blocks_at(context, builder, aes, keys, args[0])
        key = builder.load(place, align=4)
        for step, constant in enumerate(ROUND_CONSTANTS, 1):
            key = aes.next_key(key, constant)
            builder.store(key, builder.gep(place, [ir.Constant(I64, step)]), align=4)
        return context.get_dummy_value()

    return types.void(keys), emit


@intrinsic
def encrypt_by_instructions(typing: Context, keys: Any, state: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Encrypt the four little-endian words of `state` in place, under an expanded key; for AES-NI."""
    if not words_array(keys) or not words_array(state):
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        aes = _Aes(builder, 1)
        schedule = _blocks_at(context, builder, aes, keys, args[0])
        place = _blocks_at(context, builder, aes, state, args[1])

        def key_at(step: int, _: int) -> Value:
            return builder.load(builder.gep(schedule, [ir.Constant(I64, step)]), align=4)

        (block,) = aes.encrypt([builder.load(place, align=4)], key_at)
        builder.store(block, place, align=4)
        return context.get_dummy_value()

    return types.void(keys, state), emit


def _blocks_at(context: Context, builder: Builder, aes: _Aes, kind: types.Array, array: Value) -> Value:
    """Return the address of the 128-bit blocks that an array of words is."""
    pointer = word_pointer(context, builder, kind, array, ir.Constant(I64, 0))
    return builder.bitcast(pointer, aes.type.as_pointer())


# -- the processor without AES instructions ---------------------------------------------------------------------------


def _tables() -> tuple[np.ndarray[Any, np.dtype[np.uint32]], np.ndarray[Any, np.dtype[np.uint32]]]:
    """Return the S-box, and MixColumns of it (FIPS 197 5.1.1, 5.1.3): words with the first row's octet lowest."""
    power, log = [0] * 256, [0] * 256
    value = 1
    for exponent in range(255):
        power[exponent], log[value] = value, exponent
        value ^= (value << 1) ^ (0x11B if value & 0x80 else 0)  # times 3, a generator
    sbox = np.zeros(256, np.uint32)
    for octet in range(256):
        inverse = power[(255 - log[octet]) % 255] if octet else 0
        spread = inverse * 0x101
        sbox[octet] = (inverse ^ (spread >> 7) ^ (spread >> 6) ^ (spread >> 5) ^ (spread >> 4)) & 0xFF ^ 0x63
    twice = (sbox << 1) ^ np.where(sbox & 0x80, 0x11B, 0).astype(np.uint32)
    mixed = twice | sbox << 8 | sbox << 16 | (twice ^ sbox) << 24
    return sbox, mixed.astype(np.uint32)


SBOX, MIXED = _tables()


@njit(nogil=True)
def _rotl(word, count):  # type: ignore[no-untyped-def]
    return np.uint32((np.uint64(word) << np.uint64(count)) | (np.uint64(word) >> np.uint64(32 - count)))


@njit(nogil=True)
def _sub_column(a, b, c, d):  # type: ignore[no-untyped-def]
    """Return SubBytes of one octet each of four words, as ShiftRows picks them for one column."""
    return np.uint32(SBOX[a & 255] | SBOX[b >> 8 & 255] << 8 | SBOX[c >> 16 & 255] << 16 | SBOX[d >> 24 & 255] << 24)


@njit(nogil=True)
def _mix_column(a, b, c, d):  # type: ignore[no-untyped-def]
    return np.uint32(
        MIXED[a & 255]
        ^ _rotl(MIXED[b >> 8 & 255], 8)
        ^ _rotl(MIXED[c >> 16 & 255], 16)
        ^ _rotl(MIXED[d >> 24 & 255], 24)
    )


@njit(nogil=True)
def expand_key_by_tables(keys):  # type: ignore[no-untyped-def]
    """Fill `keys` (uint32, 44) from its first four words."""
    constant = np.uint32(1)
    for i in range(4, 44):
        word = keys[i - 1]
        if i % 4 == 0:
            turned = _rotl(word, 24)  # words are little-endian here: RotWord turns the other way
            word = _sub_column(turned, turned, turned, turned) ^ constant
            constant = np.uint32(constant << 1 ^ (0x11B if constant & 0x80 else 0))
        keys[i] = keys[i - 4] ^ word


@njit(nogil=True)
def encrypt_by_tables(keys, state):  # type: ignore[no-untyped-def]
    """Encrypt the four words of `state` in place."""
    a, b, c, d = state[0] ^ keys[0], state[1] ^ keys[1], state[2] ^ keys[2], state[3] ^ keys[3]
    for k in range(4, 40, 4):
        a, b, c, d = (
            _mix_column(a, b, c, d) ^ keys[k],
            _mix_column(b, c, d, a) ^ keys[k + 1],
            _mix_column(c, d, a, b) ^ keys[k + 2],
            _mix_column(d, a, b, c) ^ keys[k + 3],
        )
    state[0] = _sub_column(a, b, c, d) ^ keys[40]
    state[1] = _sub_column(b, c, d, a) ^ keys[41]
    state[2] = _sub_column(c, d, a, b) ^ keys[42]
    state[3] = _sub_column(d, a, b, c) ^ keys[43]


@njit(nogil=True)
def _swap(word):  # type: ignore[no-untyped-def]
    return np.uint32(word << 24 | (word & 0xFF00) << 8 | word >> 8 & 0xFF00 | word >> 24 & 0xFF)


@njit(nogil=True)
def double_words(block):  # type: ignore[no-untyped-def]
    """Multiply the four little-endian words of `block` by x in GF(2^128), first octet highest."""
    wrap = np.uint32(0x87 if block[0] & 0x80 else 0)
    carry = np.uint32(0)
    for i in range(3, -1, -1):
        word = _swap(block[i])
        doubled = np.uint32(word << 1 | carry)
        if i == 3:
            doubled ^= wrap
        carry = np.uint32(word >> 31)
        block[i] = _swap(doubled)


@njit(nogil=True)
def _cmac_by_tables(lanes, key, message, blocks, whole, scratch):  # type: ignore[no-untyped-def]
    """Return the first tag word of each lane; see `cmac_word`."""
    width = width_of(lanes)
    for i in range(4):
        store(scratch, i * width, key[i])
    keys = scratch[4 * width : 4 * width + 44]
    state = scratch[4 * width + 44 : 4 * width + 48]
    subkey = scratch[4 * width + 48 : 4 * width + 52]
    tags = scratch[4 * width + 52 : 5 * width + 52]
    for lane in range(width):
        for i in range(4):
            keys[i] = _swap(scratch[i * width + lane])
            subkey[i] = 0
            state[i] = 0
        expand_key_by_tables(keys)
        encrypt_by_tables(keys, subkey)
        double_words(subkey)
        if not whole:
            double_words(subkey)
        for block in range(blocks):
            for i in range(4):
                state[i] ^= message[4 * block + i]
                if block == blocks - 1:
                    state[i] ^= subkey[i]
            encrypt_by_tables(keys, state)
        tags[lane] = state[0]
    return load(lanes, tags, 0)


def cmac_word(lanes: Any, key: Any, message: Any, blocks: int, whole: int, scratch: Any) -> Any:
    """Return the first word, little-endian, of each lane's AES-128-CMAC of one message.

    key:     four vectors: big-endian words of each lane's key
    message: uint32, 4 a block: the message as little-endian words, the last block padded with 80 00 ..
    blocks:  how many, at least 1;   whole: 1 if the last block needed no padding, else 0
    scratch: uint32, 5 * lanes + 52
    """
    raise TypeError("cmac_word is for compiled code: numba takes the implementation below")


@overload(cmac_word, inline="always", jit_options={"nogil": True})
def _cmac_word(lanes, key, message, blocks, whole, scratch):  # type: ignore[no-untyped-def]  # numba compares signatures
    if lanes.aes:
        return lambda lanes, key, message, blocks, whole, scratch: _cmac_in_vectors(lanes, key, message, blocks, whole)
    return lambda lanes, key, message, blocks, whole, scratch: _cmac_by_tables(
        lanes, key, message, blocks, whole, scratch
    )
