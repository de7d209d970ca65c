"""Which keys a NAS was offered for which device a short while ago: of those its accounting may say which one it was.

In memory that all workers share, as an access point's accounting seldom reaches the worker that answered its request.
Each offer has its place by NAS and device; a later one in the same place takes it, so that nothing grows.

# Rule: any number of writers and readers, no lock. A record carries its CRC: one that is being written is no offer.
"""

import mmap
import struct
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from crypto import MacAddress

LIFETIME_S: Final = 300.0
MAX_KEYS: Final = 32  # that one answer offers
_SLOTS: Final = 4096  # of 296 octets; a page that nothing was written to takes no memory
_RECORD: Final = struct.Struct(f"<Q8sd{MAX_KEYS}Q")  # NAS, device, seconds since 1970, keys (0: none)
_CRC: Final = struct.Struct("<I")
_SIZE: Final = (_RECORD.size + _CRC.size + 7) // 8 * 8


class Offers:
    """Remembers offers. To be made before workers are forked."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SLOTS * _SIZE)

    def note(self, nas_id: int, device: MacAddress, key_ids: Sequence[int], now: datetime) -> None:
        """Remember that these keys were offered, at most MAX_KEYS."""
        keys = (*key_ids, *[0] * (MAX_KEYS - len(key_ids)))
        record = _RECORD.pack(nas_id, device.value, now.timestamp(), *keys)
        at = _place(nas_id, device)
        self._memory[at : at + _RECORD.size + _CRC.size] = record + _CRC.pack(zlib.crc32(record))

    def made(self, nas_id: int, device: MacAddress, key_id: int, now: datetime) -> bool:
        """Return whether this NAS was offered this key for this device within the last LIFETIME_S."""
        at = _place(nas_id, device)
        record = self._memory[at : at + _RECORD.size]
        (crc,) = _CRC.unpack_from(self._memory, at + _RECORD.size)
        nas, address, seconds, *keys = _RECORD.unpack(record)
        if crc != zlib.crc32(record) or (nas, address[:6]) != (nas_id, device.value):
            return False
        return key_id in keys and key_id != 0 and abs(now.timestamp() - seconds) <= LIFETIME_S


def _place(nas_id: int, device: MacAddress) -> int:
    return zlib.crc32(device.value, nas_id & 0xFFFFFFFF) % _SLOTS * _SIZE
