"""The known devices, as people list them: with the key, unit and subscriber that each belongs to."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from crypto import MacAddress

from ...model import DeviceRow
from ..files.database import Database
from ..rows import Row, load_instant, load_rows, save_instant

_ROW: Final = """
    SELECT d.key_id, d.mac, k.identity, d.keypool_id, u.name, s.id, s.name, d.registered, d.first_seen, d.last_seen,
        d.name, d.tag, coalesce(v.time_zone, (SELECT time_zone FROM operator))
    FROM devices d
    JOIN keys k ON k.id = d.key_id AND k.status != 'removed' AND k.grace_of IS NULL
    LEFT JOIN units u ON u.id = k.unit_id
    LEFT JOIN subscribers s ON s.id = k.subscriber_id
    LEFT JOIN venues v ON v.id = coalesce(
        u.venue_id,
        (SELECT min(venue_id) FROM keypool_venues WHERE keypool_id = k.keypool_id HAVING count(*) = 1)
    )
"""


class DeviceRecords:
    """Which devices there are, former passphrases aside: what is known with one is known with its key."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def listed(
        self,
        *,
        key_id: int | None = None,
        unit_id: int | None = None,
        subscriber_id: int | None = None,
        mac: MacAddress | None = None,
        mac_begins: str | None = None,
        name: str | None = None,
        seen_since: datetime | None = None,
        limit: int = -1,
        offset: int = 0,
    ) -> Iterator[DeviceRow]:
        """Yield devices with each of their keys, by key and address.

        mac_begins: hex digits, upper case
        """
        asked: list[tuple[str, Any]] = []
        for condition, value in (
            ("d.key_id = ?", key_id),
            ("k.unit_id = ?", unit_id),
            ("k.subscriber_id = ?", subscriber_id),
            ("d.mac = ?", None if mac is None else mac.value),
            ("instr(hex(d.mac), ?) = 1", mac_begins),
            ("d.name = ?", name),
            ("d.last_seen >= ?", save_instant(seen_since)),
        ):
            if value is not None:
                asked.append((condition, value))
        where = " AND ".join(condition for condition, _ in asked)
        values = [value for _, value in asked]
        rows = self._db.rows(
            f"{_ROW} WHERE {where or 'true'} ORDER BY d.key_id, d.mac LIMIT ? OFFSET ?", (*values, limit, offset)
        )
        yield from load_rows("devices", rows, _load)


def _load(row: Row) -> DeviceRow:
    key_id, mac, identity, keypool_id, unit, subscriber_id, subscriber, registered, first, last, name, tag, zone = row
    return DeviceRow(
        key_id=key_id,
        mac=MacAddress(mac),
        identity=identity,
        keypool_id=keypool_id,
        unit=unit,
        subscriber_id=subscriber_id,
        subscriber=subscriber,
        registered=bool(registered),
        first=load_instant(first),
        last=load_instant(last),
        name=name,
        tag=tag,
        time_zone=zone or "UTC",
    )
