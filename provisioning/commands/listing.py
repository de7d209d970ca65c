"""What every list shares: `--json`, `--csv`, a text to look for, and pages."""

import csv
import io
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

from ..formulas import defuse
from .views import View, render_json, render_table

Command = TypeVar("Command", bound=Callable[..., Any])
_META: Final = "latchkey.listing"
_MOST: Final = 10**9  # rows that can be asked for
_HEADING: Final = 1000  # rows that decide which columns a table has
_TOGETHER: Final = 1000  # lines that are written at once


@dataclass(slots=True)
class Listing:
    """How a list is wanted."""

    as_json: bool = False
    as_csv: bool = False
    search: str | None = None
    limit: int | None = None  # None: all
    offset: int = 0

    def holds(self, view: View) -> bool:
        """Return whether a field holds the text that is looked for, in either case."""
        return self.search is None or _contains(view.values(), self.search.casefold())

    def page(self, views: Iterable[View]) -> Iterator[View]:
        """Return the rows asked for of all there are."""
        if self.search is not None:
            views = filter(self.holds, views)
        return itertools.islice(views, self.offset, None if self.limit is None else self.offset + self.limit)


def lists(command: Command) -> Command:
    """Add --search, --limit, --offset, --json and --csv, which `print_list` heeds."""
    for option in (
        _option("--csv", "as_csv", is_flag=True, help="Print CSV, with every field."),
        _option("--json", "as_json", is_flag=True, help="Print JSON."),
        _option(
            "--offset",
            "offset",
            type=click.IntRange(0, _MOST),
            default=0,
            metavar="N",
            help="Leave out the first so many.",
        ),
        _option("--limit", "limit", type=click.IntRange(0, _MOST), metavar="N", help="At most so many."),
        _option("--search", "search", metavar="TEXT", help="Only what holds this text, in either case."),
    ):
        command = option(command)
    return command


def _option(name: str, field: str, **attributes: Any) -> Callable[[Command], Command]:
    def remember(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        setattr(listing_of(context), field, value)

    return click.option(name, field, expose_value=False, callback=remember, **attributes)


def listing_of(context: click.Context) -> Listing:
    """Return how the list is wanted."""
    listing = context.meta.setdefault(_META, Listing())
    assert isinstance(listing, Listing)  # noqa: S101 (ours)
    return listing


def print_list(context: click.Context, views: Iterable[View], columns: Sequence[str], *, paged: bool = False) -> None:
    """Print a list as it is wanted: of a table these columns, of JSON and CSV every field.

    paged: the views are the page that is asked for, and no more
    """
    listing = listing_of(context)
    if listing.as_json and listing.as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    rows = views if paged else listing.page(views)
    if listing.as_csv:
        lines: Iterable[str] = render_csv(rows)
    elif listing.as_json:
        lines = render_json(rows)
    else:
        lines = render_table(rows, columns, colours=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    rest = iter(lines)
    while some := list(itertools.islice(rest, _TOGETHER)):  # a write for each line takes longer than to make it
        click.echo("\n".join(some))


def render_csv(views: Iterable[View]) -> Iterator[str]:
    """Yield a heading and a line for each row (RFC 4180), cells that a spreadsheet would calculate behind an '."""
    rest = iter(views)
    first = list(itertools.islice(rest, _HEADING))
    columns = list(dict.fromkeys(column for view in first for column in view))
    if not columns:
        return
    yield _csv_line(columns)
    for view in itertools.chain(first, rest):
        yield _csv_line([defuse(_csv_cell(view.get(column))) for column in columns])


def _csv_line(cells: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def _csv_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_csv_cell, value))
        case dict():
            return ", ".join(f"{name} {_csv_cell(each)}" for name, each in value.items())
    return str(value)


def _contains(values: Iterable[object], text: str) -> bool:
    for value in values:
        if isinstance(value, list):
            if _contains(value, text):
                return True
        elif isinstance(value, dict):
            if _contains(value.values(), text):
                return True
        elif value is not None and text in str(value).casefold():
            return True
    return False
