# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""The store: the operator's data in, domain types out. Here are the keys and devices, in `places` what is around them.

Rules: all SQL is in these two, `database` and `migrations`; no row, dict or SQLite type leaves them, so that another
database can stand beside this one. Every administrator's write appends to the change feed in its own transaction.
Secrets are sealed before they become a parameter of a statement, so that no plain one reaches the file, its log, or an
error.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from crypto import MacAddress, passphrase_to_pmk

from .database import Database, check_file, remove
from .errors import Duplicate, DuplicateKey, InvalidValue, KeyRemoved, MasterKeyError, NotFound, StoreError
from .inventory import PlaceStore
from .keys import Progress, derive_pmks, effective_vlan, windows_overlap
from .model import Change, Device, Entity, Key, KeyBatch, KeyDraft, Keypool, KeyStatus, Passphrase, Scope, check_name
from .rows import (
    KEY_COLUMNS,
    Row,
    key_rows,
    load_change,
    load_device,
    load_instant,
    load_key,
    save_instant,
    seal_keys,
)
from .secrets import MasterKey, Vault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PROOF: Final = b"latchkey"  # sealed in every database: opens only with the key it was made with
_NO_END: Final = 2**62
_BUSY_TIMEOUT_S: Final = 30.0  # an import of a million keys holds the write lock for 12
_CHUNK: Final = 16_384
_LOOKED_UP: Final = 500  # SQLite before 3.32 takes 999 parameters
_INSERT_KEY: Final = f"INSERT INTO keys ({KEY_COLUMNS}, status) VALUES (?, ?, ?, ?, ?, ?, ?, %s, ?, ?, ?, ?, 'active')"
_BY_NAME: Final = "(SELECT id FROM subscribers WHERE name = ?)"
_UPSERT_DEVICE: Final = """
    INSERT INTO devices (keypool_id, mac, first_seen, last_seen, key_id, sequence) %s
    ON CONFLICT (keypool_id, mac) DO UPDATE SET key_id = excluded.key_id,
        first_seen = coalesce(first_seen, excluded.first_seen), last_seen = coalesce(excluded.last_seen, last_seen),
        sequence = max(sequence, excluded.sequence)
"""
_DEVICE: Final = "VALUES (?, ?, ?, ?, ?, 0)"
# A key that is not there (any more) must not lose the other devices of the batch.
_DEVICE_OF_KEY: Final = "SELECT ?1, ?2, ?3, ?4, id, ?6 FROM keys WHERE id = ?5 AND keypool_id = ?1"

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


class Store(PlaceStore):
    """An open database. One per thread; `with` closes it."""

    @classmethod
    def create(cls, path: Path, master_key: MasterKey, *, busy_timeout_s: float = _BUSY_TIMEOUT_S) -> Self:
        """Return a new, empty store that only `master_key` opens."""
        database = Database.create(path, busy_timeout_s=busy_timeout_s)
        store = cls(database, Vault(master_key))
        try:
            with database.writing():
                proof = store._vault.seal("meta.value", 0, _PROOF)
                store._execute("INSERT INTO meta (name, value) VALUES ('proof', ?)", (proof,))
        except BaseException:
            store.close()
            remove(path)
            raise
        return store

    @classmethod
    def open(
        cls,
        path: Path,
        master_key: MasterKey,
        *,
        readonly: bool = False,
        busy_timeout_s: float = _BUSY_TIMEOUT_S,
    ) -> Self:
        """Return the store at `path`; MasterKeyError where `master_key` is another database's."""
        store = cls(Database.open(path, readonly=readonly, busy_timeout_s=busy_timeout_s), Vault(master_key))
        try:
            with store._database.errors():
                proof = store._one("SELECT value FROM meta WHERE name = 'proof'")
            if proof is None:
                raise StoreError(f"{path} is not a Latchkey database")
            try:
                store._vault.unseal("meta.value", 0, proof[0])
            except StoreError:
                raise MasterKeyError(f"the master key is not the one that {path} was made with") from None
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What the server reads.

    def revision(self) -> int:
        """Return the newest revision of the change feed, 0 before the first."""
        return int(self._rows("SELECT coalesce(max(revision), 0) FROM changes")[0][0])

    def data_version(self) -> int:
        """Return a number that differs from the last one when another connection has committed since."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def changes(self, since: int) -> tuple[Change, ...]:
        """Return the changes after revision `since`, oldest first."""
        rows = self._rows(
            "SELECT revision, entity, first_id, last_id FROM changes WHERE revision > ? ORDER BY revision", (since,)
        )
        return tuple(map(load_change, rows))

    def key(self, id_: int) -> Key | None:
        """Return all there is to know about one key, decrypted."""
        rows = self._rows(f"{_KEY} WHERE k.id = ?", (id_,))
        return load_key(rows[0], self._vault) if rows else None

    def keys(self, ids: Iterable[int]) -> Iterator[Key]:
        """Yield all there is to know about these keys, decrypted, by id, in reads of bounded size."""
        wanted = iter(sorted(set(ids)))
        while some := list(itertools.islice(wanted, 1000)):
            rows = self._rows(
                f"{_KEY} WHERE k.id IN (SELECT value FROM json_each(?)) ORDER BY k.id", (json.dumps(some),)
            )
            for row in rows:
                yield load_key(row, self._vault)

    def key_batches(
        self,
        *,
        first_id: int = 1,
        last_id: int | None = None,
        keypool_id: int | None = None,
        lapsed_since: datetime,
        batch: int = _CHUNK,
    ) -> Iterator[KeyBatch]:
        """Yield the PMKs of all keys of the id range but those removed before `lapsed_since`, at most `batch` together.

        keypool_id: only this keypool's

        Each batch is a read of its own, so that a slow reader holds nothing up: read `revision` first, and what changes
        meanwhile is in `changes` since it.
        """
        import numpy as np

        last = _NO_END if last_id is None else last_id
        where, only = ("", ()) if keypool_id is None else (" AND keypool_id = ?", (keypool_id,))
        while rows := self._rows(
            f"SELECT id, pmk, keypool_id FROM keys WHERE id BETWEEN ? AND ?{where}"
            " AND (status != 'removed' OR status_at >= ?) ORDER BY id LIMIT ?",
            (first_id, last, *only, save_instant(lapsed_since), batch),
        ):
            pools: dict[int, list[tuple[int, bytes]]] = {}
            for id_, pmk, keypool_id in rows:
                pools.setdefault(keypool_id, []).append((id_, pmk))
            for keypool_id, sealed in pools.items():
                pmks = self._vault.unseal_rows("keys.pmk", sealed)
                ids = np.fromiter((id_ for id_, _ in sealed), np.int64, len(sealed))
                yield KeyBatch(keypool_id, ids, np.frombuffer(pmks, np.uint8).reshape(-1, 32))
            first_id = rows[-1][0] + 1

    def devices(self, *, first_key_id: int | None = None, last_key_id: int | None = None) -> Iterator[Device]:
        """Yield the known devices of the keys in the id range that are not removed."""
        key_id, mac = first_key_id or 1, b""
        last = _NO_END if last_key_id is None else last_key_id
        while rows := self._rows(
            "SELECT d.keypool_id, d.mac, d.key_id FROM devices d JOIN keys k ON k.id = d.key_id"
            " WHERE (d.key_id, d.mac) > (?, ?) AND d.key_id <= ? AND k.status != 'removed'"
            " ORDER BY d.key_id, d.mac LIMIT ?",
            (key_id, mac, last, _CHUNK),
        ):
            yield from map(load_device, rows)
            _, mac, key_id = rows[-1]

    def device_sequence(self) -> int:
        """Return a number that grows with each `remember`, 0 before the first."""
        row = self._one("SELECT highest FROM counters WHERE name = 'device_sequence'")
        return 0 if row is None else int(row[0])

    def devices_learned(self, since: int, until: int) -> tuple[Device, ...]:
        """Return what servers remembered after one `device_sequence` and up to another, in that order."""
        rows = self._rows(
            "SELECT d.keypool_id, d.mac, d.key_id FROM devices d JOIN keys k ON k.id = d.key_id"
            " WHERE d.sequence > max(?, 0) AND d.sequence <= ? AND k.status != 'removed' ORDER BY d.sequence",
            (since, until),
        )
        return tuple(map(load_device, rows))

    def remember(self, devices: Sequence[Device], now: datetime) -> None:
        """Store which key each device used. Writes no change, as no key has changed: see `devices_learned`."""
        seen = save_instant(now)
        with self._database.writing():
            number = self._database.allocate("device_sequence")
            rows = [(device.keypool_id, device.mac.value, seen, seen, device.key_id, number) for device in devices]
            self._many(_UPSERT_DEVICE % _DEVICE_OF_KEY, rows)

    # What an administrator reads.

    def list_keys(
        self,
        *,
        keypool_id: int | None = None,
        identity: str | None = None,
        status: KeyStatus | None = None,
    ) -> Iterator[Key]:
        """Yield keys by id, decrypted, in reads of bounded size."""
        asked: list[tuple[str, Any]] = []
        if keypool_id is not None:
            asked.append(("k.keypool_id = ?", keypool_id))
        if identity is not None:
            asked.append(("k.identity = ?", identity))
        if status is not None:
            asked.append(("k.status = ?", status.value))
        where = "".join(f" AND {condition}" for condition, _ in asked)
        last = 0
        while rows := self._rows(
            f"{_KEY} WHERE k.id > ?{where} ORDER BY k.id LIMIT 1000", (last, *(value for _, value in asked))
        ):
            for row in rows:
                yield load_key(row, self._vault)
            last = rows[-1][0]

    def key_counts(self) -> dict[int, int]:
        """Return the number of keys per keypool id, removed ones aside."""
        return dict(self._rows("SELECT keypool_id, count(*) FROM keys WHERE status != 'removed' GROUP BY keypool_id"))

    # What an administrator writes.

    def add_key(self, keypool_id: int, draft: KeyDraft) -> int:
        """Return the id of a new key; DuplicateKey where its passphrase could be met already."""
        return self.add_keys(keypool_id, [draft])[0]

    def add_keys(
        self,
        keypool_id: int,
        drafts: Sequence[KeyDraft],
        *,
        pmks: "NDArray[np.uint8] | None" = None,
        progress: Progress | None = None,
    ) -> range:
        """Return the ids of new keys, in the order of `drafts`: all of them or, with DuplicateKey, none.

        pmks: uint8, shape (n, 32), derived from the drafts' passphrases where the caller has them already
        """
        if not drafts:
            return range(0)
        keypool = self._keypool(keypool_id)
        if pmks is None:
            pmks = derive_pmks([draft.passphrase.value for draft in drafts], keypool.ssid, progress)
        elif len(pmks) != len(drafts):
            raise ValueError(f"{len(pmks)} PMKs for {len(drafts)} keys")
        # Ids first, and everything slow before the insert: sealing a million keys under the write lock would keep the
        # server's own writes waiting. An import refused below leaves a gap in the ids, which costs nothing.
        with self._database.writing():
            first = self._database.allocate("keys", len(drafts))
        ids = range(first, first + len(drafts))
        fingerprints = [self._vault.fingerprint(pmk.tobytes()) for pmk in pmks]
        sealed = seal_keys(self._vault, first, drafts, pmks, progress)
        if len(drafts) > _CHUNK:
            self._database.expect_bulk()
        with self._database.writing():
            keypool = self._keypool(keypool_id)
            self._check_links(keypool, drafts)
            if duplicates := self._duplicates(keypool, drafts, fingerprints):
                raise DuplicateKey(duplicates)
            names = {draft.subscriber for draft in drafts if draft.subscriber is not None}
            self._add_subscribers(sorted(names))
            rows = key_rows(keypool_id, ids, drafts, sealed, fingerprints, progress)
            self._many(_INSERT_KEY % (_BY_NAME if names else "?"), rows)
            self._database.record(Entity.KEY, ids[0], ids[-1])
            if any(draft.devices for draft in drafts):
                devices = (
                    (keypool_id, mac.value, None, None, id_)
                    for id_, draft in zip(ids, drafts, strict=True)
                    for mac in draft.devices
                )
                self._many(_UPSERT_DEVICE % _DEVICE, devices)
                self._database.record(Entity.DEVICE, ids[0], ids[-1])
        return ids

    def set_key_status(self, id_: int, status: KeyStatus, *, now: datetime, reason: str | None = None) -> None:
        """Suspend, resume or remove a key; KeyRemoved where it was removed before."""
        if reason is not None:
            check_name(reason, "reason")
        with self._database.writing():
            self._require_live(id_)
            # A resumed key needs no look for duplicates: it held its passphrase while it was suspended.
            self._execute(
                "UPDATE keys SET status = ?, status_reason = ?, status_at = ? WHERE id = ?",
                (status.value, reason, save_instant(now), id_),
            )
            self._database.record(Entity.KEY, id_)

    def reset_key(self, id_: int, passphrase: Passphrase) -> None:
        """Give a key another passphrase; its devices stay known and are tried first when they come back with it."""
        key = self.key(id_)
        if key is None:
            raise NotFound(f"no key {id_}")
        pmk = passphrase_to_pmk(passphrase.value, self._keypool(key.keypool_id).ssid)
        fingerprint = self._vault.fingerprint(pmk.value)
        with self._database.writing():
            self._require_live(id_)
            draft = KeyDraft(passphrase=passphrase, starts=key.starts, ends=key.ends)
            if duplicates := self._duplicates(self._keypool(key.keypool_id), [draft], [fingerprint], but=id_):
                raise DuplicateKey(duplicates)
            sealed = (
                self._vault.seal("keys.passphrase", id_, passphrase.value),
                self._vault.seal("keys.pmk", id_, pmk.value),
            )
            self._execute(
                "UPDATE keys SET passphrase = ?, pmk = ?, fingerprint = ? WHERE id = ?", (*sealed, fingerprint, id_)
            )
            self._database.record(Entity.KEY, id_)

    def add_device(self, key_id: int, mac: MacAddress) -> None:
        """Register a device for a key before it is first seen."""
        with self._database.writing():
            keypool_id = self._require_live(key_id)
            self._many(_UPSERT_DEVICE % _DEVICE, [(keypool_id, mac.value, None, None, key_id)])
            self._database.record(Entity.DEVICE, key_id)

    def compact(self) -> None:
        """Fold the write-ahead log, large after an import, into the database as far as readers let it."""
        with self._database.errors():
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # Parts of a transaction.

    def _require_live(self, key_id: int) -> int:
        """Return the keypool id of a key that is there and was not removed."""
        row = self._one("SELECT keypool_id, status, status_at FROM keys WHERE id = ?", (key_id,))
        if row is None:
            raise NotFound(f"no key {key_id}")
        if row[1] == KeyStatus.REMOVED.value:
            raise KeyRemoved(f"key {key_id} was removed {load_instant(row[2]):%Y-%m-%d}")
        return int(row[0])

    def _add_subscribers(self, names: Sequence[str]) -> None:
        new = [name for name in names if not self._one("SELECT 1 FROM subscribers WHERE name = ?", (name,))]
        if new:
            first = self._database.allocate("subscribers", len(new))
            self._many("INSERT INTO subscribers VALUES (?, ?)", enumerate(new, first))
            self._database.record(Entity.SUBSCRIBER, first, first + len(new) - 1)

    def _check_links(self, keypool: Keypool, drafts: Sequence[KeyDraft]) -> None:
        """Refuse units and plans that are not there or not where the keypool is, and VLANs moved out of range."""
        units = {unit.id: unit for unit in self.units()} if any(draft.unit_id for draft in drafts) else {}
        plans = {plan.id: plan for plan in self.plans()} if any(draft.plan_id for draft in drafts) else {}
        offsets: dict[int, int] = dict(self._rows("SELECT id, wireless_only_vlan_offset FROM venues"))
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
        pools = {pool.id for pool in self._keypools() if pool.meets(keypool)}
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
            yield from self._rows(
                "SELECT fingerprint, keypool_id, starts, ends FROM keys WHERE status != 'removed' AND id != ?"
                f" AND fingerprint IN ({','.join('?' * len(some))})",
                (but, *some),
            )


def _overlap(draft: KeyDraft, starts: datetime | None, ends: datetime | None) -> bool:
    return windows_overlap(draft.starts, draft.ends, starts, ends)


def create_store(path: Path, environ: Mapping[str, str]) -> Store:
    """Return a new store at `path` under the master key of `environ`, made beside it where there is none."""
    if path.exists():  # before a key is made that belongs to nothing
        raise StoreError(f"{path} exists already")
    if not path.parent.is_dir():
        raise StoreError(f"cannot create {path}: there is no folder {path.parent}")
    return Store.create(path, MasterKey.create(path, environ))


def open_store(path: Path, environ: Mapping[str, str], *, readonly: bool = False) -> Store:
    """Return the store at `path`, opened with the master key that `environ` names or holds."""
    check_file(path, readonly=readonly)  # a missing database is the more useful error than its missing key
    return Store.open(path, MasterKey.load(path, environ), readonly=readonly)
