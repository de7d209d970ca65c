"""The commands `init` and `upgrade`: the database itself."""

import os

import click

from ...secrets import KEY_VARIABLE, key_path
from ...store import create_store
from ..options import database_path, db_option, open_database


@click.command()
@db_option
@click.pass_context
def init(context: click.Context) -> None:
    """Make the database, and its master key where there is none."""
    path = database_path(context)
    given = bool(os.environ.get(KEY_VARIABLE)) or key_path(path, os.environ).exists()
    create_store(path, os.environ).close()
    click.echo(f"created {path}")
    if not given:
        click.echo(
            f"created {key_path(path, os.environ)}: keep a copy elsewhere, the database is unreadable without it"
        )


@click.command()
@db_option
@click.pass_context
def upgrade(context: click.Context) -> None:
    """Bring the database of an older version up to date, as `serve` and every command that changes it do.

    A copy of it as it was is kept beside it.
    """
    path = database_path(context)
    open_database(context).close()
    click.echo(f"{path} is up to date")
