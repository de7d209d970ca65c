"""`latchkey bench`: run a benchmark, print or draw it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from . import report

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
_plot = click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the result into this PNG.")


@click.group()
def bench() -> None:
    """Measure this machine; every number beside a baseline of the same run."""


def _tell(results: Sequence[report.Result], as_json: bool, path: Path | None, title: str) -> None:
    if path is not None:
        report.plot(results, path, title=title)
    if as_json:
        click.echo(report.to_json(results))
    else:
        report.show(results)


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
    tell: Callable[[str], Any] = lambda line: click.echo(line, err=True)  # noqa: E731
    _tell(question.run(sizes=numbers, rounds=rounds, progress=tell), as_json, plot, "Search time by pool size")
