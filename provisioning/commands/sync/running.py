"""The command `sync run`: once, or again and again as a service."""

import os
import signal
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click

from ...errors import ProvisioningError
from ...keys import Progress
from ...model import Author
from ...model.rules.spans import parse_every
from ...runner.rounds import Ran, Rounds
from ...runner.run import Outcome, RunReport
from ...runner.source import Connected, Source, Stop, Stopped, opened
from ...store import Store, open_store
from ...text import printable
from ..completion import complete_connectors
from ..fields import naming
from ..options import (
    database_path,
    db_option,
    json_option,
    open_database,
    print_views,
    progress_bar,
    tell,
    utc_now,
)
from ..writing import author_of, author_option, dry_run_option, is_author_said, is_dry_run, refuse_older
from .connectors import author_of_runs, choose, config_option, explain, say, warn
from .loading import load_sources
from .news import News
from .signals import ending_cleanly, on
from .wording import details, fault_lines, headline, view_report, what_next

_BAD = frozenset({Outcome.HELD, Outcome.FAILED, Outcome.BUSY})


@click.command("run")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_connectors)
@click.option("--every", metavar="SPAN", help="Go on until stopped, so often (5m, 1h) where a connector does not say.")
@config_option
@dry_run_option
@author_option
@json_option
@db_option
@click.pass_context
def sync_run(context: click.Context, names: Sequence[str], every: str | None, config: Path, as_json: bool) -> None:
    """Synchronise with these connectors, or with all there are.

    One that fails costs itself. The exit status is 1 where one failed, or is held until a person has accepted a plan.
    With --every the configuration is read anew in each round, and what was said before is not said again.
    """
    dry_run = is_dry_run(context)
    if every is not None:
        if dry_run or as_json:
            raise click.UsageError("--every goes with neither --dry-run nor --json")
        with naming("--every"):
            span = parse_every(every)
        _go_on(context, names, span, config)
        return
    if dry_run:
        refuse_older(context)
    sources = choose(load_sources(config), names, config)
    author = author_of(context) if is_author_said(context) else None
    reports = []
    with ending_cleanly(), open_database(context, readonly=dry_run) as store:
        for source in sources.values():
            warn(source)
            with progress_bar() as progress:
                report = run_one(store, source, author=author, dry_run=dry_run, progress=progress)
            reports.append(report)
            if not as_json:
                _print(report, dry_run=dry_run)
    if as_json:
        print_views(map(view_report, reports), (), as_json)
    if any(report.outcome in _BAD for report in reports):
        context.exit(1)


def run_one(
    store: Store,
    source: Source,
    *,
    author: Author | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> RunReport:
    """Synchronise with one connector; what goes wrong is said in the report, so that the others go on."""
    store.recorder.author = author or author_of_runs(source.name)
    platform: Connected | None = None
    try:
        with opened(store, source, now=utc_now, progress=progress, stop=stop) as ready:
            platform = ready.platform
            report = ready.run.dry_run() if dry_run else ready.run.run()
            return replace(report, quiet_s=platform.quiet_s)
    except Stopped:
        raise
    except ProvisioningError as error:
        text = explain(error)
    except Exception as error:  # a mistake of ours, whose text may hold what a platform said
        text = f"a defect, please report it: {_place(error)}"
    if not dry_run:
        with suppress(ProvisioningError):
            store.sync.finish(
                source.name, now=utc_now(), complete=False, error=text, details={"outcome": Outcome.FAILED.value}
            )
    quiet_s = 0.0 if platform is None else platform.quiet_s
    return RunReport(connector=source.name, outcome=Outcome.FAILED, text=text, quiet_s=quiet_s)


def _place(error: Exception) -> str:
    """Return what kind of error it is, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def _print(report: RunReport, *, dry_run: bool) -> None:
    line = headline(report, dry_run=dry_run)
    if report.outcome in _BAD:
        tell(printable(line))
    else:
        say(line)
    for each in (*details(report), *fault_lines(report), *what_next(report)):
        say(f"  {each}")


# Again and again.


def _go_on(context: click.Context, names: Sequence[str], every: timedelta, config: Path) -> None:
    choose(load_sources(config), names, config)  # what is wrong at the start ends it
    open_database(context).close()
    service = _Service(database_path(context), author_of(context) if is_author_said(context) else None)

    def load() -> Mapping[str, Source]:
        sources = choose(load_sources(config), names, config)
        service.warn(sources)
        return sources

    with on(signal.SIGTERM, service.end), on(signal.SIGINT, service.end):
        Rounds(
            load=load,
            run=service.run,
            failed=service.cannot_load,
            every=every,
            stop=service.stop,
            clock=time.monotonic,
        ).go_on()


class _Service:
    """Runs one connector in a thread, and says what is new of it."""

    def __init__(self, path: Path, author: Author | None) -> None:
        self.stop = Stop()
        self._path = path
        self._author = author
        self._lock = threading.Lock()  # of what is printed
        self._news: dict[str, News] = {}
        self._trouble = News()
        self._warnings = News()

    def end(self, *_: object) -> None:
        self.stop.set()

    def run(self, source: Source) -> Ran:
        """Return whether it is synchronised, and when its platform may be asked again."""
        try:
            with open_store(self._path, os.environ, tell=tell) as store:
                report = run_one(store, source, author=self._author, stop=self.stop)
        except Stopped:
            return Ran(worked=True)
        except ProvisioningError as error:  # the database
            report = RunReport(connector=source.name, outcome=Outcome.FAILED, text=explain(error))
        with self._lock:
            self._say(report)
        return Ran(report.outcome not in (Outcome.FAILED, Outcome.BUSY), report.quiet_s)

    def warn(self, sources: Mapping[str, Source]) -> None:
        """Say what the configuration says without effect, where it did not say that before."""
        with self._lock:
            for line in self._warnings.lines(line for source in sources.values() for line in source.warnings):
                tell(f"warning: {line}")
            self._trouble.lines(())

    def cannot_load(self, error: ProvisioningError) -> None:
        with self._lock:
            for line in self._trouble.lines([f"{explain(error)}: going on with what it said before"]):
                tell(line)

    def _say(self, report: RunReport) -> None:
        news = self._news.setdefault(report.connector, News())
        line = headline(report)
        worked = report.applied is not None and bool(report.applied.done)
        # A hold that lasts is told in other words than a new one, and who is at it says until when.
        is_new = news.is_new(report.held or ("busy" if report.outcome is Outcome.BUSY else line))
        if report.outcome in _BAD and is_new:
            tell(printable(line))
        elif report.outcome not in _BAD and (is_new or worked):
            say(line)
        told = [*details(report), *(str(fault) for fault in report.faults), *what_next(report)]
        if report.plan is not None or report.completed is not None or report.outcome is Outcome.HELD:
            for each in news.lines(told):
                say(f"  {report.connector}: {each}")
