"""Reads VAULT in the order in which one thing needs the other: there is no feed of changes, so always all of it."""

import time
from collections.abc import Callable, Sequence

from ...sync import WHOLE, Kind, Reading, SaidKey, shorten
from ..exchange import Exchange, Known, NewId, StoredKey
from ..fields import find_zone, parse_records
from ..settings import ConnectorSettings
from .cards import read_cards, read_controllers, split_batch
from .payloads import KEYS, SUBSCRIBERS, UNITS, VENUES, count_of, find_details, flatten_keys, member, records
from .people import page_call, read_subscribers, read_subscriptions
from .places import (
    details_call,
    list_venues,
    pools_call,
    read_plans,
    read_pools,
    read_venues,
    say_units,
    units_call,
    venues_call,
)
from .run import Run
from .session import Session
from .tenancies import WITHOUT_KEY, keys_call, read_keys
from .writing import write_keys


class Connector:
    """VAULT, for one account: all its venues, or those of `sites`.

    clock: seconds that only go forward, by which tokens grow old
    """

    def __init__(self, settings: ConnectorSettings, clock: Callable[[], float] = time.monotonic) -> None:
        settings.require("username")
        find_zone(settings.timezone)
        for batch in settings.batches:
            split_batch(batch)
        self._settings = settings
        self._session = Session(settings, clock)

    def read(self, reading: Reading, known: Known) -> Exchange[None]:
        """Fill the reading. Raises where there is no login, no venue, or nothing at all of the people or their keys."""
        self._session.begin()
        run = Run(self._settings, self._session, reading, known)
        listed = yield from list_venues(run)
        yield from read_venues(run, listed)
        yield from read_pools(run)
        yield from read_plans(run)
        people = yield from read_subscribers(run)
        yield from read_subscriptions(run, people)
        yield from read_cards(run)
        yield from read_keys(run, people)
        yield from read_controllers(run)
        say_units(run)
        # What was not read has been told where it was met, and a partial venue is not complete whatever is said here.
        reading.complete(WHOLE, (Kind.VENUE, Kind.POOL, Kind.PLAN))
        for venue in run.venues:
            reading.complete(venue, (Kind.SUBSCRIBER, Kind.KEY))

    def write_back(self, keys: Sequence[StoredKey]) -> Exchange[list[str | NewId]]:
        """Give the platform the passphrases that were made here; return the keys' ids there, and what did not work."""
        return (yield from write_keys(self._session, keys))

    def unwritten(self, reading: Reading) -> list[str]:
        """Return the keys that were made here, and that the platform has not taken yet, as far as is known."""
        return [key.id for key in reading.all(SaidKey) if key.id.startswith(WITHOUT_KEY)]

    def check(self) -> Exchange[list[str]]:
        """Read the venues, one with its units, the keypools, a page of subscribers and the keys of one."""
        self._session.begin()
        call = self._session.call
        answer = yield from call(venues_call(self._session.venue))
        rows = records(member(answer, "venues", "VenueList"), "VenueID", "venues")
        venues, bad = parse_records(VENUES, rows)
        lines = [f"venues: {len(venues) + len(bad)}"]
        ids = [venue.id for venue in venues]
        lines += [f"venue {site} is not among them" for site in self._settings.sites if site not in ids]
        wanted = [id_ for id_ in ids if not self._settings.sites or id_ in self._settings.sites]
        if wanted:
            venue = self._session.venue = wanted[0]
            what = f"venue {shorten(venue)}"
            details, _ = parse_records(VENUES, [find_details((yield from call(details_call(venue))), venue, what)])
            identifiers = ", ".join(shorten(name) for each in details for name in each.nas_identifiers)
            lines.append(f"{what}: NAS-Identifier {identifiers or 'none'}")
            found = records(member((yield from call(units_call(venue))), what, "VenueUnits"), "UnitID_internal", what)
            units, bad_units = parse_records(UNITS, found)
            first = f", the first is {shorten(units[0].name or units[0].id)}" if units else ""
            lines.append(f"{what}: units: {len(units) + len(bad_units)}{first}")
        answer = yield from call(pools_call(self._session.venue))
        pools = records(member(answer, "keypools", "myKeyPoolList"), "KeyPoolID", "keypools")
        lines.append(f"keypools: {len(pools)}")
        return lines + (yield from self._check_people())

    def _check_people(self) -> Exchange[list[str]]:
        answer = yield from self._session.call(page_call(1))
        what = "subscribers, page 1"
        people, bad = parse_records(SUBSCRIBERS, records(member(answer, what, "subscribers"), "SubscriberToken", what))
        total = count_of(answer.get("pagination"), "TotalCount")
        count = "how many is not told" if total is None else total
        lines = [f"subscribers: {count}, on the first page {len(people) + len(bad)}"]
        if not people:
            return lines
        token = people[0].id
        answer = yield from self._session.call(keys_call(token))
        keys, bad_keys = parse_records(KEYS, flatten_keys(answer, token, f"keys of {shorten(token)}").rows)
        return [*lines, f"subscriber {shorten(token)}: keys: {len(keys) + len(bad_keys)}"]
