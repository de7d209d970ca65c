"""The command `plan`: service plans. Each is one call of `lifecycle.plans`."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from ...lifecycle.plans import add_plan, change_plan, migrate_plan, remove_plan
from ...model import Hours, check_name
from ...selectors import find_plan, parse_size
from ..command_group import CommandGroup
from ..completion import complete_plans
from ..fields import CLEARED, Clearable, given, naming, refuse_empty, require_some
from ..listing import lists, print_list
from ..options import db_option, json_option, open_database, print_added, print_object, print_view, utc_now
from ..views import view_plan
from ..writing import changing, tell, writes

Command = TypeVar("Command", bound=Callable[..., Any])
_QUOTAS: Final = ("download_quota", "upload_quota", "total_quota")


@click.group(cls=CommandGroup)
def plan() -> None:
    """Service plans: bandwidth, quotas, hours, devices, wireless-only.

    A key has one or none: `latchkey key add --plan`. PLAN is its name, external id, ServicePlanID or id:N.
    """


def _fields(command: Command) -> Command:
    """Add what a plan has; "" takes it away, which is unlimited."""
    for option in reversed(
        (
            click.option("--download", type=Clearable(int), metavar="KBPS", help="kbit/s to the device."),
            click.option("--upload", type=Clearable(int), metavar="KBPS", help="kbit/s from the device."),
            click.option("--devices", type=Clearable(int), metavar="N", help="Devices at a time. Not in force yet."),
            click.option(
                "--hours",
                type=Clearable(),
                metavar="HOURS",
                help="When it may be used, by the venue's clock: Mon-Fri 08:00-22:00, Sat 10:00-14:00.",
            ),
            click.option(
                "--download-quota",
                type=Clearable(),
                metavar="SIZE",
                help="Octets to the device in a session: 500M, 20G (Cambium).",
            ),
            click.option(
                "--upload-quota",
                type=Clearable(),
                metavar="SIZE",
                help="Octets from the device in a session (Cambium).",
            ),
            click.option(
                "--total-quota", type=Clearable(), metavar="SIZE", help="Octets both ways in a session (Cambium)."
            ),
            click.option(
                "--vlan-pool",
                type=Clearable(),
                metavar="ID",
                help="For keys without a VLAN of their own or their unit's (Cambium).",
            ),
            click.option("--external-id", type=Clearable(), metavar="ID", help="What another system calls it."),
        )
    ):
        command = option(command)
    return command


def _read(said: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a ServicePlan that were said."""
    for name in _QUOTAS:
        size = said.pop(name)
        said[f"{name}_octets"] = size if size in (None, CLEARED) else parse_size(size)
    for name in ("download", "upload"):
        said[f"{name}_kbps"] = said.pop(name)
    fields = given(**said)
    if fields.get("hours") is not None:
        fields["hours"] = Hours.parse(fields["hours"])
    return fields


def _tell_of_devices(fields: dict[str, Any]) -> None:
    if fields.get("devices") is not None:
        tell("a limit of devices at a time is kept, and not in force yet: that comes with sessions")


@plan.command("add")
@click.argument("name")
@_fields
@click.option("--wireless-only", is_flag=True, help="Moves the VLAN by the venue's offset.")
@writes
@json_option
@db_option
@click.pass_context
def plan_add(context: click.Context, /, name: str, wireless_only: bool, as_json: bool, **said: Any) -> None:
    """Add a service plan and print its id; what is not said is unlimited."""
    check_name(name, "plan name")
    with naming(f"plan {name!r}"):
        refuse_empty(said)
        fields = _read(said)
        with changing(context, "plan.add", as_json=as_json) as (store, _):
            added = add_plan(store, name, wireless_only=wireless_only, **fields)
            operator = store.venues.operator().name
    _tell_of_devices(fields)
    print_added(view_plan(added, operator), as_json)


@plan.command("list")
@lists
@db_option
@click.pass_context
def plan_list(context: click.Context) -> None:
    """List the service plans."""
    with open_database(context, readonly=True) as store:
        operator = store.venues.operator().name
        views = [view_plan(each, operator) for each in store.plans.all()]
    columns = ("id", "name", "download_kbps", "upload_kbps", "devices", "wireless_only", "hours")
    print_list(context, views, columns)


@plan.command("show")
@click.argument("name", metavar="PLAN", shell_complete=complete_plans)
@json_option
@db_option
@click.pass_context
def plan_show(context: click.Context, name: str, as_json: bool) -> None:
    """Show one service plan."""
    with open_database(context, readonly=True) as store:
        view = view_plan(find_plan(store, name), store.venues.operator().name)
    print_view(view, as_json)


@plan.command("set")
@click.argument("which", metavar="PLAN", shell_complete=complete_plans)
@click.option("--name", metavar="N", help="Its new name.")
@_fields
@click.option("--wireless-only/--no-wireless-only", default=None, help="Moves the VLAN by the venue's offset, or not.")
@writes
@json_option
@db_option
@click.pass_context
def plan_set(context: click.Context, /, which: str, as_json: bool, **said: Any) -> None:
    """Change what is said of a plan, for all who have it; "" takes a limit away."""
    with naming(f"plan {which!r}"):
        fields = _read(said)
        require_some(fields)
        with changing(context, "plan.set", as_json=as_json) as (store, _):
            changed = change_plan(store, find_plan(store, which).id, **fields)
            operator = store.venues.operator().name
    _tell_of_devices(fields)
    if as_json:
        print_object(view_plan(changed, operator))


@plan.command("migrate")
@click.argument("which", metavar="FROM", shell_complete=complete_plans)
@click.argument("to", shell_complete=complete_plans)
@writes
@json_option
@db_option
@click.pass_context
def plan_migrate(context: click.Context, which: str, to: str, as_json: bool) -> None:
    """Give every key and subscription of a plan another one, and print how many keys that were."""
    with changing(context, "plan.migrate", as_json=as_json) as (store, _):
        found, other = find_plan(store, which), find_plan(store, to)
        moved = migrate_plan(store, found.id, other.id)
    if as_json:
        print_object({"from": found.id, "to": other.id, "keys": moved})
    else:
        click.echo(f"migrated {moved}")


@plan.command("remove")
@click.argument("which", metavar="PLAN", shell_complete=complete_plans)
@click.option("--move-to", metavar="PLAN", shell_complete=complete_plans, help="What its keys have then.")
@writes
@json_option
@db_option
@click.pass_context
def plan_remove(context: click.Context, which: str, move_to: str | None, as_json: bool) -> None:
    """Take a service plan away. Where keys have it, it wants to know which they have then."""
    with changing(context, "plan.remove", as_json=as_json) as (store, _):
        found = find_plan(store, which)
        other = None if move_to is None else find_plan(store, move_to).id
        moved = remove_plan(store, found.id, now=utc_now(), to_id=other)
    if moved and other is not None:
        tell(f"{moved:,} key{'s have' if moved > 1 else ' has'} plan {move_to!r} now")
    if as_json:
        print_object({"removed": found.id, "keys": moved})
