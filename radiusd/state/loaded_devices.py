"""The devices of one keypool that were read together, in arrays: 30 octets for each, a seventh of what dicts take.

Only devices with one key. What changes about one of them later is kept in `devices`; here a device can only lose its
key.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .id_ranges import IdRanges

_STEP = 16_384  # made into objects at a time


class LoadedDevices:
    """Devices by address, and by key in the order in which they have shown it."""

    def __init__(self, macs: NDArray[np.int64], key_ids: NDArray[np.int64], registered: NDArray[np.bool_]) -> None:
        """Hold these, in the order in which they have shown their keys; no address occurs twice."""
        order, by_key = np.argsort(macs), np.argsort(key_ids, kind="stable")
        rows = np.empty(len(macs), np.int32)
        rows[order] = np.arange(len(macs), dtype=np.int32)
        self._macs = macs[order]
        self._entries = np.where(registered, -key_ids, key_ids)[order]
        self._key_ids = key_ids[by_key]
        self._rows = rows[by_key]  # of each of _key_ids
        self._kept = np.ones(len(macs), np.bool_)

    def __len__(self) -> int:
        return int(np.count_nonzero(self._kept))

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """Yield each address and its entry, see `get`."""
        for start in range(0, len(self._macs), _STEP):
            part = slice(start, start + _STEP)
            kept = self._kept[part]
            macs, entries = self._macs[part][kept].tolist(), self._entries[part][kept].tolist()
            yield from ((mac.to_bytes(6), entry) for mac, entry in zip(macs, entries, strict=True))

    def get(self, mac: bytes) -> int:
        """Return the key that a device has shown; of one that it is registered with the negative, 0 for none."""
        row = self._row(mac)
        return 0 if row is None else int(self._entries[row])

    def drop(self, mac: bytes, key_id: int) -> bool:
        """Let a device lose its key; return whether it had this one here."""
        row = self._row(mac)
        if row is None or abs(int(self._entries[row])) != key_id:
            return False
        self._kept[row] = False
        return True

    def known_with(self, key_id: int) -> list[bytes]:
        """Return the addresses of the devices that have the key."""
        return [mac.to_bytes(6) for mac in self._macs[self._rows_of(key_id)].tolist()]

    def count_with(self, key_id: int) -> int:
        """Return how many those are."""
        return len(self._rows_of(key_id))

    def key_ids(self, ranges: IdRanges) -> set[int]:
        """Return the keys in these ranges that any device had."""
        found: set[int] = set()
        for first, last in ranges:
            start, end = self._key_ids.searchsorted((first, last + 1)).tolist()
            found.update(self._key_ids[start:end].tolist())
        return found

    def _row(self, mac: bytes) -> int | None:
        number = int.from_bytes(mac)
        row = int(self._macs.searchsorted(number))
        found = row < len(self._macs) and self._macs[row] == number and self._kept[row]
        return row if found else None

    def _rows_of(self, key_id: int) -> NDArray[np.int32]:
        start, end = self._key_ids.searchsorted((key_id, key_id + 1)).tolist()
        rows = self._rows[start:end]
        return rows[self._kept[rows]]


_NONE = np.zeros(0, np.int64)
NOTHING_LOADED = LoadedDevices(_NONE, _NONE, np.zeros(0, np.bool_))
