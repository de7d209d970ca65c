"""Reads LEAP's relationships, and tells LEAP what was dealt with once it is stored."""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode

from ...errors import InvalidValue
from ...sync import (
    WHOLE,
    Kind,
    Reading,
    SaidKey,
    SaidPool,
    SaidSubscriber,
    SaidUnit,
    SaidVenue,
    Standing,
    shorten,
)
from ..exchange import Exchange, Known, Request, StoredKey, Unavailable, Unreadable, basic, bearer
from ..fields import clean, cut, day_ends, day_starts, find_zone, take_name
from ..session import Header, Session
from ..settings import ConnectorSettings, UnitPlace
from .acknowledging import Acknowledging
from .listing import Listing
from .payloads import OCCUPIER, OWNER, Relationship

_RESOURCE: Final = "/property-relationship"
_FORM: Final = ("Content-Type", "application/x-www-form-urlencoded")
_ACCEPT: Final = ("Accept", "application/xml")
_AT_ONCE: Final = 64
_MOST_TOLD: Final = 20  # relationships that get a line each
_MOST_NAMED: Final = 3  # of more, in one message


class Connector:
    """Reads the relationships of one company."""

    def __init__(self, settings: ConnectorSettings) -> None:
        settings.require("ssid", "timezone")
        self._settings = settings
        self._zone = find_zone(settings.timezone)
        # The document's base has the resource in it already, and its paths have it, too.
        self._path = "" if settings.url.rstrip("/").endswith(_RESOURCE) else _RESOURCE
        self._session = Session(self._login, [_ACCEPT])
        self._places = {id_: place for id_, place in settings.units.items() if self._is_wanted(place)}
        self._last: tuple[Reading, Mapping[str, Relationship]] | None = None

    def _login(self) -> Header:
        credentials = self._settings.credentials
        if self._settings.username is None and credentials.has("token"):
            return bearer(credentials.get("token"))
        self._settings.require("username")
        return basic(self._settings.username or "", credentials.get("password"))

    def _is_wanted(self, place: UnitPlace) -> bool:
        return not self._settings.sites or place.venue is None or place.venue in self._settings.sites

    def _venue(self, place: UnitPlace) -> str | None:
        """Return the venue of a unit; None where there are several and the unit names none."""
        sites = self._settings.sites
        if place.venue is not None:
            return place.venue
        return sites[0] if len(sites) == 1 else None if sites else self._settings.name

    def read(self, reading: Reading, known: Known) -> Exchange[None]:
        """Fill the reading; PlatformError where not even one page can be read."""
        listing = Listing(reading, self._session, f"{self._path}/")
        agreed = yield from listing.read()
        venues = self._say_all(reading, listing.records, known)
        self._tell_absent(reading, known, listing.ids)
        self._last = reading, listing.records
        if agreed:
            for venue in venues:
                reading.complete(venue, (Kind.VENUE, Kind.POOL, Kind.UNIT))

    def _say_all(self, reading: Reading, records: Mapping[str, Relationship], known: Known) -> Sequence[str]:
        """Say what relationships stand for; return the venues there are."""
        venues = self._say_places(reading)
        self._say_accounts(reading, records)
        references: dict[str, str] = {}
        for each in records.values():
            self._say(reading, each, known, references)
        return venues

    def check(self) -> Exchange[list[str]]:
        """Return what one real page says of one real unit; raises PlatformError where it says nothing of any."""
        reading = Reading(self._settings.name, self._settings.platform, datetime(1970, 1, 1, tzinfo=UTC))
        listing = Listing(reading, self._session, f"{self._path}/")
        yield from listing.read_first()
        self._say_all(reading, listing.records, Known())
        for key in reading.all(SaidKey):
            unit = reading.get(SaidUnit, key.unit)
            if unit is not None:
                return [
                    f"occupiers on the first page: {reading.count(Kind.KEY):,}",
                    f"one of them: account {shorten(key.subscriber or '')}, unit {shorten(unit.name)} of {unit.venue},"
                    f" from {key.starts:%Y-%m-%d %H:%M} UTC on",
                    *map(str, reading.faults[:5]),
                ]
        raise Unreadable("; ".join(["no occupier of a unit can be read", *map(str, reading.faults[:5])]))

    def acknowledge(self, reading: Reading, stored: Container[str]) -> Exchange[list[str]]:
        """Acknowledge the relationships of a reading that are dealt with; return what a person should know.

        stored: the keys that the store has as the reading says; of an owner without a key there is nothing to store
        """
        if self._last is None or self._last[0] is not reading:
            return []
        done = {
            id_: each
            for id_, each in self._last[1].items()
            if each.unacked_since is not None
            and each.property_id in self._places
            and (id_ in stored if reading.saw(Kind.KEY, id_) else each.kind == OWNER)
        }
        acknowledging = Acknowledging(self._session, self._path, namespace=self._settings.namespace)
        return (yield from acknowledging.acknowledge(reading, done))

    def unwritten(self, reading: Reading) -> Sequence[str]:
        """Return the keys of a reading whose relationship has no external reference, so that it can get ours."""
        if self._last is None or self._last[0] is not reading:
            return ()
        return [key.id for key in reading.all(SaidKey) if self._last[1][key.id].extid is None]

    def write_back(self, keys: Sequence[StoredKey]) -> Exchange[list[str]]:
        """Set our reference on the relationships of new keys; return those that do not take it."""
        told: list[str] = []
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            answers = yield from self._session.ask_all([self._reference(key) for key in some])
            for key, answer in zip(some, answers, strict=True):
                where = f"external reference latchkey-{key.record} of relationship {shorten(key.id)}"
                if isinstance(answer, Unavailable):
                    told.append(str(answer))
                elif answer.status == 409:
                    told.append(f"{where} is another's already: LEAP's identifier stays the key's")
                elif not answer.is_ok:
                    told.append(f"{where} is not taken: HTTP {answer.status}")
        return told

    def _reference(self, key: StoredKey) -> Request:
        return Request(
            method="POST",
            path=f"{self._path}/{quote(key.id, safe='')}/extid",
            what=f"external reference of relationship {shorten(key.id)}",
            headers=(_FORM,),
            body=urlencode({"extid": f"latchkey-{key.record}"}).encode(),
        )

    # What is said.

    def _say_places(self, reading: Reading) -> Sequence[str]:
        """Say venues, keypools and units, which are those of the configuration."""
        venues = dict.fromkeys(self._settings.sites)
        for id_, place in self._places.items():
            venue = self._venue(place)
            if venue is None:
                text = f"[sync.{self._settings.name}.units] says not which of the sites it is at: add venue"
                reading.hold_back(Kind.UNIT, id_, WHOLE, text, field="venue")
                continue
            venues[venue] = None
            reading.say(
                SaidUnit(
                    id=id_, venue=venue, name=place.unit, building=place.building, floor=place.floor, vlan=place.vlan
                )
            )
        for venue in venues:
            name = take_name(reading, Kind.VENUE, venue, venue, venue)
            reading.say(SaidVenue(id=venue, name=name, time_zone=self._settings.timezone))
            reading.say(SaidPool(id=self._pool(venue), ssid=self._settings.ssid or "", venues=(venue,)))
        return tuple(venues)

    def _pool(self, venue: str) -> str:
        return f"{venue}/{self._settings.ssid}"

    def _say_accounts(self, reading: Reading, records: Mapping[str, Relationship]) -> None:
        """Say whose the relationships are; of two external references of one account none is taken."""
        references: defaultdict[str, set[str]] = defaultdict(set)
        for each in records.values():
            if each.kind == OCCUPIER:
                references[each.account] |= {each.account_extid} - {None}  # type: ignore[arg-type]
        for account, extids in references.items():
            if len(extids) > 1:
                text = "has two external references: neither is taken"
                reading.note(WHOLE, text, kind=Kind.SUBSCRIBER, id_=account, field="extid")
            external_id = _short(reading, Kind.SUBSCRIBER, account, extids.pop()) if len(extids) == 1 else None
            name = take_name(reading, Kind.SUBSCRIBER, account, WHOLE, account)
            reading.say(SaidSubscriber(id=account, venue=WHOLE, name=name, external_id=external_id))

    def _say(self, reading: Reading, each: Relationship, known: Known, references: dict[str, str]) -> None:
        """Say the key of an occupier, or why it stays as it is stored."""
        id_, place = each.identifier, self._places.get(each.property_id)
        venue = WHOLE if place is None else self._venue(place) or WHOLE
        fault = next(self._faults(reading, each, place), None)
        if each.kind == OWNER or (fault is not None and fault[0] == "property" and self._is_over(reading, each)):
            if id_ in known.keys:
                text = "owner, and no occupier any more" if each.kind == OWNER else "end-date is past"
                reading.say(SaidKey(id=id_, venue=venue, pool="", standing=Standing.ENDED, reason=text))
            return
        if fault is not None:
            reading.hold_back(Kind.KEY, id_, venue, fault[1], field=fault[0])
            return
        external_id = _short(reading, Kind.KEY, id_, each.extid)
        if external_id is not None and (other := references.setdefault(external_id, id_)) != id_:
            text = f"is that of relationship {shorten(other)} as well: it is left out"
            reading.note(venue, text, kind=Kind.KEY, id_=id_, field="extid")
            external_id = None
        reading.say(
            SaidKey(
                id=id_,
                venue=venue,
                pool=self._pool(venue),
                unit=each.property_id,
                subscriber=each.account,
                starts=day_starts(each.starts, self._zone),
                ends=None if each.ends is None else day_ends(each.ends, self._zone),
                external_id=external_id,
            )
        )

    def _is_over(self, reading: Reading, each: Relationship) -> bool:
        return each.ends is not None and day_ends(each.ends, self._zone) <= reading.at

    def _faults(self, reading: Reading, each: Relationship, place: UnitPlace | None) -> Iterator[tuple[str, str]]:
        """Yield why no key can be made of a relationship: the field, and the text."""
        if each.kind not in (OCCUPIER, OWNER):
            yield "relationship", f"{shorten(each.kind)} is neither OCCUPIER nor OWNER"
        if each.ends is not None and each.ends < each.starts:
            yield "end-date", "is before start-date"
        try:
            day_starts(each.starts, self._zone)
            if each.ends is not None:
                day_ends(each.ends, self._zone)
        except InvalidValue as error:
            yield "start-date", str(error)
        if place is None:
            where = f"[sync.{self._settings.name}.units]"
            yield "property", f"property {shorten(each.property_id)} is not in {where}: add it, to say which unit it is"
        elif reading.get(SaidUnit, each.property_id) is None:
            yield "property", f"property {shorten(each.property_id)} has no venue in the configuration"

    def _tell_absent(self, reading: Reading, known: Known, ids: set[str]) -> None:
        """A relationship is never removed: one that is not listed is LEAP's fault, and its key stays."""
        absent: defaultdict[str, list[str]] = defaultdict(list)
        for id_ in sorted(known.keys - ids):
            place = self._places.get(known.units_of_keys.get(id_, ""))
            absent[(self._venue(place) if place is not None else None) or WHOLE].append(id_)
        for venue, missing in absent.items():
            for id_ in missing[:_MOST_TOLD]:
                text = "is not listed any more, though LEAP removes none: it stays, or, where the tenancy is over,"
                text = f"{text} latchkey key remove id:{known.records_of_keys[id_]}"
                reading.unreadable(Kind.KEY, id_, venue, text)
            if more := missing[_MOST_TOLD:]:
                some = ", ".join(map(shorten, more[:_MOST_NAMED])) + ", ..." * (len(more) > _MOST_NAMED)
                text = f"{len(more):,} more relationships are not listed any more, and stay as they are: {some}"
                reading.unreadable(Kind.KEY, None, venue, text)


def _short(reading: Reading, kind: Kind, id_: str, extid: str | None) -> str | None:
    """Return an external reference that the store can hold."""
    text = clean(extid) if extid else None
    if text is None or cut(text) == text:
        return text
    reading.note(WHOLE, "is too long: it is left out", kind=kind, id_=id_, field="extid")
    return None
