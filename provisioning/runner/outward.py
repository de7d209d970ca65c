"""A run the other way round: what the store has is told to a controller, by the same plans, holds and lease.

What is asked to be made is noted before it is asked for, under a user name that nobody else has, and its id when it is
read back. So whatever an interruption leaves is found by the next run, and nothing is made twice.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, cast

from ..errors import RowDamaged
from ..model import KeyStatus
from ..platforms import Exchange, PlatformError
from ..store.sync import Owned
from ..sync import (
    WHOLE,
    Action,
    Contents,
    Fault,
    KeyPlace,
    Kind,
    Ours,
    Plan,
    Pushed,
    SentKey,
    Step,
    UnwantedKey,
    adopted,
    effect,
    made_at,
    reconcile_outward,
    still_due,
)
from .apply import Applied
from .run import Outcome, Run, RunReport
from .wanted import REMEMBERED, Targets, read_wanted, why_not_there

_AT_ONCE: Final = 100  # steps between which what was done is stored


class ActivityState(Protocol):
    """What became of something that a controller was asked for."""

    @property
    def is_done(self) -> bool: ...
    @property
    def is_failed(self) -> bool: ...


class OutwardConnector(Protocol):
    """A connector that takes keys."""

    def contents(self, names: Collection[str]) -> Exchange[Contents]:
        """Return what is in the pools of these names."""
        ...

    def look(self, places: Sequence[tuple[str, str]]) -> Exchange[Mapping[str, bool]]:
        """Return whether passphrases are there, by pool and id, as far as that can be told."""
        ...

    def push(self, steps: Sequence[Step]) -> Exchange[Pushed]:
        """Do these steps."""
        ...

    def activities(self, requests: Iterable[str]) -> Exchange[Mapping[str, ActivityState]]:
        """Return what became of requests, as far as that can be read."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Compared:
    contents: Contents
    ours: Ours
    faults: tuple[Fault, ...]


class OutwardRun(Run):
    """What can be done with one controller now."""

    @property
    def _controller(self) -> OutwardConnector:
        return cast("OutwardConnector", self._connector)

    def run(self) -> RunReport:
        """Synchronise, as far as nobody has to be asked; what the controller does not take, the next run tells it."""
        try:
            return super().run()
        except PlatformError as error:  # in the middle of it: a plan that was accepted stays so
            return self._failed(error)

    def accept(self, number: int, *, reason: str | None = None) -> RunReport:
        """Carry out a plan that was kept, exactly; where something it was made from has changed, make a new one."""
        try:
            return super().accept(number, reason=reason)
        except PlatformError as error:
            return self._failed(error)

    # The parts of a run that differ.

    def _make_plan(self, *, keep: bool = True) -> Plan:
        plan = self._reconcile(self._compare(keep=keep), self._name)
        self._lease.beat()
        return plan

    def _moved(self, plan: Plan) -> str | None:
        if (why := self._too_old(plan)) is not None:
            return why
        if self._compare(keep=True).ours.basis != plan.basis:
            return f"something that plan {plan.id} was made from has changed since"
        return None

    def _apply(self, plan: Plan, number: int | None, start: int = 0) -> RunReport:  # noqa: ARG002
        """Tell the controller; of a plan that was kept what is due by now: part of it may have been done before."""
        applied = Applied()
        steps: Sequence[Step] = plan.steps
        if number is not None:
            steps = still_due(plan, self._reconcile(self._compare(keep=True), plan.id))
        for first in range(0, len(steps), _AT_ONCE):
            some = steps[first : first + _AT_ONCE]
            self._push(plan, some, applied)
            self._tell("telling the controller", first + len(some), len(steps))
        if steps:
            applied.refused += self._read_back(plan, steps, applied)
        report = RunReport(
            connector=self._name,
            outcome=Outcome.DONE if plan.is_complete else Outcome.PARTIAL,
            plan=plan,
            applied=applied,
            text=None
            if plan.is_complete
            else "not all of its pools could be read and written to: nothing was removed from those",
        )
        self._finish(report, complete=plan.is_complete)
        return report

    # Telling.

    def _push(self, plan: Plan, steps: Sequence[Step], applied: Applied) -> None:
        sync = self._store.sync
        before = {each.mark for each in sync.sent_keys.of(self._name)}
        asked = {
            step.id: replace(_sent(step), is_again=step.id in before) for step in steps if step.action is Action.ADD
        }
        with sync.joining():
            self._lease.keep()
            sync.sent_keys.note(self._name, asked.values())
        pushed = self._drive(self._controller.push(steps))
        with sync.joining():
            sync.sent_keys.note(
                self._name,
                [replace(sent, request=pushed.requests.get(id_)) for id_, sent in asked.items()],
            )
            sync.sent_keys.forget(
                self._name, [id_ for id_ in asked if id_ in pushed.refused and id_ not in pushed.unsure]
            )
        for step in steps:
            if step.id in pushed.refused:
                applied.refused.append(self._fault(plan, step, f"not done: {pushed.refused[step.id]}"))
            else:
                applied.done[step.action, step.kind] += 1

    def _read_back(self, plan: Plan, steps: Sequence[Step], applied: Applied) -> list[Fault]:
        """Take the ids of what was made; return what was taken and cannot be seen there yet."""
        try:
            compared = self._compare(keep=True)
        except PlatformError as error:
            return [Fault(plan.platform, WHOLE, None, None, None, f"it could not be read afterwards: {error}")]
        fresh = self._reconcile(compared, plan.id)
        not_done = {effect(step) for step in (*fresh.steps, *fresh.waiting)}
        told = {fault.record for fault in applied.refused}
        text = "the controller has taken it, and it is not to be seen there yet: the next run looks again"
        return [
            self._fault(plan, step, text)
            for step in steps
            if step.id not in told
            and (effect(step) in not_done or (step.action is Action.ADD and _sent(step).place in compared.ours.making))
        ]

    @staticmethod
    def _fault(plan: Plan, step: Step, text: str) -> Fault:
        return Fault(plan.platform, step.venue, Kind.KEY, step.id, None, f"{step.action.value} {step.label}: {text}")

    # What is here, and what of it is there.

    def _reconcile(self, compared: _Compared, plan_id: str) -> Plan:
        state = self._store.sync.connector(self._name)
        plan = reconcile_outward(
            compared.contents,
            compared.ours,
            connector=self._name,
            platform=self._configured.settings.platform,
            plan_id=plan_id,
            now=self._now(),
            is_first=state is None or not state.is_accepted,
            limits=self._configured.limits,
        )
        return replace(plan, faults=(*plan.faults, *compared.faults))

    def _compare(self, *, keep: bool) -> _Compared:
        """Read the controller and the store; keep: store which of what is there is ours."""
        sent = self._store.sync.sent_keys.of(self._name)
        states = self._drive(self._controller.activities([each.request for each in sent if each.request is not None]))
        targets = Targets(self._store, self._configured.settings)
        contents = targets.check(self._drive(self._controller.contents(targets.names)))
        contents, owned, gone = self._owned(contents)
        wanted, faults = read_wanted(self._store, targets, contents, sent, self._now())
        ours = Ours(wanted=wanted, owned=owned, unwanted={})
        found = adopted(contents, sent, ours)
        if keep:
            self._keep_ids(sent, found, gone)
        owned = {**owned, **found}
        places = set(owned.values())
        making = {
            each.place: each
            for each in sent
            if each.place not in places and self._is_making(each, states.get(each.request or ""))
        }
        told = targets.told(contents)
        left = {record for record, _ in owned.values()} - {each.record for each in wanted}
        unwanted = {record: why for record in left if (why := self._unwanted(record, told)) is not None}
        ours = Ours(wanted=wanted, owned=owned, unwanted=unwanted, making=frozenset(making))
        platform = self._configured.settings.platform
        faults += [
            Fault(platform, service.name, Kind.KEY, each.mark, None, "the controller is still making it")
            for each in making.values()
            for service in contents.services
            if service.id == each.service
        ]
        return _Compared(contents=contents, ours=ours, faults=(*targets.faults, *faults))

    def _owned(self, contents: Contents) -> tuple[Contents, dict[str, KeyPlace], list[str]]:
        """Return what was read, what is ours there, and the ids of what of it is gone: removed by us, or by hand.

        What a list lacks is asked for by its id: a list that lacks what is there is not complete, whatever its total.
        """
        seen = {there.id for there in contents.keys}.union(*(service.unread for service in contents.services))
        complete = {service.id for service in contents.services if service.is_complete}
        owned = {
            each.platform_id: (each.record_id, each.venue) for each in self._store.sync.owned(self._name, Kind.KEY)
        }
        missing = [(service, id_) for id_, (_, service) in owned.items() if id_ not in seen and service in complete]
        states = self._drive(self._controller.look(missing)) if missing else {}
        gone = [id_ for id_, is_there in states.items() if not is_there]
        lacking = {service for service, id_ in missing if states.get(id_, True)}
        services = [
            replace(service, is_complete=service.is_complete and service.id not in lacking)
            for service in contents.services
        ]
        text = "its list lacks passphrases that are there, or may be"
        platform = self._configured.settings.platform
        faults = [Fault(platform, each.name, Kind.POOL, None, None, text) for each in services if each.id in lacking]
        for id_ in gone:
            del owned[id_]
        return replace(contents, services=tuple(services), faults=(*contents.faults, *faults)), owned, gone

    def _is_making(self, sent: SentKey, state: ActivityState | None) -> bool:
        """Return whether what was asked for may still come by itself."""
        if sent.request is None or (state is not None and (state.is_done or state.is_failed)):
            return False
        at = made_at(sent.mark)
        return at is not None and self._now() - at < REMEMBERED

    def _keep_ids(self, sent: Sequence[SentKey], found: Mapping[str, KeyPlace], gone: Sequence[str]) -> None:
        """Store what was found out about what is ours there; what was asked for is forgotten when it is found."""
        now = self._now()
        places = set(found.values())
        again = [each for each in sent if each.place in places and each.is_again]
        over = [each.mark for each in sent if each.place in places and not each.is_again]
        over += [each.mark for each in sent if (at := made_at(each.mark)) is None or now - at >= REMEMBERED]
        if not (found or gone or over):
            return
        sync = self._store.sync
        with sync.joining():
            sync.own(
                self._name, [Owned(Kind.KEY, id_, service, record, False) for id_, (record, service) in found.items()]
            )
            sync.forget(self._name, Kind.KEY, gone)
            sync.sent_keys.note(self._name, [replace(each, is_found=True) for each in again])
            sync.sent_keys.forget(self._name, over)

    def _unwanted(self, record: int, told: Collection[int]) -> UnwantedKey | None:
        """Return why a key is not to be there, None where that is not known for certain.

        told: the keypools whose keys the controller is told
        """
        labels = self._store.keys.labels(key_id=record)
        if not labels:
            return UnwantedKey(f"key {record}", "its key is not here any more")
        status, label = labels[0].status, labels[0].identity
        if status is None:
            return None
        try:
            key = self._store.keys.get(record)
        except RowDamaged:
            return None if status is KeyStatus.ACTIVE else UnwantedKey(label, status.value)
        if key is None:
            return None  # it went this moment: the next run knows more
        if key.subscriber is not None:
            label = key.subscriber.name
        reason = key.validity(self._now())
        if reason is not None:
            return UnwantedKey(label, str(reason))
        why = why_not_there(key)
        if why is None and key.keypool_id not in told:
            why = "its key belongs to another keypool now"
        return None if why is None else UnwantedKey(label, why)


def _sent(step: Step) -> SentKey:
    said = cast("Any", step.said)
    assert step.record is not None  # noqa: S101 (what is added is a key of ours)
    return SentKey(mark=step.id, record=step.record, service=said.pool)
