"""HTTP for the connectors: runs their generators, and owns time-outs, repetition, TLS and every cap.

# Rule: no header's value, body, query or path gets into a message; what a request is about (`what`) does.
"""

from .address import Address, InvalidUrl
from .lanes import Counts
from .limits import Limits
from .transport import Transport

__all__ = ["Address", "Counts", "InvalidUrl", "Limits", "Transport"]
