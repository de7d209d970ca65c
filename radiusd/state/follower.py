"""Follows the store: loads everything once, then re-reads what other processes changed.

# Rule: runs in one worker thread with a Store of its own. It alters pools (which are thread-safe) and nothing else;
# what the answering thread keeps, it hands over as an Update.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from crypto import Pool
from provisioning import Change, Device, Entity, KeyBatch, Store

from .id_ranges import IdRanges
from .topology import Topology

LAPSED_DAYS = 90  # how long a removed key still explains a refusal in the log
_STEP = 65_536  # key ids re-read at a time

# Odd, and of this process: equal hashes of two PMKs are then chance, whatever raw PMKs somebody enters.
_FACTORS = np.frombuffer(os.urandom(32), np.uint64) | np.uint64(1)

_PLACES = frozenset({Entity.NAS, Entity.VENUE, Entity.KEYPOOL})
# What else a key's answer depends on: its VLAN comes from its unit, plan and venue, the venue from its keypool.
_DETAILS = frozenset({Entity.VENUE, Entity.UNIT, Entity.PLAN, Entity.KEYPOOL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What the answering thread has to take over. None and empty: as before."""

    topology: Topology | None = None
    pools: dict[int, Pool] | None = None
    devices: tuple[Device, ...] = ()
    device_keys: IdRanges  # keys whose known devices are exactly those in `devices`
    stale_keys: IdRanges | None  # keys whose details must be read again; None: all


class Follower:
    """Keeps pools as the store has them."""

    def __init__(self, store: Store, *, lapsed_days: int = LAPSED_DAYS) -> None:
        self._store = store
        self._lapsed = timedelta(days=lapsed_days)
        self._pools: dict[int, Pool] = {}
        self._version: int | None = None
        self._revision = 0
        self._sequence = 0
        # By key id: the keypool it is in (0: none), and a hash of its PMK, to tell a new passphrase from a new status,
        # for which the key need not leave the pool while it is in use.
        self._owners: NDArray[np.int64] = np.zeros(1024, np.int64)
        self._marks: NDArray[np.uint64] = np.zeros(1024, np.uint64)

    def read_from(self, store: Store) -> None:
        """Follow through another connection, whose version numbers are others."""
        self._store = store
        self._version = None

    def load(self, now: datetime) -> Update:
        """Read everything."""
        self._version = self._store.changes.data_version()
        self._revision = self._store.changes.revision()
        self._sequence = self._store.devices.sequence()
        topology = self._read_topology()
        for batch in self._store.keys.batches(lapsed_since=now - self._lapsed):
            self._add(batch)
        return Update(
            topology=topology,
            pools=dict(self._pools),
            devices=tuple(self._store.devices.of_keys()),
            device_keys=IdRanges(),
            stale_keys=None,
        )

    def refresh(self, now: datetime) -> Update | None:
        """Read what was committed since, or return None where nothing was."""
        version = self._store.changes.data_version()
        if version == self._version:
            return None
        changes = self._store.changes.since(self._revision)
        sequence = self._store.devices.sequence()
        learned: tuple[Device, ...] = ()
        if sequence != self._sequence:  # by another worker, or by this one: that is no harm
            learned = self._store.devices.learned(self._sequence, sequence)
        update = self._follow(changes, learned, now) if changes or learned else None
        if changes:
            self._revision = changes[-1].revision
        self._sequence = sequence
        self._version = version  # last: what failed is tried again
        return update

    def _follow(self, changes: tuple[Change, ...], learned: tuple[Device, ...], now: datetime) -> Update:
        entities = {change.entity for change in changes}
        keys = _ranges(changes, Entity.KEY)
        devices = _ranges(changes, Entity.DEVICE)
        topology = self._read_topology() if entities & _PLACES else None
        for first, last in keys:
            self._read_keys(first, last, now)
        known = [
            device
            for first, last in IdRanges([*keys, *devices])
            for device in self._store.devices.of_keys(first_key_id=first, last_key_id=last)
        ]
        return Update(
            topology=topology,
            pools=dict(self._pools) if topology is not None else None,
            devices=(*learned, *known),
            device_keys=devices,
            stale_keys=None if entities & _DETAILS else keys,
        )

    def _read_topology(self) -> Topology:
        inventory = self._store.inventory
        topology = Topology(inventory.nases(), inventory.venues(), inventory.keypools())
        for keypool in topology.keypools.values():
            if keypool.id not in self._pools:
                self._pools[keypool.id] = Pool(keypool.ssid)
        for keypool_id in self._pools.keys() - topology.keypools.keys():
            del self._pools[keypool_id]
            self._owners[self._owners == keypool_id] = 0
        return topology

    def _read_keys(self, first: int, last: int, now: datetime) -> None:
        lapsed_since = now - self._lapsed
        for start in range(first, last + 1, _STEP):
            stop = min(start + _STEP - 1, last)
            batches = tuple(self._store.keys.batches(first_id=start, last_id=stop, lapsed_since=lapsed_since))
            owners = np.zeros(stop - start + 1, np.int64)
            marks = np.zeros(stop - start + 1, np.uint64)
            for batch in batches:
                owners[batch.ids - start] = batch.keypool_id
                marks[batch.ids - start] = _mark(batch)
            self._reserve(stop)
            before = self._owners[start : stop + 1]
            changed = (owners != before) | (marks != self._marks[start : stop + 1])
            self._remove(start + np.flatnonzero(changed & (before != 0)))
            for batch in batches:
                kept = changed[batch.ids - start]
                if kept.any():
                    self._add(KeyBatch(batch.keypool_id, batch.ids[kept], batch.pmks[kept]))

    def _add(self, batch: KeyBatch) -> None:
        pool = self._pools.get(batch.keypool_id)
        if pool is None or not len(batch.ids):
            return  # of a keypool that came after the directory was read: its change is read next time
        pool.add(batch.ids, batch.pmks)
        self._reserve(int(batch.ids.max()))
        self._owners[batch.ids] = batch.keypool_id
        self._marks[batch.ids] = _mark(batch)

    def _remove(self, key_ids: NDArray[np.int64]) -> None:
        owners = self._owners[key_ids]
        for keypool_id in np.unique(owners).tolist():
            self._pools[keypool_id].remove(key_ids[owners == keypool_id].tolist())
        self._owners[key_ids] = 0

    def _reserve(self, key_id: int) -> None:
        short = key_id + 1 - len(self._owners)
        if short > 0:
            more = max(short, len(self._owners))
            self._owners = np.concatenate((self._owners, np.zeros(more, np.int64)))
            self._marks = np.concatenate((self._marks, np.zeros(more, np.uint64)))


def _ranges(changes: tuple[Change, ...], entity: Entity) -> IdRanges:
    return IdRanges((change.first_id, change.last_id) for change in changes if change.entity is entity)


def _mark(batch: KeyBatch) -> NDArray[np.uint64]:
    words: NDArray[np.uint64] = np.ascontiguousarray(batch.pmks).view(np.uint64)
    marks: NDArray[np.uint64] = ((words ^ words >> np.uint64(32)) * _FACTORS).sum(axis=1, dtype=np.uint64)
    return marks
