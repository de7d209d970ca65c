"""The connector: read what a controller's pools hold, and tell them what is different here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

from ...sync import Action, Contents, Fault, Kind, Reading, SaidKey, Service, Step, ThereKey, shorten
from ..exchange import (
    JSON_TYPE,
    Answer,
    Exchange,
    Known,
    PlatformError,
    Refused,
    Request,
    Unavailable,
    Unreadable,
    bearer,
    json_body,
)
from ..settings import ConnectorSettings
from .payloads import Activity, Operation, Passphrase, Pool, Token

P = TypeVar("P", bound=BaseModel)
PAGE: Final = 500
_AT_ONCE: Final = 50
_MOST_PAGES: Final = 2000


class Connector:
    """One tenant of RUCKUS One."""

    def __init__(self, settings: ConnectorSettings) -> None:
        settings.require("tenant", "client_id")
        self._settings = settings
        self._token = ""

    # What the tables of connectors ask of each; nothing comes from here.

    def read(self, reading: Reading, known: Known) -> Exchange[None]:  # noqa: ARG002
        """Nothing is taken over from a controller."""
        yield from ()
        raise Refused("keys go to RUCKUS One, none come from there")

    def check(self) -> Exchange[list[str]]:
        """Read the pools, and the first page of one of them."""
        pools = yield from self._pools()
        if not pools:
            return ["the credentials are taken; there is no DPSK pool"]
        answer: Answer = yield from self._ask(self._page(pools[0], 1))
        rows, total = self._rows(answer)
        told = [f"{len(pools)} DPSK pools: {', '.join(shorten(pool.name) for pool in pools[:10])}"]
        told.append(f"{shorten(pools[0].name)} has {total} passphrases, of which {len(rows)} were read")
        return told

    # Reading.

    def contents(self, ssids: Mapping[str, str]) -> Exchange[Contents]:
        """Return what is in the pools that are named here.

        ssids: names of pools -> SSID
        """
        services: list[Service] = []
        keys: list[ThereKey] = []
        faults: list[Fault] = []
        found = yield from self._pools()
        for pool in found:
            if pool.name not in ssids:
                continue
            try:
                there, complete = yield from self._passphrases(pool, faults)
            except PlatformError as error:
                faults.append(self._fault(pool.name, str(error)))
                there, complete = [], False
            refused = "it mails passphrases in clear whenever one changes: switch its notifications off"
            services.append(
                Service(id=pool.id, name=pool.name, is_complete=complete, refused=refused if pool.notifies else None)
            )
            keys += there
        absent = set(self._settings.sites) - {pool.name for pool in found}
        faults += [self._fault(name, "there is no DPSK pool of that name") for name in sorted(absent)]
        return Contents(services=tuple(services), keys=tuple(keys), faults=tuple(faults))

    def _pools(self) -> Exchange[list[Pool]]:
        request = Request(method="POST", path="/dpskServices/query", what="DPSK pools", body=b"{}")
        answer: Answer = yield from self._ask(request)
        return [_parse(Pool, row, answer) for row in _list(answer)]

    def _passphrases(self, pool: Pool, faults: list[Fault]) -> Exchange[tuple[list[ThereKey], bool]]:
        """Return a pool's passphrases, and whether they are all: as many as the total, which no page changed."""
        found: dict[str, ThereKey] = {}
        total, complete = None, True
        for page in range(1, _MOST_PAGES):
            answer: Answer = yield from self._ask(self._page(pool, page))
            rows, said = self._rows(answer)
            if total is not None and said != total:
                faults.append(self._fault(pool.name, f"the total changed from {total} to {said} while it was read"))
                complete = False
            total = said
            before = len(found)
            for row in rows:
                try:
                    there = _parse(Passphrase, row, answer)
                except Unreadable as error:
                    faults.append(self._fault(pool.name, str(error)))
                    complete = False
                    continue
                ends = None if there.ends is None else _utc(there.ends)
                found[there.id] = ThereKey(
                    id=there.id,
                    service=pool.id,
                    username=there.username or "",
                    passphrase=there.passphrase.get_secret_value().encode(),
                    vlan=there.vlan,
                    ends=ends,
                )
            if not rows or len(found) >= total or len(found) == before:
                break
        if len(found) != total:
            faults.append(self._fault(pool.name, f"{len(found)} of {total} passphrases could be read"))
            complete = False
        return list(found.values()), complete

    def _page(self, pool: Pool, page: int) -> Request:
        body = {"page": page, "pageSize": PAGE, "sortField": "username", "sortOrder": "ASC"}
        return Request(
            method="POST",
            path=f"/dpskServices/{quote(pool.id, safe='')}/passphrases/query",
            what=f"passphrases of {shorten(pool.name)}, page {page}",
            body=json_body(body),
        )

    @staticmethod
    def _rows(answer: Answer) -> tuple[list[Any], int]:
        value = answer.check().json_object()
        paging = value.get("paging") if isinstance(value.get("paging"), dict) else {}
        total = value.get("totalCount", value.get("totalElements", paging.get("totalCount") if paging else None))
        if not isinstance(total, int) or isinstance(total, bool):
            raise Unreadable(f"{answer.request.what}: there is no total")
        return _list(answer), total

    # Writing.

    def push(self, steps: Sequence[Step]) -> Exchange[dict[str, str]]:
        """Tell the controller; return what it refused: the step's id -> why. The rest is being done there."""
        refused: dict[str, str] = {}
        asked: list[tuple[Sequence[Step], Request]] = []
        ends: defaultdict[str, list[Step]] = defaultdict(list)
        for step in steps:
            if step.action is Action.END:
                ends[step.venue].append(step)
            else:
                asked.append(([step], self._write(step)))
        for service, ending in ends.items():
            for first in range(0, len(ending), 100):
                some = ending[first : first + 100]
                asked.append((some, self._delete(service, some)))
        for first in range(0, len(asked), _AT_ONCE):
            some_asked = asked[first : first + _AT_ONCE]
            answers = yield from self._ask_all([request for _, request in some_asked])
            activities: list[tuple[Sequence[Step], str]] = []
            for (meant, request), answer in zip(some_asked, answers, strict=True):
                if isinstance(answer, Unavailable) or not answer.is_ok:
                    why = str(answer) if isinstance(answer, Unavailable) else f"{request.what}: HTTP {answer.status}"
                    refused |= {step.id: why for step in meant}
                elif (id_ := _parse(Operation, answer.json(), answer).request_id) is not None:
                    activities.append((meant, id_))
            yield from self._look(activities, refused)
        return refused

    def _look(self, activities: Sequence[tuple[Sequence[Step], str]], refused: dict[str, str]) -> Exchange[None]:
        """Note which writes have failed by now; of one that still goes on the next run sees what became of it."""
        requests = [
            Request(path=f"/activities/{quote(id_, safe='')}", what=f"what became of {meant[0].label}")
            for meant, id_ in activities
        ]
        if not requests:
            return
        answers = yield from self._ask_all(requests)
        for (meant, _), answer in zip(activities, answers, strict=True):
            if not isinstance(answer, Answer) or not answer.is_ok:
                continue
            if _parse(Activity, answer.json(), answer).status.upper() in ("FAIL", "FAILED"):
                refused.update({step.id: "the controller took it and then failed" for step in meant})

    def _write(self, step: Step) -> Request:
        said = step.said
        assert isinstance(said, SaidKey)  # noqa: S101 (what a step of a key adds or changes)
        values: dict[str, Any] = {"passphrase": (said.passphrase or b"").decode("ascii")}
        if said.vlan is not None:
            values["vlanId"] = said.vlan
        values["expirationDate"] = None if said.ends is None else said.ends.strftime("%Y-%m-%dT%H:%M:%SZ")
        path = f"/dpskServices/{quote(step.venue, safe='')}/passphrases"
        what = f"{step.action.value} {step.label}"
        if step.action is Action.ADD:
            if said.ends is None:
                del values["expirationDate"]
            body = json_body({**values, "username": step.id})
            return Request(method="POST", path=path, what=what, body=body, may_repeat=False)
        return Request(method="PATCH", path=f"{path}/{quote(step.id, safe='')}", what=what, body=json_body(values))

    def _delete(self, service: str, steps: Sequence[Step]) -> Request:
        return Request(
            method="DELETE",
            path=f"/dpskServices/{quote(service, safe='')}/passphrases",
            what=f"remove {len(steps)} passphrases",
            body=json_body([step.id for step in steps]),
        )

    # Asking, with a token.

    def _ask(self, request: Request) -> Exchange[Answer]:
        answers = yield from self._ask_all([request])
        answer: Answer | Unavailable = answers[0]
        if isinstance(answer, Answer):
            return answer
        raise answer

    def _ask_all(self, requests: Sequence[Request]) -> Exchange[list[Any]]:
        """Send requests; those that are refused for the token are sent once more with a new one."""
        if not self._token:
            yield from self._log_in()
        answers: list[Any] = list((yield [self._with_token(request) for request in requests]))
        stale = [place for place, each in enumerate(answers) if isinstance(each, Answer) and each.status == 401]
        if stale:
            yield from self._log_in()
            again = yield [self._with_token(requests[place]) for place in stale]
            for place, answer in zip(stale, again, strict=True):
                answers[place] = answer
        return answers

    def _with_token(self, request: Request) -> Request:
        headers = (bearer(self._token), JSON_TYPE, ("Accept", "application/json"))
        return Request(
            method=request.method,
            path=request.path,
            what=request.what,
            body=request.body,
            headers=headers,
            may_repeat=request.may_repeat,
        )

    def _log_in(self) -> Exchange[None]:
        secret = self._settings.credentials.get("client_secret")
        form = {"grant_type": "client_credentials", "client_id": self._settings.client_id, "client_secret": secret}
        answer: Answer = yield Request(
            method="POST",
            path=f"/oauth2/token/{quote(self._settings.tenant or '', safe='')}",
            what="token",
            headers=(("Content-Type", "application/x-www-form-urlencoded"),),
            body=urlencode(form).encode(),
        )
        if not answer.is_ok:
            raise Refused(f"token: the client id and secret are not taken (HTTP {answer.status})")
        self._token = _parse(Token, answer.json(), answer).access_token.get_secret_value()

    def _fault(self, pool: str, text: str) -> Fault:
        return Fault("ruckus-one", shorten(pool), Kind.POOL, None, None, text, is_unreadable=True)


def _list(answer: Answer) -> list[Any]:
    value = answer.check().json()
    if isinstance(value, dict):
        value = value.get("data", value.get("content"))
    if not isinstance(value, list):
        raise Unreadable(f"{answer.request.what}: there is no list in the answer")
    return value


def _parse(type_: type[P], value: Any, answer: Answer) -> P:
    try:
        return type_.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the record"
        raise Unreadable(f"{answer.request.what}: {where}: {first['type']}") from None


def _utc(at: datetime) -> datetime:
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
