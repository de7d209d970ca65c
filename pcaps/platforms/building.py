"""The truth behind a test platform: who lives where, and from when to when.

Plain values. A platform's server renders a `Building` in its own words; `Building.living` says who should get in.
Tenancies begin and end on the property's days, in the building's own time zone: they begin at `opens` of their first
day and end at `closes` of their last, or where `closes` is None with the end of that day.
"""

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MIDNIGHT = time(0)
_FAMILY = ("Okafor", "Nguyễn", "Müller", "Łukasz", "O'Brien", "García", "田中", "Иванова", "בן־דוד", "Smith & Sons")
_GIVEN = ("Ada", "Björn", "Chloé", "Дмитрий", "Eun-ji", "Fátima", "Güneş", "恵子", "Ivy", "José")


@dataclass(frozen=True, slots=True)
class Person:
    """One who rents."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A flat, room or storage unit; its name may repeat on other floors."""

    id: str
    building: str
    floor: str
    name: str
    vlan: int | None


@dataclass(frozen=True, slots=True)
class Tenancy:
    """One person in one unit, from `starts` up to, but not at, `ends`; locked out within each span of `suspended`."""

    id: str
    person: Person
    unit: str  # its id
    starts: datetime
    ends: datetime | None = None
    suspended: tuple[tuple[datetime, datetime | None], ...] = ()
    passphrase: str | None = field(default=None, repr=False)

    def runs(self, at: datetime) -> bool:
        """Return whether the tenancy has begun and not ended."""
        return self.starts <= at and (self.ends is None or at < self.ends)

    def locked_out(self, at: datetime) -> bool:
        """Return whether rent is owed to the point of being locked out."""
        return any(since <= at and (until is None or at < until) for since, until in self.suspended)


class Building:
    """One property. `version` rises with every change, so that a server knows what it rendered is old."""

    def __init__(
        self,
        venue_id: str,
        name: str,
        ssid: str,
        time_zone: str,
        units: Iterable[Unit] = (),
        tenancies: Iterable[Tenancy] = (),
        *,
        opens: time = MIDNIGHT,
        closes: time | None = None,
    ) -> None:
        self.venue_id, self.name, self.ssid, self.time_zone = venue_id, name, ssid, time_zone
        self.units = {unit.id: unit for unit in units}
        self.tenancies = {tenancy.id: tenancy for tenancy in tenancies}
        self.opens, self.closes = opens, closes
        self.version = 0
        self._zone = ZoneInfo(time_zone)
        self._people = self._next = 0

    @classmethod
    def make(
        cls,
        units: int = 1000,
        seed: int = 1,
        *,
        venue_id: str = "S1",
        name: str = "Hudson House",
        ssid: str = "Hudson House",
        time_zone: str = "America/New_York",
        at: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC),
        occupied: float = 0.9,
        passphrases: bool = False,
        opens: time = MIDNIGHT,
        closes: time | None = None,
    ) -> "Building":
        """Return a building in which about `occupied` of the units are let at `at`, a tenth of them with an end."""
        chance = random.Random(seed)
        flats = (
            Unit(f"{venue_id}-u{n}", "ABCD"[n // 10 % 4], str(n // 40 + 1), str(100 + n % 10), 100 + n % 3900)
            for n in range(units)
        )
        building = cls(venue_id, name, ssid, time_zone, flats, opens=opens, closes=closes)
        today = building.day(at)
        for unit in tuple(building.units):
            if chance.random() >= occupied:
                continue
            last = today + timedelta(chance.randrange(1, 300)) if chance.random() < 0.1 else None
            since = today - timedelta(chance.randrange(1, 900))
            secret = f"{chance.getrandbits(64):016x}" if passphrases else None
            building.move_in(unit, building.newcomer(), since, last, passphrase=secret)
        building.version = 0
        return building

    # Time of this building: instants of its days.

    def day(self, at: datetime) -> date:
        """Return the building's calendar day at an instant."""
        return at.astimezone(self._zone).date()

    def local(self, at: datetime) -> datetime:
        """Return an instant as the building's clocks show it."""
        return at.astimezone(self._zone)

    def at(self, day: date, hour: time) -> datetime:
        """Return the instant at which the building's clocks show `hour` of `day`, in UTC."""
        return datetime.combine(day, hour, self._zone).astimezone(UTC)

    def first_instant(self, day: date) -> datetime:
        """Return when a tenancy starts whose first day is `day`."""
        return self.at(day, self.opens)

    def end_instant(self, day: date) -> datetime:
        """Return when a tenancy ends whose last day is `day`."""
        return self.at(day + timedelta(1), MIDNIGHT) if self.closes is None else self.at(day, self.closes)

    def first_day(self, tenancy: Tenancy) -> date:
        """Return the first day of a tenancy."""
        return self.day(tenancy.starts)

    def last_day(self, tenancy: Tenancy) -> date | None:
        """Return the last day of a tenancy on which it still runs, or None where it is open."""
        return None if tenancy.ends is None else self.day(tenancy.ends - timedelta(microseconds=1))

    # What there is.

    def living(self, at: datetime) -> set[str]:
        """Return the ids of the tenancies that should get in at this instant."""
        return {t.id for t in self.tenancies.values() if t.runs(at) and not t.locked_out(at)}

    def next_change(self, at: datetime, lags: Collection[timedelta] = (timedelta(0),)) -> datetime | None:
        """Return when, with nothing done, something will first be otherwise; so long after each boundary counts."""
        edges = (
            edge
            for tenancy in self.tenancies.values()
            for edge in (tenancy.starts, tenancy.ends, *(edge for span in tenancy.suspended for edge in span))
            if edge is not None
        )
        return min((edge + lag for edge in edges for lag in lags if edge + lag > at), default=None)

    def in_unit(self, unit: str) -> list[Tenancy]:
        """Return all tenancies of a unit, past and future ones too."""
        return [tenancy for tenancy in self.tenancies.values() if tenancy.unit == unit]

    def newcomer(self) -> Person:
        """Return a person who has not lived here before."""
        self._people += 1
        n = self._people
        return Person(f"{self.venue_id}-p{n}", f"{_GIVEN[n % 10]} {_FAMILY[n // 10 % 10]}")

    # What happens.

    def move_in(
        self,
        unit: str,
        person: Person,
        first: date,
        last: date | None = None,
        *,
        passphrase: str | None = None,
        name: str | None = None,
    ) -> Tenancy:
        """Add a tenancy from its first day through its last, or without an end; `name`: its id, else one is made."""
        self._next += 1
        tenancy = Tenancy(
            name or f"{self.venue_id}-t{self._next}",
            person,
            self.units[unit].id,
            self.first_instant(first),
            None if last is None else self.end_instant(last),
            passphrase=passphrase,
        )
        return self._put(tenancy)

    def move_out(self, tenancy: str, ends: date | datetime) -> Tenancy:
        """End a tenancy with its last day, or at an instant."""
        instant = ends if isinstance(ends, datetime) else self.end_instant(ends)
        return self._put(replace(self.tenancies[tenancy], ends=instant))

    def swap(self, one: str, other: str) -> None:
        """Let two tenancies change units, at once, and stay the tenancies they are."""
        first, second = self.tenancies[one], self.tenancies[other]
        self._put(replace(first, unit=second.unit))
        self._put(replace(second, unit=first.unit))

    def suspend(self, tenancy: str, since: datetime) -> Tenancy:
        """Lock a tenancy out from `since` on."""
        known = self.tenancies[tenancy]
        return self._put(replace(known, suspended=(*known.suspended, (since, None))))

    def pay(self, tenancy: str, at: datetime) -> Tenancy:
        """End the lock-out of a tenancy."""
        known = self.tenancies[tenancy]
        closed = tuple((since, at if until is None else until) for since, until in known.suspended)
        return self._put(replace(known, suspended=closed))

    def change_vlan(self, unit: str, vlan: int | None) -> Unit:
        """Put a unit on another VLAN."""
        self.version += 1
        self.units[unit] = replace(self.units[unit], vlan=vlan)
        return self.units[unit]

    def set_passphrase(self, tenancy: str, passphrase: str | None) -> Tenancy:
        """Give a tenancy another passphrase, as a platform with keys of its own does."""
        return self._put(replace(self.tenancies[tenancy], passphrase=passphrase))

    def _put(self, tenancy: Tenancy) -> Tenancy:
        self.version += 1
        self.tenancies[tenancy.id] = tenancy
        return tenancy
