"""Lines of the log that tell of somebody who is to be forgotten, overwritten where they are.

# Rule: a server goes on writing meanwhile. No file is renamed or made anew, so that it loses no line: what is taken
# away is overwritten within its own octets, and the line's end stays.
"""

import os
import re
import stat
from pathlib import Path
from typing import Final

from .file import decisions_path, former_path

_BLOCK: Final = 1 << 20
_HEAD: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
_ERASED: Final = b"INFO erased"


def erase_lines(database: Path, theirs: re.Pattern[bytes], *, only_count: bool = False) -> int:
    """Overwrite each line of a database's log that `theirs` finds something in; return how many there were.

    Their time stays. A file that is renamed meanwhile is gone through as well, under either name.
    """
    path = decisions_path(database)
    seen: dict[int, int] = {}  # inode: lines
    while True:
        before = len(seen)
        for each in (path, former_path(path)):  # in the order in which a file is renamed
            try:
                # Not through a link, as the server does not write through one.
                descriptor = os.open(each, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                continue
            try:
                found = os.fstat(descriptor)
                if stat.S_ISREG(found.st_mode) and found.st_ino not in seen:
                    seen[found.st_ino] = _erase(descriptor, theirs, only_count)
            finally:
                os.close(descriptor)
        if len(seen) == before:
            return sum(seen.values())


def _erase(descriptor: int, theirs: re.Pattern[bytes], only_count: bool) -> int:
    count, start, rest = 0, 0, b""
    while block := os.pread(descriptor, _BLOCK, start + len(rest)):
        text = rest + block
        end = text.rfind(b"\n") + 1
        if not end and len(block) == _BLOCK:
            rest = text  # a line longer than that is none of ours, and looked at all the same
            continue
        if len(block) < _BLOCK and end < len(text):
            end = len(text)  # torn: the disk was full, or the machine went down
        count += _erase_within(descriptor, start, text[:end], theirs, only_count)
        rest = text[end:]
        start += end
    if count and not only_count:
        os.fsync(descriptor)
    return count


def _erase_within(descriptor: int, start: int, text: bytes, theirs: re.Pattern[bytes], only_count: bool) -> int:
    count, at = 0, 0
    while (hit := theirs.search(text, at)) is not None:
        first = text.rfind(b"\n", 0, hit.start()) + 1
        last = text.find(b"\n", hit.end())
        last = len(text) if last < 0 else last
        count += 1
        if not only_count:
            os.pwrite(descriptor, _blank(text[first:last]), start + first)
        at = last
        if at >= len(text):
            break
    return count


def _blank(line: bytes) -> bytes:
    """Return what stands in place of a line: as long, of the same time."""
    head = _HEAD.match(line)
    kept = line[: head.end()] if head is not None else b""
    return (kept + _ERASED).ljust(len(line))[: len(line)]
