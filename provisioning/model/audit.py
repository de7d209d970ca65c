"""Who changed what: the entries of the audit, and the rows a change has touched."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

SERVER: Final = "latchkey"  # what changes by itself, after its time


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, and from where."""

    name: str
    origin: str
    is_person: bool = True  # not a platform, nor the server


@dataclass(frozen=True, slots=True)
class RowChange:
    """What became of one row, or of several that were added together. Sealed values are as they are stored."""

    table: str
    first_id: int
    last_id: int
    before: Mapping[str, Any] | None = field(repr=False)  # None: it was not there
    after: Mapping[str, Any] | None = field(repr=False)  # None: it is there no more; of several: nothing is said

    @property
    def is_range(self) -> bool:
        """Return whether these are rows that were added together."""
        return self.before is None and self.after is None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. `details` are gone where they told of somebody who was erased."""

    id: int
    at: datetime
    author: str
    origin: str
    is_person: bool
    action: str
    kind: str | None
    subject_id: int | None
    details: Mapping[str, Any] | None
    undoes: int | None
    undone_by: int | None
    undoable: bool
    hash: bytes

    @property
    def subject(self) -> str | None:
        """Return what it was done to, by name."""
        name = None if self.details is None else self.details.get("subject")
        return name if isinstance(name, str) else None

    @property
    def reason(self) -> str | None:
        reason = None if self.details is None else self.details.get("reason")
        return reason if isinstance(reason, str) else None

    @property
    def did(self) -> str | None:
        """Return what a synchronisation did to its rows: add, end, ...; None where it was none."""
        return None if self.details is None else self.details.get("did")

    @property
    def plan(self) -> str | None:
        """Return the plan of a synchronisation that it was a part of, where that was kept for a person to accept."""
        return None if self.details is None else self.details.get("plan")

    @property
    def names(self) -> list[str]:
        """Return the names of the rows that it tells of, as far as it has them."""
        rows = () if self.details is None else self.details.get("rows", ())
        return [row["name"] for row in rows if "name" in row]

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many rows of each kind it tells of; those beyond what an entry tells are of no kind ("row")."""
        if self.details is None:
            return {}
        counts: Counter[str] = Counter()
        for row in self.details.get("rows", ()):
            counts[row["kind"]] += row["last_id"] - row["first_id"] + 1 if "first_id" in row else 1
        if more := self.details.get("more_rows"):
            counts["row"] += more
        return counts
