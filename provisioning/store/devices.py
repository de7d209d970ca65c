"""Known devices: which key a device used last, or is registered with."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from crypto import MacAddress

from ..model import Device, Sighting
from .database import Database
from .rows import Report, load_device, load_instant, load_rows, save_instant

_NO_END: Final = 2**62
_CHUNK: Final = 16_384
_UPSERT_DEVICE: Final = """
    INSERT INTO devices (keypool_id, mac, first_seen, last_seen, key_id, sequence) %s
    ON CONFLICT (keypool_id, mac) DO UPDATE SET key_id = excluded.key_id,
        first_seen = coalesce(first_seen, excluded.first_seen), last_seen = coalesce(excluded.last_seen, last_seen),
        sequence = max(sequence, excluded.sequence)
"""
_DEVICE: Final = "VALUES (?, ?, ?, ?, ?, 0)"
# A key that is not there (any more) must not lose the other devices of the batch.
_DEVICE_OF_KEY: Final = "SELECT ?1, ?2, ?3, ?4, id, ?6 FROM keys WHERE id = ?5 AND keypool_id = ?1"


class Devices:
    """Which device has which key."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def register(self, devices: Iterable[tuple[int, int, MacAddress]]) -> None:
        """Store (keypool id, key id, address) of devices that were not seen yet; part of a transaction."""
        rows = ((keypool_id, mac.value, None, None, key_id) for keypool_id, key_id, mac in devices)
        self._db.execute_many(_UPSERT_DEVICE % _DEVICE, rows)

    def of_keys(
        self, *, first_key_id: int | None = None, last_key_id: int | None = None, report: Report | None = None
    ) -> Iterator[Device]:
        """Yield the known devices of the keys in the id range that are not removed.

        report: told of rows that cannot be opened, with the id of their key
        """
        key_id, mac = first_key_id or 1, b""
        last = _NO_END if last_key_id is None else last_key_id
        while rows := self._db.rows(
            "SELECT d.keypool_id, d.mac, d.key_id FROM devices d JOIN keys k ON k.id = d.key_id"
            " WHERE (d.key_id, d.mac) > (?, ?) AND d.key_id <= ? AND k.status != 'removed'"
            " ORDER BY d.key_id, d.mac LIMIT ?",
            (key_id, mac, last, _CHUNK),
        ):
            yield from load_rows("devices", rows, load_device, report, id_at=2)
            _, mac, key_id = rows[-1]

    def sightings(self, key_id: int) -> tuple[Sighting, ...]:
        """Return a key's devices, by address, and when each was seen."""
        rows = self._db.rows("SELECT mac, first_seen, last_seen FROM devices WHERE key_id = ? ORDER BY mac", (key_id,))
        return tuple(Sighting(MacAddress(mac), load_instant(first), load_instant(last)) for mac, first, last in rows)

    def sequence(self) -> int:
        """Return a number that grows with each `remember`, 0 before the first."""
        row = self._db.row("SELECT highest FROM counters WHERE name = 'device_sequence'")
        return 0 if row is None else int(row[0])

    def learned(self, since: int, until: int, report: Report | None = None) -> tuple[Device, ...]:
        """Return what servers remembered after one `sequence` and up to another, in that order."""
        rows = self._db.rows(
            "SELECT d.keypool_id, d.mac, d.key_id FROM devices d JOIN keys k ON k.id = d.key_id"
            " WHERE d.sequence > max(?, 0) AND d.sequence <= ? AND k.status != 'removed' ORDER BY d.sequence",
            (since, until),
        )
        return tuple(load_rows("devices", rows, load_device, report, id_at=2))

    def remember(self, devices: Sequence[Device], now: datetime) -> None:
        """Store which key each device used. Writes no change, as no key has changed: see `learned`."""
        seen = save_instant(now)
        with self._db.writing():
            number = self._db.allocate("device_sequence")
            rows = [(device.keypool_id, device.mac.value, seen, seen, device.key_id, number) for device in devices]
            self._db.execute_many(_UPSERT_DEVICE % _DEVICE_OF_KEY, rows)
