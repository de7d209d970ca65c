"""`latchkey serve`."""

import os

import click

from provisioning import database_path, db_option


@click.command()
@click.option(
    "--listen",
    multiple=True,
    default=["127.0.0.1:1812"],
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where access points ask; may be given several times.",
)
@db_option
@click.pass_context
def serve(context: click.Context, listen: tuple[str, ...]) -> None:
    """Answer access points until SIGTERM or SIGINT."""
    from .logs import start_log
    from .server import serve_forever

    start_log()
    serve_forever(database_path(context), os.environ, listen)
