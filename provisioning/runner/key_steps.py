"""What a step of a plan does to keys."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

import numpy as np

from crypto import MacAddress

from ..errors import DuplicateKey, KeyRemoved, ProvisioningError
from ..keys import derive_pmks
from ..model import KeyDraft, KeyOrigin, KeyRecord, KeyStatus, Passphrase, check_name, check_vlan, check_window
from ..model.rules.passphrases import generate_passphrase
from ..model.rules.randomness import many_choices
from ..store.sync import Owned
from ..sync import Kind, SaidKey, Standing, Step, shorten
from .steps import Context, NotThere, said_of

_MOST_REASON = 200  # octets; the store takes 253
Own = Callable[[Sequence[Owned]], None]


def add_keys(
    context: Context, steps: Sequence[Step], change: Callable[[], AbstractContextManager[Own]]
) -> Iterator[tuple[Step, ProvisioningError]]:
    """Add keys of one keypool in one transaction; yield those that are refused, each for itself.

    change: begins the transaction, and gives what notes whose the keys are. PMKs are derived before it has the lock.
    """
    pool = context.store.keypools.get(context.id(Kind.POOL, said_of(steps[0], SaidKey).pool))
    wanted: list[Step] = []
    drafts: list[KeyDraft] = []
    choose = many_choices()
    links = context.store.keys.links(context.ids[Kind.UNIT].get(said_of(step, SaidKey).unit or "") for step in steps)
    for step in steps:
        try:
            _check_former(context, step)
            draft = _draft(context, said_of(step, SaidKey), choose)
            links.check(pool, draft.unit_id, draft.plan_id, draft.vlan)
        except (ProvisioningError, ValueError) as error:
            yield step, refusal(error)
        else:
            wanted.append(step)
            drafts.append(draft)
    pmks = (
        derive_pmks([draft.passphrase.value for draft in drafts], pool.ssid) if drafts else np.empty((0, 32), np.uint8)
    )
    while wanted:
        new = context.store.keys.prepare(drafts, pmks)
        try:
            with change() as own:
                context.store.keys.insert(pool.id, drafts, new)
                own([_owned(step, id_) for step, id_ in zip(wanted, new.ids, strict=True)])
                _suspend_new(context, wanted, new.ids)
            return
        except DuplicateKey as error:
            refused = {each.position for each in error.duplicates}
            if not refused:
                raise
            yield from ((wanted[place], error) for place in sorted(refused))
            kept = [place for place in range(len(wanted)) if place not in refused]
            wanted, drafts, pmks = [wanted[each] for each in kept], [drafts[each] for each in kept], pmks[kept]


def refusal(error: Exception) -> ProvisioningError:
    """Return why the store does not take a record, whatever noticed it."""
    return error if isinstance(error, ProvisioningError) else ProvisioningError(str(error))


def _owned(step: Step, id_: int) -> Owned:
    said = said_of(step, SaidKey)
    return Owned(Kind.KEY, step.id, said.venue, id_, is_made=said.passphrase is None)


def _check_former(context: Context, step: Step) -> None:
    """Raise where the key whose place another takes has not ended: it would be nobody's, and work on."""
    if step.passes and step.record is not None:
        former = context.store.key_records.get(step.record)
        if former.status is not KeyStatus.REMOVED:
            raise NotThere("the key before it, which was another person's, has not ended")


def _suspend_new(context: Context, steps: Sequence[Step], ids: Sequence[int]) -> None:
    for step, id_ in zip(steps, ids, strict=True):
        said = said_of(step, SaidKey)
        if said.standing is Standing.SUSPENDED:
            _put_status(context, id_, KeyStatus.SUSPENDED, said.reason or "suspended at the platform")
            context.store.sync.note_status(context.plan.connector, step.id, step.venue)


def _draft(context: Context, said: SaidKey, choose: Callable[[str], str]) -> KeyDraft:
    try:
        check_name(said.id, "id")
        identity = said.id
    except ValueError:
        identity = None  # named after our id of it
    external_id = said.external_id
    if external_id is not None and context.store.key_records.with_external_id(external_id):
        context.tell(said, Kind.KEY, f"{shorten(external_id)} is another key's: it is left out", "external id")
        external_id = None
    return KeyDraft(
        identity=identity,
        passphrase=generate_passphrase(choose) if said.passphrase is None else Passphrase(said.passphrase),
        unit_id=context.id_if(Kind.UNIT, said.unit),
        plan_id=context.id_if(Kind.PLAN, said.plan),
        vlan=said.vlan,
        starts=said.starts,
        ends=said.ends,
        devices=tuple(MacAddress(bytes.fromhex(device.mac)) for device in said.devices),
        origin=KeyOrigin(
            subscriber_id=context.id_if(Kind.SUBSCRIBER, said.subscriber),
            tag=said.tag,
            external_id=external_id,
            platform_id=identity,
        ),
    )


def change_key(context: Context, step: Step) -> None:
    said = said_of(step, SaidKey)
    _alter(context, context.id(Kind.KEY, step.id), said)
    context.store.sync.move(context.plan.connector, step.id, said.venue)


def _alter(context: Context, id_: int, said: SaidKey) -> None:
    """Give a key what the platform says of it, its passphrase aside; its former ones follow it."""
    store = context.store
    record = store.key_records.get(id_)
    values = _values(context, record, said)
    pool_id = context.ids[Kind.POOL].get(said.pool, record.keypool_id)
    if pool_id != record.keypool_id or not values.keys().isdisjoint(("unit_id", "plan_id", "vlan")):
        unit_id, plan_id = values.get("unit_id", record.unit_id), values.get("plan_id", record.plan_id)
        links = store.keys.links([unit_id])
        links.check(store.keypools.get(pool_id), unit_id, plan_id, values.get("vlan", record.vlan))
    formers = store.key_records.of(store.keys.graces_of(id_))
    if pool_id != record.keypool_id:
        for each in (id_, *(former.id for former in formers)):
            store.keys.change_pool(each, pool_id)
    store.keys.update(id_, **values)
    followed = {name: value for name, value in values.items() if name not in ("tag", "starts")}
    for former in formers:
        ends = min((each for each in (former.ends, said.ends) if each is not None), default=None)
        store.keys.update(former.id, **{**followed, "ends": ends})


def _values(context: Context, record: KeyRecord, said: SaidKey) -> dict[str, Any]:
    """Return the columns that the platform says something else of than what they have."""
    values: dict[str, Any] = {"ends": said.ends}
    own = {"starts": said.starts, "vlan": said.vlan, "tag": said.tag}
    values |= {name: value for name, value in own.items() if value is not None}
    if said.is_in_units_vlan:
        values["vlan"] = None
    check_window(values.get("starts", record.starts), said.ends)
    check_vlan(said.vlan)
    KeyOrigin(tag=said.tag)  # raises
    for name, kind, reference in (
        ("unit_id", Kind.UNIT, said.unit),
        ("plan_id", Kind.PLAN, said.plan),
        ("subscriber_id", Kind.SUBSCRIBER, said.subscriber),
    ):
        if reference is not None:
            values[name] = context.id(kind, reference)
    return {name: value for name, value in values.items() if value != getattr(record, name)}


def suspend_key(context: Context, step: Step) -> None:
    _set_status(context, step, KeyStatus.SUSPENDED)


def resume_key(context: Context, step: Step) -> None:
    if not context.store.sync.is_synced(context.plan.connector, step.id):
        raise NotThere("somebody has decided on it since")
    _set_status(context, step, KeyStatus.ACTIVE)


def end_key(context: Context, step: Step) -> None:
    """Remove a key; one that a person has suspended comes back by a person alone."""
    store, id_ = context.store, context.id(Kind.KEY, step.id)
    record = store.key_records.get(id_)
    is_theirs = record.status is KeyStatus.SUSPENDED and not store.sync.is_synced(context.plan.connector, step.id)
    is_theirs = is_theirs and not step.passes  # whoever has it next is somebody else
    for each in (id_, *store.keys.graces_of(id_)):
        store.keys.update(each, removes_at=None)
    with suppress(KeyRemoved):
        _set_status(context, step, KeyStatus.REMOVED, is_noted=not is_theirs)


def return_key(context: Context, step: Step) -> None:
    said, id_ = said_of(step, SaidKey), context.id(Kind.KEY, step.id)
    if not context.store.sync.is_synced(context.plan.connector, step.id):
        raise NotThere("somebody has decided on it since")
    if said.standing is Standing.SUSPENDED:
        _put_status(context, id_, KeyStatus.SUSPENDED, said.reason or "suspended at the platform")
    else:
        _put_status(context, id_, KeyStatus.ACTIVE, None)
    _alter(context, id_, said)
    context.store.sync.note_status(context.plan.connector, step.id, said.venue)


def _set_status(context: Context, step: Step, status: KeyStatus, *, is_noted: bool = True) -> None:
    reason = None if status is KeyStatus.ACTIVE else _reason(step.reason)
    context.store.keys.set_status(context.id(Kind.KEY, step.id), status, now=context.now, reason=reason)
    if is_noted:
        context.store.sync.note_status(context.plan.connector, step.id, step.venue)


def _put_status(context: Context, id_: int, status: KeyStatus, reason: str | None) -> None:
    said = None if reason is None else _reason(reason)
    context.store.keys.update(id_, status=status.value, status_reason=said, status_at=context.now, removes_at=None)


def _reason(text: str) -> str | None:
    """Return a platform's reason as the store takes it: whatever it is, nobody stays in because of it."""
    return shorten(text).encode("utf-8", "replace")[:_MOST_REASON].decode("utf-8", "ignore").strip() or None
