"""The searchable keys of one SSID.

Keys lie in segments of at most 16,384, each a few packed arrays; a segment, once made, never moves. So adding a key to
a million touches one segment, and a search that is under way goes on over the arrays it began with. A removed key
leaves a free slot that the next one takes.

Searches read without a lock while keys come and go: a half-written slot can only make a kernel miss or point wrongly,
and every hit is confirmed, under the lock, against the PMK that the slot holds then.
"""

import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from .eapol import FtContext, Handshake
from .types import MacAddress, Pmk, Ssid
from .wpa import verify_mic

if TYPE_CHECKING:
    from .kernels.simd import Lanes
    from .query import Query

_SMALLEST: Final = 64
_LARGEST: Final = 16_384
_SHARE: Final = 4  # segments a thread takes before results are looked at: handing over costs what 1,000 keys cost
_FREE: Final = 0  # the key id of a slot without a key
_WORDS: Final = {"sha1": 10, "sha256": 16}


class _Segment:
    """Keys in blocks of lanes: pad states as structure of arrays, PMKs and ids beside them."""

    def __init__(self, capacity: int, lanes: "Lanes") -> None:
        self.capacity = capacity
        self.used = 0  # slots from here on never held a key
        self.ids = np.zeros(capacity, np.int64)
        self.pmks = np.zeros((capacity, 32), np.uint8)
        self._lanes = lanes
        self._states: dict[str, npt.NDArray[np.uint32]] = {"sha1": np.zeros(capacity * _WORDS["sha1"], np.uint32)}

    def write(self, slots: npt.NDArray[np.int64], ids: npt.NDArray[np.int64], pmks: npt.NDArray[np.uint8]) -> None:
        """Put keys into `slots`."""
        self.pmks[slots] = pmks
        for name, states in self._states.items():
            block, lane = np.divmod(slots, self._lanes.width)
            view = states.reshape(-1, _WORDS[name], self._lanes.width)
            view[block, :, lane] = _pad_states(name, self._lanes, pmks)
        self.ids[slots] = ids
        self.used = max(self.used, int(slots.max()) + 1)

    def clear(self, slots: npt.NDArray[np.int64]) -> None:
        """Forget the keys in `slots`, their states too."""
        self.ids[slots] = _FREE
        self.pmks[slots] = 0
        block, lane = np.divmod(slots, self._lanes.width)
        for name, states in self._states.items():
            states.reshape(-1, _WORDS[name], self._lanes.width)[block, :, lane] = 0

    def states(self, name: str) -> npt.NDArray[np.uint32]:
        """Return the pad states of one hash; SHA-256's are made when the first search asks (and the lock is held)."""
        if name not in self._states:
            blocks = self.capacity // self._lanes.width
            states = np.zeros((blocks, _WORDS[name], self._lanes.width), np.uint32)
            made = _pad_states(name, self._lanes, self.pmks).reshape(blocks, self._lanes.width, _WORDS[name])
            states[:] = made.transpose(0, 2, 1)
            self._states[name] = states.reshape(-1)
        return self._states[name]


def _pad_states(name: str, lanes: "Lanes", pmks: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Return the HMAC pad states of each PMK: uint32, shape (n, words)."""
    from .kernels import bulk

    width, words = lanes.width, _WORDS[name]
    blocks = -(-len(pmks) // width)
    keys = np.zeros((blocks * width, 8), np.uint32)
    keys[: len(pmks)] = np.ascontiguousarray(pmks).view(">u4")
    packed = np.ascontiguousarray(keys.reshape(blocks, width, 8).transpose(0, 2, 1)).reshape(-1)
    out = np.empty(blocks * words * width, np.uint32)
    (bulk.sha1_states if name == "sha1" else bulk.sha256_states)(lanes, packed, out, blocks)
    return out.reshape(blocks, words, width).transpose(0, 2, 1).reshape(-1, words)[: len(pmks)]


class Pool:
    """Keys of one SSID, searched by MIC. Safe to search from many threads while one changes it."""

    def __init__(self, ssid: Ssid, *, lanes: "Lanes | None" = None) -> None:
        """Hold no keys yet.

        lanes: the vectors to search with, the host's widest by default
        """
        self.ssid: Final = ssid
        self._lanes = lanes if lanes is not None else _host_lanes()
        self._segments: tuple[_Segment, ...] = ()
        self._places: dict[int, int] = {}  # key id -> segment's number * _LARGEST + slot
        self._free: list[int] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._places

    def key_ids(self) -> tuple[int, ...]:
        """Return the ids of all keys, in no order."""
        return tuple(self._places)

    def add(self, key_ids: npt.NDArray[np.int64], pmks: npt.NDArray[np.uint8]) -> None:
        """Add keys.

        key_ids: int64, shape (n,), positive, none in the pool yet, else ValueError
        pmks:    uint8, shape (n, 32)
        """
        key_ids = np.asarray(key_ids, np.int64)
        if pmks.shape != (len(key_ids), 32) or pmks.dtype != np.uint8:
            raise ValueError(f"PMKs must be uint8 of shape ({len(key_ids)}, 32), got {pmks.dtype} {pmks.shape}")
        ids = key_ids.tolist()
        with self._lock:
            if len(set(ids)) != len(ids) or any(key_id <= _FREE or key_id in self._places for key_id in ids):
                raise ValueError("key ids must be positive and not in the pool yet")
            refilled = min(len(self._free), len(ids))
            if refilled:
                places, self._free = self._free[-refilled:], self._free[:-refilled]
                for segment, slots, rows in self._by_segment(places):
                    segment.write(slots, key_ids[rows], pmks[rows])
                self._places.update(zip(ids, places, strict=False))
            done = refilled
            while done < len(ids):
                segment = self._segment_with_room(len(ids) - done)
                first = segment.used
                count = min(segment.capacity - first, len(ids) - done)
                part = slice(done, done + count)
                segment.write(np.arange(first, first + count), key_ids[part], pmks[part])
                place = (len(self._segments) - 1) * _LARGEST + first
                self._places.update(zip(ids[part], range(place, place + count), strict=True))
                done += count

    def _by_segment(
        self, places: Sequence[int]
    ) -> Iterator[tuple[_Segment, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Yield each segment among `places`, the slots in it, and which of `places` they are."""
        numbers, slots = np.divmod(np.array(places, np.int64), _LARGEST)
        for number in np.unique(numbers):
            rows = np.flatnonzero(numbers == number)
            yield self._segments[number], slots[rows], rows

    def _at(self, place: int) -> tuple[_Segment, int]:
        return self._segments[place // _LARGEST], place % _LARGEST

    def _segment_with_room(self, wanted: int) -> _Segment:
        if self._segments and self._segments[-1].used < self._segments[-1].capacity:
            return self._segments[-1]
        capacity = self._segments[-1].capacity * 2 if self._segments else _SMALLEST
        while capacity < wanted:
            capacity *= 2
        segment = _Segment(min(capacity, _LARGEST), self._lanes)
        self._segments = (*self._segments, segment)
        return segment

    def remove(self, key_ids: Iterable[int]) -> None:
        """Forget keys; ids that are not in the pool are passed over."""
        wanted = iter(key_ids)
        while batch := list(itertools.islice(wanted, _LARGEST)):  # a search may confirm a hit in between
            with self._lock:
                found = [self._places.pop(key_id, None) for key_id in batch]
                places = [place for place in found if place is not None]
                for segment, slots, _ in self._by_segment(places):
                    segment.clear(slots)
                self._free.extend(places)

    def matches(self, key_id: int, handshake: Handshake) -> bool:
        """Return whether this one key is in the pool and reproduces the MIC."""
        place = self._places.get(key_id)
        if place is None:
            return False
        return self._confirm(*self._at(place), lambda pmk: verify_mic(pmk, handshake)) == key_id

    def pmk(self, key_id: int) -> Pmk | None:
        """Return the PMK of a key, None where it is not in the pool."""
        with self._lock:
            place = self._places.get(key_id)
            if place is None:
                return None
            segment, slot = self._at(place)
            return Pmk(segment.pmks[slot].tobytes())

    def find(self, handshake: Handshake, *, threads: int = 1) -> Iterator[int]:
        """Yield the ids of the keys that reproduce the MIC of `handshake`.

        The search goes on only as far as its results are taken: a few segments after the first, nothing is computed.
        threads: how many segments are searched at once
        """
        return self._find(_prepare(handshake), lambda pmk: verify_mic(pmk, handshake), threads)

    def find_by_name(
        self, spa: MacAddress, ft: FtContext, fits: Callable[[Pmk], bool], *, threads: int = 1
    ) -> Iterator[int]:
        """Yield the ids of the keys that give the PMKR1Name of `ft` to this station and that pass `fits`.

        ft: ValueError where it has no name
        """
        return self._find(_prepare_name(self.ssid, spa, ft), fits, threads)

    def _find(self, query: "Query", fits: Callable[[Pmk], bool], threads: int) -> Iterator[int]:
        segments = [segment for segment in self._segments if segment.used]
        if threads < 2:
            for segment in segments:
                yield from self._search(segment, query, fits)
            return

        def search(share: Sequence[_Segment]) -> list[int]:
            return [key_id for segment in share for key_id in self._search(segment, query, fits)]

        for start in range(0, len(segments), threads * _SHARE):
            batch = segments[start : start + threads * _SHARE]
            helpers = [_workers().submit(search, batch[i::threads]) for i in range(1, min(threads, len(batch)))]
            yield from search(batch[::threads])
            for helper in helpers:
                yield from helper.result()

    def _search(self, segment: _Segment, query: "Query", fits: Callable[[Pmk], bool]) -> Iterator[int]:
        """Yield the confirmed hits of one segment."""
        for slot in self._candidates(segment, query, segment.used):
            key_id = self._confirm(segment, slot, fits)
            if key_id is not None:
                yield key_id

    def _candidates(self, segment: _Segment, query: "Query", end: int) -> Iterator[int]:
        with self._lock:
            states = segment.states(query.states)
        slot = -1
        while (slot := query.find(self._lanes, states, slot + 1, end)) >= 0:
            yield slot

    def _confirm(self, segment: _Segment, slot: int, fits: Callable[[Pmk], bool]) -> int | None:
        """Return the id of the key in `slot` if its PMK passes `fits`."""
        with self._lock:
            key_id = int(segment.ids[slot])
            pmk = segment.pmks[slot].tobytes()
        return key_id if key_id != _FREE and fits(Pmk(pmk)) else None


@functools.cache
def _host_lanes() -> "Lanes":
    from .kernels.simd import host_lanes  # numba takes half a second to import: not before a pool is made

    return host_lanes()


def _prepare(handshake: Handshake) -> "Query":
    from .query import prepare

    return prepare(handshake)


def _prepare_name(ssid: Ssid, spa: MacAddress, ft: FtContext) -> "Query":
    from .query import prepare_name

    return prepare_name(ssid, spa, ft)


@functools.cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="search")


def warm_up(progress: Callable[[str], object] | None = None) -> None:
    """Load the kernels that searches need; the first start after an install compiles them.

    progress: told, once, when they have to be compiled
    """
    from .kernels import bulk

    bulk.warm_up(_host_lanes(), progress)
