"""A platform is asked, and nothing is done about it: where it differs from the store, and whether it answers at all."""

from ..store import Store
from ..sync import Drift, SaidKey, find_drift
from .source import Opened


def compare(store: Store, ready: Opened) -> list[Drift]:
    """Return where the platform and the store do not agree."""
    seen = ready.run.look()
    state = store.sync.connector(seen.plan.connector)
    held = None if state is None or state.held_plan is None else f"{state.name}-{state.held_plan}"
    wanted = []
    if seen.reading is not None:
        for said in seen.reading.all(SaidKey):
            key = seen.holdings.keys.get(said.id)
            if key is not None and said.passphrase is not None:
                wanted.append(key.record)
    passphrases = {
        key.id: key.passphrase.value for key in store.keys.get_many(wanted, lambda *_: None) if not key.erased
    }
    return find_drift(seen.plan, seen.holdings, seen.reading, passphrases, ready.configured.limits, held=held)
