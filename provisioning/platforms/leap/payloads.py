"""What LEAP's answers hold, with the namespace of its schema or without."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from pydantic import BeforeValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from ..exchange import Answer, Unreadable
from ..fields import Day, OpaqueId, OptionalId, parse_day, parse_instant

NAMESPACE: Final = "http://schema.majitek.com/leap-ws-v1.0"

OCCUPIER: Final = "OCCUPIER"
OWNER: Final = "OWNER"

_ENTITIES: Final = ("property", "account")
_TEXTS: Final = ("relationship", "start-date", "end-date")
_ATTRIBUTES: Final = frozenset({"identifier", "ref", "unacked-since", "extid", "end-date"})
_NO_TEXT: Final = object()  # in place of what is no text, so that it is refused


def _day(value: object) -> date:
    day = parse_day(value)
    if day is None:
        raise PydanticCustomError("latchkey", "is empty")
    return day


def _kind(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("latchkey", "is not text")
    return value.strip().upper()


def _flag(value: object) -> datetime | str | None:
    """Return since when; as it is written where it is no instant, for that there is one is all that counts."""
    try:
        return parse_instant(value)
    except PydanticCustomError:
        return str(value)


@dataclass(frozen=True, slots=True)
class Relationship:
    """An account's relationship to a property. extid: an external reference, unique among entities of one kind."""

    identifier: OpaqueId
    property_id: Annotated[OpaqueId, Field(alias="property identifier")]
    account: Annotated[OpaqueId, Field(alias="account identifier")]
    kind: Annotated[str, BeforeValidator(_kind), Field(alias="relationship")]
    starts: Annotated[date, BeforeValidator(_day), Field(alias="start-date")]
    ends: Annotated[Day, Field(alias="end-date")] = None  # the last day
    extid: OptionalId = None
    account_extid: Annotated[OptionalId, Field(alias="account extid")] = None
    unacked_since: Annotated[datetime | str | None, BeforeValidator(_flag), Field(alias="unacked-since")] = None

    @property
    def substance(self) -> tuple[object, ...]:
        """What an acknowledgement is of: all but the flag and our own reference."""
        return self.property_id, self.account, self.kind, self.starts, self.ends


RELATIONSHIPS: Final = TypeAdapter(list[Relationship])


@dataclass(frozen=True, slots=True)
class Page:
    """The relationships of an answer, as RELATIONSHIPS reads them, and names in them that no document has."""

    rows: list[dict[str, Any]]
    unknown: frozenset[str]


def read_page(answer: Answer) -> Page:
    """Return the relationships of a list; Unreadable where the answer is no such list."""
    root = _root(answer, "property-relationships")
    unknown: set[str] = set()
    rows = []
    for child in root:
        if _name(child.tag) == "property-relationship":
            rows.append(_row(child, unknown))
        else:
            unknown.add(_name(child.tag))
    return Page(rows, frozenset(unknown))


def read_one(answer: Answer) -> dict[str, Any]:
    """Return one relationship, as RELATIONSHIPS reads it; Unreadable where the answer is none."""
    return _row(_root(answer, "property-relationship"), set())


def acknowledgements(identifiers: Iterable[str], *, namespace: bool) -> bytes:
    """Return the body that acknowledges relationships."""
    inner = "".join(f"<acknowledgement>{escape(each)}</acknowledgement>" for each in identifiers)
    name = f' xmlns="{NAMESPACE}"' if namespace else ""
    return f"<acknowledgements{name}>{inner}</acknowledgements>".encode()


def _root(answer: Answer, name: str) -> Element:
    root = answer.check().xml()
    if _name(root.tag) != name:
        raise Unreadable(f"{answer.request.what}: the answer is not {name}")
    return root


def _row(element: Element, unknown: set[str]) -> dict[str, Any]:
    row: dict[str, Any] = {name: element.get(name) for name in ("identifier", "extid", "unacked-since")}
    if row["identifier"] is None:
        del row["identifier"]
    if (end := element.get("end-date")) is not None:
        row["end-date"] = end
    unknown |= {name for name in element.attrib.keys() - _ATTRIBUTES if not name.startswith("{")}
    for child in element:
        name = _name(child.tag)
        if name in _ENTITIES:
            _put(row, f"{name} identifier", child.get("identifier"))
            row[f"{name} extid"] = child.get("extid")
        elif name in _TEXTS:
            _put(row, name, _NO_TEXT if len(child) else (child.text or "").strip())
        else:
            unknown.add(name)
    return row


def _put(row: dict[str, Any], name: str, value: object) -> None:
    """Put in a member; one that is there already, and says something else, makes it nothing that can be read."""
    row[name] = value if row.setdefault(name, value) == value else _NO_TEXT


def _name(tag: object) -> str:
    """Return an element's name, without the namespace of LEAP's schema."""
    return str(tag).removeprefix(f"{{{NAMESPACE}}}")
