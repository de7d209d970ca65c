"""Sub-attributes inside one vendor attribute: type, length (both octets counted), value."""

from collections.abc import Iterable

from ..errors import DialectError

ROOM = 247  # octets in a Vendor-Specific attribute after its vendor's number, type and length (RFC 2865 5.26)


class Tlvs:
    """The sub-attributes of one value, each at most once, in any order."""

    def __init__(self, what: str, octets: bytes) -> None:
        self._what = what
        self._values: dict[int, bytes] = {}
        offset = 0
        while offset < len(octets):
            left = len(octets) - offset
            length = octets[offset + 1] if left > 1 else 0
            if not 2 <= length <= left:
                raise DialectError(f"{what}: sub-attribute at offset {offset}: length {length}, 2 to {left} fit")
            kind = octets[offset]
            if kind in self._values:
                raise DialectError(f"{what}: sub-attribute {kind} again at offset {offset}")
            self._values[kind] = octets[offset + 2 : offset + length]
            offset += length

    def get(self, kind: int, name: str, length: int | None = None) -> bytes | None:
        """Return a value, None where it is absent; DialectError where it has not `length` octets."""
        value = self._values.get(kind)
        if value is not None and length is not None and len(value) != length:
            raise DialectError(
                f"{self._what}: {name} (sub-attribute {kind}) of {len(value)} octets instead of {length}"
            )
        return value

    def need(self, kind: int, name: str, length: int | None = None) -> bytes:
        """Return a value that must be there."""
        value = self.get(kind, name, length)
        if value is None:
            raise DialectError(f"{self._what}: no {name} (sub-attribute {kind})")
        return value


def encode_tlvs(what: str, fields: Iterable[tuple[int, bytes]]) -> bytes:
    """Return the value that holds `fields`; DialectError where the attribute has no room for them (a long M2)."""
    octets = b"".join(bytes([kind, 2 + len(value)]) + value for kind, value in fields if len(value) <= 253)
    wanted = sum(2 + len(value) for _, value in fields)
    if wanted > ROOM:
        raise DialectError(f"{what} has room for {ROOM} octets, this handshake takes {wanted}")
    return octets
