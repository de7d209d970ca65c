"""What a name may be."""

import unicodedata
from typing import Final

from ...errors import InvalidValue

_MAX_TEXT_OCTETS: Final = 253  # the longest value of one RADIUS attribute: User-Name, Chargeable-User-Identity


def check_name(text: str, what: str) -> None:
    """Raise InvalidValue unless `text` is 1 to 253 octets of printable UTF-8 that is not all blanks."""
    if not text.strip():
        raise InvalidValue(f"{what} is empty")
    # Names go into log lines and RADIUS attributes: no line breaks, no control characters; wide blanks may be.
    if not text.isprintable() and any(not c.isprintable() and unicodedata.category(c) != "Zs" for c in text):
        raise InvalidValue(f"{what} has a character that is not printable")
    if len(text) * 4 > _MAX_TEXT_OCTETS and (octets := len(text.encode("utf-8"))) > _MAX_TEXT_OCTETS:
        raise InvalidValue(f"{what} has {octets} octets, more than {_MAX_TEXT_OCTETS}")
