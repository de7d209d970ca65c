"""Requests with a token: said no to it, a new one is fetched, and what was refused is asked once more."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

from ..exchange import JSON_TYPE, Answer, Exchange, Refused, Request, Unavailable, Unreadable, bearer
from ..fields import describe
from ..settings import ConnectorSettings
from .payloads import Token

P = TypeVar("P", bound=BaseModel)
_DENIED: Final = (401, 403)


class Session:
    """One tenant's."""

    def __init__(self, settings: ConnectorSettings) -> None:
        settings.require("tenant", "client_id")
        self._settings = settings
        self._token = ""

    def ask(self, request: Request) -> Exchange[Answer]:
        """Return the answer; raises Unavailable, and Refused where the client's credentials are not taken."""
        answers = yield from self.ask_all([request])
        answer: Answer | Unavailable = answers[0]
        if isinstance(answer, Answer):
            return answer
        raise answer

    def ask_all(self, requests: Sequence[Request]) -> Exchange[list[Answer | Unavailable]]:
        """Return the answers of requests that may run side by side, in their order; at most 256."""
        if not self._token:
            yield from self._log_in()
        answers: list[Answer | Unavailable] = list((yield [self._sign(request) for request in requests]))
        stale = [place for place, each in enumerate(answers) if isinstance(each, Answer) and each.status in _DENIED]
        if stale:
            yield from self._log_in()
            again = yield [self._sign(requests[place]) for place in stale]
            for place, answer in zip(stale, again, strict=True):
                answers[place] = answer
        return answers

    def _sign(self, request: Request) -> Request:
        return replace(request, headers=(bearer(self._token), JSON_TYPE, ("Accept", "application/json")))

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
            raise Refused(f"token: the tenant, client id and secret are not taken (HTTP {answer.status})")
        self._token = parse(Token, answer.json(), "token").access_token.get_secret_value()


def parse(type_: type[P], value: Any, what: str) -> P:
    """Return a payload; Unreadable, with the field and nothing of its value, where it is none."""
    try:
        return type_.model_validate(value)
    except ValidationError as error:
        field, problem = describe(error)
        raise Unreadable(f"{what}: {'the record' if field is None else field} {problem}") from None
