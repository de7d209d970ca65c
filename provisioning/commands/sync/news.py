"""What was not said before: a service that runs every few minutes says of each trouble that it is there once."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

_MOST: Final = 20_000  # lines that are remembered of one connector
_MOST_SAID: Final = 50  # at once


class News:
    """The lines of one connector's last round."""

    def __init__(self) -> None:
        self._said: set[bytes] = set()
        self._headline: str | None = None

    def is_new(self, headline: str) -> bool:
        """Return whether this is another headline than the last one."""
        was, self._headline = self._headline, headline
        return was != headline

    def lines(self, lines: Iterable[str]) -> list[str]:
        """Return those that were not there in the last round, and how many more of them there are."""
        now: set[bytes] = set()
        new: list[str] = []
        more = 0
        for line in lines:
            mark = blake2b(line.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            if len(now) < _MOST:
                now.add(mark)
            if mark in self._said:
                continue
            if len(new) < _MOST_SAID:
                new.append(line)
            else:
                more += 1
        self._said = now
        return [*new, f"and {more:,} more, see `latchkey sync status`"] if more else new
