"""Which sites a connector reads: those of the configuration, or all that its teams list."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

from ...sync import WHOLE, Reading, shorten
from ..exchange import Answer, PlatformError, Refused, Unavailable, Unreadable
from ..fields import parse_records
from .mappings import join_id
from .payloads import SITES, TEAMS, Rows, Site, site_rows

Listed: TypeAlias = dict[str, Mapping[str, Site] | PlatformError]  # by team: its sites, or why they cannot be listed
Wanted: TypeAlias = tuple[str | None, str]  # team, where the configuration names it, and site


@dataclass(frozen=True, slots=True)
class Place:
    """A site to be read. name: None where it cannot be told just now."""

    team: str
    site: str
    venue: str
    name: str | None
    type: str | None = None

    @property
    def path(self) -> str:
        return f"/team/{quote(self.team, safe='')}/site/{quote(self.site, safe='')}"


def read_rows(answer: Answer | Unavailable, rows: Callable[[Any, str], Rows]) -> Rows:
    """Return the rows of an answer; raises PlatformError where it has none, Refused where it says no."""
    if isinstance(answer, Unavailable):
        raise answer
    return rows(answer.check().json(), answer.request.what)


def wanted_sites(entries: Sequence[str]) -> list[Wanted]:
    """Return what TeamId/SiteId, or SiteId alone, stands for; raises Refused."""
    wanted: list[Wanted] = []
    for entry in entries:
        team, slash, site = entry.strip().rpartition("/")
        if not site or "/" in team or bool(slash) != bool(team):
            raise Refused(f"sites: {shorten(entry)} is neither TeamId/SiteId nor SiteId")
        wanted.append((team or None, site))
    return wanted


def read_teams(reading: Reading, found: Rows) -> list[str]:
    """Return the ids of a list of teams."""
    good, bad = parse_records(TEAMS, found.rows)
    for each in bad:
        reading.partial(WHOLE, f"list of teams: {each.field or 'a team'} {each.text}")
    if found.doubt:
        reading.partial(WHOLE, f"list of teams: {found.doubt}")
    return [team.id for team in good]


def read_sites(reading: Reading, team: str, answer: Answer | Unavailable) -> Mapping[str, Site] | PlatformError:
    """Return the sites of a team by their ids, or why they cannot be listed."""
    try:
        found = read_rows(answer, site_rows)
    except PlatformError as error:
        return error
    good, bad = parse_records(SITES, found.rows)
    for each in bad:
        reading.partial(team, f"sites of team {shorten(team)}: {each.field or 'a site'} {each.text}")
    if found.doubt:
        reading.partial(team, f"sites of team {shorten(team)}: {found.doubt}")
    return {site.id: site for site in good}


def choose(reading: Reading, wanted: Sequence[Wanted], listed: Listed) -> list[Place]:
    """Return the sites that are wanted, or all that are listed; raises PlatformError where there are none."""
    there = [(team, id_) for team, sites in listed.items() if not isinstance(sites, PlatformError) for id_ in sites]
    if wanted:
        chosen = list(dict.fromkeys(_find(reading, wanted, there)))
        if not chosen:
            raise Refused("none of the sites in the configuration can be found: write TeamId/SiteId")
    else:
        chosen = there
        failed = {team: sites for team, sites in listed.items() if isinstance(sites, PlatformError)}
        for team, error in failed.items():
            reading.partial(team, f"its sites cannot be listed: {error}")
        if not chosen:
            raise next(iter(failed.values()), Unreadable("the account's teams have no sites"))
    return _named(chosen, listed)


def _find(reading: Reading, wanted: Sequence[Wanted], there: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    found = []
    for team, site in wanted:
        teams = [each for each, id_ in there if id_ == site] if team is None else [team]
        if len(teams) == 1:
            found.append((teams[0], site))
        elif teams:
            both = " and ".join(map(shorten, teams[:3]))
            reading.partial(site, f"teams {both} have a site of this id: write TeamId/SiteId")
        else:
            reading.partial(site, "no team that can be listed has this site: write TeamId/SiteId")
    return found


def _named(chosen: Sequence[tuple[str, str]], listed: Listed) -> list[Place]:
    ids = Counter(site for _, site in chosen)
    places = []
    for team, id_ in chosen:
        venue = join_id(id_) if ids[id_] == 1 else join_id(team, id_)
        sites = listed[team]
        if isinstance(sites, PlatformError):
            # A list that this platform does not have is no reason to wait; one that fails today is.
            name, type_ = (id_ if isinstance(sites, Refused) else None), None
        else:
            site = sites.get(id_)
            name, type_ = (id_, None) if site is None else (site.name or id_, site.type)
        places.append(Place(team, id_, venue, name, type_))
    names = Counter(place.name for place in places)
    return [place if place.name is None or names[place.name] == 1 else _apart(place) for place in places]


def _apart(place: Place) -> Place:
    """Two sites of one name: the id tells them apart."""
    return Place(place.team, place.site, place.venue, f"{place.name} ({place.venue})", place.type)
