"""A platform that answers as the VAULT API 3.0.0 does: what a synchronisation reads, and keys taken back.

POST alone, one JSON object each way, the token in the body; answers are as uneven as the document's samples are, and
errors have its envelope. A tenancy is a subscription with a key. Left out: `addKey` for people whom it does not know.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from zlib import crc32

from .building import Building, Tenancy
from .server import Refused, Reply, Request, TestPlatform, as_json
from .vault_records import Records, Subscriber, instant, pool_id, token_of, unit_id
from .vault_requests import CALLS, body_of, check_members, jwt, kind, pagination

EMAIL, PASSWORD = "sync@example.net", "vault-password-1"
LIFE = timedelta(hours=1)
SUPPORTED_LOCALES = {"en-us": "English (US)", "es-xl": "Spanish (Latin America)"}


class Vault(TestPlatform):
    """One operator with its venues; a building is a venue."""

    spoilable = "UnitID_internal"
    tokens_expire = True

    def __init__(
        self,
        buildings: Sequence[Building],
        *,
        clock: Callable[[], datetime],
        email: str = EMAIL,
        password: str = PASSWORD,
        scope: Literal["local", "global"] = "local",
        offset: int | None = None,
        vlan_in_list: bool = True,
        makes_keys: bool = True,
        open_end: str | None = "",
        **options: Any,
    ) -> None:
        super().__init__(buildings, clock=clock, **options)
        self.records = Records(scope, offset, vlan_in_list, makes_keys, open_end)
        self.controllers: list[dict[str, Any]] = []
        self.batches: dict[tuple[str, str], dict[str, Any]] = {}
        self._credentials = {"EmailAddress": email, "Password": password}
        self._issued = 0
        self._tokens: dict[str, datetime] = {}  # access tokens, and when each ends
        self._refresh_tokens: set[str] = set()
        self._people: dict[str, Subscriber] = {}  # by their tokens
        self._by_venue: dict[str, list[Subscriber]] = {}
        self._known = -1  # how many tenancies there were when these were gathered: none is ever removed

    # What tests ask and do.

    def passphrase(self, tenancy: str) -> str | None:
        """Return the passphrase of a tenancy's key on the platform."""
        return self.records.passphrase(self._tenancy(tenancy)[1])

    def key_id(self, tenancy: str) -> str:
        """Return the KeyID of a tenancy's key."""
        return self.records.key_id(self._tenancy(tenancy)[1])

    def set_status(self, person: str, word: str | None) -> None:
        """Give a person a status that does not follow from the tenancies; None: let it follow again."""
        self.records.statuses.pop(person, None)
        if word is not None:
            self.records.statuses[person] = word
        self._rendered.clear()

    def expire_tokens(self) -> None:
        """End every access token; refresh tokens stay."""
        self._tokens = dict.fromkeys(self._tokens, datetime.min.replace(tzinfo=self.clock().tzinfo))

    def forget_refresh_tokens(self) -> None:
        """End every refresh token."""
        self._refresh_tokens.clear()

    def replace_buildings(self, buildings: Sequence[Building]) -> None:
        """Have other venues from now on."""
        self.buildings = {building.venue_id: building for building in buildings}
        self._known = -1
        self._rendered.clear()

    def add_batch(self, venue: str, created: datetime, starts: datetime, ends: datetime, cards: int = 100) -> str:
        """Make a batch of scratch cards on a venue's keypool; return its ScratchCard_BatchID."""
        building, name = self.buildings[venue], instant(created)
        window = {"StartDateTimeUTC.ISO8601": instant(starts), "EndDateTimeUTC.ISO8601": instant(ends)}
        batch = {"ScratchCard_BatchID": name, "KeyPoolID": self.records.pool(building), "SSID": building.ssid, **window}
        made = [
            {"KeyID": f"psk_{name}_{n}", "PSK": f"card-{n:03}-{crc32(name.encode()):08x}", **window, "used": False}
            for n in range(cards)
        ]
        self.batches[batch["KeyPoolID"], name] = {**batch, "Cards": [{**c, "invalidatedUTC.ISO8601": ""} for c in made]}
        return name

    # One request.

    def answer(self, request: Request) -> Reply:
        """Return what VAULT answers."""
        name, members = CALLS.get(request.path, ("", ""))
        if request.method != "POST" or not name or "?" in request.target:
            raise Refused(404, "Not found.")
        body = body_of(request)
        token = body.pop("AccessToken", None)
        if name != "login":
            self._check_token(token, expired=name == "refresh")
        check_members(body, members)
        answer = getattr(self, f"call_{name}")(body, request)
        return answer if isinstance(answer, Reply) else Reply(body=as_json(answer))

    def refusal(self, refused: Refused) -> Reply:
        """Return an error in the document's envelope, the status in it as well."""
        envelope = {"message": refused.text, "errorProcessing": True, "statusCode": refused.status}
        return Reply(refused.status, as_json({**envelope, "SupportedLocales": SUPPORTED_LOCALES}))

    def _check_token(self, token: Any, *, expired: bool) -> None:
        ends = self._tokens.get(token) if isinstance(token, str) else None
        if ends is None or (self.clock() >= ends and not expired):
            raise Refused(401, "AccessToken missing or invalid.")

    # Tokens.

    def call_login(self, body: dict[str, Any], request: Request) -> Any:
        """Sign in; only the account with an e-mail address exists."""
        if body != self._credentials:
            raise Refused(401, "Incorrect username or password.")
        staff = {"SubscriberToken": "sub_sync", "GivenName": "Sync", "FamilyName": "Account", "locale": "en-us"}
        result = {"SupportedLocales": SUPPORTED_LOCALES, "AuthenticationResult": self._issue()}
        return {**result, **staff, "errorProcessing": False}

    def call_refresh(self, body: dict[str, Any], request: Request) -> Any:
        """Renew the tokens: a refresh token serves once."""
        if body["RefreshToken"] not in self._refresh_tokens:
            raise Refused(401, "RefreshToken missing or invalid.")
        self._refresh_tokens.remove(body["RefreshToken"])
        return {"message": "", "AuthenticationResult": self._issue()}

    def _issue(self) -> dict[str, Any]:
        self._issued += 1
        ends = self.clock() + LIFE
        access, identity = (jwt({"use": use, "jti": self._issued, "exp": int(ends.timestamp())}) for use in ("a", "i"))
        refresh = jwt({"use": "r", "jti": self._issued})
        self._tokens[access] = ends
        self._refresh_tokens.add(refresh)
        kind = {"ExpiresIn": int(LIFE.total_seconds()), "TokenType": "Bearer"}
        return {"AccessToken": access, **kind, "RefreshToken": refresh, "IdToken": identity}

    # Places.

    def call_venues(self, body: dict[str, Any], request: Request) -> Any:
        """List the venues."""
        page, _ = self.page(request, list(self.buildings.values()), lambda b: self.records.venue(b, self.clock()))
        venues = {venue["VenueID"]: venue for venue in page}
        message = "Venue portfolio retrieved successfully"
        return {"errorProcessing": False, "message": message, "VenueCount": len(venues), "VenueList": venues}

    def call_venue(self, body: dict[str, Any], request: Request) -> Any:
        """Show one venue."""
        return self.records.venue_details(self._building(body), self.clock())

    def call_units(self, body: dict[str, Any], request: Request) -> Any:
        """List a venue's units."""
        building, vlan = self._building(body), self.records.vlan_in_list
        page, total = self.page(
            request, list(building.units.values()), lambda unit: self.records.unit(building, unit, vlan=vlan)
        )
        return {"VenueUnitCount": total, "VenueUnits": page, "dateUpdated": instant(self.clock())}

    def call_unit(self, body: dict[str, Any], request: Request) -> Any:
        """Show the units that the members name; venue and subscriptions with the first alone."""
        building, now = self._building(body), self.clock()
        names = ("UnitID_internal", "UnitBuilding", "UnitFloor", "UnitID")
        wanted = {name: body[name] for name in names if name in body}
        records = {unit.id: self.records.unit(building, unit) for unit in building.units.values()}
        found = [name for name, record in records.items() if wanted.items() <= record.items()]
        if not found:
            raise Refused(404, "Unit not found.")
        stays = [tenancy for tenancy in building.in_unit(found[0]) if tenancy.ends is None or tenancy.ends > now]
        pool = {"SSID": building.ssid, "Scope": self.records.scope.replace("local", "venue"), "DisplayOrder": 1}
        records[found[0]] |= {
            "Venue": {"VenueID": building.venue_id, "VenueName": building.name, "TZ": building.time_zone},
            "Keypools": {self.records.pool(building): pool},
            "AvailableServicePlans": {plan["ServicePlanID"]: plan for plan in self.records.plans()},
            "Subscriptions": [self.records.subscription(building, tenancy, now) for tenancy in stays],
        }
        message = f"Found {len(found)} units. Venue Details and subscriptions displayed for first unit only."
        return {"VenueUnits": [records[name] for name in found], "message": message, "errorProcessing": False}

    def call_keypools(self, body: dict[str, Any], request: Request) -> Any:
        """List the operator's keypools: the venues', and one of a controller, whose keys nobody can search."""
        pools: dict[str, dict[str, Any]] = {}
        for building in self.buildings.values():
            pool = pools.setdefault(self.records.pool(building), self._keypool(building))
            if self.records.scope == "local":
                pool["ConnectedVenueList"].append(building.venue_id)
        for controller in self.controllers:
            name = pool_id("Campus", "0f0f0f0f")
            pools[name] = {"KeyPoolID": name, "SSID": "Campus", "Scope": "local", "AuthenticationMechanism": "WPA3"}
            pools[name] |= {"RuckusR1ControllerID": controller["ControllerID"], "RuckusR1DPSKPoolName": "Campus"}
            pools[name] |= {"PSKCount": 0, "SubscriberCount": 0, "ConnectedVenueList": [], "DisplayOrder": 9}
        return {"myKeyPoolCount": len(pools), "myKeyPoolList": pools, "errorProcessing": False, "statusCode": 200}

    def _keypool(self, building: Building) -> dict[str, Any]:
        people = {tenancy.person.id for tenancy in building.tenancies.values()}
        return {
            "KeyPoolID": self.records.pool(building),
            "SSID": building.ssid,
            "Scope": self.records.scope,
            "AuthenticationMechanism": "WPA2",
            "DisplayOrder": 1,
            "PSKCount": len(building.tenancies),
            "SubscriberCount": len(people),
            "ConnectedVenueList": [],
        }

    def call_unit_keypools(self, body: dict[str, Any], request: Request) -> Any:
        """List a unit's keypools, the global ones left out."""
        building = self._building(body)
        if body["UnitID_internal"] not in {unit_id(building, unit) for unit in building.units.values()}:
            raise Refused(404, "Unit not found.")
        pool = {"SSID": building.ssid, "Scope": "venue", "DisplayOrder": 1, "AuthenticationMechanism": "WPA2"}
        return {"message": "", "Keypools": {self.records.pool(building): pool} if self.records.scope == "local" else {}}

    def call_plans(self, body: dict[str, Any], request: Request) -> Any:
        """List the plans: a bare array."""
        external = body.get("externalServicePlanID")
        return [plan for plan in self.records.plans() if external in (None, plan["externalServicePlanID"])]

    def call_controllers(self, body: dict[str, Any], request: Request) -> Any:
        """List the Ruckus One profiles, secrets and all; empty filters filter nothing."""
        wanted = {name: value for name, value in body.items() if value}
        return {"RuckusR1Controllers": [c for c in self.controllers if wanted.items() <= c.items()]}

    def call_batch(self, body: dict[str, Any], request: Request) -> Any:
        """Show the cards of a batch."""
        batch = self.batches.get((body["KeyPoolID"], body["ScratchCard_BatchID"]))
        if batch is None:
            raise Refused(404, "Scratch card batch not found.")
        return {body["ScratchCard_BatchID"]: batch}

    def _building(self, body: dict[str, Any]) -> Building:
        """Return the venue that a body names; an external ID wins."""
        external = body.get("externalVenueID")
        name = body.get("VenueID") if external is None else external.removeprefix("PMS_")
        if name not in self.buildings:
            raise Refused(404, "Venue not found.")
        return self.buildings[name]

    # People.

    def call_subscribers(self, body: dict[str, Any], request: Request) -> Any:
        """List a page of the subscribers of a venue, or of all."""
        if body["VenueID"] != "ALL":
            self._building(body)
        now, wanted = self.clock(), body.get("AccountStatusFilter")
        found = self._subscribers(body["VenueID"])
        if wanted:
            found = [s for s in found if kind(self.records.status(s.person, s.stays, now)) in wanted]
        number, size = pagination(body.get("Pagination", {}))
        page, total = self.page(
            request, found, lambda subscriber: self.records.subscriber(subscriber, now), (number - 1) * size, size
        )
        pages = {"Page": number, "PageSize": size, "TotalPages": -(-total // size), "TotalCount": total}
        summary = {"portfolioSummary": {"SubscriberCount": total}, "servicePlanDistribution": []}
        return {"success": True, **summary, "subscribers": page, "pagination": pages, "analytics": {}}

    def call_subscriptions(self, body: dict[str, Any], request: Request) -> Any:
        """List the subscriptions that pass every filter."""
        found = [
            record for building in self.buildings.values() for record in self.once("sub", building, self._all(building))
        ]
        earliest, latest = body.pop("MinViewWindowDateUTC.ISO8601", ""), body.pop("MaxViewWindowDateUTC.ISO8601", "")
        address = body.pop("EmailAddress", "").lower()
        if body.pop("onlyDisplayPendingSubscriptions", False) or body.pop("paymentFailed", "false") == "true":
            found = []
        if body or address or earliest or latest:
            found = [
                record
                for record in found
                if all(record.get(name) == value for name, value in body.items())
                and address in ("", record["EmailAddress"])
                and (not latest or record["StartDateTimeUTC.ISO8601"] <= latest)
                and (not earliest or (record["EndDateTimeUTC.ISO8601"] or "9") >= earliest)
            ]
        page, total = self.page(request, found, dict)
        done = {"message": "Subscription list retrieved successfully", "errorProcessing": False, "statusCode": 200}
        return {**done, "SubscriptionCount": total, "Subscriptions": page, "Subscriptions_csv": []}

    def _all(self, building: Building) -> Callable[[datetime], list[dict[str, Any]]]:
        return lambda now: [self.records.subscription(building, t, now) for t in building.tenancies.values()]

    def call_keys(self, body: dict[str, Any], request: Request) -> Any:
        """Show a subscriber's keys and devices; a venue narrows them down."""
        subscriber, now = self._subscriber(body), self.clock()
        if "VenueID" in body:
            here = self._building(body)
            subscriber = Subscriber(subscriber.person, [place for place in subscriber.places if place[0] is here])
        pools = self.records.keys(subscriber, now)
        keys = [key for pool in pools.values() for key in pool["Keys"].values()]
        devices = {device["Calling-Station-Id"]: device for key in keys for device in key["Devices"]}
        info = {"subscriberInfo": self.records.identity(subscriber.person), "keyInventory": {"KeyCount": len(keys)}}
        return {"success": True, **info, "keysInKeyPools": pools, "allDevices": devices}

    def call_reset_key(self, body: dict[str, Any], request: Request) -> Any:
        """Replace a key; the new KeyID is not told."""
        name = body["CurrentKeyID"].removeprefix("psk_").rpartition("_")[0]
        for building in self.buildings.values():
            tenancy = building.tenancies.get(name)
            if tenancy and self.records.key_id(tenancy) == body["CurrentKeyID"] and self.records.passphrase(tenancy):
                self._replace(building, tenancy, body)
                return {"message": "Wi-Fi password updated."}
        raise Refused(404, "Key not found.")

    def call_add_key(self, body: dict[str, Any], request: Request) -> Any:
        """Give a subscriber the key of a unit; neither passphrase nor KeyID is told."""
        subscriber, here = self._subscriber(body), self._building(body)
        policy = body.get("PolicyforSubscriberKey", {})
        if not policy.keys() <= {"UnitID_internal", "StartDateTimeUTC.ISO8601", "EndDateTimeUTC.ISO8601", "vlan"}:
            raise Refused(400, "PolicyforSubscriberKey is invalid.")
        stays = [tenancy for building, tenancy in subscriber.stays if building is here]
        if place := policy.get("UnitID_internal"):
            stays = [tenancy for tenancy in stays if unit_id(here, here.units[tenancy.unit]) == place]
        if not stays:
            raise Refused(401, "VenueID invalid.")
        stay = max(stays, key=lambda tenancy: tenancy.starts)
        self._replace(here, stay, body)
        billing = dict.fromkeys(
            ("StripeCustomerID", "StripeSetupIntentId", "StripeClientSecret", "StripePublishableKey"), ""
        )
        subscription = self.records.subscription(here, here.tenancies[stay.id], self.clock())
        told = {"message": "WiFi key created successfully", "errorProcessing": False}
        added = {"Subscription": subscription, "dateAddedUTC.ISO8601": instant(self.clock())}
        return {**told, **self.records.identity(subscriber.person), **billing, **added}

    def _replace(self, building: Building, tenancy: Tenancy, body: dict[str, Any]) -> None:
        whole, part = body.get("NewKey"), body.get("UserPartForNewKey")
        if (whole is None) == (part is None):
            raise Refused(400, "Either NewKey or UserPartForNewKey.")
        new = whole if whole is not None else f"{part}{crc32(tenancy.id.encode()):08x}"
        if not re.fullmatch(r"[ -~]{8,63}", new) or (part is not None and not 1 <= len(part) <= 40):
            raise Refused(400, "Key must be 8 to 63 characters.")
        building.set_passphrase(tenancy.id, new)
        self.records.resets[tenancy.id] = self.records.resets.get(tenancy.id, 0) + 1

    def _subscribers(self, venue: str = "ALL") -> list[Subscriber]:
        """Return the subscribers of a venue, or all."""
        known = sum(len(building.tenancies) for building in self.buildings.values())
        if self._known != known:
            self._people, self._by_venue, self._known = {}, {"ALL": []}, known
            for name, building in self.buildings.items():
                people = self._by_venue[name] = []
                for tenancy in building.tenancies.values():
                    subscriber = self._people.setdefault(token_of(tenancy.person.id), Subscriber(tenancy.person))
                    if not any(place[0] is building for place in subscriber.places):
                        people.append(subscriber)
                    subscriber.places.append((building, tenancy.id))
            self._by_venue["ALL"] = list(self._people.values())
        return self._by_venue[venue]

    def _subscriber(self, body: dict[str, Any]) -> Subscriber:
        """Return the subscriber that a body names in one of four ways."""
        everybody, token = self._subscribers(), body.get("SubscriberToken", "")
        for name, value in (("EmailAddress", body.get("EmailAddress")), ("PhoneNumber.E164", body.get("PhoneNumber"))):
            if value:
                token = next(
                    (
                        token_of(s.person.id)
                        for s in everybody
                        if self.records.identity(s.person)[name] == value.lower()
                    ),
                    "",
                )
        if external := body.get("externalSubscriberID"):
            token = token_of(external.removeprefix("PMS_"))
        if token not in self._people:
            raise Refused(404, "Subscriber not found")
        return self._people[token]

    def _tenancy(self, name: str) -> tuple[Building, Tenancy]:
        return next((b, b.tenancies[name]) for b in self.buildings.values() if name in b.tenancies)
