"""Which keys a file for access points may hold: those that its reader will let in when Latchkey would."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from crypto import MacAddress

from ...model import Device, Key
from .format import LeftOut, LivingKey


def living_keys(keys: Iterable[tuple[Key, Sequence[Device]]], now: datetime) -> Iterator[LivingKey | LeftOut]:
    """Yield the keys that may be used at `now`, with their known devices; of others nothing.

    Left out by name is what may be used now but would be let in too often: no such file knows the hours of a plan, nor
    at which access points a subscriber may be.
    """
    for key, devices in keys:
        if key.validity(now) is not None:
            continue
        of = key.id if key.grace_of is None else key.grace_of
        if key.plan is not None and key.plan.hours is not None:
            yield LeftOut(of, key.identity, f"plan {key.plan.name} has hours, which the file cannot hold")
        elif key.depends_on_nas:
            yield LeftOut(of, key.identity, "its subscriber's whitelist of NASes is nothing that the file can hold")
        else:
            yield LivingKey(
                id=of,
                identity=key.identity,
                passphrase=key.passphrase,
                vlan=key.effective_vlan,
                devices=tuple(devices),
                only=_allowed(key, now),
                ends=key.ends,
                former=key.grace_of is not None,
            )


def _allowed(key: Key, now: datetime) -> tuple[MacAddress, ...] | None:
    """Return the devices that alone may use a key at `now`."""
    listed = key.whitelists.devices
    if listed is None:
        return None
    return tuple(dict.fromkeys(mac for mac, until in listed if until is None or now < until))
