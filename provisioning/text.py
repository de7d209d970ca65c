"""How values and times stand in the log, and wherever else an operator reads the same things."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_BARE = re.compile(r"[A-Za-z0-9_.:/@+-]+").fullmatch
ABSENT: Final = frozenset({"none", "unknown"})  # bare, these are the absence of a value


def quote(text: str) -> str:
    """Return `text` as one value of a key=value line: in quotes, with escapes, where it is not plain."""
    if _BARE(text) and text not in ABSENT:
        return text
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(map(_escape, text)) + '"'


@lru_cache(maxsize=4096)
def quote_octets(octets: bytes) -> str:
    r"""Return an SSID as one value: UTF-8 where it is, other octets as \xNN."""
    return quote(octets.decode("utf-8", "surrogateescape"))


def printable(text: str) -> str:
    """Return `text` with escapes for what could move a terminal's cursor."""
    return text if text.isprintable() else "".join(c if c in '"\\' else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # an octet that is not UTF-8, as surrogateescape carries it
        return f"\\x{code - 0xDC00:02x}"
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 128 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def render_time(unix_ms: int) -> str:
    """Return 2026-10-31T08:15:02.123Z; the empty text where the year is past 9999."""
    seconds, ms = divmod(unix_ms, 1000)
    whole = _render_second(seconds)
    return f"{whole}.{ms:03d}Z" if whole else ""


@lru_cache(maxsize=4)  # thousands of lines share one
def _render_second(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return ""
