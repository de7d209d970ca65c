"""A facility's lists of tenants: each read to its proven end, or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..exchange import Exchange, Request, Unavailable, Unreadable
from ..fields import BadRecord, in_list
from ..session import Session
from .payloads import Tenant, TenantPage, parse_page

SIDE_BY_SIDE: Final = 32  # pages in one list of requests: each is about half a megabyte
MOST_PAGES: Final = 20_000


@dataclass
class TenantList:
    """Tenants by id: None for one that nothing needs to be known of, the later of one that comes twice."""

    wanted: Callable[[Tenant], bool]
    tenants: dict[str, Tenant | None] = field(default_factory=dict)
    bad: list[BadRecord] = field(default_factory=list)
    rows: int = 0

    def add(self, page: TenantPage) -> None:
        """Take a page."""
        self.bad += in_list(page.bad, self.rows)
        self.rows += len(page.tenants) + len(page.bad)
        for tenant in page.tenants:
            self.tenants[tenant.id] = tenant if self.wanted(tenant) else None

    @property
    def repeated(self) -> int:
        """Return how many records were of a tenant that was there already: as many others may be missing."""
        return self.rows - len(self.bad) - len(self.tenants)


def read_list(
    session: Session, request: Callable[[int], Request], what: str, wanted: Callable[[Tenant], bool]
) -> Exchange[TenantList]:
    """Return a list of tenants of which every page was read and as many came as its totals say.

    Raises Unreadable where the totals change between pages or are not reached: nothing of such a list may be believed.
    """
    found = TenantList(wanted)
    first = parse_page((yield from session.ask(request(1))), 1)
    found.add(first)
    if first.pages > MOST_PAGES:
        raise Unreadable(f"{what}: {first.pages} pages, more than {MOST_PAGES}")
    for start in range(2, first.pages + 1, SIDE_BY_SIDE):
        numbers = range(start, min(start + SIDE_BY_SIDE, first.pages + 1))
        answers = yield from session.ask_all([request(number) for number in numbers])
        for number, answer in zip(numbers, answers, strict=True):
            if isinstance(answer, Unavailable):
                raise answer
            page = parse_page(answer, number)
            if (page.pages, page.entries) != (first.pages, first.entries):
                raise Unreadable(
                    f"{what}: total_entries went from {first.entries} to {page.entries} while paging: all is discarded"
                )
            found.add(page)
        del answers
    if found.rows != first.entries:
        raise Unreadable(f"{what}: {found.rows} came of {first.entries} that total_entries says: all is discarded")
    return found
