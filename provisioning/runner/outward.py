"""A run the other way round: what the store has is told to a controller, by the same plans, holds and lease."""

from dataclasses import replace
from typing import Any, Protocol, cast

from ..model import KeyLabel, KeyStatus
from ..platforms import Exchange
from ..store.sync import Owned
from ..sync import (
    Action,
    Contents,
    Fault,
    Kind,
    Plan,
    Step,
    WantedKey,
    adopted,
    basis,
    reconcile_outward,
)
from .apply import Applied
from .run import Outcome, Run, RunReport

_AT_ONCE = 200  # steps between which what was done is stored


class OutwardConnector(Protocol):
    """A connector that takes keys."""

    def contents(self, ssids: dict[str, str]) -> Exchange[Contents]: ...
    def push(self, steps: list[Step]) -> Exchange[dict[str, str]]: ...


class OutwardRun(Run):
    """What can be done with one controller now."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._damaged: set[int] = set()  # keys that cannot be opened

    @property
    def _controller(self) -> OutwardConnector:
        return cast("OutwardConnector", self._connector)

    def _make_plan(self, *, keep: bool = True) -> Plan:
        contents = self._contents()
        wanted, faults = self._wanted(contents)
        owned = self._owned()
        found = adopted(contents, wanted, owned)
        gone = self._gone(contents, owned)
        if keep:
            self._own(found, contents)
            self._disown(gone)
        owned = {id_: record for id_, record in (owned | found).items() if id_ not in gone}
        state = self._store.sync.connector(self._name)
        plan = reconcile_outward(
            contents,
            wanted,
            owned,
            connector=self._name,
            platform=self._configured.settings.platform,
            plan_id=self._name,
            now=self._now(),
            is_first=state is None or not state.is_accepted,
            limits=self._configured.limits,
        )
        self._lease.beat()
        return replace(plan, faults=(*plan.faults, *faults))

    def _moved(self, plan: Plan) -> str | None:
        why = self._too_old(plan)
        if why is not None:
            return why
        contents = self._contents()
        owned = self._owned()
        wanted, _ = self._wanted(contents)
        gone = self._gone(contents, owned)
        if basis(wanted, {id_: record for id_, record in owned.items() if id_ not in gone}) != plan.basis:
            return f"something that plan {plan.id} was made from has changed since"
        return None

    def _apply(self, plan: Plan, number: int | None, start: int = 0) -> RunReport:
        applied = Applied()
        steps = plan.steps[start:]
        for first in range(0, len(steps), _AT_ONCE):
            some = list(steps[first : first + _AT_ONCE])
            refused = self._drive(self._controller.push(some))
            for step in some:
                if step.id in refused:
                    text = f"not {step.action.value}ed: {refused[step.id]}"
                    applied.refused.append(Fault(plan.platform, step.venue, Kind.KEY, step.id, None, text))
                else:
                    applied.done[step.action, step.kind] += 1
            self._note(number, start + first + len(some), len(plan.steps))
        if any(
            step.action is Action.ADD for step in steps
        ):  # their ids: what is not there yet is found by the next run
            contents = self._contents()
            wanted, _ = self._wanted(contents)
            self._own(adopted(contents, wanted, self._owned()), contents)
        report = RunReport(
            connector=self._name,
            outcome=Outcome.DONE if plan.is_complete else Outcome.PARTIAL,
            plan=plan,
            applied=applied,
            text=None if plan.is_complete else "the controller was read in part",
        )
        self._finish(report, complete=plan.is_complete)
        return report

    def _note(self, number: int | None, done: int, total: int) -> None:
        if number is not None:
            with self._store.sync.joining():
                self._store.sync.advance(number, done)
        self._tell("telling the controller", done, total)

    # What is here, and what of it is there.

    def _ssids(self) -> dict[str, str]:
        """Return the names of the controller's pools that belong to SSIDs of ours."""
        settings = self._configured.settings
        named = dict(settings.pools)
        for pool in self._store.keypools.all():
            ssid = str(pool.ssid)
            if ssid not in named.values():
                named.setdefault(ssid, ssid)
        if settings.sites:
            named = {name: ssid for name, ssid in named.items() if name in settings.sites}
        return named

    def _contents(self) -> Contents:
        return self._drive(self._controller.contents(self._ssids()))

    def _wanted(self, contents: Contents) -> tuple[list[WantedKey], list[Fault]]:
        """Return the keys that may be used now, of the SSIDs that the controller has a pool for."""
        ssids = self._ssids()
        services = {ssids[service.name]: service for service in contents.services}
        wanted: list[WantedKey] = []
        faults: list[Fault] = []
        now = self._now()
        self._damaged.clear()
        for pool in self._store.keypools.all():
            service = services.get(str(pool.ssid))
            if service is None:
                continue
            for key in self._store.keys.listed(keypool_id=pool.id, status=KeyStatus.ACTIVE):
                if isinstance(key, KeyLabel):  # whoever's it is must not lose what works there
                    faults.append(self._fault(service.name, key.identity, "it cannot be opened: what is there stays"))
                    self._damaged.add(key.id)
                    continue
                if key.validity(now) is not None:
                    continue
                if len(key.passphrase.value) > 63:
                    faults.append(self._fault(service.name, key.identity, "a raw PMK is no passphrase it would take"))
                    continue
                wanted.append(
                    WantedKey(
                        record=key.id,
                        service=service.id,
                        label=key.subscriber.name if key.subscriber is not None else key.identity,
                        unit=None if key.unit is None else str(key.unit.id),
                        passphrase=key.passphrase.value,
                        vlan=key.effective_vlan,
                        ends=key.ends,
                    )
                )
        return wanted, faults

    def _fault(self, service: str, identity: str, text: str) -> Fault:
        return Fault(self._configured.settings.platform, service, Kind.KEY, identity, None, text)

    def _owned(self) -> dict[str, int]:
        """Return what is there of ours that may be changed: of a key that cannot be opened nobody knows."""
        records = self._store.sync.records(self._name, Kind.KEY)
        return {id_: record for id_, record in records.items() if record not in self._damaged}

    @staticmethod
    def _gone(contents: Contents, owned: dict[str, int]) -> list[str]:
        """Return what of ours is not there any more: it was removed, by us or by hand."""
        if not contents.services or not all(service.is_complete for service in contents.services):
            return []
        there = {each.id for each in contents.keys}
        return [id_ for id_ in owned if id_ not in there]

    def _own(self, found: dict[str, int], contents: Contents) -> None:
        service = {there.id: there.service for there in contents.keys}
        if found:
            with self._store.sync.joining():
                self._store.sync.own(
                    self._name, [Owned(Kind.KEY, id_, service[id_], record, False) for id_, record in found.items()]
                )

    def _disown(self, ids: list[str]) -> None:
        if ids:
            with self._store.sync.joining():
                self._store.sync.forget(self._name, Kind.KEY, ids)
