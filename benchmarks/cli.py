"""`latchkey bench`: run a benchmark, print or draw it."""

from collections.abc import Sequence
from pathlib import Path

import click

from provisioning import CommandGroup

from . import report

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
_plot = click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the result into this PNG.")


@click.group(cls=CommandGroup)
def bench() -> None:
    """Measure this machine; every number beside a baseline of the same run."""


def _tell(results: Sequence[report.Result], as_json: bool, path: Path | None, title: str) -> None:
    if path is not None:
        report.plot(results, path, title=title)
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
@click.option("--sizes", default="1000,10000,100000,1000000", show_default=True, help="Pool sizes, by commas.")
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1), help="Pairs of measurements.")
@_json
@_plot
def match(sizes: str, rounds: int, as_json: bool, plot: Path | None) -> None:
    """Search a pool for the key that made a MIC, beside a loop over hmac.digest."""
    from . import match as question

    try:
        numbers = [int(part) for part in sizes.split(",")]
    except ValueError:
        raise click.BadParameter(f"{sizes!r} is not numbers by commas", param_hint="--sizes") from None
    if min(numbers) < 10:
        raise click.BadParameter("10 keys at least", param_hint="--sizes")
    _tell(question.run(sizes=numbers, rounds=rounds, progress=_say), as_json, plot, "Search time by pool size")


@bench.command()
@click.option("--keys", default=100_000, show_default=True, type=click.IntRange(100), help="Residents.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes of the server.")
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0.1), help="For each case.")
@click.option("--dialect", default="hostapd", show_default=True, help="How the access points ask.")
@click.option("--peer", metavar="HOST:PORT", help="Put the load on another server, which knows the same residents.")
@_json
@_plot
def server(
    keys: int, workers: int, seconds: float, dialect: str, peer: str | None, as_json: bool, plot: Path | None
) -> None:
    """Requests over loopback: known devices, unknown ones, a storm of wrong keys."""
    from radiusd import DIALECTS, parse_address

    from . import server as question

    if dialect not in DIALECTS:
        raise click.BadParameter(f"{dialect!r} is none of {', '.join(DIALECTS)}", param_hint="--dialect")
    address = None if peer is None else parse_address(peer)
    rows = question.run(keys=keys, workers=workers, seconds=seconds, dialect=dialect, peer=address, progress=_say)
    if plot is not None:
        report.plot_server(rows, plot)
    if as_json:
        click.echo(report.to_json(rows))
    else:
        report.show_server(rows)
