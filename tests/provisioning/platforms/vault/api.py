"""A VAULT in memory, as the catalogue describes its reading calls: it answers Requests, without a socket.

It is strict where the document is: POST, a JSON object, the AccessToken in the body, the required members, and nothing
in a header that opens anything. What it holds is plain lists and dicts, which tests change as they like.
"""

import json
from datetime import UTC, datetime

from provisioning.platforms import Known
from provisioning.platforms.vault.connector import Connector
from provisioning.sync import Reading, SaidKey
from tests.provisioning.platforms.drive import drive, make_settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OTHER = "venue_12345"
VENUE = "OP123.USA.CA.94102.APARTMENTS.123"
POOL = "OP123._V3SSID.Hudson House.a1b2c3d4"
PLAN = "OP123._V3SERVICEPLAN_.PREMIUM"
UNIT = f"{VENUE}.101.A.1"

LOGIN = "/subscriberconsole/login"
REFRESH = "/subscriberconsole/refreshAccessToken"
VENUES = "/networkoperatorconsole/venues/listVenues"
DETAILS = "/networkoperatorconsole/venues/listVenueDetails"
UNITS = "/networkoperatorconsole/venues/listVenueUnits"
UNIT_DETAILS = "/networkoperatorconsole/venues/listVenueUnitDetails"
POOLS = "/networkoperatorconsole/keypools/listKeypools"
PLANS = "/networkoperatorconsole/equipment/listServicePlans"
SUBSCRIBERS = "/networkoperatorconsole/subscribers/listSubscribers"
SUBSCRIPTIONS = "/networkoperatorconsole/shoppingcart/listSubscriptions"
KEYS = "/networkoperatorconsole/subscribers/listSubscriberKeys"
CARDS = "/networkoperatorconsole/scratchcards/viewScratchCardBatch"
CONTROLLERS = "/operatorconsole/config/listRuckusR1Controllers"
ADD_KEY = "/networkoperatorconsole/subscribers/addKey"
RESET_KEY = "/networkoperatorconsole/subscribers/resetKey"

REQUIRED = {
    REFRESH: ("RefreshToken", "VenueID"),
    VENUES: ("VenueID",),
    DETAILS: ("VenueID",),
    UNITS: ("VenueID",),
    UNIT_DETAILS: ("VenueID",),
    POOLS: ("VenueID",),
    SUBSCRIBERS: ("VenueID", "Pagination"),
    KEYS: ("SubscriberToken",),
    CARDS: ("KeyPoolID", "ScratchCard_BatchID"),
    ADD_KEY: ("SubscriberToken", "VenueID"),
    RESET_KEY: ("CurrentKeyID",),
}

STARTS = datetime(2026, 1, 1, 5, tzinfo=UTC)
ENDS = datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC)
STORED = datetime(2026, 12, 24, tzinfo=UTC)
NEXT = f"{VENUE}.102.A.1"
START, END = "StartDateTimeUTC.ISO8601", "EndDateTimeUTC.ISO8601"


class Vault:
    """One venue with one unit, whose resident has one key; `over` replaces what a path answers."""

    def __init__(self):
        self.venues = [
            {
                "VenueID": VENUE,
                "VenueName": "Hudson House",
                "NAS-Identifier": "HUDSON",
                "TZ": "America/New_York",
                "WirelessOnlyPlanVLANOffset": 1000,
            }
        ]
        self.units = {VENUE: [unit("101")]}
        self.pools = [
            {
                "KeyPoolID": POOL,
                "SSID": "Hudson House",
                "Scope": "local",
                "AuthenticationMechanism": "WPA2",
                "DisplayOrder": 1,
                "ConnectedVenueList": [VENUE],
            }
        ]
        self.plans = [
            {
                "ServicePlanID": PLAN,
                "ServicePlanName": "Premium",
                "DownloadKbps": 200000,
                "UploadKbps": 50000,
                "ConcurrentDevices": 8,
                "WirelessOnlyPlan": False,
            }
        ]
        self.subscribers = [subscriber("sub_1")]
        self.subscriptions = {VENUE: [subscription("S1", "sub_1")]}
        self.keys = {"sub_1": [key("psk_1")]}
        self.batches = {}
        self.controllers = []
        self.over = {}
        self.page_size = 100
        self.life_s = 3600
        self.tokens = 0
        self.valid = set()
        self.refreshes = set()
        self.seen = []  # paths, in order

    def __call__(self, request):
        assert request.method == "POST", "every call is a POST"
        assert not any(name.lower() == "authorization" for name, _ in request.headers), "the token is in the body"
        assert not request.query
        body = json.loads(request.body)
        path = request.path
        self.seen.append(path)
        if path == LOGIN:
            good = body == {"EmailAddress": "sync@example.net", "Password": "correct horse"}
            return self._tokens() if good else (401, {"message": "Incorrect username or password.", "statusCode": 401})
        if path == REFRESH:
            if body["RefreshToken"] not in self.refreshes:
                return 401, {"message": "Refresh Token has been revoked", "errorProcessing": True}
            self.refreshes.clear()
            return self._tokens()
        if body.get("AccessToken") not in self.valid:
            return 401, {"message": "AccessToken missing or invalid", "errorProcessing": True, "statusCode": 401}
        for name in REQUIRED.get(path, ()):
            assert name in body, f"{path} wants {name}"
        if path in self.over:
            found = self.over[path]
            return found(body) if callable(found) else found
        return getattr(self, "_" + path.rpartition("/")[2])(body)

    def expire(self):
        """Make every AccessToken that was given out invalid."""
        self.valid.clear()

    def _tokens(self):
        self.tokens += 1
        self.valid = {f"access-{self.tokens}"}
        self.refreshes = {f"refresh-{self.tokens}"}
        result = {
            "AccessToken": f"access-{self.tokens}",
            "RefreshToken": f"refresh-{self.tokens}",
            "IdToken": "id",
            "ExpiresIn": self.life_s,
            "TokenType": "Bearer",
        }
        return {"message": "", "AuthenticationResult": result, "SubscriberToken": "sub_sync", "errorProcessing": False}

    def _listVenues(self, _body):  # noqa: N802
        listed = {each["VenueID"]: {k: v for k, v in each.items() if k != "VenueID"} for each in self.venues}
        return {"errorProcessing": False, "message": "", "VenueCount": len(listed), "VenueList": listed}

    def _listVenueDetails(self, body):  # noqa: N802
        for venue in self.venues:
            if venue["VenueID"] == body["VenueID"]:
                return venue
        return 401, {"message": "VenueID not found", "errorProcessing": True, "statusCode": 401}

    def _listVenueUnits(self, body):  # noqa: N802
        units = self.units[body["VenueID"]]
        return {"VenueUnitCount": len(units), "VenueUnits": units, "dateUpdated": "2026-11-21T10:45:23.456Z"}

    def _listVenueUnitDetails(self, body):  # noqa: N802
        units = [each for each in self.units[body["VenueID"]] if each["UnitID_internal"] == body["UnitID_internal"]]
        return {"VenueUnits": units, "message": "", "errorProcessing": False}

    def _listKeypools(self, _body):  # noqa: N802
        pools = {pool["KeyPoolID"]: pool for pool in self.pools}
        return {"myKeyPoolCount": len(pools), "myKeyPoolList": pools, "errorProcessing": False, "statusCode": 200}

    def _listServicePlans(self, _body):  # noqa: N802
        return self.plans

    def _listSubscribers(self, body):  # noqa: N802
        assert body["VenueID"] == "ALL"
        number, size = body["Pagination"]["Page"], min(body["Pagination"]["PageSize"], self.page_size)
        page = self.subscribers[(number - 1) * size : number * size]
        paging = {"TotalPages": -(-len(self.subscribers) // size), "TotalCount": len(self.subscribers)}
        return {"success": True, "subscribers": page, "pagination": paging}

    def _listSubscriptions(self, body):  # noqa: N802
        rows = [each for rows in self.subscriptions.values() for each in rows]
        rows = [each for each in rows if all(each[name] == body[name] for name in body if name != "AccessToken")]
        return {"message": "", "errorProcessing": False, "SubscriptionCount": len(rows), "Subscriptions": rows}

    def _listSubscriberKeys(self, body):  # noqa: N802
        pools = {}
        for each in self.keys.get(body["SubscriberToken"], []):
            inner = {name: value for name, value in each.items() if name not in ("KeyID", "KeyPoolID")}
            pools.setdefault(each["KeyPoolID"], {"SSID": "x", "Keys": {}})["Keys"][each["KeyID"]] = inner
        about = {"SubscriberToken": body["SubscriberToken"]}
        return {"success": True, "subscriberInfo": about, "keysInKeyPools": pools, "allDevices": {}}

    def _viewScratchCardBatch(self, body):  # noqa: N802
        batch = body["ScratchCard_BatchID"]
        return {batch: self.batches[body["KeyPoolID"], batch]}

    def _listRuckusR1Controllers(self, _body):  # noqa: N802
        return {"RuckusR1Controllers": self.controllers}


def unit(name, venue=VENUE, building="A", floor="1", **more):
    return {
        "UnitID_internal": f"{venue}.{name}.{building}.{floor}",
        "UnitID": name,
        "UnitBuilding": building,
        "UnitFloor": floor,
        "externalVenueUnitID": f"ext-{name}",
        "purpose": "wiredunit",
        "vlan": 1000 + int(name),
    } | more


def subscriber(token, **more):
    return {
        "SubscriberToken": token,
        "EmailAddress": f"{token}@example.net",
        "GivenName": "Ada",
        "FamilyName": "Lovelace",
        "PhoneNumber.E164": "+15559876543",
        "Status": "In Service",
        "VenueID": VENUE,
        "externalSubscriberID": f"crm-{token}",
        "dateAddedUTC.ISO8601": "2026-01-01T00:00:00.000Z",
    } | more


def subscription(id_, token, unit_id=UNIT, **more):
    return {
        "SubscriptionID": id_,
        "SubscriberToken": token,
        "VenueID": VENUE,
        "UnitID_internal": unit_id,
        "ServicePlanID": PLAN,
        "Status": "Active",
        "StartDateTimeUTC.ISO8601": "2026-01-01T05:00:00.000Z",
        "EndDateTimeUTC.ISO8601": "2027-01-01T04:59:59.000Z",
        "externalSubscriptionID": f"lease-{id_}",
    } | more


def key(id_, unit_id=UNIT, **more):
    return {
        "KeyID": id_,
        "KeyPoolID": POOL,
        "PSK": f"passphrase of {id_}",
        "KeyTag": "home",
        "Status": "In Service",
        "VenueID": VENUE,
        "UnitID_internal": unit_id,
        "ServicePlanID": PLAN,
        "Devices": [{"Calling-Station-Id": "AA-BB-CC-00-11-22", "UserDefinedHostName": "phone", "online": True}],
    } | more


def make_connector(clock=lambda: 0.0, **members):
    settings = {"username": "sync@example.net", "password": "correct horse", **members}
    return Connector(make_settings("vault", **settings), clock)


def read(vault, known=None, *, connector=None, requests=None, at=NOW, **members):
    """Return the Reading that a connector makes of a platform."""
    reading = Reading("hudson", "vault", at)
    connector = connector or make_connector(**members)
    drive(connector.read(reading, known or Known()), vault, requests)
    return reading


def faults(reading):
    return [str(fault) for fault in reading.faults]


def one(reading):
    (said,) = reading.all(SaidKey)
    return said


def stored(*keys, ends=None, subscribers=True):
    """Return what a connector knows of a store with these keys, all of sub_1's in the one unit."""
    return Known(
        keys=frozenset(keys),
        units_of_keys=dict.fromkeys(keys, UNIT),
        ends_of_keys=dict.fromkeys(keys, ends) if ends is not None else {},
        subscribers_of_keys=dict.fromkeys(keys, "sub_1") if subscribers else {},
    )


def pages(vault, count):
    vault.subscribers = [subscriber(f"sub_{n}") for n in range(count)]
    vault.subscriptions[VENUE] = [subscription(f"S{n}", f"sub_{n}") for n in range(count)]
    vault.keys = {f"sub_{n}": [key(f"psk_{n}")] for n in range(count)}


def only(reading, said):
    (one,) = reading.all(said)
    return one


def two_venues(vault):
    vault.venues.append({"VenueID": OTHER, "VenueName": "Pine House", "NAS-Identifier": "PINE", "TZ": "Europe/Berlin"})
    vault.units[OTHER] = [unit("7", OTHER)]
    vault.subscriptions[OTHER] = []
    return vault
