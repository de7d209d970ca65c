"""Who runs the network, a property and its units."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InvalidValue
from .names import check_name
from .vlans import check_vlan


class Purpose(enum.Enum):
    """What a unit's VLAN is for, in VAULT's words: each has a range of its own that VLANs are chosen from."""

    WIRED = "wiredunit"
    WIRELESS = "localwirelessonly"
    ROAMING = "globalroaming"


@dataclass(frozen=True, slots=True)
class VlanRange:
    """The VLANs that are given to units by themselves, both ends included. 4095 is a bound and no VLAN (802.1Q 9.6)."""

    first: int
    last: int

    def __post_init__(self) -> None:
        for bound in (self.first, self.last):
            if not 1 <= bound <= 4095:
                raise InvalidValue(f"a VLAN range is within 1 to 4095, got {self.first} to {self.last}")
        if self.first > self.last:
            raise InvalidValue(f"a VLAN range ends before it begins: {self.first} to {self.last}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who runs the network. `name` is the first part of the names that VAULT gives keypools and plans."""

    name: str
    time_zone: str = "UTC"
    allow_overlap: bool = True  # two subscriptions of one unit at a time

    def __post_init__(self) -> None:
        check_name(self.name, "operator name")


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
    vlan_ranges: Mapping[Purpose, VlanRange] = field(default_factory=dict)  # where they are not the usual ones

    def __post_init__(self) -> None:
        check_name(self.name, "venue name")
        for identifier in self.nas_identifiers:
            check_name(identifier, "NAS-Identifier")
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
    purpose: Purpose = Purpose.WIRED
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
