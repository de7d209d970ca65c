"""Dates as people write them in a sheet, made ISO 8601. Which zone they are in is their venue's to say: see `resolve`.

Year first is read always. 03/04/2026 is March or April, and nobody knows: it is read where the order is told, or where
another date of its column has a day past 12 and none contradicts it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Final

ORDERS: Final = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}

_YEAR_FIRST: Final = re.compile(r"(\d{4})([-./])(\d{1,2})\2(\d{1,2})(?:[T ,]\s*(.+))?", re.ASCII)
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([-./])\s?(\d{1,2})\2\s?(\d{2}|\d{4})\.?(?:[T ,]\s*(.+))?", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:\.\d{1,6})?)?(?:\s*([AaPp])\.?\s*[Mm]\.?)?"
    r"(\s?[Zz]|\s?[+-]\d{2}:?\d{2}|\s[A-Za-z]{2,6})?",  # how far from UTC, or what the zone's time is called then
    re.ASCII,
)
_SERIAL: Final = re.compile(r"\d{5}(?:[.,]\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unordered:
    """A date whose day and month cannot be told apart by itself."""

    first: int
    second: int
    year: int
    clock: str

    def read(self, order: str) -> str:
        """Return the date by an order of day and month, dmy or mdy; ValueError where there is no such day."""
        day, month = (self.first, self.second) if order == "dmy" else (self.second, self.first)
        return _iso(self.year, month, day) + self.clock


def parse_date(text: str, order: str | None = None) -> str | Unordered:
    """Return 2026-12-31 or 2026-12-31T14:00:00 for a cell that is not empty; ValueError says why not, without it.

    order: how days and months are written where the year comes last, dmy or mdy; ymd: the year always comes first
    """
    text = " ".join(text.split())
    if match := _YEAR_FIRST.fullmatch(text):
        year, _, month, day, clock = match.groups()
        return _iso(int(year), int(month), int(day)) + _clock(clock)
    if match := _YEAR_LAST.fullmatch(text):
        first, _, second, year, clock = match.groups()
        if len(year) == 2:
            raise ValueError("a date needs a year of four digits")
        if order == "ymd":
            raise ValueError("the year does not come first")
        found = Unordered(int(first), int(second), int(year), _clock(clock))
        if order is not None or found.first == found.second:
            return found.read(order or "dmy")
        if min(found.first, found.second) > 12:
            raise ValueError("there is no such day")
        return found
    if _SERIAL.fullmatch(text):
        raise ValueError("is a number of days, as workbooks count them: format the column as a date")
    raise ValueError("is not a date: write 2026-12-31, or 2026-12-31 14:00")


def find_order(column: Sequence[Unordered]) -> tuple[str | None, str]:
    """Return the one order in which every date of a column can be read, None for none or either; and why."""
    seen = Counter("dmy" if each.first > 12 else "mdy" if each.second > 12 else "either" for each in column)
    if seen["dmy"] and seen["mdy"]:
        return None, "some dates of the column have a day past 12 first and some second: say --dates dmy or mdy"
    order = next((each for each in ("dmy", "mdy") if seen[each]), None)
    if order is None:
        return None, "is day or month first? say --dates dmy or --dates mdy"
    return order, f"{seen[order]:,} of {len(column):,} can be read in no other way"


def _iso(year: int, month: int, day: int) -> str:
    if year < 1900:
        raise ValueError("a year before 1900")
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        raise ValueError("there is no such day") from None


def _clock(text: str | None) -> str:
    """Return T14:00:00, and what says of which zone it is; the empty text for a whole day."""
    if text is None:
        return ""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("what follows the date is not a time: write 14:00, or 2:00 PM")
    hour, half, zone = int(match[1]), match[4], match[5] or ""
    if half is not None:
        if not 1 <= hour <= 12:
            raise ValueError("there is no such time")
        hour = hour % 12 + (12 if half in "Pp" else 0)
    try:
        clock = time(hour, int(match[2]), int(match[3] or 0)).isoformat()
    except ValueError:
        raise ValueError("there is no such time") from None
    return f"T{clock}{zone if zone[-1:].isalpha() and zone.strip() not in 'Zz' else zone.strip().upper()}"
