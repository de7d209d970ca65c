"""What a line of the log looks like, written and read: time, level, event, key=value fields.

# Rule: what came off the air or from a person (SSID, identifiers, names) is quoted, so that it can neither break a line
# nor look like a field. A bare `none` or `unknown` is the absence of a value; a venue of that name is in quotes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from provisioning import ABSENT, printable, quote, quote_octets

__all__ = [
    "Line",
    "parse_line",
    "printable",
    "quote",
    "quote_name",
    "quote_octets",
    "render_json",
    "unquote",
    "unquote_ssid",
]

_HEAD = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([A-Z]+) (.*)", re.DOTALL).fullmatch
_EVENT = re.compile(r"[a-z][a-z-]*").match
_FIELD = re.compile(r' ([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]+)').match
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))")
_COUNTS: Final = ("keys", "keypools", "nases", "devices", "suppressed", "input", "output")
_INTEGERS: Final = frozenset({"key", "vlan", "workers", "worker", *_COUNTS})
_NUMBERS: Final = frozenset({"ms", "seconds"})

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line read back. A torn or foreign one has a text and nothing else."""

    text: str
    time: str = ""  # sorts as the instants do
    level: str = ""
    message: str = ""  # what follows the level
    event: str = ""  # its first word, where all else are fields
    fields: Mapping[str, str] = field(default_factory=dict)  # as written, quotes and all

    def value(self, name: str) -> Value:
        """Return a field as a program wants it."""
        raw = self.fields.get(name)
        if raw is None or raw in ABSENT:
            return None
        try:
            if name in _INTEGERS:
                return int(raw)
            if name in _NUMBERS:
                return float(raw)
        except ValueError:  # key=12-keys, of an offer
            pass
        return unquote_ssid(raw) if name == "ssid" else unquote(raw)

    def view(self) -> dict[str, Value]:
        """Return all of it: ts, level, event and fields, or message where it is free text."""
        if not self.time:
            return {"message": self.text}
        head: dict[str, Value] = {"ts": self.time, "level": self.level}
        if not self.event:
            return head | {"message": self.message}
        return head | {"event": self.event} | {name: self.value(name) for name in self.fields}


def parse_line(text: str) -> Line:
    """Return what a line says; nothing is refused."""
    head = _HEAD(text)
    if head is None:
        return Line(text)
    time, level, message = head.groups()
    event = _EVENT(message)
    if event is None:
        return Line(text, time, level, message)
    fields: dict[str, str] = {}
    end = event.end()
    while (found := _FIELD(message, end)) is not None:
        fields[found[1]], end = found[2], found.end()
    if not fields or end != len(message):
        return Line(text, time, level, message)
    return Line(text, time, level, message, event[0], fields)


@lru_cache(maxsize=16_384)
def quote_name(text: str | None) -> str:
    """Return a name that comes again and again, or `none`."""
    return "none" if text is None else quote(text)


def unquote(raw: str) -> str:
    """Return the text that `quote` made this value of."""
    return _ESCAPED.sub(_unescape, raw[1:-1]) if raw.startswith('"') else raw


def unquote_ssid(raw: str) -> str:
    r"""Return an SSID as a person reads it, with what is no text still as \xNN and a backslash as two."""
    return re.sub(r"\\(.)", lambda found: '"' if found[1] == '"' else found[0], raw[1:-1]) if raw[0] == '"' else raw


def render_json(view: Mapping[str, Value]) -> str:
    """Return a line as a JSON object, readable, with escapes for what could move a terminal's cursor."""
    text = json.dumps(view, ensure_ascii=False)
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _unescape(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    return chr(int(digits, 16)) if digits else found[4]
