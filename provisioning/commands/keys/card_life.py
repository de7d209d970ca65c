"""What is done to cards once they are made: another note or plan, more time, the end."""

from collections.abc import Sequence
from typing import Any

import click

from ...errors import InvalidValue
from ...lifecycle import cards
from ...model.rules.vlans import check_vlan
from ...selectors import find_plan, find_unit
from ..completion import complete_plans, complete_units
from ..options import db_option, utc_now
from ..writing import changing, reason_of, writes
from .card_options import batch_argument, find_batch, numbers_option


@click.command("set")
@batch_argument
@numbers_option
@click.option("--note", "--tag", "note", metavar="TEXT", help='What they are for, "" for nothing.')
@click.option("--plan", metavar="P", shell_complete=complete_plans, help='Another service plan, "" for none.')
@click.option("--unit", metavar="U", shell_complete=complete_units, help='Another unit, "" for none.')
@click.option("--vlan", metavar="N", help='A VLAN of their own, "" for none.')
@writes
@db_option
@click.pass_context
def card_set(
    context: click.Context,
    which: str,
    numbers: Sequence[int],
    note: str | None,
    plan: str | None,
    unit: str | None,
    vlan: str | None,
) -> None:
    """Change what is said, of the cards that can still be used; print how many of how many."""
    if (note, plan, unit, vlan) == (None, None, None, None):
        raise click.UsageError("say what to change: --note, --plan, --unit or --vlan")
    with changing(context, "card.set") as (store, _):
        batch = find_batch(store, which)
        values: dict[str, Any] = {}
        if note is not None:
            values["tag"] = note or None
        if plan is not None:
            values["plan_id"] = find_plan(store, plan).id if plan else None
        if unit is not None:
            places = (batch.venue_id,) if batch.venue_id is not None else ()
            values["unit_id"] = find_unit(store, unit, places).id if unit else None
        if vlan is not None:
            values["vlan"] = _vlan(vlan) if vlan else None
        done, of = cards.change(store, batch.id, values, now=utc_now(), numbers=numbers)
    click.echo(f"changed {done} of {of}")


def _vlan(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidValue(f"{text[:40]!r} is not a VLAN, 1 to 4094")
    check_vlan(int(text))
    return int(text)


@click.command("extend")
@batch_argument
@click.option("--hours", type=int, required=True, metavar="N", help="So much later, 1 to 8760.")
@numbers_option
@writes
@db_option
@click.pass_context
def card_extend(context: click.Context, which: str, hours: int, numbers: Sequence[int]) -> None:
    """Put off the end of each card, from its own; print how many of how many. None that is over comes back."""
    with changing(context, "card.extend") as (store, _):
        batch = find_batch(store, which)
        done, of = cards.extend(store, batch.id, hours, now=utc_now(), numbers=numbers)
    click.echo(f"extended {done} of {of}")


@click.command("invalidate")
@batch_argument
@numbers_option
@writes
@db_option
@click.pass_context
def card_invalidate(context: click.Context, which: str, numbers: Sequence[int]) -> None:
    """Refuse cards from now on, for good; print how many of how many. Servers follow within a second."""
    with changing(context, "card.invalidate") as (store, _):
        batch = find_batch(store, which)
        done, of = cards.invalidate(store, batch.id, now=utc_now(), reason=reason_of(context), numbers=numbers)
    click.echo(f"invalidated {done} of {of}")


@click.command("remove")
@batch_argument
@writes
@db_option
@click.pass_context
def card_remove(context: click.Context, which: str) -> None:
    """Take away a batch whose cards all ended or were invalidated. The log can still name them."""
    with changing(context, "card.remove") as (store, _):
        done = cards.remove(store, find_batch(store, which).id, now=utc_now())
    click.echo(f"removed {done}")
