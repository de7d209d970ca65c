"""One run of one connector: read, make a plan, and carry it out or wait for a person.

A run holds the connector's lease, so that of several servers one synchronises. While a plan is held nothing is read and
nothing is changed: the property goes on with what it has.
"""

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from ..errors import NotFound, RowDamaged
from ..keys import Progress
from ..model.venue import MOST_UNITS
from ..platforms import Connector, ConnectorSettings, Known, PlatformError, Unreadable
from ..store import Store
from ..store.sync import ACCEPTED, HELD, OFFERED, ConnectorState, Owned
from ..sync import Fault, HeldState, Holdings, Kind, Limits, Plan, Reading, reconcile, shorten
from .apply import Applied, Applier
from .finishing import Drive, finish_with_platform
from .lease import Lease
from .nases import NasAdder

MOST_AGE: Final = timedelta(hours=24)  # of a plan that is accepted
_MOST_FAULTS: Final = 200  # that are kept
# What only an answer can bring: venues and SSIDs may be those of the configuration.
_CONTENTS: Final = (Kind.UNIT, Kind.SUBSCRIBER, Kind.KEY, Kind.PLAN, Kind.NAS)


class Outcome(enum.Enum):
    """How a run ended."""

    DONE = "done"  # what the platform says holds
    PARTIAL = "partial"  # what could be read of it does
    HELD = "held"  # a person has to accept a plan
    FAILED = "failed"  # nothing was read
    BUSY = "busy"  # another process has the lease


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run found and did."""

    connector: str
    outcome: Outcome
    plan: Plan | None = None
    applied: Applied | None = None
    text: str | None = None  # why, where it is not done
    held: str | None = None  # the plan that a person has to accept
    quiet_s: float = 0.0  # for which the platform wants to be left alone, from then on
    completed: "RunReport | None" = None  # of a plan that was accepted and then interrupted, which this run completed

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Return what a person should know, of the platform's records and of what the store refused."""
        before = () if self.completed is None or self.completed.applied is None else self.completed.applied.refused
        found = () if self.plan is None else self.plan.faults
        return (*before, *found, *(() if self.applied is None else self.applied.refused))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A platform and the store, compared; `reading` None: the plan is all that came of it."""

    plan: Plan
    holdings: Holdings
    reading: Reading | None


@dataclass(frozen=True, kw_only=True)
class Configured:
    """A connector with what its table says beside its settings."""

    settings: ConnectorSettings
    connector: Connector
    limits: Limits
    venues: Mapping[str, str]  # the platform's id -> the name of a venue that people made
    nas_places: frozenset[str] = frozenset()
    nases: NasAdder | None = None

    @property
    def name(self) -> str:
        return self.settings.name


class Run:
    """What can be done with one connector now."""

    def __init__(
        self,
        store: Store,
        configured: Configured,
        drive: Drive,
        *,
        now: Callable[[], datetime],
        progress: Progress | None = None,
        leader: str | None = None,
    ) -> None:
        self._store = store
        self._configured = configured
        self._connector = configured.connector
        self._name = configured.name
        self._drive = drive
        self._now = now
        self._progress = progress
        self._lease = Lease(store.sync, self._name, configured.settings.platform, now, leader)
        self._reason: str | None = None  # why a person accepts a plan
        self._made_from: Holdings | None = None  # the last plan
        self._reading: Reading | None = None  # of this run; a plan that was kept has none, and the next run tells

    # Commands.

    def run(self) -> RunReport:
        """Synchronise, as far as nobody has to be asked."""
        if (busy := self._lease.take()) is not None:
            return self._busy(busy)
        try:
            completed = self._resume_accepted()
            return replace(self._run(), completed=completed)
        finally:
            self._lease.give_back()

    def dry_run(self) -> RunReport:
        """Return what `run` would do; nothing is kept of it."""
        if (held := self._held()) is not None:
            return held
        try:
            plan = self._make_plan(keep=False)
        except PlatformError as error:
            return RunReport(connector=self._name, outcome=Outcome.FAILED, text=str(error))
        outcome = Outcome.HELD if plan.holds else Outcome.DONE if plan.is_complete else Outcome.PARTIAL
        return RunReport(connector=self._name, outcome=outcome, plan=plan, text="; ".join(plan.holds) or None)

    def look(self) -> Look:
        """Return what a platform says beside what the store has; nothing is kept of it."""
        plan = self._make_plan(keep=False)
        return Look(plan=plan, holdings=self._holdings(), reading=self._reading)

    def plan(self) -> RunReport:
        """Make a plan for a person to read, and keep it; where the connector is held, in place of the one before."""
        if (busy := self._lease.take()) is not None:
            return self._busy(busy)
        try:
            try:
                plan = self._make_plan()
            except PlatformError as error:
                return self._failed(error)
            held = self._state().held_plan is not None or bool(plan.holds)
            plan = self._keep(plan, HELD if held else OFFERED)
            text = "; ".join(plan.holds) or None
            return RunReport(connector=self._name, outcome=Outcome.HELD, plan=plan, text=text, held=plan.id)
        finally:
            self._lease.give_back()

    def accept(self, number: int, *, reason: str | None = None) -> RunReport:
        """Carry out a plan that was kept, exactly; where something it was made from has changed, make a new one."""
        self._reason = reason
        stored = self._store.sync.stored_plan(number)
        if stored.connector != self._name:
            raise NotFound(f"plan {number} is not one of {self._name}")
        if (busy := self._lease.take()) is not None:
            return self._busy(busy)
        try:
            if stored.state not in (HELD, OFFERED, ACCEPTED):
                raise NotFound(f"plan {self._plan_id(number)} is {stored.state} already")
            plan = self._store.sync.plan(number)
            if stored.state != ACCEPTED:
                why = self._moved(plan)
                if why is not None:
                    return self._plan_anew(why)
                with self._store.change("sync.accept", reason=reason) as change:
                    change.is_told = True
                    change.subject("sync_plan", number, plan.id)
                    self._store.sync.accept(number, self._name)
            report = self._apply(plan, number, start=stored.done)
            self._store.sync.close_plan(number)
            return report
        finally:
            self._lease.give_back()

    # Their parts.

    def _run(self) -> RunReport:
        if (held := self._held()) is not None:
            return held
        try:
            plan = self._make_plan()
        except PlatformError as error:
            return self._failed(error)
        self._store.sync.mark_missing(self._name, plan.missing)
        self._store.sync.mark_agreed(self._name, plan.agreed)
        if plan.holds:
            plan = self._keep(plan, HELD)
            text = "; ".join(plan.holds)
            return RunReport(connector=self._name, outcome=Outcome.HELD, plan=plan, text=text, held=plan.id)
        return self._apply(plan, None)

    def _held(self) -> RunReport | None:
        """Return what is said while a plan waits for a person, None where none does."""
        state = self._store.sync.connector(self._name)
        if state is None or state.held_plan is None:
            return None
        plan = self._plan_id(state.held_plan)
        why = "; ".join(self._store.sync.stored_plan(state.held_plan).summary.get("holds", ()))
        text = f"since {state.held_since:%Y-%m-%d %H:%M} UTC, until plan {plan} is accepted or released"
        text = f"{text}: {why}" if why else text
        return RunReport(connector=self._name, outcome=Outcome.HELD, text=text, held=plan)

    def _moved(self, plan: Plan) -> str | None:
        """Return why a plan cannot be carried out any more."""
        if (why := self._too_old(plan)) is not None:
            return why
        if self._holdings().digest() != plan.basis:
            return f"something that plan {plan.id} was made from has changed since"
        return None

    def _too_old(self, plan: Plan) -> str | None:
        if self._now() - plan.made_at > MOST_AGE:
            return f"plan {plan.id} is from {plan.made_at:%Y-%m-%d %H:%M} UTC, which is too long ago"
        return None

    def _plan_anew(self, why: str) -> RunReport:
        try:
            plan = self._make_plan()
        except PlatformError as error:
            return self._failed(error)
        plan = self._keep(plan, HELD)
        text = f"{why}: read plan {plan.id} instead, and accept that"
        return RunReport(connector=self._name, outcome=Outcome.HELD, plan=plan, text=text, held=plan.id)

    def _make_plan(self, *, keep: bool = True) -> Plan:
        if keep:
            self._adopt()
        revision = self._store.changes.revision()
        holdings = self._holdings()
        reading = self._read(holdings)
        self._lease.beat()
        if self._store.changes.revision() != revision:  # while the platform was asked
            holdings = self._holdings()
        plan = reconcile(reading, holdings, self._configured.limits, self._name)
        self._made_from = holdings
        return replace(plan, faults=(*plan.faults, *self._nas_faults(holdings)))

    def _nas_faults(self, holdings: Holdings) -> Iterator[Fault]:
        """Yield where the NASes that were made here are not what the configuration says of them by now."""
        if self._configured.nases is None:
            return
        platform = self._configured.settings.platform
        for held in holdings.nases.values():
            try:
                nas = self._store.nases.get(held.record)
            except (NotFound, RowDamaged):
                continue  # said elsewhere
            for field, text in self._configured.nases.differences(nas, held.id):
                yield Fault(platform, held.venue, Kind.NAS, held.id, field, text, label=shorten(held.name))

    def _read(self, holdings: Holdings) -> Reading:
        reading = Reading(self._name, self._configured.settings.platform, self._now())
        self._drive(self._connector.read(reading, known(holdings)))
        if not reading.is_whole and not any(map(reading.count, _CONTENTS)):
            raise Unreadable(_why_nothing(reading))
        self._reading = reading
        return reading

    def _apply(self, plan: Plan, number: int | None, start: int = 0) -> RunReport:
        applier = Applier(
            self._store,
            plan,
            now=self._now(),
            number=number,
            add_nas=self._configured.nases,
            progress=self._tell,
            holdings=self._made_from if number is None else None,
            guard=self._lease.keep,
            reason=self._reason,
        )
        self._made_from = None  # 100,000 keys of it are much, and are read again afterwards
        applied = applier.apply(start)
        applied.refused += finish_with_platform(
            self._store, self._connector, self._configured.settings, self._drive, self._reading
        )
        whole = plan.is_complete
        report = RunReport(
            connector=self._name,
            outcome=Outcome.DONE if whole else Outcome.PARTIAL,
            plan=plan,
            applied=applied,
            text=None if whole else _in_part(plan),
        )
        self._finish(report, complete=whole)
        return report

    def _resume_accepted(self) -> RunReport | None:
        """Complete a plan that was accepted and then interrupted, and return what that did.

        One that cannot be opened any more is given up.
        """
        stored = self._store.sync.accepted(self._name)
        if stored is None:
            return None
        try:
            plan = self._store.sync.plan(stored.number)
        except (NotFound, RowDamaged):
            plan = None  # what is left of it is in the next plan
        report = None if plan is None else self._apply(plan, stored.number, stored.done)
        self._store.sync.close_plan(stored.number)
        return report

    def _adopt(self) -> None:
        """Use the venues that the configuration names for the platform's."""
        named = self._configured.venues
        known_venues = self._store.sync.records(self._name, Kind.VENUE) if named else {}
        venues = {venue.id: venue.name for venue in self._store.venues.all()} if named else {}
        for platform_id, name in named.items():
            if known_venues.get(platform_id) in venues:
                continue
            found = next((id_ for id_, venue in venues.items() if venue == name), None)
            if found is None:
                raise NotFound(f"[sync.{self._name}.venues] {platform_id}: there is no venue {name!r}")
            with self._store.sync.joining():
                self._store.sync.own(self._name, [Owned(Kind.VENUE, platform_id, platform_id, found, is_owned=False)])

    def _holdings(self) -> Holdings:
        return self._store.sync.holdings(
            self._name, nas_places=self._configured.nas_places, venues=self._configured.venues
        )

    def _state(self) -> ConnectorState:
        state = self._store.sync.connector(self._name)
        if state is None:
            raise NotFound(f"no connector {self._name}")
        return state

    def _plan_id(self, number: int) -> str:
        return f"{self._name}-{number}"

    # The lease, and what is noted.

    def beat(self) -> None:
        """Prolong the lease: whoever drives calls this while a long reading goes on."""
        self._lease.beat()

    def _tell(self, stage: str, done: int, total: int) -> None:
        self._lease.beat()
        if self._progress is not None:
            self._progress(stage, done, total)

    def _busy(self, state: ConnectorState) -> RunReport:
        until = "" if state.leader_until is None else f" until {state.leader_until:%H:%M:%S} UTC"
        leader = (state.leader or "").rsplit(":", 2)[0]
        text = f"{leader} synchronises it{until}"
        return RunReport(connector=self._name, outcome=Outcome.BUSY, text=text)

    def _failed(self, error: PlatformError) -> RunReport:
        report = RunReport(connector=self._name, outcome=Outcome.FAILED, text=str(error))
        self._finish(report, complete=False)
        return report

    def _keep(self, plan: Plan, state: str) -> Plan:
        """Give a plan its id, and keep it until a person says something of it."""
        number = self._store.sync.next_plan()
        plan = replace(plan, id=self._plan_id(number))
        summary = {"counts": plan.counts, "holds": list(plan.holds), "complete": plan.is_complete}
        self._store.sync.save_plan(number, plan, state, summary)
        report = RunReport(connector=self._name, outcome=Outcome.HELD, plan=plan, text="; ".join(plan.holds) or None)
        self._finish(report, complete=plan.is_complete)
        return plan

    def _finish(self, report: RunReport, *, complete: bool) -> None:
        details: dict[str, Any] = {"outcome": report.outcome.value}
        if report.plan is not None:
            details |= {
                "counts": report.plan.counts,
                "waiting": len(report.plan.waiting),
                "missing": report.plan.still_missing,
                "faults": [str(fault) for fault in report.faults[:_MOST_FAULTS]],
                "fault_count": len(report.faults),
            }
        error = report.text if report.outcome in (Outcome.FAILED, Outcome.PARTIAL) else None
        self._store.sync.finish(self._name, now=self._now(), complete=complete, error=error, details=details)


def _in_part(plan: Plan) -> str:
    """Return what a reading in part means: where pages lack nobody stops, where a record does nobody for its lack."""
    lack = " for being missing" if any(step.stops for step in plan.steps) else ""
    return f"the platform was read in part: nobody was taken off{lack}"


def _why_nothing(reading: Reading) -> str:
    """Return what to say of a reading that brought nothing: the first trouble, and how many more there are."""
    if not reading.faults:
        return "nothing came that could be read"
    more = len(reading.faults) - 1
    first = f"nothing came that could be read: {reading.faults[0]}"
    return f"{first}; and {more:,} more like it" if more else first


def known(holdings: Holdings) -> Known:
    """Return what a connector may know of the store."""
    keys = holdings.keys.values()
    there = [held for held in keys if held.state in (HeldState.ACTIVE, HeldState.SUSPENDED)]
    return Known(
        keys=frozenset(held.id for held in there),
        suspended=frozenset(held.id for held in there if held.state is HeldState.SUSPENDED and held.is_synced),
        units_of_keys={held.id: held.unit for held in there if held.unit is not None},
        ends_of_keys={held.id: held.ends for held in there if held.ends is not None},
        subscribers_of_keys={held.id: held.subscriber for held in there if held.subscriber is not None},
        records_of_keys={held.id: held.record for held in there},
        full_venues=frozenset(venue for venue, count in holdings.count_units().items() if count >= MOST_UNITS),
    )
