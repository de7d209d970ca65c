"""The compiled half of `express`: one call answers a batch of datagrams, or leaves each of them to the engine.

# Rule: this and `codec` are the files that know RADIUS octets. Every length is checked against what is left before it
# is used, every loop over the octets advances by at least two, and whatever is not exactly as expected is left alone:
# nothing is discarded or rejected here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numba import njit

from crypto import scalar

from .express_tables import (
    ANSWERED,
    FRAME,
    FRAMES,
    LEFT,
    LONGEST_QUESTION,
    REPEATED,
    SPREAD,
    SUPERSEDED,
    WAYS,
)

# What walk() does with an attribute of each type.
_LEAVE, _KEEP, _SKIP, _NAME, _STATION, _SIGNATURE, _LONG = range(7)
_TREATMENT: Final = np.full(256, _LEAVE, np.uint8)
# NAS-IP-Address, Service-Type, Framed-MTU, Vendor-Specific, Called-Station-Id, NAS-Identifier, NAS-Port-Type,
# Connect-Info, NAS-Port-Id, Chargeable-User-Identity, NAS-IPv6-Address, Mobility-Domain-Id, WLAN-* of RFC 7268
for _kind in (4, 6, 12, 26, 30, 32, 61, 77, 87, 89, 95, 177, *range(181, 191)):
    _TREATMENT[_kind] = _KEEP
# User-Password, NAS-Port, Acct-Session-Id, Acct-Multi-Session-Id, Event-Timestamp: no dialect reads them, and they
# differ from request to request
IGNORED: Final = (2, 5, 44, 50, 55)
for _kind in IGNORED:
    _TREATMENT[_kind] = _SKIP
_TREATMENT[1], _TREATMENT[31], _TREATMENT[80], _TREATMENT[245] = _NAME, _STATION, _SIGNATURE, _LONG

_VENDOR: Final = 11344  # FreeRADIUS, under 245.26: 1 ANonce, 2 M2
_FNV_BASIS, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_SPREAD: Final = np.uint64(SPREAD)


def _entry(function: Callable[..., Any]) -> Any:
    return scalar.compiled(function, __file__, Path(__file__).with_name("express_tables.py"), *scalar.SOURCES)


@njit(nogil=True)
def _hash(octets, start, end):  # type: ignore[no-untyped-def]
    value = _FNV_BASIS
    for at in range(start, end):
        value = (value ^ np.uint64(octets[at])) * _FNV_PRIME
    return value


@njit(nogil=True)
def _set_of(value, sets):  # type: ignore[no-untyped-def]
    """Return where the ways begin that a hash may be in; `sets` is a power of two."""
    return np.int64((value * _SPREAD) >> np.uint64(32) & np.uint64(sets - 1)) * WAYS


@njit(nogil=True)
def _digit(octet):  # type: ignore[no-untyped-def]
    if 48 <= octet <= 57:
        return octet - 48
    if 97 <= octet <= 102:
        return octet - 87
    if 65 <= octet <= 70:
        return octet - 55
    return 16


@njit(nogil=True)
def _mac(octets, at, length):  # type: ignore[no-untyped-def]
    """Return an address of 12 digits, bare, in pairs or (Cisco) in fours, as a number; -1 where it is anything else."""
    if length == 12:
        group = 12
    elif length == 17:
        group = 2
    elif length == 14:
        group = 4
    else:
        return np.int64(-1)
    value, digits = np.int64(0), 0
    for i in range(length):
        octet = np.int64(octets[at + i])
        if group < 12 and i % (group + 1) == group:
            if octet != 45 and octet != 58 and octet != 46:
                return np.int64(-1)
            continue
        digit = _digit(octet)
        if digit > 15:
            return np.int64(-1)
        value = value << 4 | digit
        digits += 1
    return value if digits == 12 else np.int64(-1)


@njit(nogil=True)
def _read_source(address, socket, identifier, scratch):  # type: ignore[no-untyped-def]
    """Fill in where a datagram came from, from a sockaddr; begin the question with it. False for a strange family."""
    family = np.int64(address[0]) | np.int64(address[1]) << 8  # little-endian hosts; others find nothing here
    first, octets = (4, 4) if family == 2 else (8, 16)
    if family != 2 and family != 10:
        return False
    high, low, scope = np.uint64(0), np.uint64(0), np.uint64(0)
    question = scratch.question
    for i in range(16):
        octet = address[first + i] if i < octets else np.uint8(0)
        question[i] = octet
        if i < 8:
            high = high << np.uint64(8) | np.uint64(octet)
        else:
            low = low << np.uint64(8) | np.uint64(octet)
    if family == 10:
        for i in range(24, 28):
            scope = scope << np.uint64(8) | np.uint64(address[i])
    port = np.uint64(address[2]) << np.uint64(8) | np.uint64(address[3])
    scratch.source[0], scratch.source[1] = high, low
    scratch.source[2] = scope << np.uint64(32) | port << np.uint64(16) | np.uint64(socket << 8 | identifier)
    question[16] = np.uint8(family)
    return True


@njit(nogil=True)
def _read_long(packet, at, end, scratch, have):  # type: ignore[no-untyped-def]
    """Read ANonce or M2 from 245.26 and return where the next attribute begins; -1 where it is anything else.

    have: bit 0 the ANonce, bit 1 the M2, set already; what was read is told by frame_length and the caller
    """
    length = np.int64(packet[at + 1])
    if length < 10 or packet[at + 2] != 26:
        return np.int64(-1)
    vendor = (
        np.int64(packet[at + 4]) << 24
        | np.int64(packet[at + 5]) << 16
        | np.int64(packet[at + 6]) << 8
        | np.int64(packet[at + 7])
    )
    kind = packet[at + 8]
    if vendor != _VENDOR:
        return np.int64(-1)
    if kind == 1:
        if have & 1 or length != 9 + 32 or packet[at + 3] & 0x80:
            return np.int64(-1)
        for i in range(32):
            scratch.anonce[i] = packet[at + 9 + i]
        return at + length
    if kind != 2 or have & 2:
        return np.int64(-1)
    size, head = 0, 9
    while True:
        if size + length - head > FRAME:
            return np.int64(-1)
        for i in range(head, length):
            scratch.frame[size] = packet[at + i]
            size += 1
        more = packet[at + 3] & 0x80
        at += length
        if not more:
            scratch.frame_length = size
            return at
        if at + 4 >= end or packet[at] != 245 or packet[at + 2] != 26:
            return np.int64(-1)
        length, head = np.int64(packet[at + 1]), 4
        if length <= 4 or at + length > end:
            return np.int64(-1)


@njit(nogil=True)
def _hash_key_data(frame, length):  # type: ignore[no-untyped-def]
    """Return a hash of an EAPOL-Key frame's key data, and of its versions, types and key information."""
    value = _hash(frame, np.int64(99), length)
    for at in (0, 1, 4, 5, 6):
        value = (value ^ np.uint64(frame[at])) * _FNV_PRIME
    return value


@njit(nogil=True)
def walk(packet, length, address, socket, scratch):  # type: ignore[no-untyped-def]
    """Take a signed Access-Request apart: source, device, handshake, question. Return whether it is one for express.

    packet:  `length` octets, at most 4096
    address: the sockaddr it came from
    """
    if length < 20 or packet[0] != 1 or (np.int64(packet[2]) << 8 | np.int64(packet[3])) != length:
        return False
    if not _read_source(address, socket, packet[1], scratch):
        return False
    question, size = scratch.question, 18
    at, have, signature_at = np.int64(20), 0, 0
    mac, name = np.int64(-1), np.int64(-1)
    scratch.frame_length = 0
    while at < length:
        if at + 2 > length:
            return False
        long = np.int64(packet[at + 1])
        if long < 2 or at + long > length:
            return False
        treatment = _TREATMENT[packet[at]]
        if treatment == _KEEP:
            if size + long > LONGEST_QUESTION:
                return False
            for i in range(long):
                question[size + i] = packet[at + i]
            size += long
        elif treatment == _STATION:
            if mac >= 0:
                return False
            mac = _mac(packet, at + 2, long - 2)
            if mac < 0:
                return False
        elif treatment == _NAME:
            if name >= 0:
                return False
            name = _mac(packet, at + 2, long - 2)
            if name < 0:
                return False
        elif treatment == _SIGNATURE:
            if signature_at or long != 18:
                return False
            signature_at = at
        elif treatment == _LONG:
            kind = packet[at + 8] if long >= 10 else np.uint8(0)
            following = _read_long(packet, at, length, scratch, have)
            if following < 0:
                return False
            have |= 1 if kind == 1 else 2
            at = following
            continue
        elif treatment != _SKIP:
            return False
        at += long
    if not signature_at or mac < 0 or (name >= 0 and name != mac) or (have != 0 and have != 3):
        return False
    question[17] = np.uint8(have)
    scratch.mac = np.uint64(mac)
    if scratch.frame_length >= 99:
        scratch.key_data = _hash_key_data(scratch.frame, np.int64(scratch.frame_length))
    for i in range(6):
        scratch.spa[i] = np.uint8(mac >> (8 * (5 - i)))
    scratch.signature_at = signature_at
    scratch.question_length = size
    scratch.hash = _hash(question, np.int64(0), np.int64(size))
    return True


@njit(nogil=True)
def find_question(questions, scratch):  # type: ignore[no-untyped-def]
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
def find_answer(answers, mac, kind):  # type: ignore[no-untyped-def]
    """Return the row of what this device gets, or -1."""
    start = _set_of(mac, len(answers) // WAYS)
    for row in range(start, start + WAYS):
        if answers[row].mac == mac and answers[row].kind == kind and answers[row].length > 0:
            return row
    return -1


@njit(nogil=True)
def _same_source(exchange, scratch):  # type: ignore[no-untyped-def]
    return (
        exchange.source[0] == scratch.source[0]
        and exchange.source[1] == scratch.source[1]
        and exchange.source[2] == scratch.source[2]
    )


@njit(nogil=True)
def _find_exchange(exchanges, scratch):  # type: ignore[no-untyped-def]
    """Return the row of the last exchange under this source and identifier, or one to overwrite."""
    source = scratch.source
    value = source[0] * _FNV_PRIME ^ source[1] * _SPREAD ^ source[2]
    start = _set_of(value ^ value >> np.uint64(29), len(exchanges) // WAYS)
    oldest = start
    for row in range(start, start + WAYS):
        exchange = exchanges[row]
        if exchange.length and _same_source(exchange, scratch):
            return row
        if exchange.opened < exchanges[oldest].opened:
            oldest = row
    return oldest


@njit(nogil=True)
def _equal(x, x_at, y, y_at, count):  # type: ignore[no-untyped-def]
    difference = np.uint8(0)
    for i in range(count):
        difference |= x[x_at + i] ^ y[y_at + i]
    return difference == 0


@njit(nogil=True)
def _hmac(client, octets, length, digest):  # type: ignore[no-untyped-def]
    """Write HMAC-MD5 of the first `length` octets over them (RFC 2104)."""
    size, start = np.int64(length), np.int64(0)
    for part in range(2):
        for i in range(4):
            digest[i] = client.states[4 * part + i]
        scalar.md5_finish(digest, octets, size, np.int64(64))
        scalar.put_words(digest, octets, start)
        size = np.int64(16)


@njit(nogil=True)
def _prepare(client):  # type: ignore[no-untyped-def]
    states = client.states
    for part in range(2):
        for i in range(4):
            states[4 * part + i] = np.uint32(scalar.MD5_IV[i])
        scalar.md5_block(states, 4 * part, client.pads, 64 * part)
    client.ready = 1


@njit(nogil=True)
def _is_signed(packet, length, client, scratch):  # type: ignore[no-untyped-def]
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
def _fits(answer, question, frames, scratch):  # type: ignore[no-untyped-def]
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
    return scalar.fits_psk(
        answer.states,
        question.aa,
        scratch.spa,
        scratch.anonce,
        np.int64(0),
        frame,
        np.int64(0),
        length,
        scratch.words,
        scratch.octets,
    )


@njit(nogil=True)
def _encrypt(reply, at, blocks, packet, salt, client, scratch):  # type: ignore[no-untyped-def]
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
def _write_reply(packet, answer, client, wall, salt, reply, scratch):  # type: ignore[no-untyped-def]
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
def _left_before(packets, addresses, results, n):  # type: ignore[no-untyped-def]
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
def answer_all(  # type: ignore[no-untyped-def]
    questions, clients, answers, exchanges, frames, scratches, packets, lengths, addresses, results, replies, count,
    socket, wall, monotonic, lifetime, salt,
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
        if not walk(packet, length, addresses[n], socket, scratch):
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
        exchange = exchanges[_find_exchange(exchanges, scratch)]
        theirs = False
        if exchange.length and exchange.opened + lifetime >= monotonic and _same_source(exchange, scratch):
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
def mark(exchanges, scratches, packet, address, socket, monotonic):  # type: ignore[no-untyped-def]
    """Note that the engine has the exchange of this packet."""
    scratch = scratches[0]
    if not _read_source(address, socket, packet[1], scratch):
        return
    exchange = exchanges[_find_exchange(exchanges, scratch)]
    exchange.source[0], exchange.source[1], exchange.source[2] = scratch.source[0], scratch.source[1], scratch.source[2]
    exchange.opened, exchange.length = monotonic, -1
    for i in range(16):
        exchange.authenticator[i] = packet[4 + i]


@njit(nogil=True)
def _room_for_question(questions, scratch):  # type: ignore[no-untyped-def]
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
def _room_for_answer(answers, mac, kind):  # type: ignore[no-untyped-def]
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


@njit(nogil=True)
def _put_answer(answers, mac, kind, states, template, salt_at, blocks, timeout_at, key_id, ends, used):  # type: ignore[no-untyped-def]
    row = _room_for_answer(answers, mac, kind)
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
def put_answer(answers, mac, kind, states, template, salt_at, blocks, timeout_at, key_id, ends, used):  # type: ignore[no-untyped-def]
    """Take over what a device gets; return its row. The last five: see `ANSWER`."""
    return _put_answer(answers, mac, kind, states, template, salt_at, blocks, timeout_at, key_id, ends, used)


@_entry
def put_question(questions, frames, scratches, packet, length, address, socket, client, kind, search, aa, mac, used):  # type: ignore[no-untyped-def]
    """Take over what a request asks; return its row, plus the number of questions for a new one.

    Return -1 where it is no request for express, or not what the engine has understood: `search`, `mac`.
    """
    scratch = scratches[0]
    if not walk(packet, length, address, socket, scratch):
        return np.int64(-1)
    if (scratch.frame_length > 0) != search or scratch.mac != mac:
        return np.int64(-1)
    if search:
        frames[scratch.key_data % FRAMES] = scratch.key_data
    row = find_question(questions, scratch)
    if row >= 0:
        return row
    row = _room_for_question(questions, scratch)
    question = questions[row]
    question.hash, question.length = scratch.hash, scratch.question_length
    question.client, question.kind, question.search, question.used = client, kind, search, used
    for i in range(6):
        question.aa[i] = aa[i]
    for i in range(scratch.question_length):
        question.octets[i] = scratch.question[i]
    return row + len(questions)
