"""What Eleven's answers hold. Keys are taken in any spelling: its examples are lost, and so is how they are written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from ..exchange import Unreadable
from ..fields import Instant, Number, OpaqueId, Text, clean


def _exact(value: object) -> str | None:
    """Return a value that is compared as it is written: not trimmed, not folded."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    if value is None or isinstance(value, str):
        return value or None
    raise PydanticCustomError("latchkey", "is not text")


def _label(value: object) -> str | None:
    """Return a name where it is one: how a platform writes it costs nobody their network."""
    return clean(value) if isinstance(value, str) else None


Exact = Annotated[str | None, BeforeValidator(_exact)]
Label = Annotated[str | None, BeforeValidator(_label)]


@dataclass(frozen=True, slots=True)
class Team:
    id: Annotated[OpaqueId, Field(alias="TeamId")]


@dataclass(frozen=True, slots=True)
class Site:
    id: Annotated[OpaqueId, Field(alias="SiteId")]
    name: Annotated[Label, Field(alias="SiteName")] = None
    type: Annotated[Label, Field(alias="SiteType")] = None


@dataclass(frozen=True, slots=True)
class PanMapping:
    """The network of one unit; without a unit where residents sign on at an identity provider (MDU SSO)."""

    building: Annotated[Exact, Field(alias="Building")] = None
    floor: Annotated[Exact, Field(alias="Floor")] = None
    unit: Annotated[Exact, Field(alias="Unit")] = None
    vlan: Annotated[Number, Field(alias="VLAN")] = None
    ssid: Annotated[Exact, Field(alias="SSID")] = None
    passphrase: Annotated[Exact, Field(alias="Passphrase")] = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Resident:
    """A resident account. The local dates are text: they are read only where those in UTC are not there."""

    id: Annotated[OpaqueId, Field(alias="ResidentId")]
    status: Annotated[Text, Field(alias="Status")] = None
    building: Annotated[Exact, Field(alias="Building")] = None
    floor: Annotated[Exact, Field(alias="Floor")] = None
    unit: Annotated[Exact, Field(alias="Unit")] = None
    starts: Annotated[Instant, Field(alias="ActivationDateUTC")] = None
    ends: Annotated[Instant, Field(alias="DeactivationDateUTC")] = None
    local_starts: Annotated[Exact, Field(alias="ActivationDate")] = None
    local_ends: Annotated[Exact, Field(alias="DeactivationDate")] = None
    name: Annotated[Label, Field(alias="Name")] = None
    given_name: Annotated[Label, Field(alias="FirstName")] = None
    family_name: Annotated[Label, Field(alias="LastName")] = None


TEAMS: Final = TypeAdapter(list[Team])
SITES: Final = TypeAdapter(list[Site])
MAPPINGS: Final = TypeAdapter(list[PanMapping])
RESIDENTS: Final = TypeAdapter(list[Resident])

# The document's name of a member: how it may be spelled, in small letters and without what is no letter.
_TEAM: Final = {"TeamId": ("teamid", "id")}
_SITE: Final = {
    "SiteId": ("siteid", "id"),
    "SiteName": ("sitename", "name"),
    "SiteType": ("sitetype", "type"),
}
_PLACE: Final = {
    "Building": ("building", "buildingname"),
    "Floor": ("floor", "floorname"),
    "Unit": ("unit", "unitname", "unitnumber"),
}
_MAPPING: Final = {**_PLACE, "VLAN": ("vlan", "vlanid"), "SSID": ("ssid",), "Passphrase": ("passphrase",)}
_RESIDENT: Final = {
    "ResidentId": ("residentid", "id"),
    "Status": ("status", "residentstatus"),
    **_PLACE,
    "ActivationDateUTC": ("activationdateutc",),
    "DeactivationDateUTC": ("deactivationdateutc",),
    "ActivationDate": ("activationdate", "accessstartdate"),
    "DeactivationDate": ("deactivationdate", "accessenddate"),
    "Name": ("name", "fullname", "residentname"),
    "FirstName": ("firstname", "givenname"),
    "LastName": ("lastname", "familyname", "surname"),
}
_PLACES: Final = ("panmapping", "mapping", "pan", "location")  # of a resident whose unit is not beside the id

_LISTS: Final = ("data", "results", "items")  # by which a list goes that has no name of its own
_TOTALS: Final = ("total", "totalcount", "count", "totalrecords")
_MORE: Final = ("next", "nextpage", "nextlink", "hasmore")
_LEVELS: Final = {f"{name}{plural}": name for name in ("building", "floor", "unit") for plural in ("s", "")}
_WRAPPERS: Final = ("mappings", "panmappings", *_LISTS)


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of a list, and what speaks against their being all of it."""

    rows: list[Any]
    doubt: str | None = None


def team_rows(value: Any, what: str) -> Rows:
    """Return the teams of an answer, as TEAMS reads them; Unreadable where it has no list of them."""
    return _listed(value, what, ("teams", "team"), _TEAM)


def site_rows(value: Any, what: str) -> Rows:
    """Return the sites of an answer, as SITES reads them; Unreadable where it has no list of them."""
    return _listed(value, what, ("sites", "site"), _SITE)


def resident_rows(value: Any, what: str) -> Rows:
    """Return the residents of an answer, as RESIDENTS reads them; Unreadable where it has no list of them."""
    found = _find_list(value, what, ("residents", "resident"))
    return Rows([resident_row(row) for row in found.rows], found.doubt)


def resident_row(value: Any) -> Any:
    """Return one resident's members by the names of the document."""
    if not isinstance(value, dict):
        return value
    by_word = {_word(name): member for name, member in value.items()}
    row = _pick(by_word, _RESIDENT)
    for name in () if "Unit" in row else _PLACES:
        if isinstance(place := by_word.get(name), dict):
            row |= _pick({_word(each): member for each, member in place.items()}, _PLACE)
    # Those in UTC decide, also where they say that there is no end.
    if "DeactivationDateUTC" in row:
        row.pop("DeactivationDate", None)
    if row.get("ActivationDateUTC"):
        row.pop("ActivationDate", None)
    return row


def mapping_rows(value: Any, what: str) -> Rows:
    """Return the PAN mappings of an answer as flat rows, as MAPPINGS reads them, whether it nests them or not."""
    doubt = None
    if isinstance(value, dict):
        by_word = {_word(name): member for name, member in value.items()}
        if not any(isinstance(by_word.get(word), list | dict) for word in (*_LEVELS, *_WRAPPERS)):
            raise Unreadable(f"{what}: the answer has no mappings")
        doubt = _doubt(by_word, None)
    elif not isinstance(value, list):
        raise Unreadable(f"{what}: the answer has no mappings")
    return Rows(list(_flatten(value, None, {})), doubt)


def _flatten(value: Any, level: str | None, above: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the innermost objects; each knows the building and floor that it is in, and the SSID given for them."""
    for node in value if isinstance(value, list) else (value,):
        if not isinstance(node, dict):
            yield node  # which is refused as a record of its own
            continue
        by_word = {_word(name): member for name, member in node.items()}
        inner = [(word, member) for word, member in by_word.items() if isinstance(member, list | dict)]
        if level is not None and not isinstance(by_word.get(level), str | int):
            by_word[level] = next((by_word[w] for w in (f"{level}name", "name") if by_word.get(w) is not None), None)
        own = {name: member for name, member in _pick(by_word, _MAPPING).items() if member is not None}
        children = [(word, member) for word, member in inner if word in _LEVELS or word in _WRAPPERS]
        if not children:
            yield {**above, **own}
        passed = {**above, **{name: own[name] for name in ("Building", "Floor", "SSID") if _is_plain(own.get(name))}}
        for word, member in children:
            yield from _flatten(member, _LEVELS.get(word), passed)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int)


def _listed(value: Any, what: str, names: Sequence[str], members: Mapping[str, Sequence[str]]) -> Rows:
    found = _find_list(value, what, names)
    rows = [
        _pick({_word(name): member for name, member in row.items()}, members) if isinstance(row, dict) else row
        for row in found.rows
    ]
    return Rows(rows, found.doubt)


def _find_list(value: Any, what: str, names: Sequence[str]) -> Rows:
    """Return a list that stands alone, or in an object under its own name or one that says nothing."""
    if isinstance(value, list):
        return Rows(value)
    if isinstance(value, dict):
        by_word = {_word(name): member for name, member in value.items()}
        for name in (*names, *_LISTS):
            member = by_word.get(name)
            if isinstance(member, list):
                return Rows(member, _doubt(by_word, len(member)))
            if isinstance(member, dict) and name in _LISTS:
                return _find_list(member, what, names)
    raise Unreadable(f"{what}: the answer has no list of {names[0]}")


def _doubt(by_word: Mapping[str, Any], count: int | None) -> str | None:
    for name in _TOTALS if count is not None else ():
        total = by_word.get(name)
        if isinstance(total, int) and not isinstance(total, bool) and total != count:
            return f"{total} are announced, and {count} are there"
    return "there are more pages, which no document tells of" if any(by_word.get(name) for name in _MORE) else None


def _pick(by_word: Mapping[str, Any], members: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    return {name: by_word[word] for name, words in members.items() for word in reversed((*words,)) if word in by_word}


@lru_cache(maxsize=4096)  # the same few names in every record
def _word(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())
