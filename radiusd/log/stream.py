"""Where lines go that somebody else reads. Never waits: a reader that stalls costs lines, and they are counted.

# Rule: O_NONBLOCK belongs to an open file description, which stderr shares with the shell and other programs. It is set
# on a description of our own or not at all.
"""

import contextlib
import os
import select
import socket
import stat
from collections.abc import Callable

Send = Callable[[bytes], int]  # returns how many octets were taken; BlockingIOError where there is no room


class LineStream:
    """Writes whole lines to a descriptor. What belongs to one call stays together where the kernel keeps it so."""

    def __init__(self, descriptor: int) -> None:
        self._closing = contextlib.ExitStack()
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:  # closed, as by 2>&-
            mode = 0
        # What is longer than PIPE_BUF would not stay together in a pipe; a file takes it whole.
        self._longest = None if stat.S_ISREG(mode) else select.PIPE_BUF
        self._send = self._sender(descriptor, mode)
        self._rest = b""  # of a line that has been begun

    def write(self, octets: bytes) -> int:
        """Write lines, as many as there is room for; return how many were lost."""
        if self._rest:
            self._rest = self._rest[self._try(self._rest) :]
            if self._rest:
                return octets.count(b"\n")
        start = 0
        while start < len(octets):
            end = self._end(octets, start)
            start += self._try(octets[start:end])
            if start < end:
                return self._keep_rest(octets, start)
        return 0

    def close(self) -> None:
        """Let go of what was opened for it."""
        self._closing.close()

    def _end(self, octets: bytes, start: int) -> int:
        """Return where what may be sent with one call ends: after as many lines as stay together, one at least."""
        if self._longest is None:
            return len(octets)
        return octets.rfind(b"\n", start, start + self._longest) + 1 or octets.index(b"\n", start) + 1

    def _keep_rest(self, octets: bytes, start: int) -> int:
        """Remember the rest of a line that was cut at `start`; return how many lines come after it."""
        if start and octets[start - 1] != ord("\n"):
            end = octets.index(b"\n", start) + 1
            self._rest, start = octets[start:end], end
        return octets.count(b"\n", start)

    def _try(self, octets: bytes) -> int:
        try:
            return self._send(octets)
        except OSError:  # no room, or nobody reads any more
            return 0

    def _sender(self, descriptor: int, mode: int) -> Send:
        """Return what writes to the descriptor without waiting."""
        if not mode:
            return lambda _: 0
        if stat.S_ISREG(mode):
            return lambda octets: os.write(descriptor, octets)
        if stat.S_ISSOCK(mode):  # journald's
            other = self._closing.enter_context(socket.socket(fileno=os.dup(descriptor)))
            return lambda octets: other.send(octets, socket.MSG_DONTWAIT)
        try:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_APPEND | os.O_CLOEXEC
            own = os.open(f"/proc/self/fd/{descriptor}", flags)
        except OSError:  # another user's pipe, as containers have it
            return lambda octets: _send_if_room(descriptor, octets)
        self._closing.callback(os.close, own)
        return lambda octets: os.write(own, octets)


def _send_if_room(descriptor: int, octets: bytes) -> int:
    """Write to a description that others share, and that may wait.

    RWF_NOWAIT does that for a pipe since Linux 6.4. Before, poll() has to do: it says that there is room for PIPE_BUF
    octets, which another process may take first.
    """
    try:
        return os.pwritev(descriptor, [octets], -1, os.RWF_NOWAIT)
    except BlockingIOError:
        raise
    except OSError:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        if not any(event & select.POLLOUT for _, event in poll.poll(0)):
            raise BlockingIOError from None
        return os.write(descriptor, octets[: select.PIPE_BUF])
