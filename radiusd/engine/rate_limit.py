"""Bounds on how often: a token bucket per name, and the lines of a log that would all say the same."""

from collections import Counter, OrderedDict, defaultdict
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
        allowed = tokens >= 1
        self._buckets[name] = tokens - allowed, monotonic  # one that is refused takes nothing, or a flood got nothing
        return allowed


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


@dataclass(slots=True)
class _Window:
    began: float
    told: int = 1
    suppressed: int = 0


class RefusalThrottle:
    """Which refusals have a line: the first `equal` of a kind in `interval_s`, and so many a second of one NAS.

    One device that repeats itself, or a NAS whose devices fail by the thousand, must not push everybody else's history
    out of the log; and each resident who cannot get in must be found there.
    """

    def __init__(
        self,
        interval_s: float = 5.0,
        equal: int = 20,
        per_second: float = 20.0,
        burst: int = 1000,
        capacity: int = 65_536,
    ) -> None:
        self._interval_s = interval_s
        self._equal = equal
        self._capacity = capacity
        self._rate = RateLimit(per_second, burst)
        self._windows: OrderedDict[str, _Window] = OrderedDict()  # by line; the one that began longest ago first
        self._floods: Counter[str] = Counter()  # refusals without any line, by NAS
        self._floods_said = float("-inf")

    def tell(self, line: str, nas: str, monotonic: float) -> int | None:
        """Return how many equal ones were suppressed before this one, or None: suppress this one, too."""
        window = self._windows.get(line)
        if window is not None and monotonic - window.began >= self._interval_s:
            del self._windows[line]
        elif window is not None and window.told >= self._equal:
            window.suppressed += 1
            return None
        if not self._rate.allows(nas, monotonic) or (window is None and len(self._windows) >= self._capacity):
            self._floods[nas] += 1 + (0 if window is None or line in self._windows else window.suppressed)
            return None
        if line in self._windows:
            self._windows[line].told += 1
            return 0
        self._windows[line] = _Window(monotonic)
        return 0 if window is None else window.suppressed

    def overdue(self, monotonic: float) -> list[tuple[str, int]]:
        """Return lines that were suppressed and how often, where no further one came; forget what has been quiet."""
        found = []
        while self._windows:
            line, window = next(iter(self._windows.items()))
            if monotonic - window.began < self._interval_s:
                break
            del self._windows[line]
            if window.suppressed:
                found.append((line, window.suppressed))
        return found

    def floods(self, monotonic: float) -> list[tuple[str, int]]:
        """Return NASes whose refusals were too many for a line each, and how many; once in an interval."""
        if not self._floods or monotonic - self._floods_said < self._interval_s:
            return []
        found, self._floods_said = list(self._floods.items()), monotonic
        self._floods.clear()
        return found
