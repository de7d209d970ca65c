"""The command `operator`: who runs the network."""

from dataclasses import replace
from typing import Any

import click

from ..command_group import CommandGroup
from ..fields import YesNo, given, naming, require_some
from ..options import db_option, json_option, open_database, print_object, print_view
from ..views import view_operator
from ..writing import changing, writes


@click.group(cls=CommandGroup)
def operator() -> None:
    """Who runs the network: there is one. What it says holds at every venue that says nothing else."""


@operator.command("show")
@json_option
@db_option
@click.pass_context
def operator_show(context: click.Context, as_json: bool) -> None:
    """Show it."""
    with open_database(context, readonly=True) as store:
        view = view_operator(store.venues.operator())
    print_view(view, as_json)


@operator.command("set")
@click.option("--name", metavar="ID", help="Its OperatorID, the first part of every KeyPoolID and ServicePlanID.")
@click.option("--time-zone", metavar="Z", help="Of the venues that have none of their own: Europe/Berlin.")
@click.option("--allow-overlap", type=YesNo(), help="Whether a wired unit may have two subscriptions at a time.")
@writes
@json_option
@db_option
@click.pass_context
def operator_set(context: click.Context, /, as_json: bool, **said: Any) -> None:
    """Change what is said of the operator, and nothing else."""
    fields = given(**said)
    require_some(fields)
    with naming("operator"), changing(context, "operator.set", as_json=as_json) as (store, _):
        changed = replace(store.venues.operator(), **fields)
        store.venues.save_operator(changed)
    if as_json:
        print_object(view_operator(changed))
