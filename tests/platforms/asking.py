"""Ask a test platform over its socket, with the standard library's client: a second opinion on our own transport."""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pcaps.platforms.server import TestPlatform


def ask(
    platform: TestPlatform,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    *,
    method: str | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of what the platform answers to `path` below its base URL."""
    base = urlsplit(platform.url)
    connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=20)
    try:
        connection.request(method or ("GET" if body is None else "POST"), base.path + path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def ask_json(platform: TestPlatform, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Return the JSON of an answer, which must be a 200."""
    status, _, body = ask(platform, path, headers, **options)
    assert status == 200, (status, body)
    return json.loads(body)
