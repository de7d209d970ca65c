"""Plays the access point: builds and reads what goes over the air and the wire."""

from .attempts import Attempt
from .errors import CaptureError, ExportError, FormatError, OptionError, SendError
from .handshakes import Findings, read_handshakes
from .hashcat import hc22000
from .identify import identify_by_store, identify_by_words
from .reader import Capture
from .reader_files import Flaw, Packet
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
    "OptionError",
    "Outcome",
    "Packet",
    "SendError",
    "Verdict",
    "Words",
    "hc22000",
    "identify_by_store",
    "identify_by_words",
    "read_handshakes",
]
