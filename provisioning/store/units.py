# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""Units: flats, rooms and storage units."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from ..errors import AlreadyExists, InvalidValue, NotFound
from ..model import Purpose, Unit, unit_internal_id
from ..model.venue import MOST_UNITS
from .files.database import Database
from .recording.recorder import Recorder
from .rows import UNIT_COLUMNS, load_rows, load_unit, save_unit

_MOST_SLASHES: Final = 8
_CHUNK: Final = 5000  # units read together
T = TypeVar("T")
_HOLDS: Final = (
    "instr(casefold(u.name || char(10) || ifnull(u.building, '') || char(10) || ifnull(u.floor, '') || char(10)"
    " || ifnull(u.vlan, '') || char(10) || ifnull(u.internal_id, '') || char(10) || ifnull(u.external_id, '')"
    " || char(10) || u.purpose || char(10) || v.name), ?) > 0"
)


class NewUnit(NamedTuple):
    """A unit to be added."""

    name: str
    building: str | None = None
    floor: str | None = None
    vlan: int | None = None


class Units:
    """The units of all venues."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._db = database
        self._recorder = recorder

    def all(self, venue_id: int | None = None) -> tuple[Unit, ...]:
        where, only = ("", ()) if venue_id is None else (" WHERE venue_id = ?", (venue_id,))
        rows = self._db.rows(f"SELECT {UNIT_COLUMNS} FROM units{where} ORDER BY id", only)
        return tuple(load_rows("units", rows, load_unit))

    def get(self, id_: int) -> Unit:
        """Return a unit; NotFound where there is none of that id."""
        rows = self._db.rows(f"SELECT {UNIT_COLUMNS} FROM units WHERE id = ?", (id_,))
        for unit in load_rows("units", rows, load_unit):
            return unit
        raise NotFound(f"no unit {id_}")

    def some(self, ids: Iterable[int | None]) -> dict[int, Unit]:
        """Return the units of these ids, as far as there are any."""
        wanted = json.dumps(sorted({id_ for id_ in ids if id_ is not None}))
        rows = self._db.rows(
            f"SELECT {UNIT_COLUMNS} FROM units WHERE id IN (SELECT value FROM json_each(?))", (wanted,)
        )
        return {unit.id: unit for unit in load_rows("units", rows, load_unit)}

    def named(self, text: str, venue_ids: Iterable[int] = ()) -> tuple[Unit, ...]:
        """Return the units of that name, BUILDING/name, UnitID_internal or external id, at these venues (none: any)."""
        only = set(venue_ids)
        conditions, values = ["name = ?", "internal_id = ?", "external_id = ?"], [text] * 3
        for slash in [place for place, letter in enumerate(text) if letter == "/"][:_MOST_SLASHES]:
            conditions.append("(building = ? AND name = ?)")
            values += [text[:slash], text[slash + 1 :]]
        rows = self._db.rows(
            f"SELECT {UNIT_COLUMNS} FROM units WHERE {' OR '.join(conditions)} ORDER BY id", tuple(values)
        )
        return tuple(unit for unit in load_rows("units", rows, load_unit) if not only or unit.venue_id in only)

    def names_like(self, text: str, venue_ids: Iterable[int] = (), *, limit: int) -> list[str]:
        """Return names with the same first or last letters, in either case, at most `limit`: to find a slip in."""
        ids = json.dumps(sorted(venue_ids))
        like = [re.sub(r"([\\%_])", r"\\\1", part.lower()) for part in (text[:2], text[-2:])]
        rows = self._db.rows(
            "SELECT DISTINCT name FROM units WHERE (? = '[]' OR venue_id IN (SELECT value FROM json_each(?)))"
            " AND (lower(name) LIKE ? ESCAPE '\\' OR lower(name) LIKE ? ESCAPE '\\') LIMIT ?",
            (ids, ids, f"{like[0]}%", f"%{like[1]}", limit),
        )
        return [name for (name,) in rows]

    def beginning(self, prefix: str, *, limit: int) -> list[tuple[str, str | None]]:
        """Return names and buildings of units whose NAME or BUILDING/NAME begins so, at most `limit`."""
        rows = self._db.rows(
            "SELECT DISTINCT name, building FROM units WHERE substr(name, 1, ?1) = ?2"
            " OR substr(building || '/' || name, 1, ?1) = ?2 LIMIT ?3",
            (len(prefix), prefix, limit),
        )
        return [(name, building) for name, building in rows]

    def some_names(self, venue_ids: Iterable[int] = (), *, limit: int) -> list[str]:
        """Return the first names there are, at most `limit`."""
        ids = json.dumps(sorted(venue_ids))
        rows = self._db.rows(
            "SELECT DISTINCT name FROM units WHERE ? = '[]' OR venue_id IN (SELECT value FROM json_each(?)) LIMIT ?",
            (ids, ids, limit),
        )
        return [name for (name,) in rows]

    def listed(
        self,
        *,
        venue_id: int | None = None,
        building: str | None = None,
        floor: str | None = None,
        vlan: int | None = None,
        purpose: Purpose | None = None,
        search: str | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Iterator[Unit]:
        """Yield units by id.

        search: text that its own names, its VLAN or its venue's name hold, in either case
        """
        asked: list[tuple[str, object]] = [
            (condition, value)
            for condition, value in (
                ("u.venue_id = ?", venue_id),
                ("u.building = ?", building),
                ("u.floor = ?", floor),
                ("u.vlan = ?", vlan),
                ("u.purpose = ?", None if purpose is None else purpose.value),
                (_HOLDS, None if search is None else search.casefold()),
            )
            if value is not None
        ]
        if search is not None:
            self._db.add_function("casefold", str.casefold)
        where = " AND ".join(condition for condition, _ in asked) or "true"
        columns = ", ".join(f"u.{column}" for column in UNIT_COLUMNS.split(", "))
        statement = (
            f"SELECT {columns} FROM units u JOIN venues v ON v.id = u.venue_id WHERE {where} AND u.id > ?"
            " ORDER BY u.id LIMIT ? OFFSET ?"
        )
        last = 0
        while limit is None or limit > 0:
            most = _CHUNK if limit is None else min(limit, _CHUNK)
            rows = self._db.rows(statement, (*(value for _, value in asked), last, most, offset))
            yield from load_rows("units", rows, load_unit)
            if len(rows) < most:
                return
            last, offset = rows[-1][0], 0
            limit = None if limit is None else limit - len(rows)

    def count(self, venue_id: int) -> int:
        return int(self._db.rows("SELECT count(*) FROM units WHERE venue_id = ?", (venue_id,))[0][0])

    def vlans(self, venue_id: int, *, but: int = 0) -> dict[int, str]:
        """Return the VLANs of a venue's units, and the name of one that has it; of all units but one."""
        rows = self._db.rows(
            "SELECT vlan, min(name) FROM units WHERE venue_id = ? AND id != ? AND vlan IS NOT NULL GROUP BY vlan",
            (venue_id, but),
        )
        return dict(rows)

    def sharing(self, ids: Iterable[int]) -> list[tuple[int, int, str]]:
        """Return the VLANs that these units share with others: the VLAN, and the other unit's id and name."""
        return self._db.rows(
            "SELECT a.vlan, b.id, b.name FROM units a JOIN units b"
            " ON b.venue_id = a.venue_id AND b.vlan = a.vlan AND b.id != a.id"
            " WHERE a.id IN (SELECT value FROM json_each(?)) ORDER BY a.id, b.id",
            (json.dumps(sorted(ids)),),
        )

    def buildings(self, venue_id: int) -> list[str]:
        """Return the buildings of a venue."""
        rows = self._db.rows(
            "SELECT DISTINCT building FROM units WHERE venue_id = ? AND building IS NOT NULL ORDER BY building",
            (venue_id,),
        )
        return [building for (building,) in rows]

    def add(
        self,
        venue_id: int,
        name: str,
        *,
        building: str | None = None,
        floor: str | None = None,
        vlan: int | None = None,
        purpose: Purpose = Purpose.WIRED_UNIT,
        external_id: str | None = None,
        allow_overlap: bool | None = None,
    ) -> Unit:
        """Return a new unit; AlreadyExists where its name falls together with another one's (VAULT's building rule)."""
        with self._recorder.change("unit.add") as change:
            unit = Unit(
                id=self._db.allocate("units"),
                venue_id=venue_id,
                name=name,
                building=building,
                floor=floor,
                vlan=vlan,
                internal_id=_internal_id(self._venue(venue_id), name, building, floor),
                purpose=purpose,
                external_id=external_id,
                allow_overlap=allow_overlap,
            )
            change.subject("unit", unit.id, unit.name)
            self._refuse_taken(unit)
            count = self.count(venue_id)
            if count >= MOST_UNITS:
                raise AlreadyExists(f"the venue has {count:,} units already, and may have {MOST_UNITS:,}")
            self._recorder.insert("units", save_unit(unit))
        return unit

    def add_many(self, venue_id: int, new: Sequence[NewUnit]) -> range:
        """Return the ids of new units of a venue; part of a change. `add` for thousands: AlreadyExists like there."""
        if len(new) == 1:  # told of in full
            id_ = self.add(venue_id, **new[0]._asdict()).id
            return range(id_, id_ + 1)
        venue = self._venue(venue_id)
        first = self._db.allocate("units", len(new))
        units = [
            Unit(
                id=id_,
                venue_id=venue_id,
                internal_id=_internal_id(venue, each.name, each.building, each.floor),
                **each._asdict(),
            )
            for id_, each in enumerate(new, first)
        ]
        self._refuse_any_taken(venue_id, units)
        count = self.count(venue_id) + len(units)
        if count > MOST_UNITS:
            raise AlreadyExists(f"the venue would have {count:,} units, and may have {MOST_UNITS:,}")
        rows = [save_unit(unit) for unit in units]
        columns = list(rows[0])
        statement = f"INSERT INTO units ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        self._recorder.insert_range(
            "units", (tuple(row[each] for each in columns) for row in rows), statement, first, units[-1].id
        )
        return range(first, first + len(units))

    def _refuse_any_taken(self, venue_id: int, units: Sequence[Unit]) -> None:
        """Raise AlreadyExists where one of them falls together with another one, of these or of the venue."""
        places = [(unit.name, unit.building, unit.floor) for unit in units]
        ids = [unit.internal_id for unit in units if unit.internal_id is not None]
        for name in _twice(places):
            raise AlreadyExists(f"there is a unit {name[0]!r} there already")
        for id_ in _twice(ids):
            raise AlreadyExists(f"two units would both be {id_}: name one of them otherwise")
        taken = self._db.row(
            "SELECT internal_id FROM units WHERE internal_id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
        )
        if taken is not None:
            raise AlreadyExists(f"there is a unit {taken[0]} already")
        there = self._db.rows("SELECT name, building, floor FROM units WHERE venue_id = ?", (venue_id,))
        for name, *_ in set(there).intersection(places):
            raise AlreadyExists(f"there is a unit {name!r} there already")

    def save(self, unit: Unit) -> None:
        """Store a unit as it is now. Its UnitID_internal stays as it was."""
        with self._recorder.change("unit.set") as change:
            change.subject("unit", unit.id, unit.name)
            self._refuse_taken(unit)
            if not self._recorder.update("units", unit.id, save_unit(unit)):
                raise NotFound(f"no unit {unit.id}")

    def remove(self, id_: int) -> None:
        """Take away a unit that no key belongs to any more: `lifecycle.units` sees to that."""
        unit = self.get(id_)
        with self._recorder.change("unit.remove") as change:
            change.subject("unit", id_, unit.name)
            self._recorder.delete("units", id_)

    def _venue(self, venue_id: int) -> str:
        venue = self._db.row("SELECT platform_id FROM venues WHERE id = ?", (venue_id,))
        if venue is None:
            raise NotFound(f"no venue {venue_id}")
        return str(venue[0])

    def _refuse_taken(self, unit: Unit) -> None:
        # Of its names as they are now, too: VAULT's id stays as it was when a unit is renamed.
        ids = {unit.internal_id, _internal_id(self._venue(unit.venue_id), unit.name, unit.building, unit.floor)}
        row = self._db.row(
            "SELECT name, building, floor FROM units WHERE internal_id IN (?, ?) AND id != ?",
            (*ids, *([None] * (2 - len(ids))), unit.id),
        )
        if row is not None:
            if row == (unit.name, unit.building, unit.floor):
                raise AlreadyExists(f"there is a unit {unit.name!r} there already")
            other = "/".join(part for part in (row[1], row[2], row[0]) if part)
            raise AlreadyExists(
                f"unit {unit.name!r} and {other!r} would both be {unit.internal_id}: name one of them otherwise"
            )
        same = "SELECT 1 FROM units WHERE venue_id = ? AND name = ? AND building IS ? AND floor IS ? AND id != ?"
        if self._db.row(same, (unit.venue_id, unit.name, unit.building, unit.floor, unit.id)):
            raise AlreadyExists(f"there is a unit {unit.name!r} there already")
        taken = "SELECT name FROM units WHERE venue_id = ? AND external_id = ? AND id != ?"
        if unit.external_id is not None and (row := self._db.row(taken, (unit.venue_id, unit.external_id, unit.id))):
            raise AlreadyExists(f"external id {unit.external_id!r} is that of unit {row[0]!r}")


def _twice(values: Sequence[T]) -> Iterator[T]:
    """Yield the values that come again."""
    seen: set[T] = set()
    for value in values:
        if value in seen:
            yield value
        seen.add(value)


def _internal_id(venue: str, name: str, building: str | None, floor: str | None) -> str | None:
    """Return VAULT's UnitID_internal, None for names that nothing of it can be made of, such as those in kanji."""
    try:
        return unit_internal_id(venue, name, building, floor)
    except InvalidValue:
        return None
