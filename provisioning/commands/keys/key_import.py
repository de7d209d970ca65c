"""The command `key import`: keys from a sheet, as a spreadsheet program saves it."""

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from ...errors import ImportRefused, InvalidValue, Refusal
from ...lifecycle.importing.importing import ImportOptions, import_keys
from ...lifecycle.importing.report import Imported, Preview
from ...sheets import SheetOptions, parse_map, render_example, render_refused, write_refused
from ..options import db_option, json_option, open_database, print_object, progress_bar, read_file, utc_now
from ..views import render_table
from ..writing import author_of, is_dry_run, reason_of, tell, writes
from .key_options import pool_option, venue_option

_NAMED: Final = 10
_LISTED: Final = 50
_COLUMNS: Final = ("line", "what", "identity", "unit", "plan", "vlan", "starts", "ends", "devices")


@click.command("import")
@click.argument("file", metavar="FILE.csv", required=False, type=click.Path())
@pool_option
@venue_option
@click.option("--update", is_flag=True, help="Change the keys there are, by external_id, else identity; add new ones.")
@click.option("--create-units", is_flag=True, help="Make the units that are named and not there.")
@click.option("--auto-vlans", is_flag=True, help="With --create-units: each gets the first VLAN that is free.")
@click.option("--generate", is_flag=True, help="Make a passphrase for each new key without one; `key export` has them.")
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="What a column of another name holds.")
@click.option(
    "--dates",
    type=click.Choice(["dmy", "mdy", "ymd"]),
    help="How 03/04/2026 is meant, where the column leaves it open.",
)
@click.option("--encoding", metavar="NAME", help="What the file is written in, where it cannot be told: cp850, ...")
@click.option("--keep-going", is_flag=True, help="Leave out refused rows; status 0 if any is left. Each is reported.")
@click.option("--no-header", is_flag=True, help="The first row is a key, whatever it reads like.")
@click.option(
    "--force", is_flag=True, help="Take cells that a spreadsheet would calculate (=, +, -, @) or has rounded."
)
@click.option("--example", is_flag=True, help="Print a small file to begin with, its passphrases generated, and exit.")
@writes
@json_option
@db_option
@click.pass_context
def key_import(
    context: click.Context,
    file: str | None,
    pool: str | None,
    venue: str | None,
    update: bool,
    create_units: bool,
    auto_vlans: bool,
    generate: bool,
    maps: Sequence[str],
    dates: str | None,
    encoding: str | None,
    keep_going: bool,
    no_header: bool,
    force: bool,
    example: bool,
    as_json: bool,
) -> None:
    """Add the keys of a CSV file (- for stdin), as Excel and others save it. All or none, and one change to undo.

    The file has a header, in any order, with at least identity (or name, resident) and psk (password, Wi-Fi key);
    besides them mac, vlan, unit, building, floor, plan, starts, ends, venue, pool, subscriber, external_id, tag and
    status. Or it is that of FreeRADIUS's rlm_dpsk, identity,psk[,mac[,vlanid]], header optional. Dates are those of
    the venue. Refused rows are in FILE.refused.csv afterwards, with their reasons.
    """
    if example:
        click.echo(render_example(), nl=False)
        return
    if file is None:
        raise click.UsageError("say FILE.csv, or - for stdin; --example prints one to begin with")
    began = time.monotonic()
    options = ImportOptions(
        sheet=SheetOptions(
            encoding=encoding,
            mapping=parse_map(maps),
            dates=dates,
            header=not no_header,
            formulas=force,
            need_psk=not (update or generate),
        ),
        pool=pool,
        venue=venue,
        update=update,
        create_units=create_units,
        auto_vlans=auto_vlans,
        generate=generate,
        keep_going=keep_going,
        dry_run=is_dry_run(context),
        reason=reason_of(context),
    )
    try:
        with open_database(context) as store, read_file(file) as octets, progress_bar() as progress:
            store.recorder.author = author_of(context)
            show = _Shower(file, options.dry_run)
            done = import_keys(store, octets, options, name=file, now=utc_now(), progress=progress, show=show)
            if not options.dry_run:
                store.compact()
    except ImportRefused as error:
        for line in error.shown():
            tell(f"{file}: {line}")
        beside = _write_refused(file, options, error.refusals)
        raise ImportRefused(file, error.refusals, beside) from error
    _print_imported(done, file, options, shown=show.shown, seconds=time.monotonic() - began, as_json=as_json)
    if beside := _write_refused(file, options, done.refusals):
        tell(f"{file}: what was refused is in {beside}, to be mended and imported")
    if not (done.count or done.changed or done.unchanged):
        context.exit(1)


class _Shower:
    """Shows how the first rows are read: somebody at a terminal can see what goes wrong before it has."""

    def __init__(self, file: str, dry_run: bool) -> None:
        self._file = file
        self._dry_run = dry_run
        self.shown: frozenset[str] = frozenset()  # notes

    def __call__(self, preview: Preview) -> None:
        if not sys.stderr.isatty() and (preview.is_dpsk or not self._dry_run):
            return
        for note in preview.notes:
            tell(f"{self._file}: {note}")
        self.shown = frozenset(preview.notes)
        views = [asdict(row) for row in preview.rows]
        columns = [name for name in _COLUMNS if any(view[name] for view in views)]
        for line in render_table(views, columns):
            click.echo(line, err=True)
        if (more := preview.added + preview.changed - len(views)) > 0:
            click.echo(f"and {more:,} more", err=True)


def _write_refused(file: str, options: ImportOptions, refusals: Iterable[Refusal]) -> str:
    """Write the refused rows beside the file, which is read once more; return where, "" for nowhere."""
    reasons = {refusal.line: refusal.reason for refusal in refusals}
    if not reasons or file == "-" or options.dry_run:
        return ""
    source = Path(file)
    try:
        with source.open("rb") as octets:
            return str(write_refused(source, render_refused(octets, options.sheet, reasons)))
    except (OSError, InvalidValue) as error:  # the import is as it is; a read-only folder does not change that
        tell(f"{file}: no file of the refused rows: {error}")
        return ""


def _print_imported(
    done: Imported, file: str, options: ImportOptions, *, shown: frozenset[str], seconds: float, as_json: bool
) -> None:
    for line in (*(note for note in done.notes if note not in shown), *done.refusals):
        tell(f"{file}: {line}")
    if done.missing:
        named = ", ".join(f"id:{key.id} {key.identity!r}" for key in done.missing[:_NAMED])
        more = f" and {len(done.missing) - _NAMED:,} more" if len(done.missing) > _NAMED else ""
        tell(f"{file}: not in it, and left as they are: {named}{more}")
    if as_json:
        _print_json(done, options)
        return
    if options.update and options.dry_run:
        for each in done.changed[:_LISTED]:
            click.echo(f"would change id:{each.id} {each.identity!r}: {', '.join(each.changes)}")
        if len(done.changed) > _LISTED:
            click.echo(f"and {len(done.changed) - _LISTED:,} more")
    click.echo(_summary(done, options, seconds))


def _summary(done: Imported, options: ImportOptions, seconds: float) -> str:
    at_terminal = sys.stdout.isatty()
    said = "{:,}" if at_terminal else "{}"  # plain for scripts, as ever
    if options.update:
        counts = [(("would add" if options.dry_run else "added"), done.count), ("changed", len(done.changed))]
        if options.dry_run:
            counts[1] = ("would change", len(done.changed))
        counts += [("unchanged", done.unchanged), ("missing", len(done.missing))]
    else:
        counts = [("would import" if options.dry_run else "imported", done.count)]
    counts.append(("refused", len(done.refusals)))
    if done.units:
        counts.append(("new units", done.units))
    text = ", ".join(f"{what} {said.format(count)}" for what, count in counts)
    return f"{text}, in {seconds:.1f} s" if at_terminal else text


def _print_json(done: Imported, options: ImportOptions) -> None:
    refused = [{"line": refusal.line, "reason": refusal.reason} for refusal in done.refusals]
    view = {"would_import" if options.dry_run else "imported": done.count, "refused": refused}
    view |= {"units": done.units, "notes": list(done.notes)}
    if options.update:
        view["changed"] = [
            {"id": each.id, "identity": each.identity, "line": each.line, "changes": list(each.changes)}
            for each in done.changed
        ]
        view["unchanged"] = done.unchanged
        view["missing"] = [{"id": key.id, "identity": key.identity} for key in done.missing]
    print_object(view)
