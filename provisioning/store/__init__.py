"""The store: all that Latchkey keeps, and the only SQL there is."""

from .recording.audit import describe_row
from .recording.recorder import Recording
from .store import Store, create_store, open_store

__all__ = ["Recording", "Store", "create_store", "describe_row", "open_store"]
