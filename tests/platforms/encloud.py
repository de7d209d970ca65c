"""A test platform that answers as the enCloud integration API does: authorise, and the list of devices.

A building is a customer, and its routers are the devices: they are this platform's own truth, for no tenancy has one.
The example of a list of devices is lost: the members are those of the description, and what it leaves open can be set:
totals as numbers or as text, instants in three forms, the direction of the order, and what an expired token gets.
"""

import hashlib
import random
from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pcaps.platforms.building import Building
from pcaps.platforms.server import Refused, Reply, Request, TestPlatform, as_json

EMAIL, PASSWORD = "api.user@iven.io", "Pass1234"
API_KEY = "30e087a1db41aca5942f6ae72f10db3facc409ed"
STATES = ("Registered", "Waiting For Response", "Passive", "Expired")
LIMITS = ("10", "25", "50", "100", "-1")
_PARAMETERS = {"devices", "timestamp", "keys", "customer_id", "state", "is_online", "search", "limit", "page"}
_FACTORY = datetime(2024, 1, 1, tzinfo=UTC)
Times = Literal["iso", "unix", "us"]


@dataclass(frozen=True, slots=True)
class Router:
    """One device of a customer."""

    uid: str  # 12 hexadecimal digits, upper case
    customer: str
    name: str
    created: datetime
    state: str = "Registered"
    online: bool = True


class EnCloud(TestPlatform):
    """Routers by customer; Basic once, then a token that changes by itself beside the distributor's key."""

    prefix = "/integration"
    spoilable = "device_uid"
    tokens_expire = True

    def __init__(
        self,
        buildings: Sequence[Building],
        *,
        clock: Callable[[], datetime],
        routers: int | Iterable[Router] = 3,
        email: str = EMAIL,
        password: str = PASSWORD,
        api_key: str = API_KEY,
        token_life: timedelta = timedelta(hours=1),
        expired: Literal[401, 403, 422, 500] = 401,
        times: Times = "iso",
        totals_as_text: bool = False,
        ascending: bool = False,
        **options: Any,
    ) -> None:
        """routers: how many each building has, or which."""
        super().__init__(buildings, clock=clock, **options)
        made = _made(self.buildings, routers) if isinstance(routers, int) else routers
        self.routers = {router.uid: router for router in made}
        self._email, self._hash, self._api_key = email, hashlib.md5(password.encode()).hexdigest(), api_key
        self._life, self._expired, self._times = token_life, expired, times
        self._totals_as_text, self._ascending = totals_as_text, ascending
        self._tokens = random.Random(1)
        self._token: tuple[str, datetime] | None = None  # and until when it is good

    def set_state(self, uid: str, state: str, *, online: bool | None = None) -> None:
        """Put a router into a state."""
        known = self.routers[uid]
        self.routers[uid] = replace(known, state=state, online=known.online if online is None else online)

    def expire_tokens(self) -> None:
        """Make the token that was given out invalid."""
        self._token = None

    def answer(self, request: Request) -> Reply:
        """Return what enCloud answers."""
        match (request.method, *request.parts[1:]):
            case ("GET", "users", "authorise"):
                return self._authorise(request)
            case ("GET", "devices"):
                return self._devices(request)
        raise Refused(404, "Not found.")

    def refusal(self, refused: Refused) -> Reply:
        """Return an error as the document prints them; a 500 is text."""
        if refused.status == 500:
            return Reply(500, b"Internal Server Error", "text/plain")
        body = {"status": refused.status, "description": refused.text, "ivenCode": refused.members.get("code", 0)}
        return Reply(refused.status, as_json(body))

    def _authorise(self, request: Request) -> Reply:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            email, colon, password = b64decode(encoded, validate=True).decode().partition(":")
        except (BinasciiError, UnicodeDecodeError) as error:
            raise Refused(422, "Bad credentials.", code=9007) from error
        if scheme != "Basic" or not colon or request.body or request.query:
            raise Refused(422, "Bad credentials.", code=9007)
        if email != self._email:
            raise Refused(404, "The user is not found.", code=9002)
        if password != self._hash:  # also the password itself, which is not what is asked for
            raise Refused(422, "Bad credentials.", code=9007)
        if self._token is None or self.clock() >= self._token[1]:
            letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
            self._token = "".join(self._tokens.choices(letters, k=22)), self.clock() + self._life
        return Reply(body=as_json({"user": {"auth_token": self._token[0], "name": "API User", "email": email}}))

    def _devices(self, request: Request) -> Reply:
        if request.headers.get("api-key") != self._api_key:
            raise Refused(403, "The distributor is not found.")
        token = self._token
        if token is None or self.clock() >= token[1] or request.headers.get("authorization") != token[0]:
            raise Refused(self._expired, "The token has expired.")
        query = {name: value for name, value in request.query.items() if value}  # empty ones stand in a sample
        self._check(query, request)
        found = [router for router in self._ordered() if _matches(router, query)]
        limit, number = int(query.get("limit", "10")), int(query.get("page", "1"))
        size = len(found) if limit == -1 else limit
        keys = query["keys"].split(",")
        page, total = self.page(request, found, lambda router: self._record(router, keys), (number - 1) * size, size)
        counts = {"totalResults": len(self.routers), "totalFilteredResults": total, "limit": limit, "page": number}
        answer = {name: str(count) for name, count in counts.items()} if self._totals_as_text else counts
        order = {"sort": "created_at", "sort_type": "ASC" if self._ascending else "DESC"}
        return Reply(body=as_json({**answer, **order, "devices": page}))

    def _check(self, query: dict[str, str], request: Request) -> None:
        """Raise `Refused` where a parameter is missing or not among what is permitted."""
        for name in ("timestamp", "keys"):
            if name not in query:
                raise Refused(400, f"{name} is not present")
        wrong = {
            "timestamp": not query["timestamp"].isdecimal(),
            "state": query.get("state", STATES[0]) not in STATES,
            "is_online": query.get("is_online", "true") not in ("true", "false"),
            "limit": query.get("limit", "10") not in LIMITS,
            "page": not query.get("page", "1").isdecimal() or query.get("page", "1") == "0",
            "customer_id": query.get("customer_id", next(iter(self.buildings), "")) not in self.buildings,
        }
        bad = [name for name, is_wrong in wrong.items() if is_wrong and name in query]
        bad += [name for name in request.query if name not in _PARAMETERS]
        if bad or request.body:
            raise Refused(400, f"{', '.join(bad) or 'body'} is not valid")

    def _ordered(self) -> list[Router]:
        return sorted(self.routers.values(), key=lambda r: (r.created, r.uid), reverse=not self._ascending)

    def _record(self, router: Router, keys: list[str]) -> dict[str, Any]:
        """Return a device: neither its name nor its customer is among what is described."""
        seen = self.clock() - (timedelta(seconds=40) if router.online else timedelta(days=9))
        return {
            "device_uid": router.uid,
            "sim_id": f"89310{int(router.uid, 16) % 10**14:014}",
            "location": [40.7128, -74.006],
            "frequency": 300,
            "created_at": self._instant(router.created),
            "updated_at": self._instant(router.created + timedelta(days=30)),
            "location_string": "1 Hudson Street, Zürich",
            "state": router.state,
            "last_seen": self._instant(seen),
            "last_data": {key: -71 if key == "cell.rssi" else 86400 for key in keys},
        }

    def _instant(self, at: datetime) -> str | int:
        utc = at.astimezone(UTC)
        if self._times == "unix":
            return int(utc.timestamp())
        return f"{utc:%m/%d/%Y %I:%M:%S %p}" if self._times == "us" else f"{utc:%Y-%m-%dT%H:%M:%S.000Z}"


def _matches(router: Router, query: dict[str, str]) -> bool:
    """Return whether a router passes the filters."""
    search = query.get("search", "").lower()
    return (
        query.get("customer_id", router.customer) == router.customer
        and query.get("state", router.state) == router.state
        and query.get("is_online", str(router.online).lower()) == str(router.online).lower()
        and ("devices" not in query or router.uid in query["devices"].split(","))
        and (search in router.name.lower() or search in router.uid.lower())
    )


def _made(buildings: dict[str, Building], count: int) -> Iterable[Router]:
    """Yield so many routers for each building, none entered into stock in the same second."""
    for place, venue in enumerate(buildings):
        for n in range(count):
            serial = place * count + n
            yield Router(
                f"00A0EB{serial + 0x801B98:06X}", venue, f"{venue} router {n}", _FACTORY + timedelta(hours=serial)
            )
