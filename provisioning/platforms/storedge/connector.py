"""Reads storEDGE: two lists per facility, steps of arrears where they decide, ledgers where a unit is not known yet."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

from ...sync import Reading, shorten
from ..exchange import Answer, Exchange, Known, PlatformError, Request, Unavailable, Unreadable, bearer
from ..fields import find_id, find_zone
from ..session import Session
from ..settings import ConnectorSettings
from .lists import TenantList, read_list
from .payloads import Ledger, Tenant, parse_delinquency, parse_ledgers, parse_page
from .tenancies import Facility

ACCEPT: Final = ("Accept", "application/json")
VERSION: Final = "/v1"
PER_PAGE: Final = 100  # as the document's samples have it
SIDE_BY_SIDE: Final = 256  # small requests in one list
FIRST: Final = 32  # of them where it is not known yet whether the platform answers


class Connector:
    """storEDGE's tenants, for the facilities of the configuration."""

    def __init__(self, settings: ConnectorSettings) -> None:
        settings.require("sites", "ssid")
        self._settings = settings
        self._sites = tuple(dict.fromkeys(settings.sites))
        find_zone(settings.timezone)  # raises Refused for what is none
        self._session = Session(lambda: bearer(settings.credentials.get("token")), [ACCEPT])
        # The document prints /v1/..., and a base URL is often given with it.
        self._version = "" if settings.url.rstrip("/").endswith(VERSION) else VERSION

    def read(self, reading: Reading, known: Known) -> Exchange[None]:
        """Fill the reading, facility by facility; one that fails costs itself. Raises where none could be read."""
        failed: list[PlatformError] = []
        for site in self._sites:
            try:
                facility = yield from self._facility(site, known, reading.at)
            except PlatformError as error:
                reading.partial(site, str(error))
                failed.append(error)
            else:
                facility.say(reading)
        if len(failed) == len(self._sites):
            raise failed[0]

    def check(self) -> Exchange[list[str]]:
        """Read the first page of current tenants of each facility, and the ledgers of one tenant."""
        lines = []
        for site in self._sites:
            page = parse_page((yield from self._session.ask(self._list_request(site, "current", 1))), 1)
            lines.append(f"facility {site}, current tenants: {page.entries:,}")
            tenant = next((tenant for tenant in page.tenants if tenant.current_ledger_ids), None)
            if tenant is None:
                continue
            ledger = tenant.current_ledger_ids[0]
            if (place := self._settings.units.get(ledger)) is not None:
                lines.append(f"ledger {ledger}: unit {place.unit}, by [sync.{self._settings.name}.units]")
                continue
            answer = yield from self._session.ask(self._tenant_request(site, tenant, "ledgers"))
            found: Ledger | str
            try:
                found = _ledgers_of(tenant, answer)[ledger]
            except PlatformError as error:
                found = str(error)
            label = found.unit_label or found.unit_key if isinstance(found, Ledger) else None
            lines.append(f"ledger {ledger}: " + (f"unit {label}" if label else f"unit not known: {found}"))
        return lines

    # Reading one facility.

    def _facility(self, site: str, known: Known, at: datetime) -> Exchange[Facility]:
        def is_wanted(tenant: Tenant) -> bool:
            ledgers = (f"{site}/{ledger}" for ledger in tenant.previous_ledger_ids)
            return tenant.active or bool(tenant.current_ledger_ids) or any(key in known.keys for key in ledgers)

        # Current first: who moves out between the two is in both, and stays until the next time.
        current = yield from self._list(site, "current", lambda _: True)
        previous = yield from self._list(site, "previous", is_wanted)
        facility = Facility(site, self._settings, known, at, current, previous)
        yield from self._ask_arrears(facility)
        yield from self._ask_ledgers(facility)
        return facility

    def _list(self, site: str, which: str, is_wanted: Callable[[Tenant], bool]) -> Exchange[TenantList]:
        return (
            yield from read_list(
                self._session,
                lambda number: self._list_request(site, which, number),
                f"{which} tenants of facility {site}",
                is_wanted,
            )
        )

    def _ask_arrears(self, facility: Facility) -> Exchange[None]:
        """Ask for the steps of arrears where they decide. No answer, or a status but 200, stops the facility."""
        for tenants in _chunks(facility.in_arrears()):
            answers = yield from self._session.ask_all(
                [self._tenant_request(facility.site, tenant, "delinquency") for tenant in tenants]
            )
            for tenant, answer in zip(tenants, answers, strict=True):
                try:
                    facility.arrears[tenant.id] = parse_delinquency(_there(answer))
                except Unreadable as error:
                    facility.arrears[tenant.id] = str(error)

    def _ask_ledgers(self, facility: Facility) -> Exchange[None]:
        """Ask for ledgers whose unit is not known, and some others; where nobody's can be read, for no more."""
        tenants = facility.ledgers_to_ask()
        start, size = 0, FIRST
        while start < len(tenants):
            asked = tenants[start : start + size]
            answers = yield from self._session.ask_all(
                [self._tenant_request(facility.site, tenant, "ledgers") for tenant in asked]
            )
            for tenant, answer in zip(asked, answers, strict=True):
                try:
                    facility.ledgers.update(_ledgers_of(tenant, answer))
                except PlatformError as error:
                    facility.without_ledgers[tenant.id] = error
            start, size = start + size, SIDE_BY_SIDE
            if all(tenant.id in facility.without_ledgers for tenant in asked):
                why = Unavailable("not asked, as nobody else's could be read")
                facility.without_ledgers.update((tenant.id, why) for tenant in tenants[start:])
                return

    # Requests.

    def _list_request(self, site: str, which: str, number: int) -> Request:
        return self._request(
            f"{self._path(site)}/{which}",
            f"{which} tenants of facility {site}, page {number}",
            (("page", str(number)), ("per_page", str(PER_PAGE))),
        )

    def _tenant_request(self, site: str, tenant: Tenant, what: str) -> Request:
        path = f"{self._path(site)}/{quote(tenant.id, safe='')}/{what}"
        name = f" ({shorten(tenant.name)})" if tenant.name else ""
        return self._request(path, f"{what} of tenant {shorten(tenant.id)}{name} of facility {site}")

    def _path(self, site: str) -> str:
        return f"{self._version}/{quote(site, safe='')}/tenants"

    def _request(self, path: str, what: str, query: tuple[tuple[str, str], ...] = ()) -> Request:
        return Request(path=path, what=what, query=query)


def _there(answer: Answer | Unavailable) -> Answer:
    """Return one answer of a list of requests; raises Unavailable where there is none."""
    if isinstance(answer, Unavailable):
        raise answer
    return answer


def _ledgers_of(tenant: Tenant, answer: Answer | Unavailable) -> dict[str, Ledger | str]:
    """Return a tenant's current ledgers by id, or why one is not known; raises PlatformError for what has none."""
    ledgers, bad = parse_ledgers(_there(answer))
    found: dict[str, Ledger | str] = {}
    for record in bad:
        if (id_ := find_id(record.raw, ("id",))) is not None:
            found[id_] = " ".join(filter(None, (record.field, record.text)))
    found.update((ledger.id, ledger) for ledger in ledgers)
    return {id_: found.get(id_, "it is not among the tenant's ledgers") for id_ in tenant.current_ledger_ids}


def _chunks(tenants: Sequence[Tenant]) -> Iterator[Sequence[Tenant]]:
    for start in range(0, len(tenants), SIDE_BY_SIDE):
        yield tenants[start : start + SIDE_BY_SIDE]
