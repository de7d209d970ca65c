"""A test platform that answers as Eleven's Resident Management API v2 does.

The overview is all of the document there is: both its JSON examples are lost, so the names of members are the table's
and the prose's, the paths of the lists follow from the two that are written, and what else could be meant can be set:
nested or flat mappings, other spellings of the members, dates with `Z` or with an offset, and how an open end looks.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pcaps.platforms.building import Building, Tenancy, Unit
from pcaps.platforms.server import Refused, Reply, Request, TestPlatform, as_json

PENDING = timedelta(minutes=10)  # how long a resident's service is being set up
KEPT = timedelta(days=30)  # how long a resident is listed after the end, then terminated and purged
TOKEN = "eleven-token-1"
SITE_TYPES = ("PPK-C", "PPK-D", "MDU SSO", "MDU")
PASSPHRASE_GIVEN = "MDU"  # a type that is none of those for which the document has Passphrase null


class Eleven(TestPlatform):
    """Teams, sites, residents and PAN mappings; the token is `token`."""

    prefix = "/v2"
    spoilable = "ActivationDateUTC"
    lags = (timedelta(0), PENDING, KEPT)
    bad_token = 403

    def __init__(
        self,
        buildings: Sequence[Building],
        *,
        clock: Callable[[], datetime],
        token: str = TOKEN,
        team: str = "T1",
        site_type: str = "PPK-C",
        nested: bool = True,
        spelled: Callable[[str], str] = str,
        offset: bool = False,
        open_end: str | None = "",
        **options: Any,
    ) -> None:
        super().__init__(buildings, clock=clock, **options)
        if site_type not in SITE_TYPES:
            raise ValueError(site_type)
        self.token, self.team, self.site_type, self.nested = token, team, site_type, nested
        self._spelled, self._offset, self._open_end = spelled, offset, open_end

    def answer(self, request: Request) -> Reply:
        """Return what Eleven answers: every call that only reads."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            raise Refused(403, "Access is denied.")
        if request.method != "GET" or request.body or request.query:
            raise Refused(400, "The request was invalid.")
        match request.parts[1:]:
            case ["team"]:
                team = {"TeamId": self.team, "TeamName": "Latchkey Property Group"}
                return self._list(request, "Teams", [team])
            case ["team", self.team, "site"]:
                return self._list(request, "Sites", [self._site(building) for building in self.buildings.values()])
            case ["team", self.team, "site", site, "resident"] if site in self.buildings:
                return self._residents(request, self.buildings[site])
            case ["team", self.team, "site", site, "resident", resident] if site in self.buildings:
                return self._resident(self.buildings[site], resident)
            case ["team", self.team, "site", site, "mappings"] if site in self.buildings:
                return self._mappings(request, self.buildings[site])
        raise Refused(404, "The requested resource was not found.")

    def _list(self, request: Request, name: str, records: list[dict[str, Any]]) -> Reply:
        page, _ = self.page(request, records, dict)
        return Reply(body=as_json(self._respelled({name: page})))

    def _respelled(self, value: Any) -> Any:
        if self._spelled is str:
            return value
        if isinstance(value, dict):
            return {self._spelled(name): self._respelled(member) for name, member in value.items()}
        return [self._respelled(member) for member in value] if isinstance(value, list) else value

    def _site(self, building: Building) -> dict[str, Any]:
        return {"SiteId": building.venue_id, "SiteName": building.name, "SiteType": self.site_type, "TeamId": self.team}

    # Residents.

    def _residents(self, request: Request, building: Building) -> Reply:
        def render(now: datetime) -> tuple[list[dict[str, Any]], bytes]:
            records = [self._record(building, t, now) for t in building.tenancies.values() if self._listed(t, now)]
            return records, as_json(self._respelled({"Residents": records}))

        records, body = self.once("residents", building, render)
        return self._list(request, "Residents", records) if self.faults.waiting else Reply(body=body)

    def _resident(self, building: Building, resident: str) -> Reply:
        tenancy, now = building.tenancies.get(resident), self.clock()
        if tenancy is None or not self._listed(tenancy, now):
            raise Refused(404, "The requested resource was not found.")
        return Reply(body=as_json(self._respelled(self._record(building, tenancy, now))))

    def _listed(self, tenancy: Tenancy, now: datetime) -> bool:
        return tenancy.ends is None or now < tenancy.ends + KEPT

    def _record(self, building: Building, tenancy: Tenancy, now: datetime) -> dict[str, Any]:
        unit = building.units[tenancy.unit]
        given, _, family = tenancy.person.name.partition(" ")
        place = {"Building": unit.building or None, "Floor": unit.floor or None, "Unit": unit.name}
        if self.site_type == "MDU SSO":
            place = {"Building": unit.building}
        return {
            "ResidentId": tenancy.id,
            "FirstName": given,
            "LastName": family,
            "Email": f"{tenancy.person.id}@example.net",
            "Status": _status(tenancy, now),
            **place,
            "ActivationDate": building.local(tenancy.starts).strftime("%Y-%m-%dT%H:%M:%S"),
            "DeactivationDate": self._open_end
            if tenancy.ends is None
            else building.local(tenancy.ends).strftime("%Y-%m-%dT%H:%M:%S"),
            "ActivationDateUTC": self._instant(tenancy.starts),
            "DeactivationDateUTC": self._open_end if tenancy.ends is None else self._instant(tenancy.ends),
        }

    def _instant(self, at: datetime) -> str:
        """Return an instant in the document's format, or as in its example, which has another."""
        utc = at.astimezone(UTC)
        return utc.isoformat(timespec="microseconds") if self._offset else f"{utc:%Y-%m-%dT%H:%M:%S.}000Z"

    # PAN mappings.

    def _mappings(self, request: Request, building: Building) -> Reply:
        def render(now: datetime) -> tuple[list[dict[str, Any]], bytes]:
            rows = self._rows(building, now)
            shaped: Any = {"Buildings": _nested(rows)} if self.nested else {"Mappings": rows}
            return rows, as_json(self._respelled(shaped))

        rows, body = self.once("mappings", building, render)
        if not self.faults.waiting:
            return Reply(body=body)
        rows, _ = self.page(request, rows, dict)
        return Reply(body=as_json(self._respelled({"Buildings": _nested(rows)} if self.nested else {"Mappings": rows})))

    def _rows(self, building: Building, now: datetime) -> list[dict[str, Any]]:
        if self.site_type == "MDU SSO":  # buildings alone, no units
            names = dict.fromkeys(unit.building for unit in building.units.values())
            return [{"Building": name, "Passphrase": None} for name in names]
        secrets = {}
        if self.site_type == PASSPHRASE_GIVEN:
            lasting = [t for t in building.tenancies.values() if t.ends is None or now < t.ends]
            lasting.sort(key=lambda tenancy: tenancy.starts, reverse=True)  # who lives there now before who comes next
            secrets = {tenancy.unit: tenancy.passphrase for tenancy in lasting}
        return [
            {
                "Building": unit.building or None,
                "Floor": unit.floor or None,
                "Unit": unit.name,
                "VLAN": unit.vlan,
                "SSID": self.ssid_of(building, unit),
                "Passphrase": secrets.get(unit.id),
            }
            for unit in building.units.values()
        ]

    def ssid_of(self, building: Building, unit: Unit) -> str:
        """Return the SSID of a unit: that of the site, or of a PPK-D site the unit's own."""
        return f"{unit.building}{unit.floor}-{unit.name}" if self.site_type == "PPK-D" else building.ssid


def _status(tenancy: Tenancy, now: datetime) -> str:
    if now < tenancy.starts:
        return "Scheduled"
    if tenancy.ends is not None and tenancy.ends <= now:
        return "Deactivated"  # the document gives this state no name
    return "Pending" if now < tenancy.starts + PENDING else "Current"


def _nested(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return flat rows as buildings of floors of units; of rows without units, the buildings alone."""
    buildings: dict[Any, dict[Any, list[dict[str, Any]]]] = {}
    for row in rows:
        floors = buildings.setdefault(row.get("Building"), {})
        if "Unit" in row:
            unit = {name: value for name, value in row.items() if name not in ("Building", "Floor")}
            floors.setdefault(row.get("Floor"), []).append(unit)
    return [
        {"Building": building, "Floors": [{"Floor": floor, "Units": units} for floor, units in floors.items()]}
        for building, floors in buildings.items()
    ]
