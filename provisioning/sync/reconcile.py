"""From what a platform says and what the store has to a plan. No I/O, and no clock but the reading's.

Its rules:
- A record is matched by the platform's id alone. What people made is not touched; what is in the way is told.
- A key ends by what the platform says of it, or when its record is missing from several complete readings.
- A venue that was read in part gets additions and changes: nothing of it stops.
- Nobody's passphrase changes, and nobody gets one that another person had: a key that becomes another person's ends,
  and another is made for whoever has it now.
- A record that cannot be taken holds back itself, and what needs it.
- What a person made of a key that a sync has ended or suspended stays until the platform has come to agree with it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from .holdings import HeldState, Holdings
from .limits import Limits, exceeded
from .missing import Absent
from .people import reconcile_people
from .places import Places, reconcile_places
from .plan import Plan, Step, in_order
from .statement import WHOLE, Fault, Kind, Reading, SaidKey, SaidSubscriber, shorten
from .tenancies import Tenancies

_MOST_NAMES: Final = 8  # that a line lists


def reconcile(reading: Reading, holdings: Holdings, limits: Limits, plan_id: str) -> Plan:
    """Return the plan that makes of the store what the platform says, as far as it may be believed."""
    faults = list(reading.faults)
    places = reconcile_places(reading, holdings, faults)
    tenancies = Tenancies(reading, holdings, places, faults)
    absent = Absent(reading, holdings, limits, tenancies.label, faults)
    steps = [*places.steps, *tenancies.steps(), *absent.steps()]
    needed = {step.said.subscriber for step in steps if isinstance(step.said, SaidKey) and step.said.subscriber}
    steps += reconcile_people(reading, holdings, needed, faults)
    taken = [step for step in steps if not (step.stops and reading.is_partial(step.venue))]
    waiting = [step for step in steps if step.stops and reading.is_partial(step.venue)]
    faults += [*_unlisted(reading, holdings), *_unlisted_nases(reading, holdings)]
    faults = [_labelled(_told(fault, places), reading, holdings, tenancies) for fault in faults]
    return Plan(
        id=plan_id,
        connector=reading.connector,
        platform=reading.platform,
        made_at=reading.at,
        basis=holdings.digest(),
        steps=tuple(in_order(taken)),
        holds=tuple(_holds(reading, holdings, limits, taken, absent)),
        faults=tuple(faults),
        waiting=tuple(in_order(waiting)),
        missing=tuple(absent.missing),
        agreed=tuple(tenancies.agreed),
        is_complete=reading.is_whole,
    )


def _holds(reading: Reading, holdings: Holdings, limits: Limits, steps: list[Step], absent: Absent) -> Iterator[str]:
    if holdings.is_first and steps:
        yield f"the first synchronisation of {reading.connector}: read the plan, and accept it"
    units = Counter(unit.venue for unit in holdings.units.values())
    gone = (HeldState.REMOVED, HeldState.ERASED)
    units.update(key.venue for key in holdings.keys.values() if key.unit is None and key.state not in gone)
    ending = {
        (key.venue, key.unit or f"key {key.id}")
        for key in holdings.keys.values()
        if key.ends is not None or key.state in gone
    }
    nases = Counter(nas.venue for nas in holdings.nases.values())
    yield from exceeded(steps, units, limits, nases, Counter(venue for venue, _ in ending))
    yield from absent.emptied(steps)


def _unlisted(reading: Reading, holdings: Holdings) -> Iterator[Fault]:
    """Yield the venues with keys of which the platform says nothing at all any more: nothing of them ends."""
    keys = Counter(
        held.venue for held in holdings.keys.values() if held.state in (HeldState.ACTIVE, HeldState.SUSPENDED)
    )
    if reading.is_doubtful(WHOLE) or not keys:
        return
    said = {said.venue for said in reading.all(SaidKey)}
    for venue in sorted(keys.keys() - said - set(reading.venues)):
        if not reading.is_doubtful(venue):
            text = f"it is not among what was read: its {keys[venue]:,} keys stay as they are"
            yield Fault(reading.platform, venue, Kind.VENUE, venue, None, text)


def _unlisted_nases(reading: Reading, holdings: Holdings) -> Iterator[Fault]:
    """Yield one line for each venue with NASes that the platform does not list any more: they go on as they are."""
    there = Counter(nas.venue for nas in holdings.nases.values())
    gone = [
        nas
        for nas in holdings.nases.values()
        if reading.is_complete(nas.venue, Kind.NAS) and not reading.saw(Kind.NAS, nas.id)
    ]
    for venue, count in sorted(Counter(nas.venue for nas in gone).items()):
        names = sorted(shorten(nas.name) for nas in gone if nas.venue == venue)
        more = f" and {count - _MOST_NAMES:,} more" if count > _MOST_NAMES else ""
        listed = f"{', '.join(names[:_MOST_NAMES])}{more}"
        text = f"{count:,} of {there[venue]:,} NASes are not listed any more, and stay as they are: {listed}"
        yield Fault(reading.platform, venue, Kind.NAS, None, None, text)


def _told(fault: Fault, places: Places) -> Fault:
    """Return a fault with how many keys need what it is about."""
    if fault.kind is None or fault.record is None:
        return fault
    count = places.waited_for.pop((fault.kind, fault.record), 0)
    waiting = "1 key waits" if count == 1 else f"{count:,} keys wait"
    return replace(fault, text=f"{fault.text}; {waiting} for it") if count else fault


def _labelled(fault: Fault, reading: Reading, holdings: Holdings, tenancies: Tenancies) -> Fault:
    """Return a fault with what a person knows its record by, where a connector has not said that."""
    if fault.label is not None or fault.record is None:
        return fault
    label = None
    if fault.kind is Kind.KEY:
        said, held = reading.get(SaidKey, fault.record), holdings.keys.get(fault.record)
        label = tenancies.label(said, held) if said is not None or held is not None else None
    elif fault.kind is Kind.SUBSCRIBER:
        person = reading.get(SaidSubscriber, fault.record) or holdings.subscribers.get(fault.record)
        label = shorten(person.name) if person is not None else None
    elif fault.kind is Kind.NAS:
        nas = holdings.nases.get(fault.record)
        label = shorten(nas.name) if nas is not None else None
    return fault if label is None else replace(fault, label=label)
