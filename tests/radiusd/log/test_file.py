"""The file that keeps decisions: bounded, shared between processes, and never in the way."""

import contextlib
import logging
import os
import resource
import sys

import pytest

from radiusd.log.file import DecisionFile, decisions_path, former_path
from radiusd.log.handler import start_log, stop_log, write_decisions


@pytest.fixture
def path(tmp_path):
    return decisions_path(tmp_path / "latchkey.db")


def numbers(*paths):
    return [int(line) for path in paths if path.exists() for line in path.read_bytes().split()]


def test_file_lies_beside_the_database_and_is_nobody_elses(path):
    DecisionFile(path).write(b"a line\n")
    assert path.name == "latchkey.db-log"
    assert path.stat().st_mode & 0o777 == 0o600


def test_lines_are_those_of_stderr(path):
    reader, writer = os.pipe()
    start_log(writer, DecisionFile(path))
    try:
        write_decisions(("accept who=Ada", 'reject reason="unknown passphrase"'))
        logging.getLogger("radiusd").info("no decision")
    finally:
        stop_log()
    *decisions, other = os.read(reader, 4096).splitlines(keepends=True)
    assert path.read_bytes() == b"".join(decisions)
    assert len(decisions) == 2
    assert b"no decision" in other
    os.close(reader)
    os.close(writer)


def test_file_too_large_becomes_the_former_one(path):
    file = DecisionFile(path, size=100)
    for number in range(100):
        file.write(b"%09d\n" % number)
        file.keep()
    former = former_path(path)
    kept = numbers(former, path)
    assert kept == list(range(kept[0], 100))
    assert former.stat().st_size == 110
    assert path.stat().st_size <= 110


def test_several_processes_lose_no_line_over_a_rotation(path):
    """Each rotates as soon as it sees a need; two files have room for everything, so that nothing is thrown away."""
    count, processes = 4000, []
    for number in range(3):
        process = os.fork()
        if not process:
            status = 1
            try:
                file = DecisionFile(path, size=70_000)
                for line in range(count):
                    file.write(b"%09d\n" % (number * count + line))
                    if line % 10 == number:
                        file.keep()
                status = 0
            finally:
                os._exit(status)
        processes.append(process)
    assert [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes] == [0, 0, 0]
    assert former_path(path).exists()
    assert sorted(numbers(former_path(path), path)) == list(range(3 * count))


def test_two_that_see_a_file_too_large_rename_it_once(path):
    first, second = DecisionFile(path, size=5), DecisionFile(path, size=5)
    for file in (first, second):
        file.write(b"0000001\n")
    first.keep()
    second.keep()
    for file in (first, second):
        file.write(b"0000002\n")
    assert numbers(former_path(path)) == [1, 1]
    assert numbers(path) == [2, 2]


def test_file_that_was_taken_away_is_begun_again(path):
    file = DecisionFile(path)
    file.write(b"1\n")
    path.rename(path.with_name("elsewhere"))
    file.keep()
    file.write(b"2\n")
    assert numbers(path) == [2]


def test_torn_line_is_ended_before_the_next_one(path):
    path.write_bytes(b"1\n2026-10-31T08:1")
    DecisionFile(path).write(b"2\n")
    assert path.read_bytes() == b"1\n2026-10-31T08:1\n2\n"


def test_disk_that_fails_is_named_once_and_tried_again(path, lines):
    path.mkdir()
    file = DecisionFile(path)
    for _ in range(5):
        file.write(b"1\n")
        file.keep()
    assert lines() == [f"cannot write decisions to {path}, will try again: Is a directory"]
    path.rmdir()
    file.keep()
    file.write(b"2\n")
    assert numbers(path) == [2]
    assert lines()[1:] == [f"decisions are written to {path} again, 5 are missing"]
    assert (file.take_lost(), file.take_lost()) == (5, 0)


@contextlib.contextmanager
def file_size_limit(octets):
    """Let files grow to this size and no further, which fails as a full disk does: in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    writes_bytecode, sys.dont_write_bytecode = (
        sys.dont_write_bytecode,
        True,
    )  # a short write of it passes for a whole one
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = writes_bytecode


def test_full_disk_is_named_once_and_what_is_missing_is_counted(path, lines):
    file = DecisionFile(path)
    with file_size_limit(25):
        for number in range(6):
            file.write(b"%09d\n" % number)
            file.keep()
    assert lines() == [f"cannot write decisions to {path}, will try again: File too large"]
    assert path.read_bytes() == b"000000000\n000000001\n00000"
    assert file.take_lost() == 4
    file.keep()
    file.write(b"000000009\n")
    assert path.read_bytes().endswith(b"\n00000\n000000009\n")
    assert lines()[1:] == [f"decisions are written to {path} again, 4 are missing"]
    assert file.take_lost() == 0


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_is_not_a_file_is_not_written_to(path, lines, kind, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"")
    if kind == "link":
        path.symlink_to(other)
    else:
        os.mkfifo(path)
    file = DecisionFile(path)
    file.write(b"1\n")
    assert other.read_bytes() == b""
    (line,) = lines()
    assert line.startswith(f"cannot write decisions to {path}, will try again: ")


def test_size_zero_keeps_nothing(path):
    file = DecisionFile(path)
    file.limit(0)
    file.write(b"1\n")
    file.keep()
    assert not path.exists()
    file.limit(1)
    file.write(b"2\n")
    assert numbers(path) == [2]
