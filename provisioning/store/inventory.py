# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""What exists around the keys: venues, units, keypools, service plans, NASes.

Small enough to be read whole, while every statement about keys is written for a million of them.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from crypto import Ssid

from ..errors import AlreadyExists, DuplicateKey, InvalidValue, NotFound
from ..keys import windows_overlap
from ..model import Answers, Entity, Keypool, Nas, NasLabel, Scope, ServicePlan, Unit, UnknownDevices, Venue
from ..secrets import Vault
from .database import Database
from .rows import (
    NAS_COLUMNS,
    PLAN_COLUMNS,
    UNIT_COLUMNS,
    Report,
    load_instant,
    load_keypool,
    load_nas,
    load_nas_label,
    load_plan,
    load_rows,
    load_unit,
    load_venue,
)


class Inventory:
    """What exists around the keys. Every write appends to the change feed in its own transaction."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._db = database
        self._vault = vault

    def venues(self, report: Report | None = None) -> tuple[Venue, ...]:
        """Return the venues; `report` is told of rows that cannot be opened, here and below."""
        with self._db.reading():
            identifiers: dict[int, list[str]] = {}
            for venue_id, identifier in self._db.execute(
                "SELECT venue_id, nas_identifier FROM venue_nas_identifiers ORDER BY nas_identifier"
            ):
                identifiers.setdefault(venue_id, []).append(identifier)
            rows = self._db.execute("SELECT id, name, wireless_only_vlan_offset FROM venues ORDER BY id").fetchall()
        return tuple(load_rows("venues", rows, lambda row: load_venue(row, identifiers.get(row[0], ())), report))

    def units(self) -> tuple[Unit, ...]:
        rows = self._db.rows(f"SELECT {UNIT_COLUMNS} FROM units ORDER BY id")
        return tuple(load_rows("units", rows, load_unit))

    def plans(self) -> tuple[ServicePlan, ...]:
        rows = self._db.rows(f"SELECT {PLAN_COLUMNS} FROM plans ORDER BY id")
        return tuple(load_rows("plans", rows, load_plan))

    def nases(self, report: Report | None = None) -> tuple[Nas, ...]:
        rows = self._db.rows(f"SELECT {NAS_COLUMNS} FROM nases ORDER BY id")
        return tuple(load_rows("nases", rows, lambda row: load_nas(row, self._vault), report))

    def nas_labels(self) -> tuple[NasLabel, ...]:
        """Return which NASes there are, those that cannot be opened, too."""
        return tuple(map(load_nas_label, self._db.rows("SELECT id, network, name FROM nases ORDER BY id")))

    def nas_network(self, id_: int) -> IPv4Network | IPv6Network | None:
        """Return where a NAS is that cannot be opened; None where not even that can be read, or it is gone."""
        row = self._db.row("SELECT network FROM nases WHERE id = ?", (id_,))
        try:
            return None if row is None else ip_network(row[0])
        except ValueError:
            return None

    def keypools(self, report: Report | None = None) -> tuple[Keypool, ...]:
        venues: dict[int, list[int]] = {}
        with self._db.reading():
            for keypool_id, venue_id in self._db.execute(
                "SELECT keypool_id, venue_id FROM keypool_venues ORDER BY venue_id"
            ):
                venues.setdefault(keypool_id, []).append(venue_id)
            rows = self._db.execute("SELECT id, ssid, scope FROM keypools ORDER BY id").fetchall()
        return tuple(load_rows("keypools", rows, lambda row: load_keypool(row, venues.get(row[0], ())), report))

    def keypool(self, id_: int) -> Keypool:
        """Return a keypool; NotFound where there is none of that id."""
        row = self._db.row("SELECT id, ssid, scope FROM keypools WHERE id = ?", (id_,))
        if row is None:
            raise NotFound(f"no keypool {id_}")
        venues = self._db.rows("SELECT venue_id FROM keypool_venues WHERE keypool_id = ? ORDER BY venue_id", (id_,))
        return load_keypool(row, (venue_id for (venue_id,) in venues))

    def add_venue(self, name: str, *, nas_identifiers: Sequence[str] = (), wireless_only_vlan_offset: int = 0) -> Venue:
        with self._db.writing():
            if self._db.row("SELECT 1 FROM venues WHERE name = ?", (name,)):
                raise AlreadyExists(f"there is a venue {name!r} already")
            venue = Venue(
                id=self._db.allocate("venues"),
                name=name,
                nas_identifiers=tuple(dict.fromkeys(nas_identifiers)),
                wireless_only_vlan_offset=wireless_only_vlan_offset,
            )
            self._db.execute("INSERT INTO venues VALUES (?, ?, ?)", (venue.id, name, wireless_only_vlan_offset))
            for identifier in venue.nas_identifiers:
                # One access point is at one place: two venues could not be told apart by it.
                if self._db.row("SELECT 1 FROM venue_nas_identifiers WHERE nas_identifier = ?", (identifier,)):
                    raise AlreadyExists(f"NAS-Identifier {identifier!r} belongs to another venue")
                self._db.execute("INSERT INTO venue_nas_identifiers VALUES (?, ?)", (identifier, venue.id))
            self._db.record(Entity.VENUE, venue.id)
            if not self._db.row("SELECT 1 FROM venues WHERE id != ?", (venue.id,)):
                self._place_nases(venue.id)
        return venue

    def add_unit(
        self,
        venue_id: int,
        name: str,
        *,
        building: str | None = None,
        floor: str | None = None,
        vlan: int | None = None,
    ) -> Unit:
        with self._db.writing():
            self._db.require("venues", venue_id)
            taken = "SELECT 1 FROM units WHERE venue_id = ? AND name = ? AND building IS ?"
            if self._db.row(taken, (venue_id, name, building)):
                raise AlreadyExists(f"there is a unit {name!r} there already")
            unit = Unit(
                id=self._db.allocate("units"),
                venue_id=venue_id,
                name=name,
                building=building,
                floor=floor,
                vlan=vlan,
            )
            self._db.execute(
                "INSERT INTO units VALUES (?, ?, ?, ?, ?, ?)", (unit.id, venue_id, name, building, floor, vlan)
            )
            self._db.record(Entity.UNIT, unit.id)
        return unit

    def add_keypool(self, ssid: Ssid, *, venue_ids: Sequence[int] = ()) -> Keypool:
        """Return a new keypool: local to `venue_ids`, or global when there are none."""
        with self._db.writing():
            for venue_id in venue_ids:
                self._db.require("venues", venue_id)
            scope = Scope.LOCAL if venue_ids else Scope.GLOBAL
            keypool = Keypool(
                id=self._db.allocate("keypools"), ssid=ssid, scope=scope, venue_ids=tuple(sorted(set(venue_ids)))
            )
            for other in self.keypools():
                if other.scope is scope and keypool.meets(other):
                    raise AlreadyExists(f"SSID {ssid} has keypool {other.id} there already")
            self._db.execute("INSERT INTO keypools VALUES (?, ?, ?)", (keypool.id, ssid.value, scope.value))
            for venue_id in keypool.venue_ids:
                self._db.execute("INSERT INTO keypool_venues VALUES (?, ?)", (keypool.id, venue_id))
            self._db.record(Entity.KEYPOOL, keypool.id)
        return keypool

    def attach_venue(self, keypool_id: int, venue_id: int) -> None:
        """Make a local keypool valid at one more venue, unless its keys would meet the same passphrase there."""
        with self._db.writing():
            self._db.require("venues", venue_id)
            before = self.keypool(keypool_id)
            if before.scope is Scope.GLOBAL:
                raise InvalidValue(f"keypool {keypool_id} is global: it is valid at every venue already")
            if venue_id in before.venue_ids:
                return
            self._db.execute("INSERT INTO keypool_venues VALUES (?, ?)", (keypool_id, venue_id))
            self._refuse_meetings(self.keypool(keypool_id))
            self._db.record(Entity.KEYPOOL, keypool_id)

    def add_plan(
        self,
        name: str,
        *,
        download_kbps: int | None = None,
        upload_kbps: int | None = None,
        devices: int | None = None,
        wireless_only: bool = False,
        download_quota_octets: int | None = None,
        upload_quota_octets: int | None = None,
        total_quota_octets: int | None = None,
        vlan_pool: str | None = None,
    ) -> ServicePlan:
        with self._db.writing():
            if self._db.row("SELECT 1 FROM plans WHERE name = ?", (name,)):
                raise AlreadyExists(f"there is a plan {name!r} already")
            plan = ServicePlan(
                id=self._db.allocate("plans"),
                name=name,
                download_kbps=download_kbps,
                upload_kbps=upload_kbps,
                devices=devices,
                wireless_only=wireless_only,
                download_quota_octets=download_quota_octets,
                upload_quota_octets=upload_quota_octets,
                total_quota_octets=total_quota_octets,
                vlan_pool=vlan_pool,
            )
            row = (plan.id, name, download_kbps, upload_kbps, devices, wireless_only)
            quotas = (download_quota_octets, upload_quota_octets, total_quota_octets)
            self._db.execute(
                f"INSERT INTO plans ({PLAN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, *quotas, vlan_pool)
            )
            self._db.record(Entity.PLAN, plan.id)
        return plan

    def add_nas(
        self,
        network: IPv4Network | IPv6Network,
        secret: bytes,
        *,
        name: str | None = None,
        venue_id: int | None = None,
        profile: str = "auto",
        require_message_authenticator: bool = True,
        unknown_devices: UnknownDevices = UnknownDevices.REJECT,
        answers: Answers = Answers.BOTH,
        any_venue: bool = False,
    ) -> Nas:
        """Return a new NAS at a venue: the only one where none is named; with none yet, the first one that is added."""
        with self._db.writing():
            if venue_id is not None:
                self._db.require("venues", venue_id)
            elif not any_venue:
                venue_id = self._only_venue()
            if self._db.row("SELECT 1 FROM nases WHERE network = ?", (str(network),)):
                raise AlreadyExists(f"there is a NAS {network} already")
            nas = Nas(
                id=self._db.allocate("nases"),
                network=network,
                secret=secret,
                name=str(network) if name is None else name,
                venue_id=venue_id,
                profile=profile,
                require_message_authenticator=require_message_authenticator,
                unknown_devices=unknown_devices,
                answers=answers,
                any_venue=any_venue,
            )
            sealed = self._vault.seal("nases.secret", nas.id, secret)
            row = (nas.id, str(network), sealed, nas.name, venue_id, profile, require_message_authenticator)
            self._db.execute(
                f"INSERT INTO nases ({NAS_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, unknown_devices.value, answers.value, any_venue),
            )
            self._db.record(Entity.NAS, nas.id)
        return nas

    def reseal(self, vault: Vault, report: Report) -> None:
        """Encrypt the shared secrets for another master key; part of a transaction."""
        rows = self._db.rows("SELECT id, secret FROM nases")
        opened = load_rows("nases", rows, lambda row: (row[0], self._vault.unseal("nases.secret", *row)), report)
        self._db.execute_many(
            "UPDATE nases SET secret = ? WHERE id = ?",
            [(vault.seal("nases.secret", id_, secret), id_) for id_, secret in opened],
        )

    def remove_nas(self, id_: int) -> None:
        with self._db.writing():
            self._db.require("nases", id_)
            self._db.execute("DELETE FROM nases WHERE id = ?", (id_,))
            self._db.record(Entity.NAS, id_)

    def _only_venue(self) -> int | None:
        """Return the venue of a NAS for which none is named: the only one, None where there is none yet."""
        venues = self._db.rows("SELECT id FROM venues")
        if len(venues) > 1:
            raise InvalidValue(
                f"there are {len(venues)} venues: say --venue VENUE, or --any-venue where it may ask for keys of all"
            )
        return venues[0][0] if venues else None

    def _place_nases(self, venue_id: int) -> None:
        """Give the first venue the NASes that were added before it."""
        for (nas_id,) in self._db.rows("SELECT id FROM nases WHERE venue_id IS NULL AND any_venue = 0"):
            self._db.execute("UPDATE nases SET venue_id = ? WHERE id = ?", (venue_id, nas_id))
            self._db.record(Entity.NAS, nas_id)

    def _refuse_meetings(self, keypool: Keypool) -> None:
        """Raise DuplicateKey where a key of `keypool` now meets the same passphrase in another keypool."""
        pools = {pool.id for pool in self.keypools() if pool.meets(keypool)}
        count = sum(
            other_pool in pools and windows_overlap(*map(load_instant, window))
            for other_pool, *window in self._db.rows(
                "SELECT b.keypool_id, a.starts, a.ends, b.starts, b.ends FROM keys a JOIN keys b"
                " ON b.fingerprint = a.fingerprint AND b.keypool_id != a.keypool_id"
                " WHERE a.keypool_id = ? AND a.status != 'removed' AND b.status != 'removed'",
                (keypool.id,),
            )
        )
        if count:
            verb = "is" if count == 1 else "are"
            raise DuplicateKey(message=f"{count} of its passphrases {verb} already in use on this SSID there")
