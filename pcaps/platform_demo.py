"""`latchkey demo --platform`: a property that is kept as its platform has it, from an empty database to a hold.

A VAULT platform, invented but as strict as its document, answers on loopback; the commands are those that people type,
and who gets in is asked of a real server with an access point's requests.
"""

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import click

from crypto import Akm, MacAddress, Ssid, passphrase_to_pmk
from provisioning import create_store
from radiusd import DIALECTS, Question, SharedSecret, is_loopback, parse_address

from .make.conversation import DEFAULT_SECRET
from .make.handshake import make_handshake
from .platforms.people import VENUE, FileVault, PeopleError, Row, invent, parse_people, render_people
from .platforms.vault import EMAIL, PASSWORD
from .scenes import Running, Scene, find_field, latchkey, own_environment, play, run_server

_PATIENCE_S: Final = 10.0
_FOLLOWED_S: Final = 1.5  # a server follows within a second
_MOST_LINES: Final = 20  # of one command
_LONG_AGO: Final = date(2026, 10, 31)
_TABLE: Final = """\
[sync.hudson]
platform = "vault"
url = "{url}"
username = "{email}"
password_file = "hudson.password"
"""


def serve_platform(text: str, path: Path) -> None:
    """Answer as VAULT for the people of a file until Ctrl-C; the file is made where there is none."""
    address = parse_address(text)
    if not is_loopback(address):
        raise click.ClickException(f"{text} is not this machine's alone: use 127.0.0.1:PORT")
    if not path.exists():
        path.write_text(render_people(invent()), "utf-8")
    try:
        platform = FileVault(path, click.echo, address=address)
    except (OSError, PeopleError) as error:
        raise click.ClickException(f"{path}: {error}" if isinstance(error, PeopleError) else str(error)) from None
    with platform:
        click.echo(f"VAULT (invented) answers at {platform.url} for those in {path}, until Ctrl-C.")
        click.echo("Edit that file, and the platform says what it says. For latchkey.toml:\n")
        click.echo(_TABLE.format(url=platform.url, email=EMAIL))
        click.echo(f"with {PASSWORD} in the file hudson.password.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("")


def show_platform() -> None:
    """Tell the story; ClickException where something of it did not work."""
    from rich.console import Console

    console = Console(highlight=False)
    console.width = max(console.width, 100)

    def tell(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    with tempfile.TemporaryDirectory(prefix="latchkey-demo-") as name:
        folder = Path(name)
        people = folder / "people.csv"
        people.write_text(render_people(invent()), "utf-8")
        with FileVault(people, tell) as platform:
            tell(f"A VAULT platform answers at {platform.url}: Hudson House, 24 units, 20 residents, all invented.")
            _furnish(folder, platform.url)
            tell("starting `latchkey serve` on an empty database ...")
            with run_server(folder, lambda line: tell(f"  {line}")) as server:
                story = _Story(folder, people, server, tell)
                story.tell_all()
    if story.failures:
        raise click.ClickException(f"{len(story.failures)} things did not go as they should: {story.failures[0]}")
    tell("\nWho signs a lease gets in, who has left does not, and no half answer has locked anybody out.")


def _furnish(folder: Path, url: str) -> None:
    with create_store(folder / "latchkey.db", {}) as store:
        store.nases.add(ip_network("127.0.0.1/32"), DEFAULT_SECRET, name="access points", any_venue=True)
    (folder / "latchkey.toml").write_text(_TABLE.format(url=url, email=EMAIL), "utf-8")
    password = folder / "hudson.password"
    password.touch(0o600)
    password.write_text(PASSWORD + "\n", "utf-8")


@dataclass
class _Story:
    folder: Path
    people: Path
    server: Running
    tell: Callable[[str], None]
    failures: list[str] = field(default_factory=list)

    def tell_all(self) -> None:
        """Let everything happen, one thing after the other."""
        ada, *others = [row for row in self._rows() if row.resident]
        neighbour = others[0]
        self._say("The lease is signed at the platform, but Latchkey has not been told.")
        self._ask(ada, gets_in=False)
        self._say("Is the platform there, and does it answer as its document says?")
        self._run("check")
        self._say("What would a synchronisation do? The first one is always a plan that a person reads.")
        self._run("plan", "hudson")
        self._ask(ada, gets_in=False)
        self._say("A person accepts it.")
        self._run("accept", "hudson-1")
        self._ask(ada, gets_in=True)
        self._say(f"{ada.resident} moves out at the platform, and the next synchronisation is due.")
        self._write([replace(row, until=_LONG_AGO) if row == ada else row for row in self._rows()])
        self._run("run")
        self._ask(ada, gets_in=False, says="removed")
        self._ask(neighbour, gets_in=True)
        self._go_wrong(neighbour)

    def _go_wrong(self, neighbour: Row) -> None:
        before = self._rows()
        self._say("The platform goes wrong: it says that all is well, and that nobody lives there.")
        self._write([Row(unit=row.unit, vlan=row.vlan) for row in before])
        self._run("run", status=1)
        self._still(neighbour)
        self._say("It goes wrong in another way: everybody has moved out, it says. That needs a person's word.")
        self._write([replace(row, until=_LONG_AGO) if row.resident else row for row in before])
        self._run("run", status=1)
        self._run("status", "hudson")
        self._still(neighbour)
        self._say("The platform is mended. The person lets the plan go, and synchronisation goes on.")
        self._write(before)
        self._run("release", "hudson")
        self._run("run")
        self._still(neighbour)

    def _say(self, text: str) -> None:
        self.tell(f"\n{text}")

    def _rows(self) -> list[Row]:
        return parse_people(self.people.read_text("utf-8"))

    def _write(self, rows: list[Row]) -> None:
        self.people.write_text(render_people(rows), "utf-8")

    def _run(self, *arguments: str, status: int = 0) -> None:
        """Run a command of `latchkey sync`, and show what it says."""
        shown = " ".join(("latchkey sync", *arguments))
        self.tell(f"  $ {shown}")
        files = ("--db", str(self.folder / "latchkey.db"))
        config = () if arguments[0] == "release" else ("--config", str(self.folder / "latchkey.toml"))
        result = subprocess.run(  # noqa: S603
            latchkey("sync", *arguments, *config, *files),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=own_environment(),
            check=False,
        )
        for line in _shorten(result.stdout.decode("utf-8", "replace").splitlines()):
            self.tell(f"    {line}".rstrip())
        if result.returncode != status:
            self.failures.append(f"`{shown}` ended with {result.returncode} instead of {status}")

    def _still(self, resident: Row) -> None:
        """Have an access point ask once whatever was done is in force."""
        time.sleep(_FOLLOWED_S)
        self._ask(resident, gets_in=True)

    def _ask(self, resident: Row, *, gets_in: bool, says: str = "") -> None:
        """Have an access point ask for a resident's phone, until the server has followed; show what came of it."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            line, complaint = play(self.server, _scene(resident, gets_in=gets_in, says=says))
            if not complaint or time.monotonic() > deadline:
                break
            time.sleep(0.25)
        if complaint:
            self.failures.append(f"{resident.resident}: {complaint}")
        if line.startswith("accept"):
            outcome = f"accepted, VLAN {find_field(line, 'vlan')}"
        else:
            outcome = f"rejected: {find_field(line, 'reason')}"
        self.tell(f"  the access point asks for the phone of {resident.resident}: {outcome}")
        if complaint:
            self.tell(f"    which is wrong: {complaint}")


def _shorten(lines: list[str]) -> list[str]:
    """Return what of long output shows what it is."""
    if len(lines) <= _MOST_LINES:
        return lines
    first, last = lines[: _MOST_LINES - 4], lines[-2:]
    return [*first, f"  ... {len(lines) - len(first) - len(last)} more lines ...", *last]


def _scene(resident: Row, *, gets_in: bool, says: str) -> Scene:
    ssid, passphrase = Ssid.parse(VENUE[2]), resident.passphrase.encode()
    spa = MacAddress(b"\2\0\0\0\0" + bytes([resident.vlan % 256]))
    handshake = make_handshake(Akm.PSK, passphrase_to_pmk(passphrase, ssid), ssid=ssid, spa=spa)
    question = Question.ask(
        DIALECTS["hostapd"], handshake, SharedSecret(DEFAULT_SECRET), nas_identifier=VENUE[0].upper().encode()
    )
    if not gets_in:
        return Scene(title="", question=question, passphrase=None, says=says)
    return Scene(title="", question=question, passphrase=passphrase, vlan=resident.vlan)
