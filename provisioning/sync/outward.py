"""The other way round: from what the store has and what a controller has to what the controller is told.

What a controller has is ours where its id is stored as ours, or where its user name is a mark that was stored before
it was sent: then an interruption came between making it and storing its id. Everything else there is somebody else's,
whatever it is called.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias

from .limits import Limits, exceeded
from .plan import Action, Field, Plan, Step, in_order
from .statement import Fault, Kind, SaidKey, Standing, shorten

_MARK: Final = re.compile(r"latchkey-([0-9]{1,18})-([0-9a-f]{8})[0-9a-f]{8}")
_TAKEN: Final = "its passphrase is there already as {}, which is not from here: remove that, so that this can be told"
KeyPlace: TypeAlias = tuple[int, str]  # our key, and the controller's pool that it is in


def new_mark(record: int, now: datetime, chance: bytes) -> str:
    """Return the user name of what is made for a key: nobody else's, and it says when it was made.

    chance: four octets that nobody knows before
    """
    return f"latchkey-{record}-{int(now.timestamp()) & 0xFFFFFFFF:08x}{chance.hex()}"


def made_at(mark: str) -> datetime | None:
    """Return when a mark was made, None for what is none."""
    match = _MARK.fullmatch(mark)
    return None if match is None else datetime.fromtimestamp(int(match[2], 16), UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedKey:
    """A key of the store that a controller is to know; `service`: the controller's pool that it belongs to.

    mark: its user name, if it has to be made
    """

    record: int
    service: str
    label: str
    unit: str | None
    passphrase: bytes = field(repr=False)
    vlan: int | None
    ends: datetime | None
    mark: str

    @property
    def place(self) -> KeyPlace:
        return self.record, self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class SentKey:
    """What a controller was asked to make, and is not known to have made.

    request:  what it calls that, where it answered
    is_again: it was asked for more than once, so that there may be more than one
    is_found: of those one was found
    """

    mark: str
    record: int
    service: str
    request: str | None = None
    is_again: bool = False
    is_found: bool = False

    @property
    def place(self) -> KeyPlace:
        return self.record, self.service


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
    """A controller's pool of passphrases.

    is_complete: the ids of all that is in it were read
    unread:      the ids of those of which no more than that could be read
    """

    id: str
    name: str
    is_complete: bool
    unread: frozenset[str] = frozenset()
    refused: str | None = None  # why nothing may be written to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a controller has, and what a person should know of the reading."""

    services: tuple[Service, ...]
    keys: tuple[ThereKey, ...] = field(repr=False)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of steps: by the step's id why it was not done, and what the controller calls those that it does.

    unsure: of those that were not done: no answer came, so that they may be done all the same
    """

    refused: Mapping[str, str]
    requests: Mapping[str, str]
    unsure: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class UnwantedKey:
    """A key that is not to be there, as a person knows it, and why."""

    label: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What the store says.

    owned:    the controller's ids of what we made there
    unwanted: our keys that are not to be there; one that is neither wanted nor that stays as it is
    making:   what the controller is making at the moment
    """

    wanted: tuple[WantedKey, ...]
    owned: Mapping[str, KeyPlace]
    unwanted: Mapping[int, UnwantedKey]
    making: Collection[KeyPlace] = ()

    @property
    def basis(self) -> str:
        """Return what changes when something does that a plan is made from; secrets are in it as a hash alone."""
        total = hashlib.sha256()
        for each in sorted(self.wanted, key=lambda each: each.place):
            values = (each.place, each.label, each.unit, each.passphrase, each.vlan, each.ends)
            total.update(hashlib.sha256(repr(values).encode()).digest())
        total.update(repr((sorted(self.owned.items()), sorted(self.unwanted))).encode())
        return total.hexdigest()


def adopted(contents: Contents, sent: Iterable[SentKey], ours: Ours) -> dict[str, KeyPlace]:
    """Return what is ours and is not stored as ours, by the controller's ids.

    By its mark, where that was sent: of several of one mark one is ours, and those that are the same passphrase, as a
    request was carried out twice. By mark, key and passphrase where nothing is known of it: the database was restored.
    """
    by_mark = {(each.service, each.mark): each for each in sent}
    wanted = {each.place: each for each in ours.wanted}
    has = set(ours.owned.values())
    marked: defaultdict[tuple[str, str], list[ThereKey]] = defaultdict(list)
    found: dict[str, KeyPlace] = {}
    for there in contents.keys:
        if there.id in ours.owned:
            continue
        if (there.service, there.username) in by_mark:
            marked[there.service, there.username].append(there)
        elif (match := _MARK.fullmatch(there.username)) is not None:
            place = int(match[1]), there.service
            if place in wanted and place not in has and wanted[place].passphrase == there.passphrase:
                found[there.id] = place
    for mark, all_ in marked.items():
        each = by_mark[mark]
        like = wanted[each.place].passphrase if each.place in wanted else None
        some = [there for there in all_ if there.passphrase == like]
        if not some and not each.is_found:
            some = [there for there in all_ if there.passphrase == all_[0].passphrase]
        found.update({there.id: each.place for there in some})
    return found


def reconcile_outward(
    contents: Contents,
    ours: Ours,
    *,
    connector: str,
    platform: str,
    plan_id: str,
    now: datetime,
    is_first: bool,
    limits: Limits,
) -> Plan:
    """Return what makes the controller's passphrases those of the store."""
    services = {service.id: service for service in contents.services}
    faults = list(contents.faults)
    faults += [
        Fault(platform, service.name, Kind.POOL, None, None, f"nothing is written to it: {service.refused}")
        for service in contents.services
        if service.refused is not None
    ]
    faults += [
        Fault(platform, shorten(services[mine.service].name), Kind.KEY, shorten(mine.label), None, _TAKEN.format(id_))
        for mine, id_ in _taken(contents, ours, services)
    ]
    steps: list[Step] = []
    waiting: list[Step] = []
    for step, may_be_done in _steps(contents, ours, services, now):
        (steps if may_be_done else waiting).append(step)
    population = Counter(shorten(services[there.service].name) for there in contents.keys if there.id in ours.owned)
    holds = exceeded(steps, population, limits)
    if is_first and steps:
        holds.insert(0, f"the first synchronisation of {connector}: read the plan, and accept it")
    return Plan(
        id=plan_id,
        connector=connector,
        platform=platform,
        made_at=now,
        basis=ours.basis,
        steps=tuple(in_order(steps)),
        holds=tuple(holds),
        faults=tuple(faults),
        waiting=tuple(in_order(waiting)),
        is_complete=bool(services) and all(_is_whole(service) for service in contents.services),
    )


def _steps(
    contents: Contents, ours: Ours, services: Mapping[str, Service], now: datetime
) -> Iterator[tuple[Step, bool]]:
    """Yield what is to be done, and whether enough was read for it."""
    wanted = {each.place: each for each in ours.wanted}
    elsewhere = {each.record: UnwantedKey(each.label, "its key belongs to another pool now") for each in ours.wanted}
    left = {*ours.owned.values(), *ours.making, *(mine.place for mine, _ in _taken(contents, ours, services))}
    there_of: dict[KeyPlace, ThereKey] = {}
    for there in contents.keys:
        place, service = ours.owned.get(there.id), services[there.service]
        if place is None or service.refused is not None:
            continue
        is_read = _is_whole(service)
        if place in there_of:
            yield _end(there, service, UnwantedKey(wanted[place].label, "it is there twice"), stops=False), is_read
        elif place in wanted:
            there_of[place] = there
        elif (unwanted := ours.unwanted.get(place[0]) or elsewhere.get(place[0])) is not None:
            is_over = there.ends is not None and there.ends <= now
            yield _end(there, service, unwanted, stops=not is_over and place[0] not in elsewhere), is_read
    for place, mine in wanted.items():
        service = services[mine.service]
        if service.refused is not None:
            continue
        held = there_of.get(place)
        if held is not None:
            fields = tuple(_fields(mine, held))
            if fields:
                yield _step(Action.CHANGE, mine, service, held.id, "it differs at the controller", fields), True
        elif place not in left:  # what is known and was not read is among it
            yield _step(Action.ADD, mine, service, mine.mark, "not at the controller"), service.is_complete


def _taken(contents: Contents, ours: Ours, services: Mapping[str, Service]) -> Iterator[tuple[WantedKey, str]]:
    """Yield what is not there and whose passphrase somebody else's is, and the id of that: no two are made the same."""
    others = {(there.service, there.passphrase): there.id for there in contents.keys if there.id not in ours.owned}
    known = {*ours.owned.values(), *ours.making}
    for mine in ours.wanted:
        id_ = others.get((mine.service, mine.passphrase))
        if id_ is not None and mine.place not in known and services[mine.service].refused is None:
            yield mine, shorten(id_)


def _is_whole(service: Service) -> bool:
    """Return whether all that is in it was read, and it may be written to."""
    return service.is_complete and not service.unread and service.refused is None


def _fields(mine: WantedKey, there: ThereKey) -> Iterator[Field]:
    if mine.passphrase != there.passphrase:
        yield Field("passphrase", "another one", "this one")
    if mine.vlan != there.vlan:
        yield Field("VLAN", *(None if vlan is None else str(vlan) for vlan in (there.vlan, mine.vlan)))
    if mine.ends != there.ends:
        yield Field("ends", _day(there.ends), _day(mine.ends))


def _step(
    action: Action, mine: WantedKey, service: Service, id_: str, reason: str, fields: tuple[Field, ...] = ()
) -> Step:
    said = SaidKey(
        id=id_,
        venue=shorten(service.name),
        pool=service.id,
        unit=mine.unit,
        passphrase=mine.passphrase,
        vlan=mine.vlan,
        ends=mine.ends,
    )
    return Step(
        action=action,
        kind=Kind.KEY,
        id=id_,
        venue=shorten(service.name),
        label=shorten(mine.label),
        record=mine.record,
        fields=fields,
        reason=reason,
        said=said,
        stops=any(each.name == "passphrase" for each in fields),  # who has the former one does not get in any more
    )


def _end(there: ThereKey, service: Service, unwanted: UnwantedKey, *, stops: bool) -> Step:
    return Step(
        action=Action.END,
        kind=Kind.KEY,
        id=there.id,
        venue=shorten(service.name),
        label=shorten(unwanted.label),
        reason=unwanted.reason,
        said=SaidKey(id=there.id, venue=shorten(service.name), pool=service.id, standing=Standing.ENDED),
        stops=stops,
    )


def still_due(plan: Plan, fresh: Plan) -> list[Step]:
    """Return the steps of a plan that one made now has as well, as that has them."""
    due = {effect(step): step for step in fresh.steps}
    return [due[effect(step)] for step in plan.steps if effect(step) in due]


def effect(step: Step) -> tuple[object, ...]:
    """Return what a step does, whatever the user name of what it makes."""
    said = step.said
    assert isinstance(said, SaidKey)  # noqa: S101 (as all steps here have it)
    what = None if step.action is Action.ADD else step.id
    return step.action, step.record, what, said.pool, said.passphrase, said.vlan, said.ends


def _day(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
