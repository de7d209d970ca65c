"""The rows of a CSV file of keys: `identity,psk[,mac[,vlanid]]`, the file that FreeRADIUS's rlm_dpsk reads.

Rule: one line is one row, as rlm_dpsk reads it too, so that a quote left open spoils its own line and no other. Blanks
belong to their field (RFC 4180 section 2): a passphrase may end with one. No message holds a cell: where columns were
swapped, any of them is a passphrase.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from crypto import MacAddress

from .csv_header import COLUMNS, read_header
from .errors import FileRefused, InvalidValue, Refusal
from .model import KeyDraft, Passphrase

_BOM: Final = b"\xef\xbb\xbf"  # spreadsheets write it
_LONGEST_LINE: Final = 4096
_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
_REPORT_EVERY: Final = 8192
FORMULA_STARTS: Final = ("=", "+", "-", "@")  # a spreadsheet calculates what begins so
# What a file begins with that is no text.
_MAGIC: Final = (
    (b"PK\x03\x04", "a workbook (xlsx, ods) or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old workbook (xls)"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3\0", "an SQLite database"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One sound line."""

    line: int
    draft: KeyDraft


class KeyRows:
    """Reads the rows of one file. What is wrong with a line is a Refusal; FileRefused is about the whole file."""

    def __init__(
        self,
        file: BinaryIO,
        *,
        header: bool = True,
        formulas: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """header: the first row may be one; formulas: take identities that begin as a formula does.

        progress: told now and then how many octets are read
        """
        self._file = file
        self._header = header
        self._formulas = formulas
        self._progress = progress
        self._separator: str | None = None  # until the first row
        self._started = False
        self._widest = len(COLUMNS)
        self._open_quote: int | None = None  # the line whose quote was not closed
        self._blank_ends: list[int] = []

    def __iter__(self) -> Iterator[Row | Refusal]:
        """Yield each line, blank ones and a header aside, as a key or as the reason why it is none."""
        octets_read = 0
        for number, octets in enumerate(_lines(self._file), 1):
            octets_read += len(octets)
            if self._progress is not None and number % _REPORT_EVERY == 0:
                self._progress(octets_read)
            if number == 1:
                _check_text(octets)
                octets = octets.removeprefix(_BOM)
            try:
                row = self._row(number, octets)
            except ValueError as error:
                yield Refusal(number, str(error))
            else:
                if row is not None:
                    yield row

    def notes(self) -> list[str]:
        """Return what whoever imports the file should know; complete when all rows are read."""
        notes = []
        if self._separator not in (None, ","):
            notes.append(f"read as separated by {_SEPARATORS[self._separator or ',']}")
        if self._blank_ends:
            shown = ", ".join(map(str, self._blank_ends[:10])) + (", ..." if len(self._blank_ends) > 10 else "")
            many = "s" if len(self._blank_ends) > 1 else ""
            notes.append(f"line{many} {shown}: the passphrase begins or ends with a blank, which must be typed, too")
        return notes

    def _row(self, number: int, octets: bytes) -> Row | None:
        """Return the key of a line, None where it is empty or a header; ValueError says why it is neither."""
        octets = octets.rstrip(b"\r\n")
        if len(octets) > _LONGEST_LINE:
            raise ValueError(f"more than {_LONGEST_LINE} octets without a line end")
        if not octets.strip(b" \t,;"):
            return None
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError as error:
            self._is_first_header(number, octets.decode("cp1252", "replace"))
            raise ValueError(
                f"octet {error.start + 1} is not UTF-8 but Windows-1252, it seems: save the file as CSV UTF-8"
            ) from None
        if self._is_first_header(number, text):
            return None
        cells = self._split(number, text)
        if not any(cell.strip() for cell in cells):
            return None
        draft = _draft(cells, self._widest)
        if not self._formulas and (draft.identity or "").startswith(FORMULA_STARTS):
            raise ValueError("the identity begins as a formula of a spreadsheet does (=, +, -, @): --force takes it")
        passphrase = draft.passphrase.value
        if passphrase != passphrase.strip():
            self._blank_ends.append(number)
        return Row(number, draft)

    def _is_first_header(self, number: int, text: str) -> bool:
        """Learn from the first row how the file is written; return whether that is all it is good for."""
        if self._started:
            return False
        if text.startswith("sep=") and text[4:] in _SEPARATORS:  # Excel's own way to say it
            self._separator = text[4:]
            return True
        self._started = True
        if self._separator is None:
            self._separator = _separator(number, text)
        if not self._header:
            return False
        try:
            columns = read_header(self._split(number, text))
        except InvalidValue as error:
            raise FileRefused(f"line {number}: {error}") from None
        self._widest = columns or self._widest
        return columns is not None

    def _split(self, number: int, text: str) -> list[str]:
        assert self._separator is not None  # noqa: S101 (the first row set it)
        if "\r" in text:
            raise ValueError("carriage returns within the line: save the file with LF or CRLF line ends")
        if '"' not in text:
            return text.split(self._separator)
        if self._open_quote is not None and text.count('"') % 2:
            line, self._open_quote = self._open_quote, None
            raise ValueError(f"belongs to the quote left open in line {line}, it seems")
        try:
            return next(csv.reader((text,), strict=True, delimiter=self._separator))
        except csv.Error:
            if text.count('"') % 2 == 0:
                raise ValueError("broken quote") from None
            self._open_quote = number
            raise ValueError("a quote is left open: a line break within a cell is not read") from None


def _separator(number: int, text: str) -> str:
    """Return what separates the cells of a first row; FileRefused where nobody can tell.

    A passphrase may hold a semicolon: commas, which are the format, come first. But in "Lee, Ann;sunny-Otter-41" the
    comma is no separator, and in "Ann;sunny,Otter-41" it may be none: read wrongly, half a passphrase is a name.
    """
    unquoted = re.sub('"[^"]*"', "", text)
    comma, semicolon = unquoted.find(","), unquoted.find(";")
    if comma == -1:
        return next((c for c in ";\t" if c in unquoted), ",")
    if semicolon != -1 and (semicolon < comma or unquoted[comma + 1 : comma + 2] == " "):
        raise FileRefused(
            f"line {number}: separated by commas or by semicolons? Begin with a header, identity,psk or identity;psk"
        )
    return ","


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, of one that is too long only so much as shows it."""
    limit = _LONGEST_LINE + 3
    while line := file.readline(limit):
        yield line
        while len(line) == limit and not line.endswith(b"\n"):
            line = file.readline(limit)


def _check_text(head: bytes) -> None:
    """Raise FileRefused where a file's first octets are not those of CSV in UTF-8."""
    what = next((what for magic, what in _MAGIC if head.startswith(magic)), None)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head.count(0) * 3 > len(head):
        what = "UTF-16 text"
    if what is not None:
        raise FileRefused(f"it is {what}: save it as CSV UTF-8, separated by commas")


def _draft(cells: Sequence[str], widest: int) -> KeyDraft:
    if not 2 <= len(cells) <= widest:
        raise ValueError(
            f"{len(cells)} column{'s' * (len(cells) != 1)}, not {'2' if widest == 2 else f'2 to {widest}'}"
        )
    identity, psk = cells[:2]
    mac = cells[2].strip() if len(cells) > 2 else ""
    vlan = cells[3].strip() if len(cells) > 3 else ""
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
