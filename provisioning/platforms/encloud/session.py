"""enCloud's token: asked for once, sent bare, and anew whenever it is refused."""

import hashlib
from collections.abc import Sequence
from typing import Final

from ..exchange import Answer, Exchange, Refused, Request, Unavailable, basic
from ..settings import ConnectorSettings
from .payloads import parse_token

EXPIRED: Final = frozenset({401, 403, 422})  # the document gives an expired token no status
UNSURE: Final = 500  # may be one, on the first call with a token
ACCEPT: Final = ("Accept", "application/json")


class Session:
    """The credentials of one run."""

    def __init__(self, settings: ConnectorSettings, base: str) -> None:
        self._settings, self._base = settings, base
        self._token: str | None = None
        self._is_new = True  # no call was made with it yet

    def authorise(self) -> Exchange[None]:
        """Get a token. The hash is as good as the password, and is kept nowhere."""
        secret = self._settings.credentials.get("password")
        hashed = hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest()
        header = basic(self._settings.username or "", hashed)
        answer = yield Request(path=f"{self._base}/users/authorise", what="authorise", headers=(header, ACCEPT))
        if answer.status != 200:
            raise Refused(f"authorise: {_REFUSALS.get(answer.status, 'refused')} (HTTP {answer.status})")
        self._token, self._is_new = parse_token(answer), True

    def get(self, path: str, calls: Sequence[tuple[str, tuple[tuple[str, str], ...]]]) -> Exchange[list[Answer]]:
        """Return the answers to calls, each what it asks for and its query; Refused or Unavailable where one has none.

        Those that a token may have expired for are asked once more, with a new one. A token may expire again meanwhile:
        as long as each one gets some of the calls answered, the others go on with the next.
        """
        if self._token is None:
            yield from self.authorise()
        answers: list[Answer | Unavailable] = list((yield [self._request(path, *call) for call in calls]))
        refused, before = self._refused(answers, range(len(calls))), len(calls) + 1
        while refused and len(refused) < before:
            yield from self.authorise()
            repeated = yield [self._request(path, *calls[place]) for place in refused]
            for place, answer in zip(refused, repeated, strict=True):
                answers[place] = answer
            refused, before = self._refused(answers, refused), len(refused)
        self._is_new = False
        return [_served(answer) for answer in answers]

    def _refused(self, answers: Sequence[Answer | Unavailable], places: Sequence[int]) -> list[int]:
        return [place for place in places if self._may_have_expired(answers[place])]

    def _may_have_expired(self, answer: Answer | Unavailable) -> bool:
        return answer.status in EXPIRED or (self._is_new and answer.status == UNSURE)

    def _request(self, path: str, what: str, query: tuple[tuple[str, str], ...]) -> Request:
        headers = ("Authorization", self._token or ""), ("API-KEY", self._settings.credentials.get("api_key")), ACCEPT
        return Request(path=self._base + path, what=what, query=query, headers=headers)


_REFUSALS: Final = {
    401: "the user name or the password is refused",
    404: "the user is not found",
    422: "bad credentials",
}


def _served(answer: Answer | Unavailable) -> Answer:
    if isinstance(answer, Unavailable):
        raise answer
    if answer.status != 200:
        hint = ", also with a new token: is the API key right?" if answer.status in EXPIRED else ""
        raise Refused(f"{answer.request.what}: HTTP {answer.status}{hint}")
    return answer
