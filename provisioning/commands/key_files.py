"""The commands `key import` and `key export`: keys as CSV files."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import click

from ..bulk import Imported, begins_as_formula, import_keys, render_example, render_rows
from ..errors import ImportRefused, InvalidValue
from ..model import Device, Key, KeyLabel, KeyStatus
from ..options import db_option, json_option, open_database, print_object, progress_bar, read_file, utc_now
from ..selectors import find_keypool
from ..store import Store
from ..unopened import Unopened
from .key_options import pool_option, secrets_option, venue_option
from .writing import author_of


@click.command("import")
@click.argument("file", metavar="FILE.csv", required=False, type=click.Path())
@pool_option
@venue_option
@click.option("--keep-going", is_flag=True, help="Leave out refused rows; status 0 if any is left. Each is reported.")
@click.option("--no-header", is_flag=True, help="The first row is a key, whatever it reads like.")
@click.option("--force", is_flag=True, help="Take identities that begin as a spreadsheet's formulas: =, +, -, @.")
@click.option("--dry-run", is_flag=True, help="Check every row, and import none.")
@click.option("--example", is_flag=True, help="Print a small file to begin with, its passphrases generated, and exit.")
@json_option
@db_option
@click.pass_context
def key_import(
    context: click.Context,
    file: str | None,
    pool: str | None,
    venue: str | None,
    keep_going: bool,
    no_header: bool,
    force: bool,
    dry_run: bool,
    example: bool,
    as_json: bool,
) -> None:
    """Add the keys of a CSV file (- for stdin): identity,psk[,mac[,vlanid]], header optional. All or none."""
    if example:
        click.echo(render_example(), nl=False)
        return
    if file is None:
        raise click.UsageError("say FILE.csv, or - for stdin; --example prints one to begin with")
    began = time.monotonic()
    try:
        with open_database(context) as store, read_file(file) as octets, progress_bar() as progress:
            store.recorder.author = author_of(context)
            keypool = find_keypool(store, pool, venue)
            done = import_keys(
                store,
                keypool.id,
                keypool.ssid,
                octets,
                name=file,
                keep_going=keep_going,
                header=not no_header,
                formulas=force,
                dry_run=dry_run,
                progress=progress,
            )
            if not dry_run:
                store.compact()
    except ImportRefused as error:
        for line in error.shown():
            click.echo(f"latchkey: {file}: {line}", err=True)
        raise
    _print_imported(done, file, dry_run=dry_run, seconds=time.monotonic() - began, as_json=as_json)
    if not done.count:
        context.exit(1)


def _print_imported(done: Imported, file: str, *, dry_run: bool, seconds: float, as_json: bool) -> None:
    for line in (*done.notes, *done.refusals):
        click.echo(f"latchkey: {file}: {line}", err=True)
    if as_json:
        refused = [{"line": refusal.line, "reason": refusal.reason} for refusal in done.refusals]
        print_object({"would_import" if dry_run else "imported": done.count, "refused": refused})
        return
    verb = "would import" if dry_run else "imported"
    if sys.stdout.isatty():
        click.echo(f"{verb} {done.count:,}, refused {len(done.refusals):,}, in {seconds:.1f} s")
    else:  # for scripts, as ever
        click.echo(f"{verb} {done.count}, refused {len(done.refusals)}")


@click.command("export")
@click.argument("file", metavar="[FILE.csv]", default="-", type=click.Path())
@pool_option
@venue_option
@click.option("--all", "everything", is_flag=True, help="Also suspended, expired and future keys.")
@secrets_option
@db_option
@click.pass_context
def key_export(
    context: click.Context, file: str, pool: str | None, venue: str | None, everything: bool, show_secrets: bool
) -> None:
    """Write the keys valid now as identity,psk[,mac[,vlanid]], to a new file for your eyes. Needs --show-secrets.

    CSV has no columns for windows and suspensions: --all makes them valid for whoever reads the file.
    """
    if not show_secrets:
        raise InvalidValue("the file would hold every passphrase: say --show-secrets if that is meant")
    with open_database(context, readonly=True) as store:
        keypool = find_keypool(store, pool, venue)
        formulas = _Counter()
        unopened = Unopened()
        keys = formulas.through(_exported(store, keypool.id, everything, unopened))
        try:
            descriptor = None if file == "-" else os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with nullcontext(sys.stdout) if descriptor is None else os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.writelines(render_rows(keys))
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InvalidValue(f"cannot write {file}: {error.strerror}") from error
    if formulas.count:
        what = "key has" if formulas.count == 1 else "keys have"
        click.echo(
            f"latchkey: {formulas.count:,} {what} a cell that begins with =, +, - or @:"
            " a spreadsheet would calculate it, so open the file as text",
            err=True,
        )
    if unopened.count:
        context.exit(1)


class _Counter:
    """Counts what goes through that a spreadsheet would calculate."""

    def __init__(self) -> None:
        self.count = 0

    def through(self, keys: Iterator[tuple[Key, Sequence[Device]]]) -> Iterator[tuple[Key, Sequence[Device]]]:
        for each, devices in keys:
            self.count += begins_as_formula(each)
            yield each, devices


def _exported(
    store: Store, keypool_id: int, everything: bool, unopened: Unopened
) -> Iterator[tuple[Key, Sequence[Device]]]:
    now = utc_now()
    for each in store.keys.listed(keypool_id=keypool_id):
        if isinstance(each, KeyLabel):
            if each.status is not KeyStatus.REMOVED:
                unopened.report("keys", each.id)
        elif each.grace_of is not None:
            continue  # a former passphrase, for the devices that still come with it
        elif each.status is not KeyStatus.REMOVED if everything else each.validity(now) is None:
            yield each, _devices(store, each)


def _devices(store: Store, of: Key) -> tuple[Device, ...]:
    return tuple(store.devices.of_keys(first_key_id=of.id, last_key_id=of.id))
