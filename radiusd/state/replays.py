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
_RECORD: Final = struct.Struct("<16sQd")  # authenticator, NAS, when it came on the monotonic clock


class Replays:
    """Remembers requests. To be made before workers are forked."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SLOTS * _RECORD.size)

    def seen(self, nas_id: int, authenticator: bytes, monotonic: float) -> bool:
        """Return whether this NAS has sent this request before."""
        former, nas, since = _RECORD.unpack_from(self._memory, _place(authenticator))
        return (former, nas) == (authenticator, nas_id) and monotonic - since <= _KEPT_S

    def note(self, nas_id: int, authenticator: bytes, monotonic: float) -> None:
        """Remember a request that was taken."""
        _RECORD.pack_into(self._memory, _place(authenticator), authenticator, nas_id, monotonic)


def _place(authenticator: bytes) -> int:
    return int.from_bytes(authenticator[:4], "little") % _SLOTS * _RECORD.size
