# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""Batches of scratch cards. The cards themselves are keys: a batch knows them by its id, and numbers them by theirs."""

import json
from collections.abc import Iterable
from datetime import datetime

from ..errors import AlreadyExists, NotFound
from ..model import BatchCounts, CardBatch, KeyStatus, ScratchCard
from ..model.card import next_name
from .files.database import Database
from .recording.recorder import Recorder
from .rows import (
    CARD_BATCH_COLUMNS,
    Report,
    Row,
    load_card_batch,
    load_instant,
    load_rows,
    save_card_batch,
    save_instant,
)


class Cards:
    """The batches of all keypools, and the cards of each."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._db = database
        self._recorder = recorder

    def all(self, report: Report | None = None) -> tuple[CardBatch, ...]:
        """Return the batches; `report` is told of rows that cannot be read."""
        return self._where("true", report=report)

    def get(self, id_: int) -> CardBatch:
        """Return a batch; NotFound where there is none of that id."""
        for batch in self._where("id = ?", id_):
            return batch
        raise NotFound(f"no batch of cards {id_}")

    def made_at(self, created_at: datetime) -> tuple[CardBatch, ...]:
        """Return the batches of that instant, one of a keypool at most."""
        return self._where("created_at_ms = ?", _ms(created_at))

    def near(self, created_at: datetime, *, limit: int) -> tuple[CardBatch, ...]:
        """Return the batches that were made nearest to then, the nearest first."""
        rows = self._db.rows(
            f"SELECT {CARD_BATCH_COLUMNS} FROM card_batches ORDER BY abs(created_at_ms - ?), id LIMIT ?",
            (_ms(created_at), limit),
        )
        return tuple(load_rows("card_batches", rows, load_card_batch))

    def _where(self, condition: str, *values: object, report: Report | None = None) -> tuple[CardBatch, ...]:
        rows = self._db.rows(f"SELECT {CARD_BATCH_COLUMNS} FROM card_batches WHERE {condition} ORDER BY id", values)
        return tuple(load_rows("card_batches", rows, load_card_batch, report))

    def cards(self, batch_id: int, report: Report | None = None) -> tuple[ScratchCard, ...]:
        """Return the cards of a batch, by number; `report` is told of those that cannot be read."""
        rows = self._db.rows(
            "SELECT k.id, k.card_batch_id, k.identity, k.starts, k.ends, k.status, k.status_reason, k.status_at,"
            " k.removes_at, k.tag,"
            " min(d.first_seen), count(d.first_seen)"
            " FROM keys k LEFT JOIN devices d ON d.key_id = k.id"
            " WHERE k.card_batch_id = ? AND k.grace_of IS NULL GROUP BY k.id ORDER BY k.id",
            (batch_id,),
        )
        return tuple(load_rows("keys", [(*row, number) for number, row in enumerate(rows, 1)], _load_card, report))

    def of_key(self, key_id: int) -> tuple[CardBatch, int] | None:
        """Return which card of which batch a key is; None where it is none, or the batch is gone."""
        row = self._db.row(
            "SELECT b.id, (SELECT count(*) FROM keys o"
            " WHERE o.card_batch_id = b.id AND o.grace_of IS NULL AND o.id <= k.id)"
            " FROM keys k JOIN card_batches b ON b.id = k.card_batch_id WHERE k.id = ?",
            (key_id,),
        )
        return None if row is None else (self.get(row[0]), row[1])

    def batch_id_of(self, key_id: int) -> int | None:
        """Return the batch that a key is a card of, which may be gone; None where it is none."""
        row = self._db.row("SELECT card_batch_id FROM keys WHERE id = ?", (key_id,))
        return None if row is None else row[0]

    def counts(self, ids: Iterable[int], now: datetime) -> dict[int, BatchCounts]:
        """Return how the cards of these batches are."""
        wanted = json.dumps(sorted(set(ids)))
        rows = self._db.rows(
            "SELECT k.card_batch_id, k.status = 'removed' OR coalesce(k.removes_at <= ?1, 0) AS invalidated,"
            " k.status = 'active' AND coalesce(k.starts <= ?1, 1) AND coalesce(k.ends > ?1, 1) AS valid,"
            " count(*), max(k.ends),"
            " sum(EXISTS (SELECT 1 FROM devices d WHERE d.key_id = k.id AND d.first_seen IS NOT NULL))"
            " FROM keys k WHERE k.card_batch_id IN (SELECT value FROM json_each(?2)) AND k.grace_of IS NULL"
            " GROUP BY k.card_batch_id, invalidated, valid",
            (save_instant(now), wanted),
        )
        found: dict[int, BatchCounts] = {}
        for batch_id, is_invalidated, is_valid, count, ends, used in rows:
            known = found.get(batch_id, BatchCounts(0, 0, 0, None))
            last = [each for each in (known.ends, None if is_invalidated else load_instant(ends)) if each is not None]
            found[batch_id] = BatchCounts(
                known.valid + (count if is_valid and not is_invalidated else 0),
                known.invalidated + (count if is_invalidated else 0),
                known.used + used,
                max(last, default=None),
            )
        return found

    def add(
        self,
        keypool_id: int,
        *,
        created_at: datetime,
        ends: datetime,
        count: int,
        venue_id: int | None = None,
        prefix: str = "",
        starts: datetime | None = None,
        plan_id: int | None = None,
    ) -> CardBatch:
        """Return a new batch without cards; AlreadyExists where one was made in the same millisecond."""
        with self._recorder.change("card.add") as change:
            batch = CardBatch(
                id=self._db.allocate("card_batches"),
                created_at=created_at,
                keypool_id=keypool_id,
                venue_id=venue_id,
                prefix=prefix,
                count=count,
                starts=starts,
                ends=ends,
                plan_id=plan_id,
                invalidated_at=None,
            )
            change.subject("card", batch.id, batch.name)
            if self._is_taken(keypool_id, created_at):
                raise AlreadyExists(f"there is a batch of {batch.name} already")
            self._recorder.insert("card_batches", save_card_batch(batch))
        return batch

    def remove_all(self, keypool_id: int) -> None:
        """Take away the batches of a keypool that goes, after their cards; part of a change."""
        for (id_,) in self._db.rows("SELECT id FROM card_batches WHERE keypool_id = ?", (keypool_id,)):
            self._recorder.delete("card_batches", id_)

    def free_instant(self, keypool_id: int, created_at: datetime) -> datetime:
        """Return that instant, or the next one at which no batch of the keypool was made."""
        while self._is_taken(keypool_id, created_at):
            created_at = next_name(created_at)
        return created_at

    def _is_taken(self, keypool_id: int, created_at: datetime) -> bool:
        row = self._db.row(
            "SELECT 1 FROM card_batches WHERE keypool_id = ? AND created_at_ms = ?", (keypool_id, _ms(created_at))
        )
        return row is not None

    def save(self, batch: CardBatch) -> None:
        with self._recorder.change("card.set") as change:
            change.subject("card", batch.id, batch.name)
            self._recorder.update("card_batches", batch.id, save_card_batch(batch))

    def remove(self, batch: CardBatch) -> None:
        """Take a batch away, when its cards were removed; part of a change. They stay what they are: cards."""
        self._recorder.delete("card_batches", batch.id)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _load_card(row: Row) -> ScratchCard:
    id_, batch_id, identity, starts, ends, status, reason, status_at, removes_at, tag, used_at, devices, number = row
    return ScratchCard(
        number=number,
        key_id=id_,
        card_batch_id=batch_id,
        identity=identity,
        starts=load_instant(starts),
        ends=load_instant(ends),
        status=KeyStatus(status),
        status_reason=reason,
        status_at=load_instant(status_at),
        removes_at=load_instant(removes_at),
        tag=tag,
        used_at=load_instant(used_at),
        devices=devices,
    )
