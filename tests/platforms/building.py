"""The truth behind a test platform: who lives where, and from when to when.

Plain values. A platform's server renders a `Building` in its own words; `Building.living` says who should get in.
Tenancies begin and end on the property's days, in the building's own time zone: they begin at `opens` of their first
day and end at `closes` of their last, or where `closes` is None with the end of that day.
"""

import random
from collections.abc import Collection, Iterable, Iterator
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
        self, unit: str, person: Person, first: date, last: date | None = None, *, passphrase: str | None = None
    ) -> Tenancy:
        """Add a tenancy from its first day through its last, or without an end."""
        self._next += 1
        tenancy = Tenancy(
            f"{self.venue_id}-t{self._next}",
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


def clock_changes(time_zone: str, year: int) -> list[date]:
    """Return the days of a year on which the clocks of a zone change."""
    zone = ZoneInfo(time_zone)
    days = (date(year, 1, 1) + timedelta(n) for n in range(365))
    noon = time(12)
    return [
        day
        for day in days
        if datetime.combine(day, noon, zone).utcoffset() != datetime.combine(day - timedelta(1), noon, zone).utcoffset()
    ]


MOVE_IN, MOVE_OUT, SWAP, OVERLAP, SUSPEND, PAY, VLAN = (
    "move-in",
    "move-out",
    "swap",
    "overlap",
    "suspend",
    "pay",
    "vlan",
)
EVENTS = (MOVE_IN, MOVE_OUT, SWAP, OVERLAP, SUSPEND, PAY, VLAN)


def year(
    building: Building,
    seed: int = 1,
    *,
    first: date = date(2026, 1, 2),
    days: int = 365,
    kinds: Collection[str] = EVENTS,
) -> Iterator[tuple[datetime, str]]:
    """Change the building day by day; yield each instant at which to look, and what happened since the one before.

    kinds: what may happen; leave out what the platform in question cannot say.
    Mostly one instant a day, at ten in the morning; about the two nights in which clocks change, also half an hour
    before and after midnight and in the missing or doubled hour, with somebody moving in and out at that boundary.
    """
    chance = random.Random(seed)
    events = _Events(building, chance, kinds)
    changes = {
        day + timedelta(n)
        for y in (first.year, first.year + 1)
        for day in clock_changes(building.time_zone, y)
        for n in (0, 1)
    }
    for n in range(days):
        today = first + timedelta(n)
        if today in changes:
            yield building.at(today - timedelta(1), time(23, 30)), "half an hour to midnight"
            yield building.at(today, time(0, 30)), "half an hour past midnight"
            yield building.at(today, time(2, 30)), "the hour of the clock change"
        happened = list(events.of(today))
        if today + timedelta(1) in changes:  # the tenancy's boundary is the midnight next to the change
            happened += events.boundary(today)
        yield building.at(today, time(10)), "; ".join(happened) or "nothing"


class _Events:
    """Draws what happens on a day, and does it."""

    def __init__(self, building: Building, chance: random.Random, kinds: Collection[str]) -> None:
        self._building, self._chance, self._kinds = building, chance, set(kinds)
        self._secrets = any(tenancy.passphrase for tenancy in building.tenancies.values())

    def of(self, today: date) -> Iterator[str]:
        """Yield what happens on one day of about a hundredth of the units at most."""
        draws = {
            MOVE_IN: (self._move_in, 2),
            MOVE_OUT: (self._move_out, 2),
            SWAP: (self._swap, 0.15),
            OVERLAP: (self._overlap, 0.2),
            SUSPEND: (self._suspend, 0.5),
            PAY: (self._pay, 0.5),
            VLAN: (self._vlan, 0.2),
        }
        for kind, (event, rate) in draws.items():
            for _ in range(self._count(rate) if kind in self._kinds else 0):
                if said := event(today):
                    yield f"{kind} {said}"

    def boundary(self, today: date) -> Iterator[str]:
        """Yield a move-out with today's end and a move-in with tomorrow's beginning."""
        if MOVE_OUT in self._kinds and (said := self._move_out(today, today)):
            yield f"{MOVE_OUT} {said}"
        if MOVE_IN in self._kinds and (said := self._move_in(today, today + timedelta(1))):
            yield f"{MOVE_IN} {said}"

    def _count(self, rate: float) -> int:
        return int(rate) + (self._chance.random() < rate % 1) if rate < 1 else self._chance.randrange(int(2 * rate) + 1)

    def _running(self, today: date, *, open_end: bool = False, owing: bool = False) -> list[Tenancy]:
        noon = self._building.at(today, time(12))
        return [
            tenancy
            for tenancy in self._building.tenancies.values()
            if tenancy.runs(noon) and not (open_end and tenancy.ends is not None) and tenancy.locked_out(noon) == owing
        ]

    def _secret(self) -> str | None:
        return f"{self._chance.getrandbits(64):016x}" if self._secrets else None

    def _move_in(self, today: date, first: date | None = None) -> str | None:
        noon = self._building.at(today, time(12))
        taken = {t.unit for t in self._building.tenancies.values() if t.ends is None or t.ends > noon}
        free = [unit for unit in self._building.units if unit not in taken]
        if not free:
            return None
        first = first or today + timedelta(self._chance.choice((0, 0, 0, 1, 7, 14)))
        last = first + timedelta(self._chance.randrange(30, 300)) if self._chance.random() < 0.3 else None
        newcomer = self._building.newcomer()
        tenancy = self._building.move_in(self._chance.choice(free), newcomer, first, last, passphrase=self._secret())
        return f"{tenancy.id} into {tenancy.unit} on {first}"

    def _move_out(self, today: date, last: date | None = None) -> str | None:
        staying = self._running(today, open_end=True)
        if not staying:
            return None
        tenancy = self._chance.choice(staying)
        last = last or today + timedelta(self._chance.choice((0, 0, 1, 7, 20)))
        self._building.move_out(tenancy.id, last)
        return f"{tenancy.id} of {tenancy.unit} on {last}"

    def _swap(self, today: date) -> str | None:
        alone = self._alone(self._running(today))
        if len(alone) < 2:
            return None
        one, other = self._chance.sample(alone, 2)
        self._building.swap(one.id, other.id)
        return f"{one.id} and {other.id}"

    def _alone(self, tenancies: list[Tenancy]) -> list[Tenancy]:
        """Leave out who shares the unit with somebody past or to come: a swap would make their stays meet."""
        counts: dict[str, int] = {}
        for tenancy in self._building.tenancies.values():
            counts[tenancy.unit] = counts.get(tenancy.unit, 0) + 1
        return [tenancy for tenancy in tenancies if counts[tenancy.unit] == 1]

    def _overlap(self, today: date) -> str | None:
        leaving = [tenancy for tenancy in self._running(today) if tenancy.ends is not None]
        if not leaving:
            return None
        unit = self._chance.choice(leaving).unit
        tenancy = self._building.move_in(unit, self._building.newcomer(), today, passphrase=self._secret())
        return f"{tenancy.id} into {unit}"

    def _suspend(self, today: date) -> str | None:
        paying = self._running(today)
        if not paying:
            return None
        tenancy = self._chance.choice(paying)
        self._building.suspend(tenancy.id, self._building.at(today, time(9)))
        return tenancy.id

    def _pay(self, today: date) -> str | None:
        owing = self._running(today, owing=True)
        if not owing:
            return None
        tenancy = self._chance.choice(owing)
        self._building.pay(tenancy.id, self._building.at(today, time(9, 30)))
        return tenancy.id

    def _vlan(self, today: date) -> str | None:
        unit = self._chance.choice(list(self._building.units))
        vlan = self._chance.randrange(100, 4000)
        self._building.change_vlan(unit, vlan)
        return f"of {unit} to {vlan}"
