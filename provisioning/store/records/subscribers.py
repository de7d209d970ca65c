# ruff: noqa: S608 (what is put into a statement here is a condition of ours; values are parameters)
"""Subscribers as lists show them: with where they live and how many keys they have."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from ...model import SubscriberRow, SubscriberStatus
from ..files.database import Database
from ..rows import save_instant

# Of a page of a list a query each tells where they live; of a whole list one for all is several times faster.
_PAGE: Final = 1000
_UNITS_NAMED: Final = "SELECT id FROM units WHERE instr(lower(name), lower(:text))"


class SubscriberRows:
    """Lists of subscribers."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def listed(
        self,
        *,
        now: datetime,
        ids: Sequence[int] | None = None,
        status: SubscriberStatus | None = None,
        containing: str | None = None,
        venue_id: int | None = None,
        unit_id: int | None = None,
        plan_id: int | None = None,
        limit: int = -1,
        offset: int = 0,
    ) -> Iterator[SubscriberRow]:
        """Yield subscribers by id, with where they live and how many keys they have.

        containing: text in name, token, external id or units, in either case
        unit_id:    who has a subscription of it that has not ended, or a key; so the plan, the venue of the unit
        """
        asked = _conditions(ids, status, containing, venue_id, unit_id, plan_id)
        values = {
            "now": save_instant(now),
            "ids": None if ids is None else json.dumps(list(ids)),
            "status": None if status is None else status.value,
            "text": containing,
            "unit": unit_id,
            "plan": plan_id,
            "venue": venue_id,
            "limit": limit,
            "offset": offset,
        }
        where = f" WHERE {' AND '.join(asked)}" if asked else ""
        with self._db.reading():
            rows = self._db.sql.execute(
                "SELECT s.id, s.token, s.name, s.external_id, s.status, s.status_reason, s.status_at"
                f" FROM subscribers s{where} ORDER BY s.id LIMIT :limit OFFSET :offset",
                values,
            ).fetchall()
            units, ends, keys = self._lives([row[0] for row in rows], save_instant(now) or 0)
        for row in rows:
            id_ = row[0]
            yield SubscriberRow._make((*row, units.get(id_, ()), ends.get(id_), keys.get(id_, 0)))

    def _lives(
        self, ids: Sequence[int], now: int
    ) -> tuple[dict[int, tuple[str, ...]], dict[int, int | None], dict[int, int]]:
        """Return of each subscriber the units, the end of the subscription that ends last, and how many keys."""
        only, values = "", []
        if len(ids) <= _PAGE:
            only, values = " AND subscriber_id IN (SELECT value FROM json_each(?))", [json.dumps(list(ids))]
        names: dict[int, str] = dict(self._db.rows("SELECT id, name FROM units"))
        units: dict[int, tuple[str, ...]] = {}
        ends: dict[int, int | None] = {}
        for id_, unit, end in self._db.rows(
            f"SELECT subscriber_id, unit_id, ends FROM subscriptions WHERE true{only}", values
        ):
            last = ends.get(id_, end)
            ends[id_] = None if last is None or end is None else max(last, end)
            if unit is not None and (end is None or end > now):
                units[id_] = _with(units.get(id_, ()), names[unit])
        of_keys: dict[int, tuple[str, ...]] = {}
        keys: dict[int, int] = {}
        for id_, unit, count in self._db.rows(
            "SELECT subscriber_id, unit_id, sum(grace_of IS NULL) FROM keys"
            f" WHERE status != 'removed' AND subscriber_id IS NOT NULL{only} GROUP BY subscriber_id, unit_id",
            values,
        ):
            keys[id_] = keys.get(id_, 0) + count
            if unit is not None:
                of_keys[id_] = _with(of_keys.get(id_, ()), names[unit])
        return of_keys | units, ends, keys


def _conditions(
    ids: Sequence[int] | None,
    status: SubscriberStatus | None,
    containing: str | None,
    venue_id: int | None,
    unit_id: int | None,
    plan_id: int | None,
) -> list[str]:
    """Return what of a subscriber is asked, of the values that are."""
    asked: list[str] = []
    if ids is not None:
        asked.append("s.id IN (SELECT value FROM json_each(:ids))")
    if status is not None:
        asked.append("s.status = :status")
    if containing is not None:
        asked.append(
            "(instr(lower(s.name), lower(:text)) OR instr(lower(s.token), lower(:text))"
            f" OR instr(lower(s.external_id), lower(:text)) OR {_has(f'unit_id IN ({_UNITS_NAMED})')})"
        )
    for value, said in (
        (unit_id, "unit_id = :unit"),
        (plan_id, "plan_id = :plan"),
        (venue_id, "unit_id IN (SELECT id FROM units WHERE venue_id = :venue)"),
    ):
        if value is not None:
            asked.append(_has(said))
    return asked


def _has(said: str) -> str:
    """Return the condition that somebody has a subscription that has not ended, or a key, of which that holds."""
    return (
        f"s.id IN (SELECT subscriber_id FROM subscriptions WHERE {said} AND (ends IS NULL OR ends > :now)"
        f" UNION SELECT subscriber_id FROM keys WHERE {said} AND status != 'removed')"
    )


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if name in names else (*names, name)
