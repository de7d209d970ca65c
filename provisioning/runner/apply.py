"""A plan is carried out: in order, in many small transactions, so that a running server keeps answering.

A step that the store refuses costs itself. Each transaction notes whose records it made and how far the plan is, so
that what an interruption left undone is done by the next run.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from crypto import MacAddress, Ssid

from ..errors import DuplicateKey, KeyRemoved, ProvisioningError, StoreError
from ..keys import Progress, derive_pmks
from ..lifecycle.units import change_unit
from ..lifecycle.venues import change_venue
from ..model import KeyDraft, KeyOrigin, KeyStatus, Passphrase, check_name
from ..model.rules.passphrases import generate_passphrase
from ..store import Store
from ..store.sync import Owned
from ..sync import (
    Action,
    Fault,
    HeldState,
    Kind,
    Plan,
    SaidKey,
    SaidNas,
    SaidPlan,
    SaidPool,
    SaidSubscriber,
    SaidUnit,
    SaidVenue,
    Standing,
    Step,
    shorten,
)

_MOST_KEYS: Final = 2000  # in one transaction: some 60 ms of the write lock
_MOST_STEPS: Final = 250
_MOST_NUMBER: Final = 2**32 - 1
AddNas = Callable[[Store, SaidNas, int], int]  # store, what it is, our venue -> our id of it


@dataclass(slots=True)
class Applied:
    """What became of a plan."""

    done: Counter[tuple[Action, Kind]] = field(default_factory=Counter)
    refused: list[Fault] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)  # that were added: the platform's id -> ours


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
    ) -> None:
        """Prepare.

        reason:  why somebody wants it, for the audit
        number:  of the plan where it is one that was kept: how far it is is noted there
        add_nas: makes a NAS of one that the platform names, with what is configured about it
        """
        self._store = store
        self._plan = plan
        self._number = number
        self._now = now.replace(microsecond=0)
        self._add_nas = add_nas
        self._progress = progress
        self._because = "" if reason is None else f" ({reason})"
        self._ids: dict[Kind, dict[str, int]] = {}
        self._applied = Applied()

    def apply(self, start: int = 0) -> Applied:
        """Carry out the steps from this one on; return what became of them."""
        holdings = self._store.sync.holdings(self._plan.connector)
        self._ids = {kind: {id_: held.record for id_, held in holdings.of(kind).items()} for kind in Kind}
        for id_, held in holdings.keys.items():
            if held.state is HeldState.ERASED:
                del self._ids[Kind.KEY][id_]  # it is added anew
        # What an interruption left as done but not noted is not done twice.
        steps = [step for step in self._plan.steps[start:] if not self._is_done(step)]
        done = len(self._plan.steps) - len(steps)
        again: list[Step] = []
        for chunk in _chunks(steps):
            again += self._carry_out(chunk)
            done += len(chunk)
            self._tell(done)
        for chunk in _chunks(again):  # what a passphrase was in the way of that has ended since
            for step, error in self._attempt(chunk):
                self._refuse(step, error)
        return self._applied

    def _is_done(self, step: Step) -> bool:
        return step.action is Action.ADD and step.id in self._ids[step.kind]

    def _tell(self, done: int) -> None:
        if self._number is not None:
            with self._store.sync.joining():
                self._store.sync.advance(self._number, done)
        if self._progress is not None:
            self._progress("applying", done, len(self._plan.steps))

    def _carry_out(self, chunk: Sequence[Step]) -> list[Step]:
        """Carry out steps that belong together; return those to try again when all others are done."""
        again = []
        for step, error in self._attempt(chunk):
            if isinstance(error, DuplicateKey):
                again.append(step)
            else:
                self._refuse(step, error)
        return again

    def _attempt(self, chunk: Sequence[Step]) -> Iterator[tuple[Step, ProvisioningError]]:
        """Carry out steps in one transaction, or, where that is refused, in smaller ones; yield what was refused."""
        try:
            self._do(chunk)
        except StoreError:
            raise
        except ProvisioningError as error:
            if len(chunk) == 1:
                yield chunk[0], error
                return
            half = len(chunk) // 2
            yield from self._attempt(chunk[:half])
            yield from self._attempt(chunk[half:])
        else:
            for step in chunk:
                self._applied.done[step.action, step.kind] += 1

    def _refuse(self, step: Step, error: ProvisioningError) -> None:
        text = f"not {_DONE[step.action]}: {error}"
        self._applied.refused.append(Fault(self._plan.platform, step.venue, step.kind, step.id, None, text))

    def _do(self, chunk: Sequence[Step]) -> None:
        first = chunk[0]
        bulk = _BULK.get((first.action, first.kind))
        if bulk is not None:
            bulk(self, chunk)
            return
        one = _ONE[first.action, first.kind]
        with self._store.change("sync.apply", reason=self._reason(first)):
            owned = [made for step in chunk if (made := one(self, step)) is not None]
            self._own(owned)
        self._learn(owned)

    def _reason(self, step: Step) -> str:
        return f"{self._plan.connector}: {step.reason}"[:200] + self._because

    def _own(self, owned: Sequence[Owned]) -> None:
        self._store.sync.own(self._plan.connector, owned)

    def _learn(self, owned: Sequence[Owned]) -> None:
        """Know the new records, now that they are stored."""
        for each in owned:
            self._ids[each.kind][each.platform_id] = each.record_id

    def _id(self, kind: Kind, id_: str | None) -> int | None:
        if id_ is None:
            return None
        found = self._ids[kind].get(id_)
        if found is None:
            raise _NotThere(f"{kind.value} {shorten(id_)} could not be made")
        return found

    def _record(self, kind: Kind, id_: str) -> int:
        found = self._id(kind, id_)
        assert found is not None  # noqa: S101 (an id was given)
        return found

    # Places.

    def _add_venue(self, step: Step) -> Owned:
        said = _said(step, SaidVenue)
        venue = self._store.venues.add(
            said.name,
            nas_identifiers=_folded(said.nas_identifiers),
            wireless_only_vlan_offset=said.wireless_only_vlan_offset or 0,
            time_zone=said.time_zone,
        )
        return Owned(Kind.VENUE, said.id, said.id, venue.id)

    def _change_venue(self, step: Step) -> None:
        said, id_ = _said(step, SaidVenue), self._record(Kind.VENUE, step.id)
        fields: dict[str, Any] = {} if said.name == said.id else {"name": said.name}
        if said.time_zone is not None:
            fields["time_zone"] = said.time_zone
        if said.wireless_only_vlan_offset is not None:
            fields["wireless_only_vlan_offset"] = said.wireless_only_vlan_offset
        change_venue(self._store, id_, add_identifiers=said.nas_identifiers, **fields)

    def _add_pool(self, step: Step) -> Owned:
        said = _said(step, SaidPool)
        if step.record is not None:  # one that people made: used, and theirs
            return Owned(Kind.POOL, said.id, said.venue, step.record, is_owned=False)
        venues = [self._ids[Kind.VENUE][venue] for venue in said.venues if venue in self._ids[Kind.VENUE]]
        if not venues and not said.is_global:
            raise _NotThere("its venue could not be made")
        pool = self._store.keypools.add(Ssid(said.ssid.encode()), venue_ids=() if said.is_global else venues)
        return Owned(Kind.POOL, said.id, said.venue, pool.id)

    def _change_pool(self, step: Step) -> None:
        said, id_ = _said(step, SaidPool), self._record(Kind.POOL, step.id)
        for venue in said.venues:
            if venue in self._ids[Kind.VENUE]:
                self._store.keypools.attach_venue(id_, self._ids[Kind.VENUE][venue])

    def _add_plan(self, step: Step) -> Owned:
        said = _said(step, SaidPlan)
        plan = self._store.plans.add(said.name, **_plan_values(said))
        return Owned(Kind.PLAN, said.id, said.venue, plan.id)

    def _change_plan(self, step: Step) -> None:
        said = _said(step, SaidPlan)
        plan = self._store.plans.get(self._record(Kind.PLAN, step.id))
        self._store.plans.save(replace(plan, name=said.name, **_plan_values(said)))

    def _add_unit(self, step: Step) -> Owned:
        said = _said(step, SaidUnit)
        unit = self._store.units.add(
            self._record(Kind.VENUE, said.venue),
            said.name,
            building=said.building,
            floor=said.floor,
            vlan=said.vlan,
        )
        return Owned(Kind.UNIT, said.id, said.venue, unit.id)

    def _change_unit(self, step: Step) -> None:
        said = _said(step, SaidUnit)
        there = {"building": said.building, "floor": said.floor, "vlan": said.vlan}
        fields: dict[str, Any] = {"name": said.name, **{name: it for name, it in there.items() if it is not None}}
        change_unit(self._store, self._record(Kind.UNIT, step.id), share_vlan=True, **fields)

    def _new_nas(self, step: Step) -> Owned:
        said = _said(step, SaidNas)
        if self._add_nas is None:
            raise _NotThere("its address and secret are not configured")
        id_ = self._add_nas(self._store, said, self._record(Kind.VENUE, said.venue))
        return Owned(Kind.NAS, said.id, said.venue, id_)

    def _switch_nas(self, step: Step) -> None:
        said = _said(step, SaidNas)
        nas = self._store.nases.get(self._record(Kind.NAS, step.id))
        self._store.nases.save(replace(nas, enabled=bool(said.enabled)))

    # People.

    def _add_people(self, steps: Sequence[Step]) -> None:
        people = [_said(step, SaidSubscriber) for step in steps]
        taken = self._store.subscribers.external_ids_among([each.external_id for each in people if each.external_id])
        named = [(each.name, None if each.external_id in taken else each.external_id) for each in people]
        with self._store.change("sync.apply", reason=self._reason(steps[0])):
            ids = self._store.subscribers.add_many(named)
            owned = [Owned(Kind.SUBSCRIBER, said.id, said.venue, id_) for said, id_ in zip(people, ids, strict=True)]
            self._own(owned)
        self._learn(owned)
        for said in people:
            if said.external_id in taken:
                text = f"external id {shorten(said.external_id or '')} is another subscriber's: it is left out"
                fault = Fault(self._plan.platform, said.venue, Kind.SUBSCRIBER, said.id, "external id", text)
                self._applied.refused.append(fault)

    def _change_person(self, step: Step) -> None:
        said = _said(step, SaidSubscriber)
        person = self._store.subscribers.get(self._record(Kind.SUBSCRIBER, step.id))
        self._store.subscribers.save(
            replace(person, name=said.name, external_id=said.external_id or person.external_id)
        )

    # Keys.

    def _add_keys(self, steps: Sequence[Step]) -> None:
        """Add the keys of one keypool together; the PMKs are derived before the write lock is taken."""
        pool = self._store.keypools.get(self._record(Kind.POOL, _said(steps[0], SaidKey).pool))
        drafts = [self._draft(_said(step, SaidKey)) for step in steps]
        pmks = derive_pmks([draft.passphrase.value for draft in drafts], pool.ssid)
        new = self._store.keys.prepare(drafts, pmks)
        with self._store.change("sync.apply", reason=self._reason(steps[0])):
            self._store.keys.insert(pool.id, drafts, new)
            owned = [Owned(Kind.KEY, step.id, step.venue, id_) for step, id_ in zip(steps, new.ids, strict=True)]
            self._own(owned)
            for step, id_ in zip(steps, new.ids, strict=True):
                said = _said(step, SaidKey)
                if said.standing is Standing.SUSPENDED:
                    self._put_status(id_, KeyStatus.SUSPENDED, said.reason or "suspended at the platform")
                    self._store.sync.note_status(self._plan.connector, step.id, step.venue)
        self._learn(owned)
        self._applied.keys.update((each.platform_id, each.record_id) for each in owned)

    def _draft(self, said: SaidKey) -> KeyDraft:
        try:
            check_name(said.id, "id")
            identity = said.id
        except ValueError:
            identity = None  # named after our id of it
        passphrase = generate_passphrase() if said.passphrase is None else Passphrase(said.passphrase)
        return KeyDraft(
            identity=identity,
            passphrase=passphrase,
            unit_id=self._id(Kind.UNIT, said.unit),
            plan_id=self._id(Kind.PLAN, said.plan),
            vlan=said.vlan,
            starts=said.starts,
            ends=said.ends,
            devices=tuple(MacAddress(bytes.fromhex(device.mac)) for device in said.devices),
            origin=KeyOrigin(
                subscriber_id=self._id(Kind.SUBSCRIBER, said.subscriber),
                tag=said.tag,
                external_id=said.external_id,
                platform_id=identity,
            ),
        )

    def _change_key(self, step: Step) -> None:
        said, id_ = _said(step, SaidKey), self._record(Kind.KEY, step.id)
        self._alter(id_, said)
        self._store.sync.move(self._plan.connector, step.id, said.venue)

    def _alter(self, id_: int, said: SaidKey) -> None:
        """Give a key what the platform says of it, its passphrase aside."""
        record = self._store.key_records.get(id_)
        values: dict[str, Any] = {"ends": said.ends}
        if said.starts is not None:
            values["starts"] = said.starts
        own = {"vlan": said.vlan, "tag": said.tag, "external_id": said.external_id}
        values |= {name: value for name, value in own.items() if value is not None}
        for name, kind, reference in (
            ("unit_id", Kind.UNIT, said.unit),
            ("plan_id", Kind.PLAN, said.plan),
            ("subscriber_id", Kind.SUBSCRIBER, said.subscriber),
        ):
            if reference is not None:
                values[name] = self._id(kind, reference)
        for each in (id_, *self._store.keys.graces_of(id_)):
            self._store.keys.update(each, **({**values, "ends": record.ends} if each != id_ else values))
        pool_id = self._record(Kind.POOL, said.pool)
        if pool_id != record.keypool_id:
            self._store.keys.change_pool(id_, pool_id)

    def _suspend(self, step: Step) -> None:
        self._set_status(step, KeyStatus.SUSPENDED)

    def _resume(self, step: Step) -> None:
        self._set_status(step, KeyStatus.ACTIVE, only_synced=True)

    def _end(self, step: Step) -> None:
        with suppress(KeyRemoved):
            self._set_status(step, KeyStatus.REMOVED)

    def _return(self, step: Step) -> None:
        said, id_ = _said(step, SaidKey), self._record(Kind.KEY, step.id)
        if not self._store.sync.is_synced(self._plan.connector, step.id):
            raise _NotThere("somebody has removed it since")
        suspended = said.standing is Standing.SUSPENDED
        status = KeyStatus.SUSPENDED if suspended else KeyStatus.ACTIVE
        self._put_status(id_, status, (said.reason or "suspended at the platform") if suspended else None)
        self._alter(id_, said)
        self._store.sync.note_status(self._plan.connector, step.id, said.venue)

    def _set_status(self, step: Step, status: KeyStatus, *, only_synced: bool = False) -> None:
        if only_synced and not self._store.sync.is_synced(self._plan.connector, step.id):
            raise _NotThere("somebody has suspended it since")
        reason = shorten(step.reason) or None if status is not KeyStatus.ACTIVE else None
        self._store.keys.set_status(self._record(Kind.KEY, step.id), status, now=self._now, reason=reason)
        self._store.sync.note_status(self._plan.connector, step.id, step.venue)

    def _put_status(self, id_: int, status: KeyStatus, reason: str | None) -> None:
        text = None if reason is None else shorten(reason)
        self._store.keys.update(id_, status=status.value, status_reason=text, status_at=self._now, removes_at=None)


class _NotThere(ProvisioningError):  # noqa: N818
    """What a step needs is not there."""


def _said(step: Step, type_: type[Any]) -> Any:
    if not isinstance(step.said, type_):
        raise _NotThere("the plan does not say what it is to be")
    return step.said


def _folded(identifiers: Sequence[str]) -> tuple[str, ...]:
    return tuple({each.upper(): each for each in identifiers}.values())


def _plan_values(said: SaidPlan) -> dict[str, Any]:
    """Return a plan's fields; a speed that no attribute can say is the greatest that one can."""
    return {
        "download_kbps": said.download_kbps and min(said.download_kbps, _MOST_NUMBER),
        "upload_kbps": said.upload_kbps and min(said.upload_kbps, _MOST_NUMBER),
        "devices": said.devices and min(said.devices, _MOST_NUMBER),
        "wireless_only": said.wireless_only,
    }


def _chunks(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Yield neighbours that one transaction takes: of one action and kind, and keys that are added of one keypool."""

    def group(step: Step) -> tuple[Action, Kind, str]:
        pool = step.said.pool if step.action is Action.ADD and isinstance(step.said, SaidKey) else ""
        return step.action, step.kind, pool

    ordered: list[Step] = []
    for _, run in itertools.groupby(steps, lambda step: (step.action, step.kind)):
        ordered += sorted(run, key=group)  # stable: the order of a plan, by keypool
    for (action, kind, _), run in itertools.groupby(ordered, group):
        most = _MOST_KEYS if (action, kind) in _BULK else _MOST_STEPS
        while chunk := list(itertools.islice(run, most)):
            yield chunk


_DONE: Final[Mapping[Action, str]] = {
    Action.ADD: "added",
    Action.RETURN: "brought back",
    Action.RESUME: "resumed",
    Action.CHANGE: "changed",
    Action.SUSPEND: "suspended",
    Action.END: "ended",
}
_ONE: Final[Mapping[tuple[Action, Kind], Callable[[Applier, Step], Owned | None]]] = {
    (Action.ADD, Kind.VENUE): Applier._add_venue,
    (Action.CHANGE, Kind.VENUE): Applier._change_venue,
    (Action.ADD, Kind.POOL): Applier._add_pool,
    (Action.CHANGE, Kind.POOL): Applier._change_pool,
    (Action.ADD, Kind.PLAN): Applier._add_plan,
    (Action.CHANGE, Kind.PLAN): Applier._change_plan,
    (Action.ADD, Kind.UNIT): Applier._add_unit,
    (Action.CHANGE, Kind.UNIT): Applier._change_unit,
    (Action.ADD, Kind.NAS): Applier._new_nas,
    (Action.CHANGE, Kind.NAS): Applier._switch_nas,
    (Action.SUSPEND, Kind.NAS): Applier._switch_nas,
    (Action.CHANGE, Kind.SUBSCRIBER): Applier._change_person,
    (Action.CHANGE, Kind.KEY): Applier._change_key,
    (Action.RETURN, Kind.KEY): Applier._return,
    (Action.RESUME, Kind.KEY): Applier._resume,
    (Action.SUSPEND, Kind.KEY): Applier._suspend,
    (Action.END, Kind.KEY): Applier._end,
}
_BULK: Final[Mapping[tuple[Action, Kind], Callable[[Applier, Sequence[Step]], None]]] = {
    (Action.ADD, Kind.SUBSCRIBER): Applier._add_people,
    (Action.ADD, Kind.KEY): Applier._add_keys,
}
