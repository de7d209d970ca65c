"""Devices and the keys they used: known at once, in the store soon after, so that a restart forgets none."""

from collections.abc import Container, Iterable

from crypto import MacAddress
from provisioning import Device


class Devices:
    """Known devices, by keypool and address. Belongs to the thread that answers requests."""

    def __init__(self) -> None:
        self._keys: dict[int, dict[bytes, int]] = {}
        self._unsaved: dict[tuple[int, bytes], int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._keys.values()))

    def key_id(self, keypool_id: int, mac: MacAddress) -> int | None:
        """Return the key this device last used on the keypool, or is registered with."""
        keys = self._keys.get(keypool_id)
        return None if keys is None else keys.get(mac.value)

    def of(self, keypool_id: int) -> Iterable[tuple[bytes, int]]:
        """Return the addresses of the devices that are known on the keypool, and the ids of their keys."""
        return self._keys.get(keypool_id, {}).items()

    def learn(self, keypool_id: int, mac: MacAddress, key_id: int) -> None:
        """Remember the key a device has just used."""
        keys = self._keys.setdefault(keypool_id, {})
        if keys.get(mac.value) != key_id:
            keys[mac.value] = key_id
            self._unsaved[keypool_id, mac.value] = key_id

    def unsaved(self) -> tuple[Device, ...]:
        """Return what was learned and is not known to be in the store."""
        return tuple(Device(keypool_id, MacAddress(mac), key) for (keypool_id, mac), key in self._unsaved.items())

    def saved(self, devices: Iterable[Device]) -> None:
        """Note that these are in the store now."""
        for device in devices:
            place = device.keypool_id, device.mac.value
            if self._unsaved.get(place) == device.key_id:  # else it has used another key meanwhile
                del self._unsaved[place]

    def replace(self, key_ids: Container[int], devices: Iterable[Device]) -> None:
        """Let `devices`, as the store has them, be all that is known of the keys in `key_ids`."""
        fresh = {(device.keypool_id, device.mac.value) for device in devices}
        for keypool_id, keys in self._keys.items():
            gone = [
                mac
                for mac, key_id in keys.items()
                if key_id in key_ids and (keypool_id, mac) not in fresh and (keypool_id, mac) not in self._unsaved
            ]
            for mac in gone:
                del keys[mac]

    def add(self, devices: Iterable[Device]) -> None:
        """Take over devices from the store."""
        for device in devices:
            if (device.keypool_id, device.mac.value) not in self._unsaved:  # what was seen last is newer
                self._keys.setdefault(device.keypool_id, {})[device.mac.value] = device.key_id
