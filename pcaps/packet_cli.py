"""`latchkey packet`: handshakes of the four kinds that VAULT makes, as records, hashes, captures or Access-Requests."""

import csv
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from provisioning import CommandGroup, progress_bar, read_secret, secret_options
from radiusd import DIALECTS, SharedSecret

from .errors import OptionError
from .hashcat import hc22000 as render_hc22000
from .make.conversation import DEFAULT_SECRET, ask, converse
from .make.recipe import AKM_NAMES, Credential, Recipe, disagrees, parse_credential
from .make.session import Session, draw_passphrase, make_session, make_sessions
from .make.vault_record import Record, expiration, render_dpsk, render_packet

Command = TypeVar("Command", bound=Callable[..., Any])
Render = Callable[[Session], Record]

_SECRETS_SHOWN: Final = "note: what follows holds passphrases and keys; it is as secret as they are"
_LARGEST_COUNT: Final = 10_000_000
_SEEDED_START_US: Final = 1_767_225_600_000_000  # 2026-01-01: where everything is to repeat, time too


@click.group(cls=CommandGroup)
def packet() -> None:
    """Make the handshake of a device with its access point, valid for a passphrase, in a vendor's form.

    Addresses and nonces are drawn at random unless given; --seed draws the same ones each time.
    """


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--ssid", required=True, metavar="TEXT", help="The network, octet for octet as on the air."),
    secret_options("psk", "8 to 63 characters, or 64 hex digits for a PMK."),
    click.option("--nas-identifier", metavar="TEXT", help="The access point's name; for ft its R0KH-ID."),
    click.option("--bssid", metavar="MAC", help="The access point's address."),
    click.option("--station", metavar="MAC", help="The device's address."),
    click.option("--anonce", metavar="HEX", help="The access point's nonce."),
    click.option("--snonce", metavar="HEX", help="The device's nonce."),
    click.option("--seed", metavar="TEXT", help="For tests: draw the same values, passphrases too, for the same TEXT."),
    click.option("--json", "as_json", is_flag=True, help="Print VAULT's fields and more as JSON, secrets included."),
    click.option("--csv", "as_csv", is_flag=True, help="Print them as CSV."),
    click.option("--count", type=click.IntRange(1, _LARGEST_COUNT), help="So many, an object or row to a line."),
    click.option("--hc22000", is_flag=True, help="Print hashcat's line, mode 22000."),
    click.option(
        "--access-request",
        type=click.Choice(list(DIALECTS)),
        metavar="DIALECT",
        help="Print the datagram that asks whose handshake it is, in hex. One of " + ", ".join(DIALECTS) + ".",
    ),
    click.option(
        "--pcap",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write the whole association as heard on the air, to FILE.pcap (or .cap) or FILE.pcapng, mode 0600.",
    ),
    click.option(
        "--with-radius",
        type=click.Choice(list(DIALECTS)),
        metavar="DIALECT",
        help="Add what the access point asks its server meanwhile, on a second interface of the pcapng.",
    ),
    secret_options("secret", f"Shared secret of the datagrams, {DEFAULT_SECRET.decode()} unless given."),
)
_AKM: Final = click.option(
    "--akm", type=click.Choice([name for name in AKM_NAMES if name != "ft-psk"]), default="psk", show_default=True
)


def _options(*more: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed((*_OPTIONS, *more)):
            command = option(command)
        return command

    return add


@packet.command()
@_options(_AKM)
def wpa2(**options: Any) -> None:
    """Standard WPA2-PSK, 802.1X version 2."""
    _make("wpa2", **options)


@packet.command()
@_options(_AKM)
def cambium(**options: Any) -> None:
    """Cambium ePSK: WPA2-PSK, 802.1X version 1."""
    _make("cambium", **options)


@packet.command()
@_options(click.option("--mdid", metavar="HEX", help="Mobility domain, four hex digits.", show_default="a1b2"))
def ft(**options: Any) -> None:
    """FT-PSK (802.11r): 802.1X version 1, with MDE, FTE and the whole key hierarchy.

    Without --nas-identifier, R0KH-ID is the BSSID's twelve hex digits, as on OpenWrt.
    """
    _make("ft", **options)


@packet.command()
@_options(
    _AKM,
    click.option("--pmk", metavar="HEX", help="64 hex digits, in place of the passphrase's own."),
    click.option("--venue-id", metavar="TEXT", help="VAULT's VenueID."),
    click.option("--expiration-days", type=int, metavar="0..365", help="From today; 0 is never."),
)
def ruckus(*, venue_id: str | None, expiration_days: int | None, **options: Any) -> None:
    """Ruckus DPSK and its attribute 153; without --psk and --pmk, makes a passphrase."""
    expires = expiration(expiration_days, datetime.now(UTC).date())
    _make("ruckus", lambda session: render_dpsk(session, venue_id=venue_id, expires=expires), **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Output:
    """What becomes of the sessions; each field an option."""

    as_json: bool
    as_csv: bool
    count: int | None
    hc22000: bool
    access_request: str | None
    pcap: Path | None
    with_radius: str | None

    def __post_init__(self) -> None:
        forms = {
            "--json": self.as_json,
            "--csv": self.as_csv,
            "--hc22000": self.hc22000,
            "--access-request": self.access_request is not None,
        }
        chosen = [name for name, wanted in forms.items() if wanted]
        if len(chosen) > 1:
            raise click.UsageError(f"{' and '.join(chosen)} are forms of one output: choose one")
        if self.pcap is not None and self.count is not None:
            raise click.UsageError("--pcap holds one device's association: leave out --count")
        if self.with_radius is not None and self.pcap is None:
            raise click.UsageError("--with-radius adds to a capture: name it with --pcap")

    @property
    def shows_records(self) -> bool:
        other = self.hc22000 or self.access_request is not None or self.pcap is not None
        return self.as_json or self.as_csv or not other


def _make(
    generator: str,
    render: Render | None = None,
    *,
    psk: str | None,
    psk_file: str | None,
    pmk: str | None = None,
    seed: str | None,
    secret: str | None,
    secret_file: str | None,
    as_json: bool,
    as_csv: bool,
    count: int | None,
    hc22000: bool,
    access_request: str | None,
    pcap: Path | None,
    with_radius: str | None,
    **recipe_options: Any,
) -> None:
    output = _Output(
        as_json=as_json,
        as_csv=as_csv,
        count=count,
        hc22000=hc22000,
        access_request=access_request,
        pcap=pcap,
        with_radius=with_radius,
    )
    recipe = Recipe.parse(generator, **recipe_options)
    rng = random.SystemRandom() if seed is None else random.Random(seed)
    credential = parse_credential(recipe.ssid, read_secret(psk, psk_file, "psk"), pmk)
    made_here = credential is None
    if credential is None:
        if generator != "ruckus" and count is None:
            raise OptionError("--psk: needed here; only ruckus, and --count, make passphrases")
        if count is not None and not output.shows_records:
            raise OptionError("--psk: needed here; nobody would learn the passphrases made")
    elif pmk is not None and disagrees(recipe.ssid, credential):
        click.echo("note: the passphrase makes another PMK on this SSID; the handshake is made with --pmk", err=True)
    shared = SharedSecret(read_secret(secret, secret_file, "secret") or DEFAULT_SECRET)
    start_us = _SEEDED_START_US if seed is not None else time.time_ns() // 1000
    with progress_bar() as report:
        sessions = _sessions(recipe, credential, rng, count, report)
        if pcap is not None:
            sessions = _write(sessions, pcap, with_radius, shared, rng, start_us)
        if output.shows_records:
            click.echo(_SECRETS_SHOWN, err=True)
            _print(map(render or (lambda session: render_packet(generator, session)), sessions), output)
            return
        for session in sessions:
            if made_here:  # who made it is the only one to know it
                click.echo(f"note: the passphrase is {session.credential.text.decode('ascii')}", err=True)
            if hc22000:
                click.echo(render_hc22000(session.handshake))
            if access_request is not None:
                click.echo(ask(session, DIALECTS[access_request], shared, rng).datagram.hex())


def _sessions(
    recipe: Recipe, credential: Credential | None, rng: random.Random, count: int | None, report: Any
) -> Iterator[Session]:
    if count is not None:
        tell = None if report is None else lambda done, total: report("making", done, total)
        yield from make_sessions(recipe, count, credential, rng, progress=tell)
        return
    if credential is None:
        credential = parse_credential(recipe.ssid, draw_passphrase(rng))
        assert credential is not None  # noqa: S101 (a passphrase makes one)
    yield make_session(recipe, credential, rng)


def _write(
    sessions: Iterable[Session],
    path: Path,
    dialect: str | None,
    secret: SharedSecret,
    rng: random.Random,
    start_us: int,
) -> Iterator[Session]:
    """Yield the sessions, each written before."""
    from .make.scene import make_capture  # scapy: half a second that only captures need
    from .make.writer import save_capture

    for session in sessions:
        conversation = None if dialect is None else converse(session, DIALECTS[dialect], secret, rng)
        frames = make_capture(session, rng, start_us, conversation)
        save_capture(path, frames)
        click.echo(f"wrote {len(frames)} frames to {path}, which only you can read", err=True)
        yield session


def _print(records: Iterable[Record], output: _Output) -> None:
    if output.as_csv:
        _print_csv(records)
    elif output.as_json or output.count is not None:
        for record in records:
            sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
    else:
        for record in records:
            width = max(map(len, record))
            for name, value in record.items():
                click.echo(f"{name:{width}}  {'-' if value is None else value}")


def _print_csv(records: Iterable[Record]) -> None:
    writer: csv.DictWriter[str] | None = None
    for record in records:
        if writer is None:
            writer = csv.DictWriter(sys.stdout, list(record), lineterminator="\n")
            writer.writeheader()
        writer.writerow(record)
