"""The connector: read what a controller's pools hold, and tell them what is different here."""

import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ...sync import WHOLE, Contents, Fault, Kind, Pushed, Reading, Service, Step, ThereKey, shorten
from ..exchange import Answer, Exchange, Known, PlatformError, Refused, Request, Unreadable, json_body
from ..settings import ConnectorSettings
from . import writing
from .payloads import Activity, Passphrase, PassphraseId, Pool
from .session import Session, parse

HOSTS: Final = ("api.ruckus.cloud", "api.eu.ruckus.cloud", "api.asia.ruckus.cloud")
PAGE: Final = 500
_NOT_FOUND: Final = 404
_MOST_PAGES: Final = 2000
_MAILS: Final = "it mails and texts passphrases in clear when one changes: switch its notifications off"


class Connector:
    """One tenant of RUCKUS One."""

    def __init__(self, settings: ConnectorSettings) -> None:
        self._settings = settings
        self._session = Session(settings)

    # What the tables of connectors ask of each; nothing comes from here.

    def read(self, reading: Reading, known: Known) -> Exchange[None]:  # noqa: ARG002
        """Nothing is taken over from a controller."""
        yield from ()
        raise Refused("keys go to RUCKUS One, none come from there")

    def check(self) -> Exchange[list[str]]:
        """Read the pools, and a page of one of them: one that is named in the configuration, if there is one."""
        pools, faults = yield from self._pools()
        told = [str(fault) for fault in (*self._about_host(), *faults)]
        if not pools:
            return [*told, "the credentials are taken; there is no DPSK pool"]
        told.append(f"{len(pools)} DPSK pools: {', '.join(shorten(pool.name) for pool in pools[:10])}")
        named = {*self._settings.sites, *self._settings.pools}
        pool = next((pool for pool in pools if pool.name in named), pools[0])
        for page in (1, 0):
            answer: Answer = yield from self._session.ask(_page(pool, page))
            rows, total = _rows(answer)
            if rows or not total:
                break
        told.append(f"{shorten(pool.name)} has {total} passphrases, of which {len(rows)} were read")
        if pool.notifies:
            told.append(f"nothing will be written to {shorten(pool.name)}: {_MAILS}")
        return told

    def _about_host(self) -> list[Fault]:
        host = urlsplit(self._settings.url).hostname or ""
        if host in HOSTS or _is_loopback(host):
            return []
        text = f"{shorten(host)} is none of the hosts that RUCKUS One's document names ({', '.join(HOSTS)})"
        return [Fault(self._settings.platform, WHOLE, None, None, None, text)]

    # Reading.

    def contents(self, names: Collection[str]) -> Exchange[Contents]:
        """Return what is in the pools of these names."""
        found, faults = yield from self._pools()
        faults += self._about_host()
        if not any(fault.is_unreadable for fault in faults):
            named = {*self._settings.sites, *self._settings.pools}
            absent = sorted(named.intersection(names) - {pool.name for pool in found})
            faults += [self._fault(name, "there is no DPSK pool of that name") for name in absent]
        twice = {name for name, count in Counter(pool.name for pool in found).items() if count > 1}
        services: list[Service] = []
        keys: list[ThereKey] = []
        for pool in found:
            if pool.name not in names:
                continue
            try:
                service, there = yield from self._passphrases(pool, faults)
            except PlatformError as error:
                faults.append(self._fault(pool.name, str(error)))
                service, there = _service(pool, is_complete=False), []
            if pool.name in twice:
                service = _service(pool, is_complete=service.is_complete, refused="there are two pools of that name")
            services.append(service)
            keys += there
        return Contents(services=tuple(services), keys=tuple(keys), faults=tuple(faults))

    def _pools(self) -> Exchange[tuple[list[Pool], list[Fault]]]:
        """Return the pools: without pages, which users find refused, and only where those are not all with them."""
        pools: dict[str, Pool] = {}
        faults: list[Fault] = []
        total = yield from self._take_pools(None, pools, faults)
        page, before = 1, -1
        try:
            while len(pools) + len(faults) < total and len(pools) > before and page < _MOST_PAGES:
                before = len(pools)
                yield from self._take_pools(page, pools, faults)
                page += 1
            if len(pools) + len(faults) < total:
                yield from self._take_pools(0, pools, faults)
        except PlatformError:
            pass  # the line below tells
        if len(pools) + len(faults) < total:
            faults.append(self._fault(WHOLE, f"{len(pools)} of {total} DPSK pools could be read"))
        return list(pools.values()), faults

    def _take_pools(self, page: int | None, pools: dict[str, Pool], faults: list[Fault]) -> Exchange[int]:
        request = Request(
            method="POST",
            path="/dpskServices/query",
            what="DPSK pools",
            body=json_body({} if page is None else {"page": page, "pageSize": PAGE}),
            may_repeat=page is None,
        )
        rows, total = _rows((yield from self._session.ask(request)), may_lack_total=page is None)
        for row in rows:
            try:
                pool = parse(Pool, row, "a DPSK pool")
            except Unreadable as error:
                faults.append(self._fault(WHOLE, str(error)))
            else:
                pools.setdefault(pool.id, pool)
        return total

    def _passphrases(self, pool: Pool, faults: list[Fault]) -> Exchange[tuple[Service, list[ThereKey]]]:
        """Return a pool's passphrases; complete: as many as the total, which no page changed."""
        found = _Found(pool)
        refusal: PlatformError | None = None
        for page in range(1, _MOST_PAGES):
            try:
                found.take((yield from self._session.ask(_page(pool, page))))
            except PlatformError as error:
                if page > 1:
                    raise
                refusal = error
            if found.is_all or not found.grew:
                break
        if not found.is_all:  # where pages count from 0 one is left; elsewhere this is refused
            try:
                found.take((yield from self._session.ask(_page(pool, 0))))
            except PlatformError:
                if refusal is not None:
                    raise refusal from None
        faults += [self._fault(pool.name, text) for text in found.problems()]
        refused = _MAILS if pool.notifies else None
        service = _service(pool, is_complete=found.is_complete, unread=frozenset(found.unread), refused=refused)
        return service, list(found.keys.values())

    def look(self, places: Sequence[tuple[str, str]]) -> Exchange[Mapping[str, bool]]:
        """Return whether passphrases are there, by pool and id, as far as that can be told."""
        found: dict[str, bool] = {}
        for first in range(0, len(places), writing.AT_ONCE):
            some = places[first : first + writing.AT_ONCE]
            answers = yield from self._session.ask_all(
                [
                    Request(
                        path=f"/dpskServices/{quote(pool, safe='')}/passphrases/{quote(id_, safe='')}", what="a key"
                    )
                    for pool, id_ in some
                ]
            )
            for (_, id_), answer in zip(some, answers, strict=True):
                if isinstance(answer, Answer) and (answer.is_ok or answer.status == _NOT_FOUND):
                    found[id_] = answer.is_ok
        return found

    # Writing.

    def push(self, steps: Sequence[Step]) -> Exchange[Pushed]:
        """Tell the controller; what it has taken it may still be doing afterwards."""
        return (yield from writing.push(self._session, steps))

    def activities(self, requests: Iterable[str]) -> Exchange[Mapping[str, Activity]]:
        """Return what became of what was asked for before, as far as that can be read."""
        return (yield from writing.activities(self._session, requests))

    def _fault(self, pool: str, text: str) -> Fault:
        return Fault(self._settings.platform, shorten(pool), Kind.POOL, None, None, text, is_unreadable=True)


class _Found:
    """What was read of a pool's pages so far."""

    def __init__(self, pool: Pool) -> None:
        self.keys: dict[str, ThereKey] = {}
        self.unread: dict[str, str] = {}  # id -> why
        self.grew = False  # by the last page
        self._pool = pool
        self._ids: set[str] = set()
        self._nameless: list[str] = []
        self._totals: list[int] = []

    def take(self, answer: Answer) -> None:
        rows, total = _rows(answer)
        self._totals.append(total)
        before = self._count
        for row in rows:
            try:
                self._take(row)
            except Unreadable as error:
                self._nameless.append(str(error))
        self.grew = self._count > before

    def _take(self, row: Any) -> None:
        id_ = parse(PassphraseId, row, "a passphrase").id
        self._ids.add(id_)
        try:
            read = parse(Passphrase, row, f"passphrase {shorten(id_)}")
        except Unreadable as error:
            self.unread[id_] = str(error)
            return
        self.keys[id_] = ThereKey(
            id=id_,
            service=self._pool.id,
            username=read.username or "",
            passphrase=read.passphrase.get_secret_value().encode(),
            vlan=read.vlan,
            ends=read.ends,
        )

    @property
    def _count(self) -> int:
        return len(self._ids)

    @property
    def is_all(self) -> bool:
        return bool(self._totals) and self._count + len(self._nameless) >= self._totals[-1]

    @property
    def is_complete(self) -> bool:
        return len(set(self._totals)) == 1 and not self._nameless and self._count == self._totals[0]

    def problems(self) -> list[str]:
        told = [*self.unread.values(), *self._nameless]
        if len(set(self._totals)) > 1:
            told.append(f"the total changed from {self._totals[0]} to {self._totals[-1]} while it was read")
        elif self._count != self._totals[0] and not self._nameless:
            told.append(f"{self._count} of {self._totals[0]} passphrases could be read")
        return told


def _service(
    pool: Pool, *, is_complete: bool, unread: frozenset[str] = frozenset(), refused: str | None = None
) -> Service:
    return Service(id=pool.id, name=pool.name, is_complete=is_complete, unread=unread, refused=refused)


def _page(pool: Pool, page: int) -> Request:
    return Request(
        method="POST",
        path=f"/dpskServices/{quote(pool.id, safe='')}/passphrases/query",
        what=f"passphrases of {shorten(pool.name)}, page {page}",
        body=json_body({"page": page, "pageSize": PAGE, "sortField": "username", "sortOrder": "ASC"}),
        may_repeat=page > 0,
    )


def _rows(answer: Answer, may_lack_total: bool = False) -> tuple[list[Any], int]:
    """Return the rows and the total of a list; Unreadable where there is none."""
    value = answer.check().json_object()
    rows = value.get("data", value.get("content"))
    if not isinstance(rows, list):
        raise Unreadable(f"{answer.request.what}: there is no list in the answer")
    paging = value.get("paging")
    nested = paging.get("totalCount") if isinstance(paging, dict) else None
    total = value.get("totalCount", value.get("totalElements", nested))
    if total is None and may_lack_total:
        return rows, len(rows)
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise Unreadable(f"{answer.request.what}: there is no total")
    return rows, total


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
