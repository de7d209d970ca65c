"""Rows become types here, one function per table, apart from the statements so that `store` stays readable.

Rule: no SQL. The order of a row is that of the column list beside its function.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from crypto import MacAddress, Pmk, Ssid

from ..errors import RowDamaged
from ..keys import Progress, effective_vlan
from ..model import (
    Answers,
    Change,
    Device,
    Entity,
    Key,
    KeyDraft,
    KeyLabel,
    Keypool,
    KeyStatus,
    Nas,
    NasLabel,
    Passphrase,
    Scope,
    ServicePlan,
    Subscriber,
    Unit,
    UnknownDevices,
    Venue,
)
from ..secrets import Vault

Row = tuple[Any, ...]
Report = Callable[[str, int], None]  # told the table and id of a row that cannot be opened
T = TypeVar("T")

NAS_COLUMNS: Final = (
    "id, network, secret, name, venue_id, profile, require_message_authenticator, unknown_devices, answers, any_venue"
)
UNIT_COLUMNS: Final = "id, venue_id, name, building, floor, vlan"
PLAN_COLUMNS: Final = (
    "id, name, download_kbps, upload_kbps, devices, wireless_only,"
    " download_quota_octets, upload_quota_octets, total_quota_octets, vlan_pool"
)


# Subscribers go in by name, and get their id in the statement.
KEY_COLUMNS: Final = (
    "id, keypool_id, identity, passphrase, pmk, fingerprint, unit_id, subscriber_id, plan_id, vlan, starts, ends"
)
_CHUNK: Final = 16_384
_ERASED: Final = b"0" * 64  # hex digits: the PMK of zeros


def load_rows(
    table: str, rows: Iterable[Row], load: Callable[[Row], T], report: Report | None = None, *, id_at: int = 0
) -> Iterator[T]:
    """Yield what can be made of the rows.

    report: told of each row that nothing can be made of, and the others go on; without, it is RowDamaged
    id_at:  where in a row its id is
    """
    for row in rows:
        try:
            loaded = load(row)
        except RowDamaged as damaged:
            if report is None:
                raise
            report(damaged.table, damaged.id)
        except (ValueError, TypeError, AttributeError, OverflowError, OSError):  # what the types refuse to hold
            if report is None:
                raise RowDamaged(table, row[id_at]) from None
            report(table, row[id_at])
        else:
            yield loaded


def load_venue(row: Row, nas_identifiers: Iterable[str]) -> Venue:
    id_, name, offset = row
    return Venue(id=id_, name=name, nas_identifiers=tuple(nas_identifiers), wireless_only_vlan_offset=offset)


def load_unit(row: Row) -> Unit:
    id_, venue_id, name, building, floor, vlan = row
    return Unit(id=id_, venue_id=venue_id, name=name, building=building, floor=floor, vlan=vlan)


def load_keypool(row: Row, venue_ids: Iterable[int]) -> Keypool:
    id_, ssid, scope = row
    return Keypool(id=id_, ssid=Ssid(ssid), scope=Scope(scope), venue_ids=tuple(venue_ids))


def load_plan(row: Row) -> ServicePlan:
    id_, name, download, upload, devices, wireless_only, download_quota, upload_quota, total_quota, vlan_pool = row
    return ServicePlan(
        id=id_,
        name=name,
        download_kbps=download,
        upload_kbps=upload,
        devices=devices,
        wireless_only=bool(wireless_only),
        download_quota_octets=download_quota,
        upload_quota_octets=upload_quota,
        total_quota_octets=total_quota,
        vlan_pool=vlan_pool,
    )


def load_nas(row: Row, vault: Vault) -> Nas:
    id_, network, secret, name, venue_id, profile, require, unknown_devices, answers, any_venue = row
    return Nas(
        id=id_,
        network=ip_network(network),
        secret=vault.unseal("nases.secret", id_, secret),
        name=name,
        venue_id=venue_id,
        profile=profile,
        require_message_authenticator=bool(require),
        unknown_devices=UnknownDevices(unknown_devices),
        answers=Answers(answers),
        any_venue=bool(any_venue),
    )


def load_nas_label(row: Row) -> NasLabel:
    id_, network, name = row
    try:
        where = ip_network(network)
    except ValueError:
        where = None
    return NasLabel(id=id_, network=where, name=_text(name))


def load_change(row: Row) -> Change:
    revision, entity, first_id, last_id = row
    return Change(revision, Entity(entity), first_id, last_id)


def load_device(row: Row) -> Device:
    keypool_id, mac, key_id, registered, sequence = row
    return Device(keypool_id, MacAddress(mac), key_id, bool(registered), sequence)


def load_key(row: Row, vault: Vault) -> Key:
    """Return the key of a row of the keys' own columns, then its unit's, subscriber's and plan's, then the offset."""
    id_, keypool_id, identity, passphrase, pmk, vlan, starts, ends, status, reason, at = row[:11]
    unit = load_unit(row[11:17]) if row[11] is not None else None
    subscriber = Subscriber(id=row[17], name=row[18]) if row[17] is not None else None
    plan = load_plan(row[19:29]) if row[19] is not None else None
    offset = row[29] or 0 if plan is not None and plan.wireless_only else 0
    erased = pmk == b"" and KeyStatus(status) is KeyStatus.REMOVED
    return Key(
        id=id_,
        keypool_id=keypool_id,
        identity=identity,
        passphrase=Passphrase(_ERASED if erased else vault.unseal("keys.passphrase", id_, passphrase)),
        pmk=Pmk(bytes(32) if erased else vault.unseal("keys.pmk", id_, pmk)),
        erased=erased,
        unit=unit,
        subscriber=subscriber,
        plan=plan,
        vlan=vlan,
        effective_vlan=effective_vlan(vlan, unit.vlan if unit else None, offset),
        starts=load_instant(starts),
        ends=load_instant(ends),
        status=KeyStatus(status),
        status_reason=reason,
        status_at=load_instant(at),
    )


def load_key_label(row: Row) -> KeyLabel:
    id_, keypool_id, identity, unit, status = row
    known = next((each for each in KeyStatus if each.value == status), None)
    unit = None if unit is None else _text(unit)
    return KeyLabel(id=id_, keypool_id=keypool_id, identity=_text(identity), unit=unit, status=known)


def label_of_key(row: Row) -> KeyLabel:
    """Return the label of a row as `load_key` takes it."""
    return load_key_label((*row[:3], row[13], row[8]))


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else "(unreadable)"


def load_instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def save_instant(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())


@dataclass(frozen=True, slots=True)
class SealedKeys:
    """What of many keys is stored encrypted: nonce, ciphertext and tag of each passphrase and PMK."""

    passphrases: list[bytes]
    pmks: list[bytes]


def seal_keys(
    vault: Vault, first_id: int, drafts: Sequence[KeyDraft], pmks: NDArray[np.uint8], progress: Progress | None
) -> SealedKeys:
    """Return the secrets of the keys `first_id` and following, encrypted for their rows."""
    sealed = SealedKeys([], [])
    for start in range(0, len(drafts), _CHUNK):
        some = drafts[start : start + _CHUNK]
        first = first_id + start
        sealed.passphrases.extend(vault.seal_rows("keys.passphrase", first, [draft.passphrase.value for draft in some]))
        sealed.pmks.extend(vault.seal_rows("keys.pmk", first, [pmk.tobytes() for pmk in pmks[start : start + _CHUNK]]))
        if progress is not None:
            progress("encrypting", start + len(some), len(drafts))
    return sealed


def key_rows(
    keypool_id: int,
    ids: range,
    drafts: Sequence[KeyDraft],
    sealed: SealedKeys,
    fingerprints: Sequence[bytes],
    progress: Progress | None,
) -> Iterator[Row]:
    """Yield the rows, as KEY_COLUMNS: one at a time, since a million tuples take more memory than what is in them."""
    columns = zip(ids, drafts, sealed.passphrases, sealed.pmks, fingerprints, strict=True)
    for number, (id_, draft, passphrase, pmk, fingerprint) in enumerate(columns, 1):
        yield (
            id_,
            keypool_id,
            f"key-{id_}" if draft.identity is None else draft.identity,
            passphrase,
            pmk,
            fingerprint,
            draft.unit_id,
            draft.subscriber,
            draft.plan_id,
            draft.vlan,
            save_instant(draft.starts),
            save_instant(draft.ends),
        )
        if progress is not None and (number % _CHUNK == 0 or number == len(drafts)):
            progress("storing", number, len(drafts))
