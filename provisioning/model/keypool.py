"""Keypools: one SSID and the keys valid on it."""

import enum
from dataclasses import dataclass

from crypto import Ssid

from ..errors import InvalidValue


def check_new_ssid(ssid: Ssid) -> None:
    """Raise InvalidValue unless a new keypool may have this SSID: two octets or more, and no control character.

    It need not be UTF-8, as access points do not ask for that; a keypool whose SSID is not has no KeyPoolID.
    """
    if len(ssid.value) < 2:
        raise InvalidValue(f"SSID {str(ssid)!r} of a keypool must be 2 to 32 octets, got {len(ssid.value)}")
    text = ssid.value.decode("utf-8", "replace")
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text):
        raise InvalidValue(f"SSID {str(ssid)!r} has a control character")


class Scope(enum.Enum):
    """Where a keypool's keys are valid: at every venue, or at those it is attached to."""

    GLOBAL = "global"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypool:
    """One SSID and the keys valid on it."""

    id: int
    ssid: Ssid
    scope: Scope
    venue_ids: tuple[int, ...]
    scope_id: str = ""  # the last part of VAULT's KeyPoolID
    display_order: int | None = None

    def __post_init__(self) -> None:
        if self.scope is Scope.GLOBAL and self.venue_ids:
            raise InvalidValue("a global keypool is attached to no venue")
        if self.display_order is not None and not 1 <= self.display_order <= 100:
            raise InvalidValue(f"display order must be 1 to 100, got {self.display_order}")

    def meets(self, other: "Keypool") -> bool:
        """Return whether a device can meet keys of both: one SSID at one venue."""
        if self.ssid != other.ssid:
            return False
        return (
            self.scope is Scope.GLOBAL
            or other.scope is Scope.GLOBAL
            or not set(self.venue_ids).isdisjoint(other.venue_ids)
        )
