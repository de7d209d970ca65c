"""What the engine knows when a request comes: NASes, keypools with their pools, known devices, details of keys.

# Rule: belongs to the thread that answers requests; other threads only search the pools.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from crypto import Handshake, MacAddress, Pool, Ssid
from provisioning import Key, Nas, Venue

from .devices import Devices
from .follower import Update
from .id_ranges import IdRanges
from .offers import Offers
from .proofs import Proofs
from .replays import Replays
from .sightings import Sightings
from .topology import Client, Topology

_CACHED_KEYS = 65_536  # about 1.5 kB each
_MANY_DEVICES = 1024  # to forget them one by one takes the watcher 10 us each


class Keyring(NamedTuple):
    """One keypool at work."""

    keypool_id: int
    pool: Pool


class Watcher(Protocol):
    """Keeps something made from the index, and is told when that is out of date: before the next request is read."""

    def forget_all(self) -> None: ...
    def forget_keys(self, keys: IdRanges) -> None: ...
    def forget_device(self, device: MacAddress) -> None: ...


class Index:
    """Everything the engine looks up."""

    def __init__(self, read_key: Callable[[int], Key | None], *, cached_keys: int = _CACHED_KEYS) -> None:
        self._read_key = read_key
        self._cached_keys = cached_keys
        self._keys: OrderedDict[int, Key] = OrderedDict()
        self._topology = Topology()
        self._pools: dict[int, Pool] = {}
        self._keyrings: dict[tuple[int, ...], tuple[Keyring, ...]] = {}
        self.devices = Devices(self._device_changed)
        self.offers = Offers()
        self.replays = Replays()
        self.proofs = Proofs()
        self.sightings = Sightings()
        self._watcher: Watcher | None = None
        self.generation = 0  # another number: keys have changed, and what did not fit before may fit now

    def apply(self, update: Update) -> None:
        """Take over what the follower has read."""
        if self._watcher is not None:
            self._warn(self._watcher, update)
        if update.topology is not None:
            self._topology = update.topology
        if update.pools is not None:
            self._pools = update.pools
            self._keyrings = {}
        if update.all_devices is not None:
            self.devices.load(update.all_devices)
        if update.device_keys:
            self.devices.replace(update.device_keys, (*update.devices, *update.learned))
        self.devices.add(update.devices)
        self.devices.hear(update.learned)
        self._forget_keys(update.stale_keys)
        if update.topology is not None or update.stale_keys is None or update.stale_keys:
            self.generation += 1

    def watch(self, watcher: Watcher | None) -> None:
        """Tell `watcher` of every change from now on; None: nobody."""
        self._watcher = watcher

    def learn(self, keypool_id: int, device: MacAddress, key_id: int) -> None:
        """Remember the key that a device has just shown."""
        self.devices.learn(keypool_id, device, key_id)

    def _device_changed(self, address: bytes) -> None:
        if self._watcher is not None:
            self._watcher.forget_device(MacAddress(address))

    def _warn(self, watcher: Watcher, update: Update) -> None:
        many = update.all_devices is not None or len(update.devices) + len(update.learned) > _MANY_DEVICES
        if many or update.topology is not None or update.pools is not None or update.stale_keys is None:
            watcher.forget_all()
        else:
            watcher.forget_keys(update.stale_keys)
            watcher.forget_keys(update.device_keys)

    def read_from(self, read_key: Callable[[int], Key | None]) -> None:
        """Read keys through this from now on."""
        self._read_key = read_key

    def limit(self, cached_keys: int) -> None:
        """Keep the details of so many keys from now on."""
        self._cached_keys = cached_keys

    def client(self, address: str) -> Client | None:
        """Return the NAS at this source address."""
        return self._topology.client(address)

    def disabled(self, address: str) -> Nas | None:
        """Return the NAS at this source address where it is disabled."""
        return self._topology.disabled(address)

    def venue(self, nas: Nas, nas_identifier: bytes | None) -> Venue | None:
        """Return where the NAS stands."""
        return self._topology.venue(nas, nas_identifier)

    def nearest_ssid(self, ssid: Ssid) -> Ssid | None:
        """Return this SSID if a keypool has it, here or elsewhere; else one that reads alike, or None."""
        return self._topology.nearest_ssid(ssid)

    def keyrings(self, venue: Venue | None, ssid: Ssid) -> tuple[Keyring, ...]:
        """Return the keypools whose keys are valid on this SSID at this venue."""
        numbers = self._topology.keypools_of(venue, ssid)
        keyrings = self._keyrings.get(numbers)
        if keyrings is None:
            keyrings = self._keyrings[numbers] = tuple(Keyring(number, self._pools[number]) for number in numbers)
        return keyrings

    def profiles(self) -> Iterable[str]:
        """Return the reply profiles that NASes have."""
        return self._topology.profiles

    def keypool_sets(self) -> Iterator[tuple[Keyring, ...]]:
        """Yield each set of keypools that can be asked for together, once."""
        seen = set()
        for venue, ssid in self._topology.keypool_sets():
            keyrings = self.keyrings(venue, ssid)
            numbers = tuple(keyring.keypool_id for keyring in keyrings)
            if numbers not in seen:
                seen.add(numbers)
                yield keyrings

    def matches(self, keypool_id: int, key_id: int, handshake: Handshake) -> bool:
        """Return whether the key is in the keypool now, and reproduces the handshake's MIC."""
        pool = self._pools.get(keypool_id)
        return pool is not None and pool.matches(key_id, handshake)

    def key(self, key_id: int) -> Key | None:
        """Return all about a key: from memory, else from the store; None where it is gone."""
        key = self._keys.get(key_id)
        if key is not None:
            self._keys.move_to_end(key_id)
            return key
        key = self._read_key(key_id)
        if key is not None:
            self._keys[key_id] = key
            while len(self._keys) > self._cached_keys:
                self._keys.popitem(last=False)
        return key

    def sizes(self) -> tuple[int, int, int]:
        """Return the numbers of keys, keypools and NASes."""
        return sum(map(len, self._pools.values())), len(self._pools), self._topology.nas_count

    def _forget_keys(self, stale: IdRanges | None) -> None:
        if stale is None:
            self._keys.clear()
        elif stale:
            for key_id in [key_id for key_id in self._keys if key_id in stale]:
                del self._keys[key_id]
