"""The commands about people: `latchkey subscriber`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import click

from ...errors import InvalidValue
from ...lifecycle import subscribers
from ...model import Subscriber, SubscriberRow, SubscriberStatus, Subscription
from ...model.rules.zones import render_instant
from ...selectors import find_key, find_plan, find_subscriber, find_unit, find_venue, zone_of
from ...store import Store
from ...text import quote
from ..command_group import CommandGroup
from ..completion import complete_keys, complete_plans, complete_subscribers, complete_units, complete_venues
from ..fields import enter_instant
from ..listing import listing_of, lists, print_list
from ..options import db_option, json_option, open_database, print_added, print_object, print_view, utc_now
from ..views import View, view_instant
from ..writing import changing, reason_of, tell, writes
from .erasure import subscriber_erase

_COLUMNS: Final = ("token", "name", "external_id", "status", "units", "ends", "keys")
_SETTABLE: Final = ("active", "pending", "suspended")
_who_argument = click.argument("who", metavar="WHO", shell_complete=complete_subscribers)
_unit_option = click.option("--unit", metavar="U", shell_complete=complete_units, help="UNIT or BUILDING/UNIT.")
_venue_option = click.option("--venue", metavar="V", shell_complete=complete_venues, help="Where that unit is.")
_plan_option = click.option("--plan", metavar="P", shell_complete=complete_plans, help="Its service plan.")
_starts_option = click.option("--starts", metavar="T", help="Date or time, in the venue's zone unless it says.")
_ends_option = click.option(
    "--ends", metavar="T", help='As --starts; a date means through the end of that day, "" none.'
)
_subscription_option = click.option(
    "--subscription", type=click.IntRange(1), metavar="N", help="Which, where there are several."
)


@click.group(cls=CommandGroup)
def subscriber() -> None:
    """People and their subscriptions. WHO is a name, a token, an external id or id:N.

    A subscription is a unit, a plan and a window that somebody's keys share: change it, and they follow.

    \b
    latchkey subscriber add "Ann Lee" --external-id T-4711
    latchkey subscriber subscribe "Ann Lee" --unit 4B --starts 2026-12-01 --ends 2027-11-30 --all-keys
    latchkey subscriber move "Ann Lee" 5C             keys, VLAN and all
    latchkey subscriber suspend "Ann Lee" --reason "late with the rent"
    """


@subscriber.command("add")
@click.argument("name")
@click.option("--external-id", metavar="ID", help="What another system calls them.")
@click.option(
    "--pending", is_flag=True, help="Their keys are refused until `subscriber resume`: terms not accepted yet."
)
@writes
@json_option
@db_option
@click.pass_context
def subscriber_add(context: click.Context, name: str, external_id: str | None, pending: bool, as_json: bool) -> None:
    """Add a subscriber and print the token. Others may have the same name."""
    with changing(context, "subscriber.add", as_json=as_json) as (store, _):
        added = subscribers.add(store, name, external_id=external_id or None, is_pending=pending, now=utc_now())
    if as_json:
        print_added(view_subscriber(added), as_json)
    else:
        click.echo(added.token)


@subscriber.command("list")
@click.option("--status", type=click.Choice([each.value for each in SubscriberStatus]), help="Only these.")
@click.option("--unit", metavar="U", shell_complete=complete_units, help="Only who has it, or a key there.")
@click.option("--venue", metavar="V", shell_complete=complete_venues, help="Only of this venue's units.")
@click.option("--plan", metavar="P", shell_complete=complete_plans, help="Only of this plan.")
@lists
@db_option
@click.pass_context
def subscriber_list(
    context: click.Context, status: str | None, unit: str | None, venue: str | None, plan: str | None
) -> None:
    """List subscribers: where they live, when the last of their subscriptions ends, and how many keys they have."""
    wanted = listing_of(context)
    with open_database(context, readonly=True) as store:
        venue_id = None if venue is None else find_venue(store, venue).id
        rows = store.subscriber_rows.listed(
            now=utc_now(),
            status=None if status is None else SubscriberStatus(status),
            containing=wanted.search,
            venue_id=venue_id if unit is None else None,
            unit_id=None if unit is None else find_unit(store, unit, () if venue_id is None else (venue_id,)).id,
            plan_id=None if plan is None else find_plan(store, plan).id,
            limit=-1 if wanted.limit is None else wanted.limit,
            offset=wanted.offset,
        )
        print_list(context, map(_view_row, rows), _COLUMNS, paged=True)


@subscriber.command("show")
@_who_argument
@json_option
@db_option
@click.pass_context
def subscriber_show(context: click.Context, who: str, as_json: bool) -> None:
    """Show a subscriber with subscriptions, keys, and what may be used."""
    with open_database(context, readonly=True) as store:
        view = _view_whole(store, find_subscriber(store, who, now=utc_now()), as_json=as_json)
    print_view(view, as_json)


@subscriber.command("set")
@_who_argument
@click.option("--name", metavar="NAME", help="Another name.")
@click.option("--external-id", metavar="ID", help='What another system calls them, "" for nothing.')
@click.option("--status", type=click.Choice(_SETTABLE), help="active opens a closed account again.")
@_subscription_option
@_plan_option
@_starts_option
@_ends_option
@click.option("--end-now", is_flag=True, help="The subscription ends, and its keys with it.")
@click.option(
    "--subscription-external-id", metavar="ID", help='What another system calls the subscription, "" nothing.'
)
@writes
@json_option
@db_option
@click.pass_context
def subscriber_set(context: click.Context, /, who: str, as_json: bool, **said: Any) -> None:
    """Change what is given, of a subscriber or of the subscription; its keys follow. To another unit: `move`."""
    now = utc_now()
    if said["end_now"] and said["ends"] is not None:
        raise click.UsageError("--ends and --end-now exclude each other")
    if all(value in (None, False) for field, value in said.items() if field != "subscription"):
        raise click.UsageError("say what is to change")
    with changing(context, "subscriber.set", as_json=as_json) as (store, _):
        found = find_subscriber(store, who, now=now)
        if said["name"] is not None or said["external_id"] is not None:
            named = found if said["name"] is None else replace(found, name=said["name"])
            if said["external_id"] is not None:
                named = replace(named, external_id=said["external_id"] or None)
            store.subscribers.save(named)
        if said["status"] is not None:
            status = SubscriberStatus(said["status"])
            subscribers.set_status(store, found.id, status, now=now, reason=reason_of(context))
        if any(said[field] not in (None, False) for field in _OF_SUBSCRIPTION):
            _set_subscription(store, found, said, now)
        view = view_subscriber(store.subscribers.get(found.id))
    if as_json:
        print_object(view)


_OF_SUBSCRIPTION: Final = ("plan", "starts", "ends", "end_now", "subscription_external_id")


def _set_subscription(store: Store, of: Subscriber, said: dict[str, Any], now: datetime) -> None:
    before = subscribers.current_subscription(store, of.id, said["subscription"], now=now)
    zone = zone_of(store, before.unit_id)
    wanted = before
    if said["plan"] is not None:
        wanted = replace(wanted, plan_id=find_plan(store, said["plan"]).id if said["plan"] else None)
    if said["starts"] is not None:
        wanted = replace(wanted, starts=enter_instant("--starts", said["starts"], zone))
    if said["ends"] is not None:
        ends = enter_instant("--ends", said["ends"], zone, end_of_day=True) if said["ends"] else None
        wanted = replace(wanted, ends=ends)
        if ends is not None and ends <= now:
            tell(f"subscription {before.id} ended {render_instant(ends, zone)}: nobody gets in with its keys")
    if said["end_now"]:
        if before.starts is not None and before.starts >= now.replace(microsecond=0):
            raise InvalidValue(
                f"subscription {before.id} begins {render_instant(before.starts, zone)}: --ends a day after"
            )
        wanted = replace(wanted, ends=now.replace(microsecond=0))
    if said["subscription_external_id"] is not None:
        wanted = replace(wanted, external_id=said["subscription_external_id"] or None)
    subscribers.set_subscription(store, wanted, now=now)


@subscriber.command("subscribe")
@_who_argument
@_unit_option
@_venue_option
@_plan_option
@_starts_option
@_ends_option
@click.option("--external-id", metavar="ID", help="What another system calls the subscription.")
@click.option("--key", "keys", multiple=True, metavar="KEY", shell_complete=complete_keys, help="It belongs to it.")
@click.option("--all-keys", is_flag=True, help="All keys of theirs that belong to no subscription.")
@writes
@json_option
@db_option
@click.pass_context
def subscriber_subscribe(
    context: click.Context,
    who: str,
    unit: str | None,
    venue: str | None,
    plan: str | None,
    starts: str | None,
    ends: str | None,
    external_id: str | None,
    keys: Sequence[str],
    all_keys: bool,
    as_json: bool,
) -> None:
    """Add a subscription and print its id: `key add --subscription N` makes a key of it."""
    now = utc_now()
    with changing(context, "subscriber.subscribe", as_json=as_json) as (store, _):
        found = find_subscriber(store, who, now=now)
        unit_id = None if unit is None else _find_unit(store, unit, venue)
        zone = zone_of(store, unit_id)
        ids = [find_key(store, text).id for text in keys]
        if all_keys:
            own = store.key_records.belonging(subscriber_id=found.id)
            ids += [key.id for key in own if key.subscription_id is None and not key.grace_of]
        former = store.subscribers.subscriptions(subscriber_id=found.id, unit_id=unit_id) if unit_id else ()
        made = subscribers.subscribe(
            store,
            found.id,
            unit_id=unit_id,
            plan_id=None if plan is None else find_plan(store, plan).id,
            starts=enter_instant("--starts", starts, zone) if starts else None,
            ends=enter_instant("--ends", ends, zone, end_of_day=True) if ends else None,
            external_id=external_id or None,
            key_ids=ids,
            now=now,
        )
        for each in former:
            if each.ends is None or each.ends > now:
                tell(f"{found.name!r} has subscription {each.id} of that unit already: `set --ends` changes its end")
        view = _view_subscriptions(store, [made], as_json=True)[0]
    print_added(view, as_json)


@subscriber.command("move")
@_who_argument
@click.argument("unit", shell_complete=complete_units)
@_venue_option
@_subscription_option
@writes
@db_option
@click.pass_context
def subscriber_move(context: click.Context, who: str, unit: str, venue: str | None, subscription: int | None) -> None:
    """Let somebody live in another UNIT, with their keys; devices get its VLAN when they next join."""
    now = utc_now()
    with changing(context, "subscriber.move") as (store, _):
        found = find_subscriber(store, who, now=now)
        unit_id = _find_unit(store, unit, venue)
        moved = subscribers.move(store, found.id, unit_id, subscription_id=subscription, now=now)
        to = store.units.get(unit_id)
    vlan = f", VLAN {to.vlan}" if to.vlan is not None else ""
    click.echo(f"moved {quote(found.name)} with {_count(len(moved), 'key')} to unit {quote(to.name)}{vlan}")


@subscriber.command("suspend")
@_who_argument
@writes
@db_option
@click.pass_context
def subscriber_suspend(context: click.Context, who: str) -> None:
    """Refuse all keys of a subscriber until `resume`. The --reason is in the server's log too."""
    _set_status(context, who, SubscriberStatus.SUSPENDED)


@subscriber.command("resume")
@_who_argument
@writes
@db_option
@click.pass_context
def subscriber_resume(context: click.Context, who: str) -> None:
    """Let the keys of a suspended or pending subscriber work."""
    _set_status(context, who, SubscriberStatus.ACTIVE)


def _set_status(context: click.Context, who: str, status: SubscriberStatus) -> None:
    now = utc_now()
    with changing(context, f"subscriber.{'resume' if status is SubscriberStatus.ACTIVE else 'suspend'}") as (store, _):
        found = find_subscriber(store, who, now=now)
        if found.status is SubscriberStatus.CLOSED:
            raise InvalidValue(
                f"the account of {found.name!r} is closed: `latchkey undo` takes that back,"
                " `subscriber set --status active` opens it without its subscriptions"
            )
        subscribers.set_status(store, found.id, status, now=now, reason=reason_of(context))


@subscriber.command("close")
@click.argument("who", metavar="[WHO]", required=False, shell_complete=complete_subscribers)
@click.option("--unit", metavar="U", shell_complete=complete_units, help="Instead of WHO: everybody who lives there.")
@_venue_option
@writes
@db_option
@click.pass_context
def subscriber_close(context: click.Context, who: str | None, unit: str | None, venue: str | None) -> None:
    """Close an account: its keys work no more, its subscriptions end now. `undo` takes it back, `erase` goes further.

    The --reason may have 40 characters. Subscriptions that have not begun are cancelled, and their keys removed.
    """
    if (who is None) == (unit is None):
        raise click.UsageError("say WHO, or --unit U")
    now = utc_now()
    with changing(context, "subscriber.close") as (store, _):
        if who is not None:
            found = [find_subscriber(store, who, now=now)]
        else:
            found = subscribers.residents(store, _find_unit(store, unit or "", venue), now=now)
            if not found:
                raise InvalidValue(f"nobody lives in unit {unit!r}")
        for each in found:
            subscribers.close(store, each.id, now=now, reason=reason_of(context))
    for each in found:
        click.echo(f"closed {each.token} {quote(each.name)}")


@subscriber.command("remove")
@_who_argument
@writes
@db_option
@click.pass_context
def subscriber_remove(context: click.Context, who: str) -> None:
    """Take away a subscriber who has no key and no subscription, such as one added by mistake."""
    now = utc_now()
    with changing(context, "subscriber.remove") as (store, _):
        subscribers.remove(store, find_subscriber(store, who, now=now).id, now=now)


subscriber.add_command(subscriber_erase)


def _find_unit(store: Store, text: str, venue: str | None) -> int:
    return find_unit(store, text, () if venue is None else (find_venue(store, venue).id,)).id


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def view_subscriber(of: Subscriber) -> View:
    return {
        "id": of.id,
        "token": of.token,
        "name": of.name,
        "external_id": of.external_id,
        "status": of.status.value,
        "status_reason": of.status_reason,
        "status_at": view_instant(of.status_at),
    }


def _view_row(row: SubscriberRow) -> View:
    id_, token, name, external_id, status, reason, status_at, units, ends, keys = row
    return {
        "id": id_,
        "token": token,
        "name": name,
        "external_id": external_id,
        "status": status,
        "status_reason": reason,
        "status_at": _time(status_at),
        "units": list(units),
        "ends": _time(ends),
        "keys": keys,
    }


@lru_cache(maxsize=4096)  # leases end on the same days
def _time(seconds: int | None) -> str | None:
    return None if seconds is None else view_instant(datetime.fromtimestamp(seconds, UTC))


def _view_whole(store: Store, of: Subscriber, *, as_json: bool) -> View:
    view = view_subscriber(of)
    every = store.subscribers.subscriptions(subscriber_id=of.id)
    view["subscriptions"] = _view_subscriptions(store, every, as_json=as_json)
    keys = store.key_records.belonging(subscriber_id=of.id)
    listed = [{"id": key.id, "identity": key.identity, "former": key.grace_of is not None} for key in keys]
    view["keys"] = listed if as_json else [f"{key['id']} ({key['identity']})" for key in listed if not key["former"]]
    view["allowed_devices"] = [str(each.mac) for each in store.subscribers.allowed_devices(of.id)]
    view["allowed_nases"] = [each.nas_identifier for each in store.subscribers.allowed_nases(of.id)]
    return view


def _view_subscriptions(store: Store, every: Sequence[Subscription], *, as_json: bool) -> list[Any]:
    units = store.units.some(each.unit_id for each in every)
    venues = {venue.id: venue.name for venue in store.venues.all()} if every else {}
    plans = {plan.id: plan.name for plan in store.plans.all()} if every else {}
    views: list[Any] = []
    for each in every:
        unit = units.get(each.unit_id or 0)
        view: View = {
            "id": each.id,
            "unit": None if unit is None else unit.name,
            "venue": None if unit is None else venues.get(unit.venue_id),
            "plan": plans.get(each.plan_id or 0),
            "starts": view_instant(each.starts),
            "ends": view_instant(each.ends),
            "external_id": each.external_id,
            "keys": [key.id for key in store.key_records.belonging(subscription_id=each.id)],
        }
        views.append(view if as_json else _describe(each, view, store))
    return views


def _describe(of: Subscription, view: View, store: Store) -> str:
    """Return a subscription in words, its times in the venue's zone."""
    zone = zone_of(store, of.unit_id)
    parts = [f"{of.id}:"]
    if view["unit"] is not None:
        parts.append(f"unit {view['unit']} at {view['venue']}")
    if view["plan"] is not None:
        parts.append(f"plan {view['plan']}")
    parts += [
        f"{word} {render_instant(at, zone)}" for word, at in (("from", of.starts), ("until", of.ends)) if at is not None
    ]
    return " ".join(parts)
