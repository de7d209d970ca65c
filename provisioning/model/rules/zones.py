"""Time zones: what a person enters and reads is the time at the venue, what is kept is UTC."""

import enum
import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from ...errors import InvalidValue

_ONE_SECOND: Final = timedelta(seconds=1)
_ONE_DAY: Final = timedelta(days=1)
_STEP: Final = timedelta(hours=6)  # no zone has ever changed its clocks twice in less
_MAX_TEXT: Final = 64

# Names that the zone database of a system has beside the zones: leap seconds counted, and what the machine is set to.
_NO_ZONE: Final = re.compile(r"(right|posix)/|localtime$|posixrules$|Factory$", re.IGNORECASE)


class Notation(enum.Enum):
    """How dates are written that are not ISO 8601, which is always read: 31.12.2026 and 31/12/2026, or 12/31/2026."""

    ISO = "iso"
    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


_WRITTEN: Final = {
    Notation.ISO: "2026-10-31",
    Notation.DAY_FIRST: "2026-10-31 or 31.10.2026",
    Notation.MONTH_FIRST: "2026-10-31 or 10/31/2026",
}
_PEOPLES: Final = {
    Notation.DAY_FIRST: re.compile(
        r"(?P<day>\d{1,2})(?P<sep>[./-])(?P<month>\d{1,2})(?P=sep)(?P<year>\d{4})", re.ASCII
    ),
    Notation.MONTH_FIRST: re.compile(
        r"(?P<month>\d{1,2})(?P<sep>[/-])(?P<day>\d{1,2})(?P=sep)(?P<year>\d{4})", re.ASCII
    ),
}
_PEOPLES_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([AaPp])\.?[Mm]\.?)?", re.ASCII)
_NAMED: Final = re.compile(r"(.*[0-9](?: ?[AaPp]\.?[Mm]\.?)?) (?![AaPp][Mm]$)([A-Za-z]{2,6})", re.ASCII)  # CET
_OFFSET: Final = re.compile(r"(.*:[0-9]{2}) ([+-][0-9:]{2,8})", re.ASCII)


def parse_zone(text: str) -> ZoneInfo:
    """Return the zone of an IANA name, such as Europe/Berlin."""
    try:
        if _NO_ZONE.match(text) is None:
            return ZoneInfo(text)
    except (LookupError, ValueError, OSError):  # OSError: a folder, such as America, or a name too long for a file
        pass
    folded = {name.lower(): name for name in available_timezones()}
    near = get_close_matches(text[:_MAX_TEXT].lower(), folded, 3)
    meant = f": did you mean {' or '.join(folded[name] for name in near)}?" if near else ", such as Europe/Berlin"
    raise InvalidValue(f"{text[:_MAX_TEXT]!r} is not an IANA time zone{meant}")


def parse_instant(
    text: str, zone: tzinfo = UTC, *, end_of_day: bool = False, notation: Notation = Notation.ISO
) -> datetime:
    """Return a date, or a date and time, that somebody entered at a place in `zone`, as UTC in whole seconds.

    An offset, Z or UTC in the text counts instead of the zone. A bare date is the first instant of that day, or its
    last second. Raises InvalidValue for what is no time, or none in years 1 to 9999, or none at that place: clocks
    that go forward skip an hour. Of the hour that clocks going back repeat it is the first, unless the text names the
    zone's time as render_instant does (CEST, CET).
    """
    entered = text.strip()
    try:
        if len(entered) > _MAX_TEXT:
            raise ValueError
        day, moment, name = _read(entered, notation)
    except ValueError:
        raise InvalidValue(
            f"{text[:40]!r} is not a date or time: use {_WRITTEN[notation]} or 2026-10-31T12:00"
        ) from None
    try:
        if moment is None:
            return _last_second(day, zone, text) if end_of_day else _checked_start(day, zone, text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        return _named(moment, name, zone, text) if name else _local(moment, zone, text)
    except OverflowError:
        raise InvalidValue(f"{text[:40]!r} is not a date or time in UTC's years 1 to 9999") from None


def start_of_day(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a day, in UTC: 00:00:00, or later where clocks go forward at midnight."""
    try:
        return _checked_start(day, zone, day.isoformat())
    except OverflowError:
        raise InvalidValue(f"{day} does not begin in UTC's years 1 to 9999") from None


def end_of_day(day: date, zone: tzinfo) -> datetime:
    """Return the last whole second of a day, in UTC: 23:59:59."""
    try:
        return _last_second(day, zone, day.isoformat())
    except OverflowError:
        raise InvalidValue(f"{day} does not end in UTC's years 1 to 9999") from None


def render_instant(at: datetime, zone: tzinfo = UTC) -> str:
    """Return 2026-10-31 18:00 CET; with seconds where there are any. parse_instant reads it back."""
    try:
        local = at.astimezone(zone)
    except OverflowError:  # within hours of year 1 or 10000: as UTC, which is what it is kept as
        local = at.astimezone(UTC)
    moment = (
        f"{local.date().isoformat()} {local:%H:%M:%S}" if local.second else f"{local.date().isoformat()} {local:%H:%M}"
    )
    other = local.replace(fold=1 - local.fold)
    if other.utcoffset() != local.utcoffset() and other.tzname() == local.tzname():
        # Some clocks went back without another name for the time (Moscow, 2014): only the offset tells.
        return f"{moment}{local.isoformat()[19:]}"
    return f"{moment} {local.tzname()}"


def offset_change(zone: tzinfo, after: datetime, until: datetime) -> datetime | None:
    """Return the first instant in (after, until] with another offset from UTC than `after` has; None without one."""
    low = after.astimezone(UTC).replace(microsecond=0)
    offset = low.astimezone(zone).utcoffset()
    while low < until:
        high = min(low + _STEP, until)
        if high.astimezone(zone).utcoffset() != offset:
            while high - low > _ONE_SECOND:  # halves at most six hours: 15 rounds
                middle = low + timedelta(seconds=(high - low) // _ONE_SECOND // 2)
                low, high = (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
            return high
        low = high
    return None


def _read(text: str, notation: Notation) -> tuple[date, datetime | None, str | None]:
    """Return the day, the moment where there is more than a day, and the name of a zone's time that may follow it."""
    name = None
    if named := _NAMED.fullmatch(text):
        text, name = named[1], named[2]
    elif offset := _OFFSET.fullmatch(text):
        text = offset[1] + offset[2]
    peoples = _PEOPLES[notation].match(text) if notation in _PEOPLES else None
    if peoples:
        day = date(int(peoples["year"]), int(peoples["month"]), int(peoples["day"]))
        rest = text[peoples.end() :].lstrip(" ,T")
        moment = datetime.combine(day, _peoples_time(rest)) if rest else None
    elif len(text) <= len("2026-10-31"):
        day, moment = date.fromisoformat(text), None
    else:
        moment = datetime.fromisoformat(text).replace(microsecond=0)
        day = moment.date()
    if name is not None:
        if moment is None or moment.tzinfo is not None:
            raise ValueError
        if name == "UTC":
            return day, moment.replace(tzinfo=UTC), None
    return day, moment, name


def _peoples_time(text: str) -> time:
    match = _PEOPLES_TIME.fullmatch(text)
    if match is None:
        raise ValueError
    hour = int(match[1])
    if match[4]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if match[4] in "Pp" else 0)
    return time(hour, int(match[2]), int(match[3] or 0))


def _local(moment: datetime, zone: tzinfo, text: str) -> datetime:
    at = moment.replace(tzinfo=zone).astimezone(UTC)
    back = at.astimezone(zone).replace(tzinfo=None, fold=0)
    if back != moment:
        raise InvalidValue(f"{text[:40]!r} does not exist in {zone}: clocks go forward over it")
    return at


def _named(moment: datetime, name: str, zone: tzinfo, text: str) -> datetime:
    """Return the moment that has this name of the zone's time, which tells the two apart when clocks go back."""
    for fold in (0, 1):
        local = moment.replace(tzinfo=zone, fold=fold)
        if local.tzname() == name and local.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == moment:
            return local.astimezone(UTC)
    raise InvalidValue(f"{text[:40]!r}: {name} is not what the time is called then in {zone}")


def _first_instant(day: date, zone: tzinfo) -> datetime:
    """Return when a day begins, or, of one that the calendar skips, the next."""
    midnight = datetime.combine(day, time())
    at = midnight.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None, fold=0) == midnight:
        return at
    # Of a time that is skipped, fold tells by which offset it is read: these two lie around the change.
    change = offset_change(zone, midnight.replace(tzinfo=zone, fold=1).astimezone(UTC), at)
    return at if change is None else change


def _checked_start(day: date, zone: tzinfo, text: str) -> datetime:
    return _within(_first_instant(day, zone), day, zone, text)


def _last_second(day: date, zone: tzinfo, text: str) -> datetime:
    if day == date.max:
        return datetime.combine(day, time(23, 59, 59), zone).astimezone(UTC)
    return _within(_first_instant(day + _ONE_DAY, zone) - _ONE_SECOND, day, zone, text)


def _within(at: datetime, day: date, zone: tzinfo, text: str) -> datetime:
    if at.astimezone(zone).date() != day:
        raise InvalidValue(f"{text[:40]!r} does not exist in {zone}: its calendar skips the day")
    return at
