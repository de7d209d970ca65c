"""A sheet of keys, written so that a spreadsheet program shows it as it is and an import reads the same keys again."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Final

from ..model import Device, Key, KeyStatus
from ..model.rules.zones import end_of_day, parse_instant, render_instant, start_of_day
from .cells import defuse_cell
from .columns import FIELDS
from .sheet import SheetRow

BOM: Final = "\ufeff"  # without it Excel reads UTF-8 as the code page of its country


def render_sheet(rows: Iterable[SheetRow], *, separator: str = ",") -> Iterator[str]:
    """Yield the header, then a line per key: every field, CRLF line ends (RFC 4180 section 2), formulas defused."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n", delimiter=separator)

    def line(cells: Iterable[str]) -> str:
        writer.writerow(cells)
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text

    yield BOM + line(FIELDS)
    for row in rows:
        yield line(defuse_cell(cell, name) for name, cell in zip(FIELDS, _cells(row), strict=True))


def describe_key(
    key: Key,
    devices: Sequence[Device],
    zone: tzinfo,
    *,
    venue: str | None,
    pool: str,
) -> SheetRow:
    """Return the row of a key.

    zone:  of its venue, in which its window is told
    venue: whose unit it has, or the only one of its keypool; None where it is valid at several
    pool:  its SSID
    """
    unit = key.unit
    return SheetRow(
        line=0,
        identity=key.identity,
        passphrase=key.passphrase,
        macs=tuple(sorted((device.mac for device in devices if device.registered), key=lambda mac: mac.value)),
        vlan=key.vlan,
        unit=unit.name if unit else None,
        building=unit.building if unit else None,
        floor=unit.floor if unit else None,
        plan=key.plan.name if key.plan else None,
        starts=None if key.starts is None else render_window_end(key.starts, zone, end=False),
        ends=None if key.ends is None else render_window_end(key.ends, zone, end=True),
        venue=venue,
        pool=pool,
        subscriber=key.subscriber.name if key.subscriber else None,
        external_id=key.external_id,
        tag=key.tag,
        status=KeyStatus.SUSPENDED if key.status is KeyStatus.SUSPENDED else KeyStatus.ACTIVE,
    )


def render_window_end(at: datetime, zone: tzinfo, *, end: bool) -> str:
    """Return 2026-12-31 where a window begins or ends with that day, else 2026-12-31 14:00, with the zone's name for
    the time where that alone tells which is meant. An import reads the same instant again.
    """
    local = at.astimezone(zone)
    day = local.date()
    if at == (end_of_day(day, zone) if end else start_of_day(day, zone)):
        return day.isoformat()
    moment = local.time().isoformat("seconds" if local.second else "minutes")
    text = f"{day.isoformat()} {moment}"
    return text if parse_instant(text, zone) == at else render_instant(at, zone)


def _cells(row: SheetRow) -> tuple[str, ...]:
    """Return the cells of FIELDS, in its order."""
    return (
        row.identity,
        "" if row.passphrase is None else row.passphrase.value.decode("ascii"),
        " ".join(map(str, row.macs)),
        "" if row.vlan is None else str(row.vlan),
        row.unit or "",
        row.building or "",
        row.floor or "",
        row.plan or "",
        row.starts or "",
        row.ends or "",
        row.venue or "",
        row.pool or "",
        row.subscriber or "",
        row.external_id or "",
        row.tag or "",
        "" if row.status is None else row.status.value,
    )
