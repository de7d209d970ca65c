"""Keys from and to CSV: `identity,psk[,mac[,vlanid]]`, the file that FreeRADIUS's rlm_dpsk reads. See `csv_rows`."""

import csv
import io
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from crypto import Ssid

from .csv_header import COLUMNS
from .csv_rows import FORMULA_STARTS, KeyRows, Row
from .errors import Duplicate, DuplicateKey, FileRefused, ImportRefused, InvalidValue, Refusal
from .keys import Derive, Progress, derive_pmks
from .model import Device, Key, KeyDraft
from .model.passphrases import generate_passphrase
from .store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of a file."""

    count: int  # of keys that were imported, or would be
    ids: range = range(0)
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def import_keys(
    store: Store,
    keypool_id: int,
    ssid: Ssid,
    file: BinaryIO,
    *,
    name: str,
    keep_going: bool = False,
    header: bool = True,
    formulas: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    derive: Derive = derive_pmks,
) -> Imported:
    """Add the keys of a file, called `name` in errors: all of them, or those that can be when told to keep going.

    header:   the first row may be one
    formulas: take identities that a spreadsheet would calculate
    dry_run:  check everything, and add nothing

    Raises ImportRefused, with every refused line, when not told to keep going; FileRefused where it is no such file.
    """
    rows = KeyRows(file, header=header, formulas=formulas, progress=_reading(file, progress))
    try:
        batch = _read(rows)
    except FileRefused as error:
        raise FileRefused(f"{name}: {error}; nothing imported") from None
    if not batch.drafts and not batch.refusals:
        raise InvalidValue(f"{name} has no keys")
    if progress is not None:
        progress("reading", 1, 1)
    if batch.refusals and not keep_going:
        raise ImportRefused(name, batch.refusals)
    pmks = derive([draft.passphrase.value for draft in batch.drafts], ssid, progress) if batch.drafts else None
    ids = range(0)
    while batch.drafts and pmks is not None:
        try:
            if dry_run:
                store.keys.check(keypool_id, batch.drafts, pmks)
            else:
                ids = store.keys.add_many(keypool_id, batch.drafts, pmks=pmks, progress=progress)
            break
        except DuplicateKey as error:
            kept = batch.leave_out(error.duplicates)
            if not keep_going:
                raise ImportRefused(name, batch.refusals) from error
            pmks = pmks[kept]
    refusals = tuple(sorted(batch.refusals, key=lambda refusal: refusal.line))
    return Imported(count=len(batch.drafts), ids=ids, refusals=refusals, notes=tuple(rows.notes()))


@dataclass(slots=True)
class _Batch:
    """The keys of a file that are still to be added, the line of each, and what was refused."""

    drafts: list[KeyDraft]
    line_of: "array[int]"
    refusals: list[Refusal]

    def leave_out(self, duplicates: Sequence[Duplicate]) -> list[int]:
        """Refuse what the store has already; return the positions that are kept."""
        self.refusals += [_refuse(self.line_of, duplicate) for duplicate in duplicates]
        left_out = {duplicate.position for duplicate in duplicates}
        kept = [position for position in range(len(self.drafts)) if position not in left_out]
        self.drafts = [self.drafts[position] for position in kept]
        self.line_of = array("Q", [self.line_of[position] for position in kept])
        return kept


def _read(rows: KeyRows) -> _Batch:
    batch = _Batch([], array("Q"), [])
    seen = _Seen()
    for row in rows:
        kept = seen.check(row) if isinstance(row, Row) else row
        if isinstance(kept, Row):
            batch.drafts.append(kept.draft)
            batch.line_of.append(kept.line)
        else:
            batch.refusals.append(kept)
    return batch


def _reading(file: BinaryIO, progress: Progress | None) -> Callable[[int], object] | None:
    """Return what tells how much of a file is read: of how many octets, or of an unknown number from a pipe."""
    if progress is None:
        return None
    try:
        size = os.fstat(file.fileno()).st_size
    except OSError:  # it is none of the system's
        size = 0
    return lambda octets: progress("reading", octets, size)


def begins_as_formula(key: Key) -> bool:
    """Return whether a spreadsheet would calculate the identity or passphrase of an exported key."""
    starts = tuple(map(str.encode, FORMULA_STARTS))
    return key.identity.startswith(FORMULA_STARTS) or key.passphrase.value.startswith(starts)


def render_example() -> str:
    """Return a small file of all columns; its passphrases are made here, so that nobody imports published ones."""
    names = (("Ann Lee", "", ""), ("Flat 4B", "", "104"), ("Bob Ray", "020000000100", "105"))
    rows = (f"{name},{generate_passphrase().value.decode()},{mac},{vlan}\n" for name, mac, vlan in names)
    return ",".join(COLUMNS) + "\n" + "".join(rows)


def render_rows(keys: Iterable[tuple[Key, Sequence[Device]]]) -> Iterator[str]:
    """Yield a line per key. A device is named only where it is the key's only one; columns end with the last in use.

    No header, which rlm_dpsk would take for a resident; a MAC address as the twelve digits it wants.
    """
    buffer = io.StringIO()
    sparing = csv.writer(buffer, lineterminator="\n")
    quoting = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for key, devices in keys:
        cells = [key.identity, key.passphrase.value.decode("ascii")]
        mac = devices[0].mac.value.hex() if len(devices) == 1 else ""
        if mac or key.vlan is not None:
            cells.append(mac)
        if key.vlan is not None:
            cells.append(str(key.vlan))
        # A semicolon outside quotes leaves open what separates the cells.
        (quoting if any(";" in cell for cell in cells) else sparing).writerow(cells)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


class _Seen:
    """What earlier lines of the file have taken."""

    def __init__(self) -> None:
        self._passphrases: dict[bytes, int] = {}
        self._macs: dict[bytes, int] = {}

    def check(self, row: Row) -> Row | Refusal:
        value = row.draft.passphrase.value
        if len(value) == 64:
            value = value.lower()  # hex digits: two spellings of one PMK
        if (line := self._passphrases.setdefault(value, row.line)) != row.line:
            return Refusal(row.line, f"same passphrase as line {line}")
        for mac in row.draft.devices:
            if (line := self._macs.setdefault(mac.value, row.line)) != row.line:
                return Refusal(row.line, f"same MAC address as line {line}")
        return row


def _refuse(line_of: Sequence[int], duplicate: Duplicate) -> Refusal:
    reason = (
        "passphrase already in use on this SSID"
        if duplicate.earlier is None
        else f"same passphrase as line {line_of[duplicate.earlier]}"
    )
    return Refusal(line_of[duplicate.position], reason)
