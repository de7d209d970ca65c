"""What VAULT's payloads share: members with dots in their names, lists that may be objects, instants and days."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict

from ...exchange import Unreadable
from ...fields import parse_day, parse_instant

_DAY: Final = len("2026-10-31")
Rows: TypeAlias = list[Any]


class Record(BaseModel):
    """One record of an answer. What the document does not name is dropped, and no message repeats a value."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def _moment(value: object) -> date | datetime | None:
    """Return an instant, or a plain day; None for nothing and for the empty text, which clears a date."""
    if isinstance(value, dict) and "ISO8601" in value:  # the dot of the name taken for nesting
        value = value["ISO8601"]
    if isinstance(value, str) and len(value.strip()) == _DAY:
        return parse_day(value.strip())
    return parse_instant(value, UTC)  # the name of the member ends in UTC, whether or not the text does


# An instant in UTC, or a day at the venue. `datetime` first: pydantic would make a day of an instant at midnight.
Moment: TypeAlias = Annotated[datetime | date | None, BeforeValidator(_moment)]


def instant_names(name: str, *more: str) -> AliasChoices:
    """Return the names an instant may have: with and without .ISO8601, the dot of it as printed or as nesting."""
    return AliasChoices(*(f"{each}{end}" for each in (name, *more) for end in (".ISO8601", "")))


def either(*names: str, within: str | None = None) -> AliasChoices:
    """Return names of one member, and the same inside an object where the prose has them there."""
    nested = [AliasPath(within, name) for name in names] if within else []
    return AliasChoices(*names, *nested)


def records(value: Any, id_name: str, what: str) -> Rows:
    """Return the records of a list, or of an object that has them by their ids; Unreadable for anything else.

    Members that are no objects are returned as they are: they are records that cannot be read.
    """
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [{id_name: key} | each if isinstance(each, dict) else each for key, each in value.items()]
    raise Unreadable(f"{what} is neither a list nor an object")


def member(answer: Any, what: str, *names: str) -> Any:
    """Return a member of an answer, or of the `data` in it; Unreadable where there is none of these names."""
    for place in (answer, answer.get("data") if isinstance(answer, dict) else None):
        if isinstance(place, dict):
            for name in names:
                if name in place:
                    return place[name]
    raise Unreadable(f"{what}: the answer has no {names[0]}")


def count_of(answer: Any, *names: str) -> int | None:
    """Return the first of these counts that an answer has; None for none."""
    for place in (answer, answer.get("data") if isinstance(answer, dict) else None):
        if isinstance(place, dict):
            for name in names:
                value = place.get(name)
                if isinstance(value, int) and not isinstance(value, bool):
                    return value
                if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 9:
                    return int(value)
    return None


def are_true(value: object) -> bool:
    """Return whether a value says yes, as a boolean or as the text of one."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")
