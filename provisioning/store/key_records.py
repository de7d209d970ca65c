"""The keys without their secrets: found, listed and compared by what was decided about them. Nothing is opened."""

import json
from collections.abc import Iterable
from typing import Final

from ..errors import NotFound, RowDamaged
from ..model import KeyRecord, KeyStatus
from .database import Database
from .rows import Row, load_instant, load_rows

_RECORD: Final = """
    SELECT k.id, k.keypool_id, k.identity, k.unit_id, k.subscriber_id, k.plan_id, k.vlan, k.starts, k.ends, k.status,
        k.status_reason, k.status_at, k.subscription_id, k.tag, k.external_id, k.platform_id, k.removes_at, k.grace_of,
        coalesce(v.time_zone, (SELECT time_zone FROM operator)), k.status = 'removed' AND k.pmk = x''
    FROM keys k
    LEFT JOIN units u ON u.id = k.unit_id
    LEFT JOIN venues v ON v.id = coalesce(
        u.venue_id,
        (SELECT min(venue_id) FROM keypool_venues WHERE keypool_id = k.keypool_id HAVING count(*) = 1)
    )
"""


class KeyRecords:
    """What is known of keys, without opening them: also of those that cannot be opened."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, id_: int) -> KeyRecord:
        """Return a key's record; NotFound where there is none of that id, RowDamaged where it cannot be read."""
        rows = self._db.rows(f"{_RECORD} WHERE k.id = ?", (id_,))
        for record in load_rows("keys", rows, _load_record):
            return record
        raise NotFound(f"no key {id_}")

    def of(self, ids: Iterable[int]) -> list[KeyRecord]:
        """Return the records of these keys, by id."""
        return self._where("k.id IN (SELECT value FROM json_each(?))", json.dumps(sorted(set(ids))))

    def _where(self, condition: str, value: object) -> list[KeyRecord]:
        rows = self._db.rows(f"{_RECORD} WHERE {condition} ORDER BY k.id", (value,))
        return list(load_rows("keys", rows, _load_record))

    def graces_of(self, id_: int) -> list[KeyRecord]:
        """Return the records of a key's former passphrases, removed ones too."""
        return list(
            load_rows("keys", self._db.rows(f"{_RECORD} WHERE k.grace_of = ? ORDER BY k.id", (id_,)), _load_record)
        )

    def of_subscription(self, id_: int) -> list[KeyRecord]:
        """Return the records of the keys of a subscription that are not removed, former passphrases aside."""
        return self._where("k.subscription_id = ? AND k.status != 'removed' AND k.grace_of IS NULL", id_)

    def belonging(
        self,
        *,
        subscriber_id: int | None = None,
        subscription_id: int | None = None,
        unit_id: int | None = None,
        removed: bool = False,
    ) -> list[KeyRecord]:
        """Return the records of all keys of a subscriber, subscription or unit, former passphrases too.

        removed: also of removed ones
        """
        live = "" if removed else " AND k.status != 'removed'"
        for column, value in (
            ("subscriber_id", subscriber_id),
            ("subscription_id", subscription_id),
            ("unit_id", unit_id),
        ):
            if value is not None:
                return self._where(f"k.{column} = ?{live}", value)
        raise ValueError("of whom?")

    def with_tag(self, subscriber_id: int, tag: str) -> list[int]:
        """Return the keys of a subscriber that are called so, removed ones aside."""
        rows = self._db.rows(
            "SELECT id FROM keys WHERE subscriber_id = ? AND tag = ? AND status != 'removed' AND grace_of IS NULL",
            (subscriber_id, tag),
        )
        return [id_ for (id_,) in rows]

    def with_external_id(self, external_id: str) -> list[int]:
        """Return the keys that other systems call so, removed ones aside."""
        rows = self._db.rows(
            "SELECT id FROM keys WHERE external_id = ? AND status != 'removed' AND grace_of IS NULL", (external_id,)
        )
        return [id_ for (id_,) in rows]


def _load_record(row: Row) -> KeyRecord:
    id_, keypool_id, identity, unit_id, subscriber_id, plan_id, vlan, starts, ends, status, reason, at, *rest = row
    subscription_id, tag, external_id, platform_id, removes_at, grace_of, zone, erased = rest
    if not isinstance(identity, str):
        raise RowDamaged("keys", id_)
    return KeyRecord(
        id=id_,
        keypool_id=keypool_id,
        identity=identity,
        unit_id=unit_id,
        subscriber_id=subscriber_id,
        plan_id=plan_id,
        vlan=vlan,
        starts=load_instant(starts),
        ends=load_instant(ends),
        status=KeyStatus(status),
        status_reason=reason,
        status_at=load_instant(at),
        subscription_id=subscription_id,
        tag=tag,
        external_id=external_id,
        platform_id=platform_id,
        removes_at=load_instant(removes_at),
        grace_of=grace_of,
        time_zone=zone or "UTC",
        erased=bool(erased),
    )
