"""Is this the key that made the M2? The test of one key for each AKM, compiled, for the fast path that knows the key.

Twins of `wpa.verify_mic`, held to it by Hypothesis, vectors and recordings. The caller has checked the frame's lengths,
type and key version. All arrays are one-dimensional and contiguous, octets uint8, words uint32.
"""

from pathlib import Path

import numpy as np
from numba import njit

from ..wpa import PAIRWISE_EXPANSION
from .scalar import AES_WORDS, cmac, hmac_sha1, hmac_sha256, put_big, sha1_pads, sha256_pads

SOURCES = tuple(  # for `compiled`
    Path(__file__).with_name(f"{name}.py")
    for name in ("aes", "md5", "mic", "scalar", "sha", "sha1_instructions", "simd")
)

__all__ = ["OCTETS", "PMK_WORDS", "SOURCES", "WORDS", "fits_ft", "fits_psk", "fits_psk_sha256", "put_pmk_states"]

MIC_AT, NONCE_AT, MIC_OCTETS = 81, 17, 16  # places in an EAPOL-Key frame with its 802.1X header (12.7.2)
PMK_WORDS = 26  # pad states of a PMK: HMAC-SHA1's in the first ten, HMAC-SHA256's in the others
WORDS, OCTETS = 16 + AES_WORDS, 1280  # scratch that the tests want
_SHA256_AT = 10
_KEY_AT = 1152  # in the octets of the scratch: behind a frame of 1,024 and its padding

_EXPANSION = np.frombuffer(PAIRWISE_EXPANSION, np.uint8)
_FT_R0 = np.frombuffer(b"FT-R0", np.uint8)
_FT_R1 = np.frombuffer(b"FT-R1", np.uint8)
_FT_PTK = np.frombuffer(b"FT-PTK", np.uint8)


@njit(nogil=True)
def put_pmk_states(pmk, states, octets):  # type: ignore[no-untyped-def]
    """Fill `states` (PMK_WORDS) with the pad states of a PMK of 32 octets; octets: scratch of 64."""
    zero, length = np.int64(0), np.int64(32)
    sha1_pads(pmk, zero, length, states, zero, octets)
    sha256_pads(pmk, zero, length, states, np.int64(_SHA256_AT), octets)


@njit(nogil=True)
def _put(source, source_at, count, octets, at):  # type: ignore[no-untyped-def]
    """Copy octets and return where they end."""
    for i in range(count):
        octets[at + i] = source[source_at + i]
    return at + count


@njit(nogil=True)
def _put_number(number, octets, at):  # type: ignore[no-untyped-def]
    """Write 16 bits, little-endian, and return where they end."""
    octets[at], octets[at + 1] = np.uint8(number & 255), np.uint8(number >> 8)
    return at + 2


@njit(nogil=True)
def _smaller(x, x_at, y, y_at, count):  # type: ignore[no-untyped-def]
    for i in range(count):
        if x[x_at + i] != y[y_at + i]:
            return x[x_at + i] < y[y_at + i]
    return True


@njit(nogil=True)
def _put_sorted(x, x_at, y, y_at, count, octets, at):  # type: ignore[no-untyped-def]
    """Write the smaller of two strings of `count` octets, then the other; return where they end."""
    if _smaller(x, x_at, y, y_at, count):
        return _put(y, y_at, count, octets, _put(x, x_at, count, octets, at))
    return _put(x, x_at, count, octets, _put(y, y_at, count, octets, at))


@njit(nogil=True)
def _put_context(aa, spa, anonce, frame, octets, at):  # type: ignore[no-untyped-def]
    """Write the context of the pairwise key (12.7.1.3) and return where it ends."""
    zero = np.int64(0)
    at = _put_sorted(aa, zero, spa, zero, np.int64(6), octets, at)
    return _put_sorted(anonce, zero, frame, np.int64(NONCE_AT), np.int64(32), octets, at)


@njit(nogil=True)
def _put_frame(frame, length, octets):  # type: ignore[no-untyped-def]
    """Write the frame with zeros for its MIC."""
    _put(frame, np.int64(0), length, octets, np.int64(0))
    for i in range(MIC_OCTETS):
        octets[MIC_AT + i] = 0


@njit(nogil=True)
def _is_mic(octets, frame):  # type: ignore[no-untyped-def]
    """Return whether the first 16 octets are the frame's MIC; how far they agree must not show in the time."""
    difference = np.uint8(0)
    for i in range(MIC_OCTETS):
        difference |= octets[i] ^ frame[MIC_AT + i]
    return difference == 0


@njit(nogil=True)
def fits_psk(states, aa, spa, anonce, frame, length, words, octets):  # type: ignore[no-untyped-def]
    """Return whether a PMK made the MIC of an M2 under AKM 2 (IEEE Std 802.11 12.7.1.2, 12.7.1.3).

    states: PMK_WORDS; see put_pmk_states()
    frame:  `length` octets, at least 99 and at most 1,024, key version 2
    words, octets: scratch, WORDS and OCTETS
    """
    zero = np.int64(0)
    at = _put(_EXPANSION, zero, len(_EXPANSION), octets, zero)
    octets[at] = 0
    at = _put_context(aa, spa, anonce, frame, octets, at + 1)
    octets[at] = 0
    for i in range(10):
        words[i] = states[i]
    hmac_sha1(words, octets, at + 1)
    put_big(words, 5, 4, octets, _KEY_AT)
    sha1_pads(octets, np.int64(_KEY_AT), np.int64(16), words, zero, octets)
    _put_frame(frame, length, octets)
    hmac_sha1(words, octets, length)
    put_big(words, 5, 4, octets, zero)
    return _is_mic(octets, frame)


@njit(nogil=True)
def fits_psk_sha256(states, aa, spa, anonce, frame, length, bits, words, octets):  # type: ignore[no-untyped-def]
    """Return whether a PMK made the MIC of an M2 under AKM 6 (12.7.1.3, 12.7.1.6.2); key version 3.

    bits: of the PTK, by the pairwise cipher; the rest as for fits_psk()
    """
    zero = np.int64(0)
    at = _put_number(1, octets, zero)
    at = _put(_EXPANSION, zero, len(_EXPANSION), octets, at)
    at = _put_context(aa, spa, anonce, frame, octets, at)
    at = _put_number(bits, octets, at)
    for i in range(16):
        words[i] = states[_SHA256_AT + i]
    hmac_sha256(words, octets, at)
    return _fits_cmac(frame, length, words, octets)


@njit(nogil=True)
def _fits_cmac(frame, length, words, octets):  # type: ignore[no-untyped-def]
    """Return whether the KCK in words 8 to 11 made the MIC of a frame by AES-128-CMAC."""
    work = words[16:]
    for i in range(4):
        word = words[8 + i]
        work[i] = word << 24 | (word & 0xFF00) << 8 | word >> 8 & 0xFF00 | word >> 24
    _put_frame(frame, length, octets)
    cmac(work, octets, length)
    for i in range(4):
        for j in range(4):
            octets[4 * i + j] = np.uint8(work[44 + i] >> np.uint32(8 * j))
    return _is_mic(octets, frame)


@njit(nogil=True)
def fits_ft(states, ssid, ssid_length, r0, r0_length, r1, aa, spa, anonce, frame, length, bits, words, octets):  # type: ignore[no-untyped-def]
    """Return whether a PMK made the MIC of an M2 under AKM 4, by way of PMK-R0 and PMK-R1 (12.7.1.6.3 to 12.7.1.6.5).

    ssid:  `ssid_length` octets
    r0:    `r0_length` octets: MDID, length of R0KH-ID, R0KH-ID
    r1:    R1KH-ID, 6 octets
    the rest as for fits_psk_sha256()
    """
    zero, six = np.int64(0), np.int64(6)
    at = _put(_FT_R0, zero, len(_FT_R0), octets, _put_number(1, octets, zero))
    octets[at] = np.uint8(ssid_length)
    at = _put(ssid, zero, ssid_length, octets, at + 1)
    at = _put(r0, zero, r0_length, octets, at)
    at = _put(spa, zero, six, octets, at)
    at = _put_number(384, octets, at)
    for i in range(16):
        words[i] = states[_SHA256_AT + i]
    hmac_sha256(words, octets, at)

    _key_by_digest(words, octets)
    at = _put(_FT_R1, zero, len(_FT_R1), octets, _put_number(1, octets, zero))
    at = _put(r1, zero, six, octets, at)
    at = _put(spa, zero, six, octets, at)
    at = _put_number(256, octets, at)
    hmac_sha256(words, octets, at)

    _key_by_digest(words, octets)
    at = _put(_FT_PTK, zero, len(_FT_PTK), octets, _put_number(1, octets, zero))
    at = _put(frame, np.int64(NONCE_AT), np.int64(32), octets, at)
    at = _put(anonce, zero, np.int64(32), octets, at)
    at = _put(aa, zero, six, octets, at)
    at = _put(spa, zero, six, octets, at)
    at = _put_number(bits, octets, at)
    hmac_sha256(words, octets, at)
    return _fits_cmac(frame, length, words, octets)


@njit(nogil=True)
def _key_by_digest(words, octets):  # type: ignore[no-untyped-def]
    """Make the digest in words 8 to 15 the key of the next HMAC."""
    put_big(words, 8, 8, octets, _KEY_AT)
    sha256_pads(octets, np.int64(_KEY_AT), np.int64(32), words, np.int64(0), octets)
