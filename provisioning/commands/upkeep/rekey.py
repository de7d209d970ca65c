"""The command `rekey`."""

import os
from pathlib import Path

import click

from ...rekey import rekey as seal_anew
from ..options import database_path, db_option, progress_bar, tell


@click.command()
@click.option(
    "--new-key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the new key to this new file, for a key that is not in a file beside the database.",
)
@db_option
@click.pass_context
def rekey(context: click.Context, new_key_file: Path | None) -> None:
    """Seal the database with a new master key. Passphrases stay as they are, and running servers go on.

    \b
    latchkey rekey                                    the key's file is replaced, the former key kept beside it
    latchkey rekey --new-key-file /root/latchkey.key  where the key comes from elsewhere: bring it there afterwards
    """
    with progress_bar() as progress:
        done = seal_anew(database_path(context), os.environ, new_path=new_key_file, progress=progress, tell=tell)
    click.echo(f"the master key is a new one now: {done.path}")
    if done.former is not None:
        click.echo(f"the former one is kept in {done.former}: backups made before need it")
    if new_key_file is not None:
        click.echo("give it to the servers that run, and restart them: until then they answer from memory")
    if done.damaged:
        click.echo(f"latchkey: warning: {done.damaged} rows could not be opened, and are as they were", err=True)
