"""The rules of a key's life: its PMK, its window, when two keys collide. No store, no clock."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto import Ssid, passphrase_to_pmk, pmk_batch

from .errors import InvalidValue
from .model import Passphrase

# What is left when everything that looks like something else on paper is gone (0 o, 1 l i).
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 4
_GROUP_LETTERS: Final = 4  # 4 groups of 4 of 31: 79 bits

_SECRET_LETTERS: Final = 24  # of 31: 119 bits

Progress = Callable[[str, int, int], None]  # stage, done, total
Derive = Callable[[Sequence[bytes], Ssid, Progress | None], NDArray[np.uint8]]


def generate_passphrase(choose: Callable[[str], str] = secrets.choice) -> Passphrase:
    """Return a new passphrase of 79 random bits that can be read out over a telephone.

    choose: another source than the system's, for test packets that must repeat
    """
    groups = ("".join(choose(_LETTERS) for _ in range(_GROUP_LETTERS)) for _ in range(_GROUPS))
    return Passphrase("-".join(groups).encode())


def generate_secret() -> bytes:
    """Return a new shared secret of 119 random bits, in letters and digits that every access point takes."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LETTERS)).encode()


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


def parse_instant(text: str, *, end_of_day: bool = False) -> datetime:
    """Return an ISO 8601 date or datetime as UTC; naive is UTC already; a bare date may mean its last second."""
    try:
        if len(text) <= len("2026-10-31"):
            day = date.fromisoformat(text)
            return datetime.combine(day, time(23, 59, 59) if end_of_day else time(), UTC)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            return instant.replace(tzinfo=UTC, microsecond=0)
        return instant.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise InvalidValue(f"{text[:40]!r} is not a date or time: use 2026-10-31 or 2026-10-31T12:00") from None
