"""`latchkey check`, and what `latchkey serve --check` does."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from provisioning import (
    MasterKeyError,
    NewerDatabase,
    ProvisioningError,
    StoreMissing,
    database_path,
    db_option,
    json_option,
    open_store,
)

from ..config import Config, Settings, default_path
from ..errors import ConfigError
from ..log.line_format import printable, render_json
from . import contents, machine, site
from .finding import Finding, Level, run

_COLOURS: Final = {Level.ERROR: "red", Level.WARNING: "yellow", Level.ADVICE: "cyan"}
_REMEDIES: Final = (
    (StoreMissing, "latchkey init, or name the database with --db or LATCHKEY_DB"),
    (MasterKeyError, "restore the key from its backup, with mode 600, or name it with LATCHKEY_MASTER_KEY_FILE"),
    (NewerDatabase, "install the version that wrote it, or a newer one"),
    (
        ProvisioningError,
        "latchkey restore FILE, from a backup, if it is damaged; latchkey upgrade, if it is an old one",
    ),
)


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, readable=False),
    show_default="./latchkey.toml, if it is there",
    help="The configuration that `serve` is started with.",
)
@json_option
@db_option
@click.pass_context
def check(context: click.Context, config: Path | None, as_json: bool) -> None:
    """Say what would keep this site from working, and what to do about it; exit status 1 where there is an error."""
    settings = Settings(config or default_path())
    context.exit(check_site(database_path(context), os.environ, settings, as_json=as_json))


def check_site(
    database: Path, environ: Mapping[str, str], settings: Settings, *, starting: bool = False, as_json: bool = False
) -> int:
    """Print what is found; return the exit status.

    starting: as `serve --check`, where a port that is taken is an error, and so is an address that no NAS reaches
    """
    found = list(find(database, environ, settings, starting=starting))
    errors = sum(each.level is Level.ERROR for each in found)
    for each in found:
        click.echo(_render_json(each) if as_json else _render(each))
    if not as_json:
        warnings = sum(each.level is Level.WARNING for each in found)
        count = len(site.CHECKS) + len(contents.CHECKS) + len(machine.CHECKS) + 2
        click.echo(f"{count} checks: errors {errors}, warnings {warnings}" if found else f"{count} checks: all is well")
    return 1 if errors else 0


def find(database: Path, environ: Mapping[str, str], settings: Settings, *, starting: bool) -> Iterator[Finding]:
    """Yield all findings."""
    config = Config()
    try:
        config = settings.load()
    except ConfigError as error:
        yield Finding("configuration", Level.ERROR, str(error), "mend that line; latchkey.example.toml has them all")
    try:
        with open_store(database, environ, readonly=True) as store:
            subject = site.Site.read(store, config, starting=starting)
            condition = store.integrity.examine()
    except ProvisioningError as error:
        remedy = next(text for kind, text in _REMEDIES if isinstance(error, kind))
        yield Finding("database", Level.ERROR, str(error), remedy)
    else:
        yield from run(site.CHECKS, subject)
        yield from run(contents.CHECKS, condition)
    around = machine.Machine(
        database=database, environ=environ, config=config, config_path=settings.path, starting=starting
    )
    yield from run(machine.CHECKS, around)


def _render(finding: Finding) -> str:
    level = click.style(f"{finding.level.value:8}", fg=_COLOURS[finding.level])
    return f"{level}{printable(finding.text)} -> {printable(finding.remedy)}"


def _render_json(finding: Finding) -> str:
    return render_json(
        {"check": finding.check, "level": finding.level.value, "text": finding.text, "remedy": finding.remedy}
    )
