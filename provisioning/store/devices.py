# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""Known devices. On a keypool a device has at most one key that a person registered it with, and two that it has shown.

What it shows never takes the place of a registration, or whoever uses its address could.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from crypto import MacAddress

from ..errors import NotFound
from ..model import Device, DeviceBatch, Entity, Sighting
from .files.database import Database
from .recording.recorder import Recorder
from .rows import Report, Row, load_device, load_devices, load_instant, load_rows, save_instant

_NO_END: Final = 2**62
_CHUNK: Final = 16_384
_COLUMNS: Final = "d.keypool_id, d.mac, d.key_id, d.registered, d.sequence"
_LEARNED_KEYS: Final = 2  # kept of each device on a keypool
_ANY_REGISTERED: Final = "SELECT 1 FROM devices WHERE keypool_id = ? AND registered LIMIT 1"
_REGISTERED: Final = "SELECT key_id FROM devices WHERE keypool_id = ? AND mac = ? AND key_id != ? AND registered"
_REGISTER: Final = """
    INSERT INTO devices (keypool_id, mac, key_id, registered) VALUES (?, ?, ?, 1)
    ON CONFLICT (keypool_id, mac, key_id) DO UPDATE SET registered = 1
"""
# A key that is not there (any more) must not lose the other devices of the batch.
_LEARN: Final = """
    INSERT INTO devices (keypool_id, mac, key_id, first_seen, last_seen, sequence)
    SELECT ?1, ?2, id, ?4, ?4, ?5 FROM keys WHERE id = ?3 AND keypool_id = ?1
    ON CONFLICT (keypool_id, mac, key_id) DO UPDATE SET
        first_seen = coalesce(first_seen, excluded.first_seen), last_seen = excluded.last_seen,
        sequence = max(sequence, excluded.sequence)
"""
_SEE: Final = """
    UPDATE devices SET first_seen = coalesce(first_seen, ?1), last_seen = ?1 WHERE key_id = ?2 AND mac = ?3
"""
_FORGET_OLDER: Final = f"""
    DELETE FROM devices WHERE keypool_id = ?1 AND mac = ?2 AND NOT registered AND key_id NOT IN (
        SELECT key_id FROM devices WHERE keypool_id = ?1 AND mac = ?2 AND NOT registered
        ORDER BY sequence DESC LIMIT {_LEARNED_KEYS}
    )
"""


class Devices:
    """Which device has which keys."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._db = database
        self._recorder = recorder

    def register_many(self, devices: Iterable[tuple[int, int, MacAddress]]) -> None:
        """Store (keypool id, key id, address) of new keys in place of what each device was registered with.

        Part of a change, which takes the new ones back together with their keys, and brings the former ones back.
        """
        rows = ((keypool_id, mac.value, key_id) for keypool_id, key_id, mac in devices)
        taken: dict[int, bool] = {}
        while some := list(itertools.islice(rows, _CHUNK)):
            for keypool_id, mac, key_id in some:
                if keypool_id not in taken:  # nearly always a keypool is filled once
                    taken[keypool_id] = self._db.row(_ANY_REGISTERED, (keypool_id,)) is not None
                if taken[keypool_id]:
                    for (other,) in self._db.rows(_REGISTERED, (keypool_id, mac, key_id)):
                        self._recorder.delete("devices", (keypool_id, mac, other))
            self._db.execute_many(_REGISTER, some)

    def register(
        self, keypool_id: int, key_id: int, mac: MacAddress, *, name: str | None = None, tag: str | None = None
    ) -> None:
        """Register a device with a key, in place of the one it was registered with."""
        with self._recorder.change("device.add") as change:
            change.subject("key", key_id, None)
            for (other,) in self._db.rows(
                "SELECT key_id FROM devices WHERE keypool_id = ? AND mac = ? AND registered AND key_id != ?",
                (keypool_id, mac.value, key_id),
            ):
                self._recorder.delete("devices", (keypool_id, mac.value, other))
            place = (keypool_id, mac.value, key_id)
            said = {column: value for column, value in (("name", name), ("tag", tag)) if value is not None}
            if not self._recorder.update("devices", place, {"registered": 1} | said):
                row = {"keypool_id": keypool_id, "mac": mac.value, "key_id": key_id, "registered": 1}
                self._recorder.insert("devices", row | said)

    def name(self, key_id: int, mac: MacAddress, *, name: str | None, tag: str | None) -> None:
        """Call a device of a key so; NotFound where the key has no such device."""
        with self._recorder.change("device.set") as change:
            change.subject("key", key_id, None)
            rows = self._db.rows("SELECT keypool_id FROM devices WHERE key_id = ? AND mac = ?", (key_id, mac.value))
            if not rows:
                raise NotFound(f"{mac} is not known with key {key_id}")
            self._recorder.update("devices", (rows[0][0], mac.value, key_id), {"name": name, "tag": tag})

    def of_keys(
        self, *, first_key_id: int | None = None, last_key_id: int | None = None, report: Report | None = None
    ) -> Iterator[Device]:
        """Yield the known devices of the keys in the id range that are not removed.

        report: told of rows that cannot be opened, with the id of their key
        """
        last = _NO_END if last_key_id is None else last_key_id
        for rows in self._pages(first_key_id or 1, last):
            yield from load_rows("devices", rows, load_device, report, id_at=2)

    def batches(self, report: Report | None = None) -> Iterator[DeviceBatch]:
        """Yield what `of_keys` does, for a million of them."""
        for rows in self._pages(1, _NO_END):
            yield load_devices(rows, report)

    def _pages(self, key_id: int, last: int) -> Iterator[list[Row]]:
        """Yield the rows of the devices of these keys, in reads of bounded size."""
        mac = b""
        while rows := self._db.rows(
            f"SELECT {_COLUMNS} FROM devices d JOIN keys k ON k.id = d.key_id"
            " WHERE (d.key_id, d.mac) > (?, ?) AND d.key_id <= ? AND k.status != 'removed'"
            " ORDER BY d.key_id, d.mac LIMIT ?",
            (key_id, mac, last, _CHUNK),
        ):
            yield rows
            _, mac, key_id, *_ = rows[-1]

    def sightings(self, key_id: int) -> tuple[Sighting, ...]:
        """Return a key's devices, by address, and when each was seen."""
        rows = self._db.rows(
            "SELECT mac, first_seen, last_seen, registered, name, tag FROM devices WHERE key_id = ? ORDER BY mac",
            (key_id,),
        )
        return tuple(
            Sighting(MacAddress(mac), load_instant(first), load_instant(last), bool(registered), name, tag)
            for mac, first, last, registered, name, tag in rows
        )

    def keys_of(self, mac: MacAddress) -> tuple[int, ...]:
        """Return the keys that a device is known with, the one it was seen with last first."""
        rows = self._db.rows("SELECT key_id FROM devices WHERE mac = ? ORDER BY last_seen DESC, key_id", (mac.value,))
        return tuple(key_id for (key_id,) in rows)

    def copy(self, key_id: int, to_key_id: int) -> int:
        """Let what has shown one key be known with another of its keypool; return how many devices. Part of a change.

        Those that were only registered are copied as well: they may come with either.
        """
        rows = self._db.rows(
            "SELECT keypool_id, mac, first_seen, last_seen FROM devices WHERE key_id = ? ORDER BY sequence, mac",
            (key_id,),
        )
        if not rows:
            return 0
        first = self._db.allocate("device_sequence", len(rows))
        self._db.execute_many(
            "INSERT OR IGNORE INTO devices (keypool_id, mac, key_id, registered, first_seen, last_seen, sequence)"
            " VALUES (?, ?, ?, 0, ?, ?, ?)",
            [(pool, mac, to_key_id, since, last, n) for n, (pool, mac, since, last) in enumerate(rows, first)],
        )
        self._db.execute_many(_FORGET_OLDER, {row[:2] for row in rows})
        self._recorder.current.feed(Entity.DEVICE, to_key_id)
        return len(rows)

    def forget(self, key_id: int, mac: MacAddress | None = None) -> int:
        """Forget the devices of a key, or that one, registered or not; return how many. The key brings each back."""
        address = None if mac is None else mac.value
        with self._recorder.change("device.forget") as change:
            change.subject("key", key_id, None)
            places = self._db.rows(
                "SELECT keypool_id, mac, key_id FROM devices WHERE key_id = ?1 AND (?2 IS NULL OR mac = ?2)",
                (key_id, address),
            )
            for place in places:
                self._recorder.delete("devices", tuple(place))
        return len(places)

    def age(self, last_seen_before: datetime) -> int:
        """Forget the devices that were not seen since, registered and named ones aside; return how many."""
        unseen = "FROM devices WHERE NOT registered AND name IS NULL AND tag IS NULL AND last_seen < ?"
        before = save_instant(last_seen_before)
        if not self._db.row(f"SELECT 1 {unseen}", (before,)):
            return 0  # nearly always: no write lock for that
        with self._db.writing():
            key_ids = [key_id for (key_id,) in self._db.rows(f"SELECT DISTINCT key_id {unseen}", (before,))]
            forgotten = self._db.execute(f"DELETE {unseen}", (before,)).rowcount
            for key_id in key_ids:
                self._db.record(Entity.DEVICE, key_id)
        return forgotten

    def sequence(self) -> int:
        """Return a number that grows with each `remember`, 0 before the first."""
        row = self._db.row("SELECT highest FROM counters WHERE name = 'device_sequence'")
        return 0 if row is None else int(row[0])

    def learned(self, since: int, until: int, report: Report | None = None) -> tuple[Device, ...]:
        """Return what servers remembered after one `sequence` and up to another, in that order."""
        rows = self._db.rows(
            f"SELECT {_COLUMNS} FROM devices d JOIN keys k ON k.id = d.key_id"
            " WHERE d.sequence > max(?, 0) AND d.sequence <= ? AND k.status != 'removed' ORDER BY d.sequence",
            (since, until),
        )
        return tuple(load_rows("devices", rows, load_device, report, id_at=2))

    def remember(self, devices: Sequence[Device], now: datetime) -> None:
        """Store which key each device has shown, in that order. Writes no change, as no key has: see `learned`."""
        if not devices:
            return
        seen = save_instant(now)
        with self._db.writing():
            first = self._db.allocate("device_sequence", len(devices))
            rows = [
                (device.keypool_id, device.mac.value, device.key_id, seen, sequence)
                for sequence, device in enumerate(devices, first)
            ]
            self._db.execute_many(_LEARN, rows)
            self._db.execute_many(_FORGET_OLDER, {row[:2] for row in rows})

    def see(self, seen: Sequence[tuple[bytes, int]], now: datetime) -> None:
        """Store when (address, key id) were last seen: what a device is known with stays as it is."""
        if not seen:
            return
        with self._db.writing():
            self._db.execute_many(_SEE, [(save_instant(now), key_id, mac) for mac, key_id in seen])
