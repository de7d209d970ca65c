"""`latchkey serve`."""

import os
from pathlib import Path

import click

from provisioning import db_option


@click.command()
@click.option(
    "--listen",
    "listen",
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
    path: Path = context.meta["latchkey.db"]
    serve_forever(path, os.environ, listen)
