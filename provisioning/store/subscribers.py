# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""Subscribers, their subscriptions, and what they may use."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from crypto import MacAddress

from ..errors import AlreadyExists, NotFound, Occupied
from ..model import (
    AllowedDevice,
    AllowedNas,
    Purpose,
    Subscriber,
    Subscription,
    Whitelists,
    check_name,
    new_subscriber_token,
    new_suffix,
)
from ..model.rules.randomness import many_choices
from .files.database import Database
from .recording.recorder import Recorder, Recording
from .rows import (
    SUBSCRIBER_COLUMNS,
    SUBSCRIPTION_COLUMNS,
    load_allowed_device,
    load_allowed_nas,
    load_instant,
    load_rows,
    load_subscriber,
    load_subscription,
    save_instant,
    save_subscriber,
    save_subscription,
)

# Of two subscriptions of a wired unit at a time, where its operator, venue or unit wants no such thing (VAULT, 4.32).
_OVERLAPS: Final = f"""
    SELECT a.id, b.subscriber_id, b.id, u.name, b.starts, b.ends
    FROM subscriptions a
    JOIN subscriptions b ON b.unit_id = a.unit_id AND b.id != a.id
    JOIN subscribers sa ON sa.id = a.subscriber_id AND sa.status != 'closed'
    JOIN subscribers sb ON sb.id = b.subscriber_id AND sb.status != 'closed'
    JOIN units u ON u.id = a.unit_id AND u.purpose = '{Purpose.WIRED_UNIT.value}'
    JOIN venues v ON v.id = u.venue_id
    WHERE a.id IN (SELECT value FROM json_each(?))
        AND NOT coalesce(u.allow_overlap, v.allow_overlap, (SELECT allow_overlap FROM operator))
        AND (a.ends IS NULL OR b.starts IS NULL OR b.starts < a.ends)
        AND (b.ends IS NULL OR a.starts IS NULL OR a.starts < b.ends)
    ORDER BY a.id, b.id LIMIT 1
"""


NewSubscriber: TypeAlias = tuple[str, str, str, str | None]  # name, token, suffix, external id


class Subscribers:
    """Whose keys they are."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._db = database
        self._recorder = recorder

    def all(self, *, after: int = 0, limit: int = -1) -> tuple[Subscriber, ...]:
        rows = self._db.rows(
            f"SELECT {SUBSCRIBER_COLUMNS} FROM subscribers WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return tuple(load_rows("subscribers", rows, load_subscriber))

    def get(self, id_: int) -> Subscriber:
        """Return a subscriber; NotFound where there is none of that id."""
        rows = self._db.rows(f"SELECT {SUBSCRIBER_COLUMNS} FROM subscribers WHERE id = ?", (id_,))
        for subscriber in load_rows("subscribers", rows, load_subscriber):
            return subscriber
        raise NotFound(f"no subscriber {id_}")

    def named(self, text: str) -> tuple[Subscriber, ...]:
        """Return the subscribers of that name, in either case, token or external id."""
        rows = self._db.rows(
            f"SELECT {SUBSCRIBER_COLUMNS} FROM subscribers WHERE name = ?1 COLLATE NOCASE OR token = ?1"
            " OR external_id = ?1 ORDER BY id",
            (text,),
        )
        return tuple(load_rows("subscribers", rows, load_subscriber))

    def beginning(self, text: str, *, limit: int) -> tuple[Subscriber, ...]:
        """Return subscribers whose name begins so, by name, at most `limit`."""
        rows = self._db.rows(
            f"SELECT {SUBSCRIBER_COLUMNS} FROM subscribers WHERE name >= ?1 COLLATE NOCASE"
            " AND name < ?1 || char(1114111) COLLATE NOCASE ORDER BY name COLLATE NOCASE LIMIT ?2",
            (text, limit),
        )
        return tuple(load_rows("subscribers", rows, load_subscriber))

    def names_near(self, text: str, *, limit: int) -> list[str]:
        """Return names with the same first or last letters, in either case, at most `limit`: to find a slip in."""
        rows = self._db.rows(
            "SELECT DISTINCT name FROM subscribers WHERE instr(lower(name), lower(?)) = 1"
            " OR lower(substr(name, -3)) = lower(?) ORDER BY name LIMIT ?",
            (text[:2], text[-3:], limit),
        )
        return [name for (name,) in rows]

    def add(self, name: str, *, external_id: str | None = None, token: str | None = None) -> Subscriber:
        """Return a new subscriber; others may have the name as well."""
        with self._recorder.change("subscriber.add") as change:
            subscriber = Subscriber(
                id=self._db.allocate("subscribers"),
                name=name,
                token=token or new_subscriber_token(),
                suffix=new_suffix(),
                external_id=external_id,
            )
            change.subject("subscriber", subscriber.id, name)
            self._refuse_taken(subscriber)
            self._recorder.insert("subscribers", save_subscriber(subscriber))
        return subscriber

    @staticmethod
    def prepare(people: Sequence[tuple[str, str | None]]) -> list[NewSubscriber]:
        """Return what `add_many` needs of new subscribers by name and external id: all that takes long."""
        choose = many_choices()
        for name, external_id in people:
            check_name(name, "subscriber name")
            if external_id is not None:
                check_name(external_id, "external id")
        return [
            (name, new_subscriber_token(choose=choose), new_suffix(choose=choose), external_id)
            for name, external_id in people
        ]

    def add_many(self, new: Sequence[NewSubscriber]) -> range:
        """Return the ids of new subscribers whose external ids nobody has; part of a change."""
        first = self._db.allocate("subscribers", len(new))
        ids = range(first, first + len(new))
        self._recorder.insert_range(
            "subscribers",
            ((id_, *values) for id_, values in zip(ids, new, strict=True)),
            "INSERT INTO subscribers (id, name, token, suffix, external_id) VALUES (?, ?, ?, ?, ?)",
            ids[0],
            ids[-1],
        )
        return ids

    def external_ids_among(self, external_ids: Iterable[str]) -> set[str]:
        """Return which of these are somebody's."""
        rows = self._db.rows(
            "SELECT external_id FROM subscribers WHERE external_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(external_ids)),),
        )
        return {external_id for (external_id,) in rows}

    def ids_of(self, names: Sequence[str]) -> dict[str, int]:
        """Return the id of each name's subscriber, the oldest of several; new ones where there is none.

        Part of a transaction.
        """
        found: dict[str, int] = {}
        new: list[str] = []
        for name in names:
            row = self._db.row("SELECT min(id) FROM subscribers WHERE name = ? AND status != 'closed'", (name,))
            if row is None or row[0] is None:
                new.append(name)
            else:
                found[name] = int(row[0])
        if new:
            first = self._db.allocate("subscribers", len(new))
            ids = range(first, first + len(new))
            self._recorder.insert_range(
                "subscribers",
                ((id_, name, new_subscriber_token(), new_suffix()) for id_, name in zip(ids, new, strict=True)),
                "INSERT INTO subscribers (id, name, token, suffix) VALUES (?, ?, ?, ?)",
                first,
                ids[-1],
            )
            found.update(zip(new, ids, strict=True))
        return found

    def save(self, subscriber: Subscriber) -> None:
        with self._recorder.change("subscriber.set") as change:
            change.subject("subscriber", subscriber.id, subscriber.name)
            self._refuse_taken(subscriber)
            if not self._recorder.update("subscribers", subscriber.id, save_subscriber(subscriber)):
                raise NotFound(f"no subscriber {subscriber.id}")

    def remove(self, id_: int) -> None:
        """Take away a subscriber that nothing belongs to any more: `lifecycle.subscribers` sees to that."""
        subscriber = self.get(id_)
        with self._recorder.change("subscriber.remove") as change:
            change.subject("subscriber", id_, subscriber.name)
            self._recorder.delete("subscribers", id_)

    def _refuse_taken(self, subscriber: Subscriber) -> None:
        for column, value in (("token", subscriber.token), ("external_id", subscriber.external_id)):
            taken = f"SELECT 1 FROM subscribers WHERE {column} = ? AND id != ?"
            if value is not None and self._db.row(taken, (value, subscriber.id)):
                raise AlreadyExists(f"{column.replace('_', ' ')} {value!r} is another subscriber's")

    # Subscriptions.

    def subscriptions(
        self, *, subscriber_id: int | None = None, unit_id: int | None = None, external_id: str | None = None
    ) -> tuple[Subscription, ...]:
        asked = {"subscriber_id": subscriber_id, "unit_id": unit_id, "external_id": external_id}
        said = {column: value for column, value in asked.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in said) or "true"
        rows = self._db.rows(
            f"SELECT {SUBSCRIPTION_COLUMNS} FROM subscriptions WHERE {where} ORDER BY id", [*said.values()]
        )
        return tuple(load_rows("subscriptions", rows, load_subscription))

    def subscription(self, id_: int) -> Subscription:
        """Return a subscription; NotFound where there is none of that id."""
        rows = self._db.rows(f"SELECT {SUBSCRIPTION_COLUMNS} FROM subscriptions WHERE id = ?", (id_,))
        for subscription in load_rows("subscriptions", rows, load_subscription):
            return subscription
        raise NotFound(f"no subscription {id_}")

    def add_subscription(
        self,
        subscriber_id: int,
        *,
        unit_id: int | None = None,
        plan_id: int | None = None,
        starts: datetime | None = None,
        ends: datetime | None = None,
        external_id: str | None = None,
    ) -> Subscription:
        with self._recorder.change("subscription.add"):
            subscription = Subscription(
                id=self._db.allocate("subscriptions"),
                subscriber_id=subscriber_id,
                unit_id=unit_id,
                plan_id=plan_id,
                starts=starts,
                ends=ends,
                external_id=external_id,
            )
            self._recorder.insert("subscriptions", save_subscription(subscription))
        return subscription

    def save_subscription(self, subscription: Subscription) -> None:
        with self._recorder.change("subscription.set"):
            self._recorder.update("subscriptions", subscription.id, save_subscription(subscription))

    def remove_subscription(self, id_: int) -> None:
        with self._recorder.change("subscription.remove"):
            self._recorder.delete("subscriptions", id_)

    def refuse_overlaps(self, change: Recording) -> None:
        """Raise Occupied where a change lets two subscriptions of a unit overlap that must not."""
        wider = [
            id_
            for row in change.rows
            if row.table == "subscriptions" and (row.is_range or _is_wider(row.before, row.after))
            for id_ in range(row.first_id, row.last_id + 1)
        ]
        opened = [
            row.first_id
            for row in change.rows
            if row.table == "subscribers" and row.before and row.after and row.before["status"] == "closed"
        ]
        for subscriber_id in opened:
            wider += [each.id for each in self.subscriptions(subscriber_id=subscriber_id)]
        if not wider:
            return
        found = self._db.row(_OVERLAPS, (json.dumps(wider),))
        if found is not None:
            _, subscriber_id, other, unit, starts, ends = found
            when = " ".join(
                f"{word} {load_instant(at):%Y-%m-%d %H:%M} UTC"
                for word, at in (("from", starts), ("until", ends))
                if at is not None
            )
            name = self.get(subscriber_id).name
            raise Occupied(
                f"unit {unit!r} may not have two subscriptions at a time: {name!r} has subscription {other}"
                f" {when or 'without end'}"
            )

    # Whitelists.

    def allowed_devices(self, subscriber_id: int) -> tuple[AllowedDevice, ...]:
        rows = self._db.rows(
            "SELECT id, subscriber_id, mac, name, until FROM whitelist_devices WHERE subscriber_id = ? ORDER BY id",
            (subscriber_id,),
        )
        return tuple(load_rows("whitelist_devices", rows, load_allowed_device))

    def allowed_nases(self, subscriber_id: int) -> tuple[AllowedNas, ...]:
        rows = self._db.rows(
            "SELECT id, subscriber_id, nas_identifier, name, until FROM whitelist_nases WHERE subscriber_id = ?"
            " ORDER BY id",
            (subscriber_id,),
        )
        return tuple(load_rows("whitelist_nases", rows, load_allowed_nas))

    def allowed(self) -> Iterator[tuple[str, AllowedDevice | AllowedNas]]:
        """Yield each entry of each whitelist after the name of its subscriber, by subscriber."""
        for table, what, load in (
            ("whitelist_devices", "mac", load_allowed_device),
            ("whitelist_nases", "nas_identifier", load_allowed_nas),
        ):
            rows = self._db.rows(
                f"SELECT s.name, w.id, w.subscriber_id, w.{what}, w.name, w.until FROM {table} w"
                " JOIN subscribers s ON s.id = w.subscriber_id ORDER BY s.id, w.id"
            )
            yield from ((name, load(tuple(entry))) for name, *entry in rows)

    def whitelists(self, subscriber_ids: Iterable[int] | None = None) -> dict[int, Whitelists]:
        """Return the whitelists of those of these subscribers (None: of all) that have any.

        A server reads keys one by one while a request waits: what others may use must cost that nothing.
        """
        where = ""
        only: list[str] = []
        if subscriber_ids is not None:
            wanted = sorted(set(subscriber_ids))
            if not wanted:
                return {}
            where, only = " WHERE subscriber_id IN (SELECT value FROM json_each(?))", [json.dumps(wanted)]
        devices: dict[int, list[tuple[MacAddress, datetime | None]]] = {}
        nases: dict[int, list[tuple[str, datetime | None]]] = {}
        for id_, mac, until in self._db.rows(f"SELECT subscriber_id, mac, until FROM whitelist_devices{where}", only):
            devices.setdefault(id_, []).append((MacAddress(mac), load_instant(until)))
        for id_, name, until in self._db.rows(
            f"SELECT subscriber_id, nas_identifier, until FROM whitelist_nases{where}", only
        ):
            nases.setdefault(id_, []).append((name, load_instant(until)))
        return {
            id_: Whitelists(
                tuple(devices[id_]) if id_ in devices else None, tuple(nases[id_]) if id_ in nases else None
            )
            for id_ in devices.keys() | nases.keys()
        }

    def allow_device(
        self, subscriber_id: int, mac: MacAddress, *, name: str | None = None, until: datetime | None = None
    ) -> AllowedDevice:
        """Let a subscriber use this device, and no other that is not allowed."""
        with self._recorder.change("whitelist.add"):
            if self._db.row(
                "SELECT 1 FROM whitelist_devices WHERE subscriber_id = ? AND mac = ?", (subscriber_id, mac.value)
            ):
                raise AlreadyExists(f"{mac} is on that whitelist already")
            id_ = self._db.allocate("whitelist_devices")
            allowed = AllowedDevice(id=id_, subscriber_id=subscriber_id, mac=mac, name=name, until=until)
            values = {"id": id_, "subscriber_id": subscriber_id, "mac": mac.value, "name": name}
            self._recorder.insert("whitelist_devices", values | {"until": save_instant(until)})
        return allowed

    def allow_nas(
        self, subscriber_id: int, nas_identifier: str, *, name: str | None = None, until: datetime | None = None
    ) -> AllowedNas:
        """Let a subscriber use this NAS, and no other that is not allowed."""
        with self._recorder.change("whitelist.add"):
            if self._db.row(
                "SELECT 1 FROM whitelist_nases WHERE subscriber_id = ? AND nas_identifier = ? COLLATE NOCASE",
                (subscriber_id, nas_identifier),
            ):
                raise AlreadyExists(f"{nas_identifier!r} is on that whitelist already")
            id_ = self._db.allocate("whitelist_nases")
            allowed = AllowedNas(
                id=id_, subscriber_id=subscriber_id, nas_identifier=nas_identifier, name=name, until=until
            )
            values = {"id": id_, "subscriber_id": subscriber_id, "nas_identifier": nas_identifier, "name": name}
            self._recorder.insert("whitelist_nases", values | {"until": save_instant(until)})
        return allowed

    def save_allowed_device(self, allowed: AllowedDevice) -> None:
        with self._recorder.change("whitelist.set"):
            values = {"name": allowed.name, "until": save_instant(allowed.until)}
            self._recorder.update("whitelist_devices", allowed.id, values)

    def save_allowed_nas(self, allowed: AllowedNas) -> None:
        with self._recorder.change("whitelist.set"):
            values = {"name": allowed.name, "until": save_instant(allowed.until)}
            self._recorder.update("whitelist_nases", allowed.id, values)

    def disallow(self, allowed: AllowedDevice | AllowedNas) -> None:
        """Take an entry off the list; with the last one the list is gone, and anything may be used."""
        with self._recorder.change("whitelist.remove"):
            table = "whitelist_devices" if isinstance(allowed, AllowedDevice) else "whitelist_nases"
            self._recorder.delete(table, allowed.id)


def _is_wider(before: Any, after: Any) -> bool:
    """Return whether a subscription may now meet others that it did not meet: it is of another unit, or longer."""
    if after is None:
        return False
    if before is None or before["unit_id"] != after["unit_id"]:
        return True
    earlier = before["starts"] is not None and (after["starts"] is None or after["starts"] < before["starts"])
    later = before["ends"] is not None and (after["ends"] is None or after["ends"] > before["ends"])
    return earlier or later
