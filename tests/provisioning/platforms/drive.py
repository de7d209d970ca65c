"""Run a connector's generator: against answers that a test names, or against a real HTTP server.

    result = drive(connector.read(reading, Known()), {"/team": [{"TeamId": "T1"}]})

The answers: a callable that takes the Request, or a mapping of paths ("/team", or "GET /team" for one method) to what
comes back. What comes back: an Answer; an Unavailable; a status; bytes or text (200); (status, anything of these);
anything else as JSON (200). A `Turns` of these is one after the other, the last for ever. An unnamed path: 404.
"""

from collections.abc import Callable, Mapping

import httpx
import pydantic_core

from provisioning.platforms import Answer, ConnectorSettings, Credentials, Request, Unavailable

MOST_SIDE_BY_SIDE = 256
MOST_REQUESTS = 20_000  # a generator that never ends fails its test


class Turns:
    """What comes back the first time, the second time, and so on."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def next(self):
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def make_settings(platform, *, url="https://platform.test/api", **members):
    """Return the settings of a connector; its secrets (token="...", password="...") may be callables."""
    secrets = {name: members.pop(name) for name in ("password", "token", "api_key", "client_secret") if name in members}

    def load(name):
        value = secrets.get(name)
        return value() if callable(value) else value

    members = {"name": platform, **members}
    return ConnectorSettings(platform=platform, url=url, credentials=Credentials(load), **members)


def drive(exchange, answers: Mapping | Callable, requests=None):
    """Return what the generator returns; append every Request to `requests`."""
    answer = answers if callable(answers) else lambda request: _of_mapping(answers, request)
    return _run(exchange, lambda request: _answer(request, answer(request)), requests)


def drive_http(exchange, url, requests=None, *, timeout_s=10):
    """Return what the generator returns, run against a server at `url`."""
    with httpx.Client(timeout=timeout_s, trust_env=False) as client:

        def fetch(request):
            try:
                response = client.request(
                    request.method,
                    request.url or url + request.path,
                    params=request.query or None,
                    headers=dict(request.headers),
                    content=request.body,
                )
            except httpx.HTTPError as error:
                return Unavailable(f"{request.what}: {type(error).__name__}")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(request, response.status_code, headers, response.content)

        return _run(exchange, fetch, requests)


def _run(exchange, fetch, requests):
    count, reply, error = 0, None, None
    while True:
        try:
            asked = exchange.send(reply) if error is None else exchange.throw(error)
        except StopIteration as stop:
            return stop.value
        reply = error = None
        batch = [asked] if isinstance(asked, Request) else list(asked)
        assert 1 <= len(batch) <= MOST_SIDE_BY_SIDE
        assert all(isinstance(request, Request) for request in batch)
        count += len(batch)
        assert count <= MOST_REQUESTS, "the generator does not come to an end"
        if requests is not None:
            requests.extend(batch)
        answers = [fetch(request) for request in batch]
        if not isinstance(asked, Request):
            reply = answers
        elif isinstance(answers[0], Unavailable):
            error = answers[0]
        else:
            reply = answers[0]


def _of_mapping(answers, request):
    for key in (f"{request.method} {request.path}", request.path):
        if key in answers:
            found = answers[key]
            return found(request) if callable(found) else found
    return 404


def _answer(request, said):
    while isinstance(said, Turns):
        said = said.next()
    if isinstance(said, Answer | Unavailable):
        return said
    status = 200
    if isinstance(said, tuple):
        status, said = said
    elif isinstance(said, int):
        status, said = said, b""
    if isinstance(said, str):
        said = said.encode()
    kind = "application/octet-stream"
    if not isinstance(said, bytes):
        said, kind = pydantic_core.to_json(said), "application/json"
    elif said[:1] == b"<":
        kind = "application/xml"
    return Answer(request, status, {"content-type": kind}, said)
