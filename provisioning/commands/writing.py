"""What the commands that change something share: who says so and why, and what would become of it."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from ..errors import StoreError
from ..model import Author
from ..model.rules.names import check_name
from ..store import Recording, Store, describe_row
from .options import open_database, print_object, utc_now
from .options import tell as tell

Command = TypeVar("Command", bound=Callable[..., Any])
_META: Final = "latchkey.writing"
_INSTANTS: Final = frozenset(
    {"starts", "ends", "removes_at", "status_at", "until", "invalidated_at", "former_secret_until", "created_at_ms"}
)
_LONGEST: Final = 120


@dataclass(slots=True)
class _Said:
    dry_run: bool = False
    reason: str | None = None
    author: str | None = None


def _remember(field: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        setattr(_said(context), field, value)

    return keep


dry_run_option = click.option(
    "--dry-run",
    is_flag=True,
    expose_value=False,
    callback=_remember("dry_run"),
    help="Only say what would change.",
)
reason_option = click.option(
    "--reason",
    metavar="TEXT",
    expose_value=False,
    callback=_remember("reason"),
    help="Why, for `latchkey audit`.",
)
author_option = click.option(
    "--as",
    "author",
    metavar="NAME",
    expose_value=False,
    callback=_remember("author"),
    help="Who says so, for `latchkey audit` (default: the system's user).",
)


def writes(command: Command) -> Command:
    """Add --dry-run, --reason and --as, which `changing` heeds."""
    return dry_run_option(reason_option(author_option(command)))


def _said(context: click.Context) -> _Said:
    said = context.meta.setdefault(_META, _Said())
    assert isinstance(said, _Said)  # noqa: S101 (ours)
    return said


def reason_of(context: click.Context) -> str | None:
    """Return what was said with --reason."""
    return _said(context).reason


def is_dry_run(context: click.Context) -> bool:
    """Return whether --dry-run was said."""
    return _said(context).dry_run


def is_author_said(context: click.Context) -> bool:
    """Return whether --as was said."""
    return _said(context).author is not None


def author_of(context: click.Context) -> Author:
    """Return who runs this command, and from where."""
    name = _said(context).author
    if name is None:
        return Author(_user(), _origin())
    check_name(name, "--as")
    return Author(name, _origin())


def _user() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in a container
        return f"uid {os.getuid()}"


def _origin() -> str:
    client = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    return f"ssh {client[:45]}" if client else "command line"


@contextmanager
def preparing(context: click.Context) -> Iterator[Store]:
    """Open the store for what takes long and is done before `changing`, so that nobody waits. Nothing is written.

    Unless it is only tried, an older database is brought up to date by this.
    """
    if is_dry_run(context):
        refuse_older(context)
    with open_database(context) as store:
        yield store


@contextmanager
def changing(
    context: click.Context, action: str, *, reason: str | None = None, as_json: bool = False
) -> Iterator[tuple[Store, Recording]]:
    """Open the store and make one change of all that is done within.

    With --dry-run the change is not kept: what would have become of it is printed, and the command ends there.
    """
    said = _said(context)
    if said.dry_run:
        refuse_older(context)
    with open_database(context) as store:
        store.recorder.author = author_of(context)
        store.recorder.dry_run = said.dry_run
        if not said.dry_run:
            store.keys.settle(utc_now())
        with store.change(action, reason=reason if reason is not None else said.reason) as change:
            yield store, change
    if said.dry_run:
        _print_change(change, as_json)
        context.exit(0)


def refuse_older(context: click.Context) -> None:
    """Raise StoreError where the database has to be brought up to date before anything can be tried on it."""
    with open_database(context, readonly=True) as store:
        if store.lacks:
            raise StoreError(
                f"{store.path} is of an earlier version: `latchkey upgrade` first, as --dry-run changes nothing"
            )


def _print_change(change: Recording, as_json: bool) -> None:
    told = [describe_row(row) for row in change.rows]
    if as_json:
        print_object({"would_change": told})
        return
    for each in told:
        click.echo(render_row_change(each, "would "))
    if not told:
        click.echo("nothing would change")


def render_row_change(told: dict[str, Any], mood: str = "") -> str:
    """Return one line of what became of a row, or with "would " would become of it."""
    name = f" {told['name']!r}" if "name" in told else ""
    if "first_id" in told:
        count = told["last_id"] - told["first_id"] + 1
        which = f"{told['first_id']}" if count == 1 else f"{told['first_id']} to {told['last_id']} ({count:,})"
        return f"{mood}{'add' if mood else 'added'} {told['kind']} {which}"
    before, after = told.get("before"), told.get("after")
    what = f"{told['kind']} {told['id']}{name}"
    if before is None:
        return f"{mood}{'add' if mood else 'added'} {what}: {_columns(after or {})}"
    if after is None:
        return f"{mood}{'remove' if mood else 'removed'} {what}"
    changes = ", ".join(
        f"{column} {_value(column, before.get(column))} -> {_value(column, after.get(column))}" for column in after
    )
    return f"{mood}{'change' if mood else 'changed'} {what}: {changes}"


def _columns(values: dict[str, Any]) -> str:
    return ", ".join(f"{column} {_value(column, value)}" for column, value in values.items() if column != "id")


def _value(column: str, value: Any) -> str:
    if value is None:
        return "none"
    if column in _INSTANTS and isinstance(value, int):
        seconds = value / 1000 if column.endswith("_ms") else value
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    text = repr(value) if isinstance(value, str) and " " in value else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
