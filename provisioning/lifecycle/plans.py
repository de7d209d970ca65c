"""Service plans: what is given to keys, and how they go from one to another."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ..errors import InvalidValue, Occupied
from ..model import ServicePlan
from ..store import Store
from .units import count_of

_MOST_DEVICES: Final = 10_000


def add_plan(store: Store, name: str, **fields: Any) -> ServicePlan:
    """Return a new plan. A number that is out of its range is refused, and not set right in silence as VAULT does."""
    _check(fields)
    return store.plans.add(name, **fields)


def change_plan(store: Store, plan_id: int, **fields: Any) -> ServicePlan:
    """Give a plan's fields other values, which hold for all who have it."""
    _check(fields)
    with store.change("plan.set"):
        plan = replace(store.plans.get(plan_id), **fields)
        store.plans.save(plan)
        return plan


def _check(fields: dict[str, Any]) -> None:
    devices = fields.get("devices")
    if devices is not None and not 1 <= devices <= _MOST_DEVICES:
        raise InvalidValue(f"devices must be 1 to {_MOST_DEVICES}, got {devices}")


def migrate_plan(store: Store, plan_id: int, to_id: int) -> int:
    """Give all who have a plan another one; return how many keys that were, removed ones aside."""
    with store.change("plan.migrate") as change:
        plan = store.plans.get(plan_id)
        change.subject("plan", plan.id, plan.name)
        if plan_id == to_id:
            raise InvalidValue(f"plan {plan.name!r}: name another one to migrate to")
        store.plans.get(to_id)
        return _migrate(store, plan_id, to_id)


def remove_plan(store: Store, plan_id: int, *, now: datetime, to_id: int | None = None) -> int:
    """Take a plan away; return how many keys had it. Occupied where any has, now or later, and no other is said."""
    with store.change("plan.remove") as change:
        plan = store.plans.get(plan_id)
        change.subject("plan", plan.id, plan.name)
        if to_id == plan_id:
            raise InvalidValue(f"plan {plan.name!r}: name another one to move to")
        live = store.occupants.count_of_plan(plan_id, now=now)
        tenancies = sum(
            each.plan_id == plan_id and (each.ends is None or each.ends > now)
            for each in store.subscribers.subscriptions()
        )
        if to_id is None and (live or tenancies):
            said = [count_of(live, "key")] if live else []
            said += [count_of(tenancies, "subscription")] if tenancies else []
            raise Occupied(f"plan {plan.name!r} is that of {' and '.join(said)}: say --move-to PLAN")
        if to_id is not None:
            store.plans.get(to_id)
        moved = _migrate(store, plan_id, to_id)
        store.plans.remove(plan_id)
        return moved


def _migrate(store: Store, plan_id: int, to_id: int | None) -> int:
    living = store.occupants.count_of_plan(plan_id)
    for table in ("keys", "subscriptions", "card_batches"):
        store.occupants.put(table, "plan_id", plan_id, to_id)
    return living
