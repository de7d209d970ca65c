"""Devices known on a keypool."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from crypto import MacAddress


@dataclass(frozen=True, slots=True)
class Device:
    """A device known on a keypool, and a key it has used or is registered with."""

    keypool_id: int
    mac: MacAddress
    key_id: int
    registered: bool = False  # by a person; else the device has shown the key
    sequence: int = 0  # of two, it has shown the one of the higher number last


@dataclass(frozen=True, slots=True)
class DeviceBatch:
    """As many a `Device`: arrays of shape (n,), int64 but for `registered`, which is bool; addresses as numbers."""

    keypool_ids: NDArray[np.int64]
    macs: NDArray[np.int64]
    key_ids: NDArray[np.int64]
    registered: NDArray[np.bool_]
    sequences: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.macs)


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a device of a key was first and last seen with it; neither, where it is only registered."""

    mac: MacAddress
    first: datetime | None
    last: datetime | None
    registered: bool = False
    name: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """A device and one of its keys, as a list shows them."""

    key_id: int
    mac: MacAddress
    identity: str
    keypool_id: int
    unit: str | None
    subscriber_id: int | None
    subscriber: str | None
    registered: bool
    first: datetime | None
    last: datetime | None
    name: str | None
    tag: str | None
    time_zone: str
