"""Changing keys as the rows of a sheet say, and their former passphrases with them: part of the import's change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ...errors import InvalidValue
from ...model import KeyRecord, KeyStatus, Passphrase
from ...sheets import KeyUpdate, NewUnit
from ...store import Store

_LINKS: Final = frozenset(("unit", "plan", "vlan"))
_OF_GRACES: Final = frozenset(("identity", "unit_id", "plan_id", "vlan", "starts", "subscriber_id"))
# Of what an update has compared, in the names of both.
_COMPARED: Final = (
    *(("identity", "identity"), ("vlan", "vlan"), ("unit", "unit_id"), ("plan_id", "plan_id"), ("status", "status")),
    *(("starts", "starts"), ("ends", "ends"), ("external_id", "external_id"), ("tag", "tag")),
)


class Updater:
    """Changes keys; made within the change, of which it reads once what is asked again and again."""

    def __init__(
        self, store: Store, updates: Sequence[KeyUpdate], *, units: Mapping[NewUnit, int], now: datetime
    ) -> None:
        """units: the ids of those that were made"""
        self._store = store
        self._units = units
        self._now = now
        ids = [update.key.id for update in updates]
        self._records = {record.id: record for record in store.key_records.of(ids)}
        self._graces: dict[int, list[KeyRecord]] = {}
        for grace in store.key_records.graces_among(ids):
            self._graces.setdefault(grace.grace_of or 0, []).append(grace)
        self._keypools = {pool.id: pool for pool in store.keypools.all()}
        wanted = (update.row.unit for update in updates if isinstance(update.row.unit, int))
        self._links = store.keys.links({*wanted, *units.values(), *(update.key.unit for update in updates)})

    def apply(self, update: KeyUpdate, pmk: bytes | None) -> None:
        """Change one key; InvalidValue where somebody else has meanwhile, or unit, plan and VLAN do not go together.

        pmk: of the row's passphrase, where that is another
        """
        store, key, row = self._store, update.key, update.row
        self._refuse_changed(update)
        after = {change.name: change.after for change in update.changes}
        values = self._columns(update)
        if not _LINKS.isdisjoint(after):
            unit_id, plan_id = values.get("unit_id", key.unit), values.get("plan_id", key.plan_id)
            self._links.check(self._keypools[key.keypool_id], unit_id, plan_id, values.get("vlan", key.vlan))
        if values:
            store.keys.update(key.id, **values)
        for grace in self._graces.get(key.id, ()):
            if "psk" in after:
                store.keys.set_status(grace.id, KeyStatus.REMOVED, now=self._now)
            elif shared := _shared(grace, values):
                store.keys.update(grace.id, **shared)
        if isinstance(passphrase := after.get("psk"), Passphrase):
            store.keys.put_passphrase(key.id, passphrase, pmk)
        if "mac" in after:
            for mac in row.macs:
                if mac not in key.macs:
                    store.devices.register(key.keypool_id, key.id, mac)
        if "status" in after and row.status is not None:
            store.keys.set_status(key.id, row.status, now=self._now)

    def _refuse_changed(self, update: KeyUpdate) -> None:
        """Raise InvalidValue where a key is not what the update was planned by: nobody has said what of it counts."""
        key, record = update.key, self._records.get(update.key.id)
        if record is None or record.status is KeyStatus.REMOVED:
            raise InvalidValue(f"key {key.id} was removed meanwhile")
        if key.passphrase is None:
            return  # nothing of it could be compared
        if record.removes_at != key.removes_at or any(
            getattr(key, ours) != getattr(record, theirs) for ours, theirs in _COMPARED
        ):
            raise InvalidValue(f"key {key.id} was changed meanwhile: import the file again")

    def _columns(self, update: KeyUpdate) -> dict[str, Any]:
        """Return the columns of a key that change, and what to."""
        values: dict[str, Any] = {}
        for change in update.changes:
            after = change.after
            match change.name:
                case "unit":
                    values["unit_id"] = self._units[after] if isinstance(after, NewUnit) else after
                case "plan":
                    values["plan_id"] = after
                case "subscriber":
                    values["subscriber_id"] = self._subscriber(after) if isinstance(after, str) else None
                case "identity" | "vlan" | "starts" | "ends" | "external_id" | "tag":
                    values[change.name] = after
        return values

    def _subscriber(self, name: str) -> int:
        return self._store.subscribers.ids_of([name])[name]


def _shared(grace: KeyRecord, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a key's columns its former passphrase shares; it ends no later than its key."""
    shared = {column: value for column, value in values.items() if column in _OF_GRACES}
    ends = values.get("ends")
    if ends is not None and grace.ends is not None:
        shared["ends"] = min(ends, grace.ends)
    return shared
