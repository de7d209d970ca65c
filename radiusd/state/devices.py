"""Devices and their keys: known at once, in the store soon after, so that a restart forgets none.

On a keypool a device has at most one key that a person registered it with, and the last two that it has shown itself:
whoever turns up under its address with a key of their own takes neither from it.

# Rule: what a device shows never takes the place of a registration. Of the devices that have shown one key a bounded
# number is kept, the latest: who makes up addresses pushes out others of the same key, and no registered one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crypto import MacAddress
from provisioning import Device, DeviceBatch

from .id_ranges import IdRanges
from .loaded_devices import NOTHING_LOADED, LoadedDevices

LEARNED_KEYS: Final = 2  # of a device on a keypool
DEVICES_PER_KEY: Final = 512  # that have shown it; a household has tens, a phone that changes its address adds to them

# The keys of a device as they are kept: the registered one (0: none), then those it has shown, the last one first. Most
# devices have one key: a learned one is that number alone, a registered one its negative, which saves 64 octets each.
_Entry = int | tuple[int, ...]


class _Keys(NamedTuple):
    registered: int  # 0: none
    learned: tuple[int, ...]  # the last used first


_NO_KEYS = _Keys(0, ())


class _Keypool:
    """The devices of one keypool. `show` and `register` return whether that was new."""

    __slots__ = ("_count", "_loaded", "entries", "of_key")

    def __init__(self, loaded: LoadedDevices = NOTHING_LOADED) -> None:
        self._loaded = loaded
        self._count = len(loaded)
        self.entries: dict[bytes, _Entry] = {}  # instead of what was loaded, if anything
        # The addresses that are known with a key, one after another, latest last; those that were loaded come before.
        self.of_key: dict[int, bytes] = {}

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        yield from (mac for mac, _ in self._loaded if mac not in self.entries)
        yield from self.entries

    def keys(self, mac: bytes) -> _Keys:
        entry = self.entries.get(mac) or self._loaded.get(mac)
        if not entry:
            return _NO_KEYS
        if isinstance(entry, int):
            return _Keys(0, (entry,)) if entry > 0 else _Keys(-entry, ())
        return _Keys(entry[0], entry[1:])

    def register(self, mac: bytes, key_id: int) -> bool:
        registered, learned = self.keys(mac)
        if registered != key_id:
            self._write(mac, _Keys(key_id, tuple(each for each in learned if each != key_id)))
        return registered != key_id

    def unregister(self, mac: bytes) -> None:
        self._write(mac, _Keys(0, self.keys(mac).learned))

    def show(self, mac: bytes, key_id: int) -> bool:
        """Put a key first among those that the device has shown; one it is registered with stays where it is."""
        registered, learned = self.keys(mac)
        if registered == key_id or learned[:1] == (key_id,):
            return False
        others = tuple(each for each in learned if each != key_id)
        self._write(mac, _Keys(registered, (key_id, *others)[:LEARNED_KEYS]))
        return True

    def forget(self, mac: bytes, key_id: int) -> None:
        """Forget that the device has shown this key."""
        registered, learned = self.keys(mac)
        self._write(mac, _Keys(registered, tuple(each for each in learned if each != key_id)))

    def known_with(self, key_id: int) -> list[bytes]:
        """Return the addresses of the devices that have shown the key or are registered with it."""
        return self._loaded.known_with(key_id) + self._known_since(key_id)

    def key_ids(self, ranges: IdRanges) -> set[int]:
        """Return the keys in these ranges that devices may be known with."""
        if sum(last - first for first, last in ranges) < len(self.of_key):
            since = {key_id for first, last in ranges for key_id in range(first, last + 1) if key_id in self.of_key}
        else:
            since = {key_id for key_id in self.of_key if key_id in ranges}
        return since | self._loaded.key_ids(ranges)

    def oldest(self, key_id: int, most: int) -> bytes | None:
        """Return the device that showed a key longest ago where more than `most` have, else None."""
        if self._loaded.count_with(key_id) + len(self.of_key.get(key_id, b"")) // 6 <= most:
            return None
        learned = [mac for mac in self.known_with(key_id) if key_id in self.keys(mac).learned]
        return learned[0] if len(learned) > most else None

    def _known_since(self, key_id: int) -> list[bytes]:
        packed = self.of_key.get(key_id, b"")
        return [packed[at : at + 6] for at in range(0, len(packed), 6)]

    def _write(self, mac: bytes, keys: _Keys) -> None:
        before, after = {*self.keys(mac).learned, self.keys(mac).registered}, {*keys.learned, keys.registered}
        self._count += any(after) - any(before)
        for key_id in before - after - {0}:
            if self._loaded.drop(mac, key_id):
                continue
            rest = b"".join(other for other in self._known_since(key_id) if other != mac)
            if rest:
                self.of_key[key_id] = rest
            else:
                del self.of_key[key_id]
        for key_id in after - before - {0}:
            self.of_key[key_id] = self.of_key.get(key_id, b"") + mac
        if not any(after):
            self.entries.pop(mac, None)
        elif not keys.learned:
            self.entries[mac] = -keys.registered
        else:
            alone = not keys.registered and len(keys.learned) == 1
            self.entries[mac] = keys.learned[0] if alone else (keys.registered, *keys.learned)


class Devices:
    """Known devices, by keypool and address. Belongs to the thread that answers requests."""

    def __init__(
        self, changed: Callable[[bytes], None] = lambda _address: None, *, per_key: int = DEVICES_PER_KEY
    ) -> None:
        """Know none.

        changed: told of each address whose keys are others from now on
        per_key: so many devices that have shown one key are kept
        """
        self._changed = changed
        self._per_key = per_key
        self._keypools: dict[int, _Keypool] = {}
        self._unsaved: dict[tuple[int, bytes, int], int] = {}
        self._uses = 0  # of keys so far: tells whether one was shown again while that was being saved
        self._forgotten: Counter[int] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._keypools.values()))

    def keys(self, keypool_id: int, mac: MacAddress) -> tuple[int, ...]:
        """Return the keys of a device on the keypool: the registered one, then those it has shown, the last one first.

        A lookup is answered with the first one that may be used.
        """
        keypool = self._keypools.get(keypool_id)
        if keypool is None:
            return ()
        registered, learned = keypool.keys(mac.value)
        return (registered, *learned) if registered else learned

    def registered(self, keypool_id: int, mac: MacAddress) -> int | None:
        """Return the key that a person registered this device with on the keypool."""
        keypool = self._keypools.get(keypool_id)
        return None if keypool is None else keypool.keys(mac.value).registered or None

    def of(self, keypool_id: int) -> Iterator[tuple[bytes, int]]:
        """Yield the address of each device that is known on the keypool, and the first of its keys."""
        keypool = self._keypools.get(keypool_id) or _Keypool()
        for mac in keypool:
            registered, learned = keypool.keys(mac)
            yield mac, registered or learned[0]

    def learn(self, keypool_id: int, mac: MacAddress, key_id: int) -> None:
        """Remember that a device has just shown this key."""
        if not self._show(keypool_id, mac.value, key_id):
            return
        place = keypool_id, mac.value, key_id
        self._unsaved.pop(place, None)  # so that the store has them in the order they came in
        self._uses += 1
        self._unsaved[place] = self._uses

    def unsaved(self) -> tuple[Device, ...]:
        """Return what was learned and is not known to be in the store, in the order it was."""
        return tuple(
            Device(keypool_id, MacAddress(mac), key_id, sequence=use)
            for (keypool_id, mac, key_id), use in self._unsaved.items()
        )

    def saved(self, devices: Iterable[Device]) -> None:
        """Note that these, out of `unsaved`, are in the store now."""
        for device in devices:
            place = device.keypool_id, device.mac.value, device.key_id
            if self._unsaved.get(place) == device.sequence:  # else it was shown again meanwhile
                del self._unsaved[place]

    def load(self, batch: DeviceBatch) -> None:
        """Let `batch`, in the order in which devices have shown their keys, be all that the store has.

        What waits to be saved is newer. Nobody is told of single devices: any of them may have other keys now.
        """
        self._keypools = {}
        for keypool_id in np.unique(batch.keypool_ids).tolist():
            here = batch.keypool_ids == keypool_id
            self._load(keypool_id, batch.macs[here], batch.key_ids[here], batch.registered[here])
        for keypool_id, mac, key_id in tuple(self._unsaved):
            self._show(keypool_id, mac, key_id)

    def _load(
        self, keypool_id: int, macs: NDArray[np.int64], key_ids: NDArray[np.int64], registered: NDArray[np.bool_]
    ) -> None:
        single = _occurrences(macs) == 1
        crowded = np.zeros(len(macs), np.bool_)
        crowded[~registered] = _occurrences(key_ids[~registered]) > self._per_key
        # One by one also what shares a key with those, so that the order among its devices holds.
        one_by_one = np.isin(key_ids, key_ids[crowded | ~single])
        some = ~one_by_one
        keypool = _Keypool(LoadedDevices(macs[some], key_ids[some], registered[some]))
        self._keypools[keypool_id] = keypool
        others = (column[one_by_one].tolist() for column in (macs, key_ids, registered))
        for number, key_id, by_person in zip(*others, strict=True):
            mac = number.to_bytes(6)
            if by_person:
                keypool.register(mac, key_id)
            else:
                self._show(keypool_id, mac, key_id)

    def add(self, devices: Iterable[Device]) -> None:
        """Apply what the store has; of learned keys, those that were shown last at the end."""
        unsaved = {place[:2] for place in self._unsaved}
        for device in devices:
            keypool_id, mac, key_id = device.keypool_id, device.mac.value, device.key_id
            keypool = self._keypools.setdefault(keypool_id, _Keypool())
            if device.registered:
                if keypool.register(mac, key_id):
                    self._changed(mac)
            # What was shown here last is newer, and what is known already has its place.
            elif (keypool_id, mac) not in unsaved and key_id not in keypool.keys(mac).learned:
                self._show(keypool_id, mac, key_id)

    def hear(self, devices: Iterable[Device]) -> None:
        """Apply what devices have shown to other processes since, in that order."""
        unsaved = {place[:2] for place in self._unsaved}
        for device in devices:
            if (device.keypool_id, device.mac.value) not in unsaved:
                self._show(device.keypool_id, device.mac.value, device.key_id)

    def replace(self, key_ids: IdRanges, devices: Iterable[Device]) -> None:
        """Let `devices`, as the store has them, be all that is known of the keys in `key_ids`."""
        fresh = {(device.keypool_id, device.mac.value, device.key_id, device.registered) for device in devices}
        for keypool_id, keypool in self._keypools.items():
            for key_id in sorted(keypool.key_ids(key_ids)):
                for mac in keypool.known_with(key_id):
                    registered = keypool.keys(mac).registered == key_id
                    place = keypool_id, mac, key_id
                    if (*place, registered) in fresh or (place in self._unsaved and not registered):
                        continue
                    if registered:
                        keypool.unregister(mac)
                    else:
                        keypool.forget(mac, key_id)
                    self._changed(mac)

    def forgotten(self) -> Counter[int]:
        """Return which keys' devices had to make room since this was last asked, and how many."""
        forgotten, self._forgotten = self._forgotten, Counter()
        return forgotten

    def _show(self, keypool_id: int, mac: bytes, key_id: int) -> bool:
        keypool = self._keypools.setdefault(keypool_id, _Keypool())
        shown = keypool.show(mac, key_id)
        if shown:
            self._changed(mac)
            oldest = keypool.oldest(key_id, self._per_key)
            if oldest is not None:
                keypool.forget(oldest, key_id)
                self._unsaved.pop((keypool_id, oldest, key_id), None)
                self._forgotten[key_id] += 1
                self._changed(oldest)
        return shown


def _occurrences(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how often each value occurs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[which]
