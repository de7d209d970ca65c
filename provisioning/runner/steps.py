"""What a step of a plan does to the store: venues, SSIDs, plans, units, NASes and people. Keys: `key_steps`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from crypto import Ssid

from ..errors import ProvisioningError
from ..lifecycle.units import change_unit
from ..lifecycle.venues import change_venue
from ..store import Store
from ..store.sync import Owned
from ..store.units import NewUnit
from ..sync import (
    Fault,
    Kind,
    Plan,
    Said,
    SaidNas,
    SaidPlan,
    SaidPool,
    SaidSubscriber,
    SaidUnit,
    SaidVenue,
    Step,
    shorten,
)

_MOST_NUMBER: Final = 2**32 - 1
S = TypeVar("S")
AddNas = Callable[[Store, SaidNas, int], int]  # store, what it is, our venue -> our id of it


class NotThere(ProvisioningError):  # noqa: N818
    """What a step needs is not there; `needed`: what that is, where it could not be made."""

    def __init__(self, text: str, needed: tuple[Kind, str] | None = None) -> None:
        super().__init__(text)
        self.needed = needed


@dataclass
class Context:
    """What the steps of one plan share. `ids`: ours, by kind and the platform's."""

    store: Store
    plan: Plan
    now: datetime
    add_nas: AddNas | None
    ids: Mapping[Kind, dict[str, int]]
    faults: list[Fault] = field(default_factory=list)

    def id(self, kind: Kind, id_: str) -> int:
        """Return our id of a record; NotThere where it could not be made."""
        found = self.ids[kind].get(id_)
        if found is None:
            raise NotThere(f"{kind.value} {shorten(id_)} is not there", (kind, id_))
        return found

    def id_if(self, kind: Kind, id_: str | None) -> int | None:
        """Return our id of a record, None where none is said."""
        return None if id_ is None else self.id(kind, id_)

    def tell(self, said: Said, kind: Kind, text: str, where: str | None) -> None:
        self.faults.append(Fault(self.plan.platform, said.venue, kind, said.id, where, text))


def said_of(step: Step, type_: type[S]) -> S:
    """Return what a step's record is to be."""
    if not isinstance(step.said, type_):
        raise NotThere("the plan does not say what it is to be")
    return step.said


def add_venue(context: Context, step: Step) -> Owned:
    said = said_of(step, SaidVenue)
    venue = context.store.venues.add(
        said.name,
        nas_identifiers=tuple({each.upper(): each for each in reversed(said.nas_identifiers)}.values()),
        wireless_only_vlan_offset=said.wireless_only_vlan_offset or 0,
        time_zone=said.time_zone,
    )
    return Owned(Kind.VENUE, said.id, said.id, venue.id)


def change_venue_(context: Context, step: Step) -> None:
    said = said_of(step, SaidVenue)
    fields: dict[str, Any] = {} if said.name == said.id else {"name": said.name}
    if said.time_zone is not None:
        fields["time_zone"] = said.time_zone
    if said.wireless_only_vlan_offset is not None:
        fields["wireless_only_vlan_offset"] = said.wireless_only_vlan_offset
    change_venue(context.store, context.id(Kind.VENUE, step.id), add_identifiers=said.nas_identifiers, **fields)


def add_pool(context: Context, step: Step) -> Owned:
    said = said_of(step, SaidPool)
    if step.record is not None:  # one that people made: used, and theirs
        return Owned(Kind.POOL, said.id, said.venue, step.record, is_owned=False)
    known = context.ids[Kind.VENUE]
    venues = [known[venue] for venue in said.venues if venue in known]
    if not venues and not said.is_global:
        raise NotThere("its venue is not there", (Kind.VENUE, said.venue))
    pool = context.store.keypools.add(Ssid(said.ssid.encode()), venue_ids=() if said.is_global else venues)
    return Owned(Kind.POOL, said.id, said.venue, pool.id)


def change_pool(context: Context, step: Step) -> None:
    said, id_ = said_of(step, SaidPool), context.id(Kind.POOL, step.id)
    for venue in said.venues:
        if venue in context.ids[Kind.VENUE]:
            context.store.keypools.attach_venue(id_, context.ids[Kind.VENUE][venue])


def add_plan(context: Context, step: Step) -> Owned:
    said = said_of(step, SaidPlan)
    plan = context.store.plans.add(said.name, **_plan_values(said), wireless_only=said.wireless_only)
    return Owned(Kind.PLAN, said.id, said.venue, plan.id)


def change_plan(context: Context, step: Step) -> None:
    said = said_of(step, SaidPlan)
    plan = context.store.plans.get(context.id(Kind.PLAN, step.id))
    told: dict[str, Any] = {name: value for name, value in _plan_values(said).items() if value is not None}
    context.store.plans.save(replace(plan, name=said.name, wireless_only=said.wireless_only, **told))


def _plan_values(said: SaidPlan) -> dict[str, int | None]:
    """Return a plan's numbers; a speed that no attribute can say is the greatest that one can."""
    numbers = {"download_kbps": said.download_kbps, "upload_kbps": said.upload_kbps, "devices": said.devices}
    return {name: None if number is None else min(number, _MOST_NUMBER) for name, number in numbers.items()}


def add_units(context: Context, steps: Sequence[Step]) -> Callable[[], list[Owned]]:
    """Return what adds units of one venue together, part of a change."""
    said = [said_of(step, SaidUnit) for step in steps]
    new = [NewUnit(each.name, each.building, each.floor, each.vlan) for each in said]

    def add() -> list[Owned]:
        ids = context.store.units.add_many(context.id(Kind.VENUE, said[0].venue), new)
        return [Owned(Kind.UNIT, each.id, each.venue, id_) for each, id_ in zip(said, ids, strict=True)]

    return add


def change_unit_(context: Context, step: Step) -> None:
    said = said_of(step, SaidUnit)
    there = {"building": said.building, "floor": said.floor, "vlan": said.vlan}
    fields: dict[str, Any] = {"name": said.name, **{name: it for name, it in there.items() if it is not None}}
    change_unit(context.store, context.id(Kind.UNIT, step.id), share_vlan=True, **fields)


def add_nas(context: Context, step: Step) -> Owned:
    said = said_of(step, SaidNas)
    if context.add_nas is None:
        raise NotThere("its address and secret are not configured")
    id_ = context.add_nas(context.store, said, context.id(Kind.VENUE, said.venue))
    return Owned(Kind.NAS, said.id, said.venue, id_)


def switch_nas(context: Context, step: Step) -> None:
    said = said_of(step, SaidNas)
    nas = context.store.nases.get(context.id(Kind.NAS, step.id))
    context.store.nases.save(replace(nas, enabled=bool(said.enabled)))


def add_people(context: Context, steps: Sequence[Step]) -> Callable[[], list[Owned]]:
    """Return what adds subscribers together, part of a change; an external id that is somebody else's is left out."""
    people = [said_of(step, SaidSubscriber) for step in steps]
    wanted = [each.external_id for each in people if each.external_id is not None]
    taken = context.store.subscribers.external_ids_among(wanted) if wanted else set()
    named = [(each.name, None if each.external_id in taken else each.external_id) for each in people]
    new = context.store.subscribers.prepare(named)
    for said in people:
        if said.external_id in taken:
            _tell_taken(context, said)

    def add() -> list[Owned]:
        ids = context.store.subscribers.add_many(new)
        return [Owned(Kind.SUBSCRIBER, said.id, said.venue, id_) for said, id_ in zip(people, ids, strict=True)]

    return add


def change_person(context: Context, step: Step) -> None:
    said = said_of(step, SaidSubscriber)
    subscribers = context.store.subscribers
    person = subscribers.get(context.id(Kind.SUBSCRIBER, step.id))
    external_id = person.external_id
    if said.external_id not in (None, external_id):
        if subscribers.external_ids_among([said.external_id or ""]):
            _tell_taken(context, said)
        else:
            external_id = said.external_id
    subscribers.save(replace(person, name=said.name, external_id=external_id))


def _tell_taken(context: Context, said: SaidSubscriber) -> None:
    text = f"{shorten(said.external_id or '')} is another subscriber's: it is left out"
    context.tell(said, Kind.SUBSCRIBER, text, "external id")
