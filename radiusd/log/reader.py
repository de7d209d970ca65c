"""Decisions read back, the newest first, and those to come as they come. Needs no server and no database.

# Rule: whatever the files hold, a line is shown or passed over: it may be torn, and a file is renamed at any moment.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from provisioning import render_time

from .file import former_path
from .line_format import Line, parse_line, quote, quote_octets

OUTCOMES: Final = ("accept", "reject", "admit", "discard")
_BLOCK = 1 << 16
_MAX_LINE = 1 << 16  # what goes on longer without an end is no line of ours
_MAX_NEEDLES = 32  # past that, looking for each costs more than parsing the line
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ").match
_POLL_S = 0.2
_GRACE_S = 0.6  # so long after a file was renamed, one of the server's processes may still write to it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DISORDER = timedelta(seconds=5)  # lines of several processes are not quite in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """The lines of some keys: those that name one or its owner, and those of its devices that name no key."""

    identity: str | None = None
    key_ids: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()  # as the log writes them

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Return whether a line with these fields is one of them."""
        key = fields.get("key")
        if key is None:
            return fields.get("device") in self.devices
        return key in self.key_ids or (self.identity is not None and fields.get("who") == quote(self.identity))

    def needles(self) -> tuple[str, ...]:
        """Return texts of which each of the lines has one."""
        who = () if self.identity is None else (f" who={quote(self.identity)}",)
        keys = tuple(f" key={id_}" for id_ in self.key_ids)
        return who + keys + tuple(f" device={device}" for device in self.devices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines to show; None is any."""

    venue: str | None = None
    ssid: str | None = None
    device: str | None = None  # as the log writes it
    device_part: str | None = None  # hex digits out of it
    outcomes: tuple[str, ...] = ()
    nas: str | None = None
    since: datetime | None = None
    whose: tuple[Whose, ...] = ()

    def matches(self, line: Line) -> bool:
        """Return whether to show it."""
        fields = line.fields
        return (
            (self.since is None or line.time >= _render_instant(self.since))
            and (not self.outcomes or line.event in self.outcomes)
            and (self.device is None or fields.get("device") == self.device)
            and (self.device_part is None or self.device_part in fields.get("device", "").replace(":", ""))
            and all(each.matches(fields) for each in self.whose)
            and (self.venue is None or fields.get("venue") == quote(self.venue))
            and (self.nas is None or fields.get("nas") == quote(self.nas))
            and (self.ssid is None or fields.get("ssid") in _spellings(self.ssid))
        )

    def needles(self) -> tuple[tuple[str, ...], ...]:
        """Return groups of texts: a wanted line has one of each group. Others need not be parsed, which takes 20 us."""
        groups = [each.needles() for each in self.whose]
        if self.outcomes:
            groups.append(tuple(f" {outcome} " for outcome in self.outcomes))
        if self.ssid is not None:
            groups.append(tuple(f" ssid={spelling}" for spelling in _spellings(self.ssid)))
        for name, value in (("device", self.device), ("venue", self.venue), ("nas", self.nas)):
            if value is not None:
                groups.append((f" {name}={quote(value)}",))
        return tuple(group for group in groups if len(group) <= _MAX_NEEDLES)

    def ends_before(self, text: str) -> bool:
        """Return whether nothing older than this line can be wanted."""
        if self.since is None or _STAMP(text) is None:
            return False
        return text[:24] < _render_instant(self.since - _DISORDER)


@dataclass(frozen=True, slots=True)
class Position:
    """Where in which file a line begins."""

    inode: int | None = None
    offset: int = 0


def read_back(path: Path, wanted: Wanted, limit: int | None) -> tuple[list[Line], Position]:
    """Return the last `limit` lines that are wanted, the oldest first, and where those to come will begin."""
    lines: list[Line] = []
    with _opened(path) as current:
        position = Position() if current is None else Position(_inode(current), _last_end(current))
        needles = wanted.needles()
        for text in _backwards(path, current, position):
            if (limit is not None and len(lines) >= limit) or wanted.ends_before(text):
                break
            if all(any(map(text.__contains__, group)) for group in needles) and wanted.matches(
                line := parse_line(text)
            ):
                lines.append(line)
    lines.reverse()
    return lines, position


def follow(path: Path, position: Position, sleep: Callable[[float], None] = time.sleep) -> Iterator[Line]:
    """Yield each line that is written after `position`, for ever; over files that are renamed, removed or cut."""
    with _opened(former_path(path)) as former:
        if former is not None and _inode(former) == position.inode:  # renamed since it was read
            yield from _follow_one(former, position.offset, lambda: True, sleep)
            position = Position()
    while True:
        with _opened(path) as current:
            if current is None:
                sleep(_POLL_S)
            else:
                inode = _inode(current)
                start = position.offset if inode == position.inode else 0
                yield from _follow_one(current, start, partial(_is_renamed, path, inode), sleep)
        position = Position()


def _follow_one(file: int, start: int, renamed: Callable[[], bool], sleep: Callable[[float], None]) -> Iterator[Line]:
    """Yield lines until nothing more is to come of this file."""
    rest, left_s = b"", _GRACE_S
    while True:
        block = os.pread(file, _BLOCK, start)
        if block:
            start += len(block)
            *whole, rest = (rest + block).split(b"\n")
            yield from (parse_line(_decode(octets)) for octets in whole if octets)
            rest = rest if len(rest) <= _MAX_LINE else b""
            continue
        if os.fstat(file).st_size < start:
            return  # cut: begin again
        if renamed():
            if left_s <= 0:
                return
            left_s -= _POLL_S
        sleep(_POLL_S)


def _backwards(path: Path, current: int | None, position: Position) -> Iterator[str]:
    """Yield lines, the newest first, of the file before `position`, then of the one before it."""
    if current is not None:
        yield from _lines_backwards(current, position.offset)
    with _opened(former_path(path)) as former:
        if former is not None and _inode(former) != position.inode:  # or it was renamed meanwhile, and has been read
            yield from _lines_backwards(former, os.fstat(former).st_size)


def _lines_backwards(file: int, end: int) -> Iterator[str]:
    rest = b""
    while end > 0:
        start = max(0, end - _BLOCK)
        first, *whole = (os.pread(file, end - start, start) + rest).split(b"\n")
        yield from (_decode(octets) for octets in reversed(whole) if octets)
        rest, end = first if len(first) <= _MAX_LINE else b"", start
    if rest:
        yield _decode(rest)


def _last_end(file: int) -> int:
    """Return where the last whole line ends; the rest of it may be on its way."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - _BLOCK)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """Give a descriptor, None where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _inode(file: int) -> int:
    return os.fstat(file).st_ino


def _is_renamed(path: Path, inode: int) -> bool:
    try:
        return path.stat().st_ino != inode
    except FileNotFoundError:
        return True


def _decode(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


@lru_cache(maxsize=4)
def _render_instant(instant: datetime) -> str:
    return render_time((instant - _EPOCH) // timedelta(milliseconds=1))


@lru_cache(maxsize=4)
def _spellings(ssid: str) -> frozenset[str]:
    """Return what the log may write for an SSID that a person names: as it is, or as the log showed it."""
    return frozenset({quote_octets(os.fsencode(ssid)), ssid, f'"{ssid}"'})
