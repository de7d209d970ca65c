"""A plan is carried out: in order, in many small transactions, so that a running server keeps answering.

A step that the store refuses costs itself, and is tried once more when all others are done: what was in its way may
have ended since. Each transaction notes whose its records are, and how far the plan is, so that what an interruption
left undone is done by the next run, and nothing twice.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ..errors import AlreadyExists, DuplicateKey, ProvisioningError, RowDamaged, RowRefused, StoreError
from ..keys import Progress
from ..store import Store
from ..store.sync import Owned
from ..sync import (
    Action,
    Fault,
    HeldState,
    Holdings,
    Kind,
    Plan,
    SaidKey,
    SaidUnit,
    Step,
    shorten,
)
from . import key_steps, steps
from .key_steps import add_keys, refusal
from .steps import AddNas, Context, NotThere

__all__ = ["AddNas", "Applied", "Applier"]

# What a transaction holds the write lock for some 50 ms with.
_MOST_KEYS: Final = 1000
_MOST_RECORDS: Final = 500
_MOST_STEPS: Final = 100
Refusals = Iterator[tuple[Step, ProvisioningError]]


@dataclass(slots=True)
class Applied:
    """What became of a plan."""

    done: Counter[tuple[Action, Kind]] = field(default_factory=Counter)
    refused: list[Fault] = field(default_factory=list)


class Applier:
    """Carries out one plan of one connector."""

    def __init__(
        self,
        store: Store,
        plan: Plan,
        *,
        now: datetime,
        number: int | None = None,
        add_nas: AddNas | None = None,
        progress: Progress | None = None,
        reason: str | None = None,
        holdings: Holdings | None = None,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare.

        reason:   why somebody wants it, for the audit
        number:   of the plan where it is one that was kept: how far it is is noted there
        add_nas:  makes a NAS of one that the platform names, with what is configured about it
        holdings: what the plan was made from, where it was made just now
        guard:    called within each transaction: raises where another process has taken over
        """
        self._store = store
        self._plan = plan
        self._number = number
        self._progress = progress
        self._because = "" if reason is None else f" ({reason})"
        self._guard = guard
        self._applied = Applied()
        holdings = store.sync.holdings(plan.connector) if holdings is None else holdings
        ids = {kind: {id_: held.record for id_, held in holdings.of(kind).items()} for kind in Kind}
        for id_, held in holdings.keys.items():
            if held.state is HeldState.ERASED:
                del ids[Kind.KEY][id_]  # it is added anew
        self._context = Context(store, plan, now.replace(microsecond=0), add_nas, ids)

    def apply(self, start: int = 0) -> Applied:
        """Carry out the steps from this one on, as `_in_order` has them; return what became of them."""
        done = start
        again: list[Step] = []
        for chunk in _chunks(_in_order(self._plan.steps)[start:]):
            done += len(chunk)
            again += [step for step, _ in self._attempt(chunk, done)]
            self._tell(done)
        refused: list[tuple[Step, ProvisioningError]] = []
        for chunk in _chunks(again):
            refused += self._attempt(chunk, None)
        self._tell_refused(refused)
        self._applied.refused += self._context.faults
        return self._applied

    def _tell(self, done: int) -> None:
        if self._progress is not None:
            self._progress("applying", done, len(self._plan.steps))

    def _attempt(self, chunk: Sequence[Step], done: int | None) -> Refusals:
        """Carry out steps together, or, where one is refused, in smaller groups; yield those that are refused.

        done: how many of the plan are when these are, where that is noted
        """
        wanted = [step for step in chunk if not self._is_done(step)]
        faults = len(self._context.faults)
        refused: list[tuple[Step, ProvisioningError]] = []
        try:
            refused += self._do(wanted, done)
        except (ProvisioningError, ValueError) as error:
            del self._context.faults[faults:]
            if isinstance(error, StoreError) and not isinstance(error, (RowDamaged, RowRefused)):
                raise
            if len(chunk) == 1:
                yield chunk[0], refusal(error)
                return
            half = len(chunk) // 2
            yield from self._attempt(chunk[:half], None if done is None else done - len(chunk) + half)
            yield from self._attempt(chunk[half:], done)
            return
        yield from refused
        without = {id(step) for step, _ in refused}
        for step in wanted:
            if id(step) not in without:
                self._applied.done[step.action, step.kind] += 1

    def _is_done(self, step: Step) -> bool:
        """Return whether a record that is to be made is there: an interruption came after it, or before its note."""
        there = self._context.ids[step.kind].get(step.id)
        return step.action is Action.ADD and there is not None and not (step.passes and there == step.record)

    def _do(self, wanted: Sequence[Step], done: int | None) -> Refusals:
        """Carry out steps of one action and kind; yield those that are refused without harm to the others."""
        if not wanted:
            self._note(done)
            return
        first = wanted[0]
        made: list[Owned] = []

        def own(new: Sequence[Owned]) -> None:
            self._store.sync.own(self._plan.connector, new)
            made.extend(new)

        @contextmanager
        def change() -> Iterator[Callable[[Sequence[Owned]], None]]:
            made.clear()
            with self._store.change("sync.apply", reason=self._reason(wanted)) as recording:
                recording.note |= self._told(first)
                self._guard()
                yield own
                self._note(done)

        if (first.action, first.kind) == (Action.ADD, Kind.KEY):
            yield from add_keys(self._context, wanted, change)
        else:
            bulk = _BULK.get((first.action, first.kind))
            add = None if bulk is None else bulk(self._context, wanted)
            with change():
                if add is not None:
                    own(add())
                else:
                    one = _ONE[first.action, first.kind]
                    own([new for step in wanted if (new := one(self._context, step)) is not None])
        for each in made:  # now that they are stored
            self._context.ids[each.kind][each.platform_id] = each.record_id

    def _note(self, done: int | None) -> None:
        if self._number is not None and done is not None:
            with self._store.sync.joining():
                self._store.sync.advance(self._number, done)

    def _reason(self, chunk: Sequence[Step]) -> str:
        reasons = {step.reason for step in chunk}
        why = f": {shorten(reasons.pop())}" if len(reasons) == 1 else ""
        return f"{self._plan.id}{why}{self._because}"

    def _told(self, first: Step) -> dict[str, str]:
        """Return what the audit tells of a transaction beside its rows."""
        told = {"connector": self._plan.connector, "did": first.action.value}
        return told if self._number is None else {**told, "plan": self._plan.id}

    def _tell_refused(self, refused: Sequence[tuple[Step, ProvisioningError]]) -> None:
        waiting: Counter[tuple[Kind, str]] = Counter()
        for step, error in refused:
            if isinstance(error, NotThere) and error.needed is not None:
                waiting[error.needed] += 1
                continue
            text = f"not {_DONE[step.action]}: {error}"
            self._tell_fault(step.venue, step.kind, step.id, _field_of(step, error), text, step.label)
        for (kind, id_), count in waiting.items():
            waits = "1 record waits" if count == 1 else f"{count:,} records wait"
            self._tell_fault("", kind, id_, None, f"{waits} for it, as it could not be made")

    def _tell_fault(
        self, venue: str, kind: Kind, id_: str, where: str | None, text: str, label: str | None = None
    ) -> None:
        self._applied.refused.append(Fault(self._plan.platform, venue, kind, id_, where, text, label=label))


def _field_of(step: Step, error: ProvisioningError) -> str | None:
    """Return which field of a record the store refuses, where that can be told."""
    if isinstance(error, DuplicateKey):
        return "passphrase"
    if isinstance(error, AlreadyExists):
        return "external id" if "external id" in str(error) else "name"
    if len(step.fields) == 1:
        return step.fields[0].name
    words = {"VLAN": "VLAN", "name": "name", "tag": "tag", "passphrase": "passphrase", "time zone": "time zone"}
    return next((name for word, name in words.items() if word in str(error)), None)


def _in_order(planned: Sequence[Step]) -> list[Step]:
    """Return a plan's steps so that neighbours can go together; always the same, as a kept plan counts by it."""
    ordered: list[Step] = []
    for _, run in itertools.groupby(planned, lambda step: (step.stops, step.action, step.kind)):
        ordered += sorted(run, key=_group)  # stable
    return ordered


def _group(step: Step) -> tuple[str, str, str]:
    """Return what steps have in common that one transaction takes."""
    together = ""
    if step.action is Action.ADD:
        together = step.said.pool if isinstance(step.said, SaidKey) else ""
        together = step.said.venue if isinstance(step.said, SaidUnit) else together
    return step.action.value, step.kind.value, together


def _chunks(ordered: Sequence[Step]) -> Iterator[Sequence[Step]]:
    for _, run in itertools.groupby(ordered, _group):
        chunk: list[Step] = []
        for step in run:
            chunk.append(step)
            if len(chunk) == _most(step):
                yield chunk
                chunk = []
        if chunk:
            yield chunk


def _most(step: Step) -> int:
    if (step.action, step.kind) == (Action.ADD, Kind.KEY):
        return _MOST_KEYS
    return _MOST_RECORDS if (step.action, step.kind) in _BULK else _MOST_STEPS


_DONE: Final[Mapping[Action, str]] = {
    Action.ADD: "added",
    Action.RETURN: "brought back",
    Action.RESUME: "resumed",
    Action.CHANGE: "changed",
    Action.SUSPEND: "suspended",
    Action.END: "ended",
}
_ONE: Final[Mapping[tuple[Action, Kind], Callable[[Context, Step], Owned | None]]] = {
    (Action.ADD, Kind.VENUE): steps.add_venue,
    (Action.CHANGE, Kind.VENUE): steps.change_venue_,
    (Action.ADD, Kind.POOL): steps.add_pool,
    (Action.CHANGE, Kind.POOL): steps.change_pool,
    (Action.ADD, Kind.PLAN): steps.add_plan,
    (Action.CHANGE, Kind.PLAN): steps.change_plan,
    (Action.CHANGE, Kind.UNIT): steps.change_unit_,
    (Action.ADD, Kind.NAS): steps.add_nas,
    (Action.CHANGE, Kind.NAS): steps.switch_nas,
    (Action.SUSPEND, Kind.NAS): steps.switch_nas,
    (Action.CHANGE, Kind.SUBSCRIBER): steps.change_person,
    (Action.CHANGE, Kind.KEY): key_steps.change_key,
    (Action.RETURN, Kind.KEY): key_steps.return_key,
    (Action.RESUME, Kind.KEY): key_steps.resume_key,
    (Action.SUSPEND, Kind.KEY): key_steps.suspend_key,
    (Action.END, Kind.KEY): key_steps.end_key,
}
_BULK: Final[Mapping[tuple[Action, Kind], Callable[[Context, Sequence[Step]], Callable[[], list[Owned]]]]] = {
    (Action.ADD, Kind.UNIT): steps.add_units,
    (Action.ADD, Kind.SUBSCRIBER): steps.add_people,
}
