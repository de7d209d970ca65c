"""Bounds on how often: a token bucket per name, and the lines of a log that would all say the same."""

from collections import defaultdict
from dataclasses import dataclass


class RateLimit:
    """Tells who asks too often. Forgets everybody rather than grow without bound."""

    def __init__(self, per_second: float = 5.0, burst: int = 10, capacity: int = 4096) -> None:
        self._per_second = per_second
        self._burst = burst
        self._capacity = capacity
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens left, at this time

    def limit(self, per_second: float, burst: int) -> None:
        """Allow so much from now on."""
        self._per_second, self._burst = per_second, burst

    def allows(self, name: str, monotonic: float) -> bool:
        """Return whether `name` may have one more now, and take it."""
        tokens, since = self._buckets.get(name, (float(self._burst), monotonic))
        tokens = min(float(self._burst), tokens + (monotonic - since) * self._per_second)
        if len(self._buckets) >= self._capacity and name not in self._buckets:
            self._buckets.clear()
        self._buckets[name] = max(0.0, tokens - 1), monotonic
        return tokens >= 1


@dataclass(slots=True)
class _Since:
    said: float
    unsaid: int = 0


class LogThrottle:
    """Lets one event per kind, name and interval be told, and counts the others.

    Names may come from strangers: of each kind so many are told apart, and what more there are share one.
    """

    def __init__(self, interval_s: float = 5.0, names: int = 64) -> None:
        self._interval_s = interval_s
        self._most = names
        self._kinds: defaultdict[str, dict[str, _Since]] = defaultdict(dict)

    def tell(self, kind: str, name: str, monotonic: float, others: str = "others") -> int | None:
        """Return how many were kept back since the last one that was told, or None: keep this one back, too.

        kind:   out of few
        others: the name that those share for whom there is no room
        """
        names = self._kinds[kind]
        if name not in names and len(names) >= self._most:
            name = others
        since = names.get(name)
        if since is None:
            names[name] = _Since(monotonic)
            return 0
        if monotonic - since.said < self._interval_s:
            since.unsaid += 1
            return None
        unsaid, since.said, since.unsaid = since.unsaid, monotonic, 0
        return unsaid

    def overdue(self, monotonic: float) -> list[tuple[str, str, int]]:
        """Return what was kept back and can be told now, as nothing more came; forget who has been quiet."""
        found = []
        for kind, names in self._kinds.items():
            for name, since in list(names.items()):
                if monotonic - since.said < self._interval_s:
                    continue
                if since.unsaid:
                    found.append((kind, name, since.unsaid))
                    since.said, since.unsaid = monotonic, 0
                else:
                    del names[name]
        return found
