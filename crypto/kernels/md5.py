"""MD5's constants and rounds (RFC 1321), emitted one by one: `sha` makes vectors of messages of them, `scalar` one."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from .simd import Emitter, Value

MD5_IV: Final = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
# floor(2^32 * abs(sin(t + 1))) (RFC 1321 3.4)
MD5_K: Final = tuple(int(abs(math.sin(t + 1)) * 2**32) for t in range(64))
# Which word of the block each round takes.
MD5_ORDER: Final = tuple((t, 5 * t + 1, 3 * t + 5, 7 * t)[t // 16] % 16 for t in range(64))
_TURNS: Final = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))


def md5_rounds(e_: Emitter, state: Sequence[Value], addends: Callable[[int], Sequence[Value]]) -> list[Value]:
    """Return the state after 64 rounds; the sum of `addends(t)` is X[k] + T[t] (RFC 1321 3.4)."""
    a, b, c, d = (e_.vec(word) for word in state)
    for t in range(64):
        if t < 16:
            f = e_.xor(d, e_.and_(b, e_.xor(c, d)))
        elif t < 32:
            f = e_.xor(c, e_.and_(d, e_.xor(b, c)))
        elif t < 48:
            f = e_.xor(b, c, d)
        else:
            f = e_.xor(c, e_.or_(b, e_.xor(d, 0xFFFFFFFF)))
        # Each round waits for the one before it: what does not depend on that is summed first.
        total = e_.add(e_.add(a, *addends(t)), f)
        a, b, c, d = d, e_.add(b, e_.rotl(total, _TURNS[t // 16][t % 4])), b, c
    return [e_.add(old, new) for old, new in zip(state, (a, b, c, d), strict=True)]


def md5_schedule(e_: Emitter, words: Sequence[Value]) -> Callable[[int], Sequence[Value]]:
    """Return X[k] and T[t] as a function of t; `words` are the 16 of the block."""
    return lambda t: (words[MD5_ORDER[t]], MD5_K[t])
