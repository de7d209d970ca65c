# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""Batches of scratch cards. The cards themselves are keys."""

from datetime import datetime

from ..errors import AlreadyExists, NotFound
from ..model import CardBatch
from .database import Database
from .recording import Recorder
from .rows import CARD_BATCH_COLUMNS, load_card_batch, load_rows, save_card_batch


class Cards:
    """The batches of all keypools."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._db = database
        self._recorder = recorder

    def all(self) -> tuple[CardBatch, ...]:
        rows = self._db.rows(f"SELECT {CARD_BATCH_COLUMNS} FROM card_batches ORDER BY id")
        return tuple(load_rows("card_batches", rows, load_card_batch))

    def get(self, id_: int) -> CardBatch:
        """Return a batch; NotFound where there is none of that id."""
        rows = self._db.rows(f"SELECT {CARD_BATCH_COLUMNS} FROM card_batches WHERE id = ?", (id_,))
        for batch in load_rows("card_batches", rows, load_card_batch):
            return batch
        raise NotFound(f"no batch of cards {id_}")

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
            change.subject("card", batch.id, None)
            values = save_card_batch(batch)
            if self._db.row(
                "SELECT 1 FROM card_batches WHERE keypool_id = ? AND created_at_ms = ?",
                (keypool_id, values["created_at_ms"]),
            ):
                raise AlreadyExists(f"there is a batch of {created_at:%Y-%m-%dT%H:%M:%S.%f} already")
            self._recorder.insert("card_batches", values)
        return batch

    def remove_all(self, keypool_id: int) -> None:
        """Take away the batches of a keypool that goes, after their cards; part of a change."""
        for (id_,) in self._db.rows("SELECT id FROM card_batches WHERE keypool_id = ?", (keypool_id,)):
            self._recorder.delete("card_batches", id_)

    def save(self, batch: CardBatch) -> None:
        with self._recorder.change("card.set") as change:
            change.subject("card", batch.id, None)
            self._recorder.update("card_batches", batch.id, save_card_batch(batch))
