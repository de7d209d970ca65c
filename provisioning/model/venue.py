"""A property and its units."""

from dataclasses import dataclass

from ..errors import InvalidValue
from .names import check_name
from .vlans import check_vlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """A property."""

    id: int
    name: str
    nas_identifiers: tuple[str, ...]
    wireless_only_vlan_offset: int = 0

    def __post_init__(self) -> None:
        check_name(self.name, "venue name")
        for identifier in self.nas_identifiers:
            check_name(identifier, "NAS-Identifier")
        if not 0 <= self.wireless_only_vlan_offset <= 4093:
            raise InvalidValue(f"VLAN offset must be 0 to 4093, got {self.wireless_only_vlan_offset}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A flat, room or storage unit of a venue; `name` is unique in its building."""

    id: int
    venue_id: int
    name: str
    building: str | None
    floor: str | None
    vlan: int | None

    def __post_init__(self) -> None:
        check_name(self.name, "unit name")
        for text, what in ((self.building, "building"), (self.floor, "floor")):
            if text is not None:
                check_name(text, what)
        check_vlan(self.vlan)
