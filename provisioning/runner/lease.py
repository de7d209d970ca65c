"""The lease: of several processes one synchronises with a platform, and of a dead one it is known at once."""

import hashlib
import os
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ..errors import StoreError
from ..store.sync import ConnectorState, Sync

LEASE: Final = timedelta(minutes=5)


class LeaseLost(StoreError):  # noqa: N818
    """Another process has taken over: this one stops where it is."""


class Lease:
    """A connector's, for one run."""

    def __init__(self, sync: Sync, name: str, platform: str, now: Callable[[], datetime], leader: str | None) -> None:
        self._sync = sync
        self._name = name
        self._platform = platform
        self._now = now
        self.leader = leader or f"{socket.gethostname()}:{os.getpid()}:{_machine()}:{secrets.token_hex(4)}"
        self._kept_at: datetime | None = None

    def take(self) -> ConnectorState | None:
        """Return None, or the state with whoever else has it."""
        there = self._sync.connector(self._name)
        other = there.leader if there is not None else None
        dead = other if other is not None and _is_dead(other) else None
        now = self._now()
        state = self._sync.lead(self._name, self._platform, self.leader, now, LEASE, dead=dead)
        self._kept_at = now if state is None else None
        return state

    def keep(self) -> None:
        """Prolong it; LeaseLost where it is another's by now. Part of each transaction of what it is for."""
        now = self._now()
        if not self._sync.prolong(self._name, self.leader, now + LEASE):
            raise LeaseLost(f"another process synchronises {self._name} now")
        self._kept_at = now

    def beat(self) -> None:
        """Prolong it where that is due."""
        if self._kept_at is not None and abs(self._now() - self._kept_at) > LEASE / 5:
            self.keep()

    def give_back(self) -> None:
        self._sync.release(self._name, self.leader)


def _machine() -> str:
    """Return what only processes that can see each other share: the boot and the namespace of process ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return "-"
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:8]


def _is_dead(leader: str) -> bool:
    """Return whether a leader is a process of this machine that runs no more; False where that is not known."""
    host, process, machine, _ = ["", "", "", *leader.rsplit(":", 3)][-4:]
    if host != socket.gethostname() or machine == "-" or machine != _machine() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
