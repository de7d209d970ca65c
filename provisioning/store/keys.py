# ruff: noqa: S608 (what is put into a statement here is a condition of ours; values are parameters)
"""The keys: one passphrase each, written for a million of them."""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crypto import MacAddress, passphrase_to_pmk

from ..errors import Duplicate, DuplicateKey, KeyRemoved, NotFound, RowDamaged
from ..keys import Progress, derive_pmks, windows_overlap
from ..model import (
    Entity,
    Key,
    KeyBatch,
    KeyDraft,
    KeyLabel,
    Keypool,
    KeyStatus,
    Passphrase,
    Whitelists,
    check_name,
)
from ..secrets import Vault
from .devices import Devices
from .files.database import Database
from .keypools import Keypools
from .links import Links
from .plans import Plans
from .recording.recorder import Recorder, Recording
from .rows import (
    KEY_COLUMNS,
    PLAN_COLUMNS,
    SUBSCRIBER_AT,
    SUBSCRIBER_COLUMNS,
    UNIT_COLUMNS,
    PreparedKeys,
    Report,
    Row,
    key_rows,
    label_of_key,
    load_instant,
    load_key,
    load_key_label,
    load_rows,
    save_instant,
    seal_keys,
)
from .subscribers import Subscribers
from .units import Units

_NO_END: Final = 2**62
_CHUNK: Final = 16_384
_LOOKED_UP: Final = 500  # SQLite before 3.32 takes 999 parameters
_INSERT_KEY: Final = f"INSERT INTO keys ({KEY_COLUMNS}) VALUES ({', '.join('?' * len(KEY_COLUMNS.split(',')))})"
_KEY: Final = f"""
    SELECT k.id, k.keypool_id, k.identity, k.passphrase, k.pmk, k.vlan, k.starts, k.ends,
        k.status, k.status_reason, k.status_at,
        k.subscription_id, k.tag, k.external_id, k.platform_id, k.removes_at, k.grace_of, k.card_batch_id,
        {", ".join(f"u.{column}" for column in UNIT_COLUMNS.split(", "))},
        {", ".join(f"s.{column}" for column in SUBSCRIBER_COLUMNS.split(", "))},
        {", ".join(f"p.{column}" for column in PLAN_COLUMNS.split(", "))},
        v.wireless_only_vlan_offset, coalesce(v.time_zone, (SELECT time_zone FROM operator))
    FROM keys k
    LEFT JOIN units u ON u.id = k.unit_id
    LEFT JOIN subscribers s ON s.id = k.subscriber_id
    LEFT JOIN plans p ON p.id = k.plan_id
    LEFT JOIN venues v ON v.id = coalesce(
        u.venue_id,
        (SELECT min(venue_id) FROM keypool_venues WHERE keypool_id = k.keypool_id HAVING count(*) = 1)
    )
"""
_ACTIONS: Final = {
    KeyStatus.ACTIVE: "key.resume",
    KeyStatus.SUSPENDED: "key.suspend",
    KeyStatus.REMOVED: "key.remove",
}
_LABEL: Final = """
    SELECT k.id, k.keypool_id, k.identity, u.name, k.status, k.grace_of
    FROM keys k LEFT JOIN units u ON u.id = k.unit_id
"""


class Keys:
    """What can be asked of the keys, and done to them."""

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        vault: Vault,
        *,
        keypools: Keypools,
        units: Units,
        plans: Plans,
        subscribers: Subscribers,
        devices: Devices,
    ) -> None:
        self._db = database
        self._recorder = recorder
        self._vault = vault
        self._keypools = keypools
        self._units = units
        self._plans = plans
        self._subscribers = subscribers
        self._devices = devices

    def get(self, id_: int) -> Key | None:
        """Return all there is to know about one key, decrypted; RowDamaged where it cannot be opened."""
        rows = self._db.rows(f"{_KEY} WHERE k.id = ?", (id_,))
        return next(self._load(rows, None), None)

    def get_many(self, ids: Iterable[int], report: Report | None = None) -> Iterator[Key]:
        """Yield all there is to know about these keys, decrypted, by id, in reads of bounded size.

        report: told of those that cannot be opened, here and below
        """
        wanted = iter(sorted(set(ids)))
        while some := list(itertools.islice(wanted, 1000)):
            rows = self._db.rows(
                f"{_KEY} WHERE k.id IN (SELECT value FROM json_each(?)) ORDER BY k.id", (json.dumps(some),)
            )
            yield from self._load(rows, report)

    def batches(
        self,
        *,
        first_id: int = 1,
        last_id: int | None = None,
        keypool_id: int | None = None,
        lapsed_since: datetime,
        batch: int = _CHUNK,
        report: Report | None = None,
    ) -> Iterator[KeyBatch]:
        """Yield the PMKs of all keys of the id range but those removed before `lapsed_since`, at most `batch` together.

        keypool_id: only this keypool's

        Each batch is a read of its own, so that a slow reader holds nothing up: read `Changes.revision` first, and
        what changes meanwhile is in the feed since it.
        """
        last = _NO_END if last_id is None else last_id
        where, only = ("", ()) if keypool_id is None else (" AND keypool_id = ?", (keypool_id,))
        while rows := self._db.rows(
            f"SELECT id, pmk, keypool_id FROM keys WHERE id BETWEEN ? AND ?{where}"
            " AND (status != 'removed' OR status_at >= ?) AND pmk != x'' ORDER BY id LIMIT ?",
            (first_id, last, *only, save_instant(lapsed_since), batch),
        ):
            pools: dict[int, list[tuple[int, bytes]]] = {}
            for id_, pmk, keypool_id in rows:
                pools.setdefault(keypool_id, []).append((id_, pmk))
            for keypool_id, sealed in pools.items():
                ids, pmks = self._open("keys.pmk", sealed, report)
                yield KeyBatch(keypool_id, np.array(ids, np.int64), np.frombuffer(pmks, np.uint8).reshape(-1, 32))
            first_id = rows[-1][0] + 1

    def select(
        self,
        *,
        keypool_id: int | None = None,
        identity: str | None = None,
        status: KeyStatus | None = None,
        unit_id: int | None = None,
    ) -> Iterator[Key]:
        """Yield keys by id, decrypted; RowDamaged at one that cannot be opened."""
        whitelists = self._subscribers.whitelists()
        for row in self._rows(keypool_id, identity, status, unit_id):
            yield from self._load([row], None, whitelists)

    def listed(
        self,
        *,
        keypool_id: int | None = None,
        identity: str | None = None,
        status: KeyStatus | None = None,
        unit_id: int | None = None,
    ) -> Iterator[Key | KeyLabel]:
        """Yield keys by id, decrypted; of one that cannot be opened its label."""
        whitelists = self._subscribers.whitelists()
        for row in self._rows(keypool_id, identity, status, unit_id):
            try:
                yield from self._load([row], None, whitelists)
            except RowDamaged:
                yield label_of_key(row)

    def labels(
        self,
        *,
        key_id: int | None = None,
        identity: str | None = None,
        folded: str | None = None,
        unit_id: int | None = None,
        subscriber_id: int | None = None,
    ) -> list[KeyLabel]:
        """Return which keys are meant, by id. Nothing is opened: a damaged key can be named, suspended and removed.

        folded: an identity in either case of its letters, as far as they are ASCII
        """
        asked = {"k.id": key_id, "k.identity": identity, "k.identity COLLATE NOCASE": folded, "k.unit_id": unit_id}
        asked["k.subscriber_id"] = subscriber_id
        said = {column: value for column, value in asked.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in said) or "true"
        return [load_key_label(row) for row in self._db.rows(f"{_LABEL} WHERE {where} ORDER BY k.id", [*said.values()])]

    def _rows(
        self, keypool_id: int | None, identity: str | None, status: KeyStatus | None, unit_id: int | None
    ) -> Iterator[Row]:
        """Yield the rows that `load_key` takes, by id, in reads of bounded size."""
        asked: list[tuple[str, Any]] = []
        if keypool_id is not None:
            asked.append(("k.keypool_id = ?", keypool_id))
        if identity is not None:
            asked.append(("k.identity = ?", identity))
        if status is not None:
            asked.append(("k.status = ?", status.value))
        if unit_id is not None:
            asked.append(("k.unit_id = ?", unit_id))
        where = "".join(f" AND {condition}" for condition, _ in asked)
        last = 0
        while rows := self._db.rows(
            f"{_KEY} WHERE k.id > ?{where} ORDER BY k.id LIMIT 1000", (last, *(value for _, value in asked))
        ):
            yield from rows
            last = rows[-1][0]

    def identities(self, prefix: str, *, limit: int) -> list[str]:
        """Return identities of keys that begin so, in order, at most `limit`; not of removed ones, nor of cards."""
        rows = self._db.rows(
            "SELECT DISTINCT identity FROM keys WHERE identity >= ? AND identity < ? AND status != 'removed'"
            " AND card_batch_id IS NULL"
            " ORDER BY identity LIMIT ?",
            (prefix, f"{prefix}\U0010ffff", limit),
        )
        return [identity for (identity,) in rows]

    def identities_among(self, keypool_id: int, names: Iterable[str]) -> set[str]:
        """Return which of these are identities of keys of a keypool that are not removed."""
        rows = self._db.rows(
            "SELECT DISTINCT identity FROM keys WHERE keypool_id = ? AND status != 'removed'"
            " AND identity IN (SELECT value FROM json_each(?))",
            (keypool_id, json.dumps(sorted(set(names)))),
        )
        return {identity for (identity,) in rows}

    def external_ids(self) -> dict[str, int]:
        """Return the id of each key that has a name elsewhere, removed ones aside."""
        return dict(
            self._db.rows("SELECT external_id, id FROM keys WHERE status != 'removed' AND external_id IS NOT NULL")
        )

    def identities_like(self, text: str, *, limit: int) -> list[str]:
        """Return identities with the same first or last letters, in either case, at most `limit`: to find a slip in."""
        first, last = (re.sub(r"([\\%_])", r"\\\1", part.lower()) for part in (text[:2], text[-3:]))
        rows = self._db.rows(
            "SELECT DISTINCT identity FROM keys WHERE status != 'removed' AND"
            " (lower(identity) LIKE ? ESCAPE '\\' OR lower(identity) LIKE ? ESCAPE '\\') LIMIT ?",
            (f"{first}%", f"%{last}", limit),
        )
        return [identity for (identity,) in rows]

    def meant_by(self, text: str) -> tuple[int, ...]:
        """Return the keys of an identity, a unit or a subscriber of that name, in either case; removed ones, too."""
        rows = self._db.rows(
            "SELECT id FROM keys WHERE identity = ?1 COLLATE NOCASE"
            " UNION SELECT id FROM keys WHERE unit_id IN (SELECT id FROM units WHERE name = ?1 COLLATE NOCASE"
            " OR internal_id = ?1 OR external_id = ?1 OR building || '/' || name = ?1)"
            " UNION SELECT id FROM keys WHERE subscriber_id IN (SELECT id FROM subscribers"
            " WHERE name = ?1 COLLATE NOCASE OR token = ?1 OR external_id = ?1) ORDER BY id",
            (text,),
        )
        return tuple(id_ for (id_,) in rows)

    def counts(self) -> dict[int, int]:
        """Return the number of keys per keypool id, removed ones and former passphrases aside."""
        live = "status != 'removed' AND grace_of IS NULL"
        return dict(self._db.rows(f"SELECT keypool_id, count(*) FROM keys WHERE {live} GROUP BY keypool_id"))

    def add(self, keypool_id: int, draft: KeyDraft) -> int:
        """Return the id of a new key; DuplicateKey where its passphrase could be met already."""
        return self.add_many(keypool_id, [draft])[0]

    def add_many(
        self,
        keypool_id: int,
        drafts: Sequence[KeyDraft],
        *,
        pmks: NDArray[np.uint8] | None = None,
        progress: Progress | None = None,
    ) -> range:
        """Return the ids of new keys, in the order of `drafts`: all of them or, with DuplicateKey, none.

        pmks: uint8, shape (n, 32), derived from the drafts' passphrases where the caller has them already
        """
        if not drafts:
            return range(0)
        keypool = self._keypools.get(keypool_id)
        if pmks is None:
            pmks = derive_pmks([draft.passphrase.value for draft in drafts], keypool.ssid, progress)
        elif len(pmks) != len(drafts):
            raise ValueError(f"{len(pmks)} PMKs for {len(drafts)} keys")
        new = self.prepare(drafts, pmks, progress)
        with self._recorder.change("key.add") as change:
            if len(drafts) == 1:
                change.subject("key", new.ids[0], drafts[0].identity or f"key-{new.ids[0]}")
            self.insert(keypool_id, drafts, new, progress)
        return new.ids

    def prepare(
        self, drafts: Sequence[KeyDraft], pmks: NDArray[np.uint8], progress: Progress | None = None
    ) -> PreparedKeys:
        """Return what `insert` needs of new keys, one at least: all that takes long about a million of them.

        Sealing them under the write lock would keep the server's own writes waiting. Where they are not inserted after
        all, a gap in the ids is left, which costs nothing.
        """
        with self._db.joining():
            first = self._db.allocate("keys", len(drafts))
        sealed = seal_keys(self._vault, first, drafts, pmks, progress)
        return PreparedKeys(range(first, first + len(drafts)), self._vault.fingerprints(pmks), sealed)

    def insert(
        self, keypool_id: int, drafts: Sequence[KeyDraft], new: PreparedKeys, progress: Progress | None = None
    ) -> None:
        """Add prepared keys; part of a change. DuplicateKey where a passphrase is in use.

        drafts: those that were prepared, with the same passphrases
        """
        ids = new.ids
        if len(ids) > _CHUNK:
            self._db.expect_bulk()
        keypool = self._keypools.get(keypool_id)
        self.check_links(keypool, drafts)
        if duplicates := self._duplicates(keypool, drafts, new.fingerprints):
            raise DuplicateKey(duplicates)
        names = sorted({draft.subscriber for draft in drafts if draft.subscriber is not None})
        rows = key_rows(keypool_id, drafts, new, self._subscribers.ids_of(names), progress)
        if len(ids) == 1:  # told of in full
            columns = [column.strip() for column in KEY_COLUMNS.split(",")]
            self._recorder.insert("keys", dict(zip(columns, next(iter(rows)), strict=True)))
        else:
            self._recorder.insert_range("keys", rows, _INSERT_KEY, ids[0], ids[-1])
        if any(draft.devices for draft in drafts):
            registered = zip(ids, drafts, strict=True)
            self._devices.register_many((keypool_id, id_, mac) for id_, draft in registered for mac in draft.devices)
            self._recorder.current.feed(Entity.DEVICE, ids[0], ids[-1])

    def check(self, keypool_id: int, drafts: Sequence[KeyDraft], pmks: NDArray[np.uint8]) -> None:
        """Raise what `add_many` would, and add nothing."""
        fingerprints = self._vault.fingerprints(pmks)
        with self._db.reading():
            keypool = self._keypools.get(keypool_id)
            self.check_links(keypool, drafts)
            if duplicates := self._duplicates(keypool, drafts, fingerprints):
                raise DuplicateKey(duplicates)

    def set_status(self, id_: int, status: KeyStatus, *, now: datetime, reason: str | None = None) -> None:
        """Suspend, resume or remove a key, and its former passphrase with it; KeyRemoved where it was removed before.

        A key that cannot be opened is erased when it is removed: it is damaged no longer, and nothing is lost.
        """
        if reason is not None:
            check_name(reason, "reason")
        with self._recorder.change(_ACTIONS[status], reason=reason) as change:
            self._require_live(id_)
            if status is KeyStatus.ACTIVE and self._status(id_) == status.value:
                return  # it works already: nothing to change, and nothing for the audit
            for each in (id_, *self.graces_of(id_)):
                self.update(each, status=status.value, status_reason=reason, status_at=save_instant(now))
                if status is KeyStatus.REMOVED and not self._opens(each):
                    self._erase([each])
            change.subject("key", id_, self._identity(id_))

    def _status(self, id_: int) -> str:
        rows = self._db.rows("SELECT status FROM keys WHERE id = ?", (id_,))
        return str(rows[0][0])

    def graces_of(self, id_: int) -> tuple[int, ...]:
        """Return the keys that stand for former passphrases of this one, removed ones aside."""
        rows = self._db.rows("SELECT id FROM keys WHERE grace_of = ? AND status != 'removed' ORDER BY id", (id_,))
        return tuple(key_id for (key_id,) in rows)

    def update(self, id_: int, **values: Any) -> None:
        """Alter columns of a key, instants as datetimes; part of a change. What must not be is found at its end."""
        stored = {
            column: save_instant(value) if isinstance(value, datetime) else value for column, value in values.items()
        }
        if not self._recorder.update("keys", id_, stored):
            raise NotFound(f"no key {id_}")

    def put_passphrase(self, id_: int, passphrase: Passphrase, pmk: bytes | None = None) -> None:
        """Give a key this passphrase; part of a change, at whose end it is refused where it is in use.

        pmk: its 32 octets, where they are derived already
        """
        # Not `get`: a key that cannot be opened is mended by this.
        keypool = self._keypools.get(self._require_live(id_))
        pmk = passphrase_to_pmk(passphrase.value, keypool.ssid).value if pmk is None else pmk
        self._recorder.update(
            "keys",
            id_,
            {
                "passphrase": self._vault.seal("keys.passphrase", id_, passphrase.value),
                "pmk": self._vault.seal("keys.pmk", id_, pmk),
                "fingerprint": self._vault.fingerprint(pmk),
            },
        )

    def change_pool(self, id_: int, keypool_id: int) -> None:
        """Move a key with its passphrase to another keypool; part of a change. Its devices have to join anew."""
        key = self.get(id_)
        if key is None:
            raise NotFound(f"no key {id_}")
        self._devices.forget(id_)
        self._recorder.update("keys", id_, {"keypool_id": keypool_id})
        self.put_passphrase(id_, key.passphrase)

    def reset(self, id_: int, passphrase: Passphrase) -> None:
        """Give a key another passphrase; its devices stay known and are tried first when they come back with it."""
        with self._recorder.change("key.reset") as change:
            self.put_passphrase(id_, passphrase)
            change.subject("key", id_, self._identity(id_))

    def refuse_meetings(self, change: Recording) -> None:
        """Raise DuplicateKey where a key that the change has altered meets the same passphrase in another one.

        Keys that were added together were compared before (`add_many`).
        """
        key_ids, keypool_ids = change.touched("keys"), change.touched("keypool_venues")
        if not key_ids and not keypool_ids:
            return
        pools = {pool.id: pool for pool in self._keypools.all(lambda *_: None)}
        rows = self._db.rows(
            "SELECT DISTINCT a.id, a.keypool_id, a.starts, a.ends, b.keypool_id, b.starts, b.ends"
            " FROM keys a JOIN keys b ON b.fingerprint = a.fingerprint AND b.id != a.id"
            " WHERE (a.id IN (SELECT value FROM json_each(?)) OR a.keypool_id IN (SELECT value FROM json_each(?)))"
            " AND a.status != 'removed' AND b.status != 'removed' AND a.fingerprint != x''",
            (json.dumps(sorted(key_ids)), json.dumps(sorted(keypool_ids))),
        )
        meeting = set()
        for id_, pool, *rest in rows:
            starts, ends, other, other_starts, other_ends = rest
            windows = map(load_instant, (starts, ends, other_starts, other_ends))
            one, another = pools.get(pool), pools.get(other)
            if one is not None and another is not None and one.meets(another) and windows_overlap(*windows):
                meeting.add(id_)
        if meeting:
            if not keypool_ids and len(meeting) == 1:
                raise DuplicateKey([Duplicate(0, None)], key_ids=meeting)
            verb = "is" if len(meeting) == 1 else "are"
            what = "its passphrases" if keypool_ids else "the passphrases"
            message = f"{len(meeting)} of {what} {verb} already in use on this SSID there"
            raise DuplicateKey(message=message, key_ids=meeting)

    def settle(self, now: datetime) -> int:
        """Remove the keys whose removal was put off until now; return how many. No decision: it was made before."""
        due = self._db.rows("SELECT id, removes_at FROM keys WHERE removes_at <= ?", (save_instant(now),))
        due += self._db.rows(
            "SELECT id, ends FROM keys WHERE grace_of IS NOT NULL AND status != 'removed' AND ends <= ?",
            (save_instant(now),),
        )
        if not due:
            return 0  # nearly always: no write lock for that
        with self._db.writing():
            for id_, at in due:
                self._db.execute(
                    "UPDATE keys SET status = 'removed', status_at = ?, removes_at = NULL WHERE id = ?", (at, id_)
                )
                self._db.record(Entity.KEY, id_)
        return len(due)

    def erase(self, removed_before: datetime) -> int:
        """Erase passphrases, PMKs and devices of keys removed before then; return of how many.

        The keys stay, so that the log and an administrator can still say whose they were.
        """
        lapsed = "FROM keys WHERE status = 'removed' AND status_at <= ? AND pmk != x''"
        before = save_instant(removed_before)
        if not self._db.row(f"SELECT 1 {lapsed}", (before,)):
            return 0  # nearly always: no write lock for that
        with self._recorder.change("key.erase") as change:
            ids = [id_ for (id_,) in self._db.rows(f"SELECT id {lapsed} ORDER BY id", (before,))]
            self._erase(ids)
            change.note["erased"] = len(ids)
        return len(ids)

    def add_device(self, key_id: int, mac: MacAddress, *, name: str | None = None, tag: str | None = None) -> None:
        """Register a device for a key before it is first seen."""
        with self._recorder.change("device.add") as change:
            keypool_id = self._require_live(key_id)
            change.subject("key", key_id, self._identity(key_id))
            self._devices.register(keypool_id, key_id, mac, name=name, tag=tag)

    def reseal(self, vault: Vault, report: Report, progress: Progress | None) -> None:
        """Encrypt passphrases and PMKs for another master key; part of a transaction."""
        total, done, last = int(self._db.rows("SELECT count(*) FROM keys")[0][0]), 0, 0

        def open_both(row: Row) -> Row:
            id_, passphrase, pmk = row
            opened = self._vault.unseal("keys.pmk", id_, pmk)
            secret = self._vault.unseal("keys.passphrase", id_, passphrase)
            sealed = vault.seal("keys.passphrase", id_, secret), vault.seal("keys.pmk", id_, opened)
            return *sealed, vault.fingerprint(opened), id_

        self._db.expect_bulk()
        while rows := self._db.rows(
            "SELECT id, passphrase, pmk FROM keys WHERE id > ? AND pmk != x'' ORDER BY id LIMIT ?", (last, _CHUNK)
        ):
            sealed = list(load_rows("keys", rows, open_both, report))
            self._db.execute_many("UPDATE keys SET passphrase = ?, pmk = ?, fingerprint = ? WHERE id = ?", sealed)
            last, done = rows[-1][0], done + len(rows)
            if progress is not None:
                progress("encrypting", done, total)

    def _load(
        self, rows: Iterable[Row], report: Report | None, whitelists: Mapping[int, Whitelists] | None = None
    ) -> Iterator[Key]:
        if whitelists is None:
            rows = list(rows)
            whitelists = self._subscribers.whitelists(
                row[SUBSCRIBER_AT] for row in rows if row[SUBSCRIBER_AT] is not None
            )
        known = whitelists
        return load_rows("keys", rows, lambda row: load_key(row, self._vault, known), report)

    def _open(self, column: str, sealed: list[tuple[int, bytes]], report: Report | None) -> tuple[list[int], bytes]:
        """Return the ids and values of those rows that can be opened."""
        try:
            return [id_ for id_, _ in sealed], bytes(self._vault.unseal_rows(column, sealed))
        except RowDamaged:
            if report is None:
                raise
        opened = list(load_rows("keys", sealed, lambda row: (row[0], self._vault.unseal(column, *row)), report))
        return [id_ for id_, _ in opened], b"".join(value for _, value in opened)

    # Parts of a transaction.

    def _require_live(self, key_id: int) -> int:
        """Return the keypool id of a key that is there and was not removed."""
        row = self._db.row("SELECT keypool_id, status, status_at FROM keys WHERE id = ?", (key_id,))
        if row is None:
            raise NotFound(f"no key {key_id}")
        if row[1] == KeyStatus.REMOVED.value:
            raise KeyRemoved(f"key {key_id} was removed {load_instant(row[2]):%Y-%m-%d}")
        return int(row[0])

    def _opens(self, id_: int) -> bool:
        passphrase, pmk = self._db.rows("SELECT passphrase, pmk FROM keys WHERE id = ?", (id_,))[0]
        try:
            self._vault.unseal("keys.passphrase", id_, passphrase)
            self._vault.unseal("keys.pmk", id_, pmk)
        except RowDamaged:
            return False
        return True

    def _identity(self, id_: int) -> str | None:
        row = self._db.row("SELECT identity FROM keys WHERE id = ?", (id_,))
        return None if row is None or not isinstance(row[0], str) else row[0]

    def _erase(self, ids: Sequence[int]) -> None:
        """Take away what keys were good for, and how they were; part of a change."""
        only = [(id_,) for id_ in ids]
        self._db.execute_many("UPDATE keys SET passphrase = x'', pmk = x'', fingerprint = x'' WHERE id = ?", only)
        self._db.execute_many("DELETE FROM devices WHERE key_id = ?", only)
        for id_ in ids:
            self._recorder.current.feed(Entity.KEY, id_)
            self._recorder.current.feed(Entity.DEVICE, id_)
        self._recorder.audit.forget_images(rows=[("keys", id_) for id_ in ids])

    def links(self, unit_ids: Iterable[int | None]) -> Links:
        """Return what checks links of keys to these units, and to plans, by what there is now."""
        return Links(
            self._units.some(unit_ids),
            {plan.id: plan for plan in self._plans.all()},
            dict(self._db.rows("SELECT id, wireless_only_vlan_offset FROM venues")),
        )

    def check_links(self, keypool: Keypool, drafts: Sequence[KeyDraft]) -> None:
        """Refuse units and plans that are not there or not where the keypool is, and VLANs moved out of range."""
        linked = {(draft.unit_id, draft.plan_id, draft.vlan) for draft in drafts if draft.unit_id or draft.plan_id}
        if linked:
            links = self.links(unit_id for unit_id, *_ in linked)
            for each in linked:
                links.check(keypool, *each)

    def _duplicates(
        self, keypool: Keypool, drafts: Sequence[KeyDraft], fingerprints: NDArray[np.uint8]
    ) -> list[Duplicate]:
        """Return which drafts repeat the passphrase of an earlier draft, or of a stored key."""
        found: dict[int, Duplicate] = {}
        for group in _repeated(fingerprints):
            for number, position in enumerate(group):
                for other in itertools.islice(group, number):
                    if _overlap(drafts[position], drafts[other].starts, drafts[other].ends):
                        found[position] = Duplicate(position, other)
                        break
        pools = {pool.id for pool in self._keypools.all() if pool.meets(keypool)}
        for position, keypool_id, starts, ends in self._stored(fingerprints):
            if keypool_id in pools and _overlap(drafts[position], load_instant(starts), load_instant(ends)):
                found.setdefault(position, Duplicate(position, None))
        return [found[position] for position in sorted(found)]

    def _stored(self, fingerprints: NDArray[np.uint8]) -> Iterator[Row]:
        """Yield (position, keypool id, starts, ends) of the stored keys that hold one of `fingerprints`."""
        for start in range(0, len(fingerprints), _LOOKED_UP):
            positions: dict[bytes, list[int]] = {}
            for position, fingerprint in enumerate(fingerprints[start : start + _LOOKED_UP], start):
                positions.setdefault(fingerprint.tobytes(), []).append(position)
            rows = self._db.rows(
                "SELECT fingerprint, keypool_id, starts, ends FROM keys WHERE status != 'removed'"
                f" AND fingerprint IN ({','.join('?' * len(positions))})",
                tuple(positions),
            )
            for fingerprint, *row in rows:
                yield from ((position, *row) for position in positions[fingerprint])


def _repeated(fingerprints: NDArray[np.uint8]) -> list[list[int]]:
    """Return the positions of each fingerprint that occurs twice or more, in order. (A dict of a million: 150 MB.)"""
    halves = fingerprints.view(np.uint64)
    order = np.lexsort((halves[:, 1], halves[:, 0]))  # stable
    same = (halves[order[1:]] == halves[order[:-1]]).all(axis=1)
    groups: list[list[int]] = []
    last = -1
    for at in np.flatnonzero(same).tolist():
        if at != last:
            groups.append([int(order[at])])
        groups[-1].append(int(order[at + 1]))
        last = at + 1
    return groups


def _overlap(draft: KeyDraft, starts: datetime | None, ends: datetime | None) -> bool:
    return windows_overlap(draft.starts, draft.ends, starts, ends)
