"""What a check finds."""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class Level(enum.Enum):
    """ERROR: somebody who should get in does not, or the server does not start. ADVICE: it works as it is."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and what to do about it."""

    check: str  # the name of the function that found it
    level: Level
    text: str
    remedy: str


Found = Iterator[tuple[Level, str, str]]  # level, text, remedy
Check = Callable[[T], Found]


def run(checks: tuple[Check[T], ...], subject: T) -> Iterator[Finding]:
    """Yield what each check finds; one that fails says so instead."""
    for check in checks:
        name = check.__name__.replace("_", "-")
        try:
            for level, text, remedy in check(subject):
                yield Finding(name, level, text, remedy)
        except OSError as error:
            yield Finding(
                name, Level.WARNING, f"could not be checked: {error.strerror or error}", "run it as the server's user"
            )
