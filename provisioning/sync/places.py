"""Venues, SSIDs, plans, units and NASes: the reconciler's part for all that keys need."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import Final

from ..model.venue import MOST_UNITS
from .holdings import HeldPlan, HeldPool, HeldUnit, HeldVenue, Holdings, Place, Taken
from .plan import Action, Field, Step
from .statement import (
    KINDS,
    WHOLE,
    Fault,
    Kind,
    Reading,
    Said,
    SaidNas,
    SaidPlan,
    SaidPool,
    SaidUnit,
    SaidVenue,
    shorten,
)

_NEW: Final = "new at the platform"
_CHANGED: Final = "changed at the platform"
_MOST_SSID: Final = 32


def reconcile_places(reading: Reading, holdings: Holdings, faults: list[Fault]) -> "Places":
    """Return what keys may refer to, and the steps that make it so."""
    places = Places(reading, holdings, faults)
    for steps in (places.venues(), places.pools(), places.plans(), places.units(), places.nases()):
        places.steps += steps
    return places


@dataclass
class Places:
    """What keys may refer to afterwards.

    blocked:    what cannot be taken, of which the faults say why
    waited_for: how many keys need each of those
    told_of:    in whose fault it is said where that is not its own: one line tells of many
    """

    reading: Reading
    holdings: Holdings
    faults: list[Fault]
    steps: list[Step] = field(default_factory=list)
    blocked: set[tuple[Kind, str]] = field(default_factory=set)
    waited_for: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    told_of: dict[tuple[Kind, str], tuple[Kind, str]] = field(default_factory=dict)
    added: set[tuple[Kind, str]] = field(default_factory=set)

    def has(self, kind: Kind, id_: str) -> bool:
        """Return whether a key may refer to it."""
        if self.blocked and (kind, id_) in self.blocked:
            return False
        return id_ in self.holdings.of(kind) or (kind, id_) in self.added

    def wait(self, kind: Kind, id_: str) -> None:
        """Count a key that needs one of those."""
        self.waited_for[self.told_of.get((kind, id_), (kind, id_))] += 1

    def name(self, kind: Kind, id_: str | None) -> str | None:
        """Return what a person calls one of these."""
        if id_ is None:
            return None
        record = self.reading.find(kind, id_) or self.holdings.of(kind).get(id_)
        return shorten(str(getattr(record, "ssid" if kind is Kind.POOL else "name", None) or id_))

    def venues(self) -> Iterator[Step]:
        names: dict[str, str] = {}
        for said in self.reading.all(SaidVenue):
            held = self.holdings.venues.get(said.id)
            other = names.setdefault(said.name, said.id)
            is_taken = other != said.id or (
                said.name in self.holdings.venue_names and (held is None or held.name != said.name)
            )
            if held is None and is_taken:
                text = f"there is a venue {shorten(said.name)} already"
                if other == said.id:
                    text += f": say in [sync.{self.holdings.connector}.venues] whether it is this one"
                self._block(said, text, "name")
            elif held is None:
                yield self._step(Action.ADD, said, said.name)
            elif held.is_owned:
                if is_taken:
                    self._tell(said, f"it is to be called {shorten(said.name)}, as another venue is: it is not", "name")
                    said = replace(said, name=held.name)
                if fields := tuple(_venue_fields(said, held)):
                    yield self._step(Action.CHANGE, said, held.name, held.record, fields)

    def pools(self) -> Iterator[Step]:
        for said in self.reading.all(SaidPool):
            held = self.holdings.pools.get(said.id)
            if held is None and (fault := _ssid_fault(said.ssid)) is not None:
                self._block(said, fault, "SSID")
            elif not said.is_global and not any(self.has(Kind.VENUE, venue) for venue in said.venues):
                if any((Kind.VENUE, venue) in self.blocked for venue in said.venues):
                    self.blocked.add((Kind.POOL, said.id))
                else:
                    self._block(said, "it is at no venue", "venues")
            elif held is None:
                there = self._pool_there(said)
                fields = () if there is None else (Field("keypool", None, "the one that is there is used"),)
                yield self._step(Action.ADD, said, said.ssid, there, fields)
            elif held.ssid != said.ssid:
                text = f"SSID {shorten(held.ssid)} became {shorten(said.ssid)}: no key works on another one"
                self._block(said, text, "SSID")
            elif held.is_owned and not held.is_global and (more := self._more_venues(said, held)):
                yield self._step(Action.CHANGE, said, said.ssid, held.record, (Field("venues", None, ", ".join(more)),))

    def _pool_there(self, said: SaidPool) -> int | None:
        """Return a keypool of that SSID that people made where this one would be: it is used, and stays theirs."""
        found = self.holdings.pools_there.get((WHOLE, said.ssid))
        for venue in said.venues:
            found = self.holdings.pools_there.get((venue, said.ssid), found)
        return found

    def _more_venues(self, said: SaidPool, held: HeldPool) -> list[str]:
        return [venue for venue in said.venues if venue not in held.venues and self.has(Kind.VENUE, venue)]

    def plans(self) -> Iterator[Step]:
        names: dict[str, str] = {}
        for said in self.reading.all(SaidPlan):
            held = self.holdings.plans.get(said.id)
            is_taken = names.setdefault(said.name, said.id) != said.id or (
                said.name in self.holdings.plan_names and (held is None or held.name != said.name)
            )
            if is_taken and held is None:
                self._block(said, f"there is a plan {shorten(said.name)} already: name one of them otherwise", "name")
                continue
            if is_taken and held is not None:
                self._tell(said, f"it is to be called {shorten(said.name)}, as another plan is: it is not", "name")
                said = replace(said, name=held.name)
            if held is None:
                yield self._step(Action.ADD, said, said.name)
            elif fields := tuple(_plan_fields(said, held)):
                yield self._step(Action.CHANGE, said, held.name, held.record, fields)

    def units(self) -> Iterator[Step]:
        at: dict[Place, str] = {
            (held.venue, held.building, held.floor, held.name): held.id for held in self.holdings.units.values()
        }
        for said in self._that_fit():
            said = _told_apart(said, at)
            place = (said.venue, said.building, said.floor, said.name)
            if (there := self.holdings.taken.get(place)) is not None:
                self._block(said, self._taken(said, there), "name")
                continue
            at[place] = said.id
            held = self.holdings.units.get(said.id)
            if held is None:
                yield self._step(Action.ADD, said, said.name, unit=said.id)
            elif held.venue != said.venue:
                self._block(said, f"it was at venue {shorten(held.venue)}: no unit goes to another", "venue")
            elif held.is_owned and (fields := tuple(_unit_fields(said, held))):
                yield self._step(Action.CHANGE, said, held.name, held.record, fields, unit=said.id)

    def _that_fit(self) -> Iterator[SaidUnit]:
        """Yield the units whose venue is there, with those that it can have; tell of the others in one line each."""
        counts = self.holdings.count_units()
        too_many: Counter[str] = Counter()
        for said in self.reading.all(SaidUnit):
            if not self.has(Kind.VENUE, said.venue):
                self.blocked.add((Kind.UNIT, said.id))
                continue
            if said.id not in self.holdings.units:
                counts[said.venue] += 1
                if counts[said.venue] > MOST_UNITS:
                    too_many[said.venue] += 1
                    self.blocked.add((Kind.UNIT, said.id))
                    self.told_of[Kind.UNIT, said.id] = Kind.VENUE, said.venue
                    continue
            yield said
        for venue, count in too_many.items():
            text = f"a venue has at most {MOST_UNITS:,} units: {count:,} more of the platform's are not made"
            self.faults.append(Fault(self.reading.platform, venue, Kind.VENUE, venue, "units", text))

    def _taken(self, said: SaidUnit, there: Taken) -> str:
        """Return whose a unit is that one of the platform would be, and what makes it the platform's."""
        adopt = f"latchkey sync adopt {self.holdings.connector} unit {quote(shorten(said.id))} id:{there.record}"
        name = shorten(said.name)
        if there.owner is None:
            return f"there is a unit {name} already, which people made: if it is this one, {adopt}"
        other, id_ = there.owner
        disown = f"latchkey sync disown {other} unit {quote(shorten(id_))}"
        return f"there is a unit {name} already, which is connector {other}'s: to have it here, {disown}, then {adopt}"

    def nases(self) -> Iterator[Step]:
        for said in self.reading.all(SaidNas):
            held = self.holdings.nases.get(said.id)
            if held is None:
                if said.id in self.holdings.nas_places:
                    yield self._step(Action.ADD, said, said.name or said.id)
                else:
                    text = f"{said.state}: it is not made a NAS, as its address and secret are not configured"
                    self._tell(said, text)
            elif said.enabled is not None and said.enabled != held.enabled:
                words = {True: "enabled", False: "disabled"}
                fields = (Field("state", words[held.enabled], f"{words[said.enabled]} ({shorten(said.state)})"),)
                action = Action.CHANGE if said.enabled else Action.SUSPEND
                yield self._step(action, said, held.name, held.record, fields, stops=not said.enabled)

    def _block(self, said: Said, text: str, where: str | None = None) -> None:
        self.blocked.add((KINDS[type(said)], said.id))
        self._tell(said, text, where)

    def _tell(self, said: Said, text: str, where: str | None = None) -> None:
        self.faults.append(Fault(self.reading.platform, said.venue, KINDS[type(said)], said.id, where, text))

    def _step(
        self,
        action: Action,
        said: SaidVenue | SaidPool | SaidPlan | SaidUnit | SaidNas,
        label: str,
        record: int | None = None,
        fields: tuple[Field, ...] = (),
        *,
        unit: str | None = None,
        stops: bool = False,
    ) -> Step:
        kind = KINDS[type(said)]
        if action is Action.ADD:
            self.added.add((kind, said.id))
        return Step(
            action=action,
            kind=kind,
            id=said.id,
            venue=said.venue,
            label=shorten(label),
            record=record,
            unit=unit,
            fields=fields,
            reason=_NEW if action is Action.ADD else _CHANGED,
            said=said,
            stops=stops,
        )


def _told_apart(said: SaidUnit, at: dict[Place, str]) -> SaidUnit:
    """Return a unit under a name that no other one has: some platforms tell units apart by their ids alone."""
    if at.get((said.venue, said.building, said.floor, said.name), said.id) == said.id:
        return said
    id_ = said.id.rpartition("/")[2]
    for more in (id_[:8], id_, said.id):
        name = f"{said.name[:60]} ({shorten(more)})"
        if at.get((said.venue, said.building, said.floor, name), said.id) == said.id:
            return replace(said, name=name)
    return said


def _ssid_fault(ssid: str) -> str | None:
    """Return why no keypool can have this SSID, None where one can."""
    octets = len(ssid.encode("utf-8", "surrogatepass"))
    return None if 1 <= octets <= _MOST_SSID else f"an SSID has 1 to {_MOST_SSID} octets, and this {octets}"


def _venue_fields(said: SaidVenue, held: HeldVenue) -> Iterator[Field]:
    if said.name not in (held.name, said.id):  # a platform without names for them gives its id
        yield Field("name", held.name, said.name)
    if said.time_zone is not None and said.time_zone != held.time_zone:
        yield Field("time zone", held.time_zone, said.time_zone)
    there = {identifier.upper() for identifier in held.nas_identifiers}
    if more := [each for each in said.nas_identifiers if each.upper() not in there]:
        yield Field("NAS-Identifiers", None, ", ".join(more))
    offset = said.wireless_only_vlan_offset
    if offset is not None and offset != held.wireless_only_vlan_offset:
        yield Field("VLAN offset", str(held.wireless_only_vlan_offset), str(offset))


def _plan_fields(said: SaidPlan, held: HeldPlan) -> Iterator[Field]:
    for name, before, after in (
        ("name", held.name, said.name),
        ("download", held.download_kbps, said.download_kbps),
        ("upload", held.upload_kbps, said.upload_kbps),
        ("devices", held.devices, said.devices),
        ("wireless only", held.wireless_only, said.wireless_only),
    ):
        if before != after and after is not None:
            yield Field(name, None if before is None else str(before), str(after))


def _unit_fields(said: SaidUnit, held: HeldUnit) -> Iterator[Field]:
    for name, before, after in (
        ("name", held.name, said.name),
        ("building", held.building, held.building if said.building is None else said.building),
        ("floor", held.floor, held.floor if said.floor is None else said.floor),
        ("VLAN", held.vlan, held.vlan if said.vlan is None else said.vlan),
    ):
        if before != after:
            yield Field(name, None if before is None else str(before), None if after is None else str(after))
