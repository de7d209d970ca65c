"""What the server counts: plain numbers, since a request takes microseconds.

# Rule: belongs to the thread that answers requests. Labels come from what the operator has set up and from closed lists
# in the code, never from what is received.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

_MOST_SERIES = 16_384  # of requests; NASes come and go while the server runs
OTHERS: Final = "others"

SEARCH_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SEARCH_KEYS: Final = (10.0, 100.0, 1e3, 1e4, 1e5, 2e5, 5e5, 1e6, 2e6)
REQUEST_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)

Labels = tuple[str, str, str, str]  # NAS, dialect, outcome, reason


class Histogram:
    """How many values lay in each interval, and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float, count: int = 1) -> None:
        """Count a value, at or below its bound."""
        self.counts[bisect_left(self.bounds, value)] += count
        self.sum += value * count


class Counts:
    """Everything that only grows."""

    def __init__(self) -> None:
        self.requests: Counter[Labels] = Counter()
        self.discards: Counter[str] = Counter()
        self.duplicates = 0
        self.probes = 0
        self.status = 0
        self.search_seconds = Histogram(SEARCH_SECONDS)
        self.search_keys = Histogram(SEARCH_KEYS)
        self.request_seconds: dict[str, Histogram] = {}  # by what kind of answer it was

    def request(self, nas: str, dialect: str, outcome: str, reason: str, seconds: float, count: int = 1) -> None:
        """Count answers of one kind, which took so long each."""
        labels = nas, dialect, outcome, reason
        requests = self.requests
        if labels not in requests and len(requests) >= _MOST_SERIES:
            labels = OTHERS, dialect, outcome, reason
        requests[labels] += count
        kind = reason if outcome == "accept" else outcome
        histogram = self.request_seconds.get(kind)
        if histogram is None:
            histogram = self.request_seconds[kind] = Histogram(REQUEST_SECONDS)
        histogram.observe(seconds, count)

    def search(self, seconds: float, keys: int) -> None:
        """Count a search that came to its end."""
        self.search_seconds.observe(seconds)
        self.search_keys.observe(keys)
