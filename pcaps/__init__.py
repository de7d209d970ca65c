"""Plays the access point: builds and reads what goes over the air and the wire.

Names are imported when they are first asked for: reading a capture needs neither the server nor what builds frames.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .errors import CaptureError, ExportError, FormatError, SendError
    from .hashcat import hc22000, hc22000_pmkid
    from .identify import identify_by_store, identify_by_words
    from .load import LoadGenerator, Shot
    from .make.handshake import make_handshake
    from .read.capture_file import Capture
    from .read.formats import Flaw, Packet
    from .read.scan import read_handshakes
    from .verdicts import Outcome
    from .words import Words

_MODULES: Final = {
    "Capture": "read.capture_file",
    "CaptureError": "errors",
    "ExportError": "errors",
    "Flaw": "read.formats",
    "FormatError": "errors",
    "LoadGenerator": "load",
    "Outcome": "verdicts",
    "Packet": "read.formats",
    "SendError": "errors",
    "Shot": "load",
    "Words": "words",
    "hc22000": "hashcat",
    "hc22000_pmkid": "hashcat",
    "identify_by_store": "identify",
    "identify_by_words": "identify",
    "make_handshake": "make.handshake",
    "read_handshakes": "read.scan",
}

__all__ = [
    "Capture",
    "CaptureError",
    "ExportError",
    "Flaw",
    "FormatError",
    "LoadGenerator",
    "Outcome",
    "Packet",
    "SendError",
    "Shot",
    "Words",
    "hc22000",
    "hc22000_pmkid",
    "identify_by_store",
    "identify_by_words",
    "make_handshake",
    "read_handshakes",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value
