"""Which keys of the store a controller is to know, and in which of its pools."""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ..errors import ProvisioningError
from ..model import Key, KeyLabel, Keypool, KeyStatus
from ..platforms import ConnectorSettings
from ..selectors import find_keypool
from ..store import Store
from ..sync import WHOLE, Contents, Fault, Kind, SentKey, Service, WantedKey, made_at, new_mark

REMEMBERED: Final = timedelta(days=1)  # what was asked for, after it was
_MOST_PASSPHRASE: Final = 63


class Targets:
    """Which keypool each of the controller's pools is told of, by the pool's name.

    A pool is told of one keypool; several pools may be told of the same one, and each has all of its keys then. Two
    keypools of one SSID (at two venues) are never one pool: their VLANs are two venues', and so are their residents.
    """

    def __init__(self, store: Store, settings: ConnectorSettings) -> None:
        self.platform = settings.platform
        self.faults: list[Fault] = []
        self._name = settings.name
        self._pools: dict[str, Keypool] = {}
        self._problems: dict[str, str] = {}
        for name, said in settings.pools.items():
            try:
                self._pools[name] = find_keypool(store, said)
            except ProvisioningError as error:
                self._problems[name] = f"[sync.{self._name}.pools]: {error}"
        self._take_by_ssid(store.keypools.all(lambda *_: None), settings)
        if settings.sites:
            self._pools = {name: pool for name, pool in self._pools.items() if name in settings.sites}
            self._problems = {name: why for name, why in self._problems.items() if name in settings.sites}
        self.names = frozenset({*self._pools, *self._problems, *settings.sites})

    def _take_by_ssid(self, pools: Iterable[Keypool], settings: ConnectorSettings) -> None:
        """Take the pools that are named as an SSID."""
        taken = {pool.id for pool in self._pools.values()}
        for pool in pools:
            name = str(pool.ssid)
            if pool.id in taken or name in settings.pools:
                continue
            if name in self._pools:
                text = f"several keypools here have that SSID: say which by its id, in [sync.{self._name}.pools]"
                self._problems[name] = text
            self._pools.setdefault(name, pool)

    def check(self, contents: Contents) -> Contents:
        """Return what was read, with why nothing may be written to a pool."""
        services = []
        for service in contents.services:
            refused = service.refused or self._problems.get(service.name)
            if refused is None and service.name not in self._pools:
                refused = "no keypool here has that SSID"
            services.append(replace(service, refused=refused))
        if not services:
            text = (
                f"none of its pools has a keypool's SSID as its name: say which is which in [sync.{self._name}.pools]"
            )
            self.faults.append(Fault(self.platform, WHOLE, Kind.POOL, None, None, text))
        return replace(contents, services=tuple(services))

    def keypool(self, service: Service) -> Keypool | None:
        """Return the keypool whose keys belong there."""
        return None if service.refused is not None else self._pools.get(service.name)

    def told(self, contents: Contents) -> frozenset[int]:
        """Return the keypools whose keys belong to any of the pools that were read."""
        return frozenset(pool.id for each in contents.services if (pool := self.keypool(each)) is not None)


def read_wanted(
    store: Store, targets: Targets, contents: Contents, sent: Iterable[SentKey], now: datetime
) -> tuple[tuple[WantedKey, ...], list[Fault]]:
    """Return the keys for each pool that may be used now, and which of them cannot be there.

    sent: what was asked for, and need not be asked for under another name
    """
    marks = {each.place: each.mark for each in sent if (at := made_at(each.mark)) is not None and now - at < REMEMBERED}
    wanted: list[WantedKey] = []
    faults: list[Fault] = []
    for service in contents.services:
        keypool = targets.keypool(service)
        if keypool is None:
            continue
        for key in store.keys.listed(keypool_id=keypool.id, status=KeyStatus.ACTIVE):
            if isinstance(key, KeyLabel):
                why: str | None = "it cannot be opened: what is there stays"
            elif key.validity(now) is not None:
                continue
            else:
                why = why_not_there(key)
            if why is not None or isinstance(key, KeyLabel):
                faults.append(Fault(targets.platform, service.name, Kind.KEY, key.identity, None, why or ""))
            else:
                mark = marks.get((key.id, service.id)) or new_mark(key.id, now, secrets.token_bytes(4))
                wanted.append(_want(key, service, mark))
    return tuple(wanted), faults


def _want(key: Key, service: Service, mark: str) -> WantedKey:
    return WantedKey(
        record=key.id,
        service=service.id,
        label=key.subscriber.name if key.subscriber is not None else key.identity,
        unit=None if key.unit is None else str(key.unit.id),
        passphrase=key.passphrase.value,
        vlan=key.effective_vlan,
        ends=key.ends,
        mark=mark,
    )


def why_not_there(key: Key) -> str | None:
    """Return why a key that may be used here cannot be at a controller: it would let in more than the key does."""
    if len(key.passphrase.value) > _MOST_PASSPHRASE:
        return "a raw PMK is no passphrase that the controller would take"
    if key.plan is not None and key.plan.hours is not None:
        return f"its plan {key.plan.name} has hours, which the controller does not keep"
    if key.whitelists.devices is not None or key.whitelists.nases is not None:
        return "its subscriber has a whitelist, which the controller does not keep"
    return None
