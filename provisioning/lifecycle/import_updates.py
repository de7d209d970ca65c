"""Changing a key as a row of a sheet says, and its former passphrases with it. Each is part of the import's change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ..model import KeyDraft, KeyStatus, Passphrase
from ..sheets import KeyUpdate, NewUnit
from ..store import Store

_LINKS: Final = frozenset(("unit", "plan", "vlan"))  # what `Keys.check_links` is about
_OF_GRACES: Final = frozenset(("identity", "unit_id", "plan_id", "vlan", "starts", "subscriber_id"))
_SOME: Final = Passphrase(b"any passphrase")  # of a draft that stands for a key whose passphrase does not matter


def apply_update(
    store: Store, update: KeyUpdate, *, units: Mapping[NewUnit, int], pmk: bytes | None, now: datetime
) -> None:
    """Change one key; InvalidValue where its unit, plan and VLAN do not go together.

    units: the ids of those that were made
    pmk:   of the row's passphrase, where that is another
    """
    key, row = update.key, update.row
    after = {change.name: change.after for change in update.changes}
    values = _columns(store, update, units)
    if not _LINKS.isdisjoint(after):
        _check_links(store, update, values)
    if values:
        store.keys.update(key.id, **values)
    for grace_id in store.keys.graces_of(key.id):
        if "psk" in after:
            store.keys.set_status(grace_id, KeyStatus.REMOVED, now=now)
        else:
            _update_grace(store, grace_id, values)
    if isinstance(passphrase := after.get("psk"), Passphrase):
        store.keys.put_passphrase(key.id, passphrase, pmk)
    if "mac" in after:
        for mac in row.macs:
            if mac not in key.macs:
                store.devices.register(key.keypool_id, key.id, mac)
    if "status" in after and row.status is not None:
        store.keys.set_status(key.id, row.status, now=now)


def _columns(store: Store, update: KeyUpdate, units: Mapping[NewUnit, int]) -> dict[str, Any]:
    """Return the columns of a key that change, and what to."""
    values: dict[str, Any] = {}
    for change in update.changes:
        after = change.after
        match change.name:
            case "unit":
                values["unit_id"] = units[after] if isinstance(after, NewUnit) else after
            case "plan":
                values["plan_id"] = after
            case "subscriber":
                named = isinstance(after, str)
                values["subscriber_id"] = store.subscribers.ids_of([str(after)])[str(after)] if named else None
            case "identity" | "vlan" | "starts" | "ends" | "external_id" | "tag":
                values[change.name] = after
    return values


def _check_links(store: Store, update: KeyUpdate, values: Mapping[str, Any]) -> None:
    key = update.key
    draft = KeyDraft(
        passphrase=_SOME,
        unit_id=values.get("unit_id", key.unit),
        plan_id=values.get("plan_id", key.plan_id),
        vlan=values.get("vlan", key.vlan),
    )
    store.keys.check_links(store.keypools.get(key.keypool_id), [draft])


def _update_grace(store: Store, grace_id: int, values: Mapping[str, Any]) -> None:
    """Let a former passphrase go along; it ends no later than its key."""
    shared = {column: value for column, value in values.items() if column in _OF_GRACES}
    ends = values.get("ends")
    if ends is not None and (grace := store.keys.get(grace_id)) is not None and grace.ends is not None:
        shared["ends"] = min(ends, grace.ends)
    if shared:
        store.keys.update(grace_id, **shared)
