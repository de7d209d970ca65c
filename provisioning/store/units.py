# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""Units: flats, rooms and storage units."""

from collections.abc import Iterable

from ..errors import AlreadyExists, InvalidValue, NotFound
from ..model import Purpose, Unit, unit_internal_id
from .database import Database
from .recording import Recorder
from .rows import UNIT_COLUMNS, load_rows, load_unit, save_unit

MOST_UNITS = 5000  # of one venue, as VAULT has it (4.9)


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

    def named(self, text: str, venue_ids: Iterable[int] = ()) -> tuple[Unit, ...]:
        """Return the units of that name, UnitID_internal or external id, at these venues (none: at any)."""
        only = set(venue_ids)
        rows = self._db.rows(
            f"SELECT {UNIT_COLUMNS} FROM units WHERE name = ?1 OR internal_id = ?1 OR external_id = ?1 ORDER BY id",
            (text,),
        )
        return tuple(unit for unit in load_rows("units", rows, load_unit) if not only or unit.venue_id in only)

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
            )
            change.subject("unit", unit.id, unit.name)
            self._refuse_taken(unit)
            count = self._db.rows("SELECT count(*) FROM units WHERE venue_id = ?", (venue_id,))[0][0]
            if count >= MOST_UNITS:
                raise AlreadyExists(f"the venue has {count:,} units already, and may have {MOST_UNITS:,}")
            self._recorder.insert("units", save_unit(unit))
        return unit

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


def _internal_id(venue: str, name: str, building: str | None, floor: str | None) -> str | None:
    """Return VAULT's UnitID_internal, None for names that nothing of it can be made of, such as those in kanji."""
    try:
        return unit_internal_id(venue, name, building, floor)
    except InvalidValue:
        return None
