"""The store: all that Latchkey keeps, and the only SQL there is."""

from .audit import describe_row
from .backup import Contents, back_up, key_place
from .integrity import Condition
from .recording import Recording
from .restore import Loss, Restored, restore_backup
from .store import Store, create_store, open_store

__all__ = [
    "Condition",
    "Contents",
    "Loss",
    "Recording",
    "Restored",
    "Store",
    "back_up",
    "create_store",
    "describe_row",
    "key_place",
    "open_store",
    "restore_backup",
]
