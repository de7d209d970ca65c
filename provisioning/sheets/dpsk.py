"""Files with the columns of FreeRADIUS's rlm_dpsk: `identity,psk[,mac[,vlanid]]`, a million rows of them.

What stands in a cell is taken as it is: blanks belong to their field (RFC 4180 section 2), a passphrase may begin with
what a spreadsheet would calculate, and no mark against that is added or taken off, since rlm_dpsk would take it for a
part of the name. No message holds a cell.

What is written is CSV as everybody quotes it. rlm_dpsk wants blanks quoted and takes backslashes for escapes: what it
reads is written by `exports/controllers/rlm_dpsk.py`.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from crypto import MacAddress

from ..errors import Refusal
from ..formulas import STARTS, is_formula
from ..model import Device, Key, KeyDraft, Passphrase
from ..model.rules.passphrases import generate_passphrase
from .cells import parse_vlan
from .columns import Columns
from .grid import Broken
from .sheet import SheetReader, check_width

COLUMNS: Final = ("identity", "psk", "mac", "vlanid")
_FORMULA: Final = "the identity begins as a formula of a spreadsheet does (=, +, -, @): --force takes it"


def is_dpsk(columns: Columns) -> bool:
    """Return whether a file's columns are those of rlm_dpsk, in its order, with its header or without any."""
    if columns.header is None:
        return True
    names = tuple(cell.strip().lower() for cell in columns.header)
    return len(names) > 1 and names == COLUMNS[: len(names)]


class DpskRows:
    """The keys of a file of that kind."""

    def __init__(self, reader: SheetReader, *, formulas: bool = False) -> None:
        """formulas: take identities that a spreadsheet would calculate"""
        self._reader = reader
        self._formulas = formulas
        self._vlans: dict[str, int | None] = {}

    def __iter__(self) -> Iterator[tuple[int, KeyDraft] | Refusal]:
        """Yield the line and draft of each row, or why it is none."""
        reader, widest, refused_starts = self._reader, self._reader.columns.widest, () if self._formulas else STARTS
        for line, cells in reader.grid_rows():
            try:
                if isinstance(cells, Broken):
                    raise ValueError(cells.reason)
                if not 2 <= len(cells) <= widest:
                    check_width(reader.columns, cells)
                draft = self._draft(cells)
                if cells[0].startswith(refused_starts):
                    raise ValueError(_FORMULA)
            except ValueError as error:
                yield Refusal(line, f"{error}{reader.spread(line)}")
                continue
            if cells[1].startswith(" ") or cells[1].endswith(" "):
                reader.blank_ends.append(line)
            yield line, draft

    def _draft(self, cells: Sequence[str]) -> KeyDraft:
        count = len(cells)
        mac = cells[2].strip() if count > 2 else ""
        vlan = cells[3] if count > 3 else ""
        return KeyDraft(
            identity=cells[0],
            passphrase=Passphrase(cells[1].encode("utf-8", "surrogatepass") if count > 1 else b""),
            vlan=self._vlan(vlan) if vlan else None,
            devices=(_parse_mac(mac),) if mac else (),
        )

    def _vlan(self, cell: str) -> int | None:
        """Return the VLAN of a cell; they are few."""
        try:
            return self._vlans[cell]
        except KeyError:
            found = self._vlans[cell] = None if cell.isspace() else parse_vlan(cell)
            return found


def _parse_mac(text: str) -> MacAddress:
    try:
        return MacAddress.parse(text)
    except ValueError:
        raise ValueError("mac is not a MAC address, 12 hex digits") from None


def begins_as_formula(key: Key) -> bool:
    """Return whether a spreadsheet would calculate the identity or passphrase of an exported key."""
    return is_formula(key.identity) or is_formula(key.passphrase.value.decode("ascii"))


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
