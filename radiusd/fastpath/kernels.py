"""The compiled half of the fast path: one call answers a batch of datagrams, or leaves each of them to the engine.

# Rule: see `fastpath.parse`. Nothing is discarded or rejected here.

Numbers written into a call are np.int64(0), not 0: numba compiles a called function once more for each literal.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from crypto.kernels import compiled, mic, scalar

from .handshakes import fits, put_key_data
from .lookup import find_answer, find_exchange, find_question, room_for_answer, room_for_question, same_source
from .parse import read_source, walk
from .tables import ANSWERED, LEFT, LONGEST_REPLY, REPEATED, SALTED, SUPERSEDED

_PROXY_STATE = 33

_SOURCES = tuple(
    Path(__file__).with_name(f"{name}.py") for name in ("handshakes", "kernels", "lookup", "tables", "parse")
)


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
    """Return whether Message-Authenticator is right (RFC 3579 3.2). Twin of the check in `codec.decode_request`."""
    octets = scratch.octets
    for i in range(length):
        octets[i] = packet[i]
    at = scratch.signature_at + 2
    for i in range(16):
        octets[at + i] = 0
    _hmac(client, octets, length, scratch.digest)
    return _equal(octets, np.int64(0), packet, np.int64(at), np.int64(16))


@njit(nogil=True)
def _encrypt(reply, at, blocks, packet, salt, client, scratch):
    """Encrypt what is in clear after the two octets of a salt (RFC 2868 3.5). Twin of `codec.encrypt_salted`."""
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
def _copy_proxy_states(packet, reply, at, end):
    """Write the Proxy-States of a packet that walk() took apart, as they came and in their order (RFC 2865 5.33)."""
    attribute = np.int64(20)
    while at < end:
        long = np.int64(packet[attribute + 1])
        if packet[attribute] == _PROXY_STATE:
            for i in range(long):
                reply[at + i] = packet[attribute + i]
            at += long
        attribute += long


@njit(nogil=True)
def _write_reply(packet, answer, client, wall, salt, reply, scratch):
    """Write an Access-Accept, Message-Authenticator first, and return its length (RFC 2865 3, RFC 3579 3.2).

    Twin of `codec.encode_reply`, from a template instead of attributes.
    """
    length = 38 + np.int64(answer.length) + np.int64(scratch.proxy_length)
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
    for i in range(SALTED):
        if answer.blocks[i] > 0:  # each with a salt of its own: "MUST be unique" within the packet (RFC 2868 3.5)
            _encrypt(reply, 38 + answer.salted_at[i], answer.blocks[i], packet, salt + i, client, scratch)
    if scratch.proxy_length:
        _copy_proxy_states(packet, reply, 38 + np.int64(answer.length), length)
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
def _left_before(batch, n):
    """Return whether an earlier datagram of the batch, left to the engine, has the source and identifier of this one.

    The engine sees that one later, and would take it for the newer request.
    """
    addresses, packets = batch.addresses, batch.packets
    size = np.int64(8 if addresses[n, 0] == 2 else 28)  # sockaddr_in to the end of the address; sockaddr_in6
    for m in range(n):
        same = batch.results[m, 0] == LEFT and packets[m, 1] == packets[n, 1]
        if same and _equal(addresses[m], np.int64(0), addresses[n], np.int64(0), size):
            return True
    return False


@njit(nogil=True)
def _is_open(exchange, times, scratch):
    """Return whether this is the exchange under the source and identifier of a datagram, and not too old."""
    return (
        exchange.length != 0 and exchange.opened + times.lifetime >= times.monotonic and same_source(exchange, scratch)
    )


@njit(nogil=True)
def _note_exchange(exchange, monotonic, length, packet, scratch):
    """Take a row for the exchange of this packet. length: of the reply; -1: the engine has it"""
    for i in range(5):
        exchange.source[i] = scratch.source[i]
    exchange.opened, exchange.length = monotonic, length
    for i in range(16):
        exchange.authenticator[i] = packet[4 + i]


@njit(nogil=True)
def _answer(tables, batch, n, times, salt, scratch):
    """Answer a datagram that was taken apart, if that can be done; see `answer_all`."""
    packet, reply, result = batch.packets[n], batch.replies[n], batch.results[n]
    row = find_question(tables.questions, scratch)
    if row < 0:
        return
    question = tables.questions[row]
    client = tables.clients[question.client]
    if not client.ready:
        _prepare(client)
    if not _is_signed(packet, batch.lengths[n], client, scratch):
        return
    signature_at = np.int64(scratch.signature_at + 2)
    exchange = tables.exchanges[find_exchange(tables.exchanges, scratch)]
    engines = False
    if _is_open(exchange, times, scratch):
        engines = exchange.length < 0
        if _equal(exchange.authenticator, np.int64(0), packet, np.int64(4), np.int64(16)):
            if engines:
                return
            if _equal(exchange.signature, np.int64(0), packet, signature_at, np.int64(16)):
                for i in range(exchange.length):
                    reply[i] = exchange.reply[i]
                result[0], result[1] = REPEATED, exchange.length
                return
    at = find_answer(tables.answers, scratch.mac, question.kind)
    if at < 0 or _left_before(batch, n):
        return
    answer, used = tables.answers[at], np.int64(times.monotonic * 1000)
    if not times.wall < answer.until or 38 + answer.length + scratch.proxy_length > LONGEST_REPLY:
        return
    if question.search != 0 and not fits(tables.key_data, question, answer, scratch, used):
        return
    size = _write_reply(packet, answer, client, times.wall, np.int64(salt >> np.uint64(48)), reply, scratch)
    question.used = answer.used = used
    _note_exchange(exchange, times.monotonic, size, packet, scratch)
    for i in range(16):
        exchange.signature[i] = packet[signature_at + i]
    for i in range(size):
        exchange.reply[i] = reply[i]
    result[0], result[1], result[2], result[3] = SUPERSEDED if engines else ANSWERED, size, row, at


@_entry
def answer_all(tables, batch, count, socket, times, salt):
    """Answer what can be answered of the first `count` datagrams of a batch (`Tables`, `Datagrams`, `Times`).

    salt: a number from which each answer's salt is drawn
    """
    scratch = tables.scratch[0]
    for n in range(count):
        batch.results[n, 0], batch.results[n, 1] = LEFT, 0
        packet, address, local = batch.packets[n], batch.addresses[n], batch.locals[n]
        if walk(tables.forms, packet, batch.lengths[n], address, local, socket, scratch):
            salt = salt * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            _answer(tables, batch, n, times, salt, scratch)


@_entry
def mark(tables, arrival, monotonic):
    """Note that the engine has the exchange of an `Arrival`."""
    scratch, packet = tables.scratch[0], arrival.packet
    if read_source(arrival.address, arrival.local, arrival.socket, packet[1], scratch):
        exchange = tables.exchanges[find_exchange(tables.exchanges, scratch)]
        _note_exchange(exchange, monotonic, np.int64(-1), packet, scratch)


@_entry
def put_answer(tables, new):
    """Keep what a device gets, a `NewAnswer`; return its row."""
    row = room_for_answer(tables.answers, new.mac, new.kind)
    answer = tables.answers[row]
    answer.mac, answer.kind, answer.key_id, answer.used = new.mac, new.kind, new.key_id, new.used
    answer.until, answer.ends, answer.timeout_at = new.until, new.ends, new.timeout_at
    for i in range(SALTED):
        answer.salted_at[i], answer.blocks[i] = new.salted[0, i], new.salted[1, i]
    mic.put_pmk_states(new.pmk, answer.states, tables.scratch[0].octets)
    for i in range(len(new.template)):
        answer.template[i] = new.template[i]
    answer.length = len(new.template)
    return row


@_entry
def put_question(tables, arrival, new):
    """Keep what an `Arrival` asks, a `NewQuestion`; return its row, plus the number of questions for a new one.

    Return -1 where it is not a request for the fast path, or not what the engine has understood: `search`, `mac`,
    `pmkid`.
    """
    questions, scratch = tables.questions, tables.scratch[0]
    address, local = arrival.address, arrival.local
    if not walk(tables.forms, arrival.packet, arrival.length, address, local, arrival.socket, scratch):
        return np.int64(-1)
    if (scratch.frame_length > 0) != new.search or scratch.mac != new.mac:
        return np.int64(-1)
    if new.search and not put_key_data(tables.key_data, scratch, new.key_data, new.used):
        return np.int64(-1)
    row = find_question(questions, scratch)
    if row >= 0:
        return row
    row = room_for_question(questions, scratch)
    question = questions[row]
    question.hash, question.length = scratch.hash, scratch.question_length
    question.client, question.kind, question.search, question.used = new.client, new.kind, new.search, new.used
    for i in range(6):
        question.aa[i] = new.aa[i]
    question.ssid_length = len(new.ssid)
    for i in range(len(new.ssid)):
        question.ssid[i] = new.ssid[i]
    for i in range(scratch.question_length):
        question.octets[i] = scratch.question[i]
    return row + len(questions)
