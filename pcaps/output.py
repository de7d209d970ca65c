"""Files that allow cracking: captures with handshakes, and hashcat's lines."""

import os
import stat
from pathlib import Path

from .errors import OptionError


def write_private(path: Path, octets: bytes, option: str) -> None:
    """Write a file that only its owner reads, over an earlier one of the same owner; OptionError, naming the option.

    Never through a link: who may write to the folder could have pointed it at another file of this user.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = "it is a link" if path.is_symlink() else error.strerror
        raise OptionError(f"{option}: cannot write {path}: {reason}") from error
    with os.fdopen(descriptor, "wb") as file:
        there = os.fstat(descriptor)
        if not stat.S_ISREG(there.st_mode) or there.st_nlink != 1 or there.st_uid != os.geteuid():
            raise OptionError(f"{option}: {path} is there, and not a file of yours alone: remove it, or name another")
        os.fchmod(descriptor, 0o600)
        file.truncate()
        file.write(octets)
