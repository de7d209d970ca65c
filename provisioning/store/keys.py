# ruff: noqa: S608 (what is put into a statement here is a condition of ours; values are parameters)
"""The keys: one passphrase each, written for a million of them."""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crypto import MacAddress, passphrase_to_pmk

from ..errors import Duplicate, DuplicateKey, InvalidValue, KeyRemoved, NotFound, RowDamaged
from ..keys import Progress, derive_pmks, effective_vlan, windows_overlap
from ..model import Entity, Key, KeyBatch, KeyDraft, KeyLabel, Keypool, KeyStatus, Passphrase, Scope, check_name
from ..secrets import Vault
from .database import Database
from .devices import Devices
from .inventory import Inventory
from .rows import (
    KEY_COLUMNS,
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

_NO_END: Final = 2**62
_CHUNK: Final = 16_384
_LOOKED_UP: Final = 500  # SQLite before 3.32 takes 999 parameters
_INSERT_KEY: Final = f"INSERT INTO keys ({KEY_COLUMNS}, status) VALUES (?, ?, ?, ?, ?, ?, ?, %s, ?, ?, ?, ?, 'active')"
_BY_NAME: Final = "(SELECT id FROM subscribers WHERE name = ?)"
_KEY: Final = """
    SELECT k.id, k.keypool_id, k.identity, k.passphrase, k.pmk, k.vlan, k.starts, k.ends,
        k.status, k.status_reason, k.status_at,
        u.id, u.venue_id, u.name, u.building, u.floor, u.vlan,
        s.id, s.name,
        p.id, p.name, p.download_kbps, p.upload_kbps, p.devices, p.wireless_only,
        p.download_quota_octets, p.upload_quota_octets, p.total_quota_octets, p.vlan_pool,
        v.wireless_only_vlan_offset
    FROM keys k
    LEFT JOIN units u ON u.id = k.unit_id
    LEFT JOIN subscribers s ON s.id = k.subscriber_id
    LEFT JOIN plans p ON p.id = k.plan_id
    LEFT JOIN venues v ON v.id = coalesce(
        u.venue_id,
        (SELECT min(venue_id) FROM keypool_venues WHERE keypool_id = k.keypool_id HAVING count(*) = 1)
    )
"""
_LABEL: Final = """
    SELECT k.id, k.keypool_id, k.identity, u.name, k.status FROM keys k LEFT JOIN units u ON u.id = k.unit_id
"""


class Keys:
    """What can be asked of the keys, and done to them."""

    def __init__(self, database: Database, vault: Vault, inventory: Inventory, devices: Devices) -> None:
        self._db = database
        self._vault = vault
        self._inventory = inventory
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
        for row in self._rows(keypool_id, identity, status, unit_id):
            yield from self._load([row], None)

    def listed(
        self,
        *,
        keypool_id: int | None = None,
        identity: str | None = None,
        status: KeyStatus | None = None,
        unit_id: int | None = None,
    ) -> Iterator[Key | KeyLabel]:
        """Yield keys by id, decrypted; of one that cannot be opened its label."""
        for row in self._rows(keypool_id, identity, status, unit_id):
            try:
                yield from self._load([row], None)
            except RowDamaged:
                yield label_of_key(row)

    def labels(
        self, *, key_id: int | None = None, identity: str | None = None, unit_id: int | None = None
    ) -> list[KeyLabel]:
        """Return which keys are meant, by id. Nothing is opened: a damaged key can be named, suspended and removed."""
        asked = {"k.id": key_id, "k.identity": identity, "k.unit_id": unit_id}
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

    def verify(self, report: Report) -> None:
        """Tell `report` of each key, removed ones aside, whose secrets cannot be opened."""
        last = 0
        while rows := self._db.rows(
            "SELECT id, passphrase, pmk FROM keys WHERE id > ? AND status != 'removed' ORDER BY id LIMIT ?",
            (last, _CHUNK),
        ):
            damaged: set[int] = set()
            for column, at in (("keys.passphrase", 1), ("keys.pmk", 2)):
                self._open(column, [(row[0], row[at]) for row in rows], lambda _, id_: damaged.add(id_))  # noqa: B023
            for id_ in sorted(damaged):
                report("keys", id_)
            last = rows[-1][0]

    def identities(self, prefix: str, *, limit: int) -> list[str]:
        """Return identities of keys that are not removed and begin so, in order, at most `limit`."""
        rows = self._db.rows(
            "SELECT DISTINCT identity FROM keys WHERE identity >= ? AND identity < ? AND status != 'removed'"
            " ORDER BY identity LIMIT ?",
            (prefix, f"{prefix}\U0010ffff", limit),
        )
        return [identity for (identity,) in rows]

    def identities_like(self, text: str, *, limit: int) -> list[str]:
        """Return identities with the same first or last letters, in either case, at most `limit`: to find a slip in."""
        first, last = (re.sub(r"([\\%_])", r"\\\1", part.lower()) for part in (text[:2], text[-3:]))
        rows = self._db.rows(
            "SELECT DISTINCT identity FROM keys WHERE status != 'removed' AND"
            " (lower(identity) LIKE ? ESCAPE '\\' OR lower(identity) LIKE ? ESCAPE '\\') LIMIT ?",
            (f"{first}%", f"%{last}", limit),
        )
        return [identity for (identity,) in rows]

    def counts(self) -> dict[int, int]:
        """Return the number of keys per keypool id, removed ones aside."""
        return dict(
            self._db.rows("SELECT keypool_id, count(*) FROM keys WHERE status != 'removed' GROUP BY keypool_id")
        )

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
        keypool = self._inventory.keypool(keypool_id)
        if pmks is None:
            pmks = derive_pmks([draft.passphrase.value for draft in drafts], keypool.ssid, progress)
        elif len(pmks) != len(drafts):
            raise ValueError(f"{len(pmks)} PMKs for {len(drafts)} keys")
        # Ids first, and everything slow before the insert: sealing a million keys under the write lock would keep the
        # server's own writes waiting. An import refused below leaves a gap in the ids, which costs nothing.
        with self._db.writing():
            first = self._db.allocate("keys", len(drafts))
        ids = range(first, first + len(drafts))
        fingerprints = [self._vault.fingerprint(pmk.tobytes()) for pmk in pmks]
        sealed = seal_keys(self._vault, first, drafts, pmks, progress)
        if len(drafts) > _CHUNK:
            self._db.expect_bulk()
        with self._db.writing():
            keypool = self._inventory.keypool(keypool_id)
            self._check_links(keypool, drafts)
            if duplicates := self._duplicates(keypool, drafts, fingerprints):
                raise DuplicateKey(duplicates)
            names = {draft.subscriber for draft in drafts if draft.subscriber is not None}
            self._add_subscribers(sorted(names))
            rows = key_rows(keypool_id, ids, drafts, sealed, fingerprints, progress)
            self._db.execute_many(_INSERT_KEY % (_BY_NAME if names else "?"), rows)
            self._db.record(Entity.KEY, ids[0], ids[-1])
            if any(draft.devices for draft in drafts):
                registered = zip(ids, drafts, strict=True)
                self._devices.register((keypool_id, id_, mac) for id_, draft in registered for mac in draft.devices)
                self._db.record(Entity.DEVICE, ids[0], ids[-1])
        return ids

    def check(self, keypool_id: int, drafts: Sequence[KeyDraft], pmks: NDArray[np.uint8]) -> None:
        """Raise what `add_many` would, and add nothing."""
        fingerprints = [self._vault.fingerprint(pmk.tobytes()) for pmk in pmks]
        with self._db.reading():
            keypool = self._inventory.keypool(keypool_id)
            self._check_links(keypool, drafts)
            if duplicates := self._duplicates(keypool, drafts, fingerprints):
                raise DuplicateKey(duplicates)

    def set_status(self, id_: int, status: KeyStatus, *, now: datetime, reason: str | None = None) -> None:
        """Suspend, resume or remove a key; KeyRemoved where it was removed before.

        A key that cannot be opened is erased when it is removed: it is damaged no longer, and nothing is lost.
        """
        if reason is not None:
            check_name(reason, "reason")
        with self._db.writing():
            self._require_live(id_)
            # A resumed key needs no look for duplicates: it held its passphrase while it was suspended.
            self._db.execute(
                "UPDATE keys SET status = ?, status_reason = ?, status_at = ? WHERE id = ?",
                (status.value, reason, save_instant(now), id_),
            )
            self._db.record(Entity.KEY, id_)
            if status is KeyStatus.REMOVED and not self._opens(id_):
                self._erase([id_])

    def reset(self, id_: int, passphrase: Passphrase) -> None:
        """Give a key another passphrase; its devices stay known and are tried first when they come back with it."""
        # Not `get`: a key that cannot be opened is mended by this.
        keypool = self._inventory.keypool(self._require_live(id_))
        pmk = passphrase_to_pmk(passphrase.value, keypool.ssid)
        fingerprint = self._vault.fingerprint(pmk.value)
        with self._db.writing():
            self._require_live(id_)
            keypool = self._inventory.keypool(keypool.id)
            window = self._db.rows("SELECT id, starts, ends FROM keys WHERE id = ?", (id_,))
            ((starts, ends),) = load_rows("keys", window, lambda row: (load_instant(row[1]), load_instant(row[2])))
            draft = KeyDraft(passphrase=passphrase, starts=starts, ends=ends)
            if duplicates := self._duplicates(keypool, [draft], [fingerprint], but=id_):
                raise DuplicateKey(duplicates)
            sealed = (
                self._vault.seal("keys.passphrase", id_, passphrase.value),
                self._vault.seal("keys.pmk", id_, pmk.value),
            )
            self._db.execute(
                "UPDATE keys SET passphrase = ?, pmk = ?, fingerprint = ? WHERE id = ?", (*sealed, fingerprint, id_)
            )
            self._db.record(Entity.KEY, id_)

    def erase(self, removed_before: datetime) -> int:
        """Erase passphrases, PMKs and devices of keys removed before then; return of how many.

        The keys stay, so that the log and an administrator can still say whose they were.
        """
        lapsed = "FROM keys WHERE status = 'removed' AND status_at <= ? AND pmk != x''"
        before = save_instant(removed_before)
        if not self._db.row(f"SELECT 1 {lapsed}", (before,)):
            return 0  # nearly always: no write lock for that
        with self._db.writing():
            ids = [id_ for (id_,) in self._db.rows(f"SELECT id {lapsed} ORDER BY id", (before,))]
            self._erase(ids)
        return len(ids)

    def add_device(self, key_id: int, mac: MacAddress) -> None:
        """Register a device for a key before it is first seen."""
        with self._db.writing():
            self._devices.register([(self._require_live(key_id), key_id, mac)])
            self._db.record(Entity.DEVICE, key_id)

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

    def _load(self, rows: Iterable[Row], report: Report | None) -> Iterator[Key]:
        return load_rows("keys", rows, lambda row: load_key(row, self._vault), report)

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

    def _erase(self, ids: Sequence[int]) -> None:
        only = [(id_,) for id_ in ids]
        self._db.execute_many("UPDATE keys SET passphrase = x'', pmk = x'', fingerprint = x'' WHERE id = ?", only)
        self._db.execute_many("DELETE FROM devices WHERE key_id = ?", only)
        for id_ in ids:
            self._db.record(Entity.KEY, id_)
            self._db.record(Entity.DEVICE, id_)

    def _add_subscribers(self, names: Sequence[str]) -> None:
        new = [name for name in names if not self._db.row("SELECT 1 FROM subscribers WHERE name = ?", (name,))]
        if new:
            first = self._db.allocate("subscribers", len(new))
            self._db.execute_many("INSERT INTO subscribers VALUES (?, ?)", enumerate(new, first))
            self._db.record(Entity.SUBSCRIBER, first, first + len(new) - 1)

    def _check_links(self, keypool: Keypool, drafts: Sequence[KeyDraft]) -> None:
        """Refuse units and plans that are not there or not where the keypool is, and VLANs moved out of range."""
        units = {unit.id: unit for unit in self._inventory.units()} if any(draft.unit_id for draft in drafts) else {}
        plans = {plan.id: plan for plan in self._inventory.plans()} if any(draft.plan_id for draft in drafts) else {}
        offsets: dict[int, int] = dict(self._db.rows("SELECT id, wireless_only_vlan_offset FROM venues"))
        for unit_id, plan_id, own in {(draft.unit_id, draft.plan_id, draft.vlan) for draft in drafts}:
            if unit_id is not None and unit_id not in units:
                raise NotFound(f"no unit {unit_id}")
            if plan_id is not None and plan_id not in plans:
                raise NotFound(f"no plan {plan_id}")
            unit = units[unit_id] if unit_id is not None else None
            if unit and keypool.scope is Scope.LOCAL and unit.venue_id not in keypool.venue_ids:
                raise InvalidValue(f"unit {unit.name!r} is at a venue where keypool {keypool.id} is not valid")
            if plan_id is not None and plans[plan_id].wireless_only:
                venue_ids = (unit.venue_id,) if unit else keypool.venue_ids
                offset = offsets[venue_ids[0]] if len(venue_ids) == 1 else 0
                vlan = effective_vlan(own, unit.vlan if unit else None, offset)
                if vlan is not None and vlan > 4094:
                    raise InvalidValue(f"VLAN {vlan - offset} plus the venue's offset {offset} is more than 4094")

    def _duplicates(
        self, keypool: Keypool, drafts: Sequence[KeyDraft], fingerprints: Sequence[bytes], *, but: int = 0
    ) -> list[Duplicate]:
        """Return which drafts repeat the passphrase of an earlier draft, or of a stored key other than `but`."""
        found: dict[int, Duplicate] = {}
        positions: dict[bytes, int] = {}
        repeated: dict[bytes, list[int]] = {}
        for position, fingerprint in enumerate(fingerprints):
            first = positions.setdefault(fingerprint, position)
            if first != position:
                earlier = repeated.setdefault(fingerprint, [first])
                for other in earlier:
                    if _overlap(drafts[position], drafts[other].starts, drafts[other].ends):
                        found[position] = Duplicate(position, other)
                        break
                earlier.append(position)
        pools = {pool.id for pool in self._inventory.keypools() if pool.meets(keypool)}
        for fingerprint, keypool_id, starts, ends in self._stored(list(positions), but):
            if keypool_id in pools:
                for position in repeated.get(fingerprint, (positions[fingerprint],)):
                    if _overlap(drafts[position], load_instant(starts), load_instant(ends)):
                        found.setdefault(position, Duplicate(position, None))
        return [found[position] for position in sorted(found)]

    def _stored(self, fingerprints: Sequence[bytes], but: int) -> Iterator[Row]:
        """Yield (fingerprint, keypool id, starts, ends) of the stored keys that hold one of `fingerprints`."""
        for start in range(0, len(fingerprints), _LOOKED_UP):
            some = fingerprints[start : start + _LOOKED_UP]
            yield from self._db.rows(
                "SELECT fingerprint, keypool_id, starts, ends FROM keys WHERE status != 'removed' AND id != ?"
                f" AND fingerprint IN ({','.join('?' * len(some))})",
                (but, *some),
            )


def _overlap(draft: KeyDraft, starts: datetime | None, ends: datetime | None) -> bool:
    return windows_overlap(draft.starts, draft.ends, starts, ends)
