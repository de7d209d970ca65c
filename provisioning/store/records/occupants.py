# ruff: noqa: S608 (what is put into a statement here is a name of ours; values are parameters)
"""Who is in a unit, has a plan, or belongs to a keypool, and what becomes of them when it goes."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ...errors import InvalidValue
from ...model import KeyStatus
from ..files.database import Database
from ..recording.recorder import Recorder, Recording
from ..rows import load_instant, save_instant

_OCCUPANT: Final = "SELECT id, keypool_id, identity, status, starts, ends, unit_id, grace_of FROM keys"
# table: where its ids stand among the keys, and the columns by which it decides on a key's VLAN
_MOVES_VLAN: Final = {
    "keys": ("k.id", ("vlan", "unit_id", "plan_id")),
    "units": ("k.unit_id", ("vlan", "venue_id")),
    "plans": ("k.plan_id", ("wireless_only",)),
    "venues": ("v.id", ("wireless_only_vlan_offset",)),
}


@dataclass(frozen=True, slots=True)
class Occupant:
    """A key, as far as it matters to where it is. Nothing of it is opened."""

    id: int
    keypool_id: int
    identity: str
    status: KeyStatus | None  # None: it cannot be read
    starts: datetime | None
    ends: datetime | None
    unit_id: int | None
    is_former: bool  # the former passphrase of another key, which counts once

    def is_live(self, now: datetime) -> bool:
        """Return whether it may be used, now or later: it was not removed and has not ended."""
        return self.status is not KeyStatus.REMOVED and (self.ends is None or self.ends > now)

    def has_begun(self, now: datetime) -> bool:
        return self.starts is None or self.starts < now


class Occupants:
    """What keys belong to, beside themselves. Those removed or ended long ago belong to it as well."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._db = database
        self._recorder = recorder

    def of_units(self, unit_ids: Iterable[int]) -> list[Occupant]:
        return self._read("unit_id IN (SELECT value FROM json_each(?))", json.dumps(sorted(unit_ids)))

    def of_keypools(self, keypool_ids: Iterable[int]) -> list[Occupant]:
        return self._read("keypool_id IN (SELECT value FROM json_each(?))", json.dumps(sorted(keypool_ids)))

    def _read(self, condition: str, value: object) -> list[Occupant]:
        known = {status.value: status for status in KeyStatus}
        return [
            Occupant(
                id_,
                keypool_id,
                str(identity),
                known.get(status),
                load_instant(starts),
                load_instant(ends),
                unit_id,
                grace_of is not None,
            )
            for id_, keypool_id, identity, status, starts, ends, unit_id, grace_of in self._db.rows(
                f"{_OCCUPANT} WHERE {condition} ORDER BY id", (value,)
            )
        ]

    def count_of_plan(self, plan_id: int, *, now: datetime | None = None) -> int:
        """Return how many keys have a plan, removed ones aside; with `now` only those that have not ended."""
        return int(
            self._db.rows(
                "SELECT count(*) FROM keys WHERE plan_id = ?1 AND status != 'removed' AND grace_of IS NULL"
                " AND (?2 IS NULL OR ends IS NULL OR ends > ?2)",
                (plan_id, save_instant(now)),
            )[0][0]
        )

    def count_at(self, keypool_id: int, venue_id: int, now: datetime) -> int:
        """Return how many live keys of a keypool belong to units of a venue."""
        return int(
            self._db.rows(
                "SELECT count(*) FROM keys k JOIN units u ON u.id = k.unit_id WHERE k.keypool_id = ? AND u.venue_id = ?"
                " AND k.status != 'removed' AND (k.ends IS NULL OR k.ends > ?)",
                (keypool_id, venue_id, save_instant(now)),
            )[0][0]
        )

    # Parts of a change.

    def put(self, table: str, column: str, before: int, after: int | None) -> int:
        """Let all rows of a table that refer to one thing refer to another, or to none; return how many."""
        ids = [id_ for (id_,) in self._db.rows(f"SELECT id FROM {table} WHERE {column} = ? ORDER BY id", (before,))]
        for id_ in ids:
            self._recorder.update(table, id_, {column: after})
        return len(ids)

    def end(self, key: Occupant, now: datetime, reason: str) -> None:
        """Let a key end now; one that has not begun is removed."""
        if key.has_begun(now):
            self._recorder.update("keys", key.id, {"ends": save_instant(now)})
            return
        values = {"status": KeyStatus.REMOVED.value, "status_reason": reason, "status_at": save_instant(now)}
        self._recorder.update("keys", key.id, values)

    def delete(self, keys: Iterable[Occupant]) -> None:
        """Take keys away with their devices, as if they had never been but for the audit."""
        ids = [key.id for key in keys]
        former = {id_ for (id_,) in self._db.rows("SELECT id FROM keys WHERE grace_of IS NOT NULL")}
        for id_ in ids:
            for keypool_id, mac in self._db.rows("SELECT keypool_id, mac FROM devices WHERE key_id = ?", (id_,)):
                self._recorder.delete("devices", (keypool_id, mac, id_))
        for id_ in sorted(ids, key=lambda id_: id_ not in former):  # they refer to the others
            self._recorder.delete("keys", id_)

    def refuse_vlans(self, change: Recording) -> None:
        """Raise InvalidValue where a change moves a key of a wireless-only plan to a VLAN that there is not."""
        touched: dict[str, list[int]] = {}
        for row in change.rows:
            if row.after is not None and row.table in _MOVES_VLAN:
                column, moved_by = _MOVES_VLAN[row.table]
                if any(row.before is None or row.before[each] != row.after[each] for each in moved_by):
                    touched.setdefault(column, []).append(row.first_id)
        if not touched:
            return
        conditions = " OR ".join(f"{column} IN (SELECT value FROM json_each(?))" for column in touched)
        found = self._db.row(
            "SELECT k.id, k.identity, coalesce(k.vlan, u.vlan), v.wireless_only_vlan_offset FROM keys k"
            " JOIN plans p ON p.id = k.plan_id AND p.wireless_only"
            " LEFT JOIN units u ON u.id = k.unit_id"
            " JOIN venues v ON v.id = coalesce(u.venue_id,"
            " (SELECT min(venue_id) FROM keypool_venues WHERE keypool_id = k.keypool_id HAVING count(*) = 1))"
            " WHERE k.status != 'removed' AND coalesce(k.vlan, u.vlan) + v.wireless_only_vlan_offset > 4094"
            f" AND ({conditions}) LIMIT 1",
            [json.dumps(ids) for ids in touched.values()],
        )
        if found is not None:
            id_, identity, vlan, offset = found
            raise InvalidValue(
                f"key {id_} ({identity}) would be moved to VLAN {vlan + offset}: {vlan} and the venue's offset of"
                f" wireless-only plans, {offset}; there is none above 4094"
            )
