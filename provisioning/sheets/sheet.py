"""A sheet of keys as values: a row for each, what is wrong with the others, and what whoever imports it should know.

Nothing here knows which units, plans or keys there are, or which zone a date is in: see `resolve`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, BinaryIO, Final

from crypto import MacAddress

from ..errors import FileRefused, InvalidValue, Refusal
from ..model import KeyStatus, Passphrase
from .cells import Cells, parse_macs, parse_status, parse_vlan
from .columns import Columns, by_position, find_columns, names_needed
from .dates import ORDERS, Unordered, find_order, parse_date
from .encoding import TextLines
from .grid import SEPARATORS, Broken, Grid

_TITLES: Final = 20  # rows of one cell before a header
_DATES: Final = ("starts", "ends")
_SHARED: Final = ("unit", "building", "floor", "plan", "venue", "pool", "subscriber")
_Parser = tuple[int, str, Callable[[str], object]]  # place of the cell, name in a SheetRow, how to read it
_OWN: Final = ("identity", "external_id", "tag")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """One key as a sheet describes it. None: the cell is empty, or there is no such column (see `Sheet.fields`).

    starts, ends: a date or a date and time in ISO 8601, of the venue's zone unless it says another
    """

    line: int
    identity: str
    passphrase: Passphrase | None = None
    macs: tuple[MacAddress, ...] = ()
    vlan: int | None = None
    unit: str | None = None
    building: str | None = None
    floor: str | None = None
    plan: str | None = None
    starts: str | None = None
    ends: str | None = None
    venue: str | None = None
    pool: str | None = None
    subscriber: str | None = None
    external_id: str | None = None
    tag: str | None = None
    status: KeyStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a file says."""

    rows: tuple[SheetRow, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]
    columns: Columns
    separator: str

    @property
    def fields(self) -> frozenset[str]:
        """Return which fields have a column."""
        return frozenset(self.columns.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetOptions:
    """How to read a sheet, where it does not say so itself."""

    encoding: str | None = None  # a codec of Python
    mapping: tuple[tuple[str, str], ...] = ()  # column and field, as `parse_map` gives them
    dates: str | None = None  # dmy, mdy or ymd
    header: bool = True  # the first row may be one
    formulas: bool = False  # take cells that a spreadsheet would calculate
    need_psk: bool = True  # refuse rows without a passphrase

    def __post_init__(self) -> None:
        if self.dates is not None and self.dates not in ORDERS:
            raise InvalidValue(f"--dates {self.dates[:20]!r}: there is {', '.join(ORDERS)}")


class SheetReader:
    """Reads one file. FileRefused, here and while rows are read, is about the file as a whole."""

    def __init__(
        self, file: BinaryIO, options: SheetOptions, *, progress: Callable[[int], object] | None = None
    ) -> None:
        """Look at the first row.

        progress: told now and then how many octets are read
        """
        self._options = options
        self._lines = TextLines(file, encoding=options.encoding, progress=progress)
        self._grid = Grid(self._lines)
        self._titles: list[int] = []
        self.columns = self._find_columns()
        self.separator = self._grid.separator = self._grid.separator or self._grid.guess_separator()
        self._cells = Cells(formulas=options.formulas)
        self.blank_ends: list[int] = []
        self._order_notes: list[str] = []

    def grid_rows(self) -> Iterator[tuple[int, list[str] | Broken]]:
        """Yield the cells of each row below the header, with its line, or why they cannot be told. Once."""
        yield from self._grid

    def read(self) -> Sheet:
        """Return all rows."""
        rows: list[SheetRow] = []
        refusals: list[Refusal] = []
        unordered: dict[str, list[int]] = {name: [] for name in _DATES}  # positions of rows
        parsers = self._parsers()
        for line, cells in self.grid_rows():
            try:
                if isinstance(cells, Broken):
                    raise ValueError(cells.reason)
                row = self._row(parsers, line, cells)
            except ValueError as error:
                refusals.append(Refusal(line, f"{error}{self.spread(line)}"))
                continue
            for name in _DATES:
                if type(getattr(row, name)) is Unordered:
                    unordered[name].append(len(rows))
            rows.append(row)
        kept = self._order_dates(rows, unordered, refusals)
        refusals.sort(key=lambda refusal: refusal.line)
        return Sheet(
            rows=tuple(kept),
            refusals=tuple(refusals),
            notes=tuple(self.notes()),
            columns=self.columns,
            separator=self.separator,
        )

    def spread(self, line: int) -> str:
        last = self._grid.last_line()
        return f" (a row of lines {line} to {last})" if last > line else ""

    def notes(self) -> list[str]:
        """Return what whoever imports the file should know; complete when all rows are read."""
        notes = self._lines.notes()
        if self.separator != ",":
            notes.append(f"read as separated by {SEPARATORS[self.separator]}")
        if self._titles:
            notes.append(f"{_lines(self._titles)} before the header left alone")
        notes += [*self.columns.notes, *self._order_notes]
        if self.blank_ends:
            notes.append(
                f"{_lines(self.blank_ends)}: the passphrase begins or ends with a blank, which must be typed, too"
            )
        if unmarked := self._cells.unmarked:
            cells = "cell" if unmarked == 1 else "cells"
            notes.append(f"{unmarked:,} {cells} read without the ' that keeps a spreadsheet from calculating")
        return notes

    def _find_columns(self) -> Columns:
        """Return the columns, and leave out the header."""
        grid, options = self._grid, self._options
        if not options.header:
            grid.first_row()  # where Excel has said what separates
            return by_position(options.mapping)
        while True:
            line, _ = grid.first_row()
            if not line:
                break
            separator, cells = self._first_cells()
            if cells is None or line in self._lines.broken:
                break
            if len(self._titles) < _TITLES and sum(map(bool, map(str.strip, cells))) == 1:
                self._titles.append(line)
                grid.drop_first()
                continue
            columns = find_columns(line, cells, options.mapping, psk=options.need_psk)
            if columns is None:
                break
            grid.separator = separator
            grid.drop_first()
            return columns
        if options.mapping:
            raise FileRefused("there is no header, whose columns --map could name")
        grid.bring_back()
        self._titles.clear()
        return by_position()

    def _first_cells(self) -> tuple[str, list[str] | None]:
        """Return what separates the cells of the first row, and the cells: as that which makes a header of it."""
        grid, options = self._grid, self._options
        for separator in [grid.separator] if grid.separator else SEPARATORS:
            cells = grid.split_first(separator)
            if cells is not None and names_needed(cells, options.mapping, psk=options.need_psk):
                return separator, cells
        separator = grid.separator or grid.guess_separator()
        return separator, grid.split_first(separator)

    def _parsers(self) -> list[_Parser]:
        """Return how to read the cell at each place, and what it is called in a `SheetRow`."""
        cells, order = self._cells, self._options.dates
        parsers: dict[str, tuple[str, Callable[[str], object]]] = {
            "psk": ("passphrase", cells.passphrase),
            "mac": ("macs", parse_macs),
            "vlan": ("vlan", parse_vlan),
            "status": ("status", parse_status),
        }
        parsers |= {name: (name, lru_cache(partial(_parse_date, name, order))) for name in _DATES}
        parsers |= {name: (name, partial(cells.text, name)) for name in _SHARED}
        parsers |= {name: (name, partial(cells.own_text, name)) for name in _OWN}
        return [(place, *parsers[name]) for name, place in self.columns.places.items()]

    def _row(self, parsers: Sequence[_Parser], line: int, cells: list[str]) -> SheetRow:
        check_width(self.columns, cells)
        count = len(cells)
        values: dict[str, Any] = {}
        for place, name, parse in parsers:
            if place < count and (cell := cells[place]) and (not cell.isspace() or _is_blank_key(name, cell)):
                values[name] = parse(cell)
        if "identity" not in values:
            raise ValueError("identity is empty")
        passphrase: Passphrase | None = values.get("passphrase")
        if passphrase is None:
            if self._options.need_psk:
                Passphrase(b"")  # raises what any other says that is too short
        elif passphrase.value[:1] == b" " or passphrase.value[-1:] == b" ":
            self.blank_ends.append(line)
        return SheetRow(line=line, **values)

    def _order_dates(
        self, rows: list[SheetRow], unordered: dict[str, list[int]], refusals: list[Refusal]
    ) -> list[SheetRow]:
        """Return the rows with every date read, where its column tells how; refuse the others."""
        read: dict[int, dict[str, Any]] = {}
        refused: set[int] = set()
        for name, positions in unordered.items():
            found = {position: getattr(rows[position], name) for position in positions}
            order, why = find_order(tuple(found.values()))
            if order is not None:
                self._order_notes.append(f"{name} read {ORDERS[order]}: {why}")
            for position, each in found.items():
                try:
                    if order is None:
                        raise ValueError(why)
                    read.setdefault(position, {})[name] = each.read(order)
                except ValueError as error:
                    if position not in refused:
                        refusals.append(Refusal(rows[position].line, f"{name}: {error}"))
                    refused.add(position)
        if not read and not refused:
            return rows
        return [
            replace(row, **read[position]) if position in read else row
            for position, row in enumerate(rows)
            if position not in refused
        ]


def check_width(columns: Columns, cells: Sequence[str]) -> None:
    """Raise ValueError where a row has more cells than columns, or without a header fewer than a key needs."""
    count, widest = len(cells), columns.widest
    if (count > widest and any(map(str.strip, cells[widest:]))) or (columns.header is None and count < 2):
        many = "s" if count != 1 else ""
        fewest = 2 if columns.header is None else widest
        raise ValueError(f"{count} column{many}, not {widest if fewest == widest else f'{fewest} to {widest}'}")


def _is_blank_key(name: str, cell: str) -> bool:
    """Return whether a cell of blanks is a passphrase, as sad as it is."""
    return name == "passphrase" and len(cell) >= 8


def _parse_date(name: str, order: str | None, cell: str) -> str | Unordered:
    try:
        return parse_date(cell, order)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _lines(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")
    return f"line{'s' if len(numbers) > 1 else ''} {shown}"
