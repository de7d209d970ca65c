"""The hours of the week at which a plan's keys may be used, by the clock on the venue's wall."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from ...errors import InvalidValue
from .zones import offset_change

_SHORT: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EVERY_DAY: Final = tuple(range(7))
_DAY: Final = 24 * 60  # minutes
_WEEK: Final = 7 * _DAY
_MAX_TEXT: Final = 500
# Hours that lie within the hour which clocks skip come a week later; nothing can be in their way then.
_HORIZON: Final = timedelta(days=16)
_TIMES: Final = re.compile(r"(?:([^0-9]*?)\s*)(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """From one time to another on some days of the week: Monday is 0, times are minutes after midnight.

    `closes` is 1 to 1440; not after `opens`, it is that of the next day.
    """

    days: tuple[int, ...]
    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not self.days or list(self.days) != sorted(set(self.days)) or not set(self.days) <= set(_EVERY_DAY):
            raise InvalidValue("days of plan hours are some of Mon to Sun")
        if not 0 <= self.opens < _DAY or not 1 <= self.closes <= _DAY:
            raise InvalidValue("plan hours lie between 00:00 and 24:00")
        if self.opens == self.closes:
            raise InvalidValue(f"plan hours end when they begin, at {_clock(self.opens)}: a whole day is 00:00-24:00")

    def __str__(self) -> str:
        return f"{_render_days(self.days)} {_clock(self.opens)}-{_clock(self.closes)}"


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a plan. They are those of the clock at the venue: also where it goes forward or back."""

    spans: tuple[Span, ...]
    _edges: tuple[int, ...] = field(init=False, repr=False, compare=False)  # minutes of the week: opens, closes, ...

    def __post_init__(self) -> None:
        if not self.spans:
            raise InvalidValue("plan hours are empty")
        object.__setattr__(self, "_edges", _edges(self.spans))

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """Return the hours of `Mon-Fri 08:00-22:00, Sat 10:00-14:00`.

        Days are Mon to Sun, in a row (Fri-Mon) or one by one (Mon, Wed 08:00-12:00), or daily. Times without days are
        on the days before them, at the beginning daily. A time that ends before it begins ends on the next day.
        """
        if len(text) > _MAX_TEXT:
            raise InvalidValue(f"plan hours have {len(text)} characters, more than {_MAX_TEXT}")
        spans: list[Span] = []
        named: set[int] = set()
        days = _EVERY_DAY
        for piece in text.split(","):
            match = _TIMES.fullmatch(piece.strip())
            if match is None:
                named |= _parse_days(piece.strip(), text)
                continue
            if match[1]:
                named |= _parse_days(match[1], text)
            if named:
                days = tuple(sorted(named))
                named = set()
            spans.append(Span(days, _minutes(match[2], match[3], text), _minutes(match[4], match[5], text) or _DAY))
        if named:
            raise InvalidValue(f"plan hours {_shown(text)} end with days that have no time")
        return cls(tuple(spans))

    def __str__(self) -> str:
        return ", ".join(map(str, self.spans))

    def allows(self, now: datetime, zone: tzinfo) -> bool:
        """Return whether an instant lies in these hours at a place in `zone`."""
        local = now.astimezone(zone)
        return self._holds(local.weekday() * _DAY + local.hour * 60 + local.minute)

    def until(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Return the first instant after `now` at which allows() is another; None where it never will be."""
        allowed = self.allows(now, zone)
        at = now.astimezone(UTC).replace(microsecond=0)  # sums of other times are those of a clock on the wall
        try:
            while at - now < _HORIZON:  # each round goes on to an edge, or to a change of the clocks
                edge = at + self._next_edge(at, zone)
                at = offset_change(zone, at, edge) or edge
                if self.allows(at, zone) != allowed:
                    return at
        except OverflowError:  # the end of year 9999
            pass
        return None

    def _holds(self, minute: int) -> bool:
        return bisect_right(self._edges, minute) % 2 == 1

    def _next_edge(self, at: datetime, zone: tzinfo) -> timedelta:
        """Return how long it is to the next edge by a clock that nobody sets."""
        local = at.astimezone(zone)
        minute = local.weekday() * _DAY + local.hour * 60 + local.minute
        place = bisect_right(self._edges, minute)
        edge = self._edges[place] if place < len(self._edges) else self._edges[0] + _WEEK
        return timedelta(minutes=edge - minute, seconds=-local.second)


def allows(hours: Hours | None, now: datetime, zone: tzinfo) -> bool:
    """Return whether a plan may be used at `now`; one without hours always."""
    return hours is None or hours.allows(now, zone)


def _edges(spans: tuple[Span, ...]) -> tuple[int, ...]:
    """Return when the union of the spans begins and ends in the week, in turns."""
    pieces: list[tuple[int, int]] = []
    for span in spans:
        length = (span.closes - span.opens) % _DAY or _DAY
        for day in span.days:
            first = day * _DAY + span.opens
            pieces.append((first, min(first + length, _WEEK)))
            if first + length > _WEEK:  # Sunday night
                pieces.append((0, first + length - _WEEK))
    edges: list[int] = []
    for first, last in sorted(pieces):
        if edges and first <= edges[-1]:
            edges[-1] = max(edges[-1], last)
        else:
            edges += (first, last)
    return tuple(edges)


def _parse_days(text: str, whole: str) -> set[int]:
    if text.lower() == "daily":
        return set(_EVERY_DAY)
    first, dash, last = (part.strip() for part in text.partition("-"))
    begin = _parse_day(first, whole)
    if not dash:
        return {begin}
    return {(begin + step) % 7 for step in range((_parse_day(last, whole) - begin) % 7 + 1)}


def _parse_day(text: str, whole: str) -> int:
    for day, name in enumerate(_LONG):
        if len(text) >= 3 and text.lower() in (name, name[:3]):
            return day
    raise InvalidValue(
        f"{text[:40]!r} in plan hours {_shown(whole)} is no day: use Mon-Fri 08:00-22:00, Sat 10:00-14:00"
    )


def _minutes(hour: str, minute: str, whole: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > _DAY:
        raise InvalidValue(f"{hour}:{minute} in plan hours {_shown(whole)} is no time of day")
    return minutes


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _render_days(days: tuple[int, ...]) -> str:
    if days == _EVERY_DAY:
        return "daily"
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(_SHORT[run[0]] if len(run) == 1 else f"{_SHORT[run[0]]}-{_SHORT[run[-1]]}" for run in runs)
