"""The commands `audit` and `undo`: who changed what, and taking it back."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import click

from ...errors import StoreError
from ...lifecycle.undo import undo as take_back
from ...model import AuditEntry
from ...store import Store
from ...text import quote
from ..fields import enter_instant
from ..options import db_option, json_option, open_database, print_object
from ..views import View, view_instant
from ..writing import author_of, changing, render_row_change, writes

_POLL_S: Final = 0.5
_MOST_NAMES: Final = 3  # of what one change was made to
_PLURALS: Final = {"nas": "NASes"}
_DID: Final = {
    "add": "added",
    "return": "brought back",
    "resume": "resumed",
    "change": "changed",
    "suspend": "suspended",
    "end": "ended",
}


@click.command()
@click.argument("what", required=False, type=click.Choice(["verify"]))
@click.option("--author", metavar="NAME", help="Only what they changed.")
@click.option("--action", metavar="A", help="Only this: key, key.suspend, unit.set, ...")
@click.option("--about", metavar="TEXT", help="Only what tells of this: a name, a number, a MAC address.")
@click.option("--since", metavar="T", help="From then on: a date or time, UTC unless it says.")
@click.option("--until", metavar="T", help="Before then.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="So many, the newest.")
@click.option("--all", "everything", is_flag=True, help="All there are.")
@click.option("--changes", is_flag=True, help="Also what became of each row.")
@click.option("--follow", is_flag=True, help="Go on with what is changed from now on.")
@json_option
@db_option
@click.pass_context
def audit(
    context: click.Context,
    what: str | None,
    author: str | None,
    action: str | None,
    about: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    everything: bool,
    changes: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Show who changed what, oldest first; `audit verify` checks that nothing of it was altered.

    Each entry holds the hash of the one before. `audit verify` prints the last one: kept elsewhere, it shows later
    that no entry at the end is missing. With --json an object per line, to be kept elsewhere.
    """
    with open_database(context, readonly=True) as store:
        if what == "verify":
            _verify(store, as_json)
            return
        found = list(
            store.audit.entries(
                author=author,
                action=action,
                containing=about,
                since=_instant("--since", since),
                until=_instant("--until", until),
                newest=None if everything else limit,
            )
        )
        for entry in found:
            _print(entry, as_json, changes)
        last = found[-1].id if found else max((each.id for each in store.audit.entries(newest=1)), default=0)
        while follow:
            time.sleep(_POLL_S)
            for entry in store.audit.entries(after=last, author=author, action=action, containing=about):
                _print(entry, as_json, changes)
                last = entry.id


def _instant(option: str, text: str | None) -> datetime | None:
    return None if text is None else enter_instant(option, text, UTC)


def _verify(store: Store, as_json: bool) -> None:
    count, hash_, wrong = store.audit.verify()
    if as_json:
        print_object({"entries": count, "hash": hash_.hex(), "wrong": wrong})
    else:
        click.echo(f"{count:,} entries, the last one's hash {hash_.hex()}")
        for line in wrong[:20]:
            click.echo(line)
    if wrong:
        raise StoreError(f"the audit was altered: {len(wrong):,} of {count:,} entries do not fit")


def view_entry(entry: AuditEntry) -> View:
    return {
        "id": entry.id,
        "at": f"{entry.at:%Y-%m-%dT%H:%M:%S}.{entry.at.microsecond // 1000:03d}Z",
        "author": entry.author,
        "origin": entry.origin,
        "person": entry.is_person,
        "action": entry.action,
        "kind": entry.kind,
        "subject_id": entry.subject_id,
        "subject": entry.subject,
        "reason": entry.reason,
        "undoes": entry.undoes,
        "undone_by": entry.undone_by,
        "plan": entry.plan,
        "counts": dict(entry.counts),
        "erased": entry.details is None,
        "rows": [] if entry.details is None else entry.details.get("rows", []),
        "hash": entry.hash.hex(),
    }


def _print(entry: AuditEntry, as_json: bool, changes: bool) -> None:
    if as_json:
        click.echo(json.dumps(view_entry(entry), ensure_ascii=False))
        return
    for line in render_entry(entry, changes=changes):
        click.echo(line)


def render_entry(entry: AuditEntry, *, changes: bool = False) -> Iterator[str]:
    """Yield the line of an entry, and one for each row where that is asked for."""
    parts = [str(entry.id), view_instant(entry.at) or "", entry.author, entry.action]
    if entry.did is not None:
        parts.append(_describe(entry))
    elif entry.kind is not None:
        name = f" {quote(entry.subject)}" if entry.subject is not None else ""
        parts.append(f"{entry.kind} {entry.subject_id}{name}")
    if entry.details is None:
        parts.append("(what it told of was erased)")
    if entry.reason is not None:
        parts.append(f"reason={quote(entry.reason)}")
    if entry.undoes is not None:
        parts.append(f"takes back {entry.undoes}")
    if entry.undone_by is not None:
        parts.append(f"taken back by {entry.undone_by}")
    yield "  ".join(parts)
    if changes and entry.details is not None:
        for told in entry.details.get("rows", []):
            yield f"      {render_row_change(told)}"
        if more := entry.details.get("more_rows"):
            yield f"      and {more:,} more rows"


def _describe(entry: AuditEntry) -> str:
    """Return what one change of a synchronisation did to how many of what, and the first of them by name."""
    kinds = [
        f"{count:,} {kind if count == 1 else _PLURALS.get(kind, f'{kind}s')}" for kind, count in entry.counts.items()
    ]
    names = entry.names
    more = max(entry.counts.values(), default=0) - _MOST_NAMES
    listed = ", ".join(map(quote, names[:_MOST_NAMES])) + (f" and {more:,} more" if more > 0 else "")
    return f"{_DID.get(entry.did or '', 'changed')} {', '.join(kinds)}" + (f" ({listed})" if names else "")


@click.command()
@click.argument("change", required=False, type=click.IntRange(1), metavar="[CHANGE]")
@writes
@json_option
@db_option
@click.pass_context
def undo(context: click.Context, change: int | None, as_json: bool) -> None:
    """Take back your last change, or the CHANGE of that number in `latchkey audit`.

    Where something else has changed the same since, it says so, and changes nothing.
    """
    with changing(context, "undo", as_json=as_json) as (store, _):
        taken = take_back(store, change, author=author_of(context).name)
        others = _others_of(store, taken)
    if as_json:
        told = {"undone": taken.id, "action": taken.action, "subject": taken.subject}
        print_object({**told, "plan": taken.plan, "counts": dict(taken.counts)})
        return
    if taken.did is not None:
        of = f" of plan {taken.plan}" if taken.plan is not None else ""
        click.echo(f"took back change {taken.id}: {taken.action}{of}, which {_describe(taken)}")
        if others:
            changes = "1 other change of that plan stands" if others == 1 else f"{others:,} other changes of it stand"
            click.echo(f"{changes}: `latchkey audit --about {taken.plan}` shows them")
        return
    about = f" of {taken.kind} {taken.subject_id}" if taken.kind is not None else ""
    name = f" {quote(taken.subject)}" if taken.subject is not None else ""
    click.echo(f"took back change {taken.id}: {taken.action}{about}{name}")


def _others_of(store: Store, taken: AuditEntry) -> int:
    """Return how many other changes of the same plan of a synchronisation there are, not taken back."""
    if taken.plan is None:
        return 0
    found = store.audit.entries(action=taken.action, containing=taken.plan)
    return sum(each.plan == taken.plan and each.id != taken.id and each.undone_by is None for each in found)
