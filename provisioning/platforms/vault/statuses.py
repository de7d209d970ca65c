"""The platform's words for the state of accounts, subscriptions and keys, and which counts where several meet."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ...sync import Standing

TERMS: Final = "terms not accepted"


@dataclass(frozen=True, slots=True)
class State:
    """A standing, why it is so, and the platform's word where it is one that nobody knows."""

    standing: Standing
    reason: str | None = None
    unknown_word: str | None = None


ACTIVE: Final = State(Standing.ACTIVE)
UNKNOWN: Final = State(Standing.UNKNOWN)
TERMINATED: Final = State(Standing.ENDED, "terminated")

_WORDS: Final = {
    "active": ACTIVE,
    "in service": ACTIVE,
    "trial": ACTIVE,
    "aup not accepted": State(Standing.SUSPENDED, TERMS),
    "pending": State(Standing.SUSPENDED, TERMS),
    "suspended": State(Standing.SUSPENDED, "suspended"),
    "terminated": TERMINATED,
    "unknown": UNKNOWN,
}
# What of several states counts: an end before a suspension, and both before a word that nobody knows.
_WEIGHT: Final = {Standing.ACTIVE: 0, Standing.UNKNOWN: 1, Standing.SUSPENDED: 2, Standing.ENDED: 3}


@lru_cache(maxsize=256)
def read_status(word: str | None) -> State | None:
    """Return what a word says, whatever its case; None where there is none, UNKNOWN for one that is not known."""
    if word is None:
        return None
    return _WORDS.get(" ".join(word.replace("_", " ").split()).casefold()) or State(Standing.UNKNOWN, unknown_word=word)


def weigh(states: Iterable[State | None]) -> State:
    """Return the one that counts of the states of a subscriber, a subscription and a key; ACTIVE of none."""
    return max((state for state in states if state is not None), key=lambda s: _WEIGHT[s.standing], default=ACTIVE)
