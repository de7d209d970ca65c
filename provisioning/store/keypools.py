"""Keypools: one SSID each, and where its keys are valid."""

from collections.abc import Sequence
from typing import Final

from crypto import Ssid

from ..errors import AlreadyExists, InvalidValue, NotFound
from ..model import Keypool, Scope, new_scope_id
from .files.database import Database
from .recording.recorder import Recorder
from .rows import KEYPOOL_COLUMNS, Report, load_keypool, load_rows, save_keypool

MOST_KEYPOOLS: Final = 500  # of one operator (4.17)


class Keypools:
    """The keypools of the operator."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._db = database
        self._recorder = recorder

    def all(self, report: Report | None = None) -> tuple[Keypool, ...]:
        venues: dict[int, list[int]] = {}
        with self._db.reading():
            for keypool_id, venue_id in self._db.execute(
                "SELECT keypool_id, venue_id FROM keypool_venues ORDER BY venue_id"
            ):
                venues.setdefault(keypool_id, []).append(venue_id)
            rows = self._db.execute(f"SELECT {KEYPOOL_COLUMNS} FROM keypools ORDER BY id").fetchall()  # noqa: S608
        return tuple(load_rows("keypools", rows, lambda row: load_keypool(row, venues.get(row[0], ())), report))

    def get(self, id_: int) -> Keypool:
        """Return a keypool; NotFound where there is none of that id."""
        row = self._db.row(f"SELECT {KEYPOOL_COLUMNS} FROM keypools WHERE id = ?", (id_,))  # noqa: S608
        if row is None:
            raise NotFound(f"no keypool {id_}")
        venues = self._db.rows("SELECT venue_id FROM keypool_venues WHERE keypool_id = ? ORDER BY venue_id", (id_,))
        return load_keypool(row, (venue_id for (venue_id,) in venues))

    def add(self, ssid: Ssid, *, venue_ids: Sequence[int] = ()) -> Keypool:
        """Return a new keypool: local to `venue_ids`, or global when there are none."""
        with self._recorder.change("pool.add") as change:
            for venue_id in venue_ids:
                self._db.require("venues", venue_id)
            count = self._db.rows("SELECT count(*) FROM keypools")[0][0]
            if count >= MOST_KEYPOOLS:
                raise AlreadyExists(f"there are {count} keypools already, and an operator may have {MOST_KEYPOOLS}")
            scope = Scope.LOCAL if venue_ids else Scope.GLOBAL
            id_ = self._db.allocate("keypools")
            keypool = Keypool(
                id=id_,
                ssid=ssid,
                scope=scope,
                venue_ids=tuple(sorted(set(venue_ids))),
                scope_id=new_scope_id() if venue_ids else "global",
                display_order=min(count + 1, 100),
            )
            change.subject("pool", id_, str(ssid))
            self._refuse_meeting(keypool)
            self._recorder.insert("keypools", save_keypool(keypool))
            for venue_id in keypool.venue_ids:
                self._recorder.insert("keypool_venues", {"keypool_id": id_, "venue_id": venue_id})
        return keypool

    def save(self, keypool: Keypool) -> None:
        """Store a keypool's display order and its venues; what its keys would meet there is checked with the change."""
        with self._recorder.change("pool.set") as change:
            change.subject("pool", keypool.id, str(keypool.ssid))
            before = self.get(keypool.id)
            if (keypool.ssid, keypool.scope) != (before.ssid, before.scope):
                raise InvalidValue("a keypool's SSID and scope are for good: its PMKs are made with the SSID")
            if keypool.venue_ids != before.venue_ids:
                for venue_id in keypool.venue_ids:
                    self._db.require("venues", venue_id)
                self._refuse_meeting(keypool)
            self._recorder.update("keypools", keypool.id, {"display_order": keypool.display_order})
            for venue_id in sorted(set(before.venue_ids).difference(keypool.venue_ids)):
                self._recorder.delete("keypool_venues", (keypool.id, venue_id))
            for venue_id in sorted(set(keypool.venue_ids).difference(before.venue_ids)):
                self._recorder.insert("keypool_venues", {"keypool_id": keypool.id, "venue_id": venue_id})

    def attach_venue(self, keypool_id: int, venue_id: int) -> None:
        """Make a local keypool valid at one more venue, unless its keys would meet the same passphrase there."""
        with self._recorder.change("pool.connect") as change:
            self._db.require("venues", venue_id)
            before = self.get(keypool_id)
            change.subject("pool", keypool_id, str(before.ssid))
            if before.scope is Scope.GLOBAL:
                raise InvalidValue(f"keypool {keypool_id} is global: it is valid at every venue already")
            if venue_id not in before.venue_ids:
                self._recorder.insert("keypool_venues", {"keypool_id": keypool_id, "venue_id": venue_id})

    def disconnect_venue(self, keypool_id: int, venue_id: int) -> None:
        """Make a local keypool valid at one venue less: `lifecycle.pools` sees to its keys there."""
        with self._recorder.change("pool.disconnect") as change:
            change.subject("pool", keypool_id, str(self.get(keypool_id).ssid))
            self._recorder.delete("keypool_venues", (keypool_id, venue_id))

    def remove(self, id_: int) -> None:
        """Take away a keypool that has no keys any more: `lifecycle.pools` sees to that."""
        keypool = self.get(id_)
        with self._recorder.change("pool.remove") as change:
            change.subject("pool", id_, str(keypool.ssid))
            for venue_id in keypool.venue_ids:
                self._recorder.delete("keypool_venues", (id_, venue_id))
            self._recorder.delete("keypools", id_)

    def _refuse_meeting(self, keypool: Keypool) -> None:
        """Raise AlreadyExists where the SSID has a keypool of that scope there."""
        for other in self.all(lambda *_: None):
            if other.id != keypool.id and other.scope is keypool.scope and keypool.meets(other):
                raise AlreadyExists(f"SSID {keypool.ssid} has keypool {other.id} there already")
