"""Who runs the network, a property and its units."""

from dataclasses import dataclass
from typing import Final

from ..errors import InvalidValue
from .rules.identifiers import check_operator_id
from .rules.names import check_name
from .rules.vlans import Purpose, VlanRanges, check_vlan
from .rules.zones import parse_zone

MOST_UNITS: Final = 5000  # of one venue, as VAULT has it (4.9)
NO_RANGES: Final = VlanRanges()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who runs the network. `name` is the first part of the names that VAULT gives keypools and plans."""

    name: str
    time_zone: str = "UTC"
    allow_overlap: bool = True  # two subscriptions of one unit at a time

    def __post_init__(self) -> None:
        check_operator_id(self.name)
        parse_zone(self.time_zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """A property."""

    id: int
    name: str
    nas_identifiers: tuple[str, ...]
    wireless_only_vlan_offset: int = 0
    platform_id: str | None = None  # what VAULT would call it, for good
    time_zone: str | None = None  # None: the operator's
    external_id: str | None = None
    allow_overlap: bool | None = None  # None: as the operator has it
    vlan_ranges: VlanRanges = NO_RANGES  # where they are not the usual ones

    def __post_init__(self) -> None:
        check_name(self.name, "venue name")
        for identifier in self.nas_identifiers:
            check_name(identifier, "NAS-Identifier")
        if self.time_zone is not None:
            parse_zone(self.time_zone)
        if not 0 <= self.wireless_only_vlan_offset <= 4093:
            raise InvalidValue(f"VLAN offset must be 0 to 4093, got {self.wireless_only_vlan_offset}")
        if self.external_id is not None:
            check_name(self.external_id, "external id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A flat, room or storage unit of a venue."""

    id: int
    venue_id: int
    name: str
    building: str | None
    floor: str | None
    vlan: int | None
    internal_id: str | None = None  # VAULT's UnitID_internal, for good; None: it fell together with another one's
    purpose: Purpose = Purpose.WIRED_UNIT
    external_id: str | None = None
    allow_overlap: bool | None = None  # None: as the venue has it

    def __post_init__(self) -> None:
        check_name(self.name, "unit name")
        for text, what in (
            (self.building, "building"),
            (self.floor, "floor"),
            (self.external_id, "external id"),
        ):
            if text is not None:
                check_name(text, what)
        check_vlan(self.vlan)
