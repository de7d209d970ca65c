"""What the Tab key offers for the name of a venue, keypool, unit, plan, NAS or key: read from the database, silently.

Rule: never an error, a word or a write: whoever presses Tab is in the middle of a line.
"""

import os
from collections.abc import Callable, Iterable
from typing import Final

import click
from click.shell_completion import CompletionItem

from ..selectors import describe_scope
from ..store import Store, open_store
from .options import database_path

_MOST: Final = 100  # of a million keys; who wants another types another letter
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Named = tuple[str, str | None]  # value, and what a shell may show beside it


def _completer(read: Callable[[Store, str], Iterable[Named]]) -> Complete:
    """Return what click calls: those of the names `read` gives that begin as the word on the line does."""

    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            with open_store(database_path(context), os.environ, readonly=True) as store:
                named = [each for each in read(store, incomplete) if each[0].startswith(incomplete)]
        except Exception:  # whatever is wrong, the command itself says it better
            return []
        return [CompletionItem(value, help=text) for value, text in dict(named).items()][:_MOST]

    return complete


def _leave_out(_table: str, _id: int) -> None:
    """Offer nothing of a row that cannot be opened."""


def _pools(store: Store, _incomplete: str) -> Iterable[Named]:
    venues = {venue.id: venue.name for venue in store.venues.all(_leave_out)}
    return ((str(pool.ssid), describe_scope(pool, venues)) for pool in store.keypools.all(_leave_out))


def _units(store: Store, incomplete: str) -> Iterable[Named]:
    for name, building in store.units.beginning(incomplete, limit=_MOST):
        yield name, building
        if building is not None:
            yield f"{building}/{name}", None


def _nases(store: Store, _incomplete: str) -> Iterable[Named]:
    for nas in store.nases.labels():
        yield nas.name, str(nas.network)
        if nas.network is not None:
            yield str(nas.network), nas.name


def _keys(store: Store, incomplete: str) -> Iterable[Named]:
    return ((identity, None) for identity in store.keys.identities(incomplete, limit=_MOST))


def _subscribers(store: Store, incomplete: str) -> Iterable[Named]:
    return ((each.name, each.token) for each in store.subscribers.beginning(incomplete, limit=_MOST))


complete_venues = _completer(lambda store, _: ((venue.name, None) for venue in store.venues.all(_leave_out)))
complete_plans = _completer(lambda store, _: ((plan.name, None) for plan in store.plans.all()))
complete_pools = _completer(_pools)
complete_units = _completer(_units)
complete_nases = _completer(_nases)
complete_keys = _completer(_keys)
complete_subscribers = _completer(_subscribers)
complete_connectors = _completer(lambda store, _: ((each.name, each.platform) for each in store.sync.connectors()))
complete_batches = _completer(lambda store, _: ((str(batch.id), batch.name) for batch in store.cards.all(_leave_out)))
