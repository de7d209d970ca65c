"""A request of an access point to a real `latchkey serve`, and what is wrong with what came of it.

Both demonstrations judge by this: the answer is decrypted and compared, and the server's own log is read.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from radiusd import Granted, Question

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One request and what must come of it."""

    title: str
    question: Question
    passphrase: bytes | None = field(repr=False)  # None: an Access-Reject
    vlan: int | None = None
    how: str | None = None  # None: found anyhow
    says: str = ""  # what the log line must hold


@dataclass(frozen=True, slots=True)
class Running:
    """A server that was started, and what it writes."""

    socket: socket.socket
    log: Path

    def lines(self) -> list[str]:
        """Return the decisions logged so far."""
        return re.findall(r"^\S+ INFO ((?:accept|reject) .*)$", self.log.read_text("utf-8"), re.MULTILINE)


def latchkey(*arguments: str) -> list[str]:
    """Return the command line of a `latchkey` command, in this interpreter."""
    return [sys.executable, "-m", "latchkey", *arguments]


def own_environment() -> dict[str, str]:
    """Return the environment without what would lead a command to another database."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LATCHKEY_")}


@contextlib.contextmanager
def run_server(folder: Path, tell: Callable[[str], None]) -> Iterator[Running]:
    """Run `latchkey serve` on a port of its choice for the duration of the block.

    tell: gets the lines of its log until it is ready
    """
    log = folder / "serve.log"
    command = latchkey("serve", "--listen", "127.0.0.1:0", "--db", str(folder / "latchkey.db"))
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stderr=output, stdout=output, env=own_environment()) as process,  # noqa: S603
    ):
        try:
            address, told = None, 0
            while address is None:
                lines = log.read_text("utf-8").splitlines()
                for line in lines[told:]:
                    tell(line)
                told = len(lines)
                ready = re.search(r" ready listen=127\.0\.0\.1:(\d+)", log.read_text("utf-8"))
                if ready:
                    address = ("127.0.0.1", int(ready[1]))
                elif process.poll() is not None:
                    raise click.ClickException("the server did not start; it said what stands above")
                else:
                    time.sleep(0.02)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect(address)
                client.settimeout(_TIMEOUT_S)
                yield Running(client, log)
        finally:
            process.send_signal(signal.SIGTERM)


def play(server: Running, scene: Scene) -> tuple[str, str]:
    """Send a request; return its line of the log, and what is wrong with the answer, empty where nothing is."""
    before = len(server.lines())
    server.socket.send(scene.question.datagram)
    try:
        granted = scene.question.read(server.socket.recv(4096))
    except TimeoutError:
        return "", "no answer"
    deadline = time.monotonic() + 1
    while len(lines := server.lines()) == before and time.monotonic() < deadline:
        time.sleep(0.005)
    line = lines[-1] if len(lines) > before else ""
    return line, "; ".join(complaints(scene, granted, line))


def complaints(scene: Scene, granted: Granted | None, line: str) -> Iterator[str]:
    """Yield what is wrong with an answer and its line of the log."""
    if scene.passphrase is None:
        if granted is not None:
            yield "let in"
        if scene.says not in line:
            yield f"the log does not say {scene.says!r}"
        return
    if granted is None:
        yield "refused"
        return
    if granted.passphrases != (scene.passphrase,):
        yield "another key"
    if granted.vlan != scene.vlan:
        yield f"VLAN {granted.vlan} instead of {scene.vlan}"
    if scene.how is not None and find_field(line, "how") != scene.how:
        yield f"found by {find_field(line, 'how')} instead of {scene.how}"


def find_field(line: str, name: str) -> str:
    """Return the value of a field of a line of the log, "-" where it has none."""
    match = re.search(rf' {name}=("(?:[^"\\]|\\.)*"|\S+)', line)
    return match[1].strip('"') if match else "-"
