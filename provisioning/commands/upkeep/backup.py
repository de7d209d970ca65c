"""The commands `backup` and `restore`."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from ...store.files.backup import Contents, back_up, key_place
from ...store.files.restore import Loss, restore_backup
from ...text import printable
from ..options import database_path, db_option, json_option, print_object, tell
from ..unopened import Unopened
from ..views import View
from ..writing import author_of, is_dry_run, reason_of, writes

_file = click.Path(path_type=Path, readable=False)


@click.command()
@click.argument("file", type=_file)
@click.option("--force", is_flag=True, help="Replace FILE where it is there.")
@click.option("--quick", is_flag=True, help="Check nothing of the copy; needs no master key.")
@json_option
@db_option
@click.pass_context
def backup(context: click.Context, file: Path, force: bool, quick: bool, as_json: bool) -> None:
    """Copy the database to FILE, while servers and others use it, and check that the copy opens.

    The copy is one file, readable by its owner only, and has that name only once it is whole. The master key, which it
    opens with, is not in it: keep that elsewhere. Exit status 1 with a copy means that rows in it, as in the database,
    cannot be opened.
    """
    path, unopened = database_path(context), Unopened()
    contents = back_up(path, file, os.environ, report=unopened.report, force=force, quick=quick)
    place = key_place(path, os.environ)
    if as_json:
        print_object({"file": str(file), **asdict(contents), "unopened": unopened.count, "master_key": place})
    else:
        click.echo(f"wrote {file}: {_describe(contents)}")
        sealed = contents.sealed
        done = "not checked" if sealed is None else f"checked: the pages, the master key, {sealed:,} sealed values"
        click.echo(done)
        click.echo(f"it opens only with the master key ({place}), which is not in it: keep a copy of that elsewhere")
    context.exit(1 if unopened.count else 0)


@click.command()
@click.argument("file", type=_file)
@click.option(
    "--former-key",
    type=_file,
    metavar="KEYFILE",
    help="The master key that FILE was made with, where that was replaced since: it is sealed anew.",
)
@json_option
@writes
@db_option
@click.pass_context
def restore(context: click.Context, file: Path, former_key: Path | None, as_json: bool) -> None:
    """Put the backup FILE in the database's place, while servers and others use it.

    FILE is checked first, and brought up to date where an older version made it; FILE itself stays as it is. The
    database that was there is kept beside it. Running servers go on with the backup's keys within a second or so.
    With --dry-run nothing is done but the checks, and what would be lost is said.
    """
    path, unopened = database_path(context), Unopened()
    found, dry_run = path.exists(), is_dry_run(context)
    restored = restore_backup(
        path,
        file,
        os.environ,
        report=unopened.report,
        tell=tell,
        author=author_of(context),
        reason=reason_of(context),
        former_key=former_key,
        dry_run=dry_run,
    )
    loss, kept = restored.loss, restored.kept
    if as_json:
        print_object(
            {
                "file": str(file),
                **asdict(restored.contents),
                "unopened": unopened.count,
                "lost": None if loss is None else _view_loss(loss),
                "kept": None if kept is None else str(kept),
                "dry_run": dry_run,
            }
        )
        return
    click.echo(f"{'would restore' if dry_run else 'restored'} {path} from {file}: {_describe(restored.contents)}")
    for line in _describe_loss(loss, path, found):
        click.echo(line)
    if kept is not None:
        click.echo(f"what was there is kept at {kept}")


def _describe(contents: Contents) -> str:
    size = contents.octets / 2**20
    return f"venues {contents.venues:,}, keys {contents.keys:,}, revision {contents.revision:,}, {size:,.1f} MiB"


def _describe_loss(loss: Loss | None, path: Path, found: bool) -> Iterator[str]:
    if loss is None:
        if found:
            yield f"what {path} held cannot be read: nothing can be said of what is lost"
    elif not loss.related:
        yield f"it is no earlier state of {path}, which is at revision {loss.revision:,}: all that differs is lost"
    elif not loss.changes:
        yield "lost: nothing, the database has not changed since"
    else:
        yield f"lost: what was changed since (changes: {loss.changes:,}, keys added: {loss.keys:,})"
        for id_, identity in loss.named:
            yield f"  key {id_} {printable(identity)}"
        if loss.keys > len(loss.named):
            yield f"  and {loss.keys - len(loss.named):,} more"


def _view_loss(loss: Loss) -> View:
    return {**asdict(loss), "named": [{"id": id_, "identity": identity} for id_, identity in loss.named]}
