"""Random choices for thousands of records at a time."""

import os
from collections.abc import Callable, Iterator
from typing import Final

_BLOCK: Final = 4096


def many_choices() -> Callable[[str], str]:
    """Return what chooses a letter as `secrets.choice` does, each as likely; the system is asked for whole blocks."""
    octets: Iterator[int] = iter(b"")

    def choose(letters: str) -> str:
        nonlocal octets
        bound = 256 - 256 % len(letters)
        while True:
            for octet in octets:
                if octet < bound:
                    return letters[octet % len(letters)]
            octets = iter(os.urandom(_BLOCK))

    return choose
