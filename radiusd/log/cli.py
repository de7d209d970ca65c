"""`latchkey log`."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

import click

from crypto import MacAddress
from provisioning import (
    InvalidValue,
    ProvisioningError,
    Store,
    complete_keys,
    complete_nases,
    complete_pools,
    complete_units,
    complete_venues,
    database_path,
    db_option,
    json_option,
    open_database,
)

from ..errors import LogError
from . import names, reader
from .file import decisions_path
from .line_format import Line, printable, render_json
from .reader import Wanted, Whose

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_COLOURS: Final = {"accept": "green", "reject": "red", "admit": "cyan", "discard": "yellow"}
_TOLD: Final = {"accept": ("who",), "reject": ("reason",), "admit": ("reason",), "discard": ("cause", "detail")}
_SHOWN = 20


@click.command("log")
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option("--limit", "-n", type=click.IntRange(0), metavar="N", show_default="20; all with --since", help="Lines.")
@click.option("--since", metavar="T", help="10m, 2h, 3d, 1w, today, yesterday, a date or a time, local unless it says.")
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice(list(_COLOURS)), help="May be repeated.")
@click.option(
    "--who",
    metavar="NAME",
    shell_complete=complete_keys,
    help="An identity: its keys, and their devices that were refused.",
)
@click.option("--key", metavar="KEY", shell_complete=complete_keys, help="A key's id or identity.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="UNIT or BUILDING/UNIT: its keys.")
@click.option("--venue", metavar="V", shell_complete=complete_venues)
@click.option("--ssid", metavar="S", shell_complete=complete_pools)
@click.option("--device", metavar="MAC", help="In any format; a part of it will do.")
@click.option("--nas", metavar="N", shell_complete=complete_nases, help="Its name.")
@json_option
@db_option
@click.pass_context
def log(
    context: click.Context,
    /,
    follow: bool,
    limit: int | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Show the server's decisions, the latest last: who was let in, who was not, and why."""
    path = decisions_path(database_path(context))
    wanted = _wanted(context, **filters)
    if limit is None and wanted.since is None:
        limit = _SHOWN
    lines, position = reader.read_back(path, wanted, limit)
    if position.inode is None and not lines and not follow:
        raise LogError(f"no decisions at {path}: `latchkey serve` writes them there")
    if not lines and limit != 0:
        named = {name: filters[name] for name in ("venue", "ssid", "nas", "who")}
        _ask(context, lambda store: names.check_names(store, **named), **named)
        if not follow:
            click.echo(f"latchkey: nothing of that in {path}", err=True)
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.writelines(f"{text}\n" for text in _render_all(lines, as_json, colours))
    sys.stdout.flush()
    if follow:
        for text in _render_all(filter(wanted.matches, reader.follow(path, position)), as_json, colours):
            print(text, flush=True)


def _wanted(
    context: click.Context,
    *,
    since: str | None,
    outcomes: tuple[str, ...],
    who: str | None,
    key: str | None,
    unit: str | None,
    venue: str | None,
    ssid: str | None,
    device: str | None,
    nas: str | None,
) -> Wanted:
    """Return what the options ask for."""

    def find(store: Store) -> tuple[Whose, ...]:
        found = []
        if who is not None:
            found.append(names.keys_called(store, who))
        if key is not None:
            found.append(names.key_called(store, key))
        if unit is not None:
            found.append(names.unit_called(store, unit, venue))
        return tuple(found)

    whose = _ask(context, find, who=who, key=key, unit=unit)
    if whose is None:
        if unit is not None:
            raise LogError("which keys a unit has is in the database, and it cannot be read")
        whose = tuple(names.guess_key(text) for text in (who, key) if text is not None)
    address, part = (None, None) if device is None else _parse_device(device)
    now = datetime.now(UTC)
    return Wanted(
        venue=venue,
        ssid=ssid,
        device=address,
        device_part=part,
        outcomes=outcomes,
        nas=nas,
        since=None if since is None else parse_since(since, now),
        whose=whose,
    )


def _ask(context: click.Context, question: Callable[[Store], Any], **about: object) -> Any:
    """Return what the database answers, where the names in question are given; None where it cannot be read."""
    if not any(about.values()):
        return ()
    try:
        store = open_database(context, readonly=True)
    except ProvisioningError as error:
        click.echo(f"latchkey: {error}: names are taken as they are", err=True)
        return None
    with store:
        return question(store)


def _render_all(lines: Iterable[Line], as_json: bool, terminal: bool) -> Iterator[str]:
    day = ""
    for line in lines:
        if as_json:
            yield render_json(line.view())
        elif not terminal:
            yield printable(line.text)
        else:
            local = _local(line)
            if local is not None and (now := _render_day(local)) != day:
                day = now
                yield click.style(day, bold=True)
            yield _render(line, local)


def _local(line: Line) -> datetime | None:
    """Return a line's time as the clock on this wall has it."""
    try:
        return datetime.fromisoformat(line.time).astimezone()
    except (ValueError, OverflowError):
        return None


def _render_day(local: datetime) -> str:
    zone = local.strftime("%Z")
    return f"{local:%Y-%m-%d} {zone}" + ("" if zone == "UTC" else f" (UTC{local:%z})")


def _render(line: Line, local: datetime | None) -> str:
    """Return a line for a terminal: what an operator looks for first, in columns; then all the rest."""
    if line.event not in _COLOURS or local is None:
        return printable(line.text)
    told = [name for name in _TOLD[line.event] if name in line.fields]
    first = ("ssid", "device", *told)
    rest = " ".join(f"{name}={value}" for name, value in line.fields.items() if name not in first)
    device, ssid = (printable(line.fields.get(name, "-")) for name in ("device", "ssid"))
    text = " ".join(line.fields[name] for name in told)
    outcome = click.style(f"{line.event:7}", fg=_COLOURS[line.event])
    text, rest = click.style(_pad(printable(text), 24), bold=True), click.style(printable(rest), dim=True)
    return f"{local:%H:%M:%S}{line.time[19:23]} {outcome} {_pad(device, 17)} {_pad(ssid, 20)} {text} {rest}"


def _pad(text: str, width: int) -> str:
    from rich.cells import cell_len  # an SSID may be in letters of two columns each

    return text + " " * (width - cell_len(text))


def _parse_device(text: str) -> tuple[str | None, str | None]:
    """Return an address as the log writes it, or else hex digits out of one."""
    digits = re.sub(r"[:.\-\s]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{2,12}", digits):
        raise InvalidValue(f"{text!r} is not a MAC address, nor two or more hex digits out of one")
    return (str(MacAddress(bytes.fromhex(digits))), None) if len(digits) == 12 else (None, digits)


def parse_since(text: str, now: datetime) -> datetime:
    """Return the instant that is meant; what names no zone is local, as the terminal shows it."""
    span = re.fullmatch(r"(\d{1,9})([smhdw])", text)
    try:
        if span is not None:
            return now - timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
        if text in ("today", "yesterday"):
            day = now.astimezone().date() - timedelta(days=text == "yesterday")
            return datetime.combine(day, time()).astimezone(UTC)
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC)
    except OverflowError:
        raise InvalidValue(f"{text!r} is before the beginning of time") from None
    except ValueError:
        raise InvalidValue(
            f"{text!r} is not a time: use 10m, 2h, 3d, 1w, today, yesterday, 2026-10-31 or 2026-10-31T12:00"
        ) from None
