"""From what a platform says and what the store has to a plan. No I/O, and no clock but the reading's.

Its rules:
- A record is matched by the platform's id alone. What people made is not touched; what is in the way is told.
- A key ends by what the platform says of it, or when its record is missing from several complete readings.
- A venue that was read in part gets additions and changes: nothing of it stops.
- Nobody's passphrase changes.
- A record that cannot be taken holds back itself, and what needs it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..errors import InvalidValue
from ..model.rules.zones import parse_zone, render_instant
from .holdings import HeldKey, HeldState, Holdings
from .limits import Limits, exceeded
from .places import Places, reconcile_places
from .plan import Action, Field, Missing, Plan, Step, in_order
from .statement import (
    WHOLE,
    Fault,
    Kind,
    Reading,
    SaidKey,
    SaidSubscriber,
    SaidVenue,
    Standing,
)


def reconcile(reading: Reading, holdings: Holdings, limits: Limits, plan_id: str) -> Plan:
    """Return the plan that makes of the store what the platform says, as far as it may be believed."""
    faults = list(reading.faults)
    places = reconcile_places(reading, holdings, faults)
    keys = _Keys(reading, holdings, places, limits, faults)
    steps = [*places.steps, *keys.steps()]
    taken = [step for step in steps if not (step.stops and reading.is_partial(step.venue))]
    waiting = [step for step in steps if step.stops and reading.is_partial(step.venue)]
    units: defaultdict[str, int] = defaultdict(int)
    for unit in holdings.units.values():
        units[unit.venue] += 1
    holds = exceeded(taken, units, limits)
    holds += keys.emptied(taken)
    if holdings.is_first and taken:
        holds.insert(0, f"the first synchronisation of {reading.connector}: read the plan, and accept it")
    return Plan(
        id=plan_id,
        connector=reading.connector,
        platform=reading.platform,
        made_at=reading.at,
        basis=holdings.digest(),
        steps=tuple(in_order(taken)),
        holds=tuple(holds),
        faults=tuple(faults),
        waiting=tuple(in_order(waiting)),
        missing=tuple(keys.missing),
        is_complete=reading.is_whole,
    )


def is_live(state: HeldState, ends: datetime | None, now: datetime) -> bool:
    """Return whether somebody gets in with such a key, now or at a time to come."""
    return state is HeldState.ACTIVE and (ends is None or now < ends)


@dataclass
class _Keys:
    reading: Reading
    holdings: Holdings
    places: Places
    limits: Limits
    faults: list[Fault]

    def __post_init__(self) -> None:
        self.now = self.reading.at
        self.missing: list[Missing] = []
        self._missing_ends: dict[str, int] = {}

    def steps(self) -> Iterator[Step]:
        needed: set[str] = set()
        for said in self.reading.all(SaidKey):
            held = self.holdings.keys.get(said.id)
            for step in self._of(said, held):
                if step.said is not None and said.subscriber is not None:
                    needed.add(said.subscriber)
                yield step
            if held is not None and held.missing_readings:
                self.missing.append(Missing(said.id, None, 0))
        yield from self._subscribers(needed)
        yield from self._not_there()

    # One tenancy.

    def _of(self, said: SaidKey, held: HeldKey | None) -> Iterator[Step]:
        if said.standing is Standing.UNKNOWN:
            if held is None:
                self._fault(said, "nothing is made of it, as what the platform says of its state is not known")
            return
        over = said.standing is Standing.ENDED or (said.ends is not None and _whole(said.ends) <= self.now)
        if held is None or held.state is HeldState.ERASED:
            if not over and self._has_place(said):
                yield self._step(Action.ADD, said, None, reason="new at the platform")
            return
        if said.standing is Standing.ENDED:
            if held.state is not HeldState.REMOVED:
                stops = is_live(held.state, held.ends, self.now)
                yield self._step(Action.END, said, held, reason=said.reason or "ended at the platform", stops=stops)
            return
        if held.state is HeldState.REMOVED:
            if held.is_synced and not over and self._has_place(said):
                yield self._step(Action.RETURN, said, held, reason="there again at the platform")
            return
        if self._has_place(said):
            yield from self._changes(said, held)

    def _changes(self, said: SaidKey, held: HeldKey) -> Iterator[Step]:
        fields = tuple(self._fields(said, held))
        if fields:
            names = {field.name for field in fields}
            before = is_live(held.state, held.ends, self.now)
            begun = held.starts is None or held.starts <= self.now
            put_off = said.starts is not None and begun and _whole(said.starts) > self.now
            stops = before and (put_off or not is_live(held.state, _second(said.ends), self.now))
            yield self._step(
                Action.CHANGE,
                said,
                held,
                fields=fields,
                reason="changed at the platform",
                stops=stops,
                moves="unit" in names,
            )
        if said.standing is Standing.SUSPENDED and held.state is HeldState.ACTIVE:
            stops = is_live(held.state, held.ends, self.now)
            yield self._step(Action.SUSPEND, said, held, reason=said.reason or "suspended at the platform", stops=stops)
        elif said.standing is Standing.ACTIVE and held.state is HeldState.SUSPENDED and held.is_synced:
            yield self._step(Action.RESUME, said, held, reason="no longer suspended at the platform")

    def _fields(self, said: SaidKey, held: HeldKey) -> Iterator[Field]:
        zone = self._zone(said.venue)
        for name, before, after in (
            ("unit", held.unit, said.unit if said.unit is not None else held.unit),
            ("SSID", held.pool, said.pool),
            ("subscriber", held.subscriber, said.subscriber if said.subscriber is not None else held.subscriber),
            ("plan", held.plan, said.plan if said.plan is not None else held.plan),
            ("tag", held.tag, said.tag if said.tag is not None else held.tag),
        ):
            if before != after:
                yield Field(name, self.places.name(name, before), self.places.name(name, after))
        if said.vlan is not None and said.vlan != held.vlan:
            yield Field("VLAN", None if held.vlan is None else str(held.vlan), str(said.vlan))
        # A window that has begun is not moved by a platform that forgot it.
        starts = held.starts if said.starts is None else _whole(said.starts)
        for name, then, now in (("starts", held.starts, starts), ("ends", held.ends, _second(said.ends))):
            if then != now:
                yield Field(name, _day(then, zone), _day(now, zone))

    def _has_place(self, said: SaidKey) -> bool:
        """Return whether all that the key needs is there or will be."""
        for kind, id_, what in (
            (Kind.VENUE, said.venue, "venue"),
            (Kind.POOL, said.pool, "SSID"),
            (Kind.UNIT, said.unit, "unit"),
            (Kind.PLAN, said.plan, "plan"),
        ):
            if id_ is not None and not self.places.has(kind, id_):
                if (kind, id_) not in self.places.blocked:  # of which it is said already
                    self._fault(said, f"its {what} {id_} is not at the platform, or cannot be taken", field=what)
                return False
        starts, ends = _second(said.starts), _second(said.ends)
        if starts is not None and ends is not None and ends <= starts:
            self._fault(said, "it would end before it starts", field="ends")
            return False
        return True

    # Those whose record is not there.

    def _not_there(self) -> Iterator[Step]:
        for held in self.holdings.keys.values():
            if held.state in (HeldState.REMOVED, HeldState.ERASED) or self.reading.saw(Kind.KEY, held.id):
                continue
            if not self.reading.is_complete(held.venue, Kind.KEY):
                continue
            last = self.holdings.last_complete
            if last is not None and self.now <= last:
                continue  # a clock went back: this reading is no later than the last one
            since = min(held.missing_since or self.now, self.now)
            readings = held.missing_readings + 1
            self.missing.append(Missing(held.id, since, readings))
            long_enough = self.now - since >= timedelta(hours=self.limits.missing_hours)
            if readings >= self.limits.missing_readings and long_enough:
                stops = is_live(held.state, held.ends, self.now)
                self._missing_ends[held.venue] = self._missing_ends.get(held.venue, 0) + stops
                yield Step(
                    action=Action.END,
                    kind=Kind.KEY,
                    id=held.id,
                    venue=held.venue,
                    label=self._label(None, held),
                    record=held.record,
                    unit=held.unit,
                    reason=f"not at the platform since {_day(since, self._zone(held.venue))}, in {readings} readings",
                    stops=stops,
                )

    def emptied(self, steps: list[Step]) -> list[str]:
        """Return of which venues a reading has nobody, though the store has: that is a platform's mistake, mostly."""
        there = {said.venue for said in self.reading.all(SaidKey)}
        ending = {step.venue for step in steps if step.stops}
        return [
            f"the platform has nobody at {venue} any more"
            for venue, count in sorted(self._missing_ends.items())
            if count and venue not in there and venue in ending
        ]

    # Whose they are.

    def _subscribers(self, needed: set[str]) -> Iterator[Step]:
        owners: dict[str, str] = {}
        for said in self.reading.all(SaidSubscriber):
            held = self.holdings.subscribers.get(said.id)
            external_id = said.external_id
            if external_id is not None and owners.setdefault(external_id, said.id) != said.id:
                text = f"external id {external_id[:80]} is that of {owners[external_id][:80]} as well: it is left out"
                self.faults.append(
                    Fault(self.reading.platform, said.venue, Kind.SUBSCRIBER, said.id, "external id", text)
                )
                external_id = None
            if held is None:
                if said.id in needed:
                    yield self._person(Action.ADD, said, None, (), "new at the platform", external_id)
                continue
            fields = [Field("name", held.name, said.name)] if held.name != said.name else []
            if external_id is not None and external_id != held.external_id:
                fields.append(Field("external id", held.external_id, external_id))
            if fields:
                reason = "changed at the platform"
                yield self._person(Action.CHANGE, said, held.record, tuple(fields), reason, external_id)

    def _person(
        self,
        action: Action,
        said: SaidSubscriber,
        record: int | None,
        fields: tuple[Field, ...],
        reason: str,
        external_id: str | None,
    ) -> Step:
        if external_id != said.external_id:
            said = SaidSubscriber(id=said.id, venue=said.venue, name=said.name)
        return Step(
            action=action,
            kind=Kind.SUBSCRIBER,
            id=said.id,
            venue=said.venue,
            label=said.name,
            record=record,
            fields=fields,
            reason=reason,
            said=said,
        )

    # How it is told.

    def _step(
        self,
        action: Action,
        said: SaidKey,
        held: HeldKey | None,
        *,
        reason: str,
        fields: tuple[Field, ...] = (),
        stops: bool = False,
        moves: bool = False,
    ) -> Step:
        return Step(
            action=action,
            kind=Kind.KEY,
            id=said.id,
            venue=said.venue if held is None else held.venue,
            label=self._label(said, held),
            record=None if held is None or held.state is HeldState.ERASED else held.record,
            unit=(held.unit if held is not None and held.unit is not None else said.unit),
            fields=fields or (tuple(self._window(said)) if action in (Action.ADD, Action.RETURN) else ()),
            reason=reason,
            said=said,
            stops=stops,
            moves=moves,
        )

    def _window(self, said: SaidKey) -> Iterator[Field]:
        zone = self._zone(said.venue)
        for name, at in (("starts", said.starts), ("ends", said.ends)):
            if at is not None:
                yield Field(name, None, _day(_whole(at), zone))
        if said.standing is Standing.SUSPENDED:
            yield Field("suspended", None, said.reason or "at the platform")

    def _label(self, said: SaidKey | None, held: HeldKey | None) -> str:
        person = self.reading.get(SaidSubscriber, said.subscriber) if said is not None else None
        name = person.name if person is not None else None
        if name is None and held is not None:
            name = held.label or None
        if name is None:
            name = (said.subscriber if said is not None else None) or (said or held).id  # type: ignore[union-attr]
        unit = held.unit if held is not None else said.unit if said is not None else None
        return name if unit is None else f"{name}, unit {self.places.name('unit', unit)}"

    def _zone(self, venue: str) -> str:
        said = self.reading.get(SaidVenue, venue)
        held = self.holdings.venues.get(venue)
        return (held.time_zone if held else None) or (said.time_zone if said else None) or "UTC"

    def _fault(self, said: SaidKey, text: str, *, field: str | None = None) -> None:
        self.faults.append(Fault(self.reading.platform, said.venue or WHOLE, Kind.KEY, said.id, field, text))


def _second(at: datetime | None) -> datetime | None:
    return None if at is None else _whole(at)


def _whole(at: datetime) -> datetime:
    """Return an instant as the store keeps it."""
    return at.astimezone(UTC).replace(microsecond=0)


def _day(at: datetime | None, zone: str) -> str | None:
    if at is None:
        return None
    try:
        return render_instant(at.replace(microsecond=0), parse_zone(zone))
    except InvalidValue:
        return f"{at:%Y-%m-%d %H:%M} UTC"
