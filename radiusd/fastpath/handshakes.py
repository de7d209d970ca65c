"""What an M2 is for the fast path: under which AKM its MIC was made, and whether an answer's key made it.

Which AKM a station's key data names, and for FT-PSK which key holders, was made out by the engine once (`crypto.eapol`)
and is kept under a hash of the key data. What is kept says nothing of a key or device: it is as true of any other frame
with the same key data, so it is never forgotten but for room, the least used first. Nor is anything kept of the FT
hierarchy: from PMK to MIC it is 3 us, and what is not kept need not be forgotten.

# Rule: walk() hashes before the signature is checked: every place is compared with the frame's length first.
"""

import numpy as np
from numba import njit

from crypto.kernels import mic

from .lookup import hash_octets, mix
from .tables import SHORTEST_FRAME, SPREAD, WAYS

_KEY_DATA_AT, _RSN, _PMKID = SHORTEST_FRAME, 48, 16


@njit(nogil=True)
def name_at(frame, length):
    """Return where the only PMKID in the RSNE that a frame's key data begins with is, or -1: FT's PMKR1Name.

    Twin of `crypto.Rsne.decode`, and held to it by `put_key_data`.
    """
    if length < _KEY_DATA_AT + 2 or frame[_KEY_DATA_AT] != _RSN:
        return np.int64(-1)
    end = _KEY_DATA_AT + 2 + np.int64(frame[_KEY_DATA_AT + 1])
    if end > length:
        return np.int64(-1)
    at = np.int64(_KEY_DATA_AT + 2 + 6)  # behind version and group cipher
    for _ in range(2):  # pairwise ciphers, AKMs
        if at + 2 > end:
            return np.int64(-1)
        at += 2 + 4 * (np.int64(frame[at]) | np.int64(frame[at + 1]) << 8)
    at += 2  # capabilities
    if at + 2 + _PMKID > end or frame[at] != 1 or frame[at + 1] != 0:
        return np.int64(-1)
    return at + 2


@njit(nogil=True)
def hash_key_data(frame, length):
    """Return a hash of an EAPOL-Key frame's key data, and of its versions, types and key information.

    The PMKR1Name is left out: it is another for each device, and no part of how the MIC is made.
    """
    start, name = np.int64(_KEY_DATA_AT), name_at(frame, length)
    value = mix(np.uint64(0), np.uint64(name))
    if name >= 0:
        value = hash_octets(value, frame, start, name)
        start = name + _PMKID
    value = hash_octets(value, frame, start, length)
    kind = np.uint64(0)
    for at in (0, 1, 4, 5, 6):
        kind = kind << np.uint64(8) | np.uint64(frame[at])
    return mix(value, kind)


@njit(nogil=True)
def _find(table, value):
    """Return the row of what is known of this key data, or the one to overwrite: see its hash."""
    start = np.int64((value * np.uint64(SPREAD)) >> np.uint64(32) & np.uint64(len(table) // WAYS - 1)) * WAYS
    oldest = start
    for row in range(start, start + WAYS):
        if table[row].hash == value and table[row].akm != 0:
            return row
        if table[row].used < table[oldest].used:
            oldest = row
    return oldest


@njit(nogil=True)
def put_key_data(table, scratch, new, used):
    """Take over what the engine made of the key data that walk() found, a `KeyData`; return whether that is safe.

    It is where the hash has left out no more than what the engine, too, takes for the PMKID.
    """
    frame, at = scratch.frame, name_at(scratch.frame, np.int64(scratch.frame_length))
    if at >= 0:
        if len(new.pmkid) != _PMKID:
            return False
        for i in range(_PMKID):
            if frame[at + i] != new.pmkid[i]:
                return False
    entry = table[_find(table, scratch.key_data)]
    entry.hash, entry.akm, entry.bits, entry.used = scratch.key_data, new.akm, new.bits, used
    entry.r0_length = len(new.r0)
    for i in range(len(new.r0)):
        entry.r0[i] = new.r0[i]
    for i in range(len(new.r1)):
        entry.r1[i] = new.r1[i]
    return True


@njit(nogil=True)
def fits(table, question, answer, scratch, used):
    """Return whether the M2 is one that the engine would take, and made with the key of this answer.

    Twin of `crypto.Handshake.build` (what an M2 must be) and `Pool.matches`.
    """
    frame, length = scratch.frame, np.int64(scratch.frame_length)
    if length < SHORTEST_FRAME:
        return False
    body = np.int64(frame[2]) << 8 | np.int64(frame[3])
    data = np.int64(frame[97]) << 8 | np.int64(frame[98])
    if body != length - 4 or data != length - SHORTEST_FRAME:
        return False
    entry = table[_find(table, scratch.key_data)]
    if entry.hash != scratch.key_data:
        return False
    states, words, octets = answer.states, scratch.words, scratch.octets
    aa, spa, anonce, bits = question.aa, scratch.spa, scratch.anonce, np.int64(entry.bits)
    if entry.akm == 2:
        same = mic.fits_psk(states, aa, spa, anonce, frame, length, words, octets)
    elif entry.akm == 6:
        same = mic.fits_psk_sha256(states, aa, spa, anonce, frame, length, bits, words, octets)
    elif entry.akm == 4:
        same = mic.fits_ft(
            states, question.ssid, np.int64(question.ssid_length),
            entry.r0, np.int64(entry.r0_length), entry.r1,
            aa, spa, anonce, frame, length, bits, words, octets,
        )  # fmt: skip
    else:
        return False
    if same:
        entry.used = used
    return same
