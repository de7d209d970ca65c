"""Bringing the database of an earlier version up to date: by those who write it, with a copy kept of how it was."""

from contextlib import closing
from pathlib import Path

from .copies import keep_copy
from .database import BUSY_TIMEOUT_S, Database


def upgrade(database: Database, *, keep: bool = True) -> None:
    """Bring an older database to this version's shape; a reader does so in its memory, and leaves the file.

    keep: first copy it to a file beside it
    """
    if not database.pending():
        return
    if database.readonly:
        database.upgrade_in_memory()
        return
    done: list[str] = []
    kept: list[Path] = []

    def prepare() -> None:
        done.extend(database.pending())  # another process may have been first
        if done and keep:
            kept.append(_keep(database.path, f"before-{done[0][:4]}"))

    try:
        database.migrate(prepare)
    except Exception:  # nothing was committed, of which an interruption leaves one in doubt
        for path in kept:
            path.unlink(missing_ok=True)
        raise
    if done and database.tell is not None:
        steps = done[0] if len(done) == 1 else f"{done[0]} to {done[-1]}"
        where = f", copy kept at {kept[0]}" if kept else ""
        database.tell(f"brought the database up to date ({steps}){where}")


def _keep(path: Path, suffix: str) -> Path:
    """Copy what is committed to a new file beside the database, and return which."""
    with closing(Database(path, readonly=True, busy_timeout_s=BUSY_TIMEOUT_S)) as committed:
        return keep_copy(committed.sql.conn, path, path.with_name(f"{path.name}.{suffix}"))
