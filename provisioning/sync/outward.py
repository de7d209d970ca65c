"""The other way round: from what the store has and what a controller has to what the controller is told.

What a controller has is ours where its id is among those that were stored, or where it bears our mark and our
passphrase: then an interruption came between making it and storing its id. Everything else there is somebody else's.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import Final

from .limits import Limits, exceeded
from .plan import Action, Field, Plan, Step, in_order
from .statement import Fault, Kind, SaidKey, shorten

MARK: Final = "latchkey-"  # and the key's id: the user name of what we make


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedKey:
    """A key of the store that a controller is to know; `service`: the controller's pool that it belongs to."""

    record: int
    service: str
    label: str
    unit: str | None
    passphrase: bytes = field(repr=False)
    vlan: int | None
    ends: datetime | None

    @property
    def mark(self) -> str:
        return f"{MARK}{self.record}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThereKey:
    """A passphrase that a controller has."""

    id: str
    service: str
    username: str
    passphrase: bytes = field(repr=False)
    vlan: int | None
    ends: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A controller's pool of passphrases; `is_complete`: all that is in it was read."""

    id: str
    name: str
    is_complete: bool
    refused: str | None = None  # why nothing may be written to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a controller has, and what a person should know of the reading."""

    services: tuple[Service, ...]
    keys: tuple[ThereKey, ...] = field(repr=False)
    faults: tuple[Fault, ...] = ()


def adopted(contents: Contents, wanted: Iterable[WantedKey], owned: Mapping[str, int]) -> dict[str, int]:
    """Return what is ours by mark and passphrase and was not stored as ours: the controller's id -> our key's."""
    known = set(owned.values())
    missing = {each.mark: each for each in wanted if each.record not in known}
    found: dict[str, int] = {}
    for there in contents.keys:
        mine = missing.get(there.username)
        if there.id not in owned and mine is not None and mine.passphrase == there.passphrase:
            found[there.id] = mine.record
            del missing[there.username]
    return found


def reconcile_outward(
    contents: Contents,
    wanted: Iterable[WantedKey],
    owned: Mapping[str, int],
    *,
    connector: str,
    platform: str,
    plan_id: str,
    now: datetime,
    is_first: bool,
    limits: Limits,
) -> Plan:
    """Return what makes the controller's passphrases those of the store.

    owned: the controller's ids of what we made there -> our keys
    """
    wanted = list(wanted)
    services = {service.id: service for service in contents.services}
    faults = list(contents.faults)
    faults += [
        Fault(platform, service.name, Kind.POOL, service.id, None, service.refused)
        for service in services.values()
        if service.refused is not None
    ]
    steps = list(_steps(contents, wanted, owned, {id_ for id_, each in services.items() if each.refused is None}))
    units: defaultdict[str, int] = defaultdict(int)
    for there in contents.keys:
        if there.id in owned:
            units[there.service] += 1
    holds = exceeded(steps, units, limits)
    if is_first and steps:
        holds.insert(0, f"the first synchronisation of {connector}: read the plan, and accept it")
    return Plan(
        id=plan_id,
        connector=connector,
        platform=platform,
        made_at=now,
        basis=basis(wanted, owned),
        steps=tuple(in_order(steps)),
        holds=tuple(holds),
        faults=tuple(faults),
        is_complete=all(service.is_complete for service in services.values()),
    )


def _steps(
    contents: Contents, wanted: Iterable[WantedKey], owned: Mapping[str, int], writable: set[str]
) -> Iterator[Step]:
    by_record = {each.record: each for each in wanted}
    complete = {service.id for service in contents.services if service.is_complete}
    there_of: dict[int, ThereKey] = {}
    for there in contents.keys:
        record = owned.get(there.id)
        if record is None:
            continue  # somebody else's
        mine = by_record.get(record)
        if mine is None or mine.service != there.service or record in there_of:
            if there.service in writable and there.service in complete:
                yield _end(there, mine, "its key is not in use here any more" if mine is None else "it is there twice")
            continue
        there_of[record] = there
    for mine in by_record.values():
        if mine.service not in writable:
            continue
        held = there_of.get(mine.record)
        if held is None:
            if mine.service in complete:
                yield _step(Action.ADD, mine, mine.mark, "not at the controller")
        elif fields := tuple(_fields(mine, held)):
            yield _step(Action.CHANGE, mine, held.id, "changed here", fields)


def _fields(mine: WantedKey, there: ThereKey) -> Iterator[Field]:
    if mine.passphrase != there.passphrase:
        yield Field("passphrase", "another one", "this one")
    if mine.vlan != there.vlan and mine.vlan is not None:
        yield Field("VLAN", None if there.vlan is None else str(there.vlan), str(mine.vlan))
    if mine.ends != there.ends:
        yield Field("ends", _day(there.ends), _day(mine.ends))


def _step(action: Action, mine: WantedKey, id_: str, reason: str, fields: tuple[Field, ...] = ()) -> Step:
    said = SaidKey(
        id=id_,
        venue=mine.service,
        pool=mine.service,
        unit=mine.unit,
        passphrase=mine.passphrase,
        vlan=mine.vlan,
        ends=mine.ends,
    )
    return Step(
        action=action,
        kind=Kind.KEY,
        id=id_,
        venue=mine.service,
        label=shorten(mine.label),
        record=mine.record,
        unit=mine.unit,
        fields=fields,
        reason=reason,
        said=said,
    )


def _end(there: ThereKey, mine: WantedKey | None, reason: str) -> Step:
    return Step(
        action=Action.END,
        kind=Kind.KEY,
        id=there.id,
        venue=there.service,
        label=shorten(there.username if mine is None else mine.label),
        reason=reason,
        stops=mine is None,
    )


def basis(wanted: Iterable[WantedKey], owned: Mapping[str, int]) -> str:
    """Return what changes when something does that a plan was made from; passphrases are in it as a hash alone."""
    total = hashlib.sha256()
    for each in sorted(wanted, key=lambda each: each.record):
        total.update(hashlib.sha256(repr(astuple(each)).encode()).digest())
    total.update(repr(sorted(owned.items())).encode())
    return total.hexdigest()


def _day(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
