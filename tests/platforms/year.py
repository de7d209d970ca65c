"""A year in the life of a building: move-ins and move-outs, swaps, overlaps, arrears and payment, other VLANs."""

import random
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pcaps.platforms.building import Building, Tenancy

MOVE_IN, MOVE_OUT, SWAP, OVERLAP = "move-in", "move-out", "swap", "overlap"
SUSPEND, PAY, VLAN = "suspend", "pay", "vlan"
EVENTS = (MOVE_IN, MOVE_OUT, SWAP, OVERLAP, SUSPEND, PAY, VLAN)


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
