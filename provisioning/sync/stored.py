"""Which keys the store has as a platform says, after a run: what may be told to a platform as dealt with."""

from .holdings import HeldKey, HeldState, Holdings
from .statement import Reading, SaidKey, Standing
from .windows import whole

_GONE = (HeldState.REMOVED, HeldState.ERASED)


def stored_as_said(reading: Reading, holdings: Holdings) -> frozenset[str]:
    """Return the ids of the keys of a reading that are so in the store; of one that is over there may be none."""
    return frozenset(said.id for said in reading.all(SaidKey) if _is_stored(said, holdings.keys.get(said.id), reading))


def _is_stored(said: SaidKey, held: HeldKey | None, reading: Reading) -> bool:
    is_over = said.standing is Standing.ENDED or (said.ends is not None and said.ends <= reading.at)
    if held is None or held.state in _GONE:
        return is_over
    if said.standing in (Standing.ENDED, Standing.UNKNOWN):
        return False
    if said.standing is Standing.SUSPENDED and held.state is not HeldState.SUSPENDED:
        return False
    said_of_it = (said.unit, said.pool, said.subscriber, said.plan, said.vlan, said.tag, whole(said.starts))
    here = (held.unit, held.pool, held.subscriber, held.plan, held.vlan, held.tag, held.starts)
    told = all(there is None or there == mine for there, mine in zip(said_of_it, here, strict=True))
    return told and whole(said.ends) == held.ends
