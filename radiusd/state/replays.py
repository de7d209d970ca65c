"""Accounting-Requests that came before, so that a repetition of one changes nothing.

The Request Authenticator is a hash of the whole packet and the secret (RFC 2866 section 3): two requests with one
authenticator are the same request, from whatever port they come. In memory that all workers share, since another port
is another worker. A request has its place by its authenticator, and a later one in the same place takes it: nothing
grows, and at a hundred requests a second one in five is forgotten before its time.
"""

import mmap
import struct
from typing import Final

WINDOW_S: Final = 300.0  # that a clock may be off, and a request under way
_KEPT_S: Final = 2 * WINDOW_S  # one that is 300 s early is answered for as long
_SLOTS: Final = 262_144  # a page that nothing was written to takes no memory
_RECORD: Final = struct.Struct("<16sQd")  # authenticator, whose, when it came on the monotonic clock


class Replays:
    """Remembers requests. To be made before workers are forked."""

    def __init__(self, kept_s: float = _KEPT_S) -> None:
        self._memory = mmap.mmap(-1, _SLOTS * _RECORD.size)
        self._kept_s = kept_s

    def seen(self, nas_id: int, authenticator: bytes, monotonic: float) -> bool:
        """Return whether this NAS has sent this request before."""
        return self.former(authenticator, monotonic) == nas_id

    def former(self, authenticator: bytes, monotonic: float) -> int | None:
        """Return the number that this authenticator was noted with, None where it was not, or long ago."""
        former, number, since = _RECORD.unpack_from(self._memory, _place(authenticator))
        return int(number) if former == authenticator and monotonic - since <= self._kept_s else None

    def note(self, number: int, authenticator: bytes, monotonic: float) -> None:
        """Remember a request that was taken, with the number of its NAS, or another one of 64 bits."""
        _RECORD.pack_into(self._memory, _place(authenticator), authenticator, number, monotonic)


def _place(authenticator: bytes) -> int:
    return int.from_bytes(authenticator[:4], "little") % _SLOTS * _RECORD.size
