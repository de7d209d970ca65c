# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""NASes: who may ask, from where."""

from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from ..errors import AlreadyExists, InvalidValue, NotFound
from ..model import Nas, NasLabel
from ..secrets import Vault
from .files.database import Database
from .recording.recorder import Recorder
from .rows import NAS_COLUMNS, Report, Row, load_nas, load_nas_label, load_rows, save_nas


class Nases:
    """The access points and controllers that may ask."""

    def __init__(self, database: Database, recorder: Recorder, vault: Vault) -> None:
        self._db = database
        self._recorder = recorder
        self._vault = vault

    def all(self, report: Report | None = None) -> tuple[Nas, ...]:
        rows = self._db.rows(f"SELECT {NAS_COLUMNS} FROM nases ORDER BY id")
        return tuple(load_rows("nases", rows, lambda row: load_nas(row, self._vault), report))

    def get(self, id_: int) -> Nas:
        """Return a NAS; NotFound where there is none of that id, RowDamaged where it cannot be opened."""
        rows = self._db.rows(f"SELECT {NAS_COLUMNS} FROM nases WHERE id = ?", (id_,))
        for nas in load_rows("nases", rows, lambda row: load_nas(row, self._vault)):
            return nas
        raise NotFound(f"no NAS {id_}")

    def labels(self) -> tuple[NasLabel, ...]:
        """Return which NASes there are, those that cannot be opened, too."""
        return tuple(map(load_nas_label, self._db.rows("SELECT id, network, name FROM nases ORDER BY id")))

    def network(self, id_: int) -> IPv4Network | IPv6Network | None:
        """Return where a NAS is that cannot be opened; None where not even that can be read, or it is gone."""
        row = self._db.row("SELECT network FROM nases WHERE id = ?", (id_,))
        try:
            return None if row is None else ip_network(row[0])
        except ValueError:
            return None

    def add(
        self,
        network: IPv4Network | IPv6Network,
        secret: bytes,
        *,
        name: str | None = None,
        venue_id: int | None = None,
        any_venue: bool = False,
        profile: str = "auto",
        require_message_authenticator: bool = True,
        **values: Any,
    ) -> Nas:
        """Return a new NAS at a venue: the only one where none is named; with none yet, the first one that is added.

        values: the other fields of a Nas
        """
        with self._recorder.change("nas.add") as change:
            if venue_id is not None:
                self._db.require("venues", venue_id)
            elif not any_venue:
                venue_id = self._only_venue()
            nas = Nas(
                id=self._db.allocate("nases"),
                network=network,
                secret=secret,
                name=str(network) if name is None else name,
                venue_id=venue_id,
                any_venue=any_venue,
                profile=profile,
                require_message_authenticator=require_message_authenticator,
                **values,
            )
            change.subject("nas", nas.id, nas.name)
            self._refuse_taken(nas)
            self._recorder.insert("nases", save_nas(nas, self._vault))
        return nas

    def save(self, nas: Nas) -> None:
        """Store a NAS as it is now."""
        with self._recorder.change("nas.set") as change:
            change.subject("nas", nas.id, nas.name)
            if nas.venue_id is not None:
                self._db.require("venues", nas.venue_id)
            self._refuse_taken(nas)
            before = self.get(nas.id)
            values = save_nas(nas, self._vault)
            if nas.secret == before.secret:  # sealed anew it would look like another one
                del values["secret"]
            if nas.former_secret == before.former_secret:
                del values["former_secret"]
            self._recorder.update("nases", nas.id, values)

    def remove(self, id_: int) -> None:
        self._db.require("nases", id_)
        with self._recorder.change("nas.remove") as change:
            label = next((each for each in self.labels() if each.id == id_), None)
            change.subject("nas", id_, None if label is None else label.name)
            self._recorder.delete("nases", id_)

    def at(self, venue_id: int) -> tuple[NasLabel, ...]:
        """Return which NASes are at a venue."""
        rows = self._db.rows("SELECT id, network, name FROM nases WHERE venue_id = ? ORDER BY id", (venue_id,))
        return tuple(map(load_nas_label, rows))

    def place(self, venue_id: int) -> None:
        """Give the first venue the NASes that were added before it; part of a transaction."""
        for (nas_id,) in self._db.rows("SELECT id FROM nases WHERE venue_id IS NULL AND any_venue = 0"):
            self._recorder.update("nases", nas_id, {"venue_id": venue_id})

    def reseal(self, vault: Vault, report: Report) -> None:
        """Encrypt the shared secrets for another master key; part of a transaction."""
        for column in ("secret", "former_secret"):
            place = f"nases.{column}"
            unseal = partial(self._vault.unseal, place)
            rows = self._db.rows(f"SELECT id, {column} FROM nases WHERE {column} IS NOT NULL")
            opened = load_rows("nases", rows, partial(_open, unseal), report)
            self._db.execute_many(
                f"UPDATE nases SET {column} = ? WHERE id = ?",
                [(vault.seal(place, id_, secret), id_) for id_, secret in opened],
            )

    def _refuse_taken(self, nas: Nas) -> None:
        if self._db.row("SELECT 1 FROM nases WHERE network = ? AND id != ?", (str(nas.network), nas.id)):
            raise AlreadyExists(f"there is a NAS {nas.network} already")

    def _only_venue(self) -> int | None:
        """Return the venue of a NAS for which none is named: the only one, None where there is none yet."""
        venues = self._db.rows("SELECT id FROM venues")
        if len(venues) > 1:
            raise InvalidValue(
                f"there are {len(venues)} venues: say --venue VENUE, or --any-venue where it may ask for keys of all"
            )
        return venues[0][0] if venues else None


def _open(unseal: Callable[[int, bytes], bytes], row: Row) -> tuple[int, bytes]:
    id_, sealed = row
    return id_, unseal(id_, sealed)
