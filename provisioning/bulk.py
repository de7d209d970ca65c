"""Keys from and to CSV: `identity,psk[,mac[,vlanid]]`, the file that FreeRADIUS's rlm_dpsk reads.

Rule: one line is one row, as rlm_dpsk reads it too, so that a quote left open spoils its own line and no other. Blanks
belong to their field (RFC 4180 section 2): a passphrase may end with one. No message holds a passphrase.
"""

import csv
import io
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from crypto import MacAddress, Ssid

from .errors import Duplicate, DuplicateKey, ImportRefused, InvalidValue, Refusal
from .keys import Derive, Progress, derive_pmks
from .model import Device, Key, KeyDraft, Passphrase
from .store import Store

COLUMNS: Final = ("identity", "psk", "mac", "vlanid")
_BOM: Final = b"\xef\xbb\xbf"  # spreadsheets write it
_LONGEST_LINE: Final = 4096
_REPORT_EVERY: Final = 8192


@dataclass(frozen=True, slots=True)
class Row:
    """One sound line."""

    line: int
    draft: KeyDraft


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file: the ids given out, and the lines left out."""

    ids: range
    refusals: tuple[Refusal, ...]


def import_keys(
    store: Store,
    keypool_id: int,
    ssid: Ssid,
    lines: Iterable[bytes],
    *,
    name: str,
    keep_going: bool = False,
    progress: Progress | None = None,
    derive: Derive = derive_pmks,
) -> Imported:
    """Add the keys of a file, called `name` in errors: all of them, or those that can be when told to keep going.

    Raises ImportRefused, with every refused line, when not told so; InvalidValue where there is no row at all.
    """
    drafts: list[KeyDraft] = []
    line_of = array("Q")  # for each draft
    refusals: list[Refusal] = []
    seen = _Seen()
    for number, row in enumerate(parse_rows(lines), 1):
        kept = seen.check(row) if isinstance(row, Row) else row
        if isinstance(kept, Row):
            drafts.append(kept.draft)
            line_of.append(kept.line)
        else:
            refusals.append(kept)
        if progress is not None and number % _REPORT_EVERY == 0:
            progress("reading", number, 0)
    del seen
    if not drafts and not refusals:
        raise InvalidValue(f"{name} has no keys")
    if refusals and not keep_going:
        raise ImportRefused(name, refusals)
    pmks = derive([draft.passphrase.value for draft in drafts], ssid, progress) if drafts else None
    ids = range(0)
    while drafts:
        try:
            ids = store.keys.add_many(keypool_id, drafts, pmks=pmks, progress=progress)
            break
        except DuplicateKey as error:
            refusals += [_refuse(line_of, duplicate) for duplicate in error.duplicates]
            if not keep_going:
                raise ImportRefused(name, refusals) from error
            left_out = {duplicate.position for duplicate in error.duplicates}
            kept_rows = [position for position in range(len(drafts)) if position not in left_out]
            drafts = [drafts[position] for position in kept_rows]
            line_of = array("Q", [line_of[position] for position in kept_rows])
            pmks = None if pmks is None else pmks[kept_rows]
    return Imported(ids, tuple(sorted(refusals, key=lambda refusal: refusal.line)))


def parse_rows(lines: Iterable[bytes]) -> Iterator[Row | Refusal]:
    """Yield each line of a file, blank ones and a header aside, as a key or as the reason why it is none."""
    widest = len(COLUMNS)
    start = True
    for number, octets in enumerate(lines, 1):
        if number == 1:
            octets = octets.removeprefix(_BOM)
        octets = octets.rstrip(b"\r\n")
        if not octets:
            continue
        try:
            cells = _split(octets)
            if start and (header := _header(cells)):
                widest = header
                start = False
                continue
            start = False
            yield Row(number, _draft(cells, widest))
        except ValueError as error:
            yield Refusal(number, str(error))


def render_rows(keys: Iterable[tuple[Key, Sequence[Device]]]) -> Iterator[str]:
    """Yield a line per key. A device is named only where it is the key's only one; columns end with the last in use.

    No header, which rlm_dpsk would take for a resident; a MAC address as the twelve digits it wants.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for key, devices in keys:
        cells = [key.identity, key.passphrase.value.decode("ascii")]
        mac = devices[0].mac.value.hex() if len(devices) == 1 else ""
        if mac or key.vlan is not None:
            cells.append(mac)
        if key.vlan is not None:
            cells.append(str(key.vlan))
        writer.writerow(cells)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


class _Seen:
    """What earlier lines of the file have taken."""

    def __init__(self) -> None:
        self._passphrases: dict[bytes, int] = {}
        self._macs: dict[MacAddress, int] = {}

    def check(self, row: Row) -> Row | Refusal:
        value = row.draft.passphrase.value
        if len(value) == 64:
            value = value.lower()  # hex digits: two spellings of one PMK
        if (line := self._passphrases.setdefault(value, row.line)) != row.line:
            return Refusal(row.line, f"same passphrase as line {line}")
        for mac in row.draft.devices:
            if (line := self._macs.setdefault(mac, row.line)) != row.line:
                return Refusal(row.line, f"same MAC address as line {line}")
        return row


def _split(octets: bytes) -> list[str]:
    if len(octets) > _LONGEST_LINE:
        raise ValueError(f"line of {len(octets)} octets")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"octet {error.start + 1} is not UTF-8") from None
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error:
        raise ValueError("broken quote") from None


def _header(cells: Sequence[str]) -> int | None:
    """Return the number of columns a header line announces, None where it is no header; ValueError for others."""
    names = tuple(cell.strip().lower() for cell in cells)
    if len(names) < 2 or not set(names) <= set(COLUMNS):
        return None
    if names != COLUMNS[: len(names)]:
        # Read as a row it would make a key of the word "identity".
        raise ValueError(f"the columns are {','.join(COLUMNS)}, in this order")
    return len(names)


def _draft(cells: Sequence[str], widest: int) -> KeyDraft:
    if not 2 <= len(cells) <= widest:
        raise ValueError(
            f"{len(cells)} column{'s' * (len(cells) != 1)}, not {'2' if widest == 2 else f'2 to {widest}'}"
        )
    identity, psk = cells[:2]
    mac = cells[2].strip() if len(cells) > 2 else ""
    vlan = cells[3].strip() if len(cells) > 3 else ""
    # Neither error shows its cell: where columns were swapped it is a passphrase.
    if vlan and not (vlan.isascii() and vlan.isdigit() and len(vlan) <= 4):
        raise ValueError("vlanid is not a VLAN, 1 to 4094")
    return KeyDraft(
        identity=identity,
        passphrase=Passphrase(psk.encode("utf-8")),
        vlan=int(vlan) if vlan else None,
        devices=(_parse_mac(mac),) if mac else (),
    )


def _parse_mac(text: str) -> MacAddress:
    try:
        return MacAddress.parse(text)
    except ValueError:
        raise ValueError("mac is not a MAC address, 12 hex digits") from None


def _refuse(line_of: Sequence[int], duplicate: Duplicate) -> Refusal:
    reason = (
        "passphrase already in use on this SSID"
        if duplicate.earlier is None
        else f"same passphrase as line {line_of[duplicate.earlier]}"
    )
    return Refusal(line_of[duplicate.position], reason)
