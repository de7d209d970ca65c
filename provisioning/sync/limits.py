"""How much one synchronisation may take away before a person is asked."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .plan import Step
from .statement import WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Thresholds per venue and for a platform as a whole; a count above one makes the plan wait for a person."""

    stops_percent: float = 10  # of the units
    stops_units: int = 25
    small_units: int = 10  # below this many units percentages say nothing
    small_stops: int = 2
    moves_percent: float = 30
    missing_readings: int = 3  # complete ones without a record, before its key ends
    missing_hours: float = 24  # and since the first of them


def exceeded(steps: Iterable[Step], units: Mapping[str, int], limits: Limits) -> list[str]:
    """Return why a person has to accept these steps, one line each; none where nobody has to.

    units: how many each venue has, before
    """
    stops: defaultdict[str, set[str]] = defaultdict(set)
    moves: defaultdict[str, set[str]] = defaultdict(set)
    for step in steps:
        for counted, is_one in ((stops, step.stops), (moves, step.moves)):
            if is_one:
                counted[step.venue].add(step.unit or f"key {step.id}")
                counted[WHOLE].add(f"{step.venue}\0{step.unit or step.id}")
    populations = dict(units) | {WHOLE: sum(units.values())}
    found = []
    for venue in sorted({*stops, *moves}):
        if venue == WHOLE and len(units) <= 1 and len(set(stops) | set(moves)) <= 2:
            continue  # one venue, of which it is said already
        where = "in all" if venue == WHOLE else f"at {venue}"
        population = populations.get(venue, 0)
        found += _too_many(where, len(stops[venue]), population, limits)
        found += _too_many_moves(where, len(moves[venue]), population, limits)
    return found


def _too_many(where: str, count: int, units: int, limits: Limits) -> list[str]:
    if units < limits.small_units:
        if count > limits.small_stops:
            return [f"keys of {count} of {units} units {where} would stop, more than {limits.small_stops}"]
        return []
    if count > limits.stops_units:
        return [f"keys of {count} of {units} units {where} would stop, more than {limits.stops_units}"]
    if count * 100 > limits.stops_percent * units:
        return [f"keys of {count} of {units} units {where} would stop, more than {limits.stops_percent:g} %"]
    return []


def _too_many_moves(where: str, count: int, units: int, limits: Limits) -> list[str]:
    if units < limits.small_units:
        if count > limits.small_stops:
            return [f"residents of {count} of {units} units {where} would move, more than {limits.small_stops}"]
        return []
    if count * 100 > limits.moves_percent * units:
        return [f"residents of {count} of {units} units {where} would move, more than {limits.moves_percent:g} %"]
    return []
