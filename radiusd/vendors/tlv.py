"""Sub-attributes inside one vendor attribute: type, length (both octets counted), value."""

from collections.abc import Sequence

from crypto import MacAddress, Ssid

from ..errors import DialectError, MissingPieceError
from ..model import Attribute, Request
from .names import attribute_name
from .station import need, parse_ssid

ROOM = 247  # octets in a Vendor-Specific attribute after its vendor's number, type and length (RFC 2865 5.26)
VendorType = tuple[int, int, int]  # 26, vendor, type


class Tlvs:
    """The sub-attributes of one value, each at most once, in any order; those nobody asks for are passed over."""

    def __init__(self, kind: VendorType, octets: bytes) -> None:
        self._kind = kind
        self._values: dict[int, bytes] = {}
        offset = 0
        while offset < len(octets):
            left = len(octets) - offset
            if left < 2:
                raise self._error(f"sub-attribute at offset {offset} has no length octet")
            number, length = octets[offset], octets[offset + 1]
            if length < 2:
                raise self._error(f"sub-attribute {number} at offset {offset}: length {length} < 2")
            if length > left:
                raise self._error(f"sub-attribute {number} at offset {offset}: length {length}, {left} are left")
            if number in self._values:
                raise self._error(f"second {self._name(number)} at offset {offset}")
            self._values[number] = octets[offset + 2 : offset + length]
            offset += length

    @classmethod
    def of(cls, request: Request, kind: VendorType) -> "Tlvs":
        """Return those of an attribute that must come once."""
        return cls(kind, need(request, kind))

    def get(self, number: int, what: str, length: int | None = None) -> bytes | None:
        """Return a value, None where it is absent; DialectError where it has not `length` octets."""
        value = self._values.get(number)
        if value is not None and length is not None and len(value) != length:
            raise self._error(f"{what} ({self._name(number)}) of {len(value)} octets instead of {length}")
        return value

    def need(self, number: int, what: str, length: int | None = None) -> bytes:
        """Return a value that must be there."""
        value = self.get(number, what, length)
        if value is None:
            raise MissingPieceError(f"{attribute_name(self._kind)}: no {what} ({self._name(number)})")
        return value

    def address(self, number: int, what: str) -> MacAddress | None:
        """Return an address, None where it is absent."""
        value = self.get(number, what, 6)
        return None if value is None else MacAddress(value)

    def ssid(self, number: int) -> Ssid:
        """Return the SSID, which must be there."""
        return parse_ssid(self.need(number, "SSID"), (*self._kind, number))

    def _name(self, number: int) -> str:
        return attribute_name((*self._kind, number))

    def _error(self, text: str) -> DialectError:
        return DialectError(f"{attribute_name(self._kind)}: {text}")


def encode_tlvs(kind: VendorType, fields: Sequence[tuple[int, bytes]]) -> Attribute:
    """Return the attribute that holds `fields`; DialectError where it has no room for them (a long M2)."""
    wanted = sum(2 + len(value) for _, value in fields)
    if wanted > ROOM:
        number, longest = max(fields, key=lambda field: len(field[1]))
        raise DialectError(
            f"{attribute_name(kind)} has room for {ROOM} octets, not {wanted}:"
            f" {attribute_name((*kind, number))} has {len(longest)}, {len(longest) - wanted + ROOM} would fit"
        )
    return Attribute(kind, b"".join(bytes((number, 2 + len(value))) + value for number, value in fields))
