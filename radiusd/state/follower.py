"""Follows the store: loads everything once, then re-reads what other processes changed.

# Rule: runs in one worker thread with a Store of its own. It alters pools (which are thread-safe) and nothing else;
# what the answering thread keeps, it hands over as an Update.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from crypto import Pool
from provisioning import (
    Change,
    Device,
    DeviceBatch,
    Entity,
    KeyBatch,
    RowDamaged,
    Store,
    StoreError,
    StoreReplaced,
)

from .damage import Damage
from .id_ranges import IdRanges
from .topology import Topology

LAPSED_DAYS = 90  # how long a removed key still explains a refusal in the log
_STEP = 65_536  # key ids re-read at a time
_FEW = 1_024  # new keys that are read together with what else has changed
_EVERY_KEY = IdRanges([(1, 2**62)])
_NONE = np.zeros(0, np.int64)

# Odd, and of this process: equal hashes of two PMKs are then chance, whatever raw PMKs somebody enters.
_FACTORS = np.frombuffer(os.urandom(32), np.uint64) | np.uint64(1)

_PLACES = frozenset({Entity.NAS, Entity.VENUE, Entity.KEYPOOL})
# What else a key's answer depends on: its VLAN comes from its unit, plan and venue, the venue from its keypool.
_DETAILS = frozenset({Entity.VENUE, Entity.UNIT, Entity.PLAN, Entity.KEYPOOL, Entity.SUBSCRIBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What the answering thread has to apply. None and empty: as before."""

    topology: Topology | None = None
    pools: dict[int, Pool] | None = None
    all_devices: DeviceBatch | None = None  # in the order in which they have shown their keys
    devices: tuple[Device, ...] = ()
    learned: tuple[Device, ...] = ()  # by other processes, in that order
    device_keys: IdRanges  # keys whose known devices are exactly those in `devices`
    stale_keys: IdRanges | None  # keys whose details must be read again; None: all


@dataclass(slots=True)
class _State:
    """What has been read, and up to where."""

    file_id: tuple[int, int]
    version: int | None
    revision: int
    mark: int | None  # of that revision
    sequence: int
    pools: dict[int, Pool] = field(default_factory=dict)
    # By key id: the keypool it is in (0: none), and a hash of its PMK, to tell a new passphrase from a new status,
    # for which the key need not leave the pool while it is in use.
    owners: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1024, np.int64))
    marks: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(1024, np.uint64))
    # Added keys, and keys with added devices, that are still to be read.
    new_keys: list[tuple[int, int]] = field(default_factory=list)
    new_devices: list[tuple[int, int]] = field(default_factory=list)


class Follower:
    """Keeps pools as the store has them.

    A row that cannot be opened is left out: of its pool if it is a key's, of the NASes, venues or keypools.
    """

    def __init__(
        self, store: Store, *, lapsed_days: int = LAPSED_DAYS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self.lapsed = timedelta(days=lapsed_days)
        self._monotonic = monotonic
        self._read_at = monotonic()
        self._state: _State | None = None
        self.damage = Damage()

    @property
    def age_s(self) -> float:
        """Return the seconds since the store was last read successfully. Any thread may ask."""
        return self._monotonic() - self._read_at

    @property
    def behind(self) -> bool:
        """Return whether `refresh` has left new keys to be read by the next one."""
        return self._state is not None and bool(self._state.new_keys or self._state.new_devices)

    def read_from(self, store: Store) -> None:
        """Follow through another connection, whose version numbers are others."""
        self._store = store
        if self._state is not None:
            self._state.version = None

    def retire(self) -> None:
        """Empty the log of a file in whose place another was put, into that file: the log's name is the new one's, too.

        Only where no frame in it can be the new one's.
        """
        store, state = self._store, self._state
        with contextlib.suppress(StoreError):
            known = state is not None and store.changes.data_version() == state.version
            if known or store.is_log_former():
                store.fold()

    def load(self, now: datetime) -> Update:
        """Read everything: at the start, or where the database is another than before."""
        store, changes = self._store, self._store.changes
        state = _State(
            file_id=store.file_id,
            version=changes.data_version(),
            revision=(revision := changes.revision()),
            mark=changes.mark(revision),
            sequence=store.devices.sequence(),
        )
        self.damage.forget()
        topology = self._read_topology(state)
        for batch in store.keys.batches(lapsed_since=now - self.lapsed, report=self.damage.report):
            _add(state, batch)
        devices = _together(store.devices.batches(self.damage.report))
        self._state = state
        self._read_at = self._monotonic()
        return Update(
            topology=topology,
            pools=dict(state.pools),
            all_devices=devices,
            device_keys=IdRanges(),
            stale_keys=None,
        )

    def refresh(self, now: datetime) -> Update | None:
        """Read what was committed since, or return None where nothing was.

        What has changed in keys that are known comes before new keys, of which there may be very many: those wait for
        the next call while `behind`. StoreReplaced where the database is not the one that was read so far.
        """
        state, store = self._state, self._store
        assert state is not None  # noqa: S101 (load comes first)
        if store.check_place():
            state.version = None
        if store.file_id != state.file_id:
            raise StoreReplaced(f"the database {store.path} was replaced")
        version = store.changes.data_version()
        update = None
        if version != state.version:
            store.check_key()
            if store.changes.mark(state.revision) != state.mark:
                raise StoreReplaced(f"the database {store.path} holds another history than before")
            update = self._read_changes(state, now)
            if self._state is state:
                state.version = version  # last: what failed is tried again
        elif self.behind:
            update = self._read_new(state, now, _STEP)
        self._read_at = self._monotonic()
        return update

    def _read_changes(self, state: _State, now: datetime) -> Update | None:
        try:
            changes = self._store.changes.since(state.revision)
        except RowDamaged as damaged:  # whatever it was about: everything
            self.damage.report(damaged.table, damaged.id)
            return self.load(now)
        sequence = self._store.devices.sequence()
        learned: tuple[Device, ...] = ()
        if sequence != state.sequence:  # by another worker, or by this one: that is no harm
            learned = self._store.devices.learned(state.sequence, sequence, self.damage.report)
        update = self._follow(state, changes, learned, now) if changes or learned else None
        if changes:
            state.revision = changes[-1].revision
            state.mark = self._store.changes.mark(state.revision)
        state.sequence = sequence
        return update

    def _follow(self, state: _State, changes: tuple[Change, ...], learned: tuple[Device, ...], now: datetime) -> Update:
        entities = {change.entity for change in changes}
        changed = _ranges(changes, Entity.KEY)
        keys, new_keys = _split(state, changed)
        devices, new_devices = _split(state, _ranges(changes, Entity.DEVICE))
        topology = self._read_topology(state) if entities & _PLACES else None
        known = self._read_keys(state, keys, devices, now)
        state.new_keys = list(IdRanges([*state.new_keys, *new_keys]))
        state.new_devices = list(IdRanges([*state.new_devices, *new_devices]))
        fresh = None
        if _count(state.new_keys) + _count(state.new_devices) <= _FEW:
            fresh = self._read_new(state, now, _FEW)
        return Update(
            topology=topology,
            pools=dict(state.pools) if topology is not None else None,
            devices=(*known, *(fresh.devices if fresh else ())),
            learned=learned,
            device_keys=IdRanges([*devices, *(fresh.device_keys if fresh else ())]),
            stale_keys=None if entities & _DETAILS else changed,
        )

    def _read_new(self, state: _State, now: datetime, most: int) -> Update:
        """Read at most so many of the keys that were added."""
        keys, rest_of_keys = _cut(state.new_keys, most)
        devices, rest_of_devices = _cut(state.new_devices, most if not rest_of_keys else 0)
        known = self._read_keys(state, IdRanges(keys), IdRanges(devices), now)
        state.new_keys, state.new_devices = rest_of_keys, rest_of_devices
        return Update(devices=known, device_keys=IdRanges(devices), stale_keys=IdRanges(keys))

    def _read_topology(self, state: _State) -> Topology:
        store = self._store
        damaged: dict[str, set[int]] = {"nases": set(), "venues": set(), "keypools": set()}

        def report(table: str, id_: int) -> None:
            damaged[table].add(id_)

        nases, venues, keypools = store.nases.all(report), store.venues.all(report), store.keypools.all(report)
        silent = [network for id_ in damaged["nases"] if (network := store.nases.network(id_)) is not None]
        topology = Topology(nases, venues, keypools, silent=silent, complete=not damaged["venues"])
        for table, ids in damaged.items():
            self.damage.reread(table, _EVERY_KEY, ids)
        for keypool in topology.keypools.values():
            if keypool.id not in state.pools:
                state.pools[keypool.id] = Pool(keypool.ssid)
        for keypool_id in state.pools.keys() - topology.keypools.keys():
            del state.pools[keypool_id]
            state.owners[state.owners == keypool_id] = 0
        return topology

    def _read_keys(self, state: _State, keys: IdRanges, devices: IdRanges, now: datetime) -> tuple[Device, ...]:
        """Put the keys into their pools as they are now; return the known devices of all these keys."""
        damaged: set[int] = set()
        for first, last in keys:
            self._read_pools(state, first, last, now, damaged)
        self.damage.reread("keys", keys, damaged)
        return _in_order(
            device
            for first, last in IdRanges([*keys, *devices])
            for device in self._store.devices.of_keys(first_key_id=first, last_key_id=last, report=self.damage.report)
        )

    def _read_pools(self, state: _State, first: int, last: int, now: datetime, damaged: set[int]) -> None:
        lapsed_since = now - self.lapsed
        for start in range(first, last + 1, _STEP):
            stop = min(start + _STEP - 1, last)
            batches = tuple(
                self._store.keys.batches(
                    first_id=start, last_id=stop, lapsed_since=lapsed_since, report=lambda _, id_: damaged.add(id_)
                )
            )
            owners = np.zeros(stop - start + 1, np.int64)
            marks = np.zeros(stop - start + 1, np.uint64)
            for batch in batches:
                owners[batch.ids - start] = batch.keypool_id
                marks[batch.ids - start] = _mark(batch)
            _reserve(state, stop)
            before = state.owners[start : stop + 1]
            changed = (owners != before) | (marks != state.marks[start : stop + 1])
            _remove(state, start + np.flatnonzero(changed & (before != 0)))
            for batch in batches:
                kept = changed[batch.ids - start]
                if kept.any():
                    _add(state, KeyBatch(batch.keypool_id, batch.ids[kept], batch.pmks[kept]))


def _add(state: _State, batch: KeyBatch) -> None:
    pool = state.pools.get(batch.keypool_id)
    if pool is None or not len(batch.ids):
        return  # of a keypool that came after the topology was read: its change is read next time
    pool.add(batch.ids, batch.pmks)
    _reserve(state, int(batch.ids.max()))
    state.owners[batch.ids] = batch.keypool_id
    state.marks[batch.ids] = _mark(batch)


def _remove(state: _State, key_ids: NDArray[np.int64]) -> None:
    owners = state.owners[key_ids]
    for keypool_id in np.unique(owners).tolist():
        state.pools[keypool_id].remove(key_ids[owners == keypool_id].tolist())
    state.owners[key_ids] = 0


def _reserve(state: _State, key_id: int) -> None:
    short = key_id + 1 - len(state.owners)
    if short > 0:
        more = max(short, len(state.owners))
        state.owners = np.concatenate((state.owners, np.zeros(more, np.int64)))
        state.marks = np.concatenate((state.marks, np.zeros(more, np.uint64)))


def _split(state: _State, ids: IdRanges) -> tuple[IdRanges, IdRanges]:
    """Return those of the ids that are of keys in a pool, and the others."""
    known: list[tuple[int, int]] = []
    new: list[tuple[int, int]] = []
    for first, last in ids:
        held = np.zeros(last - first + 1, np.bool_)
        owners = state.owners[first : last + 1]
        held[: len(owners)] = owners != 0
        bounds = first + np.flatnonzero(np.diff(held)) + 1
        for start, stop in zip((first, *bounds.tolist()), (*(bounds - 1).tolist(), last), strict=True):
            (known if held[start - first] else new).append((start, stop))
    return IdRanges(known), IdRanges(new)


def _cut(ranges: Iterable[tuple[int, int]], most: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the first `most` ids, and the rest."""
    some: list[tuple[int, int]] = []
    rest: list[tuple[int, int]] = []
    for first, last in ranges:
        here = min(most, last - first + 1)
        if here:
            some.append((first, first + here - 1))
        if first + here <= last:
            rest.append((first + here, last))
        most -= here
    return some, rest


def _count(ranges: Iterable[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _in_order(devices: Iterable[Device]) -> tuple[Device, ...]:
    """Return devices in the order in which they have shown their keys."""
    return tuple(sorted(devices, key=lambda device: device.sequence))


def _together(batches: Iterable[DeviceBatch]) -> DeviceBatch:
    """Return all devices, in the order in which they have shown their keys."""
    parts = [(each.keypool_ids, each.macs, each.key_ids, each.registered, each.sequences) for each in batches]
    if not parts:
        return DeviceBatch(_NONE, _NONE, _NONE, np.zeros(0, np.bool_), _NONE)
    keypool_ids, macs, key_ids, registered, sequences = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(sequences, kind="stable")
    return DeviceBatch(keypool_ids[order], macs[order], key_ids[order], registered[order], sequences[order])


def _ranges(changes: tuple[Change, ...], entity: Entity) -> IdRanges:
    return IdRanges((change.first_id, change.last_id) for change in changes if change.entity is entity)


def _mark(batch: KeyBatch) -> NDArray[np.uint64]:
    words: NDArray[np.uint64] = np.ascontiguousarray(batch.pmks).view(np.uint64)
    marks: NDArray[np.uint64] = ((words ^ words >> np.uint64(32)) * _FACTORS).sum(axis=1, dtype=np.uint64)
    return marks
