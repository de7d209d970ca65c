"""What a VAULT operator's objects look like: venues, units, keypools, plans, subscribers, subscriptions, keys.

The document folds the members of nested objects away; named here are those of its prose, and what else a client must be
given to find. Dots in names belong to the names.
"""

import hashlib
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .building import Building, Person, Tenancy, Unit

OPERATOR = "OP1"
PLANS = {"Basic": (50_000, 10_000, 4), "Fast": (300_000, 30_000, 10), "Air": (100_000, 20_000, 6)}
WIRELESS_ONLY = "Air"  # the plan whose VLAN is the unit's and the venue's offset
KEPT = timedelta(days=30)  # how long an ended key is still shown
ONLINE = timedelta(minutes=32)
ADDRESS = {
    "AddressLine1": "1 Hudson Street",
    "AddressLine2": "",
    "City": "New York",
    "State": "NY",
    "PostalCode": "10013",
    "Country.ISO3166A3": "USA",
}
_ACTIVE_WORDS = ("In Service", "Active", "In Service", "TRIAL")


def instant(at: datetime | None) -> str:
    """Return an instant as the document's samples have it; nothing where there is none."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.}{at.microsecond // 1000:03}Z"


def unit_id(building: Building, unit: Unit) -> str:
    """Return UnitID_internal: the venue and three parts, cut to 20, of letters, digits, `_`, `-`, in upper case."""
    parts = (re.sub(r"[^A-Za-z0-9_-]", "", part[:20]).upper() for part in (unit.name, unit.building, unit.floor))
    return ".".join((building.venue_id, *(part or "DEFAULT" for part in parts)))


def pool_id(ssid: str, scope: str) -> str:
    """Return a KeyPoolID; SSID and operator may hold dots."""
    return f"{OPERATOR}._V3SSID.{ssid}.{scope}"


def plan_id(name: str) -> str:
    """Return a ServicePlanID."""
    return f"{OPERATOR}._V3SERVICEPLAN_.{name.upper()}"


def token_of(person: str) -> str:
    """Return the SubscriberToken of a person."""
    return f"sub_{person}"


def generated(tenancy: Tenancy) -> str:
    """Return the passphrase that the platform made for a tenancy."""
    return hashlib.sha256(f"vault {tenancy.id}".encode()).hexdigest()[:12]


@dataclass(slots=True)
class Subscriber:
    """A person with all their tenancies."""

    person: Person
    places: list[tuple[Building, str]] = field(default_factory=list)  # each building with a tenancy's id

    @property
    def stays(self) -> list[tuple[Building, Tenancy]]:
        """The tenancies as they are now."""
        return [(building, building.tenancies[name]) for building, name in self.places]


@dataclass(slots=True)
class Records:
    """Renders an operator's objects as they are at an instant."""

    scope: str  # `local` or `global`: of every building's keypool
    offset: int | None  # WirelessOnlyPlanVLANOffset of each venue
    vlan_in_list: bool  # whether the list of units tells the VLAN, too
    makes_keys: bool  # whether a tenancy without a passphrase has one all the same
    open_end: str | None  # of a subscription without an end
    statuses: dict[str, str] = field(default_factory=dict)  # of persons, where it does not follow from their stays
    resets: dict[str, int] = field(default_factory=dict)  # how often a tenancy's key was replaced

    # Identities.

    def pool(self, building: Building) -> str:
        """Return the KeyPoolID of a building's SSID."""
        suffix = "global" if self.scope == "global" else f"{zlib.crc32(building.venue_id.encode()):08x}"
        return pool_id(building.ssid, suffix)

    def key_id(self, tenancy: Tenancy) -> str:
        """Return the KeyID of a tenancy's key; another one after each reset."""
        return f"psk_{tenancy.id}_{self.resets.get(tenancy.id, 0)}"

    def passphrase(self, tenancy: Tenancy) -> str | None:
        """Return the passphrase of a tenancy's key, or None where it has no key."""
        return tenancy.passphrase or (generated(tenancy) if self.makes_keys else None)

    def plan(self, person: Person) -> str:
        """Return the plan of a person."""
        n = zlib.crc32(person.id.encode())
        return plan_id(WIRELESS_ONLY if self.offset is not None and n % 10 == 0 else ("Basic", "Fast")[n % 2])

    # Places.

    def venue(self, building: Building, now: datetime) -> dict[str, Any]:
        """Return a venue of the list."""
        online = sum(1 for tenancy in building.tenancies.values() if tenancy.runs(now))
        return {
            "VenueID": building.venue_id,
            "VenueName": building.name,
            "externalVenueID": f"PMS_{building.venue_id}",
            "NAS-Identifier": building.venue_id.upper(),
            **ADDRESS,
            "TZ": building.time_zone,
            "UnitCount": len(building.units),
            "DeviceCount": online,
            "OnlineDeviceCount": online,
        }

    def venue_details(self, building: Building, now: datetime) -> dict[str, Any]:
        """Return a venue by itself."""
        offset = {} if self.offset is None else {"WirelessOnlyPlanVLANOffset": self.offset}
        kinds = ("GlobalWirelessPlusLocalWiredAccess", "LocalWirelessAccess", "GlobalWirelessRoaming")
        bounds = {f"MinimumAutoGeneratedVLAN_{kind}": 1050 for kind in kinds}
        bounds |= {f"MaximumAutoGeneratedVLAN_{kind}": 4095 for kind in kinds}
        seconds = building.local(now).utcoffset() or timedelta(0)
        return {
            **self.venue(building, now),
            "VenueType": "WIRED+WIFI",
            "dateAddedUTC": "2024-01-01T00:00:00.000Z",
            "TimeZoneOffset": seconds // timedelta(minutes=1),
            "DefaultServicePlanID_GlobalWirelessPlusLocalWiredAccess": plan_id("Basic"),
            "allowOverlappingSubscriptionWiredUnit": True,
            **bounds,
            **offset,
            "ServicePlanConfiguration": {},
            "Units": [{"UnitID_internal": unit_id(building, u), "UnitID": u.name} for u in building.units.values()],
            "Keypools": {self.pool(building): {"SSID": building.ssid, "Scope": self.scope, "DisplayOrder": 1}},
            "NetworkOperatorConnections": {},
            "analytics": {},
            "DisplayConfiguration": {},
        }

    def unit(self, building: Building, unit: Unit, *, vlan: bool = True) -> dict[str, Any]:
        """Return a unit."""
        return {
            "UnitID_internal": unit_id(building, unit),
            "UnitID": unit.name,
            "UnitBuilding": unit.building or "DEFAULT",
            "UnitFloor": unit.floor or "DEFAULT",
            "externalVenueUnitID": f"PMS_{unit.id}",
            "purpose": "wiredunit",
            **({"vlan": unit.vlan} if vlan and unit.vlan is not None else {}),
            **ADDRESS,
            "SMSCode": "",
        }

    def plans(self) -> list[dict[str, Any]]:
        """Return all service plans."""
        return [
            {
                "ServicePlanID": plan_id(name),
                "ServicePlanName": name,
                "ServicePlanDescription": f"{name} (30 days)",
                "DownloadKbps": down,
                "UploadKbps": up,
                "ConcurrentDevices": devices,
                "BillingCycleHours": 730,
                "WirelessOnlyPlan": name == WIRELESS_ONLY,
                "GloballyAvailablePlan": True,
                "BillingCyclePrice.USD": 4900,
                "externalServicePlanID": f"PMS_{name}",
            }
            for name, (down, up, devices) in PLANS.items()
        ]

    # People.

    def status(self, person: Person, stays: list[tuple[Building, Tenancy]], now: datetime) -> str:
        """Return the status of these stays of a person, in one of the words that the document has for it."""
        if person.id in self.statuses:
            return self.statuses[person.id]
        running = [tenancy for _, tenancy in stays if tenancy.runs(now)]
        if running and all(tenancy.locked_out(now) for tenancy in running):
            return "Suspended"
        if all(tenancy.ends is not None and tenancy.ends <= now for _, tenancy in stays):
            return "TERMINATED"
        return _ACTIVE_WORDS[zlib.crc32(person.id.encode()) % len(_ACTIVE_WORDS)]

    def subscriber(self, subscriber: Subscriber, now: datetime) -> dict[str, Any]:
        """Return a subscriber of the list; of several stays the latest."""
        building, tenancy = max(subscriber.stays, key=lambda stay: stay[1].starts)
        return {
            **self.identity(subscriber.person),
            "Status": self.status(subscriber.person, subscriber.stays, now),
            "VenueID": building.venue_id,
            "UnitID_internal": unit_id(building, building.units[tenancy.unit]),
            "ServicePlanID": self.plan(subscriber.person),
            "externalSubscriberID": f"PMS_{subscriber.person.id}",
            "dateAddedUTC.ISO8601": instant(min(stay.starts for _, stay in subscriber.stays)),
        }

    def identity(self, person: Person) -> dict[str, Any]:
        """Return who a person is."""
        given, _, family = person.name.partition(" ")
        return {
            "SubscriberToken": token_of(person.id),
            "EmailAddress": f"{person.id}@example.net".lower(),
            "GivenName": given,
            "FamilyName": family,
            "PhoneNumber.E164": f"+1555{zlib.crc32(person.id.encode()) % 10_000_000:07}",
        }

    def subscription(self, building: Building, tenancy: Tenancy, now: datetime) -> dict[str, Any]:
        """Return the subscription that a tenancy is."""
        return {
            "SubscriptionID": f"{tenancy.id}._V3SUB",
            "SubscriberToken": token_of(tenancy.person.id),
            "EmailAddress": f"{tenancy.person.id}@example.net".lower(),
            "VenueID": building.venue_id,
            "UnitID_internal": unit_id(building, building.units[tenancy.unit]),
            "ServicePlanID": self.plan(tenancy.person),
            "Status": self.status(tenancy.person, [(building, tenancy)], now),
            "StartDateTimeUTC.ISO8601": instant(tenancy.starts),
            "EndDateTimeUTC.ISO8601": instant(tenancy.ends) or self.open_end,
            "externalSubscriberID": f"PMS_{tenancy.person.id}",
            "externalSubscriptionID": f"PMS_{tenancy.id}",
            "gatewayConfigured": True,
        }

    def keys(self, subscriber: Subscriber, now: datetime) -> dict[str, dict[str, Any]]:
        """Return a subscriber's keys by keypool and KeyID; those that ended lately, too."""
        pools: dict[str, dict[str, Any]] = {}
        for building, tenancy in subscriber.stays:
            secret = self.passphrase(tenancy)
            if secret is None or (tenancy.ends is not None and tenancy.ends + KEPT <= now):
                continue
            unit = building.units[tenancy.unit]
            new = {"SSID": building.ssid, "Scope": self.scope, "DisplayOrder": 1, "AuthenticationMechanism": "WPA2"}
            pool = pools.setdefault(self.pool(building), {**new, "Keys": {}})
            pool["Keys"][self.key_id(tenancy)] = {
                "PSK": secret,
                "KeyTag": "",
                "Status": self.status(tenancy.person, [(building, tenancy)], now),
                "VenueID": building.venue_id,
                "UnitID_internal": unit_id(building, unit),
                **({} if unit.vlan is None else {"vlan": unit.vlan}),
                "ServicePlanID": self.plan(tenancy.person),
                "StartDateTimeUTC.ISO8601": instant(tenancy.starts),
                "EndDateTimeUTC.ISO8601": instant(tenancy.ends) or self.open_end,
                "dateAddedUTC.ISO8601": instant(tenancy.starts),
                "Devices": self.devices(tenancy, now),
            }
        return pools

    def devices(self, tenancy: Tenancy, now: datetime) -> list[dict[str, Any]]:
        """Return the devices of a tenancy's key: none, one or two."""
        n = zlib.crc32(tenancy.id.encode())
        return [
            {
                "Calling-Station-Id": "02-00-" + "-".join(f"{octet:02X}" for octet in (n + place).to_bytes(5)[1:]),
                "UserDefinedHostName": "",
                "HostName": f"phone-{place}",
                "Model": "Phone",
                "online": place == 0,
                "dateLastSeenUTC.ISO8601": instant(now - (ONLINE / 2 if place == 0 else 3 * ONLINE)),
                "KeyID": self.key_id(tenancy),
            }
            for place in range(n % 3)
        ]
