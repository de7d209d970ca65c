"""The commands `sync plan`, `accept` and `release`: what would be done, by a person's word or not at all."""

import json
from pathlib import Path

import click

from ...errors import InvalidValue, NotFound, ProvisioningError
from ...runner.run import Outcome, RunReport
from ...runner.source import opened
from ...store import Store
from ...sync import NotAPlan, Plan, dump_plan, plan_id
from ...text import printable
from ..completion import complete_connectors
from ..new_files import new_file
from ..options import db_option, json_option, open_database, print_object, progress_bar, tell, utc_now
from ..writing import author_of, author_option, changing, reason_of, reason_option
from .connectors import (
    choose_one,
    config_option,
    find_connector,
    find_plan,
    parse_plan_id,
    say,
)
from .loading import load_sources
from .signals import ending_cleanly
from .wording import details, fault_lines, headline, render_plan, view_report, what_next

_LARGEST = 1 << 30  # octets of a plan's file


@click.command("plan")
@click.argument("name", metavar="NAME|PLAN", shell_complete=complete_connectors)
@click.option("--out", metavar="FILE", help="Write it there as JSON, without passphrases.")
@click.option("--force", is_flag=True, help="Write over that file.")
@click.option("--all", "everything", is_flag=True, help="Name each record that is added, however many there are.")
@config_option
@json_option
@db_option
@click.pass_context
def sync_plan(
    context: click.Context, name: str, out: str | None, force: bool, everything: bool, config: Path, as_json: bool
) -> None:
    """Ask a platform what there is, and print what a synchronisation would do; or print a plan that was kept.

    The plan is kept, so that `latchkey sync accept PLAN` can do exactly that. While a connector is held a new plan
    takes the place of the one before.
    """
    with ending_cleanly(), new_file(out, force=force) as file, open_database(context) as store:
        plan = _kept(store, name) if _is_kept(store, name, config) else _make(context, store, name, config)
        if file is not None:
            file.write(dump_plan(plan))
            file.keep()
            tell(f"{plan.id} is in {file.path}")
        elif as_json:
            click.echo(dump_plan(plan).decode())
        if not as_json and (file is None):
            venues = {held.id: held.name for held in store.sync.holdings(plan.connector).venues.values()}
            for line in render_plan(plan, venues, everything=everything):
                say(line)
            if plan.steps:
                click.echo(f"\ncarry it out: latchkey sync accept {plan.id}")


def _is_kept(store: Store, text: str, config: Path) -> bool:
    """Return whether a plan is meant rather than a connector, whose names may look alike."""
    parsed = parse_plan_id(text)
    if parsed is None or store.sync.connector(text) is not None or store.sync.connector(parsed[0]) is None:
        return False
    try:
        return text not in load_sources(config)
    except ProvisioningError:
        return True


def _kept(store: Store, text: str) -> Plan:
    return store.sync.plan(find_plan(store, text)[1])


def _make(context: click.Context, store: Store, name: str, config: Path) -> Plan:
    source = choose_one(load_sources(config), name, config)
    with progress_bar() as progress, opened(store, source, now=utc_now, progress=progress) as ready:
        report = ready.run.plan()
    if report.plan is None:
        tell(headline(report))
        context.exit(1)
    return report.plan


@click.command("accept")
@click.argument("plan", metavar="PLAN")
@config_option
@reason_option
@author_option
@json_option
@db_option
@click.pass_context
def sync_accept(context: click.Context, plan: str, config: Path, as_json: bool) -> None:
    """Carry out a plan: exactly this one, by its id (hudson-3) or its file.

    Where something that it was made from has changed since, nothing is done but to make a new plan, to be read first.
    """
    text, contents = _read(plan)
    with ending_cleanly(), open_database(context) as store:
        name, number = find_plan(store, text)
        if contents is not None:
            _refuse_other(plan, contents, store.sync.plan(number))
        source = choose_one(load_sources(config), name, config)
        store.recorder.author = author_of(context)
        with progress_bar() as progress, opened(store, source, now=utc_now, progress=progress) as ready:
            report = ready.run.accept(number, reason=reason_of(context))
    if as_json:
        print_object(view_report(report))
    else:
        _print(report)
    if report.outcome not in (Outcome.DONE, Outcome.PARTIAL):
        context.exit(1)


def _print(report: RunReport) -> None:
    line = headline(report)
    if report.outcome in (Outcome.DONE, Outcome.PARTIAL):
        say(line)
    else:
        tell(printable(line))
    for each in (*details(report), *fault_lines(report), *what_next(report)):
        say(f"  {each}")


def _read(text: str) -> tuple[str, bytes | None]:
    """Return the id of a plan that is named, or that a file holds, and what is in the file."""
    path = Path(text)
    if parse_plan_id(text) is not None and not path.is_file():
        return text, None
    if not path.is_file():
        raise InvalidValue(f"{text[:80]!r} is no plan's id, such as hudson-3, and no file of a plan")
    try:
        with path.open("rb") as file:
            contents = file.read(_LARGEST)
        return plan_id(contents), contents
    except NotAPlan as error:
        raise InvalidValue(f"{path} is no plan: {error}") from None
    except OSError as error:
        raise InvalidValue(f"cannot read {path}: {error.strerror}") from error


def _refuse_other(name: str, contents: bytes, kept: Plan) -> None:
    """Raise InvalidValue unless a file is this plan, as whoever accepts it has read it there."""
    if json.loads(contents) != json.loads(dump_plan(kept)):
        raise InvalidValue(f"{name} is not {kept.id} as it is kept here: it was altered, or is another database's")


@click.command("release")
@click.argument("name", metavar="NAME", shell_complete=complete_connectors)
@reason_option
@author_option
@db_option
@click.pass_context
def sync_release(context: click.Context, name: str) -> None:
    """Let a connector go on without its plan: the next run asks the platform, and judges anew."""
    with changing(context, "sync.release") as (store, change):
        state = find_connector(store, name)
        begun = store.sync.accepted(name)
        number = state.held_plan if begun is None else begun.number
        if number is None:
            raise NotFound(f"{name} is not held")
        change.is_told = True
        change.subject("sync_plan", number, f"{name}-{number}")
        store.sync.let_go(name)
        if begun is not None:
            store.sync.close_plan(begun.number)
    if begun is None:
        click.echo(f"{name} is not held any more; plan {name}-{number} is not carried out")
    else:
        click.echo(f"{name}: the rest of plan {name}-{number} is not carried out")
