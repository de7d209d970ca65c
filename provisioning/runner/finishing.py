"""What is told to a platform once the store has what it says: acknowledgements, and what it can take back.

None of it can undo what is stored: what does not work is told, and the next run does it again.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar, cast

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
from ..sync import WHOLE, Fault, Kind, Plan, Reading, SaidKey
from .apply import Applied

T = TypeVar("T")


class Drive(Protocol):
    """Runs a connector's generator against its platform: `Transport.run`."""

    def __call__(self, exchange: Exchange[T], /) -> T: ...


def finish_with_platform(
    store: Store,
    connector: Connector,
    settings: ConnectorSettings,
    drive: Drive,
    plan: Plan,
    applied: Applied,
    reading: Reading | None,
) -> list[Fault]:
    """Acknowledge what was read, and write back what was made where that is wanted; return what did not work."""
    told: list[str] = []
    for work in (
        _acknowledging(connector, reading),
        _writing_back(store, connector, settings, plan, applied, reading),
    ):
        if work is not None:
            try:
                results = drive(work)
                told += [each for each in results if isinstance(each, str)]
                new_ids = {each.id: each.new for each in results if isinstance(each, NewId)}
                store.sync.rename(plan.connector, new_ids)
            except PlatformError as error:
                told.append(str(error))
    return [Fault(plan.platform, WHOLE, None, None, None, text) for text in told]


def _acknowledging(connector: Connector, reading: Reading | None) -> Exchange[Sequence[str | NewId]] | None:
    if reading is None or not hasattr(connector, "acknowledge"):
        return None
    return cast("Acknowledges", connector).acknowledge(reading)


def _writing_back(
    store: Store,
    connector: Connector,
    settings: ConnectorSettings,
    plan: Plan,
    applied: Applied,
    reading: Reading | None,
) -> Exchange[Sequence[str | NewId]] | None:
    if not settings.write_back or not hasattr(connector, "write_back"):
        return None
    said = {step.id: step.said for step in plan.steps if step.kind is Kind.KEY and step.id in applied.keys}
    made = {record: id_ for id_, record in applied.keys.items()}
    if reading is not None and hasattr(connector, "unwritten"):
        records = store.sync.records(plan.connector, Kind.KEY)
        for id_ in cast("WritesAgain", connector).unwritten(reading):
            if id_ in records:  # also those that an earlier run did not get there
                said[id_] = reading.get(SaidKey, id_)
                made[records[id_]] = id_
    if not made:
        return None
    keys = []
    for key in store.keys.get_many(made, lambda *_: None):
        wanted = said[made[key.id]]
        assert isinstance(wanted, SaidKey)  # noqa: S101 (what was added)
        keys.append(
            StoredKey(
                id=wanted.id,
                record=key.id,
                subscriber=wanted.subscriber,
                passphrase=key.passphrase.value,
                is_made=wanted.passphrase is None,
            )
        )
    return cast("WritesBack", connector).write_back(keys)
