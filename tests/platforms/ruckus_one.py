"""A test platform that answers as RUCKUS One does for keys: a token, DPSK pools, their passphrases, activities.

Source: the vendor's public reference (docs.ruckus.cloud: "API Authentication and JWT", "DPSK Service" 0.0.3, "Activity
API"). Paths and the members of requests are the reference's. Where users of it report otherwise than it says, they are
believed, unless `as_documented` is set: pages of passphrases are counted from 1 (0 is a 500) and not from 0, and any
page asked of the pools is a 500. A write is taken with 202 and done afterwards: at once, or where `holds` is set when
`settle` is called; one that fails (a passphrase of more than 63 characters) changes nothing, and its activity alone
tells. A pool that `mails` sends a passphrase in clear to its holder whenever it changes: `mailed` has the ids.
Left out for want of a description: what becomes of two equal passphrases in one pool, and the limits of requests.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from pcaps.platforms.building import Building
from pcaps.platforms.server import Refused, Reply, Request, TestPlatform, as_json

TENANT, CLIENT_ID, CLIENT_SECRET = "0123456789abcdef0123456789abcdef", "latchkey-client", "ruckus-secret-1"
LIFE = timedelta(hours=1)
SIZES = {"documented": 20, "most": 1000}
_PAGING = {"page", "pageSize", "searchString", "searchTargetFields", "sortField", "sortOrder", "fields", "filters"}
_CREATE: dict[str, type] = {
    **dict.fromkeys(("email", "expiration", "expirationDate", "format", "id", "identityId", "mac"), str),
    **dict.fromkeys(("numberOfDevicesType", "passphrase", "phoneNumber", "username"), str),
    **dict.fromkeys(("length", "numberOfDevices", "numberOfPassphrases", "vlanId", "vxlanId"), int),
}
_CHANGE: dict[str, type] = {
    **dict.fromkeys(("createdDate", "email", "expiration", "expirationDate", "id", "identityGroupId"), str),
    **dict.fromkeys(("lastModifiedDate", "passphrase", "phoneNumber", "revocationDate", "revocationReason"), str),
    "username": str,
    "vlanId": int,
    "numberOfDevices": int,
    "isReferenced": bool,
    "devices": list,
}
_READ_ONLY = {"id", "identityId", "identityGroupId", "createdDate", "lastModifiedDate", "isReferenced", "devices"}
_JSON_TYPES = re.compile(r"application/(json|vnd\.ruckus\.v1(\.\d+)?\+json)")


@dataclass(slots=True)
class Pool:
    """One DPSK service and what it holds, by id."""

    id: str
    name: str
    mails: bool = False
    passphrases: dict[str, dict[str, Any]] = field(default_factory=dict)


class RuckusOne(TestPlatform):
    """One tenant. Each building's SSID is a pool; what is in the pools is what clients put there."""

    spoilable = "passphrase"
    tokens_expire = True

    def __init__(
        self,
        buildings: Sequence[Building],
        *,
        clock: Callable[[], datetime],
        tenant: str = TENANT,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        as_documented: bool = False,
        holds: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(buildings, clock=clock, **options)
        names = dict.fromkeys(building.ssid for building in buildings)
        self.pools = {f"pool-{n}": Pool(f"pool-{n}", name) for n, name in enumerate(names, 1)}
        self.holds = holds
        self.mailed: list[str] = []
        self._as_documented = as_documented
        self._tenant, self._client = tenant, {"client_id": client_id, "client_secret": client_secret}
        self._tokens: dict[str, datetime] = {}
        self._counter = 0
        self._activities: dict[str, str] = {}  # status by requestId
        self._waiting: list[tuple[str, Callable[[], str]]] = []

    def pool(self, name: str) -> Pool:
        """Return a pool by its name."""
        return next(pool for pool in self.pools.values() if pool.name == name)

    def settle(self) -> None:
        """Do what was taken and is waiting."""
        with self._lock:
            for request_id, change in self._waiting:
                self._activities[request_id] = change()
            self._waiting.clear()

    def expire_tokens(self) -> None:
        """Make the tokens that were given out invalid."""
        self._tokens.clear()

    def answer(self, request: Request) -> Reply:
        """Return what RUCKUS One answers."""
        match (request.method, *request.parts):
            case ("POST", "oauth2", "token", tenant):
                return self._token(request, tenant)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self.clock() >= self._tokens.get(token, self.clock()):
            raise Refused(401, "Unauthorized")
        match (request.method, *request.parts):
            case ("POST", "dpskServices", "query"):
                return self._query_pools(request)
            case ("GET", "activities", activity) if activity in self._activities:
                return self._activity(activity)
            case (method, "dpskServices", pool, "passphrases", *rest) if pool in self.pools:
                return self._passphrases(request, method, self.pools[pool], rest)
        raise Refused(404, "Not found")

    def refusal(self, refused: Refused) -> Reply:
        """Return an error with its code."""
        code = refused.members.get("code", f"GENERAL-{refused.status}")
        return Reply(refused.status, as_json({"errors": [{"code": code, "message": refused.text}]}))

    def _token(self, request: Request, tenant: str) -> Reply:
        """Exchange client credentials for a token (RFC 6749 4.4)."""
        kind = request.headers.get("content-type", "").split(";")[0]
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if kind != "application/x-www-form-urlencoded" or form.pop("grant_type", "") != "client_credentials":
            return Reply(400, as_json({"error": "unsupported_grant_type"}))
        if form != self._client or tenant != self._tenant:
            return Reply(401, as_json({"error": "invalid_client"}))
        token = f"eyJhbGciOiJSUzI1NiJ9.{self._new('token')}.c2ln"
        self._tokens[token] = self.clock() + LIFE
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": int(LIFE.total_seconds())}
        return Reply(body=as_json(answer))

    def _query_pools(self, request: Request) -> Reply:
        asked = _object(request, dict.fromkeys(_PAGING, object))
        if not self._as_documented and asked.keys() & {"page", "pageSize"}:
            raise Refused(500, "Internal Server Error")
        page, total = self.page(request, list(self.pools.values()), _pool)
        return Reply(body=as_json({"data": page, "totalCount": total, "page": 1, "pageSize": SIZES["documented"]}))

    def _passphrases(self, request: Request, method: str, pool: Pool, rest: list[str]) -> Reply:
        match (method, *rest):
            case ("POST", "query"):
                return self._query(request, pool)
            case ("GET", name) if name in pool.passphrases:
                return Reply(body=as_json(pool.passphrases[name]))
            case ("POST",):
                values = _object(request, _CREATE)
                _check_passphrase(values)
                return self._take(lambda: self._create(pool, values))
            case ("PATCH" | "PUT", name) if name in pool.passphrases:
                values = _object(request, _CHANGE)
                _check_passphrase(values)
                return self._take(lambda: self._change(pool, [name], values))
            case ("PATCH",):
                asked = _object(request, {"ids": list, "changes": dict})
                changes = _checked(asked.get("changes", {}), _CHANGE)
                _check_passphrase(changes)
                return self._take(lambda: self._change(pool, asked.get("ids", []), changes))
            case ("DELETE",):
                ids = _json(request)
                if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
                    raise Refused(400, "Malformed JSON request.", code="GENERAL-003")
                return self._take(lambda: _remove(pool, ids))
        raise Refused(404, "Not found")

    def _query(self, request: Request, pool: Pool) -> Reply:
        asked = _object(request, {**dict.fromkeys(_PAGING, object), "maxDevicesPerPassphrase": int})
        base = 0 if self._as_documented else 1
        number, size = asked.get("page", base), asked.get("pageSize", SIZES["documented"])
        if type(number) is not int or type(size) is not int or number < base or not 1 <= size <= SIZES["most"]:
            raise Refused(500, "Internal Server Error")
        whole = sorted(
            pool.passphrases.values(), key=lambda row: (str(row.get(asked.get("sortField", "id"))), row["id"])
        )
        if asked.get("sortOrder") == "DESC":
            whole.reverse()
        wanted = {*asked["fields"], "id"} if asked.get("fields") else None
        page, total = self.page(request, whole, lambda row: _fields(row, wanted), (number - base) * size, size)
        return Reply(body=as_json({"data": page, "totalCount": total, "page": number, "pageSize": size}))

    def _take(self, change: Callable[[], str]) -> Reply:
        """Accept a write; return the requestId by which its activity is found."""
        request_id = self._new("request")
        self._activities[request_id] = "INPROGRESS"
        self._waiting.append((request_id, change))
        if not self.holds:
            self.settle()
        return Reply(202, as_json({"requestId": request_id}))

    def _activity(self, name: str) -> Reply:
        """Return an activity; a code stands under `errors` of one that succeeded as well, and means nothing there."""
        status = self._activities[name]
        errors = [] if status == "INPROGRESS" else [{"code": "DPSK-10032"}]
        failed = int(status == "FAIL")
        return Reply(body=as_json({"requestId": name, "status": status, "totalFailSteps": failed, "errors": errors}))

    def _create(self, pool: Pool, values: dict[str, Any]) -> str:
        if len(values.get("passphrase") or "") > 63:
            return "FAIL"
        for _ in range(1 if values.get("passphrase") else values.get("numberOfPassphrases", 1)):
            name = self._new("passphrase")
            self.mailed += [name] if pool.mails else []
            kept = {key: value for key, value in values.items() if key not in _READ_ONLY and value is not None}
            made = {"passphrase": f"generated-{name}", "username": f"DPSK_User_{name}"}
            pool.passphrases[name] = {**made, **kept, "id": name, "createdDate": f"{self.clock():%Y-%m-%dT%H:%M:%SZ}"}
        return "SUCCESS"

    def _change(self, pool: Pool, ids: list[str], values: dict[str, Any]) -> str:
        if len(values.get("passphrase") or "") > 63 or any(name not in pool.passphrases for name in ids):
            return "FAIL"
        self.mailed += ids if pool.mails else []
        for name in ids:
            row = {**pool.passphrases[name], **{key: value for key, value in values.items() if key not in _READ_ONLY}}
            pool.passphrases[name] = {key: value for key, value in row.items() if value is not None}
        return "SUCCESS"

    def _new(self, kind: str) -> str:
        self._counter += 1
        return f"{kind}-{self._counter:08}"


def _pool(pool: Pool) -> dict[str, Any]:
    facts = {"passphraseFormat": "MOST_SECURED", "passphraseLength": 18, "autoNotificationsEnabled": pool.mails}
    return {"id": pool.id, "name": pool.name, **facts, "policyDefaultAccess": True, "networkCount": 1}


def _fields(row: dict[str, Any], wanted: set[str] | None) -> dict[str, Any]:
    return dict(row) if wanted is None else {name: value for name, value in row.items() if name in wanted}


def _remove(pool: Pool, ids: list[str]) -> str:
    if any(name not in pool.passphrases for name in ids):
        return "FAIL"
    for name in ids:
        del pool.passphrases[name]
    return "SUCCESS"


def _json(request: Request) -> Any:
    if not _JSON_TYPES.fullmatch(request.headers.get("content-type", "").split(";")[0].strip()):
        raise Refused(400, "Unsupported media type")
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise Refused(400, "Malformed JSON request.", code="GENERAL-003") from error


def _object(request: Request, members: dict[str, type]) -> dict[str, Any]:
    value = _json(request)
    if not isinstance(value, dict):
        raise Refused(400, "Malformed JSON request.", code="GENERAL-003")
    return _checked(value, members)


def _checked(value: dict[str, Any], members: dict[str, type]) -> dict[str, Any]:
    """Return an object of known members; null stands for none."""
    for name, member in value.items():
        if name not in members or not (member is None or isinstance(member, members[name])):
            raise Refused(400, f"{name} is not valid")
    vlan = value.get("vlanId")
    if vlan is not None and not 1 <= vlan <= 4094:
        raise Refused(400, "vlanId is not valid")
    return value


def _check_passphrase(values: dict[str, Any]) -> None:
    """Refuse a passphrase that is too short; one that is too long is taken, and fails afterwards."""
    if len(values.get("passphrase") or "12345678") < 8 or values.get("passphrase") == "":
        raise Refused(400, "Passphrase is too short", code="DPSK-032")
