"""What VAULT takes: its calls, the members of each body with their types, and what is refused before a call begins."""

import base64
import json
from typing import Any

from .server import Refused, Request

MOST = 100  # subscribers of a page, whatever is asked for
# By path what answers, and the members: ! is required; text, or :i integer, :b boolean, :o object, :l texts.
CALLS = {
    "/subscriberconsole/login": ("login", "EmailAddress PhoneNumber SubscriberToken Password authorizationToken"),
    "/subscriberconsole/refreshAccessToken": ("refresh", "RefreshToken! VenueID!"),
    "/networkoperatorconsole/venues/listVenues": ("venues", "VenueID!"),
    "/networkoperatorconsole/venues/listVenueDetails": ("venue", "VenueID!"),
    "/networkoperatorconsole/venues/listVenueUnits": ("units", "VenueID externalVenueID"),
    "/networkoperatorconsole/venues/listVenueUnitDetails": (
        "unit",
        "VenueID! UnitID_internal UnitBuilding UnitFloor UnitID UserTimeZone:i",
    ),
    "/networkoperatorconsole/keypools/listKeypools": ("keypools", "VenueID!"),
    "/venuemgmtconsole/venue_units/listKeyPoolsatVenueUnit": ("unit_keypools", "VenueID! UnitID_internal!"),
    "/networkoperatorconsole/equipment/listServicePlans": ("plans", "externalServicePlanID"),
    "/networkoperatorconsole/subscribers/listSubscribers": (
        "subscribers",
        "VenueID! ServicePlanFilter:l AccountStatusFilter:l UsageThreshold BillingStatusFilter:l AnalyticsLevel "
        "Pagination:o IncludeAnalytics:o",
    ),
    "/networkoperatorconsole/shoppingcart/listSubscriptions": (
        "subscriptions",
        "EmailAddress SubscriberToken StripeCustomerID PhoneNumber.E164 VenueID UnitID_internal ServicePlanID "
        "externalSubscriberID externalSubscriptionID externalServicePlanID paymentFailed AccountStatusAtCreation "
        "MaxViewWindowDateUTC.ISO8601 MinViewWindowDateUTC.ISO8601 onlyDisplayPendingSubscriptions:b",
    ),
    "/networkoperatorconsole/subscribers/listSubscriberKeys": (
        "keys",
        "SubscriberToken EmailAddress PhoneNumber externalSubscriberID VenueID",
    ),
    "/networkoperatorconsole/subscribers/resetKey": ("reset_key", "CurrentKeyID! UserPartForNewKey NewKey"),
    "/networkoperatorconsole/subscribers/addKey": (
        "add_key",
        "EmailAddress PhoneNumber SubscriberToken VenueID! ServicePlanID externalServicePlanID UserPartForNewKey "
        "NewKey GivenName FamilyName PolicyforSubscriberKey:o",
    ),
    "/networkoperatorconsole/scratchcards/viewScratchCardBatch": ("batch", "KeyPoolID! ScratchCard_BatchID!"),
    "/operatorconsole/config/listRuckusR1Controllers": (
        "controllers",
        "ControllerID ControllerName URL APIClientID APIClientSecret TenantID",
    ),
}
_TYPES = {"": str, "i": int, "b": bool, "o": dict, "l": list}


def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; raises `Refused` with 400 where it is none."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise Refused(400, "Content-Type must be application/json.")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise Refused(400, "Body is no JSON.") from error
    if not isinstance(body, dict):
        raise Refused(400, "Body is no JSON object.")
    return body


def check_members(body: dict[str, Any], members: str) -> None:
    """Raise `Refused` where a member is missing, unknown or of a wrong type."""
    types = {}
    for member in members.split():
        name, _, kind = member.rstrip("!").partition(":")
        types[name] = _TYPES[kind]
        if member.endswith("!") and name not in body:
            raise Refused(400, f"{name} is required.")
    for name, value in body.items():
        if name not in types:
            raise Refused(400, f"{name} is not a member of this request.")
        if not isinstance(value, types[name]) or (types[name] is int and isinstance(value, bool)):
            raise Refused(400, f"{name} is of a wrong type.")


def pagination(asked: dict[str, Any]) -> tuple[int, int]:
    """Return page and size; more than a hundred of a page are never given."""
    number, size = asked.get("Page", 1), asked.get("PageSize", MOST)
    if not asked.keys() <= {"Page", "PageSize"} or type(number) is not int or type(size) is not int:
        raise Refused(400, "Pagination is invalid.")
    if number < 1 or size < 1:
        raise Refused(400, "Pagination is invalid.")
    return number, min(size, MOST)


def kind(word: str) -> str:
    """Return the word of `AccountStatusFilter` for a status."""
    return {"in service": "ACTIVE", "active": "ACTIVE", "aup not accepted": "PENDING"}.get(word.lower(), word.upper())


def jwt(claims: dict[str, Any]) -> str:
    parts = ({"alg": "RS256", "typ": "JWT"}, claims, {"not": "signed"})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
