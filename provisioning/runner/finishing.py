"""What is told to a platform once the store has what it says: acknowledgements, and what it can take back.

None of it can undo what is stored: what does not work is told, and the next run does it again.
"""

import itertools
from collections.abc import Iterator
from typing import Final, Protocol, TypeVar, cast

from ..platforms import (
    Acknowledges,
    Connector,
    ConnectorSettings,
    Exchange,
    NewId,
    PlatformError,
    StoredKey,
    WritesAgain,
    WritesBack,
)
from ..store import Store
from ..store.sync import Untold
from ..sync import WHOLE, Fault, Kind, Reading, SaidKey, stored_as_said

_AT_ONCE: Final = 500  # keys that are written back before that is noted
T = TypeVar("T")


class Drive(Protocol):
    """Runs a connector's generator against its platform: `Transport.run`."""

    def __call__(self, exchange: Exchange[T], /) -> T: ...


def finish_with_platform(
    store: Store, connector: Connector, settings: ConnectorSettings, drive: Drive, reading: Reading | None
) -> list[Fault]:
    """Acknowledge what is stored, and write back what was made where that is wanted; return what did not work.

    reading: of this run; a plan that was kept has none, and the next run acknowledges
    """
    told: list[str] = []
    try:
        if reading is not None and hasattr(connector, "acknowledge"):
            stored = stored_as_said(reading, store.sync.holdings(settings.name))
            told += drive(cast("Acknowledges", connector).acknowledge(reading, stored))
        if settings.write_back and hasattr(connector, "write_back"):
            told += _write_back(store, connector, settings.name, drive, reading)
    except PlatformError as error:
        told.append(str(error))
    return [Fault(settings.platform, WHOLE, None, None, None, text) for text in told]


def _write_back(store: Store, connector: Connector, name: str, drive: Drive, reading: Reading | None) -> Iterator[str]:
    """Write back all keys that were not yet, also those of a run that was interrupted; yield what did not work."""
    waiting = iter(_untold(store, connector, name, reading).values())
    while some := {each.record_id: each for each in itertools.islice(waiting, _AT_ONCE)}:
        keys = [
            StoredKey(
                id=some[key.id].platform_id,
                record=key.id,
                subscriber=some[key.id].subscriber,
                passphrase=key.passphrase.value,
                is_made=some[key.id].is_made,
            )
            for key in store.keys.get_many(some, lambda *_: None)
        ]
        results = drive(cast("WritesBack", connector).write_back(keys))
        store.sync.rename(name, {each.id: each.new for each in results if isinstance(each, NewId)})
        store.sync.mark_told(name, (key.record for key in keys))
        yield from (each for each in results if isinstance(each, str))


def _untold(store: Store, connector: Connector, name: str, reading: Reading | None) -> dict[str, Untold]:
    """Return the keys that the platform has not been told of, and those that it says it lacks."""
    untold = {each.platform_id: each for each in store.sync.untold(name)}
    if reading is not None and hasattr(connector, "unwritten"):
        records = store.sync.records(name, Kind.KEY)
        for id_ in cast("WritesAgain", connector).unwritten(reading):
            said = reading.get(SaidKey, id_)
            if id_ in records and said is not None:
                untold[id_] = Untold(id_, records[id_], said.subscriber, said.passphrase is None)
    return untold
