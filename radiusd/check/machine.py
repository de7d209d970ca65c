"""Checks of what is around the database: files, addresses, disk, clock, kernel, cache. Reads, and changes nothing."""

import ctypes
import errno
import os
import shutil
import socket
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from provisioning import key_path

from ..addresses import parse_address
from ..config import Config
from ..errors import ServeError
from ..fastpath.compilation import machine_code_is_kept
from ..log.file import decisions_path, former_path
from ..metrics.http import bind_stream
from ..sockets import bind
from .finding import Check, Found, Level

DEFAULT: Final = Config()
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
_SPARE_MIB: Final = 100  # beside the log: the database and its write-ahead log
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a server runs, or is to run."""

    database: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    config: Config = DEFAULT
    config_path: Path | None = None
    starting: bool = False  # a port that is taken is another's: the server itself does not run yet


def addresses_in_use(machine: Machine) -> Found:
    """An address cannot be listened on: it is not this machine's, or taken."""
    for text in (*machine.config.listen, *machine.config.acct):
        try:
            bind(parse_address(text), receive_buffer=4096).close()
        except ServeError as error:
            yield _unbindable(error, machine)
    if machine.config.metrics:
        try:
            bind_stream(parse_address(machine.config.metrics)).close()
        except ServeError as error:
            yield _unbindable(error, machine)


def _unbindable(error: ServeError, machine: Machine) -> tuple[Level, str, str]:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE and not machine.starting:
        return Level.ADVICE, str(error), "nothing, if that is this server; else `ss -lunp` shows whose it is"
    return Level.ERROR, str(error), "stop what has it (`ss -lunp`), or another address or port"


def files_of_others(machine: Machine) -> Found:
    """Whoever can read the key and the database has every passphrase; whoever can write the folder can replace them."""
    key = key_path(machine.database, machine.environ)
    for path in (key, *_beside(machine.database)):
        mode = _mode(path)
        if mode is not None and mode & 0o077:
            level = Level.ERROR if path == key else Level.WARNING  # with such a key the server does not start
            yield level, f"{path} can be read or written by others (mode {mode:03o})", f"chmod 600 {path}"
    for path in {key.absolute().parent, machine.database.absolute().parent}:
        mode = _mode(path)
        if mode is not None and mode & 0o022 and not mode & stat.S_ISVTX:
            yield Level.WARNING, f"folder {path} can be written by others (mode {mode:03o})", f"chmod go-w {path}"
    if machine.config_path is not None and (_mode(machine.config_path) or 0) & 0o022:
        path = machine.config_path
        yield Level.WARNING, f"{path} can be written by others", f"chmod go-w {path}"


def database_read_only(machine: Machine) -> Found:
    """The server remembers devices, and its log lies beside the database."""
    folder = machine.database.absolute().parent
    for path in (machine.database, folder):
        if path.exists() and not os.access(path, os.W_OK):
            yield Level.ERROR, f"{path} cannot be written by this user", "run it as the owner, or chown it"


def key_beside_database(machine: Machine) -> Found:
    """One backup of the folder then holds both: the passphrases, and what opens them."""
    key = key_path(machine.database, machine.environ)
    if key.exists() and key.absolute().parent == machine.database.absolute().parent:
        yield (
            Level.ADVICE,
            f"the master key {key} lies beside the database: a copy of the folder is enough to read every passphrase",
            "move it elsewhere, and name it in LATCHKEY_MASTER_KEY_FILE; back both up, apart",
        )


def copies_beside(machine: Machine) -> Found:
    """What `restore` and a new version keep of the database; people who were erased since are still in it."""
    folder, name = machine.database.absolute().parent, f"{machine.database.name}.before-"
    copies = [each for each in folder.iterdir() if each.name.startswith(name)] if folder.is_dir() else []
    if copies:
        size = sum(each.stat().st_size for each in copies) // _MIB
        yield (
            Level.ADVICE,
            f"{len(copies)} former states of the database lie beside it ({size} MiB), with all that was erased since",
            f"delete {folder / name}* when they are no longer needed",
        )


def disk_nearly_full(machine: Machine) -> Found:
    """A full disk costs decisions in the log, and devices that were learned."""
    free = shutil.disk_usage(machine.database.absolute().parent).free // _MIB
    kept = sum(path.stat().st_size for path in _logs(machine.database)) // _MIB
    wanted = max(0, 2 * machine.config.log.size_mb - kept) + _SPARE_MIB
    if free < _SPARE_MIB:
        yield Level.ERROR, f"{free} MiB are free on the disk of the database", f"room for {wanted} MiB"
    elif free < wanted:
        yield (
            Level.WARNING,
            f"{free} MiB are free on the disk of the database, and the log may want {wanted}",
            "more room, or a smaller size_mb in [log] of latchkey.toml",
        )


def small_receive_buffer(machine: Machine) -> Found:
    """Past net.core.rmem_max a buffer needs CAP_NET_ADMIN: after a power cut, requests are lost while it is busy."""
    wanted = machine.config.receive_buffer
    with bind(("127.0.0.1", 0), receive_buffer=wanted) as probe:
        given = probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel counts its own part, too
    if given < wanted:
        yield (
            Level.ADVICE,
            f"the kernel keeps {given} octets for a busy server, not receive_buffer's {wanted}",
            f"sysctl -w net.core.rmem_max={wanted}, and a line for it in /etc/sysctl.d",
        )


def clock_not_synchronised(_machine: Machine) -> Found:
    """Keys start and end by this clock."""
    state = clock_state()
    if state == _TIME_ERROR:
        yield (
            Level.WARNING,
            "the clock is not synchronised: keys start and end by it",
            "timedatectl set-ntp true, or install chrony",
        )


def clock_state() -> int:
    """Return what adjtimex(2) says of the kernel's clock, asking only; -1 where there is none to ask."""
    adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    if adjtimex is None:
        return -1
    return int(adjtimex(ctypes.byref(ctypes.create_string_buffer(512))))  # struct timex, modes 0


def kernels_not_kept(_machine: Machine) -> Found:
    """Without a folder for the machine code, each start compiles for some ten seconds."""
    if not machine_code_is_kept():
        yield (
            Level.WARNING,
            "no folder can be written for the compiled kernels, so each start compiles them again",
            "NUMBA_CACHE_DIR or XDG_CACHE_HOME naming a folder that this user may write",
        )


CHECKS: Final[tuple[Check[Machine], ...]] = (
    addresses_in_use,
    files_of_others,
    database_read_only,
    key_beside_database,
    copies_beside,
    disk_nearly_full,
    small_receive_buffer,
    clock_not_synchronised,
    kernels_not_kept,
)


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _logs(database: Path) -> Iterator[Path]:
    path = decisions_path(database)
    yield from (each for each in (path, former_path(path)) if each.exists())


def _beside(database: Path) -> Iterator[Path]:
    yield database
    yield from (database.with_name(database.name + suffix) for suffix in ("-wal", "-shm"))
    yield from _logs(database)
