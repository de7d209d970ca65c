"""`latchkey serve`."""

import os
from pathlib import Path

import click

from provisioning import database_path, db_option


@click.command()
@click.option(
    "--listen",
    multiple=True,
    show_default="127.0.0.1:1812",
    metavar="ADDRESS:PORT",
    help="Where access points ask; may be given several times.",
)
@click.option(
    "--acct",
    multiple=True,
    show_default="no accounting",
    metavar="ADDRESS:PORT",
    help="Where access points report sessions; may be given several times.",
)
@click.option("--workers", type=click.IntRange(1, 256), show_default="1", help="Processes that share the port.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, readable=False),
    show_default="./latchkey.toml, if it is there",
    help="Limits and all the rest: see latchkey.example.toml. Options given here win over it.",
)
@click.option(
    "--metrics", show_default="none", metavar="ADDRESS:PORT", help="Where Prometheus asks: 127.0.0.1:9812, as a rule."
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    show_default="text",
    help="Of the lines on stderr: for people, or one JSON object each.",
)
@click.option(
    "--portable",
    is_flag=True,
    help="Serve by pyrad's Server, as where the system has no recvmmsg (macOS, BSD): every request costs more.",
)
@click.option("--check", is_flag=True, help="Say what would keep this site from working, and do not serve.")
@db_option
@click.pass_context
def serve(
    context: click.Context,
    listen: tuple[str, ...],
    acct: tuple[str, ...],
    workers: int | None,
    config: Path | None,
    metrics: str | None,
    log_format: str | None,
    portable: bool,
    check: bool,
) -> None:
    """Answer access points until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    from .config import Settings, default_path
    from .server.process import serve_forever

    options = {
        "listen": list(listen),
        "acct": list(acct),
        "workers": workers,
        "metrics": metrics,
        "log": None if log_format is None else {"format": log_format},
    }
    given = {name: value for name, value in options.items() if value not in (None, [])}
    settings = Settings(config or default_path(), given)
    if check:
        from .check.cli import check_site

        context.exit(check_site(database_path(context), os.environ, settings, starting=True))
    serve_forever(database_path(context), os.environ, settings, portable=portable)
