"""What somebody may use: devices by address, NASes by name. Who has one entry may use nothing that is not listed."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from crypto import MacAddress

from ..errors import InvalidValue, NotFound
from ..model import AllowedDevice, AllowedNas
from ..model.rules.names import check_name
from ..store import Store

Entry = AllowedDevice | AllowedNas
MOST_NAME: Final = 40  # characters, as of VAULT's host names
# VAULT's closed lists of why an entry goes (4.24). The four that both have come to the same.
DEVICE_REASONS: Final = (
    "DEVICE_REPLACEMENT",
    "SECURITY_INCIDENT",
    "ACCOUNT_CHANGE",
    "LOST_STOLEN",
    "POLICY_VIOLATION",
    "SUBSCRIBER_REQUEST",
    "MAINTENANCE",
    "COMPLIANCE",
    "DEVICE_MALFUNCTION",
    "TEMPORARY_SUSPENSION",
)
NAS_REASONS: Final = (
    "INFRASTRUCTURE_UPGRADE",
    "SECURITY_INCIDENT",
    "MAINTENANCE",
    "DECOMMISSIONING",
    "POLICY_CHANGE",
    "SUBSCRIBER_REQUEST",
    "END_OF_LIFE",
    "PERFORMANCE_ISSUES",
    "COMPLIANCE",
    "EMERGENCY_SHUTDOWN",
)


def parse_removal_reason(text: str, entry: Entry) -> str:
    """Return VAULT's word for why an entry goes, however it is written, such as lost-stolen; other text as it is."""
    word = text.strip().upper().replace("-", "_").replace(" ", "_")
    return word if word in (DEVICE_REASONS if isinstance(entry, AllowedDevice) else NAS_REASONS) else text


def allow(
    store: Store,
    subscriber_id: int,
    what: MacAddress | str,
    *,
    name: str | None = None,
    until: datetime | None = None,
    now: datetime,
) -> Entry:
    """Put a device, or a NAS by its NAS-Identifier or name, on somebody's whitelist."""
    with store.change("whitelist.add") as change:
        subscriber = store.subscribers.get(subscriber_id)
        change.subject("subscriber", subscriber_id, subscriber.name)
        _check(name, until, now)
        if isinstance(what, MacAddress):
            return store.subscribers.allow_device(subscriber_id, what, name=name, until=until)
        return store.subscribers.allow_nas(subscriber_id, what, name=name, until=until)


def find(store: Store, subscriber_id: int, what: MacAddress | str) -> Entry:
    """Return the entry of a device or NAS on somebody's whitelist; NotFound where it has none."""
    if isinstance(what, MacAddress):
        for device in store.subscribers.allowed_devices(subscriber_id):
            if device.mac == what:
                return device
    else:
        for nas in store.subscribers.allowed_nases(subscriber_id):
            if nas.nas_identifier.lower() == what.lower():
                return nas
    name = store.subscribers.get(subscriber_id).name
    raise NotFound(f"{str(what)!r} is not on the whitelist of {name!r}")


def save(store: Store, wanted: Entry, *, now: datetime) -> None:
    """Make an entry so, in name and time."""
    with store.change("whitelist.set") as change:
        subscriber = store.subscribers.get(wanted.subscriber_id)
        change.subject("subscriber", subscriber.id, subscriber.name)
        _check(wanted.name, None, now)
        if isinstance(wanted, AllowedDevice):
            store.subscribers.save_allowed_device(wanted)
        else:
            store.subscribers.save_allowed_nas(wanted)


def _check(name: str | None, until: datetime | None, now: datetime) -> None:
    if name is not None:
        check_name(name, "name")
        if len(name) > MOST_NAME:
            raise InvalidValue(f"name has {len(name)} characters, more than {MOST_NAME}")
    if until is not None and until <= now:
        raise InvalidValue(f"it would have run out {until:%Y-%m-%d %H:%M} UTC already")


def disallow(
    store: Store, entry: Entry, *, now: datetime, grace: timedelta | None = None, reason: str | None = None
) -> Entry | None:
    """Take an entry off its list; or, with a grace, let it run out then, and return what it is now.

    With the last entry the list is gone, and anything may be used; one that has run out is a list still.
    """
    reason = None if reason is None else parse_removal_reason(reason, entry)
    with store.change("whitelist.remove", reason=reason) as change:
        subscriber = store.subscribers.get(entry.subscriber_id)
        change.subject("subscriber", subscriber.id, subscriber.name)
        if grace is None:
            store.subscribers.disallow(entry)
            return None
        then = now.replace(microsecond=0) + grace
        kept = replace(entry, until=then if entry.until is None else min(then, entry.until))
        save(store, kept, now=now)
        return kept
