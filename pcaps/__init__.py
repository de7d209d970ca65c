"""Plays the access point: builds and reads what goes over the air and the wire."""

from .errors import CaptureError, ExportError, FormatError, OptionError, SendError
from .hashcat import hc22000, hc22000_pmkid
from .identify import identify_by_store, identify_by_words
from .load import LoadGenerator, Shot
from .make.handshake import make_handshake
from .read.attempts import Attempt
from .read.capture_file import Capture
from .read.formats import Flaw, Packet
from .read.scan import Findings, read_handshakes
from .verdicts import Outcome, Verdict
from .words import Words

__all__ = [
    "Attempt",
    "Capture",
    "CaptureError",
    "ExportError",
    "Findings",
    "Flaw",
    "FormatError",
    "LoadGenerator",
    "OptionError",
    "Outcome",
    "Packet",
    "SendError",
    "Shot",
    "Verdict",
    "Words",
    "hc22000",
    "hc22000_pmkid",
    "identify_by_store",
    "identify_by_words",
    "make_handshake",
    "read_handshakes",
]
