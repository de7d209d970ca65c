"""A slot in memory where one process keeps its numbers and others read them. Made before the fork that parts them.

# Rule: one writer at a time (a worker, after its death the next one), any number of readers, no lock: who died holding
# it would stop all others. What is written goes to the half that nobody reads yet; a reader checks what it has read.
"""

import mmap
import struct
import zlib

_TURN = struct.Struct("<Q")  # counts what was written; its last bit says which half is the latest
_HEAD = struct.Struct("<II")  # length and CRC-32 of what is in a half
_HALF = 4 << 20  # a page that nothing was written to takes no memory


class Slot:
    """Keeps the latest of what was written, whole."""

    def __init__(self, half: int = _HALF) -> None:
        self._half = half
        self._memory = mmap.mmap(-1, _TURN.size + 2 * half)

    def write(self, octets: bytes) -> bool:
        """Keep `octets` instead of what was there; False where they are too many."""
        if _HEAD.size + len(octets) > self._half:
            return False
        (turn,) = _TURN.unpack_from(self._memory)
        start = self._start(turn + 1)
        _HEAD.pack_into(self._memory, start, len(octets), zlib.crc32(octets))
        self._memory[start + _HEAD.size : start + _HEAD.size + len(octets)] = octets
        _TURN.pack_into(self._memory, 0, turn + 1)
        return True

    def read(self) -> bytes | None:
        """Return what was written last, None where nothing was."""
        for _ in range(3):  # a reader so slow that it was overtaken sees a wrong CRC, and looks again
            (turn,) = _TURN.unpack_from(self._memory)
            if not turn:
                return None
            start = self._start(turn)
            length, crc = _HEAD.unpack_from(self._memory, start)
            octets = self._memory[start + _HEAD.size : start + _HEAD.size + length]
            if zlib.crc32(octets) == crc:
                return octets
        return None

    def _start(self, turn: int) -> int:
        return _TURN.size + turn % 2 * self._half
