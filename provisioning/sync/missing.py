"""Keys whose records are not there: what is missing has not ended."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

from .holdings import HeldKey, HeldState, Holdings
from .limits import Limits
from .plan import Action, Missing, Step
from .statement import Fault, Kind, Reading, SaidKey, shorten
from .windows import day, is_live, zone_of

_GONE = (HeldState.REMOVED, HeldState.ERASED)


class Absent:
    """The keys that a reading lacks. Use `steps` first: `missing` and `emptied` tell of them."""

    def __init__(
        self,
        reading: Reading,
        holdings: Holdings,
        limits: Limits,
        label: Callable[[SaidKey | None, HeldKey | None], str],
        faults: list[Fault],
    ) -> None:
        self._reading = reading
        self._holdings = holdings
        self._limits = limits
        self._label = label
        self._faults = faults
        self.missing: list[Missing] = []
        last = holdings.last_complete
        self._counts = last is None or reading.at > last  # a clock that went back: no later than the one before
        self._ends: Counter[str] = Counter()

    def steps(self) -> Iterator[Step]:
        """Yield the ends of those that were missing often enough, and for long enough."""
        for held in self._holdings.keys.values():
            if self._reading.saw(Kind.KEY, held.id):
                if held.missing_readings:
                    self.missing.append(Missing(held.id, None, 0))
            elif held.state not in _GONE and self._reading.is_complete(held.venue, Kind.KEY):
                yield from self._of(held)

    def _of(self, held: HeldKey) -> Iterator[Step]:
        if held.is_overruled(HeldState.REMOVED):
            text = "somebody has restored it: it stays, though it is not at the platform"
            self._faults.append(Fault(self._reading.platform, held.venue, Kind.KEY, held.id, None, text))
            return
        if not self._counts:
            return
        now = self._reading.at
        since = min(held.missing_since or now, now)
        readings = held.missing_readings + 1
        self.missing.append(Missing(held.id, since, readings))
        if readings < self._limits.missing_readings or now - since < timedelta(hours=self._limits.missing_hours):
            return
        stops = is_live(held.state, held.ends, now)
        self._ends[held.venue] += stops
        zone = zone_of(self._reading, self._holdings, held.venue)
        yield Step(
            action=Action.END,
            kind=Kind.KEY,
            id=held.id,
            venue=held.venue,
            label=self._label(None, held),
            record=held.record,
            unit=held.unit,
            reason=f"not at the platform since {day(since, zone)}, in {readings} readings",
            stops=stops,
        )

    def emptied(self, steps: list[Step]) -> Iterator[str]:
        """Yield of which venues a reading has nobody, though the store has: mostly that is a platform's mistake."""
        there = {said.venue for said in self._reading.all(SaidKey)}
        ending = {step.venue for step in steps if step.stops}
        for venue, count in sorted(self._ends.items()):
            if count and venue not in there and venue in ending:
                yield f"the platform has nobody at {shorten(venue)} any more"
