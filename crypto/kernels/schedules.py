"""Message schedules of what is the same for all lanes, expanded once for a whole search, round constants added."""

import numpy as np
import numpy.typing as npt

from . import bulk

Words = npt.NDArray[np.uint32]


def expand_sha1(message: bytes) -> Words:
    """Return the schedules of `message` and its padding, hashed after one block (HMAC's pad): uint32, 80 a block."""
    words = _padded(message)
    out = np.empty(len(words) * 5, np.uint32)
    bulk.schedule_sha1(words, out)
    return out


def expand_sha256(message: bytes) -> Words:
    """Return the schedules of `message` and its padding, hashed after one block (HMAC's pad): uint32, 64 a block."""
    words = _padded(message)
    out = np.empty(len(words) * 4, np.uint32)
    bulk.schedule_sha256(words, out)
    return out


def _padded(message: bytes) -> Words:
    """Return `message` with its padding (FIPS 180-4 5.1.1) as words, 16 a block."""
    bits = (64 + len(message)) * 8
    padded = message + b"\x80" + bytes(-(len(message) + 9) % 64) + bits.to_bytes(8, "big")
    return np.frombuffer(padded, ">u4").astype(np.uint32)
