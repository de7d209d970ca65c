"""Whose keys they are: the reconciler's part for subscribers."""

from collections.abc import Iterator
from dataclasses import replace

from .holdings import Holdings
from .plan import Action, Field, Step
from .statement import Fault, Kind, Reading, SaidSubscriber, shorten


def reconcile_people(reading: Reading, holdings: Holdings, needed: set[str], faults: list[Fault]) -> Iterator[Step]:
    """Yield the steps for those that keys need, and for what has changed of those that are there."""
    owners: dict[str, str] = {}
    for said in reading.all(SaidSubscriber):
        held = holdings.subscribers.get(said.id)
        if held is None and said.id not in needed:
            continue
        if said.external_id is not None and owners.setdefault(said.external_id, said.id) != said.id:
            other = shorten(owners[said.external_id])
            text = f"{shorten(said.external_id)} is that of subscriber {other} as well: it is left out"
            faults.append(Fault(reading.platform, said.venue, Kind.SUBSCRIBER, said.id, "external id", text))
            said = replace(said, external_id=None)
        if held is None:
            yield _step(Action.ADD, said, None, (), "new at the platform")
            continue
        fields = [Field("name", held.name, said.name)] if held.name != said.name else []
        if said.external_id not in (None, held.external_id):
            fields.append(Field("external id", held.external_id, said.external_id))
        if fields:
            yield _step(Action.CHANGE, said, held.record, tuple(fields), "changed at the platform")


def _step(action: Action, said: SaidSubscriber, record: int | None, fields: tuple[Field, ...], reason: str) -> Step:
    return Step(
        action=action,
        kind=Kind.SUBSCRIBER,
        id=said.id,
        venue=said.venue,
        label=shorten(said.name),
        record=record,
        fields=fields,
        reason=reason,
        said=said,
    )
