"""`latchkey bench`: run a benchmark, print or draw it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from provisioning import CommandGroup

from . import plots, report

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
_plot = click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the result into this PNG.")


@click.group(cls=CommandGroup)
def bench() -> None:
    """Measure this machine; every number beside a baseline of the same run."""


def _tell(results: Sequence[report.Result], as_json: bool, path: Path | None, title: str) -> None:
    if path is not None:
        plots.plot(results, path, title=title)
    if as_json:
        click.echo(report.to_json(results))
    else:
        report.show(results)


def _say(line: str) -> None:
    click.echo(line, err=True)


@bench.command()
@click.option("--size", default=4096, show_default=True, type=click.IntRange(64), help="Passphrases a call.")
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1), help="Pairs of measurements.")
@_json
@_plot
def pmk(size: int, rounds: int, as_json: bool, plot: Path | None) -> None:
    """Passphrases to PMKs, beside hashlib."""
    from . import pmk as question

    _tell(question.run(size=size, rounds=rounds), as_json, plot, "PMK derivation")


@bench.command()
@click.option(
    "--sizes", default="1000,10000,100000,1000000", show_default=True, help="Keys in a pool, comma-separated."
)
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1), help="Pairs of measurements.")
@_json
@_plot
def match(sizes: str, rounds: int, as_json: bool, plot: Path | None) -> None:
    """Search a pool for the key that made a MIC, beside a loop over hmac.digest."""
    from . import match as question

    try:
        numbers = [int(part) for part in sizes.split(",")]
    except ValueError:
        raise click.BadParameter(f"{sizes!r} is not a list of numbers", param_hint="--sizes") from None
    if min(numbers) < 10:
        raise click.BadParameter("10 keys at least", param_hint="--sizes")
    _tell(
        question.run(sizes=numbers, rounds=rounds, progress=_say),
        as_json,
        plot,
        "How long it takes to search a pool for the key that made a MIC",
    )


@bench.command()
@click.option("--keys", default=100_000, show_default=True, type=click.IntRange(100, 1_000_000), help="Residents.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes of the server.")
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0.1), help="For each case.")
@click.option(
    "--dialect",
    "dialects",
    multiple=True,
    default=("hostapd",),
    show_default=True,
    metavar="D",
    help="How the access points ask; given several times, they are mixed.",
)
@click.option(
    "--sources",
    default=4,
    show_default=True,
    type=click.IntRange(1, 200),
    help="Access points: addresses 127.0.0.1 and on, towards a server on loopback.",
)
@click.option("--peer", metavar="HOST:PORT", help="Measure another server, which knows the residents of --residents.")
@click.option(
    "--residents",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="With --peer: what it knows. Written, with what to configure, where there is no such file.",
)
@click.option("--secret", metavar="TEXT", help="With --peer: the shared secret, testing123 by default.")
@_json
@_plot
def server(
    keys: int,
    workers: int,
    seconds: float,
    dialects: tuple[str, ...],
    sources: int,
    peer: str | None,
    residents: Path | None,
    secret: str | None,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Requests over loopback: known devices of each AKM, unknown ones, a storm of wrong keys.

    Every answer is checked. With --peer, another server is asked: `--residents FILE.csv` is first written, to be
    imported there, and read from then on.
    """
    from radiusd import DIALECTS, parse_address

    from . import server as question
    from .building import SECRET

    for name in dialects:
        if name not in DIALECTS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(DIALECTS)}", param_hint="--dialect")
    load: dict[str, Any] = {"seconds": seconds, "dialects": dialects, "sources": sources, "progress": _say}
    if peer is None:
        if residents is not None:
            raise click.UsageError("--residents is for --peer")
        rows = question.run(keys=keys, workers=workers, **load)
    else:
        if residents is None:
            raise click.UsageError("--peer needs --residents FILE.csv: written if it does not exist")
        address = parse_address(peer)
        if not residents.exists():
            question.write_residents(residents, keys)
            _tell_peer(residents, keys, secret or SECRET)
            return
        rows = question.run_peer(question.Peer(address=address, residents=residents, secret=secret or SECRET), **load)
    if plot is not None:
        plots.plot_server(rows, plot)
    if as_json:
        click.echo(report.to_json(rows))
    else:
        report.show_server(rows)


def _tell_peer(residents: Path, keys: int, secret: str) -> None:
    """Say what the other server needs before it can be measured."""
    from .building import NAS_IDENTIFIER, SSID

    click.echo(
        f"wrote {keys:,} residents to {residents}: identity, passphrase, device, VLAN.\n"
        f"The server must know them on the SSID {str(SSID)!r}, and take requests from this host under the shared secret"
        f" {secret!r} with the NAS-Identifier {NAS_IDENTIFIER.decode()!r}. Where it is Latchkey:\n\n"
        f"    latchkey venue add Bench --nas-identifier {NAS_IDENTIFIER.decode()}\n"
        f"    latchkey pool add '{SSID}' --venue Bench\n"
        f"    latchkey nas add THIS-HOST --secret '{secret}' --venue Bench\n"
        f"    latchkey key import {residents} --pool '{SSID}'\n\n"
        "Then the same command again measures it."
    )
