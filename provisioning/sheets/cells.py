"""What a cell of each field means. A ValueError says what is wrong, names the field and never holds the cell."""

import re
from typing import Final

from crypto import MacAddress

from ..formulas import defuse, is_formula, restore
from ..model import KeyStatus, Passphrase, check_name, check_vlan
from ..model.key import MOST_TAG

# "1.23457E+15" was a passphrase of sixteen digits: it is one no more, and would be stored as such.
_ROUNDED: Final = re.compile(r"-?\d[.,]\d+E\+\d+", re.ASCII)
_BASEMENT: Final = re.compile(r"-\d{1,3}", re.ASCII)  # a number and no sum
_WITHIN: Final = re.compile(r"\s*[\r\n\t]\s*")
_ROUNDED_TOO: Final = frozenset(("identity", "unit", "external_id", "tag"))
_STATUSES: Final = {"active": KeyStatus.ACTIVE, "suspended": KeyStatus.SUSPENDED}


class Cells:
    """Reads cells; remembers what is many times in a sheet, as the names of buildings."""

    def __init__(self, *, formulas: bool = False) -> None:
        """formulas: take what a spreadsheet would calculate, or has"""
        self._formulas = formulas
        self._names: dict[tuple[str, str], str] = {}
        self.unmarked = 0  # cells from which the mark against formulas was taken

    def text(self, name: str, cell: str) -> str:
        """Return a text that may be on other rows, too; line ends within it are blanks."""
        try:
            return self._names[name, cell]
        except KeyError:
            found = self._names[name, cell] = self.own_text(name, cell)
            return found

    def own_text(self, name: str, cell: str) -> str:
        """Return a text of this row only."""
        text = self._plain(cell, name).strip()
        if not text.isprintable():
            text = _WITHIN.sub(" ", text)
        if name in _ROUNDED_TOO:
            self._refuse_rounded(text, name)
        check_name(text, name)
        if name == "tag" and len(text) > MOST_TAG:
            raise ValueError(f"tag has {len(text)} characters, more than {MOST_TAG}")
        return text

    def passphrase(self, cell: str) -> Passphrase:
        """Return a passphrase, blanks around it included: somebody may type them."""
        plain = self._plain(cell, "psk")
        self._refuse_rounded(plain, "psk")
        if "\n" in plain or "\r" in plain:
            raise ValueError("passphrase has a line end within it")
        return Passphrase(plain.encode("utf-8", "surrogatepass"))

    def _plain(self, cell: str, name: str) -> str:
        if cell.startswith("'"):
            plain = restore(cell)
            self.unmarked += plain is not cell
            return plain
        begin = cell.lstrip(" ")
        if is_formula(begin) and not self._formulas and not (name == "floor" and _BASEMENT.fullmatch(begin.strip())):
            raise ValueError(f"the {name} begins as a formula of a spreadsheet does (=, +, -, @): --force takes it")
        return cell

    def _refuse_rounded(self, text: str, name: str) -> None:
        if not self._formulas and _ROUNDED.fullmatch(text.strip()):
            raise ValueError(f"the {name} is a number that the spreadsheet has rounded: format the column as text")


def defuse_cell(text: str, name: str) -> str:
    """Return what to write so that the cell of a field is this text, and `Cells` reads it so."""
    return text if name == "floor" and _BASEMENT.fullmatch(text) else defuse(text)


def parse_vlan(cell: str) -> int:
    text = cell.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError("vlanid is not a VLAN, 1 to 4094")
    vlan = int(text)
    check_vlan(vlan)
    return vlan


def parse_macs(cell: str) -> tuple[MacAddress, ...]:
    """Return the addresses of a cell, one or several with blanks, commas or semicolons between them."""
    text = cell.strip()
    try:
        return (MacAddress.parse(text),)
    except ValueError:
        pass
    try:
        return tuple(dict.fromkeys(map(MacAddress.parse, re.split(r"[\s,;]+", text))))
    except ValueError:
        raise ValueError("mac is not a MAC address, 12 hex digits") from None


def parse_status(cell: str) -> KeyStatus:
    try:
        return _STATUSES[cell.strip().lower()]
    except KeyError:
        raise ValueError("status is neither active nor suspended: --map COLUMN= leaves its column alone") from None
