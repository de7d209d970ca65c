"""Devices that fail again and again: for a while they are refused without a search.

# Rule: asked only where the device's known key has been tried and did not fit, so that nobody who is known here can be
# shut out by somebody else who fails under their address.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple


class FailureKey(NamedTuple):
    """Who fails, and where: a venue (None: nobody knows), an SSID, a device."""

    venue: str | None
    ssid: bytes
    device: bytes


@dataclass(slots=True)
class _Record:
    times: deque[float] = field(default_factory=deque)  # of the failures that count, oldest first
    until: float = float("-inf")


class CoolDown:
    """Counts failures."""

    def __init__(
        self, *, failures: int = 10, within_s: float = 60.0, lasts_s: float = 120.0, devices: int = 16_384
    ) -> None:
        self.failures = failures
        self._within_s = within_s
        self._lasts_s = lasts_s
        self._devices = devices
        self._records: OrderedDict[FailureKey, _Record] = OrderedDict()  # who failed longest ago first

    def limit(self, failures: int, within_s: float, lasts_s: float, devices: int) -> None:
        """Count by these limits from now on."""
        self.failures, self._within_s, self._lasts_s, self._devices = failures, within_s, lasts_s, devices

    def __len__(self) -> int:
        return len(self._records)

    def cooling(self, place: FailureKey, monotonic: float) -> bool:
        """Return whether this device has to wait."""
        record = self._records.get(place)
        return record is not None and monotonic < record.until

    def fail(self, place: FailureKey, monotonic: float) -> None:
        """Count a search that found nothing."""
        record = self._records.get(place)
        if record is None:
            record = self._records[place] = _Record()
        self._records.move_to_end(place)
        while len(self._records) > self._devices:
            self._records.popitem(last=False)
        times = record.times
        times.append(monotonic)
        while times and times[0] < monotonic - self._within_s:
            times.popleft()
        if len(times) >= self.failures:
            times.clear()
            record.until = monotonic + self._lasts_s

    def succeed(self, place: FailureKey) -> None:
        """Forget the failures of a device that has shown a key."""
        self._records.pop(place, None)

    def clear(self) -> None:
        """Forget everybody: keys have changed, so what failed may work now."""
        self._records.clear()
