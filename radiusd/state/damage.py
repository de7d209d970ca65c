"""Rows of the store that cannot be opened. Each costs itself: it is named once in the log, counted, and left out."""

import logging
from collections.abc import Container, Iterable
from typing import Final

from provisioning import Key, RowDamaged, Store

log = logging.getLogger("radiusd")

_NAMED: Final = 100  # a disk that goes bad takes thousands, and the count says how many


def read_key(store: Store, damage: "Damage", key_id: int) -> Key | None:
    """Return all about a key, None where it is gone or cannot be opened; ProvisioningError where nobody knows."""
    try:
        return store.keys.get(key_id)
    except RowDamaged:
        store.check_key()  # it may have been sealed anew, under another master key
    try:
        return store.keys.get(key_id)
    except RowDamaged as damaged:
        damage.report(damaged.table, damaged.id)
        return None


class Damage:
    """The rows that could not be opened when they were last read. Any thread may report."""

    def __init__(self) -> None:
        self._ids: dict[str, set[int]] = {}
        self._named = 0

    def __len__(self) -> int:
        return sum(map(len, self._ids.values()))

    def report(self, table: str, id_: int) -> None:
        """Count a row that cannot be opened, and name it in the log unless it was named before."""
        ids = self._ids.setdefault(table, set())
        if id_ in ids:
            return
        ids.add(id_)
        self._named += 1
        if self._named <= _NAMED:
            log.error("store row cannot be opened: table=%s id=%d: it is left out, restore it or remove it", table, id_)
        elif self._named == _NAMED + 1:
            log.error("more rows of the store cannot be opened: latchkey_store_damaged_rows counts them")

    def is_damaged(self, table: str) -> bool:
        """Return whether any row of the table could not be opened."""
        return bool(self._ids.get(table))

    def reread(self, table: str, ids: Container[int], damaged: Iterable[int]) -> None:
        """Note that of these rows, read anew, only `damaged` could not be opened."""
        still = set(damaged)
        known = self._ids.get(table, set())
        known -= {id_ for id_ in known if id_ in ids and id_ not in still}
        for id_ in sorted(still):
            self.report(table, id_)

    def forget(self) -> None:
        """Begin anew, with another database."""
        self._ids = {}
        self._named = 0
