"""A token bucket per name: so many at once, so many a second."""


class RateLimit:
    """Tells who asks too often. Forgets everybody rather than grow without bound."""

    def __init__(self, per_second: float = 5.0, burst: int = 10, capacity: int = 4096) -> None:
        self._per_second = per_second
        self._burst = burst
        self._capacity = capacity
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens left, at this time

    def allows(self, name: str, monotonic: float) -> bool:
        """Return whether `name` may have one more now, and take it."""
        tokens, since = self._buckets.get(name, (float(self._burst), monotonic))
        tokens = min(float(self._burst), tokens + (monotonic - since) * self._per_second)
        if len(self._buckets) >= self._capacity and name not in self._buckets:
            self._buckets.clear()
        self._buckets[name] = max(0.0, tokens - 1), monotonic
        return tokens >= 1
