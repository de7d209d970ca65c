"""The command `subscriber erase`: somebody is forgotten, in the database, its log and its files."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click

from ...errors import NotFound
from ...lifecycle.erasure import Erased, erase
from ...model import Person
from ...selectors import find_key, find_subscriber
from ...store import Store
from ..completion import complete_keys, complete_subscribers
from ..options import at_terminal, database_path, db_option, json_option, open_database, print_object, utc_now
from ..writing import changing, is_dry_run, reason_of, tell, writes

EraseLog = Callable[[Path, re.Pattern[bytes], bool], int]
_META: Final = "latchkey.erase_log"
# A server reads what was changed several times a second; until then it may still write who somebody was.
_FOLLOWED_S: Final = 1.5


@click.command("erase")
@click.argument("who", metavar="[WHO]", required=False, shell_complete=complete_subscribers)
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", shell_complete=complete_keys, help="Also this key, or it alone."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--finish", is_flag=True, help="Only write the files anew, after an erasing that was interrupted.")
@writes
@json_option
@db_option
@click.pass_context
def subscriber_erase(
    context: click.Context, who: str | None, keys: Sequence[str], yes: bool, finish: bool, as_json: bool
) -> None:
    """Forget somebody (GDPR): keys, devices, subscriptions, whitelists, history and log. It cannot be undone.

    One entry without a name stays in `latchkey audit`, which still verifies. The database is written anew, so that its
    file holds no octet of it. What cannot be reached is named: copies, and logs that are kept elsewhere. --dry-run
    shows what would go.
    """
    if finish:
        _rewrite(context)
        return
    if who is None and not keys:
        raise click.UsageError("say WHO, or --key KEY")
    if not yes and not is_dry_run(context) and at_terminal():
        click.confirm(f"Forget {who or ', '.join(keys)} for ever?", abort=True, err=True)
    path = database_path(context)
    erase_log: EraseLog | None = context.meta.get(_META)
    with changing(context, "subscriber.erase", as_json=as_json) as (store, _):
        done = erase(
            store,
            None if who is None else _find(store, who),
            key_ids=[find_key(store, text).id for text in keys],
            reason=reason_of(context),
            erase_log=None if erase_log is None else lambda person, count: erase_log(path, person.log_lines(), count),
        )
        if is_dry_run(context):
            tell(f"would erase {done.entries:,} entries of the audit, {done.log_lines:,} lines of the log")
            _tell_left(path, done)
    _rewrite(context)
    lines = done.log_lines + (0 if erase_log is None else _erase_late(path, done.person, erase_log))
    _tell_left(path, done)
    if as_json:
        print_object({"erased": done.gone, "audit_entries": done.entries, "log_lines": lines, "left": list(done.left)})
        return
    rows = ", ".join(f"{count:,} {_plural(kind.replace('_', ' '), count)}" for kind, count in done.gone.items())
    click.echo(f"erased: {rows or 'no row'}; {done.entries:,} entries of the audit, {lines:,} lines of the log")


def _plural(kind: str, count: int) -> str:
    return kind if count == 1 else f"{kind}es" if kind.endswith("s") else f"{kind}s"


def _find(store: Store, who: str) -> int:
    try:
        return find_subscriber(store, who, now=utc_now()).id
    except NotFound:
        if store.keys.labels(identity=who):
            raise NotFound(f"no subscriber {who!r}, but a key is called so: say --key {who!r}") from None
        raise


def _rewrite(context: click.Context) -> None:
    with open_database(context) as store:
        if not store.rewrite():
            again = "`latchkey subscriber erase --finish` does it later"
            tell(f"{store.path.name}-wal could not be emptied, as somebody reads: {again}")


def _erase_late(path: Path, person: Person, erase_log: EraseLog) -> int:
    """Take away what a server has written before it knew, where there is a log at all."""
    if not path.with_name(f"{path.name}-log").exists():
        return 0
    time.sleep(_FOLLOWED_S)
    return erase_log(path, person.log_lines(), False)


def _tell_left(path: Path, done: Erased) -> None:
    """Say what was not reached."""
    for each in done.left:
        tell(f"still tells of them: {each}")
    own = {path.name, *(f"{path.name}-{suffix}" for suffix in ("wal", "shm", "log", "log.1"))}
    copies = sorted(each.name for each in path.absolute().parent.glob(f"{path.name}*") if each.name not in own)
    if copies:
        tell(f"copies of the database may hold it: {', '.join(copies)}")
    tell("not reached: backups kept elsewhere, and what the server has written to its standard error (the journal)")
