"""What is done to the devices of a key: registered before they are seen, named, forgotten."""

from typing import Final

from crypto import MacAddress

from ..errors import Ambiguous, InvalidValue, NotFound
from ..model import DeviceRow, check_name
from ..store import Store
from .keys import live

MOST_NAME: Final = 40  # characters of a name or a tag, as VAULT's UserDefinedHostName and KeyTag


def add(
    store: Store, key_id: int, mac: MacAddress, *, name: str | None = None, tag: str | None = None
) -> DeviceRow | None:
    """Register a device with a key; return what it was registered with on the keypool before, which it is no longer."""
    with store.change("device.add") as change:
        record = live(store, key_id)
        change.subject("key", key_id, record.identity)
        _check(store, record.subscriber_id, key_id, mac, name, tag)
        before = [
            each
            for each in store.device_records.listed(mac=mac)
            if each.registered and each.keypool_id == record.keypool_id and each.key_id != key_id
        ]
        store.keys.add_device(key_id, mac, name=name, tag=tag)
    return before[0] if before else None


def set_fields(store: Store, of: DeviceRow, *, name: str | None, tag: str | None) -> None:
    """Call a device of a key so; None: nothing."""
    with store.change("device.set") as change:
        change.subject("key", of.key_id, of.identity)
        live(store, of.key_id)
        _check(store, of.subscriber_id, of.key_id, of.mac, name, tag)
        store.devices.name(of.key_id, of.mac, name=name, tag=tag)


def remove(store: Store, mac: MacAddress, key_id: int | None = None) -> list[DeviceRow]:
    """Forget a device, with this key or with all of its keys; return with which. Each key brings it back when shown."""
    with store.change("device.forget"):
        known = [each for each in store.device_records.listed(mac=mac) if key_id in (None, each.key_id)]
        if not known:
            raise NotFound(f"{mac} is not known" + ("" if key_id is None else f" with key {key_id}"))
        for each in known:
            for with_key in (each.key_id, *store.keys.graces_of(each.key_id)):
                store.devices.forget(with_key, mac)
    return known


def find(store: Store, mac: MacAddress, key_id: int | None = None) -> DeviceRow:
    """Return the device with this key, or the only one it has; NotFound, Ambiguous."""
    known = [each for each in store.device_records.listed(mac=mac) if key_id in (None, each.key_id)]
    if not known:
        raise NotFound(f"{mac} is not known" + ("" if key_id is None else f" with key {key_id}"))
    if len(known) > 1:
        listed = ", ".join(f"id:{each.key_id} ({each.identity})" for each in known[:8])
        raise Ambiguous(f"{mac} is known with several keys, say which with --key: {listed}")
    return known[0]


def _check(
    store: Store, subscriber_id: int | None, key_id: int, mac: MacAddress, name: str | None, tag: str | None
) -> None:
    for text, what in ((name, "name"), (tag, "tag")):
        if text is None:
            continue
        check_name(text, f"{what} of {mac}")
        if len(text) > MOST_NAME:
            raise InvalidValue(f"{what} of {mac} has {len(text)} characters, more than {MOST_NAME}")
    if name is None:
        return
    if subscriber_id is None:
        others = store.device_records.listed(key_id=key_id, name=name)
    else:
        others = store.device_records.listed(subscriber_id=subscriber_id, name=name)
    for each in others:
        if each.mac != mac:
            raise InvalidValue(f"name {name!r} is that of {each.mac}, of the same subscriber")
