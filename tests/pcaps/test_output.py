"""Files that allow cracking."""

import os

import pytest

from pcaps.errors import OptionError
from pcaps.output import write_private


def test_only_the_owner_reads_it_and_it_can_be_written_again(tmp_path):
    path = tmp_path / "x.hc22000"
    write_private(path, b"longer than the second\n", "--hc22000")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    write_private(path, b"second\n", "--hc22000")
    assert path.read_bytes() == b"second\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_never_written_through_a_link(tmp_path):
    other = tmp_path / "other"
    other.write_text("mine")
    for name, make in (("soft", os.symlink), ("hard", os.link)):
        make(other, tmp_path / name)
        with pytest.raises(OptionError, match=r"^--pcap: .*(it is a link|not a file of yours alone)"):
            write_private(tmp_path / name, b"frames", "--pcap")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OptionError, match="it is a link"):
        write_private(tmp_path / "dangling", b"frames", "--pcap")
    assert other.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_pipes_and_folders_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "nowhere" / "x"):
        with pytest.raises(OptionError, match=r"^--pcap: cannot write "):
            write_private(path, b"frames", "--pcap")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OptionError, match="not a file of yours alone"):
        write_private(tmp_path / "pipe", b"frames", "--pcap")
    os.close(reader)


def test_another_users_file_is_left_alone(tmp_path, monkeypatch):
    path = tmp_path / "theirs"
    path.write_text("theirs")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(OptionError, match="not a file of yours alone"):
        write_private(path, b"frames", "--pcap")
    assert path.read_text() == "theirs"
