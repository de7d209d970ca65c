"""What controllers were asked to make, until it is known to be there. These rows are no administrator's decisions."""

import json
from collections.abc import Iterable
from typing import Final

from ..sync import SentKey
from .files.database import Database

_KIND: Final = "sent"  # among sync_records, in place of a kind: not there, for all that is known


class SentKeys:
    """Those of all connectors."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, connector: str) -> tuple[SentKey, ...]:
        """Return those of a connector."""
        rows = self._db.rows(
            "SELECT platform_id, venue, record_id FROM sync_records WHERE connector = ? AND kind = ?",
            (connector, _KIND),
        )
        found = []
        for mark, where, record in rows:
            try:
                service, request, is_again, is_found = json.loads(where)
            except ValueError:  # damaged: its passphrase tells, where that is still the same
                continue
            found.append(
                SentKey(
                    mark=mark, record=record, service=service, request=request, is_again=is_again, is_found=is_found
                )
            )
        return tuple(found)

    def note(self, connector: str, sent: Iterable[SentKey]) -> None:
        """Note what is about to be asked for, or what is known of it by now; part of a transaction."""
        self._db.execute_many(
            "INSERT OR REPLACE INTO sync_records (connector, kind, platform_id, venue, record_id, is_owned)"
            " VALUES (?, ?, ?, ?, ?, 0)",
            (
                (
                    connector,
                    _KIND,
                    each.mark,
                    json.dumps([each.service, each.request, each.is_again, each.is_found]),
                    each.record,
                )
                for each in sent
            ),
        )

    def forget(self, connector: str, marks: Iterable[str]) -> None:
        """Forget what was found, or will not come any more; part of a transaction."""
        self._db.execute_many(
            "DELETE FROM sync_records WHERE connector = ? AND kind = ? AND platform_id = ?",
            ((connector, _KIND, mark) for mark in marks),
        )
