"""Rows become types here, one function per table, apart from the statements so that `store` stays readable.

Rule: no SQL. The order of a row is that of the column list beside its function.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    NO_WHITELISTS,
    AllowedDevice,
    AllowedNas,
    Answers,
    CardBatch,
    Change,
    Device,
    DeviceBatch,
    Entity,
    Hours,
    Key,
    KeyDraft,
    KeyLabel,
    Keypool,
    KeyStatus,
    Nas,
    NasLabel,
    Passphrase,
    Purpose,
    Scope,
    ServicePlan,
    Subscriber,
    SubscriberStatus,
    Subscription,
    Unit,
    UnknownDevices,
    Venue,
    VlanRange,
    VlanRanges,
    Whitelists,
)
from ..secrets import Vault

Row = tuple[Any, ...]
Report = Callable[[str, int], None]  # told the table and id of a row that cannot be opened
T = TypeVar("T")

NAS_COLUMNS: Final = (
    "id, network, secret, name, venue_id, profile, require_message_authenticator, unknown_devices, answers, any_venue,"
    " former_secret, former_secret_until, enabled"
)
VENUE_COLUMNS: Final = (
    "id, name, wireless_only_vlan_offset, platform_id, time_zone, external_id, allow_overlap, wired_vlan_first,"
    " wired_vlan_last, wireless_vlan_first, wireless_vlan_last, roaming_vlan_first, roaming_vlan_last"
)
UNIT_COLUMNS: Final = "id, venue_id, name, building, floor, vlan, internal_id, purpose, external_id, allow_overlap"
KEYPOOL_COLUMNS: Final = "id, ssid, scope, scope_id, display_order"
PLAN_COLUMNS: Final = (
    "id, name, download_kbps, upload_kbps, devices, wireless_only,"
    " download_quota_octets, upload_quota_octets, total_quota_octets, vlan_pool, hours, external_id"
)
SUBSCRIBER_COLUMNS: Final = "id, name, token, suffix, external_id, status, status_reason, status_at"
SUBSCRIPTION_COLUMNS: Final = "id, subscriber_id, unit_id, plan_id, starts, ends, external_id"
CARD_BATCH_COLUMNS: Final = (
    "id, created_at_ms, keypool_id, venue_id, prefix, count, starts, ends, plan_id, invalidated_at"
)


KEY_COLUMNS: Final = (
    "id, keypool_id, identity, passphrase, pmk, fingerprint, unit_id, subscriber_id, plan_id, vlan, starts, ends,"
    " subscription_id, card_batch_id, grace_of, tag, external_id, platform_id, status"
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
    id_, name, offset, platform_id, zone, external_id, overlap, *bounds = row
    return Venue(
        id=id_,
        name=name,
        nas_identifiers=tuple(nas_identifiers),
        wireless_only_vlan_offset=offset,
        platform_id=platform_id,
        time_zone=zone,
        external_id=external_id,
        allow_overlap=None if overlap is None else bool(overlap),
        vlan_ranges=VlanRanges(
            wired_unit=_load_range(*bounds[0:2]),
            local_wireless_only=_load_range(*bounds[2:4]),
            global_roaming=_load_range(*bounds[4:6]),
        ),
    )


def save_venue(venue: Venue) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": venue.id,
        "name": venue.name,
        "wireless_only_vlan_offset": venue.wireless_only_vlan_offset,
        "platform_id": venue.platform_id,
        "time_zone": venue.time_zone,
        "external_id": venue.external_id,
        "allow_overlap": _flag(venue.allow_overlap),
    }
    ranges = venue.vlan_ranges
    for column, chosen in (
        ("wired", ranges.wired_unit),
        ("wireless", ranges.local_wireless_only),
        ("roaming", ranges.global_roaming),
    ):
        values[f"{column}_vlan_first"] = None if chosen is None else chosen.first
        values[f"{column}_vlan_last"] = None if chosen is None else chosen.last
    return values


def _load_range(first: int | None, last: int | None) -> VlanRange | None:
    return None if first is None or last is None else VlanRange(first, last)


def load_unit(row: Row) -> Unit:
    id_, venue_id, name, building, floor, vlan, internal_id, purpose, external_id, overlap = row
    return Unit(
        id=id_,
        venue_id=venue_id,
        name=name,
        building=building,
        floor=floor,
        vlan=vlan,
        internal_id=internal_id,
        purpose=Purpose(purpose),
        external_id=external_id,
        allow_overlap=None if overlap is None else bool(overlap),
    )


def save_unit(unit: Unit) -> dict[str, Any]:
    return {
        "id": unit.id,
        "venue_id": unit.venue_id,
        "name": unit.name,
        "building": unit.building,
        "floor": unit.floor,
        "vlan": unit.vlan,
        "internal_id": unit.internal_id,
        "purpose": unit.purpose.value,
        "external_id": unit.external_id,
        "allow_overlap": _flag(unit.allow_overlap),
    }


def load_keypool(row: Row, venue_ids: Iterable[int]) -> Keypool:
    id_, ssid, scope, scope_id, display_order = row
    return Keypool(
        id=id_,
        ssid=Ssid(ssid),
        scope=Scope(scope),
        venue_ids=tuple(venue_ids),
        scope_id=scope_id,
        display_order=display_order,
    )


def save_keypool(keypool: Keypool) -> dict[str, Any]:
    return {
        "id": keypool.id,
        "ssid": keypool.ssid.value,
        "scope": keypool.scope.value,
        "scope_id": keypool.scope_id,
        "display_order": keypool.display_order,
    }


def load_plan(row: Row) -> ServicePlan:
    (
        id_,
        name,
        download,
        upload,
        devices,
        wireless_only,
        download_quota,
        upload_quota,
        total_quota,
        vlan_pool,
        hours,
        external_id,
    ) = row
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
        hours=None if hours is None else Hours.parse(hours),
        external_id=external_id,
    )


def save_plan(plan: ServicePlan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "name": plan.name,
        "download_kbps": plan.download_kbps,
        "upload_kbps": plan.upload_kbps,
        "devices": plan.devices,
        "wireless_only": int(plan.wireless_only),
        "download_quota_octets": plan.download_quota_octets,
        "upload_quota_octets": plan.upload_quota_octets,
        "total_quota_octets": plan.total_quota_octets,
        "vlan_pool": plan.vlan_pool,
        "hours": None if plan.hours is None else str(plan.hours),
        "external_id": plan.external_id,
    }


def load_nas(row: Row, vault: Vault) -> Nas:
    id_, network, secret, name, venue_id, profile, require, unknown_devices, answers, any_venue, former, until, on = row
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
        former_secret=None if former is None else vault.unseal("nases.former_secret", id_, former),
        former_secret_until=load_instant(until),
        enabled=bool(on),
    )


def save_nas(nas: Nas, vault: Vault) -> dict[str, Any]:
    former = nas.former_secret
    return {
        "id": nas.id,
        "network": str(nas.network),
        "secret": vault.seal("nases.secret", nas.id, nas.secret),
        "name": nas.name,
        "venue_id": nas.venue_id,
        "profile": nas.profile,
        "require_message_authenticator": int(nas.require_message_authenticator),
        "unknown_devices": nas.unknown_devices.value,
        "answers": nas.answers.value,
        "any_venue": int(nas.any_venue),
        "former_secret": None if former is None else vault.seal("nases.former_secret", nas.id, former),
        "former_secret_until": save_instant(nas.former_secret_until),
        "enabled": int(nas.enabled),
    }


def load_subscriber(row: Row) -> Subscriber:
    id_, name, token, suffix, external_id, status, reason, at = row
    return Subscriber(
        id=id_,
        name=name,
        token=token,
        suffix=suffix,
        external_id=external_id,
        status=SubscriberStatus(status),
        status_reason=reason,
        status_at=load_instant(at),
    )


def save_subscriber(subscriber: Subscriber) -> dict[str, Any]:
    return {
        "id": subscriber.id,
        "name": subscriber.name,
        "token": subscriber.token,
        "suffix": subscriber.suffix,
        "external_id": subscriber.external_id,
        "status": subscriber.status.value,
        "status_reason": subscriber.status_reason,
        "status_at": save_instant(subscriber.status_at),
    }


def load_subscription(row: Row) -> Subscription:
    id_, subscriber_id, unit_id, plan_id, starts, ends, external_id = row
    return Subscription(
        id=id_,
        subscriber_id=subscriber_id,
        unit_id=unit_id,
        plan_id=plan_id,
        starts=load_instant(starts),
        ends=load_instant(ends),
        external_id=external_id,
    )


def save_subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": subscription.id,
        "subscriber_id": subscription.subscriber_id,
        "unit_id": subscription.unit_id,
        "plan_id": subscription.plan_id,
        "starts": save_instant(subscription.starts),
        "ends": save_instant(subscription.ends),
        "external_id": subscription.external_id,
    }


def load_card_batch(row: Row) -> CardBatch:
    id_, created_at_ms, keypool_id, venue_id, prefix, count, starts, ends, plan_id, invalidated_at = row
    return CardBatch(
        id=id_,
        created_at=datetime.fromtimestamp(created_at_ms / 1000, UTC),
        keypool_id=keypool_id,
        venue_id=venue_id,
        prefix=prefix,
        count=count,
        starts=load_instant(starts),
        ends=datetime.fromtimestamp(ends, UTC),
        plan_id=plan_id,
        invalidated_at=load_instant(invalidated_at),
    )


def save_card_batch(batch: CardBatch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "created_at_ms": round(batch.created_at.timestamp() * 1000),
        "keypool_id": batch.keypool_id,
        "venue_id": batch.venue_id,
        "prefix": batch.prefix,
        "count": batch.count,
        "starts": save_instant(batch.starts),
        "ends": save_instant(batch.ends),
        "plan_id": batch.plan_id,
        "invalidated_at": save_instant(batch.invalidated_at),
    }


def load_allowed_device(row: Row) -> AllowedDevice:
    id_, subscriber_id, mac, name, until = row
    return AllowedDevice(id=id_, subscriber_id=subscriber_id, mac=MacAddress(mac), name=name, until=load_instant(until))


def load_allowed_nas(row: Row) -> AllowedNas:
    id_, subscriber_id, nas_identifier, name, until = row
    return AllowedNas(
        id=id_, subscriber_id=subscriber_id, nas_identifier=nas_identifier, name=name, until=load_instant(until)
    )


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


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


def load_devices(rows: Sequence[Row], report: Report | None) -> DeviceBatch:
    """Return what can be made of the rows; report: as for `load_rows`, which is slower by far."""
    try:
        return _pack_devices(rows)
    except (ValueError, TypeError, OverflowError):  # of some
        sound = [
            row for row in rows if any(load_rows("devices", [row], lambda row: _pack_devices([row]), report, id_at=2))
        ]
        return _pack_devices(sound)


def _pack_devices(rows: Sequence[Row]) -> DeviceBatch:
    """Return the rows as arrays; ValueError, TypeError or OverflowError where one of them is none of a device."""
    keypool_ids, macs, key_ids, registered, sequences = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    if any(len(mac) != 6 for mac in macs):
        raise ValueError("a MAC address must be 6 octets")
    octets = np.zeros((len(rows), 8), np.uint8)
    octets[:, 2:] = np.frombuffer(b"".join(macs), np.uint8).reshape(-1, 6)
    return DeviceBatch(
        keypool_ids=_integers(keypool_ids),
        macs=octets.view(">i8").ravel().astype(np.int64),
        key_ids=_integers(key_ids),
        registered=_integers(registered) != 0,
        sequences=_integers(sequences),
    )


def _integers(values: Sequence[int]) -> NDArray[np.int64]:
    return np.frombuffer(array("q", values), np.int64)  # which takes no text for a number


SUBSCRIBER_AT: Final = 28  # where in such a row the subscriber's id is


def load_key(row: Row, vault: Vault, whitelists: Mapping[int, Whitelists]) -> Key:
    """Return the key of a row: its own columns, its unit's, subscriber's and plan's, then its venue's offset and zone.

    whitelists: of the subscribers that have any, by id
    """
    id_, keypool_id, identity, passphrase, pmk, vlan, starts, ends, status, reason, at = row[:11]
    subscription_id, tag, external_id, platform_id, removes_at, grace_of, card_batch_id = row[11:18]
    unit = load_unit(row[18:28]) if row[18] is not None else None
    subscriber = load_subscriber(row[SUBSCRIBER_AT:36]) if row[SUBSCRIBER_AT] is not None else None
    plan = load_plan(row[36:48]) if row[36] is not None else None
    offset = row[48] or 0 if plan is not None and plan.wireless_only else 0
    erased = pmk == b"" and KeyStatus(status) is KeyStatus.REMOVED
    removal = load_instant(removes_at)
    ending = [instant for instant in (load_instant(ends), removal) if instant is not None]
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
        ends=min(ending) if ending else None,
        status=KeyStatus(status),
        status_reason=reason,
        status_at=load_instant(at),
        subscription_id=subscription_id,
        tag=tag,
        external_id=external_id,
        platform_id=platform_id,
        removes_at=removal,
        grace_of=grace_of,
        card_batch_id=card_batch_id,
        time_zone=row[49] or "UTC",
        whitelists=NO_WHITELISTS if subscriber is None else whitelists.get(subscriber.id, NO_WHITELISTS),
    )


def load_key_label(row: Row) -> KeyLabel:
    id_, keypool_id, identity, unit, status, grace_of = row
    known = next((each for each in KeyStatus if each.value == status), None)
    unit = None if unit is None else _text(unit)
    return KeyLabel(id=id_, keypool_id=keypool_id, identity=_text(identity), unit=unit, status=known, grace_of=grace_of)


def label_of_key(row: Row) -> KeyLabel:
    """Return the label of a row as `load_key` takes it."""
    return load_key_label((*row[:3], row[20], row[8], row[16]))


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else "(unreadable)"


def load_instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def save_instant(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())


class PackedOctets:
    """Octet strings end to end: a million of them take half the memory of a million objects."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._ends = array("Q")

    def extend(self, values: Iterable[bytes]) -> None:
        for value in values:
            self._octets += value
            self._ends.append(len(self._octets))

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        for end in self._ends:
            yield bytes(self._octets[start:end])
            start = end


@dataclass(frozen=True, slots=True)
class SealedKeys:
    """What of many keys is stored encrypted: nonce, ciphertext and tag of each passphrase and PMK."""

    passphrases: PackedOctets
    pmks: PackedOctets


@dataclass(frozen=True, slots=True)
class PreparedKeys:
    """New keys that are not yet there: their ids, and what of them takes long. Fingerprints: uint8, shape (n, 16)."""

    ids: range
    fingerprints: NDArray[np.uint8]
    sealed: SealedKeys


def seal_keys(
    vault: Vault, first_id: int, drafts: Sequence[KeyDraft], pmks: NDArray[np.uint8], progress: Progress | None
) -> SealedKeys:
    """Return the secrets of the keys `first_id` and following, encrypted for their rows."""
    sealed = SealedKeys(PackedOctets(), PackedOctets())
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
    drafts: Sequence[KeyDraft],
    new: PreparedKeys,
    subscribers: Mapping[str, int],
    progress: Progress | None,
) -> Iterator[Row]:
    """Yield the rows, as KEY_COLUMNS: one at a time, since a million tuples take more memory than what is in them."""
    columns = zip(new.ids, drafts, new.sealed.passphrases, new.sealed.pmks, new.fingerprints, strict=True)
    for number, (id_, draft, passphrase, pmk, fingerprint) in enumerate(columns, 1):
        yield (
            id_,
            keypool_id,
            f"key-{id_}" if draft.identity is None else draft.identity,
            passphrase,
            pmk,
            fingerprint.tobytes(),
            draft.unit_id,
            draft.origin.subscriber_id if draft.subscriber is None else subscribers[draft.subscriber],
            draft.plan_id,
            draft.vlan,
            save_instant(draft.starts),
            save_instant(draft.ends),
            draft.origin.subscription_id,
            draft.origin.card_batch_id,
            draft.origin.grace_of,
            draft.origin.tag,
            draft.origin.external_id,
            draft.origin.platform_id,
            draft.origin.status.value,
        )
        if progress is not None and (number % _CHUNK == 0 or number == len(drafts)):
            progress("storing", number, len(drafts))
