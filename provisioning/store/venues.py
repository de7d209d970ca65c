"""The operator and the venues."""

from collections.abc import Sequence

from ..errors import AlreadyExists, NotFound
from ..model import Operator, Venue, VlanRanges
from ..model.venue import NO_RANGES
from .files.database import Database
from .nases import Nases
from .recording.recorder import Recorder
from .rows import VENUE_COLUMNS, Report, load_rows, load_venue, save_venue

_VENUE_PREFIX = "_V3VENUE_"


class Venues:
    """Who runs the network, and its properties."""

    def __init__(self, database: Database, recorder: Recorder, nases: Nases) -> None:
        self._db = database
        self._recorder = recorder
        self._nases = nases

    def operator(self) -> Operator:
        name, zone, overlap = self._db.rows("SELECT name, time_zone, allow_overlap FROM operator")[0]
        return Operator(name=name, time_zone=zone, allow_overlap=bool(overlap))

    def save_operator(self, operator: Operator) -> None:
        with self._recorder.change("operator.set") as change:
            change.subject("operator", 1, operator.name)
            values = {"name": operator.name, "time_zone": operator.time_zone}
            self._recorder.update("operator", 1, values | {"allow_overlap": int(operator.allow_overlap)})

    def all(self, report: Report | None = None) -> tuple[Venue, ...]:
        """Return the venues; `report` is told of rows that cannot be opened."""
        with self._db.reading():
            identifiers: dict[int, list[str]] = {}
            for venue_id, identifier in self._db.execute(
                "SELECT venue_id, nas_identifier FROM venue_nas_identifiers ORDER BY nas_identifier"
            ):
                identifiers.setdefault(venue_id, []).append(identifier)
            rows = self._db.execute(f"SELECT {VENUE_COLUMNS} FROM venues ORDER BY id").fetchall()  # noqa: S608
        return tuple(load_rows("venues", rows, lambda row: load_venue(row, identifiers.get(row[0], ())), report))

    def get(self, id_: int) -> Venue:
        """Return a venue; NotFound where there is none of that id."""
        for venue in self.all(lambda *_: None):
            if venue.id == id_:
                return venue
        raise NotFound(f"no venue {id_}")

    def add(
        self,
        name: str,
        *,
        nas_identifiers: Sequence[str] = (),
        wireless_only_vlan_offset: int = 0,
        platform_id: str | None = None,
        time_zone: str | None = None,
        external_id: str | None = None,
        allow_overlap: bool | None = None,
        vlan_ranges: VlanRanges = NO_RANGES,
    ) -> Venue:
        """Return a new venue. The first one takes the NASes that were added before it."""
        with self._recorder.change("venue.add") as change:
            id_ = self._db.allocate("venues")
            venue = Venue(
                id=id_,
                name=name,
                nas_identifiers=tuple(dict.fromkeys(nas_identifiers)),
                wireless_only_vlan_offset=wireless_only_vlan_offset,
                platform_id=platform_id or self._platform_id(name, id_),
                time_zone=time_zone,
                external_id=external_id,
                allow_overlap=allow_overlap,
                vlan_ranges=vlan_ranges,
            )
            change.subject("venue", id_, name)
            self._refuse_taken(venue)
            self._recorder.insert("venues", save_venue(venue))
            self._set_identifiers(venue)
            if not self._db.row("SELECT 1 FROM venues WHERE id != ?", (id_,)):
                self._nases.place(id_)
        return venue

    def save(self, venue: Venue) -> None:
        """Store a venue as it is now; AlreadyExists where something of it is another venue's."""
        with self._recorder.change("venue.set") as change:
            change.subject("venue", venue.id, venue.name)
            self._refuse_taken(venue)
            if not self._recorder.update("venues", venue.id, save_venue(venue)):
                raise NotFound(f"no venue {venue.id}")
            self._set_identifiers(venue)

    def remove(self, id_: int) -> None:
        """Take away a venue that nothing belongs to any more: `lifecycle.venues` sees to that."""
        venue = self.get(id_)
        with self._recorder.change("venue.remove") as change:
            change.subject("venue", id_, venue.name)
            for identifier in venue.nas_identifiers:
                self._recorder.delete("venue_nas_identifiers", (identifier,))
            self._recorder.delete("venues", id_)

    def _platform_id(self, name: str, id_: int) -> str:
        cleaned = "".join(c for c in name.upper() if c.isascii() and (c.isalnum() or c in "_-"))
        return f"{self.operator().name}.{_VENUE_PREFIX}.{cleaned or 'VENUE'}.{id_}"

    def _refuse_taken(self, venue: Venue) -> None:
        if self._db.row("SELECT 1 FROM venues WHERE name = ? AND id != ?", (venue.name, venue.id)):
            raise AlreadyExists(f"there is a venue {venue.name!r} already")
        for column, value in (("external_id", venue.external_id), ("platform_id", venue.platform_id)):
            taken = f"SELECT name FROM venues WHERE {column} = ? AND id != ?"  # noqa: S608
            if value is not None and (row := self._db.row(taken, (value, venue.id))):
                raise AlreadyExists(f"{column.replace('_', ' ')} {value!r} is that of venue {row[0]!r}")

    def _set_identifiers(self, venue: Venue) -> None:
        now = {
            identifier
            for (identifier,) in self._db.rows(
                "SELECT nas_identifier FROM venue_nas_identifiers WHERE venue_id = ?", (venue.id,)
            )
        }
        for identifier in sorted(now.difference(venue.nas_identifiers)):
            self._recorder.delete("venue_nas_identifiers", (identifier,))
        for identifier in venue.nas_identifiers:
            if identifier in now:
                continue
            # One access point is at one place: two venues could not be told apart by it. Upper and lower case are one.
            if row := self._db.row(
                "SELECT v.name FROM venue_nas_identifiers i JOIN venues v ON v.id = i.venue_id"
                " WHERE lower(i.nas_identifier) = lower(?) AND i.nas_identifier NOT IN"
                " (SELECT nas_identifier FROM venue_nas_identifiers WHERE venue_id = ?)",
                (identifier, venue.id),
            ):
                raise AlreadyExists(f"NAS-Identifier {identifier!r} belongs to another venue, {row[0]!r}")
            self._recorder.insert("venue_nas_identifiers", {"nas_identifier": identifier, "venue_id": venue.id})
