"""A reader of the log that stalls costs lines, which are counted, and nothing else."""

import contextlib
import fcntl
import json
import os
import pty
import re
import socket
import stat
import tty

import pytest

from radiusd.log import handler, stream
from radiusd.log.handler import start_log, stop_log, write_decisions
from radiusd.log.line_format import quote
from radiusd.log.stream import LineStream

LINE = b"x" * 99 + b"\n"


def drain(descriptor):
    """Return what can be read at once."""
    os.set_blocking(descriptor, False)
    read = b""
    with contextlib.suppress(BlockingIOError):
        while block := os.read(descriptor, 1 << 16):
            read += block
    return read


def make_terminal():
    reader, writer = pty.openpty()
    tty.setraw(writer)
    return reader, writer


def make_socket():
    return tuple(each.detach() for each in socket.socketpair())


KINDS = {"pipe": os.pipe, "terminal": make_terminal, "socket": make_socket}


@pytest.fixture(params=[*KINDS, "another user's pipe", "another user's pipe, before Linux 6.4"])
def ends(request, monkeypatch):
    """What reads, and what a LineStream can write to."""
    reader, writer = KINDS.get(request.param, os.pipe)()
    if request.param not in KINDS:

        def refuse(*_):
            raise PermissionError

        monkeypatch.setattr(stream.os, "open", refuse)
    if request.param.endswith("6.4"):

        def unsupported(*_):
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(stream.os, "pwritev", unsupported)
    yield reader, writer
    for each in (reader, writer):
        os.close(each)


class TestStalledReader:
    def test_costs_lines_and_they_are_counted(self, ends):
        reader, writer = ends
        lines = LineStream(writer)
        batch = LINE * 30
        lost = sum(lines.write(batch) for _ in range(500))  # it would wait here for ever
        assert 0 < lost < 15_000
        read = drain(reader)
        while lines.write(b"end\n"):
            read += drain(reader)
        read += drain(reader)
        *whole, last = read.removesuffix(b"\n").split(b"\n")
        assert last == b"end"
        assert set(whole) == {LINE[:-1]}  # none is torn, none is mixed
        assert len(whole) == 15_000 - lost
        lines.close()

    def test_description_that_others_share_is_left_as_it_is(self, ends):
        _, writer = ends
        flags = fcntl.fcntl(writer, fcntl.F_GETFL)
        lines = LineStream(writer)
        for _ in range(500):
            lines.write(LINE * 30)
        assert fcntl.fcntl(writer, fcntl.F_GETFL) == flags
        assert not flags & os.O_NONBLOCK
        lines.close()
        assert stat.S_IFMT(os.fstat(writer).st_mode)  # still open

    def test_reader_that_is_gone_costs_lines_only(self):
        reader, writer = os.pipe()
        lines = LineStream(writer)
        os.close(reader)
        assert lines.write(LINE * 2) == 2
        os.close(writer)


def test_stderr_that_is_closed_costs_lines_only():
    reader, writer = os.pipe()
    for each in (reader, writer):
        os.close(each)
    assert LineStream(writer).write(LINE * 3) == 3


def test_line_longer_than_a_pipe_keeps_together_is_finished_first():
    reader, writer = os.pipe()
    lines = LineStream(writer)
    while not lines.write(LINE):
        pass
    os.read(reader, 8192)
    assert lines.write(b"y" * 50_000 + b"\n") == 0  # begun
    assert lines.write(LINE) == 1
    read = drain(reader)
    while lines.write(b"end\n"):
        read += drain(reader)
    read += drain(reader)
    assert read.endswith(b"y" * 50_000 + b"\nend\n")
    for each in (reader, writer):
        os.close(each)


def test_file_is_written_where_the_shell_would(tmp_path):
    """2>file is shared with whatever else writes there: a description of our own would write over it."""
    path = tmp_path / "log"
    with path.open("wb", buffering=0) as shared:
        lines = LineStream(shared.fileno())
        shared.write(b"one\n")
        assert lines.write(b"two\n") == 0
        shared.write(b"three\n")
    assert path.read_bytes() == b"one\ntwo\nthree\n"


def test_no_line_on_stderr_moves_a_cursor():
    """A NAS-Identifier with CSI and a right-to-left override is escaped, as text and as JSON."""
    reason = "it sends \x9b2J \u202e"
    for json_lines in (False, True):
        reader, writer = os.pipe()
        start_log(writer, json_lines=json_lines)
        try:
            write_decisions((f"reject reason={quote(reason)} nas=ap",))
            (line,) = drain(reader).decode().splitlines()
            assert line.isprintable()
            assert "\\u009b2J" in line
            assert not json_lines or json.loads(line)["reason"] == reason
        finally:
            stop_log()
            os.close(reader)
            os.close(writer)


@pytest.mark.parametrize("json_lines", [False, True])
def test_reader_that_is_back_is_told_once_what_it_missed(json_lines):
    reader, writer = os.pipe()
    start_log(writer, json_lines=json_lines)
    try:
        for _ in range(2000):
            write_decisions(("accept who=Ann key=1 nas=ap venue=none ssid=x",) * 10)
        lost, in_file = handler.catch_up()
        assert (lost > 0, in_file) == (True, 0)
        assert handler.catch_up() == (0, 0)
        read = drain(reader)
        handler.catch_up()
        read += drain(reader)
        notices = [line for line in read.decode().splitlines() if "are missing here" in line]
        assert len(read.splitlines()) - len(notices) == 20_000 - lost
        assert sum(int(re.search(r"(\d+) lines", line)[1]) for line in notices) == lost
        assert not json_lines or json.loads(notices[0])["level"] == "WARNING"
        handler.catch_up()
        assert drain(reader) == b""
    finally:
        stop_log()
        os.close(reader)
        os.close(writer)
