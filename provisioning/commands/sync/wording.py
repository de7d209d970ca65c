"""What a synchronisation did or would do, in a person's words. Names and ids, and nothing secret."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from ...runner.apply import Applied
from ...runner.run import Outcome, RunReport
from ...sync import WHOLE, Action, Field, Kind, Plan, SaidVenue, Step, shorten
from ..views import View

MOST_LINES: Final = 25  # of one action at one venue, unless all are asked for; who loses something is always named
MOST_FAULTS: Final = 200
_ALWAYS: Final = frozenset({Action.SUSPEND, Action.END})
_KINDS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.VENUE: ("venue", "venues"),
    Kind.POOL: ("SSID", "SSIDs"),
    Kind.PLAN: ("service plan", "service plans"),
    Kind.UNIT: ("unit", "units"),
    Kind.SUBSCRIBER: ("subscriber", "subscribers"),
    Kind.KEY: ("key", "keys"),
    Kind.NAS: ("NAS", "NASes"),
}
_DONE: Final[Mapping[Action, str]] = {
    Action.ADD: "added",
    Action.RETURN: "brought back",
    Action.RESUME: "resumed",
    Action.CHANGE: "changed",
    Action.SUSPEND: "suspended",
    Action.END: "ended",
}
_WOULD: Final[Mapping[Action, str]] = {
    Action.ADD: "would add",
    Action.RETURN: "would bring back",
    Action.RESUME: "would resume",
    Action.CHANGE: "would change",
    Action.SUSPEND: "would suspend",
    Action.END: "would end",
}
_HEADINGS: Final[Mapping[Action, str]] = {
    Action.ADD: "to add",
    Action.RETURN: "to bring back",
    Action.RESUME: "to resume",
    Action.CHANGE: "to change",
    Action.SUSPEND: "to suspend",
    Action.END: "to end",
}
_HEADLINES: Final[Mapping[Outcome, str]] = {
    Outcome.HELD: "held",
    Outcome.FAILED: "not synchronised",
    Outcome.BUSY: "not synchronised, as another process is at it",
}


# A run.


def headline(report: RunReport, *, dry_run: bool = False) -> str:
    """Return in one line how a run ended."""
    if (word := _HEADLINES.get(report.outcome)) is not None:
        return f"{report.connector}: {word}: {report.text}" if report.text else f"{report.connector}: {word}"
    if dry_run:
        assert report.plan is not None  # noqa: S101 (what was read became one)
        done = Counter((step.action, step.kind) for step in report.plan.steps)
    else:
        done = Counter() if report.applied is None else report.applied.done
    told = describe_counts(done, _WOULD if dry_run else _DONE) or ("nothing would change" if dry_run else "no change")
    return f"{report.connector}: {told}" if report.text is None else f"{report.connector}: {told}; {report.text}"


def details(report: RunReport) -> Iterator[str]:
    """Yield what else a person should know of a run, a line each; its faults aside."""
    if (before := report.completed) is not None and before.plan is not None and before.applied is not None:
        told = describe_counts(before.applied.done, _DONE) or "nothing was left to do"
        yield f"completed plan {before.plan.id}, which was interrupted: {told}"
    plan = report.plan
    if plan is not None and plan.waiting:
        told = describe_counts(Counter((step.action, step.kind) for step in plan.waiting), _WOULD)
        yield f"waits until the platform can be read completely: {told}"
    if plan is not None and (missing := plan.still_missing):
        yield f"not at the platform any more, and waiting for further readings: {count_of(Kind.KEY, missing)}"


def what_next(report: RunReport) -> Iterator[str]:
    """Yield what to do about a run that is held, a line each."""
    if report.outcome is not Outcome.HELD:
        return
    if report.held is None:  # a dry run: no plan was kept
        yield f"`latchkey sync plan {report.connector}` makes the plan to read and accept"
        return
    yield f"read it:      latchkey sync plan {report.held}"
    yield f"carry it out: latchkey sync accept {report.held}"
    yield f"or let it go: latchkey sync release {report.connector}    (the next run makes a plan of its own)"


def fault_lines(report: RunReport, most: int = MOST_FAULTS) -> Iterator[str]:
    """Yield the faults of a run, a line each."""
    yield from some((str(fault) for fault in report.faults), most, "faults")


def some(lines: Iterable[str], most: int, what: str) -> Iterator[str]:
    """Yield so many lines, and how many more there are."""
    more = 0
    for number, line in enumerate(lines):
        if number < most:
            yield line
        else:
            more += 1
    if more:
        yield f"and {more:,} more {what}"


def view_report(report: RunReport) -> View:
    """Return a run for JSON."""
    plan, applied = report.plan, report.applied
    return {
        "connector": report.connector,
        "outcome": report.outcome.value,
        "text": report.text,
        "held": report.held,
        "plan": None if plan is None else plan.counts,
        "complete": None if plan is None else plan.is_complete,
        "waiting": 0 if plan is None else len(plan.waiting),
        "missing": 0 if plan is None else plan.still_missing,
        "done": _view_done(applied),
        "completed": None
        if report.completed is None or report.completed.plan is None
        else {"plan": report.completed.plan.id, "done": _view_done(report.completed.applied)},
        "faults": [str(fault) for fault in report.faults],
    }


def _view_done(applied: Applied | None) -> dict[str, int]:
    if applied is None:
        return {}
    return {f"{action.value} {kind.value}": count for (action, kind), count in sorted(applied.done.items(), key=str)}


def describe_counts(counts: Mapping[tuple[Action, Kind], int], words: Mapping[Action, str]) -> str:
    """Return what was done to how many records; "" where it was nothing."""
    parts = []
    for action in Action:
        kinds = [count_of(kind, number) for kind in Kind if (number := counts.get((action, kind), 0))]
        if kinds:
            listed = f"{', '.join(kinds[:-1])} and {kinds[-1]}" if len(kinds) > 1 else kinds[0]
            parts.append(f"{words[action]} {listed}")
    return "; ".join(parts)


def count_of(kind: Kind, count: int) -> str:
    """Return so many records of a kind."""
    return f"{count:,} {_KINDS[kind][count != 1]}"


# A plan.


def render_plan(plan: Plan, venue_names: Mapping[str, str], *, everything: bool = False) -> Iterator[str]:
    """Yield the lines of a plan: why it waits, then its steps by venue, what waits, and faults.

    venue_names: of the platform's venues that the store knows
    everything:  each record that is added, however many there are
    """
    most = len(plan.steps) if everything else MOST_LINES
    yield f"plan {plan.id} ({plan.platform}), made {plan.made_at:%Y-%m-%d %H:%M} UTC"
    if not plan.is_complete:
        yield "the platform was read in part: nobody is taken off where something is missing"
    if plan.holds:
        yield "a person has to accept it:"
        yield from (f"  {each}" for each in plan.holds)
    names = dict(venue_names)
    names |= {step.said.id: step.said.name for step in plan.steps if isinstance(step.said, SaidVenue)}
    for venue, steps in groupby(sorted(plan.steps, key=lambda step: step.venue), lambda step: step.venue):
        yield ""
        yield from _render_venue(_venue_title(venue, names), list(steps), most)
    if not plan.steps:
        yield "nothing would change"
    if plan.waiting:
        yield ""
        yield f"waits until the platform can be read completely ({len(plan.waiting):,})"
        yield from (f"  {line}" for line in map(render_step, plan.waiting))
    if plan.faults:
        yield ""
        yield f"to know ({len(plan.faults):,})"
        yield from (f"  {line}" for line in some(map(str, plan.faults), max(most, MOST_FAULTS), "(--all shows them)"))


def _venue_title(venue: str, names: Mapping[str, str]) -> str:
    if venue == WHOLE:
        return "everywhere"
    name = names.get(venue)
    return shorten(venue) if name is None or name == venue else f"{shorten(name)} ({shorten(venue)})"


def _render_venue(title: str, steps: Sequence[Step], most: int) -> Iterator[str]:
    yield title
    for action in Action:
        of_action = [step for step in steps if step.action is action]
        if of_action:
            yield f"  {_HEADINGS[action]} ({len(of_action):,})"
            for kind, of_kind in groupby(of_action, lambda step: step.kind):
                shown = len(of_action) if action in _ALWAYS else most
                more = f"{_KINDS[kind][1]} (--all shows them)"
                yield from (f"    {line}" for line in some(map(render_step, of_kind), shown, more))


def render_step(step: Step) -> str:
    """Return a step in one line: what, whose, what changes from what to what, and why."""
    is_new = step.action in (Action.ADD, Action.RETURN)
    changes = ", ".join(_render_field(field, is_new=is_new) for field in step.fields)
    line = f"{_KINDS[step.kind][0]} {shorten(step.id)}"
    if shorten(step.label) != shorten(step.id):
        line += f"  {shorten(step.label)}"
    if changes:
        line += f": {changes}"
    return f"{line}  ({shorten(step.reason)})" if step.reason else line


def _render_field(field: Field, *, is_new: bool) -> str:
    before, after = ("none" if each is None else shorten(each) for each in (field.before, field.after))
    return f"{field.name} {after}" if is_new else f"{field.name} {before} -> {after}"
