"""The cells of a file of separated values, as Excel, LibreOffice and Numbers write it (RFC 4180 and around).

A quoted cell may hold line ends. A quote that is never closed would swallow what follows, so a row may take so many
lines only: then its first line is refused, and reading goes on at the next. No message holds a cell.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from ..errors import FileRefused
from .encoding import TextLines

SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
_MOST_LINES: Final = 100  # of one row: an address, a comment
_MOST_CELLS: Final = 256
_BLANKS: Final = " \t\r\n,;\xa0"  # what a row may be full of and empty even so


@dataclass(frozen=True, slots=True)
class Broken:
    """A row whose cells cannot be told, and what stands there."""

    reason: str
    text: str


class Grid:
    """The rows of one file. Iterate once."""

    def __init__(self, lines: TextLines) -> None:
        self._lines = lines
        self._feed = _Feed(lines)
        self._stray: int | None = None  # the line whose quote was not closed
        self.separator: str | None = None  # None: not known yet

    def first_row(self) -> tuple[int, str]:
        """Return the line and text of the first row that is not empty, which is not taken away; (0, "") for none."""
        while (text := self._feed.peek_row()) is not None:
            told = re.fullmatch(r'"?sep=([,;\t])"?', text.rstrip("\r\n"))  # Excel's own way to say it
            if told is not None and self.separator is None:
                self.separator = told[1]
                self._feed.drop(text, for_good=True)
            elif text.strip(_BLANKS + '"'):
                return self._feed.line + 1, text
            else:
                self._feed.drop(text)
        return 0, ""

    def split_first(self, separator: str) -> list[str] | None:
        """Return the cells of the first row, None where it cannot be so separated."""
        text = self._feed.peek_row() or ""
        try:
            return next(csv.reader(text.splitlines(keepends=True), strict=True, delimiter=separator), [])
        except csv.Error:
            return None

    def drop_first(self) -> None:
        """Leave out the first row."""
        if (text := self._feed.peek_row()) is not None:
            self._feed.drop(text)

    def bring_back(self) -> None:
        """Let the rows that were left out come after all."""
        self._feed.bring_back()

    def guess_separator(self) -> str:
        """Return what separates the cells of the first row; FileRefused where nobody can tell.

        A passphrase may hold a semicolon: commas, which are the format, come first. But in "Lee, Ann;sunny-Otter-41"
        the comma is no separator, and in "Ann;sunny,Otter-41" it may be none: read wrongly, half a passphrase is a
        name.
        """
        number, text = self.first_row()
        unquoted = re.sub('"[^"]*"', "", text)
        comma, semicolon = unquoted.find(","), unquoted.find(";")
        if comma == -1:
            return next((c for c in ";\t" if c in unquoted), ",")
        if semicolon != -1 and (semicolon < comma or unquoted[comma + 1 : comma + 2] == " "):
            raise FileRefused(
                f"line {number}: separated by commas or by semicolons?"
                " Begin with a header, identity,psk or identity;psk"
            )
        return ","

    def __iter__(self) -> Iterator[tuple[int, list[str] | Broken]]:
        """Yield each row that is not empty, with the number of its first line."""
        feed, broken = self._feed, self._lines.broken
        separator = self.separator or ","
        reader = csv.reader(feed, strict=True, delimiter=separator)
        while True:
            feed.begin_row()
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield feed.first, self._refuse(error)
                reader = csv.reader(feed, strict=True, delimiter=separator)
                continue
            if cells is None:
                return
            if broken and (reason := self._why_broken()):
                yield feed.first, Broken(reason, feed.text())
            elif not any(cells) or not any(cell.strip(_BLANKS) for cell in cells):
                continue
            elif self._stray is not None and (reason := self._belongs_to_stray()):
                yield feed.first, Broken(reason, feed.text())
            elif len(cells) > _MOST_CELLS:
                yield feed.first, Broken(f"{len(cells):,} columns, more than {_MOST_CELLS}", feed.text())
            else:
                yield feed.first, cells

    def last_line(self) -> int:
        """Return the last line of the row that was yielded last."""
        return self._feed.line

    def _refuse(self, error: csv.Error) -> Broken:
        """Refuse the first line of a row, and give the others back."""
        self._feed.give_back()
        text = self._feed.text()
        if self._stray is not None and (reason := self._belongs_to_stray()):
            return Broken(reason, text)
        if reason := self._lines.broken.get(self._feed.first, ""):
            return Broken(reason, text)
        if text.count('"') % 2 == 0:
            return Broken("field larger than a cell can be" if "field" in str(error) else "broken quote", text)
        self._stray = self._feed.first
        return Broken("a quote is left open", text)

    def _belongs_to_stray(self) -> str:
        if self._feed.text().count('"') % 2 == 0:
            return ""
        line, self._stray = self._stray, None
        return f"belongs to the quote left open in line {line}, it seems"

    def _why_broken(self) -> str:
        lines = range(self._feed.first, self._feed.line + 1)
        return next((self._lines.broken[number] for number in lines if number in self._lines.broken), "")


class _Feed:
    """Gives a `csv.reader` the lines of one row after the other, and keeps them until the next."""

    def __init__(self, lines: TextLines) -> None:
        self._ahead: deque[str] = deque()
        self._lines = iter(lines)
        self._row: list[str] = []
        self._dropped: list[str] = []
        self.line = 0  # the number of the last line that was given
        self.first = 0  # that of the first line of the row

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        row = self._row
        if len(row) == _MOST_LINES:
            raise StopIteration  # strict: an unexpected end of data
        line = self._ahead.popleft() if self._ahead else next(self._lines)
        self.line += 1
        row.append(line)
        return line

    def begin_row(self) -> None:
        self._row.clear()
        self.first = self.line + 1

    def text(self) -> str:
        """Return the text of the row, with its line ends."""
        return "".join(self._row)

    def give_back(self) -> None:
        """Keep only the first line of the row; the others come again."""
        self._ahead.extendleft(reversed(self._row[1:]))
        self.line -= len(self._row) - 1
        del self._row[1:]

    def peek_row(self) -> str | None:
        """Return the text of the next row, as far as its quotes tell, None at the end; it comes again."""
        taken: list[str] = []
        for line in chain(self._ahead, self._lines):
            taken.append(line)
            if sum(text.count('"') for text in taken) % 2 == 0 or len(taken) == _MOST_LINES:
                break
        held = len(self._ahead)
        self._ahead.extend(taken[held:])
        if not taken:
            return None
        text = "".join(taken)
        return text if text.count('"') % 2 == 0 else taken[0]

    def drop(self, text: str, *, for_good: bool = False) -> None:
        """Leave out the lines of what `peek_row` returned."""
        while text:
            line = self._ahead.popleft()
            text = text[len(line) :]
            self.line += 1
            self._dropped.append(line)
        if for_good:
            self._dropped.clear()

    def bring_back(self) -> None:
        self._ahead.extendleft(reversed(self._dropped))
        self.line -= len(self._dropped)
        self._dropped.clear()
