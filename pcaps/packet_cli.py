"""`latchkey packet`: handshakes of the four kinds that VAULT makes, as records, captures, hashes or Access-Requests."""

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

from provisioning import progress_bar, read_secret, secret_options

from .errors import RecipeError
from .packets import Session, draw_passphrase, make_session, make_sessions
from .recipe import AKM_NAMES, Credential, Recipe, disagrees, parse_credential
from .vault import Record, expiration, render_dpsk, render_packet

Command = TypeVar("Command", bound=Callable[..., Any])

_SECRETS_SHOWN: Final = "note: what follows holds passphrases and keys; it is as secret as they are"
_LARGEST_COUNT: Final = 10_000_000
_SEEDED_START_US: Final = 1_767_225_600_000_000  # 2026-01-01


@click.group()
def packet() -> None:
    """Make the handshake of a device with its access point, valid for a passphrase, in a vendor's form.

    Addresses and nonces are drawn at random unless given; --seed draws the same ones each time.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What to print."""

    as_json: bool
    as_csv: bool
    pcap: Path | None
    count: int | None

    def check(self) -> None:
        if self.as_json and self.as_csv:
            raise click.UsageError("--json and --csv are two forms of one output: choose one")
        if self.pcap is not None and self.count is not None:
            raise click.UsageError("--pcap holds one device's association: leave out --count")

    @property
    def prints(self) -> bool:
        """Return whether records go to stdout."""
        return self.as_json or self.as_csv or self.pcap is None


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--ssid", required=True, metavar="TEXT", help="The network, octet for octet as on the air."),
    secret_options("psk", "8 to 63 characters, or 64 hex digits for a PMK."),
    click.option("--nas-identifier", metavar="TEXT", help="The access point's name; for ft its R0KH-ID."),
    click.option("--bssid", metavar="MAC", help="The access point's address."),
    click.option("--station", metavar="MAC", help="The device's address."),
    click.option("--anonce", metavar="HEX", help="The access point's nonce."),
    click.option("--snonce", metavar="HEX", help="The device's nonce."),
    click.option("--seed", metavar="TEXT", help="Draw the same values for the same text."),
    click.option("--json", "as_json", is_flag=True, help="Print VAULT's fields and more as JSON, secrets included."),
    click.option("--csv", "as_csv", is_flag=True, help="Print them as CSV."),
    click.option(
        "--pcap",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write the whole association as heard on the air, to FILE.pcap or FILE.pcapng.",
    ),
    click.option("--count", type=click.IntRange(1, _LARGEST_COUNT), help="So many, an object or row to a line."),
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


def _make(
    generator: str,
    render: Callable[[Session], Record] | None = None,
    *,
    psk: str | None,
    psk_file: str | None,
    pmk: str | None = None,
    seed: str | None,
    as_json: bool,
    as_csv: bool,
    pcap: Path | None,
    count: int | None,
    **recipe_options: Any,
) -> None:
    form = _Form(as_json=as_json, as_csv=as_csv, pcap=pcap, count=count)
    form.check()
    recipe = Recipe.parse(generator, **recipe_options)
    credential = parse_credential(recipe.ssid, read_secret(psk, psk_file, "psk"), pmk)
    rng = random.SystemRandom() if seed is None else random.Random(seed)
    if credential is None and generator != "ruckus" and count is None:
        raise RecipeError("--psk: needed here; only ruckus, and --count, make passphrases")
    if credential is not None and pmk is not None and disagrees(recipe.ssid, credential):
        click.echo("note: the passphrase makes another PMK on this SSID; the handshake is made with --pmk", err=True)
    with progress_bar() as report:
        sessions = _sessions(recipe, credential, rng, form, report)
        if pcap is not None:
            sessions = _capture(sessions, pcap, rng, _start_us(seed))
        show = render or (lambda session: render_packet(generator, session))
        if form.prints:
            click.echo(_SECRETS_SHOWN, err=True)
            _print(map(show, sessions), form)
        for session in sessions:
            if credential is None:  # nobody knows it yet
                click.echo(session.credential.text.decode("ascii"))


def _start_us(seed: str | None) -> int:
    """Return when a capture begins: now, but where everything is to repeat a fixed day."""
    return _SEEDED_START_US if seed is not None else time.time_ns() // 1000


def _capture(sessions: Iterator[Session], path: Path, rng: random.Random, start_us: int) -> Iterator[Session]:
    from .capture import make_capture  # scapy: half a second that only captures need
    from .files import save_capture

    for session in sessions:
        save_capture(path, make_capture(session, rng, start_us))
        yield session


def _sessions(
    recipe: Recipe, credential: Credential | None, rng: random.Random, form: _Form, report: Any
) -> Iterator[Session]:
    if form.count is not None:
        tell = None if report is None else lambda done, total: report("making", done, total)
        yield from make_sessions(recipe, form.count, credential, rng, progress=tell)
        return
    if credential is None:
        credential = parse_credential(recipe.ssid, draw_passphrase(rng))
        assert credential is not None  # noqa: S101 (a passphrase makes one)
    yield make_session(recipe, credential, rng)


def _print(records: Iterable[Record], form: _Form) -> None:
    if form.as_csv:
        _print_csv(records)
    elif form.as_json or form.count is not None:
        for record in records:
            click.echo(json.dumps(record, ensure_ascii=False))
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
