"""VLAN IDs: which may be given, which range a unit's comes from, and which of it is free."""

import enum
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from ...errors import InvalidValue

MAX_VLAN: Final = 4094  # IEEE Std 802.1Q 9.6: 4095 is reserved
MAX_BOUND: Final = 4095  # of a range, as platforms write it; never given to anybody
AUTOMATIC_UNITS: Final = 200  # a venue's units 1 to 200 may have their VLAN chosen; later ones name it


def check_vlan(vlan: int | None, what: str = "VLAN") -> None:
    """Raise InvalidValue unless `vlan` is absent or 1 to 4094 (IEEE Std 802.1Q 9.6)."""
    if vlan is not None and not 1 <= vlan <= MAX_VLAN:
        raise InvalidValue(f"{what} must be 1 to 4094, got {vlan}")


class Purpose(enum.Enum):
    """What a unit is for; each has a VLAN range of its own."""

    WIRED_UNIT = "wiredunit"
    LOCAL_WIRELESS_ONLY = "localwirelessonly"
    GLOBAL_ROAMING = "globalroaming"


@dataclass(frozen=True, slots=True)
class VlanRange:
    """The VLANs of which a unit's is chosen, both bounds included; 4095 may be the last bound and is never chosen."""

    first: int = 1050
    last: int = MAX_BOUND

    def __post_init__(self) -> None:
        if not 1 <= self.first <= MAX_VLAN or not 1 <= self.last <= MAX_BOUND:
            raise InvalidValue(f"VLAN range must lie in 1 to 4095 and begin below 4095, got {self}")
        if self.last < self.first:
            raise InvalidValue(f"VLAN range {self} ends before it begins")

    @classmethod
    def parse(cls, text: str) -> "VlanRange":
        """Return the range of 1050-4094."""
        match = re.fullmatch(r"\s*([0-9]{1,5})\s*-\s*([0-9]{1,5})\s*", text, re.ASCII)
        if match is None:
            raise InvalidValue(f"{text[:40]!r} is not a VLAN range, such as 1050-4094")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def vlans(self) -> range:
        """The VLANs that may be given to somebody."""
        return range(self.first, min(self.last, MAX_VLAN) + 1)


DEFAULT_RANGE: Final = VlanRange()


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanRanges:
    """One range for each purpose, as far as a venue or an operator has set it."""

    wired_unit: VlanRange | None = None
    local_wireless_only: VlanRange | None = None
    global_roaming: VlanRange | None = None

    def own(self, purpose: Purpose) -> VlanRange | None:
        """Return the range that is set for a purpose."""
        if purpose is Purpose.WIRED_UNIT:
            return self.wired_unit
        return self.local_wireless_only if purpose is Purpose.LOCAL_WIRELESS_ONLY else self.global_roaming

    def of(self, purpose: Purpose, operator: "VlanRanges | None" = None) -> VlanRange:
        """Return the range for a purpose: this one's, else the operator's, else 1050 to 4095."""
        return self.own(purpose) or (operator and operator.own(purpose)) or DEFAULT_RANGE


def check_automatic(units: int) -> None:
    """Raise InvalidValue unless a venue that has `units` already may have a VLAN chosen for the next."""
    if units >= AUTOMATIC_UNITS:
        raise InvalidValue(
            f"the venue has {units} units, and a VLAN is chosen only for the first {AUTOMATIC_UNITS}: give the VLAN"
        )


def first_free(among: VlanRange, taken: Collection[int], offset: int = 0) -> int:
    """Return the lowest VLAN of a range that no unit of the venue has, whatever its purpose.

    The ranges of the three purposes are by default one and the same: `taken` is the VLANs of all units of the venue.
    offset: the venue's for wireless-only plans; what it makes of the VLAN, and of the others, is taken as well
    """
    others = frozenset(taken)
    for vlan in among.vlans:
        if vlan not in others and _offset_fault(vlan, offset, others) is None:
            return vlan
    raise InvalidValue(f"no VLAN of {among} is free at this venue")


def check_wireless_only(vlan: int, offset: int, others: Collection[int]) -> None:
    """Raise InvalidValue where a unit's VLAN and the venue's offset for wireless-only plans do not go together.

    Nothing says how large an offset may be, so that the sum is checked: it is a VLAN, and no other unit's; nor is this
    unit's VLAN what another's becomes.

    others: the VLANs of the venue's other units; the unit's own may be among them
    """
    fault = _offset_fault(vlan, offset, frozenset(others) - {vlan})
    if fault is not None:
        raise InvalidValue(fault)


def check_offset(vlans: Mapping[int, str], offset: int) -> None:
    """Raise InvalidValue, naming the unit, where an offset of wireless-only plans does not go with the units there are.

    vlans: those of the venue's units, and the name of one that has it
    """
    taken = frozenset(vlans)
    for vlan in sorted(taken):
        if (fault := _offset_fault(vlan, offset, taken)) is not None:
            raise InvalidValue(f"unit {vlans[vlan]!r}: {fault}")


def _offset_fault(vlan: int, offset: int, others: frozenset[int]) -> str | None:
    if not offset:
        return None
    if vlan + offset > MAX_VLAN:
        return (
            f"VLAN {vlan} and the offset of wireless-only plans, {offset}, make {vlan + offset}, more than {MAX_VLAN}"
        )
    if vlan + offset in others:
        return f"VLAN {vlan} and the offset of wireless-only plans make {vlan + offset}, which is another unit's VLAN"
    if vlan - offset in others:
        return f"VLAN {vlan} is what the offset of wireless-only plans makes of another unit's VLAN, {vlan - offset}"
    return None
