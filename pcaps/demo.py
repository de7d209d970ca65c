"""`latchkey demo`: the main job on loopback, in a temporary folder, judged.

A building of 10,000 residents is made, a real server process started, and what real hostapd access points sent is
played to it: once as recorded, where the server has to search, then again as a new request, where it knows the device.
The table is read from the server's own log; the answers are decrypted and compared.
"""

import io
import os
import tempfile
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import click

from crypto import Akm, Handshake, MacAddress, Ssid, passphrase_to_pmk
from provisioning import ImportOptions, KeyDraft, Passphrase, Store, create_store, import_keys
from radiusd import DIALECTS, Question, SharedSecret

from .make.conversation import DEFAULT_SECRET
from .make.handshake import make_handshake
from .scenes import Scene, find_field, play, run_server

_HOSTAPD = DIALECTS["hostapd"]
_NAMES = {"00-0F-AC:2": "WPA2-PSK", "00-0F-AC:6": "PSK-SHA256", "00-0F-AC:4": "FT-PSK"}


@click.command()
@click.option("--residents", default=10_000, show_default=True, type=click.IntRange(16, 1_000_000))
@click.option(
    "--platform", type=click.Choice(["vault"]), help="Show a property that is kept as such a platform has it."
)
@click.option(
    "--serve",
    metavar="ADDRESS:PORT",
    help="Only be that platform, on an address of this machine's own, until Ctrl-C: to try `latchkey sync` with.",
)
@click.option(
    "--people", metavar="FILE", default="people.csv", show_default=True, help="Who lives there, with --serve."
)
def demo(residents: int, platform: str | None, serve: str | None, people: str) -> None:
    """Show everything at once on loopback, in a temporary folder; exit 0 when all of it worked.

    With --platform: a resident before the first synchronisation, after it, and after moving out; and a platform that
    goes wrong.
    """
    if serve is not None and platform is None:
        raise click.UsageError("--serve needs --platform")
    if platform is None:
        _show_searches(residents)
        return
    from .platform_demo import serve_platform, show_platform

    if serve is None:
        show_platform()
    else:
        serve_platform(serve, Path(people))


def _show_searches(residents: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.width = max(console.width, 100)

    def tell(line: str) -> None:
        console.print(f"  {line}", markup=False, soft_wrap=True)

    cases = _recordings()
    table = Table(title=f"Hudson House, {residents:,} residents on one SSID")
    for heading in ("request", "SSID", "who", "how", "ms", "among", "VLAN", "right"):
        table.add_column(heading, justify="right" if heading in ("ms", "among", "VLAN") else "left")
    failures = 0
    with tempfile.TemporaryDirectory(prefix="latchkey-demo-") as name:
        folder = Path(name)
        started = time.perf_counter()
        console.print(f"making a building of {residents:,} residents in {folder} ...")
        with create_store(folder / "latchkey.db", {}) as store:
            _furnish(store, cases, residents)
        console.print(f"  keys derived, sealed and stored in {time.perf_counter() - started:.1f} s")
        console.print("starting `latchkey serve` ...")
        with run_server(folder, tell) as server:
            for scene in _scenes(cases):
                line, complaint = play(server, scene)
                failures += bool(complaint)
                verdict = f"[red]no: {complaint}" if complaint else "[green]yes"
                found = [find_field(line, key) for key in ("how", "ms", "keys", "vlan")]
                who = find_field(line, "who") if line.startswith("accept") else find_field(line, "reason")
                table.add_row(scene.title, find_field(line, "ssid"), who, *found, verdict)
    console.print(table)
    if failures:
        raise click.ClickException(f"{failures} of the requests were not answered as they should be")
    console.print("Every resident got their own key and VLAN, and nobody else got in.")


def _recordings() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("recordings.toml").read_text("utf-8")
    return {case["name"]: case for case in tomllib.loads(text)["case"]}


def _furnish(store: Store, cases: dict[str, Any], residents: int) -> None:
    """Fill the store: one SSID with everybody on it, a second one with an accent and a colon in its name."""
    identifiers = sorted({case["nas_identifier"] for case in cases.values()})
    venue = store.venues.add("Hudson House", nas_identifiers=identifiers)
    store.nases.add(ip_network("127.0.0.1/32"), DEFAULT_SECRET, name="loopback", venue_id=venue.id)
    pools = {text: store.keypools.add(Ssid.parse(text), venue_ids=[venue.id]) for text in _ssids(cases)}
    rows = [f"resident {n},resident-{n:07d}-key,,{100 + n % 3900}\n" for n in range(residents - len(cases))]
    own = [f'"{_resident(case)}",{case["passphrase"]},,{_vlan(case)}\n' for case in cases.values()]
    for ssid, pool in pools.items():
        mine = [row for row, case in zip(own, cases.values(), strict=True) if case["ssid"] == ssid]
        lines = (line.encode() for line in [*rows[: len(rows) // 2], *mine, *rows[len(rows) // 2 :]])
        if ssid != "Hudson House":
            lines = (line.encode() for line in mine)
        options = ImportOptions(pool=str(pool.id))
        import_keys(store, io.BytesIO(b"".join(lines)), options, name="residents.csv", now=datetime.now(UTC))
    moved_out = datetime.now(UTC) - timedelta(days=3)
    draft = KeyDraft(identity="flat 12, moved out", passphrase=Passphrase(b"last-years-key-12"), ends=moved_out)
    store.keys.add(pools["Hudson House"].id, draft)


def _ssids(cases: dict[str, Any]) -> list[str]:
    return sorted({case["ssid"] for case in cases.values()})


def _resident(case: dict[str, str]) -> str:
    return f"flat {_vlan(case)}"


def _vlan(case: dict[str, str]) -> int:
    return 2000 + len(case["name"])


def _scenes(cases: dict[str, Any]) -> Iterator[Scene]:
    secret = SharedSecret(DEFAULT_SECRET)
    for case in cases.values():
        # The recordings share one station, so each first request finds it known by another's key, and searches.
        recorded = bytes.fromhex(case["access_request"])
        for title, datagram, how in (("", recorded, "search"), (", again", _afresh(recorded, secret), "known")):
            yield Scene(
                title=f"{_NAMES[case['akm']]}{title}",
                question=Question(datagram=datagram, dialect=_HOSTAPD, secret=secret),
                passphrase=case["passphrase"].encode(),
                vlan=_vlan(case),
                how=how,
            )
    house = Ssid(b"Hudson House")
    for title, passphrase, says in (
        ("wrong passphrase", b"not-anybodys-key", "unknown passphrase"),
        ("former resident", b"last-years-key-12", "expired"),
    ):
        spa = MacAddress(b"\2\0\0\0\2" + bytes([len(title)]))
        handshake = make_handshake(Akm.PSK, passphrase_to_pmk(passphrase, house), ssid=house, spa=spa)
        yield Scene(title=title, question=_ask(handshake, secret), passphrase=None, says=says)


def _ask(handshake: Handshake, secret: SharedSecret) -> Question:
    return Question.ask(_HOSTAPD, handshake, secret, nas_identifier=b"hudson-house-ap1")


def _afresh(datagram: bytes, secret: SharedSecret) -> bytes:
    """Return the recorded request with an authenticator of now; its User-Password, then wrong, is not asked for."""
    unsigned = bytes([datagram[0], datagram[1] ^ 0x80]) + datagram[2:4] + os.urandom(16) + datagram[20:]
    at = unsigned.index(b"\x50\x12", 20) + 2  # hostapd sends Message-Authenticator first
    unsigned = unsigned[:at] + bytes(16) + unsigned[at + 16 :]
    return unsigned[:at] + secret.hmac(unsigned) + unsigned[at + 16 :]
