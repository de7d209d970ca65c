"""A test platform that answers as LEAP's Property Relationship API v1 does.

Every tenancy is an OCCUPIER; of some units somebody is the OWNER too, who lives elsewhere, and a few occupiers own
their flat and have a record of each kind. Nothing is ever removed. Properties and accounts keep flags of their own,
which acknowledging does not clear. The call that links a property to a customer is left out.
"""

import base64
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape, quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pcaps.platforms.building import Building, Person, Tenancy
from pcaps.platforms.server import XML, Refused, Reply, Request, TestPlatform

NAMESPACE = "http://schema.majitek.com/leap-ws-v1.0"
USERNAME, PASSWORD = "sync@example.net", "leap-password-1"
MOST = 100  # relationships of a page, and how many come unasked
_FIRST_OCCUPIER, _FIRST_OWNER = 10_000_001, 50_000_001
_OWNED, _LIVED_IN_BY_OWNER = 3, 7  # every third unit has an owner's record; of every seventh it is the occupier's own


class Leap(TestPlatform):
    """Relationships between properties and accounts of one company; HTTP Basic."""

    prefix = "/api/v1/property-relationship"
    spoilable = "start-date"

    def __init__(
        self,
        buildings: Sequence[Building],
        *,
        clock: Callable[[], datetime],
        username: str = USERNAME,
        password: str = PASSWORD,
        end_as_attribute: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(buildings, clock=clock, **options)
        self._credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._end_as_attribute = end_as_attribute
        self._identifiers: dict[str, str] = {}  # of tenancies
        self._accounts: dict[str, str] = {}  # of persons
        self._extids: dict[str, str] = {}  # by identifier
        self._referring: dict[str, str] = {}  # identifier by external reference
        self._changed: dict[str, tuple[Any, datetime]] = {}  # by identifier: what it said, and since when it says so
        self._acked: dict[str, Any] = {}  # by identifier: what it said when it was acknowledged
        self._listed: dict[str, dict[str, Any]] = {}
        self._found: dict[str | None, list[dict[str, Any]]] = {}  # what is listed by the value of `acked`
        self._version = -1

    def identifier(self, tenancy: str) -> str:
        """Return the identifier of a tenancy's relationship."""
        return self._identifiers.setdefault(tenancy, str(_FIRST_OCCUPIER + len(self._identifiers)))

    def account(self, person: str) -> str:
        """Return the account of a person: digits, and a zero before them that belongs to it."""
        return self._accounts.setdefault(person, f"0{1_234_574 + len(self._accounts)}")

    def unacknowledged(self) -> set[str]:
        """Return the identifiers of the relationships that changed and were not acknowledged."""
        return {name for name, record in self._records().items() if record["unacked-since"] is not None}

    def external_reference(self, identifier: str) -> str | None:
        """Return the external reference that a relationship was given."""
        return self._extids.get(identifier)

    def answer(self, request: Request) -> Reply:
        """Return what LEAP answers."""
        if request.headers.get("authorization") != f"Basic {self._credentials}":
            raise Refused(401)
        match (request.method, *request.parts[3:]):
            case ("GET", ""):
                return self._find(request)
            case ("GET", identifier) if not request.query:
                return self._one(identifier)
            case ("GET", "extid", reference) if not request.query:
                return self._one(self._referred(reference))
            case ("POST", identifier, "extid"):
                return self._refer(request, identifier)
            case ("POST", "acked"):
                return self._acknowledge(_acknowledgements(request))
            case ("POST", "external", "acked"):
                return self._acknowledge([self._referred(reference) for reference in _acknowledgements(request)])
        raise Refused(404)

    def refusal(self, refused: Refused) -> Reply:
        """Return an error: a status, for no body is described."""
        asked = {"WWW-Authenticate": 'Basic realm="LEAP"'} if refused.status == 401 else {}
        return Reply(refused.status, b"", XML, asked)

    def _find(self, request: Request) -> Reply:
        query = request.query
        acked, limit, offset = query.pop("acked", None), query.pop("limit", "100"), query.pop("offset", "0")
        if query or acked not in (None, "true", "false") or not limit.isdecimal() or not offset.isdecimal():
            raise Refused(400)
        if not 1 <= int(limit) <= MOST:
            raise Refused(400)
        page, _ = self.page(request, self._all(acked), dict, int(offset), int(limit))
        inner = "".join(map(self._xml, page))
        return _xml(f'<property-relationships xmlns="{NAMESPACE}">{inner}</property-relationships>')

    def _all(self, acked: str | None) -> list[dict[str, Any]]:
        records = self._records().values()
        if acked not in self._found:
            self._found[acked] = [
                r for r in records if acked in (None, "true" if r["unacked-since"] is None else "false")
            ]
        return self._found[acked]

    def _one(self, identifier: str) -> Reply:
        records = self._records()
        if identifier not in records:
            raise Refused(404)
        return _xml(self._xml(records[identifier]))

    def _referred(self, reference: str) -> str:
        if reference not in self._referring:
            raise Refused(404)
        return self._referring[reference]

    def _refer(self, request: Request, identifier: str) -> Reply:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if request.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
            raise Refused(400)
        if set(form) != {"extid"} or not form["extid"]:
            raise Refused(400)
        if identifier not in self._records():
            raise Refused(404)
        if self._referring.get(form["extid"], identifier) != identifier:
            raise Refused(409)
        self._referring.pop(self._extids.get(identifier, ""), None)
        self._extids[identifier] = self._listed[identifier]["extid"] = form["extid"]
        self._referring[form["extid"]] = identifier
        names = f"ref={quoteattr(_ref('property-relationship', identifier))} identifier={quoteattr(identifier)}"
        return _xml(f'<ref xmlns="{NAMESPACE}" {names} extid={quoteattr(form["extid"])}/>')

    def _acknowledge(self, identifiers: list[str]) -> Reply:
        """Clear the relationships' flags: of all of them or, where one is unknown, of none."""
        records = self._records()
        if any(identifier not in records for identifier in identifiers):
            raise Refused(404)
        for identifier in identifiers:
            self._acked[identifier] = self._changed[identifier][0]
            records[identifier]["unacked-since"] = None
        self._found.clear()
        return Reply(200, b"", XML)

    # What there is.

    def _records(self) -> dict[str, dict[str, Any]]:
        """Return all relationships by identifier, in no order that anybody could rely on."""
        version = sum(building.version for building in self.buildings.values())
        if version != self._version:
            records = [record for building in self.buildings.values() for record in self._of(building)]
            records.sort(key=lambda record: zlib.crc32(record["identifier"].encode()))
            self._listed = {record["identifier"]: record for record in records}
            self._version = version
            self._found.clear()
        return self._listed

    def _of(self, building: Building) -> list[dict[str, Any]]:
        occupiers = {tenancy.unit: tenancy.person for tenancy in building.tenancies.values()}
        records = [self._record(building, tenancy) for tenancy in building.tenancies.values()]
        for n, unit in enumerate(building.units):
            if n % _OWNED == 0:
                person = Person(f"{building.venue_id}-o{n}", "An owner")
                records.append(self._noticed(f"{_FIRST_OWNER + n}", unit, person, "OWNER", "2010-01-12", None))
            elif n % _LIVED_IN_BY_OWNER == 0 and unit in occupiers:
                identifier = f"{_FIRST_OWNER + n}"
                records.append(self._noticed(identifier, unit, occupiers[unit], "OWNER", "2010-01-12", None))
        return records

    def _record(self, building: Building, tenancy: Tenancy) -> dict[str, Any]:
        last = building.last_day(tenancy)
        return self._noticed(
            self.identifier(tenancy.id),
            tenancy.unit,
            tenancy.person,
            "OCCUPIER",
            building.first_day(tenancy).isoformat(),
            None if last is None else last.isoformat(),
        )

    def _noticed(
        self, identifier: str, unit: str, person: Person, kind: str, start: str, end: str | None
    ) -> dict[str, Any]:
        """Return a relationship's record, flagged from now on if it is not what it was."""
        said = (unit, person.id, kind, start, end)
        known = self._changed.get(identifier)
        if known is None or known[0] != said:
            known = self._changed[identifier] = (said, self.clock())
        return {
            "identifier": identifier,
            "unacked-since": None if self._acked.get(identifier) == said else known[1],
            "extid": self._extids.get(identifier),
            "property": unit,
            "account": self.account(person.id),
            "relationship": kind,
            "start-date": start,
            "end-date": end,
        }

    def _xml(self, record: dict[str, Any]) -> str:
        identifier, end = record["identifier"], record["end-date"]
        attributes = {"unacked-since": _instant(record["unacked-since"]), "extid": record["extid"]}
        if self._end_as_attribute:
            attributes["end-date"] = end
        flags = {"unacked-since": _instant(self._changed[identifier][1])}  # nobody acknowledges these
        parts = [
            _entity("property", "properties", record["property"], {**flags, "extid": f"X-{record['property']}"}) + "/>",
            _entity("account", "customers", record["account"], flags) + "/>",
            f"<relationship>{record['relationship']}</relationship>",
            f"<start-date>{_date(record['start-date'])}</start-date>",
        ]
        if end is not None and not self._end_as_attribute:
            parts.append(f"<end-date>{escape(end)}</end-date>")
        head = _entity("property-relationship", "property-relationship", identifier, attributes, namespace=True)
        return f"{head}> {' '.join(parts)} </property-relationship>"


def _acknowledgements(request: Request) -> list[str]:
    if request.headers.get("content-type", "").split(";")[0] not in ("application/xml", "text/xml"):
        raise Refused(400)
    try:
        root = fromstring(request.body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Refused(400) from error
    names = {f"{{{NAMESPACE}}}", ""}
    if root.tag not in {f"{name}acknowledgements" for name in names} or not len(root):
        raise Refused(400)
    if any(child.tag not in {f"{name}acknowledgement" for name in names} or not child.text for child in root):
        raise Refused(400)
    return [child.text.strip() for child in root]


def _entity(
    name: str, resource: str, identifier: str, attributes: dict[str, str | None], *, namespace: bool = False
) -> str:
    """Return an element's start without its closing bracket."""
    given = {"xmlns": NAMESPACE if namespace else None, "identifier": identifier, "ref": _ref(resource, identifier)}
    pairs = {**given, **attributes}.items()
    return f"<{name}" + "".join(f" {key}={quoteattr(value)}" for key, value in pairs if value is not None)


def _date(value: Any) -> str:
    """Return a date's text; of the fault `wrong_type`, an element where text should be."""
    return escape(value) if isinstance(value, str) else f"<unexpected>{escape(repr(value))}</unexpected>"


def _ref(resource: str, identifier: str) -> str:
    """Return the reference as the samples have it: plain http, at another host than the base."""
    return f"http://company.leapcities.com/api/v1/{resource}/{identifier}"


def _instant(at: datetime | None) -> str | None:
    """Return an instant as in the samples: milliseconds, and an offset without a colon."""
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S.}{at.microsecond // 1000:03}{at:%z}"


def _xml(text: str) -> Reply:
    return Reply(body=text.encode(), type=XML)
