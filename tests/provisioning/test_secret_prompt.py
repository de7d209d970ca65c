"""Secrets that are typed: at a real terminal, which must not show them; and from pipes, of which one line is read."""

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "Zoë's own 16 secrets"


class Terminal:
    """A `latchkey` command whose stdin, stdout and stderr are a terminal of its own."""

    def __init__(self, path, *arguments):
        self.screen = ""
        self._ours, theirs = pty.openpty()
        name = os.ttyname(theirs)
        command = [sys.executable, "-m", "latchkey", "--db", str(path), *arguments]
        # The session's leader makes the first terminal that it opens its controlling one, which is what /dev/tty is.
        shell = ["sh", "-c", 'tty=$1; shift; exec "$@" <>"$tty" >&0 2>&0', "sh", name, *command]
        self._process = subprocess.Popen(shell, cwd=ROOT, start_new_session=True)
        self._theirs = theirs

    def wait_for(self, text):
        while text not in self.screen:
            ready, _, _ = select.select([self._ours], [], [], 30)
            assert ready, f"still no {text!r} in {self.screen!r}"
            self.screen += os.read(self._ours, 4096).decode()

    def type(self, text):
        assert not termios.tcgetattr(self._theirs)[3] & termios.ECHO
        os.write(self._ours, text.encode())

    def interrupt(self):
        """Press Ctrl-C until it is heard: one that comes just before Python waits for a line is kept for later."""
        while self._process.poll() is None:
            if not termios.tcgetattr(self._theirs)[3] & termios.ECHO:
                os.write(self._ours, b"\x03")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)

    def end(self):
        """Return the exit status, and leave on `screen` all there was on it."""
        try:
            status = self._process.wait(30)
            while select.select([self._ours], [], [], 0)[0]:
                self.screen += os.read(self._ours, 4096).decode()
            assert termios.tcgetattr(self._theirs)[3] & termios.ECHO
        finally:
            self._process.kill()
            os.close(self._theirs)
            os.close(self._ours)
        return status


@pytest.mark.parametrize("option", [[], ["--secret-file", "-"]])
def test_a_shared_secret_is_typed_twice_and_never_shown(cli, path, option):
    terminal = Terminal(path, "nas", "add", "127.0.0.1", *option)
    terminal.wait_for("Shared secret: ")
    terminal.type(f"{SECRET}\n")
    terminal.wait_for("Shared secret, again: ")
    terminal.type(f"{SECRET}\n")
    assert terminal.end() == 0
    assert "Zoë" not in terminal.screen
    (nas,) = json.loads(cli.ok("nas", "list", "--show-secrets", "--json"))
    assert nas["secret"] == SECRET


def test_nobody_is_asked_for_the_secret_of_what_cannot_be_added(cli, path):
    terminal = Terminal(path, "nas", "add", "127.0.0.1", "--venue", "nowhere")
    assert terminal.end() == 1
    assert "no venue 'nowhere'" in terminal.screen
    assert "Shared secret" not in terminal.screen


def test_two_that_differ_change_nothing(cli, path):
    terminal = Terminal(path, "nas", "add", "127.0.0.1")
    terminal.wait_for("Shared secret: ")
    terminal.type("one\n")
    terminal.wait_for("again: ")
    terminal.type("other\n")
    assert terminal.end() == 1
    assert "latchkey: the two differ: nothing was changed" in terminal.screen
    assert json.loads(cli.ok("nas", "list", "--json")) == []


@pytest.mark.parametrize(
    ("typed", "said"), [("\n", "the shared secret is empty"), ("\x04", "no shared secret was typed")]
)
def test_nothing_typed_is_no_secret(cli, path, typed, said):
    terminal = Terminal(path, "nas", "add", "127.0.0.1", "--secret-file", "-")
    terminal.wait_for("Shared secret: ")
    terminal.type(typed)
    assert terminal.end() == 1
    assert f"latchkey: {said}" in terminal.screen


def test_an_interrupt_at_the_prompt_gives_the_terminal_back(cli, path):
    terminal = Terminal(path, "nas", "add", "127.0.0.1")
    terminal.wait_for("Shared secret: ")
    terminal.interrupt()
    assert terminal.end() == 130
    assert "Traceback" not in terminal.screen


def test_a_passphrase_is_typed_twice(cli, path):
    cli.ok("pool", "add", "xy")
    terminal = Terminal(path, "key", "add", "--identity", "ann", "--passphrase-file", "-")
    for label in ("Passphrase: ", "Passphrase, again: "):
        terminal.wait_for(label)
        terminal.type("sunny-Otter-41\n")
    assert terminal.end() == 0
    assert "Otter" not in terminal.screen
    assert json.loads(cli.ok("key", "show", "ann", "--show-secrets", "--json"))["passphrase"] == "sunny-Otter-41"


def test_enter_alone_makes_a_shared_secret(cli, path):
    terminal = Terminal(path, "nas", "add", "127.0.0.1")
    terminal.wait_for("Shared secret: ")
    assert "Enter alone makes one" in terminal.screen
    terminal.type("\n")
    assert terminal.end() == 0
    (nas,) = json.loads(cli.ok("nas", "list", "--show-secrets", "--json"))
    assert len(nas["secret"]) == 24
    assert terminal.screen.count(nas["secret"]) == 1


def test_without_a_terminal_a_shared_secret_is_made(cli):
    """What a pipe holds is not read unless that is said."""
    result = cli.run("nas", "add", "127.0.0.1", stdin=b"from-stdin\n")
    assert result.exit_code == 0
    (nas,) = json.loads(cli.ok("nas", "list", "--show-secrets", "--json"))
    assert result.stdout == f"1\n{nas['secret']}\n"


def test_a_closed_stdin_is_one_line(cli, path):
    command = f"exec {sys.executable} -m latchkey --db {path} nas add 127.0.0.1 --secret-file - <&-"
    result = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (1, "latchkey: cannot read stdin: it is closed\n")


@pytest.mark.parametrize(
    ("octets", "secret"),
    [
        (b"first\nsecond\n", "first"),
        (b"crlf\r\n", "crlf"),
        (b" blanks stay \n\n", " blanks stay "),
        (b"x" * 1024 + b"\r\n" + b"y" * 9000, "x" * 1024),
    ],
)
def test_one_line_of_a_pipe_is_read(cli, octets, secret):
    cli.ok("nas", "add", "127.0.0.1", "--secret-file", "-", "--force", stdin=octets)
    (nas,) = json.loads(cli.ok("nas", "list", "--show-secrets", "--json"))
    assert nas["secret"] == secret


@pytest.mark.parametrize("octets", [b" " * 16, b" " * 16 + b"\n", b"\t \t \t \t \t \t \t \t \r\n"])
@pytest.mark.parametrize("options", [[], ["--force"]])
def test_blanks_are_no_secret(cli, octets, options):
    said = cli.refused("nas", "add", "127.0.0.1", "--secret-file", "-", *options, stdin=octets)
    assert said == "the shared secret is nothing but blanks"
    assert json.loads(cli.ok("nas", "list", "--json")) == []


@pytest.mark.parametrize(
    "octets", [b" sixteen or more octets", b"sixteen or more octets \r\n", b"sixteen octets or\t\n"]
)
def test_blanks_around_a_secret_are_warned_of(cli, octets):
    warning = "the shared secret begins or ends with a blank, which is part of it"
    assert warning in cli.run("nas", "add", "127.0.0.1", "--secret-file", "-", stdin=octets).stderr
    inside = b" ".join(octets.split()) + b"\n"
    assert warning not in cli.run("nas", "add", "127.0.0.2", "--secret-file", "-", stdin=inside).stderr


@pytest.mark.parametrize("octets", [b"x" * 4097, b"x" * 4097 + b"\n", b"x" * 100_000])
def test_a_line_that_is_no_secret_is_refused_unread(cli, octets):
    said = cli.refused("nas", "add", "127.0.0.1", "--secret-file", "-", stdin=octets)
    assert said == "stdin: the first line is longer than a secret can be, 4096 octets"


def test_a_pipe_is_not_read_to_its_end(cli, path):
    """A program that writes the secret and goes on must not hold the command up."""
    command = [sys.executable, "-m", "latchkey", "--db", str(path), "nas", "add", "127.0.0.1", "--secret-file", "-"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"from-a-pipe\n")
        process.stdin.flush()
        assert process.wait(30) == 0  # while the pipe is open
    assert json.loads(cli.ok("nas", "list", "--show-secrets", "--json"))[0]["secret"] == "from-a-pipe"
