"""The document's payloads, as far as they are needed. Its example of a list of devices is lost."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from ..exchange import Answer, Unreadable
from ..fields import BadRecord, Number, OpaqueId, Text, describe, parse_instant, parse_records
from ..settings import plain_uid

MOST_TOKEN: Final = 4096  # characters
US_NOTATION: Final = "%m/%d/%Y %I:%M:%S %p"

# States as the filter has them, and the word of the answers' description; without case.
ENABLED: Final = frozenset({"registered", "active"})
SILENT: Final = frozenset({"waiting for response"})
DISABLED: Final = frozenset({"passive", "expired"})


def _uid(value: str) -> str:
    uid = plain_uid(value)
    if not uid:
        raise PydanticCustomError("string_too_short", "is too short")
    return uid


def _seen(value: object) -> datetime | None:
    """Return when a device was seen, None where it is not told in a form that is known; without an offset it is UTC."""
    if isinstance(value, str):
        value = value.strip()
        if not value.isdecimal():
            return _written(value)
        value = int(value) if len(value) < 16 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC).replace(microsecond=0)
    except (ValueError, OverflowError, OSError):
        return None


def _written(text: str) -> datetime | None:
    try:
        return parse_instant(text, UTC)
    except PydanticCustomError:
        pass
    try:
        return datetime.strptime(text, US_NOTATION).replace(tzinfo=UTC)
    except ValueError:
        return None


Uid: TypeAlias = Annotated[OpaqueId, AfterValidator(_uid)]
Seen: TypeAlias = Annotated[datetime | None, BeforeValidator(_seen)]


@dataclass(frozen=True, slots=True)
class Device:
    """A router. Neither its name nor its customer is in a record, and its SIM and place are not needed."""

    device_uid: Uid
    state: Text = None
    last_seen: Seen = None

    @property
    def is_enabled(self) -> bool | None:
        """Return whether its state lets it work; None for a word that is not known."""
        state = self._state
        return True if state in ENABLED | SILENT else False if state in DISABLED else None

    @property
    def is_silent(self) -> bool:
        """Return whether it was never heard of, or not for long."""
        return self._state in SILENT

    @property
    def _state(self) -> str:
        return " ".join((self.state or "").casefold().split())


@dataclass(frozen=True, slots=True)
class _User:
    auth_token: str = Field(repr=False)


@dataclass(frozen=True, slots=True)
class _Authorised:
    user: _User


@dataclass(frozen=True, slots=True)
class _Page:
    devices: list[Any]
    total: Number = Field(default=None, validation_alias="totalFilteredResults")
    page: Number = None
    limit: Number = None


_AUTHORISED: Final = TypeAdapter(_Authorised)
_PAGE: Final = TypeAdapter(_Page)
_DEVICES: Final = TypeAdapter(list[Device])


class DevicePage(NamedTuple):
    """One page of devices: those that can be read, those that cannot, and what it says of the whole."""

    devices: list[Device]
    bad: list[BadRecord]
    total: int
    limit: int | None


def parse_token(answer: Answer) -> str:
    """Return the token of an authorise answer; Unreadable where it has none that a header can carry."""
    try:
        token = _AUTHORISED.validate_python(answer.json_object()).user.auth_token
    except ValidationError as error:
        raise Unreadable(f"{answer.request.what}: {' '.join(filter(None, describe(error)))}") from None
    if not (0 < len(token) <= MOST_TOKEN and token.isascii() and token.isprintable() and " " not in token):
        raise Unreadable(f"{answer.request.what}: user.auth_token is not a token")
    return token


def parse_devices(answer: Answer, number: int) -> DevicePage:
    """Return page `number` of a list of devices; Unreadable for what is no such page."""
    try:
        page = _PAGE.validate_python(answer.json_object())
    except ValidationError as error:
        raise Unreadable(f"{answer.request.what}: {' '.join(filter(None, describe(error)))}") from None
    if page.total is None:
        raise Unreadable(f"{answer.request.what}: totalFilteredResults is missing")
    if page.page is not None and page.page != number:
        raise Unreadable(f"{answer.request.what}: page {number} was asked for, page {page.page} came")
    return DevicePage(*parse_records(_DEVICES, page.devices), page.total, page.limit)
