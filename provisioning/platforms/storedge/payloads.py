"""The document's payloads, as far as they are needed.

# Rule: what is not needed of a person (birth dates, licences, vehicles, phones, addresses, mail) has no member.
"""

from datetime import date, datetime
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from ..exchange import Answer, Refused, Unreadable
from ..fields import (
    BadRecord,
    Number,
    OpaqueId,
    OptionalId,
    Text,
    describe,
    parse_day,
    parse_instant,
    parse_records,
)

T = TypeVar("T")


def _flag(value: object) -> bool | None:
    """Return a boolean, also where it is text ("true") or an object with a `value`."""
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if value is None or isinstance(value, bool):
        return value
    raise PydanticCustomError("bool_type", "is neither true nor false")


def _exempt(value: object) -> bool | None:
    """Return `delinquency_exempt` of a tenant's preferences; None where they do not say it."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise PydanticCustomError("dict_type", "is not an object")
    return _flag(value.get("delinquency_exempt"))


def _day(value: object) -> date | datetime | None:
    """Return a day, or an instant where one stands in its place; None for what is neither: call 13 has no document."""
    for parse in (parse_day, parse_instant):
        try:
            return parse(value)
        except PydanticCustomError:
            continue
    return None


Flag: TypeAlias = Annotated[bool | None, BeforeValidator(_flag)]
SureFlag: TypeAlias = Annotated[bool, BeforeValidator(_flag)]
MaybeDay: TypeAlias = Annotated[date | datetime | None, BeforeValidator(_day)]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A person, who may be a lead: only current ledgers are tenancies."""

    id: OpaqueId
    facility_id: OpaqueId
    active: SureFlag
    current_ledger_ids: tuple[OpaqueId, ...]
    previous_ledger_ids: tuple[OpaqueId, ...] = ()
    delinquent: Flag = None
    is_exempt: Annotated[bool | None, BeforeValidator(_exempt)] = Field(default=None, validation_alias="preferences")
    account_number: Text = None
    first_name: Text = None
    last_name: Text = None
    is_business: Flag = None
    business_name: Text = None

    @property
    def name(self) -> str:
        """Return what to show: the business, the person, or the account; nothing where none is said."""
        person = " ".join(filter(None, (self.first_name, self.last_name)))
        if self.is_business and self.business_name:
            return self.business_name
        return person or self.business_name or (f"account {self.account_number}" if self.account_number else "")


@dataclass(frozen=True, slots=True)
class Delinquency:
    """How far the collection of arrears went, in the order of its steps; None: not said."""

    gate_lockout_complete: Flag = None
    overlock_complete: Flag = None
    cut_lock_complete: Flag = None
    lien_complete: Flag = None
    auction_complete: Flag = None

    @property
    def is_locked_out(self) -> bool | None:
        """Return whether any step was taken; None where none is said to be, and not all are said."""
        steps = (
            self.gate_lockout_complete,
            self.overlock_complete,
            self.cut_lock_complete,
            self.lien_complete,
            self.auction_complete,
        )
        return True if True in steps else None if None in steps else False


@dataclass(frozen=True, slots=True)
class LedgerUnit:
    """A unit within a ledger, where it is an object."""

    id: OptionalId = None
    name: Text = None
    number: Text = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger, as it is expected: the document has no example of it."""

    id: OpaqueId
    unit: LedgerUnit | Text = None
    unit_id: OptionalId = None
    unit_name: Text = None
    moved_in_on: MaybeDay = None
    moved_out_on: MaybeDay = None

    @property
    def unit_key(self) -> str | None:
        """Return the unit's id, or else its name: what it is known by."""
        return self.unit_id or (self.unit.id if isinstance(self.unit, LedgerUnit) else None) or self.unit_label

    @property
    def unit_label(self) -> str | None:
        """Return the unit's name."""
        if isinstance(self.unit, LedgerUnit):
            return self.unit_name or self.unit.name or self.unit.number
        return self.unit_name or self.unit


@dataclass(frozen=True, slots=True)
class Pagination:
    """Of a list: where this page is, and how much there is."""

    current_page: Number
    total_pages: Number
    total_entries: Number


@dataclass(frozen=True, slots=True)
class Meta:
    """What every answer has beside its object."""

    status_code: Number
    pagination: Pagination | None = None


@dataclass(frozen=True, slots=True)
class _Page:
    tenants: list[Tenant]
    meta: Meta


_PAGE: Final = TypeAdapter(_Page)
_META: Final = TypeAdapter(Meta)
_TENANTS: Final = TypeAdapter(list[Tenant])
_LEDGERS: Final = TypeAdapter(list[Ledger])
_DELINQUENCY: Final = TypeAdapter(Delinquency)


class TenantPage(NamedTuple):
    """One page of a list: the tenants that can be read, those that cannot, and what it says of the whole."""

    tenants: list[Tenant]
    bad: list[BadRecord]
    pages: int
    entries: int


def parse_page(answer: Answer, number: int) -> TenantPage:
    """Return page `number` of a list of tenants; Refused for a status but 200, Unreadable for what is no such page."""
    _check_http(answer)
    bad: list[BadRecord] = []
    try:
        page = _PAGE.validate_json(answer.body)
        tenants, meta = page.tenants, page.meta
    except ValidationError:
        body = answer.json_object()
        meta = _meta(answer, body)
        rows = body.get("tenants")
        if not isinstance(rows, list):
            raise Unreadable(f"{answer.request.what}: there is no list of tenants") from None
        tenants, bad = parse_records(_TENANTS, rows)
    _check_meta(answer, meta)
    place = meta.pagination
    if place is None or place.total_pages is None or place.total_entries is None:
        raise Unreadable(f"{answer.request.what}: meta.pagination does not say how many there are")
    if place.current_page != number:  # the parameter is inferred: a server that does not follow it would never end
        raise Unreadable(f"{answer.request.what}: page {number} was asked for, page {place.current_page} came")
    return TenantPage(tenants, bad, place.total_pages, place.total_entries)


def parse_delinquency(answer: Answer) -> Delinquency:
    """Return a tenant's steps of arrears; Refused for a status but 200, Unreadable for anything else."""
    return _parse(answer, _member(answer, "delinquency"), _DELINQUENCY)


def parse_ledgers(answer: Answer) -> tuple[list[Ledger], list[BadRecord]]:
    """Return a tenant's ledgers, those that can be read and those that cannot; raises as `parse_delinquency`."""
    rows = _member(answer, "ledgers")
    if not isinstance(rows, list):
        raise Unreadable(f"{answer.request.what}: there is no list of ledgers")
    return parse_records(_LEDGERS, rows)


def _member(answer: Answer, name: str) -> Any:
    """Return the object that an answer is about."""
    _check_http(answer)
    body = answer.json_object()
    _check_meta(answer, _meta(answer, body))
    if name not in body:
        raise Unreadable(f"{answer.request.what}: there is no {name} in the answer")
    return body[name]


def _meta(answer: Answer, body: dict[str, Any]) -> Meta:
    try:
        return _META.validate_python(body.get("meta"))
    except ValidationError as error:
        field, text = describe(error)
        raise Unreadable(f"{answer.request.what}: {'.'.join(filter(None, ('meta', field)))} {text}") from None


def _parse(answer: Answer, value: Any, adapter: TypeAdapter[T]) -> T:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise Unreadable(f"{answer.request.what}: {' '.join(filter(None, describe(error)))}") from None


def _check_http(answer: Answer) -> None:
    if answer.status != 200:
        raise Refused(f"{answer.request.what}: HTTP {answer.status}")


def _check_meta(answer: Answer, meta: Meta) -> None:
    """Raise Refused where HTTP says 200 and the body something else: both have to."""
    if meta.status_code != 200:
        raise Refused(f"{answer.request.what}: meta.status_code is {meta.status_code}, within HTTP 200")
