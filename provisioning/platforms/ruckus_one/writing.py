"""What a controller is told: one request for each step, and what became of it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from ...sync import Action, Pushed, SaidKey, Step
from ..exchange import Answer, Exchange, PlatformError, Request, Unavailable, Unreadable, json_body
from .payloads import Activity, Operation
from .session import Session, parse

AT_ONCE: Final = 100
_CODE: Final = re.compile(r"[A-Z][A-Z-]{0,40}-[0-9]{1,9}")
_UNTAKEN: Final = 429  # the one answer of those without a result that says it was not done


def push(session: Session, steps: Sequence[Step]) -> Exchange[Pushed]:
    """Tell the controller. What it has taken it may still be doing afterwards, and may fail to do."""
    refused: dict[str, str] = {}
    requests: dict[str, str] = {}
    unsure: set[str] = set()
    for first in range(0, len(steps), AT_ONCE):
        some = steps[first : first + AT_ONCE]
        asked = [_write(step) for step in some]
        answers = yield from session.ask_all(asked)
        for step, request, answer in zip(some, asked, answers, strict=True):
            if isinstance(answer, Unavailable):
                refused[step.id] = str(answer)
                if answer.status != _UNTAKEN:
                    unsure.add(step.id)
            elif not answer.is_ok:
                refused[step.id] = f"{request.what}: HTTP {answer.status}{_code(answer)}"
            elif (name := _request_id(answer)) is not None:
                requests[step.id] = name
    found = yield from activities(session, requests.values())
    failed = [id_ for id_, name in requests.items() if name in found and found[name].is_failed]
    refused |= dict.fromkeys(failed, "the controller took it, and then failed to do it")
    for id_ in failed:
        del requests[id_]
    return Pushed(refused=refused, requests=requests, unsure=frozenset(unsure))


def activities(session: Session, names: Iterable[str]) -> Exchange[Mapping[str, Activity]]:
    """Return what became of what was asked for, as far as that can be read."""
    found: dict[str, Activity] = {}
    every = list(dict.fromkeys(names))
    for first in range(0, len(every), AT_ONCE):
        some = every[first : first + AT_ONCE]
        answers = yield from session.ask_all(
            [Request(path=f"/activities/{quote(name, safe='')}", what="what became of a change") for name in some]
        )
        for name, answer in zip(some, answers, strict=True):
            if isinstance(answer, Answer) and answer.is_ok:
                try:
                    found[name] = parse(Activity, answer.json(), answer.request.what)
                except Unreadable:
                    continue  # reading back tells
    return found


def _write(step: Step) -> Request:
    said = step.said
    assert isinstance(said, SaidKey)  # noqa: S101 (as all steps here have it)
    path = f"/dpskServices/{quote(said.pool, safe='')}/passphrases"
    what = f"{step.action.value} {step.label}"
    if step.action is Action.END:  # one by one: of a list of which one cannot be removed, none is
        return Request(method="DELETE", path=path, what=what, body=json_body([step.id]))
    if step.action is Action.ADD:
        values = {name: value for name, value in _values(said).items() if value is not None}
        body = json_body({**values, "username": step.id})
        return Request(method="POST", path=path, what=what, body=body, may_repeat=False)
    names = {"passphrase": "passphrase", "VLAN": "vlanId", "ends": "expirationDate"}
    changed = {names[field.name] for field in step.fields}
    body = json_body({name: value for name, value in _values(said).items() if name in changed})
    return Request(method="PATCH", path=f"{path}/{quote(step.id, safe='')}", what=what, body=body)


def _values(said: SaidKey) -> dict[str, Any]:
    return {
        "passphrase": (said.passphrase or b"").decode("ascii"),
        "vlanId": said.vlan,
        "expirationDate": None if said.ends is None else f"{said.ends:%Y-%m-%dT%H:%M:%S}Z",
    }


def _request_id(answer: Answer) -> str | None:
    try:
        name = parse(Operation, answer.json(), answer.request.what).request_id
    except Unreadable:
        return None  # it was taken; reading back tells what became of it
    return name if name and len(name) <= 255 else None


def _code(answer: Answer) -> str:
    """Return the error's code, in brackets; the rest of an error may repeat the passphrase."""
    try:
        errors = answer.json_object().get("errors")
    except PlatformError:
        return ""
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    return f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
