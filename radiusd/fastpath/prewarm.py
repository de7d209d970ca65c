"""Answers made before they are asked for: after a start, devices that are known find theirs ready.

When a building's power comes back, every device asks at once, and a server that has just started has answered nobody
yet. What the engine would find out about each at its first request is found out here, as far as it can be: which
access point asks shows then.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from crypto import MacAddress
from provisioning import Key

from ..engine import resolve
from ..errors import RadiusError
from ..model import Accept, How
from ..state.index import Index, Keyring
from ..vendors import DIALECTS, Dialect
from .cache import FastPath

MOST: Final = 32_768  # answers; 35 us each
_BATCH_SIZE: Final = 1000  # keys read at a time
_USUAL: Final = "hostapd"  # of NASes without a profile, and with one that is gone

Device = tuple[bytes, int]  # and its key's id


def prewarm(
    fast_path: FastPath,
    index: Index,
    read_keys: Callable[[Iterable[int]], Iterable[Key]],
    now: datetime,
    monotonic: float,
) -> int:
    """Make the answers of known devices, until the fast path is half full, at most MOST; return how many were made."""
    most = min(MOST, fast_path.room // 2)
    dialects = {DIALECTS.get(profile, DIALECTS[_USUAL]) for profile in index.profiles()}
    made = 0
    for keyrings in index.keypool_sets():
        devices = list(itertools.islice(_devices(index, keyrings), most - made))
        for keys, some in _with_keys(devices, read_keys):
            for device, key_id in some:
                key = keys.get(key_id)
                if key is not None and key.refusal(MacAddress(device), (), now) is None:
                    accept = resolve.grant(key, MacAddress(device), How.LOOKUP, now)
                    made += sum(_answer(fast_path, accept, keyrings, dialect, monotonic) for dialect in dialects)
        if made >= most:
            break
    return made


def _devices(index: Index, keyrings: tuple[Keyring, ...]) -> Iterator[Device]:
    """Yield each device once, with its key of the first keypool that knows it: of several, the engine may choose."""
    seen: set[bytes] = set()
    for keypool_id, _ in keyrings:
        for device, key_id in index.devices.of(keypool_id):
            if device not in seen:
                seen.add(device)
                yield device, key_id


def _with_keys(
    devices: list[Device], read_keys: Callable[[Iterable[int]], Iterable[Key]]
) -> Iterator[tuple[dict[int, Key], list[Device]]]:
    for start in range(0, len(devices), _BATCH_SIZE):
        some = devices[start : start + _BATCH_SIZE]
        yield {key.id: key for key in read_keys(key_id for _, key_id in some)}, some


def _answer(
    fast_path: FastPath, accept: Accept, keyrings: tuple[Keyring, ...], dialect: Dialect, monotonic: float
) -> bool:
    try:
        fast_path.prewarm(accept, keyrings, dialect, monotonic)
    except RadiusError:  # a dialect in which nothing can be said
        return False
    return True
