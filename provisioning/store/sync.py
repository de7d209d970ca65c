# ruff: noqa: S608 (names of columns are ours; values are parameters)
"""What synchronisation keeps: a connector's state and lease, whose records are whose, and plans that wait.

A record belongs to the connector and the platform's id of it, by nothing else. These rows are no administrator's
decisions: they are not in the audit, and what they say of a record that is gone counts for nothing.
"""

import itertools
import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from ..errors import NotFound
from ..secrets import Vault
from ..sync import Holdings, Kind, Missing, NotAPlan, Plan, pack_plan, unpack_plan
from .files.database import Database
from .records.holdings import read_holdings
from .rows import Report, Row, load_instant, load_rows, save_instant
from .sent import SentKeys

HELD: Final = "held"  # waits for a person, and its connector with it
OFFERED: Final = "offered"  # made for a person to read
ACCEPTED: Final = "accepted"  # is being applied
DONE: Final = "done"
KEPT_PLANS: Final = 20  # of a connector, whose contents are forgotten
_CHUNK: Final = 2000  # rows of one transaction
_PLACE: Final = "sync_plans.contents"
_COLUMNS: Final = (
    "name, platform, is_accepted, leader, leader_until, held_plan, held_since, last_run, last_complete,"
    " last_error, state"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorState:
    """How a connector is."""

    name: str
    platform: str
    is_accepted: bool  # a person has accepted a plan of it
    leader: str | None
    leader_until: datetime | None
    held_plan: int | None
    held_since: datetime | None
    last_run: datetime | None
    last_complete: datetime | None
    last_error: str | None
    details: Mapping[str, Any] = field(default_factory=dict)  # of the last run: counts, faults


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan that was kept; `done`: how many of its steps are."""

    number: int
    connector: str
    made_at: datetime
    state: str
    basis: str
    done: int
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Owned:
    """A record of a connector: the platform's id of it, and ours."""

    kind: Kind
    platform_id: str
    venue: str
    record_id: int
    is_owned: bool = True  # False: it is used, and belongs to whoever made it
    is_made: bool | None = None  # a new key's passphrase was made here, so that the platform does not know it


@dataclass(frozen=True, slots=True)
class Untold:
    """A key that the platform has not been told of: its ids of it and of whose it is, and ours."""

    platform_id: str
    record_id: int
    subscriber: str | None
    is_made: bool


class Sync:
    """The rows of all connectors."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._db = database
        self._vault = vault
        self.sent_keys = SentKeys(database)

    def joining(self) -> AbstractContextManager[None]:
        """Make everything within part of the transaction there is, or one of its own."""
        return self._db.joining()

    # Connectors.

    def connectors(self) -> tuple[ConnectorState, ...]:
        return tuple(map(_load, self._db.rows(f"SELECT {_COLUMNS} FROM sync_connectors ORDER BY name")))

    def connector(self, name: str) -> ConnectorState | None:
        row = self._db.row(f"SELECT {_COLUMNS} FROM sync_connectors WHERE name = ?", (name,))
        return None if row is None else _load(row)

    def lead(
        self, name: str, platform: str, leader: str, now: datetime, lease: timedelta, *, dead: str | None = None
    ) -> ConnectorState | None:
        """Take the lease; return None, or the state with whoever else holds it.

        dead: a leader that is known to run no more
        """
        with self._db.joining():
            self._db.execute("INSERT OR IGNORE INTO sync_connectors (name, platform) VALUES (?, ?)", (name, platform))
            taken = self._db.execute(
                "UPDATE sync_connectors SET platform = ?, leader = ?, leader_until = ? WHERE name = ?"
                " AND (leader IS NULL OR leader IN (?, ?) OR leader_until <= ? OR leader_until > ?)",
                (
                    platform,
                    leader,
                    save_instant(now + lease),
                    name,
                    leader,
                    dead,
                    save_instant(now),
                    save_instant(now + 10 * lease),  # a clock that was far ahead
                ),
            ).rowcount
        return None if taken else self.connector(name)

    def prolong(self, name: str, leader: str, until: datetime) -> bool:
        """Return whether the lease is still this leader's, and keep it until then; or part of a transaction."""
        with self._db.joining():
            cursor = self._db.execute(
                "UPDATE sync_connectors SET leader_until = ? WHERE name = ? AND leader = ?",
                (save_instant(until), name, leader),
            )
        return bool(cursor.rowcount)

    def release(self, name: str, leader: str) -> None:
        """Give the lease back."""
        with self._db.joining():
            self._db.execute(
                "UPDATE sync_connectors SET leader = NULL, leader_until = NULL WHERE name = ? AND leader = ?",
                (name, leader),
            )

    def finish(
        self, name: str, *, now: datetime, complete: bool, error: str | None, details: Mapping[str, Any] | None = None
    ) -> None:
        """Note how a run went."""
        with self._db.joining():
            self._db.execute(
                "UPDATE sync_connectors SET last_run = ?, last_error = ?, state = coalesce(?, state),"
                " last_complete = CASE WHEN ? THEN ? ELSE last_complete END WHERE name = ?",
                (
                    save_instant(now),
                    error,
                    None if details is None else json.dumps(details, ensure_ascii=False),
                    complete,
                    save_instant(now),
                    name,
                ),
            )

    # Whose records are whose.

    def holdings(
        self,
        connector: str,
        *,
        nas_places: frozenset[str] = frozenset(),
        venues: Mapping[str, str] = MappingProxyType({}),
    ) -> Holdings:
        """Return all that the reconciler needs to know of the store.

        venues: names of venues that people made, by the platform's ids: the connector uses them
        """
        with self._db.reading():
            state = self.connector(connector)
            return read_holdings(
                self._db,
                connector,
                is_first=state is None or not state.is_accepted,
                last_complete=None if state is None else state.last_complete,
                nas_places=nas_places,
                venues=venues,
            )

    def own(self, connector: str, records: Iterable[Owned]) -> None:
        """Note records of a connector; part of the transaction that makes them."""
        self._db.execute_many(
            "INSERT OR REPLACE INTO sync_records (connector, kind, platform_id, venue, record_id, is_owned, untold)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    connector,
                    each.kind.value,
                    each.platform_id,
                    each.venue,
                    each.record_id,
                    int(each.is_owned),
                    0 if each.is_made is None else 1 if each.is_made else 2,
                )
                for each in records
            ),
        )

    def untold(self, connector: str) -> list[Untold]:
        """Return the keys that the platform has not been told of since they were made."""
        rows = self._db.rows(
            "SELECT r.platform_id, r.record_id, s.platform_id, r.untold = 1 FROM sync_records r"
            " JOIN keys k ON k.id = r.record_id AND k.status != 'removed'"
            " LEFT JOIN sync_records s ON s.connector = r.connector AND s.kind = 'subscriber'"
            " AND s.record_id = k.subscriber_id"
            " WHERE r.connector = ? AND r.kind = 'key' AND r.untold ORDER BY r.record_id",
            (connector,),
        )
        return [Untold(id_, record, subscriber, bool(made)) for id_, record, subscriber, made in rows]

    def mark_told(self, connector: str, record_ids: Iterable[int]) -> None:
        """Note that the platform knows of these keys."""
        self._mark(
            "UPDATE sync_records SET untold = 0 WHERE kind = 'key' AND record_id = ? AND connector = ?",
            ((each, connector) for each in record_ids),
        )

    def records(self, connector: str, kind: Kind) -> dict[str, int]:
        """Return a connector's records of a kind: the platform's id -> ours."""
        rows = self._db.rows(
            "SELECT platform_id, record_id FROM sync_records WHERE connector = ? AND kind = ?", (connector, kind.value)
        )
        return dict(rows)

    def owned(self, connector: str, kind: Kind) -> tuple[Owned, ...]:
        """Return a connector's records of a kind."""
        rows = self._db.rows(
            "SELECT platform_id, venue, record_id, is_owned FROM sync_records WHERE connector = ? AND kind = ?",
            (connector, kind.value),
        )
        return tuple(Owned(kind, id_, venue, record, bool(is_owned)) for id_, venue, record, is_owned in rows)

    def forget(self, connector: str, kind: Kind, platform_ids: Iterable[str]) -> None:
        """Forget records that the platform has no more."""
        self._db.execute_many(
            "DELETE FROM sync_records WHERE connector = ? AND kind = ? AND platform_id = ?",
            ((connector, kind.value, each) for each in platform_ids),
        )

    def forget_connector(self, name: str) -> int:
        """Forget a connector, its plans, and whose its records were; return how many these were."""
        with self._db.joining():
            count = self._db.execute("DELETE FROM sync_records WHERE connector = ?", (name,)).rowcount
            self._db.execute("DELETE FROM sync_plans WHERE connector = ?", (name,))
            self._db.execute("DELETE FROM sync_connectors WHERE name = ?", (name,))
        return count

    def owner(self, kind: Kind, record_id: int) -> str | None:
        """Return whose record it is."""
        row = self._db.row(
            "SELECT connector FROM sync_records WHERE kind = ? AND record_id = ? AND is_owned ORDER BY connector",
            (kind.value, record_id),
        )
        return None if row is None else str(row[0])

    def disown(self, kind: Kind, record_ids: Iterable[int]) -> None:
        """Forget whose records these were, as they are none any more."""
        self._db.execute_many(
            "DELETE FROM sync_records WHERE kind = ? AND record_id = ?", ((kind.value, each) for each in record_ids)
        )

    def note_status(self, connector: str, platform_id: str, venue: str) -> None:
        """Remember that a key's state is one that this connector gave it."""
        self._db.execute(
            "UPDATE sync_records SET venue = ?, status_at = (SELECT status_at FROM keys WHERE id = record_id),"
            " given = (SELECT status FROM keys WHERE id = record_id)"
            " WHERE connector = ? AND kind = 'key' AND platform_id = ?",
            (venue, connector, platform_id),
        )

    def is_synced(self, connector: str, platform_id: str) -> bool:
        """Return whether a key's state is still the one that this connector gave it."""
        row = self._db.row(
            "SELECT 1 FROM sync_records r JOIN keys k ON k.id = r.record_id"
            " AND k.status_at = r.status_at AND k.status = r.given"
            " WHERE r.connector = ? AND r.kind = 'key' AND r.platform_id = ?",
            (connector, platform_id),
        )
        return row is not None

    def move(self, connector: str, platform_id: str, venue: str) -> None:
        """Remember at which venue a key is."""
        self._db.execute(
            "UPDATE sync_records SET venue = ? WHERE connector = ? AND kind = 'key' AND platform_id = ?",
            (venue, connector, platform_id),
        )

    def rename(self, connector: str, new_ids: Mapping[str, str]) -> None:
        """Know keys by other ids of the platform's; one whose new id is another record's already keeps its own."""
        if not new_ids:
            return
        with self._db.joining():
            self._db.execute_many(
                "UPDATE OR IGNORE sync_records SET platform_id = ?"
                " WHERE connector = ? AND kind = 'key' AND platform_id = ?",
                ((new, connector, id_) for id_, new in new_ids.items()),
            )

    def mark_missing(self, connector: str, missing: Iterable[Missing]) -> None:
        """Keep in how many complete readings keys were missing."""
        self._mark(
            "UPDATE sync_records SET missing_since = ?, missing_readings = ?"
            " WHERE connector = ? AND kind = 'key' AND platform_id = ?",
            ((save_instant(each.since), each.readings, connector, each.id) for each in missing),
        )

    def mark_agreed(self, connector: str, platform_ids: Iterable[str]) -> None:
        """Forget which state a sync gave these keys: a person changed it, and the platform has come to say the same."""
        self._mark(
            "UPDATE sync_records SET given = NULL WHERE connector = ? AND kind = 'key' AND platform_id = ?",
            ((connector, each) for each in platform_ids),
        )

    def _mark(self, statement: str, rows: Iterable[Row]) -> None:
        waiting = iter(rows)
        while some := list(itertools.islice(waiting, _CHUNK)):
            with self._db.joining():
                self._db.execute_many(statement, some)

    # Plans.

    def next_plan(self) -> int:
        """Return the number of a new plan."""
        with self._db.joining():
            return self._db.allocate("sync_plans")

    def save_plan(self, number: int, plan: Plan, state: str, summary: Mapping[str, Any]) -> None:
        """Keep a plan, sealed: it has passphrases in it, and names. One that is held stops its connector."""
        contents = self._vault.seal(_PLACE, number, pack_plan(plan))
        with self._db.joining():
            at = save_instant(plan.made_at)
            self._db.execute(
                "INSERT INTO sync_plans (id, connector, made_at, state, basis, summary, contents)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, plan.connector, at, state, plan.basis, json.dumps(summary, ensure_ascii=False), contents),
            )
            if state == HELD:
                self._db.execute(
                    "UPDATE sync_connectors SET held_plan = ?, held_since = coalesce(held_since, ?) WHERE name = ?",
                    (number, at, plan.connector),
                )
            self._forget_plans(plan.connector, number)

    def _forget_plans(self, connector: str, newest: int) -> None:
        """Empty the plans that nobody can accept any more, and keep the list of them short."""
        state = self.connector(connector)
        held = state.held_plan if state is not None else None
        self._db.execute(
            "UPDATE sync_plans SET contents = x'' WHERE connector = ? AND id NOT IN (?, ?) AND state != ?",
            (connector, newest, held or newest, ACCEPTED),
        )
        self._db.execute(
            "DELETE FROM sync_plans WHERE connector = ? AND contents = x'' AND id <= ("
            "SELECT id FROM sync_plans WHERE connector = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (connector, connector, KEPT_PLANS),
        )

    def plans(self, connector: str) -> tuple[StoredPlan, ...]:
        """Return what is known of a connector's plans, the newest first."""
        rows = self._db.rows(
            "SELECT id, connector, made_at, state, basis, done, summary FROM sync_plans WHERE connector = ?"
            " ORDER BY id DESC",
            (connector,),
        )
        return tuple(map(_load_stored, rows))

    def stored_plan(self, number: int) -> StoredPlan:
        """Return what is known of a plan; NotFound where there is none of that number."""
        row = self._db.row(
            "SELECT id, connector, made_at, state, basis, done, summary FROM sync_plans WHERE id = ?", (number,)
        )
        if row is None:
            raise NotFound(f"no plan {number}")
        return _load_stored(row)

    def plan(self, number: int) -> Plan:
        """Return a plan to apply; NotFound where it is not kept any more."""
        row = self._db.row("SELECT contents FROM sync_plans WHERE id = ?", (number,))
        if row is None or not row[0]:
            raise NotFound(f"plan {number} is not kept any more: make a new one")
        try:
            return unpack_plan(self._vault.unseal(_PLACE, number, row[0]))
        except NotAPlan as error:
            raise NotFound(f"plan {number}: {error}") from None

    def accept(self, number: int, connector: str) -> None:
        """Let a plan be applied, and its connector go on."""
        with self._db.joining():
            self._db.execute("UPDATE sync_plans SET state = ? WHERE id = ?", (ACCEPTED, number))
            self._db.execute(
                "UPDATE sync_connectors SET is_accepted = 1, held_plan = NULL, held_since = NULL WHERE name = ?",
                (connector,),
            )

    def accepted(self, connector: str) -> StoredPlan | None:
        """Return the plan that was accepted and is not done: an interruption left it so."""
        return next((each for each in self.plans(connector) if each.state == ACCEPTED), None)

    def advance(self, number: int, done: int) -> None:
        """Note how many steps of a plan are done; part of the transaction that did them."""
        self._db.execute("UPDATE sync_plans SET done = ? WHERE id = ?", (done, number))

    def close_plan(self, number: int) -> None:
        """Note that a plan is done, and forget what was in it."""
        with self._db.joining():
            self._db.execute("UPDATE sync_plans SET state = ?, contents = x'' WHERE id = ?", (DONE, number))

    def let_go(self, connector: str) -> None:
        """End a hold without applying its plan: the next run makes its own."""
        with self._db.joining():
            self._db.execute(
                "UPDATE sync_connectors SET held_plan = NULL, held_since = NULL WHERE name = ?", (connector,)
            )

    def reseal(self, vault: Vault, report: Report) -> None:
        """Encrypt plans for another master key; part of a transaction."""
        rows = self._db.rows("SELECT id, contents FROM sync_plans WHERE contents != x''")
        opened = load_rows("sync_plans", rows, partial(_open, self._vault), report)
        self._db.execute_many(
            "UPDATE sync_plans SET contents = ? WHERE id = ?",
            [(vault.seal(_PLACE, id_, contents), id_) for id_, contents in opened],
        )


def _open(vault: Vault, row: Row) -> tuple[int, bytes]:
    return row[0], vault.unseal(_PLACE, row[0], row[1])


def _load(row: Row) -> ConnectorState:
    name, platform, accepted, leader, until, held, since, run, complete, error, details = row
    return ConnectorState(
        name=name,
        platform=platform,
        is_accepted=bool(accepted),
        leader=leader,
        leader_until=load_instant(until),
        held_plan=held,
        held_since=load_instant(since),
        last_run=load_instant(run),
        last_complete=load_instant(complete),
        last_error=error,
        details=json.loads(details),
    )


def _load_stored(row: Row) -> StoredPlan:
    number, connector, made_at, state, basis, done, summary = row
    at = load_instant(made_at)
    assert at is not None  # noqa: S101 (the column is NOT NULL)
    return StoredPlan(
        number=number,
        connector=connector,
        made_at=at,
        state=state,
        basis=basis,
        done=done,
        summary=json.loads(summary),
    )
