"""How much one synchronisation may take away, or give back to who had left, before a person is asked."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .plan import Step
from .statement import WHOLE, Kind, shorten


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


def exceeded(
    steps: Sequence[Step],
    units: Mapping[str, int],
    limits: Limits,
    nases: Mapping[str, int] | None = None,
    ends: Mapping[str, int] | None = None,
) -> list[str]:
    """Return why a person has to accept these steps, one line each; none where nobody has to.

    units: how many each venue has, before; a key without a unit counts as one
    nases: how many NASes each venue has, before
    ends:  in how many units of each venue a key has ended or is to end, before
    """
    stops = [step for step in steps if step.stops]
    keys = [step for step in stops if step.kind is not Kind.NAS]
    switched = [step for step in stops if step.kind is Kind.NAS]
    moves = [step for step in steps if step.moves]
    returns = [step for step in steps if step.returns]
    return [
        *_exceeded(keys, units, limits, "keys of {} of {} units {} would stop"),
        *_exceeded(returns, ends or {}, limits, "ends of keys in {} of {} units {} that have one would be taken back"),
        *_exceeded(moves, units, limits, "residents of {} of {} units {} would move", is_move=True),
        *_exceeded(switched, nases or {}, limits, "{} of {} NASes {} would be switched off"),
    ]


def _exceeded(
    steps: Iterable[Step], populations: Mapping[str, int], limits: Limits, text: str, *, is_move: bool = False
) -> Iterator[str]:
    counted: defaultdict[str, set[str]] = defaultdict(set)
    for step in steps:
        counted[step.venue].add(f"unit {step.unit}" if step.unit is not None else f"key {step.id}")
    for venue in sorted(counted):
        count, population = len(counted[venue]), populations.get(venue, 0)
        if bound := _bound(count, population, limits, is_move=is_move):
            yield f"{text.format(count, population, f'at {shorten(venue)}')}, more than {bound}"
    if len({*counted, *populations} - {WHOLE}) > 1:  # else it is said already
        count, population = sum(map(len, counted.values())), sum(populations.values())
        if bound := _bound(count, population, limits, is_move=is_move):
            yield f"{text.format(count, population, 'in all')}, more than {bound}"


def _bound(count: int, population: int, limits: Limits, *, is_move: bool) -> str | None:
    """Return the bound that a count is above, None where it is within all."""
    if population < limits.small_units:
        return str(limits.small_stops) if count > limits.small_stops else None
    if not is_move and count > limits.stops_units:
        return str(limits.stops_units)
    percent = limits.moves_percent if is_move else limits.stops_percent
    return f"{percent:g} %" if count * 100 > percent * population else None
