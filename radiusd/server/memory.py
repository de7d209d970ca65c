"""Keeps what is in this process's memory, every key, out of core dumps and away from other processes of its user.

prctl(2), PR_SET_DUMPABLE: no core dump, no ptrace(2), and /proc/PID/mem and environ are root's.
"""

import ctypes
import resource
from collections.abc import Mapping
from typing import Final

ALLOW_VARIABLE: Final = "LATCHKEY_ALLOW_DUMPS"  # set to 1 to debug a server with gdb, py-spy or a core dump
_PR_SET_DUMPABLE: Final = 4


def protect_memory(environ: Mapping[str, str]) -> None:
    """Forbid core dumps and debuggers from now on, here and in what is forked, unless LATCHKEY_ALLOW_DUMPS=1."""
    if environ.get(ALLOW_VARIABLE) == "1":
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:  # Linux
        prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0))
