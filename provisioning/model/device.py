"""Devices known on a keypool."""

from dataclasses import dataclass
from datetime import datetime

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
class Sighting:
    """When a device of a key was first and last seen with it; neither, where it is only registered."""

    mac: MacAddress
    first: datetime | None
    last: datetime | None
    registered: bool = False
    name: str | None = None
    tag: str | None = None
