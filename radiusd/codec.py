"""RADIUS octets in and out, both halves: the server's and the access point's (RFC 2865, 2866, 2868, 2869, 3579, 6929).

Every length is checked against what is left before it is used, and every loop over the octets advances by two or more.
The fast path has its own codec in `fastpath.parse` and `fastpath.kernels`; a differential test holds them together.
"""

import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from .ciphers import SharedSecret, encrypt_hidden, encrypt_salted, md5, pad_salted
from .errors import AuthenticityError, DialectError, PacketError
from .model import Attribute, AttributeType, Hidden, Nested, Reply, Request, Salted, Sendable

ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT, STATUS_SERVER = 1, 2, 3, 12
ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE = 4, 5
MAX_PACKET = 4096  # RFC 2865 section 3

_VENDOR_SPECIFIC, _SESSION_TIMEOUT, _PROXY_STATE, _MESSAGE_AUTHENTICATOR = 26, 27, 33, 80
_EXTENDED, _LONG_EXTENDED = range(241, 245), range(245, 247)  # RFC 6929 sections 2.1 and 2.2
_SPECIAL = frozenset({_VENDOR_SPECIFIC, _MESSAGE_AUTHENTICATOR, *_EXTENDED, *_LONG_EXTENDED})
_MORE = 0x80
_VENDOR_ROOM = 247  # octets of value in one Vendor-Specific attribute (RFC 2865 5.26)
_FRAGMENT = 251  # octets of value in one long extended attribute
_HEADER = struct.Struct("!BBH")
_ZEROS = bytes(16)
_UNSIGNED = bytes((_MESSAGE_AUTHENTICATOR, 18)) + _ZEROS


def decode_request(datagram: bytes, secret: SharedSecret) -> Request:
    """Return the Access-Request or Status-Server in `datagram`; a Message-Authenticator in it has been verified."""
    packet = _trim(datagram)
    if packet[0] != ACCESS_REQUEST and packet[0] != STATUS_SERVER:
        raise PacketError(f"code {packet[0]} is not answered on this port")
    attributes, signature = _walk(packet)
    if signature:
        _verify_signature(packet[:20], packet, signature, secret)
    return Request(packet[0], packet[1], packet[4:20], attributes, packet, signature > 0)


def decode_unverified(datagram: bytes) -> Request:
    """Return the Access-Request in `datagram` without its secret. For capture readers; a server must never use it."""
    packet = _trim(datagram)
    if packet[0] != ACCESS_REQUEST:
        raise PacketError(f"code {packet[0]} is not an Access-Request")
    attributes, _ = _walk(packet)
    return Request(packet[0], packet[1], packet[4:20], attributes, packet, False)


def encode_reply(
    request: Request, code: int, attributes: Iterable[Sendable], secret: SharedSecret, salt: int = 0
) -> bytes:
    """Return the reply to `request`: Message-Authenticator first, its Proxy-States last, as they came.

    salt: first salt for encrypted attributes, 15 bits; each further one in the packet takes the next
    """
    octets = _encode_all(attributes, request.authenticator, secret, salt)
    for state in request.every(_PROXY_STATE):
        octets += _encode(_PROXY_STATE, state)
    header = _header(code, request.identifier, 38 + len(octets))
    start = header + request.authenticator
    body = _UNSIGNED[:2] + secret.hmac(start + _UNSIGNED + octets) + octets
    return header + md5(start + body + secret.value).digest() + body


@dataclass(frozen=True, slots=True)
class Template:
    """An answer's attributes as they go on the wire, but for what depends on the request: that is in clear here."""

    octets: bytes = field(repr=False)
    salted: tuple[tuple[int, int], ...] = ()  # where two octets of salt are, and how many blocks of 16 under it
    timeout_at: int | None = None  # the value of Session-Timeout


def encode_template(attributes: Iterable[Sendable]) -> Template | None:
    """Return the template of an answer; None where a template cannot express it.

    Twin of `_encode_all`; `fastpath.kernels` puts in what is missing.
    """
    octets, salted, timeout_at = b"", [], None
    for attribute in attributes:
        if isinstance(attribute, Salted):
            tag = b"" if attribute.tag is None else bytes((attribute.tag,))
            clear = pad_salted(attribute.value)
            encoded = _encode(attribute.type, tag + clear)
            salted.append((len(octets) + len(encoded) - len(clear), len(clear) // 16))
        elif isinstance(attribute, Nested):
            value, places = b"", []
            for kind, text in attribute.parts:
                clear = pad_salted(text)
                value += bytes((kind, len(clear) + 2)) + clear
                places.append((len(value) - len(clear), len(clear) // 16))
            encoded = _encode(attribute.type, value)
            head = len(octets) + len(encoded) - len(value)
            salted += [(head + at, blocks) for at, blocks in places]
        elif isinstance(attribute, Attribute):
            encoded = _encode(attribute.type, attribute.value)
            if attribute.type == _SESSION_TIMEOUT:
                if timeout_at is not None or len(encoded) != 6:
                    return None
                timeout_at = len(octets) + 2
        else:
            return None
        octets += encoded
    return Template(octets, tuple(salted), timeout_at)


def encode_request(
    identifier: int,
    authenticator: bytes,
    attributes: Iterable[Sendable],
    secret: SharedSecret,
    *,
    code: int = ACCESS_REQUEST,
    sign: bool = True,
) -> bytes:
    """Return an Access-Request or Status-Server as an access point sends it, Message-Authenticator first."""
    octets = _encode_all(attributes, authenticator, secret, 0)
    if not sign:
        return _header(code, identifier, 20 + len(octets)) + authenticator + octets
    start = _header(code, identifier, 38 + len(octets)) + authenticator
    return start + _UNSIGNED[:2] + secret.hmac(start + _UNSIGNED + octets) + octets


def decode_reply(datagram: bytes, request: bytes, secret: SharedSecret, *, unsigned: bool = False) -> Reply:
    """Return the reply to the request datagram `request`, both authenticators verified (RFC 2865 3, RFC 3579 3.2).

    unsigned: take one without Message-Authenticator, as access points did before BlastRADIUS
    """
    packet = _trim(datagram)
    if packet[1] != request[1]:
        raise AuthenticityError(f"identifier {packet[1]} answers another request than {request[1]}")
    start = packet[:4] + request[4:20]
    if not hmac.compare_digest(md5(start + packet[20:] + secret.value).digest(), packet[4:20]):
        raise AuthenticityError("Response Authenticator is wrong")
    attributes, signature = _walk(packet)
    if not signature:
        if not unsigned:
            raise AuthenticityError("reply without Message-Authenticator")
        return Reply(packet[0], packet[1], packet[4:20], attributes)
    _verify_signature(start, packet, signature, secret)
    return Reply(packet[0], packet[1], packet[4:20], attributes)


def decode_accounting(datagram: bytes, secret: SharedSecret) -> Request:
    """Return the Accounting-Request or Status-Server in `datagram`, all its authenticators verified (RFC 2866 3)."""
    packet = _trim(datagram)
    if packet[0] == STATUS_SERVER:
        return decode_request(packet, secret)
    if packet[0] != ACCOUNTING_REQUEST:
        raise PacketError(f"code {packet[0]} is not answered on this port")
    start = packet[:4] + _ZEROS
    if not hmac.compare_digest(md5(start + packet[20:] + secret.value).digest(), packet[4:20]):
        raise AuthenticityError("Request Authenticator is wrong")
    attributes, signature = _walk(packet)
    if signature:
        _verify_signature(start, packet, signature, secret)
    return Request(packet[0], packet[1], packet[4:20], attributes, packet, signature > 0)


def encode_accounting_response(request: Request, secret: SharedSecret) -> bytes:
    """Return the Accounting-Response to `request`: nothing but its Proxy-States (RFC 2866 5.13).

    A Message-Authenticator is in none: FreeRADIUS 3.2.1 computes it in another way than for every other reply.
    """
    octets = b"".join(_encode(_PROXY_STATE, state) for state in request.every(_PROXY_STATE))
    header = _header(ACCOUNTING_RESPONSE, request.identifier, 20 + len(octets))
    return header + md5(header + request.authenticator + octets + secret.value).digest() + octets


def encode_accounting(
    identifier: int, attributes: Iterable[Sendable], secret: SharedSecret, *, sign: bool = False
) -> bytes:
    """Return an Accounting-Request as an access point sends it; most do not sign what its authenticator covers."""
    octets = _encode_all(attributes, _ZEROS, secret, 0)
    if sign:
        header = _header(ACCOUNTING_REQUEST, identifier, 38 + len(octets))
        octets = _UNSIGNED[:2] + secret.hmac(header + _ZEROS + _UNSIGNED + octets) + octets
    else:
        header = _header(ACCOUNTING_REQUEST, identifier, 20 + len(octets))
    return header + md5(header + _ZEROS + octets + secret.value).digest() + octets


def _trim(datagram: bytes) -> bytes:
    """Return the packet without the octets beyond its Length field (RFC 2865 section 3)."""
    if len(datagram) < 20:
        raise PacketError(f"datagram of {len(datagram)} octets, a packet has 20 or more")
    length = datagram[2] << 8 | datagram[3]
    if not 20 <= length <= MAX_PACKET:
        raise PacketError(f"length field says {length}, a packet has 20 to {MAX_PACKET} octets")
    if length > len(datagram):
        raise PacketError(f"length field says {length}, the datagram has {len(datagram)} octets")
    return datagram if length == len(datagram) else datagram[:length]


def _verify_signature(head: bytes, packet: bytes, offset: int, secret: SharedSecret) -> None:
    """Raise AuthenticityError unless the Message-Authenticator at `offset` is right (RFC 3579 3.2).

    head: the first 20 octets as they were signed, with the Request Authenticator in them or zeros
    """
    signed = head + packet[20 : offset + 2] + _ZEROS + packet[offset + 18 :]
    if not hmac.compare_digest(secret.hmac(signed), packet[offset + 2 : offset + 18]):
        raise AuthenticityError("Message-Authenticator is wrong")


def _walk(packet: bytes) -> tuple[dict[AttributeType, list[bytes]], int]:
    """Return all attributes and the offset of Message-Authenticator, 0 where there is none."""
    attributes: dict[AttributeType, list[bytes]] = {}
    signature, offset, end = 0, 20, len(packet)
    octets = packet + b"\0"  # a header that is cut short reads as length 0
    while offset < end:
        kind = octets[offset]
        following = offset + octets[offset + 1]
        if following > end or following < offset + 2:
            raise _overrun(packet, offset, end, f"attribute {kind}")
        if kind not in _SPECIAL:
            if kind in attributes:
                attributes[kind].append(packet[offset + 2 : following])
            else:
                attributes[kind] = [packet[offset + 2 : following]]
        elif kind == _MESSAGE_AUTHENTICATOR:
            if signature:
                raise PacketError(f"second Message-Authenticator at offset {offset}")
            if following != offset + 18:
                raise PacketError(f"Message-Authenticator at offset {offset}: length {following - offset}, not 18")
            signature = offset
            attributes[kind] = [packet[offset + 2 : following]]
        elif kind == _VENDOR_SPECIFIC:
            _split_vendor(packet, offset, following, attributes)
        else:
            following = _join_extended(packet, offset, following, attributes)
        offset = following
    return attributes, signature


def _overrun(packet: bytes, offset: int, end: int, name: str) -> PacketError:
    if offset + 1 >= end:
        return PacketError(f"{name} at offset {offset}: no length octet")
    length = packet[offset + 1]
    if length < 2:
        return PacketError(f"{name} at offset {offset}: length {length} < 2")
    return PacketError(f"{name} at offset {offset}: length {length}, {end - offset} octets are left")


def _split_vendor(packet: bytes, offset: int, end: int, attributes: dict[AttributeType, list[bytes]]) -> None:
    """Add the sub-attributes of an attribute 26 (RFC 2865 5.26)."""
    inner = offset + 6
    if inner >= end:
        raise PacketError(f"attribute 26 at offset {offset}: length {end - offset} < 7")
    vendor = int.from_bytes(packet[offset + 2 : inner])
    while inner < end:
        following = inner + packet[inner + 1] if inner + 1 < end else end + 1
        if following > end or following < inner + 2:
            raise _overrun(packet, inner, end, f"sub-attribute 26.{vendor}.{packet[inner]}")
        attributes.setdefault((26, vendor, packet[inner]), []).append(packet[inner + 2 : following])
        inner = following


def _join_extended(packet: bytes, offset: int, following: int, attributes: dict[AttributeType, list[bytes]]) -> int:
    """Add one extended attribute, fragments joined (RFC 6929 2.1 to 2.4), and return where the next one begins."""
    kind, start = packet[offset], offset
    head = 4 if kind in _LONG_EXTENDED else 3
    if following - offset <= head:
        raise PacketError(f"attribute {kind} at offset {offset}: length {following - offset} is too short")
    extended = packet[offset + 2]
    value = packet[offset + head : following]
    while head == 4 and packet[offset + 3] & _MORE:
        # "There MUST be an attribute following this one, with the same Type and Extended-Type" (RFC 6929 2.2).
        offset = following
        if offset + 2 >= len(packet) or packet[offset] != kind or packet[offset + 2] != extended:
            raise PacketError(f"attribute {kind}.{extended} at offset {start}: fragment without its continuation")
        following = offset + packet[offset + 1]
        if following > len(packet):
            raise _overrun(packet, offset, len(packet), f"attribute {kind}")
        if following <= offset + 4:
            raise PacketError(f"attribute {kind} at offset {offset}: length {following - offset} is too short")
        value += packet[offset + 4 : following]
    number: AttributeType = (kind, extended)
    if extended == _VENDOR_SPECIFIC:
        if len(value) < 5:
            raise PacketError(f"attribute {kind}.26 at offset {start}: {len(value)} octets, vendor and type need 5")
        number, value = (kind, extended, int.from_bytes(value[:4]), value[4]), value[5:]
    attributes.setdefault(number, []).append(value)
    return following


def _header(code: int, identifier: int, length: int) -> bytes:
    if length > MAX_PACKET:
        raise PacketError(f"packet would have {length} octets, {MAX_PACKET} are allowed")
    return _HEADER.pack(code, identifier, length)


def _encode_all(attributes: Iterable[Sendable], authenticator: bytes, secret: SharedSecret, salt: int) -> bytes:
    octets = b""
    for attribute in attributes:
        if isinstance(attribute, Nested):
            octets += _encode(attribute.type, _encode_parts(attribute, authenticator, secret, salt))
            salt += len(attribute.parts)
            continue
        kind, value = attribute.type, attribute.value
        if type(attribute) is Salted:
            value = encrypt_salted(value, authenticator, secret, salt)
            salt += 1  # "MUST be unique" within the packet (RFC 2868 3.5)
            if attribute.tag is not None:
                value = bytes((attribute.tag,)) + value
        elif type(attribute) is Hidden:
            value = encrypt_hidden(value, authenticator, secret)
        octets += _encode(kind, value)
    return octets


def _encode_parts(attribute: Nested, authenticator: bytes, secret: SharedSecret, salt: int) -> bytes:
    octets = b""
    for number, (kind, clear) in enumerate(attribute.parts):
        value = encrypt_salted(clear, authenticator, secret, salt + number)
        octets += bytes((kind, len(value) + 2)) + value
    return octets


def _encode(kind: AttributeType, value: bytes) -> bytes:
    """Return one attribute as it goes on the wire, a long extended one in as many fragments as it needs.

    Raises DialectError where the value is too long for its attribute.
    """
    if not isinstance(kind, int):
        first, second, *rest = kind
        if rest and first == _VENDOR_SPECIFIC:
            if len(value) > _VENDOR_ROOM:
                raise DialectError(
                    f"sub-attribute 26.{second}.{rest[0]} has room for {_VENDOR_ROOM} octets, not {len(value)}"
                )
            kind, value = first, struct.pack("!IBB", second, rest[0], len(value) + 2) + value
        else:
            if rest:
                value = struct.pack("!IB", *rest) + value
            if first in _LONG_EXTENDED:
                return _fragments(first, second, value)
            kind, value = first, bytes((second,)) + value
    if len(value) > 253:
        raise DialectError(f"attribute {kind} has room for 253 octets, not {len(value)}")
    return bytes((kind, len(value) + 2)) + value


def _fragments(kind: int, extended: int, value: bytes) -> bytes:
    octets = b""
    for start in range(0, len(value), _FRAGMENT):
        piece = value[start : start + _FRAGMENT]
        more = _MORE if start + _FRAGMENT < len(value) else 0
        octets += bytes((kind, len(piece) + 4, extended, more)) + piece
    return octets
