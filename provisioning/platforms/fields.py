"""Fields as platforms write them, read leniently: what several payloads share. A message never repeats a value.

pydantic's own messages repeat what they refuse; `describe` and `parse_records` say the field and what is wrong with it.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Annotated, Any, Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from ..errors import InvalidValue
from ..model.rules.zones import parse_zone, start_of_day
from ..sync import Kind, Reading, shorten
from .exchange import Refused

T = TypeVar("T")

MOST_ID: Final = 255  # characters
MOST_NAME: Final = 253  # octets: the longest value of one RADIUS attribute
MAX_VLAN: Final = 4094
_MOST_DIGITS: Final = 18  # of a number: what is longer is none, and int() would take long for it
_OURS: Final = "latchkey"  # type of our own errors, whose text holds no value

_PLAIN: Final = {
    "missing": "is missing",
    "string_type": "is not text",
    "int_type": "is not a whole number",
    "bool_type": "is neither true nor false",
    "list_type": "is not a list",
    "dict_type": "is not an object",
    "model_type": "is not an object",
    "dataclass_type": "is not an object",
    "model_attributes_type": "is not an object",
    "string_too_long": "is too long",
    "string_too_short": "is too short",
}


def _wrong(text: str) -> PydanticCustomError:
    return PydanticCustomError(_OURS, text)


# Instants and days.


def parse_instant(value: object, zone: tzinfo | None = None) -> datetime | None:
    """Return an ISO 8601 instant as UTC in whole seconds, as the store keeps it; None for nothing or blanks.

    zone: of a text without an offset; without it such a text is refused
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong("is not an instant as ISO 8601 writes it")
    text = value.strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text).replace(microsecond=0)
        local = moment.tzinfo is None
        if not local or zone is not None:
            return (moment.replace(tzinfo=zone) if local else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong("is not an instant as ISO 8601 writes it") from None
    raise _wrong("is an instant without an offset from UTC")


def parse_day(value: object) -> date | None:
    """Return a calendar day, YYYY-MM-DD; None for nothing or blanks."""
    if value is None:
        return None
    text = value.strip() if isinstance(value, str) else ""
    if isinstance(value, str) and not text:
        return None
    try:
        if len(text) == len("2026-10-31") and text[4] == text[7] == "-":
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _wrong("is not a day as YYYY-MM-DD")


def find_zone(name: str | None) -> ZoneInfo:
    """Return the zone of a connector's `timezone`, UTC without one; Refused for what is none."""
    try:
        return ZoneInfo("UTC") if name is None else parse_zone(name)
    except InvalidValue as error:
        raise Refused(f"timezone: {error}") from None


@lru_cache(maxsize=4096)  # many tenancies begin and end on few days
def day_starts(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a day at a place, in UTC; InvalidValue outside years 1 to 9999."""
    return start_of_day(day, zone)


@lru_cache(maxsize=4096)
def day_ends(day: date, zone: tzinfo) -> datetime:
    """Return the instant at which a day is over at a place, in UTC: the first of the next, which no window holds."""
    try:
        return start_of_day(day + timedelta(days=1), zone)
    except OverflowError:
        raise InvalidValue(f"{day} does not end in UTC's years 1 to 9999") from None


def at_place(day: date, clock: time, zone: tzinfo) -> datetime:
    """Return the instant at which the clocks of a place show `clock`, in UTC; the first where they show it twice."""
    return datetime.combine(day, clock, zone).astimezone(UTC)


# Texts and numbers.


def _opaque(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**_MOST_DIGITS else ""
    if not isinstance(value, str):
        raise _wrong("is not an id")
    if not value.strip():
        raise _wrong("is an empty id")
    if len(value) > MOST_ID:
        raise _wrong(f"is an id of more than {MOST_ID} characters")
    if not value.isprintable():
        raise _wrong("is an id with characters that are not printable")
    return value


def _opaque_or_none(value: object) -> str | None:
    return None if value is None or (isinstance(value, str) and not value.strip()) else _opaque(value)


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_MOST_DIGITS:
        return str(value)
    if value is None or isinstance(value, str):
        return clean(value) if value else None
    raise _wrong("is not text")


def _number(value: object) -> int | None:
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        if value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS:
            return int(value)
    elif value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    elif isinstance(value, float) and value.is_integer() and abs(value) < 10**_MOST_DIGITS:
        return int(value)
    raise _wrong("is not a whole number")


def _vlan(value: object) -> int | None:
    number = _number(value)
    if number is not None and not 1 <= number <= MAX_VLAN:
        raise _wrong(f"is not a VLAN of 1 to {MAX_VLAN}")
    return number


def clean(text: str) -> str | None:
    """Return a text with blanks for what is not printable, none of them at its ends; None where nothing is left."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else " " for c in text)
    return text.strip() or None


def cut(text: str, most: int = MOST_NAME) -> str:
    """Return a text of at most `most` octets of UTF-8, no character of it divided."""
    if len(text) * 4 <= most:
        return text
    octets = text.encode()
    return text if len(octets) <= most else octets[:most].decode("utf-8", "ignore").rstrip()


def take_name(reading: Reading, kind: Kind, id_: str, venue: str, text: str, *, field: str | None = None) -> str:
    """Return a name that the store can hold, and note where it had to be cut. Blank names become the id."""
    name = clean(text) or clean(id_) or id_
    short = cut(name)
    if short != name:
        reading.note(venue, f"longer than {MOST_NAME} octets: cut for display", kind=kind, id_=id_, field=field)
    return short


Instant: TypeAlias = Annotated[datetime | None, BeforeValidator(parse_instant)]  # with an offset; absent: None
Day: TypeAlias = Annotated[date | None, BeforeValidator(parse_day)]
OpaqueId: TypeAlias = Annotated[
    str, BeforeValidator(_opaque)
]  # text or number; never trimmed, never compared as number
OptionalId: TypeAlias = Annotated[str | None, BeforeValidator(_opaque_or_none)]
Text: TypeAlias = Annotated[str | None, BeforeValidator(_text)]  # for display: cleaned, numbers as text, blank is None
Number: TypeAlias = Annotated[int | None, BeforeValidator(_number)]
Vlan: TypeAlias = Annotated[int | None, BeforeValidator(_vlan)]  # 1 to 4094, as number or text; absent: None


# Records.


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record of a list that cannot be read: which, as it came, the field, and what is wrong with it."""

    index: int
    raw: Any
    field: str | None
    text: str


def describe(error: ValidationError) -> tuple[str | None, str]:
    """Return the field of the first thing that is wrong, and what it is: nothing of the value is in it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return _describe(first["loc"], first["type"], first["msg"])


def parse_records(adapter: TypeAdapter[list[T]], rows: Sequence[Any]) -> tuple[list[T], list[BadRecord]]:
    """Return the records that can be read, in order, and those that cannot: each bad one costs itself alone."""
    try:
        return adapter.validate_python(rows), []
    except ValidationError as error:
        bad: dict[int, BadRecord] = {}
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            if not each["loc"] or not isinstance(index := each["loc"][0], int):
                raise  # the whole is no list: our mistake
            if index not in bad:
                bad[index] = BadRecord(index, rows[index], *_describe(each["loc"][1:], each["type"], each["msg"]))
    good = adapter.validate_python([row for index, row in enumerate(rows) if index not in bad])
    return good, list(bad.values())


def in_list(bad: Sequence[BadRecord], before: int) -> list[BadRecord]:
    """Return a page's bad records by their place in the whole list, of which so many rows came before."""
    return [replace(record, index=before + record.index) for record in bad]


def find_id(raw: object, names: Iterable[str]) -> str | None:
    """Return the id of a record that cannot be read, where that much of it can."""
    if isinstance(raw, dict):
        for name in names:
            try:
                if name in raw:
                    return _opaque(raw[name])
            except PydanticCustomError:
                continue
    return None


def name_record(bad: BadRecord, what: str, names: Iterable[str], *, start: int = 0) -> str:
    """Return what a person finds a record by that has no id: its place among others, and what it says of itself.

    names: its members that may be repeated; start: records before the first of these
    """
    said = bad.raw if isinstance(bad.raw, dict) else {}
    plain = {name: said.get(name) for name in names}
    members = [f"{name} {shorten(str(value))}" for name, value in plain.items() if isinstance(value, str | int)]
    return f"{what} {start + bad.index + 1:,} of the list" + (f" ({', '.join(members)})" if members else "")


def _describe(place: tuple[int | str, ...], kind: str, message: str) -> tuple[str | None, str]:
    field = ".".join(map(str, place)) or None
    if kind == _OURS:
        return field, message
    return field, _PLAIN.get(kind, "is not as documented")
