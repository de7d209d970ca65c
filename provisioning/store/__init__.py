"""The store: all that Latchkey keeps, and the only SQL there is."""

from .store import Store, create_store, open_store

__all__ = ["Store", "create_store", "open_store"]
