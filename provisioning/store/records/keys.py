# ruff: noqa: S608 (what is put into a statement here is a condition of ours; values are parameters)
"""The keys without their secrets: found, listed and compared by what was decided about them."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ...errors import NotFound, RowDamaged
from ...model import KeyLabel, KeyRecord, KeyRow, KeyStatus
from ...secrets import Vault
from ..files.database import Database
from ..rows import Row, load_instant, load_key_label, load_rows, save_instant

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
_ROW: Final = """
    SELECT k.id, k.keypool_id, k.identity, u.name, s.name, p.name, k.vlan,
        coalesce(k.vlan, u.vlan) + CASE WHEN p.wireless_only THEN coalesce(v.wireless_only_vlan_offset, 0) ELSE 0 END,
        k.starts, min(coalesce(k.ends, k.removes_at), coalesce(k.removes_at, k.ends)), k.status, k.status_reason,
        k.status_at, s.status, s.status_reason, k.removes_at, k.grace_of, k.tag, k.external_id, k.platform_id,
        k.subscription_id, k.card_batch_id, coalesce(v.time_zone, o.time_zone), k.passphrase, k.pmk
    FROM keys k
    LEFT JOIN units u ON u.id = k.unit_id
    LEFT JOIN subscribers s ON s.id = k.subscriber_id
    LEFT JOIN plans p ON p.id = k.plan_id
    LEFT JOIN (SELECT keypool_id, min(venue_id) AS venue_id FROM keypool_venues GROUP BY keypool_id HAVING count(*) = 1)
        one ON one.keypool_id = k.keypool_id
    LEFT JOIN venues v ON v.id = coalesce(u.venue_id, one.venue_id)
    LEFT JOIN operator o
"""
_FIRST: Final = 256  # rows of the first read: most lists are a page
_CHUNK: Final = 4096
_STATUSES: Final = frozenset(status.value for status in KeyStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFilter:
    """Which keys are asked for; what is None does not matter."""

    keypool_ids: Collection[int] | None = None
    identity: str | None = None
    status: KeyStatus | None = None  # None: all but removed ones
    unit_id: int | None = None
    subscriber_id: int | None = None
    plan_id: int | None = None
    tag: str | None = None
    ends_before: datetime | None = None  # and has not ended `ends_after`
    ends_after: datetime | None = None
    former: bool = False  # also those that stand for a former passphrase
    cards: bool = False  # scratch cards alone, which are left out where no identity is asked for either


class KeyRecords:
    """What is known of keys without their secrets: also of those that cannot be opened."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._db = database
        self._vault = vault

    def get(self, id_: int) -> KeyRecord:
        """Return a key's record; NotFound where there is none of that id, RowDamaged where it cannot be read."""
        rows = self._db.rows(f"{_RECORD} WHERE k.id = ?", (id_,))
        for record in load_rows("keys", rows, _load_record):
            return record
        raise NotFound(f"no key {id_}")

    def of(self, ids: Iterable[int]) -> list[KeyRecord]:
        """Return the records of these keys, by id."""
        return self._where("k.id IN (SELECT value FROM json_each(?))", json.dumps(sorted(set(ids))))

    def graces_among(self, ids: Iterable[int]) -> list[KeyRecord]:
        """Return the records of the former passphrases of these keys that are not removed."""
        wanted = json.dumps(sorted(set(ids)))
        return self._where("k.grace_of IN (SELECT value FROM json_each(?)) AND k.status != 'removed'", wanted)

    def listed(
        self, asked: KeyFilter, wanted: Callable[[KeyRow], bool] = lambda _: True, *, offset: int = 0
    ) -> Iterator[KeyRow | KeyLabel]:
        """Yield keys by id; of one that cannot be opened its label. That is tried, and nothing of it is kept.

        wanted: of the rows that can be read these alone are opened
        offset: leave out so many of what the filter asks for, unread
        """
        where, values = _conditions(asked)
        last, size = 0, _FIRST
        if offset:
            first = self._db.row(
                f"SELECT k.id FROM keys k WHERE true{where} ORDER BY k.id LIMIT 1 OFFSET ?", (*values, offset)
            )
            if first is None:
                return
            last = first[0] - 1
        while rows := self._db.rows(f"{_ROW} WHERE k.id > ?{where} ORDER BY k.id LIMIT {size}", (last, *values)):
            last, size = rows[-1][0], _CHUNK
            sound = {row[0]: KeyRow._make(row[:-2]) for row in rows if _is_sound(row)}
            sound = {id_: row for id_, row in sound.items() if wanted(row)}
            closed = self._closed([row for row in rows if row[0] in sound])
            for row in rows:
                if row[0] in sound and row[0] not in closed:
                    yield sound[row[0]]
                elif row[0] in closed or not _is_sound(row):
                    yield load_key_label((*row[:4], row[10], row[16]))

    def _closed(self, rows: Sequence[Row]) -> set[int]:
        """Return the keys among these rows whose secrets cannot be opened."""
        closed: set[int] = set()
        kept = [row for row in rows if row[10] != KeyStatus.REMOVED.value or row[-1] != b""]
        for column, at in (("keys.passphrase", -2), ("keys.pmk", -1)):
            try:
                self._vault.unseal_rows(column, [(row[0], row[at]) for row in kept])
            except RowDamaged:
                closed.update(row[0] for row in kept if not self._opens(column, row[0], row[at]))
        return closed

    def _opens(self, column: str, id_: int, sealed: bytes) -> bool:
        try:
            self._vault.unseal(column, id_, sealed)
        except RowDamaged:
            return False
        return True

    def _where(self, condition: str, value: object) -> list[KeyRecord]:
        rows = self._db.rows(f"{_RECORD} WHERE {condition} ORDER BY k.id", (value,))
        return list(load_rows("keys", rows, _load_record))

    def graces_of(self, id_: int) -> list[KeyRecord]:
        """Return the records of a key's former passphrases, removed ones too."""
        return self._where("k.grace_of = ?", id_)

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


def _conditions(asked: KeyFilter) -> tuple[str, list[Any]]:
    conditions: list[tuple[str, Any]] = []
    if asked.keypool_ids is not None:
        conditions.append(("k.keypool_id IN (SELECT value FROM json_each(?))", json.dumps(sorted(asked.keypool_ids))))
    for column, value in (
        ("k.identity", asked.identity),
        ("k.unit_id", asked.unit_id),
        ("k.subscriber_id", asked.subscriber_id),
        ("k.plan_id", asked.plan_id),
        ("k.tag", asked.tag),
        ("k.status", None if asked.status is None else asked.status.value),
    ):
        if value is not None:
            conditions.append((f"{column} = ?", value))
    if asked.ends_before is not None:
        ends = "min(coalesce(k.ends, k.removes_at), coalesce(k.removes_at, k.ends))"
        conditions.append((f"{ends} <= ?", save_instant(asked.ends_before)))
        if asked.ends_after is not None:
            conditions.append((f"{ends} > ?", save_instant(asked.ends_after)))
    where = "".join(f" AND {condition}" for condition, _ in conditions)
    if asked.status is None:
        where += " AND k.status != 'removed'"
    if not asked.former:
        where += " AND k.grace_of IS NULL"
    if asked.cards:
        where += " AND k.card_batch_id IS NOT NULL"
    elif asked.identity is None:
        where += " AND k.card_batch_id IS NULL"
    return where, [value for _, value in conditions]


def _is_sound(row: Row) -> bool:
    """Return whether a row holds what a key may; names are shown as they are."""
    identity, starts, ends, status = row[2], row[8], row[9], row[10]
    return (
        isinstance(identity, str)
        and status in _STATUSES
        and (starts is None or isinstance(starts, int))
        and (ends is None or isinstance(ends, int))
        and (row[6] is None or isinstance(row[6], int))
    )


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
