"""Taking a change back."""

from collections.abc import Sequence

from ..errors import CannotUndo, NotFound
from ..model import AuditEntry, RowChange
from ..store import Store


def undo(store: Store, entry_id: int | None = None, *, author: str, reason: str | None = None) -> AuditEntry:
    """Make what a change altered as it was before, as a change of its own; return the entry of what was taken back.

    entry_id: which change; None: the last one of `author` that was not taken back

    Raises CannotUndo, saying why, where something else has come in between, or how it was is not known any more.
    """
    entry = _find(store, entry_id, author)
    if entry.undone_by is not None:
        raise CannotUndo(f"change {entry.id} ({entry.action}) was taken back already, by change {entry.undone_by}")
    if not entry.undoable:
        raise CannotUndo(f"change {entry.id} ({entry.action}) is too long ago, or tells of somebody who was erased")
    with store.change("undo", reason=reason) as change:
        change.undoes = entry.id
        if entry.kind is not None and entry.subject_id is not None:
            change.subject(entry.kind, entry.subject_id, entry.subject)
        change.note["undone"] = entry.action
        images = store.audit.images(entry.id)
        if not images:
            raise CannotUndo(f"change {entry.id} ({entry.action}) cannot be taken back: how it was before is not known")
        for row in images:
            if row.is_range and (later := store.audit.later_change(entry.id, row)) is not None:
                raise CannotUndo(f"change {entry.id} ({entry.action}) cannot be taken back: change {later} came since")
            obstacle = store.recorder.reverse(row)
            if obstacle is not None:
                raise CannotUndo(f"change {entry.id} ({entry.action}) cannot be taken back: {obstacle}")
        _refuse_shared_vlans(store, entry.id, images)
        store.audit.mark_undone(entry.id, store.audit.next_id())
        if entry.undoes is not None:
            store.audit.mark_undone(entry.undoes, None)
    return entry


def _refuse_shared_vlans(store: Store, entry_id: int, images: Sequence[RowChange]) -> None:
    """Raise CannotUndo where a unit would have its VLAN back, and another one has it by now.

    Where both had it when the change was made, they have it again.
    """
    for vlan, other_id, other in store.units.sharing(row.first_id for row in images if row.table == "units"):
        later = store.audit.later_change(entry_id, RowChange("units", other_id, other_id, None, None))
        if later is not None:
            raise CannotUndo(
                f"change {entry_id} cannot be taken back: VLAN {vlan} is that of unit {other!r} since change {later}"
            )


def _find(store: Store, entry_id: int | None, author: str) -> AuditEntry:
    if entry_id is not None:
        entry = store.audit.entry(entry_id)
        if entry is None:
            raise NotFound(f"no change {entry_id} in the audit")
        return entry
    entry = store.audit.last_of(author)
    if entry is None:
        raise CannotUndo(f"there is no change of {author} to take back: `latchkey audit` shows all, `undo N` takes one")
    return entry
