"""What the commands of every package share: the database, secrets from files, JSON, progress."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ..errors import InvalidValue
from ..keys import Progress
from ..store import Store, open_store
from .views import View, render_json, render_record, render_table

Command = TypeVar("Command", bound=Callable[..., Any])

DB_META: Final = "latchkey.db"
_LARGEST_SECRET: Final = 4096
_PROMPTS: Final = {"secret": "Shared secret", "passphrase": "Passphrase", "psk": "Passphrase"}


def _remember_db(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.meta[DB_META] = value


db_option = click.option(
    "--db",
    type=click.Path(path_type=Path, readable=False),
    expose_value=False,
    callback=_remember_db,
    help="The database, here rather than before the command.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def database_path(context: click.Context) -> Path:
    """Return the database of this command line: --db, else LATCHKEY_DB, else ./latchkey.db."""
    path = context.meta.get(DB_META)
    return path if isinstance(path, Path) else Path(os.environ.get("LATCHKEY_DB") or "latchkey.db")


def open_database(context: click.Context, *, readonly: bool = False) -> Store:
    """Return the open store of this command line."""
    return open_store(database_path(context), os.environ, readonly=readonly, tell=tell)


def tell(text: str) -> None:
    """Say in a line on stderr what was done beside what was asked."""
    click.echo(f"latchkey: {text}", err=True)


def secret_options(name: str, meaning: str) -> Callable[[Command], Command]:
    """Add --NAME and --NAME-file, which `read_secret` makes one value of."""

    def add(command: Command) -> Command:
        text = click.option(f"--{name}", metavar="TEXT", help=f"{meaning} It shows in the process list; better:")
        file = click.option(
            f"--{name}-file", metavar="FILE", help="Its first line; - for stdin, at a terminal without echo."
        )
        return text(file(command))

    return add


def read_secret(
    text: str | None, file: str | None, name: str, *, confirm: bool = False, required: bool = False
) -> bytes | None:
    """Return the value of --NAME or of the first line of --NAME-file, which for - at a terminal is typed without echo.

    confirm:  ask twice at a terminal: for a secret that is set here, and not only used
    required: with neither option ask at a terminal, else raise UsageError; without this, None is returned
    """
    if text is not None and file is not None:
        raise click.UsageError(f"--{name} and --{name}-file are two ways to say the same: give one")
    if text is not None:
        return os.fsencode(text)
    if file is None and not required:
        return None
    if file in (None, "-") and at_terminal():
        return _prompt(_PROMPTS.get(name, name), confirm)
    if file is None:
        raise click.UsageError(f"say the {_PROMPTS[name].lower()}: --{name}-file FILE, - for stdin, or --{name} TEXT")
    with read_file(file) as lines:
        line: bytes = lines.readline(_LARGEST_SECRET + 3)
    value = line.removesuffix(b"\n").removesuffix(b"\r")
    if len(value) > _LARGEST_SECRET:
        raise InvalidValue(f"{_from(file)}: the first line is longer than a {name} can be, {_LARGEST_SECRET} octets")
    return value


def _prompt(label: str, confirm: bool) -> bytes:
    """Return what is typed at the terminal up to Enter, without echo; asked twice to `confirm` what is set blindly."""
    from getpass import getpass

    try:
        value = getpass(f"{label}: ")
        if confirm and value and getpass(f"{label}, again: ") != value:
            raise InvalidValue("the two differ: nothing was changed")
    except EOFError:
        raise InvalidValue(f"no {label.lower()} was typed") from None
    except UnicodeDecodeError:
        raise InvalidValue("what was typed is not in the terminal's own encoding: use a file") from None
    return os.fsencode(value)


def at_terminal() -> bool:
    """Return whether somebody can be asked."""
    stdin = getattr(sys, "stdin", None)  # None where a service was started with it closed
    return stdin is not None and stdin.isatty()


def _from(file: str) -> str:
    return "stdin" if file == "-" else file


@contextmanager
def read_file(name: str) -> Iterator[Any]:
    """Open a file, or stdin for -, as octets; what is wrong with it is InvalidValue."""
    if name == "-":
        if getattr(sys, "stdin", None) is None:
            raise InvalidValue("cannot read stdin: it is closed")
        if at_terminal():
            click.echo("latchkey: reading from the terminal, up to Ctrl-D on a line of its own", err=True)
        yield sys.stdin.buffer
        return
    try:
        with Path(name).open("rb") as file:
            yield file
    except OSError as error:
        raise InvalidValue(f"cannot read {name}: {error.strerror}") from error


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Give what draws a long work's progress on stderr, None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield report


def print_views(views: Iterable[View], columns: Sequence[str], as_json: bool) -> None:
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in render_json(views) if as_json else render_table(views, columns, colours=colours):
        click.echo(line)


def print_view(view: View, as_json: bool) -> None:
    if as_json:
        print_object(view)
        return
    for line in render_record(view):
        click.echo(line)


def print_added(view: View, as_json: bool) -> None:
    """Print the id, which the next command in a script needs; with --json all there is."""
    if as_json:
        print_object(view)
    else:
        click.echo(view["id"])


def print_object(view: View) -> None:
    click.echo(json.dumps(view, ensure_ascii=False))


def utc_now() -> datetime:
    return datetime.now(UTC)
