"""The rules of a key's life: its PMK, its window, when two keys collide. No store, no clock."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto import Ssid, passphrase_to_pmk, pmk_batch

from .model.rules.identifiers import UNMISTAKABLE

_SECRET_LETTERS: Final = 24  # of 31: 119 bits

Progress = Callable[[str, int, int], None]  # stage, done, total
Derive = Callable[[Sequence[bytes], Ssid, Progress | None], NDArray[np.uint8]]


def generate_secret() -> bytes:
    """Return a new shared secret of 119 random bits, in letters and digits that every access point takes."""
    return "".join(secrets.choice(UNMISTAKABLE) for _ in range(_SECRET_LETTERS)).encode()


def derive_pmks(passphrases: Sequence[bytes], ssid: Ssid, progress: Progress | None = None) -> NDArray[np.uint8]:
    """Return the PMKs of checked passphrases on one SSID: uint8, shape (n, 32)."""
    if len(passphrases) == 1:  # nobody waits for a compiler to add one key
        return np.frombuffer(passphrase_to_pmk(passphrases[0], ssid).value, np.uint8).reshape(1, 32)
    if progress is None:
        return pmk_batch(passphrases, ssid)
    return pmk_batch(passphrases, ssid, progress=lambda done, total: progress("deriving", done, total))


def windows_overlap(
    starts: datetime | None, ends: datetime | None, other_starts: datetime | None, other_ends: datetime | None
) -> bool:
    """Return whether two half-open windows share an instant; an absent end is open."""
    return (ends is None or other_starts is None or other_starts < ends) and (
        other_ends is None or starts is None or starts < other_ends
    )


def effective_vlan(own: int | None, units: int | None, offset: int) -> int | None:
    """Return the VLAN a device is put on: the key's own, else its unit's, moved by the venue's offset if any."""
    vlan = own if own is not None else units
    return None if vlan is None else vlan + offset
