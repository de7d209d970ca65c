"""Reads the whole list of relationships, by pages that may shift while they are read, until two readings agree."""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from ...sync import WHOLE, Kind, Reading, shorten
from ..exchange import Exchange, PlatformError, Request
from ..fields import BadRecord, find_id, name_record, parse_records
from ..session import Session
from .payloads import RELATIONSHIPS, Page, Relationship, read_page

LIMIT: Final = 100  # of a page: the default, and the most there may be
_SHOWN: Final = ("property identifier", "account identifier", "relationship", "start-date")  # of one without an id
_MOST_PASSES: Final = 3
_MOST_PAGES: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """A page as it was read before: where its octets are the same, so are its records."""

    digest: bytes
    ids: tuple[str, ...]
    count: int


@dataclass(slots=True)
class _Pass:
    """One reading of the list."""

    ids: set[str] = field(default_factory=set)
    count: int = 0
    is_whole: bool = False

    def agrees(self, other: "_Pass") -> bool:
        return self.is_whole and other.is_whole and self.ids == other.ids and self.count == other.count


@dataclass
class Listing:
    """All relationships, by identifier, as they were read last.

    path: of the list
    """

    reading: Reading
    session: Session
    path: str
    records: dict[str, Relationship] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)  # those that cannot be read, too

    def __post_init__(self) -> None:
        self._bad: dict[str, tuple[str | None, BadRecord, int]] = {}  # and how many are on the pages before
        self._twice: set[str] = set()
        self._unknown: set[str] = set()
        self._pages: dict[int, _Seen] = {}

    def read(self) -> Exchange[bool]:
        """Read all; return whether two readings agreed. Raises PlatformError where not even one page can be read."""
        passes: list[_Pass] = []
        agreed = False
        while len(passes) < _MOST_PASSES and not agreed:
            passes.append((yield from self._pass(is_first=not passes)))
            self.ids |= passes[-1].ids
            if not passes[-1].is_whole:
                break
            agreed = len(passes) > 1 and passes[-1].agrees(passes[-2]) and passes[-1].count == len(passes[-1].ids)
        if not agreed and passes[-1].is_whole:
            counts = ", ".join(f"{each.count:,}" for each in passes)
            self.reading.partial(WHOLE, f"the list of relationships differs from one reading to the next: {counts}")
        self._tell()
        return agreed

    def read_first(self) -> Exchange[None]:
        """Read one page; raises PlatformError."""
        yield from self._page(0)
        self._tell()

    def _pass(self, *, is_first: bool) -> Exchange[_Pass]:
        done = _Pass()
        for number in range(_MOST_PAGES):
            try:
                page = yield from self._page(done.count)
            except PlatformError as error:
                if is_first and number == 0:
                    raise
                self.reading.partial(WHOLE, str(error))
                return done
            fresh = set(page.ids) - done.ids
            done.ids |= fresh
            done.count += page.count
            if page.count < LIMIT:
                done.is_whole = True
                return done
            if not fresh:
                self.reading.partial(WHOLE, f"a page at offset {done.count - page.count:,} has nothing that is new")
                return done
        self.reading.partial(WHOLE, f"there are more than {_MOST_PAGES:,} pages of relationships")
        return done

    def _page(self, offset: int) -> Exchange[_Seen]:
        answer = yield from self.session.ask(
            Request(
                path=self.path,
                query=(("limit", str(LIMIT)), ("offset", str(offset))),
                what=f"relationships from {offset:,} on",
            )
        )
        digest = hashlib.sha256(answer.body).digest()
        seen = self._pages.get(offset)
        if seen is None or seen.digest != digest or not answer.is_ok:
            page = read_page(answer)
            seen = self._pages[offset] = _Seen(digest, self._take(page, offset), len(page.rows))
        return seen

    def _take(self, page: Page, offset: int) -> tuple[str, ...]:
        self._unknown |= page.unknown
        good, bad = parse_records(RELATIONSHIPS, page.rows)
        ids: dict[str, Relationship] = {}
        for each in good:
            if ids.setdefault(each.identifier, each) != each:
                self._twice.add(each.identifier)
            self.records[each.identifier] = each
            self._bad.pop(each.identifier, None)
        unreadable = []
        for record in bad:
            id_ = find_id(record.raw, ["identifier"])
            unreadable.append(id_ or f"\0{offset + record.index}")  # in no identifier
            self._bad[unreadable[-1]] = id_, record, offset
            self.records.pop(unreadable[-1], None)
        return (*ids, *unreadable)

    def _tell(self) -> None:
        for id_, bad, offset in self._bad.values():
            text = bad.text if id_ is not None else f"{bad.text}: {name_record(bad, 'record', _SHOWN, start=offset)}"
            self.reading.unreadable(Kind.KEY, id_, WHOLE, text, field=bad.field)
        for id_ in sorted(self._twice):
            self.records.pop(id_, None)
            self.reading.hold_back(Kind.KEY, id_, WHOLE, "its identifier stands for two different records")
        for name in sorted(self._unknown)[:20]:
            self.reading.note(WHOLE, f"relationships have {shorten(name)}, which no document tells of: it is left out")
