"""Message schedules of what is the same for all lanes, expanded once for a whole search, round constants added."""

from typing import Literal

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


def expand_md5(message: bytes) -> Words:
    """Return the schedules of `message` and its padding, hashed after one block (HMAC's pad): uint32, 64 a block."""
    words = _padded(message, "little")
    out = np.empty(len(words) * 4, np.uint32)
    bulk.schedule_md5(words, out)
    return out


def _padded(message: bytes, order: Literal["big", "little"] = "big") -> Words:
    """Return `message` with its padding (FIPS 180-4 5.1.1, RFC 1321 3.1, 3.2) as words, 16 a block."""
    bits = (64 + len(message)) * 8
    padded = message + b"\x80" + bytes(-(len(message) + 9) % 64) + bits.to_bytes(8, order)
    return np.frombuffer(padded, ">u4" if order == "big" else "<u4").astype(np.uint32)
