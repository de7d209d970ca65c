"""Somebody as far as data tells of them: the rows that are theirs, and what would give them away elsewhere."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from crypto import MacAddress

from ..text import quote

_NOTHING: Final = re.compile(rb"(?!)")
_BEFORE, _AFTER = rb"(?<![0-9A-Za-z_\x80-\xff])", rb"(?![0-9A-Za-z_\x80-\xff])"  # a word is not a part of another


@dataclass(frozen=True, slots=True)
class Person:
    """What is kept about somebody."""

    subscriber_id: int | None  # None: of keys that are no subscriber's
    rows: frozenset[tuple[str, int]]  # theirs, by table and id; devices by the id of their key
    names: frozenset[str]  # that are nobody else's: names, tokens, identities, ids in other systems
    shared_names: frozenset[str]  # that others have as well, or a flat
    devices: frozenset[MacAddress]

    @property
    def key_ids(self) -> tuple[int, ...]:
        return tuple(sorted(id_ for table, id_ in self.rows if table == "keys"))

    def mentions(self) -> re.Pattern[bytes]:
        """Return what finds a name or an address of theirs in text, JSON or the log, however it is written."""
        forms = {form for name in self.names for form in _written(name)}
        parts = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
        parts += [rb"[:.-]?".join(re.escape(f"{octet:02x}".encode()) for octet in mac.value) for mac in self.devices]
        return re.compile(_any_of(parts), re.IGNORECASE) if parts else _NOTHING

    def log_lines(self) -> re.Pattern[bytes]:
        """Return what finds something of theirs in a line of the server's log."""
        keys = [b"key=%d" % id_ for id_ in self.key_ids]
        return re.compile(b"|".join([self.mentions().pattern, *([_any_of(keys)] if keys else [])]), re.IGNORECASE)


def _any_of(parts: Iterable[bytes]) -> bytes:
    return _BEFORE + rb"(?:" + b"|".join(parts) + rb")" + _AFTER


def _written(name: str) -> set[bytes]:
    """Return how a name stands in text, in JSON of either kind, and in the log."""
    json_forms = (json.dumps(name, ensure_ascii=False), json.dumps(name))
    texts = (name, *(form[1:-1] for form in json_forms), quote(name).strip('"'))
    return {text.encode("utf-8", "surrogatepass") for text in texts}
