"""Requests with a connector's credentials: said no to them, it reads the credentials anew and asks once more."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from .exchange import Answer, Exchange, Request, Unavailable

Header: TypeAlias = tuple[str, str]

_DENIED: Final = (401, 403)


class Session:
    """Adds headers to requests, the one with the credentials among them.

    header: makes that one of credentials that are read at each call, so that a renewed file counts
    """

    def __init__(self, header: Callable[[], Header], others: Sequence[Header] = ()) -> None:
        self._make, self._others = header, tuple(others)
        self._header: Header | None = None

    def ask(self, request: Request) -> Exchange[Answer]:
        """Return the answer, the second one where the first was 401 or 403; raises Unavailable."""
        answer: Answer = yield self._sign(request)
        if answer.status in _DENIED:
            self._header = None
            answer = yield self._sign(request)
        return answer

    def ask_all(self, requests: Sequence[Request]) -> Exchange[list[Answer | Unavailable]]:
        """Return the answers of requests that may run side by side, in their order; at most 256."""
        if not requests:
            return []
        answers: list[Answer | Unavailable] = list((yield [self._sign(request) for request in requests]))
        again = [place for place, each in enumerate(answers) if isinstance(each, Answer) and each.status in _DENIED]
        if again:
            self._header = None
            for place, answer in zip(again, (yield [self._sign(requests[place]) for place in again]), strict=True):
                answers[place] = answer
        return answers

    def _sign(self, request: Request) -> Request:
        if self._header is None:
            self._header = self._make()
        return replace(request, headers=(self._header, *self._others, *request.headers))
