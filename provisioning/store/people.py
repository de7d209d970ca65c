# ruff: noqa: S608 (what is put into a statement here is a name of ours; values are parameters)
"""What is kept about somebody, found and taken away: rows, and what the audit tells of them and of how they were."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from crypto import MacAddress

from ..model import Entity, Person
from .files.database import Database
from .recording.audit import Audit
from .recording.recorder import TABLES, Recorder
from .rows import Row

_CHUNK: Final = 1000
# What gives somebody away where it stands. Tags and names of devices are words such as "TV": they go with their rows.
_NAMES: Final = {
    "subscribers": ("name", "token", "external_id"),
    "subscriptions": ("external_id",),
    "keys": ("identity", "external_id", "platform_id"),
}
_OF_SUBSCRIBERS: Final = ("subscriptions", "whitelist_devices", "whitelist_nases")
_WITH_DEVICES: Final = ("devices", "whitelist_devices")
_MADE_UP: Final = re.compile(r"key-\d+")  # an identity that says nothing
# Whether a name is somebody else's as well, or that of a flat: then it does not tell who is meant.
_COMMON: Final = """
    SELECT 1 FROM subscribers WHERE name = :name COLLATE NOCASE AND id IS NOT :subscriber
    UNION ALL SELECT 1 FROM keys WHERE identity = :name COLLATE NOCASE
        AND id NOT IN (SELECT value FROM json_each(:keys))
    UNION ALL SELECT 1 FROM units WHERE name = :name COLLATE NOCASE
    UNION ALL SELECT 1 FROM venues WHERE name = :name COLLATE NOCASE
    UNION ALL SELECT 1 FROM plans WHERE name = :name COLLATE NOCASE
"""


_THEIRS: Final = (
    "(kind = 'key' AND record_id IN (SELECT value FROM json_each(?1))) OR (kind = 'subscriber' AND record_id = ?2)"
)


class People:
    """Somebody, in all tables."""

    def __init__(self, database: Database, recorder: Recorder, audit: Audit) -> None:
        self._db = database
        self._recorder = recorder
        self._audit = audit

    def find(self, subscriber_id: int | None, key_ids: Iterable[int] = ()) -> Person:
        """Return what is kept about a subscriber, or about whose keys these are; part of a change."""
        keys = self._keys(subscriber_id, key_ids)
        rows = {("keys", id_) for id_ in keys} | {("devices", id_) for id_ in keys}
        if subscriber_id is not None:
            rows.add(("subscribers", subscriber_id))
            for table in _OF_SUBSCRIBERS:
                found = self._db.rows(f"SELECT id FROM {table} WHERE subscriber_id = ?", (subscriber_id,))
                rows |= {(table, id_) for (id_,) in found}
                rows |= {(table, id_) for id_ in self._former(table, subscriber_id)}
        names: set[str] = set()
        devices: set[bytes] = set()
        for table, image in self._images(rows):
            names |= {image[column] for column in _NAMES.get(table, ()) if isinstance(image.get(column), str)}
            if table in _WITH_DEVICES and isinstance(image.get("mac"), bytes) and len(image["mac"]) == 6:
                devices.add(image["mac"])
        own = frozenset(name for name in names if self._is_own(name, subscriber_id, keys))
        return Person(
            subscriber_id=subscriber_id,
            rows=frozenset(rows),
            names=own,
            shared_names=frozenset(names) - own,
            devices=frozenset(map(MacAddress, devices)),
        )

    def _keys(self, subscriber_id: int | None, key_ids: Iterable[int]) -> set[int]:
        rows = self._db.rows(
            "SELECT id FROM keys WHERE subscriber_id = ?1 OR id IN (SELECT value FROM json_each(?2))"
            " OR subscription_id IN (SELECT id FROM subscriptions WHERE subscriber_id = ?1)",
            (subscriber_id, json.dumps(list(key_ids))),
        )
        found = {id_ for (id_,) in rows}
        graces = self._db.rows(
            "SELECT id FROM keys WHERE grace_of IN (SELECT value FROM json_each(?))", (json.dumps(sorted(found)),)
        )
        return found | {id_ for (id_,) in graces}

    def _former(self, table: str, subscriber_id: int) -> Iterator[int]:
        """Yield the ids of rows that were theirs, and are there no more."""
        for id_, before in self._db.rows(
            "SELECT first_id, row_before FROM audit_images WHERE row_table = ? AND row_before IS NOT NULL", (table,)
        ):
            if json.loads(before).get("subscriber_id") == subscriber_id:
                yield id_

    def _images(self, rows: Iterable[tuple[str, int]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what these rows are, and what they were as far as it is known."""
        for table, id_ in rows:
            column = "key_id" if table == "devices" else "id"
            cursor = self._db.execute(f"SELECT * FROM {table} WHERE {column} = ?", (id_,))
            names = [each[0] for each in cursor.description]
            yield from ((table, dict(zip(names, row, strict=True))) for row in cursor.fetchall())
            for images in self._db.rows(
                "SELECT row_before, row_after FROM audit_images WHERE row_table = ? AND first_id = ? AND last_id = ?",
                (table, id_, id_),
            ):
                yield from ((table, _load(image)) for image in images if image is not None)

    def _is_own(self, name: str, subscriber_id: int | None, keys: Iterable[int]) -> bool:
        if len(name.strip()) < 2 or _MADE_UP.fullmatch(name):
            return False
        with self._db.errors():
            asked = {"name": name, "subscriber": subscriber_id, "keys": json.dumps(sorted(keys))}
            return self._db.sql.execute(_COMMON, asked).fetchone() is None

    def take_away(self, person: Person) -> dict[str, int]:
        """Delete the rows of somebody; return how many of each kind. Part of a change, which keeps no image of them.

        What servers have learned of their devices with keys of others goes as well; what a person registered stays.
        """
        gone: dict[str, int] = {}
        for table in ("devices", "whitelist_devices", "whitelist_nases", "keys", "subscriptions", "subscribers"):
            of_table = sorted((id_ for each, id_ in person.rows if each == table), reverse=True)  # a grace's key last
            for id_ in of_table:
                if table == "keys":
                    self._recorder.current.feed(Entity.DEVICE, id_)
                for place in self._places(table, id_):
                    if self._recorder.delete(table, place):
                        gone[TABLES[table].kind] = gone.get(TABLES[table].kind, 0) + 1
        for mac in person.devices:
            learned = "FROM devices WHERE mac = ? AND NOT registered"
            for (key_id,) in self._db.rows(f"SELECT DISTINCT key_id {learned}", (mac.value,)):
                self._recorder.current.feed(Entity.DEVICE, key_id)
            self._db.execute(f"DELETE {learned}", (mac.value,))
        return gone

    def synchronised(self, person: Person) -> dict[str, bool]:
        """Return the connectors that somebody is known to, and whether they come from there, rather than being told."""
        rows = self._db.rows(
            f"SELECT connector, max(is_owned) FROM sync_records WHERE {_THEIRS} GROUP BY connector ORDER BY connector",
            _their_ids(person),
        )
        return {connector: bool(owned) for connector, owned in rows}

    def forget_synchronised(self, person: Person) -> int:
        """Forget under which ids platforms know somebody, and what plans and reports may tell; return how many ids.

        A plan that was being carried out is not: the next run makes its own. Under which id a controller was told of a
        key stays until the next run has taken it off there.
        """
        for connector in self.synchronised(person):
            self._db.execute(
                "UPDATE sync_plans SET contents = x'', state = CASE state WHEN 'accepted' THEN 'done' ELSE state END"
                " WHERE connector = ?",
                (connector,),
            )
            self._db.execute("UPDATE sync_connectors SET state = '{}', last_error = NULL WHERE name = ?", (connector,))
        forgotten = self._db.execute(f"DELETE FROM sync_records WHERE is_owned AND ({_THEIRS})", _their_ids(person))
        return forgotten.rowcount

    def _places(self, table: str, id_: int) -> list[Any]:
        if table != "devices":
            return [id_]
        rows = self._db.rows("SELECT keypool_id, mac, key_id FROM devices WHERE key_id = ?", (id_,))
        return [tuple(row) for row in rows]

    def left_elsewhere(self, person: Person) -> list[str]:
        """Return which rows of others hold a device of theirs: that somebody else registered it is theirs to undo."""
        left = []
        for name in sorted(person.shared_names):
            left += [
                f"key {id_}, of no subscriber, is called so too (--key {id_} takes it along)"
                for (id_,) in self._db.rows(
                    "SELECT id FROM keys WHERE identity = ? COLLATE NOCASE AND subscriber_id IS NULL", (name,)
                )
            ]
            left += [
                f"subscriber {id_} has the same name, and entries of the audit that tell of that name stay"
                for (id_,) in self._db.rows("SELECT id FROM subscribers WHERE name = ? COLLATE NOCASE", (name,))
            ]
        for mac in sorted(person.devices, key=lambda each: each.value):
            left += [
                f"{mac} is registered with key {key_id}"
                for (key_id,) in self._db.rows("SELECT key_id FROM devices WHERE mac = ?", (mac.value,))
            ]
            left += [
                f"{mac} is on the whitelist of subscriber {id_}"
                for (id_,) in self._db.rows("SELECT subscriber_id FROM whitelist_devices WHERE mac = ?", (mac.value,))
            ]
        return left

    def audit_entries(self, person: Person) -> set[int]:
        """Return the entries of the audit that tell of somebody, or of how something of theirs was."""
        mentions = person.mentions()
        kinds = {(TABLES[table].kind, id_) for table, id_ in person.rows}
        told = re.compile("|".join(f'"kind": "{kind}", "id": {id_}[,}}]' for kind, id_ in sorted(kinds)) or "(?!)")
        found: set[int] = set()
        for entry, kind, subject_id, details in self._scan(
            "SELECT id, kind, subject_id, details FROM audit WHERE details IS NOT NULL AND id > ? ORDER BY id LIMIT ?"
        ):
            is_theirs = (kind, subject_id) in kinds or told.search(details)
            if is_theirs or mentions.search(details.encode("utf-8", "surrogatepass")):
                found.add(entry)
        for _, entry, table, id_, before, after in self._scan(
            "SELECT id, entry_id, row_table, first_id, row_before, row_after FROM audit_images"
            " WHERE (row_before IS NOT NULL OR row_after IS NOT NULL) AND id > ? ORDER BY id LIMIT ?"
        ):
            images = f"{before}{after}".encode("utf-8", "surrogatepass")
            if entry not in found and ((table, id_) in person.rows or mentions.search(images)):
                found.add(entry)
        return found

    def _scan(self, sql: str) -> Iterator[Row]:
        last = 0
        while rows := self._db.rows(sql, (last, _CHUNK)):
            yield from rows
            last = rows[-1][0]

    def forget(self, entries: Iterable[int]) -> None:
        """Take away what these entries tell; the chain stays whole. Part of a change."""
        self._audit.erase_details(sorted(entries))

    def authored(self, person: Person) -> list[str]:
        """Return those names of theirs under which somebody has made changes: an entry's author cannot be altered."""
        rows = self._db.rows("SELECT DISTINCT author FROM audit")
        folded = {name.casefold() for name in person.names}
        return sorted(author for (author,) in rows if author.casefold() in folded)


def _their_ids(person: Person) -> tuple[str, int | None]:
    return json.dumps(sorted(person.key_ids)), person.subscriber_id


def _load(image: str) -> dict[str, Any]:
    return {
        column: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
        for column, value in json.loads(image).items()
    }
