"""From the residents of a site to keys and those whose they are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from ...errors import InvalidValue
from ...sync import Kind, Reading, SaidKey, SaidSubscriber, Standing, shorten
from ..fields import MOST_ID, day_ends, parse_day, parse_instant, take_name
from .mappings import MappedUnit, Units, show, site_id
from .payloads import Resident

_STANDINGS: Final = {
    None: Standing.ACTIVE,  # the document does not show the field: then the dates say all
    "scheduled": Standing.ACTIVE,
    "pending": Standing.ACTIVE,
    "current": Standing.ACTIVE,
    "deactivated": Standing.ENDED,
    "terminated": Standing.ENDED,
    "purged": Standing.ENDED,
    "terminated and purged": Standing.ENDED,
}
_OLD: Final = timedelta(days=30)  # a beginning so long ago that a new record of it is worth a look
_MOST_TOLD: Final = 20  # residents that get a line each
_MOST_NAMED: Final = 3  # residents of many, in one message


class Untakeable(Exception):  # noqa: N818
    """Why a resident's record stays as it is stored: the field, and the text."""

    def __init__(self, field: str | None, text: str) -> None:
        super().__init__(text)
        self.field, self.text = field, text


class Window(NamedTuple):
    starts: datetime
    ends: datetime | None

    def overlaps(self, other: "Window") -> bool:
        return (self.ends is None or other.starts < self.ends) and (other.ends is None or self.starts < other.ends)


@dataclass(frozen=True, slots=True)
class Stay:
    """A resident in a unit."""

    key: str
    resident: Resident
    unit: MappedUnit
    window: Window
    standing: Standing


@dataclass
class Residents:
    """Takes the residents of one site.

    zone:  of the local dates, where the configuration names one
    known: ids of the keys that the store has
    """

    reading: Reading
    units: Units
    zone: ZoneInfo | None
    known: Collection[str]

    def __post_init__(self) -> None:
        self.venue = self.units.venue
        self._stays: dict[str, Stay] = {}

    def take(self, residents: Iterable[Resident]) -> None:
        """Say the key of each resident, or why it stays as it is stored."""
        seen: dict[str, Resident] = {}
        for resident in residents:
            key = site_id(self.venue, resident.id)
            if len(key) > MOST_ID:
                text = f"is too long: {shorten(resident.id)}"
                self.reading.unreadable(Kind.KEY, None, self.venue, text, field="ResidentId")
            elif seen.setdefault(key, resident) is not resident:
                self.reading.partial(
                    self.venue, f"resident {shorten(resident.id)} is listed twice: another may be missing"
                )
                if seen[key] != resident:
                    self._hold(key, None, "its id stands for two different records")
                    self._stays.pop(key, None)
            else:
                self._place(key, resident)
        self._hold_overlaps()
        self._say_all()

    def _place(self, key: str, resident: Resident) -> None:
        standing = self._standing(key, resident)
        window = None
        try:
            window = self._window(resident)
            if standing is Standing.UNKNOWN and self._is_over(window):
                standing = Standing.ENDED  # the date says so, whatever the word means
            self._stays[key] = Stay(key, resident, self._unit(resident), window, standing)
        except Untakeable as error:
            if standing is Standing.ENDED or (window is not None and self._is_over(window)):
                text = resident.status or "DeactivationDateUTC is past"  # which counts, wherever the unit went
                self.reading.say(SaidKey(id=key, venue=self.venue, pool="", standing=Standing.ENDED, reason=text))
            else:
                self._hold(key, error.field, error.text)

    def _standing(self, key: str, resident: Resident) -> Standing:
        word = None if resident.status is None else " ".join(resident.status.lower().split())
        standing = _STANDINGS.get(word, Standing.UNKNOWN)
        if standing is Standing.UNKNOWN:
            text = f"{shorten(resident.status or '')} is a word that no document has: its state stays as it is stored"
            self.reading.note(self.venue, text, kind=Kind.KEY, id_=key, field="Status")
        return standing

    def _is_over(self, window: Window) -> bool:
        return window.ends is not None and window.ends <= self.reading.at

    def _unit(self, resident: Resident) -> MappedUnit:
        if resident.unit is None:
            raise Untakeable("Unit", "it names no unit")
        spot = (resident.building, resident.floor, resident.unit)
        unit = self.units.find(spot)
        if unit is None:
            raise Untakeable("Unit", f"unit {shorten(show(spot))} is not among the PAN mappings as it is spelled")
        if unit.fault is not None and unit.fault[0] == "SSID":
            raise Untakeable(*unit.fault)
        return unit

    def _window(self, resident: Resident) -> Window:
        starts = resident.starts or self._local("ActivationDate", resident.local_starts)
        if starts is None:
            raise Untakeable("ActivationDateUTC", "is empty")
        ends = resident.ends or self._local("DeactivationDate", resident.local_ends, is_end=True)
        if ends is not None and ends <= starts:
            raise Untakeable("DeactivationDateUTC", "is not after ActivationDateUTC")
        return Window(starts, ends)

    def _local(self, name: str, text: str | None, *, is_end: bool = False) -> datetime | None:
        """Return an instant of the site's own clocks. A day alone ends when the day does."""
        if text is None or not text.strip():
            return None
        if self.zone is None:
            raise Untakeable(name, f"{name}UTC is not there, and for the local date a timezone must be set")
        try:
            if is_end and len(text.strip()) == len("2026-10-31") and (day := parse_day(text)) is not None:
                return day_ends(day, self.zone)
            return parse_instant(text, self.zone)
        except PydanticCustomError as error:
            raise Untakeable(name, error.message()) from None
        except InvalidValue as error:
            raise Untakeable(name, str(error)) from None

    def _hold_overlaps(self) -> None:
        """Hold back all who are in one unit at one time: the platform allows only one, so that either may be wrong."""
        in_unit: defaultdict[str, list[Stay]] = defaultdict(list)
        for stay in self._stays.values():
            if stay.standing is not Standing.ENDED:
                in_unit[stay.unit.id].append(stay)
        for stays in in_unit.values():
            stays.sort(key=lambda stay: stay.window.starts)
            held: dict[str, str] = {}
            last: Stay | None = None  # of those so far who stays longest
            for stay in stays:
                if last is not None and last.window.overlaps(stay.window):
                    held[stay.key] = last.resident.id
                    held.setdefault(last.key, stay.resident.id)
                if last is None or _ends_later(stay.window, last.window):
                    last = stay
            for key, other in held.items():
                del self._stays[key]
                self._hold(key, None, f"in its unit at the same time as resident {shorten(other)}: neither is changed")

    def _say_all(self) -> None:
        holders = self._holders()
        fresh: list[Stay] = []
        for stay in self._stays.values():
            passphrase = None
            if stay.unit.passphrase is not None:
                if holders.get(stay.unit.id) == stay.key:
                    if stay.unit.fault is not None:
                        self._hold(stay.key, *stay.unit.fault)
                        continue
                    passphrase = stay.unit.passphrase
                elif stay.key not in self.known:
                    self._wait(stay)
                    continue
            self._say(stay, passphrase)
            if stay.key not in self.known and stay.window.ends is None and stay.standing is Standing.ACTIVE:
                fresh.append(stay)
        self._warn([stay for stay in fresh if stay.window.starts < self.reading.at - _OLD])

    def _holders(self) -> Mapping[str, str]:
        """Return by unit the key that has the mapping's passphrase: whose turn it is, or whose it will be first."""
        holders: dict[str, Stay] = {}
        for stay in self._stays.values():
            if stay.unit.passphrase is None or stay.standing is Standing.ENDED or self._is_over(stay.window):
                continue
            if (other := holders.setdefault(stay.unit.id, stay)).window.starts > stay.window.starts:
                holders[other.unit.id] = stay
        return {unit: stay.key for unit, stay in holders.items()}

    def _wait(self, stay: Stay) -> None:
        """Leave out who comes next: until then the passphrase of the unit is that of who lives there, or did."""
        if stay.window.starts > self.reading.at:
            text = "follows somebody else in its unit, whose passphrase the mapping names: the key is made after that"
            self.reading.note(self.venue, text, kind=Kind.KEY, id_=stay.key)

    def _say(self, stay: Stay, passphrase: bytes | None) -> None:
        resident = stay.resident
        full = resident.name or " ".join(filter(None, (resident.given_name, resident.family_name)))
        name = take_name(self.reading, Kind.SUBSCRIBER, stay.key, self.venue, full or resident.id)
        self.reading.say(SaidSubscriber(id=stay.key, venue=self.venue, name=name))
        self.reading.say(
            SaidKey(
                id=stay.key,
                venue=self.venue,
                pool=stay.unit.pool or "",
                unit=stay.unit.id,
                subscriber=stay.key,
                passphrase=passphrase,
                starts=stay.window.starts,
                ends=stay.window.ends,
                standing=stay.standing,
                reason=resident.status if stay.standing is Standing.ENDED else None,
            )
        )

    def _warn(self, old: list[Stay]) -> None:
        """Tell who is new here, began long ago and has no end: added with both dates past, Eleven drops the end."""
        why = "added with dates in the past, a resident loses the end"
        if len(old) == 1 or (len(old) <= _MOST_TOLD and not self._is_first()):
            text = f"new here, began long ago and has no end: {why}"
            for stay in old:
                self.reading.note(self.venue, text, kind=Kind.KEY, id_=stay.key, field="DeactivationDateUTC")
        elif old:
            some = ", ".join(shorten(stay.resident.id) for stay in old[:_MOST_NAMED]) + ", ..." * (
                len(old) > _MOST_NAMED
            )
            text = f"{len(old):,} residents are new here, began long ago and have no end: {some} ({why})"
            self.reading.note(self.venue, text, kind=Kind.KEY, field="DeactivationDateUTC")

    def _is_first(self) -> bool:
        """Return whether nobody of the site has a key yet: then all are new, and a line for each tells nothing."""
        return not any(key in self.known for key in self._stays)

    def _hold(self, key: str, field: str | None, text: str) -> None:
        self.reading.hold_back(Kind.KEY, key, self.venue, text, field=field)


def _ends_later(one: Window, other: Window) -> bool:
    return other.ends is not None and (one.ends is None or one.ends > other.ends)
