"""Takes one datagram apart for the fast path: source, device, handshake, and the rest as a question.

# Rule: `codec`, this and `fastpath.kernels` know RADIUS octets. Every length is checked against what is left before it
# is used, every loop over the octets advances by at least two, and whatever is not exactly as expected is no request
# for the fast path: the engine looks at it.
"""

from typing import Final

import numpy as np
from numba import njit

from .handshakes import hash_key_data
from .lookup import hash_octets
from .tables import FRAME, GUARD, LONGEST_QUESTION, SHORTEST_FRAME

# What walk() does with an attribute of each type.
_LEAVE, _KEEP, _SKIP, _NAME, _STATION, _SIGNATURE, _LONG, _PROXY = range(8)
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
_TREATMENT[33] = _PROXY  # which goes back as it came, and means nothing to anybody here (RFC 2865 5.33)

_DIGITS: Final = np.full(256, 16, np.uint8)  # the value of a hex digit; 16: none
for _value in range(16):
    _DIGITS[ord(f"{_value:x}")] = _DIGITS[ord(f"{_value:X}")] = _value
_VENDOR_SPECIFIC: Final = 26
_VENDOR: Final = 11344  # FreeRADIUS, under 245.26: 1 ANonce, 2 M2


@njit(nogil=True)
def _mac(octets, at, length):
    """Return an address of 12 digits, bare, in pairs or (Cisco) in fours, as a number; -1 where it is anything else."""
    if length == 12:
        group = 12
    elif length == 17:
        group = 2
    elif length == 14:
        group = 4
    else:
        return np.int64(-1)
    value, digits, wrong = np.int64(0), 0, np.int64(0)
    for i in range(length):
        octet = np.int64(octets[at + i])
        if group < 12 and i % (group + 1) == group:
            if octet != 45 and octet != 58 and octet != 46:
                return np.int64(-1)
            continue
        digit = np.int64(_DIGITS[octet])
        wrong |= digit
        value = value << 4 | digit
        digits += 1
    return value if digits == 12 and wrong < 16 else np.int64(-1)


@njit(nogil=True)
def _read_number(octets, start, end):
    value = np.uint64(0)
    for i in range(start, end):
        value = value << np.uint64(8) | np.uint64(octets[i])
    return value


@njit(nogil=True)
def read_source(address, local, socket, identifier, scratch):
    """Fill in where a datagram came from and went to; begin the question with the first. False for a strange family.

    address: a sockaddr; local: our address, see `Batch`
    """
    family = np.int64(address[0]) | np.int64(address[1]) << 8  # little-endian hosts; others find nothing here
    first, octets = (4, 4) if family == 2 else (8, 16)
    if family != 2 and family != 10:
        return False
    question = scratch.question
    for i in range(16):
        question[i] = address[first + i] if i < octets else np.uint8(0)
    scope = _read_number(address, 24, 28) if family == 10 else np.uint64(0)
    port = _read_number(address, 2, 4)
    source = scratch.source
    source[0], source[1] = _read_number(question, 0, 8), _read_number(question, 8, 16)
    source[2] = scope << np.uint64(32) | port << np.uint64(16) | np.uint64(socket << 8 | identifier)
    source[3], source[4] = _read_number(local, 0, 8), _read_number(local, 8, 16)
    question[16] = np.uint8(family)
    return True


@njit(nogil=True)
def _read_long(packet, at, end, scratch, have):
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
def _is_guarded(packet, at, place, form, guard):
    """Return whether what a form has before one of its places is there."""
    same = True
    for i in range(GUARD if place >= 0 else 0):
        same = same and packet[at + place - GUARD + i] == form.guards[guard + i]
    return same


@njit(nogil=True)
def _has_address(packet, at, mac):
    """Return whether these six octets are the address `mac`."""
    same = True
    for i in range(6):
        same = same and packet[at + i] == np.uint8(mac >> (8 * (5 - i)))
    return same


@njit(nogil=True)
def _find_form(forms, packet, at, length, mac):
    """Return the row of the form that a Vendor-Specific attribute of the station `mac` has, or -1.

    A form that was learned wrongly, from a station whose address is part of every request, fits that station only.
    """
    for row in range(len(forms)):
        form = forms[row]
        if form.length == 0:
            break
        if form.length != length:
            continue
        same = True
        for i in range(5):
            same = same and packet[at + 2 + i] == form.vendor[i]
        if (
            same
            and _is_guarded(packet, at, form.anonce_at, form, np.int64(0))
            and _is_guarded(packet, at, form.frame_at, form, np.int64(GUARD))
            and _is_guarded(packet, at, form.spa_at, form, np.int64(2 * GUARD))
            and (form.spa_at < 0 or _has_address(packet, at + form.spa_at, mac))
        ):
            form.used = 1
            return row
    return -1


@njit(nogil=True)
def _take(packet, at, place, count, out, question, size):
    """Copy what an attribute has at one of its places, and blank it in the copy that the question is."""
    for i in range(count):
        out[i] = packet[at + place + i]
        question[size + place + i] = 0


@njit(nogil=True)
def _read_form(packet, at, form, question, size, scratch, have):
    """Take ANonce, M2 and SPA out of an attribute whose copy is in the question; return what is had then, -1: twice."""
    taken = np.int64(0)
    if form.anonce_at >= 0:
        taken |= 1
        _take(packet, at, np.int64(form.anonce_at), np.int64(32), scratch.anonce, question, size)
    if form.frame_at >= 0:
        taken |= 2
        scratch.frame_length = form.frame_length
        _take(packet, at, np.int64(form.frame_at), np.int64(form.frame_length), scratch.frame, question, size)
    if form.spa_at >= 0:
        taken |= 4
        _take(packet, at, np.int64(form.spa_at), np.int64(6), scratch.spa, question, size)
    return np.int64(-1) if have & taken else have | taken


@njit(nogil=True)
def _find_station(packet, length):
    """Return the address in the one Calling-Station-Id; -1 where there is another number of them, or any length is bad.

    Twin of `vendors.device_address`, which also reads it from User-Name.
    """
    at, mac = np.int64(20), np.int64(-1)
    while at < length:
        if at + 2 > length:
            return np.int64(-1)
        long = np.int64(packet[at + 1])
        if long < 2 or at + long > length:
            return np.int64(-1)
        if _TREATMENT[packet[at]] == _STATION:
            if mac >= 0:
                return np.int64(-1)
            mac = _mac(packet, at + 2, long - 2)
            if mac < 0:
                return np.int64(-1)
        at += long
    return mac


@njit(nogil=True)
def _keep(forms, packet, at, length, mac, scratch, size, have):
    """Copy an attribute into the question, but for what is a handshake's; return what is had then, -1: leave it."""
    question = scratch.question
    if size + length > LONGEST_QUESTION:
        return np.int64(-1)
    for i in range(length):
        question[size + i] = packet[at + i]
    if packet[at] == _VENDOR_SPECIFIC and length >= 8:
        row = _find_form(forms, packet, at, length, mac)
        if row >= 0:
            return _read_form(packet, at, forms[row], question, np.int64(size), scratch, have)
    return have


@njit(nogil=True)
def _seal(scratch, mac, have, size, signature_at):
    """Fill in what follows from the whole request."""
    scratch.question[17] = np.uint8(have)
    scratch.mac = np.uint64(mac)
    for i in range(6):
        scratch.spa[i] = np.uint8(mac >> (8 * (5 - i)))
    if scratch.frame_length >= SHORTEST_FRAME:
        scratch.key_data = hash_key_data(scratch.frame, np.int64(scratch.frame_length))
    scratch.signature_at, scratch.question_length = signature_at, size
    scratch.hash = hash_octets(np.uint64(0), scratch.question, np.int64(0), np.int64(size))


@njit(nogil=True)
def walk(forms, packet, length, address, local, socket, scratch):
    """Take a signed Access-Request apart: source, station, handshake, question. Return whether it can be used.

    Twin of `codec._walk` and of the dialects' decode_request, for what it does not leave to them.
    forms:   see `FORM`
    packet:  `length` octets, at most 4096
    address: the sockaddr it came from; local: our address, see `Batch`
    """
    if length < 20 or packet[0] != 1 or (np.int64(packet[2]) << 8 | np.int64(packet[3])) != length:
        return False
    mac = _find_station(packet, length)
    if mac < 0 or not read_source(address, local, socket, packet[1], scratch):
        return False
    at, size, have, signature_at = np.int64(20), np.int64(18), np.int64(0), np.int64(0)
    named = False
    scratch.frame_length = scratch.proxy_length = 0
    while at < length:  # each length was checked by _find_station()
        long = np.int64(packet[at + 1])
        treatment = _TREATMENT[packet[at]]
        if treatment == _KEEP:
            have = _keep(forms, packet, at, long, mac, scratch, size, have)
            if have < 0:
                return False
            size += long
        elif treatment == _NAME:
            if named or _mac(packet, at + 2, long - 2) != mac:
                return False
            named = True
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
            long = following - at
        elif treatment == _PROXY:
            scratch.proxy_length += long
        elif treatment != _SKIP and treatment != _STATION:
            return False
        at += long
    if not signature_at or (have & 3 != 0 and have & 3 != 3):
        return False
    _seal(scratch, mac, have, size, signature_at)
    return True
