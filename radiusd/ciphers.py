"""What a shared secret does to octets: HMAC-MD5, and the two ciphers for passwords (RFC 2104, 2865 5.2, 2868 3.5)."""

from typing import TYPE_CHECKING

from .errors import AuthenticityError, DialectError, PacketError

if TYPE_CHECKING:
    from hashlib import md5 as md5
else:
    try:
        # CPython's own: on packets it costs half of what hashlib's does, which goes through OpenSSL's tables each time.
        from _md5 import md5
    except ImportError:
        from hashlib import md5


class SharedSecret:
    """A shared secret, its two HMAC-MD5 pads hashed once (copying them is half the cost of a new HMAC)."""

    __slots__ = ("_inner", "_outer", "value")

    def __init__(self, value: bytes) -> None:
        self.value = value
        inner, outer = self.pads()
        self._inner, self._outer = md5(inner), md5(outer)

    def pads(self) -> tuple[bytes, bytes]:
        """Return the two blocks that HMAC-MD5 under this secret begins with."""
        key = (md5(self.value).digest() if len(self.value) > 64 else self.value).ljust(64, b"\0")
        return bytes(octet ^ 0x36 for octet in key), bytes(octet ^ 0x5C for octet in key)

    def hmac(self, message: bytes) -> bytes:
        """Return HMAC-MD5 of `message` (RFC 2104)."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


def encrypt_hidden(clear: bytes, authenticator: bytes, secret: SharedSecret) -> bytes:
    """Return `clear` under the User-Password cipher (RFC 2865 5.2): zero-padded, at least one block."""
    if len(clear) > 128:
        raise DialectError(f"a password has room for 128 octets, not {len(clear)}")
    return _encrypt(clear.ljust(16, b"\0"), authenticator, secret)


def decrypt_hidden(value: bytes, authenticator: bytes, secret: SharedSecret) -> bytes:
    """Return a User-Password in clear (RFC 2865 5.2), without its padding."""
    if len(value) % 16 or not 16 <= len(value) <= 128:
        raise PacketError(f"encrypted password of {len(value)} octets")
    return _decrypt(value, authenticator, secret).rstrip(b"\0")


def encrypt_salted(clear: bytes, authenticator: bytes, secret: SharedSecret, salt: int) -> bytes:
    """Return salt and cipher of `clear` (RFC 2868 3.5, RFC 2548 2.4.2); the caller puts a tag octet in front."""
    if len(clear) > 239:  # one length octet and 15 blocks are what fits an attribute
        raise DialectError(f"a salted value has room for 239 octets, not {len(clear)}")
    salted = (salt & 0x7FFF | 0x8000).to_bytes(2)
    return salted + _encrypt(bytes((len(clear),)) + clear, authenticator + salted, secret)


def decrypt_salted(value: bytes, authenticator: bytes, secret: SharedSecret, *, tagged: bool) -> bytes:
    """Return the clear text of a salted value; `tagged`: a tag octet comes first, as in Tunnel-Password."""
    cipher = value[3 if tagged else 2 :]
    if not cipher or len(cipher) % 16:
        raise PacketError(f"salted value of {len(value)} octets")
    salt = value[1:3] if tagged else value[:2]
    clear = _decrypt(cipher, authenticator + salt, secret)
    if clear[0] >= len(clear):
        raise AuthenticityError(f"salted value says {clear[0]} octets of {len(clear) - 1}: wrong secret")
    return clear[1 : 1 + clear[0]]


def pad_salted(clear: bytes) -> bytes:
    """Return a salted value before it is encrypted: room for the salt, its length, the value, zeros (RFC 2868 3.5)."""
    text = bytes((len(clear),)) + clear
    return bytes(2) + text.ljust(-(-len(text) // 16) * 16, b"\0")


def _encrypt(clear: bytes, vector: bytes, secret: SharedSecret) -> bytes:
    """Return `clear`, zero-padded to whole blocks, each xored with MD5(secret + the cipher block before it)."""
    cipher = b""
    for start in range(0, len(clear), 16):
        vector = _xor(clear[start : start + 16].ljust(16, b"\0"), md5(secret.value + vector).digest())
        cipher += vector
    return cipher


def _decrypt(cipher: bytes, vector: bytes, secret: SharedSecret) -> bytes:
    clear = b""
    for start in range(0, len(cipher), 16):
        block = cipher[start : start + 16]
        clear += _xor(block, md5(secret.value + vector).digest())
        vector = block
    return clear


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(16)
