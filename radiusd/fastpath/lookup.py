"""Finds things in the tables of the fast path: sets of WAYS rows by hash, a row by comparing it whole."""

from typing import Final

import numpy as np
from numba import njit

from crypto.kernels import scalar

from .tables import SPREAD, WAYS

_SPREAD: Final = np.uint64(SPREAD)


@njit(nogil=True)
def mix(value, word):
    """Return a hash of what `value` is a hash of and 64 bits more."""
    value = (value ^ word) * _SPREAD
    return value ^ value >> np.uint64(32)


@njit(nogil=True)
def hash_octets(value, octets, start, end):
    """Return a hash of what `value` is a hash of and of the octets from `start` to `end`, eight at a time."""
    at = start
    while at + 8 <= end:
        value = mix(value, scalar.load_octets(octets, at))
        at += 8
    word = np.uint64(end - start)
    for i in range(at, end):
        word = word << np.uint64(8) | np.uint64(octets[i])
    return mix(value, word)


@njit(nogil=True)
def _set_of(value, sets):
    """Return where the ways begin that a hash may be in; `sets` is a power of two."""
    return np.int64((value * _SPREAD) >> np.uint64(32) & np.uint64(sets - 1)) * WAYS


@njit(nogil=True)
def find_question(questions, scratch):
    """Return the row of the question that walk() found, or -1."""
    start = _set_of(scratch.hash, len(questions) // WAYS)
    for row in range(start, start + WAYS):
        question = questions[row]
        if question.length == scratch.question_length and question.hash == scratch.hash:
            same = True
            for i in range(question.length):
                if question.octets[i] != scratch.question[i]:
                    same = False
                    break
            if same:
                return row
    return -1


@njit(nogil=True)
def find_answer(answers, mac, kind):
    """Return the row of what this device gets, or -1."""
    start = _set_of(mac, len(answers) // WAYS)
    for row in range(start, start + WAYS):
        if answers[row].mac == mac and answers[row].kind == kind and answers[row].length > 0:
            return row
    return -1


@njit(nogil=True)
def same_source(exchange, scratch):
    return (
        exchange.source[0] == scratch.source[0]
        and exchange.source[1] == scratch.source[1]
        and exchange.source[2] == scratch.source[2]
        and exchange.source[3] == scratch.source[3]
        and exchange.source[4] == scratch.source[4]
    )


@njit(nogil=True)
def find_exchange(exchanges, scratch):
    """Return the row of the last exchange under this source and identifier, or one to overwrite."""
    value = np.uint64(0)
    for i in range(5):
        value = mix(value, scratch.source[i])
    start = _set_of(value, len(exchanges) // WAYS)
    oldest = start
    for row in range(start, start + WAYS):
        exchange = exchanges[row]
        if exchange.length and same_source(exchange, scratch):
            return row
        if exchange.opened < exchanges[oldest].opened:
            oldest = row
    return oldest


@njit(nogil=True)
def room_for_question(questions, scratch):
    """Return a row to overwrite: one that is free, or was used longest ago."""
    start = _set_of(scratch.hash, len(questions) // WAYS)
    oldest = start
    for row in range(start, start + WAYS):
        if questions[row].length == 0:
            return row
        if questions[row].used < questions[oldest].used:
            oldest = row
    return oldest


@njit(nogil=True)
def room_for_answer(answers, mac, kind):
    """Return a row to overwrite: this device's own, one that is free, or was used longest ago."""
    own = find_answer(answers, mac, kind)
    if own >= 0:
        return own
    start = _set_of(mac, len(answers) // WAYS)
    oldest = start
    for row in range(start, start + WAYS):
        if answers[row].length == 0:
            return row
        if answers[row].used < answers[oldest].used:
            oldest = row
    return oldest
