"""Calls of the API: every one is a POST with the AccessToken in its body, and says in four ways that it failed.

# Rule: only this file knows tokens. What the platform sends as an error's text is not repeated, as it may echo them.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..exchange import JSON_TYPE, Answer, Exchange, PlatformError, Refused, Request, Unavailable, Unreadable, json_body
from ..settings import ConnectorSettings
from .payloads import are_true, count_of

SIDE_BY_SIDE: Final = 256  # requests in one list

_LOGIN: Final = "/subscriberconsole/login"
_REFRESH: Final = "/subscriberconsole/refreshAccessToken"
_LIFE_S: Final = 3600.0  # of a token that does not say it
_MARGIN_S: Final = 300.0  # a token is renewed so long before its end
_UNAUTHORISED: Final = 401  # also the status of business errors
_MOST_TEXT: Final = 2000  # characters of an error that are looked at

_PHONE: Final = re.compile(r"\+?[1-9][0-9]{6,14}")
# A subscriber's token is an id: what is wrong with it is not cured by another login.
_OF_THE_TOKEN: Final = re.compile(r"(?<!subscriber)(?<!subscriber[ _-])token", re.IGNORECASE)
# What the document says an error can be about, longest first; a message shows these words of it alone.
_PHRASES: Final = (
    "Subscriber not found",
    "write_access_read_only",
    "Write access not permitted",
    "AccessToken missing or invalid",
    "Access denied",
    "OperatorID",
    "VenueID",
    "UnitID",
    "Server busy",
    "maintenance",
    "not found",
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its path as printed, and what its body has beside the token."""

    path: str
    what: str
    members: dict[str, Any] = field(repr=False)
    is_read: bool = True


class TokenRefused(Refused):
    """A refusal whose text speaks of the token."""


class Session:
    """A login and what is asked with it. Tokens are renewed before their time is over, and where one is refused.

    clock: seconds that only go forward
    venue: a VenueID that the account knows, "" before it knows any: some calls want one, and use it for nothing
    """

    def __init__(self, settings: ConnectorSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self.venue = settings.sites[0] if settings.sites else ""
        self._access: str | None = None
        self._refresh: str | None = None
        self._renew_at = 0.0
        self._pace_s = 0.0  # of a call among many
        self._lost: PlatformError | None = None

    def begin(self) -> None:
        """Start anew where credentials were refused the last time: they may have been put right since."""
        if self._lost is not None:
            self._lost = self._access = self._refresh = None

    def call(self, call: Call) -> Exchange[Any]:
        """Return what a call answers; raises PlatformError where it failed."""
        (answer,) = yield from self.calls([call])
        if isinstance(answer, PlatformError):
            raise answer
        return answer

    def calls(self, calls: Sequence[Call]) -> Exchange[list[Any]]:
        """Return what each of at most 256 calls answers, or the PlatformError that it met; raises where no login is."""
        results: list[Any] = []
        while len(results) < len(calls):
            if self._lost is None:
                yield from self._ensure_token()
                part = calls[len(results) : len(results) + self._most_at_once()]
                results += yield from self._ask(part)
            else:
                results += [self._lost] * (len(calls) - len(results))
        return results

    def _ask(self, calls: Sequence[Call]) -> Exchange[list[Any]]:
        """Return what each call answers; those whose token is refused are repeated with a new one.

        Where some of them get through and some do not, the new one has expired in its turn, and those are repeated
        again: fewer in each round. Where none does, they are refused whatever their token.
        """
        results = yield from self._send(calls)
        refused = [place for place, result in enumerate(results) if isinstance(result, TokenRefused)]
        while refused:
            try:
                yield from self._renew()
            except PlatformError as error:  # the rest of the reading is not asked for in vain
                self._lost = error
                for place in refused:
                    results[place] = error
                break
            answers = yield from self._send([calls[place] for place in refused])
            for place, answer in zip(refused, answers, strict=True):
                results[place] = answer
            again = [place for place in refused if isinstance(results[place], TokenRefused)]
            if len(again) == len(refused):
                break
            refused = again
        return results

    def _send(self, calls: Sequence[Call]) -> Exchange[list[Any]]:
        sent_at = self._clock()
        answers = yield [self._request(call) for call in calls]
        self._pace_s = (self._clock() - sent_at) / len(calls)
        return [judge(answer) for answer in answers]

    def _most_at_once(self) -> int:
        """Return how many calls the token outlives, at the pace of the last ones."""
        left_s = self._renew_at - self._clock()
        return SIDE_BY_SIDE if self._pace_s * SIDE_BY_SIDE <= left_s else max(1, int(left_s / self._pace_s))

    def _request(self, call: Call) -> Request:
        body = json_body({"AccessToken": self._access, **call.members})
        return _post(call.path, call.what, body, may_repeat=call.is_read)

    def _ensure_token(self) -> Exchange[None]:
        if self._access is None:
            yield from self._login()
        elif self._clock() >= self._renew_at:
            try:
                yield from self._renew()
            except PlatformError:  # the token may still be good: a refusal is what tells
                self._renew_at = self._clock() + _MARGIN_S

    def _renew(self) -> Exchange[None]:
        """Get new tokens by the refresh token, or by a login where that is not to be had."""
        if self._refresh is not None:
            body = json_body({"AccessToken": self._access, "RefreshToken": self._refresh, "VenueID": self.venue})
            # A refresh token is good for once: repeated, it would be refused.
            (answer,) = yield [_post(_REFRESH, "renewal of the token", body, may_repeat=False)]
            if not isinstance(result := judge(answer), PlatformError) and self._take(result):
                return
            self._refresh = None
        yield from self._login()

    def _login(self) -> Exchange[None]:
        username = self._settings.username or ""
        name = "EmailAddress" if "@" in username else "PhoneNumber" if _PHONE.fullmatch(username) else "SubscriberToken"
        body = json_body({name: username, "Password": self._settings.credentials.get("password")})
        (answer,) = yield [_post(_LOGIN, "login", body, may_repeat=True)]
        if isinstance(result := judge(answer), PlatformError):
            if isinstance(answer, Answer) and answer.status == _UNAUTHORISED:
                raise Refused(f"{result}: the user name or the password is refused")
            raise result
        if not self._take(result):
            raise Refused("login: the answer has no AccessToken")

    def _take(self, answer: Any) -> bool:
        """Keep the tokens of an answer, all of them before one is used; return whether it has any."""
        found = answer.get("AuthenticationResult", answer) if isinstance(answer, dict) else None
        if not isinstance(found, dict) or not isinstance(access := found.get("AccessToken"), str) or not access:
            return False
        if isinstance(refresh := found.get("RefreshToken"), str) and refresh:
            self._refresh = refresh
        self._access = access
        life_s = float(count_of(found, "ExpiresIn") or _LIFE_S)
        self._renew_at = self._clock() + life_s - min(_MARGIN_S, life_s / 10)
        return True


def judge(answer: Answer | Unavailable) -> Any:
    """Return what an answer says, or the PlatformError that it is.

    It failed where HTTP, or the statusCode in the body, is 400 or more, errorProcessing is true or success is false.
    """
    if isinstance(answer, Unavailable):
        return answer
    value, unreadable = None, None
    try:
        value = answer.json()
    except Unreadable as error:
        unreadable = error
    status = max(answer.status, (count_of(value, "statusCode") or 0) if isinstance(value, dict) else 0)
    is_failure = not answer.is_ok or status >= 400
    if isinstance(value, dict):
        said_no = value.get("success") is False or str(value.get("success")).lower() == "false"
        is_failure = is_failure or said_no or are_true(value.get("errorProcessing"))
    if not is_failure:
        return value if unreadable is None else unreadable
    text = _text(value, answer.body)
    if answer.status == 429 or answer.status >= 500:
        return Unavailable(f"{answer.request.what}: HTTP {answer.status}")
    kind = TokenRefused if status == _UNAUTHORISED and _OF_THE_TOKEN.search(text) else Refused
    return kind(f"{answer.request.what}: HTTP {answer.status}{_said(status, answer.status, text)}")


def _text(value: Any, body: bytes) -> str:
    """Return what an error says, in `message` or as it came."""
    if isinstance(value, dict):
        said = value.get("message") or value.get("Message") or value.get("error")
        return said[:_MOST_TEXT] if isinstance(said, str) else ""
    return body[:_MOST_TEXT].decode("utf-8", "replace")


def _said(status: int, http_status: int, text: str) -> str:
    inner = f", statusCode {status}" if status != http_status else ""
    low = text.lower()
    phrase = next((phrase for phrase in _PHRASES if phrase.lower() in low), None)
    if phrase is None and _OF_THE_TOKEN.search(text):
        phrase = "token"
    return inner + (f', about "{phrase}"' if phrase else "")


def _post(path: str, what: str, body: bytes, *, may_repeat: bool) -> Request:
    headers = (JSON_TYPE, ("Accept", "application/json"))
    return Request(method="POST", path=path, what=what, headers=headers, body=body, may_repeat=may_repeat)
