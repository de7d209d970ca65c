"""Where a platform and the store do not agree, and what would make them: found anew each time, and kept nowhere."""

import enum
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from .holdings import HeldKey, HeldState, Holdings
from .limits import Limits
from .plan import Action, Missing, Plan, Step
from .statement import Kind, Reading, SaidKey, SaidNas, SaidUnit, Standing, shorten


class Side(enum.Enum):
    """How the two differ."""

    HERE = "here only"
    THERE = "there only"
    DIFFERENT = "different"
    NOT_TAKEN = "there, not taken"


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing on which they do not agree; `remedy`: what clears it."""

    side: Side
    kind: Kind | None
    id: str | None
    venue: str
    label: str
    text: str
    remedy: str


def find_drift(
    plan: Plan,
    holdings: Holdings,
    reading: Reading | None,
    passphrases: Mapping[int, bytes],
    limits: Limits,
    *,
    held: str | None = None,
) -> list[Drift]:
    """Return all of it, of a plan that was made of this reading and these holdings.

    reading:     None: of a platform that is told what the store has; the plan is all there is
    passphrases: of keys by our id, where the platform says one
    held:        the plan that a person has to accept before any other
    """
    found = [*_of_steps(plan, held, is_outward=reading is None)]
    if reading is not None:
        found += _of_missing(plan, holdings, limits)
        found += _of_keys(holdings, reading, passphrases)
        found += _of_places(holdings, reading)
    found += [
        Drift(
            Side.NOT_TAKEN,
            fault.kind,
            fault.record,
            fault.venue,
            fault.label or shorten(fault.record or ""),
            fault.text if fault.field is None else f"{fault.field}: {fault.text}",
            "what the line says, mended",
        )
        for fault in plan.faults
        if fault.kind is not Kind.NAS
    ]
    order = {side: place for place, side in enumerate(Side)}
    return sorted(found, key=lambda each: (order[each.side], each.venue, each.label, each.id or "", each.text))


def _of_steps(plan: Plan, held: str | None, *, is_outward: bool) -> Iterator[Drift]:
    of_step = _of_outward_step if is_outward else _of_step
    if held is not None:
        remedy = f"latchkey sync plan {held}, then accept or release it"
    elif plan.holds:
        remedy = f"latchkey sync plan {plan.connector}, then accept it"
    else:
        remedy = f"latchkey sync run {plan.connector}"
    for step in plan.steps:
        yield of_step(step, remedy)
    for step in plan.waiting:
        yield of_step(step, f"a complete reading, then {remedy}")


def _of_step(step: Step, remedy: str) -> Drift:
    side = Side.THERE if step.action in (Action.ADD, Action.RETURN) else Side.DIFFERENT
    if step.action is Action.END and step.said is None:
        side = Side.HERE
    changes = ", ".join(
        f"{each.name} {shorten(each.before or 'none')} here, {shorten(each.after or 'none')} there"
        for each in step.fields
        if side is Side.DIFFERENT
    )
    text = changes or shorten(step.reason)
    return Drift(side, step.kind, step.id, step.venue, shorten(step.label), text, remedy)


def _of_outward_step(step: Step, remedy: str) -> Drift:
    """Return what a step is about that makes a platform as the store is."""
    side = {Action.ADD: Side.HERE, Action.END: Side.THERE}.get(step.action, Side.DIFFERENT)
    changes = ", ".join(
        f"{each.name} {shorten(each.after or 'none')} here, {shorten(each.before or 'none')} there"
        for each in step.fields
    )
    return Drift(side, step.kind, step.id, step.venue, shorten(step.label), changes or shorten(step.reason), remedy)


def _of_missing(plan: Plan, holdings: Holdings, limits: Limits) -> Iterator[Drift]:
    ending = {step.id for step in (*plan.steps, *plan.waiting) if step.action is Action.END}
    for missing in plan.missing:
        if missing.readings and missing.id not in ending and (held := holdings.keys.get(missing.id)) is not None:
            yield _key(Side.HERE, held, "its record is not at the platform", _when_it_ends(missing, limits))


def _when_it_ends(missing: Missing, limits: Limits) -> str:
    more = max(limits.missing_readings - missing.readings, 0)
    assert missing.since is not None  # noqa: S101 (it counts readings)
    at = missing.since + timedelta(hours=limits.missing_hours)
    readings = f" and {more} more complete readings" if more else ""
    return f"ended by itself from {at:%Y-%m-%d %H:%M} UTC{readings}, unless it is there again"


def _of_keys(holdings: Holdings, reading: Reading, passphrases: Mapping[int, bytes]) -> Iterator[Drift]:
    """Yield what a synchronisation leaves alone: other passphrases, and what people decided here."""
    for said in reading.all(SaidKey):
        held = holdings.keys.get(said.id)
        if held is None or held.state is HeldState.ERASED or said.standing in (Standing.ENDED, Standing.UNKNOWN):
            continue
        if held.state is HeldState.REMOVED:
            if not held.is_synced and (said.ends is None or reading.at < said.ends):
                yield _key(Side.DIFFERENT, held, "removed here by a person", f"latchkey key restore id:{held.record}")
            continue
        if held.state is HeldState.SUSPENDED and not held.is_synced and said.standing is Standing.ACTIVE:
            yield _key(Side.DIFFERENT, held, "suspended here by a person", f"latchkey key resume id:{held.record}")
        if (vlan := _units_vlan(said, held, holdings, reading)) is not None:
            text = f"VLAN {held.vlan} of its own here, its unit's {vlan} there"
            yield _key(Side.DIFFERENT, held, text, f'latchkey key set id:{held.record} --vlan ""')
        here = passphrases.get(held.record)
        if said.passphrase is not None and here is not None and not hmac.compare_digest(said.passphrase, here):
            remedy = f"latchkey key reset id:{held.record} with the platform's passphrase, or this one set there"
            yield _key(Side.DIFFERENT, held, "another passphrase here than there", remedy)


def _units_vlan(said: SaidKey, held: HeldKey, holdings: Holdings, reading: Reading) -> int | None:
    """Return the VLAN of a key's unit, where the key has one of its own of which the platform does not speak."""
    if held.vlan is None or said.vlan is not None or said.is_in_units_vlan:  # a step tells of the latter
        return None
    unit = reading.get(SaidUnit, said.unit or held.unit) or holdings.units.get(said.unit or held.unit or "")
    return None if unit is None else unit.vlan


def _of_places(holdings: Holdings, reading: Reading) -> Iterator[Drift]:
    for nas in reading.all(SaidNas):
        if nas.id not in holdings.nases and nas.id not in holdings.nas_places:
            remedy = f"its address and secret in [sync.{reading.connector}.nas]"
            text = f"it is no NAS here ({shorten(nas.state)})"
            yield Drift(Side.THERE, Kind.NAS, nas.id, nas.venue, shorten(nas.name or nas.id), text, remedy)
    for id_, there in holdings.nases.items():
        if reading.is_complete(there.venue, Kind.NAS) and not reading.saw(Kind.NAS, id_):
            remedy = f"latchkey nas remove {there.record}"
            text = "the platform does not list it"
            yield Drift(Side.HERE, Kind.NAS, id_, there.venue, shorten(there.name), text, remedy)
    living = {key.unit for key in holdings.keys.values() if key.state in (HeldState.ACTIVE, HeldState.SUSPENDED)}
    for id_, unit in holdings.units.items():
        gone = reading.is_complete(unit.venue, Kind.UNIT) and not reading.saw(Kind.UNIT, id_)
        if gone and unit.is_owned and reading.get(SaidUnit, id_) is None:
            remedy = "its keys' end, then " if id_ in living else ""
            text = "the platform does not list it"
            remedy += f"latchkey unit remove id:{unit.record}"
            yield Drift(Side.HERE, Kind.UNIT, id_, unit.venue, shorten(unit.name), text, remedy)


def _key(side: Side, held: HeldKey, text: str, remedy: str) -> Drift:
    return Drift(side, Kind.KEY, held.id, held.venue, shorten(held.label or held.id), text, remedy)
