"""What a test platform can be told to do wrong, and how each wrong answer is made."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

# Instead of the answer, or to it on its way.
WIRE = frozenset(
    {
        "html",  # 200 with a page for people
        "rate_limited",  # 429; value: Retry-After, or None for none
        "unavailable",  # 503
        "redirect",  # 302; value: where to
        "echo",  # 500 with a page that shows the request, its credentials included
        "token_expired",  # the tokens given out so far are worth nothing from here on
        "half_character",  # a body that ends within a character of UTF-8, of the right length by its header
        "cut_short",  # a body that ends before the length its header tells
        "reset",  # the connection is reset
        "stall",  # nothing comes; value: seconds, or None until `Faults.clear`
        "huge",  # a body of 1 GB, streamed; value: octets
        "doctype",  # 200 with XML that has a document type and asks for a file of the reader's machine
        "laughs",  # 200 with XML whose entities grow to a gigabyte
    }
)
# In the list that is answered.
CONTENT = frozenset(
    {
        "empty",  # no record, and a total of none
        "page_dropped",  # a page without its records; of a list that is not paged: half of it
        "shrinking_total",  # a total that is one less, the last record gone
        "duplicate",  # one record twice, in the place of another
        "wrong_type",  # one member of one record holds what it should not; value: what, else an object
    }
)
KINDS = WIRE | CONTENT

DOCTYPE = b"""<?xml version="1.0"?><!DOCTYPE list [<!ENTITY file SYSTEM "file:///etc/passwd">]><list>&file;</list>"""
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE list [<!ENTITY l0 "ha ">'
    + b"".join(b'<!ENTITY l%d "%b">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><list>&l9;</list>"
)


@dataclass(eq=False, slots=True)
class Fault:
    """One fault for the next `times` requests to what `path` matches, after `skip` of them."""

    kind: str
    times: int
    path: re.Pattern[str]
    skip: int
    value: Any
    released: threading.Event = field(default_factory=threading.Event)
    met: int = 0  # how often it has struck


class Faults:
    """The faults that wait for their request."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._stalling: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, kind: str, times: int = 1, *, path: str = "", skip: int = 0, value: Any = None) -> Fault:
        """Let the next requests meet a fault.

        path: a regular expression, searched in path and query as sent, not in the body
        skip: how many such requests are served well before
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(sorted(KINDS))}")
        fault = Fault(kind, times, re.compile(path), skip, value)
        with self._lock:
            self._waiting.append(fault)
        return fault

    def take(self, target: str, kinds: frozenset[str]) -> Fault | None:
        """Return the first fault of these kinds that this request meets, or None."""
        if not self._waiting:
            return None
        with self._lock:
            for fault in self._waiting:
                if fault.kind not in kinds or not fault.path.search(target):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.met += 1
                if fault.kind == "stall":
                    self._stalling.append(fault)
                if fault.met >= fault.times:
                    self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Forget all faults that wait, and let go of what is stalled."""
        with self._lock:
            for fault in (*self._waiting, *self._stalling):
                fault.released.set()
            self._waiting.clear()
            self._stalling.clear()

    @property
    def waiting(self) -> bool:
        """Whether any fault has not struck as often as it should."""
        return bool(self._waiting)


def tamper(fault: Fault, page: list[dict[str, Any]], total: int, spoilable: str) -> tuple[list[dict[str, Any]], int]:
    """Return the records and the total that a fault leaves of a page."""
    middle = len(page) // 2
    match fault.kind:
        case "empty":
            return [], 0
        case "page_dropped":
            return (page[:middle], total) if len(page) == total else ([], total)
        case "shrinking_total":
            return page[:-1], max(0, total - 1)
        case "duplicate" if len(page) > 1:
            return [*page[:-1], page[0]], total
        case "wrong_type" if page:
            broken = {**page[middle], spoilable: {"unexpected": []} if fault.value is None else fault.value}
            return [*page[:middle], broken, *page[middle + 1 :]], total
    return page, total


def cut_in_a_character(body: bytes) -> bytes:
    """Return the body up to the first octet of its last longer character; of plain ASCII, half and a stray octet."""
    for place in range(len(body) - 1, -1, -1):
        if body[place] >= 0xC0:
            return body[: place + 1]
    return body[: len(body) // 2] + b"\xc3"


def echo(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return an error page that shows what was sent, as careless frameworks do."""
    sent = "\n".join(f"{name}: {value}" for name, value in headers.items())
    return f"<h1>Unhandled exception</h1><pre>{escape(sent)}\n\n{escape(body.decode(errors='replace'))}</pre>".encode()
