"""VLAN IDs."""

from ..errors import InvalidValue


def check_vlan(vlan: int | None, what: str = "VLAN") -> None:
    """Raise InvalidValue unless `vlan` is absent or 1 to 4094 (IEEE Std 802.1Q 9.6)."""
    if vlan is not None and not 1 <= vlan <= 4094:
        raise InvalidValue(f"{what} must be 1 to 4094, got {vlan}")
