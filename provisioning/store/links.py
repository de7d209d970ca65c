"""What a key may be linked to: units and plans that are there, where its keypool is, and VLANs that are some."""

from collections.abc import Mapping

from ..errors import InvalidValue, NotFound
from ..keys import effective_vlan
from ..model import Keypool, Scope, ServicePlan, Unit


class Links:
    """Checks the links of many keys by what there is, which is read once."""

    def __init__(self, units: Mapping[int, Unit], plans: Mapping[int, ServicePlan], offsets: Mapping[int, int]) -> None:
        """offsets: of the VLANs of wireless-only plans, by venue"""
        self._units = units
        self._plans = plans
        self._offsets = offsets

    def check(self, keypool: Keypool, unit_id: int | None, plan_id: int | None, vlan: int | None) -> None:
        """Raise NotFound or InvalidValue where a key of `keypool` may not have these; `vlan` is its own."""
        if unit_id is not None and unit_id not in self._units:
            raise NotFound(f"no unit {unit_id}")
        if plan_id is not None and plan_id not in self._plans:
            raise NotFound(f"no plan {plan_id}")
        unit = self._units[unit_id] if unit_id is not None else None
        if unit and keypool.scope is Scope.LOCAL and unit.venue_id not in keypool.venue_ids:
            raise InvalidValue(f"unit {unit.name!r} is at a venue where keypool {keypool.id} is not valid")
        if plan_id is not None and self._plans[plan_id].wireless_only:
            venue_ids = (unit.venue_id,) if unit else keypool.venue_ids
            offset = self._offsets[venue_ids[0]] if len(venue_ids) == 1 else 0
            moved = effective_vlan(vlan, unit.vlan if unit else None, offset)
            if moved is not None and moved > 4094:
                raise InvalidValue(f"VLAN {moved - offset} plus the venue's offset {offset} is more than 4094")
