"""The compiled half of the fast path: one call answers a batch of datagrams, or leaves each of them to the engine.

# Rule: see `fastpath.parse`. Nothing is discarded or rejected here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from crypto.kernels import compiled, mic, scalar

from .lookup import find_answer, find_exchange, find_question, room_for_answer, room_for_question, same_source
from .parse import read_source, walk
from .tables import ANSWERED, FRAMES, LEFT, REPEATED, SUPERSEDED

_SOURCES = tuple(Path(__file__).with_name(f"{name}.py") for name in ("kernels", "lookup", "tables", "parse"))


def _entry(function: Callable[..., Any]) -> Any:
    return compiled.compiled(function, *_SOURCES, *mic.SOURCES)


@njit(nogil=True)
def _equal(x, x_at, y, y_at, count):
    difference = np.uint8(0)
    for i in range(count):
        difference |= x[x_at + i] ^ y[y_at + i]
    return difference == 0


@njit(nogil=True)
def _hmac(client, octets, length, digest):
    """Write HMAC-MD5 of the first `length` octets over them (RFC 2104)."""
    size, start = np.int64(length), np.int64(0)
    for part in range(2):
        for i in range(4):
            digest[i] = client.states[4 * part + i]
        scalar.md5_finish(digest, octets, size, np.int64(64))
        scalar.put_words(digest, octets, start)
        size = np.int64(16)


@njit(nogil=True)
def _prepare(client):
    states = client.states
    for part in range(2):
        for i in range(4):
            states[4 * part + i] = np.uint32(scalar.MD5_IV[i])
        scalar.md5_block(states, 4 * part, client.pads, 64 * part)
    client.ready = 1


@njit(nogil=True)
def _is_signed(packet, length, client, scratch):
    """Return whether Message-Authenticator is right (RFC 3579 3.2)."""
    octets = scratch.octets
    for i in range(length):
        octets[i] = packet[i]
    at = scratch.signature_at + 2
    for i in range(16):
        octets[at + i] = 0
    _hmac(client, octets, length, scratch.digest)
    return _equal(octets, np.int64(0), packet, np.int64(at), np.int64(16))


@njit(nogil=True)
def _fits(answer, question, frames, scratch):
    """Return whether the M2 is one that the engine would take for AKM 2, and made with the key of this answer."""
    frame, length = scratch.frame, np.int64(scratch.frame_length)
    if length < 99:
        return False
    body = np.int64(frame[2]) << 8 | np.int64(frame[3])
    data = np.int64(frame[97]) << 8 | np.int64(frame[98])
    if body != length - 4 or data != length - 99:
        return False
    if scratch.key_data != frames[scratch.key_data % FRAMES]:
        return False
    return mic.fits_psk(
        answer.states,
        question.aa,
        scratch.spa,
        scratch.anonce,
        frame,
        length,
        scratch.words,
        scratch.octets,
    )


@njit(nogil=True)
def _encrypt(reply, at, blocks, packet, salt, client, scratch):
    """Encrypt what is in clear after the two octets of a salt (RFC 2868 3.5)."""
    octets, digest, secret = scratch.octets, scratch.digest, client.length
    reply[at] = np.uint8(0x80 | salt >> 8 & 0x7F)
    reply[at + 1] = np.uint8(salt & 0xFF)
    at += 2
    for block in range(blocks):
        for i in range(secret):
            octets[i] = client.secret[i]
        if block == 0:
            for i in range(16):
                octets[secret + i] = packet[4 + i]
            octets[secret + 16], octets[secret + 17] = reply[at - 2], reply[at - 1]
            size = secret + 18
        else:
            for i in range(16):
                octets[secret + i] = reply[at - 16 + i]
            size = secret + 16
        for i in range(4):
            digest[i] = np.uint32(scalar.MD5_IV[i])
        scalar.md5_finish(digest, octets, np.int64(size), np.int64(0))
        scalar.put_words(digest, octets, np.int64(0))
        for i in range(16):
            reply[at + i] ^= octets[i]
        at += 16


@njit(nogil=True)
def _write_reply(packet, answer, client, wall, salt, reply, scratch):
    """Write an Access-Accept, Message-Authenticator first, and return its length (RFC 2865 3, RFC 3579 3.2)."""
    length = 38 + answer.length
    reply[0], reply[1], reply[2], reply[3] = 2, packet[1], np.uint8(length >> 8), np.uint8(length & 0xFF)
    for i in range(16):
        reply[4 + i] = packet[4 + i]
        reply[22 + i] = 0
    reply[20], reply[21] = 80, 18
    for i in range(answer.length):
        reply[38 + i] = answer.template[i]
    if answer.timeout_at >= 0:
        seconds = np.int64(min(max(answer.ends - wall, 1.0), 4294967295.0))
        for i in range(4):
            reply[38 + answer.timeout_at + i] = np.uint8(seconds >> (24 - 8 * i) & 0xFF)
    if answer.salt_at >= 0:
        _encrypt(reply, 38 + answer.salt_at, answer.blocks, packet, salt, client, scratch)
    octets, digest = scratch.octets, scratch.digest
    for i in range(length):
        octets[i] = reply[i]
    _hmac(client, octets, length, digest)
    for i in range(16):
        reply[22 + i] = octets[i]
    for i in range(length):
        octets[i] = reply[i]
    for i in range(client.length):
        octets[length + i] = client.secret[i]
    for i in range(4):
        digest[i] = np.uint32(scalar.MD5_IV[i])
    scalar.md5_finish(digest, octets, np.int64(length + client.length), np.int64(0))
    scalar.put_words(digest, reply, np.int64(4))
    return length


@njit(nogil=True)
def _left_before(packets, addresses, results, n):
    """Return whether an earlier datagram of the batch, left to the engine, has the source and identifier of this one.

    The engine sees that one later, and would take it for the newer request.
    """
    size = np.int64(8 if addresses[n, 0] == 2 else 28)  # sockaddr_in to the end of the address; sockaddr_in6
    for m in range(n):
        same = results[m, 0] == LEFT and packets[m, 1] == packets[n, 1]
        if same and _equal(addresses[m], np.int64(0), addresses[n], np.int64(0), size):
            return True
    return False


@_entry
def answer_all(
    questions, clients, answers, exchanges, frames, forms, scratches, packets, lengths, addresses, results, replies,
    count, socket, wall, monotonic, lifetime, salt,
):  # fmt: skip
    """Answer what can be answered of `count` datagrams and return how many that were.

    packets:   uint8, shape (n, 4096); lengths: int64; addresses: uint8, shape (n, ADDRESS), sockaddrs
    results:   int64, shape (n, 4): what became of each, its reply's length, rows of question and answer
    replies:   uint8, shape (n, 4096)
    wall:      seconds since 1970; monotonic, lifetime: seconds
    salt:      a number from which each answer's salt is drawn
    """
    scratch = scratches[0]
    done = 0
    for n in range(count):
        packet, length, result = packets[n], lengths[n], results[n]
        result[0], result[1] = LEFT, 0
        if not walk(forms, packet, length, addresses[n], socket, scratch):
            continue
        row = find_question(questions, scratch)
        if row < 0:
            continue
        question = questions[row]
        client = clients[question.client]
        if not client.ready:
            _prepare(client)
        if not _is_signed(packet, length, client, scratch):
            continue
        signature_at = scratch.signature_at + 2
        exchange = exchanges[find_exchange(exchanges, scratch)]
        theirs = False
        if exchange.length and exchange.opened + lifetime >= monotonic and same_source(exchange, scratch):
            theirs = exchange.length < 0
            if _equal(exchange.authenticator, np.int64(0), packet, np.int64(4), np.int64(16)):
                if theirs:
                    continue
                if _equal(exchange.signature, np.int64(0), packet, np.int64(signature_at), np.int64(16)):
                    for i in range(exchange.length):
                        replies[n, i] = exchange.reply[i]
                    result[0], result[1] = REPEATED, exchange.length
                    done += 1
                    continue
        at = find_answer(answers, scratch.mac, question.kind)
        if at < 0 or _left_before(packets, addresses, results, n):
            continue
        answer = answers[at]
        if not wall < answer.ends or (question.search != 0 and not _fits(answer, question, frames, scratch)):
            continue
        salt = salt * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        size = _write_reply(packet, answer, client, wall, np.int64(salt >> np.uint64(48)), replies[n], scratch)
        question.used = answer.used = np.int64(monotonic * 1000)
        exchange.source[0], exchange.source[1], exchange.source[2] = (
            scratch.source[0],
            scratch.source[1],
            scratch.source[2],
        )
        exchange.opened, exchange.length = monotonic, size
        for i in range(16):
            exchange.authenticator[i] = packet[4 + i]
            exchange.signature[i] = packet[signature_at + i]
        for i in range(size):
            exchange.reply[i] = replies[n, i]
        result[0], result[1], result[2], result[3] = SUPERSEDED if theirs else ANSWERED, size, row, at
        done += 1
    return done


@_entry
def mark(exchanges, scratches, packet, address, socket, monotonic):
    """Note that the engine has the exchange of this packet."""
    scratch = scratches[0]
    if not read_source(address, socket, packet[1], scratch):
        return
    exchange = exchanges[find_exchange(exchanges, scratch)]
    exchange.source[0], exchange.source[1], exchange.source[2] = scratch.source[0], scratch.source[1], scratch.source[2]
    exchange.opened, exchange.length = monotonic, -1
    for i in range(16):
        exchange.authenticator[i] = packet[4 + i]


@njit(nogil=True)
def _put_answer(answers, mac, kind, states, template, salt_at, blocks, timeout_at, key_id, ends, used):
    row = room_for_answer(answers, mac, kind)
    answer = answers[row]
    answer.mac, answer.kind, answer.key_id, answer.ends, answer.used = mac, kind, key_id, ends, used
    answer.salt_at, answer.blocks, answer.timeout_at = salt_at, blocks, timeout_at
    for i in range(10):
        answer.states[i] = states[i]
    for i in range(len(template)):
        answer.template[i] = template[i]
    answer.length = len(template)
    return row


@_entry
def put_answer(answers, mac, kind, states, template, salt_at, blocks, timeout_at, key_id, ends, used):
    """Take over what a device gets; return its row. The last five: see `ANSWER`."""
    return _put_answer(answers, mac, kind, states, template, salt_at, blocks, timeout_at, key_id, ends, used)


@_entry
def put_question(
    questions, frames, forms, scratches, packet, length, address, socket, client, kind, search, aa, mac, used,
):  # fmt: skip
    """Take over what a request asks; return its row, plus the number of questions for a new one.

    Return -1 where it is not a request for the fast path, or not what the engine has understood: `search`, `mac`.
    """
    scratch = scratches[0]
    if not walk(forms, packet, length, address, socket, scratch):
        return np.int64(-1)
    if (scratch.frame_length > 0) != search or scratch.mac != mac:
        return np.int64(-1)
    if search:
        frames[scratch.key_data % FRAMES] = scratch.key_data
    row = find_question(questions, scratch)
    if row >= 0:
        return row
    row = room_for_question(questions, scratch)
    question = questions[row]
    question.hash, question.length = scratch.hash, scratch.question_length
    question.client, question.kind, question.search, question.used = client, kind, search, used
    for i in range(6):
        question.aa[i] = aa[i]
    for i in range(scratch.question_length):
        question.octets[i] = scratch.question[i]
    return row + len(questions)
