"""SHA-1, SHA-256 and MD5 of as many messages as a vector has lanes (FIPS 180-4, RFC 1321), emitted round by round.

A state is a tuple of vectors (5, 8 or 4: their number says which hash it is). The message block of a compression comes
in one of four ways:

    shared     one block for all lanes: the schedule is expanded once, round constants added (`schedules`), and taken
               by broadcast from memory
    digest     the previous digest and fixed padding: the inner result going into HMAC's outer hash
    key        a key (a passphrase, PMK, KCK or digest) and zeros, xor 36 or 5c: HMAC's pads
    words      what a kernel puts together itself (the names of the FT hierarchy)

The code generators are Python loops; numba calls them while it compiles a kernel.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .md5 import MD5_IV, md5_rounds, md5_schedule
from .simd import (
    I64,
    Builder,
    Context,
    Emitter,
    LanesType,
    Parked,
    Signature,
    Value,
    VectorType,
    tuple_of,
    vectors,
    word_pointer,
    words_array,
    words_of,
)

SHA1_IV: Final = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)
SHA1_K: Final = (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)


def _sha256_constants(root: int) -> list[int]:
    """Return the first 32 fraction bits of the `root`-th roots of the first primes (FIPS 180-4 4.2.2, 5.3.3)."""
    primes = [n for n in range(2, 312) if all(n % d for d in range(2, int(n**0.5) + 1))]

    def fraction(prime: int) -> int:
        scaled, low, high = prime << (32 * root), 0, 1 << 40
        while low < high:  # the integer root of prime * 2^(32 root), by bisection: exact, unlike floats
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**root <= scaled else (low, middle - 1)
        return low & 0xFFFFFFFF

    return [fraction(prime) for prime in primes]


SHA256_IV: Final = tuple(_sha256_constants(2)[:8])
SHA256_K: Final = tuple(_sha256_constants(3))


def _sha1_rounds(e_: Emitter, state: Sequence[Value], addends: Callable[[int], Sequence[Value]]) -> list[Value]:
    """Return the state after 80 rounds; the sum of `addends(t)` is W[t] + K[t].

    In PBKDF2 the state before a block is the same 4096 times. The first rounds sum what depends on it alone first, so
    that LLVM hoists it out of the loop (13 of 750 instructions); later rounds add last what is known last.
    """
    a, b, c, d, e = (e_.vec(word) for word in state)
    for t in range(80):
        if t < 20:
            f = e_.xor(d, e_.and_(b, e_.xor(c, d)))
        elif 40 <= t < 60:
            f = e_.or_(e_.and_(b, c), e_.and_(d, e_.or_(b, c)))
        else:
            f = e_.xor(b, c, d)
        *word, constant = addends(t)
        if t == 0:
            total = e_.add(e_.add(e, constant), f, e_.rotl(a, 5), *word)
        elif t < 5:
            total = e_.add(e_.add(e_.add(e, constant), f), e_.add(e_.rotl(a, 5), *word))
        else:
            total = e_.add(e_.add(e_.add(constant, *word), e), f, e_.rotl(a, 5))
        a, b, c, d, e = total, a, e_.rotl(b, 30), c, d
    return [e_.add(old, new) for old, new in zip(state, (a, b, c, d, e), strict=True)]


def _sha1_schedule(e_: Emitter, words: Sequence[Value]) -> Callable[[int], Sequence[Value]]:
    """Return W[t] and K[t] as a function of t, called with t rising; `words` are the 16 of the block.

    W[t] = rotl(W[t-3s] ^ W[t-8s] ^ W[t-14s] ^ W[t-16s], s) holds for s = 1 and, put into itself, for s = 2 from t = 32
    and s = 4 from t = 64. Further back more of the four are padding: the form with the fewest vectors is taken, which
    saves one instruction in twenty. What is wanted again more than 16 rounds later waits on the stack (see `Parked`):
    in a register it would cost as many moves as the forms save.
    """
    window = list(words)
    padding = [isinstance(word, int) for word in words]

    def steps(t: int, s: int) -> list[int]:
        return [t - s * back for back in (3, 8, 14, 16)]

    def constant(i: int) -> bool:
        return i < 16 and padding[i]

    def cost(t: int, s: int) -> int:
        folded = 0
        for i in filter(constant, steps(t, s)):
            folded ^= words[i]
        return sum(not constant(i) for i in steps(t, s)) + bool(folded)

    forms = {t: min((s for s in (1, 2, 4) if t >= 16 * s), key=lambda s: (cost(t, s), s)) for t in range(16, 80)}
    wanted_late = {i for t, s in forms.items() for i in steps(t, s) if t - i > 16 and not constant(i)}
    parked = Parked(e_)

    def addends(t: int) -> Sequence[Value]:
        if t in (32, 64):
            parked.settle()
        if t >= 16:
            terms = [window[i] if t - i <= 16 or constant(i) else parked.fetch(i) for i in steps(t, forms[t])]
            window.append(e_.rotl(e_.xor(*terms), forms[t]))
        if t in wanted_late:
            parked.keep(t, window[t])
        return window[t], SHA1_K[t // 20]

    return addends


def _sha256_rounds(e_: Emitter, state: Sequence[Value], addends: Callable[[int], Sequence[Value]]) -> list[Value]:
    """Return the state after 64 rounds; the sum of `addends(t)` is W[t] + K[t]."""
    a, b, c, d, e, f, g, h = (e_.vec(word) for word in state)
    for t in range(64):
        sigma1 = e_.xor(e_.rotr(e, 6), e_.rotr(e, 11), e_.rotr(e, 25))
        choose = e_.xor(g, e_.and_(e, e_.xor(f, g)))
        one = e_.add(e_.add(*addends(t)), h, choose, sigma1)
        sigma0 = e_.xor(e_.rotr(a, 2), e_.rotr(a, 13), e_.rotr(a, 22))
        majority = e_.or_(e_.and_(a, b), e_.and_(c, e_.or_(a, b)))
        a, b, c, d, e, f, g, h = e_.add(one, majority, sigma0), a, b, c, e_.add(d, one), e, f, g
    return [e_.add(old, new) for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True)]


def _sha256_schedule(e_: Emitter, words: Sequence[Value]) -> Callable[[int], Sequence[Value]]:
    """Return W[t] and K[t] as a function of t, called with t rising; `words` are the 16 of the block."""
    window = list(words)

    def addends(t: int) -> Sequence[Value]:
        if t >= 16:
            w2, w15 = window[t - 2], window[t - 15]
            s1 = e_.xor(e_.rotr(w2, 17), e_.rotr(w2, 19), e_.shr(w2, 10))
            s0 = e_.xor(e_.rotr(w15, 7), e_.rotr(w15, 18), e_.shr(w15, 3))
            window.append(e_.add(window[t - 16], s0, window[t - 7], s1))
        return window[t], SHA256_K[t]

    return addends


class _Hash:
    """One hash function, as the intrinsics below need it."""

    def __init__(self, words: int, iv: Sequence[int], compress: Any, schedule: Any, *, order: str = "big") -> None:
        self.words = words
        self.iv = iv
        self.order = order  # of the octets in a word
        self._rounds = compress
        self._schedule = schedule

    def block(self, e_: Emitter, state: Sequence[Value], words: Sequence[Value]) -> list[Value]:
        return self._rounds(e_, state, self._schedule(e_, words))  # type: ignore[no-any-return]

    def padding(self, before: int, count: int) -> list[int]:
        """Return the words that end a message of `before` octets and `count` words, in the words' own block."""
        bits = (before + 4 * count) * 8
        if self.order == "little":
            return [0x80, *[0] * (13 - count), bits, 0]
        return [0x80000000, *[0] * (13 - count), 0, bits]

    def shared(self, e_: Emitter, state: Sequence[Value], pointer: Value) -> list[Value]:
        def addends(t: int) -> Sequence[Value]:
            return (e_.splat(e_.builder.load(e_.builder.gep(pointer, [ir.Constant(I64, t)]))),)

        return self._rounds(e_, state, addends)  # type: ignore[no-any-return]


SHA1: Final = _Hash(5, SHA1_IV, _sha1_rounds, _sha1_schedule)
SHA256: Final = _Hash(8, SHA256_IV, _sha256_rounds, _sha256_schedule)
MD5: Final = _Hash(4, MD5_IV, md5_rounds, md5_schedule, order="little")


def _hash_of(state: Any) -> _Hash | None:
    """Return the hash function whose state is the numba type `state`: five vectors, eight or four."""
    if isinstance(state, types.UniTuple) and isinstance(state.dtype, VectorType):
        return {5: SHA1, 8: SHA256, 4: MD5}.get(state.count)
    return None


@intrinsic
def shared_block(
    typing: Context, state: Any, schedule: Any, index: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Return `state` after the block whose expanded schedule starts at `schedule[index]`."""
    function = _hash_of(state)
    if function is None or not words_array(schedule):
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        e_ = Emitter(builder, state.dtype.width)
        pointer = word_pointer(context, builder, schedule, args[1], args[2])
        after = function.shared(e_, words_of(builder, args[0], function.words), pointer)
        return tuple_of(context, builder, signature, e_, after)

    return state(state, schedule, types.int64), emit


@intrinsic
def digest_block(typing: Context, state: Any, digest: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the digest of (a 64-octet block that left `state`) and `digest`: HMAC's outer or next inner hash."""
    function = _hash_of(state)
    if function is None or state != digest:
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        e_ = Emitter(builder, state.dtype.width)
        count = function.words
        words: list[Value] = [*words_of(builder, args[1], count), *function.padding(64, count)]
        after = function.block(e_, words_of(builder, args[0], count), words)
        return tuple_of(context, builder, signature, e_, after)

    return state(state, digest), emit


def _first_block(function: _Hash) -> Callable[..., tuple[Signature, Callable[..., Value]] | None]:
    """Return the typing function of `sha1_key`, `sha256_key` or `md5_key`."""

    def typer(typing: Context, key: Any, pad: Any) -> tuple[Signature, Callable[..., Value]] | None:
        if not isinstance(key, types.UniTuple) or not isinstance(key.dtype, VectorType) or key.count > 16:
            return None
        if not isinstance(pad, types.IntegerLiteral):
            return None

        def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
            e_ = Emitter(builder, key.dtype.width)
            words = words_of(builder, args[0], key.count)
            if function.order == "little":
                words = [e_.swap(word) for word in words]
            words += [0] * (16 - key.count)
            after = function.block(e_, function.iv, [e_.xor(word, pad.literal_value) for word in words])
            return tuple_of(context, builder, signature, e_, after)

        return vectors(key.dtype.width, function.words)(key, pad), emit

    return typer


@intrinsic
def sha1_key(typing: Context, key: Any, pad: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the SHA-1 state after one block of `key` (up to 16 words, then zeros) xor `pad` (a literal word)."""
    return _first_block(SHA1)(typing, key, pad)


@intrinsic
def sha256_key(typing: Context, key: Any, pad: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the SHA-256 state after one block of `key` (up to 16 words, then zeros) xor `pad` (a literal word)."""
    return _first_block(SHA256)(typing, key, pad)


@intrinsic
def md5_key(typing: Context, key: Any, pad: Any) -> tuple[Signature, Callable[..., Value]] | None:
    """Return the MD5 state after one block of `key` (up to 16 big-endian words, then zeros) xor `pad` (a literal)."""
    return _first_block(MD5)(typing, key, pad)


@intrinsic
def sha256_name(
    typing: Context, lanes: Any, prefix: Any, name: Any, suffix: Any, index: Any
) -> tuple[Signature, Callable[..., Value]] | None:
    """Return SHA-256(prefix || name || suffix) of one padded block, for the names of the FT hierarchy.

    prefix: the 6 octets "FT-R0N" or "FT-R1N" as a literal 48-bit integer
    name:   four vectors, 16 octets
    suffix: uint32 array that holds from `index` on the 11 words that follow `name`'s last 16 bits: the low half of
            word 5 and words 6 to 15, the same for all lanes, padding and length included
    """
    if not isinstance(lanes, LanesType) or not words_array(suffix) or not isinstance(prefix, types.IntegerLiteral):
        return None
    if not isinstance(name, types.UniTuple) or name.count != 4:
        return None

    def emit(context: Context, builder: Builder, signature: Signature, args: Any) -> Value:
        e_ = Emitter(builder, lanes.width)
        label = prefix.literal_value  # 48 bits
        n = words_of(builder, args[2], 4)
        tail_at = word_pointer(context, builder, suffix, args[3], args[4])
        tail = [e_.splat(builder.load(builder.gep(tail_at, [ir.Constant(I64, i)]))) for i in range(11)]
        words: list[Value] = [label >> 16]
        words.append(e_.or_((label & 0xFFFF) << 16, e_.shr(n[0], 16)))
        words.extend(e_.or_(e_.shl(n[i], 16), e_.shr(n[i + 1], 16)) for i in range(3))
        words.append(e_.or_(e_.shl(n[3], 16), tail[0]))
        words.extend(tail[1:])
        return tuple_of(context, builder, signature, e_, SHA256.block(e_, SHA256_IV, words))

    return vectors(lanes.width, 8)(lanes, prefix, name, suffix, types.int64), emit
