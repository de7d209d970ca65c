"""The store: all that Latchkey keeps, and the only SQL there is."""

from .files.backup import Contents, back_up, key_place
from .files.integrity import Condition
from .files.restore import Loss, Restored, restore_backup
from .recording.audit import describe_row
from .recording.recorder import Recording
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
