"""Reads Eleven's sites: which there are, then the PAN mappings and the residents of each."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias, TypeVar
from urllib.parse import quote

from ...sync import Kind, Reading, SaidKey, SaidUnit, SaidVenue, shorten
from ..exchange import (
    JSON_TYPE,
    Answer,
    Exchange,
    Known,
    PlatformError,
    Request,
    Unavailable,
    Unreadable,
    bearer,
)
from ..fields import find_id, find_zone, name_record, parse_records, take_name
from ..session import Session
from ..settings import ConnectorSettings
from .mappings import read_mappings, site_id
from .payloads import RESIDENTS, Resident, mapping_rows, resident_row, resident_rows, team_rows
from .residents import Residents
from .sites import Listed, Place, choose, read_rows, read_sites, read_teams, wanted_sites

T = TypeVar("T")

_SITES_AT_ONCE: Final = 16  # two lists each
_TEAMS_AT_ONCE: Final = 256
_MOST_MISSED: Final = 32  # residents that the list of a site lacks, and that are asked for alone
_SHOWN: Final = ("Building", "Floor", "Unit", "Name", "FirstName", "LastName")  # of a resident without an id
_NO_PASSPHRASES: Final = "mdu sso"  # a site type
_COMPLETE: Final = (Kind.VENUE, Kind.POOL, Kind.UNIT, Kind.SUBSCRIBER, Kind.KEY)

Got: TypeAlias = Answer | Unavailable


class Connector:
    """Reads what a Site Manager account may see."""

    def __init__(self, settings: ConnectorSettings) -> None:
        self._settings = settings
        self._zone = None if settings.timezone is None else find_zone(settings.timezone)
        self._session = Session(lambda: bearer(settings.credentials.get("token")), [JSON_TYPE])

    def read(self, reading: Reading, known: Known) -> Exchange[None]:
        """Fill the reading; PlatformError where not one site could be read."""
        places = yield from self._places(reading)
        errors: list[PlatformError] = []
        for some in _in_batches(places, _SITES_AT_ONCE):
            errors += yield from self._read_some(reading, some, known)
        if errors and len(errors) == len(places):
            raise errors[0]

    def check(self) -> Exchange[list[str]]:
        """Return what the first site with a unit holds; raises PlatformError where there is none."""
        reading = Reading(self._settings.name, self._settings.platform, datetime(1970, 1, 1, tzinfo=UTC))
        places = yield from self._places(reading)
        lines = [f"sites: {', '.join(shorten(place.venue) for place in places[:10])}{', ...' * (len(places) > 10)}"]
        for place in places:
            errors = yield from self._read_some(reading, [place], Known())
            if errors and len(places) == 1:
                raise errors[0]
            for unit in reading.all(SaidUnit):
                where = ", ".join(shorten(part) for part in (unit.building, unit.floor, unit.name) if part)
                residents = sum(1 for _ in reading.all(SaidKey))
                lines.append(
                    f"site {shorten(place.venue)}, units: {reading.count(Kind.UNIT):,}, residents: {residents:,}"
                )
                lines.append(f"the first unit: {where}, VLAN {unit.vlan or 'none'}")
                return lines + [str(fault) for fault in reading.faults[:5]]
        raise Unreadable("; ".join([*lines, "not one unit can be read", *map(str, reading.faults[:5])]))

    # Which sites there are.

    def _places(self, reading: Reading) -> Exchange[list[Place]]:
        wanted = wanted_sites(self._settings.sites)
        teams = [team for team, _ in wanted if team is not None]
        if not wanted or len(teams) < len(wanted):
            asked = yield from self._session.ask(Request(path="/team", what="list of teams"))
            teams += read_teams(reading, read_rows(asked, team_rows))
        teams = list(dict.fromkeys(teams))
        listed: Listed = {}
        for some in _in_batches(teams, _TEAMS_AT_ONCE):
            answers = yield from self._session.ask_all([_list_of_sites(team) for team in some])
            for team, answer in zip(some, answers, strict=True):
                listed[team] = read_sites(reading, team, answer)
        return choose(reading, wanted, listed)

    # What a site holds.

    def _read_some(self, reading: Reading, places: Sequence[Place], known: Known) -> Exchange[list[PlatformError]]:
        """Say what some sites hold; return why each of those could not be read that could not."""
        asked = [place for place in places if not self._signs_on(reading, place)]
        answers = yield from self._session.ask_all(
            [
                Request(path=f"{place.path}/{name}", what=f"{what} of site {shorten(place.venue)}")
                for place in asked
                for name, what in (("mappings", "PAN mappings"), ("resident", "residents"))
            ]
        )
        errors: list[PlatformError] = []
        for place, mappings, residents in zip(asked, answers[::2], answers[1::2], strict=True):
            try:
                yield from self._read_site(reading, place, mappings, residents, known)
            except PlatformError as error:
                reading.partial(place.venue, str(error))
                errors.append(error)
        return errors

    def _signs_on(self, reading: Reading, place: Place) -> bool:
        """Return whether nobody at a site has a passphrase, and say so."""
        if place.type is None or " ".join(place.type.lower().split()) != _NO_PASSPHRASES:
            return False
        self._skip(reading, place)
        return True

    def _skip(self, reading: Reading, place: Place) -> None:
        reading.note(place.venue, "residents sign on at an identity provider (MDU SSO), without keys: it is left out")
        reading.complete(place.venue, ())

    def _read_site(self, reading: Reading, place: Place, mappings: Got, residents: Got, known: Known) -> Exchange[None]:
        venue = place.venue
        mapped, listed = read_rows(mappings, mapping_rows), read_rows(residents, resident_rows)
        keys = {key for key in known.keys if key.startswith(f"{venue}/") and "/" not in key[len(venue) + 1 :]}
        units = read_mappings(reading, venue, mapped, self._settings.ssid)
        if units.has_none:
            if keys:
                reading.partial(venue, "not one of its PAN mappings has a unit, though there are keys")
            else:
                self._skip(reading, place)
            return
        self._say_venue(reading, place)
        if listed.doubt:
            reading.partial(venue, f"residents: {listed.doubt}")
        good, bad = parse_records(RESIDENTS, listed.rows)
        there = {site_id(venue, resident.id) for resident in good}
        for each in bad:
            id_ = find_id(each.raw, ["ResidentId"])
            key = None if id_ is None else site_id(venue, id_)
            if key is not None:
                there.add(key)
            text = each.text if key is not None else f"{each.text}: {name_record(each, 'resident', _SHOWN)}"
            reading.unreadable(Kind.KEY, key, venue, text, field=each.field)
        good += yield from self._missed(reading, place, sorted(keys - there))
        Residents(reading, units, self._zone, known.keys).take(good)
        reading.complete(venue, _COMPLETE)

    def _say_venue(self, reading: Reading, place: Place) -> None:
        if place.name is None:
            reading.hold_back(
                Kind.VENUE, place.venue, place.venue, "its name cannot be read: its team lists no sites now"
            )
            return
        name = take_name(reading, Kind.VENUE, place.venue, place.venue, place.name)
        reading.say(SaidVenue(id=place.venue, name=name, time_zone=self._settings.timezone))

    def _missed(self, reading: Reading, place: Place, keys: Sequence[str]) -> Exchange[list[Resident]]:
        """Return who is not in a site's list, but there when asked for alone: so that list is not all of it."""
        ids = [key[len(place.venue) + 1 :].replace("%2F", "/").replace("%25", "%") for key in keys[:_MOST_MISSED]]
        answers = yield from self._session.ask_all(
            [
                Request(path=f"{place.path}/resident/{quote(id_, safe='')}", what=f"resident {shorten(id_)}")
                for id_ in ids
            ]
        )
        found: list[Resident] = []
        for id_, answer in zip(ids, answers, strict=True):
            if isinstance(answer, Unavailable) or answer.status == 404:
                continue  # not there, or not known: a record that is missing is no end of it
            try:
                good, _ = parse_records(RESIDENTS, [resident_row(answer.check().json_object())])
            except PlatformError:
                continue
            found += [resident for resident in good if resident.id == id_]
        if found:
            text = f"the list of residents lacks {shorten(found[0].id)}, who is there: it is not all of them"
            reading.partial(place.venue, text)
        return found


def _list_of_sites(team: str) -> Request:
    return Request(path=f"/team/{quote(team, safe='')}/site", what=f"sites of team {shorten(team)}")


def _in_batches(values: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (values[start : start + most] for start in range(0, len(values), most))
