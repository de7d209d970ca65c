"""Which devices have shown up lately, so that the store says of each when it was last seen: not each time.

A device is noted once in eight minutes, so that an administrator who resets a key hears how many were seen in the last
32. What was seen is a bit in a map of fixed size, found by a hash that is another each time: of a million devices in
eight minutes one in nine shares its bit with another one and is not noted, but hardly twice running. A dict would take
90 octets for each device in each worker.

# Rule: belongs to the thread that answers requests, and costs it a fraction of a microsecond a request.
"""

import os
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Protocol

PERIOD_S: Final = 480
_BITS: Final = 2**23
_MAX_WAITING: Final = 65_536  # to be stored; what is more than that is noted another time
_TOGETHER: Final = 256  # five times a second: what is seen all at once must not take a processor from the answers


class Answered(Protocol):
    """An answer that is given again and again, the same object each time."""

    sighted: object  # where its device was noted last, and in which period

    @property
    def mac(self) -> bytes: ...
    @property
    def key_id(self) -> int: ...


class Sightings:
    """Devices seen since the period began, as (address, key)."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)
        self._period = 0
        self._salt = os.urandom(8)
        self._waiting: dict[tuple[bytes, int], None] = {}
        self._current = object()

    def turn(self, now: datetime) -> None:
        """Begin a new period where there is one."""
        period = int(now.timestamp()) // PERIOD_S
        if period != self._period:
            self._period, self._salt, self._bits = period, os.urandom(8), bytearray(_BITS // 8)
            self._current = object()

    def note(self, mac: bytes, key_id: int) -> None:
        """Note that a device was let in with a key."""
        at = hash((mac, key_id, self._salt)) % _BITS
        if self._bits[at >> 3] >> (at & 7) & 1 or len(self._waiting) >= _MAX_WAITING:
            return
        self._bits[at >> 3] |= 1 << (at & 7)
        self._waiting[mac, key_id] = None

    def note_hits(self, hits: Iterable[tuple[object, Answered]]) -> None:
        """Note devices by what was said of their answers, which is made once for many requests."""
        current = self._current
        for _, answered in hits:
            if answered.sighted is not current:
                answered.sighted = current
                self.note(answered.mac, answered.key_id)

    def unsaved(self) -> tuple[tuple[bytes, int], ...]:
        """Return some of what was seen and is not known to be in the store."""
        return tuple(seen for seen, _ in zip(self._waiting, range(_TOGETHER), strict=False))

    def saved(self, seen: tuple[tuple[bytes, int], ...]) -> None:
        """Note that these are in the store now."""
        for each in seen:
            self._waiting.pop(each, None)
