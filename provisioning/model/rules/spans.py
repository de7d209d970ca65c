"""Spans of time as people say them: 90m, 24h, 30d."""

import re
from datetime import timedelta
from typing import Final

from ...errors import InvalidValue

LEAST_GRACE: Final = timedelta(minutes=5)  # as VAULT has it: 5 to 1440 minutes
MOST_GRACE: Final = timedelta(hours=24)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def parse_span(text: str) -> timedelta:
    """Return a span of minutes, hours or days; InvalidValue for anything else, and for none at all."""
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text.strip(), re.ASCII)
    if match is None or not int(match[1]):
        raise InvalidValue(f"{text[:40]!r} is not a span of time, such as 90m, 24h or 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_every(text: str) -> timedelta:
    """Return how often something is done: a span of time, or seconds."""
    match = re.fullmatch(r"([0-9]{1,6})s", text.strip(), re.ASCII)
    if match is not None and int(match[1]):
        return timedelta(seconds=int(match[1]))
    return parse_span(text)


def parse_grace(text: str) -> timedelta:
    """Return how long something former goes on: 5 minutes to 24 hours."""
    span = parse_span(text)
    if not LEAST_GRACE <= span <= MOST_GRACE:
        raise InvalidValue(f"a grace of {text.strip()} is outside 5m to 24h")
    return span
