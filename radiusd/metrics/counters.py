"""What the server counts: plain numbers, since a request takes microseconds.

# Rule: belongs to the thread that answers requests. Labels come from what the operator has set up and from closed lists
# in the code, never from what is received.
"""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

_MAX_SERIES = 16_384  # of requests; NASes come and go while the server runs
OTHERS: Final = "others"

SEARCH_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SEARCH_KEYS: Final = (10.0, 100.0, 1e3, 1e4, 1e5, 2e5, 5e5, 1e6, 2e6)
REQUEST_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)

Labels = tuple[str, str, str, str]  # NAS, dialect, outcome, reason
View = dict[str, Any]


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

    def add(self, counts: Sequence[int], total: float) -> None:
        """Count all that another one with the same bounds has."""
        self.counts = [mine + others for mine, others in zip(self.counts, counts, strict=True)]
        self.sum += total


class _Series:
    """Requests of one kind: how many, and the histogram that they share with others."""

    __slots__ = ("count", "seconds", "text")

    def __init__(self, labels: Labels, seconds: Histogram) -> None:
        self.count = 0
        self.seconds = seconds
        self.text = json.dumps(labels)[1:-1]


class Counts:
    """Everything that only grows."""

    def __init__(self) -> None:
        self._series: dict[Labels, _Series] = {}
        self.discards: Counter[str] = Counter()
        self.accounting: Counter[str] = Counter()  # by Acct-Status-Type
        self.log_lines_dropped: Counter[str] = Counter()  # by where they should have gone
        self.duplicates = 0
        self.probes = 0
        self.status = 0
        self.fastpath_failures = 0
        self.former_secrets = 0  # requests with a NAS's secret that is being replaced
        self.devices_forgotten = 0  # as others have shown their key since
        self.search_seconds = Histogram(SEARCH_SECONDS)
        self.search_keys = Histogram(SEARCH_KEYS)
        self.request_seconds: dict[str, Histogram] = {}  # by what kind of answer it was

    @property
    def requests(self) -> Counter[Labels]:
        """Return how many requests of each kind there were."""
        return Counter({labels: series.count for labels, series in self._series.items()})

    def request(self, nas: str, dialect: str, outcome: str, reason: str, seconds: float, count: int = 1) -> None:
        """Count answers of one kind, which took so long each."""
        series = self._series.get((nas, dialect, outcome, reason)) or self._begin((nas, dialect, outcome, reason))
        series.count += count
        histogram = series.seconds
        histogram.counts[bisect_left(histogram.bounds, seconds)] += count  # observe(), without the call
        histogram.sum += seconds * count

    def _begin(self, labels: Labels) -> _Series:
        """Return the series of labels that were not there before, or of all others where there are too many."""
        _, dialect, outcome, reason = labels
        if len(self._series) >= _MAX_SERIES:
            labels = OTHERS, dialect, outcome, reason
        if labels not in self._series:
            kind = reason if outcome == "accept" else outcome
            histogram = self.request_seconds.setdefault(kind, Histogram(REQUEST_SECONDS))
            self._series[labels] = _Series(labels, histogram)
        return self._series[labels]

    def search(self, seconds: float, keys: int) -> None:
        """Count a search that came to its end."""
        self.search_seconds.observe(seconds)
        self.search_keys.observe(keys)

    def encode(self) -> str:
        """Return all of it as JSON, in 0.3 us a series: it is asked for between two requests."""
        requests = ",".join([f"[{series.text},{series.count}]" for series in self._series.values()])
        others = {
            "discards": self.discards,
            "accounting": self.accounting,
            "log_lines_dropped": self.log_lines_dropped,
            "duplicates": self.duplicates,
            "probes": self.probes,
            "status": self.status,
            "fastpath_failures": self.fastpath_failures,
            "former_secrets": self.former_secrets,
            "devices_forgotten": self.devices_forgotten,
            "search_seconds": _view(self.search_seconds),
            "search_keys": _view(self.search_keys),
            "request_seconds": {kind: _view(histogram) for kind, histogram in self.request_seconds.items()},
        }
        return f'{{"requests":[{requests}],{json.dumps(others)[1:]}'

    def add(self, view: View) -> None:
        """Count all that was encoded, once JSON has read it."""
        for *labels, count in view["requests"]:
            nas, dialect, outcome, reason = labels
            self._begin((nas, dialect, outcome, reason)).count += count
        self.discards.update(view["discards"])
        self.accounting.update(view["accounting"])
        self.log_lines_dropped.update(view["log_lines_dropped"])
        self.duplicates += view["duplicates"]
        self.probes += view["probes"]
        self.status += view["status"]
        self.fastpath_failures += view["fastpath_failures"]
        self.former_secrets += view.get("former_secrets", 0)
        self.devices_forgotten += view.get("devices_forgotten", 0)
        self.search_seconds.add(*view["search_seconds"])
        self.search_keys.add(*view["search_keys"])
        for kind, parts in view["request_seconds"].items():
            self.request_seconds.setdefault(kind, Histogram(REQUEST_SECONDS)).add(*parts)


def _view(histogram: Histogram) -> tuple[list[int], float]:
    return histogram.counts, histogram.sum
