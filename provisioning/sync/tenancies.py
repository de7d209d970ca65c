"""Tenancies: the reconciler's part for the keys of which the platform says something."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from .holdings import HeldKey, HeldState, Holdings
from .places import Places
from .plan import Action, Field, Step
from .statement import Fault, Kind, Reading, SaidKey, SaidSubscriber, Standing, shorten
from .windows import day, is_live, whole, zone_of

_SOON: Final = timedelta(hours=24)  # an end that is moved to within this counts as a stop
_NEW: Final = "new at the platform"
_BACK: Final = "there again at the platform"
_HAD_ENDED: Final = "it had ended: "  # of what lets in again who had left
_PASSES: Final = "it is another person's at the platform now"
_HEIR: Final = "in place of {}, which was another person's"
_CHANGED: Final = "changed at the platform"
_OVERRULES: Final = {Standing.ENDED: HeldState.REMOVED, Standing.SUSPENDED: HeldState.SUSPENDED}
_DID: Final = {HeldState.REMOVED: "restored it", HeldState.SUSPENDED: "resumed it"}


class Tenancies:
    """Makes steps of them. `agreed`: see Plan."""

    def __init__(self, reading: Reading, holdings: Holdings, places: Places, faults: list[Fault]) -> None:
        self._reading = reading
        self._holdings = holdings
        self._places = places
        self._faults = faults
        self._now = reading.at
        self._external_ids: dict[str, str] = {}
        self.agreed: list[str] = []

    def steps(self) -> Iterator[Step]:
        for said in self._reading.all(SaidKey):
            held = self._holdings.keys.get(said.id)
            if said.standing is Standing.UNKNOWN:
                if held is None:
                    self._fault(said, "nothing is made of it, as what the platform says of its state is not known")
            elif held is None:
                yield from self._new(said)
            elif held.state in (HeldState.REMOVED, HeldState.ERASED):
                yield from self._gone(said, held)
            else:
                yield from self._there(said, held)

    # By how they are stored.

    def _new(self, said: SaidKey) -> Iterator[Step]:
        if not self._is_over(said) and (wanted := self._placed(said)) is not None:
            yield self._step(Action.ADD, wanted, None, reason=_NEW, fields=tuple(self._window(wanted)))

    def _gone(self, said: SaidKey, held: HeldKey) -> Iterator[Step]:
        """Of a key that was removed: it returns where a sync has ended it, and never where a person has."""
        if not held.is_synced or self._is_over(said) or (wanted := self._placed(said)) is None:
            return
        if held.state is HeldState.ERASED:
            step = self._step(Action.ADD, wanted, None, reason=_HAD_ENDED + _BACK, fields=tuple(self._window(wanted)))
        elif self._passes(wanted, held):
            step = self._heir(wanted, held, stops=False)
        else:
            step = self._step(
                Action.RETURN, wanted, held, reason=_HAD_ENDED + _BACK, fields=tuple(self._window(wanted))
            )
        yield replace(step, returns=said.standing is Standing.ACTIVE and not step.passes)

    def _there(self, said: SaidKey, held: HeldKey) -> Iterator[Step]:
        overruled = _OVERRULES.get(said.standing)
        if overruled is not None and held.is_overruled(overruled):
            self._fault(said, f"somebody has {_DID[overruled]}: it stays, though it is {said.standing.value} there")
            if said.standing is Standing.ENDED:
                return
        elif said.standing is Standing.ENDED:
            yield self._end(said, held, said.reason or "ended at the platform")
            return
        is_active = said.standing is Standing.ACTIVE and held.state is HeldState.ACTIVE
        if is_active and not held.is_synced and held.given in (HeldState.SUSPENDED, HeldState.REMOVED):
            self.agreed.append(said.id)
        wanted = self._as_stored(said, held)
        if self._passes(wanted, held):
            yield from self._pass_on(wanted, held)
            return
        starts = wanted.starts if wanted.starts is not None else held.starts
        if wanted.ends is not None and starts is not None and wanted.ends <= starts:
            if wanted.ends <= self._now:
                yield self._end(said, held, "ended at the platform before it began")
                return
            self._fault(said, "it would end before it starts: its window stays as it is stored", field="ends")
            wanted = replace(wanted, starts=None, ends=held.ends)
        yield from self._changes(wanted, held)
        yield from self._status(wanted, held)

    def _status(self, said: SaidKey, held: HeldKey) -> Iterator[Step]:
        if said.standing is Standing.SUSPENDED and held.state is HeldState.ACTIVE:
            if not held.is_overruled(HeldState.SUSPENDED):
                stops = is_live(held.state, held.ends, self._now)
                reason = said.reason or "suspended at the platform"
                yield self._step(Action.SUSPEND, said, held, reason=reason, stops=stops)
        elif said.standing is Standing.ACTIVE and held.state is HeldState.SUSPENDED and held.is_synced:
            yield self._step(Action.RESUME, said, held, reason="no longer suspended at the platform")

    def _end(self, said: SaidKey, held: HeldKey, reason: str) -> Step:
        return self._step(Action.END, said, held, reason=reason, stops=is_live(held.state, held.ends, self._now))

    def _changes(self, said: SaidKey, held: HeldKey) -> Iterator[Step]:
        """Yield what changes; a window that lets somebody stop apart, as that waits where a reading is partial."""
        fields, window = list(self._fields(said, held)), list(self._window_fields(said, held))
        stops = bool(window) and self._stops(said, held)
        if not stops:
            fields += window
        moves = any(field.name in ("unit", "SSID") for field in fields)
        if fields:
            wanted = replace(said, starts=None, ends=held.ends) if stops else said
            returns = not stops and self._returns(said, held)
            reason = _HAD_ENDED + _CHANGED if returns and self._was_over(held) else _CHANGED
            step = self._step(Action.CHANGE, wanted, held, fields=tuple(fields), reason=reason, moves=moves)
            yield replace(step, returns=returns)
        if stops:
            yield self._step(Action.CHANGE, said, held, fields=tuple(window), reason=_CHANGED, stops=True)

    def _stops(self, said: SaidKey, held: HeldKey) -> bool:
        """Return whether somebody who gets in now does not any more with this window, or soon."""
        if not is_live(held.state, held.ends, self._now):
            return False
        begun = held.starts is None or held.starts <= self._now
        if begun and said.starts is not None and said.starts > self._now:
            return True
        is_shorter = said.ends is not None and (held.ends is None or said.ends < held.ends)
        return is_shorter and said.ends is not None and said.ends <= self._now + _SOON

    def _returns(self, said: SaidKey, held: HeldKey) -> bool:
        """Return whether a key's end is taken back, or who has left gets in again: a lost column looks the same."""
        if said.ends is None and held.ends is not None:
            return True
        works = said.standing is not Standing.SUSPENDED
        if held.state is HeldState.SUSPENDED:
            works = said.standing is Standing.ACTIVE and held.is_synced
        return works and self._was_over(held) and not self._is_over(said)

    def _was_over(self, held: HeldKey) -> bool:
        return held.ends is not None and held.ends <= self._now

    # A key that is another person's: whoever had it knows its passphrase, so that it ends, and another is made.

    @staticmethod
    def _passes(said: SaidKey, held: HeldKey) -> bool:
        return said.subscriber is not None and held.subscriber not in (None, said.subscriber)

    def _pass_on(self, said: SaidKey, held: HeldKey) -> Iterator[Step]:
        """Yield the end of a key, and the one that takes its place; both wait where a reading is partial."""
        end = self._end(said, held, _PASSES)
        yield replace(end, label=self.label(None, held), passes=True)
        if self._is_over(said):
            return
        if said.starts is not None and said.ends is not None and said.ends <= said.starts:
            self._fault(said, "it would end before it starts", field="ends")
            return
        is_units = said.is_in_units_vlan or said.unit not in (None, held.unit)
        wanted = replace(
            said,
            unit=held.unit if said.unit is None else said.unit,
            plan=held.plan if said.plan is None else said.plan,
            vlan=held.vlan if said.vlan is None and not is_units else said.vlan,
        )
        yield self._heir(wanted, held, stops=end.stops)

    def _heir(self, said: SaidKey, held: HeldKey, *, stops: bool) -> Step:
        fields, reason = tuple(self._window(said)), _HEIR.format(f"id:{held.record}")
        step = self._step(Action.ADD, said, held, reason=reason, fields=fields, stops=stops)
        return replace(step, label=self.label(said, None), passes=True)

    def _fields(self, said: SaidKey, held: HeldKey) -> Iterator[Field]:
        for name, kind, before, after in (
            ("unit", Kind.UNIT, held.unit, said.unit),
            ("SSID", Kind.POOL, held.pool, said.pool),
            ("subscriber", Kind.SUBSCRIBER, held.subscriber, said.subscriber),
            ("plan", Kind.PLAN, held.plan, said.plan),
        ):
            if after is not None and before != after:
                yield Field(name, self._places.name(kind, before), self._places.name(kind, after))
        # Not the external id, which is often what we wrote back.
        for name, was, now in (("VLAN", held.vlan, said.vlan), ("tag", held.tag, said.tag)):
            if now is not None and was != now:
                yield Field(name, None if was is None else str(was), str(now))
        if said.is_in_units_vlan and held.vlan is not None:
            yield Field("VLAN", str(held.vlan), "its unit's")

    def _window_fields(self, said: SaidKey, held: HeldKey) -> Iterator[Field]:
        # A window that has begun is not moved by a platform that forgot it.
        if said.starts is not None and said.starts != held.starts:
            yield Field("starts", self._day(held.starts, said.venue), self._day(said.starts, said.venue))
        if said.ends != held.ends:
            yield Field("ends", self._day(held.ends, said.venue), self._day(said.ends, said.venue))

    # What they need.

    def _is_over(self, said: SaidKey) -> bool:
        return said.standing is Standing.ENDED or (said.ends is not None and said.ends <= self._now)

    def _placed(self, said: SaidKey) -> SaidKey | None:
        """Return a key that is to be made, None where it has to wait for what it needs."""
        for kind, id_, what in (
            (Kind.VENUE, said.venue, "venue"),
            (Kind.POOL, said.pool, "SSID"),
            (Kind.UNIT, said.unit, "unit"),
            (Kind.PLAN, said.plan, "plan"),
        ):
            if id_ is not None and not self._has(said, kind, id_, what):
                return None
        said = self._plain(said)
        if said.starts is not None and said.ends is not None and said.ends <= said.starts:
            self._fault(said, "it would end before it starts", field="ends")
            return None
        return said

    def _as_stored(self, said: SaidKey, held: HeldKey) -> SaidKey:
        """Return a key that is there, with what cannot be taken of it as it is stored."""
        if said.pool != held.pool and not self._has(said, Kind.POOL, said.pool, "SSID"):
            said = replace(said, pool=held.pool)
        if said.unit is not None and said.unit != held.unit and not self._has(said, Kind.UNIT, said.unit, "unit"):
            said = replace(said, unit=None, vlan=None, is_in_units_vlan=False)  # those are of the unit it is not in
        if said.plan is not None and said.plan != held.plan and not self._has(said, Kind.PLAN, said.plan, "plan"):
            said = replace(said, plan=None)
        return self._plain(said)

    def _has(self, said: SaidKey, kind: Kind, id_: str, what: str) -> bool:
        if self._places.has(kind, id_):
            return True
        if (kind, id_) in self._places.blocked:  # of which it is said why
            self._places.wait(kind, id_)
        else:
            self._fault(said, f"its {what} {shorten(id_)} is not at the platform, or cannot be taken", field=what)
        return False

    def _plain(self, said: SaidKey) -> SaidKey:
        """Return a key with instants as the store keeps them, and without references that lead nowhere."""
        starts, ends = whole(said.starts), whole(said.ends)
        if starts is not said.starts or ends is not said.ends:
            said = replace(said, starts=starts, ends=ends)
        person = said.subscriber
        if (
            person is not None
            and person not in self._holdings.subscribers
            and self._reading.get(SaidSubscriber, person) is None
        ):
            text = f"subscriber {shorten(person)} is not at the platform, or cannot be taken: the key goes without"
            self._fault(said, text, field="subscriber")
            said = replace(said, subscriber=None)
        name = said.external_id
        if name is not None and self._external_ids.setdefault(name, said.id) != said.id:
            other = shorten(self._external_ids[name])
            self._fault(said, f"{shorten(name)} is that of key {other} as well: it is left out", field="external id")
            said = replace(said, external_id=None)
        return said

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
            label=self.label(said, held),
            record=None if held is None else held.record,
            unit=held.unit if held is not None and held.unit is not None else said.unit,
            fields=fields,
            reason=reason,
            said=said,
            stops=stops,
            moves=moves,
        )

    def _window(self, said: SaidKey) -> Iterator[Field]:
        for name, at in (("starts", said.starts), ("ends", said.ends)):
            if at is not None:
                yield Field(name, None, self._day(at, said.venue))
        if said.standing is Standing.SUSPENDED:
            yield Field("suspended", None, shorten(said.reason or "at the platform"))

    def _day(self, at: datetime | None, venue: str) -> str | None:
        return day(at, zone_of(self._reading, self._holdings, venue))

    def label(self, said: SaidKey | None, held: HeldKey | None) -> str:
        """Return what a person knows a key by: whose it is, and in which unit."""
        person = self._reading.get(SaidSubscriber, said.subscriber) if said is not None else None
        name = person.name if person is not None else held.label if held is not None else None
        if not name and said is not None:
            name = said.subscriber or said.id
        unit = held.unit if held is not None else said.unit if said is not None else None
        text = shorten(name or (held.id if held is not None else ""))
        return text if unit is None else f"{text}, unit {self._places.name(Kind.UNIT, unit)}"

    def _fault(self, said: SaidKey, text: str, *, field: str | None = None) -> None:
        self._faults.append(Fault(self._reading.platform, said.venue, Kind.KEY, said.id, field, text))
