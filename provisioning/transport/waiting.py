"""When a request that got no answer is asked again."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from .limits import Limits

PATIENT: Final = frozenset({429, 503})  # too many requests, maintenance: asked as long as patience lasts
REPEATED: Final = PATIENT | {408, 500, 502, 504}


def backoff(tries: int, limits: Limits, jitter: float) -> float:
    """Return the seconds to wait after so many tries; `jitter`, 0 to 1, adds up to a quarter."""
    doubled = limits.backoff_s * 2.0 ** min(tries - 1, 30)
    return min(doubled, limits.longest_backoff_s) * (1 + jitter / 4)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a Retry-After asks for (RFC 9110 section 10.2.3), None where it says nothing usable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    at = parse_date(text)
    return None if at is None else max(0.0, at - now)


def parse_date(text: str) -> float | None:
    """Return an HTTP date (RFC 9110 section 5.6.7) as seconds since 1970, None where it is none."""
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
