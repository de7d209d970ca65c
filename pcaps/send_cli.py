"""`latchkey send`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisioning import json_option, progress_bar, read_secret, secret_options
from radiusd import DIALECTS

from .errors import FormatError, OptionError, SendError

if TYPE_CHECKING:
    from .send import Answer, Played, Tally
    from .sources import Choice


@click.command()
@click.argument("source", metavar="CAPTURE|REQUEST.hex")
@click.option(
    "--dialect", type=click.Choice(list(DIALECTS)), metavar="D", help="Default: the request's own, or hostapd."
)
@click.option("--server", required=True, metavar="HOST:PORT", help="The RADIUS server.")
@secret_options("secret", "The shared secret; asked for at a terminal.")
@click.option("--nas-identifier", metavar="ID", help="The access point to play: a server may find its venue by it.")
@click.option("--station", metavar="MAC", help="Only this device's handshakes of a capture.")
@click.option("--ssid", metavar="S", help="The SSID of networks that hide theirs.")
@click.option("--timeout", type=click.FloatRange(0.01, 300), default=3.0, show_default=True, metavar="SECONDS")
@click.option("--retries", type=click.IntRange(0, 100), default=2, show_default=True, help="With the same octets.")
@click.option("--count", type=click.IntRange(1, 10_000_000), metavar="N", help="A load of N requests, each new.")
@click.option(
    "--rate", type=click.FloatRange(0.001, 1e6), metavar="R", help="Requests per second (default: unlimited)."
)
@click.option("--no-require-message-authenticator", "unsigned", is_flag=True, help="Accept replies without one.")
@click.option("--show-secrets", is_flag=True, help="Print the key that the server gave.")
@json_option
@click.pass_context
def send(
    context: click.Context,
    /,
    source: str,
    server: str,
    secret: str | None,
    secret_file: str | None,
    timeout: float,
    retries: int,
    count: int | None,
    rate: float | None,
    unsigned: bool,
    show_secrets: bool,
    as_json: bool,
    **options: str | None,
) -> None:
    """Ask a RADIUS server about the handshakes of a capture, or send it an Access-Request in hex (- for stdin).

    Prints the answer, a line each: whether it was accepted, and whether its key fits the handshake. Exit status 1
    unless all were and do. With --count, asks in turn about all of them, and prints what became of the load.
    """
    from radiusd import SharedSecret, parse_address

    from .send import load

    if count is None and rate is not None:
        raise click.UsageError("--rate is for a load: say how many with --count")
    shared = read_secret(secret, secret_file, "secret", required=True)
    if not shared:
        raise click.UsageError("the shared secret is empty")
    address = parse_address(server)
    played = _read(source, _choice(SharedSecret(shared), **options))
    if count is not None:
        tally = load(address, played, count, rate=rate, timeout_s=timeout, unsigned=unsigned)
        _print_tally(tally, as_json)
        if tally.fitting != count:
            raise SendError(f"{count - tally.fitting:,} of {count:,} requests were not answered with a key that fits")
        return
    failures = 0
    for each in played:
        failures += not _play(each, address, timeout, retries + 1, unsigned, show_secrets, as_json)
    if failures:
        context.exit(1)


def _choice(
    secret: Any, *, dialect: str | None, nas_identifier: str | None, station: str | None, ssid: str | None
) -> "Choice":
    from crypto import MacAddress, Ssid

    from .sources import Choice

    try:
        address = None if station is None else MacAddress.parse(station)
    except ValueError as error:
        raise OptionError(f"--station: {error}") from None
    try:
        name = None if ssid is None else Ssid.parse(ssid)
    except ValueError as error:
        raise OptionError(f"--ssid: {error}") from None
    identifier = None if nas_identifier is None else nas_identifier.encode("utf-8", "surrogateescape")
    if identifier is not None and not 1 <= len(identifier) <= 253:
        raise OptionError(f"--nas-identifier: must be 1 to 253 octets, got {len(identifier)}")
    return Choice(secret=secret, dialect=dialect, nas_identifier=identifier, station=address, ssid=name)


def _read(source: str, choice: "Choice") -> "tuple[Played, ...]":
    from .sources import read_played

    with progress_bar() as progress:
        report = None if progress is None else (lambda done, size: progress("reading", done, size))
        if source == "-":
            played, reasons = read_played(sys.stdin.buffer, "stdin", choice, report)
        else:
            try:
                file = Path(source).open("rb")  # noqa: SIM115 (closed below, or by the capture it is)
            except OSError as error:
                raise FormatError(f"cannot read {source}: {error.strerror}") from error
            with file:
                played, reasons = read_played(file, source, choice, report)
    for reason in reasons:
        click.echo(f"latchkey: {reason}", err=True)
    return played


def _play(
    played: "Played", address: Any, timeout: float, tries: int, unsigned: bool, show_secrets: bool, as_json: bool
) -> bool:
    """Ask once, print the answer; return whether the station would have got in."""
    from .answers import render_answer, view_answer
    from .send import ask, check

    answer: Answer | None = None
    reason: str | None = None
    try:
        answer = ask(address, played, timeout_s=timeout, tries=tries, unsigned=unsigned)
        check(answer, played)
    except SendError as error:
        reason = str(error)
    view = view_answer(played, answer, reason, show_secrets=show_secrets)
    click.echo(json.dumps(view, ensure_ascii=False) if as_json else render_answer(view))
    if reason is not None:
        click.echo(f"latchkey: {view['station']}: {reason}", err=True)
    return reason is None


def _print_tally(tally: "Tally", as_json: bool) -> None:
    from .answers import render_tally, view_tally

    view = view_tally(tally)
    click.echo(json.dumps(view) if as_json else render_tally(view))
