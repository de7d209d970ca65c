"""A plan: what a synchronisation would do, in order, each step with its reason."""

import enum
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .statement import Fault, Kind, Said


class Action(enum.Enum):
    """What a step does, in the order in which steps are done."""

    ADD = "add"
    RETURN = "return"  # of a key that a sync has ended
    RESUME = "resume"
    CHANGE = "change"
    SUSPEND = "suspend"
    END = "end"


@dataclass(frozen=True, slots=True)
class Field:
    """One value that changes, as a person reads it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that is done.

    id:     the platform's, of the record
    record: ours, None for what is added; of a key that takes the place of another that one
    unit:   the platform's id of the unit whose people are concerned
    said:   what the record is to be; None for one that ends because it is missing
    stops:  somebody who gets in now does not afterwards
    moves:  somebody is in another unit afterwards
    returns: the end of a key is taken back: it is there again after one, or is not said to have one any more
    passes: the record is another person's: the former key ends, and then another is added for it
    """

    action: Action
    kind: Kind
    id: str
    venue: str
    label: str
    record: int | None = None
    unit: str | None = None
    fields: tuple[Field, ...] = ()
    reason: str = ""
    said: Said | None = None
    stops: bool = False
    moves: bool = False
    returns: bool = False
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """A key whose record was not in a complete reading, or is there again (`readings` 0)."""

    id: str
    since: datetime | None
    readings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All of it.

    basis:   digest of what the store had when it was made
    holds:   why a person has to accept it; none: it may be applied at once
    waiting: steps that wait for a complete reading
    missing: what a reading that is complete says of keys that it lacks
    agreed:  keys of which the platform says again what a person made of them, so that it counts anew
    """

    id: str
    connector: str
    platform: str
    made_at: datetime
    basis: str
    steps: tuple[Step, ...]
    holds: tuple[str, ...]
    faults: tuple[Fault, ...]
    waiting: tuple[Step, ...] = ()
    missing: tuple[Missing, ...] = ()
    agreed: tuple[str, ...] = ()
    is_complete: bool = True

    @property
    def still_missing(self) -> int:
        """Return how many keys wait for further readings that lack them: those that end now do not."""
        ending = {step.id for step in (*self.steps, *self.waiting) if step.action is Action.END}
        return sum(bool(each.readings) and each.id not in ending for each in self.missing)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many keys each action is about, and how many steps are about something else."""
        keys = Counter(step.action.value for step in self.steps if step.kind is Kind.KEY)
        others = sum(step.kind is not Kind.KEY for step in self.steps)
        return {**{action.value: keys[action.value] for action in Action}, "other": others}


def in_order(steps: Iterable[Step]) -> Sequence[Step]:
    """Return steps so that what others need comes before them, and nobody stops before all else is done.

    A key that takes the place of another comes after that one's end.
    """
    return sorted(
        steps,
        key=lambda step: (
            step.passes and step.action is Action.ADD,
            step.stops,
            _ACTIONS[step.action],
            _KINDS[step.kind],
            step.venue,
            step.label,
            step.id,
        ),
    )


_ACTIONS: Final = {action: place for place, action in enumerate(Action)}
_KINDS: Final = {kind: place for place, kind in enumerate(Kind)}
