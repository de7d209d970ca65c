"""`latchkey log`."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from crypto import MacAddress
from provisioning import InvalidValue, database_path, db_option, json_option, parse_instant

from .line_format import Line, printable, render_json

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_COLOURS: Final = {"accept": "green", "reject": "red", "admit": "cyan", "discard": "yellow"}
_TOLD: Final = {"accept": ("who",), "reject": ("reason",), "admit": ("reason",), "discard": ("cause", "detail")}
_SHOWN = 20


@click.command("log")
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option("--limit", "-n", type=click.IntRange(0), metavar="N", show_default="20; all with --since", help="Lines.")
@click.option("--since", metavar="T", help="10m, 2h, 3d, or a date or time, UTC unless it says.")
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice(list(_COLOURS)), help="May be repeated.")
@click.option("--venue", metavar="V")
@click.option("--ssid", metavar="S")
@click.option("--device", metavar="MAC", help="In any format.")
@click.option("--nas", metavar="N", help="Its name.")
@json_option
@db_option
@click.pass_context
def log(
    context: click.Context,
    follow: bool,
    limit: int | None,
    since: str | None,
    outcomes: tuple[str, ...],
    venue: str | None,
    ssid: str | None,
    device: str | None,
    nas: str | None,
    as_json: bool,
) -> None:
    """Show the server's decisions, the latest last: who was let in, who was not, and why."""
    from ..errors import LogError
    from . import reader
    from .file import decisions_path

    path = decisions_path(database_path(context))
    wanted = reader.Wanted(
        venue=venue,
        ssid=ssid,
        device=None if device is None else _parse_device(device),
        outcomes=outcomes,
        nas=nas,
        since=None if since is None else _parse_since(since, datetime.now(UTC)),
    )
    if limit is None and since is None:
        limit = _SHOWN
    lines, position = reader.read_back(path, wanted, limit)
    if position.inode is None and not lines and not follow:
        raise LogError(f"no decisions at {path}: `latchkey serve` writes them there")
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.writelines(f"{text}\n" for text in _render_all(lines, as_json, colours))
    sys.stdout.flush()
    if follow:
        for text in _render_all(filter(wanted.matches, reader.follow(path, position)), as_json, colours):
            print(text, flush=True)


def _render_all(lines: Iterable[Line], as_json: bool, terminal: bool) -> Iterator[str]:
    day = ""
    for line in lines:
        if as_json:
            yield render_json(line.view())
        elif not terminal:
            yield printable(line.text)
        else:
            if line.time[:10] not in ("", day):
                day = line.time[:10]
                yield click.style(f"{day} UTC", bold=True)
            yield _render(line)


def _render(line: Line) -> str:
    """Return a line for a terminal: what an operator looks for first, in columns; then all the rest."""
    if line.event not in _COLOURS:
        return printable(line.text)
    told = [name for name in _TOLD[line.event] if name in line.fields]
    first = ("ssid", "device", *told)
    rest = " ".join(f"{name}={value}" for name, value in line.fields.items() if name not in first)
    device, ssid = (printable(line.fields.get(name, "-")) for name in ("device", "ssid"))
    text = " ".join(line.fields[name] for name in told)
    outcome = click.style(f"{line.event:7}", fg=_COLOURS[line.event])
    text, rest = click.style(_pad(printable(text), 24), bold=True), click.style(printable(rest), dim=True)
    return f"{line.time[11:23]} {outcome} {_pad(device, 17)} {_pad(ssid, 20)} {text} {rest}"


def _pad(text: str, width: int) -> str:
    from rich.cells import cell_len  # an SSID may be in letters of two columns each

    return text + " " * (width - cell_len(text))


def _parse_device(text: str) -> str:
    try:
        return str(MacAddress.parse(text))
    except ValueError as error:
        raise InvalidValue(str(error)) from None


def _parse_since(text: str, now: datetime) -> datetime:
    span = re.fullmatch(r"(\d{1,9})([smhd])", text)
    try:
        return parse_instant(text) if span is None else now - timedelta(seconds=int(span[1]) * _UNITS[span[2]])
    except OverflowError:
        raise InvalidValue(f"{text!r} is before the beginning of time") from None
