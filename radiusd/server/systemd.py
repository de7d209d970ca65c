"""Tells the supervisor how the server is (sd_notify(3)); without one, nothing."""

import contextlib
import socket
from collections.abc import Mapping

READY, RELOADING, STOPPING = "READY=1", "RELOADING=1", "STOPPING=1"


def notify(environ: Mapping[str, str], state: str) -> None:
    """Send a state to the socket that the supervisor has named."""
    path = environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    # Nobody there is no reason to stop: the server answers all the same.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), "\0" + path[1:] if path.startswith("@") else path)
