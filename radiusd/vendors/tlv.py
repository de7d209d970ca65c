"""Sub-attributes inside one vendor attribute: type, length (both octets counted), value."""

from collections.abc import Sequence

from crypto import MacAddress, Ssid

from ..errors import DialectError, MissingPieceError
from .dialect import parse_ssid

ROOM = 247  # octets in a Vendor-Specific attribute after its vendor's number, type and length (RFC 2865 5.26)


class Tlvs:
    """The sub-attributes of one value, each at most once, in any order; those nobody asks for are passed over."""

    def __init__(self, what: str, octets: bytes) -> None:
        self._what = what
        self._values: dict[int, bytes] = {}
        offset = 0
        while offset < len(octets):
            left = len(octets) - offset
            if left < 2:
                raise DialectError(f"{what}: sub-attribute at offset {offset} has no length octet")
            kind, length = octets[offset], octets[offset + 1]
            if length < 2:
                raise DialectError(f"{what}: sub-attribute {kind} at offset {offset}: length {length} < 2")
            if length > left:
                raise DialectError(f"{what}: sub-attribute {kind} at offset {offset}: length {length}, {left} are left")
            if kind in self._values:
                raise DialectError(f"{what}: second sub-attribute {kind} at offset {offset}")
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
            raise MissingPieceError(f"{self._what}: no {name} (sub-attribute {kind})")
        return value

    def address(self, kind: int, name: str) -> MacAddress | None:
        """Return an address, None where it is absent."""
        value = self.get(kind, name, 6)
        return None if value is None else MacAddress(value)

    def ssid(self, kind: int) -> Ssid:
        """Return the SSID, which must be there."""
        return parse_ssid(self.need(kind, "SSID"), f"{self._what} (sub-attribute {kind})")


def encode_tlvs(what: str, fields: Sequence[tuple[int, bytes]]) -> bytes:
    """Return the value that holds `fields`; DialectError where the attribute has no room for them (a long M2)."""
    wanted = sum(2 + len(value) for _, value in fields)
    if wanted > ROOM:
        name, longest = max(fields, key=lambda field: len(field[1]))
        raise DialectError(
            f"{what} has room for {ROOM} octets, not {wanted}: sub-attribute {name} has {len(longest)},"
            f" {len(longest) - wanted + ROOM} would fit"
        )
    return b"".join(bytes((kind, 2 + len(value))) + value for kind, value in fields)
