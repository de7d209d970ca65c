"""The change feed: what administrators have changed, in the order of their commits. The server follows it."""

from ...model import Change
from ..files.database import Database
from ..rows import load_change, load_rows


class Changes:
    """Reads the feed; each write appends to it in its own transaction (`Database.record`)."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def revision(self) -> int:
        """Return the newest revision of the change feed, 0 before the first."""
        return int(self._db.rows("SELECT coalesce(max(revision), 0) FROM changes")[0][0])

    def mark(self, revision: int) -> int | None:
        """Return the random number that a change was recorded with, None where there is no such change.

        Another than before, or none: this is not the database that was followed so far, though it may be a copy.
        """
        row = self._db.row("SELECT mark FROM changes WHERE revision = ?", (revision,))
        return None if row is None else int(row[0])

    def data_version(self) -> int:
        """Return a number that differs from the last one when another connection has committed since."""
        return int(self._db.rows("PRAGMA data_version")[0][0])

    def since(self, revision: int) -> tuple[Change, ...]:
        """Return the changes after `revision`, oldest first; RowDamaged where one cannot be understood."""
        rows = self._db.rows(
            "SELECT revision, entity, first_id, last_id FROM changes WHERE revision > ? ORDER BY revision", (revision,)
        )
        return tuple(load_rows("changes", rows, load_change))
